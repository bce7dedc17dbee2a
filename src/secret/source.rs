//! Secret sources: where a password comes from.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;

use super::SecretString;
use super::sink::{Sink, SinkError};

/// A source's answer may be this long, in bytes; more is a mistake (a whole log file, a loop).
const MAX_BYTES: u64 = 64 * 1024;

/// How long a program may take to print a secret.
const EXEC_TIMEOUT: Duration = Duration::from_secs(30);

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A variable of the environment.
    Env(String),
    /// The content of a file, without one line end at its end.
    File(PathBuf),
    /// What a program prints, without one line end at its end; no shell is involved.
    Exec {
        /// The program and its arguments.
        command: Vec<String>,
        /// Where it runs: the folder of the manifest.
        folder: PathBuf,
    },
    /// Made once and delivered to sinks, of which the first is also where it is read again.
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
    /// The variable is not there or is empty.
    #[error("the environment variable {0} is not set")]
    EnvMissing(String),
    /// The file could not be read.
    #[error("the file {path} could not be read")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The program could not be run or waited for.
    #[error("the program `{program}` could not be run")]
    Exec {
        /// The program.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The program ended with a failure.
    #[error("the program `{program}` ended with {status}")]
    ExecFailed {
        /// The program.
        program: String,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// The program took too long.
    #[error("the program `{program}` printed no secret within {} s", EXEC_TIMEOUT.as_secs())]
    ExecTimeout {
        /// The program.
        program: String,
    },
    /// More bytes than any secret has.
    #[error("{0} gives more than {MAX_BYTES} bytes")]
    TooLong(String),
    /// Not text.
    #[error("{0} gives something that is not UTF-8 text")]
    NotText(String),
    /// Nothing but white space.
    #[error("{0} gives an empty secret")]
    Empty(String),
    /// A generated secret is read from its first sink.
    #[error(transparent)]
    Sink(#[from] SinkError),
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
            Self::Generate { length, .. } => write!(formatter, "{length} generated characters"),
        }
    }
}

impl Source {
    /// Whether asking the source has no effect of its own, so that planning may ask it. Programs
    /// are only run by an apply: a plan executes nothing that comes from a repository.
    pub fn is_passive(&self) -> bool {
        !matches!(self, Self::Exec { .. })
    }

    /// The secret as it is now; `None` for a generated one that was not made yet.
    ///
    /// # Errors
    /// [`SourceError`], which never holds the secret.
    pub async fn read(&self) -> Result<Option<SecretString>, SourceError> {
        match self {
            Self::Env(name) => match std::env::var(name) {
                Ok(value) if !value.is_empty() => Ok(Some(SecretString::from(value))),
                _ => Err(SourceError::EnvMissing(name.clone())),
            },
            Self::File(path) => {
                let failed = |source| SourceError::File { path: path.clone(), source };
                let file = tokio::fs::File::open(path).await.map_err(failed)?;
                let mut bytes = Vec::new();
                file.take(MAX_BYTES + 1).read_to_end(&mut bytes).await.map_err(failed)?;
                self.secret(bytes).map(Some)
            }
            Self::Exec { command, folder } => self.run(command, folder).await.map(Some),
            Self::Generate { deliver, .. } => match deliver.first() {
                Some(sink) => Ok(sink.read().await?.secret()),
                None => Ok(None),
            },
        }
    }

    async fn run(
        &self,
        command: &[String],
        folder: &std::path::Path,
    ) -> Result<SecretString, SourceError> {
        let Some((program, arguments)) = command.split_first() else {
            return Err(SourceError::Empty(self.to_string()));
        };
        let failed = |source| SourceError::Exec { program: program.clone(), source };
        let mut child = tokio::process::Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let output = child.stdout.take();
        let finish = async {
            let mut bytes = Vec::new();
            if let Some(output) = output {
                output.take(MAX_BYTES + 1).read_to_end(&mut bytes).await?;
            }
            Ok((bytes, child.wait().await?))
        };
        let (bytes, status) = tokio::time::timeout(EXEC_TIMEOUT, finish)
            .await
            .map_err(|_| SourceError::ExecTimeout { program: program.clone() })?
            .map_err(failed)?;
        if !status.success() && bytes.len() as u64 <= MAX_BYTES {
            return Err(SourceError::ExecFailed { program: program.clone(), status });
        }
        self.secret(bytes)
    }

    fn secret(&self, bytes: Vec<u8>) -> Result<SecretString, SourceError> {
        if bytes.len() as u64 > MAX_BYTES {
            return Err(SourceError::TooLong(self.to_string()));
        }
        let mut text =
            String::from_utf8(bytes).map_err(|_| SourceError::NotText(self.to_string()))?;
        let trimmed = text.strip_suffix('\n').unwrap_or(&text);
        text.truncate(trimmed.strip_suffix('\r').unwrap_or(trimmed).len());
        if text.trim().is_empty() {
            return Err(SourceError::Empty(self.to_string()));
        }
        Ok(SecretString::from(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::ExposeSecret;

    fn exec(command: &[&str]) -> Source {
        Source::Exec {
            command: command.iter().map(|&part| part.to_owned()).collect(),
            folder: std::env::temp_dir(),
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
    async fn an_absent_variable_is_named() {
        let error = Source::Env("FLESPI_GITOPS_TEST_ABSENT".into()).read().await.unwrap_err();
        assert!(error.to_string().contains("FLESPI_GITOPS_TEST_ABSENT"));
    }
}
