//! Which questions there are: one for each assumption that can have more than one value.

/// How a question can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// By reading alone.
    Reading,
    /// In an account made for it.
    Inside,
    /// At the broker, with tokens of that account.
    Broker,
    /// Not by a probe that stays within these bounds, and why.
    Untold(&'static str),
}

/// One assumption, and how the truth is found out.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// Its number in the list of unknowns.
    pub number: u16,
    /// Its name, as `sandbox --assume NAME=VALUE` and profiles have it.
    pub name: &'static str,
    /// The values that are known; the first is what is assumed.
    pub values: &'static [&'static str],
    /// How it is asked.
    pub part: Part,
}

impl Question {
    /// What is assumed without a profile.
    pub fn assumed(&self) -> &'static str {
        self.values[0]
    }

    /// The question of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        QUESTIONS.iter().find(|question| question.name == name)
    }
}

const fn row(
    number: u16,
    name: &'static str,
    values: &'static [&'static str],
    part: Part,
) -> Question {
    Question { number, name, values, part }
}

use Part::{Broker, Inside, Reading, Untold};

/// The calls that the reading part makes at most.
pub const CALLS_READING: u64 = 25;

/// The calls that the throwaway account costs at most, its making and its removal included.
pub const CALLS_INSIDE: u64 = 200;

/// All questions, in the order of their numbers.
pub const QUESTIONS: &[Question] = &[
    row(1, "undeclared-field", &["refuse", "ignore"], Inside),
    row(2, "schema-hint", &["in-error", "absent"], Inside),
    row(3, "missing-id", &["404", "200"], Reading),
    row(5, "delete-result", &["ids", "empty"], Inside),
    row(6, "batch", &["partial", "strict"], Inside),
    row(8, "default-fields", &["subset", "all"], Reading),
    row(9, "unknown-field-asked", &["drop", "refuse"], Reading),
    row(10, "pagination", &["with-limit", "always", "never", "implicit-100", "ignore"], Inside),
    row(11, "token-key-on-read", &["asked", "always", "never"], Reading),
    row(12, "noapi-type", &["3", "4", "255"], Reading),
    row(13, "seed-session-token", &["present", "absent"], Reading),
    row(14, "default-access", &["standard", "master"], Inside),
    row(15, "maximum-ttl", &["315360000", "31536000", "unlimited"], Inside),
    row(17, "any-origin", &["absent", "star", "null"], Reading),
    row(20, "flespi-topic", &["refuse", "accept"], Inside),
    row(21, "limit-in-use", &["refuse", "reset"], Inside),
    row(22, "limit-owner", &["family", "parent", "any"], Inside),
    row(24, "limit-defaults", &["plain", "terraform"], Inside),
    row(25, "nested-delete", &["cascade", "refuse"], Inside),
    row(26, "depth", &["4", "5", "unlimited"], Inside),
    row(27, "disabled-subaccount", &["403", "401", "works"], Inside),
    row(29, "foreign-cid", &["403", "404"], Reading),
    row(31, "password-form", &["any", "sha512"], Inside),
    row(32, "email-change", &["confirm", "immediate"], Inside),
    row(
        33,
        "login-result",
        &["token", "key"],
        Untold("a log-in needs an address that somebody confirmed by mail"),
    ),
    row(34, "retry-after", &["present", "absent"], Inside),
    row(35, "call-rate", &["unlimited", "60", "200", "1000", "6000"], Reading),
    row(36, "patch-null", &["delete", "keep"], Inside),
    row(40, "duplicate-names", &["accept", "refuse"], Inside),
    row(43, "unrestorable", &["listed", "gone", "restore"], Inside),
    row(44, "restored-key", &["same", "new"], Inside),
    row(100, "page-size", &["1000", "100", "10000", "unlimited"], Reading),
    row(101, "read-only-field", &["refuse", "ignore"], Inside),
    row(102, "single-object-post", &["refuse", "accept"], Inside),
    row(103, "unknown-field-selected", &["refuse", "no-match"], Reading),
    row(
        104,
        "noapi-status",
        &["403", "401"],
        Untold("nobody can make an internal token, and those of the platform are not ours to use"),
    ),
    row(105, "disabled-token-info", &["answer", "refuse"], Inside),
    row(106, "password-access", &["master", "any"], Inside),
    row(107, "login-refused", &["401", "403", "400"], Inside),
    row(108, "session-ttl", &["1800", "86400"], Inside),
    row(109, "past-expire", &["accept", "refuse"], Inside),
    row(110, "lapsed-token", &["gone", "bin"], Inside),
    row(
        111,
        "shared-email",
        &["refuse", "accept"],
        Untold(
            "it takes two accounts, one of which has an address that somebody confirmed by mail",
        ),
    ),
    row(112, "origin-status", &["401", "403"], Inside),
    row(113, "count-status", &["400", "403"], Inside),
    row(114, "plan", &["none", "free", "start", "pro", "enterprise", "ultimate"], Reading),
    row(115, "overuse", &["block", "refuse"], Inside),
    row(116, "blocked-status", &["403", "429"], Inside),
    row(117, "restored-branch", &["whole", "bare"], Inside),
    row(118, "restored-ttl", &["as-was", "anew"], Inside),
    row(119, "open-submodules", &["entry-methods", "all-methods"], Inside),
    row(120, "customer-logs", &["branch", "account"], Inside),
    row(121, "realm-password", &["1", "16"], Inside),
    row(122, "token-batch", &["all", "refuse", "first"], Inside),
    row(123, "counted-calls", &["minute", "absent"], Inside),
    row(124, "grant-metadata", &["kept", "dropped"], Inside),
    row(130, "dotted-field", &["dotted", "nested", "absent"], Reading),
    row(131, "groups-of-device", &["listed", "absent"], Inside),
    row(132, "owner-of-item", &["given", "absent"], Inside),
    row(141, "unrestorable-status", &["200", "400"], Inside),
    row(142, "customer-log-items", &["item-type", "all"], Inside),
    row(143, "bare-key", &["refuse", "accept"], Reading),
    row(133, "mqtt-cid", &["branch", "account"], Broker),
    row(134, "mqtt-denied", &["refuse", "silence"], Broker),
    row(135, "mqtt-blocked", &["151", "138"], Broker),
    row(136, "customer-topic", &["whole", "own"], Broker),
    row(137, "restored-topic", &["created", "restored"], Broker),
    row(138, "mqtt-touch", &["session", "connect"], Broker),
];
