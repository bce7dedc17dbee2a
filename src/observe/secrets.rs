//! What is known of the secrets that manifests mention, without the secrets.

mod sinks;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

pub use sinks::{KeyAt, SinkState};

use crate::api::Reader;
use crate::causes::error_chain;
use crate::handles;
use crate::resource::{Address, KeyNote};
use crate::secret::{PasswordForm, SecretString, Sink, Source, Spool, Trust, fingerprint};

/// Secrets and sinks that are looked at at once: some of them are programs and stores, and a hash takes memory.
const LOOKS_AT_ONCE: usize = 8;

/// Leave to look, for as many as may at once.
fn leaves() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(handles::at_once(handles::OF_A_PROGRAM, LOOKS_AT_ONCE)))
}

/// A secret of an object: the password of a subaccount, or what has a stand-in, by the name of the field.
pub type SecretAt = (Address, String);

/// A declared secret.
#[derive(Debug, Clone)]
pub struct SecretQuestion {
    /// Where it comes from.
    pub source: Source,
    /// In what form it is sent.
    pub form: PasswordForm,
    /// The fewest characters that it may have.
    pub least: Option<u16>,
    /// The slow hash of the one that was last set; none: none was.
    pub known: Option<String>,
}

/// The sinks of a declared token.
#[derive(Debug, Clone)]
pub struct SinkQuestion {
    /// The token, if it is there.
    pub id: Option<i64>,
    /// What its mark says of its key.
    pub note: Option<KeyNote>,
    /// All its sinks.
    pub sinks: Vec<Sink>,
}

/// How a declared secret compares with the one that was last set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretState {
    /// None was set by us yet.
    NeverSet {
        /// Why the source gives nothing here, as far as a plan can see.
        trouble: Option<String>,
    },
    /// It is the one that was last set.
    Unchanged,
    /// It is another one.
    Changed,
    /// The source gives nothing now, so that no run could set it.
    Unavailable(String),
    /// How it compares could not be told.
    Unknown(String),
    /// The source was not asked, since only a manifest chose it.
    Hidden(String),
}

/// Compares declared secrets with what marks remember of the last ones.
pub(super) async fn states(
    questions: BTreeMap<SecretAt, SecretQuestion>,
    trust: &Trust,
) -> BTreeMap<SecretAt, SecretState> {
    let interrupted = || SecretState::Unknown("the comparison was interrupted".to_owned());
    let mut states: BTreeMap<_, _> =
        questions.keys().map(|at| (at.clone(), interrupted())).collect();
    let leaves = leaves();
    let mut comparisons = JoinSet::new();
    for (at, question) in questions {
        let (trust, leaves) = (trust.clone(), Arc::clone(&leaves));
        comparisons.spawn(async move {
            // Never closed, so acquiring fails only if it were.
            let _leave = leaves.acquire().await.ok();
            (at, compare(question, &trust).await)
        });
    }
    while let Some(joined) = comparisons.join_next().await {
        if let Ok((at, state)) = joined {
            states.insert(at, state);
        }
    }
    states
}

/// Finds out how sinks are filled, and where keys are that are not where they belong.
pub(super) async fn sink_states(
    questions: BTreeMap<Address, SinkQuestion>,
    trust: &Trust,
    reader: &Reader,
    spool: &Spool,
) -> BTreeMap<Address, SinkState> {
    let unknown = || SinkState {
        trouble: Some("checking its sinks was interrupted".to_owned()),
        ..SinkState::default()
    };
    let mut states: BTreeMap<_, _> =
        questions.keys().map(|address| (address.clone(), unknown())).collect();
    let leaves = leaves();
    let mut looks = JoinSet::new();
    for (address, question) in questions {
        let (trust, leaves) = (trust.clone(), Arc::clone(&leaves));
        looks.spawn(async move {
            let _leave = leaves.acquire().await.ok();
            let look = sinks::look(&question.sinks, question.note, &trust).await;
            (address, question.id, look)
        });
    }
    let mut lacking = Vec::new();
    while let Some(joined) = looks.join_next().await {
        let Ok((address, id, look)) = joined else { continue };
        match look.is_lacking() {
            true => lacking.push((address, id, look)),
            false => {
                states.insert(address, look.state(KeyAt::Platform));
            }
        }
    }
    states.extend(sinks::find(lacking, reader, spool).await);
    states
}

/// Finds out which sinks would refuse a secret here. A run that carries the plan out asks the sinks themselves, at once.
pub(super) async fn places(
    questions: BTreeMap<Address, Vec<Sink>>,
    trust: &Trust,
) -> BTreeMap<Address, Vec<(Sink, String)>> {
    let nothing = questions.keys().map(|address| (address.clone(), Vec::new())).collect();
    if matches!(trust, Trust::Reviewed) {
        return nothing;
    }
    let trust = trust.clone();
    let look = move || {
        let foresee = |sink: Sink| sink.foresees(&trust).map(|reason| (sink, reason));
        let all = questions.into_iter();
        all.map(|(address, sinks)| (address, sinks.into_iter().filter_map(foresee).collect()))
            .collect()
    };
    tokio::task::spawn_blocking(look).await.unwrap_or(nothing)
}

async fn compare(question: SecretQuestion, trust: &Trust) -> SecretState {
    let SecretQuestion { source, form, least, known } = question;
    if let Some(reason) = source.hidden_from(trust) {
        return match known {
            Some(_) => SecretState::Hidden(format!("{source} was not read: {reason}")),
            None => SecretState::NeverSet { trouble: None },
        };
    }
    let Some(known) = known else {
        // A program is run once, when its answer is needed.
        if !source.is_passive() {
            return SecretState::NeverSet { trouble: None };
        }
        return match (source.password(least).await, trust) {
            // What is at hand and can be no secret is told before anything is sent.
            (Err(error), _) if error.is_unfit() => SecretState::Unavailable(error_chain(&error)),
            (Ok(_), _) => SecretState::NeverSet { trouble: None },
            (Err(error), Trust::Reviewed) => SecretState::Unavailable(error_chain(&error)),
            // A plan is often made where the secrets are not.
            (Err(error), Trust::Unreviewed(_)) => {
                SecretState::NeverSet { trouble: Some(error_chain(&error)) }
            }
        };
    };
    match source.password(least).await {
        Err(error) if error.is_unfit() => SecretState::Unavailable(error_chain(&error)),
        Err(error) => SecretState::Unknown(error.to_string()),
        Ok(None) => SecretState::Unknown(format!(
            "{source}: the generated value is gone from its sink; a lost file alone does not generate a new \
             secret"
        )),
        Ok(Some(secret)) => match hash_matches(known, form.of(&secret)).await {
            true => SecretState::Unchanged,
            false => SecretState::Changed,
        },
    }
}

/// The hash is slow on purpose, so it is computed where it holds up nobody.
async fn hash_matches(known: String, secret: SecretString) -> bool {
    tokio::task::spawn_blocking(move || fingerprint::matches(&known, &secret))
        .await
        .unwrap_or(false)
}
