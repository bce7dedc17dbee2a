//! The daemon in this process, and what an operator sees of it.

#![allow(clippy::print_stdout, reason = "what the daemon says explains a test that fails")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use flespi_gitops::api::{Client, Settings};
use flespi_gitops::apply::Report;
use flespi_gitops::lock::FileLeases;
use flespi_gitops::manifest::{self, Load};
use flespi_gitops::observe::ObserveError;
use flespi_gitops::pause::Pauses;
use flespi_gitops::plan::Plan;
use flespi_gitops::reconcile::Gate;
use flespi_gitops::resource::{Address, Signer};
use flespi_gitops::run::RunId;
use flespi_gitops::sandbox::Options;
use flespi_gitops::secret::Spool;
use flespi_gitops::watch::files::{Files, Patience, Reading};
use flespi_gitops::watch::status::{ObjectState, ObjectStatus, PassOutcome, State, Status};
use flespi_gitops::watch::{
    self, Daemon, Ended, FirstPass, InForce, Narrator, Platform, Trigger, Wake,
};
use serde_json::{Value, json};

use crate::support::World;

/// A busy machine may take so long for what takes a moment.
const PATIENCE: Duration = Duration::from_secs(60);

struct Silent;

impl Narrator for Silent {
    fn say(&mut self, line: &str) {
        println!("{line}");
    }
    fn complain(&mut self, line: &str, _: Option<&str>) {
        println!("error: {line}");
    }
    fn findings(&mut self, _: &Load) {}
    fn away(&mut self, error: &ObserveError) {
        println!("away: {error}");
    }
    fn plan(&mut self, _: &Plan) {}
    fn report(&mut self, _: &Report) {}
    fn ended(&mut self, _: &Ended<'_>) {}
}

/// A running daemon over the manifests of a world.
struct Running<'w> {
    world: &'w World,
    status: watch::status::Receiver,
    wake: Wake,
    /// Seconds that the wall clock is off.
    wall: Arc<AtomicI64>,
    stop: tokio::sync::watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// How a test's daemon differs from the usual one.
struct Ways {
    interval: Duration,
    prune: bool,
    first_pass: FirstPass,
    contest_window: Duration,
    /// Text of `manifests/a.yaml` that is replaced after the first set was read and before the daemon begins.
    between: Option<(&'static str, &'static str)>,
}

impl Default for Ways {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(3600),
            prune: false,
            first_pass: FirstPass::Apply,
            contest_window: Duration::from_secs(3600),
            between: None,
        }
    }
}

