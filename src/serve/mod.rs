//! The daemon, seen from outside: health, metrics, status and a page, over HTTP on loopback.
//!
//! ```text
//!  watch loop ──► Status (a watch channel) ──► door ──► routes ──► health · metrics · status · page
//!       ▲                                      (sockets)  (pure: request and status in, reply out)
//!       └───────────── Wake ◄── POST /wake ───────┘
//!                                    └──► notify: READY, STATUS, WATCHDOG, STOPPING to the service manager
//! ```
//!
//! It only reads what the loop publishes and can do two things: ask for a pass, and, with a shared secret, for a look at
//! the repository (`POST /pull`). Neither carries data. Nothing secret is in [`Status`](crate::watch::Status), so nothing secret can be in here;
//! what *is* in it (names of customers, addresses, fields) is for those who may read the
//! repository, which is why the door is on loopback by default.
//!
//! Invariant: names of anything never become HTML: the page puts in text, the metrics escape labels.

mod door;
mod exchange;
mod guard;
mod health;
mod metrics;
pub mod notify;
mod page;
mod pull;
mod routes;
#[cfg(test)]
mod tests;
mod view;

pub use door::{Options, Server};
pub use metrics::metrics_text;
pub use pull::PullDoor;
pub use view::{View, view};
