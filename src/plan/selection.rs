//! Selections: items that manifests mean by what they are called become ids, before anything is compared.
//!
//! ```text
//! Declared with selections ─► which lists are needed? ─► Questions
//!            │                        │ answered
//!            └─► resolve ◄────────────┘ ─► the same Declared with ids ─► everything else
//! ```
//!
//! What is not known is never taken for "none": where a list could not be read, nothing is decided about the object. An
//! account that this plan makes holds no items yet, so that there is nothing to ask; a selection in it matches none, which
//! is an error like any other unless `allow_empty` says that it may be so for a while.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::bind::{Binding, Bindings, How};
use super::draft::{Draft, Joined};
use super::entry::{Blocked, Unknown};
use super::step::{Action, Step};
use crate::observe::{Actual, Answers, ItemList, Listed, Trait};
use crate::resource::access;
use crate::resource::selection::{self, Criterion, Group, Selection};
use crate::resource::{Declared, Expectation, ItemType, Right};
use crate::rights::{AccessType, Circumstances, Request, Rights, Verdict, decide};

/// The member of a holder that has the ids.
const IDS: &str = "ids";

/// The declared object with ids in the place of its selections. None if that cannot be said: then it stands in the draft
/// what has to be asked first, or why nothing is decided about the object.
pub(super) fn resolve<'a>(
    declared: &'a Declared,
    actual: &Actual,
    answers: &Answers,
    bindings: &Bindings<'_>,
    draft: &mut Draft,
) -> Option<Cow<'a, Declared>> {
    let is_compared = match bindings.get(&declared.address) {
        Some(Binding::Found(_, how)) => *how != How::Observed,
        Some(Binding::Absent) => declared.lifecycle.allows(Right::Create),
        _ => false,
    };
    if declared.selections.is_empty() || !is_compared {
        return Some(Cow::Borrowed(declared));
    }
    let account = bindings.account(actual, &declared.address.account);
    let questions = account.map(|account| open_lists(declared, account, answers));
    if let Some(open) = questions.filter(|open| !open.is_empty()) {
        for (list, traits) in open {
            draft.questions.items.entry(list).or_default().extend(traits);
        }
        return None;
    }
    let mut ids = BTreeMap::new();
    let mut troubles = Troubles::default();
    for (place, selection) in &declared.selections {
        match matched(selection, account, answers) {
            Ok(found) if found.is_empty() && !selection.allow_empty => {
                troubles.reasons.insert(matches_nothing(declared, place, selection, account));
            }
            Ok(found) => {
                if account.is_none() {
                    draft.notes.push(empty_for_now(declared, selection));
                }
                ids.insert(place.clone(), found);
            }
            Err(trouble) => troubles.add(selection.items, trouble),
        }
    }
    if ids.len() == declared.selections.len() {
        let mut fields = declared.fields.unpack();
        selection::fill(&mut fields, &ids);
        troubles.reasons.extend(unmet(declared, &fields));
        if troubles.reasons.is_empty() {
            return Some(Cow::Owned(Declared { fields: fields.into(), ..declared.clone() }));
        }
    }
    troubles.tell(declared, draft);
    None
}

/// Why the selections of an object could not be resolved.
#[derive(Default)]
struct Troubles {
    reasons: BTreeSet<String>,
    unread: BTreeMap<ItemType, String>,
}

impl Troubles {
    fn add(&mut self, items: ItemType, trouble: Trouble) {
        match trouble {
            Trouble::Refused(reason) => {
                let words = format!("the platform does not take a selection of {items}: {reason}");
                self.reasons.insert(words);
            }
            Trouble::Unread(reason) => {
                let words = format!("cannot read the {items} of its account: {reason}");
                self.reasons.insert(format!("{words}; it stays as it is"));
                self.unread.insert(items, reason);
            }
        }
    }

    fn tell(self, declared: &Declared, draft: &mut Draft) {
        let Self { reasons, unread } = self;
        let account = declared.address.account.to_string();
        draft.unknown.extend(unread.into_iter().map(|(items, reason)| Unknown {
            kind: declared.address.kind,
            items: Some(items.path().to_owned()),
            account: account.clone(),
            reason,
        }));
        draft.blocked.extend(reasons.into_iter().map(|reason| Blocked {
            address: declared.address.clone(),
            reason,
            source: Some(declared.origin.to_string()),
        }));
    }
}

