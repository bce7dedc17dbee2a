//! Fields that are unknown, missing or reserved: what was meant, and where it belongs.

use super::Reporter;
use crate::diagnostic::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic, quote};
use crate::manifest::misplaced;
use crate::manifest::repair::form_help;
use crate::manifest::wording::{listed, place};
use crate::resource::MARK_PREFIX;
use crate::source::strange::{self, as_it_seems};
use crate::source::{Spanned, Target, locate, pointer};

/// A list of fields that is longer than this helps nobody.
const MOST_FIELDS_NAMED: usize = 16;

impl Reporter<'_> {
    pub(super) fn unknown_field(&mut self, path: &str, name: &str, known: &[&str]) -> Diagnostic {
        let at = pointer::child(path, name);
        let message = format!("{} is not a field of {}", quote(name), place(path));
        let finding = self.finding(Code::UnknownField, &at, Target::Key, message);
        let kind = self.document.get("kind").and_then(Spanned::as_str).unwrap_or_default();
        // A field of another kind may be one of this kind misspelt; what is known of it says more.
        if let Some(misplaced) = misplaced::field(kind, path, name) {
            let missing = misplaced.stands_for.iter();
            self.renamed
                .extend(missing.map(|(path, name)| ((*path).to_owned(), (*name).to_owned())));
            return finding.help(misplaced.help);
        }
        if name.starts_with(strange::is_invisible) {
            return finding;
        }
        // What only looks like a known field is meant to be that field.
        let seems = as_it_seems(name);
        if seems != name
            && let Some(word) = known.iter().find(|word| **word == seems)
        {
            self.renamed.push((path.to_owned(), (*word).to_owned()));
            return finding.suggest(locate(self.document, &at, Target::Key), *word);
        }
        if let Some(section) = self.section_with(path, name) {
            return finding.help(format!("it belongs {section}"));
        }
        match nearest(name, known.iter().copied()) {
            Some(word) => {
                self.renamed.push((path.to_owned(), word.to_owned()));
                // Renamed, there would be two of it.
                if self.sibling(path, word) {
                    return finding.help(format!("`{word}` is already here; remove one of them"));
                }
                finding
                    .help(format!("did you mean `{word}`?"))
                    .suggest(locate(self.document, &at, Target::Key), word)
            }
            None if known.len() == 1 => {
                // Whatever was written, it was written instead of this one.
                self.renamed.push((path.to_owned(), known[0].to_owned()));
                finding.help(format!("its only field is `{}`", known[0]))
            }
            None if known.len() <= MOST_FIELDS_NAMED && !known.is_empty() => {
                finding.help(format!("its fields are {}", listed(known, "and")))
            }
            None => finding.help("`flespi-gitops schema` prints all that there are"),
        }
    }

    pub(super) fn missing_field(&self, path: &str, name: &str) -> Diagnostic {
        let message = format!("{} lacks the field `{name}`", place(path));
        let finding = self.finding(Code::MissingField, path, Target::Key, message);
        match misplaced::missing(path, name).or_else(|| form_help(&pointer::child(path, name))) {
            Some(help) => finding.help(help),
            None => finding,
        }
    }

    /// A free key that is one of our mark.
    pub(super) fn reserved_key(&self, path: &str, name: &str) -> Diagnostic {
        let message = format!(
            "{} is reserved: keys that begin with `{MARK_PREFIX}` are the mark by which a run finds its objects",
            quote(name)
        );
        let at = pointer::child(path, name);
        self.finding(Code::ReservedKey, &at, Target::Key, message).help(misplaced::mark_key(name))
    }

    fn sibling(&self, path: &str, name: &str) -> bool {
        pointer::find(self.document, &pointer::child(path, name)).is_some()
    }

    /// Where a field that stands in the wrong part of the manifest belongs.
    fn section_with(&self, path: &str, name: &str) -> Option<&'static str> {
        let sections = [
            ("/metadata", "into `metadata`"),
            ("/spec", "into `spec`"),
            ("", "to the top level of the manifest"),
        ];
        if !sections.iter().any(|(section, _)| *section == path) {
            return None;
        }
        let (_, words) = sections.into_iter().find(|(section, _)| {
            // `name` and `metadata` mean something else at each level.
            let is_other = *section != path && !matches!(name, "name" | "metadata");
            is_other && self.schema.fields_of(section).contains(&name)
        })?;
        Some(words)
    }
}
