//! One YAML document to one typed manifest, or to diagnostics and what can still be told of it.

use std::borrow::Cow;

use super::document::{AnyManifest, Document, Draft};
use super::kinds::{KINDS, OBJECTS};
use super::partial;
use super::placeholder;
use super::schema::{self, API_VERSION};
use super::traps;
use super::typed::{MOST_UNREAD, read, unread};
use super::violation::violations;
use crate::diagnostic::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, quote};
use crate::resource::{AccountPath, Address, Kind, is_valid_name};
use crate::source::value::Scalar;
use crate::source::{SourceMap, Spanned, Value, pointer};

/// Checks and decodes `value`.
pub(super) fn document(
    draft: Draft,
    sources: &SourceMap,
    diagnostics: &mut Diagnostics,
) -> Document {
    let Draft { value, folder, instance, is_as_written } = draft;
    let before = diagnostics.len();
    let address = address_of(&value);
    let mut broken = Vec::new();
    let manifest = decode(&value, &mut broken, diagnostics);
    let partial = match (&manifest, kind_of(&value)) {
        (None, Some(kind)) => partial::of(kind, &value, &mut broken),
        _ => None,
    };
    broken.into_iter().for_each(|finding| diagnostics.push(finding));
    // A Template is filled in, and what its rows made may hold anything.
    if instance.is_none() && kind_of(&value) != Some("Template") {
        placeholder::check(&value, before, diagnostics);
    }
    let document = Document { value, folder, manifest, partial, address, instance, is_as_written };
    document.attach_origin(before, sources, diagnostics);
    document
}

/// The manifest, if nothing is wrong with it; `broken` takes what is wrong with its fields.
fn decode(
    value: &Spanned,
    broken: &mut Vec<Diagnostic>,
    diagnostics: &mut Diagnostics,
) -> Option<AnyManifest> {
    if !matches!(value.value, Value::Mapping(_)) {
        diagnostics.push(
            Diagnostic::error(
                Code::WrongType,
                format!("a manifest must be a mapping, not {}", value.describe()),
            )
            // The first line says enough; underlining a whole list would bury it.
            .at(value.span.head(), "")
            .help("begin with `apiVersion: flespi-gitops/v1` and `kind:`")
            .pointer(""),
        );
        return None;
    }
    let version_fits = check_version(value, diagnostics);
    check_kind(value, diagnostics);
    // A slip in its name hides nothing of what is wrong with the rest.
    let kind = kind_of(value)?;
    let kind_fits = value.get("kind").and_then(Spanned::as_str) == Some(kind);
    let schema = schema::of_kind(kind)?;
    *broken = violations(schema, value);
    // The two words that were looked at already have better messages.
    broken.retain(|finding| !matches!(finding.pointer.as_deref(), Some("/apiVersion" | "/kind")));
    let missing_version = value.get("apiVersion").is_none();
    broken.retain(|finding| {
        !(missing_version
            && finding.code == Code::MissingField
            && finding.message.contains("`apiVersion`"))
    });
    traps::numbers(value, diagnostics);
    traps::free_texts(value, diagnostics);
    if !broken.is_empty() || !version_fits || !kind_fits {
        return None;
    }
    match OBJECTS.iter().find(|object| object.title == kind) {
        Some(object) => typed(value, broken, object.read).map(AnyManifest::Object),
        None if kind == "Template" => {
            typed(value, broken, |value| read(value)).map(AnyManifest::Template)
        }
        None => typed(value, broken, |value| read(value)).map(AnyManifest::Stack),
    }
}

fn check_version(value: &Spanned, diagnostics: &mut Diagnostics) -> bool {
    let Some(version) = value.get("apiVersion") else {
        diagnostics.push(
            Diagnostic::error(Code::MissingField, "`apiVersion` is missing")
                .at(value.span.head(), "")
                .help(format!("write `apiVersion: {API_VERSION}`"))
                .pointer(""),
        );
        return false;
    };
    if version.as_str() == Some(API_VERSION) {
        return true;
    }
    diagnostics.push(
        Diagnostic::error(
            Code::UnknownApiVersion,
            said_not_to_be(version, "apiVersion", "a version of the manifest language"),
        )
        .at(version.span, "")
        .help(format!("this release reads `{API_VERSION}`"))
        .suggest(version.span, API_VERSION)
        .pointer("/apiVersion"),
    );
    false
}

