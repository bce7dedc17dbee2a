//! The findings for people: headline, excerpt with underlines, hints, the edit that would help, and a last line that counts.

use std::ops::Range;

use annotate_snippets::renderer::DEFAULT_TERM_WIDTH;
use annotate_snippets::{
    Annotation, AnnotationKind, Element, Group, Level, Origin, Patch, Renderer, Snippet,
};

use super::excerpt::excerpts;
use super::{printable, visible, without_commands};
use crate::diagnostic::{Diagnostic, Edit, Label, Severity};
use crate::source::{SourceMap, Span};

/// Whether the text carries colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// Escape codes for a terminal.
    On,
    /// Plain text.
    Off,
}

/// Room for the widest excerpt, so that the renderer does not cut again what was cut around the mark.
const WIDTH: usize = DEFAULT_TERM_WIDTH + 100;

/// An edit over more lines than this is not drawn; the hints say it in words.
const EDIT_LINES: usize = 12;

/// The findings as a person reads them; empty when there are none.
#[must_use]
pub fn human(sources: &SourceMap, diagnostics: &[Diagnostic], color: Color) -> String {
    let renderer = match color {
        Color::On => Renderer::styled(),
        Color::Off => Renderer::plain(),
    }
    .term_width(WIDTH);
    let mut out = String::new();
    for item in diagnostics {
        out.push_str(&renderer.render(&report(sources, item)));
        out.push_str("\n\n");
    }
    if let Some(summary) = summary(diagnostics) {
        out.push_str(&summary);
        out.push('\n');
    }
    without_commands(out)
}

/// `3 errors, 1 warning`; nothing when there is nothing to count.
fn summary(diagnostics: &[Diagnostic]) -> Option<String> {
    let counts: Vec<_> = [Severity::Error, Severity::Warning, Severity::Note]
        .into_iter()
        .filter_map(|severity| {
            let word = severity.as_str();
            match diagnostics.iter().filter(|item| item.severity == severity).count() {
                0 => None,
                1 => Some(format!("1 {word}")),
                many => Some(format!("{many} {word}s")),
            }
        })
        .collect();
    (!counts.is_empty()).then(|| counts.join(", "))
}

fn report<'a>(sources: &'a SourceMap, item: &'a Diagnostic) -> Vec<Group<'a>> {
    let level = match item.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let mut group =
        Group::with_title(level.primary_title(printable(&item.message)).id(item.code.as_str()));
    match &item.primary {
        Some(primary) => group = group.elements(places(sources, primary, &item.secondary)),
        None => {
            group = group.elements(item.file.as_deref().map(|file| Origin::path(printable(file))))
        }
    }
    group = group.elements(item.help.iter().map(|help| Level::HELP.message(printable(help))));
    let edit = item.suggestion.as_ref().and_then(|edit| drawn(sources, edit));
    std::iter::once(group).chain(edit).collect()
}

/// The excerpts for all labels, file by file, the one of the primary label first.
fn places<'a>(
    sources: &'a SourceMap,
    primary: &'a Label,
    secondary: &'a [Label],
) -> Vec<Element<'a>> {
    let labels: Vec<&Label> = std::iter::once(primary).chain(secondary).collect();
    let mut files = Vec::new();
    for label in &labels {
        if !files.contains(&label.span.source) {
            files.push(label.span.source);
        }
    }
    let mut elements = Vec::new();
    for file in files {
        let Some(source) = sources.get(file) else {
            continue;
        };
        let spans: Vec<(usize, Span)> = labels
            .iter()
            .enumerate()
            .filter(|(_, label)| label.span.source == file)
            .map(|(n, label)| (n, label.span))
            .collect();
        for excerpt in excerpts(source, &spans) {
            let annotations: Vec<_> = excerpt
                .marks
                .iter()
                .map(|(number, range)| annotation(*number, range.clone(), &labels))
                .collect();
            let mut snippet = Snippet::source(excerpt.text)
                .line_start(excerpt.first_line as usize)
                .annotations(annotations);
            let first = excerpt.marks.iter().map(|(number, _)| *number).min();
            let place = first.and_then(|number| labels.get(number)).map(|label| label.span.start);
            match place {
                // The renderer would count columns from the cut; so the place is told here.
                Some(place) if excerpt.cut => {
                    let place = source.position(place);
                    let origin = Origin::path(printable(source.name())).line(place.line as usize);
                    elements.push(origin.char_column(place.column as usize).into());
                }
                _ => snippet = snippet.path(printable(source.name())),
            }
            elements.push(snippet.into());
        }
    }
    elements
}

fn annotation<'a>(number: usize, range: Range<usize>, labels: &[&'a Label]) -> Annotation<'a> {
    let kind = if number == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
    let text =
        labels.get(number).map(|label| printable(&label.text)).filter(|text| !text.is_empty());
    kind.span(range).label(text)
}

/// The suggested edit as removed and added lines, unless it is too big to be looked at.
fn drawn<'a>(sources: &'a SourceMap, edit: &'a Edit) -> Option<Group<'a>> {
    let source = sources.get(edit.span.source)?;
    let first = source.position(edit.span.start).line;
    let last = source.position(edit.span.end).line;
    if (last - first) as usize + edit.replacement.lines().count() > EDIT_LINES {
        return None;
    }
    let (from, to) = (source.line(first)?.start, source.line(last)?.end);
    let text = source.text().get(from..to)?;
    if source.hidden().iter().any(|range| range.start < to && range.end > from) {
        return None;
    }
    let is_short = |text: &str| text.lines().all(|line| line.len() < DEFAULT_TERM_WIDTH);
    if !is_short(text) || !is_short(&edit.replacement) {
        return None;
    }
    // What nobody would see, or a terminal would obey, is shown by what stands for it.
    let shown = |text: &str| -> String {
        text.chars().map(|c| if c == '\n' { c } else { visible(c) }).collect()
    };
    let before = |offset: u32| {
        let offset = (offset as usize).checked_sub(from)?.min(text.len());
        text.get(..offset).map(|text| shown(text).len())
    };
    let range = before(edit.span.start)?..before(edit.span.end)?;
    let snippet = Snippet::source(shown(text))
        .line_start(first as usize)
        .patch(Patch::new(range, shown(&edit.replacement)));
    Some(Level::HELP.secondary_title("with this edit").element(snippet))
}
