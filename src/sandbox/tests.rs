//! Behaviour of the core, driven without a socket: each test is a sentence about the platform.

mod accounts;
mod auth;
mod bin;
mod faults;
mod fuzz;
mod limits;
mod logs;
mod persistence;
mod reading;
mod realms;
mod telematics;
mod tokens;
mod writing;

use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value, json};

use super::{answer::Response, assumptions::Assumptions, request::Request, seed, world::World};

/// When every test begins: 2026-01-01.
const START: u64 = 1_767_225_600;

/// A world with a hand on its clock, its randomness and its requests.
struct Bench {
    world: World,
    now: u64,
    seed: u64,
    /// The root account.
    root: u64,
    /// The root's master key.
    key: String,
}

/// A response as a test reads it.
#[derive(Debug)]
struct Reply {
    status: u16,
    body: Value,
    headers: Vec<(&'static str, String)>,
}

impl Reply {
    fn rows(&self) -> &[Value] {
        self.body["result"].as_array().map_or(&[], Vec::as_slice)
    }

    fn row(&self) -> &Value {
        assert_eq!(self.rows().len(), 1, "{:?}", self.body);
        &self.rows()[0]
    }

    fn ids(&self) -> Vec<u64> {
        self.rows().iter().filter_map(|row| row["id"].as_u64()).collect()
    }

    fn id(&self) -> u64 {
        self.row()["id"].as_u64().unwrap()
    }

    fn key(&self) -> String {
        self.row()["key"].as_str().unwrap().to_owned()
    }

    fn reason(&self) -> &str {
        self.body["errors"][0]["reason"].as_str().unwrap_or_default()
    }

    fn code(&self) -> u64 {
        self.body["errors"][0]["code"].as_u64().unwrap_or_default()
    }
}

/// One request being put together.
struct Asked<'a> {
    bench: &'a mut Bench,
    method: &'a str,
    target: String,
    key: Option<String>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    peer: IpAddr,
}

impl Asked<'_> {
    /// Signed with this key instead of the root's.
    fn with(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    fn unsigned(mut self) -> Self {
        self.key = None;
        self
    }

    /// Acting as this account.
    fn acting_as(self, cid: u64) -> Self {
        self.header("x-flespi-cid", &cid.to_string())
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn from(mut self, peer: &str) -> Self {
        self.peer = peer.parse().unwrap();
        self
    }

    fn body(mut self, body: Value) -> Self {
        self.body = body.to_string().into_bytes();
        self
    }

    fn respond(mut self) -> Response {
        if let Some(key) = &self.key {
            self.headers.push(("authorization".to_owned(), format!("FlespiToken {key}")));
        }
        let request = Request {
            method: self.method.to_owned(),
            target: self.target,
            headers: self.headers,
            body: self.body,
            peer: self.peer,
        };
        self.bench.handle(&request)
    }

    fn send(self) -> Reply {
        let response = self.respond();
        let body = serde_json::from_slice(&response.body).unwrap();
        Reply { status: response.status, body, headers: response.headers }
    }
}

impl Bench {
    fn new() -> Self {
        Self::assuming(&[])
    }

    fn assuming(chosen: &[&str]) -> Self {
        let mut assumptions = Assumptions::default();
        chosen.iter().for_each(|text| assumptions.set(text).unwrap());
        let mut seed = 1;
        let state = seed::state(&assumptions, START, &mut || next(&mut seed));
        let world = World::new(state, assumptions, true);
        let root = world.books.state.root;
        let token = world
            .books
            .state
            .item(super::catalog::Kind::Tokens, world.books.state.root_token)
            .unwrap();
        let key = token.fields.text("key").unwrap().to_owned();
        Self { world, now: START, seed, root, key }
    }

    fn handle(&mut self, request: &Request) -> Response {
        let Self { world, now, seed, .. } = self;
        world.handle(request, *now * 1000, &mut || next(seed))
    }

    fn ask<'a>(&'a mut self, method: &'a str, target: &str) -> Asked<'a> {
        let key = Some(self.key.clone());
        let peer = Ipv4Addr::LOCALHOST.into();
        Asked {
            bench: self,
            method,
            target: target.to_owned(),
            key,
            headers: Vec::new(),
            body: Vec::new(),
            peer,
        }
    }

    fn get(&mut self, target: &str) -> Reply {
        self.ask("GET", target).send()
    }

    fn put(&mut self, target: &str, body: Value) -> Reply {
        self.ask("PUT", target).body(body).send()
    }

    fn post(&mut self, target: &str, body: Value) -> Reply {
        self.ask("POST", target).body(body).send()
    }

    fn delete(&mut self, target: &str) -> Reply {
        self.ask("DELETE", target).send()
    }

    /// A subaccount below `parent`.
    fn account(&mut self, parent: u64, name: &str) -> u64 {
        self.ask("POST", "/platform/subaccounts")
            .acting_as(parent)
            .body(json!([{"name": name}]))
            .send()
            .id()
    }

    /// A limit that `owner` has.
    fn limit(&mut self, owner: u64, name: &str) -> u64 {
        self.ask("POST", "/platform/limits")
            .acting_as(owner)
            .body(json!([{"name": name}]))
            .send()
            .id()
    }

    /// A token of `owner`, with these fields on top of an hour of ttl.
    fn token(&mut self, owner: u64, fields: Value) -> Reply {
        let mut token = json!({"ttl": 3600, "access": {"type": 1}});
        token.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        self.ask("POST", "/platform/tokens").acting_as(owner).body(json!([token])).send()
    }

    /// The key of a fresh master token of `owner`.
    fn master(&mut self, owner: u64) -> String {
        self.token(owner, json!({})).key()
    }

    fn wait(&mut self, seconds: u64) {
        self.now += seconds;
    }
}

fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 16
}
