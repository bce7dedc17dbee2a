//! Notices: what people should hear of without looking, told once when it begins and once when it is over.
//!
//! ```text
//! Status ── incidents ──► what is wrong now ── book ──► what began, what is over ── form ──► post ──► receiver
//!                             (pure)              (pure)                       (pure)
//! ```
//!
//! The daemon knows nothing of it: like the page, this only reads what the loop publishes. A receiver that does not answer
//! holds up nobody, and an incident that comes and goes is over only after it stayed away for a while.
//!
//! Invariant: the address of a receiver is a secret, since whoever knows it can write there.

mod book;
mod desk;
mod form;
mod incident;
mod post;

pub use desk::{Desk, watch_over};
pub use form::{Form, Notice, NoticeFormat, Said};
pub use incident::{Incident, Topic};
pub use post::{BadReceiver, Receiver};
