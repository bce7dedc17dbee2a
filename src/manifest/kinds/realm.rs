//! Realms in manifests: where their users live, and what their log-ins open.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::reference;
use super::spec::{Check, Spec};
use super::token_params::TokenParams;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, quote};
use crate::manifest::model::{HasDefaults, Lifecycle, free_names};
use crate::manifest::register::Register;
use crate::manifest::scribe::{Scribe, set};
use crate::manifest::select;
use crate::resource::{AccountPath, Address, Declared, Kind, Target as Link, stand_in};
use crate::source::Target;

/// Users of an account, who log in with a name and a password and get a token. Fields left out are not managed.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RealmSpec {
    /// Name that people see; default: `metadata.name`.
    #[schemars(length(max = 255))]
    #[schemars(example = &"Drivers")]
    pub name: Option<String>,
    /// Where the users live: `account` (the account of the realm; what a new realm has if this is left out), a subaccount, or
    /// a new subaccount for each.
    pub home: Option<Home>,
    /// Bounds of the tokens that log-ins make. A change reaches the tokens of all users at once.
    pub token_params: Option<TokenParams>,
    /// Names of the identity providers through which users can log in: of the account of the realm, or of one above it.
    /// Others are unlinked; left out: not managed.
    pub identity_providers: Option<BTreeSet<Name>>,
    /// Keys to set in the platform's `metadata`; other keys are left as they are.
    #[schemars(extend("propertyNames" = free_names()))]
    pub metadata: Option<Map<String, Value>>,
    /// What may be done to the realm.
    pub lifecycle: Lifecycle,
}

/// The name of an object, as in its `metadata.name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Name(#[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$"))] pub String);

/// Where the users of a realm live.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Home {
    /// In the account of the realm.
    Named(NamedHome),
    /// In a subaccount.
    In(SubaccountHome),
    /// Each in a subaccount of its own.
    PerUser(PerUserHome),
}

/// A home with a name.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NamedHome {
    /// The account of the realm.
    Account,
}

/// A subaccount in which users live.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubaccountHome {
    /// The path of the subaccount below the account of the realm.
    #[schemars(regex(
        pattern = r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?(/[a-z0-9]([a-z0-9._-]*[a-z0-9])?)*$"
    ))]
    #[schemars(example = "emea/acme")]
    pub subaccount: String,
}

/// A new subaccount for each user.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PerUserHome {
    /// What these subaccounts are like.
    pub per_user: PerUser,
}

/// What the subaccounts of users are like.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PerUser {
    /// The path, below the account of the realm, of the account that holds them; left out: the account of the realm.
    #[schemars(regex(
        pattern = r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?(/[a-z0-9]([a-z0-9._-]*[a-z0-9])?)*$"
    ))]
    #[schemars(example = &"emea")]
    pub under: Option<String>,
    /// The limit that bounds each: a name in the account that holds them or, failing that, in the nearest account above it.
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$"))]
    #[schemars(example = "tenant-small")]
    pub limit: Option<String>,
}

/// What can hold for every realm.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RealmDefaults {
    /// Bounds of the tokens that log-ins make.
    pub token_params: Option<TokenParams>,
    /// Keys to set in the platform's `metadata`.
    #[schemars(extend("propertyNames" = free_names()))]
    pub metadata: Option<Map<String, Value>>,
    /// What may be done to the realm.
    pub lifecycle: Option<Lifecycle>,
}

impl HasDefaults for RealmSpec {
    type Defaults = RealmDefaults;
}

impl Spec for RealmSpec {
    const KIND: Kind = Kind::Realm;

    fn declare(&self, scribe: &Scribe<'_>) -> Declared {
        let mut fields = BTreeMap::new();
        set(&mut fields, "name", Some(scribe.label(self.name.as_ref())));
        let home =
            self.home.as_ref().and_then(|home| home.declared(scribe.address, scribe.register));
        set(&mut fields, "home", home);
        set(&mut fields, "token_params", self.token_params.as_ref().map(TokenParams::declared));
        let mut declared = scribe.declared(fields, self.metadata.as_ref(), &self.lifecycle);
        declared.links = self.identity_providers.as_ref().map(|names| {
            let account = &scribe.address.account;
            let known = names.iter().filter_map(|name| {
                scribe.register.nearest(Kind::IdentityProvider, account, &name.0)
            });
            known.map(Link::Declared).collect()
        });
        if let Some(access) = self.token_params.as_ref().and_then(|params| params.access.as_ref()) {
            select::note_access(&mut declared, "token_params.access", access, scribe);
        }
        if declared.links.is_some() {
            let origin = scribe.origin("/spec/identity_providers");
            declared.field_origins.insert("identity_providers".into(), origin);
        }
        declared
    }

