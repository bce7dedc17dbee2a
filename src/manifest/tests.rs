//! What a load makes of manifests: references, positions, and the platform's own form of every field.

use std::path::Path;

use serde_json::json;

use super::*;
use crate::diagnostic::{Code, render};
use crate::resource::{Address, Declared};
use crate::secret::{FileSink, Place, Sink, Source};

/// 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600;

/// Loads one file.
fn load_text(text: &str) -> Load {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yaml");
    std::fs::write(&file, text).unwrap();
    load(&[file], NOW)
}

/// Loads one file that has nothing wrong with it.
fn sound(text: &str) -> Load {
    let load = load_text(text);
    let said = render::short(&load.sources, load.diagnostics.as_slice());
    assert!(load.diagnostics.is_empty(), "{said}");
    load
}

fn declared<'a>(load: &'a Load, address: &str) -> &'a Declared {
    let address: Address = address.parse().unwrap();
    let found = load.desired.get(&address);
    found.unwrap_or_else(|| panic!("{address} is not among what was loaded"))
}

fn limit(account: &str, name: &str) -> String {
    format!(
        "---\napiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {{name: {name}, account: \"{account}\"}}\n"
    )
}

fn subaccount(account: &str, name: &str, limit: &str) -> String {
    format!(
        "---\napiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {{name: {name}, account: \"{account}\"}}\n\
         spec: {{limit: {limit}}}\n"
    )
}

/// A token `t` in the root whose `spec` is this, an hour of life added.
fn token(spec: &str) -> String {
    let spec = spec.replace('\n', "\n  ");
    format!(
        "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {{name: t}}\nspec:\n  ttl: 1h\n  {spec}\n"
    )
}

/// What a field of the token with this `spec` comes out as.
fn field(spec: &str, name: &str) -> serde_json::Value {
    let load = sound(&token(spec));
    declared(&load, "token/t").fields.unpack()[name].clone()
}

/// What a field comes out as when nothing is added to `spec`.
fn field_alone(spec: &str, name: &str) -> serde_json::Value {
    let text = format!(
        "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {{name: t}}\nspec: {{access: standard, {spec}}}\n"
    );
    let load = sound(&text);
    declared(&load, "token/t").fields.unpack()[name].clone()
}

/// The platform's JSON for an access list with these entries, written as a manifest.
fn acl(entries: &str) -> serde_json::Value {
    let entries = entries.replace('\n', "\n    ");
    field(&format!("access:\n  acl:\n    {entries}"), "access")
}

/// Line and column; the folder of a test has another name each time.
fn place_of(origin: &Origin) -> String {
    format!("{}:{}", origin.line, origin.column)
}

fn example(name: &str) -> Load {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
    let load = load(&[folder], NOW);
    let said = render::short(&load.sources, load.diagnostics.as_slice());
    assert!(load.diagnostics.is_empty(), "{said}");
    load
}

fn addresses(load: &Load) -> Vec<String> {
    load.desired.objects.keys().map(Address::to_string).collect()
}

#[test]
fn the_first_example_declares_the_five_steps() {
    let load = example("first-subaccount");
    assert_eq!(addresses(&load), ["limit/starter", "subaccount/acme", "token/acme/first-login"]);
    let acme = declared(&load, "subaccount/acme");
    assert_eq!(acme.limit().cloned(), "limit/starter".parse().ok());
    let credentials = acme.credentials.as_ref().unwrap();
    assert_eq!(credentials.email.as_deref(), Some("ops@acme.example"));
    assert!(matches!(credentials.password, Some(Source::Generate { length: 32, .. })));
    let token = declared(&load, "token/acme/first-login");
    assert_eq!(token.fields.unpack()["access"], json!({"type": 1}));
    assert_eq!(token.deliver.len(), 1);
}

#[test]
fn the_fleet_has_four_levels_and_everything_in_it_can_be_removed() {
    let load = example("fleet");
    assert_eq!(load.desired.stack, "fleet");
    let deepest = declared(&load, "subaccount/emea/acme/depot");
    // The account of our own token is the first level.
    assert_eq!(deepest.own_path().depth() + 1, crate::resource::MAX_ACCOUNT_LEVELS);
    assert!(load.desired.all().all(|object| !object.lifecycle.keeps_forever()));
    let tokens = addresses(&load);
    let tokens = tokens.iter().filter(|address| address.starts_with("token/"));
    assert!(tokens.count() >= 12);
    for (subaccount, limit) in [
        ("emea", "limit/region"),
        ("emea/acme", "limit/tenant-large"),
        ("emea/acme/depot", "limit/emea/depot"),
        ("emea/globex", "limit/tenant-small"),
        ("apac/initech", "limit/apac/tenant-small"),
        ("apac/umbrella", "limit/tenant-small"),
    ] {
        let object = declared(&load, &format!("subaccount/{subaccount}"));
        assert_eq!(object.limit().cloned(), limit.parse().ok(), "{subaccount}");
    }
}

