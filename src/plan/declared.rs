//! The steps that one declared object needs.

use std::collections::BTreeMap;

use serde_json::Value;

use super::bind::{Binding, Bindings, How};
use super::credentials;
use super::diff::{self, ref_value};
use super::generations;
use super::rotate;
use super::step::{
    Action, Blocked, Cause, Change, Delivery, Disputed, Draft, Effect, Holding, MarkEdit, Place,
    Refusal, Step, StepId, UpdateEffect,
};
use super::vanished::{self, Reissue};
use crate::assumptions::DAYS_IN_BIN;
use crate::observe::{Actual, Answers, Buried, KeyAt, LastWriter, Object, SinkQuestion, SinkState};
use crate::resource::canonical::canonical;
use crate::resource::{
    Address, Applied, Declared, Desired, Drift, KeyNote, Kind, MARK_PREFIX, Phase, Right,
};
use crate::secret::Sink;

/// Adds the steps of `declared` to `draft`.
pub(super) fn steps(
    declared: &Declared,
    desired: &Desired,
    actual: &Actual,
    answers: &Answers,
    bindings: &Bindings<'_>,
    draft: &mut Draft,
) {
    let context = Context { declared, desired, actual, answers, bindings };
    let before = draft.steps.len();
    match bindings.get(&declared.address) {
        Some(Binding::Found(object, how)) => context.found(object, *how, draft),
        Some(Binding::Absent) if declared.lifecycle.allows(Right::Create) => context.create(draft),
        Some(Binding::Restorable(buried)) => context.restore(buried, draft),
        Some(Binding::Waiting(account)) => {
            *draft.waiting.entry(account.clone()).or_default() += 1;
            return;
        }
        Some(Binding::Absent) => {
            return context.block(
                draft,
                "it is not on the platform, and `manage` does not allow to create it".to_owned(),
            );
        }
        Some(Binding::Blocked(reason)) => return context.block(draft, reason.clone()),
        Some(Binding::Disputed(reason, ids)) => {
            draft.disputed.push(Disputed {
                address: declared.address.clone(),
                ids_on_platform: ids.clone(),
                reason: reason.clone(),
            });
            return context.block(draft, reason.clone());
        }
        // What becomes of it is decided when the recycle bin was looked into.
        Some(Binding::Open) => return,
        None => return context.block(draft, "it was not looked for".to_owned()),
    }
    let is_blocked = draft.blocked.last().is_some_and(|b| b.address == declared.address);
    draft.unchanged += usize::from(draft.steps.len() == before && !is_blocked);
}

/// All that is needed to decide about one object.
pub(super) struct Context<'a> {
    pub(super) declared: &'a Declared,
    pub(super) desired: &'a Desired,
    pub(super) actual: &'a Actual,
    pub(super) answers: &'a Answers,
    pub(super) bindings: &'a Bindings<'a>,
}

