//! Which steps may begin: a pure state machine without tasks and without time.
//!
//! A step begins when everything that it *needs* is applied, and when everything that comes
//! *before* it is settled, in whatever way: within an account the phases follow each other, and
//! deletions begin when all else has ended, the deepest first. Needs carry failure on; order does
//! not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::plan::{Action, Plan, Rank, Step, StepId, rank};
use crate::resource::{AccountPath, Phase};

/// Steps that follow or precede each other as a whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    /// A phase of an account.
    Phase(AccountPath, Phase),
    /// Deletions of one rank.
    Deletion(Rank),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Settled,
}

#[derive(Debug)]
struct Node {
    id: StepId,
    group: Group,
    state: State,
    open_needs: usize,
    dependants: Vec<usize>,
    /// How many steps wait for this one, by way of others too.
    awaited_by: usize,
}

/// What may begin, given what has ended.
#[derive(Debug)]
pub(super) struct Scheduler {
    nodes: Vec<Node>,
    members: BTreeMap<Group, Vec<usize>>,
    /// Unsettled steps by group.
    open: BTreeMap<Group, usize>,
    /// Steps whose conditions may have changed.
    candidates: BTreeSet<usize>,
}

impl Scheduler {
    pub(super) fn new(plan: &Plan) -> Self {
        let index: BTreeMap<&StepId, usize> =
            plan.steps.iter().enumerate().map(|(index, step)| (&step.id, index)).collect();
        let mut nodes: Vec<Node> = plan
            .steps
            .iter()
            .map(|step| Node {
                id: step.id.clone(),
                group: group(step),
                state: State::Waiting,
                open_needs: step.needs.iter().filter(|need| index.contains_key(need)).count(),
                dependants: Vec::new(),
                awaited_by: 0,
            })
            .collect();
        let mut members: BTreeMap<Group, Vec<usize>> = BTreeMap::new();
        for (at, step) in plan.steps.iter().enumerate() {
            members.entry(nodes[at].group.clone()).or_default().push(at);
            for need in step.needs.iter().filter_map(|need| index.get(need)) {
                nodes[*need].dependants.push(at);
            }
        }
        // What a step needs stands before it in the plan.
        for at in (0..nodes.len()).rev() {
            let through = nodes[at].dependants.iter().map(|dependant| nodes[*dependant].awaited_by);
            nodes[at].awaited_by =
                through.fold(0, |sum, more| sum.saturating_add(more).saturating_add(1));
        }
        let open = members.iter().map(|(group, steps)| (group.clone(), steps.len())).collect();
        let candidates = (0..nodes.len()).collect();
        Self { nodes, members, open, candidates }
    }

    /// Every step that may begin now, in the plan's order; they count as running from here on.
    pub(super) fn take_ready(&mut self) -> Vec<usize> {
        let candidates = std::mem::take(&mut self.candidates);
        let ready: Vec<usize> = candidates.into_iter().filter(|at| self.is_ready(*at)).collect();
        for at in &ready {
            self.nodes[*at].state = State::Running;
        }
        ready
    }

    /// How many steps wait for a step, by way of others too; whatever waits by two ways counts twice.
    pub(super) fn awaited_by(&self, at: usize) -> usize {
        self.nodes[at].awaited_by
    }

    fn is_ready(&self, at: usize) -> bool {
        let node = &self.nodes[at];
        node.state == State::Waiting && node.open_needs == 0 && self.is_open(&node.group)
    }

    /// Whether everything that comes before the group is settled.
    fn is_open(&self, group: &Group) -> bool {
        let first = match group {
            Group::Phase(scope, _) => Group::Phase(scope.clone(), Phase::FIRST),
            // Phases sort before deletions, so this takes in all of them.
            Group::Deletion(_) => Group::Phase(AccountPath::root(), Phase::FIRST),
        };
        self.open.range(first..group.clone()).next().is_none()
    }

    /// A running step was applied.
    pub(super) fn applied(&mut self, at: usize) {
        for dependant in self.nodes[at].dependants.clone() {
            self.nodes[dependant].open_needs -= 1;
            self.candidates.insert(dependant);
        }
        self.settle(at);
    }

    /// A running step failed. Gives every step that can no longer begin, and the nearest step that
    /// it waited for in vain.
    pub(super) fn failed(&mut self, at: usize) -> Vec<(usize, StepId)> {
        let mut blocked = Vec::new();
        let mut queue = VecDeque::from([at]);
        while let Some(cause) = queue.pop_front() {
            let because_of = self.nodes[cause].id.clone();
            for dependant in self.nodes[cause].dependants.clone() {
                if self.nodes[dependant].state == State::Waiting {
                    self.nodes[dependant].state = State::Running;
                    blocked.push((dependant, because_of.clone()));
                    queue.push_back(dependant);
                }
            }
            self.settle(cause);
        }
        blocked
    }

