//! Saved plans: what is changed is refused unless its seals are made again; what is read is what was written, and what is
//! carried out of it is no more than what was reviewed.

use std::ops::Range;

use data_encoding::HEXLOWER;
use flespi_gitops::plan::{Plan, Sealed};
use flespi_gitops::report::{plan_html, plan_markdown, plan_text};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::estate::estate;
use super::{Dice, Target, hold, inert, json};

pub const TARGET: Target = Target {
    name: "plans",
    about: "saved plans, and those whose seals somebody made again",
    corpus: || estate().plans.clone(),
    mutate,
    feed: || {
        let fresh = super::answers::plans();
        Box::new(move |input, everything| feed(input, everything, &fresh))
    },
    short: 300,
    repeat: None,
};

/// Half of them are sealed again, which whoever can write the file can do as well.
fn mutate(corpus: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let input = json::mutated(corpus, dice);
    match dice.roll(2) {
        0 => input,
        _ => resealed(&input).unwrap_or(input),
    }
}

/// Where the value of `name` stands in the text of an object whose value before begins with `after`.
fn content(text: &str) -> Option<Range<usize>> {
    let begin = text.find("\"content\":")? + "\"content\":".len();
    Some(begin..text.rfind('}')?).filter(|range| range.start <= range.end)
}

fn sum(text: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(text))
}

/// The plan with the seals that its content has.
fn resealed(input: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(input).ok()?;
    let content = text.get(content(text)?)?;
    let value: Value = serde_json::from_str(content).ok()?;
    let mut lines = value["desired"]["stack"].as_str()?.to_owned();
    for step in value["steps"].as_array()? {
        let names = ["id", "phase", "action", "address", "changes", "needs", "holds", "relies_on"];
        let line: Vec<&Value> = names.iter().map(|name| &step[name]).collect();
        lines.push_str(&format!("\n{}", json!(line)));
    }
    for refusal in value["refusals"].as_array()? {
        lines.push_str(&format!("\n{refusal}"));
    }
    let (digest, checksum) = (sum(lines.as_bytes()), sum(content.as_bytes()));
    let format = serde_json::from_str::<Value>(text).ok()?["format"].clone();
    let sealed = format!(
        "{{\"format\":{format},\"digest\":\"{digest}\",\"checksum\":\"{checksum}\",\"content\":{content}}}"
    );
    Some(sealed.into_bytes())
}

fn feed(input: &[u8], everything: bool, fresh: &[Plan]) -> Result<bool, String> {
    // A file that is no text is not read at all.
    let Ok(text) = std::str::from_utf8(input) else { return Ok(false) };
    let sealed = match Sealed::read(text) {
        Ok(sealed) => sealed,
        Err(error) => {
            inert::error("a plan that is refused", &error)?;
            return Ok(false);
        }
    };
    let again = serde_json::to_string(&sealed).map_err(|error| error.to_string())?;
    let read = Sealed::read(&again).map_err(|error| format!("not read back: {error}\n{again}"))?;
    hold(serde_json::to_string(&read).ok().as_ref() == Some(&again), || {
        format!("read back as another plan:\n{again}")
    })?;
    let _ = (sealed.account(), sealed.policy(), sealed.trust().folders().len());
    for plan in fresh {
        match sealed.restrict(plan.clone()) {
            Ok(narrow) => {
                let is_reviewed = |id: &str| text.contains(id) || again.contains(id);
                for step in &narrow.steps {
                    let id = json!(step.id).to_string();
                    hold(is_reviewed(&id), || format!("{id} was not reviewed"))?;
                    hold(plan.steps.iter().any(|it| it.id == step.id), || format!("{id} is new"))?;
                }
                if everything {
                    views(&narrow)?;
                }
            }
            Err(stale) => {
                hold(!stale.is_empty(), || "stale for no reason".to_owned())?;
                for it in stale {
                    inert::said("what is stale", &format!("{}: {}", it.address, it.what))?;
                }
            }
        }
    }
    Ok(true)
}

/// Every form in which a plan is shown.
pub fn views(plan: &Plan) -> Result<(), String> {
    for width in [None, Some(60)] {
        inert::styled("a plan as text", &plan_text(plan, width))?;
    }
    inert::markdown("a plan as Markdown", &plan_markdown(plan, 60_000))?;
    inert::page(&plan_html(plan, 4))?;
    let document = flespi_gitops::plan::document(plan, 4);
    inert::json("a plan as JSON", &flespi_gitops::diagnostic::render::json_text(&document))
}
