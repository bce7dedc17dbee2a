//! Where pauses are kept: in files of one machine, or where several machines have their leases.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::Pause;
use crate::files::{self, Access};
use crate::lock::{Away, Keep, Kept, Written};
use crate::private;
use crate::run::RunId;

/// The folder of the pauses in that of the state.
const FOLDER: &str = "pauses";

/// A pause has at most so many bytes.
const LARGEST: u64 = 64 * 1024;

/// So many pauses can be kept, those that have ended included until the next one begins.
const MOST: usize = 1_000;

/// Why it is not known what is paused.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the pauses in {place}")]
pub struct Unreadable {
    /// Where they are.
    pub place: String,
    /// Why.
    pub source: io::Error,
}

/// What the names of pauses begin with in a store that several machines share.
const UNDER: &str = "pauses/";

/// Where pauses are.
#[derive(Debug, Clone)]
pub enum Pauses {
    /// In files, for the runs of one machine.
    Files(Files),
    /// Where the leases are that several machines share.
    Shared(Arc<dyn Keep>),
}

/// Pauses as files: one each, written as a whole.
#[derive(Debug, Clone)]
pub struct Files {
    state: PathBuf,
    folder: PathBuf,
}

impl Pauses {
    /// The pauses in `state`/pauses, which is made with the first one.
    pub fn new(state: &Path) -> Self {
        Self::Files(Files { state: state.to_owned(), folder: state.join(FOLDER) })
    }

    /// Every pause that has not ended at `now`, the first to end first.
    ///
    /// # Errors
    /// One of them cannot be read. A folder that is not there has none.
    pub async fn all(&self, now: Timestamp) -> Result<Vec<Pause>, Unreadable> {
        let read = match self {
            Self::Files(files) => files.all(),
            Self::Shared(keep) => {
                shared(keep).await.map(|all| all.into_iter().map(|(_, it)| it).collect())
            }
        };
        let mut pauses: Vec<Pause> =
            read.map_err(|source| Unreadable { place: self.place(), source })?;
        pauses.retain(|pause| now < pause.until);
        pauses.sort_by(|a, b| (a.until, &a.id).cmp(&(b.until, &b.id)));
        Ok(pauses)
    }

    /// Begins a pause, and removes those that have ended.
    ///
    /// # Errors
    /// It cannot be written, or there are too many.
    pub async fn begin(&self, pause: &Pause) -> io::Result<()> {
        let keep = match self {
            Self::Files(files) => return files.begin(pause),
            Self::Shared(keep) => keep,
        };
        let mut left = 0;
        for (kept, known) in shared(keep).await? {
            match known.until <= pause.since {
                // Whoever was faster has removed it.
                true => drop(keep.remove(&kept.name, &kept.version).await.map_err(away)?),
                false => left += 1,
            }
        }
        bounded(left)?;
        let value = serde_json::to_string(pause)?;
        match keep.write(&format!("{UNDER}{}", pause.id), &value, None).await.map_err(away)? {
            Written::At(_) => Ok(()),
            Written::Changed => Err(io::Error::other("another pause has the same name; try again")),
        }
    }

    /// Ends a pause. Whether it was there.
    ///
    /// # Errors
    /// It cannot be removed.
    pub async fn end(&self, id: &RunId) -> io::Result<bool> {
        let keep = match self {
            Self::Files(files) => return files.end(id),
            Self::Shared(keep) => keep,
        };
        let name = format!("{UNDER}{id}");
        match keep.read(&name).await.map_err(away)? {
            Some(kept) => keep.remove(&name, &kept.version).await.map_err(away),
            None => Ok(false),
        }
    }

    fn place(&self) -> String {
        match self {
            Self::Files(files) => files.folder.display().to_string(),
            Self::Shared(keep) => keep.place().to_owned(),
        }
    }
}

/// Every pause of a shared store, with what it takes to remove it.
async fn shared(keep: &Arc<dyn Keep>) -> io::Result<Vec<(Kept, Pause)>> {
    let kept = keep.list(UNDER).await.map_err(away)?;
    kept.into_iter()
        .map(|kept| {
            let pause = parse(&kept.name, kept.value.as_bytes())?;
            Ok((kept, pause))
        })
        .collect()
}

fn away(away: Away) -> io::Error {
    io::Error::other(away)
}

fn bounded(count: usize) -> io::Result<()> {
    match count < MOST {
        true => Ok(()),
        false => Err(io::Error::other(format!(
            "there are {MOST} pauses already; end some with `resume`"
        ))),
    }
}

