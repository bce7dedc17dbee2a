//! The shell parts of `examples/ci`, run as they stand against the sandbox. What belongs to the
//! services (`gh`, and `curl` to GitLab) is played by scripts that write down how they were called.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Run, World, run};

const GH: &str = r#"#!/bin/sh
printf '%s\n' "gh $*" >> calls
case "$*" in
  *"/pulls --jq"*) printf '%s' "$STUB_MERGED" ;;
  "run list"*) echo 77 ;;
  "run download 77"*) mkdir reviewed && cp artefact reviewed/flespi.plan ;;
  "api --paginate"*) printf '%s' "$STUB_COMMENT" ;;
  "api --method"*) cp comment.md sent.md ;;
  "pr comment"*) cp report.md sent.md ;;
  *) echo "unexpected: $*" >&2; exit 1 ;;
esac
"#;

const CURL: &str = r#"#!/bin/sh
read -r header
[ "$header" = "PRIVATE-TOKEN: gitlab" ] || { echo "no token" >&2; exit 22; }
printf '%s\n' "curl $*" >> calls
case "$*" in
  *"--request PUT"*) cp comment.md sent.md; echo '{}' ;;
  *"--request POST"*report.md*) cp report.md sent.md; echo '{}' ;;
  *"--request POST"*) cp comment.md sent.md; echo '{}' ;;
  *"/user") echo '{"id": 9}' ;;
  *"/notes?"*) printf '%s' "$STUB_NOTES" ;;
  *"/commits/"*) printf '%s' "$STUB_MERGED" ;;
  *"/jobs/artifacts/refs%2Fmerge-requests%2F5%2Fhead/raw/flespi.plan?job=plan") cp artefact flespi.plan ;;
  *) echo "unexpected: $*" >&2; exit 1 ;;
esac
"#;

/// Where there is no jq, its answers to the few questions that the pipeline asks.
const JQ: &str = r#"#!/bin/sh
input="$(cat)"
case "$* $input" in
  ".id "*) echo 9 ;;
  *".iid"*'"merged"'*'"iid"'*) echo 5 ;;
  *'"body"'*) echo 31 ;;
esac
"#;

/// A repository with manifests, and a pipeline to run in it.
struct Pipeline {
    world: World,
    document: Value,
    variables: BTreeMap<String, String>,
}

