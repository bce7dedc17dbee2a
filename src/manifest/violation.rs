//! Schema violations as diagnostics that point at the very key or value.
//!
//! The validator knows instance paths; this module finds the span, the words, and the nearest
//! thing that would have been right.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::Value;

use super::schema::KindSchema;
use crate::diagnostic::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::{Spanned, Target, locate, pointer};

/// Everything that the schema has against `document`.
pub(super) fn violations(schema: &KindSchema, document: &Spanned) -> Vec<Diagnostic> {
    let json = document.to_json();
    let reporter = Reporter { schema: &schema.document, document };
    let mut diagnostics = Vec::new();
    for error in schema.validator.iter_errors(&json) {
        reporter.report(&error, &mut diagnostics);
    }
    diagnostics
}

struct Reporter<'a> {
    schema: &'a Value,
    document: &'a Spanned,
}

impl Reporter<'_> {
    fn report(&self, error: &ValidationError<'_>, out: &mut Vec<Diagnostic>) {
        let path = error.instance_path().as_str();
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let known = self.known_fields(error);
                out.extend(unexpected.iter().map(|name| self.unknown_field(path, name, &known)));
            }
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                out.push(
                    self.finding(
                        Code::MissingField,
                        path,
                        Target::Key,
                        format!("`{name}` is missing"),
                    )
                    .help(format!("{} needs `{name}`", place(path))),
                );
            }
            ValidationErrorKind::AnyOf { context }
            | ValidationErrorKind::OneOfNotValid { context } => {
                self.report_branches(path, context, out);
            }
            _ => out.extend(self.value_finding(error, path)),
        }
    }

    /// Of the forms that a value may have, the one that it comes nearest to is talked about.
    fn report_branches(
        &self,
        path: &str,
        branches: &[Vec<ValidationError<'static>>],
        out: &mut Vec<Diagnostic>,
    ) {
        let is_other_type = |error: &ValidationError<'_>| {
            error.instance_path().as_str() == path
                && matches!(error.kind(), ValidationErrorKind::Type { .. })
        };
        let fitting: Vec<&Vec<ValidationError<'static>>> =
            branches.iter().filter(|errors| !errors.iter().any(is_other_type)).collect();
        // Fewer complaints about the value itself mean that its inside is what is wrong.
        let distance = |errors: &&&Vec<ValidationError<'static>>| {
            let own = errors.iter().filter(|error| error.instance_path().as_str() == path).count();
            (own, errors.len())
        };
        let words = || {
            let options = branches.iter().flatten().filter_map(|error| match error.kind() {
                ValidationErrorKind::Enum { options } => options.as_array().cloned(),
                _ => None,
            });
            options.flatten().filter_map(|o| o.as_str().map(str::to_owned)).collect::<Vec<_>>()
        };
        match fitting.iter().min_by_key(distance) {
            Some(errors) if fitting.len() == 1 || !errors.is_empty() => {
                let all_enums = fitting.iter().all(|errors| {
                    errors.iter().all(|e| matches!(e.kind(), ValidationErrorKind::Enum { .. }))
                });
                if all_enums && fitting.len() > 1 {
                    out.push(self.not_a_word(path, &words()));
                    return;
                }
                for error in errors.iter() {
                    self.report(error, out);
                }
            }
            _ => {
                let types: Vec<String> = branches
                    .iter()
                    .flatten()
                    .filter_map(|error| match error.kind() {
                        ValidationErrorKind::Type { kind } => Some(type_words(kind)),
                        _ => None,
                    })
                    .collect();
                out.extend(self.wrong_type(path, &types.join(" or ")));
            }
        }
    }

    fn value_finding(&self, error: &ValidationError<'_>, path: &str) -> Option<Diagnostic> {
        let found = pointer::find(self.document, path);
        if found.is_some_and(Spanned::is_unreadable) {
            return None;
        }
        let described = found.map(Spanned::describe).unwrap_or_default();
        let finding = match error.kind() {
            ValidationErrorKind::Type { kind } => return self.wrong_type(path, &type_words(kind)),
            ValidationErrorKind::Enum { options } => {
                let options = options.as_array().into_iter().flatten();
                let words: Vec<String> =
                    options.filter_map(|option| option.as_str().map(str::to_owned)).collect();
                self.not_a_word(path, &words)
            }
            ValidationErrorKind::Constant { expected_value } => {
                let words: Vec<String> =
                    expected_value.as_str().map(str::to_owned).into_iter().collect();
                self.not_a_word(path, &words)
            }
            ValidationErrorKind::Pattern { .. } => {
                let name_like = path == "/metadata/name" || path.ends_with("/account");
                let code = if name_like { Code::InvalidName } else { Code::InvalidValue };
                let message = format!("{described} does not have the form of {}", place(path));
                let finding = self.finding(code, path, Target::Value, message);
                match self.hint(error, name_like) {
                    Some(hint) => finding.help(hint),
                    None => finding,
                }
            }
            ValidationErrorKind::Minimum { limit } => self.finding(
                Code::InvalidValue,
                path,
                Target::Value,
                format!("{described} is below {limit}, the least that {} takes", place(path)),
            ),
            ValidationErrorKind::Maximum { limit } => self.finding(
                Code::InvalidValue,
                path,
                Target::Value,
                format!("{described} is above {limit}, the most that {} takes", place(path)),
            ),
            ValidationErrorKind::MinItems { .. } | ValidationErrorKind::MinLength { .. } => self
                .finding(
                    Code::InvalidValue,
                    path,
                    Target::Value,
                    format!("{} must not be empty", place(path)),
                ),
            ValidationErrorKind::MaxLength { limit } => self.finding(
                Code::InvalidValue,
                path,
                Target::Value,
                format!("{} has more than {limit} characters", place(path)),
            ),
            ValidationErrorKind::UniqueItems => self.finding(
                Code::InvalidValue,
                path,
                Target::Value,
                format!("{} names something twice", place(path)),
            ),
            _ => self.finding(Code::Schema, path, Target::Value, error.to_string()),
        };
        Some(finding)
    }

    fn wrong_type(&self, path: &str, wanted: &str) -> Option<Diagnostic> {
        let found = pointer::find(self.document, path);
        if found.is_some_and(Spanned::is_unreadable) {
            return None;
        }
        let described = found.map(Spanned::describe).unwrap_or_default();
        let message = format!("{} takes {wanted}, and this is {described}", place(path));
        let mut finding = self.finding(Code::WrongType, path, Target::Value, message);
        // A number that somebody put in quotes needs only lose them.
        let scalar = found.and_then(Spanned::as_scalar);
        if let Some(scalar) = scalar.filter(|scalar| !scalar.plain && wanted.contains("integer"))
            && scalar.text.parse::<i64>().is_ok()
        {
            let span = locate(self.document, path, Target::Value);
            finding = finding.help("take the quotes away").suggest(span, scalar.text.clone());
        }
        if let Some(scalar) = scalar.filter(|scalar| scalar.plain && wanted.contains("boolean")) {
            let truth = match scalar.text.to_ascii_lowercase().as_str() {
                "yes" | "on" | "y" => Some("true"),
                "no" | "off" | "n" => Some("false"),
                _ => None,
            };
            if let Some(truth) = truth {
                let span = locate(self.document, path, Target::Value);
                let help = format!("in YAML 1.2 `{}` is a text; write `{truth}`", scalar.text);
                finding = finding.help(help).suggest(span, truth);
            }
        }
        Some(finding)
    }

    fn not_a_word(&self, path: &str, words: &[String]) -> Diagnostic {
        let found = pointer::find(self.document, path);
        let described = found.map(Spanned::describe).unwrap_or_default();
        let message = format!("{described} is not one of the words that {} takes", place(path));
        let finding = self
            .finding(Code::InvalidValue, path, Target::Value, message)
            .help(format!("write {}", words.join(", ")));
        let text = found.and_then(Spanned::as_str).unwrap_or_default();
        match nearest(text, words.iter().map(String::as_str)) {
            Some(word) => {
                let span = locate(self.document, path, Target::Value);
                finding.suggest(span, word)
            }
            None => finding,
        }
    }

    fn unknown_field(&self, path: &str, name: &str, known: &[&str]) -> Diagnostic {
        let path_of_field = pointer::child(path, name);
        let message = format!("`{name}` is not a field of {}", place(path));
        let finding = self.finding(Code::UnknownField, &path_of_field, Target::Key, message);
        match nearest(name, known.iter().copied()) {
            Some(word) => {
                let span = locate(self.document, &path_of_field, Target::Key);
                finding.help(format!("did you mean `{word}`?")).suggest(span, word)
            }
            None if known.len() <= 16 && !known.is_empty() => {
                finding.help(format!("its fields are {}", known.join(", ")))
            }
            None => finding,
        }
    }

    fn finding(&self, code: Code, path: &str, target: Target, message: String) -> Diagnostic {
        Diagnostic::error(code, message).at(locate(self.document, path, target), "").pointer(path)
    }

    /// The fields of the object schema whose `additionalProperties` was broken.
    fn known_fields(&self, error: &ValidationError<'_>) -> Vec<&str> {
        let path = error.schema_path().as_str();
        let object = path.rsplit_once('/').map_or("", |(object, _)| object);
        let properties = self.schema.pointer(object).and_then(|schema| schema.get("properties"));
        properties
            .and_then(Value::as_object)
            .map(|properties| properties.keys().map(String::as_str).collect())
            .unwrap_or_default()
    }

    /// What the schema itself says of a value that has a wrong form.
    fn hint(&self, error: &ValidationError<'_>, name_like: bool) -> Option<String> {
        if name_like {
            return Some(
                "use a-z, 0-9 and, between them, `.`, `_` or `-`; paths have `/` between names"
                    .to_owned(),
            );
        }
        let path = error.schema_path().as_str();
        let (object, _) = path.rsplit_once('/')?;
        let schema = self.schema.pointer(object)?;
        let examples = schema.get("examples").and_then(Value::as_array);
        if let Some(examples) = examples {
            let examples: Vec<String> = examples
                .iter()
                .map(|example| {
                    format!(
                        "`{}`",
                        example.as_str().map_or_else(|| example.to_string(), str::to_owned)
                    )
                })
                .collect();
            return Some(format!("write something like {}", examples.join(" or ")));
        }
        schema.get("description").and_then(Value::as_str).map(str::to_owned)
    }
}

/// What a place is called in a sentence.
fn place(path: &str) -> String {
    if path.is_empty() {
        return "the manifest".to_owned();
    }
    let steps = path.trim_start_matches('/').split('/');
    let mut words = String::new();
    for step in steps {
        let step = step.replace("~1", "/").replace("~0", "~");
        if step.bytes().all(|byte| byte.is_ascii_digit()) {
            words.push_str(&format!("[{step}]"));
        } else {
            if !words.is_empty() {
                words.push('.');
            }
            words.push_str(&step);
        }
    }
    format!("`{words}`")
}

fn type_words(kind: &TypeKind) -> String {
    let word = |text: String| match text.as_str() {
        "object" => "a mapping".to_owned(),
        "array" => "a list".to_owned(),
        "string" => "a text".to_owned(),
        "integer" => "an integer".to_owned(),
        "number" => "a number".to_owned(),
        "boolean" => "a boolean".to_owned(),
        other => other.to_owned(),
    };
    match kind {
        TypeKind::Single(single) => word(single.to_string()),
        TypeKind::Multiple(several) => {
            several.iter().map(|one| word(one.to_string())).collect::<Vec<_>>().join(" or ")
        }
    }
}
