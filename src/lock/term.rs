//! Leases that end by themselves, over whatever [keeps](Keep) small values for several machines.
//!
//! # What is promised
//!
//! * A share of a stack is written by at most one holder, and every write carries the holder's *generation*, which is
//!   larger than that of everybody who had the share before.
//! * A holder gives a sign of life every 1.5 s. It may begin a write until 5 s after the last one that was
//!   answered *left*, and waits for the answer of a write until 7 s after it; others may take the share once they saw no
//!   sign of life for all of [`LASTS`]: 8 s. So a holder is over a second before anybody follows it.
//! * Both sides measure spans on their own clock, from a moment that they saw themselves: the holder from before its sign
//!   of life left, the others from after they read it. No clock is compared with another, that of the store neither, and
//!   what anybody's wall clock says decides nothing. What is assumed is that two clocks run equally fast but for an eighth.
//! * A process that was stopped finds the time gone before its next write: the clock is asked immediately before each
//!   request, and it counts while the process is stopped, and on Linux while the machine sleeps.
//! * A store that does not answer is not one that says "free": nothing is taken, and what is held ends by the clock.
//!
//! # What nobody can promise
//!
//! The platform does not know generations, so it cannot refuse a write that comes too late. A request that left within
//! the lease and is held up on its way for longer than the margin, 3 s, arrives when somebody else may write. The
//! connection is closed when the lease is over, which calls back what has not left this machine; the rest would be the
//! platform's to refuse. Between the look at the clock and the request there are microseconds in which a process can be
//! stopped as well.
//!
//! # How
//!
//! A *grant* is a record that its holder writes again and again, each time over the version that it knows. Whoever sees
//! the same version for as long as the grant lasts removes it, again over that version: of a sign of life that arrives
//! late and the removal, one fails. A grant that is not there has ended; a share whose grant has ended is free. Generations
//! are drawn from one counter of the stack, after the shares were read and before they are taken at the versions that were
//! read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::RngExt;
use tokio::sync::watch;

use super::heart::{LASTS, RENEW, Term};
use super::held::{Free, Shares};
use super::info::{Fences, Holder, LeaseKey, LockInfo, LockState};
use super::keep::{Away, Keep, Kept, Version, Written};
use super::membership::Membership;
use super::record::{
    BREAKS, Break, Broken, Counter, GRANTS, Grant, Role, ShareRecord, decode, encode, now,
    of_counter, of_grant, of_share, shares_of,
};
use super::share::Share;
use super::soon::Soon;
use super::ticks::Ticks;
use super::{Lease, Leases, LockError, Release};

/// How often somebody looks who else is there.
const LOOK: Duration = Duration::from_secs(1);

/// How often a counter is drawn from until somebody else was faster each time.
const DRAWS: usize = 50;

/// Leases over a store of small values.
#[derive(Clone)]
pub struct TermLeases {
    keep: Arc<dyn Keep>,
    ticks: Ticks,
    /// Since when each grant is known to be what it is.
    sights: Arc<Mutex<BTreeMap<String, Sight>>>,
}

/// A version that was seen, and since when.
#[derive(Debug, Clone)]
struct Sight {
    version: Version,
    since: Duration,
}

impl std::fmt::Debug for TermLeases {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "TermLeases({})", self.keep.place())
    }
}

impl TermLeases {
    /// Leases in `keep`.
    pub fn new(keep: Arc<dyn Keep>) -> Self {
        Self { keep, ticks: Ticks::of_this_machine(), sights: Arc::default() }
    }

    #[cfg(test)]
    pub(super) fn of_a_test(keep: Arc<dyn Keep>) -> Self {
        Self { ticks: Ticks::of_a_test(), ..Self::new(keep) }
    }

    fn away(&self, Away(reason): Away) -> LockError {
        LockError::Away { place: self.keep.place().to_owned(), reason }
    }

    /// Every grant, and for how long each has been what it is.
    async fn grants(&self) -> Result<Vec<(Kept, Option<Grant>, Duration)>, Away> {
        let list = self.keep.list(GRANTS).await?;
        // After the answer: a grant was what it is at least since then.
        let now = self.ticks.now();
        let mut sights = self.sights.lock().unwrap_or_else(PoisonError::into_inner);
        sights.retain(|name, _| list.iter().any(|kept| kept.name == *name));
        let grants = list.into_iter().map(|kept| {
            let first = Sight { version: kept.version.clone(), since: now };
            let sight = sights.entry(kept.name.clone()).or_insert_with(|| first.clone());
            if sight.version != kept.version {
                *sight = first;
            }
            let unchanged = now.saturating_sub(sight.since);
            let grant = decode::<Grant>(&kept);
            (kept, grant, unchanged)
        });
        Ok(grants.collect())
    }

