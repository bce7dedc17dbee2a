//! Where secrets are delivered: no two to one place, and nothing that cannot work.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::document::Document;
use crate::diagnostic::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::resource::{Address, Declared, Desired};
use crate::secret::{AgeSink, KubernetesStore, Place, Sink, Source, Stores, VaultStore};
use crate::source::{SourceMap, Span, Target};

/// What a secret is delivered into: something whole, or a part of something that several share.
struct Slot {
    whole: String,
    /// The kind of the thing, and the part of it; `None`: the whole of it.
    part: Option<(&'static str, String)>,
    /// The field that names it.
    field: &'static str,
}

/// Somebody who is there already.
struct Tenant<'a> {
    address: &'a Address,
    span: Span,
    part: Option<(&'static str, String)>,
}

/// Looks at every sink of every object.
pub(super) fn check(
    desired: &Desired,
    documents: &[Document],
    stores: Option<&Stores>,
    sources: &SourceMap,
    diagnostics: &mut Diagnostics,
) {
    let by_address: BTreeMap<&Address, &Document> = documents
        .iter()
        .rev()
        .filter_map(|document| Some((document.address.as_ref()?, document)))
        .collect();
    let mut tenants: BTreeMap<String, Vec<Tenant<'_>>> = BTreeMap::new();
    for (address, declared) in &desired.objects {
        let Some(document) = by_address.get(address) else {
            continue;
        };
        let from = diagnostics.len();
        let made = made(declared);
        for (list, source) in &made {
            made_sinks(document, source.sinks(), list, diagnostics);
        }
        let own = declared.deliver.iter().enumerate();
        let own = own.map(|(index, sink)| (format!("/spec/deliver/{index}"), sink));
        let made = made.iter().flat_map(|(list, source)| {
            let sinks = source.sinks().iter().enumerate();
            sinks.map(move |(index, sink)| (format!("{list}/{index}"), sink))
        });
        for (at, sink) in own.chain(made) {
            recipients(document, sink, &at, diagnostics);
            store(document, sink, &at, stores, diagnostics);
            let Some(slot) = slot(sink) else { continue };
            let pointer = format!("{at}/{}", slot.field);
            let span = document.span(&pointer, Target::Value);
            let there = tenants.entry(slot.whole).or_default();
            match there.iter().find(|tenant| excludes(&tenant.part, &slot.part)) {
                Some(tenant) => {
                    let finding = clash(tenant, &slot.part, span, pointer);
                    diagnostics.push(finding);
                }
                None => there.push(Tenant { address, span, part: slot.part }),
            }
        }
        document.attach_origin(from, sources, diagnostics);
    }
}

/// Whether an object delivers anything.
pub(super) fn are_in(declared: &Declared) -> bool {
    !declared.deliver.is_empty() || !made(declared).is_empty()
}

/// The secrets that are generated, each with the place of the list of its sinks.
fn made(declared: &Declared) -> Vec<(String, &Source)> {
    let password = declared.credentials.as_ref().and_then(|it| it.password.as_ref());
    let password = password.map(|source| ("/spec/credentials/password/deliver".to_owned(), source));
    let inside = declared
        .secrets
        .iter()
        .map(|(place, source)| (format!("/spec/{}/deliver", place.replace('.', "/")), source));
    let all = password.into_iter().chain(inside);
    all.filter(|(_, source)| matches!(source, Source::Generate { .. })).collect()
}

/// What is generated is read again from where it was delivered, and has no link.
fn made_sinks(document: &Document, sinks: &[Sink], list: &str, diagnostics: &mut Diagnostics) {
    if !sinks.is_empty() && !sinks.iter().any(Sink::gives_back) {
        diagnostics.push(
            Diagnostic::error(
                Code::SinkUnreadable,
                "a generated password needs at least one sink that can be read back",
            )
            .at(document.span(list, Target::Value), "these are write-only")
            .help("add `- file: out/password`, or a `read` to the program")
            .pointer(list.to_owned()),
        );
    }
    for (index, _) in sinks.iter().enumerate().filter(|(_, sink)| sink.link.is_some()) {
        let at = format!("{list}/{index}/as");
        diagnostics.push(
            Diagnostic::error(
                Code::InvalidValue,
                "only the key of a token has a link, a password has none",
            )
            .at(document.span(&at, Target::Value), "")
            .help("remove `as`")
            .pointer(at),
        );
    }
}

/// The schema knows the form of a recipient, and not its check sum.
fn recipients(document: &Document, sink: &Sink, at: &str, diagnostics: &mut Diagnostics) {
    let Place::Age(place) = &sink.place else { return };
    if let Some([why, help]) = AgeSink::missing() {
        let pointer = format!("{at}/age");
        diagnostics.push(
            Diagnostic::error(Code::InvalidValue, format!("{sink} cannot be written: {why}"))
                .at(document.span(&pointer, Target::Value), "")
                .help(help)
                .pointer(pointer),
        );
    }
    let others = place.recipients.iter().enumerate();
    for (index, _) in others.filter(|(_, recipient)| !AgeSink::is_public_key(recipient)) {
        let pointer = format!("{at}/recipients/{index}");
        diagnostics.push(
            Diagnostic::error(
                Code::InvalidValue,
                "not an age public key: its checksum does not match",
            )
            .at(document.span(&pointer, Target::Value), "")
            .help("copy the whole line that `age-keygen -y` prints")
            .pointer(pointer),
        );
    }
}

/// A store is one that the operator names, and then all of it.
fn store(
    document: &Document,
    sink: &Sink,
    at: &str,
    stores: Option<&Stores>,
    diagnostics: &mut Diagnostics,
) {
    let Some(name) = sink.store_name() else { return };
    let own = match &sink.place {
        Place::Vault(place) => place.own != VaultStore::default(),
        // A namespace is part of the secret's name.
        Place::Kubernetes(place) => {
            let KubernetesStore { server, namespace: _, token_file, ca_file } = &place.own;
            server.is_some() || token_file.is_some() || ca_file.is_some()
        }
        _ => false,
    };
    let pointer = format!("{at}/store");
    let span = document.span(&pointer, Target::Value);
    if own {
        diagnostics.push(
            Diagnostic::error(
                Code::InvalidValue,
                "a store from `--stores` cannot be described here as well",
            )
            .at(span, "")
            .help("remove the address, files and namespace beside `store`, or `store` itself")
            .pointer(pointer.clone()),
        );
    }
    let Some(stores) = stores.filter(|stores| stores.get(name).is_none()) else { return };
    let help = match nearest(name, stores.names()) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!("the stores are: {}", stores.names().collect::<Vec<_>>().join(", ")),
    };
    diagnostics.push(
        Diagnostic::error(
            Code::InvalidValue,
            format!("`{name}` is not one of the stores of this run"),
        )
        .at(span, "")
        .help(help)
        .pointer(pointer),
    );
}

