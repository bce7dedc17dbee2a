//! Requests as plain values: building one has no effect and needs no network.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use crate::assumptions::{
    ALL_CONTAINERS, DELETIONS_IN_LOG, KEY_FIELD, LOG_ITEM_TYPE, LOG_KIND_FIELD, LOG_RECORDS,
};
use crate::resource::kinds::{Collection, LinkRow};
use crate::resource::{Kind, stand_in};
use crate::secret::{ExposeSecret, SecretString};

/// An HTTP method that the platform's API has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Read.
    Get,
    /// Create.
    Post,
    /// Set the given fields on every selected item.
    Put,
    /// Delete every selected item.
    Delete,
}

impl Method {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }

    /// Whether sending the request twice leaves the platform as sending it once does.
    pub fn is_idempotent(self) -> bool {
        self != Self::Post
    }
}

/// What a request carries.
pub enum Body {
    /// Nothing.
    Empty,
    /// Plain data.
    Json(Value),
    /// One item for all that are selected.
    Item(Item),
    /// Items, one for each that is made.
    Items(Vec<Item>),
    /// `PUT /auth/password`: the platform wants it twice.
    Password(SecretString),
}

/// The secrets of an item, by the places of their [stand-ins](stand_in).
pub type Secrets = BTreeMap<String, SecretString>;

/// What is written of one item: data with stand-ins, and the secrets that take their places on the wire alone.
#[derive(Debug, Clone, Default)]
pub struct Item {
    /// The fields.
    pub body: Map<String, Value>,
    /// What the stand-ins in them stand for.
    pub secrets: Secrets,
}

impl From<Map<String, Value>> for Item {
    fn from(body: Map<String, Value>) -> Self {
        Self { body, secrets: Secrets::new() }
    }
}

impl Item {
    /// The fields with every secret in its place. A stand-in whose secret is missing stays, and the platform refuses it.
    fn filled(&self) -> Value {
        let instead = |place: &str| match self.secrets.get(place) {
            Some(secret) => Value::from(secret.expose_secret()),
            None => stand_in::stand_in(place),
        };
        let fields = self.body.iter();
        let filled = |value| stand_in::replaced(value, &instead);
        Value::Object(fields.map(|(name, value)| (name.clone(), filled(value))).collect())
    }
}

/// A call to the platform, not yet sent.
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path and query below the platform's address.
    pub path: String,
    /// Act in this account (`x-flespi-cid`): the `id` of a subaccount, not its `cid`.
    pub cid: Option<i64>,
    /// The body.
    pub body: Body,
    /// It takes back what the run needed for itself, so it is tried again even when the process is asked to end.
    pub cleans_up: bool,
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.method.as_str(), self.path)
    }
}

impl Request {
    fn new(method: Method, path: String) -> Self {
        Self { method, path, cid: None, body: Body::Empty, cleans_up: false }
    }

    /// What calls are counted under: `tokens`, `customer`, `auth`...
    pub fn collection(&self) -> &str {
        let mut segments = self.path.split(['/', '?']).filter(|segment| !segment.is_empty());
        match segments.next() {
            Some("platform") => segments.next().unwrap_or("platform"),
            other => other.unwrap_or(""),
        }
    }

    /// Whether the request, or what a server may echo of it, holds a secret.
    pub fn is_secret(&self) -> bool {
        match &self.body {
            Body::Empty | Body::Json(_) => false,
            Body::Item(item) => !item.secrets.is_empty(),
            Body::Items(items) => items.iter().any(|item| !item.secrets.is_empty()),
            Body::Password(_) => true,
        }
    }

    /// The body as text, or `None` for no body.
    pub fn body_text(&self) -> Option<SecretString> {
        match &self.body {
            Body::Empty => None,
            Body::Json(value) => Some(SecretString::from(value.to_string())),
            Body::Item(item) => Some(SecretString::from(item.filled().to_string())),
            Body::Items(items) => {
                let items: Vec<Value> = items.iter().map(Item::filled).collect();
                Some(SecretString::from(Value::Array(items).to_string()))
            }
            Body::Password(password) => {
                let password = password.expose_secret();
                let body = json!({"password": password, "confirmation": password});
                Some(SecretString::from(body.to_string()))
            }
        }
    }
}

/// Which token signs our calls: `GET /auth/info`.
pub fn identity() -> Request {
    Request::new(Method::Get, "/auth/info".to_owned())
}

