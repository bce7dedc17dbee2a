//! A cassette as a file.

use std::io;
use std::path::{Path, PathBuf};

use super::{CASSETTE_FORMAT, Cassette, Exchange, Header};
use crate::files;

/// The largest cassette that is written or read, in bytes.
pub const LARGEST: usize = 256 * 1024 * 1024;

/// Why there is no cassette.
#[derive(Debug, thiserror::Error)]
pub enum CassetteError {
    /// The file cannot be read, or is larger than any cassette.
    #[error("cannot read the recording {}", .0.display())]
    Unread(PathBuf, #[source] io::Error),
    /// The file holds something else. The parser's sentence quotes nothing but its own words.
    #[error("{}:{line}:{column}: not a line of a recording: {why}", path.display())]
    Misread {
        /// The file.
        path: PathBuf,
        /// Number of the line, from 1 on.
        line: usize,
        /// Number of the column, from 1 on.
        column: usize,
        /// What is wrong there.
        why: String,
    },
    /// The file has a format of another version.
    #[error("{} has the format {:?}; this version reads {CASSETTE_FORMAT:?}", .0.display(), .1)]
    Format(PathBuf, String),
    /// The file cannot be written.
    #[error("cannot write the recording {}", .0.display())]
    Unwritten(PathBuf, #[source] io::Error),
}

impl Cassette {
    /// Reads a cassette. A last line without its end is left out: whoever wrote it was killed over it.
    ///
    /// # Errors
    /// [`CassetteError`] if there is none in the file.
    pub fn read(path: &Path) -> Result<Self, CassetteError> {
        let bytes = files::read_at_most(path, LARGEST as u64)
            .map_err(|error| CassetteError::Unread(path.to_owned(), error))?;
        Self::of(&bytes, path)
    }

    /// Reads the content of a file that is called `path`.
    ///
    /// # Errors
    /// [`CassetteError`] if it is something else.
    pub fn of(content: &[u8], path: &Path) -> Result<Self, CassetteError> {
        let whole = content.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let mut lines = content[..whole].split(|byte| *byte == b'\n').zip(1..);
        let (first, _) = lines.next().unwrap_or_default();
        let header: Header = line(first, 1, path)?;
        if header.format != CASSETTE_FORMAT {
            return Err(CassetteError::Format(path.to_owned(), header.format));
        }
        let exchanges = lines
            .filter(|(text, _)| !text.is_empty())
            .map(|(text, number)| line::<Exchange>(text, number, path))
            .collect::<Result<_, _>>()?;
        Ok(Self { header, exchanges })
    }
}

fn line<T: serde::de::DeserializeOwned>(
    text: &[u8],
    number: usize,
    path: &Path,
) -> Result<T, CassetteError> {
    serde_json::from_slice(text).map_err(|error| CassetteError::Misread {
        path: path.to_owned(),
        line: number,
        column: error.column().max(1),
        why: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = r#"{"format":"flespi-gitops/cassette/v1","version":"0.1.0","platform":"sandbox","recorded":"2026-12-01T00:00:00Z"}"#;

    fn of(text: &str) -> Result<Cassette, CassetteError> {
        Cassette::of(text.as_bytes(), Path::new("run.cassette"))
    }

    #[test]
    fn what_a_killed_run_left_is_read_up_to_its_last_whole_line() {
        let call = r#"{"method":"GET","path":"/auth/info","status":200,"answer":{}}"#;
        let whole = of(&format!("{HEADER}\n{call}\n{call}\n")).unwrap();
        assert_eq!(whole.exchanges.len(), 2);
        assert_eq!(of(&format!("{HEADER}\n{call}\n{}", &call[..20])).unwrap().exchanges.len(), 1);
        assert_eq!(of(&format!("{HEADER}\n")).unwrap().exchanges, []);
    }

    #[test]
    fn anything_else_is_refused_with_the_place() {
        for nothing in ["", "{}", "\n", "hello\n", HEADER] {
            let refused = of(nothing).unwrap_err().to_string();
            assert!(refused.starts_with("run.cassette:1:"), "{refused}");
        }
        let refused = of(&format!("{HEADER}\n\n{{\"method\":\"GET\",\"pat\":1}}\n")).unwrap_err();
        assert!(refused.to_string().starts_with("run.cassette:3:21: "), "{refused}");
        let other = HEADER.replace("/v1", "/v9");
        assert!(matches!(of(&format!("{other}\n")), Err(CassetteError::Format(..))));
        assert!(matches!(Cassette::read(Path::new("none")), Err(CassetteError::Unread(..))));
    }
}
