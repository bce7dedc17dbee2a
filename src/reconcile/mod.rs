//! One pass, readable on one screen: observe, plan, and, once somebody said yes, apply.
//!
//! Every command that touches the platform goes through here; there is no second path.
//!
//! * [`prepare`] reads the platform and plans, [`observe`] only reads, and [`carry_out()`] writes.
//! * `pass` is all of it in its order, with the lock around what is written. Whoever makes passes is its `Caller`: it says
//!   what of a plan may be done, consents to it, and hears what happens.
//! * [`Waits`] takes out of a plan what is paused, or waits for a window.
//! * `Compared` says whether one pass leaves something for a further one.

mod caller;
mod carry_out;
mod compared;
mod context;
mod look;
mod pass;
mod wait;

pub(crate) use self::caller::{Caller, Consent, PassEvent};
pub use self::carry_out::carry_out;
pub(crate) use self::compared::{Compared, Further};
pub use self::context::Context;
pub use self::look::{Found, Prepared, observe, prepare};
pub use self::pass::{Clock, Gate};
pub(crate) use self::pass::{Hindrance, Passed, Work, pass};
pub use self::wait::{Waits, Windows};
