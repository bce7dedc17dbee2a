//! The status as metrics, in the text format that Prometheus reads.
//!
//! Written by hand: all numbers are in the status already, and a registry of a library would be a
//! second place that has to be kept equal to it. `promtool check metrics` has no complaint.

use std::collections::BTreeMap;
use std::fmt::Write;

use jiff::Timestamp;

use crate::diagnostic::render::printable;
use crate::events::LinkState;
use crate::resource::Kind;
use crate::watch::{ObjectState, PassOutcome, State, Status};

/// What every name begins with.
const PREFIX: &str = "flespi_gitops_";

/// The status at `now` as metrics.
pub fn metrics_text(status: &Status, now: Timestamp) -> String {
    let mut page = Page::default();
    daemon(status, now, &mut page);
    passes(status, &mut page);
    objects(status, now, &mut page);
    calls(status, &mut page);
    files(status, &mut page);
    events(status, &mut page);
    page.0
}

fn daemon(status: &Status, now: Timestamp, page: &mut Page) {
    page.family("build_info", Sort::Gauge, "Version of the running program.");
    page.value("build_info", &[("version", status.version)], 1.0);
    page.family("process_start_time_seconds", Sort::Gauge, "Start time of the process, unix time.");
    page.value("process_start_time_seconds", &[], seconds(status.started));
    page.family(
        "state",
        Sort::Gauge,
        "State of the daemon: 1 for the current state, 0 for the others.",
    );
    for state in State::ALL {
        let is_it = f64::from(u8::from(status.state == state));
        page.value("state", &[("state", state.as_str())], is_it);
    }
    page.family("conditions", Sort::Gauge, "Number of conditions that need attention.");
    page.value("conditions", &[], count(status.conditions.len()));
    page.family("waiting_for_approval", Sort::Gauge, "1 while a guard waits for approval.");
    page.value("waiting_for_approval", &[], f64::from(u8::from(status.approval.is_some())));
    page.family("pauses", Sort::Gauge, "Pauses in force.");
    page.value("pauses", &[], count(status.pauses.len()));
    page.family(
        "window_closed",
        Sort::Gauge,
        "1 while risky steps wait for a window of the Stack.",
    );
    page.value("window_closed", &[], f64::from(u8::from(status.window.is_some())));
    if let Some(replica) = &status.replica {
        page.family("replicas", Sort::Gauge, "Daemons that share the work, this one included.");
        page.value("replicas", &[], count(replica.members));
        page.family("shares", Sort::Gauge, "Shares of the work that are this daemon's.");
        page.value("shares", &[], count(replica.shares));
    }
    page.family(
        "calls_waiting_seconds",
        Sort::Gauge,
        "Time that API calls still wait; 0 if they do not.",
    );
    let wait = status.calls_wait.as_ref().map_or(0.0, |wait| seconds(wait.until) - seconds(now));
    page.value("calls_waiting_seconds", &[], wait.max(0.0));
    page.family("interval_seconds", Sort::Gauge, "Interval between passes.");
    page.value("interval_seconds", &[], status.interval_seconds as f64);
}

