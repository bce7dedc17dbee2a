//! Every rule, and what breaks it.

use super::keys::Keys;
use super::rule::{Broken, Rule};
use crate::diagnostic::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, quote};
use crate::manifest::document::Document;
use crate::manifest::expect;
use crate::manifest::model::{Policies, RuleName};
use crate::manifest::view::View;
use crate::resource::{Address, Declared, Kind, quota};
use crate::rights::{AccessType, Request, Verdict, decide, duration_words, mask_matches};
use crate::secret::Source;
use crate::source::Target;

/// Every rule.
pub(super) const ALL: &[Rule] = &[
    Rule {
        name: RuleName::NoMasterTokens,
        key: "no-master-tokens",
        code: Code::PolicyNoMasterTokens,
        level: |policies| policies.no_master_tokens,
        broken: |view, _| of_type(view, AccessType::Master),
    },
    Rule {
        name: RuleName::NoStandardTokens,
        key: "no-standard-tokens",
        code: Code::PolicyNoStandardTokens,
        level: |policies| policies.no_standard_tokens,
        broken: |view, _| of_type(view, AccessType::Standard),
    },
    Rule {
        name: RuleName::TtlAtMost,
        key: "ttl-at-most",
        code: Code::PolicyTtlAtMost,
        level: |policies| policies.ttl_at_most.as_ref().map(|rule| rule.level),
        broken: ttl_at_most,
    },
    Rule {
        name: RuleName::TokensNeedExpire,
        key: "tokens-need-expire",
        code: Code::PolicyTokensNeedExpire,
        level: |policies| policies.tokens_need_expire,
        broken: |view, _| tokens_need_expire(view),
    },
    Rule {
        name: RuleName::TokensNeedIps,
        key: "tokens-need-ips",
        code: Code::PolicyTokensNeedIps,
        level: |policies| policies.tokens_need_ips,
        broken: |view, _| tokens_need_ips(view),
    },
    Rule {
        name: RuleName::PasswordsAtLeast,
        key: "passwords-at-least",
        code: Code::PolicyPasswordsAtLeast,
        level: |policies| policies.passwords_at_least.map(|rule| rule.level),
        broken: passwords_at_least,
    },
    Rule {
        name: RuleName::SubaccountsNeedLimit,
        key: "subaccounts-need-limit",
        code: Code::PolicySubaccountsNeedLimit,
        level: |policies| policies.subaccounts_need_limit,
        broken: |view, _| subaccounts_need_limit(view),
    },
    Rule {
        name: RuleName::NoUnlimited,
        key: "no-unlimited",
        code: Code::PolicyNoUnlimited,
        level: |policies| policies.no_unlimited.as_ref().map(|rule| rule.level),
        broken: no_unlimited,
    },
    Rule {
        name: RuleName::NoOvercommitment,
        key: "no-overcommitment",
        code: Code::PolicyNoOvercommitment,
        level: |policies| policies.no_overcommitment,
        // What is found by arithmetic comes with places of its own.
        broken: |_, _| Vec::new(),
    },
    Rule {
        name: RuleName::Names,
        key: "names",
        code: Code::PolicyNames,
        level: |policies| policies.names.as_ref().map(|rule| rule.level),
        broken: names,
    },
    Rule {
        name: RuleName::NeverAllowed,
        key: "never-allowed",
        code: Code::PolicyNeverAllowed,
        level: |policies| policies.never_allowed.as_ref().map(|rule| rule.level),
        broken: never_allowed,
    },
];

