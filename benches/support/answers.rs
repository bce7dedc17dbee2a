//! The platform's answers: whatever they say, they become an actual state, a plan, its forms, and a run, in so many calls,
//! and nothing in what is shown acts or is a key.

use std::sync::OnceLock;

use flespi_gitops::api::Client;
use flespi_gitops::apply::{OnError, Report};
use flespi_gitops::diagnostic::render::json_text;
use flespi_gitops::export::{self, Others};
use flespi_gitops::history::{Actor, RunFacts, record};
use flespi_gitops::manifest;
use flespi_gitops::plan::{Plan, Policy, Sealed};
use flespi_gitops::reconcile::{Context, Prepared, carry_out, observe, prepare};
use flespi_gitops::report::{
    plan_html, record_text, run_markdown, run_text, status, status_markdown, status_text,
};
use flespi_gitops::resource::{Desired, Signer};
use flespi_gitops::run::RunId;
use flespi_gitops::secret::{Spool, Trust};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::estate::{self, estate};
use super::parts::{self, Part, Parts};
use super::platform::Platform;
use super::{Dice, Target, hold, inert, json, panics, plans};

pub const TARGET: Target = Target {
    name: "answers",
    about: "answers of the platform to every call of a plan, an export and a run",
    corpus,
    mutate: |corpus, dice| parts::mutated(corpus, dice, change),
    feed: || {
        let runtime = panics::runtime(true);
        Box::new(move |input, everything| feed(input, everything, &runtime))
    },
    short: 120,
    repeat: None,
};

/// The most calls of a run: so many pages of every list, read so often, and what else is asked.
const MOST_CALLS: usize = 40_000;

