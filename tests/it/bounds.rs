//! The page about bounds says what the source says, leaves nothing out, and nothing is read without a bound.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::Path;

use serde_json::json;

use crate::support::World;
use crate::support::between::{Between, Passing};
use crate::tidy;

/// Where a constant stands: its file below `src`, and its name.
type Place = (String, String);

/// A constant as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Constant {
    is_time: bool,
    value: String,
}

/// Constants of time and number that bound nothing that can grow, and why.
const NOT_BOUNDS: &[(&str, &[&str])] = &[
    ("which steps are shown as one", &["report/alike.rs MANY", "report/alike.rs SHORTEST_NAME"]),
    ("how deep an example of the reference is shown", &["report/reference.rs DEEPEST"]),
    (
        "which texts of a recording are secrets, or drawn by lot",
        &[
            "cassette/veil.rs SHORTEST_FOUND",
            "sandbox/replay.rs SHORTEST_DRAWN",
            "sandbox/replay.rs TIME_DIGITS",
        ],
    ),
    (
        "what a probe asks with, and what it shows of an answer",
        &[
            "probe/book.rs MOST_EVIDENCE",
            "probe/broker.rs LATER",
            "probe/evidence.rs MOST_CHARACTERS",
            "probe/evidence.rs MOST_ITEMS",
            "probe/inside/items.rs LIMITS",
            "probe/inside/limits.rs CROWD",
            "probe/inside/people.rs HASH_DIGITS",
            "probe/inside/rates.rs BLOCKED",
            "probe/inside/rates.rs CALLS",
            "probe/inside/rates.rs MOST",
            "probe/inside/tokens.rs AWHILE",
            "probe/inside/tokens.rs PAST",
            "probe/inside/tokens.rs SHORT",
            "probe/lab.rs TTL",
            "probe/reading.rs LARGE_PAGE",
            "probe/reading.rs NOBODY",
            "probe/throwaway.rs PAGE",
        ],
    ),
    (
        "how text is laid out, and how much of one thing is named in a sentence",
        &[
            "cli/page.rs COLUMNS",
            "cli/page.rs BESIDE",
            "diagnostic/explain.rs NEARBY",
            "diagnostic/explain.rs MOST_NAMED",
            "diagnostic/mod.rs MANY_FINDINGS",
            "diagnostic/render/excerpt.rs BEFORE",
            "diagnostic/render/excerpt.rs WIDTH",
            "diagnostic/render/excerpt.rs NEAR",
            "diagnostic/render/human.rs WIDTH",
            "diagnostic/render/human.rs EDIT_LINES",
            "diagnostic/suggest.rs LONGEST",
            "import/error.rs MOST_NAMED",
            "manifest/arithmetic/commitment.rs MOST_CHILDREN",
            "manifest/foreign.rs MOST_NAMES",
            "manifest/kinds/reference.rs MOST_NAMES",
            "manifest/violation/fields.rs MOST_FIELDS_NAMED",
            "plan/diff.rs LONGEST",
            "plan/order.rs MOST_PLACES",
            "report/html/mod.rs OPEN",
            "report/import.rs END",
            "report/summary.rs MANY",
            "report/summary.rs MOST_LINES",
            "report/summary.rs NAMES_SHOWN",
            "report/import.rs PROSE",
            "report/markdown/bounded.rs MORE",
            "report/markdown/findings.rs END",
            "report/markdown/listing.rs END",
            "report/markdown/mod.rs MARKDOWN_LEAST",
            "report/markdown/mod.rs PROSE",
            "report/markdown/plan.rs END",
            "report/markdown/plan.rs LONGEST_STEP",
            "report/markdown/run.rs END",
            "report/outline.rs MOST_COMING",
            "report/outline.rs MOST_RIGHTS",
            "report/plan.rs WIDEST_COLUMN",
            "report/probe.rs NARROWEST",
            "report/plan.rs RISKY_SHOWN",
            "report/plan.rs INDENT",
            "report/risk.rs SHOWN",
            "report/status.rs END",
            "report/status.rs PROSE",
            "report/value.rs SHORT",
            "report/value.rs CONTEXT",
            "report/wrap.rs NARROWEST",
            "resource/selection.rs MOST_NAMED",
            "rights/words.rs MOST_IDS",
        ],
    ),
    (
        "the form of keys, ids, digests and files",
        &[
            "api/client.rs LONGEST_TRACE",
            "cli/apply/approval.rs DIGEST_DIGITS",
            "cli/hearing.rs LONGEST_APP",
            "cli/outside.rs SHORTEST_SECRET",
            "git/commit.rs SHORT",
            "cli/secrets.rs SPOOL_KEY_LENGTH",
            "import/state.rs VERSION",
            "lock/term.rs beat",
            "resource/signer.rs MIN_KEY_BYTES",
            "run.rs LONGEST_TRACE",
            "sandbox/control.rs LARGEST_ID",
            "sandbox/journal.rs SECRET_LENGTH",
            "sandbox/request.rs APP_LENGTH",
            "sandbox/secret.rs KEY_LENGTH",
            "sandbox/store.rs VERSION",
            "sandbox/world.rs TRACE_LENGTH",
            "secret/generate.rs MIN_LENGTH",
            "secret/print.rs BYTES",
            "secret/reading.rs TOKEN_LENGTH",
            "secret/spool.rs KEY_LENGTH",
            "secret/tracked.rs STAT_BYTES",
            "source/hidden.rs KEY_LENGTH",
        ],
    ),
    (
        "codes, units and numbers of the platform",
        &[
            "assumptions.rs DAYS_IN_BIN",
            "assumptions.rs REALM_PASSWORD",
            "export/kinds/token.rs LAST_SECOND",
            "export/kinds/token.rs LONGEST_DAYS",
            "lock/address.rs ETCD_PORT",
            "manifest/lifetime.rs LONGEST_TTL",
            "manifest/model/time.rs LAST_SECOND",
            "private.rs ROOT",
            "resource/quota.rs UNLIMITED",
            "rights/bounds.rs DAY",
            "sandbox/access.rs STANDARD",
            "sandbox/access.rs MASTER",
            "sandbox/access.rs ACL",
            "sandbox/answer.rs BAD_REQUEST",
            "sandbox/answer.rs NOT_FOUND",
            "sandbox/answer.rs NOT_ALLOWED",
            "sandbox/codes.rs CODE_LIFE",
            "sandbox/control.rs FURTHEST",
            "sandbox/lifetimes.rs BIN_RETENTION",
            "sandbox/metering.rs WINDOW",
            "sandbox/metering.rs BLOCKING_DURATION",
            "sandbox/metering.rs OVER_CALLS",
            "sandbox/mqtt/wire.rs MAXIMUM_PACKET",
            "sandbox/mqtt/wire.rs RECEIVE_MAXIMUM",
            "sandbox/mqtt/wire.rs SESSION_EXPIRY",
            "sandbox/mqtt/wire.rs SUBSCRIPTION",
            "sandbox/mqtt/wire.rs TOPIC_ALIAS",
            "sandbox/mqtt/wire.rs USER",
            "sandbox/secret.rs HASH_MEMORY",
            "sandbox/seed.rs FIRST_ID",
            "sandbox/seed.rs ROOT_TOKEN_TTL",
            "sandbox/seed.rs INTERNAL_TOKEN_TTL",
            "sandbox/tls.rs YEARS",
        ],
    ),
    (
        "defaults that a manifest or a person changes",
        &[
            "plan/policy.rs HORIZON",
            "resource/guards.rs DEFAULT_JOINS",
            "resource/guards.rs DEFAULT_PERCENT",
            "resource/guards.rs LEAST_OF_PERCENT",
            "resource/rotation.rs DEFAULT_OVERLAP",
        ],
    ),
    (
        "from where on another way is taken, or another word is said",
        &[
            "api/governor.rs MINUTE",
            "api/governor.rs SLOW",
            "api/governor.rs NOISE",
            "api/governor.rs SHORT",
            "api/read.rs SMALL_PAGE",
            "api/share.rs FREE",
            "api/share.rs SHARE",
            "api/share.rs CAREFUL",
            "api/share.rs SECOND",
            "api/share.rs MINUTE",
            "apply/doubles.rs FEW",
            "cli/environment.rs PIPE_BYTES",
            "cli/hearing.rs PUBLISH_EVERY",
            "cli/mod.rs STACK_BYTES",
            "events/listener.rs GOOD",
            "events/pace.rs FEW",
            "handles.rs RESERVED",
            "handles.rs USES",
            "handles.rs OF_A_FILE",
            "handles.rs OF_A_PROGRAM",
            "manifest/arithmetic/lockout.rs FEW_CALLS",
            "manifest/parallel.rs WORTH_A_THREAD",
            "plan/rotate.rs JUST_NOW",
            "reading/yaml/indent.rs NEARBY",
            "reading/yaml/mapping.rs FEW",
            "reading/yaml/syntax.rs NEARBY",
            "sandbox/clerk.rs TOUCH_DELAY",
            "sandbox/http.rs DROP",
            "sandbox/http.rs FLUSH",
            "sandbox/mqtt/session.rs TOUCH",
            "source/lines.rs STRIDE",
            "watch/daemon/pass.rs PUBLISH_EVERY",
            "watch/files/tree.rs TIMES_ARE_TRUSTED_AFTER",
        ],
    ),
];

