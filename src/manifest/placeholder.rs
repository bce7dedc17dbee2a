//! Placeholders that somebody wrote for another tool, or for a template that this is not: `${NAME}`, `{{ name }}`, `~/`.
//!
//! Only a Template is filled in, from its rows. Anywhere else such a text stands for itself, which is hardly ever meant.

use crate::diagnostic::{Code, Diagnostic, Diagnostics, quote};
use crate::source::value::Scalar;
use crate::source::{Meaning, Spanned, Value, pointer};

/// The most warnings of one manifest.
const MOST_WARNINGS: usize = 50;

/// The name in a text that is nothing but a variable as shells write it.
pub(super) fn variable(text: &str) -> Option<&str> {
    let name = text.trim().strip_prefix('$')?;
    let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then_some(name)
}

/// Whether a text is spelt as variables of the environment are by everybody, and no password is.
pub(super) fn is_constant(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_uppercase() || b"_${}".contains(&byte))
}

/// Warns of placeholders that nothing fills in, and explains findings about them, which are those since there were `from`.
pub(super) fn check(document: &Spanned, from: usize, diagnostics: &mut Diagnostics) {
    // Hardly any document has one, and finding out where it stands costs more than all other checks.
    if !may_hold_one(document) {
        return;
    }
    let templating =
        pointer::find(document, "/spec/access/templating").and_then(Spanned::as_scalar);
    let is_filled_in = templating.is_some_and(|it| it.meaning == Meaning::Bool(true));
    let mut found = Vec::new();
    walk(document, &mut String::new(), &mut |value, scalar, at| {
        let is_foreign =
            is_foreign(at, scalar) || (is_filled_in && at.starts_with("/spec/access/"));
        if found.len() < MOST_WARNINGS
            && !is_foreign
            && let Some((what, help)) = placeholder(&scalar.text, at)
        {
            found.push((value.span, what.to_owned(), help, at.to_owned()));
        }
    });
    for (span, what, help, at) in found {
        let mut is_reported = false;
        diagnostics.amend_from(from, |finding| {
            if finding.primary.as_ref().is_some_and(|label| label.span == span) {
                is_reported = true;
                if finding.suggestion.is_none() {
                    finding.help.push(help.to_owned());
                }
            }
        });
        if !is_reported {
            // What stands where a password comes from may be the password.
            let is_secret = at.contains("/password") && !is_constant(&what);
            let said = if is_secret { "this text".to_owned() } else { quote(&what) };
            let message = format!("{said} is taken literally: nothing fills it in");
            let finding = Diagnostic::warning(Code::NotFilledIn, message).at(span, "").help(help);
            diagnostics.push(finding.pointer(at));
        }
    }
}

/// Whether there is anything in the document with which a placeholder begins.
fn may_hold_one(value: &Spanned) -> bool {
    match &value.value {
        Value::Scalar(scalar) => {
            let text = scalar.text.as_str();
            text.contains('$') || text.contains("{{") || text.starts_with("~/")
        }
        Value::Sequence(items) => items.iter().any(may_hold_one),
        Value::Mapping(entries) => entries.iter().any(|entry| may_hold_one(&entry.value)),
    }
}

/// The placeholder in a text, and where it would be filled in.
fn placeholder<'t>(text: &'t str, at: &str) -> Option<(&'t str, &'static str)> {
    const TEMPLATE: &str = "in the manifests of a Template, `${name}` is a parameter of its rows; to fill in \
                            variables of the environment, run a tool such as `envsubst` first";
    const SECRET: &str = "a password comes from the environment with `{env: NAME}`";
    let fill_in = if at.starts_with("/spec/credentials/password") { SECRET } else { TEMPLATE };
    if variable(text).is_some() {
        return Some((text, fill_in));
    }
    if let Some(start) = text.find("${") {
        let rest = text.get(start..)?;
        let end = rest.find('}')?;
        return Some((rest.get(..=end)?, fill_in));
    }
    if let Some(start) = text.find("{{") {
        let rest = text.get(start..)?;
        let end = rest.find("}}")?;
        let help = "render the file with its own tool, such as Helm or Jinja, first; a Template here uses \
                    `${name}`";
        return Some((rest.get(..end + 2)?, help));
    }
    let is_path = ["/file", "/dotenv", "/json", "/age", "/token_file", "/ca_file"];
    if text.starts_with("~/") && is_path.iter().any(|end| at.ends_with(end)) {
        let help = "paths start at the folder of the manifest or at `/`; write the whole path";
        return Some(("~/", help));
    }
    None
}

/// Texts in which such characters mean something to somebody else: the arguments of programs, and free keys in quotes.
fn is_foreign(at: &str, scalar: &Scalar) -> bool {
    scalar.meaning != Meaning::Text
        || at.contains("/exec/")
        || at.contains("/read/")
        || (!scalar.plain && at.contains("/metadata/") && at.starts_with("/spec/"))
}

/// Calls `visit` with every scalar that is not a key; the depth of a document is bounded.
fn walk(value: &Spanned, at: &mut String, visit: &mut dyn FnMut(&Spanned, &Scalar, &str)) {
    let length = at.len();
    match &value.value {
        Value::Scalar(scalar) => visit(value, scalar, at),
        Value::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                at.push_str(&format!("/{index}"));
                walk(item, at, visit);
                at.truncate(length);
            }
        }
        Value::Mapping(entries) => {
            for entry in entries {
                at.push_str(&pointer::child("", &entry.key.text));
                walk(&entry.value, at, visit);
                at.truncate(length);
            }
        }
    }
}
