//! Findings for other readers than people: one line each, SARIF, and a page on each code; and what none of them shows.

use std::path::Path;

use flespi_gitops::diagnostic::{Code, Diagnostic, Severity, render};
use flespi_gitops::manifest::{Load, Options, load_with};
use serde_json::Value;

use crate::support::World;

const NOW: i64 = 1_767_225_600;

/// Loads the blocks of a part of a page: `yaml` is a manifest, `csv` the table that it names.
fn load_blocks(part: &str, overlay: Option<&str>) -> Option<Load> {
    let folder = tempfile::tempdir().unwrap();
    let mut blocks = 0;
    for block in part.split("```").skip(1).step_by(2) {
        let (language, text) = block.split_once('\n')?;
        let name = match language {
            "csv" => "tenants.csv",
            _ => "manifest.yaml",
        };
        std::fs::write(folder.path().join(name), text).unwrap();
        blocks += 1;
    }
    let paths = [folder.path().to_owned()];
    let options = Options { now: NOW, overlay, ..Options::default() };
    (blocks > 0).then(|| load_with(&paths, &options))
}

/// Codes whose mistake no block of text can show, and one that is about no mistake.
const WITHOUT_EXAMPLE: [Code; 12] = [
    Code::SelectionOpen,
    Code::UnreadableFile,
    Code::UnreadManifest,
    Code::UnfinishedCheckout,
    Code::IgnorePattern,
    Code::ForeignDocument,
    Code::TooLarge,
    Code::NotUtf8,
    Code::TooManyProblems,
    Code::Schema,
    Code::TemplateBudget,
    // Takes the profile of a platform.
    Code::PlatformRefuses,
];

#[test]
fn the_examples_of_every_page_are_wrong_and_right() {
    for code in Code::all() {
        let page = code.page();
        let Some((wrong, right)) = page.split_once("\nRight:\n") else {
            assert!(WITHOUT_EXAMPLE.contains(&code), "{code} has no examples");
            continue;
        };
        let overlay = [Code::UnknownOverlay, Code::OverlayTarget].contains(&code).then_some("prod");
        let load = load_blocks(wrong, overlay).unwrap();
        let said = render::short(&load.sources, load.diagnostics.as_slice());
        assert!(load.diagnostics.iter().any(|finding| finding.code == code), "{code}: {said}");
        let load = load_blocks(right, overlay).unwrap();
        let said = render::short(&load.sources, load.diagnostics.as_slice());
        let is_note = |finding: &Diagnostic| finding.severity == Severity::Note;
        assert!(load.diagnostics.iter().all(is_note), "{code}: {said}");
    }
}

#[test]
fn a_page_is_printed_and_an_unknown_code_is_wrong_usage() {
    let world = World::new();
    let run = world.run(&["validate", "--explain", "token-without-end"]).expect(0);
    assert!(run.stdout.starts_with("# token-without-end\n\nA token has neither"), "{}", run.stdout);
    let run = world.run(&["validate", "--explain", "token-without-edn"]).expect(64);
    assert!(run.stderr.contains("did you mean `token-without-end`?"), "{}", run.stderr);
}

const DOUBTFUL: &str = "\
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: app}
spec:
  ttl: 30d
  access: {acl: [{uri: gw/devises, methods: [GET]}]}
";

#[test]
fn a_warning_is_an_error_for_who_says_so_and_then_nothing_is_written() {
    let world = World::new();
    world.write("token.yaml", DOUBTFUL);
    world.run(&["validate"]).expect(0);
    world.run(&["validate", "--deny", "yaml-trap"]).expect(0);
    let run = world.run(&[
        "validate",
        "--format",
        "json",
        "--deny",
        "yaml-trap",
        "--deny",
        "acl-unknown",
    ]);
    let findings = run.expect(3).json();
    assert_eq!(
        (&findings[0]["severity"], &findings[0]["code"]),
        (&"error".into(), &"acl-unknown".into())
    );
    let help = findings[0]["help"].as_str().unwrap();
    assert!(help.contains("`--deny acl-unknown` makes this warning an error"), "{help}");
    world.run(&["plan", "--deny", "warnings"]).expect(3);
    world.run(&["apply", "--yes", "--deny=warnings"]).expect(3);
    assert_eq!(world.writes().len(), 0);
    let run = world.run(&["plan", "--deny", "acl-unkown"]).expect(64);
    assert!(run.stderr.contains("did you mean `acl-unknown`?"), "{}", run.stderr);
    world.run(&["plan", "--deny", "yaml-trap"]).expect(0);
}

const WRONG: &str = "\
apiVersion: flespi-gitops/v1
kind: Limit
metadata: {name: starter}
spec:
  # é
  devices_cout: 10
---
apiVersion: flespi-gitops/v1
kind: Limit
metadata: {name: starter}
";

#[test]
fn findings_have_a_short_form() {
    let world = World::new();
    world.write("a b/é.yaml", WRONG);
    let run = world.run(&["validate", "--format", "short"]).expect(3);
    assert_eq!(
        run.stdout,
        "\
a b/é.yaml:6:3: error[unknown-field]: `devices_cout` is not a field of `spec`; did you mean `devices_count`?
a b/é.yaml:10:18: error[duplicate-address]: limit/starter is declared twice; remove one of them; the other is at a b/é.yaml:1:1
"
    );
    world.run(&["plan", "--format", "short"]).expect(64);
}