/// Every Rust file of the program below `src`, without the tests in it.
fn program() -> BTreeMap<String, String> {
    let files = tidy::sources("src").into_iter().map(|(name, text)| {
        let name = name.trim_start_matches("src/").to_owned();
        // The tests beside the code stand at the end of a file.
        let begins = ["#[cfg(test)]\nmod tests", "#[cfg(test)]\n#[", "#[cfg(all(test, "];
        let end = begins.iter().filter_map(|begin| text.find(begin)).min();
        let text = text[..end.unwrap_or(text.len())].to_owned();
        (name, text)
    });
    let is_of_tests = |name: &str| {
        name.split('/').any(|part| part == "tests" || part == "tests.rs" || part == "hostile.rs")
    };
    files.filter(|(name, _)| !is_of_tests(name)).collect()
}

/// The constants of time and whole numbers in a file, and what a structure of such is initialised with.
fn constants(file: &str, text: &str) -> Vec<(Place, Constant)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("const ") {
        let line = text[..at].rsplit('\n').next().unwrap_or_default().trim_start();
        let is_declared = line.is_empty() || line == "pub " || line.starts_with("pub(");
        let Some((declared, value)) = text[at + "const ".len()..].split_once('=') else { continue };
        let Some((name, kind)) = declared.split_once(':') else { continue };
        let kind = kind.trim().trim_start_matches("std::time::");
        let is_time = kind == "Duration";
        let numbers = ["usize", "u64", "u32", "u16", "u8", "i64", "i32"];
        if is_declared && (is_time || numbers.contains(&kind)) {
            let value = value.split(';').next().unwrap_or_default();
            let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
            found.push(((file.to_owned(), name.trim().to_owned()), Constant { is_time, value }));
        }
    }
    for line in text.lines().map(str::trim) {
        let Some((name, value)) = line.split_once(": ") else { continue };
        let Some(value) = value.strip_suffix(',') else { continue };
        let is_name = name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        let is_time = value.starts_with("Duration::from_");
        if is_name && (is_time || value.starts_with(|c: char| c.is_ascii_digit())) {
            let value = value.to_owned();
            found.push(((file.to_owned(), name.to_owned()), Constant { is_time, value }));
        }
    }
    found
}