/// The lists that were not asked for yet, and what has to be known of their items.
fn open_lists(
    declared: &Declared,
    account: i64,
    answers: &Answers,
) -> BTreeMap<ItemList, BTreeSet<Trait>> {
    let mut open: BTreeMap<ItemList, BTreeSet<Trait>> = BTreeMap::new();
    for selection in declared.selections.values() {
        for (list, wanted) in lists(selection, account) {
            if !answers.items.contains_key(&list) {
                open.entry(list).or_default().extend(wanted);
            }
        }
    }
    open
}

/// The lists that a selection looks through; its own items come first.
fn lists(selection: &Selection, account: i64) -> Vec<(ItemList, Option<Trait>)> {
    let list = |items, expression| ItemList { account, items, expression };
    let all = |wanted| (list(selection.items, None), Some(wanted));
    match &selection.criterion {
        Criterion::Name(_) => vec![all(Trait::Name)],
        Criterion::Ident(_) => vec![all(Trait::Ident)],
        Criterion::Group(Group::Id(_)) => vec![all(Trait::Groups)],
        Criterion::Group(Group::Name(_)) => {
            vec![all(Trait::Groups), (list(ItemType::Groups, None), Some(Trait::Name))]
        }
        Criterion::Expression(text) => vec![(list(selection.items, Some(text.clone())), None)],
    }
}

/// Why it is not known what a selection matches.
enum Trouble {
    Refused(String),
    Unread(String),
}

/// The ids of what a selection matches. In an account that is still to be made there is nothing.
fn matched(
    selection: &Selection,
    account: Option<i64>,
    answers: &Answers,
) -> Result<BTreeSet<i64>, Trouble> {
    let Some(account) = account else { return Ok(BTreeSet::new()) };
    let mut all = Vec::new();
    for (list, _) in lists(selection, account) {
        all.push(match answers.items.get(&list) {
            Some(Listed::Items(items)) => items.as_slice(),
            Some(Listed::Refused(reason)) => return Err(Trouble::Refused(reason.clone())),
            Some(Listed::Unread(reason)) => return Err(Trouble::Unread(reason.clone())),
            None => return Err(Trouble::Unread("nobody asked for it".to_owned())),
        });
    }
    let (items, others) = match all.as_slice() {
        [items, others @ ..] => (*items, others),
        [] => (&[][..], &[][..]),
    };
    let groups: BTreeSet<i64> = match &selection.criterion {
        Criterion::Group(Group::Id(id)) => [*id].into(),
        Criterion::Group(Group::Name(name)) => {
            let groups = others.iter().flat_map(|groups| groups.iter());
            groups.filter(|group| group.name == *name).map(|group| group.id).collect()
        }
        _ => BTreeSet::new(),
    };
    Ok(selection.criterion.of(items, &groups))
}

fn matches_nothing(
    declared: &Declared,
    place: &str,
    selection: &Selection,
    account: Option<i64>,
) -> String {
    let Selection { items, criterion, .. } = selection;
    let origin = declared.field_origins.get(place).unwrap_or(&declared.origin);
    let account = match (declared.address.account.is_root(), account) {
        (true, _) => "the root account has no such item".to_owned(),
        (false, Some(_)) => format!("account {} has no such item", declared.address.account),
        (false, None) => format!(
            "account {} is created by this plan and holds no items yet",
            declared.address.account
        ),
    };
    format!(
        "its selection of {items} by `{criterion}` at {origin} matches nothing: {account}; if that may be so, \
         write `allow_empty: true` in the selection"
    )
}

fn empty_for_now(declared: &Declared, selection: &Selection) -> String {
    format!(
        "{}: account {} is created by this plan and holds no items yet, so its selection of {} by `{}` is empty for \
         now; items added later join in the next pass",
        declared.address, declared.address.account, selection.items, selection.criterion
    )
}

/// What the token is expected to be able to do and is not, or the other way round, with the ids that were found.
fn unmet(declared: &Declared, fields: &Map<String, Value>) -> Vec<String> {
    let rights = Rights { enabled: true, ..Rights::of(|field| fields.get(field)) };
    let judged = declared.expectations.iter().filter_map(|expectation| {
        let Expectation { request: text, must_be_allowed, ip, origin, in_groups } = expectation;
        // What is no request was found fault with.
        let mut request: Request = text.parse().ok()?;
        request.circumstances = Circumstances {
            ip: ip.clone(),
            origin: origin.clone(),
            at: None,
            in_groups: *in_groups,
        };
        let decision = decide(&rights, &request);
        let is_met = match must_be_allowed {
            true => decision.allowed(),
            false => decision.verdict == Verdict::Denied,
        };
        let wanted = if *must_be_allowed { "allowed" } else { "denied" };
        (!is_met).then(|| {
            format!(
                "its manifest expects `{text}` to be {wanted}, but with the items that its selections match it is not: {}",
                decision.words
            )
        })
    });
    judged.collect()
}

