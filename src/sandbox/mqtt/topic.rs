//! Filters of topics, as the platform has them: `+`, `#`, several names in one level, and conditions in front.
//!
//! ```text
//! flespi/log/platform/limits/+/created,deleted
//! $filter/cid=42&payload=token_id%3D%3D7/flespi/log/platform/#
//! ```

use serde_json::Value;

use super::super::{expression::Expression, request, selector};

/// Levels of a filter.
const LEVEL_LIMIT: usize = 64;

/// Names in one level.
const NAME_LIMIT: usize = 64;

/// Why a filter is not taken, as the answer to a subscription has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It is no filter.
    Invalid,
    /// It shares a subscription, which is not served here.
    Shared,
}

/// A filter.
#[derive(Debug)]
pub(super) struct Filter {
    levels: Vec<Level>,
    /// The account to whose branch messages are narrowed.
    pub(super) cid: Option<u64>,
    payload: Option<Expression>,
}

#[derive(Debug, PartialEq, Eq)]
enum Level {
    /// `+`
    Any,
    /// `#`: this level, all below, and the one above.
    Rest,
    Names(Vec<String>),
}

impl Filter {
    pub(super) fn parse(text: &str) -> Result<Self, Unfit> {
        if text.starts_with("$share/") {
            return Err(Unfit::Shared);
        }
        let (mut cid, mut payload) = (None, None);
        let topic = match text.strip_prefix("$filter/") {
            None => text,
            Some(rest) => {
                let (conditions, topic) = rest.split_once('/').ok_or(Unfit::Invalid)?;
                for condition in conditions.split('&') {
                    let (name, value) = condition.split_once('=').ok_or(Unfit::Invalid)?;
                    match name {
                        "cid" => cid = Some(value.parse().map_err(|_| Unfit::Invalid)?),
                        "payload" => {
                            let text = request::decode(value, false).map_err(|_| Unfit::Invalid)?;
                            let read = Expression::parse(&text, 0).map_err(|_| Unfit::Invalid)?;
                            payload = Some(read);
                        }
                        _ => return Err(Unfit::Invalid),
                    }
                }
                topic
            }
        };
        let mut levels = Vec::new();
        for level in topic.split('/') {
            if levels.len() == LEVEL_LIMIT || levels.last() == Some(&Level::Rest) {
                return Err(Unfit::Invalid);
            }
            levels.push(match level {
                "+" => Level::Any,
                "#" => Level::Rest,
                names if names.contains(['+', '#']) => return Err(Unfit::Invalid),
                names => {
                    let names: Vec<String> = names.split(',').map(str::to_owned).collect();
                    if names.len() > NAME_LIMIT {
                        return Err(Unfit::Invalid);
                    }
                    Level::Names(names)
                }
            });
        }
        match topic.is_empty() {
            true => Err(Unfit::Invalid),
            false => Ok(Self { levels, cid, payload }),
        }
    }

    /// Whether a topic fits.
    pub(super) fn fits(&self, topic: &str) -> bool {
        let mut levels = self.levels.iter();
        for name in topic.split('/') {
            match levels.next() {
                Some(Level::Rest) => return true,
                Some(Level::Any) => {}
                Some(Level::Names(names)) if names.iter().any(|known| known == name) => {}
                _ => return false,
            }
        }
        matches!(levels.next(), None | Some(Level::Rest))
    }

    /// Whether a message fits whose topic does.
    pub(super) fn accepts(&self, payload: &[u8]) -> bool {
        let Some(expression) = &self.payload else { return true };
        let payload: Value = serde_json::from_slice(payload).unwrap_or_default();
        let field = |name: &str| selector::nested(&payload, name).cloned().unwrap_or_default();
        expression.accepts(&field)
    }

    /// Whether a topic that begins with these names may fit.
    pub(super) fn reaches(&self, beginning: &[&str]) -> bool {
        for (level, name) in self.levels.iter().zip(beginning) {
            match level {
                Level::Rest => return true,
                Level::Any => {}
                Level::Names(names) if names.iter().any(|known| known == name) => {}
                Level::Names(_) => return false,
            }
        }
        self.levels.len() >= beginning.len()
    }

    /// Whether all that fits begins with these names.
    pub(super) fn is_below(&self, beginning: &[&str]) -> bool {
        self.levels.len() >= beginning.len()
            && self.levels.iter().zip(beginning).all(|(level, name)| {
                matches!(level, Level::Names(names) if names.iter().all(|known| known == name))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::{Filter, Unfit};

    #[test]
    fn wildcards_and_names_fit_what_they_stand_for() {
        for (filter, topic, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/b/c", false),
            ("a/+", "a/b", true),
            ("a/+", "a", false),
            ("a/#", "a/b/c", true),
            ("a/#", "a", true),
            ("#", "a/b", true),
            ("+/+", "a", false),
            ("a/+/created,deleted", "a/5/deleted", true),
            ("a/+/created,deleted", "a/5/updated", false),
            ("$filter/cid=7/a/+", "a/b", true),
        ] {
            assert_eq!(Filter::parse(filter).unwrap().fits(topic), expected, "{filter} {topic}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        let deep = vec!["a"; 65].join("/");
        let many = vec!["a"; 65].join(",");
        for filter in [
            "",
            "a/#/b",
            "a/b#",
            "a/b+",
            "$filter/a",
            "$filter/cid=x/a",
            "$filter/cid=1/",
            "$filter/payload=%zz/a",
            "$filter/payload=(/a",
            "$filter/what=1/a",
            &deep,
            &many,
        ] {
            assert_eq!(Filter::parse(filter).err(), Some(Unfit::Invalid), "{filter}");
        }
        assert_eq!(Filter::parse("$share/g/a").err(), Some(Unfit::Shared));
    }

    #[test]
    fn conditions_narrow_by_account_and_by_payload() {
        let filter = Filter::parse("$filter/payload=new.id%3D%3D5&cid=42/a/#").unwrap();
        assert_eq!(filter.cid, Some(42));
        assert!(filter.accepts(br#"{"new":{"id":5}}"#));
        assert!(!filter.accepts(br#"{"new":{"id":6}}"#));
        assert!(!filter.accepts(b"no JSON"));
    }

    #[test]
    fn what_a_filter_may_reach_is_known_before_a_topic_is() {
        let filter = |text| Filter::parse(text).unwrap();
        assert!(filter("flespi/+/platform/#").reaches(&["flespi", "log", "platform"]));
        assert!(!filter("flespi/log").reaches(&["flespi", "log", "platform"]));
        assert!(filter("flespi/log/platform/#").is_below(&["flespi"]));
        assert!(!filter("#").is_below(&["flespi"]));
        assert!(!filter("+/log").is_below(&["flespi"]));
    }
}
