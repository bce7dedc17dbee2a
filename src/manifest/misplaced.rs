//! Fields that are known by another name or belong elsewhere, and what to write instead.

use crate::resource::MARK_PREFIX;

/// Names that other tools, the platform or another kind give to a field, and what to do about them.
const OTHER_NAMES: [(&str, &str, &str); 8] = [
    ("/metadata", "namespace", "the owner of an object is `account`"),
    ("/metadata", "labels", "free keys stand in `metadata` below `spec`"),
    ("/metadata", "annotations", "free keys stand in `metadata` below `spec`"),
    ("/spec", "limit_id", "`limit` takes the name of a limit, and its id is found out"),
    ("/spec", "cid", "the owner of an object is `account` in `metadata`"),
    ("/spec", "name", "the name of a token that people see is `info`"),
    (
        "/spec/access",
        "type",
        "the type follows from what is written: `standard`, `master` or a list below `acl`",
    ),
    ("", "status", "a manifest says what shall be; `flespi-gitops status` shows what is"),
];

/// What to write instead of the field `name` of the mapping at `path`, where that is known.
pub(super) fn field(path: &str, name: &str) -> Option<&'static str> {
    let other = OTHER_NAMES.iter().find(|(place, other, _)| *place == path && *other == name);
    other.map(|(_, _, help)| *help)
}

/// What to write instead of a key of our own mark, which is set by what the rest of the manifest says.
pub(super) fn mark_key(key: &str) -> &'static str {
    match key.strip_prefix(MARK_PREFIX) {
        Some("stack") => {
            "leave it out; the name of the stack is that of the Stack manifest, or `--stack NAME`"
        }
        Some("address") => {
            "leave it out; the address follows from `metadata.name` and `metadata.account`, and \
             `id` in `metadata` takes over an object that is there"
        }
        Some("protect") => "write `lifecycle: {protect: true}` instead",
        Some("moved-from") => "write `moved_from: ADDRESS` in `metadata`, beside the name, instead",
        _ => "leave it out; a key of your own takes another prefix, such as `ops/owner`",
    }
}
