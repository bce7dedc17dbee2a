//! Bytes, changed without regard to their form.

use super::Dice;

/// The longest input that is made.
pub const LONGEST: usize = 64 * 1024;

/// One of the corpus, changed in one to eight ways.
pub fn mutated(corpus: &[Vec<u8>], words: &[&[u8]], dice: &mut Dice) -> Vec<u8> {
    let mut input = corpus[dice.roll(corpus.len())].clone();
    for _ in 0..=dice.roll(8) {
        change(&mut input, corpus, words, dice);
        input.truncate(LONGEST);
    }
    input
}

/// Changes an input in one way, whatever its form. `words` mean something to who reads it.
pub fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[&[u8]], dice: &mut Dice) {
    let at = dice.roll(input.len() + 1);
    let end = (at + dice.roll(40)).min(input.len());
    match dice.roll(9) {
        0 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << dice.roll(8);
            }
        }
        1 | 2 => {
            let word = words[dice.roll(words.len())];
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
            let word = words[dice.roll(words.len())];
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
