//! Hostile input on every side: what goes in, and what must hold of what comes out.
//!
//! One file a side, each with the same four parts: inputs that somebody would write, a change that keeps enough of their
//! form to get deep, what takes them in, and what must hold. What the sides share stands beside them: how bytes, JSON and
//! several files at once are changed, what a text that is shown must not have, and an estate of which there are real files.

pub mod answers;
pub mod estate;
pub mod folders;
pub mod history;
pub mod inert;
pub mod json;
pub mod locks;
pub mod manifests;
pub mod panics;
pub mod parts;
pub mod plans;
pub mod platform;
pub mod sinks;
pub mod spool;
pub mod stores;
pub mod text;
pub mod words;
pub mod worlds;

/// A side on which something comes in.
pub struct Target {
    /// What `--target` calls it.
    pub name: &'static str,
    /// What comes in.
    pub about: &'static str,
    /// Inputs that somebody would write.
    pub corpus: fn() -> Vec<Vec<u8>>,
    /// One of the corpus, changed.
    pub mutate: fn(&[Vec<u8>], &mut Dice) -> Vec<u8>,
    /// Makes what takes inputs in, once for a run.
    pub feed: fn() -> Feed,
    /// How many inputs a short run has.
    pub short: u64,
    /// How an input is laid end to end, where that makes one of the same kind.
    pub repeat: Option<Repeat>,
}

/// Lays an input end to end so many times.
pub type Repeat = fn(&[u8], usize) -> Vec<u8>;

/// Takes in an input, with everything that can be done with it or only with what is cheap; tells whether it was accepted,
/// and what does not hold. A panic is the caller's to notice.
pub type Feed = Box<dyn FnMut(&[u8], bool) -> Result<bool, String>>;

/// Every side.
pub const TARGETS: &[Target] = &[
    manifests::TARGET,
    plans::TARGET,
    spool::TARGET,
    history::TARGET,
    worlds::TARGET,
    worlds::FAULTS,
    locks::TARGET,
    sinks::TARGET,
    stores::TARGET,
    answers::TARGET,
    words::TARGET,
];

/// Numbers that look random and are the same for the same seed (xorshift64*).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `sides`, or 0 if there are none.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap_or_default().checked_rem(sides).unwrap_or_default()
    }

    /// One of several, of which there must be one.
    pub fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.roll(of.len())]
    }
}

/// What does not hold, with words for it.
pub fn hold(holds: bool, words: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(words()) }
}
