//! From where a token may be used, and until when.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::pattern::{self, Pattern};
use super::request::Circumstances;

/// The platform's own sites, in origins: a name for a set of masks that only the platform knows.
const PRESET: &str = "flespi";

/// From where a token may be used, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// Masks of addresses; none at all means any address.
    ips: Option<Masks>,
    /// Web origins; none at all means any origin, an empty set no browser.
    origins: Option<Masks>,
    /// Seconds that it stays valid after its creation or last use; 0: being used keeps it alive no longer.
    pub ttl: i64,
    /// Until when it is valid in any case, in unix seconds; 0: no such time.
    pub expire: i64,
}

/// Patterns by the text that they were read from.
type Masks = BTreeMap<String, Pattern<char>>;

impl Bounds {
    pub(super) fn of<'a>(field: impl Fn(&str) -> Option<&'a Value>) -> Self {
        let number = |name: &str| field(name).and_then(Value::as_i64).unwrap_or(0).max(0);
        Self {
            ips: field("ips").and_then(ips),
            origins: field("origins").and_then(origins),
            ttl: number("ttl"),
            expire: number("expire"),
        }
    }

    /// Whether it matters from which address a request comes.
    #[must_use]
    pub fn has_ips(&self) -> bool {
        bounding(&self.ips).is_some()
    }

    /// Why a request that is made like this is refused, whatever it asks for.
    pub(super) fn refusal(&self, circumstances: &Circumstances) -> Option<String> {
        let Circumstances { ip, origin, at, in_groups: _ } = circumstances;
        if let (Some(masks), Some(ip)) = (&self.ips, ip)
            && !matches(masks, ip)
        {
            return Some(format!("{ip} is not one of its addresses ({})", listed(masks)));
        }
        if let (Some(masks), Some(origin)) = (&self.origins, origin)
            && !matches(masks, origin)
        {
            return Some(match masks.is_empty() {
                true => "no browser may use it".to_owned(),
                false => format!("{origin} is not one of its origins ({})", listed(masks)),
            });
        }
        // Since when it was not used is not known; with a time to live it may be valid at any time.
        match at {
            Some(at) if self.expire != 0 && self.ttl == 0 && *at >= self.expire => {
                Some(format!("it expired {}", time(self.expire)))
            }
            _ => None,
        }
    }

    /// What else has to hold, where the circumstances leave it open.
    pub(super) fn conditions(&self, circumstances: &Circumstances) -> Vec<String> {
        let mut conditions = Vec::new();
        if let (Some(masks), None) = (&self.ips, &circumstances.ip) {
            conditions.push(format!("only from {}", listed(masks)));
        }
        if let (Some(masks), None) = (&self.origins, &circumstances.origin) {
            conditions.push(match masks.is_empty() {
                true => "not from a browser".to_owned(),
                false => format!("in a browser only on pages of {}", listed(masks)),
            });
        }
        match (self.ttl, self.expire) {
            (0, 0) => {}
            (0, expire) => conditions.push(format!("until {}", time(expire))),
            (ttl, 0) => conditions.push(format!("until {} after its last use", duration(ttl))),
            (ttl, expire) => conditions.push(format!(
                "until {} or {} after its last use, whichever is later",
                time(expire),
                duration(ttl)
            )),
        }
        conditions
    }

    /// In which ways this is bounded less than `other`, in words: (what it gains, what it loses).
    pub(super) fn against(&self, other: &Self) -> (Vec<String>, Vec<String>) {
        let mut gained = Vec::new();
        let mut lost = Vec::new();
        masks_against(&self.ips, &other.ips, "IP", &mut gained, &mut lost);
        masks_against(&self.origins, &other.origins, "origin", &mut gained, &mut lost);
        let ttl = || format!("{} after its last use instead of", duration(self.ttl));
        match (self.ttl, other.ttl) {
            (a, b) if a == b => {}
            (a, 0) => gained.push(format!("stays valid for {} after each use", duration(a))),
            (0, b) => {
                lost.push(format!("no longer stays valid for {} after each use", duration(b)))
            }
            (a, b) if a > b => gained.push(format!("stays valid for {} {}", ttl(), duration(b))),
            (_, b) => lost.push(format!("stays valid for {} {} only", ttl(), duration(b))),
        }
        match (self.expire, other.expire) {
            (a, b) if a == b => {}
            (a, 0) => gained.push(format!("is valid until {} even if unused", time(a))),
            (0, b) => lost.push(format!("is no longer valid until {} if unused", time(b))),
            (a, b) if a > b => gained.push(format!("expires {} instead of {}", time(a), time(b))),
            (a, b) => lost.push(format!("expires {} already, instead of {}", time(a), time(b))),
        }
        (gained, lost)
    }
}

