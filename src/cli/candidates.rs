//! What a shell may complete: addresses of the manifests here, runs that are remembered, codes of findings.
//!
//! A shell waits for these while somebody types, so that none takes long, none fails, and none calls the platform: where
//! something cannot be read, or not soon, nothing is offered.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use clap_complete::CompletionCandidate;

use super::folders::default_state_folder;
use super::platform::SANDBOX_FOLDER;
use crate::diagnostic::Code;
use crate::history::History;
use crate::manifest;
use crate::resource::Address;

/// How long a shell waits.
const PATIENCE: Duration = Duration::from_millis(700);

/// Runs that are offered, the newest first.
const MOST_RUNS: usize = 50;

/// Candidates that are offered at a time; whoever has more types more.
const MOST: usize = 1_000;

/// What `work` makes, if it does so in time.
fn in_time<T: Send + 'static>(work: impl FnOnce() -> Vec<T> + Send + 'static) -> Vec<T> {
    let (sender, receiver) = mpsc::sync_channel(1);
    // Whoever is late is left alone: the process ends soon.
    let spawned = thread::Builder::new().spawn(move || sender.send(work()));
    match spawned {
        Ok(_) => receiver.recv_timeout(PATIENCE).unwrap_or_default(),
        Err(_) => Vec::new(),
    }
}

/// Those that begin with what was typed.
fn beginning(
    typed: &OsStr,
    candidates: impl Iterator<Item = CompletionCandidate>,
) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let fits = |candidate: &CompletionCandidate| {
        candidate.get_value().to_string_lossy().starts_with(typed.as_ref())
    };
    candidates.filter(fits).take(MOST).collect()
}

/// Addresses of the manifests below the working directory.
fn addresses(is_wanted: fn(&Address) -> bool) -> Vec<String> {
    in_time(move || {
        let load = manifest::load(&[PathBuf::from(".")], jiff::Timestamp::now().as_second());
        let addresses = load.desired.objects.keys().filter(|address| is_wanted(address));
        addresses.map(ToString::to_string).collect()
    })
}

/// Addresses of what has a key.
pub(super) fn keys(typed: &OsStr) -> Vec<CompletionCandidate> {
    let addresses = addresses(|address| address.kind.is_key());
    beginning(typed, addresses.into_iter().map(CompletionCandidate::new))
}

/// Addresses of everything.
pub(super) fn objects(typed: &OsStr) -> Vec<CompletionCandidate> {
    let addresses = addresses(|_| true);
    beginning(typed, addresses.into_iter().map(CompletionCandidate::new))
}

/// Runs of the default state folder, and of the embedded platform here.
pub(super) fn runs(typed: &OsStr) -> Vec<CompletionCandidate> {
    let folder = std::env::var_os("FLESPI_GITOPS_STATE_DIR").map(PathBuf::from);
    let xdg = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let folder = folder.or_else(|| default_state_folder(xdg, std::env::home_dir()));
    let folders = folder.into_iter().chain([PathBuf::from(SANDBOX_FOLDER)]);
    let runs = folders.flat_map(|folder| {
        in_time(move || {
            let kept = History::new(&folder).last(MOST_RUNS, |_| true).unwrap_or_default();
            let named = kept.into_iter().filter_map(|(_, record)| record.ok());
            named.map(|record| (record.run.to_string(), record.command)).collect()
        })
    });
    let last = CompletionCandidate::new("last").help(Some("the newest run".into()));
    let runs = runs.map(|(run, command): (String, String)| {
        CompletionCandidate::new(run).help(Some(command.into()))
    });
    beginning(typed, [last].into_iter().chain(runs))
}

/// Codes of findings.
pub(super) fn codes(typed: &OsStr) -> Vec<CompletionCandidate> {
    beginning(typed, Code::all().map(|code| CompletionCandidate::new(code.to_string())))
}

/// What `--deny` takes.
pub(super) fn denied(typed: &OsStr) -> Vec<CompletionCandidate> {
    let warnings = CompletionCandidate::new("warnings");
    let codes = Code::all().map(|code| CompletionCandidate::new(code.to_string()));
    beginning(typed, [warnings].into_iter().chain(codes))
}
