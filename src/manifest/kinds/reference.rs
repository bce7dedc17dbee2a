//! References by name: what they can mean, and what to say of those that mean nothing.

use super::spec::Check;
use crate::diagnostic::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic, quote};
use crate::resource::{AccountPath, Address, Kind};
use crate::source::Target;

/// Names that are looked through for one that is similar.
const MOST_NAMES: usize = 5_000;

/// Where `text` stands in the list at `pointer`; the list itself if it is not there.
pub(super) fn item(check: &Check<'_>, pointer: &str, text: &str) -> String {
    let list = pointer.split('/').skip(1).try_fold(check.place.value, |at, key| at.get(key));
    let items = list.map(|list| list.as_sequence()).unwrap_or_default();
    match items.iter().position(|item| item.as_str() == Some(text)) {
        Some(index) => format!("{pointer}/{index}"),
        None => pointer.to_owned(),
    }
}

/// What to do about something of a kind that is not declared.
fn declare_it(kind: Kind) -> String {
    let title = kind.row().title;
    let article = if title.starts_with(['A', 'E', 'I', 'O']) { "an" } else { "a" };
    format!("declare it with {article} {title} manifest")
}

/// Tells that `name` at `pointer` is no `kind` of `account` or of an account above it.
pub(super) fn undeclared(
    check: &Check<'_>,
    pointer: &str,
    kind: Kind,
    account: &AccountPath,
    name: &str,
) -> Diagnostic {
    let code = match kind {
        Kind::Limit => Code::UndeclaredLimit,
        _ => Code::UndeclaredObject,
    };
    let place = match account.is_root() {
        true => "in the root account".to_owned(),
        false => format!("in account `{account}` or above it"),
    };
    let span = check.place.span(pointer, Target::Value);
    let finding =
        Diagnostic::error(code, format!("{kind} {} is not declared {place}", quote(name)))
            .at(span, "")
            .pointer(pointer);
    let known: Vec<&Address> =
        check.register.iter().filter(|it| it.kind == kind).take(MOST_NAMES).collect();
    let in_reach = known.iter().filter(|it| it.account.contains(account));
    let names: Vec<&str> = in_reach.map(|it| it.name.as_str()).collect();
    if let Some(similar) = nearest(name, names.iter().copied()) {
        return finding.help(format!("did you mean `{similar}`?")).suggest(span, similar);
    }
    match known.iter().find(|it| it.name == name) {
        Some(elsewhere) => {
            finding.help(format!("there is {elsewhere}, which is out of reach from here"))
        }
        None => finding.help(declare_it(kind)),
    }
}
