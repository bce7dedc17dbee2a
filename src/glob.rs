//! Patterns over paths: `*` and `?` stand for characters of one segment, `**` for anything.

/// Whether the whole of `text` fits `pattern`; every state of the match is walked at once, so no
/// pattern is slow.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let pattern = pattern.as_bytes();
    let mut at = vec![false; pattern.len() + 1];
    at[0] = true;
    skip_stars(pattern, &mut at);
    for byte in text.bytes() {
        let mut next = vec![false; pattern.len() + 1];
        for (index, &known) in pattern.iter().enumerate().filter(|(index, _)| at[*index]) {
            match known {
                b'*' if byte != b'/' || is_double(pattern, index) => next[index] = true,
                b'?' if byte != b'/' => next[index + 1] = true,
                known if known == byte && !b"*?".contains(&known) => next[index + 1] = true,
                _ => {}
            }
        }
        skip_stars(pattern, &mut next);
        at = next;
    }
    at[pattern.len()]
}

/// A star also stands for nothing.
fn skip_stars(pattern: &[u8], at: &mut [bool]) {
    for (index, byte) in pattern.iter().enumerate() {
        if *byte == b'*' && at[index] {
            at[index + 1] = true;
        }
    }
}

/// Whether the star at `index` is one of two in a row.
fn is_double(pattern: &[u8], index: usize) -> bool {
    pattern.get(index + 1) == Some(&b'*') || (index > 0 && pattern[index - 1] == b'*')
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_stays_in_its_segment_and_two_do_not() {
        for (pattern, text, expect) in [
            ("flespi/*", "flespi/app", true),
            ("flespi/*", "flespi/app/key", false),
            ("flespi/**", "flespi/app/key", true),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("a*", "a", true),
            ("", "", true),
            ("", "a", false),
            ("**", "a/b", true),
        ] {
            assert_eq!(fits(pattern, text), expect, "{pattern} on {text}");
        }
    }
}
