//! MQTT topics and topic filters.
//!
//! A filter is a pattern over levels: `+` is one level, `#` at the end is any number of them, its parent included
//! (MQTT 5.0, section 4.7). In the first level wildcards match no topic that begins with `$`; and since no access list can
//! open what lies below `flespi/` (token article), they do not match `flespi` there either.

use super::pattern::{self, Pattern, Piece};

/// The first level of the topics that the platform itself publishes.
pub(super) const PLATFORM_LEVEL: &str = "flespi";

/// Levels of a topic or a topic filter.
pub(super) type Filter = Pattern<String>;

/// Why a text is no topic or no filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Malformed {
    /// There is nothing.
    Empty,
    /// `#` stands before the end.
    HashInside,
    /// A wildcard shares its level with other characters.
    Mixed,
    /// A wildcard, where a message is to be sent.
    WildcardInTopic,
}

impl Malformed {
    /// What is wrong, as the end of a sentence about the topic.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Empty => "is empty",
            Self::HashInside => "has `#` before its last level",
            Self::Mixed => "has a wildcard that shares its level with other characters",
            Self::WildcardInTopic => "has a wildcard, and messages are published on one topic",
        }
    }
}

/// Reads a filter, such as one subscribes to or an access list names.
pub(super) fn filter(text: &str) -> Result<Filter, Malformed> {
    if text.is_empty() {
        return Err(Malformed::Empty);
    }
    let levels: Vec<&str> = text.split('/').collect();
    let last = levels.len() - 1;
    let pieces = levels.iter().enumerate().map(|(index, level)| match *level {
        "+" => Ok(Piece::One),
        "#" if index == last => Ok(Piece::Many),
        "#" => Err(Malformed::HashInside),
        level if level.contains(['+', '#']) => Err(Malformed::Mixed),
        level => Ok(Piece::Exactly(level.to_owned())),
    });
    pieces.collect()
}

/// Reads a topic, such as one publishes on.
pub(super) fn topic(text: &str) -> Result<Filter, Malformed> {
    let filter = filter(text)?;
    match filter.iter().all(|piece| matches!(piece, Piece::Exactly(_))) {
        true => Ok(filter),
        false => Err(Malformed::WildcardInTopic),
    }
}

/// What is subscribed to, without the prefixes that say how: `$share/GROUP/` and the platform's own `$filter/CONDITION/`.
pub(super) fn without_prefixes(mut text: &str) -> &str {
    loop {
        let rest = ["$share/", "$filter/"]
            .iter()
            .find_map(|prefix| text.strip_prefix(prefix))
            .and_then(|rest| rest.split_once('/'));
        match rest {
            Some((_, rest)) => text = rest,
            None => return text,
        }
    }
}

/// Whether wildcards leave out topics that begin with this level.
pub(super) fn is_reserved(level: &String) -> bool {
    level.starts_with('$') || level == PLATFORM_LEVEL
}

/// Whether the filter can only match topics of the platform itself.
pub(super) fn is_platform(filter: &[Piece<String>]) -> bool {
    matches!(filter.first(), Some(Piece::Exactly(level)) if level == PLATFORM_LEVEL)
}

/// Whether every topic that `one` matches is matched by one of `many`.
pub(super) fn covered(one: &[Piece<String>], many: &[Filter]) -> bool {
    pattern::covered(one, many, is_reserved)
}

/// Whether some topic matches both.
pub(super) fn meet(a: &[Piece<String>], b: &[Piece<String>]) -> bool {
    pattern::meet(a, b, is_reserved)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(many: &[&str], one: &str) -> bool {
        let many: Vec<Filter> = many.iter().map(|text| filter(text).unwrap()).collect();
        covered(&filter(one).unwrap(), &many)
    }

    #[test]
    fn the_examples_of_the_standard_hold() {
        assert!(covers(&["sport/tennis/player1/#"], "sport/tennis/player1"));
        assert!(covers(&["sport/tennis/player1/#"], "sport/tennis/player1/score/wimbledon"));
        assert!(covers(&["sport/+"], "sport/") && !covers(&["sport/+"], "sport"));
        assert!(covers(&["+/+"], "/finance") && covers(&["/+"], "/finance"));
        assert!(!covers(&["+"], "/finance"));
        assert!(!covers(&["#"], "$SYS/monitor") && !covers(&["+/monitor"], "$SYS/monitor"));
        assert!(covers(&["$SYS/#"], "$SYS/monitor"));
    }

    #[test]
    fn filters_cover_filters() {
        assert!(covers(&["site/#"], "site/+/state") && !covers(&["site/+/state"], "site/#"));
        assert!(covers(&["site", "site/+/#"], "site/#"));
        assert!(covers(&["#"], "+/+") && !covers(&["+/+"], "+/#"));
        assert!(!covers(&["#"], "flespi/#") && covers(&["#"], "#"));
    }

    #[test]
    fn filters_meet_where_one_topic_matches_both() {
        let meets = |a: &str, b: &str| meet(&filter(a).unwrap(), &filter(b).unwrap());
        assert!(meets("a/+/c", "a/b/#") && meets("a/#", "a") && meets("#", "x/y"));
        assert!(!meets("a/+", "b/#") && !meets("#", "flespi/state"));
    }

    #[test]
    fn what_is_no_filter_is_told() {
        assert_eq!(filter(""), Err(Malformed::Empty));
        assert_eq!(filter("a/#/b"), Err(Malformed::HashInside));
        assert_eq!(filter("a/b+"), Err(Malformed::Mixed));
        assert_eq!(topic("a/+"), Err(Malformed::WildcardInTopic));
    }

    #[test]
    fn how_one_subscribes_is_not_what_one_subscribes_to() {
        assert_eq!(without_prefixes("$share/workers/site/#"), "site/#");
        assert_eq!(without_prefixes("$filter/cid=7/$share/g/a/b"), "a/b");
        assert_eq!(without_prefixes("$SYS/a"), "$SYS/a");
    }
}
