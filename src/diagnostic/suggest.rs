//! "Did you mean": the nearest word of a list, when one is near enough to be meant.

/// The word of `known` that `word` was probably meant to be.
///
/// About a third of the letters may be wrong, where two letters in the wrong order count once; upper and lower case, and
/// `-`, `_` and nothing between words, hardly count at all (`apiversion` and `api_version` both mean `apiVersion`). On a
/// tie the first word wins, so the order of `known` is the order of preference.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Nobody misspells a word of a thousand letters, and comparing takes the product of both lengths.
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    let plain = simplify(word);
    let mut best: Option<(usize, &str)> = None;
    for candidate in known {
        if candidate == word || candidate.len() > LONGEST {
            continue;
        }
        let other = simplify(candidate);
        let distance = strsim::osa_distance(&plain, &other);
        let longer = plain.chars().count().max(other.chars().count());
        if distance <= longer / 3 && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

const LONGEST: usize = 64;

fn simplify(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [&str; 4] = ["Limit", "Subaccount", "Token", "Stack"];

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        assert_eq!(nearest("Tokn", KINDS), Some("Token"));
        assert_eq!(nearest("Subacount", KINDS), Some("Subaccount"));
        assert_eq!(nearest("Sakct", KINDS), None);
        assert_eq!(nearest("Tokne", KINDS), Some("Token"));
    }

    #[test]
    fn spelling_in_another_case_is_recognised() {
        assert_eq!(nearest("token", KINDS), Some("Token"));
        assert_eq!(nearest("api_version", ["kind", "apiVersion"]), Some("apiVersion"));
        assert_eq!(
            nearest("devicesCount", ["calcs_count", "devices_count"]),
            Some("devices_count")
        );
    }

    #[test]
    fn another_word_altogether_is_not_guessed() {
        assert_eq!(nearest("Device", KINDS), None);
        assert_eq!(nearest("a", ["b", "c"]), None);
        assert_eq!(nearest("", KINDS), None);
        assert_eq!(nearest(&"x".repeat(100_000), KINDS), None);
    }
}
