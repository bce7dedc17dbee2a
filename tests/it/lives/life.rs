//! One life: commits and what happens between them, in a world with trouble and in one without.

use std::collections::BTreeSet;

use flespi_gitops::export::{self, Others};
use flespi_gitops::sandbox::{ASSUMPTIONS, Assumptions};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use super::deed::Deed;
use super::estate::Estate;
use super::land::{Land, Tally, write};
use super::laws;
use super::shape::shape;

/// Commits of one life at most, the first one left out.
const COMMITS: u64 = 4;

/// The guess that nobody gives a key again.
const SILENT: &str = "token-key-on-read=never";

/// Guesses about the platform that no life makes, and why.
const NOT_GUESSED: [&str; 5] = [
    // Where names must be unique, two of them cannot be exchanged by one write each.
    "duplicate-names",
    // A run that ends between the return of a token and the note that its key is another one leaves the former key in its
    // sinks, and nothing tells the next run.
    "restored-key",
    // Takes no password as a person writes it down, which a run tells as an error of its step.
    "password-form",
    // What keeps no mark cannot be found again: it is told, and waits for a person.
    "grant-metadata",
    // Has no room for what is declared, which nobody can know before.
    "plan",
];

/// The answers with which no list tells how long it is.
const UNCOUNTED: [&str; 2] = ["pagination=never", "pagination=ignore"];

/// What a seed makes, less what is left out of it: every part has a name.
#[derive(Debug)]
pub(super) struct Life {
    seed: u64,
    guesses: Vec<String>,
    is_signed: bool,
    /// Parts of the first estate that are left out.
    taken: BTreeSet<usize>,
    rounds: Vec<Round>,
}

/// A commit, and what happens after it was merged.
#[derive(Debug)]
struct Round {
    /// The seed of its edits; none: nothing is edited.
    edit: Option<u64>,
    deeds: Vec<Deed>,
}

impl Life {
    /// The life of a seed without the parts that are named.
    pub(super) fn of(seed: u64, without: &BTreeSet<String>) -> Self {
        let mut random = StdRng::seed_from_u64(seed ^ 0x5eed);
        let is_signed = random.random_range(0..16) != 0;
        let mut guesses = Vec::new();
        for number in 0..[0, 0, 1, 1, 2, 3][random.random_range(0..6)] {
            let at = random.random_range(0..ASSUMPTIONS.len());
            let guess = &ASSUMPTIONS[at];
            let value = guess.values[random.random_range(0..guess.values.len())];
            let is_left_out = without.contains(&format!("guess{number}"));
            if !is_left_out && !NOT_GUESSED.contains(&guess.name) && value != guess.default_value()
            {
                guesses.push(format!("{}={value}", guess.name));
            }
        }
        // Where nobody gives a key again, a lost one waits for a person, and of two runs at once one issues the next.
        let is_silent = guesses.iter().any(|guess| guess == SILENT);
        // Where no list tells how long it is, one that leaves something out is a whole one, whoever looks: what was not in it
        // is made again, told as disputed by the next run, and waits for a person.
        let is_uncounted = guesses.iter().any(|guess| UNCOUNTED.contains(&guess.as_str()));
        let rounds = (0..=random.random_range(1..=COMMITS)).map(|number| {
            let edit = random.random::<u64>();
            let is_left_out = number == 0 || without.contains(&format!("commit{number}"));
            let deeds: Vec<u64> =
                (0..random.random_range(0..=4)).map(|_| random.random()).collect();
            let deeds = deeds.into_iter().enumerate();
            let deeds = deeds
                .filter(|(at, _)| !without.contains(&format!("deed{number}.{at}")))
                .map(|(_, seed)| Deed::of(seed))
                .filter(|deed| !(is_silent && deed.may_lose_a_key()))
                .filter(|deed| !(is_uncounted && deed.may_lose_rows()));
            Round { edit: (!is_left_out).then_some(edit), deeds: deeds.collect() }
        });
        let rounds = rounds.collect();
        let taken = without.iter().filter_map(|part| part.strip_prefix("thing")?.parse().ok());
        Self { seed, guesses, is_signed, taken: taken.collect(), rounds }
    }

