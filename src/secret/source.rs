//! Secret sources: where a password comes from. What counts as one is said in [`reading`].

use std::path::PathBuf;
use std::time::Duration;

use tokio::io::AsyncReadExt;

use super::program::{self, Program, ProgramError};
use super::reading::{self, Unfit};
use super::sink::{Sink, SinkError};
use super::{ExposeSecret, SecretString, Trust, strength};

/// A source's answer may be this long, in bytes; more is a mistake (a whole log file, a loop).
const MAX_BYTES: u64 = program::MAX_BYTES as u64;

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A variable of the environment.
    Env(String),
    /// The content of a file.
    File(PathBuf),
    /// What a program prints; no shell is involved.
    Exec {
        /// The program and its arguments.
        command: Vec<String>,
        /// Where it runs: the folder of the manifest.
        folder: PathBuf,
        /// How long it may take, in seconds.
        timeout: u64,
    },
    /// Made once and delivered to sinks, from which it is also read again.
    Generate {
        /// Number of characters.
        length: u16,
        /// Where it goes.
        deliver: Vec<Sink>,
    },
}

/// Why a source gave no secret. The text names the source, never its content.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The variable is not there.
    #[error("the environment variable {0} is not set")]
    EnvMissing(String),
    /// The file could not be read.
    #[error("cannot read the file {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// What became of the program.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// More bytes than any secret has.
    #[error("{0} returns more than {MAX_BYTES} bytes")]
    TooLong(String),
    /// What it gives is no secret.
    #[error("{source_name} {why}")]
    Unfit {
        /// The source.
        source_name: String,
        /// What is wrong.
        why: Unfit,
    },
    /// Shorter than a rule demands.
    #[error(
        "{source_name} returns a password of fewer than {least} characters, which the rule \
         `passwords-at-least` forbids"
    )]
    TooShort {
        /// The source.
        source_name: String,
        /// The fewest characters that it may have.
        least: u16,
    },
    /// A generated secret is read from its first sink.
    #[error(transparent)]
    Sink(#[from] SinkError),
}

impl SourceError {
    /// Whether the source gave something that can be no secret, rather than nothing.
    #[must_use]
    pub fn is_unfit(&self) -> bool {
        matches!(self, Self::Unfit { .. } | Self::TooShort { .. } | Self::TooLong(_))
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Env(name) => write!(formatter, "the environment variable {name}"),
            Self::File(path) => write!(formatter, "the file {}", path.display()),
            Self::Exec { command, .. } => {
                let program = command.first().map_or("", String::as_str);
                write!(formatter, "the program `{program}`")
            }
            Self::Generate { length, .. } => {
                write!(formatter, "{length} generated characters, {} bits", strength(*length))
            }
        }
    }
}

impl Source {
    /// Where a generated secret goes; nowhere for any other.
    pub fn sinks(&self) -> &[Sink] {
        match self {
            Self::Generate { deliver, .. } => deliver,
            Self::Env(_) | Self::File(_) | Self::Exec { .. } => &[],
        }
    }

    /// See [`Source::sinks`].
    pub fn sinks_mut(&mut self) -> &mut [Sink] {
        match self {
            Self::Generate { deliver, .. } => deliver,
            Self::Env(_) | Self::File(_) | Self::Exec { .. } => &mut [],
        }
    }

    /// Whether asking the source has no effect of its own, so that planning may ask it. Programs
    /// are only run by an apply: a plan executes nothing that comes from a repository.
    pub fn is_passive(&self) -> bool {
        match self {
            Self::Exec { .. } => false,
            Self::Env(_) | Self::File(_) => true,
            Self::Generate { deliver, .. } => {
                !deliver.iter().any(|sink| sink.runs_program() && sink.gives_back())
            }
        }
    }

    /// Why the source is not asked with so much trust; none if it may be.
    pub fn hidden_from(&self, trust: &Trust) -> Option<String> {
        match self {
            Self::Env(_) => None,
            Self::File(path) => trust.hides_file(path),
            Self::Exec { .. } => trust.hides_program(),
            Self::Generate { deliver, .. } => {
                let asked = deliver.iter().filter(|sink| sink.gives_back());
                asked.filter_map(|sink| sink.hidden_from(trust)).next()
            }
        }
    }

