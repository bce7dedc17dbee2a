//! The facts of the platform, one by one, shown by the sandbox: requests and expected answers from tables of text.
//!
//! A table is a file of `facts/`. In it, line by line:
//!
//! ```text
//! fact 2.1 D: sentence        a fact: its section in the fact sheet, its mark, what it says
//! as nobody | root | $key     who signs the requests from here on; each fact begins as root
//! raw TEXT                    the same, as the whole Authorization header
//! with name: value            a header of the next request
//! METHOD /path [JSON]         a request
//! STATUS [JSON]               what must come back: the status, and every member that is named here
//! keep name /pointer          a value of the last answer, for $name in any later line
//! left 1.1 D: sentence -- why a fact that no request to a sandbox can show
//! ```
//!
//! `$root` is the root account, `$token` its key, `$now` the time. In an expected answer `"<any>"` is any value,
//! `"<none>"` no such member, `"<int>"` a number, `"<text>"` text that is not empty, `"<key>"` a token's key;
//! `["<each>", X]` wants every row like X and at least one, `["<some>", X]` at least one among others. A list of anything
//! else wants exactly these rows in this order.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::World;

const TABLES: &[(&str, &str)] = &[
    ("requests", include_str!("facts/requests.facts")),
    ("answers", include_str!("facts/answers.facts")),
    ("limits", include_str!("facts/limits.facts")),
    ("subaccounts", include_str!("facts/subaccounts.facts")),
    ("tokens", include_str!("facts/tokens.facts")),
    ("auth", include_str!("facts/auth.facts")),
    ("bin", include_str!("facts/bin.facts")),
    ("acl", include_str!("facts/acl.facts")),
    ("realms", include_str!("facts/realms.facts")),
    ("log", include_str!("facts/log.facts")),
];

/// How many facts may be left out; more would mean that the sandbox is not the platform that they speak of.
const MOST_LEFT_OUT: usize = 9;

struct Fact<'a> {
    title: &'a str,
    /// Line number and text.
    lines: Vec<(usize, &'a str)>,
}

/// What a table holds: its facts, and those that it leaves out.
fn read(table: &str) -> (Vec<Fact<'_>>, Vec<&str>) {
    let (mut facts, mut left) = (Vec::<Fact<'_>>::new(), Vec::new());
    for (number, line) in table.lines().enumerate() {
        let line = line.trim();
        if let Some(title) = line.strip_prefix("fact ") {
            facts.push(Fact { title, lines: Vec::new() });
        } else if let Some(title) = line.strip_prefix("left ") {
            assert!(title.contains(" -- "), "line {}: a fact left out needs a reason", number + 1);
            left.push(title);
        } else if !line.is_empty() {
            facts.last_mut().expect("a fact first").lines.push((number + 1, line));
        }
    }
    (facts, left)
}

/// One fact under way.
struct Run<'a> {
    world: &'a World,
    names: BTreeMap<String, String>,
    authorization: Option<String>,
    headers: Vec<(String, String)>,
    answer: (u16, Value),
}

impl<'a> Run<'a> {
    fn new(world: &'a World, root: &str, now: &str) -> Self {
        let token = world.token();
        let authorization = Some(format!("FlespiToken {token}"));
        let names = [("root", root), ("now", now), ("token", &token)];
        let names = names.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Self { world, names, authorization, headers: Vec::new(), answer: (0, Value::Null) }
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let line = self.filled(line);
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match word {
            "as" => {
                self.authorization = match rest {
                    "nobody" => None,
                    "root" => Some(format!("FlespiToken {}", self.world.token())),
                    key => Some(format!("FlespiToken {key}")),
                };
            }
            "raw" => self.authorization = Some(rest.to_owned()),
            "with" => {
                let (name, value) = rest.split_once(':').ok_or("a header is `name: value`")?;
                self.headers.push((name.to_owned(), value.trim().to_owned()));
            }
            "keep" => {
                let (name, pointer) = rest.split_once(' ').ok_or("what is to be kept?")?;
                let value = self.answer.1.pointer(pointer);
                let value = value.ok_or_else(|| format!("no {pointer} in {}", self.answer.1))?;
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                self.names.insert(name.to_owned(), text);
            }
            method if method.chars().all(|letter| letter.is_ascii_uppercase()) => {
                let (path, body) = rest.split_once(' ').unwrap_or((rest, ""));
                let mut headers = std::mem::take(&mut self.headers);
                let signed = self.authorization.clone();
                headers.extend(signed.map(|value| ("authorization".to_owned(), value)));
                self.answer = self.world.send(method, path, &headers, body);
            }
            status => {
                let status: u16 = status.parse().map_err(|_| format!("what is `{line}`?"))?;
                let (got, body) = &self.answer;
                if *got != status {
                    return Err(format!("expected {status}, got {got} {body}"));
                }
                if !rest.is_empty() {
                    let expected = serde_json::from_str(rest).map_err(|error| error.to_string())?;
                    fits(&expected, Some(body), "").map_err(|why| format!("{why} in {body}"))?;
                }
            }
        }
        Ok(())
    }

