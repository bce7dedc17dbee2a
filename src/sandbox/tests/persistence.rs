//! The state folder: what a killed or stopped process leaves behind is what the next one finds.

use std::{fs, io::Write, path::Path};

use serde_json::{Value, json};

use super::{
    super::store::{Store, StoreError},
    Bench,
};

/// The whole world as JSON.
fn dump(bench: &mut Bench) -> Value {
    bench.ask("GET", "/_sandbox/state").unsigned().send().body
}

/// Some of everything that can be stored, each request written to the store as the clerk does.
fn live(bench: &mut Bench, store: &mut Store) {
    let root = bench.root;
    let child = bench.account(root, "child");
    bench.limit(root, "limit");
    let key = bench.master(child);
    bench
        .ask("PUT", "/auth/password")
        .with(&key)
        .body(json!({"password": "p", "confirmation": "p"}))
        .send();
    bench.put("/auth/email/update", json!({"email": "a@b.c"}));
    bench.delete("/platform/limits/all");
    let deepest = (0..62).fold(json!(1), |inner, _| json!({"a": inner}));
    assert_eq!(bench.post("/platform/limits", json!([{"metadata": {"a": deepest}}])).status, 400);
    assert_eq!(bench.post("/platform/limits", json!([{"metadata": deepest}])).status, 200);
    bench.ask("POST", "/_sandbox/clock").unsigned().body(json!({"advance": 5})).send();
    store.append(&bench.world.books.take_touches().unwrap()).unwrap();
}

fn reopened(folder: &Path) -> Bench {
    let (_, found) = Store::open(folder).unwrap();
    let mut bench = Bench::new();
    bench.world.books.replace(found.state.unwrap());
    bench
}

#[test]
fn the_log_leads_to_the_same_world_as_the_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new();
    let (mut store, found) = Store::open(folder.path()).unwrap();
    assert!(found.state.is_none());
    store.snapshot(&bench.world.books.state).unwrap();
    live(&mut bench, &mut store);
    let before = dump(&mut bench);
    drop(store);
    assert_eq!(dump(&mut reopened(folder.path())), before, "replayed");
    let (mut store, _) = Store::open(folder.path()).unwrap();
    store.snapshot(&bench.world.books.state).unwrap();
    drop(store);
    assert_eq!(dump(&mut reopened(folder.path())), before, "loaded");
}

#[test]
fn a_torn_last_line_is_dropped_and_writing_goes_on_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new();
    let (mut store, _) = Store::open(folder.path()).unwrap();
    store.snapshot(&bench.world.books.state).unwrap();
    live(&mut bench, &mut store);
    let before = dump(&mut bench);
    drop(store);
    let log = folder.path().join("changes-1.jsonl");
    fs::OpenOptions::new().append(true).open(&log).unwrap().write_all(b"[{\"next_id\":99").unwrap();
    assert_eq!(dump(&mut reopened(folder.path())), before);
    let (mut store, _) = Store::open(folder.path()).unwrap();
    store.append(b"[{\"next_id\":999999999}]\n").unwrap();
    drop(store);
    assert_eq!(reopened(folder.path()).world.books.state.next_id, 999_999_999);
}

#[test]
fn a_snapshot_that_was_not_finished_leaves_the_old_one_valid() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new();
    let (mut store, _) = Store::open(folder.path()).unwrap();
    store.snapshot(&bench.world.books.state).unwrap();
    live(&mut bench, &mut store);
    drop(store);
    fs::write(folder.path().join("snapshot.jsonl.new"), "half").unwrap();
    fs::write(folder.path().join("changes-2.jsonl"), "garbage of a killed process").unwrap();
    let before = dump(&mut bench);
    assert_eq!(dump(&mut reopened(folder.path())), before);
    let (mut store, _) = Store::open(folder.path()).unwrap();
    store.snapshot(&bench.world.books.state).unwrap();
    drop(store);
    assert_eq!(dump(&mut reopened(folder.path())), before);
}

