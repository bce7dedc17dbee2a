//! Records as files: one a run, each written as a whole, the oldest removed first.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::record::{LARGEST, Record, whole_or_abridged};
use crate::files::{self, Access};
use crate::private;
use crate::run::RunId;

/// How many runs are remembered.
pub const MOST_RECORDS: usize = 1_000;

/// How many bytes all records together may have.
pub const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// The folder of the records in that of the state.
const FOLDER: &str = "history";

/// Where records are.
#[derive(Debug, Clone)]
pub struct History {
    state: PathBuf,
    folder: PathBuf,
    most_records: usize,
    most_bytes: u64,
}

/// A run that is remembered; the error says why its record cannot be read.
pub type Kept = (RunId, Result<Record, io::Error>);

impl History {
    /// The history in `state`/history, which is made with the first record.
    pub fn new(state: &Path) -> Self {
        let (state, folder) = (state.to_owned(), state.join(FOLDER));
        Self { state, folder, most_records: MOST_RECORDS, most_bytes: MOST_BYTES }
    }

    /// The same history with other bounds.
    #[must_use]
    pub fn bounded(self, most_records: usize, most_bytes: u64) -> Self {
        Self { most_records, most_bytes, ..self }
    }

    /// Remembers a run, and forgets the oldest ones beyond the bounds.
    ///
    /// # Errors
    /// When the record cannot be written. Nothing is left of it then.
    pub fn keep(&self, record: &Record) -> io::Result<()> {
        private::state_folder(&self.state, FOLDER)?;
        let bytes = whole_or_abridged(record)?;
        // Room is made first: a full disk is the one reason to need it.
        self.forget(bytes.len() as u64)?;
        let name = format!("{}.json", record.run);
        files::write(&self.folder.join(name), &bytes, Access::Private)
    }

    /// The last `most` runs, the newest first; `is_wanted` chooses among them.
    ///
    /// # Errors
    /// When the folder cannot be read. One that is not there has no runs.
    pub fn last(&self, most: usize, is_wanted: impl Fn(&Record) -> bool) -> io::Result<Vec<Kept>> {
        let runs = self.runs()?.into_iter().rev();
        let read = runs.map(|(run, path, _)| (run, read(&path)));
        let wanted = read.filter(|(_, record)| record.as_ref().map_or(true, &is_wanted));
        Ok(wanted.take(most).collect())
    }

    /// The runs whose names begin with `name`, the oldest first; `last` is the last one.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn find(&self, name: &str) -> io::Result<Vec<RunId>> {
        let mut runs = self.runs()?.into_iter().map(|(run, _, _)| run);
        if name == "last" {
            return Ok(runs.next_back().into_iter().collect());
        }
        Ok(runs.filter(|run| run.as_str().starts_with(name)).collect())
    }

    /// The record of a run.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, run: &RunId) -> io::Result<Record> {
        read(&self.folder.join(format!("{run}.json")))
    }

    /// Every run, its file and its size, the oldest first.
    fn runs(&self) -> io::Result<Vec<(RunId, PathBuf, u64)>> {
        private::check_state_folder(&self.state, FOLDER)?;
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut runs = Vec::new();
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let run = name.to_str().and_then(|name| name.strip_suffix(".json"));
            if let Some(run) = run.and_then(RunId::parse) {
                let size = entry.metadata().map_or(0, |metadata| metadata.len());
                runs.push((run, entry.path(), size));
            }
        }
        runs.sort();
        Ok(runs)
    }

    /// Removes the oldest records until one of `coming` bytes has its place.
    fn forget(&self, coming: u64) -> io::Result<()> {
        let runs = self.runs()?;
        let mut count = runs.len() + 1;
        let mut bytes: u64 = coming + runs.iter().map(|(_, _, size)| size).sum::<u64>();
        for (_, path, size) in runs {
            if count <= self.most_records && bytes <= self.most_bytes {
                break;
            }
            fs::remove_file(path)?;
            count -= 1;
            bytes -= size;
        }
        Ok(())
    }
}

