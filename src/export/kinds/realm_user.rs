//! Users of realms, without their passwords.

use serde_json::Value;

use super::realm;
use super::written::Written;
use crate::export::spec::Spec;

pub(super) fn write(written: &Written<'_>, spec: &mut Spec<'_>) {
    let object = written.object;
    realm::token_params(object, spec);
    if object.field("has_password") == Some(Value::Bool(true)) {
        let mark = object.mark_of(written.nameable.stack);
        let is_ours = mark.is_some_and(|mark| mark.secrets.contains_key("password"));
        spec.block.comment(match is_ours {
            true => "password: was set by this stack; add its source to keep managing it",
            false => "password: is not readable; add a source to set one",
        });
    }
}
