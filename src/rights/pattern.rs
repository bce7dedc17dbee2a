//! Patterns over symbols, and the one question that all comparing of rights comes down to: does everything that this
//! pattern matches match one of those as well?
//!
//! Masks of addresses and origins are patterns over characters, MQTT topic filters are patterns over levels. The answer is
//! exact, also where it takes several patterns together (`a` and `a/+/#` cover `a/#`): pattern and patterns are walked in
//! step as automata, and a word that leads the one to its end and none of the others is the counterexample.

use std::collections::{BTreeMap, BTreeSet};

/// How many states a comparison may look at. Real lists need a few dozen; one that was made to need more is answered with
/// "not covered", which takes no right for narrower than it is.
const MOST_STATES: usize = 4_096;

/// One piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Piece<S> {
    /// This symbol.
    Exactly(S),
    /// Any one symbol.
    One,
    /// Any number of symbols, none included.
    Many,
}

/// Pieces one after the other.
pub(super) type Pattern<S> = Vec<Piece<S>>;

/// A symbol that wildcards do not match in the first place of a word.
pub(super) type Reserved<S> = fn(&S) -> bool;

/// Positions in the patterns on the right: which one, and how far.
type Positions = BTreeSet<(usize, usize)>;

/// The text as a pattern of characters, with `*` and `?`.
pub(super) fn mask(text: &str) -> Pattern<char> {
    text.chars()
        .map(|character| match character {
            '*' => Piece::Many,
            '?' => Piece::One,
            other => Piece::Exactly(other),
        })
        .collect()
}

/// The text as a pattern that matches nothing else, whatever its characters.
pub(super) fn literal(text: &str) -> Pattern<char> {
    text.chars().map(Piece::Exactly).collect()
}

/// No symbol is reserved.
pub(super) fn none<S>(_: &S) -> bool {
    false
}

/// Whether everything that `one` matches is matched by one of `many`.
pub(super) fn covered<S: Ord + Clone>(
    one: &[Piece<S>],
    many: &[Pattern<S>],
    reserved: Reserved<S>,
) -> bool {
    // However large it is, a pattern covers itself.
    if many.iter().any(|pattern| pattern == one) {
        return true;
    }
    let alphabet = alphabet(many.iter().map(Vec::as_slice).chain([one]));
    let mut seen: BTreeSet<(usize, bool, Positions)> = BTreeSet::new();
    let start = closure(many, (0..many.len()).map(|index| (index, 0)).collect());
    let mut open = vec![(0, true, start)];
    while let Some((at, first, right)) = open.pop() {
        // Whatever follows is matched by a `Many` at the end.
        if !first && right.iter().any(|(index, at)| many[*index][*at..] == [Piece::Many]) {
            continue;
        }
        if !seen.insert((at, first, right.clone())) {
            continue;
        }
        if seen.len() > MOST_STATES {
            return false;
        }
        let Some(piece) = one.get(at) else {
            if !right.iter().any(|(index, at)| *at == many[*index].len()) {
                return false;
            }
            continue;
        };
        let next = match piece {
            Piece::Many => {
                open.push((at + 1, first, right.clone()));
                at
            }
            Piece::One | Piece::Exactly(_) => at + 1,
        };
        match piece {
            Piece::Exactly(symbol) => {
                open.push((next, false, step(many, &right, Some(symbol), first, reserved)));
            }
            Piece::One | Piece::Many => {
                for symbol in &alphabet {
                    let is_matched = !(first && symbol.is_some_and(reserved));
                    if is_matched {
                        open.push((next, false, step(many, &right, *symbol, first, reserved)));
                    }
                }
            }
        }
    }
    true
}

