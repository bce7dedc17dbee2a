//! How the sinks of tokens are filled, and where the key is that they lack.

use std::collections::BTreeSet;

use crate::api::Reader;
use crate::causes::error_chain;
use crate::resource::{Address, KeyNote};
use crate::secret::{Held, SecretString, Sink, Spool, Trust};

/// How the sinks of a token are filled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SinkState {
    /// Those that lack the key.
    pub lacking: Vec<Sink>,
    /// Where the key is to be had for them.
    pub from: KeyAt,
    /// Whether nobody ever got the key: the token was made by a run that ended before it was delivered.
    pub is_new: bool,
    /// Whether one of them was seen to hold a key.
    pub holds_key: bool,
    /// What the mark should say of them: all hold the key, and it does not say so of all.
    pub unnoted: Option<KeyNote>,
    /// Why some could not tell what they hold.
    pub trouble: Option<String>,
    /// Those that were not looked at, each with the reason.
    pub hidden: Vec<(Sink, String)>,
}

/// Where the key of an existing token is to be had.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum KeyAt {
    /// A run that could not deliver it left it in the spool.
    Spool,
    /// Another sink of the token holds it.
    Sink(Box<Sink>),
    /// The platform gives it again.
    #[default]
    Platform,
    /// Nobody gives it again.
    Nowhere,
}

impl std::fmt::Display for KeyAt {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Spool => formatter.write_str("the spool"),
            Self::Sink(sink) => sink.fmt(formatter),
            Self::Platform => formatter.write_str("the platform"),
            Self::Nowhere => formatter.write_str("nowhere"),
        }
    }
}

/// What a look at the sinks of one token gave.
pub(super) struct Look {
    state: SinkState,
    /// What other sinks of the token hold.
    held: Vec<(Sink, SecretString)>,
    /// Whether that is the key for certain.
    is_proven: bool,
}

impl Look {
    pub(super) fn is_lacking(&self) -> bool {
        !self.state.lacking.is_empty()
    }

    /// The whole answer, with the place where the key is.
    pub(super) fn state(self, from: KeyAt) -> SinkState {
        SinkState { from, ..self.state }
    }
}

/// Asks each of `sinks` what it holds, and compares it with the `note` in the token's mark.
pub(super) async fn look(sinks: &[Sink], note: Option<KeyNote>, trust: &Trust) -> Look {
    let is_new = note == Some(KeyNote::Pending);
    let mut look = Look {
        state: SinkState { is_new, ..SinkState::default() },
        held: Vec::new(),
        is_proven: matches!(note, Some(KeyNote::Delivered { .. })),
    };
    for sink in sinks {
        if let Some(reason) = sink.hidden_from(trust) {
            look.state.hidden.push((sink.clone(), reason));
            if !was_served(sink, note.as_ref()) {
                look.state.lacking.push(sink.clone());
            }
            continue;
        }
        let mut is_unread = false;
        let held = sink.read().await.unwrap_or_else(|error| {
            look.state.trouble = Some(error_chain(&error));
            is_unread = true;
            Held::Untold
        });
        look.state.holds_key |= matches!(held, Held::Secret(_) | Held::Print(_));
        let is_filled = match &note {
            Some(KeyNote::Pending) => false,
            Some(KeyNote::Delivered { print, .. }) => {
                held.is(print).unwrap_or_else(|| is_unread || was_served(sink, note.as_ref()))
            }
            // Made by somebody else, or before there were notes: whatever is there was meant to be.
            None => is_unread || !(held.is_nothing() || sink.runs_program()),
        };
        match (is_filled, held) {
            (true, Held::Secret(secret)) => look.held.push((sink.clone(), secret)),
            (true, _) => {}
            (false, held) => {
                let held = held.secret().filter(|_| is_new);
                look.held.extend(held.map(|secret| (sink.clone(), secret)));
                look.state.lacking.push(sink.clone());
            }
        }
    }
    look.state.unnoted = note.and_then(|note| unnoted(sinks, &look.state, note));
    if let Some(trouble) = look.state.trouble.as_ref().filter(|_| look.is_lacking()) {
        tracing::warn!("{trouble}");
    }
    look
}

/// What the mark should say where all sinks hold the key and it does not say so: as after a run that was killed between
/// filling them and noting it. A note of a time when none was named stays.
fn unnoted(sinks: &[Sink], state: &SinkState, note: KeyNote) -> Option<KeyNote> {
    let KeyNote::Delivered { print, served } = note else { return None };
    let is_seen = state.lacking.is_empty() && state.hidden.is_empty() && state.trouble.is_none();
    let all: BTreeSet<String> = sinks.iter().map(Sink::served_as).collect();
    let is_unnoted = is_seen && !served.is_empty() && !all.is_subset(&served);
    is_unnoted.then_some(KeyNote::Delivered { print, served: all })
}

/// Whether the mark says that a sink has the key, which is all there is to know of one that is not asked or cannot tell.
fn was_served(sink: &Sink, note: Option<&KeyNote>) -> bool {
    match note {
        Some(KeyNote::Delivered { served, .. }) => served.contains(&sink.served_as()),
        Some(KeyNote::Pending) => false,
        // Of a token that somebody else made, what cannot be seen was meant to be; a program is run to see.
        None => !sink.runs_program(),
    }
}

/// Finds the keys that sinks lack. The platform is asked once for all of which nobody else knows.
pub(super) async fn find(
    lacking: Vec<(Address, Option<i64>, Look)>,
    reader: &Reader,
    spool: &Spool,
) -> Vec<(Address, SinkState)> {
    let mut found = Vec::with_capacity(lacking.len());
    let mut open = Vec::new();
    for (address, id, look) in lacking {
        let Some(id) = id else {
            // One that is still to be made, or taken over: then the platform is where its key is.
            found.push((address, look.state(KeyAt::Platform)));
            continue;
        };
        let spooled = spool.get(id).await.unwrap_or_else(|error| {
            tracing::warn!(token = id, "{}", error_chain(&error));
            None
        });
        let beside = look.held.first().filter(|_| look.is_proven).map(|(sink, _)| sink.clone());
        match (spooled, beside) {
            (Some(_), _) => found.push((address, look.state(KeyAt::Spool))),
            (None, Some(sink)) => found.push((address, look.state(KeyAt::Sink(Box::new(sink))))),
            (None, None) => open.push((address, id, look)),
        }
    }
    if open.is_empty() {
        return found;
    }
    let ids: Vec<i64> = open.iter().map(|(_, id, _)| *id).collect();
    let keys = reader.keys(&ids).await;
    for (address, id, look) in open {
        let at = match &keys {
            Ok(keys) if !keys.contains_key(&id) => whose(&look, id, reader).await,
            // If it could not be asked now, it can be later.
            _ => KeyAt::Platform,
        };
        found.push((address, look.state(at)));
    }
    found
}

/// Whether one of the sinks holds the key after all: the platform knows whose it is.
async fn whose(look: &Look, id: i64, reader: &Reader) -> KeyAt {
    for (sink, secret) in &look.held {
        if matches!(reader.token_of(secret).await, Ok(Some(token)) if token == id) {
            return KeyAt::Sink(Box::new(sink.clone()));
        }
    }
    KeyAt::Nowhere
}