/// What a constant comes to: milliseconds, or the number.
fn evaluated(file: &str, value: &str, all: &BTreeMap<Place, Constant>) -> Option<u64> {
    let value = value.trim();
    if let Some((first, second)) = value.split_once(".saturating_add(") {
        let second = evaluated(file, second.strip_suffix(')')?, all)?;
        return Some(evaluated(file, first, all)? + second);
    }
    for (begin, factor) in [("Duration::from_secs(", 1_000), ("Duration::from_millis(", 1)] {
        if let Some(inner) = value.strip_prefix(begin) {
            return Some(evaluated(file, inner.strip_suffix(')')?, all)? * factor);
        }
    }
    if let Some((first, second)) = value.split_once(" * ") {
        return Some(evaluated(file, first, all)? * evaluated(file, second, all)?);
    }
    let value = value.split(" as ").next()?;
    if value.starts_with(|c: char| c.is_ascii_digit()) {
        return value.replace('_', "").parse().ok();
    }
    let (room, name) = value.rsplit_once("::").unwrap_or(("", value));
    let (place, constant) = all.iter().find(|((at, named), _)| {
        let is_there =
            if room.is_empty() { at == file } else { at.ends_with(&format!("{room}.rs")) };
        named == name && is_there
    })?;
    evaluated(&place.0, &constant.value, all)
}