    /// The secret as it is now; `None` for a generated one that was not made yet.
    ///
    /// # Errors
    /// [`SourceError`], which never holds the secret.
    pub async fn read(&self) -> Result<Option<SecretString>, SourceError> {
        match self {
            Self::Env(name) => match std::env::var_os(name) {
                Some(value) => self.secret(value.into_encoded_bytes()).map(Some),
                None => Err(SourceError::EnvMissing(name.clone())),
            },
            Self::File(path) => {
                let failed = |source| SourceError::File { path: path.clone(), source };
                // Opening a pipe waits for its writer, who may never come.
                let metadata = tokio::fs::metadata(path).await.map_err(failed)?;
                if !metadata.is_file() {
                    return Err(failed(std::io::Error::other("not a regular file")));
                }
                let file = tokio::fs::File::open(path).await.map_err(failed)?;
                let mut bytes = Vec::new();
                file.take(MAX_BYTES + 1).read_to_end(&mut bytes).await.map_err(failed)?;
                self.secret(bytes).map(Some)
            }
            Self::Exec { command, folder, timeout } => {
                let program = Program {
                    command,
                    folder,
                    patience: Duration::from_secs(*timeout),
                    environment: &[],
                    input: None,
                };
                self.secret(program.run().await?).map(Some)
            }
            Self::Generate { deliver, .. } => {
                for sink in deliver.iter().filter(|sink| sink.gives_back()) {
                    if let Some(secret) = sink.read().await?.secret() {
                        return Ok(Some(secret));
                    }
                }
                Ok(None)
            }
        }
    }

    /// The secret as it is now, if it has at least so many characters.
    ///
    /// # Errors
    /// [`SourceError`], which never holds the secret.
    pub async fn password(&self, least: Option<u16>) -> Result<Option<SecretString>, SourceError> {
        let secret = self.read().await?;
        let length = |secret: &SecretString| secret.expose_secret().chars().count();
        match (least, &secret) {
            (Some(least), Some(known)) if length(known) < usize::from(least) => {
                Err(SourceError::TooShort { source_name: self.to_string(), least })
            }
            _ => Ok(secret),
        }
    }

    fn secret(&self, bytes: Vec<u8>) -> Result<SecretString, SourceError> {
        if bytes.len() as u64 > MAX_BYTES {
            return Err(SourceError::TooLong(self.to_string()));
        }
        reading::password(bytes)
            .map_err(|why| SourceError::Unfit { source_name: self.to_string(), why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exec(command: &[&str]) -> Source {
        Source::Exec {
            command: command.iter().map(|&part| part.to_owned()).collect(),
            folder: std::env::temp_dir(),
            timeout: 30,
        }
    }

    #[tokio::test]
    async fn a_file_gives_its_content_without_the_last_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "two words\r\n").unwrap();
        let secret = Source::File(path).read().await.unwrap().unwrap();
        assert_eq!(secret.expose_secret(), "two words");
    }

    #[tokio::test]
    async fn a_program_gives_what_it_prints() {
        let secret = exec(&["printf", "%s", "s3cret words"]).read().await.unwrap().unwrap();
        assert_eq!(secret.expose_secret(), "s3cret words");
    }

    #[tokio::test]
    async fn a_program_that_fails_or_prints_without_end_is_an_error_that_names_it() {
        let failed = exec(&["false"]).read().await.unwrap_err().to_string();
        assert!(failed.contains("`false`"), "{failed}");
        let endless = exec(&["yes"]).read().await.unwrap_err().to_string();
        assert!(endless.contains("more than 65536 bytes"), "{endless}");
        let absent = exec(&["/nowhere/program"]).read().await.unwrap_err().to_string();
        assert!(absent.contains("/nowhere/program"), "{absent}");
    }

    #[tokio::test]
    async fn every_source_refuses_what_is_no_secret_and_names_itself_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "canary\nsecond\n").unwrap();
        for source in [Source::File(path), exec(&["printf", "%s", "canary\nsecond"])] {
            let said = source.read().await.unwrap_err().to_string();
            assert_eq!(
                said,
                format!(
                    "{source} has several lines; a secret is one line (one line end at its end is removed)"
                )
            );
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_program_that_runs_for_ever_is_killed_with_everything_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let command = ["sh", "-c", "sleep 600 & echo $! >child; wait"].map(str::to_owned).to_vec();
        let source = Source::Exec { command, folder: folder.path().to_owned(), timeout: 1 };
        let error = source.read().await.unwrap_err().to_string();
        assert!(error.contains("`sh` did not end within 1 s"), "{error}");
        let child = std::fs::read_to_string(folder.path().join("child")).unwrap();
        let status = format!("/proc/{}/stat", child.trim());
        // A process that was killed may be a zombie until somebody waits for it.
        for _ in 0..500 {
            match std::fs::read_to_string(&status) {
                Ok(stat) if !stat.contains(") Z ") => {
                    tokio::time::sleep(Duration::from_millis(10)).await
                }
                _ => return,
            }
        }
        panic!("the child of the program is still there");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn nobody_waits_for_who_still_holds_the_output_of_a_program_that_has_ended() {
        let source = exec(&["sh", "-c", "sleep 25 & printf secret"]);
        let secret = source.read().await.unwrap().unwrap();
        assert_eq!(secret.expose_secret(), "secret");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_pipe_is_no_file_with_a_secret() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(matches!(Source::File(pipe).read().await, Err(SourceError::File { .. })));
    }

    #[tokio::test]
    async fn an_absent_variable_is_named() {
        let error = Source::Env("FLESPI_GITOPS_TEST_ABSENT".into()).read().await.unwrap_err();
        assert!(error.to_string().contains("FLESPI_GITOPS_TEST_ABSENT"));
    }
}
