//! The rules that a Stack sets, and who is excepted.
//!
//! Rules are data: a name that is the key below `spec.policies`, a code, and a function that finds what breaks it. How much
//! that matters, and for whom it does not hold, is decided here, once for all of them. Exceptions stand in the Stack and not
//! on the object, so that whoever may write a token may not excuse it as well.

mod keys;
mod rule;
mod rules;

use std::collections::BTreeSet;

use self::rule::{Broken, Rule};
use super::document::Document;
use super::model::{Exception, Level, RuleName, StackManifest};
use super::view::View;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Severity};
use crate::resource::Address;
use crate::source::Target;

/// Checks every rule that the Stack sets.
pub(super) fn check(view: &View<'_>, diagnostics: &mut Diagnostics) {
    let Some((document, stack)) = view.stack else { return };
    rules::parameters(document, &stack.spec.policies, diagnostics);
    let exceptions: Vec<(&Exception, Option<Address>)> = stack
        .spec
        .exceptions
        .iter()
        .map(|exception| (exception, exception.object.parse().ok()))
        .collect();
    let mut used = BTreeSet::new();
    for rule in rules::ALL {
        let Some(level) = (rule.level)(&stack.spec.policies) else { continue };
        let is_excepted = |object: &Address, used: &mut BTreeSet<usize>| {
            let index = exceptions.iter().position(|(exception, address)| {
                exception.rule == rule.name && address.as_ref() == Some(object)
            });
            used.extend(index);
            index.is_some()
        };
        for broken in (rule.broken)(view, &stack.spec.policies) {
            if !is_excepted(&broken.object, &mut used) {
                diagnostics.push(finding(view, document, rule, level, broken));
            }
        }
        if rule.name == RuleName::PasswordsAtLeast {
            // Whether an exception is needed is only known when the password is read.
            for object in rules::passwords_to_be_read(view) {
                is_excepted(object, &mut used);
            }
        }
        if rule.name == RuleName::NoOvercommitment {
            for (object, finding) in super::arithmetic::overcommitted(view) {
                if !is_excepted(&object, &mut used) {
                    let finding =
                        Diagnostic { code: rule.code, severity: severity(level), ..finding };
                    diagnostics.push(finding);
                }
            }
        }
    }
    unused(view, document, stack, &used, diagnostics);
}

fn severity(level: Level) -> Severity {
    match level {
        Level::Deny => Severity::Error,
        Level::Warn => Severity::Warning,
    }
}

fn finding(
    view: &View<'_>,
    document: &Document,
    rule: &Rule,
    level: Level,
    broken: Broken,
) -> Diagnostic {
    let Broken { object, message, at: (at, target), help } = broken;
    let finding = match level {
        Level::Deny => Diagnostic::error(rule.code, message),
        Level::Warn => Diagnostic::warning(rule.code, message),
    };
    let finding = view.place(finding, &object, &at, target);
    let stands = document.span(&format!("/spec/policies/{}", rule.key), Target::Key);
    let finding = finding.and(stands, "the rule").help(help);
    if level == Level::Warn {
        return finding;
    }
    finding.help(format!(
        "to except it, write in the Stack `exceptions: [{{rule: {}, object: {object}, reason: ...}}]`",
        rule.key
    ))
}

/// An exception that excepts nothing hides the next thing that it fits.
fn unused(
    view: &View<'_>,
    document: &Document,
    stack: &StackManifest,
    used: &BTreeSet<usize>,
    diagnostics: &mut Diagnostics,
) {
    for (index, exception) in stack.spec.exceptions.iter().enumerate() {
        if used.contains(&index) {
            continue;
        }
        let object: Option<Address> = exception.object.parse().ok();
        let rule = rules::ALL.iter().find(|rule| rule.name == exception.rule);
        let is_set = rule.is_some_and(|rule| (rule.level)(&stack.spec.policies).is_some());
        let (why, below) = match object {
            Some(object) if view.desired.objects.contains_key(&object) && is_set => {
                (format!("{object} keeps the rule"), "object")
            }
            Some(object) if is_set => (format!("{object} is not declared"), "object"),
            _ => ("the Stack does not set this rule".to_owned(), "rule"),
        };
        let at = format!("/spec/exceptions/{index}/{below}");
        diagnostics.push(
            Diagnostic::warning(
                Code::PolicyException,
                format!("this exception has no effect: {why}"),
            )
            .at(document.span(&at, Target::Value), "")
            .help("remove the exception")
            .pointer(at),
        );
    }
}
