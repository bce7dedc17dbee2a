//! One call of the program `git`: bounded in time and output, with an environment of ours, and nobody outlives it.
//!
//! What a repository holds never runs anything. There is no work tree, so there are no filters, no attributes and no
//! checkout; hooks are looked for where there is none; no submodule is fetched; no maintenance goes on behind our back.
//! What the user and the machine have configured does not count, apart from a file that the operator names.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::error::GitError;
use crate::children::Group;
use crate::shutdown;
use crate::source::shown::printable;

/// A call that says nothing else takes no longer than this.
const PATIENCE: Duration = Duration::from_secs(60);

/// A call that says nothing else prints no more than this, in bytes.
const MOST_OUTPUT_BYTES: usize = 1024 * 1024;

/// So much of what `git` complains about is read, in bytes.
const MOST_COMPLAINT_BYTES: usize = 16 * 1024;

/// So much of a complaint is shown, in characters.
const MOST_SHOWN: usize = 300;

/// How often the size of what is fetched is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// When a program has ended, what it printed is there; somebody who still holds its output is not waited for.
const DRAIN: Duration = Duration::from_millis(500);

/// Variables that `git` and `ssh` get as they are: where programs and agents are, who we are, and the way out.
const PASSED: &[&str] = &[
    "PATH",
    "USER",
    "LOGNAME",
    "SSH_AUTH_SOCK",
    "SSL_CERT_DIR",
    "TMPDIR",
    "SYSTEMROOT",
    "HTTPS_PROXY",
    "https_proxy",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
];

/// What holds for every call.
const SETTINGS: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.symlinks=false",
    "core.askPass=",
    "core.bigFileThreshold=16m",
    "protocol.version=2",
    "transfer.fsckObjects=true",
    "fetch.fsckObjects=true",
    "fetch.unpackLimit=1",
    "fetch.recurseSubmodules=false",
    "submodule.recurse=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "http.followRedirects=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=20",
    "credential.helper=",
    "credential.interactive=false",
    "advice.detachedHead=false",
];

/// How `git` is run for one repository.
#[derive(Debug, Clone, Default)]
pub(super) struct Way {
    /// A file of settings that the operator wants to count.
    pub(super) config: Option<PathBuf>,
    /// How `ssh` is run, for a shell.
    pub(super) ssh: Option<String>,
}

/// One call.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) way: &'a Way,
    /// Settings for this call alone.
    pub(super) settings: Vec<OsString>,
    /// The repository that is kept, if one is needed.
    pub(super) repository: Option<&'a Path>,
    pub(super) arguments: Vec<OsString>,
    pub(super) variables: Vec<(&'static str, OsString)>,
    /// How long it may take.
    pub(super) patience: Duration,
    /// How much it may print.
    pub(super) most_bytes: usize,
    /// A folder that may not grow beyond so many bytes meanwhile.
    pub(super) growth: Option<(&'a Path, u64)>,
    pub(super) input: Vec<u8>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) status: ExitStatus,
    pub(super) output: Vec<u8>,
    /// What it complained about, as it may be shown.
    pub(super) complaint: String,
}

impl<'a> Call<'a> {
    pub(super) fn new(way: &'a Way, arguments: &[&str]) -> Self {
        Self {
            way,
            settings: Vec::new(),
            repository: None,
            arguments: arguments.iter().map(OsString::from).collect(),
            variables: Vec::new(),
            patience: PATIENCE,
            most_bytes: MOST_OUTPUT_BYTES,
            growth: None,
            input: Vec::new(),
        }
    }

