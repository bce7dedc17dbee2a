//! Folders that are written to for each input: in memory, where the machine has such a place.

use std::path::Path;

/// An empty folder, gone when dropped.
pub fn quick() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir()
        && let Ok(folder) = tempfile::tempdir_in(memory)
    {
        return folder;
    }
    tempfile::tempdir().unwrap()
}
