//! The heart of a lease: signs of life, for as long as somebody needs them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::keep::{Away, Keep, Version, Written};
use super::record::{Grant, decode, encode, now, of_grant};
use super::right::{Lasting, Right};
use super::ticks::Ticks;

/// How long a holder gives no sign of life until others may take what it holds.
pub const LASTS: Duration = Duration::from_secs(8);

/// How often a holder gives one.
pub(super) const RENEW: Duration = Duration::from_millis(1_500);

/// How long the store may take to answer a sign of life.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// After a sign of life that was not answered, the next one follows so soon.
const AGAIN: Duration = Duration::from_millis(300);

/// So long before the end of a lease no write begins any more.
const LAST_BEGIN: Duration = Duration::from_secs(3);

/// So long before the end of a lease no answer is waited for any more.
const LAST_CALL: Duration = Duration::from_secs(1);

const LASTING: Lasting = Lasting { whole: LASTS, last_begin: LAST_BEGIN, last_call: LAST_CALL };

/// A grant that is kept alive.
pub(super) struct Term {
    pub(super) right: Right,
    lost: watch::Sender<bool>,
    stop: Option<oneshot::Sender<()>>,
    heart: Option<JoinHandle<()>>,
}

impl Term {
    /// Writes a grant, and keeps it alive from now on.
    ///
    /// # Errors
    /// [`Away`]: what may have been written ends by itself.
    pub(super) async fn begin(
        keep: &Arc<dyn Keep>,
        ticks: &Ticks,
        grant: Grant,
    ) -> Result<Self, Away> {
        let asked = ticks.now();
        let name = of_grant(&grant.id);
        let version = match keep.write(&name, &encode(&grant), None).await? {
            Written::At(version) => version,
            Written::Changed => return Err(Away(format!("{name} is there already"))),
        };
        let right = Right::new(grant.generation, ticks.clone(), asked, LASTING);
        let (lost, _) = watch::channel(false);
        let (stop, stopped) = oneshot::channel();
        let heart = Heart {
            keep: Arc::clone(keep),
            ticks: ticks.clone(),
            grant,
            version,
            right: right.clone(),
            lost: lost.clone(),
        };
        let heart = tokio::spawn(heart.beat(stopped));
        Ok(Self { right, lost, stop: Some(stop), heart: Some(heart) })
    }

    /// Becomes true when the grant is gone before it was ended.
    pub(super) fn lost(&self) -> watch::Receiver<bool> {
        self.lost.subscribe()
    }

    /// Nothing may be written any more, and no further sign of life is given.
    pub(super) fn close(&mut self) {
        // First, or the heart would take the end for a loss.
        drop(self.stop.take());
        self.right.end();
    }

    /// Gives no further sign of life, and takes the grant away.
    pub(super) async fn end(&mut self) {
        self.close();
        if let Some(heart) = self.heart.take() {
            let _ = heart.await;
        }
    }
}

impl Drop for Term {
    fn drop(&mut self) {
        // The heart takes the grant away all the same.
        self.close();
    }
}

/// What gives signs of life.
struct Heart {
    keep: Arc<dyn Keep>,
    ticks: Ticks,
    grant: Grant,
    version: Version,
    right: Right,
    lost: watch::Sender<bool>,
}

/// What became of a sign of life.
enum Beat {
    Given,
    Unanswered,
    /// The grant is gone, or somebody broke it.
    Gone(String),
}

impl Heart {
    /// Gives signs of life until it is stopped or the grant is gone; takes the grant away once nothing is written any more.
    async fn beat(mut self, mut stopped: oneshot::Receiver<()>) {
        let mut wait = RENEW;
        let why = loop {
            tokio::select! {
                biased;
                _ = &mut stopped => break None,
                () = tokio::time::sleep(wait) => {}
                () = self.right.over() => break Some("it could not be renewed in time".to_owned()),
            }
            match self.once().await {
                Beat::Given => wait = RENEW,
                Beat::Unanswered => wait = AGAIN,
                Beat::Gone(why) => break Some(why),
            }
        };
        self.right.end();
        if let Some(why) = why {
            tracing::error!(grant = self.grant.id, "the lease is lost: {why}");
            self.lost.send_replace(true);
            let _ = stopped.await;
            // What was given up on its way may still arrive.
            tokio::time::sleep(LAST_CALL).await;
        }
        self.take_away().await;
    }

    /// Removes the grant. If that fails, others do it when it has ended.
    async fn take_away(&mut self) {
        let name = of_grant(&self.grant.id);
        for _ in 0..3 {
            let remove = self.keep.remove(&name, &self.version);
            if let Ok(Ok(true)) = tokio::time::timeout(PATIENCE, remove).await {
                return;
            }
            // A sign of life that was not answered may have been the last version.
            match tokio::time::timeout(PATIENCE, self.keep.read(&name)).await {
                Ok(Ok(Some(kept))) => self.version = kept.version,
                Ok(Ok(None)) => return,
                Ok(Err(_)) | Err(_) => {}
            }
        }
    }

    async fn once(&mut self) -> Beat {
        let asked = self.ticks.now();
        self.grant.beat += 1;
        self.grant.renewed_at = now();
        let (name, value) = (of_grant(&self.grant.id), encode(&self.grant));
        let write = self.keep.write(&name, &value, Some(&self.version));
        match tokio::time::timeout(PATIENCE, write).await {
            Ok(Ok(Written::At(version))) => {
                self.version = version;
                self.right.extend(asked, LASTING);
                Beat::Given
            }
            Ok(Ok(Written::Changed)) => self.changed(&name).await,
            Ok(Err(Away(why))) => {
                tracing::warn!("a lease was not renewed: {why}");
                Beat::Unanswered
            }
            Err(_) => {
                tracing::warn!("a lease was not renewed: no answer in time");
                Beat::Unanswered
            }
        }
    }

    /// The grant is not what we wrote last: an earlier sign of life that was not answered, or somebody else's doing.
    async fn changed(&mut self, name: &str) -> Beat {
        match tokio::time::timeout(PATIENCE, self.keep.read(name)).await {
            Ok(Ok(Some(kept))) => match decode::<Grant>(&kept) {
                Some(Grant { broken: Some(broken), .. }) => {
                    self.version = kept.version;
                    Beat::Gone(format!("broken by {}: {}", broken.by, broken.reason))
                }
                Some(grant) if grant.id == self.grant.id => {
                    self.version = kept.version;
                    Beat::Unanswered
                }
                _ => Beat::Gone("somebody overwrote it".to_owned()),
            },
            Ok(Ok(None)) => Beat::Gone("others saw no sign of life for too long".to_owned()),
            Ok(Err(_)) | Err(_) => Beat::Unanswered,
        }
    }
}