    fn settle(&mut self, at: usize) {
        if self.nodes[at].state == State::Settled {
            return;
        }
        self.nodes[at].state = State::Settled;
        let group = self.nodes[at].group.clone();
        let Some(open) = self.open.get_mut(&group) else {
            return;
        };
        *open -= 1;
        if *open > 0 {
            return;
        }
        self.open.remove(&group);
        // Only what was held back by this group can have become ready.
        for (other, members) in self.members.range(group.clone()..) {
            let same_scope = match (&group, other) {
                (Group::Phase(a, _), Group::Phase(b, _)) => a == b,
                (_, Group::Deletion(_)) => true,
                (Group::Deletion(_), Group::Phase(..)) => false,
            };
            if same_scope {
                self.candidates.extend(members.iter().copied());
            }
        }
    }
}

fn group(step: &Step) -> Group {
    match step.action {
        Action::Delete => Group::Deletion(rank(step)),
        Action::Create
        | Action::Restore
        | Action::Update
        | Action::Assign
        | Action::Link
        | Action::Forget => Group::Phase(step.scope(), step.phase),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::{Effect, Holding};
    use crate::resource::{Address, Kind};

    fn address(name: &str, account: &str, phase: Phase) -> Address {
        let kind = match phase {
            Phase::Of(kind) => kind,
            Phase::Assign | Phase::Credentials => Kind::Subaccount,
            Phase::Link => Kind::Grant,
        };
        let container = kind.container().map(|_| "portal".into());
        Address::new(kind, AccountPath::parse(account).unwrap(), name).inside(container)
    }

    /// A step in the root account.
    fn id(name: &str, phase: Phase) -> StepId {
        StepId::of(phase, &address(name, "", phase))
    }

    /// A step of which only what the scheduler looks at means anything.
    fn step(name: &str, account: &str, phase: Phase, action: Action, needs: &[StepId]) -> Step {
        let address = address(name, account, phase);
        Step {
            id: StepId::of(phase, &address),
            phase,
            action,
            reason: String::new(),
            source: None,
            changes: Vec::new(),
            needs: needs.to_vec(),
            holds: Holding::default(),
            relies_on: BTreeMap::new(),
            effect: Effect::Delete { kind: address.kind, id: 1, inside: None },
            address,
        }
    }

    fn plan(steps: Vec<Step>) -> Plan {
        Plan {
            stack: "default".to_owned(),
            steps,
            blocked: Vec::new(),
            pending: Vec::new(),
            prunable: Vec::new(),
            disputed: Vec::new(),
            unknown: Vec::new(),
            refusals: Vec::new(),
            notes: Vec::new(),
            drifted: Vec::new(),
            tokens: Vec::new(),
            pages: Vec::new(),
            unchanged: 0,
            digest: String::new(),
            commit: None,
        }
    }

    fn names(plan: &Plan, ready: &[usize]) -> Vec<String> {
        ready.iter().map(|at| plan.steps[*at].address.name.to_string()).collect()
    }

    #[test]
    fn a_step_is_awaited_by_those_that_need_it_and_by_those_that_need_them() {
        let limit = id("l", Phase::Of(Kind::Limit));
        let account = id("a", Phase::Of(Kind::Subaccount));
        let plan = plan(vec![
            step("l", "", Phase::Of(Kind::Limit), Action::Create, &[]),
            step("a", "", Phase::Of(Kind::Subaccount), Action::Create, &[limit]),
            step("b", "", Phase::Of(Kind::Subaccount), Action::Create, &[]),
            step("t", "a", Phase::Of(Kind::Token), Action::Create, std::slice::from_ref(&account)),
            step("u", "a", Phase::Of(Kind::Token), Action::Create, &[account]),
        ]);
        let scheduler = Scheduler::new(&plan);
        let awaited: Vec<usize> = (0..5).map(|at| scheduler.awaited_by(at)).collect();
        assert_eq!(awaited, [3, 2, 0, 0, 0]);
    }

    #[test]
    fn phases_of_an_account_follow_each_other_and_accounts_do_not_wait_for_each_other() {
        let plan = plan(vec![
            step("limit", "", Phase::Of(Kind::Limit), Action::Create, &[]),
            step("token", "", Phase::Of(Kind::Token), Action::Create, &[]),
            step("elsewhere", "other", Phase::Of(Kind::Token), Action::Create, &[]),
        ]);
        let mut scheduler = Scheduler::new(&plan);
        let ready = scheduler.take_ready();
        assert_eq!(names(&plan, &ready), ["limit", "elsewhere"]);
        // A failure is no reason for what only comes later not to begin.
        assert_eq!(scheduler.failed(0), []);
        let ready = scheduler.take_ready();
        assert_eq!(names(&plan, &ready), ["token"]);
    }

    #[test]
    fn what_needs_a_failed_step_is_blocked_because_of_the_nearest_one() {
        let (a, b) = (id("a", Phase::Of(Kind::Limit)), id("b", Phase::Of(Kind::Subaccount)));
        let plan = plan(vec![
            step("a", "", Phase::Of(Kind::Limit), Action::Create, &[]),
            step("b", "", Phase::Of(Kind::Subaccount), Action::Create, std::slice::from_ref(&a)),
            step("c", "", Phase::Assign, Action::Assign, std::slice::from_ref(&b)),
        ]);
        let mut scheduler = Scheduler::new(&plan);
        scheduler.take_ready();
        assert_eq!(scheduler.failed(0), [(1, a), (2, b)]);
        assert_eq!(scheduler.take_ready(), [0; 0]);
    }

    #[test]
    fn deletions_wait_for_everything_else_and_go_deepest_first() {
        let plan = plan(vec![
            step("update", "", Phase::Of(Kind::Limit), Action::Update, &[]),
            step("deep", "a/b", Phase::Of(Kind::Token), Action::Delete, &[]),
            step("shallow", "a", Phase::Of(Kind::Token), Action::Delete, &[]),
        ]);
        let mut scheduler = Scheduler::new(&plan);
        let ready = scheduler.take_ready();
        assert_eq!(names(&plan, &ready), ["update"]);
        scheduler.applied(0);
        let ready = scheduler.take_ready();
        assert_eq!(names(&plan, &ready), ["deep"]);
        scheduler.applied(1);
        let ready = scheduler.take_ready();
        assert_eq!(names(&plan, &ready), ["shallow"]);
    }

    prop_compose! {
        /// Steps that need only earlier ones, as every plan's do.
        fn steps()(seeds in prop::collection::vec((0usize..5, 0usize..4, any::<bool>(), any::<u64>()), 1..40))
            -> Vec<Step>
        {
            let accounts = ["", "a", "a/b", "c"];
            let phases = Phase::all();
            let mut steps: Vec<Step> = Vec::new();
            for (number, (phase, account, is_deletion, pick)) in seeds.into_iter().enumerate() {
                let action = if is_deletion { Action::Delete } else { Action::Create };
                let mut step =
                    step(&format!("s{number}"), accounts[account], phases[phase], action, &[]);
                // A need must come before in the order as well, or nothing could ever begin.
                let earlier: Vec<&Step> = steps
                    .iter()
                    .filter(|other| {
                        rank(other) < rank(&step)
                            && (is_deletion || other.action != Action::Delete)
                    })
                    .collect();
                if !earlier.is_empty() && pick % 3 != 0 {
                    let need = earlier[usize::try_from(pick % earlier.len() as u64).unwrap()];
                    step.needs.push(need.id.clone());
                }
                steps.push(step);
            }
            steps.sort_by_key(rank);
            steps
        }
    }

    proptest! {
        #[test]
        fn every_step_settles_once_and_none_begins_before_what_it_needs(
            steps in steps(),
            failures in prop::collection::vec(any::<bool>(), 40),
            order in any::<u64>(),
        ) {
            let plan = plan(steps);
            let mut scheduler = Scheduler::new(&plan);
            let mut running: Vec<usize> = Vec::new();
            let mut outcome: BTreeMap<usize, bool> = BTreeMap::new();
            let mut chance = order;
            loop {
                for at in scheduler.take_ready() {
                    for need in &plan.steps[at].needs {
                        let need = plan.steps.iter().position(|s| s.id == *need).unwrap();
                        prop_assert_eq!(outcome.get(&need), Some(&true));
                    }
                    running.push(at);
                }
                if running.is_empty() {
                    break;
                }
                chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let next = running.remove(usize::try_from(chance >> 33).unwrap() % running.len());
                prop_assert!(outcome.insert(next, !failures[next]).is_none());
                if failures[next] {
                    for (blocked, _) in scheduler.failed(next) {
                        prop_assert!(outcome.insert(blocked, false).is_none());
                    }
                } else {
                    scheduler.applied(next);
                }
            }
            prop_assert_eq!(outcome.len(), plan.steps.len());
        }
    }
}