/// Notes the items that the steps from `from` on let join what `declared`, whose selections were resolved, had before.
pub(super) fn note_joins(declared: &Declared, from: usize, draft: &mut Draft) {
    if declared.selections.is_empty() {
        return;
    }
    let fields = declared.fields.unpack();
    let updates = draft.steps.iter().skip(from).filter(|step| step.action == Action::Update);
    let joined: Vec<Joined> = updates.flat_map(|step| joined(declared, &fields, step)).collect();
    draft.joined.extend(joined);
}

fn joined(declared: &Declared, fields: &Map<String, Value>, step: &Step) -> Vec<Joined> {
    let mut all = Vec::new();
    for (place, selection) in &declared.selections {
        let field = place.split('.').next().unwrap_or_default();
        let Some(change) = step.changes.iter().find(|change| change.field == field) else {
            continue;
        };
        let Some(holder) = selection::holder(fields, place) else { continue };
        let after = value_at(fields, place);
        let holders = holders(&change.before);
        let shape = shape(&holder);
        let same: Vec<&&Map<String, Value>> =
            holders.iter().filter(|it| without_ids(it) == shape).collect();
        // Where the rest was edited as well, whatever was open before counts.
        let about = |it: &&&Map<String, Value>| {
            it.values().any(|value| value.as_str() == Some(selection.items.path()))
        };
        let before: Vec<&&Map<String, Value>> = match same.is_empty() {
            true => holders.iter().filter(about).collect(),
            false => same,
        };
        let is_all = before.iter().any(|it| !matches!(it.get(IDS), Some(Value::Array(_))));
        let known: BTreeSet<i64> =
            before.iter().filter_map(|it| it.get(IDS)).flat_map(numbers).collect();
        let new = numbers(&after).filter(|id| !is_all && !known.contains(id));
        all.extend(new.map(|id| (declared.address.clone(), selection.items, id)));
    }
    all
}

/// Whether two canonical values of a field differ in nothing but the ids that selections put there.
pub(super) fn is_all_that_differs(
    declared: &Declared,
    field: &str,
    (before, after): (&Value, &Value),
) -> bool {
    let places = declared.selections.keys().filter(|place| place.split('.').next() == Some(field));
    let fields = declared.fields.unpack();
    let holders = places.filter_map(|place| selection::holder(&fields, place));
    let shapes: Vec<Value> = holders.map(|holder| shape(&holder)).collect();
    !shapes.is_empty() && bare(before, &shapes) == bare(after, &shapes)
}

/// A holder of ids in the form that it has where accesses are compared, without the ids.
fn shape(holder: &Value) -> Value {
    // Without ids it would be about all items.
    let mut holder = holder.clone();
    holder[IDS] = Value::Array(Vec::new());
    let list = access::canonical(&json!({"type": AccessType::Acl.number(), "acl": [holder]}));
    let entry = list.get("acl").and_then(|list| list.get(0)).and_then(Value::as_object);
    entry.map_or(Value::Null, without_ids)
}

fn without_ids(holder: &Map<String, Value>) -> Value {
    let mut holder = holder.clone();
    holder.remove(IDS);
    Value::Object(holder)
}

/// Every mapping with ids in a value.
fn holders(value: &Value) -> Vec<&Map<String, Value>> {
    match value {
        Value::Object(members) if members.contains_key(IDS) => vec![members],
        Value::Object(members) => members.values().flat_map(holders).collect(),
        Value::Array(items) => items.iter().flat_map(holders).collect(),
        _ => Vec::new(),
    }
}

/// A value without the ids of holders that have one of these shapes, and with its lists in an order that does not depend on
/// them.
fn bare(value: &Value, shapes: &[Value]) -> Value {
    match value {
        Value::Object(members) if members.contains_key(IDS) => match without_ids(members) {
            holder if shapes.contains(&holder) => holder,
            _ => value.clone(),
        },
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| (name.clone(), bare(value, shapes)));
            Value::Object(members.collect())
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(|item| bare(item, shapes)).collect();
            items.sort_by_cached_key(Value::to_string);
            Value::Array(items)
        }
        other => other.clone(),
    }
}

