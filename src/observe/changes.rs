//! Who wrote an object last: what the platform's log says where the mark does not.
//!
//! One write for many objects leaves their marks alone, so a mark may not tell whether a value is ours. The log does; it
//! costs a call for each object, so only so many are asked.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use tokio::task::JoinSet;

use crate::api::Reader;
use crate::assumptions::LOG_AFTER;
use crate::resource::Kind;
use crate::resource::canonical::canonical;

/// What our calls begin to call themselves with: our own doing is told by it from that of others.
pub(super) const OWN_APP: &str = "flespi-gitops/";

/// Objects whose logs are read for one plan.
const MOST_OBJECTS: usize = 20;

/// The fields of an object as they were left by writers, the newest record first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LastWriter(Vec<Record>);

/// What one write left.
#[derive(Debug, Clone, PartialEq)]
struct Record {
    is_ours: bool,
    after: Map<String, Value>,
}

/// Who moved a field since we wrote it last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// What is there is what we wrote.
    Nobody,
    /// We wrote what is wanted, and somebody wrote something else since.
    Others,
    /// The log does not tell.
    Unknown,
}

impl LastWriter {
    /// Who moved `field`, which has the canonical value `found` and is to have `wanted`.
    pub fn of(&self, kind: Kind, field: &str, found: &Value, wanted: &Value) -> Moved {
        let value = |record: &Record| {
            let value = match field.strip_prefix("metadata.") {
                Some(key) => record.after.get("metadata")?.get(key),
                None => record.after.get(field),
            };
            Some(canonical(kind, field, value?))
        };
        let Some(ours) = self.0.iter().filter(|record| record.is_ours).find_map(value) else {
            return Moved::Unknown;
        };
        match () {
            () if ours == *found => Moved::Nobody,
            () if ours == *wanted => Moved::Others,
            () => Moved::Unknown,
        }
    }

    /// Reads the records of a log, the newest first.
    fn read(records: Vec<Map<String, Value>>) -> Self {
        let records = records.into_iter().filter_map(|mut record| {
            let Some(Value::Object(after)) = record.remove(LOG_AFTER) else { return None };
            let app = record.get("app").and_then(Value::as_str).unwrap_or_default();
            Some(Record { is_ours: app.starts_with(OWN_APP), after })
        });
        Self(records.collect())
    }
}

/// Asks the logs of `objects`. One that cannot be read explains nothing and hinders nothing.
pub(super) async fn writers(
    reader: &Reader,
    objects: &BTreeSet<(Kind, i64)>,
) -> BTreeMap<(Kind, i64), LastWriter> {
    let mut readings = JoinSet::new();
    for (kind, id) in objects.iter().copied().take(MOST_OBJECTS) {
        let reader = reader.clone();
        readings.spawn(async move { ((kind, id), reader.logs(kind, id).await) });
    }
    let mut writers: BTreeMap<_, _> =
        objects.iter().map(|object| (*object, LastWriter::default())).collect();
    while let Some(joined) = readings.join_next().await {
        if let Ok((object, Ok(records))) = joined {
            writers.insert(object, LastWriter::read(records));
        }
    }
    writers
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn log(records: &[(&str, i64)]) -> LastWriter {
        let records = records.iter().map(|(app, count)| {
            let record = json!({"app": app, "new": {"devices_count": count}});
            record.as_object().unwrap().clone()
        });
        LastWriter::read(records.collect())
    }

    fn moved(log: &LastWriter, found: i64, wanted: i64) -> Moved {
        log.of(Kind::Limit, "devices_count", &json!(found), &json!(wanted))
    }

    #[test]
    fn our_newest_record_tells_which_side_moved() {
        let touched = log(&[("panel", 99), ("flespi-gitops/1", 2), ("flespi-gitops/1", 1)]);
        assert_eq!(moved(&touched, 99, 2), Moved::Others);
        assert_eq!(moved(&touched, 99, 3), Moved::Unknown, "both sides moved");
        let untouched = log(&[("flespi-gitops/1", 2)]);
        assert_eq!(moved(&untouched, 2, 3), Moved::Nobody);
        assert_eq!(moved(&log(&[("panel", 99)]), 99, 2), Moved::Unknown, "we never wrote it");
        assert_eq!(moved(&LastWriter::default(), 1, 2), Moved::Unknown);
        let other = log(&[("flespi-gitops/1", 2)]).of(Kind::Limit, "x", &json!(2), &json!(3));
        assert_eq!(other, Moved::Unknown, "a record may hold a part of the fields");
    }
}
