//! Leases as locks of files, for the runs of one machine.
//!
//! ```text
//!  locks/default@123@flespi.io.lock   empty; whoever has the system's lock on it has the lease
//!  locks/default@123@flespi.io.json   who that is, for people; replaced as a whole
//! ```
//!
//! The system takes the lock back when the process ends, be it by `kill -9` or a power cut, and a
//! process that is only stopped keeps it; so nobody ever has to decide whether a holder is alive.
//! Neither file is ever removed, or two processes could lock two files of the same name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::info::Note;
use super::{Fences, Holder, Lease, LeaseKey, Leases, LockError, LockInfo, Release, Share, Soon};
use crate::files;
use crate::private;

/// How often a holder shows that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// No note of a holder is larger, in bytes.
const MOST_NOTE_BYTES: u64 = 64 * 1024;

/// Leases in a folder.
#[derive(Debug, Clone)]
pub struct FileLeases {
    state: PathBuf,
    folder: PathBuf,
}

/// The folder of the locks in that of the state.
const FOLDER: &str = "locks";

/// The files of one lease.
#[derive(Debug, Clone)]
struct Files {
    lock: PathBuf,
    note: PathBuf,
}

impl FileLeases {
    /// Leases in `state`/locks, which is made when the first is taken.
    pub fn new(state: &Path) -> Self {
        Self { state: state.to_owned(), folder: state.join(FOLDER) }
    }

    fn files(&self, key: &LeaseKey) -> Files {
        let name = key.as_name();
        Files {
            lock: self.folder.join(format!("{name}.lock")),
            note: self.folder.join(format!("{name}.json")),
        }
    }

    fn notes(&self) -> io::Result<Vec<(Files, Option<Note>)>> {
        private::check_state_folder(&self.state, FOLDER)?;
        notes(&self.folder)
    }

    fn acquire(&self, key: &LeaseKey, holder: &Holder) -> Result<Lease, LockError> {
        let files = self.files(key);
        let unusable = |error: io::Error| LockError::Unusable {
            path: files.lock.display().to_string(),
            reason: format!("{error}; choose a writable folder with --state-dir"),
        };
        private::state_folder(&self.state, FOLDER).map_err(unusable)?;
        let file = open(&files.lock).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let info = LockInfo::new(place(&files), read(&files.note), true, now());
                return Err(LockError::Held(Box::new(info)));
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        let identity = identity(file.metadata());
        if identity != self::identity(fs::metadata(&files.lock)) {
            // Somebody removed the file between opening and locking: ask again.
            let info = LockInfo::new(place(&files), None, true, now());
            return Err(LockError::Held(Box::new(info)));
        }
        let previous = read(&files.note).map(|note| note.fence);
        let note = Note {
            key: key.clone(),
            // Whatever number was lost, the time in microseconds is larger: taking a lease takes longer than one. So it
            // is where somebody wrote a number that none follows.
            fence: previous
                .and_then(|previous| previous.checked_add(1))
                .unwrap_or_else(microseconds),
            holder: holder.clone(),
            acquired_at: now(),
            heartbeat_at: now(),
            released_at: None,
        };
        if let Err(error) = write(&files.note, &note) {
            tracing::warn!("cannot write {}: {error}", files.note.display());
            // Nobody may take the old number for the last one.
            let _ = fs::remove_file(&files.note);
        }
        let (fence, key) = (note.fence, key.clone());
        let (sender, lost) = watch::channel(false);
        let heart = tokio::spawn(beat(files.clone(), note.clone(), identity, sender));
        let held = Held { files, note, heart, file };
        let previous = BTreeMap::from([(Share::ROOT, previous)]);
        Ok(Lease { fence, previous, key, lost, right: None, held: Box::new(held) })
    }
}

impl Leases for FileLeases {
    fn fences(&self) -> Soon<'_, Fences> {
        Box::pin(async move {
            let mut fences = Fences::default();
            let Ok(notes) = self.notes() else {
                return Fences { is_partial: true, ..fences };
            };
            for (_, note) in notes {
                match note {
                    Some(Note { released_at: Some(_), key, fence, .. }) => {
                        fences.at_rest.insert((key, Share::ROOT), fence);
                    }
                    Some(Note { released_at: None, key, .. }) => {
                        fences.in_use.insert((key, Share::ROOT));
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
        _: &'a BTreeSet<Share>,
        holder: &'a Holder,
    ) -> Soon<'a, Result<Lease, LockError>> {
        Box::pin(async move { self.acquire(key, holder) })
    }

    fn break_lease<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: &'a str,
    ) -> Soon<'a, Result<Option<LockInfo>, LockError>> {
        Box::pin(async {
            let why = "a lock of a file ends with the process that holds it; `lock show` says how to end that";
            Err(LockError::Unsupported(why))
        })
    }

    fn list(&self) -> Soon<'_, Result<Vec<LockInfo>, LockError>> {
        Box::pin(async move {
            let notes = self.notes().map_err(|error| LockError::Unusable {
                path: self.folder.display().to_string(),
                reason: error.to_string(),
            })?;
            let infos = notes.into_iter().map(|(files, note)| {
                // A note that says that the lease was given back may be followed by a new holder
                // who has not written yet, so the lock itself is always asked.
                LockInfo::new(place(&files), note, is_held(&files.lock), now())
            });
            Ok(infos.collect())
        })
    }
}

