//! Which declared object is which object on the platform.
//!
//! Identity is `metadata.id` or the mark, in that order; the name that people see only serves to
//! notice that something else is in the way. Accounts are bound from the top down, so an
//! object is only ever looked for in the account that its owner was bound to. What is sure is bound first: whatever no
//! manifest was bound to may be what is missed elsewhere, since marks and names can be changed by whoever works in an
//! account.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::generations;
use super::index::Index;
use crate::observe::{Actual, Answers, Buried, Object};
use crate::resource::{AccountPath, Address, Declared, Desired, Kind};

/// How an object was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// By this stack's mark with this address.
    Mark,
    /// By this stack's mark with an older address.
    OldMark,
    /// By `metadata.id`, and it carries no mark yet.
    Id,
    /// By its name, since `adopt` says so.
    Adopted,
    /// Only referred to.
    Observed,
}

/// What a declared object is on the platform.
#[derive(Debug, Clone)]
pub(super) enum Binding<'a> {
    /// This one.
    Found(&'a Object, How),
    /// None yet.
    Absent,
    /// None any more: it was deleted, and can come back from the recycle bin.
    Restorable(&'a Buried),
    /// It is in an account, or in one above it, that comes back first.
    Waiting(Address),
    /// That depends on what lies in a recycle bin, into which nobody looked yet.
    Open,
    /// It cannot be told, or must not be touched.
    Blocked(String),
    /// Marks contradict each other, and these objects are what they are about.
    Disputed(String, Vec<i64>),
}

/// All bindings of a plan.
#[derive(Debug)]
pub(super) struct Bindings<'a> {
    by_address: BTreeMap<&'a Address, Binding<'a>>,
    by_object: BTreeMap<(Kind, i64), &'a Address>,
    /// Every path that marks inside a bound account may use.
    paths: BTreeMap<i64, BTreeSet<AccountPath>>,
    /// Tokens that the bound one follows, oldest first.
    predecessors: BTreeMap<&'a Address, Vec<&'a Object>>,
    /// The recycle bins that have to be looked into before everything is bound.
    pub(super) open_bins: BTreeSet<(i64, Kind)>,
}

impl<'a> Bindings<'a> {
    pub(super) fn get(&self, address: &Address) -> Option<&Binding<'a>> {
        self.by_address.get(address)
    }

    /// Every path that marks inside a bound account may use.
    pub(super) fn paths_of(&self, account: i64) -> Option<&BTreeSet<AccountPath>> {
        self.paths.get(&account)
    }

    /// The account that a path leads to, if it is there.
    pub(super) fn account(&self, actual: &Actual, path: &AccountPath) -> Option<i64> {
        match Address::of_account(path) {
            None => Some(actual.identity.account),
            Some(address) => match self.get(&address) {
                Some(Binding::Found(object, _)) => Some(object.id),
                _ => None,
            },
        }
    }

    /// The path that leads to an account, if a manifest has one.
    pub(super) fn path_of(&self, actual: &Actual, account: i64) -> Option<AccountPath> {
        if account == actual.identity.account {
            return Some(AccountPath::root());
        }
        self.address_of(Kind::ACCOUNT, account)?.as_account()
    }

    /// The tokens before the one that `address` is bound to, oldest first, as far as they are there.
    pub(super) fn predecessors(&self, address: &Address) -> &[&'a Object] {
        self.predecessors.get(address).map(Vec::as_slice).unwrap_or_default()
    }

    /// The address that an object was bound to.
    pub(super) fn address_of(&self, kind: Kind, id: i64) -> Option<&'a Address> {
        self.by_object.get(&(kind, id)).copied()
    }
}

