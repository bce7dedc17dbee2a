//! Slips that are known by the field they are made in: what to write there, and what a text probably meant.
//!
//! A schema can say that a text does not match; only somebody who knows the field can say that the account lacks its
//! first letter's case, or the date its hour.

use super::model::Expire;
use super::number;
use crate::resource::is_valid_name;

/// What the field at `path` wants to hold, where examples of the schema say too little.
pub(super) fn form_help(path: &str) -> Option<&'static str> {
    let mut steps = path.rsplit('/');
    let last = steps.next().unwrap_or_default();
    let parent = steps.next().unwrap_or_default();
    let help = match (parent, last) {
        ("metadata", "name") => "a name has a-z and 0-9 and, between them, `.`, `_` or `-`",
        (_, "account") => {
            "an account path has the names of the subaccounts from the top down, such as `emea/acme`; `\"\"` \
             is the root account"
        }
        ("spec", "limit") | ("limit", "name") => {
            "write the name of the limit alone; `{account: emea, name: small}` means one of a \
             certain account"
        }
        ("spec", "access") => {
            "write `standard`, `master`, or a list of what is allowed: `{acl: [{uri: gw/devices, methods: [GET]}]}`"
        }
        ("access", "acl") => "write a list with an entry for each module or item type",
        (_, "uri") => {
            "name a module or an item type, such as `uri: gw/devices`; numbers go into `ids`"
        }
        (_, "methods") => {
            "write `methods: [GET]`; those of the entry do not hold for its submodules"
        }
        ("submodules", _) => "write `{name: messages, methods: [GET]}` for each submodule",
        ("ids" | "devices", "select") => {
            "write what the items are called: `{select: {name: \"truck-*\"}}`"
        }
        ("select", "ident") => "idents are written as a list, such as `[352625069012345]`",
        ("ids" | "devices", _) => {
            "an id is the number of the item on the platform, such as `12345`; the IMEI of a device is \
             its `ident`"
        }
        (_, "ids") => "numbers are written as a list, such as `[12345, 12346]`",
        (_, "acl") => "below `access` only a list called `acl` is allowed",
        ("acl", _) => "an entry is written `{uri: gw/devices, methods: [GET]}`",
        ("spec", "metadata") => "free keys are written one by one, such as `owner: ops`",
        ("", "metadata") => "write `metadata:` and, indented below it, `name:`",
        ("", "spec") => "write `spec:` and, indented below it, the fields of the object",
        ("spec", "rotation") => "write `rotation: {every: 30d, overlap: 48h}`",
        ("password", "generate") => {
            "write `generate: {length: 32}`, and beside it `deliver: [{file: out/acme}]`"
        }
        ("policies", "ttl-at-most") => "write `ttl-at-most: {max: 90d}`",
        ("policies", "passwords-at-least") => "write `passwords-at-least: {min: 16}`",
        ("policies", "no-unlimited") => "write `no-unlimited: {quotas: [devices_count]}`",
        (_, "env") => "the name of a variable has letters, digits and `_`, without `$`",
        (_, "exec") => {
            "the program and each of its arguments are items of a list; no shell splits them"
        }
        ("recipients", _) => "an age public key begins with `age1`; `age-keygen -y` prints it",
        ("ips", _) => {
            "write an address with `*` or `?` for what varies, such as `10.100.15.*`; the platform \
             knows neither host names nor prefix lengths"
        }
        ("spec", "origins") => {
            "write `flespi`, or a list such as `[https://fleet.example.com, flespi]`; left out: any \
             origin"
        }
        ("origins", _) => "write `flespi`, or scheme and host, such as `https://*.example.com`",
        (_, "expire") => {
            "write a date, a time and a zone, such as `2027-01-31T00:00:00Z`; for an expiry after the last use \
             alone, write only `ttl`"
        }
        (_, "ttl") | ("rotation", "every" | "overlap") | ("ttl-at-most", "max") => {
            "write seconds, or whole weeks, days, hours, minutes and seconds in this order: `3600`, `12h`, `1d 12h`"
        }
        ("deliver", _) | (_, "deliver") => {
            "write each place as an item of a list: `- file: out/key`"
        }
        _ => return None,
    };
    Some(help)
}

/// What the text at `path` was probably meant to be, if it would be right.
pub(super) fn repair(path: &str, text: &str) -> Option<String> {
    let mut steps = path.rsplit('/');
    let last = steps.next().unwrap_or_default();
    let parent = steps.next().unwrap_or_default();
    let repaired = match (parent, last) {
        ("metadata", "name") => name(text),
        (_, "account") => account(text),
        ("spec", "limit") | ("limit", "name") => name(text.strip_prefix("limit/").unwrap_or(text)),
        (_, "expire") => expire(text),
        (_, "ttl") | ("rotation", "every" | "overlap") | ("ttl-at-most", "max") => ttl(text),
        (_, "uri") => uri(text),
        (_, "env") => variable(text),
        ("origins", _) => origin(text),
        ("ips", _) => mask(text),
        _ => None,
    }?;
    (repaired != text).then_some(repaired)
}

