//! The ready recipes of the token article: what each comes out as, which parameters it takes, and its share link.
//!
//! | preset | comes out as | share link |
//! | --- | --- | --- |
//! | `panel` | `standard`, or `master` with `level: master` | the panel's log-in |
//! | `device-groups` | `gw/devices`, ids `in-groups`, GET or `methods`, all submodules | the panel's log-in |
//! | `toolbox` | `gw/devices`, ids, GET, all submodules | Toolbox with the first device |
//! | `setbox` | `gw/devices`, ids, GET; settings GET PUT DELETE, commands POST, commands-queue GET POST DELETE, sms GET POST | the panel's page of the first device |
//! | `trackit` | `gw/devices`, ids, GET; messages and/or telemetry GET | TrackIt with all of the devices |
//! | `manufacturer-support` | as `toolbox`; with `configure: true` also as `setbox`; `expire` is a must | the panel's page of the first device |
//! | `mqtt-messages` | `gw/devices`, ids, GET; messages GET | the address of the broker |
//!
//! Devices that are selected by what they are called have the panel's log-in for a share link, since no link can name them.
//!
//! Source: "Token — access key to the flespi platform" (sections "Token for ..."), fact sheet 5.4 for the names and 11 for
//! the links. The article has no link for Setbox and for MQTT: the first gets the page that the section on manufacturers
//! gives for the same rights, the second is put together from the broker's documented host, port and user name.

use std::collections::BTreeSet;

use super::model::{
    Access, AclAccess, AclEntry, AclIds, DeviceData, NamedAccess, NamedIds, PanelLevel,
    PresetAccess, PresetName, Submodule,
};
use super::place::Place;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::rights::Method;
use crate::secret::Link;
use crate::source::Target;

use Method::{Delete, Get, Post, Put};

/// Where flespi's own pages are; the region `ru` has a host of its own, whose pages nobody has documented.
const SITE: &str = "https://flespi.io";

/// The broker, with its port for TLS (fact sheet 1.1).
const BROKER: &str = "mqtt.flespi.io:8883";

/// The access that a recipe comes out as; never a recipe again.
pub fn expand(access: &PresetAccess) -> Access {
    let ids = access.devices.clone();
    let entries = match access.preset {
        PresetName::Panel => {
            return Access::Named(match access.level {
                Some(PanelLevel::Master) => NamedAccess::Master,
                Some(PanelLevel::Standard) | None => NamedAccess::Standard,
            });
        }
        PresetName::DeviceGroups => {
            let methods = access.methods.clone().unwrap_or_else(|| [Get].into());
            vec![AclEntry {
                methods: Some(methods),
                ..devices(Some(AclIds::Named(NamedIds::InGroups)), None)
            }]
        }
        PresetName::Toolbox => vec![devices(ids, None)],
        PresetName::Setbox => vec![devices(ids, Some(setbox()))],
        PresetName::Trackit => {
            let both = [DeviceData::Messages, DeviceData::Telemetry].into();
            let data = access.data.clone().unwrap_or(both);
            let submodules = data.into_iter().map(|data| match data {
                DeviceData::Messages => submodule("messages", &[Get]),
                DeviceData::Telemetry => submodule("telemetry", &[Get]),
            });
            vec![devices(ids, Some(submodules.collect()))]
        }
        PresetName::ManufacturerSupport => {
            let mut entries = vec![devices(ids.clone(), None)];
            if access.configure == Some(true) {
                entries.push(devices(ids, Some(setbox())));
            }
            entries
        }
        PresetName::MqttMessages => {
            vec![devices(ids, Some(vec![submodule("messages", &[Get])]))]
        }
    };
    Access::Acl(AclAccess { acl: entries, templating: None })
}

