//! The platform's MQTT broker, as far as its own messages go: the log topics and the retained state of platform items.
//!
//! ```text
//!  broker    accepts connections, closes for a while, ends        async
//!  session   one client: packets in, messages out                 async
//!  line      from there to the clerk and back
//!  desk      what a session asks of the world                     pure, on the clerk's thread
//!  post      what happened, as messages                           pure, on the clerk's thread
//!  packet    what the packets of 3.1, 3.1.1 and 5 hold
//!  topic     filters
//!  wire      bytes
//! ```
//!
//! * A token opens a connection as it opens calls; one that is deleted, expires, is switched off or blocked ends it.
//! * `flespi/log/platform/COLLECTION/ID/EVENT` carries the record that the REST log has, `flespi/state/platform/COLLECTION/ID`
//!   (retained) the item as a `GET` without `fields` answers it, and `.../ID/FIELD` each field of that.
//! * What other clients publish goes to sessions of the same account and is not kept; what they publish below `flespi/` is
//!   dropped.
//! * Quality of service 0 and 1. Sessions end with their connection, and shared subscriptions are refused.
//!
//! The packets are read and written here and not by a library: those that fit are parts of clients, and the client of this
//! program uses one of them. A mistake that both sides share would not show.
//!
//! Invariant: nothing is published that the REST API would not answer: records of the log hold no secrets, and the key of a
//! token is in its state only where a `GET` shows it as well.
//! Invariant: a client costs bounded memory: one packet on the way in, a window of messages on the way out. Whoever does not
//! keep up is disconnected.

mod broker;
mod desk;
mod line;
mod packet;
mod post;
mod session;
mod topic;
mod wire;

pub(super) use broker::{Broker, serve};
pub(super) use desk::{BACKLOG, Inquiry, Notice, answer, tell};
pub(super) use line::Line;
