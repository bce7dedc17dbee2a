//! What was seen, by question.

use std::collections::BTreeMap;

use super::caller::Heard;
use super::table::{Part, QUESTIONS};
use crate::profile::{Answer, Evidence};

/// Evidence that one answer keeps.
const MOST_EVIDENCE: usize = 4;

/// Answers, and reasons why there is none.
#[derive(Debug, Clone, Default)]
pub struct Book {
    answers: BTreeMap<&'static str, Answer>,
    untold: BTreeMap<&'static str, String>,
}

impl Book {
    /// What was seen of an assumption.
    pub fn answer(&self, name: &str) -> Option<&Answer> {
        self.answers.get(name)
    }

    /// Why nothing could be told of an assumption that was asked about, or cannot be.
    pub fn untold(&self, name: &str) -> Option<&str> {
        let cannot = || {
            QUESTIONS.iter().find_map(|question| match question.part {
                Part::Untold(why) if question.name == name => Some(why),
                _ => None,
            })
        };
        self.untold.get(name).map(String::as_str).or_else(cannot)
    }

    /// All answers.
    pub fn answers(&self) -> impl Iterator<Item = (&'static str, &Answer)> {
        self.answers.iter().map(|(name, answer)| (*name, answer))
    }

    /// Writes down that `heard` shows `value`.
    pub(super) fn found<'a>(
        &mut self,
        name: &'static str,
        value: impl Into<String>,
        heard: impl IntoIterator<Item = &'a Heard>,
    ) {
        let evidence: Vec<Evidence> =
            heard.into_iter().map(|heard| heard.evidence.clone()).collect();
        self.saw(name, value, evidence);
    }

    /// The same for what was no call.
    pub(super) fn saw(
        &mut self,
        name: &'static str,
        value: impl Into<String>,
        evidence: Vec<Evidence>,
    ) {
        let evidence = evidence.into_iter().take(MOST_EVIDENCE).collect();
        self.untold.remove(name);
        self.answers.insert(name, Answer { value: value.into(), evidence });
    }

    /// Writes down why nothing could be told.
    pub(super) fn cannot_tell(&mut self, name: &'static str, why: impl Into<String>) {
        if !self.answers.contains_key(name) {
            self.untold.insert(name, why.into());
        }
    }

    /// `yes` if the call was carried out, `no` if it was refused for who asks; anything else is not told.
    pub(super) fn admit(
        &mut self,
        name: &'static str,
        heard: &Heard,
        yes: &'static str,
        no: &'static str,
    ) {
        match (heard.is_done(), heard.is_forbidden()) {
            (true, _) => self.found(name, yes, [heard]),
            (_, true) => self.found(name, no, [heard]),
            _ => self.cannot_tell(name, heard.unexpected()),
        }
    }

    /// `yes` if the call was carried out, `no` if it was refused for what it asks; anything else is not told.
    pub(super) fn choose(
        &mut self,
        name: &'static str,
        heard: &Heard,
        yes: &'static str,
        no: &'static str,
    ) -> bool {
        if heard.is_done() {
            self.found(name, yes, [heard]);
        } else if heard.is_refused() {
            self.found(name, no, [heard]);
        } else {
            self.cannot_tell(name, heard.unexpected());
        }
        heard.is_done()
    }
}
