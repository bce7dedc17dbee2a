//! Faults on demand: which requests go wrong, and how.
//!
//! A plan is a list of rules with a seed. Each rule names the requests that it strikes (method, path, account, how many
//! to let pass, how many to strike, with which probability) and one effect; all rules that match strike together. With
//! the same seed and the same requests the same ones are struck.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    answer::{Answer, Delivery, Refusal, Response},
    effects::{self, FaultEffect},
    pattern,
    request::Target,
};

/// A plan, as `--faults FILE` and `PUT /_sandbox/faults` give it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// Decides about everything that has a probability.
    #[serde(default)]
    pub seed: u64,
    /// The rules; all that match a request strike it.
    #[serde(default)]
    pub rules: Vec<FaultRule>,
}

/// Which requests are struck, and by what. Conditions that are left out match everything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// What the journal calls it; left out: the name of the effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The HTTP method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The decoded path without its query, with the wildcards `*` and `?`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The account that the request acts as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cid: Option<u64>,
    /// How many matching requests pass unharmed first.
    #[serde(default)]
    pub skip: u64,
    /// How many are struck then; left out: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// How likely each of them is struck, 0 to 1; left out: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// What happens to them.
    pub effect: FaultEffect,
}

impl Faults {
    /// Reads a plan.
    ///
    /// # Errors
    /// The text is not JSON, names an unknown member, or holds a status or a probability out of range.
    pub fn from_json(text: &[u8]) -> Result<Self, FaultsError> {
        let faults: Self = serde_json::from_slice(text).map_err(FaultsError::Json)?;
        for (index, rule) in faults.rules.iter().enumerate() {
            if rule.probability.is_some_and(|probability| !(0.0..=1.0).contains(&probability)) {
                return Err(FaultsError::Range { index, what: "probability must be from 0 to 1" });
            }
            if let Some(what) = rule.effect.problem() {
                return Err(FaultsError::Range { index, what });
            }
        }
        Ok(faults)
    }
}

/// Why a plan was refused.
#[derive(Debug, thiserror::Error)]
pub enum FaultsError {
    /// Not the JSON of a plan.
    #[error("the fault plan is not valid: {0}")]
    Json(#[source] serde_json::Error),
    /// A number out of its range.
    #[error("rule {index} of the fault plan: {what}")]
    Range {
        /// Which rule, from 0.
        index: usize,
        /// What is wrong.
        what: &'static str,
    },
}

/// A plan at work: the rules with what they have seen so far.
#[derive(Debug, Default)]
pub(super) struct FaultPlan {
    plan: Faults,
    /// Per rule: requests that matched, requests that were struck.
    seen: Vec<(u64, u64)>,
    random: u64,
}

/// What strikes one request.
#[derive(Debug, Default)]
pub(super) struct Strike(Vec<(String, FaultEffect)>);

/// Whether a request gets as far as the world.
pub(super) enum Moment {
    Passed,
    Answered(Response),
}

impl FaultPlan {
    pub(super) fn new(plan: Faults) -> Self {
        Self { seen: vec![(0, 0); plan.rules.len()], random: plan.seed, plan }
    }

    /// The plan with its counts, and all that a plan can do, as `GET /_sandbox/faults` shows it.
    pub(super) fn listed(&self) -> Value {
        let mut listed = json!(self.plan);
        if let Some(rules) = listed.get_mut("rules").and_then(Value::as_array_mut) {
            for (rule, (matched, struck)) in rules.iter_mut().zip(&self.seen) {
                rule["matched"] = json!(matched);
                rule["struck"] = json!(struck);
            }
        }
        listed["effects"] = effects::catalogue();
        listed
    }