    fn filled(&self, line: &str) -> String {
        // Longer names first: `$root2` is not `$root`.
        let mut names: Vec<_> = self.names.iter().collect();
        names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        names
            .into_iter()
            .fold(line.to_owned(), |line, (name, value)| line.replace(&format!("${name}"), value))
    }
}

/// Whether what came is what was expected, and if not, where.
fn fits(expected: &Value, got: Option<&Value>, at: &str) -> Result<(), String> {
    let differs = || {
        let got = got.map_or_else(|| "nothing".to_owned(), Value::to_string);
        Err(format!("{at}: expected {expected}, got {got}"))
    };
    if expected == "<none>" {
        return if got.is_none() { Ok(()) } else { differs() };
    }
    let Some(got) = got else { return differs() };
    let is_like = match expected {
        Value::String(text) if text == "<any>" => true,
        Value::String(text) if text == "<int>" => got.is_i64(),
        Value::String(text) if text == "<text>" => got.as_str().is_some_and(|got| !got.is_empty()),
        Value::String(text) if text == "<key>" => got.as_str().is_some_and(|got| {
            got.len() == 64 && got.bytes().all(|byte| byte.is_ascii_alphanumeric())
        }),
        Value::Object(members) => {
            return members.iter().try_for_each(|(name, member)| {
                fits(member, got.get(name), &format!("{at}/{name}"))
            });
        }
        Value::Array(rows) => {
            let Some(got) = got.as_array() else { return differs() };
            let like = |row: &Value| fits(&rows[1], Some(row), at);
            match rows.first().and_then(Value::as_str) {
                Some("<each>") if got.is_empty() => return differs(),
                Some("<each>") => return got.iter().try_for_each(like),
                Some("<some>") => got.iter().any(|row| like(row).is_ok()),
                _ if got.len() != rows.len() => return differs(),
                _ => {
                    return rows.iter().zip(got).enumerate().try_for_each(|(index, (row, got))| {
                        fits(row, Some(got), &format!("{at}/{index}"))
                    });
                }
            }
        }
        other => other == got,
    };
    if is_like { Ok(()) } else { differs() }
}

/// A world as it was when it was fresh.
pub struct Fresh<'a> {
    world: &'a World,
    state: Value,
    now: String,
    root: String,
}

/// How a table came out.
#[derive(Debug)]
pub struct Outcome<'a> {
    pub shown: usize,
    pub left_out: Vec<&'a str>,
    pub failed: Vec<String>,
}

impl<'a> Fresh<'a> {
    pub fn of(world: &'a World) -> Self {
        let (_, state) = world.call("GET", "/_sandbox/state", None, None, None);
        let (_, clock) = world.call("GET", "/_sandbox/clock", None, None, None);
        let now = clock["result"][0]["now"].to_string();
        let root = world.api("GET", "/platform/customer", None)[0]["id"].to_string();
        Self { world, state, now, root }
    }

    /// Shows the facts of a table, each in the same fresh world.
    pub fn show<'t>(&self, name: &str, table: &'t str) -> Outcome<'t> {
        let (facts, left_out) = read(table);
        let (mut shown, mut failed) = (0, Vec::new());
        for Fact { title, lines } in facts {
            let (status, _) =
                self.world.call("PUT", "/_sandbox/state", None, None, Some(&self.state));
            assert_eq!(status, 200);
            let mut run = Run::new(self.world, &self.root, &self.now);
            let outcome = lines.iter().try_for_each(|(number, line)| {
                run.line(line)
                    .map_err(|why| format!("{name}.facts:{number}: {title}\n    {line}\n    {why}"))
            });
            let is_shown = lines.iter().any(|(_, line)| line.starts_with(char::is_numeric));
            assert!(is_shown, "{title}: nothing is expected");
            match outcome {
                Ok(()) => shown += 1,
                Err(why) => failed.push(why),
            }
        }
        Outcome { shown, left_out, failed }
    }
}

#[test]
fn every_fact_that_the_sandbox_can_show_is_shown() {
    let world = World::new();
    let (mut shown, mut left_out, mut failed) = (0, Vec::new(), Vec::new());
    let fresh = Fresh::of(&world);
    for (name, table) in TABLES {
        let outcome = fresh.show(name, table);
        shown += outcome.shown;
        left_out.extend(outcome.left_out);
        failed.extend(outcome.failed);
    }
    println!("{shown} facts shown, {} failed, {} left out:", failed.len(), left_out.len());
    left_out.iter().for_each(|fact| println!("  {fact}"));
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(left_out.len() <= MOST_LEFT_OUT, "{left_out:#?}");
}
