//! Topics: which ones tell of changes of a kind, and which kind a topic is about.

use crate::assumptions::EVENT_WORDS;
use crate::resource::Kind;

/// What all log topics of the platform's own items begin with.
const LOG: &str = "flespi/log/platform";

/// The filter of all changes of objects of `kind`.
pub(super) fn filter(kind: Kind) -> String {
    let collection = match kind.container() {
        Some((holder, _)) => format!("{}/+/{}", holder.collection(), kind.collection()),
        None => kind.collection().to_owned(),
    };
    format!("{LOG}/{collection}/+/{}", EVENT_WORDS.join(","))
}

/// A change, as far as a topic says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) kind: Kind,
    pub(super) id: i64,
    pub(super) event: &'static str,
}

/// What a topic is about; none if it is no change of an object.
pub(super) fn subject(topic: &[u8]) -> Option<Subject> {
    let topic = std::str::from_utf8(topic).ok()?;
    let mut rest = topic.strip_prefix(LOG)?.strip_prefix('/')?.split('/');
    let mut kind = Kind::of_collection(rest.next()?).filter(|kind| kind.container().is_none())?;
    let mut id = rest.next()?;
    let mut last = rest.next()?;
    if let Some(inner) = rest.next() {
        let is_inside = |inner: &Kind| {
            inner.container().is_some_and(|(holder, _)| holder == kind)
                && inner.collection() == last
        };
        kind = Kind::ALL.into_iter().find(is_inside)?;
        (id, last) = (inner, rest.next()?);
    }
    let event = EVENT_WORDS.into_iter().find(|word| *word == last)?;
    let subject = Subject { kind, id: id.parse().ok()?, event };
    rest.next().is_none().then_some(subject)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_filter_whose_topics_lead_back_to_it() {
        for kind in Kind::ALL {
            let filter = filter(kind);
            let (path, events) = filter.rsplit_once('/').unwrap();
            assert_eq!(events, EVENT_WORDS.join(","));
            for event in EVENT_WORDS {
                let topic = format!("{}/{event}", path.replace('+', "7"));
                let subject = subject(topic.as_bytes()).unwrap();
                assert_eq!(subject, Subject { kind, id: 7, event }, "{topic}");
            }
        }
        assert_eq!(
            filter(Kind::Limit),
            "flespi/log/platform/limits/+/created,updated,deleted,restored"
        );
    }

    #[test]
    fn a_foreign_topic_is_about_nothing() {
        for topic in [
            "",
            "flespi/log/platform",
            "flespi/log/platform/limits/7",
            "flespi/log/platform/limits/x/created",
            "flespi/log/platform/limits/7/exploded",
            "flespi/log/platform/limits/7/created/more",
            "flespi/log/platform/users/7/created",
            "flespi/log/platform/limits/7/users/8/created",
            "flespi/log/platform/customer/7/created",
            "flespi/log/gw/devices/7/created",
            "flespi/state/platform/limits/7",
            "xflespi/log/platform/limits/7/created",
        ] {
            assert_eq!(subject(topic.as_bytes()), None, "{topic}");
        }
        assert_eq!(subject(b"flespi/log/platform/limits/\xff/created"), None);
    }
}
