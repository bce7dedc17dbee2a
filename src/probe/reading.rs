//! What reading alone can tell.

use serde_json::Value;

use super::book::Book;
use super::caller::{Call, Caller, Heard, ProbeError, Signer};

/// An id that no item has: ids of the platform have eight or nine digits.
const NOBODY: i64 = 2_147_483_646;

/// A field that nothing has.
const NO_FIELD: &str = "flespi_gitops_no_such_field";

/// A page that is larger than any.
const LARGE_PAGE: u64 = 1_000_000;

/// Types of tokens that people make: standard, master, ACL.
const TYPES: [i64; 3] = [0, 1, 2];

/// How the token of a log-in at the panel is called.
const SESSION: &str = "flespi.io session";

/// What each plan allows of (subaccounts, limits), which tells the plans apart.
const PLANS: [(&str, (u64, u64)); 5] = [
    ("free", (3, 1)),
    ("start", (1_000, 100)),
    ("pro", (10_000, 1_000)),
    ("enterprise", (100_000, 10_000)),
    ("ultimate", (1_000_000, 100_000)),
];

/// Who asks.
pub(super) struct Own {
    pub(super) account: i64,
    pub(super) token: i64,
    /// Whether no account is above ours; none if that is not told.
    pub(super) is_top: Option<bool>,
}

/// Who we are.
pub(super) async fn own(caller: &Caller, book: &mut Book) -> Result<Own, ProbeError> {
    let info = caller.send(Call::get("/auth/info")).await?;
    if info.is_forbidden() {
        return Err(ProbeError::Token("is not valid on this platform"));
    }
    let number = |name: &str| info.member(name).and_then(Value::as_i64);
    let (Some(token), Some(account)) = (number("id"), number("cid")) else {
        return Err(ProbeError::Token("is not told whose it is: is this the platform's API?"));
    };
    let access = info.member("access").and_then(|access| access.get("type")?.as_i64());
    if access != Some(1) {
        return Err(ProbeError::Token("is not of type Master"));
    }
    let record =
        caller.send(Call::get("/platform/customer?fields=id,owner_id,limits,limit_id")).await?;
    let owner = record.member("owner_id").and_then(Value::as_i64);
    limits(&record, book);
    Ok(Own { account, token, is_top: owner.map(|owner| owner == 0) })
}

/// The plan, and the calls of a minute, as the account's own record tells them.
fn limits(record: &Heard, book: &mut Book) {
    let Some(Value::Object(limits)) = record.member("limits") else {
        for name in ["plan", "call-rate"] {
            book.cannot_tell(name, "the account's record does not tell its limits");
        }
        return;
    };
    if record.member("limit_id").and_then(Value::as_i64).unwrap_or(0) != 0 {
        for name in ["plan", "call-rate"] {
            book.cannot_tell(name, "a limit is assigned to the account, which hides the plan");
        }
        return;
    }
    let bound = |name: &str| limits.get(name).and_then(Value::as_u64);
    match bound("api_calls") {
        None => book.found("call-rate", "unlimited", [record]),
        Some(calls) => book.found("call-rate", calls.to_string(), [record]),
    }
    match (bound("subaccounts_count"), bound("limits_count")) {
        (None, None) => book.found("plan", "none", [record]),
        (accounts, limits) => {
            let sizes = (accounts.unwrap_or(0), limits.unwrap_or(0));
            let plan = PLANS.iter().find(|(_, plan)| *plan == sizes).map(|(name, _)| *name);
            let other = || format!("{} subaccounts, {} limits", sizes.0, sizes.1);
            book.found("plan", plan.map_or_else(other, str::to_owned), [record]);
        }
    }
}

/// Asks what reading can tell.
pub(super) async fn ask(caller: &Caller, own: &Own, book: &mut Book) -> Result<(), ProbeError> {
    items(caller, book).await?;
    pages(caller, book).await?;
    tokens(caller, own, book).await?;
    let bare = caller.send(Call::get("/auth/info").signed(Signer::Bare)).await?;
    book.admit("bare-key", &bare, "accept", "refuse");
    let foreign = caller.send(Call::get("/platform/customer?fields=id").within(NOBODY)).await?;
    match foreign.is_done() {
        true => book.cannot_tell("foreign-cid", "an account that is not there can be acted as"),
        false => book.found("foreign-cid", foreign.status.to_string(), [&foreign]),
    }
    Ok(())
}

async fn items(caller: &Caller, book: &mut Book) -> Result<(), ProbeError> {
    let missing = caller.send(Call::get(format!("/platform/limits/{NOBODY}?fields=id"))).await?;
    match missing.items().is_empty() {
        true => book.found("missing-id", missing.status.to_string(), [&missing]),
        false => book.cannot_tell("missing-id", missing.unexpected()),
    }
    let field = caller
        .send(Call::get(format!("/platform/limits/all?fields=id,{NO_FIELD}&limit=1")))
        .await?;
    book.choose("unknown-field-asked", &field, "drop", "refuse");
    let selected =
        caller.send(Call::get(format!("/platform/limits/{NO_FIELD}=1?fields=id"))).await?;
    book.choose("unknown-field-selected", &selected, "no-match", "refuse");
    Ok(())
}

