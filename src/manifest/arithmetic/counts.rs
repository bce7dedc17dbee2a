//! What is declared against what there is room for: objects that could not all be created.

use super::tree::{PLAN, Tree};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::manifest::view::View;
use crate::resource::Kind;
use crate::source::Target;

/// Checks every account that has a bound.
pub(super) fn check(view: &View<'_>, tree: &Tree<'_>, diagnostics: &mut Diagnostics) {
    for kind in Kind::ALL {
        let Some(quota) = kind.row().quota else { continue };
        let counts = counts(view, tree, kind);
        for (index, count) in counts.into_iter().enumerate() {
            let Some(bound) = tree.bound(index, quota).filter(|bound| count > *bound) else {
                continue;
            };
            let finding = match tree.accounts.get(index).and_then(|account| account.declared) {
                Some(declared) => {
                    let finding = Diagnostic::error(
                        Code::LimitTooSmall,
                        format!(
                            "`{quota}`: `{}` is allowed {bound}, but {count} are declared in it and below",
                            declared.own_path()
                        ),
                    )
                    .help("objects of accounts below count too; raise the limit or declare less");
                    let name = "/metadata/name";
                    let finding = tree.place(view, finding, index, quota);
                    view.mention(finding, &declared.address, name, Target::Value, "this account")
                }
                None => {
                    let Some(tariff) = tree.tariff else { continue };
                    let finding = Diagnostic::error(
                        Code::PlanTooSmall,
                        format!(
                            "`{quota}`: the plan `{}` has {bound}, but {count} are declared",
                            tariff.as_str()
                        ),
                    )
                    .help("what is beyond the plan is not created, or blocked");
                    // A profile tells the plan as well, and then no manifest says it.
                    match view.stack {
                        Some(_) => view.place_in_stack(finding, PLAN),
                        None => finding,
                    }
                }
            };
            diagnostics.push(finding);
        }
    }
}

/// For each account the objects of `kind` in it and below it.
fn counts(view: &View<'_>, tree: &Tree<'_>, kind: Kind) -> Vec<i64> {
    let mut counts = vec![0_i64; tree.accounts.len()];
    for declared in view.of_kind(kind) {
        let mut at = tree.by_path.get(&declared.address.account).copied();
        while let Some(index) = at {
            if let Some(count) = counts.get_mut(index) {
                *count += 1;
            }
            at = tree.accounts.get(index).and_then(|account| account.parent);
        }
    }
    counts
}
