//! Plans for the tests of the rooms.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::plan::{Action, Cause, Change, Effect, Holding, Plan, Step, StepId, UpdateEffect};
use crate::resource::{Address, Phase};

/// A plan that sets these fields (name, found, wanted, cause) of one object; none: an empty plan.
pub(super) fn plan_setting(address: &str, fields: &[(&str, Value, Value, Cause)]) -> Plan {
    let address: Address = address.parse().unwrap();
    let changes = fields.iter().map(|(field, before, after, cause)| Change {
        field: (*field).to_owned(),
        before: before.clone(),
        after: after.clone(),
        cause: *cause,
    });
    let step = Step {
        id: StepId::of(Phase::Of(address.kind), &address),
        phase: Phase::Of(address.kind),
        action: Action::Update,
        reason: String::new(),
        source: None,
        changes: changes.collect(),
        needs: Vec::new(),
        holds: Holding::default(),
        relies_on: BTreeMap::new(),
        effect: Effect::Update(Box::new(UpdateEffect {
            inside: None,
            pointers: crate::plan::References::new(),
            secrets: std::collections::BTreeMap::new(),
            owner: 1,
            kind: address.kind,
            id: 1,
            fields: Map::new(),
            metadata: Map::new(),
            metadata_set: Map::new(),
            mark: None,
            refresh: None,
            deliver: None,
        })),
        address,
    };
    Plan {
        stack: "default".to_owned(),
        steps: if fields.is_empty() { Vec::new() } else { vec![step] },
        blocked: Vec::new(),
        pending: Vec::new(),
        prunable: Vec::new(),
        disputed: Vec::new(),
        unknown: Vec::new(),
        refusals: Vec::new(),
        notes: Vec::new(),
        tokens: Vec::new(),
        pages: Vec::new(),
        drifted: Vec::new(),
        unchanged: 0,
        digest: String::new(),
        commit: None,
    }
}