    /// The grants that are alive, by their names; those that have ended are removed.
    async fn living(&self) -> Result<BTreeMap<String, Option<Grant>>, Away> {
        let mut living = BTreeMap::new();
        for (kept, grant, unchanged) in self.grants().await? {
            let lasts = grant.as_ref().map_or(LASTS, |grant| Duration::from_millis(grant.lasts_ms));
            let is_over = unchanged >= lasts.max(LASTS);
            if !(is_over && self.keep.remove(&kept.name, &kept.version).await?) {
                living.insert(kept.name, grant);
            }
        }
        Ok(living)
    }

    /// The shares that were asked for, all free; or who has one of them.
    async fn free(
        &self,
        key: &LeaseKey,
        wanted: &BTreeSet<Share>,
    ) -> Result<Result<Vec<Free>, Box<LockInfo>>, Away> {
        let list = self.keep.list(&shares_of(key)).await?;
        let there: BTreeMap<&str, &Kept> =
            list.iter().map(|kept| (kept.name.as_str(), kept)).collect();
        // Read after the shares: whoever took one by then has a grant.
        let mut living = None;
        let mut free = Vec::new();
        for share in wanted {
            let name = of_share(key, share.0);
            let kept = there.get(name.as_str());
            let record = kept.and_then(|kept| decode::<ShareRecord>(kept));
            if let Some(ShareRecord { grant: Some(id), .. }) = &record {
                if living.is_none() {
                    living = Some(self.living().await?);
                }
                let grants = living.get_or_insert_default();
                if let Some(grant) = grants.get(&of_grant(id)) {
                    return Ok(Err(Box::new(self.info(grant.as_ref(), LockState::Held))));
                }
            }
            let generation = record.map_or(0, |record| record.generation);
            let version = kept.map(|kept| kept.version.clone());
            free.push(Free { share: *share, generation, version });
        }
        Ok(Ok(free))
    }

    /// Draws a generation that is larger than all that were drawn before, and than `least`.
    async fn draw(&self, key: &LeaseKey, least: u64) -> Result<u64, Away> {
        let name = of_counter(key);
        for _ in 0..DRAWS {
            let there = self.keep.read(&name).await?;
            let last = there.as_ref().and_then(decode::<Counter>);
            let next = last.map_or(0, |counter| counter.last).max(least) + 1;
            let version = there.map(|kept| kept.version);
            let value = encode(&Counter { last: next });
            match self.keep.write(&name, &value, version.as_ref()).await? {
                Written::At(_) => return Ok(next),
                Written::Changed => {
                    let pause = rand::rng().random_range(1..20);
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                }
            }
        }
        Err(Away(format!("{name} was changed {DRAWS} times in the meantime")))
    }

    async fn take(
        &self,
        key: &LeaseKey,
        wanted: &BTreeSet<Share>,
        holder: &Holder,
    ) -> Result<Lease, LockError> {
        let free = self.free(key, wanted).await.map_err(|away| self.away(away))?;
        let free = free.map_err(LockError::Held)?;
        let least = free.iter().map(|free| free.generation).max().unwrap_or(0);
        let generation = self.draw(key, least).await.map_err(|away| self.away(away))?;
        let grant = self.grant(key, holder, Role::Writer, (generation, free.len()));
        let term = self.begin(grant.clone()).await?;
        let previous = free
            .iter()
            .map(|free| (free.share, free.version.as_ref().map(|_| free.generation)))
            .collect();
        let (right, lost) = (term.right.clone(), term.lost());
        let mut kept = Shares::none(Arc::clone(&self.keep), grant, term);
        // The first alone: of two that want the same, one gets it and the other none.
        let mut rest = free.into_iter();
        let first: Vec<Free> = rest.by_ref().take(1).collect();
        for some in [first, rest.collect()] {
            match kept.take(some).await {
                Ok(true) => {}
                Ok(false) => {
                    Box::new(kept).release().await;
                    return Err(LockError::Held(Box::new(self.info(None, LockState::Held))));
                }
                Err(away) => {
                    Box::new(kept).release().await;
                    return Err(self.away(away));
                }
            }
        }
        let key = key.clone();
        Ok(Lease {
            fence: generation,
            previous,
            key,
            lost,
            right: Some(right),
            held: Box::new(kept),
        })
    }

