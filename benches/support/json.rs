//! JSON, changed so that it mostly stays JSON: where values and names stand is known, what they say is not.

use std::ops::Range;

use super::Dice;
use super::text::{self, LONGEST};

/// Values that a reader may not be ready for.
const VALUES: [&str; 62] = [
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "-1",
    "1.5",
    "-0.0",
    "1e400",
    "-1e400",
    "1e-400",
    "1e308",
    "1e5",
    "0.1",
    "127",
    "128",
    "255",
    "65536",
    "2147483648",
    "-2147483649",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999999999999999999",
    "01",
    "NaN",
    "Infinity",
    "{}",
    "[]",
    "[null]",
    "{\"\":\"\"}",
    "\"\"",
    "\" \"",
    "\"0\"",
    "\"-1\"",
    "\"9223372036854775807\"",
    "\"\\ud800\"",
    "\"\\udc00\\ud800\"",
    "\"\\u0000\"",
    "\"\\ufeff\\u202e\\u2066gnp.exe\"",
    "\"\\u001b[31mred\\u001b]0;title\\u0007\\u009b2J\"",
    "\"a\\r\\n::error::boo\\n##[add-mask]x ##vso[task]y\"",
    "\"::set-output name=x::y\"",
    "\"</script><script>alert(1)</script><img src=x onerror=y>\"",
    "\"![x](https://evil.example/p.png) [y](javascript:alert(1)) @all #1 `\"",
    "\"```\\n# heading\\n\\n- [ ] x | y\\n</code></pre></details><!-- \"",
    "\"\\u2028\\u2029\\u0085\\u200b\\ue0041\\udb40\\udc41\"",
    "\"../../../../etc/passwd\"",
    "\"\u{202e}\u{feff}\u{301}\u{1f69a}\u{ff1a}\u{ff1a}\"",
    "\"a=b,c=d,=,\"",
    "\"*\"",
    "\"%s%n${x}{{y}}\"",
    "[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]",
    "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":[]}}}}}}}",
    "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"",
];

/// Pieces for changes without regard to form.
const WORDS: [&[u8]; 12] =
    [b"{", b"}", b"[", b"]", b",", b":", b"\"", b"\\", b"\0", b"\xff", b"\xef\xbb\xbf", b"\n"];

/// Where the values and the names of members stand in a text that is JSON, or nearly.
#[derive(Default)]
struct Map {
    values: Vec<Range<usize>>,
    names: Vec<Range<usize>>,
}

/// The end of the text, number or word that begins at `from`.
fn end_of_scalar(text: &[u8], from: usize) -> usize {
    let rest = &text[from..];
    if rest.first() == Some(&b'"') {
        let mut is_escaped = false;
        for (at, byte) in rest.iter().enumerate().skip(1) {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => return from + at + 1,
                _ => {}
            }
        }
        return text.len();
    }
    let is_end = |byte: &u8| b"{}[],:\" \t\r\n".contains(byte);
    from + rest.iter().position(is_end).unwrap_or(rest.len()).max(1)
}

impl Map {
    fn of(text: &[u8]) -> Self {
        let (mut map, mut open, mut at) = (Self::default(), Vec::new(), 0);
        while let Some(byte) = text.get(at) {
            match byte {
                b'{' | b'[' => open.push(at),
                b'}' | b']' => map.values.extend(open.pop().map(|begin| begin..at + 1)),
                b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' => {}
                _ => {
                    let end = end_of_scalar(text, at);
                    let behind = text[end..].iter().find(|byte| !byte.is_ascii_whitespace());
                    match behind {
                        Some(b':') => map.names.push(at..end),
                        _ => map.values.push(at..end),
                    }
                    at = end;
                    continue;
                }
            }
            at += 1;
        }
        map
    }

    /// The value with the name before it, if it is that of a member.
    fn member(&self, text: &[u8], value: &Range<usize>) -> Range<usize> {
        let before = |end: usize| text[..end].iter().rposition(|byte| !byte.is_ascii_whitespace());
        let Some(colon) = before(value.start).filter(|at| text[*at] == b':') else {
            return value.clone();
        };
        let name =
            self.names.iter().find(|name| before(colon).is_some_and(|at| name.end == at + 1));
        name.map_or(value.clone(), |name| name.start..value.end)
    }
}

