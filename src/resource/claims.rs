//! Whose a mark is: of the stack that reads it, or of another one whose objects this stack claims.
//!
//! ```text
//! the mark says                   the stack that reads                      it is
//! stack: old                      `formerly: [old]`                         renamed
//! stack: a [released-to: b]       is b, `from_stack: a` in a manifest       taken over
//! stack: a, released-to: b        is a, declares it again                   reclaimed
//! stack: a, released-to: b        is a, declares it no longer               nobody's of a
//! ```
//!
//! It is decided once, when marks are read. What is claimed is read as if it had been marked by this stack, and its mark is
//! written as soon as its manifest is carried out.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::{Desired, Kind, Mark};

/// Why an object counts as one of this stack although its mark does not say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Its mark has a former name of the stack.
    Renamed,
    /// A manifest takes it over from the stack that its mark names.
    TakenOver,
    /// The stack had released it, and declares it again.
    Reclaimed,
}

/// What a stack claims of what other marks say.
#[derive(Debug, Default)]
pub struct Claims<'a> {
    desired: Option<&'a Desired>,
    /// What manifests take over: stack, kind and name. In which account it has to be, binding decides.
    taken: BTreeSet<(&'a str, Kind, &'a str)>,
    /// The same by stack, kind and id.
    taken_ids: BTreeSet<(&'a str, Kind, i64)>,
}

impl<'a> Claims<'a> {
    /// What `desired` claims. Without it, by [`Claims::default`], every mark is what it says.
    pub fn of(desired: &'a Desired) -> Self {
        let (mut taken, mut taken_ids) = (BTreeSet::new(), BTreeSet::new());
        for declared in desired.all().filter(|declared| !declared.lifecycle.observe_only()) {
            let Some(stack) = declared.from_stack.as_deref() else { continue };
            let addresses = [Some(&declared.address), declared.moved_from.as_deref()];
            taken.extend(addresses.into_iter().flatten().map(|it| (stack, it.kind, &*it.name)));
            taken_ids.extend(declared.bound_id.map(|id| (stack, declared.address.kind, id)));
        }
        Self { desired: Some(desired), taken, taken_ids }
    }

