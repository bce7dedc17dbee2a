//! `/gw`, `/storage`, `/mqtt` and `/ai`: generic items, so that the rights of a token can be exercised.
//!
//! Items are real: they are created, counted, found, changed, deleted and restored as those of the platform are. What
//! hangs below them answers as an item that no device ever talked to.

use serde_json::{Value, json};

use super::{
    acl::{self, Action, Decision, OpenSubmodules},
    answer::{Answer, Refusal},
    assumptions::OPEN_SUBMODULES,
    books::Books,
    call::Call,
    catalog::{Collection, Kind},
    crud::{self, Write},
    item::{Fields, Item},
    links, logs, quota,
    rows::{self, RETAINED_MESSAGES},
    select::{Reach, Selection},
    selector::Selector,
    state::Change,
    view::View,
};

/// What a collection has below its items: names and methods.
type Submodules = &'static [(&'static str, &'static str)];

const LINK: &str = "GET POST DELETE";

/// The collections and what is below them (section 5.4 of the fact sheet; `cid` moves an item to another account).
static HUB: [(&Collection, Submodules); 11] = [
    (
        &rows::CHANNELS,
        &[
            ("logs", "GET"),
            ("messages", "GET DELETE"),
            ("connections", "GET DELETE"),
            ("idents", "GET"),
            ("packets", "GET"),
            ("cid", "PUT"),
        ],
    ),
    (
        &rows::DEVICES,
        &[
            ("calculate", "POST"),
            ("logs", "GET"),
            ("messages", "GET POST DELETE"),
            ("telemetry", "GET DELETE"),
            ("settings", "GET PUT DELETE"),
            ("commands", "POST"),
            ("commands-queue", LINK),
            ("commands-result", "GET"),
            ("sms", "GET POST"),
            ("connections", "GET DELETE"),
            ("media", "GET PUT DELETE"),
            ("packets", "GET"),
            ("geofences", LINK),
            ("snapshots", "GET"),
            ("cid", "PUT"),
        ],
    ),
    (&rows::GROUPS, &[("logs", "GET"), ("devices", LINK), ("geofences", LINK), ("assets", LINK)]),
    (
        &rows::STREAMS,
        &[
            ("logs", "GET"),
            ("messages", "GET DELETE"),
            ("packets", "GET"),
            ("channels", LINK),
            ("devices", LINK),
            ("groups", LINK),
            ("geofences", LINK),
        ],
    ),
    (&rows::MODEMS, &[("logs", "GET")]),
    (
        &rows::CALCS,
        &[
            ("logs", "GET"),
            ("devices", LINK),
            ("groups", LINK),
            ("geofences", LINK),
            ("assets", LINK),
            ("calculate", "POST"),
            ("intervals", "GET DELETE"),
        ],
    ),
    (
        &rows::PLUGINS,
        &[
            ("logs", "GET"),
            ("devices", LINK),
            ("groups", LINK),
            ("geofences", LINK),
            ("packets", "GET"),
        ],
    ),
    (&rows::GEOFENCES, &[("logs", "GET"), ("hittest", "GET POST")]),
    (&rows::ASSETS, &[("logs", "GET"), ("intervals", "GET DELETE")]),
    (
        &rows::CONTAINERS,
        &[("logs", "GET"), ("messages", "GET POST DELETE"), ("calculate", "POST"), ("cid", "PUT")],
    ),
    (&rows::CDNS, &[("logs", "GET"), ("files", "GET POST PUT DELETE")]),
];

/// Answers everything that is telematics.
pub(super) fn serve(
    books: &mut Books,
    call: &mut Call<'_>,
    path: &[&str],
) -> Result<Answer, Refusal> {
    match path {
        ["mqtt", rest @ ..] => return broker(books, call, rest),
        ["ai", ..] => {
            decide(books.view(), call, "ai", None)?;
            return Ok(Answer::default());
        }
        _ => {}
    }
    let found = HUB.iter().find_map(|(row, submodules)| {
        let (module, name) = row.path.split_once('/')?;
        (path.first() == Some(&module) && path.get(1) == Some(&name)).then_some((*row, submodules))
    });
    let missing = || Refusal::missing_path(&path.join("/"));
    let (row, submodules) = found.ok_or_else(missing)?;
    match path.get(2..).unwrap_or_default() {
        [] => create(books, call, row),
        [selector] => items(books, call, row, selector),
        [selector, name, rest @ ..] => {
            let known = submodules.iter().find(|(known, _)| known == name);
            let (_, methods) = known.ok_or_else(missing)?;
            if !methods.split(' ').any(|method| method == call.request.method) {
                return Err(Refusal::method(methods));
            }
            submodule(books, call, row, selector, name, rest)
        }
    }
}

