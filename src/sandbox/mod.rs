//! The sandbox: the platform's REST API inside this binary, as faithful as public evidence allows.
//!
//! Nobody on this project can reach the live platform, so this is where plans are tried, tests run and newcomers learn.
//! It reads the same facts as the client and shares no code with it: two readings of one contract, so that a mistake
//! in one of them shows.
//!
//! The files stand on floors. A file knows those on the floors below and some of its own floor, and none knows, by
//! whatever way round, a file that knows it:
//!
//! ```text
//!  doors     running · door, http, tls        sockets and requests, async
//!            in_process                       the same without a socket
//!            rehearsal                        a state folder without a door
//!            mqtt                             the broker: sockets and packets, and messages of what happened
//!            clerk, store                     the thread that owns the world, and the folder that keeps it
//!  world     world, seed                      one request at a time, pure
//!            control, overview, page          what a test or a person does with it, beside the platform's API
//!            faults, effects                  what is to go wrong with it
//!  paths     routes, auth, realm_routes,      from a path of the platform to what answers it
//!            telematics, portal · constants, cors
//!  writing   crud · rules, accounts, tokens,  what may be written, and what follows from it
//!            realms, grants
//!            bin, links, sweep                what goes, what goes along, and what time takes
//!            sessions, codes, emails,         who logs in
//!            registration
//!            admission, metering              who may call, and how often
//!            books                            the state with all that changed it
//!  reading   select, logs, quota              what a selector means, what happened, how many there may be
//!            view, computed                   what fields read as
//!  state     state, item · lifetimes          what is there, and until when
//!            call, journal, events, news      what a call is, which there were, what is told of them
//!  catalogue rows, fields, telematics_fields, what collections there are: one table
//!            catalog
//!  words     access, acl, forms               what tokens can do and what values look like
//!            selector, expression, pattern    how items are named
//!            answer, request, secret          what comes in and goes out
//!            assumptions                      what had to be guessed: one table
//!            plans                            what a plan holds
//! ```
//!
//! * [`World`](world::World) is a state machine: request, time and randomness in, response and changes out. It knows no
//!   socket, clock, thread or file.
//! * Rules do not know the world. What judges or reads takes a [`View`](view::View) or less, what writes takes the
//!   [`Books`](books::Books).
//! * [`State`](state::State) changes only through [`Change`](state::Change), which is also what the log and the snapshot
//!   hold: running, replaying and loading are the same function.
//! * Collections are rows of [`catalog`]; a new one needs a row and no new code path.
//!
//! Invariant: no request, however hostile, makes the core panic or answer with a status of 500 or above, unless a fault
//! asks for it.
//! Invariant: keys, codes and passwords are the world's data and leave it only through the answers that the platform
//! itself gives, the outbox and `GET /_sandbox/state`; never through `Debug`, logs, errors or the journal.
//! Invariant: an answered write is in the log before its answer is sent.

mod access;
mod accounts;
mod acl;
mod admission;
mod answer;
mod assumptions;
mod auth;
mod bin;
mod books;
mod call;
mod catalog;
mod clerk;
mod codes;
mod computed;
mod constants;
mod control;
mod cors;
mod crud;
mod door;
mod effects;
mod emails;
mod events;
mod expression;
mod faults;
mod fields;
mod forms;
mod grants;
mod http;
mod in_process;
mod item;
mod journal;
mod lifetimes;
mod links;
mod logs;
mod metering;
mod mqtt;
mod news;
mod overview;
mod page;
mod pattern;
mod plans;
mod portal;
mod quota;
mod realm_routes;
mod realms;
mod registration;
mod rehearsal;
mod replay;
mod request;
mod routes;
mod rows;
mod rules;
mod running;
mod secret;
mod seed;
mod select;
mod selector;
mod sessions;
mod state;
mod store;
mod sweep;
mod telematics;
mod telematics_fields;
#[cfg(test)]
mod tests;
mod tls;
mod tokens;
mod view;
mod world;

pub use assumptions::{ASSUMPTIONS, AssumeError, Assumption, Assumptions, describe_assumptions};
pub use effects::{FaultEffect, RetryAfter};
pub use faults::{FaultRule, Faults, FaultsError};
pub use http::Drops;
pub use in_process::InProcess;
pub use rehearsal::rehearse;
pub use replay::Recorded;
pub use running::{Options, RunError, Sandbox, StartError};
pub use store::StoreError;
pub use tls::TlsError;