    /// The name of the stack that claims; empty if nobody does.
    pub fn stack(&self) -> &'a str {
        self.desired.map_or("", |desired| &desired.stack)
    }

    /// Why what carries `mark` counts as one of the stack; none if it is as the mark says. An id that is not known is none
    /// that a manifest names.
    pub fn claim(&self, mark: &Mark, id: Option<i64>) -> Option<Claim> {
        let desired = self.desired?;
        let is_same = mark.stack == desired.stack;
        let is_former = desired.formerly.contains(&mark.stack);
        let is_declared = || {
            let declared = desired.get(&mark.address);
            declared.is_some_and(|declared| !declared.lifecycle.observe_only())
        };
        let is_for_us = |to: &SmolStr| *to == desired.stack || desired.formerly.contains(to);
        match &mark.released_to {
            None if is_same => None,
            Some(_) if is_same => is_declared().then_some(Claim::Reclaimed),
            None if is_former => Some(Claim::Renamed),
            Some(_) if is_former => is_declared().then_some(Claim::Renamed),
            // A token that only served to set credentials is removed by its own stack.
            _ if mark.bootstrap => None,
            Some(to) if !is_for_us(to) => None,
            _ => {
                let taken = (&*mark.stack, mark.address.kind, &*mark.address.name);
                let is_named = |id| self.taken_ids.contains(&(taken.0, taken.1, id));
                let is_taken = self.taken.contains(&taken) || id.is_some_and(is_named);
                is_taken.then_some(Claim::TakenOver)
            }
        }
    }

    /// The mark as the stack reads it: its own if it claims what carries it.
    pub fn read(&self, mark: Mark) -> Mark {
        match self.claim(&mark, None) {
            None => mark,
            Some(claim) => self.claimed(mark, claim),
        }
    }

    /// The same mark as one of the stack, which claims it because of `claim`.
    pub fn claimed(&self, mark: Mark, claim: Claim) -> Mark {
        let mut read = Mark { released_to: None, ..mark };
        let before = std::mem::replace(&mut read.stack, self.stack().into());
        match claim {
            Claim::Renamed => read.formerly = Some(before),
            Claim::TakenOver => read.taken_from = Some(before),
            Claim::Reclaimed => {}
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use litemap::LiteMap;

    use super::*;
    use crate::resource::{Declared, Fields, Lifecycle, Renew};

    fn declared(address: &str) -> Declared {
        Declared {
            address: address.parse().unwrap(),
            origin: "a.yaml:1:1".to_owned().try_into().unwrap(),
            row: None,
            field_origins: LiteMap::new(),
            bound_id: None,
            moved_from: None,
            from_stack: None,
            fields: Fields::default(),
            metadata: Fields::default(),
            refs: LiteMap::new(),
            links: None,
            selections: BTreeMap::new(),
            expectations: Vec::new(),
            secrets: BTreeMap::new(),
            credentials: None,
            deliver: Vec::new(),
            rotation: None,
            renew: Renew::default(),
            lifecycle: Lifecycle::default(),
        }
    }

    fn mark(stack: &str, address: &str, released_to: Option<&str>) -> Mark {
        let mut mark = Mark::new(stack, address.parse().unwrap());
        mark.released_to = released_to.map(SmolStr::from);
        mark
    }

    /// A stack `b` that was called `old`, declares `token/app`, and takes `token/moved` over from `a`.
    fn desired() -> Desired {
        let mut desired =
            Desired { stack: "b".into(), formerly: ["old".into()].into(), ..Desired::default() };
        for (address, from_stack) in [("token/app", None), ("token/moved", Some("a"))] {
            let mut declared = declared(address);
            declared.from_stack = from_stack.map(SmolStr::from);
            desired.objects.insert(declared.address.clone(), Box::new(declared));
        }
        desired
    }

    #[track_caller]
    fn check(stack: &str, address: &str, released_to: Option<&str>, expect: Option<Claim>) {
        let desired = desired();
        assert_eq!(Claims::of(&desired).claim(&mark(stack, address, released_to), None), expect);
    }

    #[test]
    fn every_mark_of_a_former_name_is_claimed_unless_it_was_released() {
        check("old", "token/app", None, Some(Claim::Renamed));
        check("old", "limit/gone", None, Some(Claim::Renamed));
        check("old", "limit/gone", Some("c"), None);
        check("old", "token/app", Some("c"), Some(Claim::Renamed));
    }

    #[test]
    fn another_stack_loses_only_what_a_manifest_takes_over() {
        check("a", "token/moved", None, Some(Claim::TakenOver));
        check("a", "token/emea/moved", None, Some(Claim::TakenOver));
        check("a", "token/app", None, None);
        check("a", "limit/moved", None, None);
        check("c", "token/moved", None, None);
        check("a", "token/moved", Some("b"), Some(Claim::TakenOver));
        check("a", "token/moved", Some("old"), Some(Claim::TakenOver));
        check("a", "token/moved", Some("c"), None);
        check("a", "token/app", Some("b"), None);
    }

    #[test]
    fn the_id_of_a_manifest_names_what_is_taken_over_whatever_its_mark_says() {
        let mut desired = desired();
        let declared = desired.objects.get_mut(&"token/moved".parse().unwrap()).unwrap();
        declared.bound_id = Some(7);
        let claims = Claims::of(&desired);
        let claim = |stack, address, id| claims.claim(&mark(stack, address, None), id);
        assert_eq!(claim("a", "token/x", Some(7)), Some(Claim::TakenOver));
        assert_eq!(claim("a", "token/x", Some(8)), None);
        assert_eq!(claim("a", "limit/x", Some(7)), None);
        assert_eq!(claim("c", "token/x", Some(7)), None);
    }

    #[test]
    fn what_a_stack_released_is_its_own_again_when_it_declares_it() {
        check("b", "token/app", None, None);
        check("b", "token/app", Some("c"), Some(Claim::Reclaimed));
        check("b", "token/other", Some("c"), None);
    }

    #[test]
    fn whoever_only_looks_claims_nothing() {
        let mut desired = desired();
        for declared in desired.objects.values_mut() {
            declared.lifecycle.rights = [crate::resource::Right::Observe].into();
        }
        let claims = Claims::of(&desired);
        assert_eq!(claims.claim(&mark("a", "token/moved", None), Some(7)), None);
        assert_eq!(claims.claim(&mark("b", "token/app", Some("c")), None), None);
        assert_eq!(Claims::default().claim(&mark("old", "token/app", None), None), None);
    }

    #[test]
    fn a_claimed_mark_is_read_as_one_of_the_stack_and_remembers_a_former_name() {
        let desired = desired();
        let claims = Claims::of(&desired);
        let renamed = claims.read(mark("old", "token/app", None));
        assert_eq!((&*renamed.stack, renamed.formerly.as_deref()), ("b", Some("old")));
        let taken = claims.read(mark("a", "token/moved", Some("b")));
        assert_eq!((&*taken.stack, taken.formerly, taken.released_to), ("b", None, None));
        assert_eq!(taken.taken_from.as_deref(), Some("a"));
        assert_eq!(claims.read(mark("c", "token/app", None)), mark("c", "token/app", None));
    }
}
