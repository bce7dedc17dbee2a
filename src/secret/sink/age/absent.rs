//! What a program says that was built without the crate `age`.

use super::Trouble;
use crate::secret::SecretString;

/// Why this program does not encrypt to age, and what to do.
pub(super) const MISSING: Option<[&str; 2]> = Some([
    "this binary was built without `age`",
    "build it with its default features, which include `age`",
]);

/// Every recipient passes, as none of them is used.
pub(super) fn is_public_key(_: &str) -> bool {
    true
}

pub(super) fn note(_: &str) -> Option<Vec<String>> {
    None
}

pub(super) fn seal(_: &[String], _: Vec<String>, _: &SecretString) -> Result<String, Trouble> {
    super::available().map(|()| String::new())
}