fn passes(status: &Status, page: &mut Page) {
    let totals = &status.totals;
    page.family("passes_total", Sort::Counter, "Passes by outcome.");
    for outcome in PassOutcome::ALL {
        let passes = totals.passes.get(&outcome).copied().unwrap_or(0);
        page.value("passes_total", &[("outcome", outcome.as_str())], passes as f64);
    }
    page.family("pass_duration_seconds_total", Sort::Counter, "Time spent in passes.");
    page.value("pass_duration_seconds_total", &[], totals.pass_ms as f64 / 1000.0);
    if let Some(last) = status.passes.front() {
        page.family("last_pass_duration_seconds", Sort::Gauge, "Duration of the last pass.");
        page.value("last_pass_duration_seconds", &[], last.duration_ms as f64 / 1000.0);
        page.family("last_pass_timestamp_seconds", Sort::Gauge, "Start time of the last pass.");
        page.value("last_pass_timestamp_seconds", &[], seconds(last.began));
    }
    if let Some(success) = status.last_success {
        let help = "End of the last pass that left the platform equal to the manifests.";
        page.family("last_success_timestamp_seconds", Sort::Gauge, help);
        page.value("last_success_timestamp_seconds", &[], seconds(success));
    }
    if let Some(read) = status.last_read {
        let help =
            "Time at which all of the platform was last read, of which the states of objects are.";
        page.family("last_read_timestamp_seconds", Sort::Gauge, help);
        page.value("last_read_timestamp_seconds", &[], seconds(read));
    }
    page.family("steps_total", Sort::Counter, "Steps by phase and outcome.");
    for step in &totals.steps {
        let outcome = step.outcome.as_str().replace(' ', "_");
        let labels = [("phase", step.phase.as_str()), ("outcome", &*outcome)];
        page.value("steps_total", &labels, step.count as f64);
    }
    page.family("drift_found_total", Sort::Counter, "Drifted fields found.");
    page.value("drift_found_total", &[], totals.drift_found as f64);
    page.family("drift_healed_total", Sort::Counter, "Drifted fields healed.");
    page.value("drift_healed_total", &[], totals.drift_healed as f64);
    page.family("contested_total", Sort::Counter, "Fields that became contested.");
    page.value("contested_total", &[], totals.contested as f64);
}

fn objects(status: &Status, now: Timestamp, page: &mut Page) {
    let mut counts: BTreeMap<(Kind, ObjectState), usize> = BTreeMap::new();
    let (mut ends, mut ttls) = (Vec::new(), Vec::new());
    for (address, object) in status.objects.iter() {
        *counts.entry((object.kind, object.state)).or_default() += 1;
        ends.extend(object.ends_at.map(|end| (address.to_string(), end)));
        ttls.extend(object.ttl_seconds.map(|ttl| (address.to_string(), ttl)));
    }
    page.family("objects", Sort::Gauge, "Objects by kind and state.");
    for kind in Kind::ALL {
        let name = kind.to_string();
        for state in ObjectState::ALL {
            let number = counts.get(&(kind, state)).copied().unwrap_or(0);
            page.value("objects", &[("kind", &name), ("state", state.as_str())], count(number));
        }
    }
    page.family("token_remaining_seconds", Sort::Gauge, "Time until a token expires, unless used.");
    for (address, end) in ends {
        let left = seconds(end) - seconds(now);
        page.value("token_remaining_seconds", &[("address", &address)], left);
    }
    let help = "Lifetime of a token after its last use, where that decides its expiry.";
    page.family("token_ttl_seconds", Sort::Gauge, help);
    for (address, ttl) in ttls {
        page.value("token_ttl_seconds", &[("address", &address)], ttl as f64);
    }
}

fn calls(status: &Status, page: &mut Page) {
    page.family("api_calls_total", Sort::Counter, "Calls by method, collection and status.");
    for calls in &status.totals.calls {
        let code = calls.status.to_string();
        let labels = [
            ("method", calls.method.as_str()),
            ("collection", &calls.collection),
            // Prometheus reads an answer that never came as a word rather than as a number.
            ("status", if calls.status == 0 { "none" } else { &code }),
        ];
        page.value("api_calls_total", &labels, calls.calls as f64);
    }
    page.family("api_retries_total", Sort::Counter, "Calls that repeated a failed one.");
    for (collection, retries) in &status.totals.retries {
        page.value("api_retries_total", &[("collection", collection)], *retries as f64);
    }
}