/// Binds everything that is declared.
pub(super) fn bind<'a>(
    desired: &'a Desired,
    actual: &'a Actual,
    answers: &'a Answers,
) -> Bindings<'a> {
    let mut binder = Binder {
        desired,
        actual,
        answers,
        index: Index::new(actual, &desired.stack),
        left: desired.objects.values().filter_map(|d| d.moved_from.as_ref()).collect(),
        accounts: BTreeMap::new(),
        bindings: Bindings {
            by_address: BTreeMap::new(),
            by_object: BTreeMap::new(),
            paths: BTreeMap::new(),
            predecessors: BTreeMap::new(),
            open_bins: BTreeSet::new(),
        },
    };
    let root = Account::Is(actual.identity.account, BTreeSet::from([AccountPath::root()]));
    binder.accounts.insert(AccountPath::root(), root);

    let mut subaccounts: Vec<&Declared> =
        desired.objects.values().filter(|d| d.address.kind.is_account()).collect();
    let depth = |declared: &&Declared| declared.address.account.depth();
    subaccounts.sort_by_key(depth);
    for level in subaccounts.chunk_by(|a, b| depth(a) == depth(b)) {
        binder.bind_all(level);
    }
    let others = desired.objects.values().filter(|d| !d.address.kind.is_account());
    binder.bind_all(&others.collect::<Vec<_>>());
    binder.bindings
}

/// What an account path leads to.
#[derive(Debug, Clone)]
enum Account {
    /// The account with this id. Marks inside it may use any of these paths: the one that the
    /// manifests give it, and those that it had before it or one above it was renamed.
    Is(i64, BTreeSet<AccountPath>),
    /// An account that is still to be made, so nothing can be in it.
    ToBeMade,
    /// An account that comes back from the recycle bin, as this address.
    Returning(Address),
    /// It may come back from a recycle bin into which nobody looked yet.
    Open,
    /// Not known.
    Blocked(String),
}

/// What is known of a declared object by its id or mark.
enum Certainty<'a> {
    /// All there is to know.
    Sure(Binding<'a>),
    /// Nothing in this account carries its mark.
    NothingMarked(i64),
}
use Certainty::{NothingMarked, Sure};

struct Binder<'a> {
    desired: &'a Desired,
    actual: &'a Actual,
    answers: &'a Answers,
    index: Index<'a>,
    /// Addresses that some manifest says its object has left.
    left: BTreeSet<&'a Address>,
    accounts: BTreeMap<AccountPath, Account>,
    bindings: Bindings<'a>,
}

