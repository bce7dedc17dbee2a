//! Values that may have several forms: which one was meant, and what is wrong with it.

use jsonschema::ValidationError;

use super::{MOST_VIOLATIONS, Reporter};
use crate::diagnostic::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic};
use crate::manifest::number;
use crate::manifest::placeholder;
use crate::manifest::repair::form_help;
use crate::manifest::wording::{
    Form, is_nothing, listed, not_of_form, place, retyped, said_of, wanted, words,
};
use crate::source::strange;
use crate::source::{self, Meaning, Spanned, Target, locate, pointer};

impl<'a> Reporter<'a> {
    /// Reports what is wrong with the form that the value was meant to have.
    pub(super) fn report_forms(
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

    /// A text that does not match the pattern of its field.
    pub(super) fn wrong_form(
        &self,
        error: &ValidationError<'_>,
        path: &str,
        said: &str,
    ) -> Diagnostic {
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
            finding = finding.help("write the path of the owner in `account`, beside the name");
        }
        self.suggest_repair(path, finding)
    }

    /// A value of a type that its field does not take.
    pub(super) fn wrong_type(&self, path: &str, forms: &[(usize, Form<'_>)]) -> Option<Diagnostic> {
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
                "write {wanted} after it; to leave the field out, remove its key as well"
            )));
        }
        // Whoever writes a password here should not find it in a log.
        let this = match (path.ends_with("/password"), found.as_scalar()) {
            (true, Some(_)) => "a bare value".to_owned(),
            _ => found.describe(),
        };
        let message = format!("{place} takes {wanted}, not {this}");
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
            return Some(finding.help(
                "a manifest holds no secrets: write its source, such as `{env: \
                                      ACME_PASSWORD}`, and change the secret that was exposed",
            ));
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
    pub(super) fn not_a_word(&self, path: &str, forms: &[(usize, Form<'_>)]) -> Diagnostic {
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
}
