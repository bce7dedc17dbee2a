//! Whole numbers in the spellings of people and of other programs: Helm writes a million as `1e+06`, a spreadsheet as
//! `1,000,000`.

/// What to write for `text` where an integer is wanted, and why; nothing if it is no whole number in any spelling. `plain`
/// tells whether it stands bare.
pub(super) fn meant(text: &str, plain: bool) -> Option<(String, String)> {
    let text = text.trim();
    if matches!(text.to_ascii_lowercase().as_str(), "unlimited" | "infinite" | "max") {
        return Some(("write `-1` for unlimited".to_owned(), "-1".to_owned()));
    }
    if is_grouped(text, '.') {
        let grouped = text.replace('.', "");
        let help = match read(text) {
            Some(number) => {
                format!("write `{grouped}` if the point groups digits, `{number}` if not")
            }
            None => format!("write `{grouped}` if the point groups digits"),
        };
        return Some((help, grouped));
    }
    let number = read(text)?.to_string();
    let help = if number == text && !plain {
        "remove the quotes".to_owned()
    } else if text.contains('_') {
        format!("write `{number}`, without `_`")
    } else if text.contains(['e', 'E', '.']) {
        format!("write `{number}`, without a point or an exponent")
    } else {
        format!("write `{number}`, with digits only")
    };
    Some((help, number))
}

/// The whole number that `text` spells.
pub(super) fn read(text: &str) -> Option<i64> {
    let text: String = text.trim().chars().map(plain_digit).collect();
    let (sign, unsigned) = match text.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(&text)),
    };
    let grouping = ['_', ',', '\'', ' ', '\u{a0}', '\u{202f}', '\u{2009}', '\u{2019}'];
    let unsigned = match grouping.iter().find(|mark| is_grouped(unsigned, **mark)) {
        Some(mark) => unsigned.replace(*mark, ""),
        // Programmers put this one anywhere.
        None => unsigned.replace('_', ""),
    };
    decimal(&unsigned).and_then(|digits| format!("{sign}{digits}").parse().ok())
}

/// Digits of other scripts that count like ours; those of full width come with Asian keyboards.
fn plain_digit(c: char) -> char {
    match u32::from(c) {
        wide @ 0xff10..=0xff19 => char::from_u32(wide - 0xff10 + 0x30).unwrap_or(c),
        _ => c,
    }
}

/// Whether `mark` separates groups of three digits, the first of which may be shorter.
fn is_grouped(text: &str, mark: char) -> bool {
    let mut groups = text.strip_prefix(['-', '+']).unwrap_or(text).split(mark);
    let is_digits = |group: &str| group.bytes().all(|byte| byte.is_ascii_digit());
    let first = groups.next().unwrap_or_default();
    let rest: Vec<&str> = groups.collect();
    matches!(first.len(), 1..=3)
        && is_digits(first)
        && !rest.is_empty()
        && rest.iter().all(|group| group.len() == 3 && is_digits(group))
}

/// The digits of a decimal number with point or exponent, if it is whole; exact, which floating point is not.
fn decimal(text: &str) -> Option<String> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let zeros = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    match usize::try_from(zeros) {
        // Nineteen digits are the most that a number here has.
        Ok(zeros) if zeros <= 19 => Some(format!("{digits}{}", "0".repeat(zeros))),
        Ok(_) => None,
        Err(_) => {
            let kept = digits.len().checked_sub(usize::try_from(zeros.unsigned_abs()).ok()?)?;
            let (kept, cut) = digits.split_at_checked(kept)?;
            (!kept.is_empty() && cut.bytes().all(|byte| byte == b'0')).then(|| kept.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_is_read_in_every_spelling() {
        for (text, number) in [
            ("1e+06", 1_000_000),
            ("1E6", 1_000_000),
            ("2.592e+06", 2_592_000),
            ("1000.0", 1000),
            ("10.", 10),
            ("-1.0", -1),
            ("1_000", 1000),
            ("1_0", 10),
            ("1,000,000", 1_000_000),
            ("1\u{a0}000", 1000),
            ("1'000", 1000),
            ("+5", 5),
            ("1200e-2", 12),
            ("9007199254740993.0", 9_007_199_254_740_993),
            ("\u{ff11}\u{ff12}", 12),
        ] {
            assert_eq!(read(text), Some(number), "{text}");
        }
    }

    #[test]
    fn what_is_no_whole_number_is_not_made_one() {
        for text in [
            "1.5",
            "1e-3",
            "1e999",
            "1e99999999999",
            "ten",
            "",
            "-",
            "1,5",
            "1,00",
            "1 2",
            "0x10",
            ".",
            "1e",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_point_before_three_digits_may_group_them() {
        let (help, text) = meant("1.000", true).unwrap();
        assert_eq!(text, "1000");
        assert!(help.contains("`1000`") && help.contains("`1`"), "{help}");
    }
}
