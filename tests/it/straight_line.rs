//! The main job, end to end: the examples go to a platform, and nothing is left to do.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use flespi_gitops::resource::Phase;

use crate::support::{Request, World, run};

#[test]
fn both_examples_are_applied_and_then_nothing_is_left_to_do() {
    for example in ["first-subaccount", "fleet", "tenants"] {
        let world = World::new();
        world.copy_example(example);
        world.apply(&[example]);
        world.empty_journal();
        let second = world.apply(&[example]);
        assert!(second.stdout.contains("nothing to do"), "{}", second.stdout);
        assert_eq!(world.writes().len(), 0, "{example}");
        assert!(world.journal().len() <= 4, "reading costs one call per kind and one for us");
    }
}

#[test]
fn the_embedded_sandbox_keeps_its_world_between_runs() {
    let world = World::new();
    world.copy_example("fleet");
    let embedded = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        command.env_remove("FLESPI_TOKEN").env("FLESPI_PLATFORM", "sandbox:state");
        run(command)
    };
    embedded(&["apply", "fleet", "--yes"]).expect(0);
    let again = embedded(&["apply", "fleet", "--yes", "--format", "json"]).expect(0).json();
    assert_eq!(again["outcome"], "unchanged");
    assert_eq!(again["summary"]["planned"], 0);
    let calls = again["api"]["by"].as_array().unwrap();
    assert!(calls.iter().all(|count| count["method"] == "GET"), "{again}");
}

/// The sandbox as a process of its own, and where it listens.
struct Served {
    child: Child,
    url: String,
    token: String,
}