impl<'a> Binder<'a> {
    /// Binds declared objects whose owners are bound: what is sure first, and with that known, the rest.
    fn bind_all(&mut self, declared: &[&'a Declared]) {
        let mut unsure = Vec::new();
        for declared in declared {
            match self.bind_surely(declared) {
                Sure(binding) => self.conclude(declared, binding),
                NothingMarked(owner) => unsure.push((*declared, owner)),
            }
        }
        for (declared, owner) in unsure {
            let binding = self.by_label(declared, owner);
            let binding = match (binding, self.accounts.get(&declared.address.account)) {
                (Binding::Absent, Some(Account::Is(_, paths))) => {
                    let was = |buried: &Buried| self.was(buried, declared, paths);
                    self.in_bin(declared, owner, was).unwrap_or(Binding::Absent)
                }
                (binding, _) => binding,
            };
            self.conclude(declared, binding);
        }
    }

    fn conclude(&mut self, declared: &'a Declared, binding: Binding<'a>) {
        if let Binding::Open = binding
            && let Some(Account::Is(owner, _)) = self.accounts.get(&declared.address.account)
        {
            self.bindings.open_bins.insert((*owner, declared.address.kind));
        }
        if declared.address.kind.is_account() {
            self.note_account(declared, &binding);
        }
        self.note(declared, binding);
    }

    fn note(&mut self, declared: &'a Declared, binding: Binding<'a>) {
        let mut binding = binding;
        let mut older = Vec::new();
        if let Binding::Found(object, how) = &binding {
            if *how != How::Observed {
                older = self.predecessors(declared, object);
            }
            let taken = self.bindings.by_object.insert((object.kind, object.id), &declared.address);
            if let Some(other) = taken {
                self.bindings.by_object.insert((object.kind, object.id), other);
                binding =
                    Binding::Blocked(format!("{} {} is {other} already", object.kind, object.id));
                older.clear();
            }
        }
        for object in &older {
            self.bindings.by_object.entry((object.kind, object.id)).or_insert(&declared.address);
        }
        if !older.is_empty() {
            self.bindings.predecessors.insert(&declared.address, older);
        }
        self.bindings.by_address.insert(&declared.address, binding);
    }

    fn note_account(&mut self, declared: &Declared, binding: &Binding<'a>) {
        let path = declared.own_path();
        let account = match binding {
            Binding::Found(object, _) => {
                // What is inside may be marked for any time: the accounts above were called one way or the other, and so
                // was this one.
                let mark = object.mark_of(&self.desired.stack);
                let mut paths = BTreeSet::from([path.clone()]);
                paths.extend(declared.moved_from.as_ref().and_then(Address::as_account));
                paths.extend(mark.and_then(|mark| mark.address.as_account()));
                if let Some(Account::Is(_, parents)) = self.accounts.get(&declared.address.account)
                {
                    let names: BTreeSet<String> =
                        paths.iter().filter_map(|path| path.segments().last().cloned()).collect();
                    for parent in parents {
                        paths.extend(names.iter().map(|name| parent.child(name)));
                    }
                }
                self.bindings.paths.insert(object.id, paths.clone());
                Account::Is(object.id, paths)
            }
            Binding::Absent => Account::ToBeMade,
            Binding::Restorable(_) => Account::Returning(declared.address.clone()),
            Binding::Waiting(account) => Account::Returning(account.clone()),
            Binding::Open => Account::Open,
            Binding::Blocked(_) | Binding::Disputed(..) => {
                Account::Blocked(format!("its account {} is blocked", declared.address))
            }
        };
        self.accounts.insert(path, account);
    }

    fn bind_surely(&self, declared: &Declared) -> Certainty<'a> {
        let kind = declared.address.kind;
        if let Some(reason) = self.actual.unknown.get(&kind) {
            let reason = format!("{} could not be read: {reason}", kind.collection());
            return Sure(Binding::Blocked(reason));
        }
        let (owner, paths) = match self.accounts.get(&declared.address.account) {
            Some(Account::Is(id, paths)) => (*id, paths),
            Some(Account::ToBeMade) => return Sure(Binding::Absent),
            Some(Account::Returning(account)) => return Sure(Binding::Waiting(account.clone())),
            Some(Account::Open) => return Sure(Binding::Open),
            Some(Account::Blocked(reason)) => return Sure(Binding::Blocked(reason.clone())),
            None => return Sure(Binding::Blocked("its account is not declared".to_owned())),
        };
        match declared.bound_id {
            Some(id) if self.actual.get(kind, id).is_none() => {
                let returns = self.in_bin(declared, owner, |buried| buried.object.id == id);
                // The next generation of a token has another id.
                let newest = self.successor(declared, owner);
                Sure(match (newest, returns) {
                    (Some(newest), _) => Binding::Found(newest, How::Mark),
                    (None, Some(binding)) => binding,
                    (None, None) => Binding::Blocked(format!(
                        "metadata.id names {kind} {id}, and the platform has none; remove the line \
                         to have it created"
                    )),
                })
            }
            Some(id) => Sure(self.by_id(declared, owner, id)),
            None => match self.by_mark(declared, owner, paths) {
                Binding::Absent => NothingMarked(owner),
                binding => Sure(binding),
            },
        }
    }

