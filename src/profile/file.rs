//! A profile as a file.

use std::io;
use std::path::{Path, PathBuf};

use super::{PROFILE_FORMAT, Profile};
use crate::files::{self, Access};

/// The largest profile that is read, in bytes: one with all evidence has about 100 kB.
pub const LARGEST: usize = 4 * 1024 * 1024;

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The file cannot be read, or is larger than any profile.
    #[error("cannot read the profile {}", .0.display())]
    Unread(PathBuf, #[source] io::Error),
    /// The file holds something else.
    #[error("{} is not a profile of a platform", .0.display())]
    Misread(PathBuf, #[source] serde_json::Error),
    /// The file has a format of another version.
    #[error("{} has the format {:?}; this version reads {PROFILE_FORMAT:?}", .0.display(), .1)]
    Format(PathBuf, String),
    /// The file cannot be written.
    #[error("cannot write the profile {}", .0.display())]
    Unwritten(PathBuf, #[source] io::Error),
}

impl Profile {
    /// Reads a profile.
    ///
    /// # Errors
    /// [`ProfileError`] if there is none in the file.
    pub fn read(path: &Path) -> Result<Self, ProfileError> {
        let bytes = files::read_at_most(path, LARGEST as u64)
            .map_err(|error| ProfileError::Unread(path.to_owned(), error))?;
        Self::of(&bytes, path)
    }

    /// Reads the content of a file that is called `path`.
    ///
    /// # Errors
    /// [`ProfileError`] if it is something else.
    pub fn of(content: &[u8], path: &Path) -> Result<Self, ProfileError> {
        let profile: Self = serde_json::from_slice(content)
            .map_err(|error| ProfileError::Misread(path.to_owned(), error))?;
        match profile.format == PROFILE_FORMAT {
            true => Ok(profile),
            false => Err(ProfileError::Format(path.to_owned(), profile.format)),
        }
    }

    /// Writes the profile, whole or not at all.
    ///
    /// # Errors
    /// [`ProfileError::Unwritten`].
    pub fn write(&self, path: &Path) -> Result<(), ProfileError> {
        let unwritten = |error| ProfileError::Unwritten(path.to_owned(), error);
        let mut text =
            serde_json::to_string_pretty(self).map_err(|error| unwritten(error.into()))?;
        text.push('\n');
        files::write(path, text.as_bytes(), Access::Shared).map_err(unwritten)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Answer, Evidence};

    #[test]
    fn a_profile_comes_back_as_it_was_written_and_anything_else_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("platform-profile.json");
        let evidence = Evidence {
            request: "GET /platform/limits/1".to_owned(),
            body: None,
            status: Some(404),
            answer: "{}".to_owned(),
        };
        let answer = Answer { value: "404".to_owned(), evidence: vec![evidence] };
        let profile = Profile {
            format: PROFILE_FORMAT.to_owned(),
            answers: [("missing-id".to_owned(), answer)].into(),
            ..Profile::default()
        };
        profile.write(&path).unwrap();
        let read = Profile::read(&path).unwrap();
        assert_eq!(read, profile);
        assert!(read.says("missing-id", "404") && !read.says("missing-id", "200"));
        assert_eq!(read.value("batch"), None);

        std::fs::write(&path, "{}").unwrap();
        assert!(matches!(Profile::read(&path), Err(ProfileError::Misread(..))));
        let other = Profile { format: "flespi-gitops/profile/v9".to_owned(), ..profile };
        other.write(&path).unwrap();
        assert!(matches!(Profile::read(&path), Err(ProfileError::Format(..))));
        assert!(matches!(
            Profile::read(&folder.path().join("none")),
            Err(ProfileError::Unread(..))
        ));
    }
}
