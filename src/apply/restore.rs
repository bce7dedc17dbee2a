//! Bringing back from the recycle bin.
//!
//! What counts is not the answer but what is there afterwards: the account is read again, and an
//! object that has its old id is back, whoever brought it.

use super::job::{Failure, Results};
use super::payload::Record;
use super::set;
use crate::api::Writer;
use crate::resource::Kind;

/// Brings back `buried`, all of one kind and from the bin of one account.
pub(super) async fn restore(
    writer: &Writer,
    kind: Kind,
    own_account: i64,
    owner: i64,
    buried: &[Record],
) -> Results {
    let mut results = together(writer, kind, own_account, owner, buried).await;
    // One that cannot come back may have kept the others from it.
    if buried.len() > 1 {
        for (result, record) in results.iter_mut().zip(buried) {
            if result.is_err() {
                let alone = std::slice::from_ref(record);
                let mut again = together(writer, kind, own_account, owner, alone).await;
                *result = again.pop().unwrap_or_else(|| Err(Failure::new("it was not tried")));
            }
        }
    }
    results
}

async fn together(
    writer: &Writer,
    kind: Kind,
    own_account: i64,
    owner: i64,
    buried: &[Record],
) -> Results {
    // Our own bin is the one of a call without the header.
    let header = (owner != own_account).then_some(owner);
    let records: Vec<i64> = buried.iter().map(|record| record.record).collect();
    let said = match writer.restore(header, &records).await {
        Ok(complaints) => complaints.join("; "),
        Err(error) => error.to_string(),
    };
    let there = match writer.reader().list_held(kind, owner).await {
        Ok(there) => there,
        Err(error) => {
            let what = format!(
                "cannot check whether it was restored: {error}; the next run finds it by its mark"
            );
            return buried.iter().map(|_| Err(Failure::new(what.clone()))).collect();
        }
    };
    let outcome = |record: &Record| match there.get(&record.id) {
        Some(item) => Ok(set::done(kind, record.id, &item.unpack())),
        None if said.is_empty() => Err(Failure::new(
            "the platform reported it as restored, but it is not there: the platform deletes an object past \
             its own expiry again at once",
        )),
        None => Err(Failure::new(format!("the platform did not restore it: {said}"))),
    };
    buried.iter().map(outcome).collect()
}
