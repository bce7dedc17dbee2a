//! What documents can only get wrong together, and what a schema cannot say.

use std::collections::{BTreeMap, BTreeSet};

use super::document::{AnyManifest, Document};
use super::kinds::Check;
use super::model::StackManifest;
use super::parse;
use super::register::Register;
use crate::diagnostic::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::resource::{AccountPath, Address, Kind, MAX_ACCOUNT_LEVELS};
use crate::source::{SourceMap, Target};

/// The Stack manifest of a load, if it has one.
pub(super) fn single_stack<'a>(
    documents: &'a [Document],
    diagnostics: &mut Diagnostics,
) -> Option<(&'a Document, &'a StackManifest)> {
    let mut stacks = stacks(documents);
    let first = stacks.next()?;
    for (document, _) in stacks {
        diagnostics.push(
            Diagnostic::error(
                Code::SeveralStacks,
                "a load has only one Stack, and this is a second one",
            )
            .at(document.span("/kind", Target::Value), "the second one")
            .and(first.0.span("/kind", Target::Value), "the first one")
            .help("load one stack at a time, or merge the two manifests"),
        );
    }
    Some(first)
}

/// The same, without a word about it.
pub(super) fn first_stack(documents: &[Document]) -> Option<(&Document, &StackManifest)> {
    stacks(documents).next()
}

fn stacks(documents: &[Document]) -> impl Iterator<Item = (&Document, &StackManifest)> {
    documents.iter().filter_map(|document| match &document.manifest {
        Some(AnyManifest::Stack(manifest)) => Some((document, &**manifest)),
        _ => None,
    })
}

/// What all documents describe; tells which describe the same object.
pub(super) fn register(
    documents: &[Document],
    sources: &SourceMap,
    diagnostics: &mut Diagnostics,
) -> Register {
    let mut by_address: BTreeMap<&Address, &Document> = BTreeMap::new();
    let mut by_id: BTreeMap<(Kind, i64), &Document> = BTreeMap::new();
    for document in documents {
        let Some(address) = &document.address else {
            continue;
        };
        if let Some(first) = by_address.get(address) {
            let before = diagnostics.len();
            // Two rows of a template share its lines; only the rows tell them apart.
            let other = match &first.instance {
                Some(instance) => instance.row,
                None => first.span("/metadata/name", Target::Value),
            };
            let origin = match &first.instance {
                Some(instance) => sources.origin(instance.row.head()),
                None => sources.origin(first.value.span.head()),
            };
            diagnostics.push(
                Diagnostic::error(Code::DuplicateAddress, format!("{address} is declared twice"))
                    .at(document.span("/metadata/name", Target::Value), "the second time")
                    .and(other, "the first time")
                    .help(format!("remove one of them; the other is at {origin}"))
                    .pointer("/metadata/name"),
            );
            document.attach_origin(before, sources, diagnostics);
            continue;
        }
        by_address.insert(address, document);
        let id = document.value.get("metadata").and_then(|metadata| metadata.get("id"));
        let id = id.and_then(|id| id.as_scalar()).and_then(|id| id.text.parse().ok());
        if let Some(id) = id
            && let Some(first) = by_id.insert((address.kind, id), document)
        {
            diagnostics.push(
                Diagnostic::error(
                    Code::SeveralMarks,
                    format!("{} {id} is bound by two manifests", address.kind),
                )
                .at(document.span("/metadata/id", Target::Value), "here")
                .and(first.span("/metadata/id", Target::Value), "and here")
                .help("an object of the platform belongs to one manifest; remove one `id`")
                .pointer("/metadata/id"),
            );
        }
    }
    Register::new(by_address.into_keys())
}

/// Checks every document against the others and against the platform's rules.
pub(super) fn documents(
    documents: &[Document],
    register: &Register,
    now: i64,
    sources: &SourceMap,
    diagnostics: &mut Diagnostics,
) {
    let circles = circles(documents, register);
    for document in documents {
        let before = diagnostics.len();
        if let Some(address) = &document.address {
            account(document, address, register, &circles, diagnostics);
            depth(document, address, diagnostics);
            container(document, address, register, diagnostics);
        } else if let Some(address) = nameless(document) {
            account(document, &address, register, &circles, diagnostics);
        }
        let check = Check { place: document.place(), register, now };
        match (&document.manifest, &document.partial) {
            (Some(AnyManifest::Object(object)), _) => object.check(&check, diagnostics),
            (None, Some(partial)) => {
                let mut found = Diagnostics::new();
                partial.manifest.check(&check, &mut found);
                diagnostics.extend(found.into_iter().filter(|finding| partial.stands(finding)));
            }
            (Some(AnyManifest::Stack(_) | AnyManifest::Template(_)) | None, _) => {}
        }
        document.attach_origin(before, sources, diagnostics);
    }
}

/// Where an object would be whose name is none: its account is checked all the same.
fn nameless(document: &Document) -> Option<Address> {
    let account = document.value.get("metadata")?.get("account")?.as_str()?;
    let kind = parse::object_kind(&document.value)?;
    Some(Address::new(kind, AccountPath::parse(account).ok()?, "unnamed"))
}

