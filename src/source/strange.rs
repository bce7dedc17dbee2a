//! Characters that are not what they seem: blanks that are no spaces, characters that nobody sees, letters and signs that
//! look like others.
//!
//! They come with text that was pasted from a web page, a word processor or a chat, and YAML takes them for text like any
//! other. A message that shows them as they are looks like the mistake itself; so messages name them by what is known here.
//! Names are those of Unicode.

/// What is odd about a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// It looks like a space.
    Blank,
    /// Nobody sees it, or it turns the direction of what is seen.
    Unseen,
    /// It looks like a letter or sign of ASCII.
    Lookalike,
}

/// A character that is not what it seems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strange {
    /// Where it stands, in bytes.
    pub at: usize,
    /// The character.
    pub character: char,
    /// What is odd about it.
    pub nature: Nature,
    /// What stands there by the look of it; nothing if it is not seen.
    pub meant: Option<char>,
    /// What Unicode calls it.
    pub name: &'static str,
}

impl Strange {
    /// `U+00A0 (no-break space)`.
    #[must_use]
    pub fn named(&self) -> String {
        format!("U+{:04X} ({})", u32::from(self.character), self.name)
    }
}

/// The strange characters of a text, in order.
///
/// A letter counts only in a word that would be ASCII without such letters: words of other languages are what they seem.
#[must_use]
pub fn strange(text: &str) -> Vec<Strange> {
    if text.is_ascii() {
        return Vec::new();
    }
    let mut found = Vec::new();
    // Where the word ends that was looked at last, and whether it is disguised.
    let mut word = (0, false);
    for (at, c) in text.char_indices() {
        if at >= word.0 && is_of_word(c) {
            word = disguise(text, at);
        }
        let Some((nature, meant, name)) = of(c) else { continue };
        if !is_of_word(c) || word.1 {
            found.push(Strange { at, character: c, nature, meant, name });
        }
    }
    found
}

