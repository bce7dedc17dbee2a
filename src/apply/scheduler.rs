//! Which steps may begin: a pure state machine without tasks and without time.
//!
//! A step begins when everything that it *needs* is applied, and when everything that comes
//! *before* it is settled, in whatever way: within an account the phases follow each other, and
//! deletions begin when all else has ended, the deepest first. Needs carry failure on; order does
//! not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::plan::{Action, Plan, Step, StepId, rank};
use crate::resource::{AccountPath, Phase};

/// Steps that follow or precede each other as a whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    /// A phase of an account.
    Phase(AccountPath, Phase),
    /// Deletions of one rank.
    Deletion((bool, isize, isize)),
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
            })
            .collect();
        let mut members: BTreeMap<Group, Vec<usize>> = BTreeMap::new();
        for (at, step) in plan.steps.iter().enumerate() {
            members.entry(nodes[at].group.clone()).or_default().push(at);
            for need in step.needs.iter().filter_map(|need| index.get(need)) {
                nodes[*need].dependants.push(at);
            }
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

    fn is_ready(&self, at: usize) -> bool {
        let node = &self.nodes[at];
        node.state == State::Waiting && node.open_needs == 0 && self.is_open(&node.group)
    }

    /// Whether everything that comes before the group is settled.
    fn is_open(&self, group: &Group) -> bool {
        let first = match group {
            Group::Phase(scope, _) => Group::Phase(scope.clone(), Phase::Limit),
            // Phases sort before deletions, so this takes in all of them.
            Group::Deletion(_) => Group::Phase(AccountPath::root(), Phase::Limit),
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
        Action::Create | Action::Update | Action::Assign => Group::Phase(step.scope(), step.phase),
    }
}