impl Context<'_> {
    pub(super) fn block(&self, draft: &mut Draft, reason: String) {
        draft.blocked.push(Blocked {
            address: self.declared.address.clone(),
            reason,
            source: Some(self.declared.origin.to_string()),
        });
    }

    pub(super) fn step(&self, phase: Phase, action: Action, effect: Effect) -> Step {
        let address = self.declared.address.clone();
        Step {
            id: StepId::of(phase, &address),
            phase,
            action,
            address,
            reason: String::new(),
            source: Some(self.declared.origin.clone()),
            changes: Vec::new(),
            needs: Vec::new(),
            holds: Holding::default(),
            relies_on: BTreeMap::new(),
            effect,
        }
    }

    /// The steps that make the account in which the object lives usable, if they are in this plan:
    /// its creation and the verification of what it refers to.
    fn account_needs(&self, account: &crate::resource::AccountPath) -> Vec<StepId> {
        let Some(address) = Address::of_account(account) else {
            return Vec::new();
        };
        if !matches!(self.bindings.get(&address), Some(Binding::Absent)) {
            return Vec::new();
        }
        let refers = self.desired.objects.get(&address).is_some_and(|a| !a.refs.is_empty());
        let mut needs = vec![StepId::of(address.kind.phase(), &address)];
        needs.extend(refers.then(|| StepId::of(Phase::Assign, &address)));
        needs
    }

    pub(super) fn owner_id(&self) -> Option<i64> {
        self.bindings.account(self.actual, &self.declared.address.account)
    }

    /// What the object's mark says was applied last.
    fn applied(&self, object: &Object) -> Applied {
        let mark = object.mark_of(&self.desired.stack);
        mark.map(|mark| mark.applied.clone()).unwrap_or_default()
    }

    pub(super) fn mark_edit(&self, object: &Object) -> MarkEdit {
        let email = self.declared.credentials.as_ref().and_then(|it| it.email.as_deref());
        let has_email = email.is_some() && credentials::has_email(self, object);
        MarkEdit {
            email: email.filter(|_| has_email).map(credentials::canonical_email),
            owner: object.owner,
            stack: self.desired.stack.clone(),
            address: self.declared.address.clone(),
            moved_from: self.declared.moved_from.clone(),
            protect: self.declared.lifecycle.keeps_forever(),
            applied: diff::applied_fields(self.declared),
            key: self.unnoted_key(object),
            base: object.metadata.clone(),
        }
    }

    /// What the mark of a token should say of its key and does not.
    fn unnoted_key(&self, object: &Object) -> Option<KeyNote> {
        let is_newest = object.kind.is_key()
            && !self
                .bindings
                .predecessors(&self.declared.address)
                .iter()
                .any(|it| it.id == object.id);
        let state = self.answers.sinks.get(&self.declared.address).filter(|_| is_newest)?;
        state.unnoted.clone()
    }

    /// What comes back is compared in the pass after: only then can be told what it holds.
    fn restore(&self, buried: &Buried, draft: &mut Draft) {
        if let Some(reason) = vanished::outlived(self) {
            return self.block(draft, reason);
        }
        let Some(fate) = vanished::may_return(self, draft) else { return };
        let Buried { record, object } = buried;
        let effect = Effect::Restore {
            kind: object.kind,
            record: *record,
            id: object.id,
            owner: object.owner,
        };
        let mut step = self.step(object.kind.phase(), Action::Restore, effect);
        step.changes = vec![Change {
            field: "id".to_owned(),
            before: Value::Null,
            after: Value::from(object.id),
            cause: Cause::Drift,
        }];
        let comes_along = object.kind.row().recovery.with;
        step.reason = format!(
            "{} declares it, and it was deleted: it lies in the recycle bin, where things are \
             kept for {DAYS_IN_BIN} days, and comes back {comes_along}{fate}",
            self.declared.whence()
        );
        step.relies_on = diff::found_fields(object);
        draft.steps.push(step);
    }

    fn create(&self, draft: &mut Draft) {
        self.create_instead_of(None, draft);
    }

    /// Makes the object; in the place of a token whose key nobody ever got, if there is one.
    fn create_instead_of(&self, lost: Option<i64>, draft: &mut Draft) {
        let declared = self.declared;
        let kind = declared.address.kind;
        let (refs, made_by) = match self.references() {
            Ok(known) => known,
            Err(reason) => return self.block(draft, reason),
        };
        if let Some(reason) = vanished::outlived(self) {
            return self.block(draft, reason);
        }
        // One whose key nobody ever got was not taken away from anybody.
        let judged = match lost {
            Some(_) => Some(Reissue { generation: None, words: None, has_lapsed: false }),
            None => vanished::judge(self, draft),
        };
        let Some(Reissue { generation, words, has_lapsed }) = judged else { return };
        let mut effect = rotate::creation(self, self.owner_id(), generation);
        if let Effect::Create(effect) = &mut effect {
            effect.refs.clone_from(&refs);
            effect.instead_of = lost;
            effect.follows_lapsed = has_lapsed;
        }
        let mut step = self.step(kind.phase(), Action::Create, effect);
        step.needs = self.account_needs(&declared.address.account);
        step.needs.extend(made_by);
        step.changes = self.all_fields();
        let number = generation.map(|generation| generation.number);
        step.changes.extend(number.map(|number| rotate::change_of_generation(None, number)));
        let account = match declared.address.account.is_root() {
            true => "our own account".to_owned(),
            false => format!("account {}", declared.address.account),
        };
        step.reason = match lost {
            None => format!(
                "{} declares it, and nothing in {account} has its mark or its name",
                declared.whence()
            ),
            Some(id) => format!(
                "the run that made token {id} ended before its key was delivered, and the platform does not give it \
                 again; nobody has the key, so a new token takes its place"
            ),
        };
        if let Some(words) = words {
            step.reason = format!("{}; {words}", step.reason);
        }
        self.refuse_move(draft);
        let created = step.id.clone();
        draft.steps.push(step);

        draft.steps.extend(self.verification(refs, created));
        let needs = declared.address.as_account().map(|path| self.account_needs(&path));
        credentials::steps(self, None, needs.unwrap_or_default(), draft);
    }

    /// The platform moves no limit, subaccount or token to another owner: what is declared to have
    /// come from elsewhere would be another object, with another id and another key.
    fn refuse_move(&self, draft: &mut Draft) {
        let Some(old) = &self.declared.moved_from else { return };
        let there = self.actual.of_kind(old.kind).find(|object| {
            object.mark_of(&self.desired.stack).is_some_and(|mark| mark.address == *old)
        });
        if let Some(object) = there {
            draft.refusals.push(Refusal {
                guard: "move".to_owned(),
                count: 1,
                allowed: 0,
                reason: format!(
                    "{old} ({} {}) cannot be moved to another owner; {} would be a new one, and \
                     only --prune would delete the old one",
                    object.kind, object.id, self.declared.address
                ),
            });
        }
    }

    pub(super) fn all_fields(&self) -> Vec<Change> {
        let kind = self.declared.address.kind;
        let fields = self.declared.fields.iter();
        let fields = fields.map(|(field, value)| (field.clone(), canonical(kind, field, value)));
        let metadata = self.declared.metadata.iter();
        let metadata = metadata.map(|(key, value)| (diff::metadata_field(key), value.clone()));
        let refs = self.declared.refs.iter();
        let refs = refs.map(|(field, to)| (field.clone(), ref_value(to)));
        let deliver = self.declared.deliver.iter();
        let deliver = deliver.map(|sink| ("deliver".to_owned(), Value::String(sink.to_string())));
        fields
            .chain(metadata)
            .chain(refs)
            .chain(deliver)
            .map(|(field, after)| Change { field, before: Value::Null, after, cause: Cause::New })
            .collect()
    }

    fn found(&self, object: &Object, how: How, draft: &mut Draft) {
        if how == How::Observed {
            return;
        }
        let declared = self.declared;
        let kind = declared.address.kind;
        let mark = object.mark_of(&self.desired.stack);
        let applied = self.applied(object);

        let mut difference = self.compare(object, &applied, draft);
        difference.left.drain(..).for_each(|drifted| draft.leave(drifted));
        let keeps_forever = declared.lifecycle.keeps_forever();
        let protection_changed = mark.is_some_and(|mark| mark.protect != keeps_forever);
        // The key of a later generation that was never delivered goes to every sink, whatever it holds.
        let is_undelivered = rotate::is_undelivered(declared, object, &self.desired.stack);
        // So does that of the next generation, and an older key must not come after it.
        let is_replaced = !is_undelivered && self.is_replaced(object);
        let deliver = match self.delivery(object, draft) {
            _ if is_undelivered || is_replaced => None,
            Ok(delivery) => delivery,
            Err(Undeliverable::Fresh) => return self.create_instead_of(Some(object.id), draft),
            Err(Undeliverable::Overwritten(why)) => {
                let older = self.bindings.predecessors(&declared.address);
                return rotate::instead_of_overwritten(self, object, older, why, draft);
            }
            Err(Undeliverable::Lost(reason)) => return self.block(draft, reason),
        };
        if let Some(delivery) = &deliver {
            difference.changes.push(Change {
                field: "deliver".to_owned(),
                before: Value::Null,
                after: Value::String(names(&delivery.lacking)),
                cause: Cause::Differs,
            });
        }

        if let Some(danger) = self.saws_own_branch(object, &difference) {
            return self.block(draft, danger);
        }
        // E-mail and password are remembered in the mark.
        let steps = draft.steps.len();
        credentials::steps(self, Some(object), Vec::new(), draft);
        let sets_credentials = draft.steps.len() > steps;

        // An id is as durable as a mark, so being bound by one alone is no reason to write: the
        // mark goes along with the next change that has another reason. Until then the object is
        // not pruned, which is the safe side.
        let is_unnoted = credentials::is_unnoted(self, object, &applied)
            || (!is_undelivered && self.unnoted_key(object).is_some());
        let must_mark = matches!(how, How::OldMark | How::Adopted)
            || protection_changed
            || self.forgets_rename(object)
            || object.wants_signature
            || is_unnoted;
        let is_unmarked = how == How::Id;
        if !difference.changes.is_empty() || must_mark || (is_unmarked && sets_credentials) {
            if !declared.lifecycle.allows(Right::Update) {
                draft.notes.push(format!(
                    "{}: differs, and `manage` does not allow to update it",
                    declared.address
                ));
            } else {
                // With `drift` other than heal the difference between an edited manifest and a
                // changed platform decides what happens, so it is noted in any case.
                let precise = declared.lifecycle.drift != Drift::Heal;
                let edited = difference
                    .changes
                    .iter()
                    .any(|change| matches!(change.cause, Cause::Edited | Cause::Differs));
                let edit = self.mark_edit(object);
                let always = must_mark
                    || is_unmarked
                    || !difference.metadata.is_empty()
                    || (precise && edited);
                let (mark, refresh) = match always {
                    true => (Some(edit), None),
                    false => (None, edited.then_some(edit)),
                };
                let mut reason = self.update_reason(object, how, protection_changed, &difference);
                if let Some(delivery) = &deliver {
                    let joint = if reason.is_empty() { "" } else { "; " };
                    reason = format!("{reason}{joint}{}", why_delivered(delivery));
                }
                let effect = UpdateEffect {
                    kind,
                    id: object.id,
                    owner: object.owner,
                    fields: difference.fields,
                    metadata: object.metadata.clone(),
                    metadata_set: difference.metadata,
                    mark,
                    refresh,
                    deliver,
                };
                let mut step =
                    self.step(kind.phase(), Action::Update, Effect::Update(Box::new(effect)));
                step.changes = difference.changes;
                if how != How::Mark {
                    step.changes.push(self.change_of_mark(object));
                }
                step.reason = reason;
                step.relies_on = diff::found_fields(object);
                if is_unmarked {
                    // Two writes of one mark at a time would lose one of them.
                    for credentials in draft.steps.iter_mut().skip(steps) {
                        credentials.needs.push(step.id.clone());
                    }
                }
                draft.steps.push(step);
            }
        }
        self.assign(object, &applied, draft);
        let older = self.bindings.predecessors(&declared.address);
        rotate::steps(self, object, older, draft);
        for old in older {
            self.keep_in_step(old, draft);
        }
    }

    /// How the object differs. Where its mark does not tell which side moved, its log is asked; of what nobody of us wrote
    /// before, no log tells it either.
    fn compare(&self, object: &Object, applied: &Applied, draft: &mut Draft) -> diff::Difference {
        let never = LastWriter::default();
        let is_marked = object.mark_of(&self.desired.stack).is_some();
        let writer = match is_marked {
            true => self.answers.writers.get(&(object.kind, object.id)),
            false => Some(&never),
        };
        let difference = diff::compare(self.declared, object, diff::Evidence { applied, writer });
        if difference.asks_who {
            draft.questions.writers.insert((object.kind, object.id));
        }
        difference
    }

    /// Until it goes, the generation before may do what the manifest says and no more.
    fn keep_in_step(&self, old: &Object, draft: &mut Draft) {
        let declared = self.declared;
        let stack = &self.desired.stack;
        let is_retired =
            |step: &Step| matches!(&step.effect, Effect::Retire(it) if it.id == old.id);
        if draft.steps.iter().any(is_retired) || !declared.lifecycle.allows(Right::Update) {
            return;
        }
        let mark = old.mark_of(stack);
        let applied = self.applied(old);
        let difference = self.compare(old, &applied, draft);
        let is_elsewhere = mark.is_some_and(|mark| mark.address != declared.address);
        if difference.changes.is_empty() && !is_elsewhere && !old.wants_signature {
            return;
        }
        if let Some(danger) = self.saws_own_branch(old, &difference) {
            return self.block(draft, danger);
        }
        let number = generations::number(old, stack);
        let how = if is_elsewhere { How::OldMark } else { How::Mark };
        let mut step = self.step(
            Phase::Token,
            Action::Update,
            Effect::Update(Box::new(UpdateEffect {
                kind: Kind::KEY,
                id: old.id,
                owner: old.owner,
                fields: difference.fields.clone(),
                metadata: old.metadata.clone(),
                metadata_set: difference.metadata.clone(),
                mark: Some(self.mark_edit(old)),
                refresh: None,
                deliver: None,
            })),
        );
        step.id = rotate::of_generation(&declared.address, number, "update");
        let reason = self.update_reason(old, how, false, &difference);
        step.reason = format!("generation {number} is still valid; {reason}");
        step.changes = difference.changes;
        if is_elsewhere {
            step.changes.push(self.change_of_mark(old));
        }
        step.relies_on = diff::found_fields(old);
        draft.steps.push(step);
    }

    /// Our own token must stay what it is, or the run that narrows it is the last one.
    fn saws_own_branch(&self, object: &Object, difference: &diff::Difference) -> Option<String> {
        if !object.kind.is_key() || object.id != self.actual.identity.token {
            return None;
        }
        let number = |value: &Value| value.as_i64().unwrap_or(0);
        let danger = difference.changes.iter().find(|change| match change.field.as_str() {
            "enabled" => change.after == Value::Bool(false),
            "access" | "ips" => true,
            // 0 switches the bound off, and the other one may not hold.
            "ttl" | "expire" => {
                number(&change.after) == 0 || number(&change.after) < number(&change.before)
            }
            _ => false,
        })?;
        Some(format!(
            "token {} signs this very run, and changing its `{}` could lock it out; use another \
             token for that",
            object.id, danger.field
        ))
    }

    /// Whether the mark notes a rename that the manifest does not ask for any more, from an address that is another
    /// object's by now. If the two exchange their names once more, that note would say that they had done so already.
    fn forgets_rename(&self, object: &Object) -> bool {
        let mark = object.mark_of(&self.desired.stack);
        let noted = mark.and_then(|mark| mark.moved_from.as_ref());
        noted.is_some_and(|noted| {
            self.declared.moved_from.as_ref() != Some(noted)
                && self.desired.objects.contains_key(noted)
        })
    }

    fn change_of_mark(&self, object: &Object) -> Change {
        let key = format!("{MARK_PREFIX}address");
        Change {
            before: object.metadata.get(&key).cloned().unwrap_or(Value::Null),
            after: Value::String(self.declared.address.to_string()),
            field: diff::metadata_field(&key),
            cause: Cause::Edited,
        }
    }

    fn update_reason(
        &self,
        object: &Object,
        how: How,
        protection_changed: bool,
        difference: &diff::Difference,
    ) -> String {
        let declared = self.declared;
        let mut reasons = Vec::new();
        match how {
            How::Id => {
                reasons.push(format!("`metadata.id` at {} takes it over", declared.whence()))
            }
            How::Adopted => reasons.push(format!(
                "nobody marked {} {}, and `adopt: true` at {} takes it over",
                object.kind, object.id, declared.origin
            )),
            How::OldMark => reasons.push(format!(
                "it was {} before and is renamed in place",
                object
                    .mark_of(&self.desired.stack)
                    .map(|m| m.address.to_string())
                    .unwrap_or_default()
            )),
            How::Mark | How::Observed => {}
        }
        if object.wants_signature {
            reasons.push("its mark is not signed yet".to_owned());
        }
        if credentials::is_unnoted(self, object, &self.applied(object)) {
            reasons.push("its mark does not say yet that its e-mail is as declared".to_owned());
        }
        if self.unnoted_key(object).is_some() {
            reasons.push("its mark does not say yet where its key is".to_owned());
        }
        if self.forgets_rename(object) && how == How::Mark {
            reasons.push(
                "its mark still says that it was renamed, and its manifest no longer does"
                    .to_owned(),
            );
        }
        if protection_changed {
            reasons.push("its protection in the manifest differs from its mark".to_owned());
        }
        // Where a key is missing has words of its own.
        let changes: Vec<Change> =
            difference.changes.iter().filter(|change| change.field != "deliver").cloned().collect();
        if !changes.is_empty() {
            reasons.push(diff::reason(declared, &changes));
        }
        reasons.join("; ")
    }

    /// How the sinks of the token are filled; none if it has none, or if that has to be found out first. What was not
    /// looked at is noted.
    pub(super) fn sinks(&self, token: Option<&Object>, draft: &mut Draft) -> Option<&SinkState> {
        let Declared { address, deliver, .. } = self.declared;
        if deliver.is_empty() {
            return None;
        }
        let state = self.answers.sinks.get(address);
        if state.is_none() {
            let note = token.and_then(|token| token.mark_of(&self.desired.stack)?.key.clone());
            let question = SinkQuestion { id: token.map(|it| it.id), note, sinks: deliver.clone() };
            draft.questions.sinks.insert(address.clone(), question);
        }
        if let Some(state) = state {
            draft.hidden.extend(state.hidden.iter().map(|(sink, reason)| Place {
                address: address.clone(),
                what: sink.to_string(),
                reason: reason.clone(),
            }));
        }
        state
    }

    /// Whether the next generation of a token is issued now.
    fn is_replaced(&self, object: &Object) -> bool {
        let mut ahead = Draft::default();
        rotate::steps(self, object, self.bindings.predecessors(&self.declared.address), &mut ahead);
        ahead.steps.iter().any(|step| matches!(step.effect, Effect::Create(_)))
    }

    /// How the key of a found token gets to the sinks that lack it.
    fn delivery(
        &self,
        object: &Object,
        draft: &mut Draft,
    ) -> Result<Option<Delivery>, Undeliverable> {
        let declared = self.declared;
        let Some(state) = self.sinks(Some(object), draft) else { return Ok(None) };
        let SinkState { lacking, from, is_new, trouble, .. } = state;
        if lacking.is_empty() {
            let trouble = trouble.iter().map(|words| format!("{}: {words}", declared.address));
            draft.notes.extend(trouble);
            return Ok(None);
        }
        if *from != KeyAt::Nowhere {
            let (all, lacking) = (declared.deliver.clone(), lacking.clone());
            return Ok(Some(Delivery { all, lacking, from: from.clone() }));
        }
        let may_replace =
            [Right::Create, Right::Delete].iter().all(|right| declared.lifecycle.allows(*right));
        if *is_new && may_replace {
            return Err(Undeliverable::Fresh);
        }
        if self.answers.overwritten.contains(&declared.address) {
            return Err(Undeliverable::Overwritten(format!(
                "another run created token {} at the same time as this run one that was taken back, whose key went to {} \
                 as well, and nobody gives the first one again",
                object.id,
                names(lacking)
            )));
        }
        Err(Undeliverable::Lost(format!(
            "the key of token {} is missing from {}, and nobody gives it again; only a new token has a key to deliver, \
             and a lost file is no reason to take away one that may be in use",
            object.id,
            names(lacking)
        )))
    }
}

/// Why the key of a token cannot be delivered.
enum Undeliverable {
    /// Nobody ever had it, so another token will do.
    Fresh,
    /// It was where it belongs, and this very run overwrote it.
    Overwritten(String),
    /// Somebody may have it, but not we.
    Lost(String),
}

fn why_delivered(delivery: &Delivery) -> String {
    let Delivery { lacking, from, all: _ } = delivery;
    let verb = if lacking.len() == 1 { "lacks" } else { "lack" };
    format!(
        "{} {verb} its key, which is read from {from}, so no new token is needed",
        names(lacking)
    )
}

fn names(sinks: &[Sink]) -> String {
    sinks.iter().map(Sink::to_string).collect::<Vec<_>>().join(", ")
}