/// Every account on the way to an object must be declared.
fn account(
    document: &Document,
    address: &Address,
    register: &Register,
    circles: &BTreeSet<&Address>,
    diagnostics: &mut Diagnostics,
) {
    let mut ancestors: Vec<AccountPath> = address.account.self_and_ancestors().collect();
    ancestors.reverse();
    let missing =
        ancestors.iter().filter_map(Address::of_account).find(|account| !register.has(account));
    let Some(missing) = missing else { return };
    // Told where that account is declared; repeating it for everything inside would bury it.
    if Address::of_account(&address.account)
        .is_some_and(|direct| direct != missing && register.has(&direct))
    {
        return;
    }
    let span = document.span("/metadata/account", Target::Value);
    if circles.contains(address) {
        diagnostics.push(
            Diagnostic::error(
                Code::Cycle,
                format!("{address} is below itself by way of its account"),
            )
            .at(span, "")
            .help("`metadata.account` is the path of the parent from the top, such as `emea/acme`")
            .pointer("/metadata/account"),
        );
        return;
    }
    let path = missing.as_account().unwrap_or_default();
    let mut finding =
        Diagnostic::error(Code::UndeclaredAccount, format!("account `{path}` is not declared"))
            .at(span, "")
            .pointer("/metadata/account");
    // Held against every account there is, a thousand findings would take a million looks.
    let candidates = register.iter().take(if diagnostics.are_many() { 0 } else { 5_000 });
    let known: Vec<String> = candidates
        .filter_map(|known| known.as_account())
        .filter(|known| known != &address.account)
        // What hangs in the air itself is no good advice.
        .filter(|known| {
            known
                .self_and_ancestors()
                .filter_map(|account| Address::of_account(&account))
                .all(|account| register.has(&account))
        })
        .map(|known| known.to_string())
        .collect();
    let wanted = address.account.to_string();
    let same_end = known
        .iter()
        .find(|known| known.rsplit('/').next() == address.account.segments().next_back());
    let similar =
        same_end.map(String::as_str).or_else(|| nearest(&wanted, known.iter().map(String::as_str)));
    if let Some(similar) = similar {
        finding = finding.help(format!("did you mean `{similar}`?"));
        finding = finding.suggest(span, similar);
    }
    diagnostics.push(finding.help(
        "declare it with a Subaccount manifest; use `lifecycle: {manage: [observe]}` to refer to an account \
         that is managed elsewhere",
    ));
}

/// Subaccounts whose accounts, taken for names, lead back to themselves: what somebody writes who
/// takes `account` for the name of the parent.
fn circles<'a>(documents: &'a [Document], register: &Register) -> BTreeSet<&'a Address> {
    let stranded: BTreeMap<&str, &Address> = documents
        .iter()
        .filter_map(|document| document.address.as_ref())
        .filter(|address| address.kind.is_account() && !address.account.is_root())
        .filter(|address| {
            Address::of_account(&address.account).is_some_and(|account| !register.has(&account))
        })
        .map(|address| (address.name.as_str(), address))
        .collect();
    let parent = |address: &Address| {
        let name = address.account.segments().next_back()?;
        stranded.get(name).copied()
    };
    // Each is walked over once: a walk that comes to where an earlier one went finds nothing new there.
    let mut walk_of: BTreeMap<&str, usize> = BTreeMap::new();
    let mut circles = BTreeSet::new();
    for (walk, start) in stranded.values().copied().enumerate() {
        let mut at = Some(start);
        while let Some(address) = at {
            match walk_of.get(address.name.as_str()) {
                None => {
                    walk_of.insert(&address.name, walk);
                    at = parent(address);
                }
                Some(before) => {
                    let mut on_circle = (*before == walk).then_some(address);
                    while let Some(address) = on_circle {
                        on_circle = parent(address).filter(|_| circles.insert(address));
                    }
                    at = None;
                }
            }
        }
    }
    circles
}

/// The object in which another one is must be declared.
fn container(
    document: &Document,
    address: &Address,
    register: &Register,
    diagnostics: &mut Diagnostics,
) {
    let Some(holder) = address.of_container().filter(|holder| !register.has(holder)) else {
        return;
    };
    let at = format!("/metadata/{}", holder.kind);
    let span = document.span(&at, Target::Value);
    let known = register.iter().filter(|it| it.kind == holder.kind && it.account == holder.account);
    let finding = Diagnostic::error(Code::UndeclaredObject, format!("{holder} is not declared"))
        .at(span, "")
        .pointer(at);
    diagnostics.push(match nearest(&holder.name, known.map(|it| it.name.as_str())) {
        Some(similar) => finding.help(format!("did you mean `{similar}`?")).suggest(span, similar),
        None => finding.help(format!("declare it with a {} manifest", holder.kind.row().title)),
    });
}

fn depth(document: &Document, address: &Address, diagnostics: &mut Diagnostics) {
    let Some(path) = address.as_account() else {
        return;
    };
    // The account of our own token is the first level.
    let level = path.depth() + 1;
    if level > MAX_ACCOUNT_LEVELS {
        let place = if document.value.get("metadata").is_some_and(|m| m.get("account").is_some()) {
            "/metadata/account"
        } else {
            "/metadata/name"
        };
        diagnostics.push(
            Diagnostic::error(
                Code::TooDeep,
                format!(
                    "`{path}` would be on level {level}, but there are only {MAX_ACCOUNT_LEVELS}"
                ),
            )
            .at(document.span(place, Target::Value), "")
            .help("the root account is the first level; three can be nested below it")
            .pointer(place),
        );
    }
}
