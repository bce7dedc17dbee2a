//! What documents can only get wrong together, and what a schema cannot say.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Access, AclEntry, LimitRef, StackManifest, SubaccountManifest, TokenManifest};
use super::parse::{AnyManifest, Document};
use crate::diagnostic::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::resource::{AccountPath, Address, Desired, Kind, MAX_ACCOUNT_LEVELS};
use crate::secret::Source;
use crate::source::{SourceMap, Target};

/// Words that begin the path of something that no access list can grant (token article).
const PLATFORM_ITEMS: [&str; 9] = [
    "platform",
    "tokens",
    "limits",
    "subaccounts",
    "realms",
    "grants",
    "webhooks",
    "customer",
    "billing",
];

/// The Stack manifest of a load, if it has one.
pub(super) fn single_stack<'a>(
    documents: &'a [Document],
    diagnostics: &mut Diagnostics,
) -> Option<(&'a Document, &'a StackManifest)> {
    let mut stacks = documents.iter().filter_map(|document| match &document.manifest {
        Some(AnyManifest::Stack(manifest)) => Some((document, &**manifest)),
        _ => None,
    });
    let first = stacks.next()?;
    for (document, _) in stacks {
        diagnostics.push(
            Diagnostic::error(Code::SeveralStacks, "a load has one Stack, and this is another")
                .at(document.span("/kind", Target::Value), "the second one")
                .and(first.0.span("/kind", Target::Value), "the first one")
                .help("load one stack at a time, or merge the two manifests"),
        );
    }
    Some(first)
}

/// Every address that some document describes, broken documents included.
pub(super) struct Register<'a> {
    by_address: BTreeMap<&'a Address, &'a Document>,
}

impl<'a> Register<'a> {
    /// Registers all documents and tells which describe the same object.
    pub(super) fn new(
        documents: &'a [Document],
        sources: &SourceMap,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let mut by_address: BTreeMap<&Address, &Document> = BTreeMap::new();
        let mut by_id: BTreeMap<(Kind, i64), &Document> = BTreeMap::new();
        for document in documents {
            let Some(address) = &document.address else {
                continue;
            };
            if let Some(first) = by_address.get(address) {
                diagnostics.push(
                    Diagnostic::error(
                        Code::DuplicateAddress,
                        format!("{address} is described twice"),
                    )
                    .at(document.span("/metadata/name", Target::Value), "the second time")
                    .and(first.span("/metadata/name", Target::Value), "the first time")
                    .help(format!(
                        "take one of them out; the other stands at {}",
                        sources.origin(first.value.span.head())
                    ))
                    .pointer("/metadata/name"),
                );
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
                    .pointer("/metadata/id"),
                );
            }
        }
        Self { by_address }
    }

    fn has(&self, address: &Address) -> bool {
        self.by_address.contains_key(address)
    }

    /// The limit that a subaccount at `address` means.
    pub(super) fn resolve_limit(&self, address: &Address, limit: &LimitRef) -> Option<Address> {
        match limit {
            LimitRef::Name(name) => address
                .account
                .self_and_ancestors()
                .map(|account| Address::new(Kind::Limit, account, name))
                .find(|candidate| self.has(candidate)),
            LimitRef::In(limit) => {
                let account = AccountPath::parse(&limit.account).ok()?;
                let is_family = account.contains(&address.account);
                let candidate = Address::new(Kind::Limit, account, &limit.name);
                (is_family && self.has(&candidate)).then_some(candidate)
            }
        }
    }
}

/// Checks every document against the others and against the platform's rules.
pub(super) fn documents(
    documents: &[Document],
    register: &Register<'_>,
    now: i64,
    diagnostics: &mut Diagnostics,
) {
    let circles = circles(documents, register);
    for document in documents {
        if let Some(address) = &document.address {
            account(document, address, register, &circles, diagnostics);
            depth(document, address, diagnostics);
        }
        match (&document.manifest, &document.address) {
            (Some(AnyManifest::Subaccount(manifest)), Some(address)) => {
                limit(document, address, manifest, register, diagnostics);
            }
            (Some(AnyManifest::Token(manifest)), _) => token(document, manifest, now, diagnostics),
            _ => {}
        }
    }
}