    fn grant(
        &self,
        key: &LeaseKey,
        holder: &Holder,
        role: Role,
        (generation, shares): (u64, usize),
    ) -> Grant {
        let chance: u32 = rand::rng().random();
        let id = format!("{}-{chance:08x}", holder.run);
        Grant {
            id,
            key: key.clone(),
            holder: holder.clone(),
            role,
            generation,
            shares,
            beat: 0,
            lasts_ms: LASTS.as_millis() as u64,
            taken_at: now(),
            renewed_at: now(),
            broken: None,
        }
    }

    /// Writes a grant, and keeps it alive from now on.
    async fn begin(&self, grant: Grant) -> Result<Term, LockError> {
        Term::begin(&self.keep, &self.ticks, grant).await.map_err(|away| self.away(away))
    }

    fn info(&self, grant: Option<&Grant>, state: LockState) -> LockInfo {
        let place = self.keep.place().to_owned();
        let Some(grant) = grant else { return LockInfo::unknown(place, state) };
        let mut info = LockInfo::unknown(place, state);
        info.key = Some(grant.key.clone());
        info.fence = Some(grant.generation).filter(|generation| *generation > 0);
        info.is_local = grant.holder.is_of_this_boot();
        info.holder = Some(grant.holder.clone());
        info.acquired_at = Some(grant.taken_at);
        info.heartbeat_at = Some(grant.renewed_at);
        info.id = Some(grant.id.clone());
        info.shares = Some(grant.shares).filter(|_| grant.role == Role::Writer);
        info.is_member = grant.role == Role::Member;
        info.broken = grant
            .broken
            .as_ref()
            .map(|broken| format!("broken by {}: {}", broken.by, broken.reason));
        info
    }

    async fn infos(&self) -> Result<Vec<LockInfo>, Away> {
        let mut first = self.grants().await?;
        if !first.is_empty() {
            // Whether somebody is alive shows only after a while.
            tokio::time::sleep(2 * RENEW).await;
            first = self.grants().await?;
        }
        let mut infos = Vec::new();
        let mut held = BTreeSet::new();
        for (_, grant, unchanged) in &first {
            let state = match *unchanged >= 2 * RENEW {
                true => LockState::Silent,
                false => LockState::Held,
            };
            if let Some(Grant { role: Role::Writer, key, .. }) = grant {
                held.insert(key.clone());
            }
            infos.push(self.info(grant.as_ref(), state));
        }
        let ids: BTreeSet<&String> =
            first.iter().filter_map(|(_, grant, _)| Some(&grant.as_ref()?.id)).collect();
        // Of what is free, the last holder of each stack.
        let mut last: BTreeMap<LeaseKey, ShareRecord> = BTreeMap::new();
        for record in self.keep.list("leases/").await?.iter().filter_map(decode::<ShareRecord>) {
            if record.grant.as_ref().is_some_and(|id| ids.contains(id))
                || held.contains(&record.key)
            {
                continue;
            }
            let is_newer =
                last.get(&record.key).is_none_or(|known| known.generation < record.generation);
            if is_newer {
                last.insert(record.key.clone(), record);
            }
        }
        for (key, record) in last {
            let state = match record.grant {
                Some(_) => LockState::Abandoned,
                None => LockState::Free,
            };
            let mut info = LockInfo::unknown(self.keep.place().to_owned(), state);
            info.key = Some(key);
            info.fence = Some(record.generation);
            info.is_local = record.holder.is_of_this_boot();
            info.holder = Some(record.holder);
            info.acquired_at = Some(record.taken_at);
            info.heartbeat_at = record.given_at.or(Some(record.taken_at));
            info.released_at = record.given_at;
            infos.push(info);
        }
        Ok(infos)
    }

