//! Words for values and for what may stand in their place.

use super::acl;
use super::model::Expire;
use super::number;
use crate::diagnostic::quote;
use crate::source::hidden::{MASK, is_token_key};
use crate::source::value::Scalar;
use crate::source::{Meaning, Spanned};

/// A form that a value may have.
pub(super) enum Form<'a> {
    Word(&'a str),
    Text,
    Integer,
    Number,
    Boolean,
    List,
    /// With the key that tells it from other mappings.
    Mapping(Option<&'a str>),
}

pub(super) fn words<'a>(forms: &[(usize, Form<'a>)]) -> Vec<&'a str> {
    let word = |(_, form): &(usize, Form<'a>)| match form {
        Form::Word(word) => Some(*word),
        _ => None,
    };
    forms.iter().filter_map(word).collect()
}

/// What may stand here, as part of a sentence: "`standard`, `master` or a mapping with `acl`".
pub(super) fn wanted(forms: &[(usize, Form<'_>)]) -> String {
    let mut nouns: Vec<String> = Vec::new();
    let keys: Vec<&str> = forms
        .iter()
        .filter_map(|(_, form)| match form {
            Form::Mapping(key) => *key,
            _ => None,
        })
        .collect();
    for (_, form) in forms {
        let noun = match form {
            Form::Word(word) => format!("`{word}`"),
            Form::Text => "a text".to_owned(),
            Form::Integer => "an integer".to_owned(),
            Form::Number => "a number".to_owned(),
            Form::Boolean => "`true` or `false`".to_owned(),
            Form::List => "a list".to_owned(),
            Form::Mapping(_) if keys.is_empty() => "a mapping".to_owned(),
            Form::Mapping(_) => format!("a mapping with {}", listed(&keys, "or")),
        };
        if !nouns.contains(&noun) {
            nouns.push(noun);
        }
    }
    match nouns.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => "another value".to_owned(),
    }
}

/// "`a`, `b` and `c`".
pub(super) fn listed(names: &[&str], joint: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} {joint} {last}", others.join(", ")),
        None => String::new(),
    }
}

/// The same value in a type that the field takes, and why.
pub(super) fn retyped(
    path: &str,
    scalar: &Scalar,
    forms: &[(usize, Form<'_>)],
) -> Option<(String, String)> {
    let takes = |fits: fn(&Form<'_>) -> bool| forms.iter().any(|(_, form)| fits(form));
    let text = scalar.text.as_str();
    if (path.contains("/ids/") || path.contains("/devices/")) && acl::is_imei(text) {
        return None;
    }
    if takes(|form| matches!(form, Form::Integer))
        && matches!(scalar.meaning, Meaning::Text | Meaning::Float(_))
        && let Some(meant) = number::meant(text, scalar.plain)
    {
        return Some(meant);
    }
    if takes(|form| matches!(form, Form::Boolean)) && scalar.meaning == Meaning::Text {
        let truth = match text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "y" | "true" => "true",
            "no" | "off" | "n" | "false" => "false",
            _ => return None,
        };
        let help = match scalar.plain {
            true => format!("in YAML 1.2 `{text}` is a text; write `{truth}`"),
            false => "remove the quotes".to_owned(),
        };
        return Some((help, truth.to_owned()));
    }
    let is_bare = scalar.plain && !text.is_empty();
    let is_simple = |text: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_./*?:-".contains(c);
        text.chars().all(plain) && !text.starts_with('*')
    };
    if takes(|form| matches!(form, Form::List)) && is_bare && scalar.meaning != Meaning::Null {
        let items: Vec<&str> = text.split(',').map(str::trim).collect();
        // A list of mappings is not made by brackets alone.
        let of_scalars = !path.ends_with("/acl")
            && !path.ends_with("/deliver")
            && !path.ends_with("/submodules")
            && !path.ends_with("/exec");
        let fit_ids =
            !path.ends_with("/ids") || items.iter().all(|item| item.parse::<i64>().is_ok());
        if of_scalars && fit_ids && items.iter().all(|item| is_simple(item) && !item.is_empty()) {
            let list = format!("[{}]", items.join(", "));
            return Some((format!("a list is written `{list}`"), list));
        }
    }
    if path == "/spec/access" && matches!(text, "0" | "1") {
        let word = if text == "0" { "standard" } else { "master" };
        let help = format!("the type that the platform counts as {text} is written `{word}`");
        return Some((help, word.to_owned()));
    }
    let is_number_or_truth = !matches!(scalar.meaning, Meaning::Text | Meaning::Null);
    // In quotes these would still not have the form of their fields.
    let needs_form =
        ["/ttl", "/expire", "/uri", "/env", "/email"].iter().any(|end| path.ends_with(end))
            || path.starts_with("/spec/ips/")
            || path.starts_with("/spec/origins/");
    if takes(|form| matches!(form, Form::Text)) && is_bare && is_number_or_truth && !needs_form {
        return Some(("put it in quotes if it is text".to_owned(), format!("\"{text}\"")));
    }
    None
}

/// A value in words, unless it may be a password that somebody wrote where its source belongs.
pub(super) fn said_of(path: &str, found: Option<&Spanned>) -> String {
    let is_name = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_uppercase() || b"_-${} ".contains(&byte))
    };
    match found {
        Some(value)
            if path.split('/').any(|step| step == "password")
                && value.as_str().is_some_and(|text| !text.is_empty() && !is_name(text)) =>
        {
            "this value".to_owned()
        }
        Some(value) => in_words(value),
        None => String::new(),
    }
}

/// What is wrong with a text that does not have the form of its field.
pub(super) fn not_of_form(path: &str, found: Option<&Spanned>) -> String {
    let said = said_of(path, found);
    let text = found.and_then(Spanned::as_scalar).map_or("", |scalar| scalar.text.as_str());
    match Expire::parse(text) {
        Err(why) if path.ends_with("/expire") => format!("{said} {why}"),
        _ if is_duration(path) => format!("{said} is not a duration"),
        _ => format!("{said} does not have the form that {} takes", place(path)),
    }
}

/// Whether the field holds a point of time or a duration.
pub(super) fn is_time(path: &str) -> bool {
    path.ends_with("/expire") || is_duration(path)
}

/// Whether the field holds a duration.
fn is_duration(path: &str) -> bool {
    let fields = ["/ttl", "/every", "/overlap", "/ttl-at-most/max"];
    fields.iter().any(|field| path.ends_with(field))
}

/// A value as the subject of a sentence: quoted as it was typed.
pub(super) fn in_words(value: &Spanned) -> String {
    match value.as_scalar() {
        Some(scalar) if scalar.text.is_empty() => "the empty text".to_owned(),
        Some(scalar) => quote(&scalar.text),
        None => value.describe(),
    }
}

pub(super) fn is_nothing(scalar: &Scalar) -> bool {
    scalar.meaning == Meaning::Null && scalar.plain && scalar.text.is_empty()
}

/// What a place is called in a sentence.
pub(super) fn place(path: &str) -> String {
    if path.is_empty() {
        return "the manifest".to_owned();
    }
    let steps = path.trim_start_matches('/').split('/');
    let mut words = String::new();
    for step in steps {
        let step = step.replace("~1", "/").replace("~0", "~");
        // A key that was pasted where it does not belong is a secret all the same.
        let step = if is_token_key(&step) { MASK.to_owned() } else { step };
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
