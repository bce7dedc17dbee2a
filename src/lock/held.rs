//! Shares that somebody holds, and what takes them and gives them back.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::Release;
use super::heart::{PATIENCE, Term};
use super::keep::{Away, Keep, Version, Written};
use super::record::{Grant, ShareRecord, encode, now, of_share};
use super::share::Share;
use super::soon::Soon;

/// So many shares are taken or given back at once.
const AT_ONCE: usize = 16;

/// A share that is free to be taken, and what takes it.
pub(super) struct Free {
    pub(super) share: Share,
    /// The last generation of it; 0 if there was none.
    pub(super) generation: u64,
    pub(super) version: Option<Version>,
}

/// Shares that are held.
pub(super) struct Shares {
    keep: Arc<dyn Keep>,
    grant: Grant,
    records: Vec<(ShareRecord, Version)>,
    term: Term,
}

impl Shares {
    /// None yet, for a grant that is kept alive by `term`.
    pub(super) fn none(keep: Arc<dyn Keep>, grant: Grant, term: Term) -> Self {
        Self { keep, grant, records: Vec::new(), term }
    }

    /// Takes shares that were free; whether all of them still were.
    pub(super) async fn take(&mut self, free: Vec<Free>) -> Result<bool, Away> {
        let mut tasks = JoinSet::new();
        let mut rest = free.into_iter();
        let mut took_all = Ok(true);
        loop {
            while tasks.len() < AT_ONCE
                && let Some(free) = rest.next()
            {
                let (keep, record) = (Arc::clone(&self.keep), self.record(free.share));
                tasks.spawn(async move {
                    let name = of_share(&record.key, record.share);
                    let written = keep.write(&name, &encode(&record), free.version.as_ref()).await;
                    (record, written)
                });
            }
            let Some(joined) = tasks.join_next().await else { return took_all };
            match joined {
                Ok((record, Ok(Written::At(version)))) => self.records.push((record, version)),
                Ok((_, Ok(Written::Changed))) => took_all = took_all.map(|_| false),
                // What may have been written names a grant that is about to end.
                Ok((_, Err(away))) => took_all = Err(away),
                Err(error) => took_all = Err(Away(error.to_string())),
            }
            if took_all != Ok(true) {
                rest = Vec::new().into_iter();
            }
        }
    }

    fn record(&self, share: Share) -> ShareRecord {
        ShareRecord {
            key: self.grant.key.clone(),
            share: share.0,
            generation: self.grant.generation,
            grant: Some(self.grant.id.clone()),
            holder: self.grant.holder.clone(),
            taken_at: self.grant.taken_at,
            given_at: None,
        }
    }

    /// Gives everything back, so that nobody has to wait for the end of the lease.
    async fn give_back(mut self) {
        self.term.close();
        let mut tasks = JoinSet::new();
        let mut rest = std::mem::take(&mut self.records).into_iter();
        loop {
            while tasks.len() < AT_ONCE
                && let Some((record, version)) = rest.next()
            {
                let keep = Arc::clone(&self.keep);
                tasks.spawn(async move {
                    let record = ShareRecord { grant: None, given_at: Some(now()), ..record };
                    let name = of_share(&record.key, record.share);
                    let value = encode(&record);
                    let write = keep.write(&name, &value, Some(&version));
                    matches!(tokio::time::timeout(PATIENCE, write).await, Ok(Ok(_)))
                });
            }
            match tasks.join_next().await {
                None => break,
                Some(Ok(true)) => {}
                // The store is away: what is left ends by itself.
                Some(_) => rest = Vec::new().into_iter(),
            }
        }
        self.term.end().await;
    }
}

impl Release for Shares {
    fn release(self: Box<Self>) -> Soon<'static, ()> {
        Box::pin(self.give_back())
    }
}