/// Parameters that the schema cannot check.
pub(super) fn parameters(document: &Document, policies: &Policies, diagnostics: &mut Diagnostics) {
    for (index, name) in policies.no_unlimited.iter().flat_map(|rule| &rule.quotas).enumerate() {
        if quota::NAMES.contains(&name.as_str()) {
            continue;
        }
        // The set has another order than the list that was written.
        let list = "/spec/policies/no-unlimited/quotas";
        let written = document.value.get("spec").and_then(|spec| {
            spec.get("policies")?.get("no-unlimited")?.get("quotas").map(|list| list.as_sequence())
        });
        let index = written
            .and_then(|items| items.iter().position(|item| item.as_str() == Some(name)))
            .unwrap_or(index);
        let at = format!("{list}/{index}");
        let span = document.span(&at, Target::Value);
        let finding = Diagnostic::error(
            Code::InvalidValue,
            format!("{} is not a quota of limits", quote(name)),
        )
        .at(span, "")
        .pointer(at);
        diagnostics.push(match nearest(name, quota::NAMES.iter().copied()) {
            Some(similar) => {
                finding.help(format!("did you mean `{similar}`?")).suggest(span, similar)
            }
            None => finding.help("quotas have the same names as in Limit manifests"),
        });
    }
    for (index, text) in policies.never_allowed.iter().flat_map(|it| &it.requests).enumerate() {
        let Err(error) = text.parse::<Request>() else { continue };
        let at = format!("/spec/policies/never-allowed/requests/{index}");
        let span = document.span(&at, Target::Value);
        let finding =
            Diagnostic::error(Code::InvalidValue, error.to_string()).at(span, "").pointer(at);
        diagnostics.push(match expect::help(text, &error) {
            Ok(meant) => finding.help(format!("did you mean `{meant}`?")).suggest(span, meant),
            Err(help) => finding.help(help),
        });
    }
}

fn of_type(view: &View<'_>, unwanted: AccessType) -> Vec<Broken> {
    let is_of_type =
        |keys: &Keys<'_>| keys.get("access").and_then(|it| AccessType::of(&it)) == Some(unwanted);
    let word = unwanted.word();
    let broken = |keys: Keys<'_>| {
        Broken::new(
            keys.address(),
            format!("{} has the access `{word}`", keys.said()),
            keys.at("access"),
            Target::Value,
            "list what it needs: `access: {acl: [{uri: gw/devices, methods: [GET]}]}`",
        )
    };
    Keys::all(view).filter(is_of_type).map(broken).collect()
}

fn ttl_at_most(view: &View<'_>, policies: &Policies) -> Vec<Broken> {
    let Some(rule) = &policies.ttl_at_most else { return Vec::new() };
    let max = rule.max.0;
    let broken = |keys: Keys<'_>| {
        Broken::new(
            keys.address(),
            format!(
                "`ttl` is {}, but at most {} is allowed",
                duration_words(keys.number("ttl")),
                duration_words(max)
            ),
            keys.at("ttl"),
            Target::Value,
            "with a shorter one the token expires sooner once it is no longer used",
        )
    };
    Keys::all(view).filter(|keys| keys.number("ttl") > max).map(broken).collect()
}

fn tokens_need_expire(view: &View<'_>) -> Vec<Broken> {
    let broken = |declared: &Declared| {
        let address = &declared.address;
        let number = |field: &str| declared.fields.number(field).unwrap_or(0);
        // A key that is replaced by schedule ends with that, however much it is used.
        if declared.rotation.is_some_and(|rotation| rotation.every.is_some()) {
            return None;
        }
        if number("expire") == 0 {
            let help = "write `expire: 2027-01-31T00:00:00Z`";
            let message =
                format!("{address} has no `expire`, and stays valid as long as it is used");
            return Some(Broken::new(address, message, "/spec/expire", Target::Key, help));
        }
        (number("ttl") != 0).then(|| {
            Broken::new(
                address,
                format!(
                    "{address} outlives its `expire` as long as it is used, because it also has a `ttl`"
                ),
                "/spec/ttl",
                Target::Value,
                "a token is valid while either holds; remove `ttl`",
            )
        })
    };
    // How long log-ins last is counted from their last use; they have no date.
    view.tokens().filter_map(broken).collect()
}

fn tokens_need_ips(view: &View<'_>) -> Vec<Broken> {
    let broken = |keys: Keys<'_>| {
        let message = format!("{} can be used from any address", keys.said());
        let help = "write `ips:` with the addresses that may use it, such as `[203.0.113.7]`";
        Broken::new(keys.address(), message, keys.at("ips"), Target::Key, help)
    };
    Keys::all(view)
        .filter(|keys| keys.are_whole() && !keys.rights().bounds.has_ips())
        .map(broken)
        .collect()
}

