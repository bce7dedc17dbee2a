//! What can be seen from outside the library, in one binary: linking is the slow part, so it is done once.

#![expect(
    clippy::unwrap_used,
    reason = "a test whose ground is missing has nothing better to do than to stop"
)]

mod validate_cases;
