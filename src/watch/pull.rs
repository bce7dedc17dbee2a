//! A repository as the source of settled sets: asked on an interval and on request, and read one whole commit at a time.
//!
//! ```text
//! interval, request ─► what does the reference point at? ─► another commit: fetch, verify, load ─► settled
//!                          └► no answer, gone, refused ─► unknown: the last valid set is in force
//! ```
//!
//! A commit is there whole or not at all, so nothing has to come to rest as files do. What cannot be had is unknown and
//! never empty, for as long as it lasts; that it is had again is another settled set, also if it is the same commit.
//!
//! Invariant: one look at a time. Requests that come during one are one look after it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::files::{Reading, Settled};
use super::status::{FilesStatus, RootStatus};
use crate::causes::error_chain;
use crate::git::{Checkout, Checkouts, Commit, GitError, Remote, Tip};
use crate::manifest::Load;

/// Requests that wait at a time; a further one adds nothing.
const MOST_REQUESTS: usize = 16;

/// How the tree of a commit is loaded.
pub type TreeLoader = Box<dyn FnMut(&Checkout) -> Load + Send>;

/// A repository that is looked at again and again.
#[derive(Debug)]
pub struct Pull {
    settled: watch::Receiver<Settled>,
    ask: Ask,
    first: Settled,
    task: JoinHandle<()>,
}

/// Asks for a look at the repository. Carries no data: what there is to pull is found out by looking.
#[derive(Debug, Clone)]
pub struct Ask(mpsc::Sender<Option<oneshot::Sender<()>>>);

impl Ask {
    /// Asks for a look; requests that come before it begins are one.
    pub fn now(&self) {
        let _ = self.0.try_send(None);
    }
}

impl Pull {
    /// Reads the repository, or what is left of it from before if that cannot be had or is invalid, and goes on looking
    /// every `poll`, a tenth longer or shorter.
    ///
    /// # Errors
    /// There is nothing to begin with.
    pub async fn start<R: Remote + 'static>(
        checkouts: Checkouts<R>,
        poll: Duration,
        load: TreeLoader,
    ) -> Result<Self, GitError> {
        let status = FilesStatus { rescan_seconds: poll.as_secs(), ..FilesStatus::default() };
        let nothing = Settled { reading: Reading::Nothing, status, commit: None };
        let (sender, settled) = watch::channel(nothing);
        let mut puller =
            Puller { checkouts, load: Some(load), sender, taken: None, last: None, trouble: None };
        let first = puller.begin().await?;
        let (ask, asked) = mpsc::channel(MOST_REQUESTS);
        let task = tokio::spawn(puller.run(poll, asked));
        Ok(Self { settled, ask: Ask(ask), first, task })
    }

    /// The set to begin with.
    pub fn first(&self) -> &Settled {
        &self.first
    }

    /// The last settled set, for waiting on the next.
    pub fn settled(&self) -> watch::Receiver<Settled> {
        self.settled.clone()
    }

    /// Who can ask for a look.
    pub fn ask(&self) -> Ask {
        self.ask.clone()
    }

    /// Asks for a look now, and waits until it is done, but no longer than `longest`: a server that does not answer is told
    /// by the look itself, and nobody has to wait for that.
    pub async fn look(&self, longest: Duration) {
        let (done, is_done) = oneshot::channel();
        let look = async {
            if self.ask.0.send(Some(done)).await.is_ok() {
                let _ = is_done.await;
            }
        };
        let _ = tokio::time::timeout(longest, look).await;
    }
}

impl Drop for Pull {
    fn drop(&mut self) {
        // What runs at the moment is killed with it.
        self.task.abort();
    }
}

/// The task's own.
struct Puller<R> {
    checkouts: Checkouts<R>,
    /// None while it loads.
    load: Option<TreeLoader>,
    sender: watch::Sender<Settled>,
    /// What the reference pointed at when its commit was taken.
    taken: Option<Tip>,
    /// What was found in the last commit that could be had.
    last: Option<(Reading, Arc<Commit>)>,
    /// Why nothing can be had at the moment.
    trouble: Option<String>,
}

