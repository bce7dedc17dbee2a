//! Repositories of git for tests: a bare one, as a server has it, and a clone in which somebody works.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::skip;

/// Whether there is a `git`; if not, that is said, and with `GIT_TESTS=required` it is a failure.
pub fn has_git() -> bool {
    let is_there = Command::new("git").arg("version").output().is_ok_and(|it| it.status.success());
    if !is_there {
        assert_ne!(std::env::var("GIT_TESTS").as_deref(), Ok("required"), "there is no `git`");
        skip("there is no `git` on this machine");
    }
    is_there
}

/// A bare repository, and a clone of it.
pub struct Repository {
    folder: tempfile::TempDir,
}

impl Repository {
    /// One without a commit.
    pub fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let it = Self { folder };
        it.git_in(it.folder.path(), &["init", "-q", "--bare", "-b", "main", "fleet.git"]);
        it.git_in(it.folder.path(), &["init", "-q", "-b", "main", "work"]);
        it.git(&["remote", "add", "origin", it.bare().to_str().unwrap()]);
        it
    }

    /// One with these files on `main`.
    pub fn with(files: &[(&str, &str)]) -> Self {
        let it = Self::empty();
        it.push(files, "Begin");
        it
    }

    /// What a server has.
    pub fn bare(&self) -> PathBuf {
        self.folder.path().join("fleet.git")
    }

    /// Where somebody works.
    pub fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// A place beside them.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The address as text.
    pub fn url(&self) -> String {
        self.bare().to_str().unwrap().to_owned()
    }

    /// Runs `git` in the clone; what it prints.
    #[track_caller]
    pub fn git(&self, arguments: &[&str]) -> String {
        self.git_in(&self.work(), arguments)
    }

    /// Runs `git` in a folder; what it prints.
    #[track_caller]
    pub fn git_in(&self, folder: &Path, arguments: &[&str]) -> String {
        let output = self.command(folder, arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// `git` as nobody in particular.
    pub fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", self.beside("gitconfig"))
            .env("GIT_AUTHOR_NAME", "Ann")
            .env("GIT_AUTHOR_EMAIL", "ann@example.com")
            .env("GIT_COMMITTER_NAME", "Ann")
            .env("GIT_COMMITTER_EMAIL", "ann@example.com")
            .stdin(Stdio::null());
        command
    }

    /// Stores an object as it is, right or wrong; its hash.
    #[track_caller]
    pub fn object(&self, sort: &str, content: &[u8]) -> String {
        let mut command = self
            .command(&self.work(), &["hash-object", "-t", sort, "-w", "--literally", "--stdin"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(content).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// A tree of these entries: mode, name and hash; its hash.
    pub fn tree(&self, entries: &[(&str, &[u8], &str)]) -> String {
        let mut bytes = Vec::new();
        for (mode, name, id) in entries {
            bytes.extend(mode.as_bytes());
            bytes.push(b' ');
            bytes.extend(*name);
            bytes.push(0);
            bytes.extend(data_encoding::HEXLOWER.decode(id.as_bytes()).unwrap());
        }
        self.object("tree", &bytes)
    }

    /// Puts a commit with this tree on `main` of the server, past everything that git would check.
    pub fn plant(&self, tree: &str) -> String {
        let who = "Eve <eve@example.com> 1700000000 +0000";
        let text = format!("tree {tree}\nauthor {who}\ncommitter {who}\n\nPlanted\n");
        let commit = self.object("commit", text.as_bytes());
        self.copy_objects();
        std::fs::write(self.bare().join("refs/heads/main"), format!("{commit}\n")).unwrap();
        commit
    }

    /// Copies all loose objects of the clone to the server.
    fn copy_objects(&self) {
        let from = self.work().join(".git/objects");
        for entry in walkdir::WalkDir::new(&from).into_iter().flatten() {
            let to = self.bare().join("objects").join(entry.path().strip_prefix(&from).unwrap());
            if entry.file_type().is_dir() {
                std::fs::create_dir_all(&to).unwrap();
            } else if !to.exists() {
                std::fs::copy(entry.path(), &to).unwrap();
            }
        }
    }

    /// Writes a file of the clone.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.work().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Commits all files of the clone; the commit.
    #[track_caller]
    pub fn commit(&self, files: &[(&str, &str)], message: &str) -> String {
        for (name, text) in files {
            self.write(name, text);
        }
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Commits and pushes to the branch that is checked out; the commit.
    #[track_caller]
    pub fn push(&self, files: &[(&str, &str)], message: &str) -> String {
        let commit = self.commit(files, message);
        self.git(&["push", "-q", "--force", "origin", "HEAD"]);
        commit
    }
}
