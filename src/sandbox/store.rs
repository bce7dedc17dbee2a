//! The state folder: a snapshot, a log of the changes since, the journal, and a lock.
//!
//! ```text
//!  lock               held as long as a process uses the folder
//!  snapshot.jsonl     header {format, version, generation}, then one change per line
//!  changes-N.jsonl    header, then one line per committed request: the array of its changes
//!  journal.jsonl      header {format, version, last_seq}, then one entry per line
//! ```
//!
//! A request's line is handed to the operating system before its answer is sent, so a killed process loses nothing that
//! was answered. (Lines are not synced one by one: after a power cut the last seconds may be gone, which a sandbox can
//! afford.) A snapshot of generation N+1 becomes valid by its rename; until then N and its log stay untouched.
//!
//! Invariant: a half-written last line of a log is the only damage that is repaired; everything else is an error.

use std::{
    collections::VecDeque,
    fs::{self, File, TryLockError},
    io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    control,
    journal::{ENTRY_LIMIT, Entry},
    state::{Change, State},
};
use crate::files;
use crate::private;

const STATE_FORMAT: &str = "flespi-gitops/sandbox-state";
const JOURNAL_FORMAT: &str = "flespi-gitops/sandbox-journal";
const VERSION: u32 = 1;

/// A first line that is longer, in bytes, is none of ours.
const HEADER_LIMIT: u64 = 4 * 1024;

/// No other line is longer, in bytes: it holds what one request changed, of which the largest replaces the whole state.
const LINE_LIMIT: u64 = 1024 * 1024 * 1024;

/// A log that outgrows its snapshot by this many bytes is folded into a new one.
const LOG_ALLOWANCE: u64 = 16 * 1024 * 1024;

/// No sandbox has counted so far, not even from the largest id that a world from outside may have. From larger numbers,
/// counting could not go on.
const LARGEST_NUMBER: u64 = 9_007_199_254_740_992;

/// The first line of each file.
#[derive(Serialize, Deserialize)]
struct Header {
    format: String,
    version: u32,
    #[serde(default)]
    generation: u64,
    #[serde(default)]
    last_seq: u64,
}

/// An open state folder.
pub(super) struct Store {
    folder: PathBuf,
    /// Released when the store is dropped.
    _lock: File,
    log: File,
    log_bytes: u64,
    snapshot_bytes: u64,
    generation: u64,
    journal: File,
    journal_entries: usize,
}

/// What a state folder held.
pub(super) struct Found {
    /// `None` in a fresh folder.
    pub(super) state: Option<State>,
    pub(super) journal: VecDeque<Entry>,
    /// The number of the last entry of an emptied journal.
    pub(super) last_seq: u64,
}

/// Why a state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Reading or writing failed.
    #[error("cannot {action} {}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Another process uses the folder.
    #[error("another sandbox uses the state in {}; stop it or choose another folder", .0.display())]
    Locked(PathBuf),
    /// The file is something else.
    #[error("{} is not a file of this sandbox; choose another folder", .0.display())]
    Foreign(PathBuf),
    /// The file was written by a later version.
    #[error("{} has version {found}, this program reads up to {VERSION}; use a newer flespi-gitops", .path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// Its lines can be read, and what they say together cannot be.
    #[error("the world in {} cannot be: {what}", .path.display())]
    Impossible {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A line in the middle cannot be read.
    #[error("{} is damaged in line {line}", .path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    move |source| StoreError::Io { action, path: path.to_owned(), source }
}

impl Store {
    /// Opens a folder, creating it where needed, and reads what it holds.
    pub(super) fn open(folder: &Path) -> Result<(Self, Found), StoreError> {
        private::create_folder(folder).map_err(failed("create", folder))?;
        private::check_owner(folder).map_err(failed("use", folder))?;
        let lock_path = folder.join("lock");
        let lock = private::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(failed("open", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::Locked(folder.to_owned())),
            Err(TryLockError::Error(source)) => return Err(failed("lock", &lock_path)(source)),
        }
        let (mut state, mut generation, mut snapshot_bytes) = (None, 0, 0);
        let snapshot_path = folder.join("snapshot.jsonl");
        if let Some(mut lines) = Lines::open(&snapshot_path, STATE_FORMAT)? {
            let loaded = state.insert(State::default());
            while let Some(change) = lines.next::<Change>()? {
                loaded.apply(change);
            }
            if lines.torn {
                return Err(StoreError::Damaged { path: snapshot_path, line: lines.number });
            }
            (generation, snapshot_bytes) = (lines.header.generation, lines.good_bytes);
        }
        let log_path = log_path(folder, generation);
        let mut log_bytes = 0;
        if let (Some(state), Some(mut lines)) = (&mut state, Lines::open(&log_path, STATE_FORMAT)?)
        {
            while let Some(changes) = lines.next::<Vec<Change>>()? {
                changes.into_iter().for_each(|change| state.apply(change));
            }
            log_bytes = lines.good_bytes;
        }
        if let Some(state) = &state {
            let impossible = |what| StoreError::Impossible { path: folder.to_owned(), what };
            control::check(state, LARGEST_NUMBER).map_err(impossible)?;
        }
        let log = open_at(&log_path, log_bytes, &header(STATE_FORMAT, generation, 0))?;
        let (journal, entries, last_seq) = open_journal(folder)?;
        let store = Self {
            folder: folder.to_owned(),
            _lock: lock,
            log,
            log_bytes,
            snapshot_bytes,
            generation,
            journal,
            journal_entries: entries.len(),
        };
        Ok((store, Found { state, journal: entries, last_seq }))
    }