    /// The names of all its parts, the largest first.
    pub(super) fn parts(seed: u64) -> Vec<String> {
        let whole = Self::of(seed, &BTreeSet::new());
        let commits = (1..whole.rounds.len()).rev().map(|number| format!("commit{number}"));
        let deeds = whole.rounds.iter().enumerate().flat_map(|(number, round)| {
            (0..round.deeds.len()).map(move |at| format!("deed{number}.{at}"))
        });
        let guesses = (0..3).map(|number| format!("guess{number}"));
        let things =
            (0..Estate::new(seed).root.size()).rev().map(|number| format!("thing{number}"));
        commits.chain(deeds).chain(guesses).chain(things).collect()
    }

    /// Lives it. Panics where a law is broken.
    pub(super) async fn live(&self) -> Tally {
        let mut assumptions = Assumptions::default();
        for guess in &self.guesses {
            assumptions.set(guess).unwrap();
        }
        let mut estate = Estate::new(self.seed);
        estate.is_silent = self.guesses.iter().any(|guess| guess == SILENT);
        // From the end: the numbers of what stands before stay as they are.
        self.taken.iter().rev().for_each(|number| estate.root.take(*number));
        let land = || Land::new(self.seed, &assumptions, self.is_signed);
        let (rough, calm) = (land(), land());
        for Round { edit, deeds } in &self.rounds {
            let only_moves = edit.is_some_and(|edit| estate.edit(edit));
            let manifests = estate.manifests();
            for land in [&rough, &calm] {
                write(land.folder.path(), "m/all.yaml", &stream(&manifests));
            }
            if only_moves {
                laws::a_move_makes_and_deletes_nothing(&calm.plan("m").await);
            }
            // What happens to both worlds comes first, as long as they are the same.
            for deed in deeds.iter().filter(|deed| deed.is_for_all()) {
                deed.happen(&rough).await;
                deed.happen(&calm).await;
            }
            for deed in deeds.iter().filter(|deed| !deed.is_for_all()) {
                deed.happen(&rough).await;
            }
            rough.come_to_rest(false).await;
            calm.come_to_rest(true).await;
            for land in [&rough, &calm] {
                let folder = land.folder.path().join("m");
                laws::every_key_is_in_its_place(&folder, &manifests, &land.keys().await);
            }
            let two = self.rounds.iter().flat_map(|round| &round.deeds);
            let two = two.filter(|deed| matches!(deed, Deed::TwoAtOnce(_))).count() > 0;
            let (with, without) = (shape(&rough, two).await, shape(&calm, two).await);
            let only_rough: Vec<_> = with.difference(&without).collect();
            let only_calm: Vec<_> = without.difference(&with).collect();
            assert!(
                only_rough.is_empty() && only_calm.is_empty(),
                "with trouble {only_rough:#?}, without {only_calm:#?}"
            );
        }
        self.another_order_changes_nothing(&rough, &estate).await;
        self.an_export_is_at_rest(&rough, &estate.stack).await;
        let mut tally = rough.tally.get();
        tally.add(calm.tally.get());
        tally
    }

    /// Law 5.
    async fn another_order_changes_nothing(&self, land: &Land, estate: &Estate) {
        let mut manifests = estate.manifests();
        manifests.shuffle(&mut StdRng::seed_from_u64(self.seed));
        write(land.folder.path(), "m/all.yaml", &stream(&manifests));
        let plan = land.plan("m").await;
        laws::it_is_at_rest(&plan, &plan);
    }

    /// Law 2.
    async fn an_export_is_at_rest(&self, land: &Land, stack: &str) {
        let actual = land.observed().await;
        let options = export::Options {
            stack: stack.to_owned(),
            exclude: Vec::new(),
            foreign: Others::Skip,
            unmanaged: Others::Skip,
            metadata: false,
            include_sessions: false,
            schema: None,
            now: actual.time.now,
            only: None,
        };
        let export = export::export(&actual, &options).unwrap();
        for export::File { path, text } in &export.files {
            write(land.folder.path(), &format!("export/{path}"), text);
        }
        if !export.files.is_empty() {
            let plan = land.plan("export").await;
            laws::it_is_at_rest(&plan, &plan);
        }
    }
}

/// Documents as they stand in one file.
pub(super) fn stream(manifests: &[Value]) -> String {
    let texts: Vec<String> = manifests.iter().map(Value::to_string).collect();
    format!("{}\n", texts.join("\n---\n"))
}