/// Whether the word is as the pattern says. One walk over both, and the last `Many` is the only place to return to, so that
/// a hostile pattern costs length × length at worst.
pub(super) fn matches<S: PartialEq>(pattern: &[Piece<S>], word: &[S]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut back = None;
    while let Some(symbol) = word.get(read) {
        match (pattern.get(at), back) {
            (Some(Piece::Many), _) => {
                back = Some((at + 1, read));
                at += 1;
            }
            (Some(Piece::One), _) => (at, read) = (at + 1, read + 1),
            (Some(Piece::Exactly(wanted)), _) if wanted == symbol => {
                (at, read) = (at + 1, read + 1)
            }
            (_, Some((after, taken))) => {
                back = Some((after, taken + 1));
                (at, read) = (after, taken + 1);
            }
            (_, None) => return false,
        }
    }
    pattern.iter().skip(at).all(|piece| matches!(piece, Piece::Many))
}

/// Whether some word matches both.
pub(super) fn meet<S: Ord + Clone>(a: &[Piece<S>], b: &[Piece<S>], reserved: Reserved<S>) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![(0, 0, true)];
    let is_free = |symbol: &S, first: bool| !(first && reserved(symbol));
    while let Some((i, j, first)) = open.pop() {
        if !seen.insert((i, j, first)) {
            continue;
        }
        let (Some(p), Some(q)) = (a.get(i), b.get(j)) else {
            if a[i..].iter().chain(&b[j..]).all(|piece| matches!(piece, Piece::Many)) {
                return true;
            }
            continue;
        };
        // A `Many` may match nothing, or one symbol more.
        let after_p = if matches!(p, Piece::Many) { i } else { i + 1 };
        let after_q = if matches!(q, Piece::Many) { j } else { j + 1 };
        if matches!(p, Piece::Many) {
            open.push((i + 1, j, first));
        }
        if matches!(q, Piece::Many) {
            open.push((i, j + 1, first));
        }
        let agree = match (p, q) {
            (Piece::Exactly(x), Piece::Exactly(y)) => x == y,
            (Piece::Exactly(x), _) | (_, Piece::Exactly(x)) => is_free(x, first),
            _ => true,
        };
        if agree {
            open.push((after_p, after_q, false));
        }
    }
    false
}

/// Every symbol that some pattern names, and one that stands for all the others.
fn alphabet<'a, S: Ord + 'a>(
    patterns: impl Iterator<Item = &'a [Piece<S>]>,
) -> BTreeSet<Option<&'a S>> {
    let named = patterns.flatten().filter_map(|piece| match piece {
        Piece::Exactly(symbol) => Some(Some(symbol)),
        Piece::One | Piece::Many => None,
    });
    named.chain([None]).collect()
}

/// Where the patterns stand after one more symbol; no symbol is one that none of them names.
fn step<S: Ord>(
    patterns: &[Pattern<S>],
    positions: &Positions,
    symbol: Option<&S>,
    first: bool,
    reserved: Reserved<S>,
) -> Positions {
    let is_free = !(first && symbol.is_some_and(reserved));
    let after = positions.iter().filter_map(|(index, at)| match patterns[*index].get(*at)? {
        Piece::Exactly(wanted) => (Some(wanted) == symbol).then_some((*index, at + 1)),
        Piece::One => is_free.then_some((*index, at + 1)),
        Piece::Many => is_free.then_some((*index, *at)),
    });
    closure(patterns, after.collect())
}

/// With every place that is reached by matching nothing.
fn closure<S>(patterns: &[Pattern<S>], mut positions: Positions) -> Positions {
    let mut open: Vec<(usize, usize)> = positions.iter().copied().collect();
    while let Some((index, at)) = open.pop() {
        if matches!(patterns[index].get(at), Some(Piece::Many)) && positions.insert((index, at + 1))
        {
            open.push((index, at + 1));
        }
    }
    positions
}

/// Whether some IPv4 address is as the mask says: four numbers below 256 are read from wherever the ones before led.
pub(super) fn fits_ipv4(mask: &str) -> bool {
    let masks = [self::mask(mask)];
    let octets: Vec<String> = (0..=255).map(|octet: u8| octet.to_string()).collect();
    let read = |from: &Positions, text: &str| {
        text.chars().fold(from.clone(), |at, c| step(&masks, &at, Some(&c), false, none))
    };
    let mut reached = closure(&masks, Positions::from([(0, 0)]));
    for number in 0..4 {
        let from = if number > 0 { read(&reached, ".") } else { reached };
        reached = octets.iter().flat_map(|octet| read(&from, octet)).collect();
    }
    reached.contains(&(0, masks[0].len()))
}