fn name(text: &str) -> Option<String> {
    let replaced = |c: char| match c {
        'A'..='Z' => Some(c.to_ascii_lowercase()),
        'a'..='z' | '0'..='9' | '.' | '_' | '-' => Some(c),
        ' ' => Some('-'),
        _ => None,
    };
    let name: String = text.trim().chars().map(replaced).collect::<Option<_>>()?;
    let name = name.trim_matches(['.', '_', '-']);
    // `007` would be read as a number.
    let is_word = name.bytes().any(|byte| byte.is_ascii_lowercase());
    (is_word && is_valid_name(name)).then(|| name.to_owned())
}

fn account(text: &str) -> Option<String> {
    let names: Option<Vec<String>> = text.trim_matches('/').split('/').map(name).collect();
    Some(names?.join("/"))
}

/// Midnight for a date, UTC for a time without a zone, seconds in plain digits.
fn expire(text: &str) -> Option<String> {
    if let Some(seconds) = number::read(text).filter(|seconds| *seconds >= 0) {
        return Some(seconds.to_string());
    }
    let candidates = [format!("{text}Z"), format!("{text}T00:00:00Z")];
    candidates.into_iter().find(|candidate| Expire::parse(candidate).is_ok())
}

fn ttl(text: &str) -> Option<String> {
    let text = text.trim();
    if let Some(seconds) = number::read(text).filter(|seconds| *seconds >= 0) {
        return Some(format!("{seconds}s"));
    }
    let lower = text.to_ascii_lowercase();
    let is_duration = lower.starts_with(|c: char| c.is_ascii_digit())
        && lower.ends_with(['w', 'd', 'h', 'm', 's'])
        && lower.bytes().all(|byte| b"0123456789wdhms ".contains(&byte));
    is_duration.then_some(lower)
}

fn uri(text: &str) -> Option<String> {
    let uri = text.trim_matches('/').to_ascii_lowercase();
    let is_uri = uri.split('/').count() <= 2
        && uri.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'/' || byte == b'-');
    (is_uri && !uri.is_empty()).then_some(uri)
}

fn variable(text: &str) -> Option<String> {
    let name = text.trim_start_matches('$').trim_matches(['{', '}']);
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then(|| name.to_owned())
}

/// The mask of a network whose prefix ends between two of its four numbers.
fn mask(text: &str) -> Option<String> {
    let (network, length) = text.trim().split_once('/').unwrap_or((text.trim(), "32"));
    let octets: Vec<&str> = network.split('.').collect();
    let kept = match length {
        "8" => 1,
        "16" => 2,
        "24" => 3,
        "32" => 4,
        _ => return None,
    };
    let is_octet =
        |octet: &&str| octet.parse::<u8>().is_ok_and(|number| number.to_string() == **octet);
    let is_network = octets.len() == 4
        && octets.iter().all(is_octet)
        && octets.iter().skip(kept).all(|octet| *octet == "0");
    is_network.then(|| {
        let kept = octets.iter().take(kept).copied();
        kept.chain(std::iter::repeat("*")).take(4).collect::<Vec<_>>().join(".")
    })
}

fn origin(text: &str) -> Option<String> {
    let is_host = text.contains('.')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-*?:".contains(&byte));
    (is_host && !text.contains("://")).then(|| format!("https://{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_repaired_by_the_field_they_are_in() {
        for (path, text, meant) in [
            ("/metadata/name", "Starter Plan", "starter-plan"),
            ("/metadata/account", "/EMEA/acme/", "emea/acme"),
            ("/spec/limit", "limit/starter", "starter"),
            ("/spec/expire", "2035-01-31", "2035-01-31T00:00:00Z"),
            ("/spec/expire", "2035-01-31T12:00:00", "2035-01-31T12:00:00Z"),
            ("/spec/ttl", "30D", "30d"),
            ("/spec/ttl", "3600", "3600s"),
            ("/spec/access/acl/0/uri", "/gw/devices/", "gw/devices"),
            ("/spec/credentials/password/env", "${PASSWORD}", "PASSWORD"),
            ("/spec/origins/0", "fleet.example.com", "https://fleet.example.com"),
        ] {
            assert_eq!(repair(path, text).as_deref(), Some(meant), "{path} {text}");
        }
    }

    #[test]
    fn what_cannot_be_guessed_is_left() {
        for (path, text) in [
            ("/metadata/name", "größe"),
            ("/metadata/name", "emea/acme"),
            ("/metadata/name", "007-"),
            ("/metadata/account", "emea/../apac"),
            ("/spec/expire", "next year"),
            ("/spec/expire", "2035-13-01T00:00:00Z"),
            ("/spec/ttl", "1y"),
            ("/spec/access/acl/0/uri", "gw/devices/12345"),
            ("/spec/credentials/password/env", "MY-PASSWORD"),
            ("/spec/origins/0", "here"),
            ("/spec/name", "Starter"),
        ] {
            assert_eq!(repair(path, text), None, "{path} {text}");
        }
    }
}
