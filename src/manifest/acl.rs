//! What an entry of an access list can get wrong: names that are not known, things that no list grants, nothing granted.
//!
//! The platform may know more than we do, so what is not known is a warning.

use super::model::{AclEntry, Submodule};
use super::place::Place;
use super::select;
use crate::diagnostic::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, quote};
use crate::rights::Method::{self, Delete, Get, Post, Put};
use crate::rights::{NEVER_GRANTED, filter_problem};
use crate::source::{Spanned, Target, pointer};

/// A submodule and what may be done in it; no methods: which there are is not documented.
type SubmoduleRow = (&'static str, &'static [Method]);

/// Modules and item types that an access list can name, with their submodules (fact sheet, 5.4). An item without any
/// submodules here takes every name.
const ACL_ITEMS: [(&str, &[SubmoduleRow]); 15] = [
    ("gw", &[]),
    (
        "gw/channels",
        &[
            ("logs", &[Get]),
            ("messages", &[Get, Delete]),
            ("connections", &[Get, Delete]),
            ("idents", &[Get]),
            ("packets", &[Get]),
        ],
    ),
    (
        "gw/devices",
        &[
            ("calculate", &[Post]),
            ("logs", &[Get]),
            ("messages", &[Get, Post, Delete]),
            ("telemetry", &[Get, Delete]),
            ("settings", &[Get, Put, Delete]),
            ("commands", &[Post]),
            ("commands-queue", &[Get, Post, Delete]),
            ("commands-result", &[Get]),
            ("sms", &[Get, Post]),
            ("connections", &[Get, Delete]),
            ("media", &[Get, Put, Delete]),
            ("packets", &[Get]),
            ("geofences", &[Get, Post, Delete]),
            ("snapshots", &[Get]),
        ],
    ),
    ("gw/groups", &[("logs", &[]), ("devices", &[]), ("geofences", &[]), ("assets", &[])]),
    (
        "gw/streams",
        &[
            ("logs", &[]),
            ("messages", &[]),
            ("packets", &[]),
            ("channels", &[]),
            ("devices", &[]),
            ("groups", &[]),
            ("geofences", &[]),
        ],
    ),
    ("gw/modems", &[("logs", &[])]),
    (
        "gw/calcs",
        &[
            ("logs", &[]),
            ("devices", &[]),
            ("groups", &[]),
            ("geofences", &[]),
            ("calculate", &[]),
            ("intervals", &[]),
            ("assets", &[]),
        ],
    ),
    (
        "gw/plugins",
        &[("logs", &[]), ("devices", &[]), ("groups", &[]), ("geofences", &[]), ("packets", &[])],
    ),
    ("gw/geofences", &[("logs", &[]), ("hittest", &[])]),
    ("gw/assets", &[("logs", &[]), ("intervals", &[])]),
    ("storage", &[]),
    ("storage/containers", &[("logs", &[]), ("messages", &[]), ("calculate", &[])]),
    ("storage/cdns", &[("logs", &[]), ("files", &[])]),
    ("mqtt", &[]),
    ("ai", &[]),
];

/// Checks one entry, which stands at `pointer`.
pub(super) fn entry(
    place: &Place<'_>,
    pointer: &str,
    entry: &AclEntry,
    diagnostics: &mut Diagnostics,
) {
    let module = entry.uri.split('/').next().unwrap_or_default();
    let uri = format!("{pointer}/uri");
    if NEVER_GRANTED.contains(&module) {
        diagnostics.push(
            Diagnostic::error(
                Code::AclPlatform,
                format!("no access list can grant `{}`", entry.uri),
            )
            .at(place.span(&uri, Target::Value), "")
            .help("only `access: master` reaches the platform API")
            .pointer(&*uri),
        );
        return;
    }
    names(place, pointer, entry, diagnostics);
    let ids = format!("{pointer}/ids");
    idents(place, &ids, diagnostics);
    select::check(place, &ids, &entry.uri, entry.ids.as_ref(), diagnostics);
    if entry.uri == "mqtt" {
        mqtt(place, pointer, entry, diagnostics);
        return;
    }
    for (at, is_there) in [("topic", entry.topic.is_some()), ("actions", entry.actions.is_some())] {
        if is_there {
            let at = format!("{pointer}/{at}");
            diagnostics.push(
                Diagnostic::error(
                    Code::InvalidValue,
                    format!("`topic` and `actions` belong to `uri: mqtt`, not to `{}`", entry.uri),
                )
                .at(place.span(&at, Target::Key), "")
                .help(
                    "write an entry of its own for the topic; those of device messages open with \
                     the submodule `messages`, method GET",
                )
                .pointer(&*at),
            );
            // The other one is the same mistake.
            return;
        }
    }
    let submodules = entry.submodules.iter().flatten();
    let allows_something = entry.methods.iter().any(|methods| !methods.is_empty())
        || submodules.clone().any(|submodule| !submodule.methods.is_empty());
    if !allows_something {
        diagnostics.push(
            Diagnostic::warning(
                Code::AclIdle,
                format!("this entry allows nothing on `{}`", entry.uri),
            )
            .at(place.span(&uri, Target::Value), "")
            .help("add the methods to allow, such as `methods: [GET]`")
            .pointer(pointer),
        );
    }
}

