//! Pauses as files: one each, written as a whole.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::Pause;
use crate::files::{self, Access};
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
#[error("cannot read the pauses in {folder}: {source}")]
pub struct Unreadable {
    /// Where they are.
    pub folder: String,
    /// Why.
    pub source: io::Error,
}

/// Where pauses are.
#[derive(Debug, Clone)]
pub struct Pauses {
    state: PathBuf,
    folder: PathBuf,
}

impl Pauses {
    /// The pauses in `state`/pauses, which is made with the first one.
    pub fn new(state: &Path) -> Self {
        Self { state: state.to_owned(), folder: state.join(FOLDER) }
    }

    /// Every pause that has not ended at `now`, the first to end first.
    ///
    /// # Errors
    /// One of them cannot be read. A folder that is not there has none.
    pub fn all(&self, now: Timestamp) -> Result<Vec<Pause>, Unreadable> {
        let unreadable = |source| Unreadable { folder: self.folder.display().to_string(), source };
        let read = || {
            let mut pauses = Vec::new();
            for path in self.files()? {
                match files::read_at_most(&path, LARGEST) {
                    Ok(bytes) => pauses.push(parse(&path, &bytes)?),
                    // Ended by somebody else in this moment.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(pauses)
        };
        let mut pauses: Vec<Pause> = read().map_err(unreadable)?;
        pauses.retain(|pause| now < pause.until);
        pauses.sort_by(|a, b| (a.until, &a.id).cmp(&(b.until, &b.id)));
        Ok(pauses)
    }

    /// Begins a pause, and removes those that have ended.
    ///
    /// # Errors
    /// It cannot be written, or there are too many.
    pub fn begin(&self, pause: &Pause) -> io::Result<()> {
        private::state_folder(&self.state, FOLDER)?;
        self.sweep(pause.since)?;
        if self.files()?.len() >= MOST {
            return Err(io::Error::other(format!(
                "there are {MOST} pauses already; end some with `resume`"
            )));
        }
        let bytes = serde_json::to_vec_pretty(pause)?;
        files::write(&self.file(&pause.id), &bytes, Access::Private)
    }

    /// Ends a pause. Whether it was there.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn end(&self, id: &RunId) -> io::Result<bool> {
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
            if parse(&path, &bytes)?.until <= now {
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

fn parse(path: &Path, bytes: &[u8]) -> io::Result<Pause> {
    serde_json::from_slice(bytes).map_err(|error| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()))
    })
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

    fn ids(pauses: &Pauses, now: &str) -> Vec<String> {
        let all = pauses.all(now.parse().unwrap()).unwrap();
        all.iter().map(|pause| pause.id.to_string()).collect()
    }

    #[test]
    fn pauses_are_kept_end_by_themselves_and_can_be_ended_before() {
        let folder = tempfile::tempdir().unwrap();
        let pauses = Pauses::new(folder.path());
        assert!(ids(&pauses, "2026-11-30T12:00:00Z").is_empty());
        pauses.begin(&pause("b", "2026-11-30T14:00:00Z")).unwrap();
        pauses.begin(&pause("a", "2026-11-30T13:00:00Z")).unwrap();
        assert_eq!(ids(&pauses, "2026-11-30T12:30:00Z"), ["a", "b"]);
        assert_eq!(ids(&pauses, "2026-11-30T13:00:00Z"), ["b"]);
        let b = RunId::parse("b").unwrap();
        assert!(pauses.end(&b).unwrap());
        assert!(!pauses.end(&b).unwrap(), "ended twice");
        // What has ended goes with the next one.
        let late = Pause {
            since: "2026-11-30T15:00:00Z".parse().unwrap(),
            ..pause("c", "2026-11-30T16:00:00Z")
        };
        pauses.begin(&late).unwrap();
        assert_eq!(std::fs::read_dir(folder.path().join("pauses")).unwrap().count(), 1);
    }

    #[test]
    fn a_pause_that_cannot_be_read_is_not_taken_for_none() {
        let folder = tempfile::tempdir().unwrap();
        let pauses = Pauses::new(folder.path());
        pauses.begin(&pause("a", "2026-11-30T14:00:00Z")).unwrap();
        let file = folder.path().join("pauses/a.json");
        for text in ["", "{\"id\":", "{\"id\": \"../a\"}"] {
            std::fs::write(&file, text).unwrap();
            let error = pauses.all(Timestamp::UNIX_EPOCH).unwrap_err().to_string();
            assert!(error.contains("cannot read the pauses in "), "{error}");
        }
        std::fs::write(folder.path().join("pauses/notes.txt"), "by a person").unwrap();
        std::fs::remove_file(file).unwrap();
        assert!(ids(&pauses, "2026-11-30T12:00:00Z").is_empty());
    }
}