/// The text as it seems to be.
#[must_use]
pub fn as_it_seems(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for Strange { at, character, meant, .. } in strange(text) {
        out.push_str(text.get(from..at).unwrap_or_default());
        out.extend(meant);
        from = at + character.len_utf8();
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

/// Whether a character is a blank that is no space, or is not seen at all.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    matches!(of(c), Some((Nature::Blank | Nature::Unseen, ..)))
}

/// The letters that only look like those around them: those of words that have letters or digits of ASCII as well.
pub fn mixed(text: &str) -> impl Iterator<Item = usize> {
    strange(text).into_iter().filter_map(|strange| {
        let before = text.get(..strange.at)?.chars().rev().take_while(|c| is_of_word(*c));
        let after = text.get(strange.at..)?.chars().take_while(|c| is_of_word(*c));
        let is_mixed = is_of_word(strange.character) && before.chain(after).any(|c| c.is_ascii());
        is_mixed.then_some(strange.at)
    })
}

fn is_of_word(c: char) -> bool {
    (c.is_alphanumeric() && !is_invisible(c)) || c == '_'
}

/// Where the word at `at` ends, and whether it would be ASCII but for letters that look like it.
fn disguise(text: &str, at: usize) -> (usize, bool) {
    let rest = text.get(at..).unwrap_or_default();
    let word =
        rest.find(|c| !is_of_word(c)).map_or(rest, |end| rest.get(..end).unwrap_or_default());
    let is_disguised =
        word.chars().all(|c| c.is_ascii() || of(c).is_some_and(|(_, meant, _)| meant.is_some()));
    (at + word.len(), is_disguised)
}

/// Full-width forms of the printable characters of ASCII stand in the same order.
const FULL_WIDTH: std::ops::RangeInclusive<char> = '\u{ff01}'..='\u{ff5e}';

fn of(c: char) -> Option<(Nature, Option<char>, &'static str)> {
    if c.is_ascii() {
        return None;
    }
    if FULL_WIDTH.contains(&c) {
        let plain = u32::from(c) - u32::from('\u{ff01}') + u32::from('!');
        return Some((Nature::Lookalike, char::from_u32(plain), "full-width form"));
    }
    let blank = BLANKS.iter().find(|(known, _)| *known == c);
    let unseen = || UNSEEN.iter().find(|(known, _)| *known == c);
    let look = || LOOKALIKES.iter().find(|(known, ..)| *known == c);
    if let Some((_, name)) = blank {
        return Some((Nature::Blank, Some(' '), name));
    }
    if let Some((_, name)) = unseen() {
        return Some((Nature::Unseen, None, name));
    }
    look().map(|(_, meant, name)| (Nature::Lookalike, Some(*meant), *name))
}

const BLANKS: [(char, &str); 21] = [
    ('\u{a0}', "no-break space"),
    ('\u{1680}', "Ogham space mark"),
    ('\u{2000}', "en quad"),
    ('\u{2001}', "em quad"),
    ('\u{2002}', "en space"),
    ('\u{2003}', "em space"),
    ('\u{2004}', "three-per-em space"),
    ('\u{2005}', "four-per-em space"),
    ('\u{2006}', "six-per-em space"),
    ('\u{2007}', "figure space"),
    ('\u{2008}', "punctuation space"),
    ('\u{2009}', "thin space"),
    ('\u{200a}', "hair space"),
    ('\u{202f}', "narrow no-break space"),
    ('\u{205f}', "medium mathematical space"),
    ('\u{3000}', "ideographic space"),
    ('\u{2800}', "Braille pattern blank"),
    ('\u{3164}', "Hangul filler"),
    ('\u{115f}', "Hangul choseong filler"),
    ('\u{1160}', "Hangul jungseong filler"),
    ('\u{ffa0}', "halfwidth Hangul filler"),
];

const UNSEEN: [(char, &str); 24] = [
    ('\u{ad}', "soft hyphen"),
    ('\u{34f}', "combining grapheme joiner"),
    ('\u{61c}', "Arabic letter mark"),
    ('\u{180e}', "Mongolian vowel separator"),
    ('\u{200b}', "zero width space"),
    ('\u{200c}', "zero width non-joiner"),
    ('\u{200d}', "zero width joiner"),
    ('\u{200e}', "left-to-right mark"),
    ('\u{200f}', "right-to-left mark"),
    ('\u{202a}', "left-to-right embedding"),
    ('\u{202b}', "right-to-left embedding"),
    ('\u{202c}', "pop directional formatting"),
    ('\u{202d}', "left-to-right override"),
    ('\u{202e}', "right-to-left override"),
    ('\u{2060}', "word joiner"),
    ('\u{2061}', "function application"),
    ('\u{2062}', "invisible times"),
    ('\u{2063}', "invisible separator"),
    ('\u{2064}', "invisible plus"),
    ('\u{2066}', "left-to-right isolate"),
    ('\u{2067}', "right-to-left isolate"),
    ('\u{2068}', "first strong isolate"),
    ('\u{2069}', "pop directional isolate"),
    ('\u{feff}', "byte order mark"),
];

const LOOKALIKES: [(char, char, &str); 71] = [
    ('\u{430}', 'a', "Cyrillic small letter a"),
    ('\u{441}', 'c', "Cyrillic small letter es"),
    ('\u{435}', 'e', "Cyrillic small letter ie"),
    ('\u{43e}', 'o', "Cyrillic small letter o"),
    ('\u{440}', 'p', "Cyrillic small letter er"),
    ('\u{445}', 'x', "Cyrillic small letter ha"),
    ('\u{443}', 'y', "Cyrillic small letter u"),
    ('\u{456}', 'i', "Cyrillic small letter byelorussian-ukrainian i"),
    ('\u{458}', 'j', "Cyrillic small letter je"),
    ('\u{455}', 's', "Cyrillic small letter dze"),
    ('\u{4bb}', 'h', "Cyrillic small letter shha"),
    ('\u{501}', 'd', "Cyrillic small letter komi de"),
    ('\u{51b}', 'q', "Cyrillic small letter qa"),
    ('\u{51d}', 'w', "Cyrillic small letter we"),
    ('\u{410}', 'A', "Cyrillic capital letter a"),
    ('\u{412}', 'B', "Cyrillic capital letter ve"),
    ('\u{421}', 'C', "Cyrillic capital letter es"),
    ('\u{415}', 'E', "Cyrillic capital letter ie"),
    ('\u{41d}', 'H', "Cyrillic capital letter en"),
    ('\u{406}', 'I', "Cyrillic capital letter byelorussian-ukrainian i"),
    ('\u{408}', 'J', "Cyrillic capital letter je"),
    ('\u{41a}', 'K', "Cyrillic capital letter ka"),
    ('\u{41c}', 'M', "Cyrillic capital letter em"),
    ('\u{41e}', 'O', "Cyrillic capital letter o"),
    ('\u{420}', 'P', "Cyrillic capital letter er"),
    ('\u{405}', 'S', "Cyrillic capital letter dze"),
    ('\u{422}', 'T', "Cyrillic capital letter te"),
    ('\u{425}', 'X', "Cyrillic capital letter ha"),
    ('\u{3bf}', 'o', "Greek small letter omicron"),
    ('\u{3bd}', 'v', "Greek small letter nu"),
    ('\u{391}', 'A', "Greek capital letter alpha"),
    ('\u{392}', 'B', "Greek capital letter beta"),
    ('\u{395}', 'E', "Greek capital letter epsilon"),
    ('\u{396}', 'Z', "Greek capital letter zeta"),
    ('\u{397}', 'H', "Greek capital letter eta"),
    ('\u{399}', 'I', "Greek capital letter iota"),
    ('\u{39a}', 'K', "Greek capital letter kappa"),
    ('\u{39c}', 'M', "Greek capital letter mu"),
    ('\u{39d}', 'N', "Greek capital letter nu"),
    ('\u{39f}', 'O', "Greek capital letter omicron"),
    ('\u{3a1}', 'P', "Greek capital letter rho"),
    ('\u{3a4}', 'T', "Greek capital letter tau"),
    ('\u{3a5}', 'Y', "Greek capital letter upsilon"),
    ('\u{3a7}', 'X', "Greek capital letter chi"),
    ('\u{131}', 'i', "Latin small letter dotless i"),
    ('\u{261}', 'g', "Latin small letter script g"),
    ('\u{423}', 'Y', "Cyrillic capital letter u"),
    ('\u{2010}', '-', "hyphen"),
    ('\u{2011}', '-', "non-breaking hyphen"),
    ('\u{2012}', '-', "figure dash"),
    ('\u{2013}', '-', "en dash"),
    ('\u{2014}', '-', "em dash"),
    ('\u{2212}', '-', "minus sign"),
    ('\u{2018}', '\'', "left single quotation mark"),
    ('\u{2019}', '\'', "right single quotation mark"),
    ('\u{201c}', '"', "left double quotation mark"),
    ('\u{201d}', '"', "right double quotation mark"),
    ('\u{201e}', '"', "double low-9 quotation mark"),
    ('\u{2044}', '/', "fraction slash"),
    ('\u{2215}', '/', "division slash"),
    ('\u{2236}', ':', "ratio"),
    ('\u{a789}', ':', "modifier letter colon"),
    ('\u{2d0}', ':', "modifier letter triangular colon"),
    ('\u{2217}', '*', "asterisk operator"),
    ('\u{204e}', '*', "low asterisk"),
    ('\u{2024}', '.', "one dot leader"),
    ('\u{3002}', '.', "ideographic full stop"),
    ('\u{3001}', ',', "ideographic comma"),
    ('\u{60c}', ',', "Arabic comma"),
    ('\u{2039}', '\'', "single left-pointing angle quotation mark"),
    ('\u{203a}', '\'', "single right-pointing angle quotation mark"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Vec<String> {
        strange(text).iter().map(Strange::named).collect()
    }

    #[test]
    fn what_is_not_seen_or_only_looks_so_is_named() {
        assert_eq!(named("devices_count:\u{a0}25"), ["U+00A0 (no-break space)"]);
        assert_eq!(named("devi\u{441}es_count"), ["U+0441 (Cyrillic small letter es)"]);
        assert_eq!(
            named("\u{feff}a\u{200b}"),
            ["U+FEFF (byte order mark)", "U+200B (zero width space)"]
        );
        assert_eq!(named("\u{201c}x\u{201d}").len(), 2);
        assert_eq!(
            as_it_seems("\u{a0}\u{a0}k\u{131}nd\u{ff1a} \u{201c}L\u{200b}imit\u{201d}"),
            "  kind: \"Limit\""
        );
    }

    #[test]
    fn words_of_other_languages_are_what_they_seem() {
        for text in ["Склад Москва", "größe", "日本", "שלום", "Ελλάδα"] {
            assert_eq!(named(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn letters_are_mixed_in_a_word_and_not_in_a_text() {
        assert_eq!(mixed("ACME \u{43e}\u{441}\u{430}").count(), 0);
        assert_eq!(mixed("devi\u{441}es").collect::<Vec<_>>(), [4]);
    }

    #[test]
    fn every_character_of_the_tables_is_there_once() {
        let all = BLANKS
            .iter()
            .chain(&UNSEEN)
            .map(|(c, _)| *c)
            .chain(LOOKALIKES.iter().map(|(c, ..)| *c));
        let mut all: Vec<char> = all.collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