impl<'w> Running<'w> {
    fn start(world: &'w World, ways: Ways) -> Self {
        let settings = Settings {
            platform: world.sandbox().url().parse().unwrap(),
            timeout: Duration::from_secs(20),
            trace: None,
            calls_per_minute: None,
            deadline: None,
        };
        let client = Client::new(&settings, &world.token().into()).unwrap();
        let roots: Vec<PathBuf> = vec![world.path().join("manifests")];
        let state = world.path().join("state");
        let nothing = Status::starting(String::new(), String::new(), String::new(), 0);
        let (sender, status) = tokio::sync::watch::channel(Arc::new(nothing));
        let (wake, woken) = watch::wake();
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let wall = Arc::new(AtomicI64::new(0));
        let off = Arc::clone(&wall);
        let options = watch::Options {
            prune: ways.prune,
            interval: ways.interval,
            first_pass: ways.first_pass,
            contest_window: ways.contest_window,
            stack_is_given: false,
            seed: 7,
            by_hand: "flespi-gitops apply manifests".to_owned(),
            lock_timeout: Duration::from_secs(5),
            clock: Arc::new(move || {
                let off = jiff::SignedDuration::from_secs(off.load(Ordering::Relaxed));
                jiff::Timestamp::now().checked_add(off).unwrap()
            }),
        };
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let paths = roots.clone();
                let read = paths.clone();
                let load = Box::new(move || manifest::load(&read, 0));
                let files = Files::watch(roots, false, Patience::default(), load).unwrap();
                let mut settled = files.settled();
                let first = settled
                    .wait_for(|settled| !matches!(settled.reading, Reading::Nothing))
                    .await
                    .unwrap()
                    .reading
                    .clone();
                let Reading::Good(load) = first else { panic!("{first:?}") };
                let in_force = InForce::of(&load, &load.desired.stack);
                if let Some((from, to)) = ways.between {
                    let path = paths[0].join("a.yaml");
                    let text = std::fs::read_to_string(&path).unwrap();
                    std::fs::write(&path, text.replace(from, to)).unwrap();
                    settled.wait_for(|settled| settled.status.generation == 2).await.unwrap();
                }
                let (signer, run) = (Signer::default(), RunId::new());
                let leases = FileLeases::new(&state);
                let pauses = Pauses::new(&state);
                let clock = Arc::clone(&options.clock);
                let platform = "sandbox".to_owned();
                let gate = Gate { leases: &leases, platform, pauses: &pauses, clock };
                let spool = Spool::none();
                let renew = Box::new(|| None);
                let platform =
                    Platform { client, signer: &signer, spool: &spool, gate, seen: None, renew };
                let daemon =
                    Daemon::new(platform, &run, files, in_force, woken, sender, options, Silent);
                daemon.run(stopped).await;
            });
        });
        Self { world, status, wake, wall, stop, thread: Some(thread) }
    }

    fn now(&self) -> Arc<Status> {
        Arc::clone(&self.status.borrow())
    }

    /// Waits until the status is as `is_there` wants it.
    #[track_caller]
    fn until(&self, what: &str, is_there: impl Fn(&Status) -> bool) -> Arc<Status> {
        let began = Instant::now();
        loop {
            let status = self.now();
            if is_there(&status) {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "not {what}: {status:#?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until passes have ended, `count` of them in all.
    #[track_caller]
    fn passes(&self, count: u64) -> Arc<Status> {
        self.until("passed", |status| {
            status.pass.is_none() && status.totals.passes.values().sum::<u64>() >= count
        })
    }

    /// Asks for a pass and waits for its end.
    #[track_caller]
    fn pass(&self) -> Arc<Status> {
        let before = self.passes(1).totals.passes.values().sum::<u64>();
        self.wake.now(Trigger::Request);
        self.passes(before + 1)
    }

    /// What the platform has.
    fn devices(&self, name: &str) -> Option<i64> {
        let path = "/platform/limits/all?fields=name,devices_count";
        let limits = self.world.api("GET", path, None);
        let limit = limits.into_iter().find(|limit| limit["name"] == name)?;
        limit["devices_count"].as_i64()
    }

    /// Somebody changes a limit by hand.
    fn meddle(&self, name: &str, body: &Value) {
        let id = self.world.item("limits", "name", name)["id"].clone();
        self.world.api("PUT", &format!("/platform/limits/{id}"), Some(body));
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take()
            && let Err(panic) = thread.join()
            && !std::thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

fn object<'s>(status: &'s Status, address: &str) -> &'s ObjectStatus {
    let address: Address = address.parse().unwrap();
    status.objects.get(&address).unwrap_or_else(|| panic!("{address}: {status:#?}"))
}

fn limit(name: &str, more: &str) -> String {
    format!(
        "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {{name: {name}}}\nspec: {{devices_count: 10, channels_count: 5{more}}}\n"
    )
}

fn world_of(limits: &[(&str, &str)]) -> World {
    let world = World::new();
    for (name, more) in limits {
        world.write(&format!("manifests/{name}.yaml"), &limit(name, more));
    }
    world
}

#[test]
fn a_healthy_daemon_is_idle_and_says_what_it_watches() {
    let world = world_of(&[("a", ""), ("b", "")]);
    let daemon = Running::start(&world, Ways::default());
    let status = daemon.passes(1);
    assert_eq!(status.state, State::Idle, "{status:#?}");
    assert_eq!(status.passes[0].outcome, PassOutcome::Applied);
    assert_eq!(status.passes[0].trigger, Trigger::Start);
    assert_eq!((status.files.files, status.files.folders_watched), (2, 1));
    assert_eq!(status.set.good.as_ref().unwrap().objects, 2);
    assert_eq!(object(&status, "limit/a").state, ObjectState::InSync);
    assert!(object(&status, "limit/a").id_on_platform.is_some());
    assert!(status.next_pass.is_some() && status.last_success.is_some());
    assert_eq!(daemon.pass().passes[0].outcome, PassOutcome::Unchanged);
    // All of it is what /status says.
    assert_eq!(serde_json::to_value(&*daemon.now()).unwrap()["format"], "flespi-gitops/status/v1");
}

#[test]
fn drift_is_healed_and_told_with_who_and_when() {
    let world = world_of(&[("a", "")]);
    let interval = Duration::from_millis(500);
    let daemon = Running::start(&world, Ways { interval, ..Ways::default() });
    daemon.passes(1);
    daemon.meddle("a", &json!({"devices_count": 99}));
    let status = daemon.until("healed", |status| status.totals.drift_healed == 1);
    assert_eq!(daemon.devices("a"), Some(10));
    assert_eq!((status.totals.drift_found, status.totals.contested), (1, 0));
    // Healed it is no drift any more, and our own write was none.
    let count = status.totals.passes.values().sum::<u64>();
    let status = daemon.passes(count + 3);
    assert_eq!(status.totals.drift_found, 1);
    assert_eq!(object(&status, "limit/a").state, ObjectState::InSync);
}

#[test]
fn drift_is_reported_when_told_to_and_left_alone() {
    let world = world_of(&[
        ("told", ", lifecycle: {drift: report}"),
        ("hushed", ", lifecycle: {drift: ignore}"),
    ]);
    let daemon = Running::start(&world, Ways::default());
    daemon.passes(1);
    daemon.meddle("told", &json!({"devices_count": 99}));
    daemon.meddle("hushed", &json!({"devices_count": 98}));
    world.empty_journal();
    let status = daemon.pass();
    assert_eq!((daemon.devices("told"), daemon.devices("hushed")), (Some(99), Some(98)));
    let told = object(&status, "limit/told");
    assert_eq!(told.state, ObjectState::Drifted);
    assert_eq!((&told.fields[0].found, &told.fields[0].wanted), (&json!(99), &json!(10)));
    let by = told.fields[0].by.as_ref().unwrap();
    assert!(by.token_id.is_some() && by.at.is_some(), "{by:?}");
    assert_eq!(by.app, None, "it was not us");
    let hushed = object(&status, "limit/hushed");
    assert_eq!((hushed.state, &hushed.fields[0].by), (ObjectState::Drifted, &None));
    // Who did it is looked up once.
    daemon.pass();
    let looks = world.journal().into_iter().filter(|request| request.path.contains("/logs"));
    assert_eq!(looks.count(), 1);
}

#[test]
fn the_first_pass_only_reports_when_told_to() {
    let world = world_of(&[("a", "")]);
    let ways = Ways { first_pass: FirstPass::Report, ..Ways::default() };
    let daemon = Running::start(&world, ways);
    let status = daemon.passes(1);
    assert_eq!(status.passes[0].outcome, PassOutcome::Reported);
    assert_eq!(world.writes().len(), 0);
    assert_eq!(object(&status, "limit/a").state, ObjectState::Pending);
    assert_eq!(daemon.pass().passes[0].outcome, PassOutcome::Applied);
    assert_eq!(daemon.devices("a"), Some(10));
}

#[test]
fn a_field_that_somebody_fights_over_is_contested_within_three_rounds_and_the_rest_goes_on() {
    let world = world_of(&[("fought", ""), ("calm", "")]);
    let daemon = Running::start(&world, Ways::default());
    daemon.passes(1);
    for round in 1..=3 {
        daemon.meddle("fought", &json!({"devices_count": 90 + round}));
        let status = daemon.pass();
        let is_contested = object(&status, "limit/fought").state == ObjectState::Contested;
        assert_eq!(is_contested, round == 3, "round {round}: {status:#?}");
    }
    assert_eq!(daemon.devices("fought"), Some(93), "it is no longer healed");
    // Another field of the same object still is, and so is everything else.
    daemon.meddle("fought", &json!({"channels_count": 77}));
    daemon.meddle("calm", &json!({"devices_count": 77}));
    world.edit("manifests/calm.yaml", "channels_count: 5", "channels_count: 6");
    daemon.until("calm", |_| daemon.devices("calm") == Some(10));
    let status = daemon.pass();
    let fought = world.item("limits", "name", "fought");
    assert_eq!(fought["devices_count"], 93);
    assert_eq!(status.totals.contested, 1);
    assert_eq!(status.state, State::Degraded);
    let field = &object(&status, "limit/fought").fields[0];
    assert!(field.contested && field.field == "devices_count" && field.returns == 3, "{field:?}");
    // Giving in ends it.
    daemon.meddle("fought", &json!({"devices_count": 10}));
    let status = daemon.pass();
    assert_eq!(object(&status, "limit/fought").state, ObjectState::InSync);
    assert_eq!(status.state, State::Idle);
}

#[test]
fn what_fails_backs_off_for_itself_and_an_edit_tries_it_at_once() {
    let world = world_of(&[("a", ""), ("b", "")]);
    let daemon = Running::start(&world, Ways::default());
    daemon.passes(1);
    let id = world.item("limits", "name", "a")["id"].clone();
    world.faults(&json!({"rules": [{
        "method": "PUT", "path": format!("/platform/limits/{id}"),
        "effect": {"answer": {"status": 400, "reason": "no"}},
    }]}));
    daemon.meddle("b", &json!({"devices_count": 99}));
    world.edit("manifests/a.yaml", "10", "20");
    let status = daemon.until("failing", |status| {
        status.pass.is_none() && object(status, "limit/a").state == ObjectState::Failing
    });
    assert_eq!(daemon.devices("b"), Some(10), "one bad object holds up nothing");
    let failing = object(&status, "limit/a");
    assert!(failing.reason.as_ref().unwrap().contains("no"), "{failing:?}");
    assert!(failing.retry_at.is_some() && failing.failures >= 1);
    assert_eq!(status.state, State::Degraded);
    // It is tried again by itself.
    let failures = failing.failures;
    daemon.until("retried", |status| object(status, "limit/a").failures > failures);
    assert_eq!(daemon.now().passes.iter().filter(|p| p.trigger == Trigger::Retry).count(), 1);
    world.faults(&json!({"rules": []}));
    world.edit("manifests/a.yaml", "20", "30");
    let status = daemon.until("applied", |status| {
        status.pass.is_none() && object(status, "limit/a").state == ObjectState::InSync
    });
    assert_eq!(daemon.devices("a"), Some(30));
    assert_eq!((status.state, object(&status, "limit/a").failures), (State::Idle, 0));
}

#[test]
fn what_a_guard_refuses_waits_for_a_person_while_drift_is_healed() {
    let world = world_of(&[("kept", ""), ("gone", "")]);
    let stack = "apiVersion: flespi-gitops/v1\nkind: Stack\nmetadata: {name: default}\nspec: {guards: {deletes: 0}}\n";
    world.write("manifests/stack.yaml", stack);
    let daemon = Running::start(&world, Ways { prune: true, ..Ways::default() });
    daemon.passes(1);
    std::fs::remove_file(world.path().join("manifests/gone.yaml")).unwrap();
    world.write("manifests/new.yaml", &limit("new", ""));
    let status = daemon.until("waiting", |status| status.state == State::WaitingForApproval);
    let approval = status.approval.clone().unwrap();
    assert_eq!(status.passes[0].outcome, PassOutcome::Refused);
    assert_eq!(object(&status, "limit/gone").state, ObjectState::Waiting);
    assert_eq!(object(&status, "limit/new").state, ObjectState::Waiting);
    daemon.meddle("kept", &json!({"devices_count": 99}));
    let status = daemon.pass();
    assert_eq!(daemon.devices("kept"), Some(10));
    assert_eq!(daemon.devices("gone"), Some(10), "nothing that was edited is done");
    assert_eq!(daemon.devices("new"), None);
    assert_eq!(status.state, State::WaitingForApproval);
    // Without the drift the plan is the same again, and a person approves it by hand.
    let status = daemon.pass();
    assert_eq!(status.approval.as_ref().unwrap().digest, approval.digest);
    world.apply(&["manifests", "--prune", "--approve", &approval.digest]);
    let status = daemon.pass();
    assert_eq!((status.state, &status.approval), (State::Idle, &None));
    assert_eq!((daemon.devices("gone"), daemon.devices("new")), (None, Some(10)));
}

#[test]
fn an_invalid_set_leaves_the_last_good_one_in_force_and_says_so() {
    let world = world_of(&[("a", "")]);
    let daemon = Running::start(&world, Ways::default());
    daemon.passes(1);
    let good = daemon.now().set.good.clone();
    world.edit("manifests/a.yaml", "10", "many");
    let status = daemon.until("invalid", |status| status.state == State::SetInvalid);
    assert_eq!(status.set.good, good);
    let finding = &status.set.findings[0];
    assert!(finding.place.as_ref().unwrap().contains("a.yaml:4:"), "{finding:?}");
    assert!(status.says.contains("the last valid set is in force"), "{}", status.says);
    assert_eq!(status.totals.invalid_sets, 1);
    daemon.meddle("a", &json!({"devices_count": 99}));
    let status = daemon.pass();
    assert_eq!(daemon.devices("a"), Some(10));
    assert_eq!(status.state, State::SetInvalid);
    world.edit("manifests/a.yaml", "many", "10");
    let status = daemon.until("valid", |status| status.state == State::Idle);
    assert!(status.set.findings.is_empty() && status.set.stale_since.is_none());
}

#[test]
fn a_removed_root_is_unknown_and_nothing_is_pruned() {
    let world = world_of(&[("a", ""), ("b", "")]);
    let daemon = Running::start(&world, Ways { prune: true, ..Ways::default() });
    daemon.passes(1);
    std::fs::rename(world.path().join("manifests"), world.path().join("away")).unwrap();
    let status = daemon.until("unknown", |status| status.state == State::RootUnknown);
    assert!(status.files.roots[0].unknown.is_some());
    assert!(status.says.contains("the last valid set is in force"), "{}", status.says);
    daemon.meddle("a", &json!({"devices_count": 99}));
    let status = daemon.pass();
    assert_eq!((daemon.devices("a"), daemon.devices("b")), (Some(10), Some(10)));
    assert_eq!(status.state, State::RootUnknown);
    // An empty folder in its place is no wish to delete everything either.
    std::fs::create_dir(world.path().join("manifests")).unwrap();
    let status = daemon.until("invalid", |status| status.state == State::SetInvalid);
    assert_eq!(status.files.roots[0].unknown, None);
    daemon.pass();
    assert_eq!(daemon.devices("b"), Some(10));
    std::fs::remove_dir(world.path().join("manifests")).unwrap();
    std::fs::rename(world.path().join("away"), world.path().join("manifests")).unwrap();
    daemon.until("idle", |status| status.state == State::Idle);
}

#[test]
fn a_platform_that_is_away_for_an_hour_is_told_and_caught_up_with() {
    let world = world_of(&[("a", "")]);
    let interval = Duration::from_secs(2);
    let daemon = Running::start(&world, Ways { interval, ..Ways::default() });
    daemon.passes(1);
    let read = daemon.now().last_read;
    assert!(read.is_some());
    world.faults(&json!({"rules": [{"path": "/auth/*", "effect": {"answer": {"status": 401}}}]}));
    let status = daemon.until("away", |status| status.state == State::PlatformAway);
    assert_eq!(status.passes[0].outcome, PassOutcome::Unreadable);
    let since = status.conditions[0].since;
    world.edit("manifests/a.yaml", "10", "20");
    // An hour passes on both clocks.
    daemon.wall.store(3600, Ordering::Relaxed);
    world.call("POST", "/_sandbox/clock", None, None, Some(&json!({"advance": 3600})));
    let status = daemon.pass();
    assert_eq!(status.state, State::PlatformAway);
    assert_eq!(status.conditions[0].since, since, "since when is kept");
    assert_eq!(status.last_read, read, "what is shown is of that moment");
    assert!(status.next_pass.unwrap().duration_since(status.passes[0].began).as_secs() <= 60);
    world.faults(&json!({"rules": []}));
    // Nobody has to tell it.
    daemon.until("back", |status| status.state == State::Idle && status.pass.is_none());
    assert_eq!(daemon.devices("a"), Some(20));
}

#[test]
fn a_collection_that_cannot_be_read_is_unknown_and_the_others_go_on() {
    let world = world_of(&[("a", "")]);
    let daemon = Running::start(&world, Ways::default());
    daemon.passes(1);
    world.faults(&json!({"rules": [
        {"path": "/platform/tokens/all", "effect": {"answer": {"status": 403}}},
    ]}));
    daemon.meddle("a", &json!({"devices_count": 99}));
    let status = daemon.pass();
    assert_eq!(daemon.devices("a"), Some(10));
    assert_eq!(status.state, State::PlatformAway);
    assert!(status.says.contains("tokens"), "{}", status.says);
}

#[test]
fn a_wall_clock_that_jumps_moves_what_people_read_and_nothing_else() {
    let world = world_of(&[("a", "")]);
    let interval = Duration::from_millis(400);
    let daemon = Running::start(&world, Ways { interval, ..Ways::default() });
    daemon.passes(2);
    for years in [1, -2, 0] {
        daemon.wall.store(years * 365 * 86400, Ordering::Relaxed);
        let before = daemon.now().totals.passes.values().sum::<u64>();
        let began = Instant::now();
        let status = daemon.passes(before + 3);
        // Neither a burst of passes nor a year without any.
        assert!(began.elapsed() >= 2 * interval, "{:?}", began.elapsed());
        assert_eq!(status.state, State::Idle);
        let off = status.passes[0].began.duration_since(jiff::Timestamp::now()).as_secs();
        assert!((off - years * 365 * 86400).abs() < 120, "{off}");
    }
}

#[test]
fn changes_during_a_pass_are_one_pass_after_it() {
    let options = Options { latency: Duration::from_millis(400), ..Options::default() };
    let world = World::with(options);
    world.write("manifests/a.yaml", &limit("a", ""));
    let daemon = Running::start(&world, Ways::default());
    daemon.until("passing", |status| status.pass.is_some());
    // The first pass takes seconds; meanwhile there are three settled sets and many requests.
    for devices in [20, 30, 40] {
        world.write("manifests/a.yaml", &limit("a", "").replace("10", &devices.to_string()));
        (0..20).for_each(|_| daemon.wake.now(Trigger::Request));
        std::thread::sleep(Duration::from_millis(700));
    }
    let status = daemon.until("final", |status| {
        status.pass.is_none() && status.state == State::Idle && daemon.devices("a") == Some(40)
    });
    let count = status.totals.passes.values().sum::<u64>();
    assert!(count <= 5, "{status:#?}");
    let mut ends: Vec<_> =
        status.passes.iter().map(|pass| (pass.began, pass.duration_ms)).collect();
    ends.reverse();
    for pair in ends.windows(2) {
        let end = pair[0].0 + jiff::SignedDuration::from_millis(pair[0].1 as i64 - 5);
        assert!(pair[1].0 >= end, "passes overlap: {ends:?}");
    }
}

#[test]
fn every_call_carries_the_run_and_the_program() {
    let world = world_of(&[("a", "")]);
    let daemon = Running::start(&world, Ways::default());
    let status = daemon.passes(1);
    let (_, answer) = world.call("GET", "/_sandbox/journal", None, None, None);
    let journal = answer["result"].as_array().unwrap();
    let app = concat!("flespi-gitops/", env!("CARGO_PKG_VERSION"));
    assert!(!journal.is_empty());
    for entry in journal {
        assert_eq!((&entry["trace"], &entry["app"]), (&json!(status.passes[0].run), &json!(app)));
    }
    let calls: u64 = status.passes[0].calls.iter().map(|calls| calls.calls).sum();
    assert_eq!(calls, journal.len() as u64);
}

#[test]
fn an_object_that_somebody_deletes_again_and_again_is_contested() {
    let world = world_of(&[("a", ""), ("b", "")]);
    let daemon = Running::start(&world, Ways::default());
    daemon.passes(1);
    let delete = || {
        let id = world.item("limits", "name", "a")["id"].clone();
        world.api("DELETE", &format!("/platform/limits/{id}"), None);
        daemon.wake.now(Trigger::Request);
    };
    for _ in 1..=2 {
        delete();
        daemon.until("healed", |status| status.pass.is_none() && daemon.devices("a") == Some(10));
    }
    delete();
    daemon.until("contested", |status| object(status, "limit/a").state == ObjectState::Contested);
    assert_eq!(daemon.devices("a"), None);
    daemon.meddle("b", &json!({"devices_count": 99}));
    daemon.pass();
    assert_eq!(daemon.devices("b"), Some(10));
}

#[test]
fn a_token_is_shown_with_the_time_at_which_it_ends() {
    let world = World::new();
    let token = "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {name: t}\nspec: {access: standard, ttl: 1h, expire: 4102444800}\n";
    world.write("manifests/token.yaml", token);
    let daemon = Running::start(&world, Ways::default());
    daemon.passes(1);
    let status = daemon.pass();
    let ends = object(&status, "token/t").ends_at.unwrap();
    assert_eq!(ends.as_second(), 4_102_444_800, "the later of its two ends");
}

#[test]
fn a_change_between_the_first_reading_and_the_first_pass_is_not_lost() {
    let world = world_of(&[("a", "")]);
    let daemon = Running::start(&world, Ways { between: Some(("10", "20")), ..Ways::default() });
    daemon.until("applied", |_| daemon.devices("a") == Some(20));
    assert!(daemon.now().totals.passes.values().sum::<u64>() <= 2);
}