    /// Appends lines of changes. After an error the folder must not be written to again: a part of a line may be there.
    pub(super) fn append(&mut self, lines: &[u8]) -> Result<(), StoreError> {
        self.log_bytes += lines.len() as u64;
        self.log.write_all(lines).map_err(failed("write", &log_path(&self.folder, self.generation)))
    }

    /// Appends lines of the journal; starts a new file when it was emptied or has grown to twice what is kept.
    pub(super) fn append_journal(
        &mut self,
        lines: &[u8],
        is_emptied: bool,
        kept: impl FnOnce() -> Vec<u8>,
        last_seq: u64,
    ) -> Result<(), StoreError> {
        let path = self.folder.join("journal.jsonl");
        self.journal_entries += lines.iter().filter(|byte| **byte == b'\n').count();
        if is_emptied || self.journal_entries > 2 * ENTRY_LIMIT {
            let kept = kept();
            self.journal_entries = kept.iter().filter(|byte| **byte == b'\n').count();
            let head = header(JOURNAL_FORMAT, 0, last_seq);
            replace_file(&self.folder, "journal.jsonl", |file| {
                file.write_all(&head)?;
                file.write_all(&kept)
            })
            .map_err(failed("write", &path))?;
            self.journal =
                private::options().append(true).open(&path).map_err(failed("open", &path))?;
            return Ok(());
        }
        self.journal.write_all(lines).map_err(failed("write", &path))
    }

    /// Whether the log has grown so much that a snapshot pays.
    pub(super) fn is_due(&self) -> bool {
        self.log_bytes > self.snapshot_bytes + LOG_ALLOWANCE
    }

    /// Writes the whole state and starts an empty log.
    pub(super) fn snapshot(&mut self, state: &State) -> Result<(), StoreError> {
        let generation = self.generation + 1;
        let next_log = log_path(&self.folder, generation);
        // The new log is there, empty, before the snapshot that needs it becomes valid.
        let log = open_at(&next_log, 0, &header(STATE_FORMAT, generation, 0))?;
        let path = self.folder.join("snapshot.jsonl");
        let mut written = 0;
        replace_file(&self.folder, "snapshot.jsonl", |file| {
            file.write_all(&header(STATE_FORMAT, generation, 0))?;
            let mut line = Vec::new();
            for change in state.changes() {
                line.clear();
                serde_json::to_writer(&mut line, &change)?;
                line.push(b'\n');
                file.write_all(&line)?;
                written += line.len() as u64;
            }
            Ok(())
        })
        .map_err(failed("write", &path))?;
        let old_log = log_path(&self.folder, self.generation);
        (self.log, self.log_bytes, self.snapshot_bytes, self.generation) =
            (log, 0, written, generation);
        match fs::remove_file(&old_log) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("remove", &old_log)(error))
            }
            _ => Ok(()),
        }
    }
}

/// The lines of a file behind its header, and how far they can be trusted.
struct Lines {
    reader: BufReader<File>,
    path: PathBuf,
    header: Header,
    /// The line that was read last, from 1.
    number: usize,
    /// The bytes of all complete lines so far.
    good_bytes: u64,
    /// The last line has no end: its writer was killed.
    torn: bool,
    line: Vec<u8>,
}

