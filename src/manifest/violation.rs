//! Schema violations as diagnostics that point at the very key or value.
//!
//! The validator knows instance paths and keywords; what it says of a value with several forms is one list of complaints
//! per form. Here the value decides which form was meant: a text is held against words and patterns, a mapping against
//! the mapping whose key it has. Only that one speaks. What to write instead comes from the schema too, so that a new
//! word or field needs no line here.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use super::misplaced;
use super::number;
use super::placeholder;
use super::repair::{form_help, repair};
use super::schema::KindSchema;
use super::shape::Shape;
use super::wording::{
    Form, is_nothing, listed, not_of_form, place, retyped, said_of, wanted, words,
};
use crate::diagnostic::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic, quote};
use crate::resource::MARK_PREFIX;
use crate::source::strange::{self, as_it_seems};
use crate::source::{self, Meaning, Spanned, Target, locate, pointer};

/// A list of fields that is longer than this helps nobody.
const MOST_FIELDS_NAMED: usize = 16;

/// Everything that the schema has against `document`.
pub(super) fn violations(schema: &KindSchema, document: &Spanned) -> Vec<Diagnostic> {
    let json = as_typed(document);
    let mut reporter = Reporter {
        schema: Shape(&schema.document),
        document,
        missing: Vec::new(),
        renamed: Vec::new(),
        findings: Vec::new(),
    };
    // A list of a million wrong words is one mistake.
    for error in schema.validator.iter_errors(&json).take(MOST_VIOLATIONS) {
        reporter.report(&error);
        if reporter.findings.len() >= MOST_VIOLATIONS {
            break;
        }
    }
    reporter.finish()
}

fn is_fraction(value: &Spanned) -> bool {
    value.as_scalar().is_some_and(|scalar| matches!(scalar.meaning, Meaning::Float(_)))
}

