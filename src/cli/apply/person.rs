//! A pass on behalf of a person, who is shown the plan and asked.

use std::collections::BTreeSet;
use std::time::Instant;

use tokio::sync::watch;

use super::approval::disapproval;
use super::args::Args;
use super::events::Events;
use super::task::Task;
use crate::apply::Report;
use crate::cli::consent::consent;
use crate::cli::exit::Exit;
use crate::cli::gate;
use crate::cli::output::Output;
use crate::cli::recorder::commit_of_any;
use crate::cli::session::{self, Session};
use crate::cli::settings::{Common, Format};
use crate::diagnostic::render::printable;
use crate::observe::Seen;
use crate::plan::Plan;
use crate::reconcile::{
    self, Caller, Consent, Context, Hindrance, PassEvent, Passed, Prepared, Windows, Work,
};
use crate::report::{EventDocument, plan_text};
use crate::resource::Address;
use crate::run::RunId;

/// The command as the one who makes a pass.
pub(super) struct Person<'a> {
    pub(super) args: &'a Args,
    pub(super) task: &'a Task,
    pub(super) session: &'a Session,
    pub(super) common: &'a Common,
    pub(super) output: &'a Output,
    pub(super) events: &'a Events,
    /// The number of this pass, from 1 on, and its name.
    pub(super) number: usize,
    pub(super) run: &'a RunId,
}

impl Person<'_> {
    /// Makes the pass. `overwritten` are tokens whose keys the pass before may have overwritten.
    pub(super) async fn pass(
        mut self,
        overwritten: &BTreeSet<Address>,
        stop: &watch::Receiver<bool>,
    ) -> Result<Report, Exit> {
        let Self { args, task, session, run, .. } = self;
        let context = session.context(&task.trust, None);
        let work = Work {
            desired: &task.desired,
            policy: task.policy,
            on_error: args.on_error.into(),
            context: Context { overwritten: Some(overwritten), ..context },
            gate: &session.gate.open(),
            windows: match args.ignore_windows {
                true => Windows::Ignored,
                false => Windows::Respected,
            },
            patience: args.gate.lock_timeout,
            command: task.command(),
            run,
        };
        match reconcile::pass(&work, &mut self, stop).await {
            Ok(Passed { report: Some(report), .. }) => Ok(report),
            // Nobody refused it: there was nothing to begin with.
            Ok(Passed { prepared, report: None }) => Ok(self.not_begun(&prepared, Vec::new())),
            Err(hindrance) => self.hindered(hindrance),
        }
    }

    fn hindered(&self, hindrance: Hindrance<Exit>) -> Result<Report, Exit> {
        match hindrance {
            Hindrance::Declined(prepared, why) => Ok(self.refuse(&prepared, why)),
            Hindrance::StoppedWaiting(prepared) => {
                Ok(self.refuse(&prepared, vec!["stopped while waiting for the lock".to_owned()]))
            }
            Hindrance::StoppedLooking => {
                self.output.error("stopped while planning; nothing was done");
                Err(Exit::Failed)
            }
            Hindrance::Away(error) => {
                session::explain(&error, self.common, self.output);
                Err(Exit::Unknown)
            }
            Hindrance::Unfit(exit) => Err(exit),
            Hindrance::Pauses(error) => {
                let help = "nothing was done; they are in --state-dir, or in the store of --lease";
                self.output.failure(&error, Some(help));
                Err(Exit::Failed)
            }
            Hindrance::Locked(error) => Err(gate::explain(error, self.output)),
        }
    }

    /// The report of a plan that is not begun.
    fn refuse(&self, prepared: &Prepared, why: Vec<String>) -> Report {
        why.iter().for_each(|why| self.output.error(&format!("refused: {}", printable(why))));
        self.output.error("nothing was done");
        self.not_begun(prepared, why)
    }

    fn not_begun(&self, prepared: &Prepared, why: Vec<String>) -> Report {
        Report::refused(&prepared.plan, self.session.client.stats().snapshot(), why)
    }

    /// Why the plan cannot be done before the deadline, if that is certain.
    fn too_late(&self, plan: &Plan) -> Option<String> {
        let writes = plan.least_writes();
        let (least, left) = self.session.client.overrun(writes)?;
        let (least, left) = (least.as_secs(), left.as_secs());
        Some(format!(
            "{writes} writes take at least {least} s at the allowed calls per minute, but only {left} s are left until the \
             deadline; set a later --deadline, or a higher --calls-per-minute"
        ))
    }

    fn show(&self, prepared: &Prepared) {
        if matches!(self.common.format, Format::Text | Format::Short | Format::Sarif) {
            self.output.result(&plan_text(&prepared.plan, self.output.width()));
        }
    }

    /// While others still wait: whoever has the lock next finds what was seen here.
    fn remember(&self, prepared: &Prepared, report: &Report) {
        let paths = self.args.manifests.paths();
        let source = self.args.plan.as_ref().map_or(paths.as_slice(), std::slice::from_ref);
        let commit = self.session.commit.clone().or_else(|| commit_of_any(source));
        let whose = (self.task.command(), "command", self.run);
        self.session.recorder.keep(whose, commit, (prepared, report), self.output);
    }
}

impl Caller for Person<'_> {
    type Unfit = Exit;

    fn seen(&self) -> Option<Seen> {
        self.session.recorder.seen(&self.task.desired)
    }

    fn narrow(&mut self, prepared: Prepared) -> Result<Prepared, Exit> {
        let restricted = self.task.restrict(prepared, self.output)?;
        let plan = self.args.only.of(restricted.plan, &self.task.desired, self.output)?;
        Ok(Prepared { plan, ..restricted })
    }

    fn approve(&mut self, plan: &Plan) -> Result<(), Vec<String>> {
        let mut why = disapproval(plan, self.args.approve.as_deref());
        why.extend(self.too_late(plan));
        if why.is_empty() { Ok(()) } else { Err(why) }
    }

    async fn consent(&mut self, _: &Plan) -> Result<Consent, Vec<String>> {
        if self.args.yes {
            return Ok(Consent::InAdvance);
        }
        let asked = Instant::now();
        match consent(self.output).await {
            Ok(()) => Ok(Consent::ToWhatWasShown(asked)),
            Err(why) => Err(vec![why.to_owned()]),
        }
    }

    fn on_event(&mut self, event: PassEvent<'_>) {
        match &event {
            PassEvent::Planned(prepared) | PassEvent::PlannedAgain(prepared) => {
                self.events.tell(|| EventDocument::planned(&prepared.plan));
            }
            PassEvent::Waiting(held) => {
                self.events.tell(|| EventDocument::Waiting { holder: gate::waiting(held) });
            }
            PassEvent::Step(event, _) => self.events.tell(|| EventDocument::of_step(event)),
            PassEvent::Outdated | PassEvent::Begins(_) | PassEvent::CarriedOut(..) => {}
        }
        match event {
            PassEvent::Planned(prepared) => {
                if self.number == 1 || !prepared.plan.is_converged() {
                    self.show(prepared);
                }
            }
            PassEvent::Waiting(held) => self.output.say(&gate::waiting(held)),
            PassEvent::PlannedAgain(prepared) => {
                self.output.say("another run wrote meanwhile; planning again:");
                self.show(prepared);
            }
            PassEvent::Step(_, Some(line)) => self.output.say(&line),
            PassEvent::CarriedOut(prepared, report) => self.remember(prepared, report),
            PassEvent::Outdated | PassEvent::Begins(_) | PassEvent::Step(_, None) => {}
        }
    }
}
