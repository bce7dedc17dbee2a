//! E-mail addresses of accounts: how they are compared and remembered.

use serde_json::Value;

use crate::observe::Object;
use crate::resource::Declared;

/// What marks and changes call the e-mail address of an account.
pub const EMAIL_FIELD: &str = "credentials.email";

/// An address as a mark remembers it.
pub fn canonical_email(email: &str) -> Value {
    Value::from(email.to_ascii_lowercase())
}

/// The address that an account has.
pub(super) fn current(account: &Object) -> Option<String> {
    account.text("email").filter(|email| !email.is_empty())
}

/// Whether two addresses are the same. The part before the @ may be case-sensitive by the letter of the mail standard
/// and is not by any provider's practice; a platform that stores lower case must not look like drift.
pub(super) fn is_same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// The declared address, if the account has it.
pub(super) fn as_declared<'a>(declared: &'a Declared, account: &Object) -> Option<&'a str> {
    let wanted = declared.credentials.as_ref()?.email.as_deref()?;
    current(account).is_some_and(|current| is_same(wanted, &current)).then_some(wanted)
}
