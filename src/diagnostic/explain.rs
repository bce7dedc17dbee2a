//! Characters that nobody sees, told wherever a finding points at them, and warned of where none does.

use super::{Code, Diagnostic, Diagnostics, Edit};
use crate::source::strange::{Nature, Strange, as_it_seems, strange};
use crate::source::{SourceId, SourceMap, Span, floor};

/// How far around a place is looked, in bytes: longer texts are no slip of the keyboard.
const NEARBY: usize = 500;

/// How many characters of one place are named, and how many of one file are warned of.
const MOST_NAMED: usize = 3;
const MOST_WARNED: usize = 20;

/// Has every finding name the characters at its place that are not what they seem, with the edit that replaces them, and
/// warns of those elsewhere that nobody can see.
pub fn name_strange_characters(sources: &SourceMap, diagnostics: &mut Diagnostics) {
    let mut named: Vec<Span> = Vec::new();
    diagnostics.amend_from(0, |finding| named.extend(amend(sources, finding)));
    named.sort_unstable();
    for (id, source) in sources.iter() {
        // Regions are short and hardly overlap, so a look at a few that begin before the place is enough.
        let is_named = |at: usize| {
            let after =
                named.partition_point(|span| (span.source, span.start as usize) <= (id, at));
            let mut before = named.get(..after).unwrap_or_default().iter().rev().take(OVERLAPPING);
            before.any(|span| span.source == id && covers(*span, at))
        };
        let unseen = unseen(source.text()).filter(|found| !is_named(found.at)).take(MOST_WARNED);
        let warnings: Vec<Diagnostic> = unseen.map(|found| warning(id, &found)).collect();
        diagnostics.extend(warnings);
    }
}

/// How many regions may begin in one another.
const OVERLAPPING: usize = 20;

fn covers(span: Span, at: usize) -> bool {
    (span.start as usize..span.end as usize).contains(&at)
}

/// Names what is strange at the place of a finding; the stretch that was looked at if anything was.
fn amend(sources: &SourceMap, finding: &mut Diagnostic) -> Option<Span> {
    let place = finding.primary.as_ref()?.span;
    let source = sources.get(place.source)?;
    let region = match finding.code {
        Code::YamlSyntax => around(source.text(), place),
        _ if is_free(finding.pointer.as_deref().unwrap_or_default()) => return None,
        _ => place,
    };
    let text = sources.slice(region);
    if text.len() > NEARBY {
        return None;
    }
    let hidden = source.hidden();
    let next = hidden.partition_point(|hidden| hidden.end < region.start as usize);
    if hidden.get(next).is_some_and(|hidden| hidden.start < region.end as usize) {
        return None;
    }
    let found = strange(text);
    let (first, last) = (found.first()?, found.last()?);
    let mut kinds: Vec<&Strange> = Vec::new();
    for strange in &found {
        let is_reported = finding.message.contains(strange.name);
        if !is_reported && !kinds.iter().any(|kind| kind.character == strange.character) {
            kinds.push(strange);
        }
    }
    let named: Vec<String> =
        kinds.iter().take(MOST_NAMED).map(|strange| sentence(strange)).collect();
    if !named.is_empty() {
        finding.help.insert(0, named.join("; "));
    }
    if finding.suggestion.is_none() {
        let start = region.start as usize + first.at;
        let end = region.start as usize + last.at + last.character.len_utf8();
        let span = Span::new(region.source, start, end);
        finding.suggestion = Some(Edit { span, replacement: as_it_seems(sources.slice(span)) });
    }
    Some(region)
}

/// Free texts are anybody's language, and a finding about one is hardly about a dash in it.
fn is_free(pointer: &str) -> bool {
    matches!(pointer, "/spec/name" | "/spec/info" | "/spec/description")
        || pointer.starts_with("/spec/metadata/")
}

/// The line of a place and the one before, which a parser may have read on from; of long lines what is near.
fn around(text: &str, place: Span) -> Span {
    let at = (place.start as usize).min(text.len());
    let from = floor(text, at.saturating_sub(NEARBY / 2));
    let to = floor(text, at + NEARBY / 2);
    let mut breaks = text.get(from..at).unwrap_or_default().rmatch_indices('\n').skip(1);
    let start = breaks.next().map_or(from, |(end, _)| from + end + 1);
    let end = text.get(at..to).and_then(|rest| rest.find('\n')).map_or(to, |end| at + end);
    Span::new(place.source, start, end)
}

fn sentence(strange: &Strange) -> String {
    let named = strange.named();
    match (strange.nature, strange.meant) {
        (Nature::Blank, _) => {
            format!("there is a {named}, but YAML takes only plain spaces for blanks")
        }
        (Nature::Unseen, _) => format!("there is a {named}, which is invisible"),
        (Nature::Lookalike, Some(meant)) => format!("there is a {named}, which is not `{meant}`"),
        (Nature::Lookalike, None) => format!("there is a {named}"),
    }
}

/// The characters of a text that nobody sees, those aside that belong to the writing around them: joiners, and marks of
/// direction, between letters that need them.
fn unseen(text: &str) -> impl Iterator<Item = Strange> {
    let candidates = text.char_indices().filter(|(_, c)| !c.is_ascii());
    candidates.filter_map(|(at, c)| {
        let found = strange(c.encode_utf8(&mut [0; 4])).first().copied()?;
        let (before, after) = (text.get(..at)?, text.get(at + c.len_utf8()..)?);
        let is_foreign = |c: Option<char>| c.is_some_and(|c| !c.is_ascii());
        let belongs = match c {
            '\u{200c}'..='\u{200f}' | '\u{61c}' | '\u{34f}' => {
                is_foreign(before.chars().next_back()) || is_foreign(after.chars().next())
            }
            // Marks of the byte order have a meaning at the beginning of a line, or are told as what they are.
            '\u{feff}' => before.is_empty() || before.ends_with(['\n', '\r', '\u{feff}']),
            _ => false,
        };
        (found.nature == Nature::Unseen && !belongs).then_some(Strange { at, ..found })
    })
}

fn warning(source: SourceId, found: &Strange) -> Diagnostic {
    let span = Span::new(source, found.at, found.at + found.character.len_utf8());
    Diagnostic::warning(
        Code::InvisibleCharacter,
        format!("there is a {} here, which is invisible", found.named()),
    )
    .at(span, "")
    .help("remove it; if it is intended, write it as an escape in double quotes")
    .suggest(span, "")
}