/// The link with which a token of this access is shared: that of its recipe, otherwise the panel's log-in, which takes
/// any token.
pub fn link(access: &Access) -> Link {
    let panel = || Link::new(format!("{SITE}/#/token/"), "");
    let Access::Preset(preset) = access else { return panel() };
    // Which devices these are changes from pass to pass, and the link is handed out once.
    if let Some(AclIds::Select(_)) = preset.devices
        && preset.preset != PresetName::MqttMessages
    {
        return panel();
    }
    let ids: Vec<String> = match &preset.devices {
        Some(AclIds::List(ids)) => ids.iter().map(i64::to_string).collect(),
        _ => Vec::new(),
    };
    let first = ids.first().cloned().unwrap_or_default();
    match preset.preset {
        PresetName::Panel | PresetName::DeviceGroups => panel(),
        PresetName::Toolbox => Link::new(format!("{SITE}/toolbox/#/devices/{first}?token="), ""),
        PresetName::Setbox | PresetName::ManufacturerSupport => {
            Link::new(format!("{SITE}/#/token/"), format!("/devices/{first}"))
        }
        PresetName::Trackit => {
            Link::new(format!("{SITE}/trackit/#/login/"), format!("/devices/{}", ids.join(",")))
        }
        PresetName::MqttMessages => Link::new("mqtts://", format!("@{BROKER}")),
    }
}

fn devices(ids: Option<AclIds>, submodules: Option<Vec<Submodule>>) -> AclEntry {
    AclEntry {
        uri: "gw/devices".to_owned(),
        methods: Some([Get].into()),
        ids,
        submodules,
        topic: None,
        actions: None,
    }
}

fn setbox() -> Vec<Submodule> {
    vec![
        submodule("settings", &[Get, Put, Delete]),
        submodule("commands", &[Post]),
        submodule("commands-queue", &[Get, Post, Delete]),
        submodule("sms", &[Get, Post]),
    ]
}

fn submodule(name: &str, methods: &[Method]) -> Submodule {
    Submodule { name: name.to_owned(), methods: BTreeSet::from_iter(methods.iter().copied()) }
}

/// What a recipe is called in manifests.
fn word(preset: PresetName) -> &'static str {
    match preset {
        PresetName::Panel => "panel",
        PresetName::DeviceGroups => "device-groups",
        PresetName::Toolbox => "toolbox",
        PresetName::Setbox => "setbox",
        PresetName::Trackit => "trackit",
        PresetName::ManufacturerSupport => "manufacturer-support",
        PresetName::MqttMessages => "mqtt-messages",
    }
}

/// The parameters that a recipe takes.
fn takes(preset: PresetName) -> &'static [&'static str] {
    match preset {
        PresetName::Panel => &["level"],
        PresetName::DeviceGroups => &["methods"],
        PresetName::Toolbox | PresetName::Setbox | PresetName::MqttMessages => &["devices"],
        PresetName::Trackit => &["devices", "data"],
        PresetName::ManufacturerSupport => &["devices", "configure"],
    }
}

