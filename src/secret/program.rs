//! Programs that give or take secrets: no shell, bounded in time and output, nothing of what they say is shown.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::{ExposeSecret, SecretString};
use crate::children::Group;
use crate::shutdown;

/// What a program prints may be this long, in bytes; more is a mistake (a whole log file, a loop).
pub(super) const MAX_BYTES: usize = 64 * 1024;

/// When a program has ended, what it printed is there; somebody who still holds its output is not waited for.
const DRAIN: Duration = Duration::from_millis(500);

/// The variable that passes this program the place of its token.
pub(crate) const PIPE_VARIABLE: &str = "FLESPI_GITOPS_TOKEN_PIPE";

/// Variables that no program of ours gets to see: whoever runs it has a token of ours for nothing.
const OWN_SECRETS: [&str; 3] = ["FLESPI_TOKEN", "FLESPI_GITOPS_SPOOL_KEY", PIPE_VARIABLE];

/// A program and how it is run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Program<'a> {
    /// The program and its arguments.
    pub(super) command: &'a [String],
    /// Where it runs.
    pub(super) folder: &'a Path,
    /// How long it may take.
    pub(super) patience: Duration,
    /// Further variables.
    pub(super) environment: &'a [(&'a str, &'a str)],
    /// What it reads from its standard input.
    pub(super) input: Option<&'a SecretString>,
}

/// Why a program gave nothing. The text names the program, never what it said: that could be the secret.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// There is no program.
    #[error("no program is given")]
    Nameless,
    /// It could not be run or waited for.
    #[error("cannot run the program `{program}`")]
    Run {
        /// The program.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It ended with a failure.
    #[error("the program `{program}` exited with {status}")]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// It took too long and was killed.
    #[error("the program `{program}` did not end within {seconds} s and was killed")]
    Late {
        /// The program.
        program: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The process was asked to end meanwhile, and the program was killed.
    #[error("the program `{0}` was killed because the run was stopped")]
    Stopped(String),
    /// It printed more than any secret has.
    #[error("the program `{0}` prints more than {MAX_BYTES} bytes")]
    TooLong(String),
}

/// Keeps programs of the same user out of this process: its memory and what it was started with hold a token.
fn hide() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

impl Program<'_> {
    /// What the program prints.
    ///
    /// # Errors
    /// [`ProgramError`].
    pub(super) async fn run(self) -> Result<Vec<u8>, ProgramError> {
        let Some((program, arguments)) = self.command.split_first() else {
            return Err(ProgramError::Nameless);
        };
        let failed = |source| ProgramError::Run { program: program.clone(), source };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.folder)
            .envs(self.environment.iter().copied())
            .stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        for name in OWN_SECRETS {
            command.env_remove(name);
        }
        hide();
        let mut group = Group::start(&mut command).map_err(failed)?;
        let late =
            || ProgramError::Late { program: program.clone(), seconds: self.patience.as_secs() };
        let finished = tokio::select! {
            finished = finish(&mut group.child, self.input) => finished.map_err(failed),
            () = tokio::time::sleep(self.patience) => Err(late()),
            () = shutdown::begun_and(shutdown::SHORT_GRACE) => {
                Err(ProgramError::Stopped(program.clone()))
            }
        };
        let (bytes, status) = finished?;
        match status {
            _ if bytes.len() > MAX_BYTES => Err(ProgramError::TooLong(program.clone())),
            Some(status) if !status.success() => {
                Err(ProgramError::Failed { program: program.clone(), status })
            }
            _ => Ok(bytes),
        }
    }
}

/// What the program prints, and how it ended; it has not, if it printed too much.
async fn finish(
    child: &mut Child,
    input: Option<&SecretString>,
) -> std::io::Result<(Vec<u8>, Option<ExitStatus>)> {
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let feed = async {
        if let (Some(mut stdin), Some(secret)) = (stdin, input) {
            // A program that does not want it all has its reasons, and its status tells them.
            let _ = stdin.write_all(secret.expose_secret().as_bytes()).await;
            let _ = stdin.shutdown().await;
        }
        std::future::pending::<()>().await
    };
    let mut bytes = Vec::new();
    let mut output = stdout.map(|stdout| stdout.take(MAX_BYTES as u64 + 1));
    let work = async {
        let mut is_open = output.is_some();
        loop {
            let read = async {
                match &mut output {
                    Some(output) => output.read_buf(&mut bytes).await,
                    None => Ok(0),
                }
            };
            tokio::select! {
                count = read, if is_open => is_open = count? > 0 && bytes.len() <= MAX_BYTES,
                status = child.wait() => {
                    let status = status?;
                    if let (true, Some(output)) = (is_open, &mut output) {
                        let _ = tokio::time::timeout(DRAIN, output.read_to_end(&mut bytes)).await;
                    }
                    return Ok((bytes, Some(status)));
                }
            }
            if bytes.len() > MAX_BYTES {
                return Ok((bytes, None));
            }
        }
    };
    tokio::select! {
        done = work => done,
        () = feed => Err(std::io::Error::other("cannot write to it")),
    }
}