#[test]
fn a_foreign_a_newer_and_a_damaged_file_are_told_apart() {
    let refused = |name: &str, content: &str| {
        let folder = tempfile::tempdir().unwrap();
        let (mut store, _) = Store::open(folder.path()).unwrap();
        store.snapshot(&Bench::new().world.books.state).unwrap();
        drop(store);
        fs::write(folder.path().join(name), content).unwrap();
        Store::open(folder.path()).err().unwrap()
    };
    let header = r#"{"format":"flespi-gitops/sandbox-state","version":1,"generation":1}"#;
    assert!(matches!(refused("snapshot.jsonl", "hello\n"), StoreError::Foreign(_)));
    // Of a file without lines no more is read than a first line may have.
    assert!(matches!(refused("snapshot.jsonl", &"x".repeat(5_000)), StoreError::Foreign(_)));
    assert!(matches!(
        refused("snapshot.jsonl", "{\"format\":\"x\",\"version\":1}\n"),
        StoreError::Foreign(_)
    ));
    let newer = header.replace("\"version\":1", "\"version\":2") + "\n";
    assert!(matches!(refused("snapshot.jsonl", &newer), StoreError::Newer { found: 2, .. }));
    let damaged = format!("{header}\n{{\"next_id\":1}}\nnonsense\n");
    assert!(matches!(refused("snapshot.jsonl", &damaged), StoreError::Damaged { line: 3, .. }));
    assert!(matches!(refused("changes-1.jsonl", &damaged), StoreError::Damaged { line: 2, .. }));
}

#[test]
fn a_world_that_cannot_be_is_refused_whoever_wrote_it() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::new();
    let (mut store, _) = Store::open(folder.path()).unwrap();
    store.snapshot(&bench.world.books.state).unwrap();
    store.append_journal(b"{\"seq\":1,\"time\":1,\"method\":\"GET\",\"path\":\"/\",\"cid\":null,\"token_id\":null,\"status\":200}\n", false, Vec::new, 0).unwrap();
    drop(store);
    Store::open(folder.path()).unwrap();
    let next = format!("{{\"next_id\":{}}}", bench.world.books.state.next_id);
    let root = format!("\"root\":{{\"account\":{}", bench.root);
    for (file, old, new) in [
        ("snapshot.jsonl", "\"generation\":1", "\"generation\":18446744073709551615"),
        ("snapshot.jsonl", &*next, "{\"next_id\":18446744073709551615}"),
        ("snapshot.jsonl", &*next, "{\"next_id\":1}"),
        ("snapshot.jsonl", &*root, "\"root\":{\"account\":7"),
        ("journal.jsonl", "\"last_seq\":0", "\"last_seq\":18446744073709551615"),
        ("journal.jsonl", "\"seq\":1", "\"seq\":18446744073709551615"),
    ] {
        let path = folder.path().join(file);
        let whole = fs::read_to_string(&path).unwrap();
        assert!(whole.contains(old), "{old} is not in {whole}");
        fs::write(&path, whole.replacen(old, new, 1)).unwrap();
        let refused = Store::open(folder.path()).err();
        let is_told =
            matches!(refused, Some(StoreError::Damaged { .. } | StoreError::Impossible { .. }));
        assert!(is_told, "{new}: {refused:?}");
        fs::write(path, whole).unwrap();
    }
}

#[test]
fn two_sandboxes_never_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(folder.path()).unwrap();
    assert!(matches!(Store::open(folder.path()), Err(StoreError::Locked(_))));
    drop(store);
    assert!(Store::open(folder.path()).is_ok());
}

#[test]
#[cfg(unix)]
fn only_the_owner_reads_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("state");
    let (mut store, _) = Store::open(&inner).unwrap();
    store.snapshot(&Bench::new().world.books.state).unwrap();
    for entry in fs::read_dir(&inner).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(
            entry.metadata().unwrap().permissions().mode() & 0o777,
            0o600,
            "{:?}",
            entry.file_name()
        );
    }
}

#[test]
fn a_read_writes_nothing_until_its_touch_is_taken() {
    let mut bench = Bench::new();
    bench.get("/auth/info");
    assert!(bench.world.books.take_changes().is_none());
    assert!(bench.world.books.take_touches().is_some());
    assert!(bench.world.books.take_touches().is_none());
}

#[test]
fn the_whole_world_can_be_taken_out_and_put_into_another() {
    let mut bench = Bench::new();
    let root = bench.root;
    let child = bench.account(root, "child");
    let state = dump(&mut bench);
    let mut other = Bench::assuming(&["seed-session-token=absent"]);
    assert_eq!(
        other.ask("PUT", "/_sandbox/state").unsigned().body(state.clone()).send().status,
        200
    );
    assert!(other.world.books.is_replaced);
    other.key = bench.key.clone();
    assert_eq!(other.get("/platform/subaccounts/all").ids(), [child]);
    for mut broken in
        [json!({}), json!({"changes": []}), json!({"changes": [{"next_id": -1}]}), state]
    {
        if let Some(changes) = broken.pointer_mut("/result/0/changes") {
            changes.as_array_mut().unwrap().retain(|change| change.get("root").is_none());
        }
        assert_eq!(other.ask("PUT", "/_sandbox/state").unsigned().body(broken).send().status, 400);
    }
    assert_eq!(
        other.get("/platform/subaccounts/all").ids(),
        [child],
        "a refused state changes nothing"
    );
}
