//! Leases that hold across machines: whoever stops, dies, is cut off or has another time writes nothing beside who follows.
//!
//! A machine is a state folder of its own. The tests that always run ask a small API server for `Lease` objects; the
//! ignored ones ask etcd and PostgreSQL, which `tests/leases/run.sh` starts and names in the environment.

#![cfg(unix)]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use flespi_gitops::sandbox::Options;
use serde_json::{Value, json};

use crate::support::World;
use crate::support::kubernetes::{Kubernetes, TOKEN};

/// Says how a long test gets on to whoever looks at it.
#[expect(clippy::print_stdout, reason = "rounds take many minutes")]
fn tell(line: &str) {
    println!("{line}");
}

/// A platform that is slow enough to meet a run in its middle, and a cluster with leases.
fn cluster() -> (World, Kubernetes, String) {
    let world = World::with(Options { latency: Duration::from_millis(700), ..Options::default() });
    world.copy_example("fleet");
    let cluster = Kubernetes::start();
    let token = world.write("cluster-token", TOKEN);
    let lease =
        format!("kubernetes:ops/fleet?server={}&token_file={}", cluster.url, token.display());
    (world, cluster, lease)
}

/// The program on a machine of its own.
fn on(world: &World, machine: &str, lease: &str, arguments: &[&str]) -> Command {
    let mut command = world.command(arguments);
    command
        .env("FLESPI_GITOPS_STATE_DIR", world.path().join(machine))
        .env("FLESPI_GITOPS_LEASE", lease);
    command
}

fn run(world: &World, machine: &str, lease: &str, arguments: &[&str]) -> crate::support::Run {
    crate::support::run(on(world, machine, lease, arguments))
}

