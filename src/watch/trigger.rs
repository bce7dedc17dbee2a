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
    /// A pause ended, or a window opened.
    Resumed,
    /// SIGHUP.
    Signal,
    /// It was requested over HTTP.
    Request,
    /// A change on the platform was heard.
    Event,
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
            Self::Resumed => "resumed",
            Self::Signal => "signal",
            Self::Request => "request",
            Self::Event => "event",
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
            Self::Resumed => "a pause ended or a window opened",
            Self::Signal => "signal",
            Self::Request => "request",
            Self::Event => "a change was heard",
            Self::Members => "another replica came or went",
        })
    }
}

/// Wakes the daemon for a pass. Carries no data: what is to be done is found out by looking.
#[derive(Debug, Clone)]
pub struct Wake {
    asked: mpsc::Sender<Trigger>,
    heard: mpsc::Sender<()>,
}

/// Where the daemon hears of being woken.
#[derive(Debug)]
pub struct Woken {
    asked: mpsc::Receiver<Trigger>,
    heard: mpsc::Receiver<()>,
}

/// A handle that wakes, and the ear that hears it.
pub fn wake() -> (Wake, Woken) {
    // One place: whoever wakes a daemon that is to be woken already adds nothing.
    let (ask, asked) = mpsc::channel(1);
    // And one of their own for events, so that none of them stands in the place of a person.
    let (hear, heard) = mpsc::channel(1);
    (Wake { asked: ask, heard: hear }, Woken { asked, heard })
}

impl Wake {
    /// Asks for a pass. Requests that come before it begins are one.
    pub fn now(&self, trigger: Trigger) {
        let _ = match trigger {
            Trigger::Event => self.heard.try_send(()).map_err(drop),
            other => self.asked.try_send(other).map_err(drop),
        };
    }
}

impl Woken {
    /// The next request, those of people first; waits for ever when nobody can ask any more.
    pub async fn next(&mut self) -> Trigger {
        tokio::select! {
            biased;
            Some(trigger) = self.asked.recv() => trigger,
            Some(()) = self.heard.recv() => Trigger::Event,
            else => std::future::pending().await,
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

    #[tokio::test]
    async fn an_event_does_not_take_the_place_of_a_request() {
        let (wake, mut woken) = wake();
        for trigger in [Trigger::Event, Trigger::Event, Trigger::Request] {
            wake.now(trigger);
        }
        assert_eq!(woken.next().await, Trigger::Request);
        assert_eq!(woken.next().await, Trigger::Event);
        let more = tokio::time::timeout(std::time::Duration::from_millis(20), woken.next()).await;
        assert!(more.is_err());
    }
}
