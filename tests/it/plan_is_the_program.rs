//! The plan is the program (R1): over random worlds, the writes of apply are the steps of the plan, in an order that
//! respects every edge, and nothing else is written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use crate::support::{Request, World};

/// A chain of numbers that is the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

/// Something that is declared, with two fields that an edit can change.
#[derive(Debug, Clone)]
struct Object {
    kind: &'static str,
    account: String,
    name: String,
    /// The name of a limit in the account that owns the subaccount.
    limit: Option<String>,
    label: usize,
    number: usize,
}

impl Object {
    fn manifest(&self) -> String {
        let Self { kind, account, name, limit, label, number } = self;
        let spec = match *kind {
            "Limit" => format!("name: {name}-{label}, devices_count: {number}"),
            "Subaccount" => match limit {
                Some(limit) => format!("name: {name}-{label}, limit: {limit}"),
                None => format!("name: {name}-{label}"),
            },
            _ => format!("info: {name}-{label}, ttl: {}, access: standard", 3600 + number),
        };
        format!(
            "---\napiVersion: flespi-gitops/v1\nkind: {kind}\nmetadata: {{name: {name}, account: \
             \"{account}\"}}\nspec: {{{spec}}}\n"
        )
    }
}

/// A tree of accounts on at most three levels, each with limits and tokens.
fn random_world(dice: &mut Dice) -> Vec<Object> {
    let mut accounts = vec![String::new()];
    let mut objects = Vec::new();
    let mut at = 0;
    while at < accounts.len() {
        let account = accounts[at].clone();
        let object = |kind, name: String, limit, dice: &mut Dice| Object {
            kind,
            account: account.clone(),
            name,
            limit,
            label: dice.below(3),
            number: 1 + dice.below(50),
        };
        let limits: Vec<String> = (0..dice.below(3)).map(|number| format!("l{number}")).collect();
        for limit in &limits {
            objects.push(object("Limit", limit.clone(), None, dice));
        }
        for number in 0..dice.below(3) {
            objects.push(object("Token", format!("t{number}"), None, dice));
        }
        let is_deep = account.matches('/').count() >= 2;
        for number in 0..if is_deep || accounts.len() > 8 { 0 } else { dice.below(3) } {
            let name = format!("a{number}");
            let limit = (!limits.is_empty() && !dice.one_in(3))
                .then(|| limits[dice.below(limits.len())].clone());
            objects.push(object("Subaccount", name.clone(), limit, dice));
            accounts.push(if account.is_empty() { name } else { format!("{account}/{name}") });
        }
        at += 1;
    }
    objects
}

/// Another world that shares most of its objects with the first: some edited, some gone with all that is in them.
fn edited(objects: &[Object], dice: &mut Dice) -> Vec<Object> {
    let mut gone: BTreeSet<String> = BTreeSet::new();
    let mut kept: Vec<Object> = Vec::new();
    for object in objects {
        let path = match object.account.as_str() {
            "" => object.name.clone(),
            account => format!("{account}/{}", object.name),
        };
        let is_inside = gone.iter().any(|account| {
            object.account == *account || object.account.starts_with(&format!("{account}/"))
        });
        let leaves = object.kind != "Limit" && dice.one_in(6);
        if is_inside || leaves {
            if object.kind == "Subaccount" {
                gone.insert(path);
            }
            continue;
        }
        let mut object = object.clone();
        if dice.one_in(3) {
            object.label = dice.below(3);
        }
        if dice.one_in(3) {
            object.number = 1 + dice.below(50);
        }
        kept.push(object);
    }
    kept
}

fn write(world: &World, objects: &[Object]) {
    let mut text = String::new();
    objects.iter().for_each(|object| text.push_str(&object.manifest()));
    // An empty set would be refused for its own reasons.
    let _ = write!(text, "{}", anchor());
    world.write("all.yaml", &text);
}

fn anchor() -> String {
    Object {
        kind: "Limit",
        account: String::new(),
        name: "anchor".to_owned(),
        limit: None,
        label: 0,
        number: 1,
    }
    .manifest()
}

/// What a write does, as far as a plan can be held against it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    /// Creations of one kind in one account.
    Create(String, Option<i64>),
    Update(String, i64),
    Delete(String, i64),
}