/// Patterns by the text they were read from, without those that another one covers; for showing what is new.
pub(super) fn uncovered<S: Ord + Clone>(
    these: &BTreeMap<String, Pattern<S>>,
    by: &BTreeMap<String, Pattern<S>>,
    reserved: Reserved<S>,
) -> Vec<String> {
    let by: Vec<Pattern<S>> = by.values().cloned().collect();
    let missing = these.iter().filter(|(_, pattern)| !covered(pattern, &by, reserved));
    missing.map(|(text, _)| text.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masks(one: &str, many: &[&str]) -> bool {
        let many: Vec<_> = many.iter().map(|text| mask(text)).collect();
        covered(&mask(one), &many, none)
    }

    #[test]
    fn a_mask_covers_what_it_matches() {
        assert!(masks("10.0.0.1", &["10.0.0.*"]));
        assert!(masks("10.0.0.?", &["10.*"]));
        assert!(masks("a", &["*"]) && masks("", &["*"]) && masks("*", &["*"]));
        assert!(!masks("10.0.0.*", &["10.0.0.?"]));
        assert!(!masks("*", &["10.*"]) && !masks("?", &["a", "b"]));
        assert!(masks("*a*", &["*"]) && !masks("*", &["*a*"]));
    }

    #[test]
    fn several_masks_cover_together_what_none_covers_alone() {
        assert!(masks("1.?*", &["1.?", "1.??", "1.???*"]));
        assert!(masks("*", &["", "?*"]));
        assert!(!masks("*", &["?*"]));
    }

    #[test]
    fn a_mask_covers_itself_however_long_it_is() {
        let long = "ab*?]".repeat(2_000);
        assert!(masks(&long, &["x", &long]) && !masks(&long, &["x"]));
    }

    #[test]
    fn a_mask_fits_if_one_address_does() {
        for mask in [
            "10.0.0.1",
            "255.255.255.255",
            "*",
            "10.*",
            "10.100.15.*",
            "110.160.56.1?",
            "?.?.?.?",
            "*.1",
            "1*1",
        ] {
            assert!(fits_ipv4(mask), "{mask}");
        }
        for mask in [
            "10.0.0.300",
            "256.*",
            "10.0.0",
            "10.0.0.0.1",
            "010.0.0.1",
            "1.2.3.4?5?6",
            "beef",
            "",
            "....",
            "300",
        ] {
            assert!(!fits_ipv4(mask), "{mask}");
        }
    }

    #[test]
    fn masks_meet_where_one_word_matches_both() {
        let meets = |a: &str, b: &str| meet(&mask(a), &mask(b), none);
        assert!(meets("10.*", "*.1") && meets("a?", "?b") && meets("*", ""));
        assert!(!meets("10.*", "11.*") && !meets("?", "ab"));
    }

    #[test]
    fn a_word_is_as_a_mask_says_where_the_mask_covers_it() {
        // Every mask of up to four pieces over every word of up to four letters.
        let all = |letters: &[char]| -> Vec<String> {
            (0..5_u32)
                .flat_map(|length| {
                    (0..letters.len().pow(length)).map(move |number| (length, number))
                })
                .map(|(length, number)| {
                    (0..length)
                        .map(|at| letters[number / letters.len().pow(at) % letters.len()])
                        .collect()
                })
                .collect()
        };
        let words = all(&['a', 'ö']);
        for text in all(&['a', 'ö', '?', '*']) {
            for word in &words {
                let expected = covered(&literal(word), &[mask(&text)], none);
                assert_eq!(crate::rights::mask_matches(&text, word), expected, "{text} on {word}");
            }
        }
    }

    #[test]
    fn a_list_that_was_made_to_explode_comes_to_an_end() {
        let many: Vec<String> =
            (0..24).map(|i| format!("{}a{}", "?".repeat(i), "?".repeat(23 - i))).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(!masks(&"?".repeat(24), &many));
    }
}
