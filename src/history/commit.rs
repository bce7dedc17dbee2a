//! Which commit a folder is at, read from git's own files.
//!
//! The program `git` is not run: a repository can make it run programs of its own choice, and it
//! need not be there.

use std::fs;
use std::path::{Path, PathBuf};

pub use crate::git::Commit;

/// Files of git that are longer than this are none.
const LONGEST: u64 = 64 * 1024 * 1024;

/// How many folders above are looked at.
const MOST_ABOVE: usize = 64;

/// The commit of the work tree that `path` is in; none if it is in none, or in one that keeps its
/// references in another way than in files.
pub fn commit_of(path: &Path) -> Option<Commit> {
    let start = fs::canonicalize(path).ok()?;
    let git = start.ancestors().take(MOST_ABOVE).find_map(git_folder)?;
    let head = line_of(&git.join("HEAD"))?;
    let Some(reference) = head.strip_prefix("ref: ") else {
        return Some(Commit::of(hash(&head)?, None));
    };
    // A reference leads to a file below the folder and nowhere else.
    let is_inside =
        reference.starts_with("refs/") && !reference.split('/').any(|part| part == "..");
    if !is_inside {
        return None;
    }
    let common = match line_of(&git.join("commondir")) {
        Some(common) => git.join(common),
        None => git.clone(),
    };
    let loose = [&git, &common].into_iter().find_map(|folder| line_of(&folder.join(reference)));
    let id = match loose {
        Some(id) => hash(&id)?,
        None => packed(&common.join("packed-refs"), reference)?,
    };
    let branch = reference.strip_prefix("refs/heads/").map(str::to_owned);
    Some(Commit::of(id, branch))
}

/// The folder of git that belongs to the work tree `folder`; in worktrees and submodules a file
/// says where it is.
fn git_folder(folder: &Path) -> Option<PathBuf> {
    let git = folder.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let place = line_of(&git)?;
    Some(folder.join(place.strip_prefix("gitdir: ")?))
}

fn read(path: &Path) -> Option<String> {
    let metadata = fs::metadata(path).ok()?;
    (metadata.is_file() && metadata.len() <= LONGEST).then(|| fs::read_to_string(path).ok())?
}

fn line_of(path: &Path) -> Option<String> {
    Some(read(path)?.lines().next()?.trim().to_owned())
}

fn packed(path: &Path, reference: &str) -> Option<String> {
    let text = read(path)?;
    let line =
        text.lines().find(|line| line.split_once(' ').is_some_and(|(_, to)| to == reference));
    hash(line?.split_once(' ')?.0)
}

fn hash(text: &str) -> Option<String> {
    let is_hash =
        matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn a_branch_a_packed_branch_and_a_bare_commit_are_read() {
        let on = |branch: Option<&str>| Some(Commit::of(ID.into(), branch.map(Into::into)));
        let id = format!("{ID}\n");
        let loose = tree(&[
            (".git/HEAD", "ref: refs/heads/main\n"),
            (".git/refs/heads/main", &id),
            ("accounts/a.yaml", ""),
        ]);
        assert_eq!(commit_of(&loose.path().join("accounts")), on(Some("main")));
        assert_eq!(commit_of(&loose.path().join("accounts/a.yaml")), on(Some("main")));
        let refs = format!("# pack-refs with: peeled\n{ID} refs/heads/fix/x\n");
        let packed = tree(&[(".git/HEAD", "ref: refs/heads/fix/x\n"), (".git/packed-refs", &refs)]);
        assert_eq!(commit_of(packed.path()), on(Some("fix/x")));
        assert_eq!(commit_of(tree(&[(".git/HEAD", &id)]).path()), on(None));
    }

    #[test]
    fn a_worktree_is_followed_to_its_repository() {
        let id = format!("{ID}\n");
        let folder = tree(&[
            ("repo/.git/worktrees/w/HEAD", "ref: refs/heads/main\n"),
            ("repo/.git/worktrees/w/commondir", "../..\n"),
            ("repo/.git/refs/heads/main", &id),
            ("w/.git", "gitdir: ../repo/.git/worktrees/w\n"),
        ]);
        assert_eq!(commit_of(&folder.path().join("w")).unwrap().id, ID);
    }

    #[test]
    fn what_is_no_repository_or_leads_out_of_it_has_no_commit() {
        let outside = format!("{ID}\n");
        for head in
            ["", "ref: refs/heads/.invalid\n", "ref: ../../secret\n", "ref: refs/../../secret\n"]
        {
            let folder =
                tree(&[("a/.git/HEAD", head), ("secret", &outside), ("a/secret", &outside)]);
            assert_eq!(commit_of(&folder.path().join("a")), None, "{head:?}");
        }
        assert_eq!(commit_of(Path::new("/nowhere/at/all")), None);
    }
}
