//! A request that somebody asks about: method and path, or publish or subscribe and a topic.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::grant::has_items;
use super::method::Method;
use super::topic;

/// A request, and what is known of how it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub target: Target,
    /// How.
    pub circumstances: Circumstances,
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Something of the REST API.
    Rest {
        /// The method.
        method: Method,
        /// `gw`, `storage`, `mqtt`, `ai`, `platform`, `auth`.
        module: String,
        /// `devices`; in modules without items the rest of the path.
        item_type: Option<String>,
        /// Which items; none where something is created.
        selector: Option<Selector>,
        /// `messages`; the path after it makes no difference.
        submodule: Option<String>,
    },
    /// Sending a message on a topic.
    Publish(String),
    /// Receiving the messages of a topic or a topic filter.
    Subscribe(String),
}

/// Which items a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// Every item.
    All,
    /// These.
    Ids(BTreeSet<i64>),
    /// Those that meet a condition, whichever they are.
    Where(String),
}

/// What is known of how a request is made; what is not said is left open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// The address it comes from.
    pub ip: Option<String>,
    /// The web origin of the page that makes it.
    pub origin: Option<String>,
    /// When, in unix seconds.
    pub at: Option<i64>,
    /// Whether the items that it names are in groups.
    pub in_groups: Option<bool>,
}

