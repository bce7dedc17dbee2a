//! What an entry of an access list can get wrong: names that are not known, things that no list grants, nothing granted.

use super::model::AclEntry;
use super::parse::Document;
use crate::diagnostic::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::rights::NEVER_GRANTED;
use crate::source::Target;

/// Modules and item types that an access list can name, with their submodules (fact sheet, 5.4). An item without any
/// submodules here takes every name.
const ACL_ITEMS: [(&str, &[&str]); 15] = [
    ("gw", &[]),
    ("gw/channels", &["logs", "messages", "connections", "idents", "packets"]),
    (
        "gw/devices",
        &[
            "calculate",
            "logs",
            "messages",
            "telemetry",
            "settings",
            "commands",
            "commands-queue",
            "commands-result",
            "sms",
            "connections",
            "media",
            "packets",
            "geofences",
            "snapshots",
        ],
    ),
    ("gw/groups", &["logs", "devices", "geofences", "assets"]),
    ("gw/streams", &["logs", "messages", "packets", "channels", "devices", "groups", "geofences"]),
    ("gw/modems", &["logs"]),
    ("gw/calcs", &["logs", "devices", "groups", "geofences", "calculate", "intervals", "assets"]),
    ("gw/plugins", &["logs", "devices", "groups", "geofences", "packets"]),
    ("gw/geofences", &["logs", "hittest"]),
    ("gw/assets", &["logs", "intervals"]),
    ("storage", &[]),
    ("storage/containers", &["logs", "messages", "calculate"]),
    ("storage/cdns", &["logs", "files"]),
    ("mqtt", &[]),
    ("ai", &[]),
];

/// Checks one entry, which stands at `pointer`.
pub(super) fn entry(
    document: &Document,
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
            .at(document.span(&uri, Target::Value), "")
            .help("only `access: master` reaches the platform API")
            .pointer(&*uri),
        );
        return;
    }
    names(document, pointer, entry, diagnostics);
    if entry.uri == "mqtt" {
        mqtt(document, pointer, entry, diagnostics);
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
                .at(document.span(&at, Target::Key), "")
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
            .at(document.span(&uri, Target::Value), "")
            .help("add `methods: [GET]` or whatever is to be allowed")
            .pointer(pointer),
        );
    }
}

/// The platform may know more items than we do, so an unknown one is a warning: it would be granted in vain.
fn names(document: &Document, pointer: &str, entry: &AclEntry, diagnostics: &mut Diagnostics) {
    let known = ACL_ITEMS.iter().find(|(uri, _)| *uri == entry.uri);
    let Some((_, submodules)) = known else {
        let at = format!("{pointer}/uri");
        let span = document.span(&at, Target::Value);
        let finding = Diagnostic::warning(
            Code::AclUnknown,
            format!("no module or item type is known as `{}`", entry.uri),
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
        if submodules.is_empty() || submodules.contains(&submodule.name.as_str()) {
            continue;
        }
        let at = format!("{pointer}/submodules/{index}/name");
        let span = document.span(&at, Target::Value);
        let finding = Diagnostic::warning(
            Code::AclUnknown,
            format!("`{}` has no submodule known as `{}`", entry.uri, submodule.name),
        )
        .at(span, "")
        .pointer(&*at);
        diagnostics.push(match nearest(&submodule.name, submodules.iter().copied()) {
            Some(similar) => {
                finding.help(format!("did you mean `{similar}`?")).suggest(span, similar)
            }
            None => finding.help(format!("known are {}", submodules.join(", "))),
        });
    }
}

fn mqtt(document: &Document, pointer: &str, entry: &AclEntry, diagnostics: &mut Diagnostics) {
    let topic = entry.topic.as_deref().unwrap_or_default();
    if topic == "flespi" || topic.starts_with("flespi/") {
        let at = format!("{pointer}/topic");
        diagnostics.push(
            Diagnostic::error(
                Code::AclMqttTopic,
                "topics below `flespi/` cannot be granted by an `mqtt` entry",
            )
            .at(document.span(&at, Target::Value), "")
            .help(
                "for the messages of devices grant `gw/devices` with the submodule `messages`, \
                 method GET: that opens their topics too",
            )
            .pointer(&*at),
        );
    }
    let has_actions = entry.actions.iter().any(|actions| !actions.is_empty());
    let lacks = match (entry.topic.is_some(), has_actions) {
        (true, false) => Some((
            "topic",
            "nothing may be done on this topic",
            "add `actions: [subscribe]`, `[publish]` or both",
        )),
        (false, true) => Some((
            "actions",
            "these actions hold for no topic",
            "add `topic:` with a topic or a filter such as `site/7/#`",
        )),
        _ => None,
    };
    if let Some((at, message, help)) = lacks {
        let at = format!("{pointer}/{at}");
        diagnostics.push(
            Diagnostic::warning(Code::AclIdle, message)
                .at(document.span(&at, Target::Key), "")
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
                .at(document.span(&at, Target::Key), "")
                .help("take it out; what an `mqtt` entry is about is its `topic`")
                .pointer(&*at),
            );
        }
    }
}
