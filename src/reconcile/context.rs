//! What a pass works with.

use std::collections::BTreeSet;

use crate::api::Client;
use crate::observe::Seen;
use crate::resource::{Address, Signer};
use crate::secret::{Spool, Trust};

/// What a pass works with.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Talks to the platform.
    pub client: &'a Client,
    /// Signs and verifies marks.
    pub signer: &'a Signer,
    /// Keeps keys that could not be delivered.
    pub spool: &'a Spool,
    /// Whether the manifests were reviewed.
    pub trust: &'a Trust,
    /// What was there when somebody looked last.
    pub seen: Option<&'a Seen>,
    /// Tokens whose keys an earlier pass of this run may have overwritten in their sinks.
    pub overwritten: Option<&'a BTreeSet<Address>>,
}
