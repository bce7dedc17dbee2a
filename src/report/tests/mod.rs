//! Plans made by hand, for the tests of every view.

mod golden;
mod hostile;
mod size;

use serde_json::{Value, json};

use crate::apply::{Report, StepOutcome, StepReport};
use crate::plan::{
    Action, Blocked, Cause, Change, Disputed, Effect, Holding, Pending, Plan, Prunable, Refusal,
    Step, StepId, Unknown,
};
use crate::resource::{Address, Kind, Phase};

/// A plan for stack `default`; its digest is not that of its steps, which no view looks at.
pub(super) fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        stack: "default".to_owned(),
        steps,
        blocked: Vec::new(),
        pending: Vec::new(),
        prunable: Vec::new(),
        disputed: Vec::new(),
        refusals: Vec::new(),
        unknown: Vec::new(),
        notes: Vec::new(),
        drifted: Vec::new(),
        tokens: Vec::new(),
        pages: Vec::new(),
        unchanged: 12,
        digest: "0123456789abcdef".repeat(4),
        commit: None,
    }
}

pub(super) fn step(action: Action, address: &str, changes: Vec<Change>) -> Step {
    let address: Address = address.parse().unwrap();
    let phase = match action {
        Action::Assign => Phase::Assign,
        _ => Phase::Of(address.kind),
    };
    Step {
        id: StepId::of(phase, &address),
        phase,
        action,
        reason: format!("accounts/fleet.yaml:7:1 says so of {address}"),
        source: Some("accounts/fleet.yaml:7:1".parse().unwrap()),
        changes,
        needs: Vec::new(),
        holds: Holding::default(),
        relies_on: std::collections::BTreeMap::new(),
        // No view looks at what the executor does.
        effect: Effect::Delete { kind: address.kind, id: 1, inside: None },
        address,
    }
}

pub(super) fn change(field: &str, before: Value, after: Value) -> Change {
    let cause = if before.is_null() { Cause::New } else { Cause::Edited };
    Change { field: field.to_owned(), before, after, cause }
}

fn acl(methods: &[&str]) -> Value {
    let ids: Vec<u32> = (7_300_001..7_300_009).collect();
    json!({"type": 2, "acl": [{"uri": "gw/devices", "methods": methods, "ids": ids}]})
}

/// A bit of everything.
pub(super) fn mixed() -> Plan {
    let steps = vec![
        step(
            Action::Create,
            "limit/starter",
            vec![
                change("devices_count", Value::Null, json!(100)),
                change("name", Value::Null, json!("Starter")),
            ],
        ),
        step(
            Action::Update,
            "limit/depot",
            vec![
                change("devices_count", json!(50), json!(20)),
                change("description", json!("Depots of the north"), json!("Depots")),
            ],
        ),
        step(
            Action::Assign,
            "subaccount/emea/acme",
            vec![change("limit_id", json!("limit/old"), json!("limit/starter"))],
        ),
        step(
            Action::Create,
            "token/emea/acme/first-login",
            vec![
                change("access", Value::Null, json!({"type": 1})),
                change("info", Value::Null, json!("first-login")),
                change("ttl", Value::Null, json!(86_400)),
            ],
        ),
        step(
            Action::Update,
            "token/emea/acme/trackit",
            vec![
                change("access", acl(&["GET"]), acl(&["GET", "DELETE"])),
                change("ips", json!("10.0.0.*"), json!("")),
            ],
        ),
        step(
            Action::Update,
            "subaccount/emea/globex",
            vec![change("enabled", json!(true), json!(false))],
        ),
        step(Action::Delete, "token/emea/former", Vec::new()),
    ];
    Plan {
        blocked: vec![Blocked {
            address: "subaccount/apac".parse().unwrap(),
            reason: "an unmarked subaccount (id 17) has its name, and it has no mark".to_owned(),
            source: Some("accounts/apac.yaml:2:1".to_owned()),
        }],
        pending: vec![Pending {
            address: "subaccount/emea/acme".parse().unwrap(),
            reason: "e-mail ops@acme.example was asked for".to_owned(),
        }],
        prunable: vec![Prunable {
            address: "limit/forgotten".parse().unwrap(),
            id_on_platform: 4_711,
        }],
        disputed: vec![Disputed {
            address: "token/emea/acme/copied".parse().unwrap(),
            ids_on_platform: vec![17, 18],
            reason: "two objects carry its mark: 17 and 18".to_owned(),
        }],
        refusals: vec![Refusal {
            guard: "deletes".to_owned(),
            count: 41,
            allowed: 10,
            reason: "41 objects would be deleted, and 10 may be".to_owned(),
        }],
        unknown: vec![Unknown {
            items: None,
            kind: Kind::KEY,
            account: "emea/initech".to_owned(),
            reason: "the platform answered 403".to_owned(),
        }],
        notes: vec!["token/app: devices_count has drifted to 7 and is left".to_owned()],
        ..plan(steps)
    }
}

/// A report of a run in which everything happened that can happen.
fn report(plan: &Plan) -> Report {
    let outcomes = [
        (StepOutcome::Applied, None),
        (StepOutcome::Failed, Some("the platform answered 400: not today")),
        (StepOutcome::Blocked, Some("blocked because subaccount/emea/acme was not applied")),
        (StepOutcome::NotStarted, None),
    ];
    let steps =
        plan.steps.iter().zip(outcomes.iter().cycle()).map(|(step, (outcome, error))| StepReport {
            id: step.id.clone(),
            phase: step.phase,
            action: step.action,
            address: step.address.clone(),
            outcome: *outcome,
            attempts: 1,
            error: error.map(str::to_owned),
            id_on_platform: Some(4_711),
        });
    Report {
        digest: plan.digest.clone(),
        refused: Vec::new(),
        taken_back: Vec::new(),
        notes: Vec::new(),
        steps: steps.collect(),
        blocked: plan.blocked.clone(),
        pending: plan.pending.clone(),
        unknown: plan.unknown.clone(),
        least_writes: 2,
        calls: Vec::new(),
        duration: std::time::Duration::from_millis(1_250),
        compared: 0,
    }
}

/// A plan of `count` changes over many accounts, every tenth of them a deletion.
fn large(count: usize) -> Plan {
    let one = |number: usize| {
        let address = format!("token/emea/tenant-{}/app-{number}", number / 40);
        match number % 10 {
            0 => step(Action::Delete, &address, Vec::new()),
            1 => step(Action::Update, &address, vec![change("ttl", json!(60), json!(90))]),
            _ => step(
                Action::Create,
                &address,
                vec![
                    change("access", Value::Null, acl(&["GET", "POST"])),
                    change("info", Value::Null, json!(format!("App {number}"))),
                ],
            ),
        }
    };
    plan((0..count).map(one).collect())
}