#[test]
fn a_limit_is_the_one_of_the_parent_or_of_the_nearest_account_above() {
    let text = [
        limit("", "far"),
        limit("", "both"),
        limit("a", "both"),
        subaccount("", "a", "both"),
        subaccount("a", "b", "both"),
        subaccount("a/b", "c", "far"),
    ];
    let load = sound(&text.concat());
    for (subaccount, limit) in
        [("a", "limit/both"), ("a/b", "limit/a/both"), ("a/b/c", "limit/far")]
    {
        let object = declared(&load, &format!("subaccount/{subaccount}"));
        assert_eq!(object.limit().cloned(), limit.parse().ok(), "{subaccount}");
    }
}

#[test]
fn a_limit_can_be_named_with_its_account() {
    let text = [
        limit("", "both"),
        limit("a", "both"),
        subaccount("", "a", "both"),
        subaccount("a", "b", "{account: \"\", name: both}"),
        subaccount("a", "c", "{account: a, name: both}"),
    ];
    let load = sound(&text.concat());
    let limit = |address| declared(&load, address).limit().unwrap().to_string();
    assert_eq!(limit("subaccount/a/b"), "limit/both");
    assert_eq!(limit("subaccount/a/c"), "limit/a/both");
}

#[test]
fn a_subaccount_without_a_limit_has_none_managed() {
    let load =
        sound("apiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {name: a}\nspec: {}\n");
    let object = declared(&load, "subaccount/a");
    assert_eq!(object.limit(), None);
    assert_eq!(object.fields.unpack().keys().collect::<Vec<_>>(), ["name"]);
}

#[test]
fn the_stack_gives_its_name_and_its_settings_to_all_that_say_nothing_else() {
    let stack = "apiVersion: flespi-gitops/v1\nkind: Stack\nmetadata: {name: blue}\nspec: {drift: report}\n";
    let own = "---\napiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: own}\n\
               spec: {lifecycle: {drift: ignore}}\n";
    let load = sound(&[stack, &limit("", "plain"), own].concat());
    assert_eq!(load.desired.stack, "blue");
    let drift = |address| declared(&load, address).lifecycle.drift;
    assert_eq!(drift("limit/plain"), crate::resource::Drift::Report);
    assert_eq!(drift("limit/own"), crate::resource::Drift::Ignore);
    assert_eq!(place_of(&load.stack_origin.unwrap()), "1:1");
}

#[test]
fn without_a_stack_manifest_the_stack_is_called_default() {
    let load = sound(&limit("", "a"));
    assert_eq!(load.desired.stack, DEFAULT_STACK);
    assert!(load.stack_origin.is_none());
}

#[test]
fn fields_remember_where_they_were_written() {
    let load = sound(
        "# A comment first.\n\
         apiVersion: flespi-gitops/v1\n\
         kind: Limit\n\
         metadata:\n\
         \x20 name: starter\n\
         spec:\n\
         \x20 name: Größe\n\
         \x20 devices_count: 100\n\
         \x20 metadata: {a/b: x}\n\
         ---\n\
         apiVersion: flespi-gitops/v1\n\
         kind: Subaccount\n\
         metadata: {name: acme}\n\
         spec:\n\
         \x20 limit: starter\n",
    );
    let place = |address, field| {
        let object = declared(&load, address);
        place_of(object.field_origins.get(field).unwrap())
    };
    assert_eq!(place_of(&declared(&load, "limit/starter").origin), "2:1");
    assert_eq!(place_of(&declared(&load, "subaccount/acme").origin), "11:1");
    assert_eq!(place("limit/starter", "name"), "7:9");
    assert_eq!(place("limit/starter", "devices_count"), "8:18");
    assert_eq!(place("limit/starter", "metadata.a/b"), "9:19");
    assert_eq!(place("subaccount/acme", "limit_id"), "15:10");
}

