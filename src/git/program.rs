//! The one implementation of [`Remote`]: the program `git`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::address::Address;
use super::call::{self, Call, Said, Way, quoted, ssh};
use super::commit::{self, Commit};
use super::error::{GitError, OLDEST};
use super::reference::{Reference, is_hash, is_valid};
use super::remote::{Fetched, Remote, Tip};
use super::tree;
use super::verify::Keys;
use crate::secret::{ExposeSecret, SecretString};

/// A server says within this time what a reference points at.
const ASK_PATIENCE: Duration = Duration::from_secs(30);

/// A commit is fetched within this time.
const FETCH_PATIENCE: Duration = Duration::from_secs(300);

/// What a fetch brings has no more bytes than this, with what is there already.
const MOST_REPOSITORY_BYTES: u64 = 1024 * 1024 * 1024;

/// So many commits are looked through for the one that was taken before.
const HISTORY: usize = 32;

/// The reference under which the last fetch is kept.
const KEPT: &str = "refs/pull/tip";

/// The names of files with credentials, which are there for as long as a call, begin with this.
pub(super) const CREDENTIAL: &str = ".credential-";

/// A file with a token has no more bytes than this.
const MOST_TOKEN_BYTES: u64 = 64 * 1024;

/// What an operator says about a repository.
#[derive(Debug, Clone)]
pub struct Access {
    /// Where it is.
    pub address: Address,
    /// A file with a token or a password for HTTP, read on every call, so that it can be replaced.
    pub token_file: Option<PathBuf>,
    /// The user that the token belongs to.
    pub user: String,
    /// A private key for SSH.
    pub ssh_key: Option<PathBuf>,
    /// The hosts that are known to SSH.
    pub known_hosts: Option<PathBuf>,
    /// A file of settings of git that count, such as helpers for credentials.
    pub config: Option<PathBuf>,
    /// The keys of those whose commits count; none: everybody's do.
    pub keys: Option<PathBuf>,
}

/// A repository that the program `git` talks to.
#[derive(Debug)]
pub struct Program {
    access: Access,
    /// A folder of ours, for what is there as long as a call.
    folder: PathBuf,
    way: Way,
    keys: Option<Keys>,
}

impl Program {
    /// Looks for `git`, and reads the keys. Nothing is sent yet. `folder` belongs to us, and nobody else reads in it.
    ///
    /// # Errors
    /// [`GitError::Missing`], [`GitError::TooOld`], or a file that cannot be read.
    pub async fn new(access: Access, folder: PathBuf) -> Result<Self, GitError> {
        let way = Way {
            config: access.config.as_deref().map(std::path::absolute).transpose()?,
            ssh: Some(ssh(access.ssh_key.as_deref(), access.known_hosts.as_deref())),
        };
        let said = Call::new(&way, &["version"]).run().await?;
        check_version(&String::from_utf8_lossy(&said.output))?;
        let keys = access.keys.as_deref().map(Keys::read).transpose()?;
        Ok(Self { access, folder, way, keys })
    }