/// What a cell with a number and a unit comes to, in the same measure.
fn said(bound: &str, is_time: bool) -> Option<u64> {
    let mut words = bound.split(' ');
    let number: u64 = words.next()?.replace(',', "").parse().ok()?;
    let factor = match (words.next(), is_time) {
        (None | Some("bytes"), false) | (Some("ms"), _) => 1,
        (Some("KiB"), false) => 1 << 10,
        (Some("MiB"), false) => 1 << 20,
        (Some("GiB"), false) => 1 << 30,
        (Some(unit), _) => {
            let seconds = match unit {
                "s" => 1,
                "min" => 60,
                "h" => 3_600,
                "days" => 86_400,
                _ => return None,
            };
            seconds * if is_time { 1_000 } else { 1 }
        }
        (None, true) => return None,
    };
    Some(number * factor)
}

/// The rows of every table of the page: bound, place and what shows it.
fn rows(page: &str) -> Vec<(String, Place, String)> {
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    let rows = rows.filter(|line| !line.starts_with("| What |"));
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [what, bound, beyond, place, shown] = cells[..] else { panic!("five cells: {line}") };
        assert!(!what.is_empty() && !beyond.is_empty(), "{line}");
        let (file, name) = place.trim_matches('`').split_once(' ').unwrap_or((place, ""));
        (bound.to_owned(), (file.to_owned(), name.to_owned()), shown.to_owned())
    })
    .collect()
}

/// What is wrong with a page.
fn wrong(page: &str, all: &BTreeMap<Place, Constant>, tests: &BTreeSet<String>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for (bound, place, shown) in rows(page) {
        let name = format!("{} {}", place.0, place.1);
        if !seen.insert(place.clone()) {
            wrong.push(format!("{name}: twice"));
        }
        match all.get(&place) {
            None => wrong.push(format!("{name}: there is no such constant")),
            Some(constant) => {
                let (is, says) =
                    (evaluated(&place.0, &constant.value, all), said(&bound, constant.is_time));
                if is.is_none() || is != says {
                    wrong.push(format!("{name}: `{}` is not {bound}", constant.value));
                }
            }
        }
        let named = tidy::named_tests(&shown);
        if named.is_empty() && shown != "by reading" {
            wrong.push(format!("{name}: shown by nothing"));
        }
        let absent =
            named.iter().filter(|name| !tests.iter().any(|test| tidy::is_called(test, name)));
        wrong.extend(absent.map(|test| format!("{name}: there is no test `{test}`")));
    }
    wrong
}

fn all_constants() -> BTreeMap<Place, Constant> {
    let program = program();
    program.iter().flat_map(|(file, text)| constants(file, text)).collect()
}

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bounds.md")).unwrap()
}

#[test]
fn the_page_says_what_the_source_says() {
    let (page, all) = (page(), all_constants());
    assert!(rows(&page).len() > 100 && all.len() > 200);
    let wrong = wrong(&page, &all, &tidy::tests());
    assert!(wrong.is_empty(), "src/bounds.md:\n{}", wrong.join("\n"));
}

