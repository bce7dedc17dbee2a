//! A store in memory, for tests, that fails where it is told to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::keep::{Away, Keep, Kept, Version, Written};
use super::soon::Soon;

/// The last version, and each value with its own.
type Values = (u64, BTreeMap<String, (u64, String)>);

/// Values, shared by all clones. Each clone has faults of its own: it is one machine's way to the store.
#[derive(Clone, Default)]
pub(super) struct Memory {
    values: Arc<Mutex<Values>>,
    faults: Arc<Mutex<Faults>>,
}

/// What goes wrong on the way.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Faults {
    /// Nothing arrives.
    pub(super) cut: bool,
    /// Everything arrives, and no answer comes back.
    pub(super) deaf: bool,
    /// How long a call takes until it arrives.
    pub(super) slow: Duration,
}

impl Memory {
    /// The same values by another way.
    pub(super) fn other_way(&self) -> Self {
        Self { values: Arc::clone(&self.values), faults: Arc::default() }
    }

    pub(super) fn faults(&self, faults: Faults) {
        *self.faults.lock().unwrap() = faults;
    }

    pub(super) fn names(&self, under: &str) -> Vec<String> {
        let values = self.values.lock().unwrap();
        values.1.keys().filter(|name| name.starts_with(under)).cloned().collect()
    }

    async fn ask<T>(&self, question: impl FnOnce(&mut Values) -> T) -> Result<T, Away> {
        let Faults { cut, deaf, slow } = *self.faults.lock().unwrap();
        tokio::time::sleep(slow + Duration::from_millis(1)).await;
        if cut {
            return Err(Away("cut".to_owned()));
        }
        let answer = question(&mut self.values.lock().unwrap());
        if deaf { Err(Away("no answer".to_owned())) } else { Ok(answer) }
    }
}

fn kept(name: &str, (version, value): &(u64, String)) -> Kept {
    let version = Version(version.to_string());
    Kept { name: name.to_owned(), value: value.clone(), version }
}

impl Keep for Memory {
    fn place(&self) -> &str {
        "memory"
    }

    fn list<'a>(&'a self, under: &'a str) -> Soon<'a, Result<Vec<Kept>, Away>> {
        Box::pin(self.ask(move |(_, values)| {
            let under = values.iter().filter(|(name, _)| name.starts_with(under));
            under.map(|(name, value)| kept(name, value)).collect()
        }))
    }

    fn read<'a>(&'a self, name: &'a str) -> Soon<'a, Result<Option<Kept>, Away>> {
        Box::pin(self.ask(move |(_, values)| values.get(name).map(|value| kept(name, value))))
    }

    fn write<'a>(
        &'a self,
        name: &'a str,
        value: &'a str,
        over: Option<&'a Version>,
    ) -> Soon<'a, Result<Written, Away>> {
        Box::pin(self.ask(move |(last, values)| {
            let there = values.get(name).map(|(version, _)| Version(version.to_string()));
            if there.as_ref() != over {
                return Written::Changed;
            }
            *last += 1;
            values.insert(name.to_owned(), (*last, value.to_owned()));
            Written::At(Version(last.to_string()))
        }))
    }

    fn remove<'a>(&'a self, name: &'a str, at: &'a Version) -> Soon<'a, Result<bool, Away>> {
        Box::pin(self.ask(move |(_, values)| {
            let is_it = values.get(name).is_some_and(|(version, _)| version.to_string() == at.0);
            if is_it {
                values.remove(name);
            }
            is_it
        }))
    }
}