    fn check(&self, check: &Check<'_>, diagnostics: &mut Diagnostics) {
        if let Some(params) = &self.token_params {
            params.check(check, diagnostics);
            if !matches!(self.home, None | Some(Home::Named(NamedHome::Account))) {
                params.refuse_selections(check, diagnostics);
            }
        }
        let Some(address) = check.place.address else { return };
        if let Some(home) = &self.home {
            home.check(check, address, diagnostics);
        }
        for name in self.identity_providers.iter().flatten() {
            let known = check.register.nearest(Kind::IdentityProvider, &address.account, &name.0);
            if known.is_none() {
                let at = reference::item(check, "/spec/identity_providers", &name.0);
                let kind = Kind::IdentityProvider;
                diagnostics.push(reference::undeclared(
                    check,
                    &at,
                    kind,
                    &address.account,
                    &name.0,
                ));
            }
        }
    }
}

impl Home {
    /// The platform's own form, with pointers to what is declared; none while something is not.
    fn declared(&self, realm: &Address, register: &Register) -> Option<Value> {
        let pointer = |address: Option<Address>| Some(stand_in::pointer(&address?));
        let account = |path: &str| {
            let address = Address::of_account(&below(&realm.account, path)?)?;
            pointer(register.has(&address).then_some(address))
        };
        match self {
            Self::Named(NamedHome::Account) => Some(json!({"type": 0})),
            Self::In(home) => Some(json!({"type": 1, "subaccount_id": account(&home.subaccount)?})),
            Self::PerUser(PerUserHome { per_user: PerUser { under, limit } }) => {
                let mut home = Map::from_iter([("type".to_owned(), json!(2))]);
                let holder = match under {
                    Some(path) => {
                        home.insert("subaccount_id".to_owned(), account(path)?);
                        below(&realm.account, path)?
                    }
                    None => realm.account.clone(),
                };
                if let Some(limit) = limit {
                    let limit = pointer(register.nearest(Kind::Limit, &holder, limit))?;
                    home.insert("limit_id".to_owned(), limit);
                }
                Some(Value::Object(home))
            }
        }
    }

    fn check(&self, check: &Check<'_>, realm: &Address, diagnostics: &mut Diagnostics) {
        let (path, at) = match self {
            Self::Named(_) => return,
            Self::In(home) => (Some(&home.subaccount), "/spec/home/subaccount"),
            Self::PerUser(home) => (home.per_user.under.as_ref(), "/spec/home/per_user/under"),
        };
        let mut holder = Some(realm.account.clone());
        if let Some(path) = path {
            holder = below(&realm.account, path);
            let address = holder.as_ref().and_then(Address::of_account);
            if let Some(address) = address.filter(|address| !check.register.has(address)) {
                diagnostics.push(no_home(check, at, realm, path, &address));
                holder = None;
            }
        }
        if let (Self::PerUser(home), Some(holder)) = (self, holder)
            && let Some(limit) = &home.per_user.limit
            && check.register.nearest(Kind::Limit, &holder, limit).is_none()
        {
            let at = "/spec/home/per_user/limit";
            diagnostics.push(reference::undeclared(check, at, Kind::Limit, &holder, limit));
        }
    }
}

/// The account at `path` below `account`; none if there can be none.
fn below(account: &AccountPath, path: &str) -> Option<AccountPath> {
    let relative = AccountPath::parse(path).ok()?;
    match account.is_root() {
        true => Some(relative),
        false => AccountPath::parse(&format!("{account}/{relative}")).ok(),
    }
}

/// Tells that the users would have no home: `path` is not below the realm, or nowhere.
fn no_home(
    check: &Check<'_>,
    at: &str,
    realm: &Address,
    path: &str,
    missing: &Address,
) -> Diagnostic {
    let elsewhere = AccountPath::parse(path).ok().and_then(|path| Address::of_account(&path));
    let elsewhere = elsewhere.filter(|it| it != missing && check.register.has(it));
    let finding = match &elsewhere {
        Some(other) => Diagnostic::error(
            Code::UndeclaredAccount,
            format!("{other} is not below the account of {realm}"),
        )
        .help("users live in the account of their realm or below it; declare the realm in an account above both"),
        None => Diagnostic::error(
            Code::UndeclaredAccount,
            format!("{} is not declared below the account of {realm}", quote(path)),
        )
        .help(format!("declare {missing} with a Subaccount manifest, or correct the path")),
    };
    finding.at(check.place.span(at, Target::Value), "").pointer(at)
}