/// Why a text is no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRequest {
    /// The first word is none of those that are known.
    #[error("`{0}` is neither a method nor `publish` or `subscribe`")]
    Verb(String),
    /// There is no path or topic.
    #[error("`{0}` lacks {1}")]
    Incomplete(String, &'static str),
    /// Only creating goes without a selector.
    #[error("{method} {path} lacks a selector: write {path}/all, or ids such as {path}/1,2")]
    NoSelector {
        /// The method.
        method: Method,
        /// The path.
        path: String,
    },
    /// The topic has a form that MQTT does not know.
    #[error("the topic `{0}` {1}")]
    Topic(String, &'static str),
}

impl FromStr for Request {
    type Err = InvalidRequest;

    /// Reads `GET gw/devices/123/messages`, `publish site/7/state`, `subscribe site/#`.
    fn from_str(text: &str) -> Result<Self, InvalidRequest> {
        match text.trim().split_once(char::is_whitespace) {
            Some((verb, object)) => Self::new(verb, object.trim()),
            None => Self::new(text.trim(), ""),
        }
    }
}

impl Request {
    /// The request with this method, or `publish` or `subscribe`, and this path or topic.
    ///
    /// # Errors
    /// [`InvalidRequest`] for what the platform could not be asked.
    pub fn new(verb: &str, object: &str) -> Result<Self, InvalidRequest> {
        let target = match verb {
            "publish" | "subscribe" if object.is_empty() => {
                return Err(InvalidRequest::Incomplete(verb.to_owned(), "a topic"));
            }
            "publish" => {
                check_topic(object, topic::topic(object))?;
                Target::Publish(object.to_owned())
            }
            "subscribe" => {
                check_topic(object, topic::filter(topic::without_prefixes(object)))?;
                Target::Subscribe(object.to_owned())
            }
            method => match method.parse() {
                Ok(method) => rest(method, object)?,
                Err(()) => return Err(InvalidRequest::Verb(verb.to_owned())),
            },
        };
        Ok(Self { target, circumstances: Circumstances::default() })
    }
}

fn check_topic<T>(text: &str, read: Result<T, topic::Malformed>) -> Result<(), InvalidRequest> {
    read.map(|_| ()).map_err(|why| InvalidRequest::Topic(text.to_owned(), why.words()))
}

fn rest(method: Method, path: &str) -> Result<Target, InvalidRequest> {
    let without_host = path
        .split_once("://")
        .map_or(path, |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
    let plain = without_host.trim_matches('/');
    let segments = segments(plain);
    let mut segments = segments.iter();
    let incomplete = || InvalidRequest::Incomplete(method.to_string(), "a path");
    let module = segments.next().filter(|module| !module.is_empty()).ok_or_else(incomplete)?;
    let module = module.clone();
    if !has_items(&module) {
        // What stands behind the module is granted with it or not at all.
        let rest: Vec<&str> = segments.map(String::as_str).collect();
        let item_type = (!rest.is_empty()).then(|| rest.join("/"));
        return Ok(Target::Rest { method, module, item_type, selector: None, submodule: None });
    }
    let lacks_type = || InvalidRequest::Incomplete(format!("{method} {plain}"), "an item type");
    let item_type = segments.next().ok_or_else(lacks_type)?.clone();
    let selector = segments.next().map(|text| Selector::of(text));
    if selector.is_none() && method != Method::Post {
        return Err(InvalidRequest::NoSelector { method, path: format!("{module}/{item_type}") });
    }
    let submodule = segments.next().cloned();
    Ok(Target::Rest { method, module, item_type: Some(item_type), selector, submodule })
}

/// The parts of a path between slashes; those inside the braces of an expression are its own.
fn segments(path: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0_usize;
    for character in path.chars() {
        match character {
            '?' if depth == 0 && !parts.last().is_some_and(|part| part.contains('=')) => break,
            '/' if depth == 0 => parts.push(String::new()),
            _ => {
                match character {
                    '{' => depth += 1,
                    '}' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                if let Some(part) = parts.last_mut() {
                    part.push(character);
                }
            }
        }
    }
    parts.into_iter().map(|part| decoded(&part)).collect()
}

/// With `%2C` and the like undone; what is no such code stays.
fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

impl Selector {
    /// Reads `1`, `1,2`, `all`, `cid=5`, `1,cid=5`, `{name=="x"}`. A condition beside ids only takes some of them away.
    fn of(text: &str) -> Self {
        if text.starts_with('{') {
            return Self::Where(text.to_owned());
        }
        let parts = || text.split(',').map(str::trim);
        if parts().all(|part| part == "all") {
            return Self::All;
        }
        let ids: BTreeSet<i64> = parts().filter_map(|part| part.parse().ok()).collect();
        match ids.is_empty() || parts().any(|part| part == "all") {
            true => Self::Where(text.to_owned()),
            false => Self::Ids(ids),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => formatter.write_str("all"),
            Self::Where(text) => formatter.write_str(text),
            Self::Ids(ids) => {
                let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
                formatter.write_str(&ids.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(path: &str) -> Option<Selector> {
        match path.parse::<Request>().unwrap().target {
            Target::Rest { selector, .. } => selector,
            _ => None,
        }
    }

    #[test]
    fn selectors_are_read_as_the_platform_reads_them() {
        assert_eq!(selector("GET gw/devices/1"), Some(Selector::Ids([1].into())));
        assert_eq!(selector("GET /gw/devices/2,1/messages"), Some(Selector::Ids([1, 2].into())));
        assert_eq!(selector("GET gw/devices/1%2C2"), Some(Selector::Ids([1, 2].into())));
        assert_eq!(selector("GET gw/devices/1,cid=5"), Some(Selector::Ids([1].into())));
        assert_eq!(selector("GET gw/devices/all?fields=id"), Some(Selector::All));
        assert_eq!(selector("GET gw/devices/cid=5"), Some(Selector::Where("cid=5".into())));
        assert_eq!(selector("GET gw/devices/all,cid=5"), Some(Selector::Where("all,cid=5".into())));
        assert_eq!(selector("POST gw/devices"), None);
        let expression = r#"GET gw/devices/{name=="a/b" && id!=4}/logs"#;
        let request: Request = expression.parse().unwrap();
        let Target::Rest { selector, submodule, .. } = request.target else { panic!() };
        assert_eq!(selector, Some(Selector::Where(r#"{name=="a/b" && id!=4}"#.into())));
        assert_eq!(submodule.as_deref(), Some("logs"));
    }

    #[test]
    fn what_cannot_be_asked_is_told() {
        for (text, why) in [
            ("LOOK gw/devices/1", "`LOOK` is neither a method nor `publish` or `subscribe`"),
            ("GET", "`GET` lacks a path"),
            ("GET gw", "`GET gw` lacks an item type"),
            (
                "GET gw/devices",
                "GET gw/devices lacks a selector: write gw/devices/all, or ids such as gw/devices/1,2",
            ),
            ("publish", "`publish` lacks a topic"),
            (
                "publish a/#",
                "the topic `a/#` has a wildcard, and messages are published on one topic",
            ),
            ("subscribe a/#/b", "the topic `a/#/b` has `#` before its last level"),
        ] {
            assert_eq!(text.parse::<Request>().unwrap_err().to_string(), why);
        }
    }
}