    /// The program, ready to be started.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new("git");
        command.env_clear();
        for name in PASSED {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        // There lie settings and passwords of the user, which count only if that is asked for.
        if let (Some(home), Some(_)) = (std::env::var_os("HOME"), &self.way.config) {
            command.env("HOME", home);
        }
        if let Some(bundle) = std::env::var_os("SSL_CERT_FILE") {
            command.env("GIT_SSL_CAINFO", bundle);
        }
        let config = self.way.config.as_deref().unwrap_or(Path::new("/dev/null"));
        command
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .env("GIT_CONFIG_GLOBAL", config)
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "")
            .env("SSH_ASKPASS_REQUIRE", "never")
            .env("GIT_ALLOW_PROTOCOL", "https:http:ssh:file")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_CEILING_DIRECTORIES", "/")
            .env("GIT_PROTOCOL_FROM_USER", "1")
            .env("GIT_SSH_COMMAND", self.way.ssh.as_deref().unwrap_or("ssh -oBatchMode=yes"));
        for (name, value) in &self.variables {
            command.env(name, value);
        }
        // What the operator's own file says of helpers counts; what is set here comes after it.
        for setting in SETTINGS {
            let is_of_operator = self.way.config.is_some() && setting.starts_with("credential.");
            if !is_of_operator {
                command.arg("-c").arg(setting);
            }
        }
        for setting in &self.settings {
            command.arg("-c").arg(setting);
        }
        if let Some(repository) = self.repository {
            command.arg("--git-dir").arg(repository).arg("--bare").current_dir(repository);
        }
        command.args(&self.arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// [`GitError`] if it does not come to an end of its own; how it ended is in what it said.
    pub(super) async fn run(self) -> Result<Said, GitError> {
        let mut group = Group::start(&mut self.command()).map_err(GitError::Missing)?;
        tokio::select! {
            // First, since what is broken off is no error of the repository.
            biased;
            () = shutdown::begun() => Err(GitError::Stopped),
            said = self.finish(&mut group) => said,
            () = tokio::time::sleep(self.patience) => Err(GitError::Late(self.patience.as_secs())),
            error = self.grows_too_much() => Err(error),
        }
    }

    async fn finish(&self, group: &mut Group) -> Result<Said, GitError> {
        let child = &mut group.child;
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (mut output, mut complaint) = (Vec::new(), Vec::new());
        let status = {
            let feed = async {
                if let Some(mut stdin) = stdin {
                    // Who does not want it all has reasons, and the status tells them.
                    let _ = stdin.write_all(&self.input).await;
                    let _ = stdin.shutdown().await;
                }
                Ok(())
            };
            let output = async {
                read(stdout, self.most_bytes + 1, &mut output).await;
                let is_too_much = output.len() > self.most_bytes;
                let most = self.most_bytes;
                let error = || GitError::TooLarge(format!("`git` printed more than {most} bytes"));
                if is_too_much { Err(error()) } else { Ok(()) }
            };
            let complain = async {
                read(stderr, MOST_COMPLAINT_BYTES, &mut complaint).await;
                Ok(())
            };
            let mut streams = std::pin::pin!(async { tokio::try_join!(feed, output, complain) });
            tokio::select! {
                said = &mut streams => {
                    said?;
                    child.wait().await
                }
                status = child.wait() => {
                    if let Ok(said) = tokio::time::timeout(DRAIN, &mut streams).await {
                        said?;
                    }
                    status
                }
            }
        };
        let status = status.map_err(GitError::Missing)?;
        Ok(Said { status, output, complaint: shown_complaint(&complaint) })
    }

    /// Looks at the folder that may not grow too much.
    async fn grows_too_much(&self) -> GitError {
        let Some((folder, most)) = self.growth else { return std::future::pending().await };
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if size_of(folder) > most {
                return GitError::TooLarge(format!("it has more than {most} bytes to fetch"));
            }
        }
    }
}

/// At most `most` bytes of a stream. What follows is thrown away only where that is little enough to wait for.
async fn read(stream: Option<impl AsyncRead + Unpin>, most: usize, bytes: &mut Vec<u8>) {
    let Some(mut stream) = stream else { return };
    // A stream that breaks has said what it had to say.
    let _ = (&mut stream).take(most as u64).read_to_end(bytes).await;
    if most == MOST_COMPLAINT_BYTES {
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    }
}

/// The size of all files below a folder, in bytes; what goes away meanwhile has none.
pub(super) fn size_of(folder: &Path) -> u64 {
    let entries = walkdir::WalkDir::new(folder).into_iter().flatten();
    entries
        .filter_map(|entry| entry.metadata().ok())
        .filter(|it| it.is_file())
        .map(|it| it.len())
        .sum()
}

