//! Templates, defaults, overlays and presets: what comes out, and that its places lead home.

use std::path::{Path, PathBuf};

use flespi_gitops::diagnostic::render;
use flespi_gitops::manifest::{Load, Options, load_with};
use flespi_gitops::resource::Address;

use crate::support::World;

const NOW: i64 = 1_767_225_600;

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/tenants")
}

fn loaded(path: &Path, overlay: Option<&str>) -> Load {
    load_with(
        &[path.to_owned()],
        &Options { now: NOW, overlay, expanded: true, ..Options::default() },
    )
}

#[track_caller]
fn sound(path: &Path, overlay: Option<&str>) -> Load {
    let load = loaded(path, overlay);
    let said = render::short(&load.sources, load.diagnostics.as_slice());
    assert!(said.is_empty(), "{said}");
    load
}

fn said(load: &Load, folder: &Path) -> String {
    let said = render::short(&load.sources, load.diagnostics.as_slice());
    said.replace(&format!("{}/", folder.display()), "")
}

fn object<'a>(load: &'a Load, address: &str) -> &'a flespi_gitops::resource::Declared {
    let address: Address = address.parse().unwrap();
    load.desired.get(&address).unwrap_or_else(|| panic!("{address} is not there"))
}

#[test]
fn a_line_of_the_table_is_a_tenant() {
    let load = sound(&example(), None);
    assert_eq!(load.desired.objects.len(), 2 + 20 * 3);
    let acme = object(&load, "subaccount/acme");
    assert_eq!(acme.fields.unpack()["name"], "ACME Haulage, Ltd.");
    assert_eq!(acme.limit().unwrap().to_string(), "limit/large");
    assert_eq!(acme.metadata.unpack()["billing"], "monthly");
    let trackit = object(&load, "token/globex/trackit");
    assert_eq!(trackit.fields.unpack()["ttl"], 2_592_000);
    assert_eq!(trackit.fields.unpack()["access"]["acl"][0]["ids"], serde_json::json!([1010, 1011]));
    let sinks: Vec<String> = trackit.deliver.iter().map(ToString::to_string).collect();
    assert!(sinks[1].ends_with("out/globex/trackit-link (as link)"), "{sinks:?}");
}

#[test]
fn an_expanded_object_knows_its_template_its_row_and_its_defaults() {
    let load = sound(&example(), None);
    let trackit = object(&load, "token/globex/trackit");
    let origin = trackit.origin.to_string();
    assert!(origin.ends_with("tenant.yaml:35:7"), "{origin}");
    let row = trackit.row.as_ref().unwrap().to_string();
    assert!(row.ends_with("tenants.csv:3:1"), "{row}");
    let ttl = trackit.field_origins.get("ttl").unwrap().to_string();
    assert!(ttl.ends_with("stack.yaml:15:12"), "{ttl}");
}

#[test]
fn an_overlay_changes_what_a_template_made_and_goes_before_defaults() {
    let load = sound(&example(), Some("staging"));
    assert_eq!(object(&load, "limit/large").fields.unpack()["devices_count"], 5);
    assert_eq!(object(&load, "limit/large").fields.unpack()["tokens_count"], 25);
    assert_eq!(object(&load, "subaccount/acme").metadata.unpack()["billing"], "none");
    assert_eq!(object(&load, "token/initech/app").fields.unpack()["enabled"], false);
    assert_eq!(object(&load, "token/initech/app").fields.unpack()["ttl"], 86_400);
    assert!(!object(&load, "token/acme/app").fields.unpack().contains_key("enabled"));
}

#[test]
fn what_is_shown_expanded_says_the_same_and_needs_no_template() {
    for overlay in [None, Some("staging")] {
        let load = sound(&example(), overlay);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("expanded.yaml");
        std::fs::write(&file, &load.expanded).unwrap();
        let again = sound(&file, None);
        assert!(!load.expanded.contains("Template") && !load.expanded.contains("preset"));
        assert_eq!(load.desired.stack, again.desired.stack);
        let fields = |load: &Load| {
            let objects = load.desired.all();
            let told = objects.map(|o| {
                format!(
                    "{} {:?} {:?} {:?} {:?}",
                    o.address, o.fields, o.metadata, o.refs, o.lifecycle
                )
            });
            told.collect::<Vec<_>>()
        };
        assert_eq!(fields(&load), fields(&again));
    }
}

#[test]
fn what_is_shown_expanded_leads_home() {
    let world = World::new();
    world.copy_example("tenants");
    let run = world.run(&["validate", "--show-expanded", "tenants"]).expect(0);
    let manifest = run
        .stdout
        .split("---\n")
        .find(|text| text.contains("name: trackit") && text.contains("account: globex"))
        .unwrap();
    assert_eq!(
        manifest,
        "\
# from tenants/tenant.yaml:35:7, with the row at tenants/tenants.csv:3:1
apiVersion: flespi-gitops/v1
kind: Token
metadata:
  name: trackit
  account: globex  # from tenants/tenants.csv:3:1
spec:
  access:
    acl:
      - uri: gw/devices
        ids:
          - 1010
          - 1011
        methods:
          - GET
        submodules:
          - name: messages
            methods:
              - GET
          - name: telemetry
            methods:
              - GET
  deliver:
    - file: out/globex/trackit-key  # from tenants/tenants.csv:3:1
    - file: out/globex/trackit-link  # from tenants/tenants.csv:3:1
      as: link
  ttl: 30d  # from tenants/stack.yaml:15:12
"
    );
}

