//! Where the state of runs is by default.

use std::path::PathBuf;

/// A relative path would be another folder for every working directory, so that runs do not meet.
pub(super) fn default_state_folder(xdg: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    let xdg = xdg.filter(|folder| folder.is_absolute());
    let home = home.filter(|home| home.is_absolute()).map(|home| home.join(".local/state"));
    Some(xdg.or(home)?.join("flespi-gitops"))
}