    /// Decides about one request.
    pub(super) fn strike(&mut self, method: &str, target: &Target, cid: Option<u64>) -> Strike {
        if self.plan.rules.is_empty() {
            return Strike::default();
        }
        let path = format!("/{}", target.segments.join("/"));
        let mut effects = Vec::new();
        for (rule, (matched, struck)) in self.plan.rules.iter().zip(&mut self.seen) {
            let is_meant =
                rule.method.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
                    && rule.path.as_ref().is_none_or(|wanted| pattern::fits(wanted, &path))
                    && rule.cid.is_none_or(|wanted| Some(wanted) == cid);
            if !is_meant {
                continue;
            }
            *matched += 1;
            let is_due = *matched > rule.skip && rule.count.is_none_or(|count| *struck < count);
            if is_due
                && rule.probability.is_none_or(|probability| chance(&mut self.random) < probability)
            {
                *struck += 1;
                effects.push((
                    rule.name.clone().unwrap_or_else(|| rule.effect.name().to_owned()),
                    rule.effect.clone(),
                ));
            }
        }
        Strike(effects)
    }
}

impl Strike {
    pub(super) fn names(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Answers in place of the world, where an effect says so.
    pub(super) fn apply_before(&self) -> Moment {
        let answered = self.0.iter().find_map(|(_, effect)| match effect {
            FaultEffect::CutBefore => Some(cut(None)),
            FaultEffect::Refuse { milliseconds } => {
                Some(cut(Some(Duration::from_millis(*milliseconds))))
            }
            FaultEffect::Answer { status, retry_after, reason } => {
                let refusal = Refusal::bad(reason.as_deref().unwrap_or("a fault was asked for"))
                    .with_status(*status);
                Some(Response::from(match retry_after {
                    Some(wait) => refusal.with_header("retry-after", wait.header()),
                    None => refusal,
                }))
            }
            _ => None,
        });
        match answered {
            Some(mut response) => {
                self.delay(&mut response.delivery);
                Moment::Answered(response)
            }
            None => Moment::Passed,
        }
    }

    /// Falsifies what an answer says.
    pub(super) fn distort(&self, answer: &mut Answer) {
        for (_, effect) in &self.0 {
            match effect {
                FaultEffect::LostRows => answer.forget_rows(),
                FaultEffect::LostPages { after }
                    if answer.pagination.is_some_and(|page| page.offset >= *after) =>
                {
                    answer.forget_rows();
                }
                FaultEffect::WrongCount { by } => {
                    if let Some(pagination) = &mut answer.pagination {
                        pagination.count = pagination.count.saturating_add_signed(*by);
                    }
                }
                _ => {}
            }
        }
    }

    /// Harms the way that an answer takes.
    pub(super) fn apply_after(&self, response: &mut Response) {
        self.delay(&mut response.delivery);
        for (_, effect) in &self.0 {
            match effect {
                FaultEffect::CutAfter => response.delivery.cut = true,
                FaultEffect::Truncate { keep } => response.delivery.keep = Some(*keep),
                FaultEffect::SlowBody { milliseconds } => {
                    response.delivery.pace = Some(Duration::from_millis(*milliseconds));
                }
                FaultEffect::WrongJson => {
                    response.content_type = "text/html";
                    response.body = b"<html><body><h1>It works!</h1></body></html>".to_vec();
                }
                FaultEffect::WrongShape => {
                    response.body = br#"{"result":{"status":"ok"},"data":null}"#.to_vec();
                }
                _ => {}
            }
        }
    }

    fn delay(&self, delivery: &mut Delivery) {
        for (_, effect) in &self.0 {
            if let FaultEffect::Delay { milliseconds } = effect {
                delivery.delay += Duration::from_millis(*milliseconds);
            }
        }
    }
}

/// Nothing was done and nobody is told.
fn cut(refuse: Option<Duration>) -> Response {
    let mut response = Response::from(Answer::default());
    response.delivery.cut = true;
    response.delivery.refuse = refuse;
    response
}

/// The next number from 0 to 1 of a seed (SplitMix64): all that a fault needs of randomness.
fn chance(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::{FaultPlan, Faults, Target};

    fn struck(plan: &str, requests: usize) -> Vec<usize> {
        let mut plan = FaultPlan::new(Faults::from_json(plan.as_bytes()).unwrap());
        let target = Target::parse("/platform/tokens/5?fields=id").unwrap();
        (0..requests).filter(|_| !plan.strike("GET", &target, Some(7)).0.is_empty()).collect()
    }

    #[test]
    fn a_rule_strikes_after_its_skip_and_only_as_often_as_it_says() {
        assert_eq!(struck(r#"{"rules":[{"skip":1,"count":2,"effect":"cut_before"}]}"#, 6), [1, 2]);
    }

    #[test]
    fn a_rule_strikes_what_it_names() {
        for (rule, expected) in [
            (r#""method":"get""#, 1),
            (r#""method":"PUT""#, 0),
            (r#""path":"/platform/tokens/*""#, 1),
            (r#""path":"/platform/tokens""#, 0),
            (r#""cid":7"#, 1),
            (r#""cid":8"#, 0),
        ] {
            let plan = format!(r#"{{"rules":[{{{rule},"effect":"cut_after"}}]}}"#);
            assert_eq!(struck(&plan, 1).len(), expected, "{rule}");
        }
    }

    #[test]
    fn the_same_seed_strikes_the_same_requests() {
        let plan = |seed| {
            format!(r#"{{"seed":{seed},"rules":[{{"probability":0.5,"effect":"cut_after"}}]}}"#)
        };
        assert_eq!(struck(&plan(1), 50), struck(&plan(1), 50));
        assert_ne!(struck(&plan(1), 50), struck(&plan(2), 50));
        assert!((10..40).contains(&struck(&plan(3), 50).len()));
    }

    #[test]
    fn a_plan_with_a_mistake_is_refused() {
        for plan in [
            r#"{"rule":[]}"#,
            r#"{"rules":[{"effect":"melt"}]}"#,
            r#"{"rules":[{"probability":2,"effect":"cut_after"}]}"#,
            r#"{"rules":[{"effect":{"answer":{"status":99}}}]}"#,
        ] {
            assert!(Faults::from_json(plan.as_bytes()).is_err(), "{plan}");
        }
    }
}
