//! Everything that is tested from outside, in one binary.

#![expect(unreachable_pub, reason = "the modules of one binary are all there is to reach")]

mod apply;
mod bad_input;
mod credentials;
mod drift;
mod faults;
mod prune;
mod sandbox_http;
mod sandbox_tls;
mod straight_line;
mod support;
mod tidy;
mod watch;