/// One page of a whole branch: `GET /platform/{collection}/all`. Without `x-flespi-cid` the call
/// covers the root account and everything below it.
pub fn list_page(kind: Kind, limit: usize, offset: usize) -> Request {
    let path = path(kind.into(), Some("all"));
    let fields = fields(kind).join(",");
    Request::new(Method::Get, format!("{path}?fields={fields}&limit={limit}&offset={offset}"))
}

/// One page of a whole branch, as far as marks and assignments need it.
pub fn list_marks(kind: Kind, limit: usize, offset: usize) -> Request {
    let (path, fields) = (path(kind.into(), Some("all")), kind.row().answered);
    Request::new(Method::Get, format!("{path}?fields={fields}&limit={limit}&offset={offset}"))
}

/// What one account holds of a kind, or another object of it, as far as marks and assignments need it.
pub fn list_held(collection: Collection, owner: i64, limit: usize, offset: usize) -> Request {
    let all = match collection.inside {
        Some(_) => "all".to_owned(),
        None => format!("all,cid={owner}"),
    };
    let (path, fields) = (path(collection, Some(&all)), collection.kind.row().answered);
    Request::new(Method::Get, format!("{path}?fields={fields}&limit={limit}&offset={offset}"))
}

/// One page of what an object is linked to.
pub fn list_links(kind: Kind, link: &LinkRow, id: i64, limit: usize, offset: usize) -> Request {
    let path = path(kind.into(), Some(&id.to_string()));
    let LinkRow { collection, id: field, .. } = link;
    let query = format!("fields={field}&limit={limit}&offset={offset}");
    Request::new(Method::Get, format!("{path}/{collection}/all?{query}"))
}

/// Links an object to others, which takes nothing away from what it is linked to already.
pub fn link(kind: Kind, link: &LinkRow, id: i64, to: &[i64]) -> Request {
    let path = path(kind.into(), Some(&id.to_string()));
    let body = match link.with {
        [] => Body::Empty,
        with => Body::Json(
            with.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect(),
        ),
    };
    let path = format!("{path}/{}/{}", link.collection, join(to));
    Request { body, ..Request::new(Method::Post, path) }
}

/// Takes links of an object away.
pub fn unlink(kind: Kind, link: &LinkRow, id: i64, from: &[i64]) -> Request {
    let path = path(kind.into(), Some(&id.to_string()));
    Request::new(Method::Delete, format!("{path}/{}/{}", link.collection, join(from)))
}

/// Some fields of some items, by their ids.
pub fn some_fields(kind: Kind, ids: &[i64], fields: &BTreeSet<&str>) -> Request {
    let path = path(kind.into(), Some(&join(ids)));
    let fields = answered_fields(kind, fields.iter().copied());
    Request::new(Method::Get, format!("{path}?fields={fields}"))
}

/// Whether some items are there, by their ids.
pub fn by_id(kind: Kind, ids: &[i64]) -> Request {
    let path = path(kind.into(), Some(&join(ids)));
    Request::new(Method::Get, format!("{path}?fields=id"))
}

/// One page of the telematics items of one type that an account holds itself (`None`: our own; `owner` is its id), with some
/// fields. An expression narrows them down; whatever it says, the account has to be compared once more, since how it binds
/// is not known.
pub fn list_items(
    path: &str,
    (account, owner): (Option<i64>, i64),
    expression: Option<&str>,
    fields: &BTreeSet<&str>,
    (limit, offset): (usize, usize),
) -> Request {
    let selector = match expression {
        None => format!("all,cid={owner}"),
        Some(text) => {
            utf8_percent_encode(&format!("{{{text} && cid=={owner}}}"), NOT_PLAIN).to_string()
        }
    };
    let fields = fields.iter().copied().collect::<Vec<_>>().join(",");
    let path = format!("/{path}/{selector}?fields={fields}&limit={limit}&offset={offset}");
    Request { cid: account, ..Request::new(Method::Get, path) }
}

/// One page of what was deleted from an account (`None`: our own) and can still come back.
pub fn list_deleted(kind: Kind, account: Option<i64>, limit: usize, offset: usize) -> Request {
    let number = kind.number();
    let path = format!(
        "/platform/deleted/type={number}?fields=id,item_id,data&limit={limit}&offset={offset}"
    );
    Request { cid: account, ..Request::new(Method::Get, path) }
}

/// Brings back what some records of an account's recycle bin hold.
pub fn restore(account: Option<i64>, records: &[i64]) -> Request {
    let path = format!("/platform/deleted/{}/restore", join(records));
    Request { cid: account, ..Request::new(Method::Post, path) }
}