fn excludes(a: &Option<(&'static str, String)>, b: &Option<(&'static str, String)>) -> bool {
    match (a, b) {
        // Two kinds of content in one thing destroy each other.
        (Some((kind, a)), Some((other, b))) => kind != other || a == b,
        _ => true,
    }
}

fn clash(
    tenant: &Tenant<'_>,
    part: &Option<(&'static str, String)>,
    span: Span,
    pointer: String,
) -> Diagnostic {
    let what = tenant.address.kind.row().secret.unwrap_or_default();
    let place = match (part, &tenant.part) {
        (Some((kind, _)), Some((other, _))) if kind == other => "place",
        _ => "file",
    };
    Diagnostic::error(
        Code::DuplicateSink,
        format!("this {place} already receives {what} of {}", tenant.address),
    )
    .at(span, "")
    .and(tenant.span, "here")
    .help(match place {
        "file" => "one secret would overwrite the other; give each a file of its own",
        _ => "one secret would overwrite the other; give each a key of its own",
    })
    .pointer(pointer)
}

/// What a sink writes to; `None` if only the sink itself knows.
fn slot(sink: &Sink) -> Option<Slot> {
    let file = |path: &Path| plain(path).display().to_string();
    Some(match &sink.place {
        Place::File(place) => Slot { whole: file(&place.file), part: None, field: "file" },
        Place::Age(place) => Slot { whole: file(&place.age), part: None, field: "age" },
        Place::Dotenv(place) => Slot {
            whole: file(&place.dotenv),
            part: Some(("dotenv", place.key.clone())),
            field: "key",
        },
        Place::Json(place) => Slot {
            whole: file(&place.json),
            part: Some(("json", place.pointer.clone())),
            field: "pointer",
        },
        Place::Vault(place) => {
            let of = |text: &Option<String>| text.clone().unwrap_or_default();
            let (mount, path) = (place.mount.trim_matches('/'), place.path.trim_matches('/'));
            Slot {
                whole: format!(
                    "vault {} {} {} {mount}/{path}",
                    of(&place.store),
                    of(&place.own.address),
                    of(&place.own.namespace)
                ),
                part: Some(("vault", place.key.clone())),
                field: "key",
            }
        }
        Place::Kubernetes(place) => {
            let of = |text: &Option<String>| text.clone().unwrap_or_default();
            Slot {
                whole: format!(
                    "kubernetes {} {} {} {}",
                    of(&place.store),
                    of(&place.own.server),
                    of(&place.own.namespace),
                    place.secret
                ),
                part: Some(("kubernetes", place.key.clone())),
                field: "key",
            }
        }
        Place::Exec(_) => return None,
    })
}

/// The path without `.` and `..`, as far as that can be told without looking at the disk.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(plain.components().next_back(), Some(Component::Normal(_))) =>
            {
                plain.pop();
            }
            _ => plain.push(part),
        }
    }
    plain
}
