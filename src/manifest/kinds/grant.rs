//! Grants in manifests: what is shared, with whom, and what they may do with it.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use serde_yaml::Mapping;

use super::reference;
use super::spec::{Check, Spec};
use crate::assumptions::GRANT_WORDS_FIELD;
use crate::diagnostic::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, quote};
use crate::manifest::model::{AclIds, HasDefaults, Lifecycle, NamedIds, free_names};
use crate::manifest::scribe::{Scribe, set};
use crate::manifest::select;
use crate::resource::{AccountPath, Address, Declared, Kind, Target as Link};
use crate::source::Target;

/// Access to items of an account that it gives to other accounts. Fields left out are not managed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantSpec {
    /// Name that people see; default: `metadata.name`.
    #[serde(default)]
    #[schemars(length(max = 255))]
    #[schemars(example = "Read the fleet of ACME")]
    pub name: Option<String>,
    /// The items: one entry, for items of one type.
    #[schemars(length(min = 1))]
    pub items: Vec<Items>,
    /// What may be done with them beside reading; left out: not managed.
    #[serde(default)]
    #[schemars(example = ["edit"])]
    pub access: Option<BTreeSet<String>>,
    /// The accounts that it is given to. Others lose it; left out: not managed.
    #[serde(default)]
    pub to: Option<Vec<Grantee>>,
    /// Keys to set in the platform's `metadata`; other keys are left as they are.
    #[serde(default)]
    #[schemars(extend("propertyNames" = free_names()))]
    pub metadata: Option<Map<String, Value>>,
    /// What may be done to the grant.
    #[serde(default)]
    pub lifecycle: Lifecycle,
}

/// Items of one type.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Items {
    /// The type of the items, as an ACL has it.
    #[serde(rename = "type")]
    #[schemars(regex(pattern = r"^[a-z]+(/[a-z-]+)+$"), example = "gw/devices")]
    pub of: String,
    /// Which of them; left out: all.
    #[serde(default)]
    pub ids: Option<AclIds>,
}

/// An account that a grant is given to.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Grantee {
    /// The path of a declared account.
    Path(
        #[schemars(
            regex(
                pattern = r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?(/[a-z0-9]([a-z0-9._-]*[a-z0-9])?)*$"
            ),
            example = "emea/acme"
        )]
        String,
    ),
    /// Any account, by its id.
    Id(GranteeId),
}

/// An account by its id.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GranteeId {
    /// The id of the account on the platform.
    #[schemars(range(min = 1))]
    pub id: i64,
}

/// What can hold for every grant.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GrantDefaults {
    /// What may be done with the items beside reading.
    pub access: Option<BTreeSet<String>>,
    /// Keys to set in the platform's `metadata`.
    #[schemars(extend("propertyNames" = free_names()))]
    pub metadata: Option<Map<String, Value>>,
    /// What may be done to the grant.
    pub lifecycle: Option<Lifecycle>,
}

/// The words of `access` that are documented (fact sheet, 8.2); whatever is granted can be read.
const WORDS: [&str; 16] = [
    "read",
    "edit",
    "delete",
    "command",
    "operate-as",
    "create-channels",
    "create-devices",
    "create-streams",
    "create-modems",
    "create-calcs",
    "create-plugins",
    "create-geofences",
    "create-assets",
    "create-containers",
    "create-cdns",
    "create-groups",
];

impl HasDefaults for GrantSpec {
    type Defaults = GrantDefaults;
}

impl Spec for GrantSpec {
    const KIND: Kind = Kind::Grant;

