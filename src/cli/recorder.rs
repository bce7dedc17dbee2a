//! Remembers what runs did, and never stands in their way.

use std::path::{Path, PathBuf};

use super::output::Output;
use crate::apply::Report;
use crate::history::{Actor, History, Record, RunFacts, commit_of, record};
use crate::observe::Seen;
use crate::reconcile::Prepared;
use crate::resource::Desired;
use crate::run::{RunId, this_host};

/// The user, under the names that pipelines and shells give to it.
const USER_VARIABLES: [&str; 4] = ["GITHUB_ACTOR", "GITLAB_USER_LOGIN", "USER", "LOGNAME"];

/// So many records that cannot be read are passed over to find one that can.
const MOST_UNREADABLE: usize = 10;

/// Writes records of runs on one platform.
#[derive(Debug)]
pub(super) struct Recorder {
    history: History,
    platform: String,
}

impl Recorder {
    pub(super) fn new(state: &Path, platform: &str) -> Self {
        Self { history: History::new(state), platform: platform.to_owned() }
    }

    /// What the last run that is remembered saw of the stack of `desired`, under whichever name.
    pub(super) fn seen(&self, desired: &Desired) -> Option<Seen> {
        let is_of_it = |record: &Record| {
            let is_named =
                record.stack == desired.stack || desired.formerly.contains(&*record.stack);
            is_named && record.platform == self.platform
        };
        // A record that cannot be read says nothing, and hides none.
        let last = self.history.last(MOST_UNREADABLE, is_of_it).ok()?;
        let Record { account, objects, run, .. } = last.into_iter().find_map(|(_, it)| it.ok())?;
        Some(Seen { account, objects, run: run.to_string() })
    }

    /// Remembers the run of `command` that carried out `plan` with manifests from `paths`; nothing
    /// if there was nothing to do.
    pub(super) fn keep(
        &self,
        (command, trigger, run): (&'static str, &str, &RunId),
        paths: &[PathBuf],
        (prepared, report): (&Prepared, &Report),
        output: &Output,
    ) {
        let plan = &prepared.plan;
        if plan.steps.is_empty() {
            return;
        }
        let now = jiff::Timestamp::now();
        let facts = RunFacts {
            run: run.clone(),
            command,
            trigger: trigger.to_owned(),
            actor: actor(),
            commit: paths.iter().find_map(|path| commit_of(path)),
            platform: self.platform.clone(),
            account: prepared.own_account,
            objects: prepared.seen(Some(report), run.as_str()).objects,
            began: now.checked_sub(report.duration).unwrap_or(now),
        };
        if let Err(error) = self.history.keep(&record(facts, plan, report)) {
            output.say(&format!(
                "warning: cannot record run {run} in the history: {error}; the run itself is not affected"
            ));
        }
    }
}

/// Who runs this.
pub(super) fn actor() -> Actor {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let job = || match (variable("GITHUB_REPOSITORY"), variable("GITHUB_RUN_ID")) {
        (Some(repository), Some(run)) => {
            let server = variable("GITHUB_SERVER_URL")?;
            Some(format!("{server}/{repository}/actions/runs/{run}"))
        }
        _ => None,
    };
    Actor {
        user: USER_VARIABLES.into_iter().find_map(variable),
        host: this_host(),
        job: variable("CI_JOB_URL").or_else(job),
    }
}
