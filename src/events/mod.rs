//! Events: changes on the platform, heard while they happen and not found by looking.
//!
//! ```text
//! broker ──MQTT 5──► link ──► record: of whom? ──► pace: at most one a second ──► a hint: look again
//! ```
//!
//! * [`Address`] says where the broker is: by default where the platform's documents say.
//! * [`listen`] stays connected, as far as the broker lets it, and gives hints.
//! * [`Listening`] is what others may see of it.
//!
//! **A hint is never content.** What a message holds decides nothing but whether to look: the broker may be wrong, slow or
//! somebody else, and a pass would do the same without it, only later. So whatever goes wrong here is told and tried again,
//! and no pass waits for it.
//!
//! **Which topics.** The log topics of the kinds whose lists a pass reads, made from the table of kinds. No account stands in
//! front of them: a subscription covers the account of the token with everything below it, and whether `$filter/cid=` does
//! so as well is not documented.
//!
//! **What is an echo.** A record of the platform's log says which token signed the call and how the caller named itself
//! (`x-flespi-app`). It does not carry `x-flespi-trace`. So a process that listens puts its own id into that name, and what
//! carries both is dropped: it is our own write, and the pass that wrote it has verified it. Another run with the same token,
//! such as an `apply` in CI, has another name; what it changes is heard like any other change, since it may work from other
//! manifests than we do. Where the broker does not say which token ours is, the name alone decides.
//!
//! **What is missed.** Nothing is kept for a client that is away. So after every connection there is a hint: something may
//! have happened before it.
//!
//! **A pass looks at everything.** Lists are read over the whole branch at once, a call for each kind and page. A look at the
//! one account or object that an event is about takes as many calls, one for each kind, because what an object refers to and
//! what its names may collide with is read in the same calls. So a hint leads to an ordinary pass.
//!
//! Invariant: the token goes into the packet that opens a connection, over TLS or to this machine, and nowhere else; nothing
//! of the library's values is shown by their `Debug`, which prints it.
//! Invariant: a hostile broker costs bounded memory and at most one pass a second.

mod address;
mod link;
mod listener;
mod pace;
mod record;
mod status;
mod topics;

pub use address::{Address, AddressError};
pub use listener::{Options, listen};
pub use status::{LinkState, Listening};
