//! How rights are put into words.

use std::collections::BTreeSet;

use super::method::Method;

/// Longer lists of ids are cut: what matters is that it is some and not all.
const MOST_IDS: usize = 5;

/// `GET, DELETE`, in the order of the platform's documentation; `nothing`.
pub(super) fn methods_words<'a>(methods: impl IntoIterator<Item = &'a Method>) -> String {
    let words: Vec<&str> = methods.into_iter().map(|method| method.as_str()).collect();
    match words.is_empty() {
        true => "nothing".to_owned(),
        false => words.join(", "),
    }
}

/// `1, 2 and 3`, `1, 2, 3, 4, 5 and 7 more`.
pub(super) fn ids_words(ids: &BTreeSet<i64>) -> String {
    let shown = if ids.len() > MOST_IDS + 1 { MOST_IDS } else { ids.len() };
    let mut words: Vec<String> = ids.iter().take(shown).map(i64::to_string).collect();
    if ids.len() > shown {
        words.push(format!("{} more", ids.len() - shown));
    }
    and(&words)
}

/// `a, b and c`.
pub(super) fn and(words: &[String]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// How people call the entry at `index`.
pub(super) fn ordinal(index: usize) -> String {
    format!("entry {} of the list", index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_short_enough_to_be_read() {
        assert_eq!(ids_words(&BTreeSet::from([2, 1])), "1 and 2");
        assert_eq!(ids_words(&(1..=6).collect()), "1, 2, 3, 4, 5 and 6");
        assert_eq!(ids_words(&(1..=12).collect()), "1, 2, 3, 4, 5 and 7 more");
        assert_eq!(methods_words(&[Method::Get, Method::Put]), "GET, PUT");
    }
}
