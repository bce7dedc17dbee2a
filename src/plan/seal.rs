//! Sealed plans: what was reviewed, in a file, and whether it may still run.
//!
//! A sealed plan holds the declared objects, so that no manifests are needed to carry it out, and
//! the reviewed steps. Carrying it out means to plan again from the same declarations and to run
//! those steps that are *the same as the reviewed ones*: same object, same fields, same values
//! before and after, same state found. Something that changed elsewhere is none of the plan's
//! business; something that changed where the plan would write makes it stale.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::digest;
use super::entry::Refusal;
use super::id::StepId;
use super::policy::Policy;
use super::step::{Action, Change, Holding, Step};
use super::value::Plan;
use crate::resource::{Address, Desired, Phase, digest_of};
use crate::secret::Trust;

/// Fields that only we write; they move with every update of ours.
const OWN_FIELDS: &str = "metadata.flespi-gitops/";

/// The format of sealed plans.
const FORMAT: &str = "flespi-gitops/sealed-plan/v2";

/// A reviewed plan.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sealed {
    format: String,
    /// SHA-256 over the steps: the digest that was shown.
    pub digest: String,
    /// SHA-256 over everything else.
    checksum: String,
    /// What is sealed.
    content: Content,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Content {
    /// The account that the plan was made for.
    account: i64,
    policy: Policy,
    desired: Desired,
    steps: Vec<SealedStep>,
    refusals: Vec<Refusal>,
    /// The folders of the manifests: what the plan looked at is looked at again.
    folders: Vec<PathBuf>,
}

/// A reviewed step.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct SealedStep {
    id: StepId,
    phase: Phase,
    action: Action,
    address: Address,
    changes: Vec<Change>,
    needs: Vec<StepId>,
    holds: Holding,
    relies_on: BTreeMap<String, String>,
}

/// Why a file is not a sealed plan of this release.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Not JSON, or not of the form.
    #[error("not a sealed plan")]
    Form(#[source] serde_json::Error),
    /// Of another format.
    #[error("its format is `{0}`, and this release reads `{FORMAT}`")]
    Format(String),
    /// A path of the content has no form as text.
    #[error("the name of a folder in it is not UTF-8 text, which a saved plan cannot hold")]
    NoText,
    /// The content is not what was sealed.
    #[error("its content does not match its seal: it was changed or truncated")]
    Broken,
}

/// Where a sealed plan no longer fits the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// The object.
    pub address: Address,
    /// What is different, in words.
    pub what: String,
}

impl Sealed {
    /// A sealed plan that has more bytes is not read; at two kilobytes a step, that is half a million steps.
    pub const MOST_BYTES: u64 = 1024 * 1024 * 1024;

    /// Seals `plan`, which was made of `desired` for the account `account`.
    ///
    /// # Errors
    /// [`SealError::NoText`].
    pub fn new(
        plan: &Plan,
        desired: &Desired,
        account: i64,
        policy: Policy,
        trust: &Trust,
    ) -> Result<Self, SealError> {
        let steps = plan.steps.iter().map(SealedStep::from).collect();
        let refusals = plan.refusals.clone();
        let folders = trust.folders().to_vec();
        let desired = desired.clone();
        let content = Content { account, policy, desired, steps, refusals, folders };
        let checksum = digest::of_json(&content).ok_or(SealError::NoText)?;
        Ok(Self { format: FORMAT.to_owned(), digest: plan.digest.clone(), checksum, content })
    }

