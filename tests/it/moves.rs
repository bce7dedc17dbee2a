//! Stacks that are renamed, objects that go from one stack to another, and objects that a stack forgets: nothing is ever
//! deleted or made anew for it.

use std::collections::BTreeMap;

use flespi_gitops::resource::Kind;
use serde_json::json;

use crate::support::World;

const DAY: i64 = 24 * 3_600;

fn stack(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: flespi-gitops/v1\nkind: Stack\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n"
    )
}

fn object(kind: &str, metadata: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: flespi-gitops/v1\nkind: {kind}\nmetadata: {{{metadata}}}\nspec: {{{spec}}}\n"
    )
}

/// A key that is rotated.
fn key(more: &str) -> String {
    let spec = "ttl: 90d, access: master, deliver: [{file: ../out/app}], rotation: {every: 30d, overlap: 48h}";
    object("Token", &format!("name: app, account: emea{more}"), spec)
}

/// One object of every kind, each with `more` in its metadata; the token lies in the subaccount.
fn one_of_each(more: &str) -> String {
    let hook = "triggers: [{topic: flespi/log/gw/devices/+/connected}], configuration: {type: custom-server, uri: \
                \"https://hooks.example/in\", method: POST}";
    let of_kind = |kind: Kind| match kind {
        Kind::Limit => object("Limit", &format!("name: starter{more}"), "devices_count: 5"),
        Kind::Subaccount => object("Subaccount", &format!("name: emea{more}"), "limit: starter"),
        Kind::Token => key(more),
        Kind::Webhook => object("Webhook", &format!("name: hook{more}"), hook),
        Kind::IdentityProvider => {
            object("IdentityProvider", &format!("name: sso{more}"), "type: oidc")
        }
        Kind::Realm => object(
            "Realm",
            &format!("name: portal{more}"),
            "home: {subaccount: emea}, identity_providers: [sso]",
        ),
        Kind::RealmUser => object("RealmUser", &format!("name: ann, realm: portal{more}"), ""),
        Kind::Grant => object(
            "Grant",
            &format!("name: shared{more}"),
            "items: [{type: gw/devices}], to: [emea]",
        ),
    };
    Kind::ALL.map(of_kind).concat()
}

/// Id and stack of everything that carries a mark, by address and generation.
fn marks(world: &World) -> BTreeMap<String, (i64, String)> {
    let mut found = BTreeMap::new();
    for kind in Kind::ALL {
        let holder = kind.container().map(|(holder, _)| format!("{}/all/", holder.collection()));
        let place = holder.unwrap_or_default() + kind.collection();
        let path = format!("/platform/{place}/all?fields=id,metadata");
        for item in world.api("GET", &path, None) {
            let text = |key: &str| {
                Some(item["metadata"][format!("flespi-gitops/{key}")].as_str()?.to_owned())
            };
            let (Some(address), Some(stack)) = (text("address"), text("stack")) else { continue };
            let generation =
                text("generation").map_or(String::new(), |number| format!(" {number}"));
            let stack = text("released-to").map_or(stack.clone(), |to| format!("{stack} to {to}"));
            found.insert(format!("{address}{generation}"), (item["id"].as_i64().unwrap(), stack));
        }
    }
    found
}

/// The same, with everything marked by `stack`.
fn marked_by(
    marks: &BTreeMap<String, (i64, String)>,
    stack: &str,
) -> BTreeMap<String, (i64, String)> {
    marks.iter().map(|(key, (id, _))| (key.clone(), (*id, stack.to_owned()))).collect()
}

/// Applies with `--prune`. Nothing may be created, deleted or in the way, and afterwards nothing is left to do.
#[track_caller]
fn passes(world: &World, folder: &str) {
    let plan = world.plan(&[folder, "--prune"]);
    for action in ["create", "delete", "restore", "replace"] {
        assert_eq!(plan["summary"][action], 0, "{plan:#}");
    }
    for list in ["blocked", "disputed", "prunable"] {
        assert_eq!(plan[list], json!([]), "{plan:#}");
    }
    world.empty_journal();
    world.apply(&[folder, "--prune"]);
    let writes = world.writes();
    assert!(writes.iter().all(|write| write.method == "PUT"), "{writes:?}");
    rests(world, folder);
}