/// What `git` and the server said that explains a failure, on one line, without anything that looks like a secret.
fn shown_complaint(complaint: &[u8]) -> String {
    let text = String::from_utf8_lossy(complaint);
    let is_of_it = |line: &&str| {
        let line = line.trim_start();
        !line.is_empty() && !line.starts_with("hint:") && !line.starts_with("warning:")
    };
    let lines: Vec<&str> = text.lines().map(str::trim).filter(is_of_it).take(4).collect();
    let line = masked(&lines.join("; "));
    let shown: String = printable(&line).chars().take(MOST_SHOWN).collect();
    shown
}

/// The text without the users and passwords of addresses in it.
fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let end = behind.find(|c: char| c == '/' || c == '\'' || c.is_whitespace());
        let (authority, after) = behind.split_at(end.unwrap_or(behind.len()));
        match authority.rsplit_once('@') {
            Some((_, host)) => {
                out.push_str("***@");
                out.push_str(host);
            }
            None => out.push_str(authority),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// How `ssh` is run: it never asks, and uses what the operator names.
pub(super) fn ssh(key: Option<&Path>, known_hosts: Option<&Path>) -> String {
    let mut words = vec![OsString::from("ssh"), "-oBatchMode=yes".into()];
    if let Some(key) = key {
        words.extend(["-oIdentitiesOnly=yes".into(), "-i".into(), key.as_os_str().to_owned()]);
    }
    if let Some(hosts) = known_hosts {
        let mut option = OsString::from("-oUserKnownHostsFile=");
        option.push(hosts);
        words.extend(["-oStrictHostKeyChecking=yes".into(), option]);
    }
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// A word for a shell. Only a NUL cannot be quoted, and no path has one.
pub(super) fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    shlex::try_quote(&word).map_or_else(|_| String::new(), |quoted| quoted.into_owned())
}

/// What a program that was started by itself still says when it has ended.
pub(super) async fn last_words(stderr: Option<impl AsyncRead + Unpin>) -> String {
    let mut complaint = Vec::new();
    let _ = tokio::time::timeout(DRAIN, read(stderr, MOST_COMPLAINT_BYTES, &mut complaint)).await;
    shown_complaint(&complaint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_say_stays_on_one_line_and_holds_no_password() {
        let said = b"warning: x\nremote: \x1b[31mhello\nfatal: unable to access 'https://u:hunter2@h/x/': no\nhint: y\n";
        let shown = shown_complaint(said);
        assert!(!shown.contains(['\n', '\u{1b}']) && !shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("https://***@h/x/") && !shown.contains("hint"), "{shown}");
        let long = [b"fatal: ".as_slice(), &b"x".repeat(9000)].concat();
        assert_eq!(shown_complaint(&long).chars().count(), MOST_SHOWN);
    }

    #[test]
    fn ssh_never_asks_and_odd_names_of_files_stay_words() {
        assert_eq!(shlex::split(&ssh(None, None)).unwrap(), ["ssh", "-oBatchMode=yes"]);
        let with = ssh(Some(Path::new("/k/it's; touch x")), Some(Path::new("/h")));
        let words = shlex::split(&with).unwrap();
        assert_eq!(words[3..5], ["-i", "/k/it's; touch x"]);
        assert_eq!(words[5..], ["-oStrictHostKeyChecking=yes", "-oUserKnownHostsFile=/h"]);
    }

    #[test]
    fn a_call_gets_neither_our_secrets_nor_anybodys_settings() {
        let way = Way::default();
        let call = Call::new(&way, &["version"]);
        let command = call.command();
        let given: Vec<String> = command
            .as_std()
            .get_envs()
            .map(|(name, _)| name.to_string_lossy().into_owned())
            .collect();
        for name in &given {
            let is_ours =
                name.starts_with("GIT_") || name == "LC_ALL" || name == "SSH_ASKPASS_REQUIRE";
            assert!(is_ours || PASSED.contains(&&**name), "{name}");
        }
        let words: Vec<_> = command.as_std().get_args().collect();
        assert!(words.iter().any(|word| *word == "core.hooksPath=/dev/null"), "{words:?}");
    }
}
