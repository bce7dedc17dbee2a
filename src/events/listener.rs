//! Listening: stays connected, and gives hints.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use rand::{SeedableRng, rngs::StdRng};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::address::Address;
use super::link::{Link, Word};
use super::pace::Pace;
use super::record::{self, Own};
use super::status::{LinkState, Listening};
use super::topics;
use crate::resource::Kind;
use crate::secret::SecretString;

/// The first wait after a connection that did not come about or did not last, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// A connection that lasted so long was a good one: what comes after it begins anew.
const GOOD: Duration = Duration::from_secs(60);

/// The broker gets this long to let us in and to answer a subscription.
const PATIENCE: Duration = Duration::from_secs(20);

/// How to listen.
pub struct Options {
    /// Where.
    pub address: Address,
    /// Gives the token, as it is where it came from, for every connection.
    pub token: Box<dyn Fn() -> Option<SecretString> + Send + Sync>,
    /// How our own calls name themselves (`x-flespi-app`), which no other process does.
    pub app: String,
    /// The name of the connection, which no other process has.
    pub client_id: String,
    /// Whom to trust; none for a broker on this machine that does not speak TLS.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// Decides about jitter.
    pub seed: u64,
}

/// Listens for changes of objects of `kinds` for as long as it is polled. `hint` is called when there is reason to look, at
/// most once a second; what is known of the connection goes to `status`.
pub async fn listen(
    options: Options,
    mut kinds: watch::Receiver<BTreeSet<Kind>>,
    status: watch::Sender<Option<Listening>>,
    hint: impl Fn(),
) {
    status.send_replace(Some(Listening::to(options.address.to_string())));
    let (pace, told) = (Pace::default(), Told(&status));
    let passing = pace.pass_on(|| {
        told.count(|listening| listening.wakes += 1);
        hint();
    });
    let staying = async {
        let mut random = StdRng::seed_from_u64(options.seed);
        let mut failures = 0;
        loop {
            let began = Instant::now();
            let why = match (options.token)() {
                Some(token) => hear(&options, &token, &mut kinds, told, &pace).await,
                None => "there is no token".to_owned(),
            };
            tracing::debug!(why, "not connected to the broker");
            told.turn(LinkState::Away, Some(why));
            failures = if began.elapsed() >= GOOD { 1 } else { failures + 1 };
            sleep(wait(failures, &mut random)).await;
        }
    };
    tokio::join!(passing, staying);
}

/// How long to wait after so many failures in a row: twice as long each time, half as long or as much again by lot.
fn wait(failures: u32, random: &mut StdRng) -> Duration {
    let (first, longest) = WAITS;
    let wait = first.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(longest);
    wait.mul_f64(random.random_range(0.5..1.0))
}

/// What others see.
#[derive(Clone, Copy)]
struct Told<'a>(&'a watch::Sender<Option<Listening>>);

impl Told<'_> {
    fn turn(self, state: LinkState, trouble: Option<String>) {
        self.count(|listening| listening.turn(state, trouble));
    }

    fn count(self, change: impl FnOnce(&mut Listening)) {
        self.0.send_modify(|listening| {
            if let Some(listening) = listening {
                change(listening);
            }
        });
    }
}

/// Makes one connection and listens to it; why it ended.
async fn hear(
    options: &Options,
    token: &SecretString,
    kinds: &mut watch::Receiver<BTreeSet<Kind>>,
    told: Told<'_>,
    pace: &Pace,
) -> String {
    let mut link = Link::to(&options.address, token, &options.client_id, options.tls.clone());
    let mut own = Own { app: options.app.clone(), token: None };
    let mut subscribed: Option<BTreeSet<Kind>> = None;
    let mut refused = Vec::new();
    let mut due = Some(Instant::now() + PATIENCE);
    loop {
        let word = tokio::select! {
            word = link.next() => word,
            changed = kinds.changed(), if subscribed.is_some() => match changed {
                Ok(()) => Ok(Word::Aside),
                // Nobody says any more what is of interest; what is heard stays so.
                Err(_) => std::future::pending().await,
            },
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                return "the broker does not answer".to_owned();
            }
        };
        match word {
            Err(why) => return why,
            Ok(Word::Welcome(token)) => {
                own.token = token;
                subscribed = Some(BTreeSet::new());
                told.count(|listening| listening.connections += 1);
            }
            Ok(Word::Subscribed(more)) => {
                due = None;
                refused.extend(more);
                match refused.first() {
                    None => told.turn(LinkState::Connected, None),
                    Some((filter, why)) => {
                        told.turn(LinkState::Deaf, Some(format!("{filter}: {why}")));
                    }
                }
                // Nothing is kept for whoever is away: something may have happened before.
                pace.hint();
            }
            Ok(Word::Message { topic, payload }) => {
                message(&topic, &payload, &own, kinds, told, pace);
            }
            Ok(Word::Aside) => {}
        }
        if let Some(subscribed) = &mut subscribed {
            let wanted = kinds.borrow_and_update().clone();
            let more: Vec<Kind> = wanted.difference(subscribed).copied().collect();
            if !more.is_empty() {
                if let Err(why) = link.subscribe(more.iter().copied().map(topics::filter).collect())
                {
                    return why;
                }
                due = Some(Instant::now() + PATIENCE);
                subscribed.extend(more);
            }
        }
    }
}

/// Takes a message: a hint, if it is about what a pass looks at and not of our own doing.
fn message(
    topic: &[u8],
    payload: &[u8],
    own: &Own,
    kinds: &watch::Receiver<BTreeSet<Kind>>,
    told: Told<'_>,
    pace: &Pace,
) {
    told.count(|listening| listening.heard += 1);
    // A look is due as it is. Whoever sends more than anybody can read is not read.
    if pace.is_pending() {
        return;
    }
    match topics::subject(topic).filter(|subject| kinds.borrow().contains(&subject.kind)) {
        None => told.count(|listening| listening.ignored += 1),
        Some(_) if record::is_echo(payload, own) => told.count(|listening| listening.echoes += 1),
        Some(subject) => {
            let (kind, id) = (subject.kind.as_str(), subject.id);
            tracing::debug!(kind, id, event = subject.event, "a change was heard");
            pace.hint();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_minute_and_are_never_equal_for_all() {
        let mut random = StdRng::seed_from_u64(1);
        for (failures, longest) in [(1, 1), (2, 2), (3, 4), (7, 60), (100, 60)] {
            let longest = Duration::from_secs(longest);
            for _ in 0..100 {
                let wait = wait(failures, &mut random);
                assert!(longest / 2 <= wait && wait <= longest, "{failures}: {wait:?}");
            }
        }
        assert_ne!(wait(1, &mut random), wait(1, &mut random));
    }
}