/// Answers as they are, with each declared state; lists without a count, refusals, pages without end.
fn corpus() -> Vec<Vec<u8>> {
    let real = &estate().answers;
    let with = |manifests: usize, change: &dyn Fn(&mut Part)| {
        let mut parts = vec![(format!("manifests {manifests}"), Vec::new())];
        parts.extend(real.iter().cloned());
        parts.iter_mut().for_each(change);
        parts::joined(&parts)
    };
    let mut corpus: Vec<Vec<u8>> = (0..3).map(|manifests| with(manifests, &|_| {})).collect();
    corpus.push(with(1, &|(_, body)| {
        let text = String::from_utf8_lossy(body).replace("\"pagination\"", "\"pages\"");
        *body = text.into_bytes();
    }));
    corpus.push(with(2, &|(name, body)| {
        if name.starts_with("/tokens") {
            *name = "/tokens/all? 429 retry-after=3".to_owned();
            *body = br#"{"errors":[{"reason":"too many","code":429,"id":5}]}"#.to_vec();
        }
    }));
    corpus.push(with(0, &|(name, _)| name.push_str(" date=Sat,_06_Nov_2094_08:49:37_GMT")));
    // Accounts that hold each other.
    corpus.push(with(0, &|(name, body)| {
        if name.starts_with("/subaccounts/all?") {
            let mut list: Value = serde_json::from_slice(body).unwrap();
            let rows = list["result"].as_array_mut().unwrap();
            let ids: Vec<Value> = rows.iter().map(|row| row["id"].clone()).collect();
            rows.iter_mut().zip(ids.iter().rev()).for_each(|(row, id)| row["cid"] = id.clone());
            *body = list.to_string().into_bytes();
        }
    }));
    let written = [
        ("POST", r#"{"result":[{"id":7,"cid":1,"key":"K"}],"errors":[]}"#),
        ("PUT", r#"{"result":[{"id":7,"cid":1}],"errors":[{"reason":"no","id":7}]}"#),
        ("DELETE", r#"{"result":[{"id":7}]}"#),
    ];
    for (method, body) in written {
        let mut parts = parts::split(&corpus[2]);
        parts.push((format!("{method} 200"), body.as_bytes().to_vec()));
        corpus.push(parts::joined(&parts));
    }
    corpus
}

/// A page that has another object each time it is asked for.
const ENDLESS: &str = r#"{"result":[{"id":@OFFSET1,"cid":1,"name":"x","info":"x"}]}"#;

/// Names and values of headers that a client may hear of.
const HEADERS: [&str; 9] = [
    "retry-after=0",
    "retry-after=18446744073709551615",
    "retry-after=-1",
    "date=Thu,_01_Jan_1970_00:00:00_GMT",
    "date=Fri,_31_Dec_9999_23:59:59_GMT",
    "date=yesterday",
    "x-sandbox-clock=9223372036854775807",
    "x-sandbox-clock=-9223372036854775808",
    "location=https://evil.example/",
];

fn change((name, body): &mut Part, dice: &mut Dice) {
    match dice.roll(24) {
        0 => {
            let statuses =
                ["200", "204", "299", "302", "400", "401", "403", "404", "429", "500", "503"];
            let mut words: Vec<&str> = name.split(' ').collect();
            if let Some(status) = words.get_mut(1) {
                *status = statuses[dice.roll(statuses.len())];
            }
            *name = words.join(" ");
        }
        1 => {
            name.push(' ');
            name.push_str(HEADERS[dice.roll(HEADERS.len())]);
        }
        2 => {
            let counts =
                ["0", "1", "2", "3", "1000", "10001", "1000001", "18446744073709551615", "null"];
            let text = String::from_utf8_lossy(body).into_owned();
            if let Some((before, behind)) = text.split_once("\"count\":") {
                let behind = behind.trim_start_matches(|c: char| c.is_ascii_digit());
                *body = format!("{before}\"count\":{}{behind}", dice.one(&counts)).into_bytes();
            }
        }
        3 if dice.roll(60) == 0 => *body = ENDLESS.into(),
        _ => json::change(body, std::slice::from_ref(&body.clone()), dice),
    }
}

const POLICY: Policy = Policy { prune: true, horizon: flespi_gitops::plan::HORIZON };

/// What a pass works with, and the client that goes with an input.
fn context<'a>(client: &'a Client, trust: &'a Trust, kept: &'a (Signer, Spool)) -> Context<'a> {
    let (signer, spool) = kept;
    Context { client, signer, spool, trust, seen: None, overwritten: None }
}

/// The plans of the estate as it is, one for each declared state.
pub fn plans() -> Vec<Plan> {
    let runtime = panics::runtime(true);
    let plan = |desired: &Desired| {
        let platform = Platform::new(estate().answers.clone());
        let (client, kept) = (platform.client(&estate().token), (Signer::default(), Spool::none()));
        let trust = Trust::unreviewed(&[], false);
        runtime.block_on(prepare(desired, context(&client, &trust, &kept), POLICY)).unwrap().plan
    };
    estate().desired.iter().map(plan).collect()
}

fn feed(input: &[u8], everything: bool, runtime: &Runtime) -> Result<bool, String> {
    let before = panics::heard();
    let mut parts = parts::split(input);
    let at = parts.iter().position(|(name, _)| name.starts_with("manifests "));
    let number = at.and_then(|at| parts.remove(at).0.split(' ').nth(1)?.parse().ok()).unwrap_or(0);
    let desired: &Desired = &estate().desired[number % estate().desired.len()];
    let outcome = runtime.block_on(pass(parts, everything, desired));
    hold(panics::heard() == before, || "a panic on another thread".to_owned())?;
    outcome
}

async fn pass(parts: Parts, everything: bool, desired: &Desired) -> Result<bool, String> {
    let platform = Platform::new(parts);
    let (client, kept) = (platform.client(&estate().token), (Signer::default(), Spool::none()));
    let trust = Trust::unreviewed(&[], false);
    let context = context(&client, &trust, &kept);
    let prepared = prepare(desired, context, POLICY).await;
    hold(platform.calls() <= MOST_CALLS, || format!("{} calls", platform.calls()))?;
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            inert::error("a platform that cannot be read", &error)?;
            return Ok(false);
        }
    };
    look(&prepared, desired, everything)?;
    let is_known = prepared.plan.unknown.is_empty();
    if everything {
        exported(&client).await?;
        let (_keep, stop) = tokio::sync::watch::channel(false);
        let (events, _) = tokio::sync::mpsc::unbounded_channel();
        let report = carry_out(&prepared, context, OnError::Finish, stop, events).await;
        hold(platform.calls() <= 2 * MOST_CALLS, || format!("{} calls", platform.calls()))?;
        told(&prepared, &report)?;
    }
    Ok(is_known)
}

