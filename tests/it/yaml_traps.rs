//! What YAML is feared for, through the real program, with bounded memory: either it works as YAML 1.2 says, or it is told.

use std::process::Command;

use crate::support::{Run, World, run};

/// Address space that the program gets, in kilobytes: what sixteen megabytes of text may take, and its threads.
const MEMORY_KB: u32 = 3_000_000;

/// `validate` on one file, with a bound on its memory that ends it if it is passed.
fn validate(bytes: &[u8]) -> Run {
    let world = World::new();
    let file = world.path().join("a.yaml");
    std::fs::write(&file, bytes).unwrap();
    let program = world.command(&["validate", "--format", "short", "a.yaml"]);
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("ulimit -v {MEMORY_KB} && exec \"$0\" \"$@\""))
        .arg(program.get_program())
        .args(program.get_args())
        .current_dir(world.path())
        .env_clear();
    run(command)
}

fn limit(rest: &str) -> String {
    format!("apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {{name: a}}\n{rest}")
}

#[test]
fn what_yaml_1_2_allows_works() {
    let bom = format!("\u{feff}{}", limit("spec: {devices_count: 1}\n"));
    let crlf = limit("spec:\n  devices_count: 1\n  description: |\n    two\n    lines\n")
        .replace('\n', "\r\n");
    let empty = format!("---\n---\n# nothing\n---\n{}...\n---\n", limit(""));
    let anchors = limit("spec:\n  metadata:\n    a: &a {x: 1}\n    b: *a\n");
    let octal = limit("spec: {devices_count: 0o17}\n");
    let json = r#"{"apiVersion": "flespi-gitops/v1", "kind": "Limit", "metadata": {"name": "a"}, "spec": {"devices_count": 1}}"#;
    let tabs = limit("spec:\t{devices_count:\t1}\t# tabs between things\n");
    for text in [bom, crlf, empty, anchors, octal, json.to_owned(), tabs] {
        let run = validate(text.as_bytes()).expect(0);
        assert_eq!(run.stdout, "", "{text}");
    }
}

#[test]
fn what_means_two_things_or_none_is_told() {
    for (rest, expected) in [
        ("spec:\n\tdevices_count: 1\n", "a.yaml:5:2: error[yaml-syntax]: "),
        ("spec: {devices_count: 010}\n", "a.yaml:4:23: warning[yaml-trap]: `010` is 10"),
        ("spec: {lifecycle: {protect: yes}}\n", "a.yaml:4:29: error[wrong-type]: "),
        ("spec: {metadata: {open: no}}\n", "a.yaml:4:25: warning[yaml-trap]: "),
        ("spec:\n  <<: {devices_count: 1}\n", "a.yaml:5:3: error[merge-key]: "),
        ("spec: {devices_count: 1, devices_count: 2}\n", "a.yaml:4:26: error[duplicate-key]: "),
        ("spec: &s {}\n---\nx: *s\n", "a.yaml:6:4: error[unknown-alias]: "),
        ("spec: {devices_count: 1_000}\n", "a.yaml:4:23: error[wrong-type]: "),
        ("spec: {devices_count: 12:30:45}\n", "a.yaml:4:23: error[wrong-type]: "),
        ("spec: {devices_count: .inf}\n", "a.yaml:4:23: error[number-range]: "),
        ("spec: {metadata: {1: a}}\n", "a.yaml:4:19: error[non-string-key]: "),
        ("spec: {name: !x a}\n", "a.yaml:4:14: error[yaml-tag]: "),
        ("spec: {metadata: &m {a: *m}}\n", "a.yaml:4:25: error[alias-loop]: "),
        ("spec: {name: \"a\u{0}\"}\n", "a.yaml:4:"),
    ] {
        let run = validate(limit(rest).as_bytes());
        let code = if expected.contains("warning") { 0 } else { 3 };
        let run = run.expect(code);
        assert!(run.stdout.contains(expected), "{rest}{}", run.stdout);
    }
}

#[test]
fn what_is_no_text_is_told() {
    let utf16: Vec<u8> = limit("").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf16 = [&[0xff, 0xfe], utf16.as_slice()].concat();
    let run = validate(&utf16).expect(3);
    assert!(
        run.stdout.contains("error[not-utf8]") && run.stdout.contains("UTF-16"),
        "{}",
        run.stdout
    );
    let run = validate(b"a: 1\nb: \xc3\x28\n").expect(3);
    assert!(run.stdout.contains("a.yaml:2:4: error[not-utf8]"), "{}", run.stdout);
    for nothing in ["", "\n\n", "# only this\n", "---\n---\n", "\u{feff}"] {
        let run = validate(nothing.as_bytes()).expect(3);
        assert!(run.stdout.contains("error[no-manifests]"), "{nothing:?} {}", run.stdout);
    }
}

#[test]
fn what_is_made_to_exhaust_a_reader_ends_in_a_finding() {
    let deep = |open: &str, close: &str| {
        limit(&format!(
            "spec: {{metadata: {{a: {}{}}}}}\n",
            open.repeat(10_000),
            close.repeat(10_000)
        ))
    };
    let block: String = (0..3_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    let dashes = format!("{}a", "- ".repeat(10_000));
    for text in
        [deep("[", "]"), deep("{a: ", "}"), block, dashes, "[".repeat(10_000), "? ".repeat(10_000)]
    {
        let run = validate(text.as_bytes()).expect(3);
        let said =
            run.stdout.contains("error[yaml-depth]") || run.stdout.contains("error[yaml-syntax]");
        assert!(said, "{}", run.stdout.chars().take(400).collect::<String>());
    }
    let mut bomb = limit("spec:\n  metadata:\n    a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let before = format!("*a{}", level - 1);
        let all = vec![before; 9].join(", ");
        bomb.push_str(&format!("    a{level}: &a{level} [{all}]\n"));
    }
    let wide = limit(&format!(
        "spec:\n  metadata:\n    a: &a {}\n    b: [{}]\n",
        "x".repeat(100_000),
        vec!["*a"; 20_000].join(", ")
    ));
    for text in [bomb, wide] {
        let run = validate(text.as_bytes()).expect(3);
        assert!(run.stdout.contains("error[alias-budget]"), "{}", run.stdout);
    }
}

#[test]
fn what_is_too_large_is_not_read_to_its_end() {
    let world = World::new();
    let file = std::fs::File::create(world.path().join("a.yaml")).unwrap();
    file.set_len(100 * 1024 * 1024).unwrap();
    let run = world.run(&["validate", "--format", "short", "a.yaml"]).expect(3);
    assert!(run.stdout.contains("error[too-large]"), "{}", run.stdout);

    // Large files of the things that cost most for their size.
    let size = 512 * 1024;
    for unit in ["- a\n", "---\na: 1\n", "a: 01\n", "- 017\n", "x: *y\n"] {
        let text = unit.repeat(size / unit.len());
        let run = validate(text.as_bytes()).expect(3);
        assert!(run.stdout.lines().count() <= 10_002, "{unit:?} {}", run.stdout.lines().count());
    }
}
