//! Items by what they are called, in manifests: what a selection may say, and how it is noted for the plan.
//!
//! Whatever has ids in its manifest takes them as [`AclIds`]: [`check`] finds fault with a selection there, and [`note`]
//! writes it down. An access, whether it is written out or a preset, is noted whole by [`note_access`].

use std::collections::BTreeSet;

use super::model::{Access, AclIds, GroupRef, Ident, Select};
use super::place::Place;
use super::preset;
use super::scribe::Scribe;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, quote};
use crate::resource::selection::{Criterion, Group};
use crate::resource::{Declared, ItemType, Selection};
use crate::source::Target;

/// What is suggested to whoever selects by nothing.
const EXAMPLE: &str = "write `{select: {name: \"truck-*\"}}`";

/// Finds fault with a selection that stands as `ids` at `pointer` and is about items of `uri`.
pub(super) fn check(
    place: &Place<'_>,
    pointer: &str,
    uri: &str,
    ids: Option<&AclIds>,
    diagnostics: &mut Diagnostics,
) {
    let Some(AclIds::Select(ids)) = ids else { return };
    if let Err(Fault { below, target, message, help }) = selection(uri, &ids.select) {
        let at = format!("{pointer}/select{below}");
        let mut finding = Diagnostic::error(Code::SelectionUnknown, message)
            .at(place.span(&at, target), "")
            .help(help);
        if let Some(inner) = ids.select.expression.as_deref().and_then(without_braces) {
            finding = finding.suggest(place.span(&at, target), quote_yaml(inner));
        }
        diagnostics.push(finding.pointer(at));
    }
}

/// Notes every selection of an `access` that is declared as `field`, such as `access` or `token_params.access`.
pub(super) fn note_access(
    declared: &mut Declared,
    field: &str,
    access: &Access,
    scribe: &Scribe<'_>,
) {
    let expanded;
    let list = match access {
        Access::Named(_) => return,
        Access::Acl(list) => list,
        Access::Preset(recipe) => match preset::expand(recipe) {
            Access::Acl(list) => {
                expanded = list;
                &expanded
            }
            Access::Named(_) | Access::Preset(_) => return,
        },
    };
    let written = format!("/spec/{}", field.replace('.', "/"));
    for (index, entry) in list.acl.iter().enumerate() {
        let pointer = match access {
            Access::Preset(_) => format!("{written}/devices"),
            _ => format!("{written}/acl/{index}/ids"),
        };
        let place = format!("{field}.acl.{index}.ids");
        note(declared, &place, &entry.uri, entry.ids.as_ref(), scribe, &pointer);
    }
}

/// Notes the selection, if it is one, that stands in the declared fields at `place` and in the manifest at `pointer`.
pub(super) fn note(
    declared: &mut Declared,
    place: &str,
    uri: &str,
    ids: Option<&AclIds>,
    scribe: &Scribe<'_>,
    pointer: &str,
) {
    let Some(AclIds::Select(ids)) = ids else { return };
    // One that is none was found fault with.
    let Ok(selection) = selection(uri, &ids.select) else { return };
    declared.selections.insert(place.to_owned(), selection);
    declared.field_origins.insert(place.into(), scribe.origin(pointer));
}

/// What is wrong with a selection: below which key, and on which side of it.
struct Fault {
    below: &'static str,
    target: Target,
    message: String,
    help: String,
}

impl Fault {
    fn new(below: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        let target = if below.is_empty() { Target::Key } else { Target::Value };
        Self { below, target, message: message.into(), help: help.into() }
    }
}