#[test]
fn a_name_for_people_is_the_name_of_the_manifest_unless_told_otherwise() {
    assert_eq!(field("access: standard", "info"), json!("t"));
    assert_eq!(field("access: standard\ninfo: Gate", "info"), json!("Gate"));
    let load = sound(&limit("", "a"));
    assert_eq!(declared(&load, "limit/a").fields.unpack()["name"], json!("a"));
}

#[test]
fn a_quota_of_zero_and_one_without_bounds_are_both_kept() {
    let load = sound(
        "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: a}\nspec: {devices_count: 0, api_calls: -1}\n",
    );
    let fields = declared(&load, "limit/a").fields.unpack();
    assert_eq!((&fields["devices_count"], &fields["api_calls"]), (&json!(0), &json!(-1)));
    assert!(!fields.contains_key("channels_count"));
}

#[test]
fn access_by_name_is_a_type_without_a_list() {
    assert_eq!(field("access: standard", "access"), json!({"type": 0}));
    assert_eq!(field("access: master", "access"), json!({"type": 1}));
}

#[test]
fn an_empty_access_list_stays_a_list() {
    assert_eq!(acl("[]"), json!({"type": 2, "acl": []}));
}

#[test]
fn the_recipe_for_the_toolbox_has_no_submodules() {
    assert_eq!(
        acl("- {uri: gw/devices, methods: [GET], ids: [12345]}"),
        json!({"type": 2, "acl": [{"uri": "gw/devices", "methods": ["GET"], "ids": [12345]}]})
    );
}

#[test]
fn the_recipe_for_the_setbox_names_methods_for_each_submodule() {
    let entries = "\
- uri: gw/devices
  methods: [GET]
  ids: [12345]
  submodules:
    - {name: settings, methods: [GET, PUT, DELETE]}
    - {name: commands, methods: [POST]}
    - {name: commands-queue, methods: [GET, POST, DELETE]}
    - {name: sms, methods: [POST, GET]}";
    assert_eq!(
        acl(entries),
        json!({"type": 2, "acl": [{
            "uri": "gw/devices",
            "methods": ["GET"],
            "ids": [12345],
            "submodules": [
                {"name": "settings", "methods": ["GET", "PUT", "DELETE"]},
                {"name": "commands", "methods": ["POST"]},
                {"name": "commands-queue", "methods": ["GET", "POST", "DELETE"]},
                {"name": "sms", "methods": ["GET", "POST"]}
            ]
        }]})
    );
}

#[test]
fn the_recipe_for_trackit_reads_messages_and_telemetry() {
    let entries = "\
- uri: gw/devices
  methods: [GET]
  ids: [12345]
  submodules:
    - {name: messages, methods: [GET]}
    - {name: telemetry, methods: [GET]}";
    assert_eq!(
        acl(entries),
        json!({"type": 2, "acl": [{
            "uri": "gw/devices",
            "methods": ["GET"],
            "ids": [12345],
            "submodules": [
                {"name": "messages", "methods": ["GET"]},
                {"name": "telemetry", "methods": ["GET"]}
            ]
        }]})
    );
}

#[test]
fn the_recipe_for_messages_by_mqtt_is_the_submodule_and_no_topic() {
    let entries = "\
- uri: gw/devices
  methods: [GET]
  submodules:
    - {name: messages, methods: [GET]}";
    assert_eq!(
        acl(entries),
        json!({"type": 2, "acl": [{
            "uri": "gw/devices",
            "methods": ["GET"],
            "submodules": [{"name": "messages", "methods": ["GET"]}]
        }]})
    );
}

#[test]
fn the_recipe_for_device_groups_names_no_numbers() {
    assert_eq!(
        acl("- {uri: gw/devices, methods: [GET], ids: in-groups}"),
        json!({"type": 2, "acl": [{"uri": "gw/devices", "methods": ["GET"], "ids": "in-groups"}]})
    );
}

#[test]
fn the_support_of_a_manufacturer_gets_an_end_beside_its_access() {
    let load = sound(
        "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {name: t}\nspec:\n\
         \x20 access: {acl: [{uri: gw/devices, methods: [GET], ids: [12345]}]}\n\
         \x20 expire: 2035-01-01T00:00:00Z\n",
    );
    let fields = declared(&load, "token/t").fields.unpack();
    assert_eq!(
        fields["access"],
        json!({"type": 2, "acl": [{"uri": "gw/devices", "methods": ["GET"], "ids": [12345]}]})
    );
    assert_eq!(fields["expire"], json!(2_051_222_400));
    assert!(!fields.contains_key("ttl"));
}

