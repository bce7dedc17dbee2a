//! The name of a run: one pass, from reading the platform to the last write.
//!
//! It stands in the log, in the lock, in the history, and goes out with every call as
//! `x-flespi-trace`, so that all of them can be put together afterwards.

use std::fmt;

use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

/// Names a run: the time at which it began, its thousandths in two characters, and a few random ones,
/// `20261121-233344-k3f9m`. Sorted as text, runs are in the order in which they began.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct RunId(String);

/// Notes and records are files, and who can write them can write anything there.
impl<'de> Deserialize<'de> for RunId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("not the name of a run"))
    }
}

/// Without those that are mistaken for each other when read aloud; in the order of text.
const LETTERS: &[u8] = b"23456789abcdefghjkmnpqrstuvwxyz";

/// The longest `x-flespi-trace` that the platform takes, in characters.
const LONGEST_TRACE: usize = 31;

impl RunId {
    /// A new name for a run that begins now.
    pub fn new() -> Self {
        Self::at(jiff::Timestamp::now())
    }

    fn at(time: jiff::Timestamp) -> Self {
        let letter = |place: usize| char::from(LETTERS[place % LETTERS.len()]);
        let second = time.strftime("%Y%m%d-%H%M%S");
        let thousandths = usize::try_from(time.subsec_millisecond()).unwrap_or_default();
        let fine = thousandths * LETTERS.len().pow(2) / 1_000;
        let fine = [letter(fine / LETTERS.len()), letter(fine)];
        let mut chance = rand::rng();
        let tail = (0..3).map(|_| letter(chance.random_range(0..LETTERS.len())));
        Self(format!("{second}-{}", fine.into_iter().chain(tail).collect::<String>()))
    }

    /// The name of a further pass of this run; the first pass has that of the run.
    #[must_use]
    pub fn pass(&self, number: usize) -> Self {
        match number {
            0 | 1 => self.clone(),
            _ => Self(format!("{}-{number}", self.0)),
        }
    }

    /// The name of the run of which this is a pass.
    #[must_use]
    pub fn first_pass(&self) -> Self {
        match self.split() {
            Some((run, _)) => Self(run.to_owned()),
            None => self.clone(),
        }
    }

    /// The number of this pass within its run, from 1 on.
    pub fn number(&self) -> usize {
        self.split().map_or(1, |(_, number)| number)
    }

    /// The run and the number of a further pass.
    fn split(&self) -> Option<(&str, usize)> {
        let (run, number) = self.0.rsplit_once('-')?;
        // The name of a run has two dashes itself.
        let is_whole = run.matches('-').count() == 2;
        Some((run, number.parse().ok().filter(|number| is_whole && *number > 1)?))
    }

    /// Reads a name; `None` if it cannot be one. What passes is also safe as a part of a file name.
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let fits = (1..=LONGEST_TRACE).contains(&text.len()) && text.bytes().all(is_plain);
        fits.then(|| Self(text.to_owned()))
    }

    /// What goes out as `x-flespi-trace`: the name and, if it fits, the commit that the manifests are from, by the first
    /// characters of its hash.
    pub fn trace(&self, commit: Option<&str>) -> String {
        let is_plain = |commit: &&str| commit.bytes().all(|byte| byte.is_ascii_alphanumeric());
        match commit.filter(is_plain) {
            Some(commit) if self.0.len() + 1 + commit.len() <= LONGEST_TRACE => {
                format!("{}-{commit}", self.0)
            }
            _ => self.0.clone(),
        }
    }

    /// The name as it travels.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for RunId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The name of this machine; `unknown` where the system does not say it in a file.
pub(crate) fn this_host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.or_else(|| std::env::var("COMPUTERNAME").ok());
    name.map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}

/// Seconds for people: `4 s`, `3 min`, `2 h`, `5 d`.
pub(crate) fn span(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_one_second_are_in_order_too() {
        let at = |milliseconds: i64| {
            RunId::at(jiff::Timestamp::from_millisecond(1_795_300_000_000 + milliseconds).unwrap())
        };
        for milliseconds in (0_i64..3_000).step_by(7) {
            let (earlier, later) = (at(milliseconds), at(milliseconds + 3));
            assert!(earlier < later, "{earlier} {later}");
        }
    }

    #[test]
    fn a_further_pass_knows_its_run_and_its_number() {
        let run = RunId::parse("20261121-233344-k3f9m").unwrap();
        for number in [1, 2, 12] {
            let pass = run.pass(number);
            assert_eq!((pass.first_pass(), pass.number()), (run.clone(), number), "{pass}");
        }
        let odd = RunId::parse("20261121-233344").unwrap();
        assert_eq!((odd.first_pass(), odd.number()), (odd.clone(), 1));
    }

    #[test]
    fn a_trace_names_the_commit_where_there_is_room_for_it() {
        let run = RunId::new();
        assert_eq!(run.trace(None), run.as_str());
        assert_eq!(run.trace(Some("1a2b3c4")), format!("{run}-1a2b3c4"));
        assert!(run.pass(99).trace(Some("1a2b3c4")).len() <= 31);
        assert_eq!(run.pass(999).trace(Some("1a2b3c4")), run.pass(999).as_str());
        assert_eq!(run.trace(Some("\r\nx")), run.as_str());
    }

    #[test]
    fn a_name_fits_the_platforms_trace_header_and_reads_back() {
        let run = RunId::new();
        assert!(run.as_str().len() <= 31, "{run}");
        assert_eq!(RunId::parse(run.as_str()), Some(run));
        for text in ["", "../x", "a b", "12345678901234567890123456789012"] {
            assert_eq!(RunId::parse(text), None, "{text}");
        }
    }
}
