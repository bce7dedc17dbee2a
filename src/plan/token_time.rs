//! What is known of the time of a token.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};

use crate::resource::{Address, At, Bound, Lifetime, Span};

/// The role of a token of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The current generation.
    Current,
    /// The next generation, whose key is not in every sink yet.
    Undelivered,
    /// A past generation, which is deleted soon.
    Retiring,
    /// The token of this run, which is not declared.
    Own,
}

/// What is known of the time of a token. All times are unix seconds of the platform; what is said of them is made of them
/// only when somebody asks, since most plans have many tokens and tell of few.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenTime {
    /// Its address; none for the token of this run if it is not declared.
    pub address: Option<Address>,
    /// Its id.
    pub id_on_platform: i64,
    /// Which one of its address it is, from 1 on.
    pub generation: u32,
    /// Its role.
    pub role: Role,
    /// Whether it is a master token.
    pub is_master: bool,
    /// Whether it is the token of this run.
    pub is_own: bool,
    /// When it expires; none if it does not, or if that is not known.
    pub lifetime: Option<Lifetime>,
    /// When its successor is due; none: not by schedule.
    pub rotates: Option<i64>,
    /// When it is deleted since its successor is there; none: it is not, or that waits for something without a time.
    pub retires: Option<i64>,
    /// Whether it expires within the horizon and is worth a warning.
    pub is_due: bool,
    /// Whether something of it comes up within the horizon.
    pub is_near: bool,
    /// When all of this was looked at.
    pub now: i64,
}

impl TokenTime {
    /// Seconds until it expires if unused.
    pub fn seconds_left(&self) -> Option<i64> {
        self.lifetime.map(|lifetime| self.until(lifetime.ends))
    }

    /// Which bound decides when it expires.
    pub fn bound(&self) -> Option<Bound> {
        self.lifetime.map(|lifetime| lifetime.bound)
    }

    /// Whether it expires then even if it is used.
    pub fn is_certain(&self) -> bool {
        self.lifetime.is_some_and(|lifetime| lifetime.is_certain())
    }

    /// Seconds since it was used last.
    pub fn seconds_unused(&self) -> Option<i64> {
        self.last_used().map(|at| self.now.saturating_sub(at))
    }

    /// Seconds until its successor is due.
    pub fn seconds_to_rotation(&self) -> Option<i64> {
        self.rotates.map(|at| self.until(at))
    }

    /// Seconds until it is deleted.
    pub fn seconds_to_deletion(&self) -> Option<i64> {
        self.retires.map(|at| self.until(at))
    }

    /// When the first of it comes.
    pub fn next(&self) -> Option<i64> {
        match self.role {
            Role::Retiring => self.retires,
            _ => self.lifetime.map(|lifetime| lifetime.ends).into_iter().chain(self.rotates).min(),
        }
    }

    /// All of it in words.
    pub fn words(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        if self.is_own {
            words.push("is the token of this run".to_owned());
        }
        let generation = self.generation;
        match self.role {
            Role::Undelivered => {
                words.push(format!("generation {generation} is not in every sink yet"));
            }
            Role::Retiring => {
                let end = match self.seconds_to_deletion() {
                    Some(..=0) => "is due for deletion".to_owned(),
                    Some(left) => format!("is deleted in {}", Span(left)),
                    None => "is deleted once it is no longer used".to_owned(),
                };
                words.push(format!("generation {generation} {end}, as its successor is delivered"));
            }
            Role::Current | Role::Own => {}
        }
        words.extend(self.lifetime.map(|lifetime| lifetime.words(self.now)));
        words.extend(self.seconds_to_rotation().map(|left| match left {
            ..=0 => "its rotation is due".to_owned(),
            left => format!("is rotated in {}", Span(left)),
        }));
        words.join("; ")
    }

    fn until(&self, at: i64) -> i64 {
        at.saturating_sub(self.now)
    }

    fn last_used(&self) -> Option<i64> {
        self.lifetime.and_then(|lifetime| lifetime.last_used)
    }
}

/// What is known of the time of a token.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TokenTime")]
struct Written<'a> {
    /// Its address; null for the token of this run if it is not declared.
    address: Option<&'a Address>,
    /// Its id.
    id_on_platform: i64,
    /// Which one of its address it is, from 1 on.
    generation: u32,
    /// Its role.
    role: Role,
    /// Whether it is a master token.
    is_master: bool,
    /// When it expires if unused, RFC 3339; null if unknown.
    ends: Option<String>,
    /// Seconds until then.
    seconds_left: Option<i64>,
    /// Which bound decides that.
    bound: Option<Bound>,
    /// Whether it expires then even if it is used.
    is_certain: bool,
    /// When it was used last, RFC 3339; null: never, or not known.
    last_used: Option<String>,
    /// When its successor is due, RFC 3339; null: not by schedule.
    rotates: Option<String>,
    /// When it is deleted since its successor is there, RFC 3339; null: it is not, or that waits for
    /// something without a time.
    retires: Option<String>,
    /// Whether it expires within the horizon and is worth a warning.
    is_due: bool,
    /// All of it in words.
    words: String,
    /// Whether it is the token of this run.
    is_own: bool,
}

impl Serialize for TokenTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let at = |at: Option<i64>| at.map(|at| At(at).to_string());
        let written = Written {
            address: self.address.as_ref(),
            id_on_platform: self.id_on_platform,
            generation: self.generation,
            role: self.role,
            is_master: self.is_master,
            ends: at(self.lifetime.map(|lifetime| lifetime.ends)),
            seconds_left: self.seconds_left(),
            bound: self.bound(),
            is_certain: self.is_certain(),
            last_used: at(self.last_used()),
            rotates: at(self.rotates),
            retires: at(self.retires),
            is_due: self.is_due,
            words: self.words(),
            is_own: self.is_own,
        };
        written.serialize(serializer)
    }
}

impl JsonSchema for TokenTime {
    fn schema_name() -> Cow<'static, str> {
        Written::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Written::json_schema(generator)
    }
}
