//! Linking objects to others, and believing only what is linked afterwards.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::job::{Done, Failure};
use super::payload::LinkJob;
use super::set;
use crate::api::Writer;
use crate::assumptions::IDS_PER_CALL;
use crate::resource::Mark;
use crate::resource::kinds::Collection;

/// Links and takes away, then makes sure of both. What was linked before by another run is as good.
pub(super) async fn set(writer: &Writer, job: &LinkJob) -> Result<Done, Failure> {
    let LinkJob { kind, link, id, add, remove, .. } = job;
    let mut told = BTreeSet::new();
    let mut complaints: Vec<String> = Vec::new();
    for ids in add.chunks(IDS_PER_CALL) {
        match writer.link(*kind, link, *id, ids).await {
            Ok((linked, words)) => {
                told.extend(linked);
                complaints.extend(words);
            }
            Err(error) => complaints.push(error.to_string()),
        }
    }
    for ids in remove.chunks(IDS_PER_CALL) {
        match writer.unlink(*kind, link, *id, ids).await {
            Ok(words) => complaints.extend(words),
            Err(error) => complaints.push(error.to_string()),
        }
    }
    if !complaints.is_empty() || !add.iter().all(|id| told.contains(id)) {
        verify(writer, job, &complaints).await?;
    }
    let mut done = Done::with_id(*id);
    if job.note.is_some() {
        done.metadata = Some(note(writer, job).await?);
    }
    Ok(done)
}

/// Reads what is linked now, and tells what is not as it is to be.
async fn verify(writer: &Writer, job: &LinkJob, complaints: &[String]) -> Result<(), Failure> {
    let LinkJob { kind, link, id, add, remove, .. } = job;
    let said = match complaints {
        [] => "the platform did not say why".to_owned(),
        words => words.join("; "),
    };
    let there = writer.reader().links(*kind, link, *id).await.map_err(|error| {
        Failure::of_object(*id, format!("cannot check what it is linked to: {error}; {said}"))
    })?;
    let missing: Vec<String> =
        add.iter().filter(|id| !there.contains(id)).map(i64::to_string).collect();
    let left: Vec<String> =
        remove.iter().filter(|id| there.contains(id)).map(i64::to_string).collect();
    let what = match (missing.as_slice(), left.as_slice()) {
        ([], []) => return Ok(()),
        ([], left) => format!("it is still linked to {}: {said}", left.join(", ")),
        (missing, _) => format!("it is not linked to {}: {said}", missing.join(", ")),
    };
    Err(Failure::of_object(*id, what))
}

/// Notes in the mark what is linked now.
async fn note(writer: &Writer, job: &LinkJob) -> Result<Map<String, Value>, Failure> {
    let LinkJob { kind, link, id, owner, note, metadata, signer, .. } = job;
    let mut metadata = metadata.clone();
    if let (Ok(Some(mut mark)), Some(value)) = (Mark::read(&metadata), note) {
        mark.applied.note(link.field, value);
        mark.write(&mut metadata);
        signer.sign(*owner, &mut metadata);
    }
    set::set_metadata(writer, Collection::from(*kind), *id, metadata).await
}