/// The document with numbers as they were typed: to JSON Schema `10.0` is an integer, to YAML and to us it is none.
fn as_typed(document: &Spanned) -> Value {
    match &document.value {
        source::Value::Sequence(items) => items.iter().map(as_typed).collect(),
        source::Value::Mapping(entries) => entries
            .iter()
            .map(|entry| (entry.key.text.clone(), as_typed(&entry.value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        source::Value::Scalar(scalar) => match scalar.meaning {
            Meaning::Float(number) if number.fract() == 0.0 => Value::from(0.5),
            _ => document.to_json(),
        },
    }
}

/// The most findings about one manifest.
const MOST_VIOLATIONS: usize = 200;

struct Reporter<'a> {
    schema: Shape<'a>,
    document: &'a Spanned,
    /// Fields that are missing: the pointer of the mapping, and the name.
    missing: Vec<(String, String)>,
    /// Unknown fields that a known one was probably meant by, in the same form.
    renamed: Vec<(String, String)>,
    findings: Vec<Diagnostic>,
}

impl<'a> Reporter<'a> {
    fn finish(mut self) -> Vec<Diagnostic> {
        let missing = std::mem::take(&mut self.missing);
        for (path, name) in missing {
            // `metods` is one mistake: the field is not missing as well.
            if !self.renamed.contains(&(path.clone(), name.clone())) {
                let finding = self.missing_field(&path, &name);
                self.findings.push(finding);
            }
        }
        self.findings
    }

    fn report(&mut self, error: &ValidationError<'_>) {
        let path = error.instance_path().as_str();
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let known = self.schema.known_fields(error);
                for name in unexpected.iter().take(MOST_VIOLATIONS) {
                    let finding = self.unknown_field(path, name, &known);
                    self.findings.push(finding);
                }
            }
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                self.missing.push((path.to_owned(), name.to_owned()));
            }
            ValidationErrorKind::PropertyNames { error } => {
                let name = error.instance().as_str().unwrap_or_default();
                let finding = self.reserved_key(path, name);
                self.findings.push(finding);
            }
            ValidationErrorKind::AnyOf { context }
            | ValidationErrorKind::OneOfNotValid { context } => self.report_forms(error, context),
            _ => {
                let finding = self.value_finding(error);
                self.findings.extend(finding);
            }
        }
    }

    /// Reports what is wrong with the form that the value was meant to have.
    fn report_forms(
        &mut self,
        error: &ValidationError<'_>,
        branches: &[Vec<ValidationError<'static>>],
    ) {
        let path = error.instance_path().as_str();
        let Some(found) = pointer::find(self.document, path) else {
            return;
        };
        let Some(schema) = self.schema.schema_of(error) else {
            return;
        };
        let forms = self.schema.branches(schema);
        let of_form = |fits: fn(&Form<'_>) -> bool| {
            forms.iter().find(|(_, form)| fits(form)).and_then(|(branch, _)| branches.get(*branch))
        };
        let chosen = match &found.value {
            source::Value::Scalar(scalar) => match scalar.meaning {
                Meaning::Text => {
                    let words = words(&forms);
                    let text = of_form(|form| matches!(form, Form::Text));
                    let is_near = nearest(&scalar.text, words.iter().copied()).is_some();
                    if !words.is_empty() && (is_near || text.is_none()) {
                        let finding = self.not_a_word(path, &forms);
                        self.findings.push(finding);
                        return;
                    }
                    text
                }
                Meaning::Int(_) => of_form(|form| matches!(form, Form::Integer)),
                _ => None,
            },
            source::Value::Sequence(_) => of_form(|form| matches!(form, Form::List)),
            source::Value::Mapping(_) => match self.mapping_branch(path, found, &forms) {
                Ok(branch) => branch.and_then(|branch| branches.get(branch)),
                Err(finding) => {
                    self.findings.push(*finding);
                    return;
                }
            },
        };
        match chosen {
            Some(errors) => {
                let room = MOST_VIOLATIONS.saturating_sub(self.findings.len());
                errors.iter().take(room).for_each(|error| self.report(error));
            }
            None => {
                let finding = self.wrong_type(path, &forms);
                self.findings.extend(finding);
            }
        }
    }

    /// The branch of the mapping that was meant, told by its key; a finding if no key or several tell.
    fn mapping_branch(
        &mut self,
        path: &str,
        found: &Spanned,
        forms: &[(usize, Form<'a>)],
    ) -> Result<Option<usize>, Box<Diagnostic>> {
        let mappings: Vec<(usize, Option<&str>)> = forms
            .iter()
            .filter_map(|(branch, form)| match form {
                Form::Mapping(key) => Some((*branch, *key)),
                _ => None,
            })
            .collect();
        if mappings.len() < 2 {
            return Ok(mappings.first().map(|(branch, _)| *branch));
        }
        let keys: Vec<&str> = mappings.iter().filter_map(|(_, key)| *key).collect();
        let present: Vec<&(usize, Option<&str>)> = mappings
            .iter()
            .filter(|(_, key)| key.is_some_and(|key| found.get(key).is_some()))
            .collect();
        match present.as_slice() {
            [(branch, _)] => Ok(Some(*branch)),
            [(_, Some(first)), (_, Some(second)), ..] => {
                let at = pointer::child(path, second);
                let message = format!("`{first}` and `{second}` exclude each other");
                Err(Box::new(
                    self.finding(Code::InvalidValue, &at, Target::Key, message)
                        .and(
                            locate(self.document, &pointer::child(path, first), Target::Key),
                            "the other one",
                        )
                        .help(format!("keep one of {}", listed(&keys, "and"))),
                ))
            }
            _ => {
                let finding = match found.as_mapping().first() {
                    Some(entry) => {
                        let name = entry.key.text.clone();
                        self.unknown_field(path, &name, &keys)
                    }
                    None => self
                        .finding(
                            Code::MissingField,
                            path,
                            Target::Value,
                            format!("{} is empty", place(path)),
                        )
                        .help(format!("it needs {}", listed(&keys, "or"))),
                };
                Err(Box::new(finding))
            }
        }
    }

    fn value_finding(&self, error: &ValidationError<'_>) -> Option<Diagnostic> {
        let path = error.instance_path().as_str();
        let found = pointer::find(self.document, path);
        if found.is_some_and(Spanned::is_unreadable) {
            return None;
        }
        let bounds = matches!(
            error.kind(),
            ValidationErrorKind::Minimum { .. } | ValidationErrorKind::Maximum { .. }
        );
        if bounds && found.is_some_and(is_fraction) {
            // Told as the wrong type; the number stands for another one.
            return None;
        }
        let place = place(path);
        let said = said_of(path, found);
        let finding =
            |message: String| self.finding(Code::InvalidValue, path, Target::Value, message);
        let finding = match error.kind() {
            ValidationErrorKind::Type { .. } => {
                let forms = self.schema.schema_of(error).map(|schema| self.schema.branches(schema));
                return self.wrong_type(path, &forms.unwrap_or_default());
            }
            ValidationErrorKind::Enum { .. } | ValidationErrorKind::Constant { .. } => {
                let forms = self.schema.schema_of(error).map(|schema| self.schema.branches(schema));
                self.not_a_word(path, &forms.unwrap_or_default())
            }
            ValidationErrorKind::Pattern { .. } => self.wrong_form(error, path, &said),
            ValidationErrorKind::Minimum { limit } => {
                finding(format!("{place} must be at least {limit}, and this is {said}"))
            }
            ValidationErrorKind::Maximum { limit } => {
                finding(format!("{place} must be at most {limit}, and this is {said}"))
            }
            ValidationErrorKind::MinItems { .. } | ValidationErrorKind::MinLength { .. } => {
                finding(format!("{place} must not be empty"))
            }
            ValidationErrorKind::MaxLength { limit } => {
                finding(format!("{place} has more than {limit} characters"))
            }
            ValidationErrorKind::UniqueItems => finding(format!("{place} names something twice")),
            _ => self.finding(Code::Schema, path, Target::Value, error.to_string()),
        };
        Some(finding)
    }

    /// A text that does not match the pattern of its field.
    fn wrong_form(&self, error: &ValidationError<'_>, path: &str, said: &str) -> Diagnostic {
        let (code, message) = match path {
            "/metadata/name" | "/spec/limit" | "/spec/limit/name" => {
                (Code::InvalidName, format!("{said} is not a name"))
            }
            "/metadata/account" | "/spec/limit/account" => {
                (Code::InvalidName, format!("{said} is not an account path"))
            }
            _ => (Code::InvalidValue, not_of_form(path, pointer::find(self.document, path))),
        };
        let mut finding = self.finding(code, path, Target::Value, message);
        let scalar = pointer::find(self.document, path).and_then(Spanned::as_scalar);
        if let Some((help, number)) = scalar
            .filter(|_| self.schema.takes_integer(error))
            .and_then(|scalar| number::meant(&scalar.text, scalar.plain))
        {
            let span = locate(self.document, path, Target::Value);
            return finding.help(help).suggest(span, number);
        }
        let help = form_help(path).map(str::to_owned);
        if let Some(help) = help.or_else(|| self.schema.examples(error)) {
            finding = finding.help(help);
        }
        if path == "/metadata/name" && said.contains('/') {
            finding = finding.help("the path of the owner stands in `account`, beside the name");
        }
        self.suggest_repair(path, finding)
    }

    /// A value of a type that its field does not take.
    fn wrong_type(&self, path: &str, forms: &[(usize, Form<'_>)]) -> Option<Diagnostic> {
        let found = pointer::find(self.document, path)?;
        if found.is_unreadable() {
            return None;
        }
        let wanted = wanted(forms);
        let place = place(path);
        if found.as_scalar().is_some_and(is_nothing) {
            if self.goes_on_in_disguise(path) {
                return None;
            }
            // There is no character to point at behind the colon.
            let message = format!("{place} has no value");
            return Some(self.finding(Code::WrongType, path, Target::Key, message).help(format!(
                "write {wanted} behind it; what is not wanted is left out, key and all"
            )));
        }
        // Whoever writes a password here should not find it in a log.
        let this = match (path.ends_with("/password"), found.as_scalar()) {
            (true, Some(_)) => "a bare value".to_owned(),
            _ => found.describe(),
        };
        let message = format!("{place} takes {wanted}, and this is {this}");
        let finding = self.finding(Code::WrongType, path, Target::Value, message);
        let text = found.as_str().filter(|text| placeholder::is_constant(text));
        let placeholder = text.and_then(placeholder::variable);
        if let (true, Some(name)) = (path.ends_with("/password"), placeholder) {
            let span = locate(self.document, path, Target::Value);
            let source = format!("{{env: {name}}}");
            let help = "nothing is filled in here; a password comes from the environment with";
            return Some(finding.help(format!("{help} `{source}`")).suggest(span, source));
        }
        if path.ends_with("/password") {
            return Some(finding.help("a manifest holds no secrets: say where it comes from, such as `{env: ACME_PASSWORD}`, and change the one that was written down"));
        }
        let Some(scalar) = found.as_scalar() else {
            return Some(match form_help(path) {
                Some(help) => finding.help(help),
                None => finding,
            });
        };
        let span = locate(self.document, path, Target::Value);
        Some(match retyped(path, scalar, forms) {
            Some((help, text)) => finding.help(help).suggest(span, text),
            None => match form_help(path) {
                Some(help) => finding.help(help),
                None => finding,
            },
        })
    }

    /// Whether the value of the field at `path` follows with blanks for indentation that are no spaces, which makes its first
    /// line the next key; that is told there.
    fn goes_on_in_disguise(&self, path: &str) -> bool {
        let Some((parent, _)) = path.rsplit_once('/') else { return false };
        let entries = pointer::find(self.document, parent).map_or(&[][..], Spanned::as_mapping);
        let key = locate(self.document, path, Target::Key);
        let next = entries.iter().skip_while(|entry| entry.key.span != key).nth(1);
        next.is_some_and(|entry| entry.key.text.starts_with(strange::is_invisible))
    }

    /// A text where one of a few words is wanted.
    fn not_a_word(&self, path: &str, forms: &[(usize, Form<'_>)]) -> Diagnostic {
        let found = pointer::find(self.document, path);
        let said = said_of(path, found);
        let words = words(forms);
        let message = format!("{} takes {}, not {said}", place(path), wanted(forms));
        let finding = self.finding(Code::InvalidValue, path, Target::Value, message);
        let text = found.and_then(Spanned::as_str).unwrap_or_default();
        match nearest(text, words) {
            Some(word) => {
                let span = locate(self.document, path, Target::Value);
                finding.help(format!("did you mean `{word}`?")).suggest(span, word)
            }
            None => {
                let finding = match form_help(path) {
                    Some(help) => finding.help(help),
                    None => finding,
                };
                match found.and_then(Spanned::as_scalar) {
                    Some(scalar) => match retyped(path, scalar, forms) {
                        Some((help, text)) => {
                            let span = locate(self.document, path, Target::Value);
                            finding.help(help).suggest(span, text)
                        }
                        None => finding,
                    },
                    None => finding,
                }
            }
        }
    }

    fn unknown_field(&mut self, path: &str, name: &str, known: &[&str]) -> Diagnostic {
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
                    return finding.help(format!("`{word}` is here already; take one of them out"));
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

    fn missing_field(&self, path: &str, name: &str) -> Diagnostic {
        let message = format!("{} lacks the field `{name}`", place(path));
        let finding = self.finding(Code::MissingField, path, Target::Key, message);
        match misplaced::missing(path, name).or_else(|| form_help(&pointer::child(path, name))) {
            Some(help) => finding.help(help),
            None => finding,
        }
    }

    /// A free key that is one of our mark.
    fn reserved_key(&self, path: &str, name: &str) -> Diagnostic {
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

    fn finding(&self, code: Code, path: &str, target: Target, message: String) -> Diagnostic {
        Diagnostic::error(code, message).at(locate(self.document, path, target), "").pointer(path)
    }

    fn suggest_repair(&self, path: &str, finding: Diagnostic) -> Diagnostic {
        let scalar = pointer::find(self.document, path).and_then(Spanned::as_scalar);
        match scalar.and_then(|scalar| repair(path, &scalar.text)) {
            Some(text) => finding
                .help(format!("did you mean `{text}`?"))
                .suggest(locate(self.document, path, Target::Value), text),
            None => finding,
        }
    }
}