#[test]
fn the_tenants_are_applied_and_then_nothing_is_left_to_do() {
    let world = World::new();
    world.copy_example("tenants");
    world.apply(&["tenants"]);
    let link = world.read("tenants/out/globex/trackit-link");
    let key = world.read("tenants/out/globex/trackit-key");
    assert_eq!(
        link.trim_end(),
        format!("https://flespi.io/trackit/#/login/{}/devices/1010,1011", key.trim_end())
    );
    world.empty_journal();
    let second = world.apply(&["tenants"]);
    assert!(second.stdout.contains("nothing to do"), "{}", second.stdout);
    assert_eq!(world.writes().len(), 0);

    // A device more makes another link, with the same key.
    world.edit("tenants/tenants.csv", "1010 1011", "1010 1011 1012");
    world.apply(&["tenants"]);
    let link = world.read("tenants/out/globex/trackit-link");
    assert!(link.trim_end().ends_with(&format!("{}/devices/1010,1011,1012", key.trim_end())));

    let plan = world.plan(&["tenants", "--overlay", "staging"]);
    let steps = plan["steps"].as_array().unwrap();
    assert!(steps.iter().any(|step| step["address"] == "token/initech/app"));
}

#[test]
fn an_overlay_that_is_not_there_or_changes_nothing_is_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("a.yaml"),
        "\
apiVersion: flespi-gitops/v1
kind: Stack
metadata: {name: fleet}
spec:
  overlays:
    prod:
      patches:
        - address: limit/strater
          spec: {devices_count: 10}
        - address: limit/starter
          remove: [colour]
    staging:
      patches:
        - address: limit/*
          spec: {devices_count: many}
---
apiVersion: flespi-gitops/v1
kind: Limit
metadata: {name: starter}
",
    )
    .unwrap();
    let told = |overlay: &str| said(&loaded(folder.path(), Some(overlay)), folder.path());
    assert_eq!(
        told("prod"),
        "\
a.yaml:8:20: error[overlay-target]: `limit/strater` is not declared; did you mean `limit/starter`?
a.yaml:11:20: error[overlay-target]: no limit/starter has a field `colour`; remove it from `remove`; fields of `defaults` do not belong to the object itself
"
    );
    assert_eq!(
        told("stagign"),
        "a.yaml:6:5: error[unknown-overlay]: there is no overlay `stagign`; did you mean `staging`?\n"
    );
    // A mistake in a patch is told where the patch stands.
    assert_eq!(
        told("staging"),
        "a.yaml:15:33: error[wrong-type]: `spec.devices_count` takes an integer, not the text `many`\n"
    );
}

#[test]
fn expanding_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let template = "\
apiVersion: flespi-gitops/v1
kind: Template
metadata: {name: tenant}
spec:
  parameters: {name: {}}
  for_each: {file: rows.csv}
  manifests:
    - apiVersion: flespi-gitops/v1
      kind: Limit
      metadata: {name: \"a${name}\"}
      spec: {description: \"${name}${name}${name}${name}${name}${name}${name}${name}\"}
";
    std::fs::write(folder.path().join("a.yaml"), template).unwrap();
    let rows = |rows: String| {
        std::fs::write(folder.path().join("rows.csv"), format!("name\n{rows}")).unwrap();
        said(&loaded(folder.path(), None), folder.path())
    };
    let many: String = (0..100_001).map(|row| format!("{row}\n")).collect();
    let expected = "a.yaml:6:13: error[template-budget]: ";
    assert!(rows(many).starts_with(expected));
    let wide: String = (0..12).map(|row| format!("{row}{}\n", "x".repeat(1_000_000))).collect();
    assert!(rows(wide).contains("error[template-budget]: "));
}

#[test]
fn a_table_in_yaml_among_the_manifests_is_no_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let template = "\
apiVersion: flespi-gitops/v1
kind: Template
metadata: {name: tenant}
spec:
  parameters:
    name: {}
    devices: {type: integer, default: 7}
    is_open: {type: boolean, default: true}
  for_each: {file: rows.yaml}
  manifests:
    - apiVersion: flespi-gitops/v1
      kind: Limit
      metadata: {name: \"${name}\"}
      spec: {devices_count: \"${devices}\", metadata: {open: \"${is_open}\", price: \"$${name} ${devices}\"}}
";
    std::fs::write(folder.path().join("a.yaml"), template).unwrap();
    std::fs::write(folder.path().join("rows.yaml"), "- name: a\n- {name: b, devices: 9}\n")
        .unwrap();
    let load = sound(folder.path(), None);
    assert_eq!(object(&load, "limit/a").fields.unpack()["devices_count"], 7);
    assert_eq!(object(&load, "limit/b").fields.unpack()["devices_count"], 9);
    assert_eq!(object(&load, "limit/b").metadata.unpack()["open"], true);
    assert_eq!(object(&load, "limit/b").metadata.unpack()["price"], "${name} 9");
}

#[test]
fn a_token_that_says_when_it_ends_gets_no_other_end_by_default() {
    let folder = tempfile::tempdir().unwrap();
    let text = "\
apiVersion: flespi-gitops/v1
kind: Stack
metadata: {name: fleet}
spec: {defaults: {Token: {ttl: 30d, access: standard, metadata: {a: 1, b: 1}}}}
---
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: bounded}
spec: {expire: 2035-01-31T00:00:00Z, metadata: {a: 2}}
---
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: plain}
";
    std::fs::write(folder.path().join("a.yaml"), text).unwrap();
    let load = sound(folder.path(), None);
    let bounded = object(&load, "token/bounded");
    assert!(!bounded.fields.unpack().contains_key("ttl"), "a ttl would make it live for ever");
    assert_eq!(bounded.metadata.unpack()["a"], 2);
    assert_eq!(bounded.metadata.unpack()["b"], 1);
    assert_eq!(object(&load, "token/plain").fields.unpack()["ttl"], 2_592_000);
}