fn acts(write: &Request, root: i64) -> Vec<Act> {
    let line = write.line();
    let mut words = line.split([' ', '/']).filter(|word| !word.is_empty());
    let method = words.next().unwrap();
    assert_eq!(words.next(), Some("platform"), "{line}");
    let collection = words.next().unwrap().to_owned();
    let ids = words.next().map(|ids| ids.split(',').map(|id| id.parse().unwrap()));
    match (method, ids) {
        ("POST", None) => vec![Act::Create(collection, write.cid.filter(|cid| *cid != root))],
        ("PUT", Some(ids)) => ids.map(|id| Act::Update(collection.clone(), id)).collect(),
        ("DELETE", Some(ids)) => ids.map(|id| Act::Delete(collection.clone(), id)).collect(),
        _ => panic!("no step writes like this: {line}"),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Plans, applies, and holds the journal against the plan.
fn apply_is_the_plan(world: &World, seed: u64) {
    world.empty_journal();
    let plan = world.plan(&[".", "--prune"]);
    assert_eq!(plan, world.plan(&[".", "--prune"]), "seed {seed}: planned twice");
    assert!(world.writes().is_empty(), "seed {seed}: a plan writes nothing");
    assert_eq!(plan["blocked"], serde_json::json!([]), "seed {seed}: {plan:#}");

    let approval = text(&plan["digest"]);
    let report = world
        .run(&["apply", ".", "--prune", "--yes", "--format", "json", "--approve", &approval])
        .expect(0)
        .json();
    assert_eq!(report["digest"], plan["digest"], "seed {seed}");
    let steps = plan["steps"].as_array().unwrap();
    let done = report["steps"].as_array().unwrap();
    let ids =
        |steps: &[Value]| -> Vec<String> { steps.iter().map(|step| text(&step["id"])).collect() };
    assert_eq!(ids(steps), ids(done), "seed {seed}: planned steps are ledger entries");

    // The id of every object, also of those that a step made, and the account that holds it.
    let mut id_of: BTreeMap<String, i64> = BTreeMap::new();
    for entry in done {
        let id = entry["id_on_platform"].as_i64();
        id_of.extend(id.map(|id| (text(&entry["address"]), id)));
    }
    for collection in ["limits", "subaccounts", "tokens"] {
        for item in
            world.api("GET", &format!("/platform/{collection}/all?fields=id,metadata"), None)
        {
            if let Some(address) = item["metadata"]["flespi-gitops/address"].as_str() {
                id_of.insert(address.to_owned(), item["id"].as_i64().unwrap());
            }
        }
    }
    let owner_of = |address: &str| -> Option<i64> {
        let (_, path) = address.split_once('/').unwrap();
        let (account, _) = path.rsplit_once('/')?;
        Some(id_of[&format!("subaccount/{account}")])
    };

    let root = world.api("GET", "/auth/info", None)[0]["cid"].as_i64().unwrap();
    let writes = world.writes();
    let mut places: BTreeMap<Act, Vec<usize>> = BTreeMap::new();
    for (place, write) in writes.iter().enumerate() {
        acts(write, root).into_iter().for_each(|act| places.entry(act).or_default().push(place));
    }
    let mut unaccounted: BTreeSet<Act> = places.keys().cloned().collect();
    let mut place_of: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for step in steps {
        let address = text(&step["address"]);
        let collection = format!("{}s", address.split('/').next().unwrap());
        let act = match step["action"].as_str().unwrap() {
            "create" => Act::Create(collection, owner_of(&address)),
            "delete" => Act::Delete(collection, id_of[&address]),
            _ => Act::Update(collection, id_of[&address]),
        };
        unaccounted.remove(&act);
        match places.get(&act) {
            Some(places) => {
                let ends = (*places.first().unwrap(), *places.last().unwrap());
                place_of.insert(text(&step["id"]), ends);
            }
            // The limit that a subaccount was created with is verified by the answer.
            None => assert_eq!(step["action"], "assign", "seed {seed}: no write for {step:#}"),
        }
    }
    assert!(unaccounted.is_empty(), "seed {seed}: written without a step: {unaccounted:?}");
    for step in steps {
        for need in step["needs"].as_array().unwrap() {
            let (need, step) = (text(need), text(&step["id"]));
            if let (Some((_, before)), Some((after, _))) =
                (place_of.get(&need), place_of.get(&step))
            {
                assert!(
                    before <= after,
                    "seed {seed}: {step} was written before {need}, which it needs"
                );
            }
        }
    }
    let rest = world.plan(&[".", "--prune"]);
    assert_eq!(rest["steps"], serde_json::json!([]), "seed {seed}: {rest:#}");
}

#[test]
fn in_random_worlds_the_writes_of_an_apply_are_the_steps_of_the_plan_in_the_order_of_its_edges() {
    for seed in 1..=12 {
        let mut dice = Dice(seed);
        let world = World::new();
        let objects = random_world(&mut dice);
        write(&world, &objects);
        apply_is_the_plan(&world, seed);
        write(&world, &edited(&objects, &mut dice));
        apply_is_the_plan(&world, seed);
    }
}