impl<R: Remote> Puller<R> {
    /// The set to begin with. What is wrong with the present commit, if another one takes its place, is published after it.
    async fn begin(&mut self) -> Result<Settled, GitError> {
        let now = self.pull().await;
        let is_good = matches!(&now, Ok(Some((Reading::Good(_), _))));
        let before = match is_good {
            true => None,
            false => match self.checkouts.last_good().await {
                Some(checkout) => self.read(checkout).await,
                None => None,
            },
        };
        let before = before.filter(|(reading, _)| matches!(reading, Reading::Good(_)));
        let (first, present) = match (before, now) {
            (Some(before), now) => (before, Some(now)),
            (None, Ok(Some(now))) => (now, None),
            (None, Ok(None)) => return Err(GitError::Stopped),
            (None, Err(error)) => return Err(error),
        };
        self.last = Some(first);
        self.publish();
        let first = self.sender.borrow().clone();
        match present {
            None | Some(Ok(None)) => return Ok(first),
            Some(Ok(invalid)) => self.last = invalid,
            Some(Err(error)) => self.trouble = Some(error_chain(&error)),
        }
        self.publish();
        Ok(first)
    }

    async fn run(mut self, poll: Duration, mut asked: mpsc::Receiver<Option<oneshot::Sender<()>>>) {
        loop {
            let due = Instant::now() + jittered(poll);
            let mut looks = Vec::new();
            tokio::select! {
                request = asked.recv() => match request {
                    Some(look) => looks.extend(look),
                    None => return,
                },
                () = tokio::time::sleep_until(due) => {}
            }
            while let Ok(look) = asked.try_recv() {
                looks.extend(look);
            }
            self.look().await;
            for look in looks {
                let _ = look.send(());
            }
        }
    }

    async fn look(&mut self) {
        match self.pull().await {
            Ok(Some(found)) => {
                (self.last, self.trouble) = (Some(found), None);
                self.publish();
            }
            // The same commit: only that it can be had again is new.
            Ok(None) => match self.trouble.take() {
                Some(_) => self.publish(),
                None => self.looked(),
            },
            Err(GitError::Stopped) => {}
            Err(error) => {
                let why = error_chain(&error);
                if self.trouble.as_ref() == Some(&why) {
                    return self.looked();
                }
                self.trouble = Some(why);
                self.publish();
            }
        }
    }

    /// What is in the commit that the reference points at; none if that was taken before.
    async fn pull(&mut self) -> Result<Option<(Reading, Arc<Commit>)>, GitError> {
        let tip = self.checkouts.tip().await?;
        if self.taken.as_ref() == Some(&tip) {
            return Ok(None);
        }
        let checkout = self.checkouts.take(&tip).await?;
        if let Some(why) = &checkout.rewritten {
            tracing::warn!(commit = checkout.commit.short(), "{why}");
        }
        let found = self.read(checkout).await;
        // A push between the question and the fetch is found by the next look.
        self.taken = found.is_some().then_some(tip);
        match found {
            Some(found) => Ok(Some(found)),
            None => Err(GitError::Stopped),
        }
    }

    /// Loads a commit; none if that was broken off.
    async fn read(&mut self, checkout: Checkout) -> Option<(Reading, Arc<Commit>)> {
        let mut load = self.load.take()?;
        let commit = Arc::new(checkout.commit.clone());
        let reading = tokio::task::spawn_blocking(move || {
            let loaded = load(&checkout);
            (load, loaded)
        });
        let (load, loaded) = reading.await.ok()?;
        self.load = Some(load);
        if loaded.diagnostics.has_errors() {
            return Some((Reading::Invalid(Arc::new(loaded)), commit));
        }
        if let Err(error) = self.checkouts.remember(&commit) {
            tracing::warn!(%error, "cannot remember the commit for the next start");
        }
        Some((Reading::Good(Arc::new(loaded)), commit))
    }

    /// Publishes what was found, or that nothing can be had.
    fn publish(&self) {
        let status = self.status();
        let (reading, commit) = match (&self.trouble, &self.last) {
            (None, Some((reading, commit))) => (reading.clone(), Some(Arc::clone(commit))),
            (_, last) => (Reading::Unknown, last.as_ref().map(|(_, commit)| Arc::clone(commit))),
        };
        self.sender.send_modify(|settled| {
            let generation = settled.status.generation + 1;
            *settled = Settled { reading, status: FilesStatus { generation, ..status }, commit };
        });
    }

    /// A look without a change is noted.
    fn looked(&self) {
        let status = self.status();
        self.sender.send_modify(|settled| {
            let generation = settled.status.generation;
            settled.status = FilesStatus { generation, ..status };
        });
    }

    fn status(&self) -> FilesStatus {
        let files = match &self.last {
            Some((Reading::Good(load) | Reading::Invalid(load), _)) => load.sources.iter().count(),
            _ => 0,
        };
        let root = RootStatus {
            path: self.checkouts.address().as_str().into(),
            unknown: self.trouble.clone(),
        };
        FilesStatus {
            roots: vec![root],
            files,
            folders_watched: 0,
            rescan_seconds: self.sender.borrow().status.rescan_seconds,
            looked: Some(Timestamp::now()),
            generation: 0,
            trouble: None,
        }
    }
}