/// How much some subaccounts hold, by kind of item.
pub fn counters(ids: &[i64]) -> Request {
    let ids = join(ids);
    Request::new(Method::Get, format!("/platform/subaccounts/{ids}?fields=id,counters"))
}

/// How many calls our own account may make, and how many were made.
pub fn own_calls() -> Request {
    Request::new(Method::Get, "/platform/customer?fields=limits,counters".to_owned())
}

/// The keys of some tokens, should the platform give them (assumption 11).
pub fn token_keys(ids: &[i64]) -> Request {
    let ids = join(ids);
    Request::new(Method::Get, format!("/platform/tokens/{ids}?fields=id,{KEY_FIELD}"))
}

/// The newest records of the log of one item.
pub fn logs(kind: Kind, id: i64) -> Request {
    let path = path(kind.into(), Some(&id.to_string()));
    // {"count":N,"reverse":true}
    let data = format!("%7B%22count%22:{LOG_RECORDS},%22reverse%22:true%7D");
    Request::new(Method::Get, format!("{path}/logs?data={data}"))
}

/// What happened to the objects of `kind` of the account `owner`, newest first; `None` is our own.
pub fn kind_log(kind: Kind, owner: Option<i64>) -> Request {
    let filter = format!("{LOG_KIND_FIELD}={}", kind.number());
    let query = json!({
        "count": DELETIONS_IN_LOG, "reverse": true, "filter": filter, LOG_ITEM_TYPE: kind.number(),
    });
    let query = query.to_string();
    let path = format!("/platform/customer/logs?data={}", utf8_percent_encode(&query, NOT_PLAIN));
    Request { cid: owner, ..Request::new(Method::Get, path) }
}

/// Creates items in the account `owner`; `None` is our own.
pub fn create(collection: impl Into<Collection>, owner: Option<i64>, items: Vec<Item>) -> Request {
    let collection = collection.into();
    let kind = collection.kind;
    let written = items.iter().flat_map(|item| item.body.keys());
    let mut fields = answered_fields(kind, written.map(String::as_str));
    if kind.is_key() {
        fields = format!("{fields},{KEY_FIELD}");
    }
    let path = format!("{}?fields={fields}", path(collection, None));
    Request { cid: owner, body: Body::Items(items), ..Request::new(Method::Post, path) }
}

/// Sets fields on every item of `ids`.
pub fn update(collection: impl Into<Collection>, ids: &[i64], item: &Item) -> Request {
    let collection = collection.into();
    let fields = answered_fields(collection.kind, item.body.keys().map(String::as_str));
    let path = format!("{}?fields={fields}", path(collection, Some(&join(ids))));
    Request { body: Body::Item(item.clone()), ..Request::new(Method::Put, path) }
}

/// Deletes every item of `ids`.
pub fn delete(collection: impl Into<Collection>, ids: &[i64]) -> Request {
    Request::new(Method::Delete, path(collection.into(), Some(&join(ids))))
}

/// Where a collection is, or a selection of it.
fn path(collection: Collection, selector: Option<&str>) -> String {
    let Collection { kind, inside } = collection;
    let holder = kind.container().map(|(holder, _)| {
        let id = inside.map_or_else(|| ALL_CONTAINERS.to_owned(), |id| id.to_string());
        format!("/{}/{id}", holder.collection())
    });
    let selector = selector.map(|selector| format!("/{selector}")).unwrap_or_default();
    format!("/platform{}/{}{selector}", holder.unwrap_or_default(), kind.collection())
}

/// Sets the password of the account whose own token signs the call.
///
/// No `/auth` path takes `x-flespi-cid` (fact sheet 6.2 and assumption 30): signed with a parent's
/// token this would change the parent's password.
pub fn set_password(password: SecretString) -> Request {
    Request { body: Body::Password(password), ..Request::new(Method::Put, "/auth/password".into()) }
}

/// Asks for another e-mail address of the account whose own token signs the call.
pub fn request_email(email: &str) -> Request {
    let body = Body::Json(json!({ "email": email }));
    Request { body, ..Request::new(Method::Put, "/auth/email/update".into()) }
}

/// Every field that is compared. The default answer of the platform leaves most of them out.
fn fields(kind: Kind) -> Vec<&'static str> {
    let row = kind.row();
    row.fields().map(|field| field.name).filter(|name| row.is_readable(name)).collect()
}

