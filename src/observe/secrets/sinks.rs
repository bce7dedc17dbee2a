//! How the sinks of tokens are filled, and where the key is that they lack.

use super::{KeyAt, Programs, SinkState};
use crate::api::Reader;
use crate::resource::{Address, KeyNote};
use crate::secret::{Held, SecretString, Sink, Spool};

/// What a look at the sinks of one token gave.
pub(super) enum Look {
    /// That is all there is to know.
    Settled(SinkState),
    /// Some lack the key, which has to be found.
    Lacking(Missing),
}

/// Sinks that lack a key.
pub(super) struct Missing {
    sinks: Vec<Sink>,
    /// What other sinks of the token hold.
    held: Vec<(Sink, SecretString)>,
    /// Whether that is the key for certain.
    is_proven: bool,
    is_new: bool,
}

/// Asks each of `sinks` what it holds, and compares it with the `note` in the token's mark.
pub(super) async fn look(sinks: &[Sink], note: Option<KeyNote>, programs: Programs) -> Look {
    let mut missing = Missing {
        sinks: Vec::new(),
        held: Vec::new(),
        is_proven: matches!(note, Some(KeyNote::Delivered { .. })),
        is_new: note == Some(KeyNote::Pending),
    };
    let mut trouble = None;
    for sink in sinks {
        let held = match programs == Programs::Leave && sink.runs_program() {
            true => Held::Untold,
            false => sink.read().await.unwrap_or_else(|error| {
                trouble = Some(in_words(&error));
                Held::Untold
            }),
        };
        let is_filled = match &note {
            Some(KeyNote::Pending) => false,
            Some(KeyNote::Delivered { print, untold }) => held.is(print).unwrap_or_else(|| {
                // What nobody can tell was noted when it was delivered.
                trouble.is_some() || sink.untold_as().is_none_or(|sink| untold.contains(&sink))
            }),
            // Made by somebody else, or before there were notes: whatever is there was meant to be.
            None => trouble.is_some() || !(held.is_nothing() || sink.runs_program()),
        };
        match (is_filled, held) {
            (true, Held::Secret(secret)) => missing.held.push((sink.clone(), secret)),
            (true, _) => {}
            (false, held) => {
                let held = held.secret().filter(|_| missing.is_new);
                missing.held.extend(held.map(|secret| (sink.clone(), secret)));
                missing.sinks.push(sink.clone());
            }
        }
    }
    match (missing.sinks.is_empty(), trouble) {
        (true, None) => Look::Settled(SinkState::Filled),
        (true, Some(trouble)) => Look::Settled(SinkState::Unknown(trouble)),
        (false, trouble) => {
            if let Some(trouble) = trouble {
                tracing::warn!("{trouble}");
            }
            Look::Lacking(missing)
        }
    }
}

/// Finds the keys that sinks lack. The platform is asked once for all of which nobody else knows.
pub(super) async fn find(
    lacking: Vec<(Address, Option<i64>, Missing)>,
    reader: &Reader,
    spool: &Spool,
) -> Vec<(Address, SinkState)> {
    let mut found = Vec::with_capacity(lacking.len());
    let mut open = Vec::new();
    for (address, id, missing) in lacking {
        let Some(id) = id else {
            // One that is still to be made, or taken over: then the platform is where its key is.
            found.push((address, state(missing, KeyAt::Platform)));
            continue;
        };
        let spooled = spool.get(id).await.unwrap_or_else(|error| {
            tracing::warn!(token = id, "{}", in_words(&error));
            None
        });
        let beside =
            missing.held.first().filter(|_| missing.is_proven).map(|(sink, _)| sink.clone());
        match (spooled, beside) {
            (Some(_), _) => found.push((address, state(missing, KeyAt::Spool))),
            (None, Some(sink)) => {
                found.push((address, state(missing, KeyAt::Sink(Box::new(sink)))))
            }
            (None, None) => open.push((address, id, missing)),
        }
    }
    if open.is_empty() {
        return found;
    }
    let ids: Vec<i64> = open.iter().map(|(_, id, _)| *id).collect();
    let keys = reader.keys(&ids).await;
    for (address, id, missing) in open {
        let at = match &keys {
            Ok(keys) if !keys.contains_key(&id) => whose(&missing, id, reader).await,
            // If it could not be asked now, it can be later.
            _ => KeyAt::Platform,
        };
        found.push((address, state(missing, at)));
    }
    found
}

/// Whether one of the sinks holds the key after all: the platform knows whose it is.
async fn whose(missing: &Missing, id: i64, reader: &Reader) -> KeyAt {
    for (sink, secret) in &missing.held {
        if matches!(reader.token_of(secret).await, Ok(Some(token)) if token == id) {
            return KeyAt::Sink(Box::new(sink.clone()));
        }
    }
    KeyAt::Nowhere
}

fn state(missing: Missing, from: KeyAt) -> SinkState {
    SinkState::Lacking { sinks: missing.sinks, from, is_new: missing.is_new }
}

/// An error with its causes, on one line.
fn in_words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
