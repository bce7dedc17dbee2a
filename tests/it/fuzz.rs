//! Short runs of the fuzzer, one a target; the long ones are `cargo bench --bench fuzz`.

#[path = "../../benches/support/mod.rs"]
#[allow(dead_code, reason = "the program that runs for long asks for more")]
mod inputs;

use inputs::{Dice, TARGETS, manifests, panics};

/// Feeds a target as many inputs as a short run has.
#[track_caller]
fn holds(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let (corpus, mut feed) = ((target.corpus)(), (target.feed)());
    let mut accepted = 0;
    // Nothing is worth changing that is not taken in as it is.
    for input in &corpus {
        accepted += u64::from(feed(input, true).unwrap());
    }
    assert!(accepted > 0, "{name}: nothing of the corpus is accepted");
    let mut dice = Dice::new(7);
    for number in 0..target.short {
        let input = (target.mutate)(&corpus, &mut dice);
        if let Err(said) = feed(&input, number % 8 == 0) {
            panic!("input {number}: {said}\n{}", String::from_utf8_lossy(&input));
        }
    }
    assert_eq!(panics::heard(), 0, "a panic on a thread of ours");
}

#[test]
fn every_target_has_a_short_run() {
    let runs = [
        "manifests",
        "plans",
        "spool",
        "history",
        "worlds",
        "faults",
        "locks",
        "sinks",
        "stores",
        "answers",
        "words",
    ];
    assert_eq!(TARGETS.iter().map(|target| target.name).collect::<Vec<_>>(), runs);
}

#[test]
fn a_few_hundred_manifests_that_nobody_would_write_come_to_an_end() {
    assert!(manifests::corpus().len() > 250);
    holds("manifests");
}

#[test]
fn a_saved_plan_that_somebody_changed_is_refused_or_shows_no_more_than_it_says() {
    holds("plans");
}

#[test]
fn of_sealed_keys_that_somebody_changed_comes_no_other_key() {
    holds("spool");
}

#[test]
fn records_that_somebody_changed_are_damaged_or_shown_as_words() {
    holds("history");
}

#[test]
fn a_state_folder_that_somebody_changed_is_refused_or_serves() {
    holds("worlds");
}

#[test]
fn a_plan_of_faults_is_refused_or_reads_back() {
    holds("faults");
}

#[test]
fn notes_beside_locks_decide_nothing() {
    holds("locks");
}

#[test]
fn what_stands_in_files_of_secrets_stays_and_is_not_told() {
    holds("sinks");
}

#[test]
fn answers_of_stores_and_programs_tell_no_secret() {
    holds("stores");
}

#[test]
fn whatever_the_platform_answers_becomes_a_plan_of_words() {
    holds("answers");
}

#[test]
fn words_are_written_as_they_are_read() {
    holds("words");
}

/// Twice the text is at most twice the work, whatever the text; in things made, for seconds prove nothing.
#[test]
fn the_cost_of_an_input_grows_no_faster_than_its_size() {
    for input in manifests::corpus().iter().step_by(5) {
        let cost = |times: usize| {
            let all = [input.as_slice(), b"\n---\n"].concat().repeat(times);
            manifests::feed(&all, false).unwrap()
        };
        let (one, eight) = (cost(2), cost(16));
        assert!(eight.values <= 8 * one.values + 8, "{one:?} {eight:?}");
        // Repeated, each document is also a double of the first.
        assert!(eight.findings <= 8 * one.findings + 64, "{one:?} {eight:?}");
    }
}