fn start(world: &World, machine: &str, lease: &str, arguments: &[&str]) -> Child {
    let mut command = on(world, machine, lease, arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
}

/// Writes of a run under a lease, in the order in which the platform got them: the run, and the generation.
fn writes(world: &World) -> Vec<(String, u64)> {
    let (_, answer) = world.call("GET", "/_sandbox/journal", None, None, None);
    let entries = answer["result"].as_array().unwrap().iter();
    entries
        .filter(|entry| entry["method"] != "GET" && entry["app"].is_string())
        .map(|entry| {
            let trace = entry["trace"].as_str().unwrap();
            let (run, generation) = trace.split_once('.').unwrap_or_else(|| panic!("{entry}"));
            (run.to_owned(), generation.parse().unwrap())
        })
        .collect()
}

/// Waits until somebody has begun to write.
fn wait_for_writes(world: &World) {
    let began = Instant::now();
    while writes(world).len() < 2 {
        assert!(began.elapsed() < Duration::from_secs(30), "nobody writes");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How many writes came after one of a later generation.
fn stale(writes: &[(String, u64)]) -> usize {
    let (mut last, mut stale) = (0, 0);
    for (_, generation) in writes {
        stale += usize::from(*generation < last);
        last = last.max(*generation);
    }
    stale
}

fn grants(cluster: &Kubernetes) -> Vec<Value> {
    let leases = cluster.leases("ops").into_iter();
    leases
        .filter(|lease| lease["metadata"]["labels"]["flespi-gitops/of"] == "fleet.grants")
        .collect()
}

#[test]
fn of_two_machines_one_writes_and_the_other_finds_it_done() {
    let (world, cluster, lease) = cluster();
    let apply = ["apply", "fleet", "--yes", "--lock-timeout", "60s"];
    let runs = ["one", "other"].map(|machine| start(&world, machine, &lease, &apply));
    let mut nothing_to_do = 0;
    for run in runs {
        let output = world.end_of(run);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(0), "{text}");
        nothing_to_do += usize::from(text.lines().last().unwrap().starts_with("nothing to do"));
    }
    assert_eq!(nothing_to_do, 1, "one of them has the work");
    let writes = writes(&world);
    let generations: std::collections::BTreeSet<u64> = writes.iter().map(|(_, it)| *it).collect();
    assert_eq!(generations.len(), 1, "{writes:?}");
    assert_eq!(grants(&cluster), Vec::<Value>::new(), "no grant is left");
    let shown = run(&world, "one", &lease, &["lock", "show", "--format", "json"]).expect(0).json();
    let locks = shown["locks"].as_array().unwrap();
    assert!(locks.iter().all(|lock| lock["state"] == "free"), "{locks:?}");
    assert!(locks[0]["fence"].as_u64() >= generations.first().copied(), "{locks:?}");
}

#[test]
fn a_holder_that_is_stopped_for_longer_than_its_lease_writes_nothing_when_it_goes_on() {
    let (world, cluster, lease) = cluster();
    let holder = start(&world, "one", &lease, &["apply", "fleet", "--yes"]);
    wait_for_writes(&world);
    // People see who it is, also with the tools of the cluster.
    let held = grants(&cluster).into_iter().next().unwrap();
    assert_eq!(held["spec"]["leaseDurationSeconds"], 8);
    assert!(held["spec"]["holderIdentity"].is_string() && held["spec"]["renewTime"].is_string());
    signal(&holder, "-STOP");
    let began = Instant::now();
    let refused = run(&world, "other", &lease, &["apply", "fleet", "--yes", "--lock-timeout", "0"]);
    let refused = refused.expect(7).stderr;
    assert!(refused.contains("`apply`") && refused.contains("lock break --id"), "{refused}");
    let next = run(&world, "other", &lease, &["apply", "fleet", "--yes", "--lock-timeout", "60s"]);
    next.expect(0);
    assert!(began.elapsed() > Duration::from_secs(5), "not before the lease had ended");
    let before = writes(&world).len();
    signal(&holder, "-CONT");
    let output = world.end_of(holder);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_ne!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("the lease is lost") || said.contains("the lease has ended"), "{said}");
    let writes = writes(&world);
    assert_eq!((writes.len(), stale(&writes)), (before, 0), "{writes:?}");
    assert_eq!(grants(&cluster), Vec::<Value>::new());
}

#[test]
fn a_broken_holder_stops_says_why_and_leaves_the_rest_to_the_next() {
    let (world, cluster, lease) = cluster();
    let holder = start(&world, "one", &lease, &["apply", "fleet", "--yes"]);
    wait_for_writes(&world);
    let shown = run(&world, "other", &lease, &["lock", "show"]).expect(0).stdout;
    let id = shown.lines().find_map(|line| line.trim().strip_prefix("id ")).unwrap().trim();
    let ask = |id: &str, reason: &str| {
        run(&world, "other", &lease, &["lock", "break", "--id", id, "--reason", reason])
    };
    ask(id, " ").expect(64);
    ask("nobody", "x").expect(1);
    let said = ask(id, "it hangs").expect(0).stdout;
    assert!(said.contains(id) && said.contains("it hangs"), "{said}");
    let output = world.end_of(holder);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_ne!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("it hangs"), "{said}");
    let on_record = cluster.leases("ops").into_iter().find(|lease| {
        lease["metadata"]["annotations"]["flespi-gitops/name"] == format!("breaks/{id}")
    });
    let record = on_record.unwrap()["metadata"]["annotations"]["flespi-gitops/value"].to_string();
    assert!(record.contains("it hangs"), "{record}");
    run(&world, "other", &lease, &["apply", "fleet", "--yes", "--lock-timeout", "60s"]).expect(0);
    assert_eq!(stale(&writes(&world)), 0);
}

#[test]
fn nothing_is_written_while_the_store_of_leases_is_away() {
    let (world, cluster, lease) = cluster();
    cluster.leases_are_away(true);
    let refused = run(&world, "one", &lease, &["apply", "fleet", "--yes", "--lock-timeout", "1s"]);
    let refused = refused.expect(7).stderr;
    assert!(refused.contains("no leader") && refused.contains("nothing was written"), "{refused}");
    assert_eq!(world.writes().len(), 0);
    run(&world, "one", &lease, &["lock", "show"]).expect(7);
    // Gone in the middle, the run ends within its lease and leaves the rest.
    cluster.leases_are_away(false);
    let holder = start(&world, "one", &lease, &["apply", "fleet", "--yes"]);
    wait_for_writes(&world);
    cluster.leases_are_away(true);
    let began = Instant::now();
    world.end_of(holder);
    // What may be left of a lease, and the second after which what was given up cannot arrive any more.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let written = writes(&world).len();
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(writes(&world).len(), written);
}

#[test]
fn an_address_with_a_password_is_refused_and_not_repeated() {
    let world = World::new();
    world.copy_example("fleet");
    let refused = run(&world, "one", "etcd://me:CANARY@a", &["apply", "fleet", "--yes"]).expect(64);
    assert!(!refused.stderr.contains("CANARY"), "{}", refused.stderr);
}