/// No key is in what is shown.
fn keeps_secrets(what: &str, text: &str) -> Result<(), String> {
    let told = estate().secrets.iter().find(|secret| text.contains(secret.as_str()));
    hold(told.is_none(), || format!("{what} tells a key: {text}"))
}

/// A plan in all its forms, and once more out of its seal.
fn look(prepared: &Prepared, desired: &Desired, everything: bool) -> Result<(), String> {
    let plan = &prepared.plan;
    plans::views(plan)?;
    let status = status(plan, prepared.calls);
    inert::styled("a status as text", &status_text(&status, Some(80)))?;
    inert::markdown("a status as Markdown", &status_markdown(&status, 60_000))?;
    inert::json("a status as JSON", &json_text(&status))?;
    keeps_secrets("a page", &plan_html(plan, 4))?;
    let ids: std::collections::BTreeSet<_> = plan.steps.iter().map(|step| &step.id).collect();
    hold(ids.len() == plan.steps.len(), || "two steps of one name".to_owned())?;
    if everything {
        let sealed = estate::sealed(plan, desired, prepared.own_account, POLICY);
        let text = String::from_utf8_lossy(&sealed);
        keeps_secrets("a saved plan", &text)?;
        let read =
            Sealed::read(&text).map_err(|error| format!("not read back: {error}\n{text}"))?;
        let narrow = read.restrict(plan.clone());
        let narrow = narrow.map_err(|stale| format!("its own plan is stale: {stale:?}\n{text}"))?;
        hold(narrow.digest == plan.digest, || format!("{} became another", plan.digest))?;
    }
    Ok(())
}

/// What is observed can be written as manifests, or there is a reason why not; what is written loads.
async fn exported(client: &Client) -> Result<(), String> {
    let Ok((actual, _)) = observe(client, &Signer::default()).await else { return Ok(()) };
    let now = jiff::Timestamp::now().as_second();
    let options = export::Options {
        stack: "fleet".to_owned(),
        exclude: Vec::new(),
        foreign: Others::Comment,
        unmanaged: Others::Include,
        metadata: true,
        include_sessions: true,
        schema: None,
        now,
        only: None,
    };
    let export = match export::export(&actual, &options) {
        Ok(export) => export,
        Err(error) => return inert::error("an export that cannot be made", &error),
    };
    for file in &export.files {
        inert::text("an exported file", &file.text)?;
        keeps_secrets("an exported file", &file.text)?;
    }
    let texts = export.files.iter().map(|file| (file.path.clone(), file.text.clone()));
    let load = manifest::load_texts(texts, now);
    hold(!load.diagnostics.has_errors(), || {
        format!("an export that does not load: {:?}", load.diagnostics)
    })
}

/// A run in all its forms, and in the history.
fn told(prepared: &Prepared, report: &Report) -> Result<(), String> {
    hold(report.steps.len() == prepared.plan.steps.len(), || {
        "a step without an outcome".to_owned()
    })?;
    inert::styled("a run as text", &run_text(report, Some(80)))?;
    inert::markdown("a run as Markdown", &run_markdown(report, "fleet", 60_000))?;
    let facts = RunFacts {
        run: run().clone(),
        command: "apply",
        trigger: "command".to_owned(),
        actor: Actor::default(),
        commit: None,
        platform: "sandbox".to_owned(),
        account: prepared.own_account,
        began: jiff::Timestamp::UNIX_EPOCH,
        objects: Default::default(),
    };
    let record = record(facts, &prepared.plan, report);
    let text = serde_json::to_string(&record).map_err(|error| error.to_string())?;
    keeps_secrets("a record", &text)?;
    let read =
        serde_json::from_str(&text).map_err(|error| format!("not read back: {error}: {text}"))?;
    hold(record == read, || format!("read back as another record: {text}"))?;
    inert::styled("a record as text", &record_text(&record, Some(80)))?;
    for why in &report.refused {
        inert::said("a refusal", why)?;
    }
    Ok(())
}

fn run() -> &'static RunId {
    static RUN: OnceLock<RunId> = OnceLock::new();
    RUN.get_or_init(RunId::new)
}
