//! Subaccounts in manifests: which limit is meant, and how people log in.

use std::collections::BTreeMap;

use super::spec::{Check, Spec};
use crate::diagnostic::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::manifest::model::{LimitRef, SubaccountSpec};
use crate::manifest::place::Place;
use crate::manifest::register::Register;
use crate::manifest::scribe::{Scribe, set};
use crate::resource::kinds::LIMIT_FIELD;
use crate::resource::{AccountPath, Address, Credentials, Declared, Kind};
use crate::source::Target;

impl Spec for SubaccountSpec {
    const KIND: Kind = Kind::Subaccount;

    fn declare(&self, scribe: &Scribe<'_>) -> Declared {
        let mut fields = BTreeMap::new();
        set(&mut fields, "name", Some(scribe.label(self.name.as_ref())));
        set(&mut fields, "enabled", self.enabled);
        let mut declared = scribe.declared(fields, self.metadata.as_ref(), &self.lifecycle);
        let limit = self.limit.as_ref();
        if let Some(limit) = limit.and_then(|it| resolve(scribe.register, scribe.address, it)) {
            declared.field_origins.insert(LIMIT_FIELD.into(), scribe.origin("/spec/limit"));
            declared.refs.insert(LIMIT_FIELD.into(), limit);
        }
        let credentials = self.credentials.as_ref().map(|credentials| Credentials {
            email: credentials.email.clone(),
            password: credentials.password.as_ref().map(|source| scribe.source(source)),
            form: credentials.password_form,
            least: scribe.settings.least_password,
        });
        declared.credentials = credentials.map(Box::new);
        declared
    }

    fn check(&self, check: &Check<'_>, diagnostics: &mut Diagnostics) {
        if let (Some(address), Some(wanted)) = (check.place.address, &self.limit) {
            limit(&check.place, address, wanted, check.register, diagnostics);
        }
    }
}

/// The limit that a subaccount at `address` means.
fn resolve(register: &Register, address: &Address, limit: &LimitRef) -> Option<Address> {
    match limit {
        LimitRef::Name(name) => register.nearest(Kind::Limit, &address.account, name),
        LimitRef::In(limit) => {
            let account = AccountPath::parse(&limit.account).ok()?;
            let is_family = account.contains(&address.account);
            let candidate = Address::new(Kind::Limit, account, &limit.name);
            (is_family && register.has(&candidate)).then_some(candidate)
        }
    }
}

/// Tells a limit that no manifest describes, or that the subaccount cannot have.
fn limit(
    place: &Place<'_>,
    address: &Address,
    wanted: &LimitRef,
    register: &Register,
    diagnostics: &mut Diagnostics,
) {
    if resolve(register, address, wanted).is_some() {
        return;
    }
    let (at_account, at_name) = match wanted {
        LimitRef::Name(_) => ("/spec/limit", "/spec/limit"),
        LimitRef::In(_) => ("/spec/limit/account", "/spec/limit/name"),
    };
    if let LimitRef::In(limit) = wanted {
        let Ok(owner) = AccountPath::parse(&limit.account) else {
            return;
        };
        let own = address.as_account().unwrap_or_default();
        let problem = if own.contains(&owner) {
            Some((Code::Cycle, format!("the limit of {address} is inside {address} itself")))
        } else if !owner.contains(&address.account) {
            Some((Code::LimitNotInFamily, format!("the account `{owner}` is not above {address}")))
        } else {
            None
        };
        if let Some((code, message)) = problem {
            diagnostics.push(
                Diagnostic::error(code, message)
                    .at(place.span(at_account, Target::Value), "")
                    .help("a limit belongs to the parent of the subaccount, or to an account above")
                    .pointer(at_account),
            );
            return;
        }
    }
    let span = place.span(at_name, Target::Value);
    let (name, message) = match wanted {
        LimitRef::Name(name) => {
            (name, format!("limit `{name}` is not declared in the accounts above {address}"))
        }
        LimitRef::In(limit) => {
            let wanted = match AccountPath::parse(&limit.account) {
                Ok(owner) => Address::new(Kind::Limit, owner, &limit.name).to_string(),
                Err(_) => limit.name.clone(),
            };
            (&limit.name, format!("{wanted} is not declared"))
        }
    };
    let is_in_reach = |known: &Address| match wanted {
        LimitRef::Name(_) => known.account.contains(&address.account),
        LimitRef::In(limit) => known.account.to_string() == limit.account,
    };
    let most = if diagnostics.are_many() { 0 } else { 5_000 };
    let limits = || register.iter().take(most).filter(|known| known.kind == Kind::Limit);
    let in_reach: Vec<&str> =
        limits().filter(|known| is_in_reach(known)).map(|known| known.name.as_str()).collect();
    let finding = Diagnostic::error(Code::UndeclaredLimit, message).at(span, "").pointer(at_name);
    let elsewhere = limits().find(|known| known.name == *name && !is_in_reach(known));
    diagnostics.push(if let Some(similar) = nearest(name, in_reach.iter().copied()) {
        finding.help(format!("did you mean `{similar}`?")).suggest(span, similar)
    } else if let Some(elsewhere) = elsewhere {
        finding.help(format!(
            "there is {elsewhere}, but a limit must belong to the parent of the subaccount or to an account \
             above"
        ))
    } else if in_reach.is_empty() {
        finding.help("declare it with a Limit manifest in the parent account or above")
    } else {
        finding.help(format!("within reach: {}", in_reach.join(", ")))
    });
}