/// One object comes back from the recycle bin, and none is made anew.
#[track_caller]
fn returns(world: &World, folder: &str) {
    let plan = world.plan(&[folder]);
    assert_eq!(
        (&plan["summary"]["restore"], &plan["summary"]["create"]),
        (&json!(1), &json!(0)),
        "{plan:#}"
    );
}

#[track_caller]
fn rests(world: &World, folder: &str) {
    let plan = world.plan(&[folder, "--prune"]);
    for list in ["steps", "blocked", "disputed", "prunable"] {
        assert_eq!(plan[list], json!([]), "{plan:#}");
    }
}

fn notes(world: &World, folder: &str) -> String {
    let plan = world.plan(&[folder]);
    let notes = plan["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap());
    notes.filter(|note| !note.contains("checked only by apply")).collect::<Vec<_>>().join("\n")
}

fn works(world: &World, key: &str) -> bool {
    world.call("GET", "/auth/info", Some(key.trim()), None, None).0 == 200
}

fn applied(files: &[(&str, &str)]) -> World {
    let world = World::new();
    for (name, text) in files {
        world.write(name, text);
    }
    let first = files[0].0.split('/').next().unwrap();
    world.apply(&[first]);
    world
}

/// A stack with one object of each kind, whose token is in the middle of a rotation.
fn in_rotation(name: &str) -> World {
    let world = applied(&[("a/all.yaml", &[stack(name, ""), one_of_each("")].concat())]);
    world.advance(31 * DAY);
    world.apply(&["a"]);
    assert!(marks(&world).contains_key("token/emea/app 2"), "{:?}", marks(&world));
    world
}

// A renamed stack.

#[test]
fn a_renamed_stack_takes_everything_along_in_one_write_each() {
    let world = in_rotation("old");
    let (before, first) = (marks(&world), world.read("out/app"));
    let renamed = [stack("new", "formerly: [old]"), one_of_each("")].concat();
    world.write("a/all.yaml", &renamed.replace("devices_count: 5", "devices_count: 6"));
    let plan = world.plan(&["a"]);
    assert_eq!(plan["summary"]["update"], before.len(), "{plan:#}");
    assert_eq!(
        plan["api"]["least_writes"],
        before.len(),
        "the changed field travels with the mark"
    );
    let change = json!({"field": "metadata.flespi-gitops/stack", "before": "old", "after": "new", "cause": "edited"});
    for step in plan["steps"].as_array().unwrap() {
        assert!(step["changes"].as_array().unwrap().contains(&change), "{step:#}");
        assert!(step["reason"].as_str().unwrap().contains("former name `old`"), "{step:#}");
    }
    passes(&world, "a");
    assert_eq!(world.writes().len(), before.len());
    assert_eq!(marks(&world), marked_by(&before, "new"));
    assert_eq!(world.read("out/app"), first);
    assert!(works(&world, &first));
    // The rotation goes on where it was.
    world.advance(3 * DAY);
    world.apply(&["a"]);
    let after: Vec<String> = marks(&world).into_keys().collect();
    assert!(
        after.contains(&"token/emea/app 2".to_owned())
            && !after.contains(&"token/emea/app".to_owned())
    );
}

#[test]
fn a_former_name_can_go_once_no_mark_has_it_and_the_plan_says_when() {
    let renamed = |formerly: &str| [stack("new", formerly), one_of_each("")].concat();
    let world = applied(&[("a/all.yaml", &[stack("old", ""), one_of_each("")].concat())]);
    world.write("a/all.yaml", &renamed("formerly: [old]"));
    assert!(!notes(&world, "a").contains("can be removed"), "{}", notes(&world, "a"));
    passes(&world, "a");
    assert!(
        notes(&world, "a").contains("no mark has the former name `old`"),
        "{}",
        notes(&world, "a")
    );
    world.write("a/all.yaml", &renamed(""));
    rests(&world, "a");
    assert_eq!(notes(&world, "a"), "");
}

#[test]
fn a_stack_that_is_renamed_without_a_word_is_another_one() {
    let world = applied(&[("a/all.yaml", &[stack("old", ""), one_of_each("")].concat())]);
    world.write("a/all.yaml", &[stack("new", ""), one_of_each("")].concat());
    let plan = world.plan(&["a", "--prune"]);
    assert_eq!(plan["steps"], json!([]), "{plan:#}");
    assert!(plan["blocked"].to_string().contains("in the stack `old`"), "{plan:#}");
}

#[test]
fn what_a_former_name_still_marks_and_nothing_declares_is_pruned() {
    let limit = |name: &str| object("Limit", &format!("name: {name}"), "devices_count: 5");
    let world =
        applied(&[("a/all.yaml", &[stack("old", ""), limit("kept"), limit("gone")].concat())]);
    world.write("a/all.yaml", &[stack("new", "formerly: [old]"), limit("kept")].concat());
    let plan = world.plan(&["a"]);
    assert_eq!(plan["prunable"][0]["address"], "limit/gone", "{plan:#}");
    world.apply(&["a"]);
    assert_eq!(world.count("limits"), 2, "nothing is deleted unasked");
    world.apply(&["a", "--prune"]);
    assert_eq!(marks(&world).into_keys().collect::<Vec<_>>(), ["limit/kept"]);
    rests(&world, "a");
}

#[test]
fn signed_marks_of_a_former_name_are_checked_with_the_same_key_and_signed_again() {
    let world = World::new();
    world.write("key", &"k".repeat(40));
    let signed = ["a", "--prune", "--mark-key-file", "key"];
    world.write("a/all.yaml", &[stack("old", ""), one_of_each("")].concat());
    world.apply(&signed);
    let before = marks(&world);
    world.write("a/all.yaml", &[stack("new", "formerly: [old]"), one_of_each("")].concat());
    // Whoever has another key owns nothing of it.
    world.write("other", &"x".repeat(40));
    let plan = world.plan(&["a", "--prune", "--mark-key-file", "other"]);
    assert_eq!(plan["steps"], json!([]), "{plan:#}");
    assert!(plan["blocked"].to_string().contains("does not match"), "{plan:#}");
    world.apply(&signed);
    assert_eq!(marks(&world), marked_by(&before, "new"));
    assert_eq!(world.plan(&signed)["steps"], json!([]));
    assert_eq!(world.plan(&signed)["disputed"], json!([]));
}

#[test]
fn what_was_deleted_under_the_former_name_comes_back_and_gets_the_new_one() {
    let world = applied(&[("a/all.yaml", &[stack("old", ""), one_of_each("")].concat())]);
    let before = marks(&world);
    let (token, _) = before["token/emea/app"];
    world.api("DELETE", &format!("/platform/tokens/{token}"), None);
    world.write("a/all.yaml", &[stack("new", "formerly: [old]"), one_of_each("")].concat());
    returns(&world, "a");
    world.apply(&["a"]);
    passes(&world, "a");
    assert_eq!(marks(&world), marked_by(&before, "new"));
    assert!(works(&world, &world.read("out/app")));
}

#[test]
fn of_two_stacks_that_claim_one_former_name_the_second_deletes_nothing_of_the_first() {
    let limit = |name: &str| object("Limit", &format!("name: {name}"), "devices_count: 5");
    let world = applied(&[(
        "a/all.yaml",
        &[stack("old", ""), limit("one"), limit("two"), limit("three")].concat(),
    )]);
    world.write("b/all.yaml", &[stack("b", "formerly: [old]"), limit("one")].concat());
    world.write("c/all.yaml", &[stack("c", "formerly: [old]"), limit("two")].concat());
    world.apply(&["b"]);
    let plan = world.plan(&["c", "--prune"]);
    assert_eq!(plan["summary"]["delete"], 0, "{plan:#}");
    assert_eq!(plan["disputed"][0]["address"], "limit/three", "{plan:#}");
    let reason = plan["disputed"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("`old`") && reason.contains("the stack `b`"), "{reason}");
    world.run(&["apply", "c", "--yes", "--prune"]);
    let stacks: BTreeMap<String, String> =
        marks(&world).into_iter().map(|(address, (_, stack))| (address, stack)).collect();
    let expected = [("limit/one", "b"), ("limit/three", "old"), ("limit/two", "c")];
    assert_eq!(
        stacks,
        expected.map(|(address, stack)| (address.to_owned(), stack.to_owned())).into()
    );
    // A stack that was renamed twice has no rival in itself.
    world.write(
        "b/all.yaml",
        &[stack("d", "formerly: [b, c, old]"), limit("one"), limit("two")].concat(),
    );
    let plan = world.plan(&["b", "--prune"]);
    assert_eq!(plan["disputed"], json!([]), "{plan:#}");
    assert_eq!(plan["summary"]["delete"], 1, "{plan:#}");
}

// An object that goes from one stack to another.

/// What stays of stack `a` when everything has gone to `b`, with `spec` in its Stack.
fn left(spec: &str) -> String {
    stack("a", spec)
}

fn arrived() -> String {
    [stack("b", ""), one_of_each(", from_stack: a")].concat()
}

const RELEASE: &str = "release: [{to: b, objects: [\"**\"]}]";

#[test]
fn every_kind_goes_to_another_stack_in_either_order_and_nothing_is_deleted() {
    for a_first in [true, false] {
        let world = in_rotation("a");
        let (before, first) = (marks(&world), world.read("out/app"));
        world.write("a/all.yaml", &left(RELEASE));
        world.write("b/all.yaml", &arrived());
        let (one, other) = if a_first { ("a", "b") } else { ("b", "a") };
        passes(&world, one);
        let between = if a_first { "a to b" } else { "b" };
        assert_eq!(marks(&world), marked_by(&before, between));
        passes(&world, other);
        assert_eq!(marks(&world), marked_by(&before, "b"), "a first: {a_first}");
        rests(&world, one);
        let said = notes(&world, "a");
        assert!(!said.contains("none of them exists any more"), "{said}");
        assert_eq!(world.read("out/app"), first);
        assert!(works(&world, &first));
        // The words stay harmlessly, and go without harm when the plan says so.
        let said = notes(&world, "b");
        assert!(
            said.contains(&format!(
                "limit/starter has arrived in this stack (and {} more); `from_stack` at",
                Kind::ALL.len() - 1
            )),
            "{said}"
        );
        assert!(notes(&world, "a").contains("the entry can be removed"), "{}", notes(&world, "a"));
        world.write("b/all.yaml", &[stack("b", ""), one_of_each("")].concat());
        rests(&world, "b");
        assert_eq!(notes(&world, "b"), "");
        // The rotation goes on where it was.
        world.advance(3 * DAY);
        world.apply(&["b"]);
        assert!(!marks(&world).contains_key("token/emea/app"), "the former generation is retired");
        assert!(works(&world, &first));
    }
}

#[test]
fn what_is_forgotten_first_is_adopted_by_its_name() {
    let world = applied(&[("a/all.yaml", &[stack("a", ""), one_of_each("")].concat())]);
    let (before, first) = (marks(&world), world.read("out/app"));
    world.write("a/all.yaml", &left("forget: [\"**\"]"));
    world.write("b/all.yaml", &arrived());
    passes(&world, "a");
    assert_eq!(marks(&world), BTreeMap::new());
    passes(&world, "b");
    assert_eq!(marks(&world), marked_by(&before, "b"));
    assert_eq!(world.read("out/app"), first, "the key is not issued again");
    rests(&world, "a");
}

#[test]
fn only_what_a_manifest_takes_over_goes_and_only_from_the_stack_that_it_names() {
    let token = |name: &str, more: &str| {
        object("Token", &format!("name: {name}{more}"), "ttl: 1h, access: standard")
    };
    let world =
        applied(&[("a/all.yaml", &[stack("a", ""), token("one", ""), token("two", "")].concat())]);
    let before = marks(&world);
    world.write(
        "b/all.yaml",
        &[stack("b", ""), token("one", ""), token("two", ", from_stack: c")].concat(),
    );
    let plan = world.plan(&["b", "--prune"]);
    assert_eq!(plan["steps"], json!([]), "{plan:#}");
    assert!(plan["blocked"].to_string().contains("`metadata: {from_stack: a}`"), "{plan:#}");
    assert_eq!(marks(&world), before);
    // The other stack keeps what it does not lose.
    world.write("b/all.yaml", &[stack("b", ""), token("one", ", from_stack: a")].concat());
    passes(&world, "b");
    let plan = world.plan(&["a", "--prune"]);
    assert_eq!(plan["steps"], json!([]), "{plan:#}");
    assert!(plan["blocked"].to_string().contains("in the stack `b`"), "{plan:#}");
    world.write("a/all.yaml", &[stack("a", ""), token("two", "")].concat());
    rests(&world, "a");
}

#[test]
fn an_object_is_renamed_on_its_way() {
    let token = |metadata: &str| object("Token", metadata, "ttl: 1h, access: standard");
    let world = applied(&[("a/all.yaml", &[stack("a", ""), token("name: one")].concat())]);
    let (id, _) = marks(&world)["token/one"];
    let renamed = token("name: two, from_stack: a, moved_from: token/one");
    world.write("b/all.yaml", &[stack("b", ""), renamed].concat());
    passes(&world, "b");
    assert_eq!(marks(&world), [("token/two".to_owned(), (id, "b".to_owned()))].into());
}

#[test]
fn an_object_is_taken_over_by_its_id_whatever_it_was_called() {
    let token = |metadata: &str| object("Token", metadata, "ttl: 1h, access: standard");
    let world = applied(&[("a/all.yaml", &[stack("a", ""), token("name: one")].concat())]);
    let (id, _) = marks(&world)["token/one"];
    let by_id =
        |more: &str| [stack("b", ""), token(&format!("name: two, id: {id}{more}"))].concat();
    world.write("b/all.yaml", &by_id(""));
    let plan = world.plan(&["b"]);
    assert_eq!(plan["steps"], json!([]), "{plan:#}");
    assert!(plan["blocked"].to_string().contains("take it over with `metadata: {from_stack: a}`"));
    world.write("b/all.yaml", &by_id(", from_stack: a"));
    passes(&world, "b");
    assert_eq!(marks(&world), [("token/two".to_owned(), (id, "b".to_owned()))].into());
}

#[test]
fn what_comes_from_a_stack_that_does_not_have_it_is_made_and_the_plan_says_so() {
    let token = object("Token", "name: one, from_stack: a", "ttl: 1h, access: standard");
    let world = World::new();
    world.write("b/all.yaml", &[stack("b", ""), token].concat());
    let plan = world.plan(&["b"]);
    assert_eq!(plan["summary"]["create"], 1, "{plan:#}");
    assert!(
        plan["steps"][0]["reason"].as_str().unwrap().contains("none of the stack `a`"),
        "{plan:#}"
    );
}

#[test]
fn an_account_goes_and_what_is_in_it_stays_with_its_stack() {
    let account = |more: &str, spec: &str| object("Subaccount", &format!("name: emea{more}"), spec);
    let token = object("Token", "name: app, account: emea", "ttl: 1h, access: standard");
    let observed = account("", "lifecycle: {manage: [observe]}");
    for a_first in [true, false] {
        let world =
            applied(&[("a/all.yaml", &[stack("a", ""), account("", ""), token.clone()].concat())]);
        let before = marks(&world);
        let release = "release: [{to: b, objects: [subaccount/emea]}]";
        world.write("a/all.yaml", &[left(release), observed.clone(), token.clone()].concat());
        world.write("b/all.yaml", &[stack("b", ""), account(", from_stack: a", "")].concat());
        let order = if a_first { ["a", "b"] } else { ["b", "a"] };
        order.iter().for_each(|folder| passes(&world, folder));
        order.iter().for_each(|folder| rests(&world, folder));
        let expected = [
            ("subaccount/emea".to_owned(), (before["subaccount/emea"].0, "b".to_owned())),
            ("token/emea/app".to_owned(), before["token/emea/app"].clone()),
        ];
        assert_eq!(marks(&world), expected.into(), "a first: {a_first}");
    }
}

#[test]
fn what_is_released_to_one_stack_is_taken_by_no_other() {
    let token =
        |more: &str| object("Token", &format!("name: one{more}"), "ttl: 1h, access: standard");
    let world = applied(&[("a/all.yaml", &[stack("a", ""), token("")].concat())]);
    world.write("a/all.yaml", &left(RELEASE));
    world.apply(&["a"]);
    world.write("c/all.yaml", &[stack("c", ""), token(", from_stack: a")].concat());
    let plan = world.plan(&["c", "--prune"]);
    assert_eq!(plan["steps"], json!([]), "{plan:#}");
    assert!(plan["blocked"].to_string().contains("has released it to the stack `b`"), "{plan:#}");
    // Its own stack takes it back by declaring it again.
    let before = marks(&world);
    world.write("a/all.yaml", &[stack("a", ""), token("")].concat());
    passes(&world, "a");
    assert_eq!(marks(&world), marked_by(&before, "a"));
}

#[test]
fn what_the_other_stack_deleted_too_early_comes_back_from_the_recycle_bin() {
    let token = |more: &str| {
        object(
            "Token",
            &format!("name: one{more}"),
            "ttl: 1h, access: standard, deliver: [{file: ../out/one}]",
        )
    };
    let world = applied(&[("a/all.yaml", &[stack("a", ""), token("")].concat())]);
    let (before, first) = (marks(&world), world.read("out/one"));
    world.write("a/all.yaml", &left(""));
    world.apply(&["a", "--prune"]);
    assert!(!works(&world, &first));
    world.write("b/all.yaml", &[stack("b", ""), token(", from_stack: a")].concat());
    returns(&world, "b");
    world.apply(&["b"]);
    passes(&world, "b");
    assert_eq!(marks(&world), marked_by(&before, "b"));
    assert!(works(&world, &first));
}

#[test]
fn what_is_forgotten_and_then_deleted_by_somebody_does_not_come_back() {
    let world = applied(&[("a/all.yaml", &[stack("a", ""), one_of_each("")].concat())]);
    let (token, _) = marks(&world)["token/emea/app"];
    world.write("a/all.yaml", &left("forget: [\"**\"]"));
    world.apply(&["a"]);
    world.api("DELETE", &format!("/platform/tokens/{token}"), None);
    rests(&world, "a");
}

#[test]
fn an_export_only_refers_to_what_its_stack_has_released() {
    let world = applied(&[("a/all.yaml", &[stack("a", ""), one_of_each("")].concat())]);
    world.write("a/all.yaml", &left(RELEASE));
    world.apply(&["a"]);
    let before = marks(&world);
    world.run(&["export", "--stack", "a", "--out", "export"]).expect(0);
    rests(&world, "export");
    assert!(world.read("export/limits.yaml").contains("released it to the stack `b`"));
    world.apply(&["export", "--prune"]);
    assert_eq!(marks(&world), before);
}

// What a stack forgets.

#[test]
fn what_is_let_go_is_found_whatever_its_kind_and_whoever_looks() {
    let world = applied(&[("a/all.yaml", &[stack("a", ""), one_of_each("")].concat())]);
    // As on another machine, where no run is remembered.
    std::fs::remove_dir_all(world.path().join(".flespi-gitops/state")).unwrap();
    for list in ["forget: [webhook/hook]", "release: [{to: b, objects: [webhook/hook]}]"] {
        world.write("a/all.yaml", &left(list));
        let plan = world.plan(&["a"]);
        assert_eq!(plan["summary"]["forget"], 1, "{plan:#}");
        assert_eq!(plan["prunable"].as_array().unwrap().len(), Kind::ALL.len() - 1, "{plan:#}");
    }
    world.write("a/all.yaml", &stack("new", "formerly: [a]"));
    let plan = world.plan(&["a"]);
    assert_eq!(plan["prunable"].as_array().unwrap().len(), Kind::ALL.len(), "{plan:#}");
}

#[test]
fn a_forgotten_account_takes_along_what_is_in_it_and_everything_goes_on_working() {
    let world = in_rotation("a");
    let (before, first) = (marks(&world), world.read("out/app"));
    let rest = object("Limit", "name: starter", "devices_count: 5");
    let forget = "forget: [subaccount/emea, webhook/hook, identity-provider/sso, realm/portal, grant/shared]";
    world.write("a/all.yaml", &[left(forget), rest].concat());
    let plan = world.plan(&["a", "--prune"]);
    assert_eq!(plan["summary"]["forget"], before.len() - 1, "{plan:#}");
    for step in plan["steps"].as_array().unwrap() {
        assert_eq!(step["action"], "forget");
        assert!(step["source"].as_str().unwrap().contains("all.yaml:5:"), "{step:#}");
    }
    let text = world.run(&["plan", "a"]).expect(0).stdout;
    let count = format!("{} to forget", before.len() - 1);
    assert!(text.contains(&count) && !text.contains("review first"), "{text}");
    passes(&world, "a");
    assert_eq!(marks(&world).into_keys().collect::<Vec<_>>(), ["limit/starter"]);
    assert!(works(&world, &first));
    for (address, (id, _)) in before {
        let kind: Kind = address.split('/').next().unwrap().parse().unwrap();
        let holder = kind.container().map(|(holder, _)| format!("{}/all/", holder.collection()));
        let place = holder.unwrap_or_default() + kind.collection();
        let path = format!("/platform/{place}/{id}?fields=metadata");
        let owner = (address.starts_with("token/emea"))
            .then(|| world.item("subaccounts", "name", "emea")["id"].as_i64().unwrap());
        let (status, answer) = world.call("GET", &path, Some(&world.token()), owner, None);
        assert_eq!(status, 200, "{address}: {answer}");
        let keys = answer["result"][0]["metadata"].as_object().unwrap().keys();
        let ours = keys.filter(|key| key.starts_with("flespi-gitops/")).count();
        assert_eq!(ours > 0, address == "limit/starter", "{address}: {answer}");
    }
    // The entries stay harmlessly, and the plan says that they can go.
    assert_eq!(notes(&world, "a").matches("the entry can be removed").count(), 5);
    world.edit("a/all.yaml", forget, "");
    rests(&world, "a");
    assert_eq!(notes(&world, "a"), "");
}

#[test]
fn many_marks_are_removed_with_one_call() {
    let limits: String =
        (0..30).map(|at| object("Limit", &format!("name: l{at}"), "devices_count: 5")).collect();
    let world = applied(&[("a/all.yaml", &[stack("a", ""), limits].concat())]);
    let panel = json!({"metadata": {"sys_user_config": {"title": "mine"}}});
    let id = world.item("limits", "name", "l7")["id"].clone();
    let (_, answer) = world.call(
        "GET",
        &format!("/platform/limits/{id}?fields=metadata"),
        Some(&world.token()),
        None,
        None,
    );
    let mut metadata = answer["result"][0]["metadata"].clone();
    metadata["sys_user_config"] = panel["metadata"]["sys_user_config"].clone();
    world.api("PUT", &format!("/platform/limits/{id}"), Some(&json!({"metadata": metadata})));
    world.write("a/all.yaml", &left("forget: [limit/*]"));
    assert_eq!(world.plan(&["a"])["api"]["least_writes"], 2);
    passes(&world, "a");
    assert_eq!(
        world.writes().len(),
        2,
        "one for all that have nothing else, one for what a person put something into"
    );
    let (_, answer) = world.call(
        "GET",
        &format!("/platform/limits/{id}?fields=metadata"),
        Some(&world.token()),
        None,
        None,
    );
    assert_eq!(answer["result"][0]["metadata"], panel["metadata"]);
}

#[test]
fn protection_is_no_obstacle_since_nothing_is_deleted() {
    let limit = object("Limit", "name: one", "devices_count: 5, lifecycle: {protect: true}");
    let world = applied(&[("a/all.yaml", &[stack("a", ""), limit].concat())]);
    world.write("a/all.yaml", &left("forget: [limit/one]"));
    let plan = world.plan(&["a"]);
    assert!(
        plan["steps"][0]["reason"].as_str().unwrap().contains("its protection ends"),
        "{plan:#}"
    );
    passes(&world, "a");
    assert_eq!(world.count("limits"), 1);
}

#[test]
fn a_forgotten_limit_is_referred_to_by_what_stays() {
    let account = object("Subaccount", "name: emea", "limit: starter");
    let limit = |spec: &str| object("Limit", "name: starter", spec);
    let world = applied(&[(
        "a/all.yaml",
        &[stack("a", ""), limit("devices_count: 5"), account.clone()].concat(),
    )]);
    let id = world.item("limits", "name", "starter")["id"].clone();
    let observed = limit("lifecycle: {manage: [observe]}");
    world.write("a/all.yaml", &[left("forget: [limit/starter]"), observed, account].concat());
    passes(&world, "a");
    assert_eq!(marks(&world).into_keys().collect::<Vec<_>>(), ["subaccount/emea"]);
    assert_eq!(world.item("subaccounts", "name", "emea")["limit_id"], id);
}

#[test]
fn a_key_that_was_never_delivered_is_not_forgotten_and_can_be_released() {
    let token = |more: &str| {
        object(
            "Token",
            &format!("name: one{more}"),
            "ttl: 1h, access: standard, deliver: [{file: ../out/one}]",
        )
    };
    let world = World::new();
    world.write("a/all.yaml", &[stack("a", ""), token("")].concat());
    world.write("out", "a file in the place of the folder");
    world.run(&["apply", "a", "--yes"]);
    let (id, _) = marks(&world).remove("token/one").unwrap_or_default();
    assert_eq!(id, 0, "a sink that refuses keeps the token from being made");
    std::fs::remove_file(world.path().join("out")).unwrap();
    world.apply(&["a"]);
    // As after a run that was killed on its way to the sink.
    let (id, _) = marks(&world)["token/one"];
    let (_, answer) = world.call(
        "GET",
        &format!("/platform/tokens/{id}?fields=metadata"),
        Some(&world.token()),
        None,
        None,
    );
    let mut metadata = answer["result"][0]["metadata"].clone();
    metadata["flespi-gitops/key"] = json!("pending");
    world.api("PUT", &format!("/platform/tokens/{id}"), Some(&json!({"metadata": metadata})));
    std::fs::remove_file(world.path().join("out/one")).unwrap();
    world.write("a/all.yaml", &left("forget: [token/one]"));
    let plan = world.plan(&["a", "--prune"]);
    assert_eq!(plan["steps"], json!([]), "{plan:#}");
    assert!(plan["blocked"].to_string().contains("its key has not been delivered yet"), "{plan:#}");
    // The other stack delivers it.
    world.write("a/all.yaml", &left(RELEASE));
    passes(&world, "a");
    world.write("b/all.yaml", &[stack("b", ""), token(", from_stack: a")].concat());
    passes(&world, "b");
    assert_eq!(marks(&world)["token/one"], (id, "b".to_owned()));
    assert!(works(&world, &world.read("out/one")));
}

#[test]
fn of_two_objects_with_one_mark_none_is_forgotten() {
    let world = applied(&[(
        "a/all.yaml",
        &[stack("a", ""), object("Limit", "name: one", "devices_count: 5")].concat(),
    )]);
    let id = world.item("limits", "name", "one")["id"].clone();
    let (_, answer) = world.call(
        "GET",
        &format!("/platform/limits/{id}?fields=metadata"),
        Some(&world.token()),
        None,
        None,
    );
    let copy = json!([{"name": "copy", "metadata": answer["result"][0]["metadata"]}]);
    world.api("POST", "/platform/limits", Some(&copy));
    world.write("a/all.yaml", &left("forget: [limit/one]"));
    let plan = world.plan(&["a", "--prune"]);
    assert_eq!(plan["steps"], json!([]), "{plan:#}");
    assert!(plan["disputed"].to_string().contains("2 objects carry this mark"), "{plan:#}");
}

#[test]
fn a_sealed_plan_forgets_nothing_that_another_stack_took_over_meanwhile() {
    let world = applied(&[("a/all.yaml", &[stack("a", ""), one_of_each("")].concat())]);
    let before = marks(&world);
    world.write("a/all.yaml", &left("forget: [\"**\"]"));
    world.run(&["plan", "a", "--out", "sealed"]).expect(0);
    world.write("b/all.yaml", &arrived());
    world.apply(&["b"]);
    world.empty_journal();
    world.run(&["apply", "--plan", "sealed", "--yes"]).expect(0);
    assert_eq!(world.writes().len(), 0);
    assert_eq!(marks(&world), marked_by(&before, "b"));
}

#[test]
fn nothing_is_forgotten_while_something_cannot_be_read() {
    let world = applied(&[("a/all.yaml", &[stack("a", ""), one_of_each("")].concat())]);
    world.write("a/all.yaml", &left("forget: [\"**\"]"));
    let refused = json!({"path": "/platform/tokens/*", "effect": {"answer": {"status": 403}}});
    world.faults(&json!({"rules": [refused]}));
    let plan = world.run(&["plan", "a", "--format", "json"]).expect(4).json();
    assert_eq!(plan["steps"], json!([]), "{plan:#}");
    assert!(!plan["notes"].to_string().contains("forget"), "{plan:#}");
}