/// What the token of a call may touch of `uri`; a refusal when that is nothing.
fn decide(
    view: View<'_>,
    call: &Call<'_>,
    uri: &str,
    submodule: Option<&str>,
) -> Result<Decision, Refusal> {
    let token = call.caller.and_then(|caller| view.state.item(Kind::Tokens, caller.token));
    let access = token.and_then(|token| token.fields.get("access")).unwrap_or(&Value::Null);
    let open_submodules = match view.assumptions.is(&OPEN_SUBMODULES, "entry-methods") {
        true => OpenSubmodules::EntryMethods,
        false => OpenSubmodules::AllMethods,
    };
    let action = Action { method: &call.request.method, uri, submodule, open_submodules };
    let decision = acl::may(access, &action);
    match decision.is_nothing() {
        true => Err(Refusal::forbidden(format!(
            "the access of the token does not cover {} {uri}{}{}",
            action.method,
            if submodule.is_some() { "/" } else { "" },
            submodule.unwrap_or(""),
        ))),
        false => Ok(decision),
    }
}

fn create(
    books: &mut Books,
    call: &mut Call<'_>,
    row: &'static Collection,
) -> Result<Answer, Refusal> {
    if call.request.method != "POST" {
        return Err(Refusal::method("POST"));
    }
    // An item that is not there yet is in no list of ids and in no group.
    if !decide(books.view(), call, row.path, None)?.is_everything() {
        return Err(Refusal::forbidden("the access of the token covers existing items only"));
    }
    crud::create(books, call, row, &Reach::of(call))
}

fn items(
    books: &mut Books,
    call: &mut Call<'_>,
    row: &'static Collection,
    selector: &str,
) -> Result<Answer, Refusal> {
    let method = call.request.method.clone();
    if !["GET", "PUT", "PATCH", "DELETE"].contains(&method.as_str()) {
        return Err(Refusal::method("GET PUT PATCH DELETE"));
    }
    let grant = decide(books.view(), call, row.path, None)?;
    let reach = Reach { grant: Some(&grant), ..Reach::of(call) };
    match method.as_str() {
        "GET" => books.view().read(row, &reach, selector, &call.target),
        "PUT" => crud::update(books, call, row, &reach, selector, Write::Set),
        "PATCH" => crud::update(books, call, row, &reach, selector, Write::Merge),
        _ => crud::delete(books, call, row, &reach, selector),
    }
}

fn submodule(
    books: &mut Books,
    call: &mut Call<'_>,
    row: &'static Collection,
    selector: &str,
    name: &str,
    rest: &[&str],
) -> Result<Answer, Refusal> {
    let grant = decide(books.view(), call, row.path, Some(name))?;
    let reach = Reach { grant: Some(&grant), ..Reach::of(call) };
    if name == "logs" {
        return logs::of_items(books.view(), call, row, &reach, selector);
    }
    let selection = books.view().select(row, &reach, &Selector::parse(selector)?)?;
    let method = call.request.method.clone();
    let mut answer = match (name, rest) {
        ("cid", []) => move_items(books, call, row, &selection)?,
        ("devices", [devices]) if row.kind == Kind::Groups => {
            group(books, call, &selection, devices)?
        }
        ("telemetry", _) if method == "GET" => {
            let mut answer = Answer::default();
            selection.ids.iter().for_each(|id| answer.push(&json!({"id": id, "telemetry": {}})));
            answer
        }
        _ if method == "GET" => Answer::default(),
        _ => Answer::ids(selection.ids.iter().copied()),
    };
    books.view().report_missing(&mut answer, &selection);
    Ok(answer)
}

/// `PUT …/cid`: items move to another account. A device has to be disabled first.
fn move_items(
    books: &mut Books,
    call: &mut Call<'_>,
    row: &'static Collection,
    selection: &Selection,
) -> Result<Answer, Refusal> {
    let body = call.request.json()?;
    let target = body.get("cid").and_then(Value::as_u64);
    let target = target
        .ok_or_else(|| Refusal::bad("the body must be {\"cid\": account}").with_field("cid"))?;
    let is_reachable = books.state.account(target).is_some()
        && books.state.within(target, call.caller.map_or(0, |caller| caller.account));
    if !is_reachable {
        return Err(Refusal::forbidden(format!("no access to account {target}")));
    }
    let mut answer = Answer::default();
    for id in selection.ids.iter().copied() {
        let Some(old) = books.state.item(row.kind, id).cloned() else { continue };
        let is_enabled = old.fields.get("enabled") != Some(&Value::Bool(false));
        if row.kind == Kind::Devices && is_enabled && old.cid != target {
            let refusal = Refusal::bad("a device has to be disabled before it moves");
            answer.errors.push(refusal.with_id(id));
            continue;
        }
        // What moves within a branch is there twice for a moment, as far as the limits of the branch are concerned.
        if let (false, Err(refusal)) =
            (old.cid == target, quota::check(books.view(), row, target, 0))
        {
            answer.errors.push(refusal.with_id(id));
            continue;
        }
        let mut item = old.clone();
        item.cid = target;
        item.fields.remove("groups");
        books.record(call, row, Some(&old), Some(&item));
        books.commit(Change::Put { kind: row.kind, item });
        answer.push(&json!({"id": id, "cid": target}));
    }
    Ok(answer)
}