/// One machine's way to a store, which can be cut.
struct Way {
    port: u16,
    state: Arc<AtomicU8>,
}

const OPEN: u8 = 0;
/// Connections end, and no new ones come about.
const CUT: u8 = 1;
/// Nothing that is sent arrives, and nobody is told.
const SILENT: u8 = 2;

impl Way {
    fn to(store: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, store) = (listener.local_addr().unwrap().port(), store.to_owned());
        let state = Arc::new(AtomicU8::new(OPEN));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), Ok(store)) = (stream, TcpStream::connect(&store)) else {
                    continue;
                };
                for (from, to) in [(&stream, &store), (&store, &stream)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let state = Arc::clone(&shared);
                    std::thread::spawn(move || pass_on(from, to, &state));
                }
            }
        });
        Self { port, state }
    }

    fn set(&self, state: u8) {
        self.state.store(state, Ordering::Relaxed);
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, state: &AtomicU8) {
    from.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut bytes = [0; 16 * 1024];
    loop {
        match state.load(Ordering::Relaxed) {
            OPEN => {}
            SILENT => {
                std::thread::sleep(Duration::from_millis(50));
                continue;
            }
            _ => break,
        }
        match from.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) if to.write_all(&bytes[..count]).is_ok() => {}
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) => {}
            Ok(_) | Err(_) => break,
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// So many accounts, each with a limit of its own.
fn accounts(count: usize) -> String {
    (0..count).fold(String::new(), |text, number| {
        text + &format!(
            "apiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {{name: a-{number}}}\nspec: {{}}\n---\n\
             apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {{name: l-{number}, account: a-{number}}}\n\
             spec: {{devices_count: 5}}\n---\n"
        )
    })
}

/// Three replicas of a daemon, each with a way of its own to the store.
struct Replicas<'w> {
    world: &'w World,
    addresses: Vec<String>,
    ways: Vec<Way>,
    running: Vec<Option<Child>>,
}

impl<'w> Replicas<'w> {
    fn new(world: &'w World, address: &str) -> Self {
        let (scheme, rest) = address.split_once("://").unwrap();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (store, tail) = rest.split_at(end);
        let ways: Vec<Way> = (0..3).map(|_| Way::to(store)).collect();
        let addresses =
            ways.iter().map(|way| format!("{scheme}://127.0.0.1:{}{tail}", way.port)).collect();
        Self { world, addresses, ways, running: vec![None, None, None] }
    }

    /// Starts a replica. The second and the third are told another time of the day by `faketime`, if it is there.
    fn start(&mut self, at: usize) {
        let arguments =
            ["watch", "set", "--interval", "5s", "--contest-window", "1s", "--lock-timeout", "12s"];
        let machine = format!("machine-{at}");
        let mut command = on(self.world, &machine, &self.addresses[at], &arguments);
        command.env("FLESPI_GITOPS_LOG", "info");
        if let (Some(library), 1 | 2) = (std::env::var_os("LEASES_FAKETIME"), at) {
            command
                .env("LD_PRELOAD", library)
                .env("FAKETIME", if at == 1 { "+3h" } else { "-2d" })
                .env("DONT_FAKE_MONOTONIC", "1");
        }
        let (out, err) = (self.world.ear(), self.world.ear());
        self.running[at] = Some(command.stdout(out).stderr(err).spawn().unwrap());
    }

    fn signal(&self, at: usize, name: &str) {
        signal(self.running[at].as_ref().unwrap(), name);
    }