    /// A call that may need credentials. The file with them is there for as long as the call.
    fn with_credentials<'a>(
        &'a self,
        arguments: &[&str],
    ) -> Result<(Call<'a>, Option<tempfile::NamedTempFile>), GitError> {
        let mut call = Call::new(&self.way, arguments);
        let (Some(file), Some((scheme, host))) =
            (&self.access.token_file, self.access.address.web())
        else {
            return Ok((call, None));
        };
        let token = read_token(file)?;
        // The form of git's own helper: for this host and no other.
        let line = format!(
            "{scheme}://{}:{}@{host}\n",
            encoded(&self.access.user),
            encoded(token.expose_secret())
        );
        let mut kept = tempfile::Builder::new().prefix(CREDENTIAL).tempfile_in(&self.folder)?;
        std::io::Write::write_all(&mut kept, line.as_bytes())?;
        let mut setting = OsString::from("credential.helper=store --file=");
        setting.push(quoted(kept.path().as_os_str()));
        call.settings.push(setting);
        Ok((call, Some(kept)))
    }

    async fn ask(&self, patterns: &[String]) -> Result<Vec<(String, String)>, GitError> {
        let mut arguments = vec!["ls-remote", "--symref", "--end-of-options"];
        arguments.push(self.access.address.as_str());
        arguments.extend(patterns.iter().map(String::as_str));
        let (mut call, _kept) = self.with_credentials(&arguments)?;
        call.patience = ASK_PATIENCE;
        let said = call.run().await?;
        match said.status.success() {
            true => Ok(references(&said.output)),
            false => Err(far_trouble(said, GitError::Unreachable)),
        }
    }

    async fn bring(&self, tip: &Tip, depth: usize, kept: &Path) -> Result<(), GitError> {
        let source = tip.name.as_deref().unwrap_or(&tip.object);
        let refspec = format!("+{source}:{KEPT}");
        let depth = format!("--depth={depth}");
        let arguments = [
            "fetch",
            "--quiet",
            "--force",
            "--no-tags",
            "--no-recurse-submodules",
            "--no-auto-maintenance",
            "--no-write-fetch-head",
            "--no-show-forced-updates",
            &depth,
            "--end-of-options",
            self.access.address.as_str(),
            &refspec,
        ];
        let (mut call, _credential) = self.with_credentials(&arguments)?;
        call.repository = Some(kept);
        call.patience = FETCH_PATIENCE;
        call.growth = Some((kept, MOST_REPOSITORY_BYTES));
        let said = call.run().await?;
        match said.status.success() {
            true => Ok(()),
            false => Err(far_trouble(said, GitError::Corrupt)),
        }
    }

    /// What `git` prints about the repository that is kept.
    async fn near(&self, arguments: &[&str], kept: &Path) -> Result<Vec<u8>, GitError> {
        let mut call = Call::new(&self.way, arguments);
        call.repository = Some(kept);
        let said = call.run().await?;
        match said.status.success() {
            true => Ok(said.output),
            false => Err(GitError::Corrupt(said.complaint)),
        }
    }

    async fn object_of(&self, name: &str, kept: &Path) -> Result<String, GitError> {
        let arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", name];
        let said = self.near(&arguments, kept).await?;
        let id = String::from_utf8_lossy(&said).trim().to_owned();
        match is_hash(&id) {
            true => Ok(id),
            false => Err(GitError::Corrupt(format!("{name} is not there"))),
        }
    }

    async fn written(&self, commit: &str, kept: &Path) -> Result<commit::Written, GitError> {
        Ok(commit::read(&self.near(&["cat-file", "commit", commit], kept).await?))
    }

    /// Why `before` does not lead up to `commit`.
    async fn rewritten(
        &self,
        tip: &Tip,
        (commit, before): (&str, &str),
        kept: &Path,
    ) -> Option<String> {
        if self.written(commit, kept).await.ok()?.parents.iter().any(|parent| parent == before) {
            return None;
        }
        // What is only told is worth no failure.
        self.bring(tip, HISTORY, kept).await.ok()?;
        let most = format!("--max-count={HISTORY}");
        let list = self.near(&["rev-list", &most, commit, "--"], kept).await.ok()?;
        let list = String::from_utf8_lossy(&list);
        let is_before = list.lines().any(|line| line == before);
        let (count, old): (usize, String) =
            (list.lines().count(), before.chars().take(7).collect());
        match () {
            () if is_before => None,
            () if count < HISTORY => {
                Some(format!("history was rewritten: {old} is no longer in it"))
            }
            () => Some(format!(
                "{old} is not among the last {HISTORY} commits: history was rewritten, or went on by more"
            )),
        }
    }
}

