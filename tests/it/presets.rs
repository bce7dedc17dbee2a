//! The ready recipes of the token article: a token can do exactly what its section promises, and its link opens it.

use serde_json::json;

use crate::support::World;

/// A token made by a preset, and two devices: one that it is for, and another.
struct Made {
    world: World,
    key: String,
    link: String,
    device: u64,
    other: u64,
}

/// Applies `access` to a world with two devices; `DEVICE` in it stands for the first.
fn made(access: &str) -> Made {
    let world = World::new();
    let device = |name: &str| {
        let made = world.api("POST", "/gw/devices", Some(&json!([{ "name": name }])));
        made[0]["id"].as_u64().unwrap()
    };
    let (device, other) = (device("ours"), device("theirs"));
    let access = access.replace("DEVICE", &device.to_string());
    world.write(
        "token.yaml",
        &format!(
            "\
apiVersion: flespi-gitops/v1
kind: Token
metadata: {{name: shared}}
spec:
  expire: 2099-01-31T00:00:00Z
  access: {access}
  deliver:
    - file: out/key
    - {{file: out/link, as: link}}
"
        ),
    );
    world.apply(&["token.yaml"]);
    let read = |name: &str| world.read(name).trim_end().to_owned();
    let (key, link) = (read("out/key"), read("out/link"));
    Made { world, key, link, device, other }
}

impl Made {
    /// Whether the token's rights let a request through; what else is wrong with the request does not count.
    fn may(&self, line: &str) -> bool {
        let line = line
            .replace("DEVICE", &self.device.to_string())
            .replace("OTHER", &self.other.to_string());
        let (method, path) = line.split_once(' ').unwrap();
        let body = json!([{}]);
        let body = (method != "GET" && method != "DELETE").then_some(&body);
        let (status, _) = self.world.call(method, path, Some(&self.key), None, body);
        assert_ne!(status, 401, "{line}");
        status != 403
    }

    #[track_caller]
    fn check(&self, allowed: &[&str], denied: &[&str]) {
        for line in allowed {
            assert!(self.may(line), "{line} is denied");
        }
        for line in denied.iter().chain(&NEVER) {
            assert!(!self.may(line), "{line} is allowed");
        }
    }

    #[track_caller]
    fn link_is(&self, form: &str) {
        let expected = form.replace("KEY", &self.key).replace("DEVICE", &self.device.to_string());
        assert_eq!(self.link, expected);
        assert_eq!(self.key.len(), 64);
    }
}

/// What only a master token may do.
const NEVER: [&str; 3] =
    ["GET /platform/tokens/all", "POST /platform/tokens", "GET /platform/subaccounts/all"];

/// Whatever changes or reads another device, or devices as such.
const OTHERS: [&str; 5] = [
    "GET /gw/devices/OTHER",
    "GET /gw/devices/OTHER/messages",
    "POST /gw/devices",
    "DELETE /gw/devices/OTHER",
    "GET /gw/channels/all",
];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    OTHERS.iter().chain(more).copied().collect()
}

#[test]
fn toolbox_reads_everything_of_its_devices() {
    let made = made("{preset: toolbox, devices: [DEVICE]}");
    made.check(
        &[
            "GET /gw/devices/DEVICE",
            "GET /gw/devices/DEVICE/logs",
            "GET /gw/devices/DEVICE/messages",
            "GET /gw/devices/DEVICE/packets",
        ],
        &with(&["DELETE /gw/devices/DEVICE/messages", "PUT /gw/devices/DEVICE"]),
    );
    made.link_is("https://flespi.io/toolbox/#/devices/DEVICE?token=KEY");
}

#[test]
fn setbox_configures_its_devices() {
    let made = made("{preset: setbox, devices: [DEVICE]}");
    made.check(
        &[
            "GET /gw/devices/DEVICE",
            "GET /gw/devices/DEVICE/settings/all",
            "PUT /gw/devices/DEVICE/settings/all",
            "DELETE /gw/devices/DEVICE/settings/all",
            "POST /gw/devices/DEVICE/commands",
            "GET /gw/devices/DEVICE/commands-queue/all",
            "POST /gw/devices/DEVICE/commands-queue",
            "DELETE /gw/devices/DEVICE/commands-queue/all",
            "GET /gw/devices/DEVICE/sms",
            "POST /gw/devices/DEVICE/sms",
        ],
        &with(&[
            "GET /gw/devices/DEVICE/messages",
            "GET /gw/devices/DEVICE/telemetry/all",
            "PUT /gw/devices/DEVICE",
            "DELETE /gw/devices/DEVICE",
        ]),
    );
    made.link_is("https://flespi.io/#/token/KEY/devices/DEVICE");
}