#[test]
fn an_entry_for_mqtt_has_a_topic_and_actions() {
    assert_eq!(
        acl("- {uri: mqtt, topic: /site/7/#, actions: [publish, subscribe]}"),
        json!({"type": 2, "acl": [
            {"uri": "mqtt", "topic": "/site/7/#", "actions": ["publish", "subscribe"]}
        ]})
    );
    assert_eq!(
        acl("- {uri: mqtt, methods: [GET, DELETE]}"),
        json!({"type": 2, "acl": [{"uri": "mqtt", "methods": ["GET", "DELETE"]}]})
    );
}

#[test]
fn whole_modules_and_every_item_can_be_granted() {
    assert_eq!(
        acl(
            "- {uri: gw, methods: [GET]}\n- {uri: ai, methods: [POST]}\n- {uri: storage/cdns, methods: [GET], ids: all}"
        ),
        json!({"type": 2, "acl": [
            {"uri": "gw", "methods": ["GET"]},
            {"uri": "ai", "methods": ["POST"]},
            {"uri": "storage/cdns", "methods": ["GET"], "ids": "all"}
        ]})
    );
}

#[test]
fn no_submodule_and_every_submodule_are_two_things() {
    assert_eq!(
        acl("- {uri: gw/devices, methods: [GET], submodules: []}"),
        json!({"type": 2, "acl": [{"uri": "gw/devices", "methods": ["GET"], "submodules": []}]})
    );
}

#[test]
fn a_lifetime_is_written_in_seconds_or_in_words() {
    for (text, seconds) in [
        ("3600", 3600),
        ("30d", 2_592_000),
        ("12h", 43_200),
        ("90m", 5400),
        ("45s", 45),
        ("2w", 1_209_600),
        ("1d 12h", 129_600),
    ] {
        assert_eq!(field_alone(&format!("ttl: {text}"), "ttl"), json!(seconds), "{text}");
    }
}

#[test]
fn an_expiry_is_a_point_of_time_wherever_its_clock_stood() {
    for (text, seconds) in [
        ("2035-01-01T00:00:00Z", 2_051_222_400_i64),
        ("2035-01-01T01:00:00+01:00", 2_051_222_400),
        ("\"2035-01-01 00:00:00Z\"", 2_051_222_400),
        ("2051222400", 2_051_222_400),
    ] {
        assert_eq!(field_alone(&format!("expire: {text}"), "expire"), json!(seconds), "{text}");
    }
}

#[test]
fn an_expiry_that_has_passed_is_only_a_warning_while_there_is_a_ttl() {
    let load = load_text(&token("access: standard\nexpire: 2020-01-01T00:00:00Z"));
    assert!(!load.diagnostics.has_errors());
    assert_eq!(load.diagnostics.as_slice()[0].code, Code::ExpirePassed);
    assert_eq!(declared(&load, "token/t").fields.unpack()["expire"], json!(1_577_836_800));
}

#[test]
fn origins_have_a_preset_masks_and_the_empty_list() {
    let origins = |text: &str| field(&format!("access: standard\norigins: {text}"), "origins");
    assert_eq!(origins("flespi"), json!([{"preset": "flespi"}]));
    assert_eq!(origins("[]"), json!([]));
    assert_eq!(
        origins(
            "[\"http://localhost:1234\", \"https://*.subdomain.domain\", custom7://te?t.example.com, flespi]"
        ),
        json!([
            "http://localhost:1234",
            "https://*.subdomain.domain",
            "custom7://te?t.example.com",
            {"preset": "flespi"}
        ])
    );
    let load = sound(&token("access: standard"));
    assert!(!declared(&load, "token/t").fields.unpack().contains_key("origins"));
}

#[test]
fn masks_of_addresses_become_one_text_with_commas() {
    let ips = |text: &str| field(&format!("access: standard\nips: {text}"), "ips");
    assert_eq!(
        ips("[10.100.15.*, 110.160.56.1?, 182.15.48.5]"),
        json!("10.100.15.*,110.160.56.1?,182.15.48.5")
    );
    assert_eq!(ips("[]"), json!(""));
}

#[test]
fn blocking_is_a_field_like_any_other() {
    assert_eq!(field("access: standard\nenabled: false", "enabled"), json!(false));
}