/// Every account on the way to an object must be declared.
fn account(
    document: &Document,
    address: &Address,
    register: &Register<'_>,
    circles: &BTreeSet<&Address>,
    diagnostics: &mut Diagnostics,
) {
    let mut ancestors: Vec<AccountPath> = address.account.self_and_ancestors().collect();
    ancestors.reverse();
    let missing =
        ancestors.iter().filter_map(Address::of_account).find(|account| !register.has(account));
    let Some(missing) = missing else { return };
    let span = document.span("/metadata/account", Target::Value);
    if circles.contains(address) {
        diagnostics.push(
            Diagnostic::error(
                Code::Cycle,
                format!("{address} lies, by way of its account, below itself"),
            )
            .at(span, "")
            .help("`metadata.account` is the path of the parent from the top, such as `emea/acme`")
            .pointer("/metadata/account"),
        );
        return;
    }
    let path = missing.as_account().unwrap_or_default();
    let mut finding = Diagnostic::error(
        Code::UndeclaredAccount,
        format!("no manifest declares the account `{path}`"),
    )
    .at(span, "")
    .pointer("/metadata/account");
    let known: Vec<String> = register
        .by_address
        .keys()
        .filter_map(|known| known.as_account())
        .filter(|known| known != &address.account)
        .map(|known| known.to_string())
        .collect();
    let wanted = address.account.to_string();
    let same_end = known.iter().find(|known| {
        known.rsplit('/').next() == address.account.segments().last().map(String::as_str)
    });
    let similar =
        same_end.map(String::as_str).or_else(|| nearest(&wanted, known.iter().map(String::as_str)));
    if let Some(similar) = similar {
        finding = finding.help(format!("did you mean `{similar}`?"));
        finding = finding.suggest(span, similar);
    }
    diagnostics.push(finding.help(
        "declare it with a Subaccount manifest; one with `lifecycle: {manage: [observe]}` refers to \
         an account that somebody else manages",
    ));
}

/// Subaccounts whose accounts, taken for names, lead back to themselves: what somebody writes who
/// takes `account` for the name of the parent.
fn circles<'a>(documents: &'a [Document], register: &Register<'_>) -> BTreeSet<&'a Address> {
    let stranded: BTreeMap<&str, &Address> = documents
        .iter()
        .filter_map(|document| document.address.as_ref())
        .filter(|address| address.kind == Kind::Subaccount && !address.account.is_root())
        .filter(|address| {
            Address::of_account(&address.account).is_some_and(|account| !register.has(&account))
        })
        .map(|address| (address.name.as_str(), address))
        .collect();
    let parent = |address: &Address| {
        let name = address.account.segments().last()?;
        stranded.get(name.as_str()).copied()
    };
    let leads_back = |start: &&'a Address| {
        let mut at = parent(start);
        for _ in 0..stranded.len() {
            match at {
                Some(address) if address == *start => return true,
                Some(address) => at = parent(address),
                None => return false,
            }
        }
        false
    };
    stranded.values().copied().filter(leads_back).collect()
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
                format!("`{path}` would be on level {level}, and there are {MAX_ACCOUNT_LEVELS}"),
            )
            .at(document.span(place, Target::Value), "")
            .help("the account of our own token is the first level; three can be nested below it")
            .pointer(place),
        );
    }
}

fn limit(
    document: &Document,
    address: &Address,
    manifest: &SubaccountManifest,
    register: &Register<'_>,
    diagnostics: &mut Diagnostics,
) {
    let Some(wanted) = &manifest.spec.limit else {
        return;
    };
    if register.resolve_limit(address, wanted).is_some() {
        return;
    }
    let span = document.span("/spec/limit", Target::Value);
    if let LimitRef::In(limit) = wanted {
        let Ok(owner) = AccountPath::parse(&limit.account) else {
            return;
        };
        let own = address.as_account().unwrap_or_default();
        if own.contains(&owner) {
            diagnostics.push(
                Diagnostic::error(
                    Code::Cycle,
                    format!("the limit of {address} lies inside {address} itself"),
                )
                .at(span, "")
                .help("a limit belongs to the parent of the subaccount, or to an account above")
                .pointer("/spec/limit"),
            );
            return;
        }
        if !owner.contains(&address.account) {
            diagnostics.push(
                Diagnostic::error(
                    Code::LimitNotInFamily,
                    format!("the account `{owner}` is not above {address}"),
                )
                .at(span, "")
                .help("a limit belongs to the parent of the subaccount, or to an account above")
                .pointer("/spec/limit"),
            );
            return;
        }
    }
    let name = match wanted {
        LimitRef::Name(name) => name,
        LimitRef::In(limit) => &limit.name,
    };
    let in_reach: Vec<&str> = register
        .by_address
        .keys()
        .filter(|known| known.kind == Kind::Limit && known.account.contains(&address.account))
        .map(|known| known.name.as_str())
        .collect();
    let mut finding = Diagnostic::error(
        Code::UndeclaredLimit,
        format!("no manifest declares a limit `{name}` in the accounts above {address}"),
    )
    .at(span, "")
    .pointer("/spec/limit");
    if let Some(similar) = nearest(name, in_reach.iter().copied()) {
        finding = finding.help(format!("did you mean `{similar}`?"));
        if matches!(wanted, LimitRef::Name(_)) {
            finding = finding.suggest(span, similar);
        }
    } else if !in_reach.is_empty() {
        finding = finding.help(format!("in reach are {}", in_reach.join(", ")));
    }
    diagnostics.push(finding);
}