#[test]
fn a_page_that_says_something_else_is_found_out() {
    let text = "const A: Duration = Duration::from_secs(2 * 60);\npub const B: u64 =\n    16 * 1024;\n\
                const C: usize = other::B as usize;\nstruct S { d: usize }\nlet s = S {\n  d: 2_000,\n};\n";
    let all: BTreeMap<_, _> = [("x.rs", text), ("other.rs", text)]
        .into_iter()
        .flat_map(|(file, text)| constants(file, text))
        .collect();
    assert_eq!(all.len(), 8);
    let tests = BTreeSet::from(["lib x::tests::one".to_owned()]);
    let good = "| What | Bound |\n| --- | --- |\n\
                | a | 2 min | b | `x.rs A` | `x::tests::one` |\n| a | 16 KiB | b | `x.rs B` | by reading |\n\
                | a | 16,384 bytes | b | `x.rs C` | by reading |\n| a | 2,000 | b | `x.rs d` | by reading |\n";
    assert_eq!(wrong(good, &all, &tests), Vec::<String>::new());
    for (from, to, expected) in [
        ("2 min", "3 min", "x.rs A: `Duration::from_secs(2 * 60)` is not 3 min"),
        ("2 min", "120", "x.rs A: `Duration::from_secs(2 * 60)` is not 120"),
        ("2,000", "2,001", "x.rs d: `2_000` is not 2,001"),
        ("`x.rs B`", "`x.rs E`", "x.rs E: there is no such constant"),
        ("`x.rs B`", "`x.rs C`", "x.rs C: twice"),
        ("tests::one", "tests::two", "x.rs A: there is no test `x::tests::two`"),
        ("`x::tests::one`", "we hope", "x.rs A: shown by nothing"),
    ] {
        let page = good.replacen(from, to, 1);
        assert_eq!(wrong(&page, &all, &tests), [expected], "{page}");
    }
}

#[test]
fn every_constant_that_bounds_something_is_on_the_page() {
    let all = all_constants();
    let on_the_page: BTreeSet<Place> =
        rows(&page()).into_iter().map(|(_, place, _)| place).collect();
    let mut exempt = BTreeSet::new();
    for (_, names) in NOT_BOUNDS {
        for name in *names {
            let (file, constant) = name.split_once(' ').unwrap();
            let place = (file.to_owned(), constant.to_owned());
            assert!(all.contains_key(&place), "{name} is no constant any more");
            assert!(!on_the_page.contains(&place), "{name} is on the page");
            assert!(exempt.insert(place), "{name} is named twice");
        }
    }
    let is_constant = |place: &&Place| place.1.chars().all(|c| !c.is_ascii_lowercase());
    let missing: Vec<String> = all
        .keys()
        .filter(is_constant)
        .filter(|place| !on_the_page.contains(*place) && !exempt.contains(*place))
        .map(|(file, name)| format!("{file} {name}"))
        .collect();
    assert!(missing.is_empty(), "neither on the page nor exempt:\n{}", missing.join("\n"));
}

/// Ways to read, or to keep, as much as somebody else likes.
const ENDLESS: &[&str] = &[
    "fs::read(",
    "read_to_string(",
    "read_to_end(",
    "read_line(",
    "read_until(",
    "unbounded_channel(",
    "mpsc::channel()",
    ".bytes().await",
    ".text().await",
];

