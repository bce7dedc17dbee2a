//! What is known of the secrets that manifests mention, without the secrets.

mod sinks;

use std::collections::BTreeMap;

use tokio::task::JoinSet;

use super::{Actual, KeyState, Object};
use crate::api::Reader;
use crate::api::assumptions::PASSWORD_FORM;
use crate::resource::{Address, Credentials, Declared, Desired, Kind};
use crate::secret::{SecretString, Sink, Source, Spool, fingerprint};

/// What is known of the secrets that the manifests mention, without the secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    /// For every declared password, how it compares with the one that was last set.
    pub passwords: BTreeMap<Address, Password>,
    /// For every declared token with sinks, how they are filled.
    pub sinks: BTreeMap<Address, SinkState>,
    /// For tokens that were issued and not delivered, whether their keys can still be had.
    pub keys: BTreeMap<i64, KeyState>,
}

/// How a declared password compares with the one that was last set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    /// None was set by us yet.
    NeverSet,
    /// It is the one that was last set.
    Unchanged,
    /// It is another one.
    Changed,
    /// The source could not be asked.
    Unknown(String),
    /// The source gives something that cannot be set.
    Unfit(String),
}

/// How the sinks of a token are filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkState {
    /// Every sink holds the key.
    Filled,
    /// Some do not.
    Lacking {
        /// Those that do not.
        sinks: Vec<Sink>,
        /// Where the key is to be had.
        from: KeyAt,
        /// Whether nobody ever got the key: the token was made by a run that ended before it was delivered.
        is_new: bool,
    },
    /// Whether they hold something could not be told.
    Unknown(String),
}

/// Where the key of an existing token is to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyAt {
    /// A run that could not deliver it left it in the spool.
    Spool,
    /// Another sink of the token holds it.
    Sink(Box<Sink>),
    /// The platform gives it again.
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

/// Whether programs that manifests name may be run to get a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Programs {
    /// They may: `apply` and `watch`.
    Run,
    /// They may not: `plan` executes nothing that comes from a repository.
    Leave,
}

/// Compares the declared secrets with what marks and sinks tell of them, and finds out where keys are that are not where
/// they belong.
pub async fn secrets(
    desired: &Desired,
    actual: &Actual,
    programs: Programs,
    reader: &Reader,
    spool: &Spool,
) -> Secrets {
    let mut secrets = Secrets::default();
    let mut comparisons = JoinSet::new();
    let mut readings = JoinSet::new();
    for (address, declared) in &desired.objects {
        if let Some(credentials) = declared.credentials.clone().filter(|it| it.password.is_some()) {
            let known = last_fingerprint(actual, &desired.stack, declared);
            let address = address.clone();
            comparisons
                .spawn(async move { (address, compare(credentials, known, programs).await) });
        }
        if !declared.deliver.is_empty() {
            let token = token_of(actual, &desired.stack, declared);
            let note = token.and_then(|token| token.mark_of(&desired.stack)?.key.clone());
            let (id, sinks) = (token.map(|token| token.id), declared.deliver.clone());
            let address = address.clone();
            readings.spawn(async move { (address, id, sinks::look(&sinks, note, programs).await) });
        }
    }
    let mut lacking = Vec::new();
    while let Some(joined) = readings.join_next().await {
        match joined {
            Ok((address, id, sinks::Look::Lacking(missing))) => {
                lacking.push((address, id, missing))
            }
            Ok((address, _, sinks::Look::Settled(state))) => {
                secrets.sinks.insert(address, state);
            }
            Err(_) => {}
        }
    }
    for (address, state) in sinks::find(lacking, reader, spool).await {
        secrets.sinks.insert(address, state);
    }
    while let Some(joined) = comparisons.join_next().await {
        if let Ok((address, state)) = joined {
            secrets.passwords.insert(address, state);
        }
    }
    secrets
}

/// The token that a manifest describes, as far as that can be told without planning.
fn token_of<'a>(actual: &'a Actual, stack: &str, declared: &Declared) -> Option<&'a Object> {
    let bound = declared.bound_id.and_then(|id| actual.get(Kind::Token, id));
    // Of several generations the newest is the one whose key is in the sinks.
    let number = |object: &&Object| {
        object.mark_of(stack).and_then(|mark| mark.generation).map_or(1, |it| it.number)
    };
    let of_mark = actual.of_kind(Kind::Token).filter(|object| is_of(object, stack, declared));
    of_mark.max_by_key(number).or(bound)
}

fn is_of(object: &Object, stack: &str, declared: &Declared) -> bool {
    object.mark_of(stack).is_some_and(|mark| {
        mark.address == declared.address || Some(&mark.address) == declared.moved_from.as_ref()
    })
}

fn last_fingerprint(actual: &Actual, stack: &str, declared: &Declared) -> Option<String> {
    let object = actual.of_kind(Kind::Subaccount).find(|object| is_of(object, stack, declared))?;
    object.mark_of(stack)?.password.clone()
}

async fn compare(credentials: Credentials, known: Option<String>, programs: Programs) -> Password {
    let Some(source) = &credentials.password else { return Password::Unchanged };
    let Some(known) = known else {
        // What is at hand is looked at before anything is sent. That it is not there is another matter: whoever plans need
        // not have the secrets, and reads no file for it that a manifest chose.
        let is_at_hand = match source {
            Source::Env(_) => true,
            Source::File(_) => programs == Programs::Run,
            Source::Exec { .. } | Source::Generate { .. } => false,
        };
        if !is_at_hand {
            return Password::NeverSet;
        }
        return match source.password(credentials.least).await {
            Err(error) if error.is_unfit() => Password::Unfit(error.to_string()),
            _ => Password::NeverSet,
        };
    };
    if programs == Programs::Leave && !source.is_passive() {
        return Password::Unknown(format!("{source} is not run by a plan"));
    }
    let form = credentials.form.unwrap_or(PASSWORD_FORM);
    match source.password(credentials.least).await {
        Err(error) if error.is_unfit() => Password::Unfit(error.to_string()),
        Err(error) => Password::Unknown(error.to_string()),
        Ok(None) => Password::Unknown(format!(
            "{source}: what was made is gone from its sink, and a lost file makes no new password"
        )),
        Ok(Some(secret)) => match hash_matches(known, form.of(&secret)).await {
            true => Password::Unchanged,
            false => Password::Changed,
        },
    }
}

/// The hash is slow on purpose, so it is computed where it holds up nobody.
async fn hash_matches(known: String, secret: SecretString) -> bool {
    tokio::task::spawn_blocking(move || fingerprint::matches(&known, &secret))
        .await
        .unwrap_or(false)
}