impl Files {
    fn all(&self) -> io::Result<Vec<Pause>> {
        let mut pauses = Vec::new();
        for path in self.files()? {
            match files::read_at_most(&path, LARGEST) {
                Ok(bytes) => pauses.push(parse(&path.display().to_string(), &bytes)?),
                // Ended by somebody else in this moment.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(pauses)
    }

    fn begin(&self, pause: &Pause) -> io::Result<()> {
        private::state_folder(&self.state, FOLDER)?;
        self.sweep(pause.since)?;
        bounded(self.files()?.len())?;
        let bytes = serde_json::to_vec_pretty(pause)?;
        files::write(&self.file(&pause.id), &bytes, Access::Private)
    }

    fn end(&self, id: &RunId) -> io::Result<bool> {
        private::check_state_folder(&self.state, FOLDER)?;
        match std::fs::remove_file(self.file(id)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn file(&self, id: &RunId) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }

    fn sweep(&self, now: Timestamp) -> io::Result<()> {
        for path in self.files()? {
            let bytes = files::read_at_most(&path, LARGEST)?;
            if parse(&path.display().to_string(), &bytes)?.until <= now {
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// Files of pauses by name; whatever else is in the folder is none.
    fn files(&self) -> io::Result<Vec<PathBuf>> {
        private::check_state_folder(&self.state, FOLDER)?;
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(".json"));
            found.extend(id.and_then(RunId::parse).map(|_| entry.path()));
        }
        found.sort();
        Ok(found)
    }
}

fn parse(place: &str, bytes: &[u8]) -> io::Result<Pause> {
    serde_json::from_slice(bytes)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{place}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Actor;

    fn pause(id: &str, until: &str) -> Pause {
        Pause {
            id: RunId::parse(id).unwrap(),
            platform: "flespi.io".to_owned(),
            stack: None,
            scope: "subaccount/acme".parse().unwrap(),
            reason: "a move".to_owned(),
            by: Actor { user: Some("ann".to_owned()), ..Actor::default() },
            since: "2026-11-30T12:00:00Z".parse().unwrap(),
            until: until.parse().unwrap(),
        }
    }

    async fn ids(pauses: &Pauses, now: &str) -> Vec<String> {
        let all = pauses.all(now.parse().unwrap()).await.unwrap();
        all.iter().map(|pause| pause.id.to_string()).collect()
    }

    #[tokio::test]
    async fn pauses_are_kept_end_by_themselves_and_can_be_ended_before() {
        let folder = tempfile::tempdir().unwrap();
        let pauses = Pauses::new(folder.path());
        assert!(ids(&pauses, "2026-11-30T12:00:00Z").await.is_empty());
        pauses.begin(&pause("b", "2026-11-30T14:00:00Z")).await.unwrap();
        pauses.begin(&pause("a", "2026-11-30T13:00:00Z")).await.unwrap();
        assert_eq!(ids(&pauses, "2026-11-30T12:30:00Z").await, ["a", "b"]);
        assert_eq!(ids(&pauses, "2026-11-30T13:00:00Z").await, ["b"]);
        let b = RunId::parse("b").unwrap();
        assert!(pauses.end(&b).await.unwrap());
        assert!(!pauses.end(&b).await.unwrap(), "ended twice");
        // What has ended goes with the next one.
        let late = Pause {
            since: "2026-11-30T15:00:00Z".parse().unwrap(),
            ..pause("c", "2026-11-30T16:00:00Z")
        };
        pauses.begin(&late).await.unwrap();
        assert_eq!(std::fs::read_dir(folder.path().join("pauses")).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_pause_that_cannot_be_read_is_not_taken_for_none() {
        let folder = tempfile::tempdir().unwrap();
        let pauses = Pauses::new(folder.path());
        pauses.begin(&pause("a", "2026-11-30T14:00:00Z")).await.unwrap();
        let file = folder.path().join("pauses/a.json");
        for text in ["", "{\"id\":", "{\"id\": \"../a\"}"] {
            std::fs::write(&file, text).unwrap();
            let error = pauses.all(Timestamp::UNIX_EPOCH).await.unwrap_err().to_string();
            assert!(error.contains("cannot read the pauses in "), "{error}");
        }
        std::fs::write(folder.path().join("pauses/notes.txt"), "by a person").unwrap();
        std::fs::remove_file(file).unwrap();
        assert!(ids(&pauses, "2026-11-30T12:00:00Z").await.is_empty());
    }
}
