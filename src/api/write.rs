//! Writing: every change of the platform goes through here.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::answer::Answer;
use super::client::Client;
use super::error::{ApiError, Class};
use super::read::Reader;
use super::request::{self, Item};
use crate::resource::Kind;
use crate::resource::kinds::{Collection, LinkRow};
use crate::secret::SecretString;

/// Changes the platform.
#[derive(Debug, Clone)]
pub struct Writer {
    client: Client,
}

/// An item that a POST made. The key of a token is taken out of the plain data at once.
#[derive(Debug)]
pub struct Created {
    /// The item without its key.
    pub item: Map<String, Value>,
    /// The key, if the item is a token and the answer held one.
    pub key: Option<SecretString>,
}

impl Writer {
    /// Writes with `client`.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// A reader with the same token and counts.
    pub fn reader(&self) -> Reader {
        Reader::new(self.client.clone())
    }

    /// Creates `items` in the account `owner`; `None` is our own. Gives what was made and what the
    /// platform complains of: an item may be missing from the answer.
    ///
    /// # Errors
    /// [`ApiError`]; see [`ApiError::may_have_committed`].
    pub async fn create(
        &self,
        collection: impl Into<Collection>,
        owner: Option<i64>,
        items: Vec<Item>,
    ) -> Result<(Vec<Created>, Vec<String>), ApiError> {
        let answer = self.client.send(&request::create(collection, owner, items)).await?;
        let complaints = answer.complaints.clone();
        Ok((answer.into_items().map(created).collect(), complaints))
    }

    /// Sets the fields of `item` on all of `ids`.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn update(
        &self,
        collection: impl Into<Collection>,
        ids: &[i64],
        item: &Item,
    ) -> Result<Answer, ApiError> {
        self.client.send(&request::update(collection, ids, item)).await
    }

    /// Deletes `ids`. What is gone already counts as deleted. Gives what the platform complains of: then some may still
    /// be there.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn delete(
        &self,
        collection: impl Into<Collection>,
        ids: &[i64],
    ) -> Result<Vec<String>, ApiError> {
        self.send_deletion(request::delete(collection, ids), ids).await
    }

    /// Links the object `id` to `to`. Gives what it is linked to by the answer, and what the platform complains of.
    ///
    /// # Errors
    /// [`ApiError`]; see [`ApiError::may_have_committed`].
    pub async fn link(
        &self,
        kind: Kind,
        link: &LinkRow,
        id: i64,
        to: &[i64],
    ) -> Result<(BTreeSet<i64>, Vec<String>), ApiError> {
        let answer = self.client.send(&request::link(kind, link, id, to)).await?;
        let complaints = answer.complaints.clone();
        let ids = answer.into_items().filter_map(|item| item.get(link.id)?.as_i64());
        Ok((ids.collect(), complaints))
    }

    /// Takes the links of the object `id` to `from` away. What is gone already counts as taken away. Gives what the platform
    /// complains of.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn unlink(
        &self,
        kind: Kind,
        link: &LinkRow,
        id: i64,
        from: &[i64],
    ) -> Result<Vec<String>, ApiError> {
        self.send_deletion(request::unlink(kind, link, id, from), from).await
    }

    /// Deletes what the run made for itself, also while the process is asked to end.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn clean_up(&self, kind: Kind, ids: &[i64]) -> Result<Vec<String>, ApiError> {
        let request = request::Request { cleans_up: true, ..request::delete(kind, ids) };
        self.send_deletion(request, ids).await
    }

    async fn send_deletion(
        &self,
        request: request::Request,
        ids: &[i64],
    ) -> Result<Vec<String>, ApiError> {
        match self.client.send(&request).await {
            Ok(answer) => Ok(answer.complaints),
            // Of several ids one may be gone and the others not; then the caller asks one by one.
            Err(error) if error.class == Class::NotFound && ids.len() == 1 => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Brings back what `records` of the recycle bin of an account (`None`: our own) hold. Gives
    /// what the platform complains of.
    ///
    /// # Errors
    /// [`ApiError`]; see [`ApiError::may_have_committed`].
    pub async fn restore(
        &self,
        account: Option<i64>,
        records: &[i64],
    ) -> Result<Vec<String>, ApiError> {
        let answer = self.client.send(&request::restore(account, records)).await?;
        Ok(answer.complaints)
    }

    /// Sets the password of the account that `token` belongs to.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn set_password(
        &self,
        token: &SecretString,
        password: SecretString,
    ) -> Result<(), ApiError> {
        self.send_as(token, &request::set_password(password)).await
    }

    /// Asks for another e-mail address of the account that `token` belongs to.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn request_email(&self, token: &SecretString, email: &str) -> Result<(), ApiError> {
        self.send_as(token, &request::request_email(email)).await
    }

    async fn send_as(
        &self,
        token: &SecretString,
        request: &request::Request,
    ) -> Result<(), ApiError> {
        let client = self
            .client
            .signed_with(token)
            .map_err(|error| ApiError::new(request, Class::Rejected, error.to_string()))?;
        client.send(request).await.map(drop)
    }
}

fn created(mut item: Map<String, Value>) -> Created {
    let key = match item.remove("key") {
        Some(Value::String(key)) if !key.is_empty() => Some(SecretString::from(key)),
        _ => None,
    };
    Created { item, key }
}
