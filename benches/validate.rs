//! What `validate` costs against plain reading of YAML: `cargo bench --bench validate`.
//!
//! Every measurement is a process of its own, so that memory is that of one run; times are taken inside, the best of
//! several. Sizes from 100 to 100,000 manifests show how the cost grows.

#![allow(clippy::print_stdout, reason = "a program that people run")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what is not there ends the run")]
#![allow(missing_docs, reason = "a program of its own")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use flespi_gitops::manifest;
use serde::Deserialize;

const SIZES: [usize; 4] = [100, 1_000, 10_000, 100_000];

/// Manifests in a file.
const IN_A_FILE: usize = 10;

const ROUNDS: usize = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, mode, folder] = arguments.as_slice()
        && mode.starts_with("--run-")
    {
        return measure(mode, Path::new(folder));
    }
    println!("| manifests | files | bytes | parse | validate | ratio | memory of validate |");
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let mut points = Vec::new();
    for size in SIZES {
        let folder = tempfile::tempdir().unwrap();
        let bytes = write(folder.path(), size);
        let (mut parse, mut validate, mut memory) = (f64::INFINITY, f64::INFINITY, 0.0_f64);
        // In turn, so that a busy machine is as busy for the one as for the other.
        for _ in 0..ROUNDS {
            parse = parse.min(run("--run-parse", folder.path()).0);
            let (time, peak) = run("--run-validate", folder.path());
            validate = validate.min(time);
            memory = memory.max(peak);
        }
        points.push(((size as f64).ln(), validate.ln()));
        println!(
            "| {size} | {} | {bytes} | {:.1} ms | {:.1} ms | {:.2} | {memory:.0} MB |",
            size / IN_A_FILE,
            parse * 1e3,
            validate * 1e3,
            validate / parse
        );
    }
    println!("\nfitted exponent: {:.3}", slope(&points));
}

/// The slope of the line with the least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
    let (x, y) = (x / count, y / count);
    let above: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let below: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    above / below
}

/// Runs a measurement in a process of its own: seconds and megabytes.
fn run(mode: &str, folder: &Path) -> (f64, f64) {
    let output =
        Command::new(std::env::current_exe().unwrap()).arg(mode).arg(folder).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (time, memory) = text.trim().split_once(' ').unwrap_or_else(|| panic!("{text}"));
    (time.parse().unwrap(), memory.parse().unwrap())
}

fn measure(mode: &str, folder: &Path) {
    let started = Instant::now();
    let made = match mode {
        "--run-parse" => parse(folder),
        _ => {
            let load = manifest::load(&[folder.to_owned()], 1_767_225_600);
            assert!(load.diagnostics.is_empty(), "{:?}", load.diagnostics.iter().next());
            load.manifests
        }
    };
    let time = started.elapsed().as_secs_f64();
    assert!(made > 0);
    println!("{time} {}", peak());
}

/// The same bytes as plain values.
fn parse(folder: &Path) -> usize {
    let mut values = Vec::new();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(file).unwrap();
        for document in serde_yaml::Deserializer::from_str(&text) {
            values.push(serde_yaml::Value::deserialize(document).unwrap());
        }
    }
    values.len()
}

/// The most memory that this process had, in megabytes, as Linux tells it.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.unwrap_or_default() / 1024.0
}

/// Manifests as people write them: limits, accounts and tokens; gives their size in bytes.
fn write(folder: &Path, manifests: usize) -> usize {
    let mut bytes = 0;
    for file in 0..manifests / IN_A_FILE {
        let mut text = String::new();
        for number in 0..IN_A_FILE {
            text.push_str("---\napiVersion: flespi-gitops/v1\n");
            let _ = match number {
                0 => write!(
                    text,
                    "kind: Limit\nmetadata:\n  name: limit-{file}\nspec:\n  name: Plan {file}\n  devices_count: 100\n  api_calls: 200\n  blocking_duration: 60\n  channels_count: 10\n  tokens_count: 25\n  streams_count: 5\n"
                ),
                1 => write!(
                    text,
                    "kind: Subaccount\nmetadata:\n  name: tenant-{file}\nspec:\n  name: Tenant number {file}\n  limit: limit-{file}\n  enabled: true\n  metadata:\n    billing: monthly\n    owner: team-{file}\n"
                ),
                _ => write!(
                    text,
                    "kind: Token\nmetadata:\n  name: app-{number}\n  account: tenant-{file}\nspec:\n  info: Application {number}\n  ttl: 30d\n  access:\n    acl:\n      - uri: gw/devices\n        methods: [GET]\n        ids: [1{file}1, 1{file}2]\n        submodules:\n          - {{name: messages, methods: [GET]}}\n          - {{name: telemetry, methods: [GET]}}\n  ips: [10.100.15.*]\n  origins: [\"https://*.example.com\", flespi]\n"
                ),
            };
        }
        bytes += text.len();
        std::fs::write(folder.join(format!("file-{file:06}.yaml")), text).unwrap();
    }
    bytes
}
