//! Contests: a field that somebody else keeps setting is not fought over for ever.
//!
//! A field *returns* when it differs again after we set it, or differs although its manifest did
//! not change. Our own writes are no returns, and a return counts once, however often it is seen
//! before it is healed. With the third return within the window the field is *contested*: it is
//! reported and no longer set, and everything else goes on. The contest ends when the field is as
//! declared again, when its manifest asks for something else, or after another window: then it is
//! set once more, and the next return makes it contested at once. So a war costs one write in a
//! window. An object that somebody deletes again and again is contested in the same way.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::plan::{Action, Cause, Effect, Plan, Step};
use crate::resource::{Address, MARK_PREFIX, Phase, digest_of};

/// Returns within the window that make a field contested.
pub(super) const RETURNS: usize = 3;

/// The default window. Three returns within it are no accident at any sensible interval.
pub const WINDOW: Duration = Duration::from_secs(60 * 60);

/// Stands for the whole object among its fields.
pub(super) const THE_OBJECT: &str = "";

type Key = (Address, String);

/// What is remembered of fields.
#[derive(Debug)]
pub(super) struct Contests {
    window: Duration,
    fields: BTreeMap<Key, Field>,
}

#[derive(Debug, Default)]
struct Field {
    /// Digest of the value that we set last.
    ours: Option<String>,
    /// Whether the last return was seen and not healed yet.
    is_open: bool,
    returns: VecDeque<Instant>,
    /// Since when it is contested, and digest of the value that is declared.
    contested: Option<(Instant, String)>,
}

impl Contests {
    pub(super) fn new(window: Duration) -> Self {
        Self { window, fields: BTreeMap::new() }
    }

    /// Takes in a plan; gives the fields that become contested by it.
    pub(super) fn look(&mut self, plan: &Plan, now: Instant) -> Vec<Key> {
        let differing: BTreeMap<Key, (String, bool)> =
            plan.steps.iter().flat_map(settings).collect();
        let window = self.window;
        self.fields.retain(|key, field| {
            field.returns.retain(|at| now.duration_since(*at) < window);
            if !differing.contains_key(key) {
                field.is_open = false;
                field.contested = None;
            }
            field.ours.is_some() || field.is_open || !field.returns.is_empty()
        });
        let mut new = Vec::new();
        for (key, (wanted, is_drift)) in differing {
            let field = self.fields.entry(key.clone()).or_default();
            match &field.contested {
                Some((_, then)) if *then != wanted => *field = Field::default(),
                // One more try; the returns before it are still counted.
                Some((since, _)) if now.duration_since(*since) >= window => {
                    field.contested = None;
                    field.is_open = true;
                    field.returns = std::iter::repeat_n(now, RETURNS - 1).collect();
                    continue;
                }
                Some(_) => continue,
                None => {}
            }
            let is_return = is_drift || field.ours.as_ref() == Some(&wanted);
            if !is_return {
                *field = Field::default();
                continue;
            }
            if !field.is_open {
                field.is_open = true;
                field.returns.push_back(now);
            }
            if field.returns.len() >= RETURNS {
                field.contested = Some((now, wanted));
                new.push(key);
            }
        }
        new
    }

    /// A step was carried out.
    pub(super) fn wrote(&mut self, step: &Step) {
        for (key, (value, _)) in settings(step) {
            let field = self.fields.entry(key).or_default();
            field.ours = Some(value);
            field.is_open = false;
        }
    }

    /// The fields that are not to be set.
    pub(super) fn contested(&self) -> impl Iterator<Item = &Key> {
        self.fields.iter().filter(|(_, field)| field.contested.is_some()).map(|(key, _)| key)
    }

    /// How often a field returned within the window, and whether it is contested.
    pub(super) fn of(&self, address: &Address, field: &str) -> (u32, bool) {
        let field = self.fields.get(&(address.clone(), field.to_owned()));
        field.map_or((0, false), |field| {
            (u32::try_from(field.returns.len()).unwrap_or(u32::MAX), field.contested.is_some())
        })
    }
}