/// What SARIF 2.1.0 demands of the parts that we write (OASIS standard, sections 3.13 to 3.59).
fn check_sarif(log: &Value) {
    assert_eq!(log["version"], "2.1.0");
    assert!(log["$schema"].as_str().unwrap().contains("sarif-2.1.0"));
    for run in log["runs"].as_array().unwrap() {
        let driver = &run["tool"]["driver"];
        assert!(!driver["name"].as_str().unwrap().is_empty());
        let rules = driver["rules"].as_array().unwrap();
        for rule in rules {
            assert!(rule["shortDescription"]["text"].is_string());
            // Markdown never stands without text.
            assert!(rule["help"]["text"].is_string());
        }
        assert!(
            ["unicodeCodePoints", "utf16CodeUnits"].contains(&run["columnKind"].as_str().unwrap())
        );
        for result in run["results"].as_array().unwrap() {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(rules[index]["id"], result["ruleId"]);
            assert!(
                ["none", "note", "warning", "error"].contains(&result["level"].as_str().unwrap())
            );
            assert!(!result["message"]["text"].as_str().unwrap().is_empty());
            let none = Vec::new();
            let related = result["relatedLocations"].as_array().unwrap_or(&none);
            for place in result["locations"].as_array().unwrap().iter().chain(related) {
                check_place(run, &place["physicalLocation"]);
            }
            for fix in result["fixes"].as_array().unwrap_or(&none) {
                for change in fix["artifactChanges"].as_array().unwrap() {
                    check_uri(run, &change["artifactLocation"]);
                    for replacement in change["replacements"].as_array().unwrap() {
                        check_region(&replacement["deletedRegion"]);
                        assert!(replacement["insertedContent"]["text"].is_string());
                    }
                }
            }
        }
    }
}

fn check_place(run: &Value, place: &Value) {
    check_uri(run, &place["artifactLocation"]);
    if !place["region"].is_null() {
        check_region(&place["region"]);
    }
}

fn check_uri(run: &Value, artifact: &Value) {
    let uri = artifact["uri"].as_str().unwrap();
    assert!(uri.bytes().all(|byte| byte.is_ascii_graphic()), "{uri}");
    if let Some(base) = artifact["uriBaseId"].as_str() {
        assert!(!run["originalUriBaseIds"][base].is_null(), "{base}");
        assert!(!uri.starts_with('/'), "{uri}");
    }
}

fn check_region(region: &Value) {
    let number = |name: &str| region[name].as_u64().unwrap();
    let start = (number("startLine"), number("startColumn"));
    let end = (number("endLine"), number("endColumn"));
    assert!(start.0 >= 1 && start.1 >= 1 && start <= end, "{region}");
}

#[test]
fn findings_have_a_form_for_code_hosts() {
    let world = World::new();
    world.write("a b/é.yaml", WRONG);
    let log = world.run(&["validate", "--format", "sarif"]).expect(3).json();
    check_sarif(&log);
    let results = log["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    let place = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "a%20b/%C3%A9.yaml");
    assert_eq!(place["region"]["startLine"], 6);
    let edit = &results[0]["fixes"][0]["artifactChanges"][0]["replacements"][0];
    assert_eq!(edit["insertedContent"]["text"], "devices_count");
    world.write("a b/é.yaml", "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: a}\n");
    check_sarif(&world.run(&["validate", "--format", "sarif"]).expect(0).json());
}

#[test]
fn every_case_has_a_sound_sarif_form() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/cases/validate");
    let options = Options { now: NOW, ..Options::default() };
    let load = load_with(&[folder], &options);
    assert!(load.diagnostics.len() > 100);
    let log = render::sarif(&load.sources, load.diagnostics.as_slice());
    check_sarif(&serde_json::from_str(&log).unwrap());
}

#[test]
fn a_secret_that_was_typed_in_clear_is_in_no_output() {
    let canary = "c4nary!S3cret";
    let token = "Ab3".repeat(21) + "z";
    let head = "apiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {name: acme}\nspec:\n";
    for body in [
        "  credentials: {email: nobody, password: CANARY}\n",
        "  credentials:\n    password: CANARY\n    pasword: 1\n",
        "  credentials:\n    email: a\n    password: 'CANARY' # note\n",
        "  credentials:\n    password: |\n      CANARY\n      more\n",
        "  credentials:\n    password: \"CANARY\n",
        "  credentials:\n    password: !!int CANARY\n",
        "  credentials:\n    password: {env: CANARY}\n",
        "  credentials:\n    password:\n      - CANARY\n",
        "  credentials:\n   password: CANARY\n  x: [\n",
        "  credentials: {password: CANARY, password: CANARY}\n",
        "  metadata: {password: CANARY, 1: 2}\n",
        "  limit: KEY\n",
        "  KEY: 1\n",
    ] {
        let world = World::new();
        world.write(
            "a.yaml",
            &format!("{head}{}", body.replace("CANARY", canary).replace("KEY", &token)),
        );
        for arguments in [
            &["validate"][..],
            &["validate", "--format", "json"],
            &["validate", "--format", "short"],
            &["validate", "--format", "sarif"],
            &["validate", "--color", "always"],
            &["validate", "--show-expanded"],
            &["plan", "-vvv"],
        ] {
            let run = world.run(arguments).expect(3);
            for out in [&run.stdout, &run.stderr] {
                assert!(!out.contains(canary), "{body}{arguments:?}\n{out}");
                assert!(!out.contains(&token[..50]), "{body}{arguments:?}\n{out}");
            }
        }
    }
}