/// Words for how one set of masks differs from another.
fn masks_against(
    a: &Option<Masks>,
    b: &Option<Masks>,
    what: &str,
    gained: &mut Vec<String>,
    lost: &mut Vec<String>,
) {
    match (bounding(a), bounding(b)) {
        (None, None) => {}
        (None, Some(b)) => gained.push(format!("loses its {what} bound ({})", listed(b))),
        (Some(a), None) => lost.push(format!("gains an {what} bound ({})", listed(a))),
        (Some(a), Some(b)) => {
            let allows =
                |verb: &str, masks: Vec<String>| format!("{verb} the {what}s {}", masks.join(", "));
            let more = pattern::uncovered(a, b, pattern::none);
            let less = pattern::uncovered(b, a, pattern::none);
            if !more.is_empty() {
                gained.push(allows("gains", more));
            }
            if !less.is_empty() {
                lost.push(allows("loses", less));
            }
        }
    }
}

/// A bound that leaves nothing out is none.
fn bounding(masks: &Option<Masks>) -> Option<&Masks> {
    let masks = masks.as_ref()?;
    let patterns: Vec<Pattern<char>> = masks.values().cloned().collect();
    (!pattern::covered(&pattern::mask("*"), &patterns, pattern::none)).then_some(masks)
}

/// The platform's comma-separated masks; the empty text bounds nothing.
fn ips(value: &Value) -> Option<Masks> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
        }
        other => return Some(unreadable(other)),
    };
    let masks = text.split(',').map(str::trim).filter(|mask| !mask.is_empty());
    let masks: Masks = masks.map(|mask| (mask.to_owned(), pattern::mask(mask))).collect();
    (!masks.is_empty()).then_some(masks)
}

fn origins(value: &Value) -> Option<Masks> {
    let read = |item: &Value| match item {
        Value::String(text) => Some((text.clone(), pattern::mask(text))),
        // Which sites these are is the platform's to say; as a name they are like nothing but themselves.
        other => {
            let preset = other.get("preset")?.as_str()?;
            let name = if preset == PRESET { "flespi's own sites" } else { preset };
            Some((name.to_owned(), pattern::literal(&format!("preset {preset}"))))
        }
    };
    match value {
        Value::Null => None,
        Value::String(text) if text == "*" => None,
        Value::String(text) if !text.is_empty() => read(value).map(|mask| Masks::from([mask])),
        Value::Array(items) => Some(items.iter().filter_map(read).collect()),
        other => Some(unreadable(other)),
    }
}

/// A bound in a form that is not known: a bound all the same, which nothing is known to keep.
fn unreadable(value: &Value) -> Masks {
    let text = value.to_string();
    Masks::from([(text.clone(), pattern::literal(&text))])
}

fn matches(masks: &Masks, text: &str) -> bool {
    let patterns: Vec<Pattern<char>> = masks.values().cloned().collect();
    pattern::covered(&pattern::literal(text), &patterns, pattern::none)
}

fn listed(masks: &Masks) -> String {
    match masks.is_empty() {
        true => "none".to_owned(),
        false => masks.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
    }
}

fn time(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

/// In the largest units that leave no rest; a day has 24 hours.
pub(crate) fn duration(seconds: i64) -> String {
    const DAY: i64 = 86_400;
    match seconds % DAY {
        0 => format!("{}d", seconds / DAY),
        _ => format!("{:#}", SignedDuration::from_secs(seconds)),
    }
}
