//! A small API server that knows Secrets and Leases, as far as `kubectl` and we need it: versions that conflict, dry runs, tokens.
//!
//! No real cluster was to be had; `tests/stores/run.sh` holds this one against the real `kubectl`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value, json};

/// The token that the server takes.
pub const TOKEN: &str = "kubernetes-service-account-token";

/// A running API server.
pub struct Kubernetes {
    pub url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    version: u64,
    /// Secrets by namespace and name.
    secrets: BTreeMap<(String, String), Value>,
    /// Leases by namespace and name.
    leases: BTreeMap<(String, String), Value>,
    /// No question about leases is answered.
    leases_are_away: bool,
    /// So many writes are to meet somebody else's write that came first.
    rivals: u32,
    /// Methods that the token may not use.
    forbidden: Vec<String>,
    /// Methods and paths of all requests.
    requests: Vec<String>,
}

impl Kubernetes {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(&stream.unwrap(), &shared));
            }
        });
        Self { url, state }
    }

    /// A Secret as it is stored.
    pub fn secret(&self, namespace: &str, name: &str) -> Option<Value> {
        let key = (namespace.to_owned(), name.to_owned());
        self.state.lock().unwrap().secrets.get(&key).cloned()
    }

    /// Stores a Secret, as somebody else would.
    pub fn put(&self, namespace: &str, name: &str, data: Value) {
        let mut state = self.state.lock().unwrap();
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {"name": name, "namespace": namespace, "uid": format!("uid-{name}")}, "data": data});
        state.store(namespace, name, secret);
    }

    /// Lets somebody else's write come before the next `count` writes.
    pub fn rivals(&self, count: u32) {
        self.state.lock().unwrap().rivals = count;
    }

    /// Every `Lease` of a namespace.
    pub fn leases(&self, namespace: &str) -> Vec<Value> {
        let state = self.state.lock().unwrap();
        let of_it = state.leases.iter().filter(|((of, _), _)| of == namespace);
        of_it.map(|(_, lease)| lease.clone()).collect()
    }

    /// Lets questions about leases go unanswered, or answers them again.
    pub fn leases_are_away(&self, are_away: bool) {
        self.state.lock().unwrap().leases_are_away = are_away;
    }

    pub fn forbid(&self, methods: &[&str]) {
        let methods = methods.iter().map(|&method| method.to_owned()).collect();
        self.state.lock().unwrap().forbidden = methods;
    }

    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }
}

impl State {
    fn store(&mut self, namespace: &str, name: &str, mut secret: Value) -> Value {
        self.version += 1;
        secret["metadata"]["resourceVersion"] = Value::from(self.version.to_string());
        self.secrets.insert((namespace.to_owned(), name.to_owned()), secret.clone());
        secret
    }

    /// Somebody else writes first, if that was asked for.
    fn rival(&mut self, namespace: &str, name: &str) {
        if self.rivals == 0 {
            return;
        }
        self.rivals -= 1;
        let key = (namespace.to_owned(), name.to_owned());
        let mut secret = self.secrets.get(&key).cloned().unwrap_or_else(|| {
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "data": {}})
        });
        secret["data"][format!("rival-{}", self.rivals)] = Value::from("cml2YWw=");
        self.store(namespace, name, secret);
    }
}

fn status(code: u16, reason: &str, message: &str) -> (u16, Value) {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "metadata": {},
        "reason": reason, "message": message, "code": code});
    (code, body)
}

fn serve(stream: &TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let mut words = line.split_whitespace();
        let (method, target) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
        let mut headers = BTreeMap::new();
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).unwrap();
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        // kubectl sends no token over plain http.
        let is_kubectl =
            headers.get("user-agent").is_some_and(|agent| agent.starts_with("kubectl"));
        let (code, answer) = match headers.get("authorization") {
            token if is_kubectl || token == Some(&format!("Bearer {TOKEN}")) => {
                let form = headers.get("content-type").map_or("", String::as_str);
                let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
                answer(&mut state.lock().unwrap(), &method, &target, form, &body)
            }
            _ => status(401, "Unauthorized", "Unauthorized"),
        };
        let text = answer.to_string();
        let head = format!(
            "HTTP/1.1 {code} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            text.len()
        );
        let mut stream = stream;
        if stream.write_all((head + &text).as_bytes()).is_err() {
            return;
        }
    }
}