fn passwords_at_least(view: &View<'_>, policies: &Policies) -> Vec<Broken> {
    let Some(rule) = policies.passwords_at_least else { return Vec::new() };
    let broken = |declared: &Declared| {
        let credentials = declared.credentials.as_ref()?;
        let Source::Generate { length, .. } = credentials.password.as_ref()? else { return None };
        (*length < rule.min).then(|| {
            Broken::new(
                &declared.address,
                format!(
                    "the password of {} is generated with {length} characters, but at least {} are required",
                    declared.address, rule.min
                ),
                "/spec/credentials/password/generate",
                Target::Value,
                format!("write `generate: {{length: {}}}`", rule.min),
            )
        })
    };
    view.accounts().filter_map(broken).collect()
}

/// Subaccounts whose passwords only a run can measure, as it reads them.
pub(super) fn passwords_to_be_read<'a>(
    view: &View<'a>,
) -> impl Iterator<Item = &'a Address> + use<'a> {
    let is_read = |declared: &&Declared| {
        let password = declared.credentials.as_ref().and_then(|it| it.password.as_ref());
        password.is_some_and(|source| !matches!(source, Source::Generate { .. }))
    };
    view.accounts().filter(is_read).map(|declared| &declared.address)
}

fn subaccounts_need_limit(view: &View<'_>) -> Vec<Broken> {
    let broken = |declared: &Declared| {
        let address = &declared.address;
        view.subaccount(address)?.limit.is_none().then(|| {
            let message = format!("{address} names no limit");
            Broken::new(address, message, "/spec/limit", Target::Key, "write `limit: NAME`")
        })
    };
    view.accounts().filter_map(broken).collect()
}

fn no_unlimited(view: &View<'_>, policies: &Policies) -> Vec<Broken> {
    let Some(rule) = &policies.no_unlimited else { return Vec::new() };
    let mut broken = Vec::new();
    for declared in view.of_kind(Kind::Limit) {
        // A name that is none is told where it stands.
        for quota in rule.quotas.iter().filter(|it| quota::NAMES.contains(&it.as_str())) {
            let (address, at) = (&declared.address, format!("/spec/{quota}"));
            match declared.fields.number(quota) {
                Some(bound) if bound >= 0 => {}
                Some(_) => broken.push(Broken::new(
                    address,
                    format!("{address} leaves `{quota}` unlimited"),
                    at,
                    Target::Value,
                    "write the number that is enough; 0 for none",
                )),
                None => broken.push(Broken::new(
                    address,
                    format!("{address} does not name `{quota}`, which leaves it unlimited"),
                    at,
                    Target::Key,
                    "write the number that is enough; 0 for none",
                )),
            }
        }
    }
    broken
}

fn names(view: &View<'_>, policies: &Policies) -> Vec<Broken> {
    let Some(rule) = &policies.names else { return Vec::new() };
    let mut broken = Vec::new();
    for declared in view.desired.all() {
        let address = &declared.address;
        let patterns = rule.of(address.kind);
        if patterns.is_empty() || patterns.iter().any(|mask| mask_matches(mask, &address.name)) {
            continue;
        }
        broken.push(Broken::new(
            address,
            format!("`{}` is not a name for a {} here", address.name, address.kind),
            "/metadata/name",
            Target::Value,
            format!("names are to match {}", patterns.join(" or ")),
        ));
    }
    broken
}

fn never_allowed(view: &View<'_>, policies: &Policies) -> Vec<Broken> {
    let texts = policies.never_allowed.iter().flat_map(|rule| &rule.requests);
    let requests: Vec<(&String, Request)> =
        texts.filter_map(|text| Some((text, text.parse().ok()?))).collect();
    let mut broken = Vec::new();
    for keys in Keys::all(view) {
        let rights = keys.rights();
        for (text, request) in &requests {
            let decision = decide(&rights, request);
            let may = match decision.verdict {
                Verdict::Denied => continue,
                Verdict::Allowed => "may",
                Verdict::InPart => "may in part",
                Verdict::Depends => "may perhaps",
            };
            broken.push(Broken::new(
                keys.address(),
                format!("{} {may} {text}: {}", keys.said(), decision.words),
                keys.entry(view, decision.entry),
                Target::Key,
                "no token may be able to do that; narrow its access",
            ));
        }
    }
    broken
}
