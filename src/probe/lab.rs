//! A place for trials: calls in the throwaway account, and what was made there.

use serde_json::{Value, json};

use super::book::Book;
use super::caller::{Call, Caller, Heard, ProbeError, Signer};
use super::throwaway::Throwaway;

/// How long tokens of trials live without use, in seconds, where it does not matter.
pub(super) const TTL: u64 = 3600;

/// A place for trials: an account of the throwaway branch.
pub(super) struct Lab<'a> {
    caller: &'a Caller,
    /// The throwaway account.
    pub(super) account: i64,
    pub(super) book: &'a mut Book,
}

/// A token that was made for trials.
#[derive(Clone)]
pub(super) struct Made {
    pub(super) id: i64,
    pub(super) key: String,
}

/// Accounts that were made and stay for other questions.
pub(super) struct Tree {
    /// An account in the throwaway account.
    pub(super) inner: i64,
    /// A limit of the inner account.
    pub(super) inner_limit: i64,
    /// A token of type Master of the inner account.
    pub(super) key: Made,
}

impl<'a> Lab<'a> {
    /// A place for trials in the throwaway account.
    pub(super) fn new(caller: &'a Caller, throwaway: Throwaway, book: &'a mut Book) -> Self {
        Self { caller, account: throwaway.account, book }
    }
}

impl Lab<'_> {
    /// Sends a call that is about things that were made for trials.
    pub(super) async fn send(&self, call: Call<'_>) -> Result<Heard, ProbeError> {
        self.caller.send(call.about_ours()).await
    }

    /// Creates one item in an account of the branch.
    pub(super) async fn post(
        &self,
        account: i64,
        collection: &str,
        item: Value,
    ) -> Result<Heard, ProbeError> {
        self.post_all(account, collection, json!([item])).await
    }

    /// The same with a body as it is.
    pub(super) async fn post_all(
        &self,
        account: i64,
        collection: &str,
        body: Value,
    ) -> Result<Heard, ProbeError> {
        self.send(Call::new("POST", format!("/{collection}")).within(account).with(body)).await
    }

    /// Reads in an account of the branch.
    pub(super) async fn get(&self, account: i64, path: &str) -> Result<Heard, ProbeError> {
        self.send(Call::get(format!("/{path}")).within(account)).await
    }

    /// Changes items that were made for trials.
    pub(super) async fn put(
        &self,
        account: i64,
        path: &str,
        body: Value,
    ) -> Result<Heard, ProbeError> {
        self.send(Call::new("PUT", format!("/{path}")).within(account).with(body)).await
    }

    /// Deletes one item that was made for trials.
    pub(super) async fn delete(
        &self,
        account: i64,
        collection: &str,
        id: i64,
    ) -> Result<Heard, ProbeError> {
        self.send(Call::new("DELETE", format!("/{collection}/{id}")).within(account)).await
    }

    /// Creates a token in an account of the branch; none if the platform does not.
    pub(super) async fn token(
        &self,
        account: i64,
        token: Value,
    ) -> Result<Option<Made>, ProbeError> {
        let made = self.post(account, "platform/tokens", token).await?;
        Ok(Made::of(made.item()))
    }

    /// Creates a token of type Master in an account of the branch; none if the platform does not.
    pub(super) async fn master(&self, account: i64) -> Result<Option<Made>, ProbeError> {
        self.token(account, master()).await
    }

    /// The record of a deleted item in the bin of an account.
    pub(super) async fn in_bin(
        &self,
        account: i64,
        id: i64,
    ) -> Result<(Heard, Option<i64>), ProbeError> {
        let path = "platform/deleted/all?fields=id,type,item_id&limit=1000";
        let bin = self.get(account, path).await?;
        let is_it = |record: &&Value| record.get("item_id").and_then(Value::as_i64) == Some(id);
        let record = bin.items().iter().find(is_it);
        let record = record.and_then(|record| record.get("id")?.as_i64());
        Ok((bin, record))
    }

    /// Takes a record out of the bin of an account.
    pub(super) async fn restore(&self, account: i64, record: i64) -> Result<Heard, ProbeError> {
        let path = format!("/platform/deleted/{record}/restore");
        self.send(Call::new("POST", path).within(account).with(json!({}))).await
    }

    /// A read that is signed with a token that was made for trials.
    pub(super) async fn get_as(&self, key: &str, path: &str) -> Result<Heard, ProbeError> {
        self.send(Call::get(format!("/{path}")).signed(Signer::Key(key))).await
    }
}

impl Made {
    fn of(item: Option<&Value>) -> Option<Self> {
        let item = item?;
        let key = item.get("key")?.as_str()?.to_owned();
        Some(Self { id: item.get("id")?.as_i64()?, key })
    }
}

/// A token of type Master that lives long enough.
pub(super) fn master() -> Value {
    json!({"info": "probe", "ttl": TTL, "access": {"type": 1}})
}

/// Whether a value is the id that was meant.
pub(super) fn is_id(value: Option<&Value>, id: i64) -> bool {
    value.and_then(Value::as_i64) == Some(id)
}
