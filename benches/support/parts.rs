//! Several files in one input: each begins with a line `=== NAME`.

use super::Dice;

/// Files by name, in their order; a name may stand twice.
pub type Parts = Vec<Part>;

/// A file: its name, and what is in it.
pub type Part = (String, Vec<u8>);

const SIGN: &[u8] = b"=== ";

/// Files as one input.
pub fn joined(parts: &[Part]) -> Vec<u8> {
    let mut input = Vec::new();
    for (name, body) in parts {
        input.extend_from_slice(SIGN);
        input.extend_from_slice(name.as_bytes());
        input.push(b'\n');
        input.extend_from_slice(body);
        input.push(b'\n');
    }
    input
}

/// The files of an input. What stands before the first is none.
pub fn split(input: &[u8]) -> Parts {
    let is_begin = |at: usize| input[at..].starts_with(SIGN) && (at == 0 || input[at - 1] == b'\n');
    let begins: Vec<usize> = (0..input.len()).filter(|at| is_begin(*at)).collect();
    let ends = begins.iter().skip(1).copied().chain([input.len()]);
    let parts = begins.iter().zip(ends).map(|(begin, end)| {
        let part = &input[begin + SIGN.len()..end];
        let line = part.iter().position(|byte| *byte == b'\n').unwrap_or(part.len());
        let (name, body) = part.split_at(line);
        let body = body.strip_prefix(b"\n").unwrap_or(body);
        let body = body.strip_suffix(b"\n").unwrap_or(body);
        (String::from_utf8_lossy(name).into_owned(), body.to_vec())
    });
    parts.collect()
}

/// One of the corpus, of which `change` changes one to five files, and which sometimes lacks one or has one twice.
pub fn mutated(
    corpus: &[Vec<u8>],
    dice: &mut Dice,
    mut change: impl FnMut(&mut Part, &mut Dice),
) -> Vec<u8> {
    let mut parts = split(&corpus[dice.roll(corpus.len())]);
    for _ in 0..=dice.roll(5) {
        if parts.is_empty() {
            break;
        }
        let at = dice.roll(parts.len());
        match dice.roll(40) {
            0 => drop(parts.remove(at)),
            1 => parts.insert(at, parts[at].clone()),
            2 => {
                let other = split(&corpus[dice.roll(corpus.len())]);
                if !other.is_empty() {
                    parts[at].1.clone_from(&other[dice.roll(other.len())].1);
                }
            }
            _ => {
                change(&mut parts[at], dice);
                parts[at].1.truncate(super::text::LONGEST);
            }
        }
    }
    joined(&parts)
}
