//! Random worlds for exports: every kind of object, and names that nobody should choose.

use serde_json::{Value, json};

use crate::support::World;

/// A small generator of our own, so that a seed means the same world everywhere (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    fn name(&mut self) -> String {
        let traps = [
            "",
            "on",
            "y",
            "No",
            "null",
            "~",
            "true",
            "12:30:45",
            "1_000",
            "2026-01-01",
            "0x1f",
            "1e3",
            "=",
            "<<",
            "- a",
            "a: b",
            "# no",
            "&a",
            "*a",
            "!!str x",
            "{{ name }}",
            "[",
            "'",
            "\"",
            "\\",
            "a\nb",
            "a\r\nb",
            "\tx",
            " x ",
            "---",
            "...",
            "limits.yaml",
            "stack.yaml",
            "..",
            ".",
            "../../up",
            "a/b",
            "CON",
            "%",
            "@x",
            "Müller & Söhne",
            "Доставка",
            "配送",
            "🚚",
            "\u{202e}desrever",
            "\u{0}",
            "\u{7f}\u{85}\u{2028}\u{feff}",
            "e\u{301}",
            "default",
            "Tenant",
            "Tenant",
            "tenant",
            "TENANT",
            "tenant-200500",
            "ß",
        ];
        match self.below(8) {
            0..=3 => {
                (*self.pick(&traps.map(|trap| trap as &str).each_ref().map(|t| *t))).to_owned()
            }
            4 => "long ".repeat(1 + self.below(80)),
            5 => (0..self.below(12))
                .filter_map(|_| char::from_u32(self.below(0x11_0000) as u32))
                .collect(),
            _ => format!("Customer {}", self.below(40)),
        }
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 6 } else { 8 }) {
            0 => Value::Null,
            1 => json!(self.one_in(2)),
            2 => json!(self.next() as i64),
            3 => json!(self.next()),
            4 => json!(self.next() as f64 / 1e5 * 10_f64.powi(self.below(60) as i32 - 30)),
            5 => json!(self.name()),
            6 => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
            _ => self.metadata(depth - 1),
        }
    }

    fn metadata(&mut self, depth: usize) -> Value {
        let keys = self.below(4);
        Value::Object((0..keys).map(|_| (self.name(), self.value(depth))).collect())
    }

    fn limit(&mut self) -> Value {
        let quotas = [
            "devices_count",
            "api_calls",
            "blocking_duration",
            "calcs_storage",
            "sms_count",
            "modems_count",
        ];
        let mut limit = json!({"name": self.name()});
        for quota in quotas {
            if self.one_in(2) {
                limit[quota] = match self.below(4) {
                    0 => json!(-1),
                    1 => json!(0),
                    2 => json!(i64::MAX),
                    _ => json!(self.below(100_000)),
                };
            }
        }
        if self.one_in(3) {
            limit["description"] = json!(self.name());
        }
        self.with_metadata(limit)
    }

    fn account(&mut self, limits: &[i64]) -> Value {
        let mut account = json!({"name": self.name()});
        if !limits.is_empty() && self.one_in(2) {
            account["limit_id"] = json!(limits[self.below(limits.len())]);
        }
        if self.one_in(6) {
            account["enabled"] = json!(false);
        }
        self.with_metadata(account)
    }

    fn token(&mut self) -> Value {
        let mut token = json!({"info": self.name()});
        token["ttl"] = match self.below(5) {
            0 => json!(0),
            1 => json!(3_601 + self.below(100)),
            2 => json!(3_600 * (1 + self.below(50))),
            _ => json!(86_400 * (1 + self.below(400))),
        };
        if token["ttl"] == 0 || self.one_in(3) {
            token["expire"] = match self.below(8) {
                0 => json!(2_051_222_400_000_u64),
                _ => json!(2_051_222_400 + self.below(1_000_000_000)),
            };
        }
        if self.one_in(6) {
            token["enabled"] = json!(false);
        }
        match self.below(4) {
            0 => {}
            1 => token["ips"] = json!("10.0.0.*, 1.2.3.4,1.2.3.4"),
            2 => token["ips"] = json!("10.0.0.0/8,::1"),
            _ => token["ips"] = json!("  "),
        }
        match self.below(6) {
            0 => token["origins"] = json!([]),
            1 => token["origins"] = json!([{"preset": "flespi"}]),
            2 => {
                token["origins"] =
                    json!(["https://b.example", {"preset": "flespi"}, "https://*.a.example:8443"])
            }
            3 => token["origins"] = json!([self.name()]),
            4 => token["origins"] = json!("*"),
            _ => {}
        }
        match self.below(4) {
            0 => token["access"] = json!({"type": 0}),
            1 => token["access"] = json!({"type": 1}),
            _ => {
                token["access"] = json!({"type": 2, "acl": (0..self.below(4)).map(|_| self.acl_entry()).collect::<Value>()});
                if self.one_in(10) {
                    token["access"]["templating"] = json!(self.one_in(2));
                }
            }
        }
        self.with_metadata(token)
    }

    fn acl_entry(&mut self) -> Value {
        if self.one_in(3) {
            return json!({"uri": "mqtt", "topic": self.name(), "actions": ["subscribe", "publish"]});
        }
        let mut entry = json!({"uri": self.pick(&["gw", "gw/devices", "gw/calcs", "storage/containers", "ai"])});
        if !self.one_in(5) {
            entry["methods"] = json!(["PUT", "GET", "GET"]);
        }
        match self.below(4) {
            0 => entry["ids"] = json!("all"),
            1 => entry["ids"] = json!("in-groups"),
            2 => entry["ids"] = json!([20, 3, 3, self.below(1_000_000)]),
            _ => {}
        }
        match self.below(4) {
            0 => entry["submodules"] = json!([]),
            1 => {
                entry["submodules"] =
                    json!([{"name": "messages", "methods": ["GET"]}, {"name": "logs"}])
            }
            2 => {
                entry["submodules"] = json!([{"name": self.name(), "methods": ["POST", "DELETE"]}])
            }
            _ => {}
        }
        entry
    }

    fn with_metadata(&mut self, mut item: Value) -> Value {
        if self.one_in(3) {
            item["metadata"] = self.metadata(3);
            if self.one_in(2) {
                item["metadata"]["sys_user_config"] = json!({"title": "panel"});
            }
            // Marks of others, half marks, and forgeries of ours.
            match self.below(12) {
                0 => item["metadata"]["flespi-gitops/stack"] = json!("default"),
                1 | 2 => {
                    let stack = self.pick(&["default", "theirs"]);
                    let address = self.pick(&[
                        "limit/tenant",
                        "token/a",
                        "subaccount/tenant",
                        "token/tenant/customer-1",
                    ]);
                    item["metadata"]["flespi-gitops/stack"] = json!(stack);
                    item["metadata"]["flespi-gitops/address"] = json!(address);
                }
                _ => {}
            }
        }
        item
    }
}