/// Checks the parameters of a recipe. `expires` tells whether the token has an `expire`.
pub(super) fn check(
    place: &Place<'_>,
    access: &PresetAccess,
    expires: bool,
    diagnostics: &mut Diagnostics,
) {
    let name = word(access.preset);
    let known = takes(access.preset);
    let given = [
        ("devices", access.devices.is_some()),
        ("data", access.data.is_some()),
        ("level", access.level.is_some()),
        ("methods", access.methods.is_some()),
        ("configure", access.configure.is_some()),
    ];
    let finding = |at: &str, target: Target, message: String| {
        Diagnostic::error(Code::PresetParameter, message).at(place.span(at, target), "").pointer(at)
    };
    for (parameter, is_given) in given {
        if is_given && !known.contains(&parameter) {
            let at = format!("/spec/access/{parameter}");
            let message = format!("preset `{name}` has no parameter `{parameter}`");
            let listed: Vec<String> = known.iter().map(|known| format!("`{known}`")).collect();
            diagnostics.push(
                finding(&at, Target::Key, message)
                    .help(format!("it takes {}; leave this out", listed.join(" and "))),
            );
        }
    }
    // `mqtt-messages` does well without: all devices of the account.
    if known.contains(&"devices") && access.preset != PresetName::MqttMessages {
        match &access.devices {
            None => diagnostics.push(
                finding(
                    "/spec/access/preset",
                    Target::Value,
                    format!("preset `{name}` needs `devices`"),
                )
                .help("add their ids, such as `devices: [12345]`"),
            ),
            Some(AclIds::List(ids)) if !ids.is_empty() => {}
            Some(AclIds::Select(_)) => {}
            Some(_) => diagnostics.push(
                finding(
                    "/spec/access/devices",
                    Target::Value,
                    format!("preset `{name}` takes a list with the ids of devices, or a selection"),
                )
                .help(
                    "write them one by one, such as `devices: [12345, 12346]`, or \
                     `devices: {select: {name: \"truck-*\"}}`",
                ),
            ),
        }
    }
    if access.preset == PresetName::ManufacturerSupport && !expires {
        diagnostics.push(
            finding(
                "/spec/access/preset",
                Target::Value,
                format!("preset `{name}` needs an expiry: the token has no `expire`"),
            )
            .help(
                "access for outsiders must expire: add `expire: 2035-01-31T00:00:00Z` to the spec",
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn recipe(text: &str) -> Access {
        serde_yaml::from_str(text).unwrap()
    }

    fn acl(text: &str) -> Value {
        let Access::Preset(preset) = recipe(text) else { panic!("{text} is no preset") };
        match expand(&preset) {
            Access::Acl(list) => serde_json::to_value(list.acl).unwrap(),
            other => panic!("{text} comes out as {other:?}"),
        }
    }

    #[test]
    fn each_recipe_comes_out_as_its_section_of_the_article_says() {
        assert_eq!(
            acl("{preset: toolbox, devices: [7]}"),
            json!([{"uri": "gw/devices", "methods": ["GET"], "ids": [7]}])
        );
        assert_eq!(
            acl("{preset: device-groups}"),
            json!([{"uri": "gw/devices", "methods": ["GET"], "ids": "in-groups"}])
        );
        assert_eq!(
            acl("{preset: trackit, devices: [7], data: [telemetry]}"),
            json!([{"uri": "gw/devices", "methods": ["GET"], "ids": [7],
                    "submodules": [{"name": "telemetry", "methods": ["GET"]}]}])
        );
        assert_eq!(
            acl("{preset: mqtt-messages}"),
            json!([{"uri": "gw/devices", "methods": ["GET"],
                    "submodules": [{"name": "messages", "methods": ["GET"]}]}])
        );
        let setbox = json!([
            {"name": "settings", "methods": ["GET", "PUT", "DELETE"]},
            {"name": "commands", "methods": ["POST"]},
            {"name": "commands-queue", "methods": ["GET", "POST", "DELETE"]},
            {"name": "sms", "methods": ["GET", "POST"]},
        ]);
        assert_eq!(acl("{preset: setbox, devices: [7]}")[0]["submodules"], setbox);
        let support = acl("{preset: manufacturer-support, devices: [7], configure: true}");
        assert_eq!(support[0], json!({"uri": "gw/devices", "methods": ["GET"], "ids": [7]}));
        assert_eq!(support[1]["submodules"], setbox);
    }

    #[test]
    fn each_recipe_has_a_link_in_the_documented_form() {
        for (text, form) in [
            ("standard", "https://flespi.io/#/token/<KEY>"),
            ("{preset: panel}", "https://flespi.io/#/token/<KEY>"),
            ("{preset: device-groups}", "https://flespi.io/#/token/<KEY>"),
            (
                "{preset: toolbox, devices: [9, 7]}",
                "https://flespi.io/toolbox/#/devices/7?token=<KEY>",
            ),
            ("{preset: setbox, devices: [7]}", "https://flespi.io/#/token/<KEY>/devices/7"),
            (
                "{preset: trackit, devices: [7, 9]}",
                "https://flespi.io/trackit/#/login/<KEY>/devices/7,9",
            ),
            (
                "{preset: manufacturer-support, devices: [7]}",
                "https://flespi.io/#/token/<KEY>/devices/7",
            ),
            ("{preset: mqtt-messages}", "mqtts://<KEY>@mqtt.flespi.io:8883"),
        ] {
            assert_eq!(link(&recipe(text)).to_string(), form, "{text}");
        }
    }
}