    async fn break_it(&self, id: &str, by: &str, reason: &str) -> Result<Option<LockInfo>, Away> {
        let name = of_grant(id);
        loop {
            let Some(kept) = self.keep.read(&name).await? else { return Ok(None) };
            let Some(mut grant) = decode::<Grant>(&kept) else {
                return Ok(self
                    .keep
                    .remove(&name, &kept.version)
                    .await?
                    .then(|| self.info(None, LockState::Held)));
            };
            let broken = Broken { by: by.to_owned(), reason: reason.to_owned(), at: now() };
            grant.broken = Some(broken.clone());
            // On record first: what is broken without a record cannot be told from a fault.
            let record = encode(&Break { grant: grant.clone(), broken });
            let record_name = format!("{BREAKS}{id}");
            let there = self.keep.read(&record_name).await?.map(|kept| kept.version);
            self.keep.write(&record_name, &record, there.as_ref()).await?;
            if let Written::At(_) =
                self.keep.write(&name, &encode(&grant), Some(&kept.version)).await?
            {
                return Ok(Some(self.info(Some(&grant), LockState::Held)));
            }
        }
    }
}

impl Leases for TermLeases {
    fn fences(&self) -> Soon<'_, Fences> {
        Box::pin(async move {
            let mut fences = Fences::default();
            let Ok(list) = self.keep.list("leases/").await else {
                return Fences { is_partial: true, ..fences };
            };
            for kept in list {
                match decode::<ShareRecord>(&kept) {
                    Some(ShareRecord { grant: None, key, share, generation, .. }) => {
                        fences.at_rest.insert((key, Share(share)), generation);
                    }
                    Some(ShareRecord { grant: Some(_), key, share, .. }) => {
                        fences.in_use.insert((key, Share(share)));
                    }
                    None => fences.is_partial = true,
                }
            }
            fences
        })
    }

    fn try_acquire<'a>(
        &'a self,
        key: &'a LeaseKey,
        shares: &'a BTreeSet<Share>,
        holder: &'a Holder,
    ) -> Soon<'a, Result<Lease, LockError>> {
        Box::pin(self.take(key, shares, holder))
    }

    fn list(&self) -> Soon<'_, Result<Vec<LockInfo>, LockError>> {
        Box::pin(async move { self.infos().await.map_err(|away| self.away(away)) })
    }

    fn break_lease<'a>(
        &'a self,
        id: &'a str,
        by: &'a str,
        reason: &'a str,
    ) -> Soon<'a, Result<Option<LockInfo>, LockError>> {
        Box::pin(async move { self.break_it(id, by, reason).await.map_err(|away| self.away(away)) })
    }

    fn join<'a>(
        &'a self,
        key: &'a LeaseKey,
        holder: &'a Holder,
    ) -> Soon<'a, Result<Option<Box<dyn Membership>>, LockError>> {
        Box::pin(async move {
            let member = Member::join(self.clone(), key, holder).await?;
            Ok(Some(Box::new(member) as Box<dyn Membership>))
        })
    }

    fn ask_every(&self) -> Duration {
        Duration::from_millis(500)
    }

    fn is_shared(&self) -> bool {
        true
    }
}

/// A daemon that is there to take its part of the work.
struct Member {
    id: String,
    term: Term,
    lost: watch::Receiver<bool>,
    leases: TermLeases,
    key: LeaseKey,
}

impl Member {
    async fn join(leases: TermLeases, key: &LeaseKey, holder: &Holder) -> Result<Self, LockError> {
        let grant = leases.grant(key, holder, Role::Member, (0, 0));
        let id = grant.id.clone();
        let term = leases.begin(grant).await?;
        let lost = term.lost();
        Ok(Self { id, term, lost, leases, key: key.clone() })
    }

    async fn members(&self) -> Result<BTreeSet<String>, Away> {
        let members = self.leases.living().await?.into_values().flatten().filter(|grant| {
            grant.role == Role::Member && grant.key == self.key && grant.broken.is_none()
        });
        Ok(members.map(|grant| grant.id).collect())
    }
}

impl Membership for Member {
    fn id(&self) -> &str {
        &self.id
    }

    fn changed<'a>(&'a self, known: &'a BTreeSet<String>) -> Soon<'a, BTreeSet<String>> {
        Box::pin(async move {
            loop {
                match self.members().await {
                    Ok(members) if members != *known => return members,
                    Ok(_) => {}
                    // What is known stays what it is; who may write, the leases decide.
                    Err(away) => tracing::debug!("cannot see the other replicas: {away}"),
                }
                if self.is_lost() {
                    return BTreeSet::new();
                }
                tokio::time::sleep(LOOK).await;
            }
        })
    }

    fn is_lost(&self) -> bool {
        *self.lost.borrow()
    }

    fn leave(mut self: Box<Self>) -> Soon<'static, ()> {
        Box::pin(async move { self.term.end().await })
    }
}
