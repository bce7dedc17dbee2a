//! What one document asks for, with what the Stack says for those who do not say it themselves.

use super::document::{AnyManifest, Document};
use super::model::{Level, RuleName, StackSpec};
use super::register::Register;
use super::scribe::{Scribe, Settings};
use crate::resource::{Address, Declared};
use crate::source::SourceMap;

/// What `document` asks for; none for what describes no object, and for what is broken.
pub(super) fn declare(
    document: &Document,
    stack: &StackSpec,
    register: &Register,
    sources: &SourceMap,
) -> Option<Declared> {
    let address = document.address.as_ref()?;
    let AnyManifest::Object(object) = document.manifest.as_ref()? else { return None };
    Some(object.declare(&Scribe {
        address,
        meta: object.metadata(),
        place: document.place(),
        settings: Settings { drift: stack.drift, least_password: least_password(stack, address) },
        register,
        sources,
    }))
}

/// The fewest characters that a password may have, as far as a rule denies shorter ones.
fn least_password(stack: &StackSpec, address: &Address) -> Option<u16> {
    let rule = stack.policies.passwords_at_least.filter(|rule| rule.level == Level::Deny)?;
    let is_excepted = stack.exceptions.iter().any(|exception| {
        exception.rule == RuleName::PasswordsAtLeast
            && exception.object.parse().as_ref() == Ok(address)
    });
    (!is_excepted).then_some(rule.min)
}
