//! Matching with the platform's two wildcards: `*` for any run of characters, `?` for exactly one.
//!
//! Selectors, IP masks, origins and fault rules all use this one reading. The matcher walks both texts once and keeps
//! a single point of return (the last `*`), so that a hostile pattern costs length × length at worst.

/// Whether the whole of `text` fits `pattern`.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let mut rest_of_pattern = pattern.chars();
    let mut rest_of_text = text.chars();
    let mut last_star = None;
    loop {
        let here = rest_of_text.clone();
        let fitted = match (rest_of_pattern.next(), rest_of_text.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                rest_of_text = here.clone();
                last_star = Some((rest_of_pattern.clone(), here));
                true
            }
            // Text has run out; giving a star less of it can only make things worse.
            (Some(_), None) => return false,
            (Some(wanted), Some(found)) => wanted == '?' || wanted == found,
            (None, Some(_)) => false,
        };
        if fitted {
            continue;
        }
        match &mut last_star {
            None => return false,
            Some((after_star, consumed)) => {
                consumed.next();
                rest_of_pattern = after_star.clone();
                rest_of_text = consumed.clone();
            }
        }
    }
}

/// Whether a selector's value would be read as a pattern at all.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_takes_any_run_and_a_question_mark_exactly_one() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("a*c", "abbbc", true),
            ("a*c", "abbbd", false),
            ("a*b*c", "axxbyybzc", true),
            ("10.100.15.*", "10.100.15.7", true),
            ("110.160.56.1?", "110.160.56.15", true),
            ("110.160.56.1?", "110.160.56.1", false),
            ("?", "é", true),
            ("abc", "abcd", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} against {text}");
        }
    }
}
