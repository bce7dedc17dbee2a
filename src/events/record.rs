//! Records of the platform's log, as far as they say whose change it was.

use serde::Deserialize;
use serde_json::Value;

/// Who we are in the platform's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Own {
    /// How our calls name themselves, which no other process does.
    pub(super) app: String,
    /// The id of our token, if the broker said it.
    pub(super) token: Option<i64>,
}

/// The members that matter; whatever else they hold, and whatever type they have, is no error.
#[derive(Deserialize)]
struct Record {
    #[serde(default)]
    app: Value,
    #[serde(default)]
    token_id: Value,
}

/// Whether a record is of our own write. What cannot be read is not.
pub(super) fn is_echo(payload: &[u8], own: &Own) -> bool {
    let Ok(Record { app, token_id }) = serde_json::from_slice(payload) else { return false };
    app == own.app.as_str() && own.token.is_none_or(|token| token_id.as_i64() == Some(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_token_under_our_name_is_an_echo() {
        let own = Own { app: "flespi-gitops/1 me".to_owned(), token: Some(7) };
        for (payload, expected) in [
            (r#"{"app":"flespi-gitops/1 me","token_id":7,"new":{}}"#, true),
            (r#"{"app":"flespi-gitops/1 other","token_id":7}"#, false),
            (r#"{"app":"flespi-gitops/1 me","token_id":8}"#, false),
            (r#"{"app":"flespi-gitops/1 me"}"#, false),
            (r#"{"token_id":7}"#, false),
            (r#"{"app":["flespi-gitops/1 me"],"token_id":"7"}"#, false),
            ("[1]", false),
            ("", false),
            ("\u{1b}[2J", false),
        ] {
            assert_eq!(is_echo(payload.as_bytes(), &own), expected, "{payload}");
        }
        let nameless = Own { token: None, ..own };
        assert!(is_echo(br#"{"app":"flespi-gitops/1 me"}"#, &nameless));
    }
}
