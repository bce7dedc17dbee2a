//! Answers from a recording: no world, no rules, only what was answered once.
//!
//! A call is found by its method, path, account and body. What two runs draw by lot or read from a clock differs: times in
//! a query are not compared, and of several bodies the most similar one is taken. Wherever such a body has another text
//! than the call, later answers say what the call said, so that a caller finds its own words again.
//!
//! Invariant: what was not recorded is refused (400), and never looks like something that is not there.

use std::{
    collections::{BTreeMap, HashMap},
    sync::mpsc::Receiver,
};

use serde_json::{Map, Value, json};

use super::{
    answer::{Delivery, Response},
    clerk::Errand,
    request::Request,
};

/// A call that was recorded, with its answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    /// Method of HTTP.
    pub method: String,
    /// Path and query, as they were sent.
    pub target: String,
    /// The account of `x-flespi-cid`.
    pub account: Option<i64>,
    /// The body that was sent.
    pub body: Option<Value>,
    /// Status of the answer; `None` closes the connection without one.
    pub status: Option<u16>,
    /// Headers of the answer: `date`, `retry-after` and `x-sandbox-clock` are sent.
    pub headers: BTreeMap<String, String>,
    /// The answer.
    pub answer: Option<Value>,
}

/// Where the player tells how far it is.
const STATUS: &str = "/_sandbox/replay";

/// Digits in a row that are a time, in seconds or less; ids are shorter.
const TIME_DIGITS: usize = 10;

/// The shortest text that is taken for one that was drawn by lot, in bytes.
const SHORTEST_DRAWN: usize = 8;

/// Calls without an answer that are listed.
const MOST_LISTED: usize = 100;

/// What calls are told apart by at first: method, account, and target without times.
type Key = (String, Option<i64>, String);

/// Plays a recording until all senders are gone.
pub(super) fn play(recorded: Vec<Recorded>, inbox: &Receiver<Errand>) {
    let mut player = Player::new(recorded);
    while let Ok(errand) = inbox.recv() {
        if let Errand::Call { request, reply } = errand {
            // The client has gone away meanwhile: nobody to tell.
            let _ = reply.send(player.answer(&request));
        }
    }
}

struct Player {
    calls: Vec<Recorded>,
    is_used: Vec<bool>,
    by_key: HashMap<Key, Vec<usize>>,
    /// What this caller says for what was recorded.
    said: HashMap<String, String>,
    answered: u64,
    unanswered: Vec<String>,
}

impl Player {
    fn new(calls: Vec<Recorded>) -> Self {
        let mut by_key = HashMap::<Key, Vec<usize>>::new();
        for (index, call) in calls.iter().enumerate() {
            let key = (call.method.clone(), call.account, without_times(&call.target));
            by_key.entry(key).or_default().push(index);
        }
        let is_used = vec![false; calls.len()];
        let (said, unanswered) = (HashMap::new(), Vec::new());
        Self { calls, is_used, by_key, said, answered: 0, unanswered }
    }

    fn answer(&mut self, request: &Request) -> Response {
        let path = request.target.split('?').next().unwrap_or_default();
        if path == STATUS && request.method == "GET" {
            return self.status();
        }
        let account = request.header("x-flespi-cid").and_then(|account| account.parse().ok());
        let body = serde_json::from_slice::<Value>(&request.body).ok();
        let key = (request.method.clone(), account, without_times(&request.target));
        let Some(index) = self.find(&key, body.as_ref()) else {
            let call = format!("{} {}", request.method, request.target);
            let reason = format!("the recording has no answer to {call}");
            if self.unanswered.len() < MOST_LISTED {
                self.unanswered.push(call);
            }
            return response(400, Vec::new(), &json!({"errors": [{"code": 2, "reason": reason}]}));
        };
        self.is_used[index] = true;
        self.answered += 1;
        let call = &self.calls[index];
        if let (Some(then), Some(now)) = (&call.body, &body) {
            note_differences(then, now, &mut self.said);
        }
        let Some(status) = call.status else {
            let delivery = Delivery { cut: true, ..Delivery::default() };
            return Response { delivery, ..response(500, Vec::new(), &Value::Null) };
        };
        let headers = call.headers.iter().filter_map(|(name, value)| {
            let known = ["date", "retry-after", "x-sandbox-clock"];
            Some((*known.iter().find(|known| *known == name)?, value.clone()))
        });
        let answer = call.answer.as_ref().unwrap_or(&Value::Null);
        response(status, headers.collect(), &with_words(answer, &self.said))
    }

    /// The call to answer with: the first that is alike and was not used, or the last that is alike for a read, which may
    /// be repeated.
    fn find(&self, key: &Key, body: Option<&Value>) -> Option<usize> {
        let alike = self.by_key.get(key)?;
        let likeness = |index: &usize| match (&self.calls[*index].body, body) {
            (Some(then), Some(now)) => likeness(then, now),
            (None, None) => 1,
            _ => 0,
        };
        let unused = alike.iter().filter(|index| !self.is_used[**index]);
        // Of several that are as much alike the first, which `max_by_key` would take last.
        let first = unused.rev().max_by_key(|index| likeness(index));
        first.or_else(|| alike.last().filter(|_| key.0 == "GET")).copied()
    }

    fn status(&self) -> Response {
        let left = self.is_used.iter().filter(|is_used| !**is_used).count();
        let (answered, unanswered) = (self.answered, &self.unanswered);
        let row = json!({"answered": answered, "left": left, "unanswered": unanswered});
        response(200, Vec::new(), &json!({"result": [row]}))
    }
}

