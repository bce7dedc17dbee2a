//! How far manifests are trusted: those of a pull request are anybody's.
//!
//! A plan reads secrets only to compare them, and yet whoever chooses where it looks, and with which credential, is told
//! something by the look itself: a server hears the token, a file's content decides what the plan says. So what only a
//! manifest chose is looked at by those runs alone that carry out what was reviewed.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Whether the manifests of a run were reviewed.
#[derive(Debug, Clone)]
pub enum Trust {
    /// They were: `apply` and `watch` contact, read and run whatever manifests say.
    Reviewed,
    /// They may come from anybody: `plan`, `status` and `export` run nothing, contact only what the operator chose, and
    /// read only files inside of these folders.
    Unreviewed(Arc<[PathBuf]>),
}

impl Trust {
    /// Unreviewed manifests that were loaded from `paths`: the files beside them may be read, and with `allow_outside` all
    /// others as well.
    pub fn unreviewed(paths: &[PathBuf], allow_outside: bool) -> Self {
        let folders = paths.iter().map(|path| match path.is_dir() {
            true => path.clone(),
            // The standard input counts as a file of the working folder.
            false => match path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
                _ => PathBuf::from("."),
            },
        });
        let folders = folders.filter_map(|folder| std::fs::canonicalize(folder).ok());
        let top = |folder: PathBuf| folder.ancestors().last().map(Path::to_owned);
        match allow_outside {
            true => Self::Unreviewed(folders.filter_map(top).collect()),
            false => Self::Unreviewed(folders.collect()),
        }
    }

    /// The folders in which files may be read; none with unbounded trust.
    pub fn folders(&self) -> &[PathBuf] {
        match self {
            Self::Reviewed => &[],
            Self::Unreviewed(folders) => folders,
        }
    }

    /// Why a program that a manifest names is not run; none if it may be.
    pub(super) fn hides_program(&self) -> Option<String> {
        match self {
            Self::Reviewed => None,
            Self::Unreviewed(_) => Some("this command runs no program from a manifest".to_owned()),
        }
    }

    /// Why a store is not contacted that only a manifest chose; none if it may be.
    pub(super) fn hides_store(&self, chosen: &str) -> Option<String> {
        match self {
            Self::Reviewed => None,
            Self::Unreviewed(_) => Some(format!(
                "only its manifest chose `{chosen}`; this command reads only stores that --stores names"
            )),
        }
    }

    /// Why a file is not read; none if it may be.
    pub(super) fn hides_file(&self, path: &Path) -> Option<String> {
        match self {
            Self::Reviewed => None,
            Self::Unreviewed(folders) => {
                let place = whereabouts(path);
                let is_inside = folders.iter().any(|folder| place.starts_with(folder));
                (!is_inside).then(|| "it is outside of the folders of the manifests".to_owned())
            }
        }
    }
}

/// Where a path leads: links are followed as far as there is anything, and what is not there yet is taken by its name.
fn whereabouts(path: &Path) -> PathBuf {
    let mut rest = Vec::new();
    let mut known = path.to_owned();
    loop {
        if let Ok(place) = std::fs::canonicalize(&known) {
            return normal(&place, rest.into_iter().rev());
        }
        let Some(last) = known.components().next_back() else { break };
        rest.push(PathBuf::from(last.as_os_str()));
        if !known.pop() {
            break;
        }
        if known.as_os_str().is_empty() {
            known = PathBuf::from(".");
        }
    }
    // Nothing of it is there, the working folder included: then it is nowhere.
    PathBuf::new()
}

fn normal(base: &Path, rest: impl Iterator<Item = PathBuf>) -> PathBuf {
    let mut place = base.to_owned();
    for part in rest {
        match part.components().next() {
            Some(Component::ParentDir) => {
                place.pop();
            }
            Some(Component::Normal(name)) => place.push(name),
            _ => {}
        }
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_beside_the_manifests_may_be_read_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("repo/m/out")).unwrap();
        std::fs::write(at("secret"), "x").unwrap();
        let trust = Trust::unreviewed(&[at("repo/m")], false);
        let is_read = |name: &str| trust.hides_file(&at(name)).is_none();
        assert!(is_read("repo/m/out/key"));
        assert!(is_read("repo/m/new/key"), "a folder that is not there yet");
        assert!(is_read("repo/m/../m/key"));
        assert!(!is_read("repo/m/../key"));
        assert!(!is_read("secret"));
        assert!(!is_read("repo/m/absent/../../../secret"));
        assert!(!is_read("repo/m2/key"));
        assert!(Trust::Reviewed.hides_file(&at("secret")).is_none());
        let trust = Trust::unreviewed(&[at("repo/m")], true);
        assert!(trust.hides_file(&at("secret")).is_none());
        assert!(trust.hides_program().is_some());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_counts_as_where_it_leads() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("m/real")).unwrap();
        std::fs::write(at("secret"), "x").unwrap();
        std::fs::write(at("m/real/key"), "x").unwrap();
        std::os::unix::fs::symlink(at("secret"), at("m/out")).unwrap();
        std::os::unix::fs::symlink(folder.path(), at("m/up")).unwrap();
        std::os::unix::fs::symlink(at("m/real"), at("m/inside")).unwrap();
        let trust = Trust::unreviewed(&[at("m")], false);
        assert!(trust.hides_file(&at("m/out")).is_some());
        assert!(trust.hides_file(&at("m/up/secret")).is_some());
        assert!(trust.hides_file(&at("m/up/absent")).is_some());
        assert!(trust.hides_file(&at("m/inside/key")).is_none());
    }

    #[test]
    fn the_folder_of_a_single_file_is_that_of_its_manifest() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        std::fs::write(&file, "").unwrap();
        let trust = Trust::unreviewed(&[file], false);
        assert!(trust.hides_file(&folder.path().join("key")).is_none());
        assert!(trust.hides_file(Path::new("/etc/hostname")).is_some());
    }
}
