//! The courier: brings the key of a token to every place where it belongs, and loses none on the way.
//!
//! A new key is kept in the spool before anything else is done with it. When every sink has it, that is noted in the
//! token's mark, and only then the spool forgets it. So wherever a run ends, the next one sees from the mark that a key
//! is on its way, and finds it in the spool or, where that is gone, on the platform.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::job::Failure;
use super::payload::{Edit, Enclosing, NewItem, Parcel};
use super::{secrets, set};
use crate::api::{Item, PlatformTime, Writer};
use crate::causes::error_chain;
use crate::handles;
use crate::observe::KeyAt;
use crate::plan::{Delivery, Effect, Plan};
use crate::resource::{KeyNote, Kind, Mark, Signer};
use crate::secret::{SecretString, Sink, Spool, print};

/// Sinks that are asked or filled at once: some of them are programs.
const SINKS_AT_ONCE: usize = 8;

/// Brings keys to sinks.
#[derive(Debug, Clone)]
pub(super) struct Courier {
    pub(super) writer: Writer,
    spool: Spool,
    signer: Signer,
    /// The stack whose tokens these are.
    stack: String,
    /// What would keep new keys from where they belong: by sink, and the spool's own trouble.
    refused: Arc<(BTreeMap<Sink, String>, Option<String>)>,
    /// How many sinks are filled at once.
    permits: Arc<Semaphore>,
    /// Whether the platform was seen to make several tokens of a call only one by one.
    one_by_one: Arc<AtomicBool>,
}

impl Courier {
    /// A courier for `plan`, who asks the spool and every sink of every new token whether they would take a key.
    pub(super) async fn new(writer: Writer, spool: Spool, signer: Signer, plan: &Plan) -> Self {
        let new = plan.steps.iter().filter_map(|step| match &step.effect {
            Effect::Create(effect) => Some(&effect.deliver),
            _ => None,
        });
        let sinks: BTreeSet<Sink> = new.flatten().cloned().collect();
        let mut trouble = None;
        if !sinks.is_empty()
            && let Err(error) = spool.probe().await
        {
            trouble = Some(format!(
                "{}; no token is created, because its key could get lost; choose another folder with \
                 --state-dir, or pass --no-spool",
                error_chain(&error)
            ));
        }
        let permits =
            Arc::new(Semaphore::new(handles::at_once(handles::OF_A_PROGRAM, SINKS_AT_ONCE)));
        let mut probes = JoinSet::new();
        for sink in sinks {
            let permits = Arc::clone(&permits);
            probes.spawn(async move {
                // Never closed, so acquiring fails only if it were.
                let _permit = permits.acquire().await.ok();
                let answer = sink.probe().await;
                (sink, answer)
            });
        }
        let mut refused = BTreeMap::new();
        while let Some(probed) = probes.join_next().await {
            if let Ok((sink, Err(error))) = probed {
                refused.insert(sink, error_chain(&error));
            }
        }
        Self {
            writer,
            spool,
            signer,
            stack: plan.stack.clone(),
            refused: Arc::new((refused, trouble)),
            permits,
            one_by_one: Arc::default(),
        }
    }

    /// What is sent for `edit`, with its secrets.
    pub(super) async fn enclosed(&self, edit: &Edit) -> Result<Item, Failure> {
        let mut item = edit.item.clone();
        if let Some(Enclosing { sources, owner, kind }) = &edit.enclosing {
            secrets::enclose(&mut item, *kind, sources, *owner, &self.signer).await?;
        }
        Ok(item)
    }

    /// The same of something new in the account `owner`.
    pub(super) async fn enclosed_new(&self, new: &NewItem, owner: i64) -> Result<NewItem, Failure> {
        let mut new = new.clone();
        let kind = new.address.kind;
        secrets::enclose(&mut new.item, kind, &new.sources, owner, &self.signer).await?;
        Ok(new)
    }

    /// Whether all of `sinks` would take a key. One that cannot be stored is better not made.
    pub(super) fn expect(&self, sinks: &[Sink]) -> Result<(), Failure> {
        let (refused, trouble) = &*self.refused;
        let of_sinks = sinks.iter().filter_map(|sink| refused.get(sink));
        let of_spool = trouble.iter().filter(|_| !sinks.is_empty());
        let words: Vec<&str> = of_sinks.chain(of_spool).map(String::as_str).collect();
        if words.is_empty() { Ok(()) } else { Err(Failure::new(words.join("; "))) }
    }

    /// Keeps the key of a new token until it is delivered.
    pub(super) async fn keep(&self, id: i64, key: &SecretString) {
        // If this fails after all, the sinks are all there is, and they are tried in any case.
        if let Err(error) = self.spool.put(id, key).await {
            tracing::warn!(token = id, "{}", error_chain(&error));
        }
    }

    /// Whether tokens are made one by one on this platform.
    pub(super) fn makes_one_by_one(&self) -> bool {
        self.one_by_one.load(Ordering::Relaxed)
    }

    /// Remembers for the rest of the run that several tokens of a call were only made one by one.
    pub(super) fn note_one_by_one(&self) {
        self.one_by_one.store(true, Ordering::Relaxed);
    }