/// What a step sets: digest of the value, and whether it only makes good what somebody changed.
fn settings(step: &Step) -> Vec<(Key, (String, bool))> {
    let key = |field: &str| (step.address.clone(), field.to_owned());
    match step.action {
        _ if step.phase == Phase::Credentials => Vec::new(),
        Action::Forget | Action::Delete => Vec::new(),
        Action::Update | Action::Assign | Action::Link => changes(step, key),
        // What ends by itself is deleted by nobody.
        Action::Create if matches!(&step.effect, Effect::Create(it) if it.follows_lapsed) => {
            Vec::new()
        }
        _ => vec![(key(THE_OBJECT), (String::new(), false))],
    }
}

fn changes(step: &Step, key: impl Fn(&str) -> Key) -> Vec<(Key, (String, bool))> {
    let fields = step.changes.iter().filter(|change| is_a_field(&change.field));
    let fields = fields.filter(|change| change.cause != Cause::New);
    fields
        .map(|change| {
            (key(&change.field), (digest_of(&change.after), change.cause == Cause::Drift))
        })
        .collect()
}

/// Marks and deliveries are no values that anybody declares.
fn is_a_field(name: &str) -> bool {
    let key = name.strip_prefix("metadata.");
    name != "deliver" && !key.is_some_and(|key| key.starts_with(MARK_PREFIX))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::watch::testing;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    /// A plan that sets `x` of `limit/a`.
    fn plan(cause: Cause, wanted: i64) -> Plan {
        testing::plan_setting("limit/a", &[("x", json!(7), json!(wanted), cause)])
    }

    fn heal(contests: &mut Contests, plan: &Plan) {
        for step in &plan.steps {
            contests.wrote(step);
        }
    }

    #[test]
    fn the_third_return_within_the_window_is_contested() {
        let mut contests = Contests::new(seconds(3600));
        let mut now = Instant::now();
        for round in 1..=3 {
            let plan = plan(Cause::Drift, 1);
            let new = contests.look(&plan, now);
            assert_eq!(new.len(), usize::from(round == 3), "round {round}");
            heal(&mut contests, &plan);
            now += seconds(60);
        }
    }

    #[test]
    fn what_is_seen_often_and_not_healed_returned_once() {
        let mut contests = Contests::new(seconds(3600));
        for _ in 0..10 {
            assert!(contests.look(&plan(Cause::Drift, 1), Instant::now()).is_empty());
        }
        assert_eq!(contests.of(&"limit/a".parse().unwrap(), "x"), (1, false));
    }

    #[test]
    fn returns_far_apart_are_healed_for_ever() {
        let mut contests = Contests::new(seconds(3600));
        let mut now = Instant::now();
        for _ in 0..20 {
            let plan = plan(Cause::Drift, 1);
            assert!(contests.look(&plan, now).is_empty());
            heal(&mut contests, &plan);
            now += seconds(1801);
        }
    }

    #[test]
    fn an_edit_is_no_return_and_our_own_write_is_remembered() {
        let mut contests = Contests::new(seconds(3600));
        let now = Instant::now();
        let edit = plan(Cause::Edited, 1);
        assert!(contests.look(&edit, now).is_empty());
        heal(&mut contests, &edit);
        assert_eq!(contests.of(&"limit/a".parse().unwrap(), "x").0, 0);
        // Marks need not tell that it was us: we remember.
        contests.look(&plan(Cause::Differs, 1), now);
        assert_eq!(contests.of(&"limit/a".parse().unwrap(), "x").0, 1);
    }

    #[test]
    fn a_contest_ends_by_giving_in_by_an_edit_and_by_time_for_one_more_try() {
        let begin = || {
            let (mut contests, now) = (Contests::new(seconds(3600)), Instant::now());
            for _ in 0..3 {
                let plan = plan(Cause::Drift, 1);
                contests.look(&plan, now);
                heal(&mut contests, &plan);
            }
            contests.look(&plan(Cause::Drift, 1), now);
            assert_eq!(contests.contested().count(), 1);
            (contests, now)
        };
        let (mut contests, now) = begin();
        contests.look(&testing::plan_setting("limit/a", &[]), now);
        assert_eq!(contests.contested().count(), 0);

        let (mut contests, now) = begin();
        contests.look(&plan(Cause::Edited, 2), now);
        assert_eq!(contests.contested().count(), 0);

        let (mut contests, now) = begin();
        let again = plan(Cause::Drift, 1);
        contests.look(&again, now + seconds(3601));
        assert_eq!(contests.contested().count(), 0);
        heal(&mut contests, &again);
        assert_eq!(contests.look(&again, now + seconds(3660)).len(), 1);
    }
}