impl Pipeline {
    fn new(file: &str) -> Self {
        let world = World::new();
        world.copy_example("first-subaccount");
        std::fs::rename(world.path().join("first-subaccount"), world.path().join("accounts"))
            .unwrap();
        for (name, text) in [("gh", GH), ("curl", CURL), ("jq", JQ)] {
            let is_there = |folder: PathBuf| folder.join(name).is_file();
            if name == "jq"
                && std::env::split_paths(&std::env::var_os("PATH").unwrap()).any(is_there)
            {
                continue;
            }
            make_executable(&world.write(&format!("bin/{name}"), text));
        }
        let text = std::fs::read_to_string(example(file)).unwrap();
        let document: Value = serde_yaml::from_str(&text).unwrap();
        let variables = [
            ("GITHUB_REPOSITORY", "acme/accounts"),
            ("GITHUB_SHA", "c0ffee"),
            ("GITHUB_WORKFLOW", "flespi-gitops"),
            ("GITHUB_STEP_SUMMARY", "summary.md"),
            ("GITHUB_OUTPUT", "outputs"),
            ("CI_API_V4_URL", "https://gitlab.example/api/v4"),
            ("CI_PROJECT_ID", "3"),
            ("CI_MERGE_REQUEST_IID", "5"),
            ("CI_COMMIT_SHA", "c0ffee"),
            ("GITLAB_TOKEN", "gitlab"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { world, document, variables: BTreeMap::from(variables) }
    }

    fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    /// Runs a script with nothing but the variables of the pipeline and of `env`.
    fn shell(&self, script: &str, env: &[&Value]) -> Run {
        let program = Path::new(env!("CARGO_BIN_EXE_flespi-gitops")).parent().unwrap();
        let path = std::env::var_os("PATH").unwrap();
        let folders = [self.world.path().join("bin"), program.to_owned()];
        let path = std::env::join_paths(folders.into_iter().chain(std::env::split_paths(&path)));
        let mut command = Command::new("bash");
        command
            .args(["-eo", "pipefail", "-c", script])
            .current_dir(self.world.path())
            .env_clear()
            .env("PATH", path.unwrap())
            .env("HOME", self.world.path())
            .env("FLESPI_PLATFORM", self.world.sandbox().url())
            .envs(&self.variables)
            .stdin(Stdio::null());
        for (name, value) in env.iter().filter_map(|env| env.as_object()).flatten() {
            command.env(name, self.value_of(value.as_str().unwrap()));
        }
        run(command)
    }

    /// What GitHub makes of an expression; one that nobody thought of fails the test.
    fn value_of(&self, text: &str) -> String {
        match text {
            "${{ secrets.FLESPI_TOKEN }}" => self.world.token(),
            "${{ github.token }}" => "github".to_owned(),
            "${{ github.event.pull_request.number }}" | "${{ steps.reviewed.outputs.number }}" => {
                "5".to_owned()
            }
            text if text.starts_with("${{ vars.") => {
                let name = text.trim_start_matches("${{ vars.").trim_end_matches(" }}");
                self.variables.get(name).cloned().unwrap_or_else(|| "a variable".to_owned())
            }
            text => {
                assert!(!text.contains("${{"), "{text}");
                text.to_owned()
            }
        }
    }

    /// Runs a step of a job on GitHub.
    fn step(&self, job: &str, name: &str) -> Run {
        let steps = self.document["jobs"][job]["steps"].as_array().unwrap();
        let step = steps.iter().find(|step| step["name"] == name).unwrap();
        self.shell(step["run"].as_str().unwrap(), &[&self.document["env"], &step["env"]])
    }

    /// Runs `script` or `after_script` of a job on GitLab.
    fn script(&self, job: &str, part: &str) -> Run {
        let lines = self.document[job][part].as_array().unwrap();
        let lines: Vec<&str> = lines.iter().map(|line| line.as_str().unwrap()).collect();
        let token = json!({"FLESPI_TOKEN": self.world.token()});
        self.shell(&lines.join("\n"), &[&self.document["variables"], &token])
    }

    /// How the services were called since this was last asked.
    fn calls(&self) -> String {
        let path = self.world.path().join("calls");
        let calls = std::fs::read_to_string(&path).unwrap_or_default();
        let _ = std::fs::remove_file(path);
        calls
    }

    /// Hands the plan over from one pipeline to the next.
    fn keep_the_artefact(&self) {
        std::fs::rename(self.world.path().join("flespi.plan"), self.world.path().join("artefact"))
            .unwrap();
    }
}

fn example(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/ci").join(file)
}

fn make_executable(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

const MARKER: &str = "<!-- flespi-gitops plan default -->";

#[test]
fn on_github_the_plan_is_one_comment_and_an_artefact() {
    let mut pipeline = Pipeline::new("github.yml");
    pipeline.step("plan", "Plan").expect(0);
    assert!(pipeline.world.read("flespi-plan.html").ends_with("</html>\n"));
    assert!(pipeline.world.read("summary.md").contains("### Plan for stack"));
    pipeline.step("plan", "Comment").expect(0);
    assert!(pipeline.calls().contains("--method POST repos/acme/accounts/issues/5/comments "));
    assert!(pipeline.world.read("sent.md").starts_with(MARKER));
    pipeline.set("STUB_COMMENT", "31\n32\n");
    pipeline.step("plan", "Comment").expect(0);
    assert!(pipeline.calls().contains("--method PATCH repos/acme/accounts/issues/comments/31 "));
    assert_eq!(pipeline.world.writes().len(), 0);
}

#[test]
fn on_github_invalid_manifests_are_told_in_the_same_comment() {
    let pipeline = Pipeline::new("github.yml");
    pipeline.world.write("accounts/wrong.yaml", "apiVersion: flespi-gitops/v1\nkind: Limt\n");
    pipeline.step("plan", "Plan").expect(3);
    pipeline.step("plan", "Comment").expect(0);
    let sent = pipeline.world.read("sent.md");
    assert!(sent.starts_with(MARKER) && sent.contains("Limt"), "{sent}");
}

#[test]
fn on_github_a_merge_applies_what_was_reviewed() {
    let mut pipeline = Pipeline::new("github.yml");
    pipeline.step("plan", "Plan").expect(0);
    pipeline.keep_the_artefact();
    pipeline.set("STUB_MERGED", "5 beef");
    pipeline.step("apply", "Find the reviewed plan").expect(0);
    assert!(pipeline.calls().contains("--commit beef"));
    assert_eq!(pipeline.world.read("outputs"), "number=5\n");
    pipeline.step("apply", "Apply").expect(0);
    let sent = pipeline.world.read("sent.md");
    assert!(sent.contains("### Stack <code>default</code>: applied"), "{sent}");
    assert_eq!(pipeline.world.count("subaccounts"), 1);
}

/// A token that is rotated every 30 days.
const ROTATED: &str = "\
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: app}
spec:
  ttl: 90d
  access: {acl: [{uri: gw/devices, methods: [GET]}]}
  deliver: [{file: ../out/app}]
  rotation: {every: 30d, overlap: 48h}
";

/// The steps of a night on either service, with the code of the last one that failed.
fn night(pipeline: &Pipeline) -> i32 {
    if pipeline.document["nightly"].is_object() {
        return pipeline.script("nightly", "script").code;
    }
    let look = pipeline.step("nightly", "Look");
    let apply = if look.code == 0 { pipeline.step("nightly", "Apply what is due").code } else { 0 };
    let person = pipeline.step("nightly", "Look for what needs a person").code;
    [person, apply, look.code].into_iter().find(|code| *code != 0).unwrap_or(0)
}

#[test]
fn a_night_rotates_what_is_due_heals_drift_and_fails_for_what_needs_a_person() {
    for file in ["github.yml", "gitlab.yml"] {
        let pipeline = Pipeline::new(file);
        let world = &pipeline.world;
        world.write("accounts/app.yaml", ROTATED);
        // Its token lives for a day only, which is worth a word every night.
        std::fs::remove_file(world.path().join("accounts/3-token.yaml")).unwrap();
        assert_eq!(night(&pipeline), 0, "{file}");
        let first = world.read("out/app");
        let limit = world.item("limits", "name", "Starter");
        let path = format!("/platform/limits/{}", limit["id"]);
        world.api("PUT", &path, Some(&json!({"devices_count": 7})));
        world.advance(31 * 86_400);
        assert_eq!(night(&pipeline), 0, "{file}");
        assert_ne!(world.read("out/app"), first, "{file}: the key was rotated");
        assert_eq!(world.item("limits", "name", "Starter")["devices_count"], 10, "{file}");
        assert!(world.read("flespi-nightly.html").contains("devices_count"), "{file}");
        // Somebody else's object is in the way; everything else goes on.
        world.api("POST", "/platform/limits", Some(&json!([{"name": "Second"}])));
        world.write(
            "accounts/second.yaml",
            "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: second}\nspec: {name: Second}\n",
        );
        assert_eq!(night(&pipeline), 5, "{file}");
    }
}

#[test]
fn what_is_blocked_is_in_the_comment_and_keeps_no_plan_from_being_applied() {
    let pipeline = Pipeline::new("github.yml");
    pipeline.world.api("POST", "/platform/limits", Some(&json!([{"name": "Starter"}])));
    pipeline.step("plan", "Plan").expect(0);
    assert!(pipeline.world.read("comment.md").contains("has no mark"));
    let pipeline = Pipeline::new("gitlab.yml");
    pipeline.world.api("POST", "/platform/limits", Some(&json!([{"name": "Starter"}])));
    pipeline.script("plan", "script").expect(0);
}

/// Each merge carries out its own plan, so none of them may be dropped for the next.
#[test]
fn no_queue_drops_a_merge() {
    let github = Pipeline::new("github.yml").document;
    for job in ["apply", "nightly"] {
        let concurrency = &github["jobs"][job]["concurrency"];
        let wanted = json!({
            "group": "flespi-gitops-apply", "cancel-in-progress": false, "queue": "max"
        });
        assert_eq!(concurrency, &wanted, "{job}");
    }
    let gitlab = Pipeline::new("gitlab.yml").document;
    assert_eq!(gitlab["apply"]["resource_group"], gitlab["nightly"]["resource_group"]);
    let rules = gitlab["workflow"]["rules"].as_array().unwrap();
    let pushed = rules.iter().find(|rule| rule["if"].as_str().unwrap().contains("\"push\""));
    assert_eq!(pushed.unwrap()["auto_cancel"]["on_new_commit"], "none");
}

/// Where warnings stop a change they are shown to whoever makes it; where they would stop a rotation they do not.
#[test]
fn warnings_are_denied_where_somebody_changes_manifests() {
    for (file, denied) in [("github.yml", 1), ("gitlab.yml", 1), ("pre-commit", 1)] {
        let text = std::fs::read_to_string(example(file)).unwrap();
        let commands = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        assert_eq!(commands.filter(|line| line.contains("--deny warnings")).count(), denied);
    }
}

/// All uses of an action are of one major, so that none is forgotten with the next.
#[test]
fn actions_are_of_one_major_each() {
    let text = std::fs::read_to_string(example("github.yml")).unwrap();
    let uses = text.lines().filter_map(|line| line.split_once("uses: actions/"));
    let mut majors: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, major) in uses.map(|(_, action)| action.split_once('@').unwrap()) {
        assert_eq!(*majors.entry(name).or_insert(major), major, "{name}");
    }
    let wanted = [("checkout", "v7"), ("upload-artifact", "v7")];
    assert_eq!(majors, BTreeMap::from(wanted));
}

#[test]
fn on_github_nothing_is_applied_that_nobody_reviewed() {
    let mut pipeline = Pipeline::new("github.yml");
    pipeline.step("plan", "Plan").expect(0);
    pipeline.keep_the_artefact();
    // Pushed without a pull request.
    let refused = pipeline.step("apply", "Find the reviewed plan").expect(1);
    assert!(refused.stderr.contains("nobody reviewed"), "{}", refused.stderr);
    // Changed after the review.
    pipeline.set("STUB_MERGED", "5 beef");
    pipeline.step("apply", "Find the reviewed plan").expect(0);
    let sealed = pipeline.world.read("reviewed/flespi.plan");
    pipeline.world.write("reviewed/flespi.plan", &sealed.replacen("ACME", "EVIL", 1));
    pipeline.step("apply", "Apply").expect(5);
    assert!(pipeline.world.read("sent.md").starts_with("Nothing was applied (exit code 5)"));
    assert_eq!(pipeline.world.writes().len(), 0);
}

#[test]
fn on_gitlab_the_plan_is_one_comment_and_a_merge_applies_it() {
    let mut pipeline = Pipeline::new("gitlab.yml");
    pipeline.script("plan", "script").expect(0);
    pipeline.set("STUB_NOTES", "[]");
    pipeline.script("plan", "after_script").expect(0);
    assert!(pipeline.calls().contains("--request POST"));
    assert!(pipeline.world.read("sent.md").starts_with(MARKER));
    let note = |id: u32, author: u32| json!({"id": id, "author": {"id": author}, "body": MARKER});
    pipeline.set("STUB_NOTES", &json!([note(30, 8), note(31, 9)]).to_string());
    pipeline.script("plan", "after_script").expect(0);
    assert!(pipeline.calls().contains("/merge_requests/5/notes/31\n"));

    pipeline.keep_the_artefact();
    pipeline.set("STUB_MERGED", "[]");
    pipeline.script("apply", "script").expect(1);
    assert_eq!(pipeline.world.writes().len(), 0);
    pipeline.set("STUB_MERGED", r#"[{"iid": 5, "state": "merged"}]"#);
    pipeline.script("apply", "script").expect(0);
    assert!(pipeline.world.read("sent.md").contains(": applied"));
}

/// What a service puts into a script could be a command; it has to come in by a variable.
#[test]
fn no_script_has_an_expression_of_the_service_in_it() {
    let text = std::fs::read_to_string(example("github.yml")).unwrap();
    let document: Value = serde_yaml::from_str(&text).unwrap();
    let jobs = document["jobs"].as_object().unwrap();
    let steps = jobs.values().flat_map(|job| job["steps"].as_array().unwrap());
    let scripts: Vec<&str> = steps.filter_map(|step| step["run"].as_str()).collect();
    assert!(scripts.len() >= 8);
    assert!(scripts.iter().all(|script| !script.contains("${{")));
}

#[test]
fn the_hook_refuses_to_commit_invalid_manifests() {
    let pipeline = Pipeline::new("github.yml");
    let git = |arguments: &str| {
        pipeline.shell(&format!("git -c user.name=a -c user.email=a@b {arguments}"), &[])
    };
    git("init --quiet .").expect(0);
    let hook = std::fs::read_to_string(example("pre-commit")).unwrap();
    make_executable(&pipeline.world.write(".git/hooks/pre-commit", &hook));
    git("add accounts").expect(0);
    git("commit --quiet -m first").expect(0);
    pipeline.world.write("accounts/wrong.yaml", "kind: Limt\n");
    // Not staged, so not committed.
    pipeline.world.write("notes.md", "x\n");
    git("add notes.md").expect(0);
    git("commit --quiet -m notes").expect(0);
    git("add accounts").expect(0);
    let refused = git("commit --quiet -m second").expect(1);
    assert!(format!("{}{}", refused.stdout, refused.stderr).contains("accounts/wrong.yaml:1"));
}

#[test]
fn the_program_is_run_only_if_its_archive_has_the_checksum_that_was_written_down() {
    let mut pipeline = Pipeline::new("github.yml");
    let world = &pipeline.world;
    world.write("release/flespi-gitops-1/flespi-gitops", "the program\n");
    make_executable(&world.write("bin/curl", "#!/bin/sh\ncp ../release.tar.gz archive.tar.gz\n"));
    let packed =
        pipeline.shell("tar -C release -czf release.tar.gz flespi-gitops-1 && mkdir temp", &[]);
    packed.expect(0);
    let checksum = pipeline.shell("sha256sum release.tar.gz | cut -d' ' -f1", &[]).expect(0).stdout;
    pipeline.set("RUNNER_TEMP", &pipeline.world.path().join("temp").display().to_string());
    pipeline.set("GITHUB_PATH", &pipeline.world.path().join("added").display().to_string());
    pipeline.set("FLESPI_GITOPS_SHA256", &"0".repeat(64));
    let refused = pipeline.step("plan", "Install");
    assert!(refused.code != 0 && !pipeline.world.path().join("temp/bin").exists(), "{refused:?}");
    pipeline.set("FLESPI_GITOPS_SHA256", checksum.trim());
    for job in ["plan", "apply", "nightly"] {
        pipeline.step(job, "Install").expect(0);
        assert_eq!(pipeline.world.read("temp/bin/flespi-gitops"), "the program\n");
        std::fs::remove_dir_all(pipeline.world.path().join("temp/bin")).unwrap();
    }
    assert!(pipeline.world.read("added").lines().all(|line| line.ends_with("/temp/bin")));
}