fn read(path: &Path) -> io::Result<Record> {
    Ok(serde_json::from_slice(&files::read_at_most(path, LARGEST as u64)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::{Outcome, ReportSummary, StepOutcome};
    use crate::history::{Actor, RECORD_FORMAT, RecordedApi, RecordedStep};
    use crate::plan::{Action, Cause, Change};
    use crate::resource::Phase;

    fn record(run: &str, steps: usize, text: &str) -> Record {
        let step = RecordedStep {
            phase: Phase::FIRST,
            action: Action::Update,
            address: "limit/starter".parse().unwrap(),
            id_on_platform: Some(1),
            reason: "the manifest says so".to_owned(),
            changes: vec![Change {
                field: "description".to_owned(),
                before: serde_json::Value::Null,
                after: serde_json::Value::from(text),
                cause: Cause::Edited,
            }],
            outcome: StepOutcome::Applied,
            error: None,
        };
        Record {
            format: RECORD_FORMAT.to_owned(),
            run: RunId::parse(run).unwrap(),
            version: "0".to_owned(),
            command: "apply".to_owned(),
            trigger: "command".to_owned(),
            actor: Actor::default(),
            commit: None,
            platform: "flespi.io".to_owned(),
            account: 7,
            stack: "default".to_owned(),
            digest: "d".to_owned(),
            began: "2026-11-21T23:33:44Z".to_owned(),
            duration_ms: 1,
            outcome: Outcome::Applied,
            summary: ReportSummary::default(),
            steps: vec![step; steps],
            objects: std::collections::BTreeMap::new(),
            is_abridged: false,
            api: RecordedApi { calls: 1, retries: 0, by: Vec::new() },
        }
    }

    fn names(history: &History) -> Vec<String> {
        history.find("").unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_record_reads_back_as_it_was_kept() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::new(folder.path());
        let kept = record("r1", 2, "x");
        history.keep(&kept).unwrap();
        assert_eq!(history.read(&kept.run).unwrap(), kept);
        let last = history.last(5, |_| true).unwrap();
        assert_eq!(last[0].1.as_ref().unwrap(), &kept);
    }

    #[test]
    fn the_oldest_records_make_room() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::new(folder.path()).bounded(3, u64::MAX);
        for number in 1..=5 {
            history.keep(&record(&format!("r{number}"), 1, "x")).unwrap();
        }
        assert_eq!(names(&history), ["r3", "r4", "r5"]);
        let narrow = history.bounded(3, 5_000);
        narrow.keep(&record("r6", 1, &"x".repeat(4_000))).unwrap();
        assert_eq!(names(&narrow), ["r6"], "size counts as much as number");
    }

    #[test]
    fn a_record_that_is_too_large_is_abridged_and_keeps_what_went_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::new(folder.path());
        let mut large = record("r1", 6_000, &"x".repeat(1_000));
        large.steps[5_999].outcome = StepOutcome::Failed;
        history.keep(&large).unwrap();
        let read = history.read(&large.run).unwrap();
        assert!(read.is_abridged && read.steps.iter().all(|step| step.changes.is_empty()));
        assert!(read.steps.iter().any(|step| step.outcome == StepOutcome::Failed));
    }

    #[test]
    fn a_record_of_long_errors_is_no_larger_than_one_that_can_be_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::new(folder.path());
        let mut large = record("r1", 6_000, "x");
        for step in &mut large.steps {
            (step.outcome, step.error) = (StepOutcome::Failed, Some("y".repeat(2_000)));
        }
        history.keep(&large).unwrap();
        let read = history.read(&large.run).unwrap();
        assert!(read.is_abridged && read.steps.len() > 1_000, "{}", read.steps.len());
        // One that somebody else made larger is told, and hides no other.
        let file = fs::File::create(folder.path().join("history/r2.json")).unwrap();
        file.set_len(LARGEST as u64 + 1).unwrap();
        let last = history.last(5, |_| true).unwrap();
        let error = last[0].1.as_ref().unwrap_err().to_string();
        assert!(error.contains("more than 4194304 bytes"), "{error}");
        assert!(last[1].1.is_ok());
    }

    #[test]
    fn a_record_that_is_garbage_is_told_and_hides_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::new(folder.path());
        history.keep(&record("r1", 1, "x")).unwrap();
        fs::write(folder.path().join("history/r2.json"), "{\"format\":").unwrap();
        fs::write(folder.path().join("history/notes.txt"), "by a person").unwrap();
        let last = history.last(5, |_| true).unwrap();
        assert_eq!(last.len(), 2);
        assert!(last[0].1.is_err() && last[1].1.is_ok());
    }
}