/// The kind that a document has, or has by the look of it.
fn kind_of(value: &Spanned) -> Option<&'static str> {
    let word = value.get("kind").and_then(Spanned::as_str)?;
    let known = |fits: &dyn Fn(&str) -> bool| KINDS.into_iter().find(|known| fits(known));
    known(&|known| known == word)
        .or_else(|| known(&|known| known.eq_ignore_ascii_case(word)))
        .or_else(|| nearest(word, KINDS).and_then(|near| known(&|known| known == near)))
}

fn check_kind(value: &Spanned, diagnostics: &mut Diagnostics) {
    let Some(kind) = value.get("kind") else {
        diagnostics.push(
            Diagnostic::error(Code::MissingField, "`kind` is missing")
                .at(value.span.head(), "")
                .help(format!("write `kind:` with one of {}", KINDS.join(", ")))
                .pointer(""),
        );
        return;
    };
    let guess = kind_of(value);
    if guess.is_some() && guess == kind.as_str() {
        return;
    }
    let finding = Diagnostic::error(Code::UnknownKind, said_not_to_be(kind, "kind", "a kind"))
        .at(kind.span, "")
        .pointer("/kind");
    diagnostics.push(match guess {
        Some(known) => finding.help(format!("did you mean `{known}`?")).suggest(kind.span, known),
        None => finding.help(format!("the kinds are {}", KINDS.join(", "))),
    });
}

/// "`Realm` is not a kind", or that there is nothing at all.
fn said_not_to_be(value: &Spanned, field: &str, what: &str) -> String {
    match value.as_scalar() {
        Some(scalar) if scalar.text.is_empty() => format!("`{field}` has no value"),
        Some(scalar) => format!("{} is not {what}", quote(&scalar.text)),
        None => format!("{} is not {what}", value.describe()),
    }
}

/// Decodes what the schema found sound. What is left to go wrong are forms that a schema cannot
/// say, such as a thirteenth month.
fn typed<T>(
    value: &Spanned,
    broken: &mut Vec<Diagnostic>,
    read: impl Fn(&Spanned) -> Result<T, String>,
) -> Option<T> {
    let mut draft = Cow::Borrowed(value);
    let mut told: Vec<String> = Vec::new();
    loop {
        let pointer = match read(&draft) {
            Ok(manifest) => return told.is_empty().then_some(manifest),
            Err(pointer) => pointer,
        };
        if told.contains(&pointer) || told.len() >= MOST_UNREAD {
            return None;
        }
        broken.push(unread(value, &pointer));
        // Decoding stops at the first mistake; with a number that every form takes in its place it finds the next.
        if let Some(found) = pointer::find_mut(draft.to_mut(), &pointer) {
            found.value = Value::Scalar(Scalar::of_number(1));
        }
        told.push(pointer);
    }
}

/// The kind of object that a document describes, if it describes one.
pub(super) fn object_kind(value: &Spanned) -> Option<Kind> {
    Kind::of_title(kind_of(value)?)
}

/// The address of a document, however broken the rest of it is.
pub(super) fn address_of(value: &Spanned) -> Option<Address> {
    let kind = object_kind(value)?;
    let metadata = value.get("metadata")?;
    let name = metadata.get("name")?.as_str()?;
    let account = match metadata.get("account") {
        Some(account) => AccountPath::parse(account.as_str()?).ok()?,
        None => AccountPath::root(),
    };
    let container = match kind.container() {
        Some((holder, _)) => {
            Some(metadata.get(holder.as_str())?.as_str().filter(|name| is_valid_name(name))?.into())
        }
        None => None,
    };
    is_valid_name(name).then(|| Address::new(kind, account, name).inside(container))
}