    fn kill(&mut self, at: usize) {
        let mut child = self.running[at].take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    fn end(&mut self) {
        for at in 0..3 {
            self.signal(at, "-TERM");
        }
        for child in self.running.iter_mut().filter_map(Option::take) {
            let mut child = child;
            child.wait().unwrap();
        }
    }
}

impl Drop for Replicas<'_> {
    fn drop(&mut self) {
        for mut child in self.running.iter_mut().filter_map(Option::take) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The limits of the accounts, and how many of them are not as declared.
fn limits(world: &World) -> (BTreeMap<i64, String>, usize) {
    let items = world.api("GET", "/platform/limits/all?fields=id,name,devices_count", None);
    let wrong = items.iter().filter(|item| item["devices_count"] != 5).count();
    let names = items
        .iter()
        .map(|item| (item["id"].as_i64().unwrap(), item["name"].as_str().unwrap().to_owned()));
    (names.collect(), wrong)
}

/// Writes to each limit in the order in which the platform got them, by generation; the journal is emptied.
fn writes_by_limit(world: &World) -> BTreeMap<i64, Vec<u64>> {
    let (_, answer) = world.call("GET", "/_sandbox/journal", None, None, None);
    world.empty_journal();
    let mut writes: BTreeMap<i64, Vec<u64>> = BTreeMap::new();
    for entry in answer["result"].as_array().unwrap() {
        let path = entry["path"].as_str().unwrap();
        if entry["method"] != "PUT" || !entry["app"].is_string() {
            continue;
        }
        let trace = entry["trace"].as_str().unwrap();
        let (_, generation) = trace.split_once('.').unwrap_or_else(|| panic!("{entry}"));
        let ids = path.strip_prefix("/platform/limits/").unwrap_or_else(|| panic!("{entry}"));
        for id in ids.split('?').next().unwrap().split(',') {
            writes.entry(id.parse().unwrap()).or_default().push(generation.parse().unwrap());
        }
    }
    writes
}

/// What rounds of trouble came to.
#[derive(Debug, Default)]
struct Sum {
    /// Writes to an account after one of a later generation.
    stale: usize,
    /// Accounts that were set right more than once in one round.
    twice: usize,
    /// How long it took from the trouble until every account was as declared, in milliseconds.
    took: Vec<u128>,
}

/// Rounds of trouble for three replicas and so many accounts: in each, one replica is killed, stopped or cut off, and all
/// accounts are changed by hand at the same moment.
fn rounds(variable: &str, rounds: usize, count: usize) -> Sum {
    let address = std::env::var(variable).expect("tests/leases/run.sh sets it");
    let world = World::new();
    world.write("set/accounts.yaml", &accounts(count));
    run(&world, "machine-0", &address, &["apply", "set", "--yes"]).expect(0);
    let (names, wrong) = limits(&world);
    assert_eq!((names.len(), wrong), (count, 0));
    let mut replicas = Replicas::new(&world, &address);
    (0..3).for_each(|at| replicas.start(at));
    std::thread::sleep(Duration::from_secs(10));
    world.empty_journal();
    let ids: Vec<String> = names.keys().map(ToString::to_string).collect();
    let mut last: BTreeMap<i64, u64> = BTreeMap::new();
    let mut sum = Sum::default();
    for round in 0..rounds {
        let (at, trouble) = (round % 3, round / 3 % 4);
        for some in ids.chunks(100) {
            let path = format!("/platform/limits/{}", some.join(","));
            world.api("PUT", &path, Some(&json!({"devices_count": 6 + round})));
        }
        let others = (0..3).filter(|other| *other != at);
        others.for_each(|other| replicas.signal(other, "-HUP"));
        // In the middle of a pass more often than not.
        replicas.signal(at, "-HUP");
        std::thread::sleep(Duration::from_millis(100 * (round as u64 * 7 % 12)));
        let began = Instant::now();
        match trouble {
            0 => replicas.kill(at),
            1 => replicas.signal(at, "-STOP"),
            2 => replicas.ways[at].set(CUT),
            _ => replicas.ways[at].set(SILENT),
        }
        loop {
            let (_, wrong) = limits(&world);
            if wrong == 0 {
                break;
            }
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "round {round}: {wrong} are not served"
            );
            std::thread::sleep(Duration::from_millis(200));
        }
        sum.took.push(began.elapsed().as_millis());
        // Until the others have taken over, or the trouble would be over before it was one.
        std::thread::sleep(Duration::from_secs(10).saturating_sub(began.elapsed()));
        match trouble {
            0 => replicas.start(at),
            1 => replicas.signal(at, "-CONT"),
            _ => replicas.ways[at].set(OPEN),
        }
        std::thread::sleep(Duration::from_secs(3));
        for (id, generations) in writes_by_limit(&world) {
            sum.twice += usize::from(generations.len() > 1);
            for generation in generations {
                let last = last.entry(id).or_default();
                sum.stale += usize::from(generation < *last);
                *last = generation.max(*last);
            }
        }
        let took = sum.took.last().unwrap();
        tell(&format!(
            "{variable} round {round}, {trouble} at {at}: {took} ms, {} stale",
            sum.stale
        ));
    }
    replicas.end();
    let shown = run(&world, "machine-0", &address, &["lock", "show", "--format", "json"]);
    let shown = shown.expect(0).json();
    let locks = shown["locks"].as_array().unwrap();
    let held: Vec<&Value> = locks
        .iter()
        .filter(|lock| lock["state"] != "free" && lock["state"] != "abandoned")
        .collect();
    assert!(held.is_empty(), "{held:?}");
    sum
}

fn survives(variable: &str) {
    let number =
        |name: &str, usual| std::env::var(name).ok().map_or(usual, |text| text.parse().unwrap());
    let sum = rounds(variable, number("LEASES_ROUNDS", 8), number("LEASES_ACCOUNTS", 300));
    let worst = sum.took.iter().max().unwrap();
    tell(&format!(
        "{variable}: {} rounds, {} writes by a stale holder, {} set right twice, at most {worst} ms",
        sum.took.len(),
        sum.stale,
        sum.twice
    ));
    assert_eq!(sum.stale, 0, "{sum:?}");
    assert!(*worst < 15_000, "{sum:?}");
}

#[test]
#[ignore = "needs etcd: tests/leases/run.sh"]
fn with_etcd_no_stale_holder_writes_and_all_accounts_are_served_again_within_fifteen_seconds() {
    survives("LEASES_ETCD");
}

#[test]
#[ignore = "needs PostgreSQL: tests/leases/run.sh"]
fn with_postgresql_no_stale_holder_writes_and_all_accounts_are_served_again_within_fifteen_seconds()
{
    survives("LEASES_POSTGRES");
}

/// How long so many replicas take from their start until so many accounts are as declared, on a platform whose every answer
/// takes a while; the calls of all of them are bounded together, if they are.
fn first_apply(variable: &str, replicas: usize, count: usize, calls: Option<usize>) -> Duration {
    let address = std::env::var(variable).expect("tests/leases/run.sh sets it");
    let options = Options { latency: Duration::from_millis(400), ..Options::default() };
    let world = World::with(options);
    world.write("set/accounts.yaml", &accounts(count));
    let mut all = Replicas::new(&world, &address);
    let began = Instant::now();
    for at in 0..replicas {
        let calls = calls.map(|calls| (calls / replicas).to_string());
        let pace = calls.iter().flat_map(|calls| ["--calls-per-minute", calls]);
        let arguments: Vec<&str> = ["watch", "set"].into_iter().chain(pace).collect();
        let mut command = on(&world, &format!("machine-{at}"), &all.addresses[at], &arguments);
        command.env("FLESPI_GITOPS_LOG", "info").stdout(world.ear()).stderr(world.ear());
        all.running[at] = Some(command.spawn().unwrap());
    }
    let there = || {
        let (_, state) = world.call("GET", "/_sandbox/state", None, None, None);
        state.to_string().matches("flespi-gitops/address\":\"limit/").count()
    };
    while there() < count {
        assert!(began.elapsed() < Duration::from_secs(600), "{} of {count}", there());
        std::thread::sleep(Duration::from_millis(250));
    }
    let took = began.elapsed();
    drop(all);
    took
}

#[test]
#[ignore = "needs etcd: tests/leases/run.sh"]
fn a_first_apply_by_three_replicas_takes_hardly_longer_than_by_one() {
    let count = std::env::var("LEASES_ACCOUNTS").map_or(300, |text| text.parse().unwrap());
    let [one, three] = [1, 3].map(|replicas| first_apply("LEASES_ETCD", replicas, count, None));
    let ratio = three.as_secs_f64() / one.as_secs_f64();
    tell(&format!("first apply of {count} accounts: one {one:?}, three {three:?}: {ratio:.2}"));
    let [one, three] =
        [1, 3].map(|replicas| first_apply("LEASES_ETCD", replicas, count, Some(600)));
    let bounded = three.as_secs_f64() / one.as_secs_f64();
    tell(&format!("with 600 calls a minute: one {one:?}, three {three:?}: {bounded:.2}"));
    // One alone bundles what it creates, so that there is little to gain and nothing to lose.
    assert!(ratio < 1.5 && bounded < 1.5, "{ratio:.2} {bounded:.2}");
}