/// Lines that may, since what they read is bounded on the way, or is nobody else's.
const ENDING: &[(&str, &str, &str)] = &[
    ("files.rs", "take(most.saturating_add(1)).read_to_end(", "takes no more than it is told"),
    ("manifest/scope.rs", "file.take(most).read_to_end(", "takes no more than it is told"),
    ("manifest/discover.rs", "take(most).read_to_end(", "takes no more than it is told"),
    ("secret/source.rs", "take(MAX_BYTES + 1).read_to_end(", "takes no more than MAX_BYTES"),
    ("secret/disk.rs", "take(MAX_BYTES + 1).read_to_string(", "takes no more than MAX_BYTES"),
    ("secret/program.rs", "output.read_to_end(", "takes no more than MAX_BYTES"),
    ("git/call.rs", "take(most as u64).read_to_end(", "takes no more than it is told"),
    ("git/tree.rs", "line.read_until(", "takes no more than two hundred bytes"),
    ("cli/environment.rs", "take(PIPE_BYTES as u64).read_to_end(", "takes no more than PIPE_BYTES"),
    ("cli/consent.rs", "answer.read_line(", "takes no more than MOST_ANSWER_BYTES"),
    ("sandbox/store.rs", "read_line(&mut", "takes no more than HEADER_LIMIT or LINE_LIMIT"),
    ("sandbox/store.rs", "reader.take(most).read_until(", "takes no more than it is told"),
    ("sandbox/store.rs", "fn read_line(", "takes no more than it is told"),
    ("history/commit.rs", "fs::read_to_string(path)", "is asked for its size before"),
    ("lock/info.rs", "/proc/sys/kernel/random/boot_id", "is the kernel's"),
    ("run.rs", "/proc/sys/kernel/hostname", "is the kernel's"),
    ("cli/stop.rs", "/proc/self/status", "is the kernel's"),
    (
        "transport.rs",
        "std::fs::read(path)",
        "is a file of certificates of whoever runs the program",
    ),
    ("sandbox/running.rs", "mpsc::channel()", "holds one request for each connection"),
    ("sandbox/running.rs", "unbounded_channel()", "holds one order for each call of its owner"),
    ("reconcile/pass.rs", "unbounded_channel()", "holds a few events for each step"),
];

#[test]
fn nothing_is_read_or_kept_without_a_bound() {
    let mut used = BTreeSet::new();
    let mut endless = Vec::new();
    for (file, text) in program() {
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
            let lower = line.to_lowercase();
            if !ENDLESS.iter().any(|way| lower.contains(way)) {
                continue;
            }
            let allowed =
                ENDING.iter().position(|(at, part, _)| file == *at && line.contains(part));
            match allowed {
                Some(index) => drop(used.insert(index)),
                None => endless.push(format!("{file}: {line}")),
            }
        }
    }
    assert!(endless.is_empty(), "without a bound:\n{}", endless.join("\n"));
    let unused = (0..ENDING.len()).filter(|index| !used.contains(index));
    let unused: Vec<_> = unused.map(|index| ENDING[index]).collect();
    assert!(unused.is_empty(), "allowed and not there: {unused:#?}");
}

#[test]
fn findings_are_counted_where_they_are_too_many_for_anybody() {
    let world = World::new();
    let fields = |count: usize| -> String {
        (0..count).map(|number| format!("  unknown_field_{number}: 1\n")).collect()
    };
    let limit = |number: usize, count: usize| {
        let head = "apiVersion: flespi-gitops/v1\nkind: Limit";
        format!("{head}\nmetadata: {{name: l{number}}}\nspec:\n{}---\n", fields(count))
    };
    let findings = |world: &World| {
        let run = world.run(&["validate", "m", "--format", "json"]).expect(3);
        run.json().as_array().unwrap().clone()
    };
    world.write("m/one.yaml", &limit(0, 1_000));
    let of_one = findings(&world).len();
    assert!((200..=202).contains(&of_one), "{of_one}");
    world.write("m/one.yaml", &(0..60).map(|number| limit(number, 200)).collect::<String>());
    let all = findings(&world);
    assert_eq!(all.len(), 10_001);
    assert!(all.iter().any(|finding| finding["code"] == "too-many-problems"));
}

#[test]
fn more_objects_than_any_estate_has_are_not_asked_for() {
    // Pages that come whole, pages that come cut to one object, and nonsense.
    for (rows, count) in [(1_000, 1_000_001_u64), (1, 10_001), (1, u64::MAX)] {
        let world = World::new();
        world.write(
            "limit.yaml",
            "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: a}\n",
        );
        let row = |id: u64| json!({"id": id, "cid": 1, "name": format!("x{id}")});
        let rows: Vec<_> = (1..=rows).map(row).collect();
        let list =
            json!({"result": rows, "pagination": {"limit": 1000, "offset": 0, "count": count}});
        let platform = Between::new(&world, move |passing: &mut Passing| {
            if passing.is_list_of("limits") {
                passing.body = list.to_string().into_bytes();
            }
        });
        let run = platform.run(&["plan", "limit.yaml"]).expect(4);
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(said.contains("items are more than one list may hold"), "{said}");
        assert!(world.journal().len() < 20);
    }
}