impl Remote for Program {
    async fn tip(&mut self, reference: &Reference) -> Result<Tip, GitError> {
        let gone = || GitError::Gone(reference.to_string());
        let patterns = match reference {
            Reference::Commit(id) => return Ok(Tip { object: id.clone(), name: None }),
            Reference::Head => vec!["HEAD".to_owned()],
            Reference::Full(name) => vec![name.clone()],
            Reference::Named(name) => {
                vec![format!("refs/heads/{name}"), format!("refs/tags/{name}")]
            }
        };
        let found = self.ask(&patterns).await?;
        let head = found.iter().find_map(|(what, name)| {
            let target = what.strip_prefix("ref: ").filter(|_| name == "HEAD")?;
            is_valid(target).then(|| target.to_owned())
        });
        // A pattern also matches the end of a longer name.
        let mut tips: Vec<&(String, String)> =
            found.iter().filter(|(what, name)| is_hash(what) && patterns.contains(name)).collect();
        match (tips.pop(), tips.is_empty()) {
            (None, _) => Err(gone()),
            (Some(_), false) => Err(GitError::Ambiguous(reference.to_string())),
            (Some((object, name)), true) => {
                let name = if name == "HEAD" {
                    head.unwrap_or_else(|| name.clone())
                } else {
                    name.clone()
                };
                Ok(Tip { object: object.clone(), name: Some(name) })
            }
        }
    }

    async fn fetch(
        &mut self,
        tip: &Tip,
        before: Option<&str>,
        kept: &Path,
    ) -> Result<Fetched, GitError> {
        if !kept.join("HEAD").is_file() {
            let algorithm = if tip.object.len() == 64 { "sha256" } else { "sha1" };
            let format = format!("--object-format={algorithm}");
            let mut init =
                Call::new(&self.way, &["init", "--quiet", "--bare", &format, "--template="]);
            init.arguments.push("--end-of-options".into());
            init.arguments.push(kept.into());
            let said = init.run().await?;
            if !said.status.success() {
                return Err(GitError::Corrupt(said.complaint));
            }
        }
        self.bring(tip, 1, kept).await?;
        let object = self.object_of(KEPT, kept).await?;
        let commit = self.object_of(&format!("{KEPT}^{{commit}}"), kept).await?;
        let written = self.written(&commit, kept).await?;
        let rewritten = match before.filter(|before| *before != commit) {
            Some(before) => self.rewritten(tip, (&commit, before), kept).await,
            None => None,
        };
        // Deepening may have brought what was pushed meanwhile; that is for the next look.
        let commit = Commit {
            id: commit,
            branch: tip.branch(),
            author: written.author,
            subject: written.subject,
        };
        Ok(Fetched { commit, object, rewritten })
    }

    async fn write_out(
        &mut self,
        commit: &str,
        folder: &str,
        kept: &Path,
        into: &Path,
    ) -> Result<(), GitError> {
        tree::write_out(&self.way, kept, (commit, folder), into).await
    }

    async fn verify(
        &mut self,
        fetched: &Fetched,
        tag: Option<&str>,
        kept: &Path,
    ) -> Result<(), GitError> {
        match &self.keys {
            Some(keys) => keys.verify(&self.way, fetched, tag, kept).await,
            None => Ok(()),
        }
    }

    fn demands(&self) -> Option<String> {
        self.keys.as_ref().map(Keys::fingerprint)
    }
}

/// Reads what `git version` prints.
fn check_version(text: &str) -> Result<(), GitError> {
    let version = text.trim().strip_prefix("git version ").unwrap_or_default();
    let mut numbers = version.split(['.', ' ', '-']).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= OLDEST => Ok(()),
        _ => Err(GitError::TooOld(version.chars().take(40).collect())),
    }
}

/// The lines of `ls-remote`: what, and its name.
fn references(output: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(output);
    let lines = text.lines().filter_map(|line| line.split_once('\t'));
    lines.map(|(what, name)| (what.to_owned(), name.to_owned())).collect()
}

