//! Schema violations as diagnostics that point at the very key or value.
//!
//! The validator knows instance paths and keywords; what it says of a value with several forms is one list of complaints
//! per form. Here the value decides which form was meant: a text is held against words and patterns, a mapping against
//! the mapping whose key it has. Only that one speaks. What to write instead comes from the schema too, so that a new
//! word or field needs no line here.

mod fields;
mod forms;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use super::repair::repair;
use super::schema::KindSchema;
use super::shape::Shape;
use super::wording::{place, said_of};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::{self, Meaning, Spanned, Target, locate, pointer};

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
            .map(|entry| (entry.key.text.to_string(), as_typed(&entry.value)))
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
                finding(format!("{place} must be at least {limit}, not {said}"))
            }
            ValidationErrorKind::Maximum { limit } => {
                finding(format!("{place} must be at most {limit}, not {said}"))
            }
            ValidationErrorKind::MinItems { .. } | ValidationErrorKind::MinLength { .. } => {
                finding(format!("{place} must not be empty"))
            }
            ValidationErrorKind::MaxLength { limit } => {
                finding(format!("{place} has more than {limit} characters"))
            }
            ValidationErrorKind::MaxItems { limit } => {
                finding(format!("{place} has more than {limit} items"))
            }
            ValidationErrorKind::UniqueItems => finding(format!("{place} lists something twice")),
            _ => self.finding(Code::Schema, path, Target::Value, error.to_string()),
        };
        Some(finding)
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