/// What a write is asked to answer: which item it is, and all that was written, so that it can be compared.
fn answered_fields<'a>(kind: Kind, written: impl Iterator<Item = &'a str>) -> String {
    let always = kind.row().answered;
    let known: BTreeSet<&str> = always.split(',').collect();
    let row = kind.row();
    let written: BTreeSet<&str> = written.filter(|field| row.is_readable(field)).collect();
    written.difference(&known).fold(always.to_owned(), |fields, field| format!("{fields},{field}"))
}

/// What is spelt in percent in a query.
const NOT_PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

fn join(ids: &[i64]) -> String {
    ids.iter().map(i64::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(body: Value) -> Item {
        body.as_object().unwrap().clone().into()
    }

    #[test]
    fn a_secret_of_an_item_is_in_the_body_and_in_nothing_that_can_be_printed() {
        let headers = json!([{"name": "Authorization", "value": stand_in::stand_in("a.0")}]);
        let mut item = item(json!({"name": "hook", "a": headers}));
        item.secrets.insert("a.0".to_owned(), SecretString::from("canary"));
        for request in
            [update(Kind::Limit, &[3], &item), create(Kind::Limit, None, vec![item.clone()])]
        {
            let body = request.body_text().unwrap();
            assert!(body.expose_secret().contains(r#"{"name":"Authorization","value":"canary"}"#));
            assert!(request.is_secret());
            assert!(!format!("{request:?} {item:?}").contains("canary"));
        }
        item.secrets.clear();
        assert!(!update(Kind::Limit, &[3], &item).is_secret());
    }

    fn line(request: &Request) -> String {
        format!("{} {}", request.method.as_str(), request.path)
    }

    #[test]
    fn a_whole_branch_is_read_page_by_page() {
        assert_eq!(
            line(&list_page(Kind::Subaccount, 1000, 2000)),
            "GET /platform/subaccounts/all?fields=id,cid,name,limit_id,enabled,email,blocked,\
             metadata&limit=1000&offset=2000"
        );
    }

    #[test]
    fn a_creation_names_its_owner_in_the_header_and_asks_for_the_mark_back() {
        let request = create(Kind::Subaccount, Some(7), vec![item(json!({"name": "a"}))]);
        assert_eq!(
            line(&request),
            "POST /platform/subaccounts?fields=id,cid,limit_id,email,metadata,name"
        );
        assert_eq!(request.cid, Some(7));
    }

    #[test]
    fn an_expression_cannot_leave_its_place_in_the_path() {
        let fields = BTreeSet::from(["cid", "id"]);
        let request = list_items("gw/devices", (None, 7), None, &fields, (1000, 0));
        let expected = "GET /gw/devices/all,cid=7?fields=cid,id&limit=1000&offset=0";
        assert_eq!((line(&request).as_str(), request.cid), (expected, None));
        let text = "name==\"a/b?#ö\" && id>5";
        let request = list_items("gw/devices", (Some(7), 7), Some(text), &fields, (1000, 0));
        let expected = "GET /gw/devices/%7Bname%3D%3D%22a%2Fb%3F%23%C3%B6%22%20%26%26%20id%3E5%20%26%26%20\
                        cid%3D%3D7%7D?fields=cid,id&limit=1000&offset=0";
        assert_eq!((line(&request).as_str(), request.cid), (expected, Some(7)));
    }

    #[test]
    fn a_log_is_asked_for_with_an_encoded_document() {
        let request = kind_log(Kind::Token, Some(7));
        let expected = "GET /platform/customer/logs?data=%7B%22count%22%3A1000%2C%22filter%22%3A%22\
                        origin_type%3D33%22%2C%22item_type%22%3A33%2C%22reverse%22%3Atrue%7D";
        assert_eq!((line(&request).as_str(), request.cid), (expected, Some(7)));
    }

    #[test]
    fn no_write_selects_everything() {
        for kind in Kind::ALL {
            let collection = Collection::new(kind, kind.container().map(|_| 7));
            let place = kind.container().map(|(holder, _)| format!("{}/7/", holder.collection()));
            assert_eq!(
                line(&delete(collection, &[3, 5])),
                format!("DELETE /platform/{}{}/3,5", place.unwrap_or_default(), kind.collection())
            );
            assert!(!update(collection, &[3], &Item::default()).path.contains("all"));
        }
    }

    #[test]
    fn a_password_is_sent_twice_and_shown_never() {
        let request = set_password(SecretString::from("hunter\"2"));
        assert_eq!(
            request.body_text().unwrap().expose_secret(),
            r#"{"confirmation":"hunter\"2","password":"hunter\"2"}"#
        );
        assert_eq!(format!("{request:?}"), "PUT /auth/password");
        assert!(request.is_secret());
        assert_eq!(request.cid, None);
    }
}