    fn declare(&self, scribe: &Scribe<'_>) -> Declared {
        let mut fields = BTreeMap::new();
        set(&mut fields, "name", Some(scribe.label(self.name.as_ref())));
        let items = self.items.first();
        let items = items.map(|items| match &items.ids {
            Some(ids) => json!({"type": items.of, "ids": ids}),
            None => json!({"type": items.of, "ids": "all"}),
        });
        set(&mut fields, "items", items);
        set(&mut fields, GRANT_WORDS_FIELD, self.access.as_ref().map(|words| json!(words)));
        let mut declared = scribe.declared(fields, self.metadata.as_ref(), &self.lifecycle);
        if let Some(items) = self.items.first() {
            let (ids, at) = (items.ids.as_ref(), "/spec/items/0/ids");
            select::note(&mut declared, "items.ids", &items.of, ids, scribe, at);
        }
        declared.links = self.to.as_ref().map(|to| {
            let known = to.iter().filter_map(|grantee| match grantee {
                Grantee::Id(GranteeId { id }) => Some(Link::Foreign(*id)),
                Grantee::Path(path) => {
                    let address = Address::of_account(&AccountPath::parse(path).ok()?)?;
                    scribe.register.has(&address).then_some(Link::Declared(address))
                }
            });
            known.collect()
        });
        if declared.links.is_some() {
            declared.field_origins.insert("to".into(), scribe.origin("/spec/to"));
        }
        declared
    }

    fn complete(spec: &mut Mapping) {
        spec.entry("items".into()).or_insert_with(|| serde_yaml::Value::Sequence(Vec::new()));
    }

    fn check(&self, check: &Check<'_>, diagnostics: &mut Diagnostics) {
        for (index, items) in self.items.iter().enumerate() {
            self::items(check, index, items, diagnostics);
        }
        for word in self.access.iter().flatten() {
            self::word(check, word, diagnostics);
        }
        for (index, grantee) in self.to.iter().flatten().enumerate() {
            self::grantee(check, index, grantee, diagnostics);
        }
    }
}

fn items(check: &Check<'_>, index: usize, items: &Items, diagnostics: &mut Diagnostics) {
    let at = format!("/spec/items/{index}");
    if index > 0 {
        diagnostics.push(
            Diagnostic::error(Code::InvalidValue, "a grant covers items of one type only")
                .at(check.place.span(&at, Target::Value), "")
                .help("declare another Grant for these")
                .pointer(&*at),
        );
    }
    select::check(&check.place, &format!("{at}/ids"), &items.of, items.ids.as_ref(), diagnostics);
    if matches!(items.ids, Some(AclIds::Named(NamedIds::InGroups))) {
        let at = format!("{at}/ids");
        diagnostics.push(
            Diagnostic::error(Code::InvalidValue, "`in-groups` is not supported in a grant")
                .at(check.place.span(&at, Target::Value), "")
                .help("write `all`, or the ids")
                .pointer(&*at),
        );
    }
}

/// The platform may know more words than we do, so one that is not known is a warning.
fn word(check: &Check<'_>, word: &str, diagnostics: &mut Diagnostics) {
    if WORDS.contains(&word) {
        return;
    }
    let at = reference::item(check, "/spec/access", word);
    let span = check.place.span(&at, Target::Value);
    let message = format!("unknown access word {}", quote(word));
    let finding = Diagnostic::warning(Code::AclUnknown, message).at(span, "").pointer(&*at);
    diagnostics.push(match nearest(word, WORDS) {
        Some(similar) => finding.help(format!("did you mean `{similar}`?")).suggest(span, similar),
        None => finding.help(format!("known are {}", WORDS.join(", "))),
    });
}

fn grantee(check: &Check<'_>, index: usize, grantee: &Grantee, diagnostics: &mut Diagnostics) {
    let Grantee::Path(path) = grantee else { return };
    let Ok(path) = AccountPath::parse(path) else { return };
    let at = format!("/spec/to/{index}");
    let own = check.place.address.map(|address| &address.account);
    let finding = if own == Some(&path) {
        Diagnostic::error(
            Code::InvalidValue,
            format!("a grant cannot be given to its own account `{path}`"),
        )
        .help("name other accounts")
    } else if Address::of_account(&path).is_some_and(|address| !check.register.has(&address)) {
        Diagnostic::error(Code::UndeclaredAccount, format!("account `{path}` is not declared"))
            .help("paths start at the root account; write the id of an account of others: `{id: 123}`")
    } else {
        return;
    };
    let place = check.place.span(&at, Target::Value);
    diagnostics.push(finding.at(place, "").pointer(at));
}
