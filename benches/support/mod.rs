//! Inputs that nobody would write, made of those that somebody did.

use std::path::Path;

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
}

/// Every YAML file of the cases and the examples.
pub fn corpus() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["tests/it/cases/validate", "examples"];
    let files = folders.into_iter().flat_map(|folder| {
        walkdir::WalkDir::new(root.join(folder))
            .sort_by_file_name()
            .into_iter()
            .filter_map(Result::ok)
    });
    let files = files.filter(|file| file.path().extension().is_some_and(|e| e == "yaml"));
    files.filter_map(|file| std::fs::read(file.path()).ok()).collect()
}

/// Pieces of text that mean something to a reader of YAML or of manifests.
const WORDS: [&[u8]; 44] = [
    b"&a ",
    b"*a",
    b"*a,",
    b"<<: ",
    b"${name}",
    b"${",
    b"$${",
    b"\"",
    b"'",
    b"{",
    b"}",
    b"[",
    b"]",
    b"- ",
    b": ",
    b"|\n",
    b">-\n",
    b"\t",
    b"\0",
    b"\xef\xbb\xbf",
    b"\xff",
    b"---\n",
    b"...\n",
    b"!!int ",
    b"!x ",
    b"? ",
    b"# ",
    b"\r\n",
    b"\n",
    b"\n  ",
    b"\n    ",
    b"0o17",
    b"017",
    b"99999999999999999999",
    b".inf",
    b"~",
    b"kind: Template\n",
    b"for_each:\n",
    b"parameters:\n",
    b"preset: trackit\n",
    b"password: ",
    b"account: a/b\n",
    b"\xe2\x80\xa8",
    b"%YAML 1.1\n",
];

/// The longest input that is made.
const LONGEST: usize = 64 * 1024;

/// One of the corpus, changed in one to eight ways.
pub fn mutated(corpus: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut input = corpus[dice.roll(corpus.len())].clone();
    for _ in 0..=dice.roll(8) {
        change(&mut input, corpus, dice);
        input.truncate(LONGEST);
    }
    input
}

fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], dice: &mut Dice) {
    let at = dice.roll(input.len() + 1);
    let end = (at + dice.roll(40)).min(input.len());
    match dice.roll(9) {
        0 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << dice.roll(8);
            }
        }
        1 | 2 => {
            let word = WORDS[dice.roll(WORDS.len())];
            input.splice(at..at, word.iter().copied());
        }
        3 => drop(input.drain(at..end)),
        4 => {
            let piece: Vec<u8> = input[at..end].to_vec();
            // Mostly twice, sometimes very often: that is where costs that grow too fast show.
            let times = if dice.roll(50) == 0 { dice.roll(4000) } else { 1 + dice.roll(3) };
            let room = LONGEST.saturating_sub(input.len()) / piece.len().max(1);
            input.splice(at..at, piece.repeat(times.min(room)));
        }
        5 => {
            let other = &corpus[dice.roll(corpus.len())];
            let from = dice.roll(other.len() + 1);
            let to = (from + dice.roll(400)).min(other.len());
            input.splice(at..at, other[from..to].iter().copied());
        }
        6 => {
            input.extend_from_slice(b"\n---\n");
            input.extend_from_slice(&corpus[dice.roll(corpus.len())]);
        }
        7 => {
            let word = WORDS[dice.roll(WORDS.len())];
            input.splice(at..end, word.iter().copied());
        }
        _ => {
            let mut lines: Vec<Vec<u8>> =
                input.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            let (from, to) = (dice.roll(lines.len()), dice.roll(lines.len()));
            lines.swap(from, to);
            *input = lines.join(&b'\n');
        }
    }
}