    /// Reads a sealed plan and checks its seal.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn read(text: &str) -> Result<Self, SealError> {
        let value: serde_json::Value = serde_json::from_str(text).map_err(SealError::Form)?;
        match value.get("format").and_then(serde_json::Value::as_str) {
            Some(FORMAT) => {}
            other => return Err(SealError::Format(other.unwrap_or("(none)").to_owned())),
        }
        let sealed: Self = serde_json::from_value(value).map_err(SealError::Form)?;
        let content = &sealed.content;
        let lines = content.steps.iter().map(|step| {
            let SealedStep { id, phase, action, address, changes, needs, holds, relies_on } = step;
            json!([id, phase, action, address, changes, needs, holds, relies_on])
        });
        let lines = lines.chain(content.refusals.iter().map(|refusal| json!(refusal)));
        let is_whole = digest::of(&content.desired.stack, lines) == sealed.digest
            && digest::of_json(content).as_ref() == Some(&sealed.checksum);
        if is_whole { Ok(sealed) } else { Err(SealError::Broken) }
    }

    /// What the plan was made of.
    pub fn desired(&self) -> &Desired {
        &self.content.desired
    }

    /// The account that the plan was made for.
    pub fn account(&self) -> i64 {
        self.content.account
    }

    /// What the plan looked at, and no more: or the two could not be compared.
    pub fn trust(&self) -> Trust {
        Trust::Unreviewed(self.content.folders.clone().into())
    }

    /// What was allowed for the plan.
    pub fn policy(&self) -> Policy {
        self.content.policy
    }

    /// What the plan itself sets in an object, as digests by field: after a run that was cut off,
    /// finding it there is no surprise.
    fn written(&self, address: &Address) -> BTreeMap<&str, String> {
        let steps = self.content.steps.iter().filter(|step| step.address == *address);
        let changes = steps.flat_map(|step| &step.changes);
        changes.map(|change| (change.field.as_str(), digest_of(&change.after))).collect()
    }

    /// The reviewed steps that are still to be done, as `fresh` has them. A step that is done
    /// already is left out, so the same file applied twice does nothing the second time.
    ///
    /// # Errors
    /// Every object in which something is not as it was reviewed.
    pub fn restrict(&self, fresh: Plan) -> Result<Plan, Vec<Stale>> {
        let reviewed: BTreeSet<&StepId> = self.content.steps.iter().map(|step| &step.id).collect();
        let found: BTreeMap<&StepId, &Step> =
            fresh.steps.iter().map(|step| (&step.id, step)).collect();
        let mut stale = Vec::new();
        for sealed in &self.content.steps {
            let address = sealed.address.clone();
            match found.get(&sealed.id) {
                Some(step) => {
                    let mut what = differences(sealed, step, &self.written(&sealed.address));
                    let more = step.needs.iter().find(|need| !reviewed.contains(need));
                    what.extend(
                        more.map(|need| format!("it now needs {need}, which was not reviewed")),
                    );
                    stale.extend(
                        what.into_iter().map(|what| Stale { address: address.clone(), what }),
                    );
                }
                None => {
                    let blocked = fresh.blocked.iter().find(|b| b.address == sealed.address);
                    stale.extend(
                        blocked.map(|blocked| Stale { address, what: blocked.reason.clone() }),
                    );
                }
            }
        }
        if !stale.is_empty() {
            return Err(stale);
        }
        let steps = fresh.steps.iter().filter(|step| reviewed.contains(&step.id)).cloned();
        let steps: Vec<Step> = steps.collect();
        let digest = digest::of_plan(&fresh.stack, &steps, &fresh.refusals);
        Ok(Plan { steps, digest, ..fresh })
    }
}

impl From<&Step> for SealedStep {
    fn from(step: &Step) -> Self {
        let Step { id, phase, action, address, changes, needs, holds, relies_on, .. } = step;
        Self {
            id: id.clone(),
            phase: *phase,
            action: *action,
            address: address.clone(),
            changes: changes.clone(),
            needs: needs.clone(),
            holds: holds.clone(),
            relies_on: relies_on.clone(),
        }
    }
}

/// What is not as it was reviewed: first what the object holds, then what would be set.
fn differences(sealed: &SealedStep, step: &Step, written: &BTreeMap<&str, String>) -> Vec<String> {
    if sealed.action != step.action {
        let (was, is) = (sealed.action.as_str(), step.action.as_str());
        return vec![format!("the reviewed step would {was} it, and now it would {is} it")];
    }
    let fields: BTreeSet<&String> = sealed.relies_on.keys().chain(step.relies_on.keys()).collect();
    let moved: Vec<String> = fields
        .into_iter()
        .filter(|field| sealed.relies_on.get(*field) != step.relies_on.get(*field))
        .filter(|field| {
            let is_written = step
                .relies_on
                .get(*field)
                .is_some_and(|now| written.get(field.as_str()) == Some(now));
            !is_written && !field.starts_with(OWN_FIELDS)
        })
        .map(|field| format!("{field} changed on the platform since the plan was made"))
        .collect();
    if !moved.is_empty() {
        return moved;
    }
    if sealed.holds != step.holds {
        return vec![format!(
            "it held {} and now holds {}",
            said(&sealed.holds),
            said(&step.holds)
        )];
    }
    if sealed.changes != step.changes {
        let differs = |change: &&Change| !sealed.changes.contains(change);
        let fields: Vec<&str> =
            step.changes.iter().filter(differs).map(|change| change.field.as_str()).collect();
        return vec![format!(
            "what would be set differs from what was reviewed: {}",
            fields.join(", ")
        )];
    }
    Vec::new()
}

fn said(holds: &Holding) -> String {
    if holds.is_empty() { "nothing".to_owned() } else { holds.to_string() }
}