#[test]
fn files_of_secrets_that_are_too_large_are_refused_and_stay_as_they_are() {
    let world = World::new();
    let large = "#".repeat(4 * 1024 * 1024 + 1);
    world.write("large.env", &large);
    world.write("large.secret", &"x".repeat(64 * 1024 + 1));
    world.write(
        "set.yaml",
        "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {name: app}\n\
         spec: {ttl: 30d, access: standard, deliver: [{dotenv: large.env, key: APP}]}\n---\n\
         apiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {name: acme}\n\
         spec: {credentials: {password: {file: large.secret}}}\n",
    );
    let mut mode = std::fs::metadata(world.path().join("large.env")).unwrap().permissions();
    #[cfg(unix)]
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o600);
    std::fs::set_permissions(world.path().join("large.env"), mode).unwrap();
    let run = world.run(&["apply", "set.yaml", "--yes"]).expect(6);
    for words in ["more than 4194304 bytes", "more than 65536 bytes"] {
        assert!(run.stdout.contains(words), "{words}: {}", run.stdout);
    }
    assert_eq!(world.read("large.env"), large);
    // The key has no place yet, and is not lost.
    let spool = std::fs::read_dir(world.path().join(".flespi-gitops/state/spool")).unwrap();
    let names = spool.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.ends_with(".sealed")).count(), 1);
}

#[test]
fn an_index_of_git_that_is_too_large_is_not_read_to_see_whether_a_file_is_tracked() {
    let world = World::new();
    world.write(".git/config", "");
    let index = std::fs::File::create(world.path().join(".git/index")).unwrap();
    index.set_len(256 * 1024 * 1024 + 1).unwrap();
    world.write(
        "app.yaml",
        "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {name: app}\n\
         spec: {ttl: 30d, access: standard, deliver: [{file: key}]}\n",
    );
    let run = world.run(&["apply", "app.yaml", "--yes"]).expect(1);
    assert!(run.stdout.contains("cannot tell whether git tracks it"), "{}", run.stdout);
    assert!(!world.path().join("key").exists());
}

#[test]
fn the_sandbox_refuses_what_is_larger_than_any_client_sends() {
    let world = World::new();
    let token = world.token();
    let head = [("authorization".to_owned(), format!("FlespiToken {token}"))];
    let status = |method: &str, path: &str, body: &str| world.send(method, path, &head, body).0;
    let ids = |count: usize| vec!["1"; count].join(",");
    assert_eq!(status("GET", &format!("/platform/limits/{}", ids(20_000)), ""), 404);
    assert_eq!(status("GET", &format!("/platform/limits/{}", ids(20_001)), ""), 400);
    // No client of ours can make such a request, so its bytes are written by hand.
    let target = |bytes: usize| {
        let address = world.sandbox().url().trim_start_matches("http://").to_owned();
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let target = "/platform/limits/".to_owned() + &"1".repeat(bytes - 17);
        stream
            .write_all(format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes())
            .unwrap();
        let mut line = [0; 12];
        stream.read_exact(&mut line).unwrap();
        String::from_utf8_lossy(&line).into_owned()
    };
    assert_ne!(target(63 * 1024), "HTTP/1.1 414");
    assert_eq!(target(64 * 1024 + 1), "HTTP/1.1 414");
    let body = |bytes: usize| format!("[{}]", " ".repeat(bytes - 2));
    assert_ne!(status("POST", "/platform/limits", &body(32 * 1024 * 1024)), 413);
    assert_eq!(status("POST", "/platform/limits", &body(32 * 1024 * 1024 + 1)), 413);
    let leap = |seconds: u64| json!({"advance": seconds}).to_string();
    assert_eq!(status("POST", "/_sandbox/clock", &leap(3_650 * 86_400 + 1)), 400);
    assert_eq!(status("POST", "/_sandbox/clock", &leap(3_650 * 86_400)), 200);
    let stall = |milliseconds: u64| {
        json!({"rules": [{"effect": {"delay": {"milliseconds": milliseconds}}}]}).to_string()
    };
    assert_eq!(status("PUT", "/_sandbox/faults", &stall(3_600_001)), 400);
}

