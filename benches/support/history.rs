//! The history: a record that somebody changed is told as damaged, or is shown; what is kept reads back.

use flespi_gitops::diagnostic::render::json_text;
use flespi_gitops::history::{History, Record};
use flespi_gitops::report::{history_text, record_text};
use flespi_gitops::run::RunId;

use super::estate::estate;
use super::{Target, folders, hold, inert, json};

pub const TARGET: Target = Target {
    name: "history",
    about: "records of past runs",
    corpus: || estate().records.clone(),
    mutate: json::mutated,
    feed: || {
        let folder = folders::quick();
        Box::new(move |input, everything| feed(input, everything, folder.path()))
    },
    short: 400,
    repeat: None,
};

fn feed(input: &[u8], everything: bool, folder: &std::path::Path) -> Result<bool, String> {
    let record: Record = match serde_json::from_slice(input) {
        Ok(record) => record,
        Err(error) => {
            inert::said("a damaged record", &error.to_string())?;
            return Ok(false);
        }
    };
    for width in [None, Some(60)] {
        inert::styled("a record", &record_text(&record, width))?;
    }
    let list = history_text(std::slice::from_ref(&record), None);
    inert::styled("a list of runs", &list)?;
    hold(list.lines().count() == 2, || format!("a run is not one line: {list}"))?;
    inert::json("a record as JSON", &json_text(&record))?;
    if everything {
        stored(&record, input, folder)?;
    }
    Ok(true)
}

/// What is in the folder is read as it is; what is kept reads back.
fn stored(record: &Record, input: &[u8], folder: &std::path::Path) -> Result<(), String> {
    let history = History::new(folder);
    let said = |error: std::io::Error| error.to_string();
    let mut kept = record.clone();
    kept.run = RunId::parse("20260101-000000-abcde").ok_or("not a run")?;
    history.keep(&kept).map_err(said)?;
    let read = history.read(&kept.run).map_err(|error| format!("not read back: {error}"))?;
    hold(read == kept, || format!("read back as another record: {}", json_text(&kept)))?;
    let file = folder.join("history/20260101-000001-abcde.json");
    std::fs::write(&file, input).map_err(said)?;
    let last = history.last(5, |_| true).map_err(said)?;
    hold(last.len() == 2, || format!("{} of two records", last.len()))?;
    hold(last[0].1.as_ref().is_ok_and(|read| read == record), || "not the record".to_owned())?;
    std::fs::remove_file(file).map_err(said)
}