impl Served {
    fn start(world: &World) -> Self {
        let mut child =
            world.command(&["sandbox", "--state", "state"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let text = |name: &str| ready[name].as_str().unwrap().to_owned();
        let served = Self { child, url: text("listening"), token: text("token") };
        assert_eq!(served.token.len(), 64);
        served
    }

    fn run(&self, world: &World, arguments: &[&str]) -> crate::support::Run {
        let mut command = world.command(arguments);
        command.env("FLESPI_PLATFORM", &self.url).env("FLESPI_TOKEN", &self.token);
        run(command)
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn a_sandbox_in_another_process_remembers_after_a_restart() {
    let world = World::new();
    world.copy_example("fleet");
    let served = Served::start(&world);
    served.run(&world, &["apply", "fleet", "--yes"]).expect(0);
    let token = served.token.clone();
    // Killed, not stopped: what was answered must be there all the same.
    served.kill();
    let served = Served::start(&world);
    assert_eq!(served.token, token, "the token is part of the world");
    served.run(&world, &["plan", "fleet", "--detailed-exitcode"]).expect(0);
    served.kill();
}

/// The phase that a write belongs to, by what it is on the wire.
fn phase(request: &Request) -> Option<&'static str> {
    match request.line().as_str() {
        "POST /platform/limits" => Some("1 limit"),
        "POST /platform/subaccounts" => Some("2 subaccount"),
        "POST /platform/tokens" => Some("4 token"),
        "PUT /auth/password" | "PUT /auth/email/update" => Some("5 credentials"),
        _ => None,
    }
}

#[test]
fn a_plan_lists_accounts_from_the_top_down_and_in_each_the_five_phases() {
    let world = World::new();
    world.copy_example("fleet");
    let plan = world.plan(&["fleet"]);
    let ranks: Vec<(usize, Phase)> = plan["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| {
            let word = step["phase"].as_str().unwrap();
            let phase = Phase::of_word(word).unwrap();
            // A log-in is set inside of the account, after its tokens.
            let is_inside = phase == Phase::Credentials;
            let levels = step["address"].as_str().unwrap().split('/').count() - 2;
            (levels + usize::from(is_inside), phase)
        })
        .collect();
    assert!(ranks.len() > 20, "{ranks:?}");
    assert!(ranks.is_sorted(), "{ranks:?}");
}

#[test]
fn the_five_phases_follow_each_other_in_every_branch() {
    let world = World::new();
    world.copy_example("fleet");
    world.apply(&["fleet"]);
    let mut by_account: BTreeMap<i64, Vec<&'static str>> = BTreeMap::new();
    for request in world.writes() {
        if let (Some(phase), Some(cid)) = (phase(&request), request.cid) {
            by_account.entry(cid).or_default().push(phase);
        }
    }
    assert!(by_account.len() >= 5, "{by_account:?}");
    for (account, phases) in by_account {
        // The token that serves to set credentials is part of that phase.
        let credentials = phases.iter().position(|phase| *phase == "5 credentials");
        let mut phases = phases.clone();
        if let Some(at) = credentials {
            phases.remove(at - 1);
        }
        assert!(phases.is_sorted(), "account {account}: {phases:?}");
    }
}

#[test]
fn a_subaccount_is_created_with_its_limit_in_the_same_call() {
    let world = World::new();
    world.copy_example("fleet");
    let report = world.apply(&["fleet", "--format", "json"]).json();
    let assigned = report["steps"].as_array().unwrap().iter().filter(|s| s["phase"] == "assign");
    assert!(assigned.clone().count() >= 5);
    assert!(assigned.into_iter().all(|step| step["outcome"] == "applied"));
    let fleet = world.api("GET", "/platform/subaccounts/all?fields=id,name,limit_id", None);
    assert!(fleet.iter().all(|account| account["limit_id"].as_i64() != Some(0)), "{fleet:?}");
    // The limit was never a call of its own.
    for write in world.writes() {
        if write.method == "PUT" {
            // Tokens note that their keys were delivered.
            let others = ["/auth/", "/subaccounts/", "/tokens/"];
            assert!(others.iter().any(|path| write.path.contains(path)), "{write:?}");
        }
    }
    assert_eq!(report["steps"][0]["phase"], "limit");
}

#[test]
fn no_write_selects_everything_and_no_token_is_left_that_no_manifest_names() {
    let world = World::new();
    let before = world.count("tokens");
    world.copy_example("fleet");
    let report = world.apply(&["fleet", "--format", "json"]).json();
    for write in world.writes() {
        assert!(!write.line().contains("/all"), "{write:?}");
    }
    let steps = report["steps"].as_array().unwrap();
    let declared = steps.iter().filter(|s| s["phase"] == "token" && s["action"] == "create");
    assert_eq!(world.count("tokens") - before, declared.count());
}

#[test]
fn a_tree_of_four_levels_is_made_from_nothing_and_removed_children_first() {
    let world = World::new();
    world.copy_example("fleet");
    let (limits, tokens) = (world.count("limits"), world.count("tokens"));
    world.apply(&["fleet"]);
    assert!(world.count("subaccounts") >= 5);
    std::fs::remove_dir_all(world.path().join("fleet/emea")).unwrap();
    std::fs::remove_dir_all(world.path().join("fleet/apac")).unwrap();
    std::fs::remove_file(world.path().join("fleet/limits.yaml")).unwrap();
    std::fs::remove_file(world.path().join("fleet/tokens.yaml")).unwrap();
    world.empty_journal();
    world.apply_approved(&["fleet", "--prune"]);
    assert_eq!(world.count("subaccounts"), 0);
    assert_eq!(world.count("limits"), limits);
    assert_eq!(world.count("tokens"), tokens);
    let deletions: Vec<Request> = world.writes();
    assert!(deletions.iter().all(|request| request.method == "DELETE"), "{deletions:?}");
    assert!(deletions.len() <= 12, "one call per level and kind: {deletions:?}");
    let of =
        |collection: &str| deletions.iter().rposition(|r| r.path.contains(collection)).unwrap();
    assert!(of("/tokens/") < of("/subaccounts/") && of("/subaccounts/") < of("/limits/"));
}

#[test]
fn the_help_of_every_command_has_examples() {
    let world = World::new();
    for command in ["validate", "plan", "apply", "watch", "schema", "sandbox", "completions"] {
        let help = run(world.command(&[command, "--help"])).expect(0).stdout;
        assert!(help.contains("Examples:"), "{command}:\n{help}");
    }
    let script = run(world.command(&["completions", "bash"])).expect(0).stdout;
    assert!(script.contains("flespi-gitops"));
}

#[test]
fn wrong_usage_has_an_exit_code_of_its_own() {
    let world = World::new();
    for arguments in [
        &["apply", "--no-such-option"][..],
        &["no-such-command"],
        &[],
        &["plan", "--platform", "ftp://x", "."],
        &["plan", "--platform", "http://flespi.example", "."],
    ] {
        world.write(
            "limit.yaml",
            "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: a}\n",
        );
        let mut command: Command = world.command(arguments);
        if arguments.contains(&"--platform") {
            command.env_remove("FLESPI_PLATFORM");
        }
        run(command).expect(64);
    }
    run(world.command(&["--help"])).expect(0);
    run(world.command(&["--version"])).expect(0);
}