/// Changes JSON in one way. Most of the time it is still JSON.
pub fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], dice: &mut Dice) {
    let map = Map::of(input);
    if map.values.is_empty() {
        return text::change(input, corpus, &WORDS, dice);
    }
    let value = dice.one(&map.values).clone();
    match dice.roll(16) {
        0 => drop(input.splice(value, dice.one(&VALUES).bytes())),
        1..=5 if dice.roll(2) == 0 => {
            // Of the same kind, so that it gets past whoever looks at kinds alone.
            let sort = |byte: u8| match byte {
                b'0'..=b'9' | b'-' => b'0',
                b't' | b'f' => b't',
                other => other,
            };
            let begins = input[value.start];
            let alike = |text: &&&str| sort(text.as_bytes()[0]) == sort(begins);
            let alike: Vec<&&str> = VALUES.iter().filter(alike).collect();
            if !alike.is_empty() {
                input.splice(value, dice.one(&alike).bytes());
            }
        }
        1..=4 => {
            let likes: Vec<&Range<usize>> = map
                .values
                .iter()
                .filter(|other| input[other.start] == input[value.start])
                .collect();
            let other = input[(*dice.one(&likes)).clone()].to_vec();
            input.splice(value, other);
        }
        5 => {
            let other = input[dice.one(&map.values).clone()].to_vec();
            input.splice(value, other);
        }
        6 if !map.names.is_empty() => {
            let name = dice.one(&map.names).clone();
            let other = input[dice.one(&map.names).clone()].to_vec();
            input.splice(name, other);
        }
        7 if !map.names.is_empty() => {
            let texts: Vec<&&str> = VALUES.iter().filter(|value| value.starts_with('"')).collect();
            let name = dice.one(&map.names).clone();
            input.splice(name, dice.one(&texts).bytes());
        }
        8 | 9 => {
            // Once more, under the same name or another one; sometimes very often.
            let member = map.member(input, &value);
            let mut again = b",".to_vec();
            again.extend_from_slice(&input[member.clone()]);
            let times = if dice.roll(30) == 0 { dice.roll(2_000) } else { 1 };
            let room = LONGEST.saturating_sub(input.len()) / again.len();
            input.splice(member.end..member.end, again.repeat(times.min(room)));
        }
        10 => {
            let member = map.member(input, &value);
            let comma = input[member.end..].iter().position(|byte| !byte.is_ascii_whitespace());
            let comma = comma.map(|at| member.end + at).filter(|at| input[*at] == b',');
            let before = input[..member.start].iter().rposition(|byte| !byte.is_ascii_whitespace());
            let before = before.filter(|at| input[*at] == b',');
            match (comma, before) {
                (Some(comma), _) => drop(input.drain(member.start..=comma)),
                (None, Some(before)) => drop(input.drain(before..member.end)),
                (None, None) => drop(input.drain(member)),
            }
        }
        11 => {
            let other = &corpus[dice.roll(corpus.len())];
            let others = Map::of(other);
            if !others.values.is_empty() {
                input.splice(value, other[dice.one(&others.values).clone()].iter().copied());
            }
        }
        12 => {
            let deepest = if dice.roll(4) == 0 { 300 } else { 8 };
            let depth = 1 + dice.roll(deepest);
            let (open, close) = *dice.one(&[("[", "]"), ("{\"a\":", "}")]);
            let inner = String::from_utf8_lossy(&input[value.clone()]).into_owned();
            let nested = format!("{}{inner}{}", open.repeat(depth), close.repeat(depth));
            input.splice(value, nested.into_bytes());
        }
        13 => {
            // A character inside of a text or of a number.
            let at = value.start + dice.roll(value.len());
            let bytes = b"0123456789-.eE\"\\/ az\x7f\xc3\xa9\x00";
            input[at] = *dice.one(bytes);
        }
        14 => input.truncate(dice.roll(input.len())),
        _ => text::change(input, corpus, &WORDS, dice),
    }
}

/// One of the corpus, changed in one to five ways.
pub fn mutated(corpus: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut input = corpus[dice.roll(corpus.len())].clone();
    for _ in 0..=dice.roll(5) {
        change(&mut input, corpus, dice);
        input.truncate(LONGEST);
    }
    input
}
