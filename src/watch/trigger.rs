//! Why a pass begins, and how others ask for one.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::mpsc;

/// Why a pass begins; for people only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// The program has just started.
    Start,
    /// The manifests changed.
    Files,
    /// It is time.
    Interval,
    /// A retry is due.
    Retry,
    /// SIGHUP.
    Signal,
    /// It was requested over HTTP.
    Request,
    /// Another replica came or went.
    Members,
}

impl Trigger {
    /// The word in JSON, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Files => "files",
            Self::Interval => "interval",
            Self::Retry => "retry",
            Self::Signal => "signal",
            Self::Request => "request",
            Self::Members => "members",
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Start => "start",
            Self::Files => "files changed",
            Self::Interval => "interval",
            Self::Retry => "retry",
            Self::Signal => "signal",
            Self::Request => "request",
            Self::Members => "another replica came or went",
        })
    }
}

/// Wakes the daemon for a pass. Carries no data: what is to be done is found out by looking.
#[derive(Debug, Clone)]
pub struct Wake(mpsc::Sender<Trigger>);

/// Where the daemon hears of being woken.
#[derive(Debug)]
pub struct Woken(mpsc::Receiver<Trigger>);

/// A handle that wakes, and the ear that hears it.
pub fn wake() -> (Wake, Woken) {
    // One place: whoever wakes a daemon that is to be woken already adds nothing.
    let (sender, receiver) = mpsc::channel(1);
    (Wake(sender), Woken(receiver))
}

impl Wake {
    /// Asks for a pass. Requests that come before it begins are one.
    pub fn now(&self, trigger: Trigger) {
        let _ = self.0.try_send(trigger);
    }
}

impl Woken {
    /// The next request; waits for ever when nobody can ask any more.
    pub async fn next(&mut self) -> Trigger {
        match self.0.recv().await {
            Some(trigger) => trigger,
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_before_a_pass_are_one() {
        let (wake, mut woken) = wake();
        (0..5).for_each(|_| wake.now(Trigger::Request));
        assert_eq!(woken.next().await, Trigger::Request);
        let more = tokio::time::timeout(std::time::Duration::from_millis(20), woken.next()).await;
        assert!(more.is_err());
    }
}