/// The selection that is written there.
fn selection(uri: &str, written: &Select) -> Result<Selection, Fault> {
    let Select { name, ident, group, expression, allow_empty } = written;
    let mut criteria = Vec::new();
    criteria.extend(name.clone().map(|name| ("name", "/name", Criterion::Name(name))));
    criteria.extend(ident.as_ref().map(|all| ("ident", "/ident", Criterion::Ident(idents(all)))));
    criteria.extend(group.clone().map(|it| ("group", "/group", Criterion::Group(self::group(it)))));
    let expression = expression.as_ref().map(|text| text.trim().to_owned());
    criteria
        .extend(expression.map(|text| ("expression", "/expression", Criterion::Expression(text))));
    let (word, below, criterion) = match criteria.as_slice() {
        [only] => only.clone(),
        [] => {
            let message = "a selection takes one of `name`, `ident`, `group` and `expression`";
            return Err(Fault::new("", message, EXAMPLE));
        }
        [(first, ..), (second, below, _), ..] => {
            let message = format!("`{first}` and `{second}` exclude each other");
            let help = "keep one of them; `expression` can ask for several things at once";
            return Err(Fault { target: Target::Key, ..Fault::new(below, message, help) });
        }
    };
    let Some(items) = ItemType::of(uri) else {
        let message = format!(
            "no collection understands this selection: {} is not a type of items",
            quote(uri)
        );
        return Err(Fault::new("", message, "select items of one type, such as `uri: gw/devices`"));
    };
    if !items.understands(&criterion) {
        let message = format!("{items} cannot be selected by `{word}`: only gw/devices can");
        let help = "select them by `name` or by `expression`";
        return Err(Fault { target: Target::Key, ..Fault::new(below, message, help) });
    }
    if let Criterion::Expression(text) = &criterion
        && let Some(what) = misread(text)
    {
        let help = "write what stands between the braces of a selector on the platform, such as \
                    `name==\"my tracker\" && enabled==true`";
        return Err(Fault::new(below, format!("this is not an expression: {what}"), help));
    }
    Ok(Selection { items, criterion, allow_empty: *allow_empty })
}

fn idents(written: &[Ident]) -> BTreeSet<String> {
    let text = |ident: &Ident| match ident {
        Ident::Number(number) => number.to_string(),
        Ident::Text(text) => text.clone(),
    };
    written.iter().map(text).collect()
}

fn group(written: GroupRef) -> Group {
    match written {
        GroupRef::Id(id) => Group::Id(id),
        GroupRef::Name(name) => Group::Name(name),
    }
}

/// Why a text cannot be an expression, as far as that shows without knowing its names: it must end where it is put an end to.
fn misread(text: &str) -> Option<&'static str> {
    let (mut quote, mut is_escaped, mut depth) = (None, false, 0_usize);
    for c in text.chars() {
        match (quote, c) {
            _ if is_escaped => is_escaped = false,
            (Some(_), '\\') => is_escaped = true,
            (Some(open), close) if open == close => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '{' | '}') => return Some("it has braces"),
            (None, '(') => depth += 1,
            (None, ')') if depth == 0 => return Some("a bracket is closed that was not opened"),
            (None, ')') => depth -= 1,
            (None, c) if c.is_control() => {
                return Some("it has a line break or a control character");
            }
            _ => {}
        }
    }
    match () {
        () if text.is_empty() => Some("it is empty"),
        () if quote.is_some() => Some("a quote is not closed"),
        () if depth > 0 => Some("a bracket is not closed"),
        () => None,
    }
}

/// What is between the braces of a whole selector that was written as an expression.
fn without_braces(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
    misread(inner).is_none().then_some(inner)
}

fn quote_yaml(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(uri: &str, yaml: &str) -> Result<Selection, String> {
        let written: Select = serde_yaml::from_str(yaml).unwrap();
        selection(uri, &written).map_err(|fault| fault.message)
    }

    #[test]
    fn a_selection_is_read_as_it_is_written() {
        let criterion = |yaml| read("gw/devices", yaml).unwrap().criterion.to_string();
        assert_eq!(criterion("{name: 'truck-*'}"), "name: truck-*");
        assert_eq!(criterion("{ident: [352625069012345, A7]}"), "ident: [352625069012345, A7]");
        assert_eq!(criterion("{group: north}"), "group: north");
        assert_eq!(criterion("{group: 7}"), "group: 7");
        assert_eq!(criterion("{expression: ' id>5 '}"), "expression: id>5");
        assert!(read("gw/devices", "{name: a, allow_empty: true}").unwrap().allow_empty);
        assert!(!read("storage/cdns", "{name: a}").unwrap().allow_empty);
    }

    #[test]
    fn an_expression_ends_where_it_is_put_an_end_to() {
        for text in ["id>5", r#"name=="a } b" && (id>5 || !enabled)"#, r#"name=="\"}""#] {
            assert_eq!(misread(text), None, "{text}");
        }
        for text in ["", "id>5}", "{id>5}", "id==\"a", "(id>5", "id>5) || (id<3", "a\nb"] {
            assert!(misread(text).is_some(), "{text}");
        }
        assert_eq!(without_braces(" {id>5} "), Some("id>5"));
        assert_eq!(without_braces("{id>5},{id<3}"), None);
    }
}