#[test]
fn free_metadata_comes_out_as_it_was_written() {
    let load = sound(&token(
        "access: standard\nmetadata: {owner: ops, nested: {deep: [1, 2]}, \"012\": \"yes\"}",
    ));
    let metadata = serde_json::Value::Object(declared(&load, "token/t").metadata.unpack());
    assert_eq!(metadata, json!({"owner": "ops", "nested": {"deep": [1, 2]}, "012": "yes"}));
}

#[test]
fn paths_start_from_the_folder_of_the_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yaml");
    std::fs::write(&file, token("access: standard\ndeliver: [{file: out/key}]")).unwrap();
    let load = load(&[folder.path().to_owned()], NOW);
    let file = folder.path().join("out/key");
    let wanted = [Sink::from(Place::File(FileSink { file, allow: Vec::new() }))];
    assert_eq!(declared(&load, "token/t").deliver, wanted);
}

#[test]
fn a_file_that_two_paths_lead_to_is_loaded_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yaml");
    std::fs::write(&file, limit("", "a")).unwrap();
    let load = load(&[folder.path().to_owned(), file], NOW);
    assert_eq!((load.manifests, load.diagnostics.len()), (1, 0));
}

#[test]
fn what_is_right_is_loaded_beside_what_is_wrong() {
    let load = load_text(&[limit("", "a"), limit("", "a/b"), limit("", "c")].concat());
    assert!(load.diagnostics.has_errors());
    assert_eq!(addresses(&load), ["limit/a", "limit/c"]);
    assert_eq!(load.manifests, 3);
}

#[test]
fn a_key_can_go_to_every_kind_of_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.yaml");
    let recipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    let age = format!("{{age: out/key.age, recipients: [{recipient}]}}");
    let sinks = [
        "{file: out/key, allow: [world-readable, tracked]}",
        "{dotenv: out/.env, key: FLESPI_TOKEN}",
        "{dotenv: out/.env, key: FLESPI_LINK, as: link}",
        "{json: out/a.json, pointer: /flespi/token}",
        &age,
        "{exec: [pass, insert, -m, flespi], read: [pass, show, flespi], timeout: 10}",
        "{vault: flespi/app, key: token}",
        "{kubernetes: flespi-keys, key: app, namespace: ops}",
    ];
    let spec = format!("access: standard\ndeliver: [{}]", sinks.join(", "));
    std::fs::write(&file, token(&spec)).unwrap();
    let load = load(&[file], NOW);
    let without_age = usize::from(!cfg!(feature = "age"));
    assert_eq!(load.diagnostics.as_slice().len(), without_age, "{:?}", load.diagnostics);
    let told: Vec<String> =
        declared(&load, "token/t").deliver.iter().map(ToString::to_string).collect();
    let told = told.join("; ").replace(&folder.path().display().to_string(), ".");
    assert_eq!(
        told,
        "file ./out/key; FLESPI_TOKEN in ./out/.env; FLESPI_LINK in ./out/.env (as link); \
         /flespi/token in ./out/a.json; age file ./out/key.age; program `pass`; \
         token in vault secret/flespi/app; app in Kubernetes Secret ops/flespi-keys"
    );
}

#[test]
fn a_place_in_a_manifest_whose_tree_is_gone_is_found_in_its_text() {
    for text in [
        "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {name: t}\nspec:\n  ttl: 400d\n  access: standard\n",
        "  apiVersion: flespi-gitops/v1\n  kind: Token\n  metadata: {name: t}\n  spec:\n    ttl: 400d\n    access: standard\n",
        "--- {apiVersion: flespi-gitops/v1, kind: Token, metadata: {name: t}, spec: {ttl: 400d, access: standard}}\n",
        "# Zürich\n--- # here\napiVersion: flespi-gitops/v1\nkind: Token\nmetadata: &m {name: t}\nspec:\n  ttl: &x 400d\n  \
         access: standard\n  metadata: {a: *x}\n",
    ] {
        let stack = "---\napiVersion: flespi-gitops/v1\nkind: Stack\nmetadata: {name: s}\nspec: {policies: {ttl-at-most: \
                     {max: 1d}}}\n";
        let load = load_text(&format!("{text}{stack}"));
        let finding = load.diagnostics.iter().find(|it| it.code == Code::PolicyTtlAtMost).unwrap();
        let place = finding.primary.as_ref().unwrap();
        assert_eq!(load.sources.slice(place.span), "400d", "{text}");
    }
}
