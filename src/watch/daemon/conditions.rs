//! Conditions that a pass raises and clears, and what waits for a person.

use super::pass_result::PassResult;
use super::{Daemon, Narrator};
use crate::diagnostic::counted;
use crate::plan::Plan;
use crate::watch::status::ObjectState::{Blocked, Contested, Failing};
use crate::watch::status::{Approval, PassOutcome, State};

impl<N: Narrator> Daemon<'_, N> {
    pub(super) fn raise_conditions(&mut self, result: &PassResult) {
        let is_unread = result.outcome == PassOutcome::Unreadable;
        match (&result.error, &result.whole) {
            (Some(error), _) if is_unread => {
                self.board.raise(State::PlatformAway, format!("planning failed: {error}"));
            }
            (_, Some(whole)) if !whole.unknown.is_empty() => {
                let kinds = whole
                    .unknown
                    .iter()
                    .map(|unknown| format!("{} ({})", unknown.collection(), unknown.reason));
                let says = format!("could not be read: {}", kinds.collect::<Vec<_>>().join(", "));
                self.board.raise(State::PlatformAway, says);
            }
            (_, Some(_)) => {
                self.board.status.last_read = Some(self.board.now());
                self.board.clear(State::PlatformAway);
            }
            _ => {}
        }
        match result.outcome {
            PassOutcome::Standby => {
                let says = result.error.clone().unwrap_or_default();
                self.board.raise(State::Standby, says);
            }
            PassOutcome::Unreadable => {}
            _ => {
                self.board.clear(State::Standby);
            }
        }
        if let Some(whole) = &result.whole {
            self.await_approval(whole);
            let troubled = self
                .board
                .status
                .objects
                .values()
                .filter(|object| matches!(object.state, Blocked | Contested | Failing));
            match troubled.count() {
                0 => {
                    self.board.clear(State::Degraded);
                }
                count => {
                    let verb = if count == 1 { "is" } else { "are" };
                    let count = counted(count as u64, "object");
                    let says = format!("{count} {verb} failing, blocked or contested");
                    self.board.raise(State::Degraded, says);
                }
            }
        }
        let is_good = matches!(result.outcome, PassOutcome::Unchanged | PassOutcome::Applied);
        if is_good {
            self.board.status.last_success = Some(self.board.now());
        }
    }

    /// What a guard refuses is shown until somebody decides.
    fn await_approval(&mut self, whole: &Plan) {
        if whole.refusals.is_empty() {
            self.board.clear(State::WaitingForApproval);
            self.board.status.approval = None;
            return;
        }
        let known = self.board.status.approval.take();
        let known = known.filter(|approval| approval.digest == whole.digest);
        let command = format!("{} --approve {}", self.options.by_hand, whole.digest);
        if known.is_none() {
            let reasons = whole.refusals.iter().map(|refusal| refusal.reason.as_str());
            let reasons = reasons.collect::<Vec<_>>().join("; ");
            let line = format!("refused without approval, and the edit waits: {reasons}");
            let help = format!("review the plan, then undo the edit or run: {command}");
            self.narrator.complain(&line, Some(&help));
        }
        let since = known.map_or_else(|| self.board.now(), |approval| approval.since);
        self.board.raise(
            State::WaitingForApproval,
            format!("a guard refused the edit; approve it with: {command}"),
        );
        self.board.status.approval = Some(Approval {
            digest: whole.digest.clone(),
            since,
            refusals: whole.refusals.clone(),
            summary: whole.summary(),
            command,
            blocked: whole.blocked.clone(),
            pending: whole.pending.clone(),
        });
    }
}
