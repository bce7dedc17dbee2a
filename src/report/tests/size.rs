//! Plans of any size keep to their bounds and lose nothing where nothing is bounded.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{change, large, plan, report, step};
use crate::plan::Action;
use crate::report::{
    MARKDOWN_DEFAULT, findings_markdown, plan_html, plan_markdown, plan_text, run_markdown,
};

/// Folds and blocks that are begun are ended, and every row of a table has as many cells.
#[track_caller]
fn is_whole(markdown: &str) {
    assert!(markdown.starts_with("<!-- flespi-gitops "), "{markdown}");
    assert!(markdown.ends_with('\n'), "{markdown}");
    let count = |what: &str| markdown.matches(what).count();
    assert_eq!(count("<details>"), count("</details>"));
    assert_eq!(count("<summary>"), count("</summary>"));
    assert_eq!(count("<pre "), count("</pre>"));
    assert!(!markdown.contains("```"), "{markdown}");
    let rows = markdown.lines().filter(|line| line.starts_with('|'));
    let mut cells: Vec<usize> = rows.map(|row| row.matches('|').count()).collect();
    cells.dedup();
    assert!(cells.len() <= 1, "{markdown}");
}

#[test]
fn ten_thousand_changes_fit_into_a_comment_which_says_what_is_missing() {
    let plan = large(10_000);
    let text = plan_markdown(&plan, MARKDOWN_DEFAULT);
    is_whole(&text);
    assert!(text.len() <= MARKDOWN_DEFAULT && text.len() > MARKDOWN_DEFAULT * 9 / 10);
    let shown = text.lines().filter(|line| line.starts_with("    reason: ")).count();
    let missing = format!("below 60000 bytes: {} of 10000 changes", 10_000 - shown);
    assert!(shown > 0 && text.contains(&missing), "{missing}: {}", &text[text.len() - 400..]);
    assert!(text.contains("8000 to create, 1000 to update, 1000 to delete"));
    assert!(text.find("**destroys**") < text.find("<details>"));
}

#[test]
fn ten_thousand_changes_are_all_on_the_page_and_in_the_text() {
    let plan = large(10_000);
    let page = plan_html(&plan, 4);
    assert_eq!(page.matches("<article ").count(), 10_000);
    assert_eq!(page.matches("</article>").count(), 10_000);
    let shown: BTreeSet<&str> =
        page.split("<code>").filter_map(|rest| rest.split_once("</code>")).map(|it| it.0).collect();
    assert!(plan.steps.iter().all(|step| shown.contains(step.address.to_string().as_str())));
    let text = plan_text(&plan, None);
    // Creations that are alike have one of them in full, and the number of the others.
    let alike =
        text.lines().filter_map(|line| line.split_once("and ")?.1.split_once(" more steps"));
    let alike: usize = alike.map(|(count, _)| count.parse::<usize>().unwrap()).sum();
    assert!(alike > 5_000);
    assert_eq!(text.matches("reason: ").count() + alike, 10_000);
    assert!(text.contains("and 1900 more, each below"));
}

#[test]
fn a_thousand_creations_are_a_few_lines_and_what_differs_in_more_than_its_name_is_shown() {
    let tenant = |number: usize, devices: u64| {
        let name = format!("tenant-{number:03}");
        let limit = json!({"name": format!("Limit of {number}"), "devices_count": devices});
        let limit = limit.as_object().unwrap().iter();
        let limit = limit.map(|(field, value)| change(field, Value::Null, value.clone())).collect();
        let info = vec![
            change("info", Value::Null, json!("App")),
            change("deliver", Value::Null, json!(format!("file out/{name}/app"))),
        ];
        [
            step(Action::Create, &format!("limit/{name}"), limit),
            step(
                Action::Create,
                &format!("subaccount/{name}"),
                vec![change("name", Value::Null, json!(name))],
            ),
            step(Action::Create, &format!("token/{name}/app"), info),
        ]
    };
    let steps: Vec<_> =
        (0..333).flat_map(|number| tenant(number, 10)).chain(tenant(333, 11)).collect();
    let text = plan_text(&plan(steps), Some(80));
    assert!(text.lines().count() < 60, "{text}");
    for shown in [
        "and 332 more steps like this, limit/tenant-001 to limit/tenant-332",
        "and 333 more steps like this, subaccount/tenant-001 to subaccount/tenant-333",
        "and 333 more accounts like this, tenant-001 to tenant-333",
        "devices_count  11",
    ] {
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words(&text).contains(&words(shown)), "{shown}: {text}");
    }
}

#[test]
fn rights_that_are_called_like_their_accounts_are_not_taken_for_the_same() {
    let names = [
        "channels",
        "devices",
        "streams",
        "modems",
        "calcs",
        "plugins",
        "groups",
        "assets",
        "geofences",
        "cdns",
    ];
    let steps = names.map(|name| {
        let acl = json!({"type": 2, "acl": [{"uri": format!("gw/{name}")}]});
        let access = vec![change("access", Value::Null, acl)];
        step(Action::Create, &format!("token/{name}/app"), access)
    });
    let text = plan_text(&plan(steps.into()), None);
    assert!(!text.contains("like this"), "{text}");
    assert!(names.iter().all(|name| text.contains(&format!("gw/{name}"))), "{text}");
}

#[test]
fn the_page_loads_nothing() {
    let page = plan_html(&large(20), 4);
    for word in ["src=", "http:", "https:", "@import", "url(", "<link", "<img", "<iframe"] {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn one_huge_value_leaves_room_for_the_rest() {
    let mut steps = large(30).steps;
    let huge = vec![change("info", Value::Null, json!("x".repeat(100_000)))];
    steps.insert(0, step(Action::Create, "token/emea/tenant-0/huge", huge));
    let text = plan_markdown(&plan(steps), MARKDOWN_DEFAULT);
    is_whole(&text);
    assert!(text.contains("too long to show here: info"));
    assert!(!text.contains("Left out"), "{text}");
}

#[test]
fn what_is_destroyed_comes_first_however_late_it_is_applied() {
    let mut steps = large(0).steps;
    for number in 0..3_000 {
        steps.push(step(Action::Create, &format!("limit/limit-{number}"), Vec::new()));
    }
    steps.push(step(Action::Delete, "subaccount/emea/acme", Vec::new()));
    let text = plan_markdown(&plan(steps), 5_000);
    is_whole(&text);
    assert!(text.contains("**destroys** <code>subaccount/emea/acme</code>"), "{text}");
    assert!(text.contains("<code>- subaccount/emea/acme  delete\n"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_bound_holds_for_every_plan_and_limit(
        count in 0_usize..120,
        limit in 1_000_usize..30_000,
        names in prop::collection::vec("[ -~\u{e9}\u{8eca}\n]{0,300}", 0..12),
        stack in "[ -~]{0,200}",
    ) {
        let mut plan = large(count);
        for (step, name) in plan.steps.iter_mut().zip(&names) {
            step.reason.clone_from(name);
            step.changes.push(change("info", json!(name), json!(name.repeat(3))));
        }
        plan.notes.clone_from(&names);
        plan.stack.clone_from(&stack);
        for text in [
            plan_markdown(&plan, limit),
            run_markdown(&report(&plan), &stack, limit),
            findings_markdown(&names.join("\n"), &stack, limit),
        ] {
            prop_assert!(text.len() <= limit, "{} > {limit}", text.len());
            is_whole(&text);
        }
    }
}
