//! One request on its way through the platform's rules, and who sent it.

use super::{
    journal::Journal,
    request::{Request, Target},
};

/// An admitted caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) token: u64,
    /// The account that the token belongs to.
    pub(super) account: u64,
    /// The account that the call acts as; its branch is what the call can see.
    pub(super) top: u64,
    pub(super) access: u64,
}

/// A request with all that its answer can depend on beside the state.
pub(super) struct Call<'a> {
    pub(super) request: &'a Request,
    pub(super) target: Target,
    /// Virtual unix time.
    pub(super) now: u64,
    pub(super) entropy: &'a mut dyn FnMut() -> u64,
    pub(super) caller: Option<Caller>,
    /// The requests before this one.
    pub(super) journal: &'a Journal,
    /// Where the world is served, for answers that name their own host.
    pub(super) url: &'a str,
}

impl Call<'_> {
    /// The account that the call acts as; 0, which owns nothing, for calls without a token.
    pub(super) fn top(&self) -> u64 {
        self.caller.map_or(0, |caller| caller.top)
    }
}