/// What keeps a lease: the open file, and the heart.
struct Held {
    files: Files,
    note: Note,
    heart: JoinHandle<()>,
    file: File,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.heart.abort();
        let note = Note { released_at: Some(now()), heartbeat_at: now(), ..self.note.clone() };
        // Another holder's note is not ours to overwrite.
        if read(&self.files.note).is_some_and(|there| there.fence == note.fence) {
            let _ = write(&self.files.note, &note);
        }
        let _ = self.file.unlock();
    }
}

impl Release for Held {
    fn release(self: Box<Self>) -> Soon<'static, ()> {
        Box::pin(async move { drop(self) })
    }
}

/// Shows now and then that the holder is alive, and notices when the file is not ours any more.
async fn beat(files: Files, mut note: Note, ours: Identity, lost: watch::Sender<bool>) {
    let mut rhythm = tokio::time::interval(HEARTBEAT);
    rhythm.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    rhythm.tick().await;
    loop {
        rhythm.tick().await;
        if identity(fs::metadata(&files.lock)) != ours {
            tracing::error!("{} was removed, and the lock with it", files.lock.display());
            lost.send_replace(true);
            return;
        }
        note.heartbeat_at = now();
        // Without it others see an old sign of life, and nothing worse.
        let _ = write(&files.note, &note);
    }
}

/// Opens the file for locking; one that may only be read serves as well.
fn open(path: &Path) -> io::Result<File> {
    let file = private::options().create(true).truncate(false).write(true).open(path);
    match file {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && path.is_file() => {
            private::options().read(true).open(path)
        }
        other => other,
    }
}

/// Which file it is: device and number. `None` where systems do not tell, and do not let go of the
/// name of an open file either.
type Identity = Option<(u64, u64)>;

fn identity(metadata: io::Result<fs::Metadata>) -> Identity {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        metadata.ok().map(|metadata| (metadata.dev(), metadata.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        None
    }
}

/// Whether somebody has the system's lock on `path`.
fn is_held(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

fn place(files: &Files) -> String {
    files.lock.display().to_string()
}

/// Every lease in the folder with its note, by name. A folder that is not there has none.
fn notes(folder: &Path) -> io::Result<Vec<(Files, Option<Note>)>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut locks: Vec<PathBuf> = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "lock") {
            locks.push(path);
        }
    }
    locks.sort();
    let notes = locks.into_iter().map(|lock| {
        let files = Files { note: lock.with_extension("json"), lock };
        let note = read(&files.note);
        (files, note)
    });
    Ok(notes.collect())
}

fn read(path: &Path) -> Option<Note> {
    serde_json::from_slice(&files::read_at_most(path, MOST_NOTE_BYTES).ok()?).ok()
}