    /// What the account's recycle bin has to say of an object that is missed: `None` if nothing of
    /// it lies there.
    fn in_bin(
        &self,
        declared: &Declared,
        owner: i64,
        is_it: impl Fn(&Buried) -> bool,
    ) -> Option<Binding<'a>> {
        if !declared.may_be_restored() {
            return None;
        }
        let kind = declared.address.kind;
        if !kind.row().is_restorable {
            return None;
        }
        let records = match self.answers.bins.get(&(owner, kind)) {
            None => return Some(Binding::Open),
            Some(Ok(records)) => records,
            Some(Err(reason)) => {
                return Some(Binding::Blocked(format!(
                    "it is not there, and whether it lies in the recycle bin could not be read: \
                     {reason}"
                )));
            }
        };
        let found = records.iter().filter(|record| !record.is_retired() && is_it(record));
        let mut found: Vec<&'a Buried> = found.collect();
        // Of several generations the newest was in use.
        let objects: Vec<&'a Object> = found.iter().map(|buried| &buried.object).collect();
        if let Some((newest, _)) = generations::line(&objects, &self.desired.stack) {
            found.retain(|buried| buried.object.id == newest.id);
        }
        match found.as_slice() {
            [] => None,
            [buried] => Some(Binding::Restorable(buried)),
            several => {
                let records: Vec<i64> = several.iter().map(|buried| buried.record).collect();
                Some(Binding::Disputed(
                    format!(
                        "it is not there, and records {} of the recycle bin carry its mark; \
                         restore the one that is meant by hand, or set `lifecycle: {{restore: \
                         false}}` to have it made anew",
                        words(&records)
                    ),
                    several.iter().map(|buried| buried.object.id).collect(),
                ))
            }
        }
    }

    /// Whether the deleted object is what the manifest declares, by any name that it had.
    fn was(&self, buried: &Buried, declared: &Declared, paths: &BTreeSet<AccountPath>) -> bool {
        let Address { kind, account: _, name } = &declared.address;
        let stack = &self.desired.stack;
        paths.iter().any(|path| buried.was(stack, &Address::new(*kind, path.clone(), name)))
            || self.old_addresses(declared, paths).iter().any(|old| buried.was(stack, old))
    }

    fn by_id(&self, declared: &Declared, owner: i64, id: i64) -> Binding<'a> {
        let kind = declared.address.kind;
        if let Some(newest) = self.successor(declared, owner) {
            return Binding::Found(newest, How::Mark);
        }
        let Some(object) = self.actual.get(kind, id) else { return Binding::Absent };
        if object.owner != owner {
            return Binding::Blocked(format!(
                "{kind} {id} belongs to account {}, and the platform cannot move it",
                object.owner
            ));
        }
        // Whatever a mark claims, looking at an object changes nothing.
        if declared.lifecycle.observe_only() {
            return Binding::Found(object, How::Observed);
        }
        match &object.mark {
            Err(problem) => Binding::Blocked(format!("{kind} {id}: {problem}")),
            Ok(Some(mark)) if mark.stack != self.desired.stack => {
                Binding::Blocked(format!("{kind} {id} belongs to the stack `{}`", mark.stack))
            }
            Ok(Some(mark)) if mark.address == declared.address => Binding::Found(object, How::Mark),
            Ok(Some(_)) => Binding::Found(object, How::OldMark),
            Ok(None) => Binding::Found(object, How::Id),
        }
    }

    fn by_mark(
        &self,
        declared: &Declared,
        owner: i64,
        paths: &BTreeSet<AccountPath>,
    ) -> Binding<'a> {
        let kind = declared.address.kind;
        let ours = |address: &Address| -> Vec<&'a Object> {
            let marked = self.index.marked(kind, owner, address).iter();
            marked.filter(|object| object.mark_of(&self.desired.stack).is_some()).copied().collect()
        };
        let mut own = ours(&declared.address);
        let elsewhere = paths.iter().filter(|path| **path != declared.address.account);
        let below_renamed: Vec<&'a Object> = elsewhere
            .flat_map(|path| ours(&Address::new(kind, path.clone(), &declared.address.name)))
            .collect();
        let arrived = |object: &&'a Object| self.has_arrived(object);
        if own.is_empty() || (!own.iter().any(arrived) && below_renamed.iter().any(arrived)) {
            own = below_renamed;
        }
        if own.iter().any(arrived) {
            own.retain(arrived);
        }
        let mut moved: Vec<&'a Object> =
            self.old_addresses(declared, paths).iter().flat_map(&ours).collect();
        moved.retain(|object| !self.has_arrived(object));
        for several in [&mut own, &mut moved] {
            if let Some((newest, _)) = generations::line(several, &self.desired.stack) {
                *several = vec![newest];
            }
        }
        let is_left = self.is_left(&declared.address, paths);
        let own_leaves = own.iter().all(|object| !self.has_arrived(object) && is_left);
        let how = |object: &Object| {
            let mark = object.mark_of(&self.desired.stack);
            let is_exact = mark.is_some_and(|mark| mark.address == declared.address);
            if is_exact { How::Mark } else { How::OldMark }
        };
        match (own.as_slice(), moved.as_slice()) {
            ([], []) => Binding::Absent,
            ([object], []) => Binding::Found(object, how(object)),
            // In an exchange of names what carries the new one is about to leave it.
            (_, [object]) if own_leaves => Binding::Found(object, How::OldMark),
            // Of one token that is renamed in the middle of its rotation, one generation has arrived.
            ([here], [there]) if self.is_line(here, there) => {
                let number = |object| generations::number(object, &self.desired.stack);
                match number(here) > number(there) {
                    true => Binding::Found(here, how(here)),
                    false => Binding::Found(there, How::OldMark),
                }
            }
            (own, moved) => {
                let ids: BTreeSet<i64> = own.iter().chain(moved).map(|object| object.id).collect();
                let ids: Vec<i64> = ids.into_iter().collect();
                Binding::Disputed(
                    format!(
                        "{} {} carry the mark of {}; say with `metadata.id` which one is meant",
                        kind.collection(),
                        words(&ids),
                        declared.address
                    ),
                    ids,
                )
            }
        }
    }

    /// Whether of two objects the one follows the other.
    fn is_line(&self, a: &'a Object, b: &'a Object) -> bool {
        generations::line(&[a, b], &self.desired.stack).is_some()
    }

    /// The newest generation of a token whose manifest names the id of the first. Only a declared
    /// rotation makes one: an id is what a forged mark must not get around.
    fn successor(&self, declared: &Declared, owner: i64) -> Option<&'a Object> {
        declared.rotation?;
        let marked = self.index.marked(declared.address.kind, owner, &declared.address).iter();
        let later =
            |object: &&&Object| generations::generation(object, &self.desired.stack).is_some();
        let later: Vec<&'a Object> = marked.filter(later).copied().collect();
        generations::line(&later, &self.desired.stack).map(|(newest, _)| newest)
    }

    /// The tokens before `newest`, oldest first.
    fn predecessors(&self, declared: &Declared, newest: &'a Object) -> Vec<&'a Object> {
        let stack = &self.desired.stack;
        let number = generations::number(newest, stack);
        if !newest.kind.is_key() || number == 1 {
            return Vec::new();
        }
        let Some(paths) = self.paths(&declared.address.account) else { return Vec::new() };
        let is_left = self.is_left(&declared.address, paths);
        let own =
            paths.iter().map(|path| Address::new(Kind::KEY, path.clone(), &declared.address.name));
        let own = own.map(|address| (address, is_left));
        let old = self.old_addresses(declared, paths).into_iter().map(|address| (address, false));
        let marked = own.chain(old).flat_map(|(address, is_left)| {
            let marked = self.index.marked(Kind::KEY, newest.owner, &address).to_vec();
            // What is about to leave the address is another token.
            marked.into_iter().filter(move |object| !is_left || self.has_arrived(object))
        });
        let by_id = declared.bound_id.and_then(|id| self.actual.token(id));
        let by_id =
            by_id.filter(|object| object.owner == newest.owner && matches!(object.mark, Ok(None)));
        let mut older: Vec<&'a Object> = marked
            .filter(|object| object.mark_of(stack).is_some())
            .chain(by_id)
            .filter(|object| generations::number(object, stack) < number)
            .collect();
        older.sort_by_key(|object| (generations::number(object, stack), object.id));
        older.dedup_by_key(|object| object.id);
        older
    }

    /// The addresses under which a renamed object is still to be looked for, if marks in its account may use `paths`. A
    /// manifest that took over the old address keeps what is there, unless that is renamed in its turn.
    fn old_addresses(&self, declared: &Declared, paths: &BTreeSet<AccountPath>) -> Vec<Address> {
        let Some(old) = &declared.moved_from else { return Vec::new() };
        let account = &declared.address.account;
        let (now, old) = match paths.contains(&old.account) {
            // The account may be called otherwise now, and the manifest may call it so or so.
            true => {
                let named = |path: &AccountPath| Address::new(old.kind, path.clone(), &old.name);
                (named(account), paths.iter().map(named).collect())
            }
            false => (old.clone(), vec![old.clone()]),
        };
        match self.desired.objects.get(&now) {
            Some(successor) if successor.moved_from.is_none() => Vec::new(),
            _ => old,
        }
    }

    /// Whether some manifest says that its object has left `address`, in whose account marks may use `paths`.
    fn is_left(&self, address: &Address, paths: &BTreeSet<AccountPath>) -> bool {
        let named = |path: &AccountPath| Address::new(address.kind, path.clone(), &address.name);
        self.left.contains(address) || paths.iter().any(|path| self.left.contains(&named(path)))
    }

    /// Whether the object has been renamed already, as its manifest says.
    fn has_arrived(&self, object: &Object) -> bool {
        let Some(mark) = object.mark_of(&self.desired.stack) else { return false };
        let Address { kind, account, name } = &mark.address;
        let account = match self.bindings.path_of(self.actual, object.owner) {
            // The mark may be of a time when the account had another name.
            Some(path) if self.paths(&path).is_some_and(|paths| paths.contains(account)) => path,
            _ => account.clone(),
        };
        let declared = self.desired.objects.get(&Address::new(*kind, account, name));
        let moved_from = declared.and_then(|declared| declared.moved_from.as_ref());
        moved_from.is_some() && moved_from == mark.moved_from.as_ref()
    }

    /// Every path that marks inside an account may use, if it is bound.
    fn paths(&self, account: &AccountPath) -> Option<&BTreeSet<AccountPath>> {
        match self.accounts.get(account) {
            Some(Account::Is(_, paths)) => Some(paths),
            _ => None,
        }
    }

    /// Nothing is marked: is something of that name in the way?
    fn by_label(&self, declared: &Declared, owner: i64) -> Binding<'a> {
        let kind = declared.address.kind;
        // Our own would have been found by its mark.
        if let [object, ..] = self.index.marked(kind, owner, &declared.address) {
            if declared.lifecycle.observe_only() {
                return Binding::Found(object, How::Observed);
            }
            let stack = object.mark.as_ref().ok().and_then(Option::as_ref).map(|m| &*m.stack);
            return Binding::Blocked(format!(
                "{kind} {} has this address in the stack `{}`; refer to it with \
                 `lifecycle: {{manage: [observe]}}` or choose another name",
                object.id,
                stack.unwrap_or_default()
            ));
        }
        let label = declared.fields.get(kind.label_field()).and_then(Value::as_str);
        let label = label.unwrap_or(&declared.address.name);
        let called = self.index.labelled(kind, owner, label).iter();
        let called: Vec<&'a Object> =
            called.filter(|object| self.is_unclaimed(object)).copied().collect();
        match called.as_slice() {
            [] => self.absent(declared, owner),
            [object] if declared.lifecycle.observe_only() => Binding::Found(object, How::Observed),
            [object] => match &object.mark {
                Ok(None) if declared.lifecycle.adopt => Binding::Found(object, How::Adopted),
                Ok(None) => Binding::Blocked(format!(
                    "{kind} {id} is called `{label}` and carries no mark; take it over with \
                     `lifecycle: {{adopt: true}}` or `metadata: {{id: {id}}}`, or choose another name",
                    id = object.id
                )),
                _ => self.in_disguise(object, label),
            },
            several => {
                let ids: Vec<i64> = several.iter().map(|object| object.id).collect();
                let reason = format!(
                    "{} {} are all called `{label}`; say with `metadata.id` which one is meant",
                    kind.collection(),
                    words(&ids)
                );
                match several.iter().all(|object| matches!(object.mark, Ok(None))) {
                    true => Binding::Blocked(reason),
                    false => Binding::Disputed(reason, ids),
                }
            }
        }
    }

    /// An object with the declared name and a mark that is not the declared one.
    fn in_disguise(&self, object: &'a Object, label: &str) -> Binding<'a> {
        let Object { kind, id, .. } = object;
        let what = match &object.mark {
            Ok(Some(mark)) if mark.stack != self.desired.stack => {
                format!("carries the mark of {} in the stack `{}`", mark.address, mark.stack)
            }
            Ok(Some(mark)) if !self.desired.objects.contains_key(&mark.address) => format!(
                "carries the mark of {old}, which is not declared; if it was renamed, declare \
                 `metadata: {{moved_from: {old}}}`",
                old = mark.address
            ),
            Ok(Some(mark)) => format!("carries the mark of {}", mark.address),
            Ok(None) => "carries no mark".to_owned(),
            Err(problem) => format!("{problem}; correct the mark or remove it"),
        };
        let reason = format!(
            "{kind} {id} is called `{label}`, and {what}; if it is the one, bind it with \
             `metadata: {{id: {id}}}`"
        );
        Binding::Disputed(reason, vec![*id])
    }

    /// Whether no manifest was bound to the object.
    fn is_unclaimed(&self, object: &Object) -> bool {
        !self.bindings.by_object.contains_key(&(object.kind, object.id))
    }

    /// Nothing has the mark or the name. Whoever has a master token of a subaccount can take mark
    /// and name away from it, or give it those of another one; it must not be created a second
    /// time because of that.
    fn absent(&self, declared: &Declared, owner: i64) -> Binding<'a> {
        if !declared.address.kind.is_account() {
            return Binding::Absent;
        }
        let path = declared.own_path();
        let residences = self.index.residences(&path);
        let claimed = residences
            .filter_map(|account| self.actual.account(account))
            .find(|account| account.owner == owner && self.is_unclaimed(account));
        if let Some(object) = claimed {
            return Binding::Disputed(
                format!(
                    "subaccount {id} `{label}` carries neither its mark nor its name, and holds \
                     objects whose marks say that they are in `{path}`; if it is the one, bind it \
                     with `metadata: {{id: {id}}}`",
                    id = object.id,
                    label = object.label()
                ),
                vec![object.id],
            );
        }
        // Two accounts that claim to be the same one: either may be the one that is missed here.
        match self.index.doubles(owner) {
            Some((address, ids)) => Binding::Disputed(
                format!(
                    "it is not there, and subaccounts {} both carry the mark of {address}: one of \
                     them may be it; bind each with `metadata.id`",
                    words(ids)
                ),
                ids.clone(),
            ),
            None => Binding::Absent,
        }
    }
}

/// Ids in a sentence.
fn words(ids: &[i64]) -> String {
    ids.iter().map(i64::to_string).collect::<Vec<_>>().join(" and ")
}