impl Lines {
    /// `None` when there is no such file, or nothing whole in it yet.
    fn open(path: &Path, format: &str) -> Result<Option<Self>, StoreError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("open", path)(error)),
        };
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let mut line = Vec::new();
        match read_line(&mut reader, HEADER_LIMIT, &mut line) {
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                return Err(StoreError::Foreign(path.to_owned()));
            }
            read => read.map_err(failed("read", path))?,
        }
        if line.is_empty() {
            return Ok(None);
        }
        let header: Header =
            serde_json::from_slice(&line).map_err(|_| StoreError::Foreign(path.to_owned()))?;
        if header.format != format {
            return Err(StoreError::Foreign(path.to_owned()));
        }
        if header.version > VERSION {
            return Err(StoreError::Newer { path: path.to_owned(), found: header.version });
        }
        if header.generation.max(header.last_seq) > LARGEST_NUMBER {
            return Err(StoreError::Damaged { path: path.to_owned(), line: 1 });
        }
        let good_bytes = line.len() as u64;
        Ok(Some(Self {
            reader,
            path: path.to_owned(),
            header,
            number: 1,
            good_bytes,
            torn: false,
            line,
        }))
    }

    fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, StoreError> {
        self.line.clear();
        read_line(&mut self.reader, LINE_LIMIT, &mut self.line)
            .map_err(failed("read", &self.path))?;
        if self.line.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        if self.line.last() != Some(&b'\n') {
            self.torn = true;
            return Ok(None);
        }
        self.good_bytes += self.line.len() as u64;
        match serde_json::from_slice(&self.line) {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(StoreError::Damaged { path: self.path.clone(), line: self.number }),
        }
    }
}

/// Reads up to the end of a line.
///
/// # Errors
/// It could not be read, or has more than `most` bytes.
fn read_line(reader: &mut BufReader<File>, most: u64, line: &mut Vec<u8>) -> io::Result<()> {
    reader.take(most).read_until(b'\n', line)?;
    if line.len() as u64 == most && line.last() != Some(&b'\n') {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("a line has more than {most} bytes"),
        ));
    }
    Ok(())
}

fn open_journal(folder: &Path) -> Result<(File, VecDeque<Entry>, u64), StoreError> {
    let path = folder.join("journal.jsonl");
    let mut entries = VecDeque::new();
    let (mut good_bytes, mut last_seq) = (0, 0);
    if let Some(mut lines) = Lines::open(&path, JOURNAL_FORMAT)? {
        while let Some(entry) = lines.next::<Entry>()? {
            if entry.seq > LARGEST_NUMBER {
                return Err(StoreError::Damaged { path, line: lines.number });
            }
            entries.push_back(entry);
            if entries.len() > ENTRY_LIMIT {
                entries.pop_front();
            }
        }
        (good_bytes, last_seq) = (lines.good_bytes, lines.header.last_seq);
    }
    let journal = open_at(&path, good_bytes, &header(JOURNAL_FORMAT, 0, 0))?;
    Ok((journal, entries, last_seq))
}

fn header(format: &str, generation: u64, last_seq: u64) -> Vec<u8> {
    let header = Header { format: format.to_owned(), version: VERSION, generation, last_seq };
    // A struct of plain fields always serialises.
    let mut line = serde_json::to_vec(&header).unwrap_or_default();
    line.push(b'\n');
    line
}

fn log_path(folder: &Path, generation: u64) -> PathBuf {
    folder.join(format!("changes-{generation}.jsonl"))
}

/// Opens a file for appending after its first `good_bytes`; what follows them is dropped. At 0 it gets a header.
fn open_at(path: &Path, good_bytes: u64, header: &[u8]) -> Result<File, StoreError> {
    let open = || {
        let mut file = private::options().create(true).truncate(false).write(true).open(path)?;
        file.set_len(good_bytes)?;
        file.seek(SeekFrom::End(0))?;
        if good_bytes == 0 {
            file.write_all(header)?;
        }
        Ok(file)
    };
    open().map_err(failed("open", path))
}

/// Writes a file so that readers find the old one or the new one, whole: temporary file, sync, rename, sync the folder.
fn replace_file(
    folder: &Path,
    name: &str,
    write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
) -> io::Result<()> {
    let path = files::behind_links(&folder.join(name))?;
    let temporary = path.with_file_name(format!("{name}.new"));
    let file = private::options().create(true).truncate(true).write(true).open(&temporary)?;
    let mut writer = BufWriter::with_capacity(1 << 20, &file);
    write(&mut writer)?;
    writer.flush()?;
    drop(writer);
    file.sync_all()?;
    fs::rename(&temporary, &path)?;
    // Where folders cannot be opened as files, the rename is as durable as the system makes it.
    if cfg!(unix) {
        File::open(path.parent().unwrap_or(folder))?.sync_all()?;
    }
    Ok(())
}