/// The platform may know more items than we do, so an unknown one is a warning: it would be granted in vain.
fn names(place: &Place<'_>, pointer: &str, entry: &AclEntry, diagnostics: &mut Diagnostics) {
    let known = ACL_ITEMS.iter().find(|(uri, _)| *uri == entry.uri);
    let Some((_, submodules)) = known else {
        let at = format!("{pointer}/uri");
        let span = place.span(&at, Target::Value);
        let finding = Diagnostic::warning(
            Code::AclUnknown,
            format!("unknown module or item type `{}`", entry.uri),
        )
        .at(span, "")
        .pointer(&*at);
        let uris = ACL_ITEMS.iter().map(|(uri, _)| *uri);
        diagnostics.push(match nearest(&entry.uri, uris) {
            Some(similar) => {
                finding.help(format!("did you mean `{similar}`?")).suggest(span, similar)
            }
            None => finding.help("if the platform does not know it either, it allows nothing"),
        });
        return;
    };
    for (index, submodule) in entry.submodules.iter().flatten().enumerate() {
        let at = format!("{pointer}/submodules/{index}");
        match submodules.iter().find(|(name, _)| *name == submodule.name) {
            Some((_, known)) => {
                methods(place, &at, &entry.uri, submodule, known, diagnostics);
            }
            None if submodules.is_empty() => {}
            None => {
                diagnostics.push(unknown_submodule(place, &at, &entry.uri, submodule, submodules))
            }
        }
    }
}

fn unknown_submodule(
    place: &Place<'_>,
    at: &str,
    uri: &str,
    submodule: &Submodule,
    known: &[SubmoduleRow],
) -> Diagnostic {
    let at = format!("{at}/name");
    let span = place.span(&at, Target::Value);
    let finding = Diagnostic::warning(
        Code::AclUnknown,
        format!("`{uri}` has no known submodule {}", quote(&submodule.name)),
    )
    .at(span, "")
    .pointer(at);
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    match nearest(&submodule.name, names.iter().copied()) {
        Some(similar) => finding.help(format!("did you mean `{similar}`?")).suggest(span, similar),
        None => finding.help(format!("its known submodules are {}", names.join(", "))),
    }
}

/// Methods that a submodule is not known to have: they are granted in vain.
fn methods(
    place: &Place<'_>,
    at: &str,
    uri: &str,
    submodule: &Submodule,
    known: &[Method],
    diagnostics: &mut Diagnostics,
) {
    let words = |methods: &[Method]| -> Vec<&str> { methods.iter().map(|m| m.as_str()).collect() };
    let list = format!("{at}/methods");
    let written = pointer::find(place.value, &list).map(Spanned::as_sequence).unwrap_or_default();
    for (index, item) in written.iter().enumerate() {
        let method = submodule.methods.iter().find(|method| Some(method.as_str()) == item.as_str());
        let Some(method) = method.filter(|method| !known.is_empty() && !known.contains(method))
        else {
            continue;
        };
        let (word, name) = (method.as_str(), &submodule.name);
        diagnostics.push(
            Diagnostic::warning(
                Code::AclUnknown,
                format!("`{name}` of `{uri}` has no known method {word}"),
            )
            .at(item.span, "")
            .help(match words(known).as_slice() {
                [only] => format!("its only known method is {only}"),
                all => format!("its known methods are {}", all.join(", ")),
            })
            .pointer(format!("{list}/{index}")),
        );
    }
}

