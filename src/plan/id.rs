//! What steps are called.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::resource::{Address, Phase};

/// Names a step within its plan.
///
/// ```text
/// limit:limit/starter                          the only one of its phase for an address
/// token:token/fleet/trackit:generation-3       the third generation of a token is made
/// token:token/fleet/trackit:generation-2:retire
/// credentials:token/fleet/bootstrap:4711       a token that was left by an interrupted run is deleted
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StepId {
    phase: Phase,
    address: Address,
    part: Part,
}

/// Which one it is of several steps of a phase for one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Part {
    /// There is only this one.
    Whole,
    /// This is done to, or with, the generation of a token with this number.
    Generation(u32, Deed),
    /// It is about the left-over token with this id.
    Leftover(i64),
}

/// What is done about one generation of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Deed {
    /// It is made.
    Issue,
    /// It is brought in line with its manifest while it still lives.
    Update,
    /// Its key goes to its sinks.
    Deliver,
    /// It goes, since its successor is delivered.
    Retire,
    /// It is deleted, since it is no longer declared.
    Delete,
    /// It is let go, and stays as it is.
    Forget,
}

impl Deed {
    const ALL: [Self; 6] =
        [Self::Issue, Self::Update, Self::Deliver, Self::Retire, Self::Delete, Self::Forget];

    /// How it ends the text of an id.
    fn suffix(self) -> &'static str {
        match self {
            Self::Issue => "",
            Self::Update => ":update",
            Self::Deliver => ":deliver",
            Self::Retire => ":retire",
            Self::Delete => ":delete",
            Self::Forget => ":forget",
        }
    }
}

impl StepId {
    /// The only step of a phase for an address.
    pub fn of(phase: Phase, address: &Address) -> Self {
        Self { phase, address: address.clone(), part: Part::Whole }
    }

    /// What the step does, for people: `limit/starter: create`, `token/app: delete generation 2`.
    pub fn title(&self, action: &str) -> String {
        let phase = self.phase.as_str();
        let what = match self.part {
            Part::Whole if action == phase || phase == self.address.kind.as_str() => {
                action.to_owned()
            }
            Part::Whole => format!("{action} {phase}"),
            Part::Generation(number, _) => format!("{action} generation {number}"),
            Part::Leftover(token) => format!("{action} token {token}"),
        };
        format!("{}: {what}", self.address)
    }

    /// The object that the step is about.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// A step about one generation of a token.
    pub(super) fn of_generation(address: &Address, number: u32, deed: Deed) -> Self {
        let part = Part::Generation(number, deed);
        Self { phase: Phase::Of(address.kind), address: address.clone(), part }
    }

    /// The deletion of a token that only served to set credentials.
    pub(super) fn of_leftover(address: &Address, token: i64) -> Self {
        let part = Part::Leftover(token);
        Self { phase: Phase::Credentials, address: address.clone(), part }
    }
}

/// Steps of one phase and address stand in a plan in the order of their texts.
impl Ord for StepId {
    fn cmp(&self, other: &Self) -> Ordering {
        let of_address = (self.phase, &self.address).cmp(&(other.phase, &other.address));
        of_address.then_with(|| match self.part == other.part {
            true => Ordering::Equal,
            false => self.part.to_string().cmp(&other.part.to_string()),
        })
    }
}

impl PartialOrd for StepId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { phase, address, part } = self;
        write!(formatter, "{phase}:{address}{part}")
    }
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => Ok(()),
            Self::Generation(number, deed) => {
                write!(formatter, ":generation-{number}{}", deed.suffix())
            }
            Self::Leftover(token) => write!(formatter, ":{token}"),
        }
    }
}

/// A text that is not the id of a step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a step id")]
pub struct InvalidStepId(String);

impl FromStr for StepId {
    type Err = InvalidStepId;

    fn from_str(text: &str) -> Result<Self, InvalidStepId> {
        let parsed = || {
            let (phase, rest) = text.split_once(':')?;
            let (address, part) = rest.split_at(rest.find(':').unwrap_or(rest.len()));
            let phase = Phase::of_word(phase)?;
            Some(Self { phase, address: address.parse().ok()?, part: Part::read(part)? })
        };
        let id = parsed().filter(|id| id.to_string() == text);
        id.ok_or_else(|| InvalidStepId(text.to_owned()))
    }
}

impl Part {
    /// Reads what follows the address, with the colon before it.
    fn read(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::Whole);
        }
        let Some(generation) = text.strip_prefix(":generation-") else {
            return text.strip_prefix(':')?.parse().ok().map(Self::Leftover);
        };
        let end = generation.find(':').unwrap_or(generation.len());
        let (number, suffix) = generation.split_at(end);
        let deed = Deed::ALL.into_iter().find(|deed| deed.suffix() == suffix)?;
        Some(Self::Generation(number.parse().ok()?, deed))
    }
}

impl Serialize for StepId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StepId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl schemars::JsonSchema for StepId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "StepId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "Names a step within its plan.",
            "type": "string"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn every_id_reads_back_as_it_was_written() {
        let token = address("token/fleet/trackit-2.old");
        let mut ids = vec![
            (StepId::of_leftover(&token, 4711), ":4711"),
            (StepId::of_generation(&token, 3, Deed::Issue), ":generation-3"),
            (StepId::of_generation(&token, 3, Deed::Update), ":generation-3:update"),
            (StepId::of_generation(&token, 12, Deed::Deliver), ":generation-12:deliver"),
            (StepId::of_generation(&token, 1, Deed::Retire), ":generation-1:retire"),
            (StepId::of_generation(&token, 2, Deed::Forget), ":generation-2:forget"),
            (
                StepId::of_generation(&token, u32::MAX, Deed::Delete),
                ":generation-4294967295:delete",
            ),
        ];
        ids.extend(Phase::all().into_iter().map(|phase| (StepId::of(phase, &token), "")));
        for (id, end) in ids {
            let text = format!("{}:token/fleet/trackit-2.old{end}", id.phase);
            assert_eq!(id.to_string(), text);
            assert_eq!(text.parse(), Ok(id.clone()));
            let json = serde_json::to_string(&id).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<StepId>(&json).unwrap(), id);
        }
    }

    #[test]
    fn what_names_no_step_is_refused() {
        for text in [
            "",
            "limit",
            "limit:",
            "device:limit/a",
            "limit:limit/A",
            "limit:limit/a:",
            "limit:limit/a:x",
            "limit:limit/a:+1",
            "limit:limit/a:01",
            "token:token/a:generation-",
            "token:token/a:generation-+1",
            "token:token/a:generation-1:",
            "token:token/a:generation-1:burn",
            "token:token/a:generation-1:update:update",
        ] {
            let json = serde_json::Value::from(text);
            assert_eq!(text.parse::<StepId>(), Err(InvalidStepId(text.to_owned())));
            assert!(serde_json::from_value::<StepId>(json).is_err(), "{text}");
        }
    }

    #[test]
    fn ids_of_one_address_are_ordered_as_their_texts() {
        let token = address("token/a");
        let issue = |number| StepId::of_generation(&token, number, Deed::Issue);
        let mut ids = [
            issue(2),
            StepId::of_generation(&token, 2, Deed::Deliver),
            issue(10),
            StepId::of(Phase::Of(token.kind), &token),
            StepId::of_generation(&token, 1, Deed::Retire),
        ];
        let mut texts: Vec<String> = ids.iter().map(ToString::to_string).collect();
        ids.sort();
        texts.sort();
        assert_eq!(ids.map(|id| id.to_string()).to_vec(), texts);
    }
}