fn value_at(fields: &Map<String, Value>, place: &str) -> Value {
    let mut steps = place.split('.');
    let first = steps.next().and_then(|step| fields.get(step));
    let found = steps.fold(first, |at, step| match at? {
        Value::Object(members) => members.get(step),
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        _ => None,
    });
    found.cloned().unwrap_or_default()
}

fn numbers(value: &Value) -> impl Iterator<Item = i64> + use<'_> {
    value.as_array().into_iter().flatten().filter_map(Value::as_i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Kind;
    use crate::resource::canonical::canonical;

    fn entry(method: &str, ids: &Value) -> Value {
        json!({"uri": "gw/devices", "ids": ids, "methods": [method]})
    }

    fn access(entries: &[Value]) -> Value {
        json!({"type": 2, "acl": entries})
    }

    /// A token whose first entry selects these ids.
    fn declared(entries: &[Value]) -> Declared {
        let mut load = crate::manifest::load_texts(
            [(
                "a.yaml".to_owned(),
                "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {name: app}\nspec: {ttl: 1h, access: \
                 {acl: [{uri: gw/devices, methods: [GET], ids: {select: {name: a}}}]}}\n"
                    .to_owned(),
            )],
            0,
        );
        let mut declared = *load.desired.objects.pop_first().unwrap().1;
        assert_eq!(declared.selections.len(), 1);
        declared.fields.insert("access", access(entries));
        declared
    }

    fn is_of_the_selection(before: &[Value], after: &[Value]) -> bool {
        let of = |entries| canonical(Kind::Token, "access", &access(entries));
        is_all_that_differs(&declared(after), "access", (&of(before), &of(after)))
    }

    #[test]
    fn only_the_ids_of_a_selection_are_its_doing() {
        let (get, put) = (|ids| entry("GET", &ids), |ids| entry("PUT", &ids));
        assert!(is_of_the_selection(&[get(json!([1]))], &[get(json!([2, 1]))]));
        // Ids decide the order of a list, and that order says nothing.
        let (before, after) =
            ([put(json!([5])), get(json!([9]))], [get(json!([1])), put(json!([5]))]);
        assert!(is_of_the_selection(&before, &after));
        let other = [get(json!([1])), put(json!([6]))];
        assert!(!is_of_the_selection(&before, &other), "the ids of another entry were edited");
        assert!(!is_of_the_selection(&[get(json!("all"))], &[get(json!([1])), put(json!([5]))]));
        assert!(!is_of_the_selection(&[put(json!([1]))], &[get(json!([1]))]), "so was the method");
    }

    fn joins(before: &[Value], after: &[Value]) -> Vec<i64> {
        use crate::plan::{Change, Effect, StepId};
        use crate::resource::Phase;
        let declared = declared(after);
        let change = Change {
            field: "access".to_owned(),
            before: access(before),
            after: access(after),
            cause: super::super::step::Cause::Edited,
        };
        let address = declared.address.clone();
        let step = Step {
            id: StepId::of(Phase::Of(Kind::Token), &address),
            phase: Phase::Of(Kind::Token),
            action: Action::Update,
            address,
            reason: String::new(),
            source: None,
            changes: vec![change],
            needs: Vec::new(),
            holds: super::super::step::Holding::default(),
            relies_on: BTreeMap::new(),
            effect: Effect::Delete { kind: Kind::Token, id: 1, inside: None },
        };
        let fields = declared.fields.unpack();
        joined(&declared, &fields, &step).into_iter().map(|(_, _, id)| id).collect()
    }

    #[test]
    fn what_joins_is_new_among_what_could_be_done_in_the_same_way() {
        let (get, put) = (|ids| entry("GET", &ids), |ids| entry("PUT", &ids));
        assert_eq!(joins(&[get(json!([1, 2]))], &[get(json!([2, 3, 4]))]), [3, 4]);
        assert_eq!(joins(&[get(json!("all"))], &[get(json!([2, 3]))]), [0; 0]);
        assert_eq!(joins(&[get(json!([1])), put(json!([3]))], &[get(json!([1, 3]))]), [3]);
        // Of a list whose methods were edited as well, what was in it stays in it.
        assert_eq!(joins(&[put(json!([1, 3]))], &[get(json!([1, 3, 4]))]), [4]);
        assert_eq!(joins(&[], &[get(json!([1]))]), [1]);
    }
}