#[test]
fn warnings_of_one_manifest_end_where_nobody_reads_on() {
    let world = World::new();
    let warnings = |items: Vec<String>, code: &str| {
        let head = "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: a}\nspec:\n  metadata:\n    a:\n";
        let items: String = items.iter().map(|item| format!("    - {item}\n")).collect();
        world.write("a.yaml", &(head.to_owned() + &items));
        let findings = world.run(&["validate", "a.yaml", "--format", "json"]).expect(0).json();
        let findings = findings.as_array().unwrap().clone();
        findings.iter().filter(|finding| finding["code"] == code).count()
    };
    let many = |text: fn(usize) -> String| (0..300).map(text).collect::<Vec<_>>();
    assert_eq!(warnings(many(|number| format!("0{:03o}", number % 512)), "yaml-trap"), 200);
    assert_eq!(warnings(many(|number| format!("${{X{number}}}")), "not-filled-in"), 50);
    assert_eq!(warnings(many(|number| format!("a\u{200b}{number}")), "invisible-character"), 20);
}

#[test]
fn a_call_carries_no_more_than_any_platform_takes() {
    let world = World::new();
    let limits = |count: usize| -> String {
        let head = "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata";
        (0..count).map(|number| format!("{head}: {{name: n{number}}}\n---\n")).collect()
    };
    let token = |number: usize| {
        let head = "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata";
        format!("{head}: {{name: t{number}}}\nspec: {{ttl: 30d, access: standard}}\n---\n")
    };
    world.write("m/limits.yaml", &limits(1_050));
    world.write("m/tokens.yaml", &(0..120).map(token).collect::<String>());
    let calls = |line: &str| {
        let journal = world.journal();
        journal.iter().filter(|request| request.line().starts_with(line)).count()
    };
    world.apply(&["m"]);
    assert_eq!(calls("POST /platform/limits"), 1_050_usize.div_ceil(100));
    assert_eq!(calls("POST /platform/tokens"), 120_usize.div_ceil(50));
    world.empty_journal();
    world.plan(&["m"]);
    assert_eq!(calls("GET /platform/limits/all"), 2, "a thousand, and the rest");
    world.write("m/limits.yaml", &limits(1));
    world.empty_journal();
    world.apply_approved(&["m", "--prune"]);
    assert_eq!(calls("DELETE /platform/limits/"), 1_049_usize.div_ceil(400));
    assert_eq!(world.count("limits"), 1);
}

#[cfg(unix)]
#[test]
fn programs_of_many_sinks_get_their_keys_a_few_at_a_time() {
    let world = World::new();
    let count = "cat >/dev/null; mkdir -p running; : >running/$$; ls running | wc -l >>counts; sleep 0.2; \
                 rm running/$$";
    let token = |number: usize| {
        let head = "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata";
        let sink = format!("{{exec: [sh, -c, {}]}}", json!(count));
        format!(
            "{head}: {{name: t{number}}}\nspec: {{ttl: 30d, access: standard, deliver: [{sink}]}}\n---\n"
        )
    };
    world.write("tokens.yaml", &(0..40).map(token).collect::<String>());
    world.apply(&["tokens.yaml"]);
    let counts = world.read("counts");
    let counts: Vec<usize> = counts.lines().map(|line| line.trim().parse().unwrap()).collect();
    assert!(counts.len() >= 40, "each was asked: {counts:?}");
    assert!(counts.iter().max() <= Some(&8), "{counts:?}");
}