/// Numbers among the ids at `at` that have the form of an IMEI: devices have both, and only the id is meant here.
pub(super) fn idents(place: &Place<'_>, at: &str, diagnostics: &mut Diagnostics) {
    let ids = pointer::find(place.value, at).map(Spanned::as_sequence).unwrap_or_default();
    for (index, id) in ids.iter().enumerate() {
        let digits = id.as_scalar().map_or("", |scalar| scalar.text.as_str());
        if !is_imei(digits) {
            continue;
        }
        diagnostics.push(
            Diagnostic::warning(
                Code::IdentAsId,
                format!("`{digits}` looks like an IMEI, but a list of ids takes the platform's own numbers"),
            )
            .at(id.span, "")
            .help(
                "the id of a device is on its page in the panel, and in `GET \
                 gw/devices/configuration.ident=IMEI`; its IMEI is its `ident`",
            )
            .pointer(pointer::child(at, index)),
        );
    }
}

/// Fourteen digits, mostly with one to check them by, or two for the version of the software. Ids are far shorter.
pub(super) fn is_imei(digits: &str) -> bool {
    matches!(digits.len(), 14..=16) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Finds fault with the topic filter at `at`.
pub(super) fn topic(place: &Place<'_>, at: &str, topic: &str, diagnostics: &mut Diagnostics) {
    let Some(why) = filter_problem(topic) else { return };
    diagnostics.push(
        Diagnostic::error(
            Code::InvalidValue,
            format!("{} is not a topic filter: it {why}", quote(topic)),
        )
        .at(place.span(at, Target::Value), "")
        .help("`+` is one whole level, `#` any number of them at the end: `site/+/state`, `site/#`")
        .pointer(at),
    );
}

fn mqtt(place: &Place<'_>, pointer: &str, entry: &AclEntry, diagnostics: &mut Diagnostics) {
    let topic = entry.topic.as_deref().unwrap_or_default();
    if topic == "flespi" || topic.starts_with("flespi/") {
        let at = format!("{pointer}/topic");
        diagnostics.push(
            Diagnostic::error(
                Code::AclMqttTopic,
                "topics below `flespi/` cannot be granted by an `mqtt` entry",
            )
            .at(place.span(&at, Target::Value), "")
            .help(
                "for the messages of devices grant `gw/devices` with the submodule `messages`, \
                 method GET: that opens their topics too",
            )
            .pointer(&*at),
        );
    }
    if let Some(topic) = &entry.topic {
        self::topic(place, &format!("{pointer}/topic"), topic, diagnostics);
    }
    let has_actions = entry.actions.iter().any(|actions| !actions.is_empty());
    let lacks = match (entry.topic.is_some(), has_actions) {
        (true, false) => Some((
            "topic",
            "this entry allows no action on its topic",
            "add `actions: [subscribe]`, `[publish]` or both",
        )),
        (false, true) => Some((
            "actions",
            "these actions have no topic",
            "add `topic:` with a topic or a filter such as `site/7/#`",
        )),
        _ => None,
    };
    if let Some((at, message, help)) = lacks {
        let at = format!("{pointer}/{at}");
        diagnostics.push(
            Diagnostic::warning(Code::AclIdle, message)
                .at(place.span(&at, Target::Key), "")
                .help(help)
                .pointer(&*at),
        );
    }
    for (at, is_there) in [("submodules", entry.submodules.is_some()), ("ids", entry.ids.is_some())]
    {
        if is_there {
            let at = format!("{pointer}/{at}");
            diagnostics.push(
                Diagnostic::warning(
                    Code::AclUnknown,
                    "the broker has neither submodules nor items with ids",
                )
                .at(place.span(&at, Target::Key), "")
                .help("remove it; an `mqtt` entry is only about its `topic`")
                .pointer(&*at),
            );
        }
    }
}