/// Fills `world` with about `objects` objects through the platform's own API.
pub fn fill(world: &World, seed: u64, objects: usize) {
    let mut chance = Chance(seed);
    let token = world.token();
    let post = |collection: &str, cid: Option<i64>, items: Vec<Value>| -> Vec<i64> {
        if items.is_empty() {
            return Vec::new();
        }
        let path = format!("/platform/{collection}?fields=id");
        let (status, answer) =
            world.call("POST", &path, Some(&token), cid, Some(&Value::Array(items)));
        assert_eq!(status, 200, "{answer}");
        answer["result"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["id"].as_i64().unwrap())
            .collect()
    };
    // Each account with its depth and the limits that accounts in it may use.
    let mut accounts: Vec<(Option<i64>, usize, Vec<i64>)> = vec![(None, 0, Vec::new())];
    let mut made = 0;
    while made < objects {
        let at = chance.below(accounts.len().min(60));
        let (cid, depth, mut limits) = accounts[at].clone();
        let batch = (objects / 40).clamp(3, 60);
        let new: Vec<Value> = (0..chance.below(batch)).map(|_| chance.limit()).collect();
        let new = post("limits", cid, new);
        made += new.len();
        limits.extend(&new);
        accounts[at].2.clone_from(&limits);
        let tokens: Vec<Value> = (0..chance.below(2 * batch)).map(|_| chance.token()).collect();
        made += post("tokens", cid, tokens).len();
        if depth < 3 {
            let below: Vec<Value> =
                (0..chance.below(batch)).map(|_| chance.account(&limits)).collect();
            let below = post("subaccounts", cid, below);
            made += below.len();
            accounts.extend(below.into_iter().map(|id| (Some(id), depth + 1, limits.clone())));
        }
    }
}