/// A collection that has two items at least, if there is one: how its pages come.
async fn pages(caller: &Caller, book: &mut Book) -> Result<(), ProbeError> {
    let one = caller.send(Call::get("/platform/tokens/all?fields=id&limit=1")).await?;
    let all = caller.send(Call::get("/platform/tokens/all?fields=id")).await?;
    let large = caller
        .send(Call::get(format!("/platform/tokens/all?fields=id&limit={LARGE_PAGE}")))
        .await?;
    let has_pages = |heard: &Heard| heard.answer.get("pagination").is_some_and(Value::is_object);
    // Whether a list without a limit ends at a hundred shows only where there are more.
    match (has_pages(&one), has_pages(&all)) {
        (true, true) => book.found("pagination", "always", [&one, &all]),
        (false, _) if one.items().len() > 1 => book.found("pagination", "ignore", [&one]),
        (false, _) => book.found("pagination", "never", [&one, &all]),
        (true, false) => {
            book.cannot_tell("pagination", "it takes a list of more than a hundred items")
        }
    }
    let honoured = large.answer.get("pagination").and_then(|page| page.get("limit")?.as_u64());
    match honoured {
        Some(limit) if limit >= LARGE_PAGE => book.found("page-size", "unlimited", [&large]),
        Some(limit) => book.found("page-size", limit.to_string(), [&large]),
        None => book.cannot_tell("page-size", "lists do not tell how long their pages are"),
    }
    Ok(())
}

async fn tokens(caller: &Caller, own: &Own, book: &mut Book) -> Result<(), ProbeError> {
    let path = format!("/platform/tokens/{}", own.token);
    let plain = caller.send(Call::get(path.as_str())).await?;
    let Some(Value::Object(members)) = plain.item() else {
        for name in ["default-fields", "token-key-on-read", "any-origin", "dotted-field"] {
            book.cannot_tell(name, plain.unexpected());
        }
        return Ok(());
    };
    let has_everything =
        ["metadata", "accessed", "blocked"].iter().all(|name| members.contains_key(*name));
    book.found("default-fields", if has_everything { "all" } else { "subset" }, [&plain]);

    let asked = caller.send(Call::get(format!("{path}?fields=id,key"))).await?;
    let is_given = |heard: &Heard| heard.member("key").is_some_and(Value::is_string);
    let key = match (is_given(&plain), is_given(&asked)) {
        (true, _) => "always",
        (false, true) => "asked",
        (false, false) => "never",
    };
    book.found("token-key-on-read", key, [&plain, &asked]);

    let dotted = caller.send(Call::get(format!("{path}?fields=id,access.type"))).await?;
    let inside =
        |heard: &Heard| heard.member("access").is_some_and(|access| access.get("type").is_some());
    let form = match dotted.member("access.type") {
        _ if !dotted.is_done() => None,
        Some(_) => Some("dotted"),
        None if inside(&dotted) => Some("nested"),
        None => Some("absent"),
    };
    match form {
        Some(form) => book.found("dotted-field", form, [&dotted]),
        None => book.cannot_tell("dotted-field", dotted.unexpected()),
    }

    let list =
        format!("/platform/tokens/cid={}?fields=id,info,access,origins&limit=1000", own.account);
    let list = caller.send(Call::get(list)).await?;
    let kind = |token: &Value| token.get("access").and_then(|access| access.get("type")?.as_i64());
    let internal = list.items().iter().filter_map(kind).find(|kind| !TYPES.contains(kind));
    match internal {
        Some(kind) => book.found("noapi-type", kind.to_string(), [&list]),
        None => book.cannot_tell("noapi-type", "the account has no internal token"),
    }
    let is_session = |token: &Value| token.get("info").is_some_and(|info| info == SESSION);
    let sessions = if list.items().iter().any(is_session) { "present" } else { "absent" };
    book.found("seed-session-token", sessions, [&list]);

    let mine = list
        .items()
        .iter()
        .find(|token| token.get("id").and_then(Value::as_i64) == Some(own.token));
    match mine.map(|token| token.get("origins")) {
        Some(None) => book.found("any-origin", "absent", [&list]),
        Some(Some(Value::Null)) => book.found("any-origin", "null", [&list]),
        Some(Some(Value::String(star))) if star == "*" => book.found("any-origin", "star", [&list]),
        Some(Some(_)) => book.cannot_tell("any-origin", "the token is bound to origins"),
        None => book.cannot_tell("any-origin", list.unexpected()),
    }
    Ok(())
}