    /// Brings the key of a new token, which is [kept](Self::keep), to all of `sinks`. Gives the metadata that the token has then.
    pub(super) async fn bring_new(
        &self,
        parcel: Parcel,
        key: Option<SecretString>,
        sinks: &[Sink],
    ) -> Result<Map<String, Value>, Failure> {
        let from = if key.is_some() { KeyAt::Spool } else { KeyAt::Platform };
        let delivery = Delivery { all: sinks.to_vec(), lacking: sinks.to_vec(), from };
        self.bring(parcel, key, &delivery).await
    }

    /// Brings the key of an existing token to the sinks that lack it. Gives the metadata that the token has then.
    pub(super) async fn bring(
        &self,
        parcel: Parcel,
        key: Option<SecretString>,
        delivery: &Delivery,
    ) -> Result<Map<String, Value>, Failure> {
        let id = parcel.id;
        let undelivered = |what: String| Failure { id: Some(id), ..Failure::new(what) };
        let key = match key {
            Some(key) => key,
            None => {
                self.fetch(id, &delivery.from).await.map_err(|failure| undelivered(failure.what))?
            }
        };
        let mut troubles = Vec::new();
        // Never closed, so acquiring fails only if it were.
        let permit = self.permits.acquire().await.ok();
        for sink in &delivery.lacking {
            if let Err(error) = sink.deliver(&key).await {
                troubles.push(error_chain(&error));
            }
        }
        drop(permit);
        if !troubles.is_empty() {
            // Whatever the key was read from may be gone by the next run.
            let kept = match self.spool.put(id, &key).await {
                Ok(()) if self.spool.is_used() => "the key is kept in the spool",
                _ => "the key is read from the platform again",
            };
            return Err(undelivered(format!(
                "undelivered: token {id} exists, but its key is missing from a sink: {}; {kept}, and the next \
                 run retries",
                troubles.join("; ")
            )));
        }
        let metadata = self.note(parcel, &key, &delivery.all).await.map_err(|failure| {
            undelivered(format!(
                "the key of token {id} is delivered, but its mark could not be updated: {}; the next run \
                 updates it",
                failure.what
            ))
        })?;
        // One that stays is overwritten or taken away by a later run, and does no harm.
        if let Err(error) = self.spool.remove(id).await {
            tracing::warn!(token = id, "{}", error_chain(&error));
        }
        Ok(metadata)
    }

    /// Notes that the key of a token that came back is on its way, unless it is the one that was delivered. Gives the metadata
    /// that the token has then. A key that the platform does not give may be another one: whose the delivered one is shows
    /// when it is looked for.
    pub(super) async fn doubt(
        &self,
        id: i64,
        owner: i64,
        mut metadata: Map<String, Value>,
        key: Option<&SecretString>,
    ) -> Result<Map<String, Value>, Failure> {
        let Some(mut mark) = Mark::read(&metadata).ok().flatten() else { return Ok(metadata) };
        let Some(KeyNote::Delivered { print, .. }) = &mark.key else { return Ok(metadata) };
        if mark.stack != self.stack || key.is_some_and(|key| print::of(key) == *print) {
            return Ok(metadata);
        }
        mark.key = Some(KeyNote::Pending);
        mark.write(&mut metadata);
        self.signer.sign(owner, &mut metadata);
        set::set_metadata(&self.writer, Kind::KEY, id, metadata).await
    }

    /// The key of token `id`, if it is in the spool.
    pub(super) async fn spooled(&self, id: i64) -> Option<SecretString> {
        self.spool.get(id).await.unwrap_or_else(|error| {
            tracing::warn!(token = id, "{}", error_chain(&error));
            None
        })
    }

    /// Gets the key from where it was seen or, failing that, from wherever it still is.
    async fn fetch(&self, id: i64, from: &KeyAt) -> Result<SecretString, Failure> {
        if let KeyAt::Sink(sink) = from
            && let Some(key) = sink.read().await.ok().and_then(crate::secret::Held::secret)
        {
            return Ok(key);
        }
        if let Some(key) = self.spooled(id).await {
            return Ok(key);
        }
        self.writer.reader().keys(&[id]).await?.remove(&id).ok_or_else(|| {
            Failure::new(format!(
                "undelivered: the key of token {id} is in no sink and not in the spool, and the platform does \
                 not return it again"
            ))
        })
    }

    /// Notes in the mark that every sink has the key.
    async fn note(
        &self,
        parcel: Parcel,
        key: &SecretString,
        sinks: &[Sink],
    ) -> Result<Map<String, Value>, Failure> {
        let Parcel { id, owner, mut metadata } = parcel;
        let Some(mut mark) = Mark::read(&metadata).ok().flatten() else { return Ok(metadata) };
        let served = sinks.iter().map(Sink::served_as).collect();
        let note = Some(KeyNote::Delivered { print: print::of(key), served });
        let is_open = mark.generation.is_some_and(|generation| generation.delivered.is_none());
        if mark.key == note && !is_open {
            return Ok(metadata);
        }
        mark.key = note;
        if let Some(generation) = mark.generation.as_mut().filter(|_| is_open) {
            // Where the time is doubted the later one counts, so that the key before is never cut off early.
            let PlatformTime { now, here, doubt } = self.writer.reader().time();
            generation.delivered = Some(if doubt.is_some() { now.max(here) } else { now });
        }
        mark.write(&mut metadata);
        self.signer.sign(owner, &mut metadata);
        set::set_metadata(&self.writer, Kind::KEY, id, metadata).await
    }
}