/// Replaces the note as a whole. Only the holder writes, so one name for what is not whole yet is
/// enough, and a killed holder leaves no more than that behind.
fn write(path: &Path, note: &Note) -> io::Result<()> {
    let path = files::behind_links(path)?;
    let unfinished = path.with_extension("json.new");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = private::options().create_new(true).write(true).open(&unfinished)?;
    file.write_all(&serde_json::to_vec_pretty(note)?)?;
    fs::rename(unfinished, path)
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn microseconds() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_microsecond()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::{LockState, acquire};
    use crate::run::RunId;

    fn key(stack: &str) -> LeaseKey {
        let platform = "127.0.0.1:8080".to_owned();
        LeaseKey { platform, account: 7, stack: stack.to_owned() }
    }

    fn holder() -> Holder {
        Holder::this_process("apply", &RunId::new())
    }

    async fn take(leases: &FileLeases, stack: &str) -> Result<Lease, LockError> {
        acquire(leases, &key(stack), &Share::all(), &holder(), Duration::ZERO, |_| {}).await
    }

    #[tokio::test]
    async fn one_lease_of_a_stack_at_a_time_and_others_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let leases = FileLeases::new(folder.path());
        let first = take(&leases, "a").await.unwrap();
        assert!(matches!(take(&leases, "a").await, Err(LockError::Held(_))));
        let beside = take(&leases, "b").await.unwrap();
        drop(first);
        take(&leases, "a").await.unwrap();
        drop(beside);
    }

    #[tokio::test]
    async fn a_lease_tells_whether_somebody_had_it_in_between() {
        let folder = tempfile::tempdir().unwrap();
        let leases = FileLeases::new(folder.path());
        let before = leases.fences().await;
        let first = take(&leases, "a").await.unwrap();
        assert!(first.follows(&before));
        let fence = first.fence();
        drop(first);
        let second = take(&leases, "a").await.unwrap();
        assert!(!second.follows(&before), "the first one was in between");
        assert!(second.fence() > fence);
        drop(second);
        let after = leases.fences().await;
        take(&leases, "b").await.unwrap();
        assert!(take(&leases, "a").await.unwrap().follows(&after), "another stack does not count");
    }

    #[tokio::test]
    async fn whoever_looks_while_somebody_writes_has_to_look_again() {
        let folder = tempfile::tempdir().unwrap();
        let leases = FileLeases::new(folder.path());
        drop(take(&leases, "a").await.unwrap());
        let first = take(&leases, "a").await.unwrap();
        let meanwhile = leases.fences().await;
        drop(first);
        assert!(!take(&leases, "a").await.unwrap().follows(&meanwhile));
        let after = leases.fences().await;
        assert!(take(&leases, "a").await.unwrap().follows(&after));
    }

    #[tokio::test]
    async fn garbage_beside_the_lock_decides_nothing_and_numbers_go_on_rising() {
        let folder = tempfile::tempdir().unwrap();
        let leases = FileLeases::new(folder.path());
        let files = leases.files(&key("a"));
        let fence = take(&leases, "a").await.unwrap().fence();
        let before = leases.fences().await;
        let mut fence = fence;
        for garbage in ["", "{", "[]", "\u{0}\u{0}\u{0}", "{\"fence\": -1}"].repeat(20) {
            // With a note, numbers rise by one for each lease, however little time passes.
            fence = fence.max(take(&leases, "a").await.unwrap().fence());
            fs::write(&files.note, garbage).unwrap();
            fs::write(&files.lock, garbage).unwrap();
            let lease = take(&leases, "a").await.unwrap();
            assert!(lease.fence() > fence && !lease.follows(&before), "{garbage:?}");
            fence = lease.fence();
        }
    }

    #[tokio::test]
    async fn a_number_that_none_follows_and_times_beyond_all_times_hinder_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let leases = FileLeases::new(folder.path());
        drop(take(&leases, "a").await.unwrap());
        let files = leases.files(&key("a"));
        let mut note = read(&files.note).unwrap();
        for time in [i64::MIN, i64::MAX] {
            note.fence = u64::MAX;
            (note.acquired_at, note.heartbeat_at, note.released_at) = (time, time, Some(time));
            write(&files.note, &note).unwrap();
            let first = take(&leases, "a").await.unwrap();
            write(&files.note, &note).unwrap();
            let Err(LockError::Held(info)) = take(&leases, "a").await else { panic!() };
            assert!(!LockError::Held(info).to_string().is_empty());
            assert_eq!(leases.list().await.unwrap().len(), 1);
            let fence = first.fence();
            drop(first);
            fs::remove_file(&files.note).unwrap();
            assert!(take(&leases, "a").await.unwrap().fence() > fence, "numbers go on");
        }
    }

    #[tokio::test]
    async fn a_note_of_a_former_boot_holds_up_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let leases = FileLeases::new(folder.path());
        drop(take(&leases, "a").await.unwrap());
        let files = leases.files(&key("a"));
        let mut note = read(&files.note).unwrap();
        note.holder.boot = Some("of-another-time".to_owned());
        note.released_at = None;
        note.heartbeat_at = now() + 86_400;
        write(&files.note, &note).unwrap();
        let listed = leases.list().await.unwrap();
        assert_eq!(listed[0].state, LockState::Abandoned);
        assert!(!listed[0].is_local);
        take(&leases, "a").await.unwrap();
    }

    #[tokio::test]
    async fn a_folder_in_the_place_of_a_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let leases = FileLeases::new(folder.path());
        let files = leases.files(&key("a"));
        fs::create_dir_all(&files.lock).unwrap();
        let error = take(&leases, "a").await.unwrap_err();
        assert!(matches!(error, LockError::Unusable { .. }));
        assert!(error.to_string().contains("--state-dir"), "{error}");
        // A folder in the place of the note is no more than a note that cannot be read.
        let files = leases.files(&key("b"));
        fs::create_dir_all(&files.note).unwrap();
        take(&leases, "b").await.unwrap();
    }

    #[tokio::test]
    async fn a_lock_file_that_is_taken_away_ends_the_lease() {
        let folder = tempfile::tempdir().unwrap();
        let leases = FileLeases::new(folder.path());
        let lease = take(&leases, "a").await.unwrap();
        let mut lost = lease.lost();
        tokio::time::pause();
        fs::remove_file(leases.files(&key("a")).lock).unwrap();
        lost.wait_for(|lost| *lost).await.unwrap();
        // The next holder's note stays what it is when the former one ends.
        let next = take(&leases, "a").await.unwrap();
        drop(lease);
        let listed = leases.list().await.unwrap();
        assert_eq!(listed[0].fence, Some(next.fence()));
        assert_eq!(listed[0].state, LockState::Held);
    }

    #[test]
    fn names_of_files_are_short_and_have_no_separators() {
        let leases = FileLeases::new(Path::new("x"));
        let long = "a".repeat(400);
        for stack in ["default", long.as_str()] {
            let files = leases.files(&key(stack));
            let name = files.lock.file_name().unwrap().to_str().unwrap().to_owned();
            assert!(name.len() <= 255 && !name.contains([':', '/']), "{name}");
        }
        assert_ne!(leases.files(&key(&long)).lock, leases.files(&key(&(long.clone() + "b"))).lock);
    }
}