fn token(document: &Document, manifest: &TokenManifest, now: i64, diagnostics: &mut Diagnostics) {
    let spec = &manifest.spec;
    let ttl = spec.ttl.map_or(0, |ttl| ttl.0);
    let expire = spec.expire.map_or(0, |expire| expire.0);
    if ttl == 0 && expire == 0 {
        diagnostics.push(
            Diagnostic::error(
                Code::TokenWithoutEnd,
                "a token needs `ttl` or `expire`, and this one has neither",
            )
            .at(document.span("/spec", Target::Key), "")
            .help("write `ttl: 30d` (after the last use) or `expire: 2027-01-31T00:00:00Z`")
            .pointer("/spec"),
        );
    }
    if expire != 0 && expire <= now && ttl == 0 {
        diagnostics.push(
            Diagnostic::error(Code::TokenExpired, "`expire` has passed, and there is no `ttl`")
                .at(document.span("/spec/expire", Target::Value), "")
                .help("the platform would delete the token at once; choose a later time")
                .pointer("/spec/expire"),
        );
    }
    if let Access::Acl(list) = &spec.access {
        for (index, entry) in list.acl.iter().enumerate() {
            acl_entry(document, &format!("/spec/access/acl/{index}"), entry, diagnostics);
        }
    }
}

fn acl_entry(document: &Document, pointer: &str, entry: &AclEntry, diagnostics: &mut Diagnostics) {
    let module = entry.uri.split('/').next().unwrap_or_default();
    let uri = format!("{pointer}/uri");
    if PLATFORM_ITEMS.contains(&module) {
        diagnostics.push(
            Diagnostic::error(
                Code::AclPlatform,
                format!("no access list can grant `{}`", entry.uri),
            )
            .at(document.span(&uri, Target::Value), "")
            .help("only `access: master` reaches the platform API")
            .pointer(&*uri),
        );
    }
    let is_mqtt = entry.uri == "mqtt";
    if !is_mqtt && (entry.topic.is_some() || entry.actions.is_some()) {
        let at = if entry.topic.is_some() { "topic" } else { "actions" };
        let at = format!("{pointer}/{at}");
        diagnostics.push(
            Diagnostic::error(
                Code::InvalidValue,
                "`topic` and `actions` belong to `uri: mqtt` alone",
            )
            .at(document.span(&at, Target::Key), "")
            .pointer(&*at),
        );
    }
    let topic = entry.topic.as_deref().unwrap_or_default();
    if topic == "flespi" || topic.starts_with("flespi/") {
        let at = format!("{pointer}/topic");
        diagnostics.push(
            Diagnostic::error(
                Code::AclMqttTopic,
                "topics below `flespi/` cannot be granted by an `mqtt` entry",
            )
            .at(document.span(&at, Target::Value), "")
            .help(
                "for the messages of devices grant `gw/devices` with the submodule `messages`, \
                 method GET: that opens their topics too",
            )
            .pointer(&*at),
        );
    }
}

/// Two secrets in one file would overwrite each other.
pub(super) fn sinks(desired: &Desired, documents: &[Document], diagnostics: &mut Diagnostics) {
    let mut owners: BTreeMap<String, &Address> = BTreeMap::new();
    for (address, declared) in &desired.objects {
        let generated = declared.credentials.as_ref().and_then(|c| c.password.as_ref());
        let generated = match generated {
            Some(Source::Generate { deliver, .. }) => deliver.as_slice(),
            _ => &[],
        };
        for sink in declared.deliver.iter().chain(generated) {
            let Some(first) = owners.insert(sink.to_string(), address) else {
                continue;
            };
            let document =
                documents.iter().find(|document| document.address.as_ref() == Some(address));
            let Some(document) = document else { continue };
            let pointer = match address.kind {
                Kind::Token => "/spec/deliver",
                Kind::Limit | Kind::Subaccount => "/spec/credentials/password/deliver",
            };
            diagnostics.push(
                Diagnostic::error(
                    Code::DuplicateSink,
                    format!("{first} is delivered to {sink} already"),
                )
                .at(document.span(pointer, Target::Value), "")
                .help("one secret would overwrite the other; give each a place of its own")
                .pointer(pointer),
            );
        }
    }
}