/// `/gw/groups/{g}/devices/{d}`: which devices are in a group.
fn group(
    books: &mut Books,
    call: &mut Call<'_>,
    groups: &Selection,
    devices: &str,
) -> Result<Answer, Refusal> {
    let reach = Reach::of(call);
    let devices = books.view().select(&rows::DEVICES, &reach, &Selector::parse(devices)?)?;
    let mut answer = Answer::default();
    for group in &groups.ids {
        for device in &devices.ids {
            let Some(item) = books.state.item(Kind::Devices, *device) else { continue };
            let is_member = links::members(item, "groups").contains(group);
            let changed = match call.request.method.as_str() {
                "GET" if !is_member => continue,
                "GET" => None,
                method => links::with_member(item, "groups", *group, method == "POST"),
            };
            changed
                .into_iter()
                .for_each(|item| books.commit(Change::Put { kind: Kind::Devices, item }));
            answer.push(&json!({"group_id": group, "device_id": device}));
        }
    }
    books.view().report_missing(&mut answer, &devices);
    Ok(answer)
}

/// The broker's REST API: messages that were published to be retained, and nobody connected.
fn broker(books: &mut Books, call: &mut Call<'_>, path: &[&str]) -> Result<Answer, Refusal> {
    decide(books.view(), call, "mqtt", None)?;
    let row = &RETAINED_MESSAGES;
    let method = call.request.method.clone();
    match (method.as_str(), path) {
        ("POST", ["messages"]) => publish(books, call),
        ("GET", ["messages", text]) => {
            let text = with_topic(text);
            books.view().read(row, &Reach::of(call), &text, &call.target)
        }
        ("DELETE", ["messages", text]) => {
            let selector = Selector::parse(&with_topic(text))?;
            let found = books.view().select(row, &Reach::of(call), &selector)?;
            for id in &found.ids {
                books.commit(Change::Remove { kind: row.kind, id: *id });
            }
            Ok(Answer::ids(found.ids))
        }
        (_, ["messages", ..]) => Err(Refusal::method("GET POST DELETE")),
        ("GET" | "DELETE", ["sessions" | "subscriptions", ..]) => Ok(Answer::default()),
        (_, ["sessions" | "subscriptions", ..]) => Err(Refusal::method("GET DELETE")),
        (_, other) => Err(Refusal::missing_path(&format!("mqtt/{}", other.join("/")))),
    }
}

/// Keeps a message that is to be retained; an empty payload takes the kept one back. Others reach nobody.
fn publish(books: &mut Books, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let messages = match call.request.json()? {
        Value::Array(messages) => messages,
        message => vec![message],
    };
    let mut answer = Answer::default();
    for message in messages {
        let topic = message.get("topic").and_then(Value::as_str).unwrap_or("");
        if topic.is_empty() || topic.contains(['#', '+']) {
            let refusal = Refusal::bad("a message needs a \"topic\" without wildcards");
            answer.errors.push(refusal.with_field("topic"));
            continue;
        }
        let payload = match message.get("payload") {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        answer.push(&json!({"topic": topic}));
        // What is published below flespi/ is discarded, as the guide to topics says.
        if message.get("retained") != Some(&Value::Bool(true)) || topic.starts_with("flespi/") {
            continue;
        }
        let table = books.state.table(Kind::RetainedMessages);
        let own = table.owned(call.top()).filter_map(|id| table.get(id));
        let kept = own.into_iter().find(|kept| kept.fields.text("topic") == Some(topic));
        if let Some(id) = kept.map(|kept| kept.id) {
            books.commit(Change::Remove { kind: Kind::RetainedMessages, id });
        }
        if payload.is_empty() {
            continue;
        }
        let mut item =
            Item { id: books.state.next_id + 1, cid: call.top(), fields: Fields::default() };
        item.fields.set("topic", topic);
        item.fields.set("payload", payload);
        item.fields.set("timestamp", call.now);
        books.commit(Change::NextId(item.id));
        books.commit(Change::Put { kind: Kind::RetainedMessages, item });
    }
    Ok(answer)
}

/// Messages are found by topic, with the wildcards of MQTT: `site/+/state,cid=5`.
fn with_topic(text: &str) -> String {
    let (topic, rest) = match text.split_once(",cid=") {
        Some((topic, rest)) => (topic, format!(",cid={rest}")),
        None => (text, String::new()),
    };
    if topic == "all" || topic.contains(['"', '\\']) {
        return text.to_owned();
    }
    let pattern = topic.replace(['#', '+'], "*");
    format!("{{topic~\"{pattern}\"}}{rest}")
}