fn response(status: u16, headers: Vec<(&'static str, String)>, answer: &Value) -> Response {
    let (content_type, body) = match answer {
        Value::Null => ("application/json", Vec::new()),
        // What was no JSON was recorded as a text.
        Value::String(text) => ("text/plain", text.clone().into_bytes()),
        other => ("application/json", other.to_string().into_bytes()),
    };
    Response { status, headers, content_type, body, delivery: Delivery::default() }
}

/// The target, in whose query each time is a `#`.
fn without_times(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let (mut plain, mut digits) = (format!("{path}?"), String::new());
    for letter in query.chars().chain(['\0']) {
        if letter.is_ascii_digit() {
            digits.push(letter);
            continue;
        }
        plain.push_str(if digits.len() < TIME_DIGITS { &digits } else { "#" });
        digits.clear();
        plain.extend(Some(letter).filter(|letter| *letter != '\0'));
    }
    plain
}

/// How many values two bodies have in common, in the same places.
fn likeness(then: &Value, now: &Value) -> usize {
    match (then, now) {
        (Value::Object(then), Value::Object(now)) => {
            then.iter().filter_map(|(name, value)| Some(likeness(value, now.get(name)?))).sum()
        }
        (Value::Array(then), Value::Array(now)) => {
            then.iter().zip(now).map(|(then, now)| likeness(then, now)).sum()
        }
        (then, now) => usize::from(then == now),
    }
}

/// Notes which texts the call of now has where that of then had others.
fn note_differences(then: &Value, now: &Value, said: &mut HashMap<String, String>) {
    match (then, now) {
        (Value::Object(then), Value::Object(now)) => {
            for (name, value) in then {
                if let Some(other) = now.get(name) {
                    note_differences(value, other, said);
                }
            }
        }
        (Value::Array(then), Value::Array(now)) => {
            for (then, now) in then.iter().zip(now) {
                note_differences(then, now, said);
            }
        }
        (Value::String(then), Value::String(now))
            if then != now && then.len() >= SHORTEST_DRAWN =>
        {
            said.insert(then.clone(), now.clone());
        }
        _ => {}
    }
}

/// The answer in the words of the caller.
fn with_words(answer: &Value, said: &HashMap<String, String>) -> Value {
    match answer {
        Value::Object(members) => {
            let members =
                members.iter().map(|(name, value)| (name.clone(), with_words(value, said)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(|item| with_words(item, said)).collect(),
        Value::String(text) => said.get(text).unwrap_or(text).clone().into(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn recorded(method: &str, target: &str, body: Value, answer: Value) -> Recorded {
        Recorded {
            method: method.to_owned(),
            target: target.to_owned(),
            body: Some(body).filter(|body| !body.is_null()),
            status: Some(200),
            answer: Some(answer),
            ..Recorded::default()
        }
    }

    fn ask(player: &mut Player, method: &str, target: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let response = player.answer(&Request {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body,
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
        });
        (response.status, serde_json::from_slice(&response.body).unwrap_or_default())
    }

    #[test]
    fn answers_come_in_their_order_and_the_last_read_again() {
        let none = Value::Null;
        let mut player = Player::new(vec![
            recorded("GET", "/x?a=1", none.clone(), json!(1)),
            recorded("GET", "/x?a=1", none.clone(), json!(2)),
            recorded("DELETE", "/x", none.clone(), json!(3)),
        ]);
        for expected in [1, 2, 2, 2] {
            assert_eq!(ask(&mut player, "GET", "/x?a=1", &none), (200, json!(expected)));
        }
        assert_eq!(ask(&mut player, "DELETE", "/x", &none), (200, json!(3)));
        assert_eq!(ask(&mut player, "DELETE", "/x", &none).0, 400, "no write is answered twice");
        assert_eq!(ask(&mut player, "GET", "/x?a=2", &none).0, 400);
        let (_, status) = ask(&mut player, "GET", "/_sandbox/replay", &none);
        let expected = json!({"answered": 5, "left": 0, "unanswered": ["DELETE /x", "GET /x?a=2"]});
        assert_eq!(status["result"][0], expected);
    }

    #[test]
    fn what_is_drawn_by_lot_or_read_from_a_clock_makes_no_other_call() {
        let made = |name: &str, lot: &str| json!([{"name": name, "metadata": {"lot": lot}}]);
        let row = |id: u8, name: &str, lot: &str| json!({"result": [{"id": id, "name": name, "metadata": {"lot": lot}}]});
        let mut player = Player::new(vec![
            recorded("POST", "/s", made("one", "recorded-1"), row(1, "one", "recorded-1")),
            recorded("POST", "/s", made("two", "recorded-2"), row(2, "two", "recorded-2")),
            recorded("GET", "/s/1", Value::Null, row(1, "one", "recorded-1")),
            recorded("GET", "/l?from=1700000000", Value::Null, json!([])),
        ]);
        let second = ask(&mut player, "POST", "/s", &made("two", "live-number-2"));
        assert_eq!(second, (200, row(2, "two", "live-number-2")));
        let first = ask(&mut player, "POST", "/s", &made("one", "live-number-1"));
        assert_eq!(first, (200, row(1, "one", "live-number-1")));
        let read = ask(&mut player, "GET", "/s/1", &Value::Null);
        assert_eq!(read, (200, row(1, "one", "live-number-1")));
        assert_eq!(ask(&mut player, "GET", "/l?from=1800000000", &Value::Null).0, 200);
        assert_eq!(ask(&mut player, "GET", "/l?to=1800000000", &Value::Null).0, 400);
    }

    #[test]
    fn a_call_without_an_answer_ends_with_its_connection() {
        let lost = Recorded { status: None, ..recorded("GET", "/x", Value::Null, Value::Null) };
        let mut player = Player::new(vec![lost]);
        let response = player.answer(&Request {
            method: "GET".to_owned(),
            target: "/x".to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
        });
        assert!(response.delivery.cut);
    }
}