fn answer(state: &mut State, method: &str, target: &str, form: &str, body: &Value) -> (u16, Value) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    state.requests.push(format!("{method} {path}"));
    let is_dry = query.contains("dryRun=All");
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if state.forbidden.iter().any(|forbidden| forbidden == method) {
        return status(
            403,
            "Forbidden",
            "secrets is forbidden: the service account may not do that",
        );
    }
    let (namespace, name) = match parts.as_slice() {
        ["api"] => return (200, json!({"kind": "APIVersions", "versions": ["v1"]})),
        ["apis"] => {
            return (200, json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": []}));
        }
        ["api", "v1"] => {
            let verbs = ["create", "delete", "get", "list", "patch", "update"];
            return (
                200,
                json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [
                {"name": "secrets", "singularName": "secret", "namespaced": true, "kind": "Secret", "verbs": verbs}]}),
            );
        }
        ["apis", "coordination.k8s.io", "v1", "namespaces", namespace, "leases", name @ ..] => {
            let (namespace, name) =
                ((*namespace).to_owned(), name.first().map(ToString::to_string));
            return lease(state, method, (namespace, name), query, body);
        }
        ["api", "v1", "namespaces", namespace, "secrets"] => (*namespace, None),
        ["api", "v1", "namespaces", namespace, "secrets", name] => (*namespace, Some(*name)),
        _ => return status(404, "NotFound", "the server could not find the requested resource"),
    };
    let name = match name {
        Some(name) => name.to_owned(),
        None => body["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
    };
    if method != "GET" && !is_dry {
        state.rival(namespace, &name);
    }
    let there = state.secrets.get(&(namespace.to_owned(), name.clone())).cloned();
    let missing = || status(404, "NotFound", &format!("secrets \"{name}\" not found"));
    match (method, there) {
        ("GET", there) => there.map_or_else(missing, |secret| (200, secret)),
        ("POST", Some(_)) => {
            status(409, "AlreadyExists", &format!("secrets \"{name}\" already exists"))
        }
        ("POST", None) => {
            let mut secret = body.clone();
            secret["metadata"]["namespace"] = Value::from(namespace);
            secret["metadata"]["uid"] = Value::from(format!("uid-{name}"));
            (201, if is_dry { secret } else { state.store(namespace, &name, secret) })
        }
        (_, None) => missing(),
        ("PATCH" | "PUT", Some(there)) => {
            let wanted = &body["metadata"]["resourceVersion"];
            if !wanted.is_null() && *wanted != there["metadata"]["resourceVersion"] {
                let words =
                    "the object has been modified; please apply your changes to the latest version";
                return status(409, "Conflict", words);
            }
            let new = match (method, form) {
                (
                    "PATCH",
                    "application/merge-patch+json" | "application/strategic-merge-patch+json",
                ) => {
                    let mut new = there;
                    merge(&mut new, body);
                    new
                }
                ("PUT", _) => body.clone(),
                _ => {
                    return status(
                        415,
                        "UnsupportedMediaType",
                        "the body of the request was in an unknown format",
                    );
                }
            };
            (200, if is_dry { new } else { state.store(namespace, &name, new) })
        }
        ("DELETE", Some(_)) => {
            state.secrets.remove(&(namespace.to_owned(), name));
            (200, json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}))
        }
        _ => status(405, "MethodNotAllowed", "the server does not allow this method"),
    }
}

/// What becomes of a question about leases.
fn lease(
    state: &mut State,
    method: &str,
    (namespace, name): (String, Option<String>),
    query: &str,
    body: &Value,
) -> (u16, Value) {
    if state.leases_are_away {
        return status(503, "ServiceUnavailable", "etcdserver: no leader");
    }
    let key = |name: &str| (namespace.clone(), name.to_owned());
    let not_found = |name: &str| {
        let (code, mut body) = status(404, "NotFound", "leases.coordination.k8s.io not found");
        body["details"] = json!({"name": name, "group": "coordination.k8s.io", "kind": "leases"});
        (code, body)
    };
    let conflict = || status(409, "Conflict", "the object has been modified");
    let next = (state.version + 1).to_string();
    let stored = |state: &mut State, name: &str| {
        state.version += 1;
        let mut lease = body.clone();
        lease["metadata"]["resourceVersion"] = Value::from(next.clone());
        state.leases.insert(key(name), lease.clone());
        lease
    };
    match (method, name) {
        ("GET", None) => {
            let wanted = query.strip_prefix("labelSelector=flespi-gitops%2Fof%3D").unwrap();
            let items = state.leases.iter().filter(|((of, _), lease)| {
                *of == namespace && lease["metadata"]["labels"]["flespi-gitops/of"] == wanted
            });
            let items: Vec<Value> = items.map(|(_, lease)| lease.clone()).collect();
            (200, json!({"kind": "LeaseList", "metadata": {}, "items": items}))
        }
        ("GET", Some(name)) => match state.leases.get(&key(&name)) {
            Some(lease) => (200, lease.clone()),
            None => not_found(&name),
        },
        ("POST", None) => {
            let name = body["metadata"]["name"].as_str().unwrap();
            match state.leases.contains_key(&key(name)) {
                true => status(409, "AlreadyExists", "it already exists"),
                false => (201, stored(state, name)),
            }
        }
        ("PUT", Some(name)) => match state.leases.get(&key(&name)) {
            None => not_found(&name),
            Some(there)
                if there["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"] =>
            {
                conflict()
            }
            Some(_) => (200, stored(state, &name)),
        },
        ("DELETE", Some(name)) => match state.leases.get(&key(&name)) {
            None => not_found(&name),
            Some(there)
                if there["metadata"]["resourceVersion"]
                    != body["preconditions"]["resourceVersion"] =>
            {
                conflict()
            }
            Some(_) => {
                state.leases.remove(&key(&name));
                (200, json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}))
            }
        },
        _ => status(405, "MethodNotAllowed", "the server does not allow this method"),
    }
}

/// RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    for (name, value) in patch {
        match value {
            Value::Null => {
                target.as_object_mut().unwrap().remove(name);
            }
            value => merge(&mut target[name], value),
        }
    }
}