fn files(status: &Status, page: &mut Page) {
    let (files, set) = (&status.files, &status.set);
    page.family("manifest_files", Sort::Gauge, "Manifest files found.");
    page.value("manifest_files", &[], count(files.files));
    page.family("folders_watched", Sort::Gauge, "Folders whose changes the system reports.");
    page.value("folders_watched", &[], count(files.folders_watched));
    page.family("roots_unknown", Sort::Gauge, "Paths whose content is currently unknown.");
    let unknown = files.roots.iter().filter(|root| root.unknown.is_some()).count();
    page.value("roots_unknown", &[], count(unknown));
    if let Some(looked) = files.looked {
        let help = "Last look at the manifests, unix time.";
        page.family("manifests_looked_timestamp_seconds", Sort::Gauge, help);
        page.value("manifests_looked_timestamp_seconds", &[], seconds(looked));
    }
    page.family("set_findings", Sort::Gauge, "Findings in the current manifests.");
    page.value("set_findings", &[], count(set.findings.len()));
    page.family(
        "set_in_force",
        Sort::Gauge,
        "1 while the current manifests are in force, 0 while an earlier \
                                              valid set is.",
    );
    page.value("set_in_force", &[], f64::from(u8::from(set.stale_since.is_none())));
    page.family("invalid_sets_total", Sort::Counter, "Sets of manifests that were invalid.");
    page.value("invalid_sets_total", &[], status.totals.invalid_sets as f64);
    if let Some(good) = &set.good {
        page.family("good_set_info", Sort::Gauge, "The set of manifests in force.");
        page.value("good_set_info", &[("fingerprint", &good.fingerprint)], 1.0);
        if let Some(commit) = &good.commit {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let (branch, author) = (text(&commit.branch), text(&commit.author));
            let subject = text(&commit.subject);
            page.family("good_set_commit_info", Sort::Gauge, "The commit that the set is from.");
            let labels = [
                ("commit", commit.id.as_str()),
                ("branch", &branch),
                ("author", &author),
                ("subject", &subject),
            ];
            page.value("good_set_commit_info", &labels, 1.0);
        }
        let help = "Time since which the set is in force, unix time.";
        page.family("good_set_timestamp_seconds", Sort::Gauge, help);
        page.value("good_set_timestamp_seconds", &[], seconds(good.since));
        page.family("good_set_manifests", Sort::Gauge, "Manifests of the set in force.");
        page.value("good_set_manifests", &[], count(good.manifests));
    }
}

fn events(status: &Status, page: &mut Page) {
    let Some(events) = &status.events else { return };
    page.family("events_connected", Sort::Gauge, "1 while all changes on the platform are heard.");
    let is_connected = events.state == LinkState::Connected;
    page.value("events_connected", &[], f64::from(u8::from(is_connected)));
    for (name, help, number) in [
        ("events_heard_total", "Messages of the broker.", events.heard),
        ("events_echoes_total", "Messages about own writes.", events.echoes),
        ("events_ignored_total", "Messages about nothing that passes read.", events.ignored),
        ("events_wakes_total", "Passes that messages asked for.", events.wakes),
        ("events_connections_total", "Connections to the broker.", events.connections),
    ] {
        page.family(name, Sort::Counter, help);
        page.value(name, &[], number as f64);
    }
}

/// How a family of metrics behaves.
#[derive(Debug, Clone, Copy)]
enum Sort {
    Counter,
    Gauge,
}

/// Metrics in the making.
#[derive(Debug, Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, sort: Sort, help: &str) {
        let sort = match sort {
            Sort::Counter => "counter",
            Sort::Gauge => "gauge",
        };
        // Writing to a text does not fail.
        let _ = writeln!(self.0, "# HELP {PREFIX}{name} {help}\n# TYPE {PREFIX}{name} {sort}");
    }

    fn value(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let _ = write!(self.0, "{PREFIX}{name}");
        for (number, (label, text)) in labels.iter().enumerate() {
            let before = if number == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{before}{label}=\"{}\"", escaped(text));
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

/// A label's value: whatever it holds, it stays within its quotes and its line.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in printable(text).chars() {
        match char {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            other => out.push(other),
        }
    }
    out
}

fn seconds(at: Timestamp) -> f64 {
    at.as_second() as f64
}

fn count(number: usize) -> f64 {
    number as f64
}
