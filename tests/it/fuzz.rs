//! A short run of the fuzzer; the long one is `cargo bench --bench fuzz`.

#[path = "../../benches/support/feed.rs"]
mod feed;
#[path = "../../benches/support/mod.rs"]
mod inputs;

#[test]
fn a_few_hundred_inputs_that_nobody_would_write_come_to_an_end() {
    let corpus = inputs::corpus();
    assert!(corpus.len() > 250);
    let mut dice = inputs::Dice::new(7);
    for number in 0..400 {
        let input = inputs::mutated(&corpus, &mut dice);
        if let Err(said) = feed::feed(&input, number % 8 == 0) {
            panic!("input {number}: {said}\n{}", String::from_utf8_lossy(&input));
        }
    }
}

/// Twice the text is at most twice the work, whatever the text; in things made, for seconds prove nothing.
#[test]
fn the_cost_of_an_input_grows_no_faster_than_its_size() {
    for input in inputs::corpus().iter().step_by(5) {
        let cost = |times: usize| {
            let all = [input.as_slice(), b"\n---\n"].concat().repeat(times);
            feed::feed(&all, false).unwrap()
        };
        let (one, eight) = (cost(2), cost(16));
        assert!(eight.values <= 8 * one.values + 8, "{one:?} {eight:?}");
        // Repeated, each document is also a double of the first.
        assert!(eight.findings <= 8 * one.findings + 64, "{one:?} {eight:?}");
    }
}