#[test]
fn trackit_reads_messages_and_telemetry_or_one_of_them() {
    let both = made("{preset: trackit, devices: [DEVICE]}");
    let denied = with(&[
        "GET /gw/devices/DEVICE/logs",
        "DELETE /gw/devices/DEVICE/messages",
        "PUT /gw/devices/DEVICE",
    ]);
    both.check(
        &[
            "GET /gw/devices/DEVICE",
            "GET /gw/devices/DEVICE/messages",
            "GET /gw/devices/DEVICE/telemetry/all",
        ],
        &denied,
    );
    both.link_is("https://flespi.io/trackit/#/login/KEY/devices/DEVICE");
    let one = made("{preset: trackit, devices: [DEVICE], data: [telemetry]}");
    one.check(
        &["GET /gw/devices/DEVICE", "GET /gw/devices/DEVICE/telemetry/all"],
        &[denied.as_slice(), &["GET /gw/devices/DEVICE/messages"]].concat(),
    );
}

#[test]
fn manufacturer_support_reads_and_configures_only_if_it_is_asked_to() {
    let reads = made("{preset: manufacturer-support, devices: [DEVICE]}");
    let configures = ["POST /gw/devices/DEVICE/commands", "PUT /gw/devices/DEVICE/settings/all"];
    let looks = [
        "GET /gw/devices/DEVICE",
        "GET /gw/devices/DEVICE/messages",
        "GET /gw/devices/DEVICE/packets",
    ];
    reads.check(&looks, &with(&configures));
    reads.link_is("https://flespi.io/#/token/KEY/devices/DEVICE");
    let both = made("{preset: manufacturer-support, devices: [DEVICE], configure: true}");
    both.check(&[looks.as_slice(), &configures].concat(), &with(&["DELETE /gw/devices/DEVICE"]));
}

#[test]
fn device_groups_open_what_is_in_groups() {
    let made = made("{preset: device-groups}");
    let seen = || {
        let (_, answer) = made.world.call("GET", "/gw/devices/all", Some(&made.key), None, None);
        answer["result"].as_array().unwrap().len()
    };
    assert_eq!(seen(), 0);
    let group = made.world.api("POST", "/gw/groups", Some(&json!([{"name": "all"}])));
    let group = group[0]["id"].as_u64().unwrap();
    made.world.api("POST", &format!("/gw/groups/{group}/devices/{}", made.device), None);
    assert_eq!(seen(), 1);
    made.check(
        &["GET /gw/devices/DEVICE", "GET /gw/devices/DEVICE/messages"],
        &with(&["PUT /gw/devices/DEVICE", "DELETE /gw/devices/DEVICE"]),
    );
    made.link_is("https://flespi.io/#/token/KEY");
}

#[test]
fn mqtt_messages_opens_the_messages_of_devices() {
    let made = made("{preset: mqtt-messages}");
    made.check(
        &[
            "GET /gw/devices/DEVICE",
            "GET /gw/devices/DEVICE/messages",
            "GET /gw/devices/OTHER/messages",
        ],
        &[
            "GET /gw/devices/DEVICE/telemetry/all",
            "DELETE /gw/devices/DEVICE/messages",
            "POST /gw/devices",
            "GET /gw/channels/all",
        ],
    );
    made.link_is("mqtts://KEY@mqtt.flespi.io:8883");
}

#[test]
fn the_panel_is_used_with_standard_rights_or_all_of_them() {
    let standard = made("{preset: panel}");
    standard.check(
        &[
            "GET /gw/devices/DEVICE",
            "POST /gw/devices",
            "GET /gw/channels/all",
            "DELETE /gw/devices/OTHER",
        ],
        &[],
    );
    standard.link_is("https://flespi.io/#/token/KEY");
    let master = made("{preset: panel, level: master}");
    assert!(NEVER.iter().all(|line| master.may(line)));
    master.link_is("https://flespi.io/#/token/KEY");
}