/// A tenth longer or shorter, so that many daemons do not ask one server at once.
fn jittered(length: Duration) -> Duration {
    length.mul_f64(0.9 + 0.2 * rand::random::<f64>())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::{Mutex, PoisonError};

    use super::*;
    use crate::git::{Address, Fetched, Reference, Wish};
    use crate::manifest;

    /// What a server has, and how often it was asked.
    #[derive(Debug, Default)]
    struct Server {
        tip: Option<String>,
        asked: usize,
        fetched: usize,
    }

    #[derive(Debug, Clone, Default)]
    struct Fake(Arc<Mutex<Server>>);

    impl Fake {
        fn with<T>(&self, work: impl FnOnce(&mut Server) -> T) -> T {
            work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
        }

        fn set(&self, tip: Option<char>) {
            self.with(|server| server.tip = tip.map(|digit| String::from(digit).repeat(40)));
        }
    }

    impl Remote for Fake {
        async fn tip(&mut self, _: &Reference) -> Result<Tip, GitError> {
            self.with(|server| {
                server.asked += 1;
                let object = server.tip.clone();
                let object = object.ok_or_else(|| GitError::Unreachable("away".to_owned()))?;
                Ok(Tip { object, name: None })
            })
        }

        async fn fetch(
            &mut self,
            tip: &Tip,
            _: Option<&str>,
            _: &Path,
        ) -> Result<Fetched, GitError> {
            self.with(|server| server.fetched += 1);
            let object = tip.object.clone();
            let commit = Commit::of(object.clone(), None);
            Ok(Fetched { commit, object, rewritten: None })
        }

        async fn write_out(
            &mut self,
            _: &str,
            _: &str,
            _: &Path,
            _: &Path,
        ) -> Result<(), GitError> {
            Ok(())
        }

        async fn verify(&mut self, _: &Fetched, _: Option<&str>, _: &Path) -> Result<(), GitError> {
            Ok(())
        }

        fn demands(&self) -> Option<String> {
            None
        }
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test(start_paused = true)]
    async fn there_is_one_question_a_poll_one_fetch_a_commit_and_an_hour_away_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let server = Fake::default();
        server.set(Some('a'));
        let address = Address::parse("/srv/fleet.git").unwrap();
        let folder = folder.path().to_owned();
        let checkouts =
            Checkouts::new(server.clone(), address, Wish::default(), folder, None).unwrap();
        let text = "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: a}\nspec: {}\n";
        let load =
            Box::new(move |_: &Checkout| manifest::load_texts([("a.yaml".into(), text.into())], 0));
        let pull = Pull::start(checkouts, Duration::from_secs(60), load).await.unwrap();
        let seen = || {
            let settled = pull.settled().borrow().clone();
            let is_good = matches!(settled.reading, Reading::Good(_));
            let counts = server.with(|server| (server.asked, server.fetched));
            (is_good, settled.status.generation, counts.1, counts.0)
        };
        assert_eq!(seen(), (true, 1, 1, 1));

        tokio::time::sleep(HOUR).await;
        let (is_good, generation, fetched, asked) = seen();
        assert_eq!((is_good, generation, fetched), (true, 1, 1), "nothing happened");
        assert!((54..=68).contains(&asked), "{asked}");

        server.set(None);
        tokio::time::sleep(HOUR).await;
        assert_eq!((seen().0, seen().1, seen().2), (false, 2, 1), "away, and told once");
        server.set(Some('a'));
        tokio::time::sleep(HOUR / 30).await;
        assert_eq!((seen().0, seen().1, seen().2), (true, 3, 1), "back, with the same commit");
        server.set(Some('b'));
        tokio::time::sleep(HOUR / 30).await;
        assert_eq!((seen().0, seen().1, seen().2), (true, 4, 2));

        // Requests are looks at once, and many of them one or two.
        let asked = seen().3;
        (0..100).for_each(|_| pull.ask().now());
        tokio::time::sleep(Duration::from_secs(1)).await;
        let looks = seen().3 - asked;
        assert!((1..=2).contains(&looks), "{looks}");
        (0..100).for_each(|_| pull.ask().now());
        pull.look(HOUR).await;
        assert!(seen().3 - asked > looks, "whoever waits is waited for");
    }
}
