//! Any other store, by a program that takes the secret from its standard input.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Held, Trouble};
use crate::secret::program::Program;
use crate::secret::{SecretString, Trust};

/// A program that stores a secret, and optionally one that prints what is stored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct ExecSink {
    /// The program that stores, and its arguments.
    pub command: Vec<String>,
    /// The program that prints what is stored, or nothing; left out: unknown.
    pub read: Option<Vec<String>>,
    /// How long either may take, in seconds.
    pub timeout: u64,
    /// Where they run: the folder of the manifest.
    pub folder: PathBuf,
    /// Whose secret it is: an address.
    pub address: String,
}

impl ExecSink {
    pub(super) fn patience(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }

    pub(super) async fn read(&self) -> Result<Held, Trouble> {
        let Some(command) = &self.read else { return Ok(Held::Untold) };
        let bytes = self.run(command, "read", None).await?;
        let text = String::from_utf8(bytes)
            .map_err(|_| Trouble::Refused("the output of its program is not text".to_owned()))?;
        let text = text.trim_end();
        Ok(match text.is_empty() {
            true => Held::Nothing,
            false => Held::Secret(SecretString::from(text)),
        })
    }

    /// The programs are there and may be run. What they do is only known by running them.
    pub(super) fn foresee(&self, trust: &Trust) -> Result<(), Trouble> {
        // Where a manifest names a path, it must not be a way to ask whether that is there.
        let names_hidden = |command: &Vec<String>| {
            command.first().is_some_and(|program| {
                program.contains('/') && trust.hides_file(&self.folder.join(program)).is_some()
            })
        };
        let is_hidden =
            [Some(&self.command), self.read.as_ref()].into_iter().flatten().any(names_hidden);
        if is_hidden { Ok(()) } else { self.probe() }
    }

    pub(super) fn probe(&self) -> Result<(), Trouble> {
        for command in [Some(&self.command), self.read.as_ref()].into_iter().flatten() {
            let program = command.first().map_or("", String::as_str);
            if !self.candidates(program).iter().any(|path| is_program(path)) {
                return Err(Trouble::Refused(format!("no such program: `{program}`")));
            }
        }
        Ok(())
    }

    pub(super) async fn write(&self, secret: &SecretString) -> Result<(), Trouble> {
        self.run(&self.command, "deliver", Some(secret)).await.map(drop)
    }

    /// The files that may be meant by the name of a program.
    fn candidates(&self, program: &str) -> Vec<PathBuf> {
        if program.contains('/') {
            return vec![self.folder.join(program)];
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).map(|folder| folder.join(program)).collect()
    }

    async fn run(
        &self,
        command: &[String],
        verb: &str,
        input: Option<&SecretString>,
    ) -> Result<Vec<u8>, Trouble> {
        let environment =
            [("FLESPI_GITOPS_ADDRESS", self.address.as_str()), ("FLESPI_GITOPS_VERB", verb)];
        let folder = match self.folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => self.folder.as_path(),
        };
        let program = Program {
            command,
            folder,
            patience: self.patience(),
            environment: &environment,
            input,
        };
        Ok(program.run().await?)
    }
}

fn is_program(path: &Path) -> bool {
    let Ok(metadata) = std::fs::metadata(path) else { return false };
    #[cfg(unix)]
    let may_run = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let may_run = true;
    metadata.is_file() && may_run
}