/// What kind of trouble a failure is by what was said, which `git` says in English.
fn far_trouble(said: Said, otherwise: fn(String) -> GitError) -> GitError {
    const DENIED: &[&str] = &[
        "Authentication failed",
        "could not read Username",
        "could not read Password",
        "terminal prompts disabled",
        "unable to get password",
        "Permission denied",
        "returned error: 401",
        "returned error: 403",
    ];
    const GONE: &[&str] =
        &["couldn't find remote ref", "not our ref", "unadvertised object", "no such remote ref"];
    const AWAY: &[&str] = &[
        "unable to access",
        "Could not resolve",
        "Connection",
        "Could not read from remote repository",
        "does not appear to be a git repository",
        "not found",
        "Host key verification failed",
        "Operation timed out",
        "dubious ownership",
        "unable to connect",
    ];
    const TORN: &[&str] =
        &["early EOF", "hung up unexpectedly", "RPC failed", "unexpected disconnect"];
    let is_any = |words: &[&str]| words.iter().any(|word| said.complaint.contains(word));
    let why = match said.complaint.is_empty() {
        true => format!("`git` ended with {}", said.status),
        false => said.complaint.clone(),
    };
    match () {
        () if is_any(DENIED) => GitError::Denied(why),
        () if is_any(GONE) => GitError::Gone(why),
        () if is_any(AWAY) => GitError::Unreachable(why),
        () if is_any(TORN) => GitError::Unreachable(why),
        () => otherwise(why),
    }
}

/// The token: the first line of its file.
fn read_token(file: &Path) -> Result<SecretString, GitError> {
    let error = |error: std::io::Error| {
        GitError::State(std::io::Error::new(
            error.kind(),
            format!("cannot read the token in `{}`: {error}", file.display()),
        ))
    };
    let bytes = crate::files::read_at_most(file, MOST_TOKEN_BYTES).map_err(error)?;
    let text =
        String::from_utf8(bytes).map_err(|it| error(std::io::Error::other(it.utf8_error())))?;
    let token = text.trim();
    if token.is_empty() || token.contains(char::is_control) {
        return Err(error(std::io::Error::other("it is not one line of text")));
    }
    Ok(token.to_owned().into())
}

/// A user or a password as it stands in a URL.
fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// How large what is kept may become before it is thrown away and fetched anew, in bytes.
pub(super) const MOST_KEPT_BYTES: u64 = 256 * 1024 * 1024;

/// Whether what is kept has grown so much that it is cheaper to begin anew.
pub(super) fn is_overgrown(kept: &Path) -> bool {
    const MOST_PACKS: usize = 50;
    let packs = std::fs::read_dir(kept.join("objects/pack"));
    let packs = packs.map_or(0, |packs| packs.flatten().count());
    // A pack has two or three files.
    packs > 3 * MOST_PACKS || call::size_of(kept) > MOST_KEPT_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for good in [
            "git version 2.34.0",
            "git version 2.47.3\n",
            "git version 2.39.5 (Apple Git-154)",
            "git version 10.1",
        ] {
            assert!(check_version(good).is_ok(), "{good}");
        }
        for bad in ["git version 2.9.5", "git version 2.33.9", "git version 1.99", "", "hub"] {
            assert!(matches!(check_version(bad), Err(GitError::TooOld(_))), "{bad}");
        }
    }

    #[test]
    fn a_token_is_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "abc\n").unwrap();
        assert_eq!(read_token(&file).unwrap().expose_secret(), "abc");
        for bad in ["", "\n", "a\nb\n"] {
            std::fs::write(&file, bad).unwrap();
            assert!(read_token(&file).is_err(), "{bad:?}");
        }
        assert!(read_token(&folder.path().join("none")).is_err());
        assert_eq!(encoded("a@b:c/d"), "a%40b%3Ac%2Fd");
    }
}
