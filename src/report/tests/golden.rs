//! Every view of one plan, as files that a person can read.

use super::{mixed, plan, report};
use crate::report::{
    findings_markdown, plan_html, plan_markdown, plan_text, run_markdown, run_text,
};

/// Compares with a file below `tests/golden/report`; with `UPDATE_GOLDEN=1` it is written instead.
#[track_caller]
fn golden(name: &str, text: &str) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/report");
    let path = folder.join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "{name} differs; UPDATE_GOLDEN=1 writes it anew:\n{text}");
}

fn bare(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[test]
fn a_plan_as_text() {
    golden("plan.txt", &bare(&plan_text(&mixed(), None)));
    golden("plan-60-columns.txt", &bare(&plan_text(&mixed(), Some(60))));
    golden("plan-coloured.ansi", &plan_text(&mixed(), Some(100)));
    golden("nothing-to-do.txt", &bare(&plan_text(&plan(Vec::new()), None)));
}

#[test]
fn a_plan_as_a_comment() {
    golden("plan.md", &plan_markdown(&mixed(), 60_000));
    golden("plan-1500-bytes.md", &plan_markdown(&mixed(), 1_500));
    golden("nothing-to-do.md", &plan_markdown(&plan(Vec::new()), 60_000));
}

#[test]
fn a_plan_as_a_page() {
    // Style and script have files of their own; what differs from plan to plan is between them.
    let page = plan_html(&mixed(), 4);
    let (_, body) = page.split_once("</head>\n").unwrap();
    let (body, _) = body.split_once("<script>").unwrap();
    golden("plan-body.html", body);
}

#[test]
fn a_report() {
    golden("run.txt", &bare(&run_text(&report(&mixed()), None)));
    golden("run.md", &run_markdown(&report(&mixed()), "default", 60_000));
}

#[test]
fn findings_take_the_place_of_a_plan() {
    golden("findings.md", &findings_markdown("error: no\n```\n1 error\n", "default", 60_000));
    let first = |text: &str| text.lines().next().unwrap().to_owned();
    let plan = plan_markdown(&mixed(), 60_000);
    assert_eq!(first(&findings_markdown("", "default", 60_000)), first(&plan));
}
