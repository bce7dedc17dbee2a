//! Fields that are known by another name or belong elsewhere, and what to write instead.

use crate::resource::{MARK_PREFIX, quota};

/// Names that other tools, the platform or another kind give to a field, and what to do about them.
const OTHER_NAMES: [(&str, &str, &str); 8] = [
    ("/metadata", "namespace", "the owner of an object is `account`"),
    ("/metadata", "labels", "free keys belong in `metadata` below `spec`"),
    ("/metadata", "annotations", "free keys belong in `metadata` below `spec`"),
    ("/spec", "limit_id", "`limit` takes the name of a limit; its id is looked up"),
    ("/spec", "cid", "the owner of an object is `account` in `metadata`"),
    ("/spec", "name", "the display name of a token is `info`"),
    (
        "/spec/access",
        "type",
        "the type follows from what is written: `standard`, `master` or a list below `acl`",
    ),
    (
        "",
        "status",
        "a manifest declares the desired state; `flespi-gitops status` shows the actual one",
    ),
];

/// A field that stands in a place where it means nothing.
pub(super) struct Misplaced {
    /// What to write instead.
    pub(super) help: &'static str,
    /// Fields that are missing only because this one was written: the pointer of the mapping, and the name.
    pub(super) stands_for: &'static [(&'static str, &'static str)],
}

const PASSWORD: &str = "/spec/credentials/password";

/// What to write instead of the field `name` of the mapping at `path` in a manifest of `kind`, where that is known.
pub(super) fn field(kind: &str, path: &str, name: &str) -> Option<Misplaced> {
    let found = |help, stands_for| Some(Misplaced { help, stands_for });
    let is_quota = quota::NAMES.contains(&name);
    match (kind, path, name) {
        ("Subaccount", "/spec/limit", _) if is_quota => found(
            "a Subaccount refers to a limit by name: declare `kind: Limit`, `metadata: {name: small}`, `spec: \
             {devices_count: 10}` in the account above, and write `limit: small` here",
            &[("/spec/limit", "account"), ("/spec/limit", "name")],
        ),
        ("Subaccount", "/spec", _) if is_quota => found(
            "quotas belong in a limit: declare `kind: Limit`, `metadata: {name: small}`, `spec: \
             {devices_count: 10}` in the account above, and write `limit: small` here",
            &[],
        ),
        ("Subaccount", "/spec/credentials", "generate" | "env" | "file" | "exec") => found(
            "it belongs in `password`, such as `password: {env: ACME_PASSWORD}` or `password: {generate: \
             {length: 32}, deliver: [{file: out/acme}]}`",
            &[],
        ),
        ("Subaccount", "/spec/credentials" | "/spec/credentials/password/generate", "deliver") => {
            found(
                "it belongs in `password`, beside `generate`: `password: {generate: {length: 32}, \
                 deliver: [{file: out/acme}]}`",
                &[(PASSWORD, "deliver")],
            )
        }
        ("Subaccount", "/spec", "deliver" | "generate" | "password" | "email") => {
            found("it belongs in `credentials`", &[])
        }
        ("Subaccount", PASSWORD, "length") => found(
            "it belongs in `generate`: `{generate: {length: 32}, deliver: [{file: out/acme}]}`",
            &[],
        ),
        ("Token", "/spec", "generate") => {
            found("the platform creates the key of a token; `deliver` says where it goes", &[])
        }
        ("Token", "/spec/rotation", "deliver") => {
            found("it belongs in `spec`, beside `rotation`", &[])
        }
        _ => {
            let mut other = OTHER_NAMES.iter();
            let (_, _, help) = other.find(|(place, other, _)| *place == path && *other == name)?;
            found(help, &[])
        }
    }
}

/// How a field that is missing is written, where the form of its value alone does not tell.
pub(super) fn missing(path: &str, name: &str) -> Option<&'static str> {
    Some(match (path, name) {
        ("/spec/rotation", "overlap") => {
            "write `overlap: 48h`, the time that the old key stays valid after the new one is delivered"
        }
        (PASSWORD, "deliver") => {
            "write where the password goes, such as `deliver: [{file: out/acme}]`, beside `generate`"
        }
        _ => return None,
    })
}

/// What to write instead of a key of our own mark, which is set by what the rest of the manifest says.
pub(super) fn mark_key(key: &str) -> &'static str {
    match key.strip_prefix(MARK_PREFIX) {
        Some("stack") => {
            "leave it out; the name of the stack is that of the Stack manifest, or `--stack NAME`"
        }
        Some("address") => {
            "leave it out; the address follows from `metadata.name` and `metadata.account`; to take over an \
             existing object, write its `id` in `metadata`"
        }
        Some("protect") => "write `lifecycle: {protect: true}` instead",
        Some("taken-from") => "write `from_stack: NAME` in `metadata`, beside the name, instead",
        Some("released-to") => "write `release` in the Stack manifest instead",
        Some("formerly") => "write `formerly: [NAME]` in the Stack manifest instead",
        Some("moved-from") => "write `moved_from: ADDRESS` in `metadata`, beside the name, instead",
        _ => "leave it out; use another prefix for your own keys, such as `ops/owner`",
    }
}
