//! Which incidents were told, so that each is told once, and once more when it is over.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::incident::Incident;

/// An incident is over when it stayed away for so long: what comes and goes is one incident.
pub(super) const OVER_AFTER: Duration = Duration::from_secs(60);

/// What was told.
#[derive(Debug, Default)]
pub(super) struct Book {
    open: BTreeMap<Incident, Open>,
}

/// An incident that was told and is not over.
#[derive(Debug, Clone)]
struct Open {
    since: Timestamp,
    says: String,
    /// Since when it has stayed away.
    away: Option<Instant>,
}

/// An incident as it is remembered from one process to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) incident: Incident,
    pub(super) since: Timestamp,
    pub(super) says: String,
}

/// What there is to tell.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    pub(super) begun: Vec<Kept>,
    pub(super) over: Vec<Kept>,
}

impl News {
    pub(super) fn is_empty(&self) -> bool {
        self.begun.is_empty() && self.over.is_empty()
    }
}

impl Book {
    /// What an earlier process told and did not see the end of.
    pub(super) fn of(kept: Vec<Kept>) -> Self {
        let open = kept
            .into_iter()
            .map(|Kept { incident, since, says }| (incident, Open { since, says, away: None }));
        Self { open: open.collect() }
    }

    /// All incidents that are not over.
    pub(super) fn kept(&self) -> Vec<Kept> {
        self.open.iter().map(|(incident, open)| kept(incident, open)).collect()
    }

    /// Takes in what is wrong now; what of that is news.
    pub(super) fn look(
        &mut self,
        present: &BTreeMap<Incident, String>,
        wall: Timestamp,
        now: Instant,
    ) -> News {
        let mut news = News::default();
        for (incident, says) in present {
            if let Some(open) = self.open.get_mut(incident) {
                open.away = None;
                continue;
            }
            let open = Open { since: wall, says: says.clone(), away: None };
            news.begun.push(kept(incident, &open));
            self.open.insert(incident.clone(), open);
        }
        self.open.retain(|incident, open| {
            if present.contains_key(incident) {
                return true;
            }
            let away = *open.away.get_or_insert(now);
            let stays = now.duration_since(away) < OVER_AFTER;
            if !stays {
                news.over.push(kept(incident, open));
            }
            stays
        });
        news
    }

    /// Whether something stays away and is not over yet, so that a look is due without any change.
    pub(super) fn is_waiting(&self) -> bool {
        self.open.values().any(|open| open.away.is_some())
    }
}

fn kept(incident: &Incident, open: &Open) -> Kept {
    let Open { since, says, away: _ } = open;
    Kept { incident: incident.clone(), since: *since, says: says.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::Topic;

    fn present(subjects: &[&str]) -> BTreeMap<Incident, String> {
        let all = subjects.iter().map(|subject| {
            let incident = Incident { topic: Topic::Failing, subject: (*subject).to_owned() };
            (incident, "no".to_owned())
        });
        all.collect()
    }

    fn subjects(kept: &[Kept]) -> Vec<&str> {
        kept.iter().map(|kept| kept.incident.subject.as_str()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn an_incident_is_told_once_and_once_when_it_stayed_away() {
        let (mut book, wall) = (Book::default(), Timestamp::UNIX_EPOCH);
        let look = |book: &mut Book, them: &[&str]| book.look(&present(them), wall, Instant::now());
        assert_eq!(subjects(&look(&mut book, &["a", "b"]).begun), ["a", "b"]);
        assert!(look(&mut book, &["a", "b"]).is_empty());
        // What comes and goes within a minute is one incident.
        assert!(look(&mut book, &["a"]).is_empty());
        tokio::time::advance(OVER_AFTER / 2).await;
        assert!(look(&mut book, &["a", "b"]).is_empty());
        assert!(!book.is_waiting());
        assert!(look(&mut book, &[]).is_empty());
        tokio::time::advance(OVER_AFTER).await;
        assert_eq!(subjects(&look(&mut book, &["c"]).over), ["a", "b"]);
        assert_eq!(subjects(&book.kept()), ["c"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_an_earlier_process_told_is_not_told_again_and_its_end_is() {
        let wall = Timestamp::UNIX_EPOCH;
        let mut first = Book::default();
        first.look(&present(&["a", "b"]), wall, Instant::now());
        let mut second = Book::of(first.kept());
        assert!(second.look(&present(&["a"]), wall, Instant::now()).is_empty());
        tokio::time::advance(OVER_AFTER).await;
        let news = second.look(&present(&["a"]), wall, Instant::now());
        assert_eq!((subjects(&news.begun), subjects(&news.over)), (vec![], vec!["b"]));
    }
}
