//! Everything that the sandbox had to guess about the platform, in one table.
//!
//! No part of this project could ask the live platform, so each guess is named, numbered and, where a different answer
//! would change what a client sees, switchable. Numbers below 100 are the open questions of the project's fact sheet;
//! numbers from 100 on are guesses that came up while the sandbox was built.
//!
//! Invariant: code that depends on a guess asks [`Assumptions`]; it never hard-codes one of several possible answers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// One guess: the question, what the sandbox does about it, and what it could do instead.
#[derive(Clone, Copy, Debug)]
pub struct Assumption {
    /// Its number in the fact sheet, or 100 and above for questions found here.
    pub number: u16,
    /// The name that `--assume NAME=VALUE` takes.
    pub name: &'static str,
    /// The open question, in one sentence.
    pub question: &'static str,
    /// The values it can take, the default first. A single value means that the behaviour is fixed.
    pub values: &'static [&'static str],
}

impl Assumption {
    /// What the sandbox does by default.
    pub fn default_value(&self) -> &'static str {
        self.values[0]
    }
}

macro_rules! assumptions {
    ($($(#[doc = $doc:literal])* $constant:ident = $number:literal $name:literal [$($value:literal),+] $question:literal;)+) => {
        $(#[doc = $question] pub(super) const $constant: Assumption =
            Assumption { number: $number, name: $name, question: $question, values: &[$($value),+] };)+
        /// The table, in the order of the numbers.
        pub const ASSUMPTIONS: &[Assumption] = &[$($constant),+];
    };
}

assumptions! {
    UNDECLARED_FIELD = 1 "undeclared-field" ["refuse", "ignore"]
        "What happens to a body with a field that the schema does not declare?";
    SCHEMA_HINT = 2 "schema-hint" ["in-error", "absent"]
        "Does a 400 carry a schema_hint object that lists the valid fields?";
    MISSING_ID = 3 "missing-id" ["404", "200"]
        "With which status is a single id answered that does not exist?";
    MISSING_WRITE = 4 "missing-write" ["as-read"]
        "How is a PUT or DELETE of a missing id answered? (As missing-id says.)";
    DELETE_RESULT = 5 "delete-result" ["ids", "empty"]
        "What does the result of a DELETE list?";
    BATCH = 6 "batch" ["partial", "strict"]
        "Does a POST or PUT with one bad element still apply the good ones?";
    RESULT_ORDER = 7 "result-order" ["input"]
        "In which order does the answer to a batch POST list the items?";
    DEFAULT_FIELDS = 8 "default-fields" ["subset", "all"]
        "Which fields does an answer hold when none were asked for?";
    UNKNOWN_FIELD_ASKED = 9 "unknown-field-asked" ["drop", "refuse"]
        "What happens when `fields` names a field that does not exist?";
    PAGINATION = 10 "pagination" ["with-limit", "always", "never", "implicit-100", "ignore"]
        "When does a list carry a pagination object? (`implicit-100`: with a limit, and without one the first hundred items come; `ignore`: never, and all items come whatever page is asked for.)";
    PAGE_SIZE = 100 "page-size" ["1000", "100", "10000", "unlimited"]
        "Which is the largest `limit` that a list honours (larger ones are cut down to it)?";
    TOKEN_KEY_ON_READ = 11 "token-key-on-read" ["asked", "always", "never"]
        "Is the key of a token readable after its creation?";
    NOAPI_TYPE = 12 "noapi-type" ["3", "4", "255"]
        "Which access type number do the platform's internal tokens have?";
    SEED_SESSION_TOKEN = 13 "seed-session-token" ["present", "absent"]
        "Does a fresh world hold the token of a panel session?";
    DEFAULT_ACCESS = 14 "default-access" ["standard", "master"]
        "Which access does a token get that declares none?";
    MAXIMUM_TTL = 15 "maximum-ttl" ["315360000", "31536000", "unlimited"]
        "Which is the largest ttl of a token, in seconds?";
    LIFELESS_TOKEN = 16 "lifeless-token" ["refuse"]
        "What happens when a token would have neither ttl nor expire?";
    ANY_ORIGIN = 17 "any-origin" ["absent", "star", "null"]
        "How does a token read that may be used from any origin?";
    TEMPLATING = 18 "templating" ["stored"]
        "What does `templating` in an access do? (It is kept as given.)";
    ACL_FORM = 19 "acl-form" ["as-given"]
        "Does the platform rewrite an ACL, filling in defaults or reordering it?";
    FLESPI_TOPIC = 20 "flespi-topic" ["refuse", "accept"]
        "What happens to an ACL entry for an MQTT topic below flespi/?";
    LIMIT_IN_USE = 21 "limit-in-use" ["refuse", "reset"]
        "What happens when a limit is deleted that subaccounts are assigned to?";
    LIMIT_OWNER = 22 "limit-owner" ["family", "parent", "any"]
        "Whose limits may a subaccount be assigned to?";
    LIMIT_ABOVE_PARENT = 23 "limit-above-parent" ["accept"]
        "May a limit grant more than the account that owns it has?";
    LIMIT_DEFAULTS = 24 "limit-defaults" ["plain", "terraform"]
        "Are api_calls and blocking_duration -1 and 60, or 20 and 60 as one provider has it, when left out?";
    NESTED_DELETE = 25 "nested-delete" ["cascade", "refuse"]
        "What happens when a subaccount is deleted that holds items?";
    DEPTH = 26 "depth" ["4", "5", "unlimited"]
        "How many levels of accounts are there, counting the root as one?";
    DISABLED_SUBACCOUNT = 27 "disabled-subaccount" ["403", "401", "works"]
        "How are the tokens answered that belong to an account that is not enabled, or below one?";
    FOREIGN_CID = 29 "foreign-cid" ["403", "404"]
        "With which status is an x-flespi-cid answered that is outside the branch?";
    AUTH_CID = 30 "auth-cid" ["ignore"]
        "Do the /auth paths honour x-flespi-cid?";
    PASSWORD_FORM = 31 "password-form" ["any", "sha512"]
        "Is a password sent in clear or hashed by the client? (Whatever was set is what logs in; `sha512` takes nothing else than 128 hexadecimal digits.)";
    EMAIL_CHANGE = 32 "email-change" ["confirm", "immediate"]
        "Does a new e-mail address wait for the code that was sent to it?";
    LOGIN_RESULT = 33 "login-result" ["token", "key"]
        "In which member does a log-in hand over the key of its token?";
    RETRY_AFTER = 34 "retry-after" ["present", "absent"]
        "Does a 429 carry Retry-After?";
    CALL_RATE = 35 "call-rate" ["unlimited", "60", "200", "1000", "6000"]
        "How many API calls per minute does the plan give to each account?";
    PATCH_NULL = 36 "patch-null" ["delete", "keep"]
        "Does null in a PATCH delete the key, as RFC 7396 has it?";
    REVISION_STAMP = 37 "revision-stamp" ["none"]
        "Do items carry a stamp or revision of their last change?";
    CONCURRENT_EDITS = 38 "concurrent-edits" ["last-wins"]
        "What happens when two clients change one item?";
    METADATA_SIZE = 39 "metadata-size" ["any"]
        "How large may metadata be? (As large as a body, nested up to 60 levels.)";
    DUPLICATE_NAMES = 40 "duplicate-names" ["accept", "refuse"]
        "May two items of one account have the same name?";
    LOG_PAYLOAD = 41 "log-payload" ["old-and-new"]
        "What do log records hold? (`old` and `new` as far as they are stored.)";
    BIN_STAMP = 42 "bin-stamp" ["deleted"]
        "Under which name does a record of the recycle bin tell when it was deleted?";
    UNRESTORABLE = 43 "unrestorable" ["listed", "gone", "restore"]
        "Do limits, realms, grants and what else is not on the published list go to the recycle bin, and come back from it?";
    UNRESTORABLE_STATUS = 141 "unrestorable-status" ["200", "400"]
        "With which status is the restore of something answered that is in the recycle bin and cannot come back?";
    RESTORED_KEY = 44 "restored-key" ["same", "new"]
        "Which key has a token that was restored?";
    REGION = 45 "region" ["parent"]
        "In which region is a new subaccount?";
    READ_ONLY_FIELD = 101 "read-only-field" ["refuse", "ignore"]
        "What happens to a body that sets a read-only field such as id, key or cid?";
    SINGLE_OBJECT_POST = 102 "single-object-post" ["refuse", "accept"]
        "Is a POST with one object instead of an array understood?";
    UNKNOWN_FIELD_SELECTED = 103 "unknown-field-selected" ["refuse", "no-match"]
        "What happens when a selector names a field that the collection does not have?";
    NOAPI_STATUS = 104 "noapi-status" ["403", "401"]
        "With which status is a call answered that is signed with an internal token?";
    DISABLED_TOKEN_INFO = 105 "disabled-token-info" ["answer", "refuse"]
        "Does GET /auth/info still answer a token that is not enabled?";
    PASSWORD_ACCESS = 106 "password-access" ["master", "any"]
        "Which tokens may change the password and the e-mail of their account?";
    LOGIN_REFUSED = 107 "login-refused" ["401", "403", "400"]
        "With which status is a log-in with a wrong e-mail or password answered?";
    SESSION_TTL = 108 "session-ttl" ["1800", "86400"]
        "How long does the token of a session live after its last use, in seconds?";
    PAST_EXPIRE = 109 "past-expire" ["accept", "refuse"]
        "May a token be created whose expire has passed already? (Accepted, it lapses at once.)";
    LAPSED_TOKEN = 110 "lapsed-token" ["gone", "bin"]
        "Does a token that lapsed go to the recycle bin?";
    SHARED_EMAIL = 111 "shared-email" ["refuse", "accept"]
        "May two accounts have the same e-mail address?";
    ORIGIN_STATUS = 112 "origin-status" ["401", "403"]
        "With which status is a browser answered whose origin the token does not allow?";
    COUNT_STATUS = 113 "count-status" ["400", "403"]
        "With which status is a creation answered that would pass a *_count of a limit?";
    PLAN = 114 "plan" ["none", "free", "start", "pro", "enterprise", "ultimate"]
        "Which plan bounds what the root account and its branch may hold?";
    OVERUSE = 115 "overuse" ["block", "refuse"]
        "Does passing api_calls block the busiest tokens, or the branch, or is only the call refused with 429?";
    BLOCKED_STATUS = 116 "blocked-status" ["403", "429"]
        "With which status is a call answered whose token or account is blocked?";
    RESTORED_BRANCH = 117 "restored-branch" ["whole", "bare"]
        "Does a restored subaccount bring everything inside back, or leave it to be restored from its own bin?";
    RESTORED_TTL = 118 "restored-ttl" ["as-was", "anew"]
        "Does the ttl of a restored token begin anew? (As it was, a short-lived token lapses at once.)";
    OPEN_SUBMODULES = 119 "open-submodules" ["entry-methods", "all-methods"]
        "With which methods does an ACL entry without submodules open them?";
    CUSTOMER_LOGS = 120 "customer-logs" ["branch", "account"]
        "Do the logs of an account hold what happened in the accounts below it?";
    CUSTOMER_LOG_ITEMS = 142 "customer-log-items" ["item-type", "all"]
        "Do the logs of an account hold events of items only when their type is asked for, or in any case?";
    BARE_KEY = 143 "bare-key" ["refuse", "accept"]
        "Is a key understood that has no FlespiToken in front of it?";
    REALM_PASSWORD = 121 "realm-password" ["1", "16"]
        "How many characters does the password of a realm user need?";
    TOKEN_BATCH = 122 "token-batch" ["all", "refuse", "first"]
        "Does a POST of several tokens make all of them, none, or the first without a word about the others?";
    COUNTED_CALLS = 123 "counted-calls" ["minute", "absent"]
        "Do the counters of an account tell how many API calls its minute has seen?";
    GRANT_METADATA = 124 "grant-metadata" ["kept", "dropped"]
        "Does a grant keep metadata, as everything else does?";
    DOTTED_FIELD = 130 "dotted-field" ["dotted", "nested", "absent"]
        "How does an answer hold a field that was asked for by a dotted name?";
    GROUPS_OF_DEVICE = 131 "groups-of-device" ["listed", "absent"]
        "Does a device list the ids of the groups that it is in?";
    MQTT_CID = 133 "mqtt-cid" ["branch", "account"]
        "Does the account in front of a topic filter mean the account with all below it, or the account alone?";
    MQTT_DENIED = 134 "mqtt-denied" ["refuse", "silence"]
        "What happens to a topic filter that the token may not use: is it refused, or does it never get a message?";
    MQTT_BLOCKED = 135 "mqtt-blocked" ["151", "138"]
        "With which reason is an MQTT client refused whose token or account is blocked?";
    CUSTOMER_TOPIC = 136 "customer-topic" ["whole", "own"]
        "Does the log topic of an account carry everything that happens in it, or only changes of its own record?";
    RESTORED_TOPIC = 137 "restored-topic" ["created", "restored"]
        "Under which event does the log topic of an item tell that it came back from the recycle bin?";
    MQTT_TOUCH = 138 "mqtt-touch" ["session", "connect"]
        "Does an MQTT session count as use of its token for as long as it is open, or once?";
    OWNER_OF_ITEM = 132 "owner-of-item" ["given", "absent"]
        "Does a telematics item give the account that holds it as cid?";
}

/// The answers in force for one sandbox; the defaults of [`ASSUMPTIONS`] unless set otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assumptions {
    chosen: BTreeMap<u16, &'static str>,
}

impl Assumptions {
    /// Takes one `NAME=VALUE`, as `--assume` gives it.
    ///
    /// # Errors
    /// The text has no `=`, the name is not in the table, or the value is not one of its values; the error lists
    /// what is valid and suggests the nearest.
    pub fn set(&mut self, text: &str) -> Result<(), AssumeError> {
        let (name, value) =
            text.split_once('=').ok_or_else(|| AssumeError::Shape(text.to_owned()))?;
        let assumption =
            ASSUMPTIONS.iter().find(|assumption| assumption.name == name).ok_or_else(|| {
                AssumeError::Name {
                    given: name.to_owned(),
                    nearest: nearest(name, ASSUMPTIONS.iter().map(|assumption| assumption.name)),
                }
            })?;
        let value = assumption.values.iter().find(|known| **known == value).ok_or_else(|| {
            AssumeError::Value {
                name: assumption.name,
                given: value.to_owned(),
                values: assumption.values,
            }
        })?;
        self.chosen.insert(assumption.number, value);
        Ok(())
    }

    /// The answer in force.
    pub(super) fn value(&self, assumption: &Assumption) -> &'static str {
        self.chosen.get(&assumption.number).copied().unwrap_or(assumption.values[0])
    }

    /// Whether the answer in force is this one.
    pub(super) fn is(&self, assumption: &Assumption, value: &str) -> bool {
        debug_assert!(assumption.values.contains(&value), "{} is never {value}", assumption.name);
        self.value(assumption) == value
    }

    /// The answer as a number; `None` for "unlimited".
    pub(super) fn number(&self, assumption: &Assumption) -> Option<u64> {
        self.value(assumption).parse().ok()
    }

    /// The answer as an HTTP status.
    pub(super) fn status(&self, assumption: &Assumption) -> u16 {
        self.value(assumption).parse().unwrap_or(400)
    }

    /// The table with the answers in force, one object per entry.
    pub(super) fn listed(&self) -> Vec<Value> {
        ASSUMPTIONS
            .iter()
            .map(|assumption| {
                json!({
                    "number": assumption.number,
                    "name": assumption.name,
                    "question": assumption.question,
                    "value": self.value(assumption),
                    "default": assumption.default_value(),
                    "values": assumption.values,
                })
            })
            .collect()
    }
}

/// The table as text for `sandbox --help`: one entry per line, the default marked by its place in front.
pub fn describe_assumptions() -> String {
    let width = ASSUMPTIONS.iter().map(|assumption| assumption.name.len()).max().unwrap_or(0);
    ASSUMPTIONS
        .iter()
        .map(|Assumption { number, name, question, values }| {
            format!("{number:>3}  {name:width$}  {question} [{}]\n", values.join("|"))
        })
        .collect()
}

/// Why a `--assume` was refused.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum AssumeError {
    /// There is no `=`.
    #[error("\"{0}\" is not NAME=VALUE")]
    Shape(String),
    /// No such entry.
    #[error("there is no assumption \"{given}\"{}; the names are: {}", suggestion(*.nearest), names())]
    Name {
        /// What was asked for.
        given: String,
        /// The entry that it most looks like.
        nearest: Option<&'static str>,
    },
    /// The entry exists and does not take that value.
    #[error("assumption \"{name}\" does not take \"{given}\"; its values are: {}", .values.join(", "))]
    Value {
        /// The entry.
        name: &'static str,
        /// What was asked for.
        given: String,
        /// What it takes.
        values: &'static [&'static str],
    },
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map(|name| format!(", did you mean \"{name}\"?")).unwrap_or_default()
}

fn names() -> String {
    ASSUMPTIONS.iter().map(|assumption| assumption.name).collect::<Vec<_>>().join(", ")
}

/// The candidate that looks most like `given`, unless none looks like it at all.
pub(super) fn nearest<'a>(
    given: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(given, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{ASSUMPTIONS, AssumeError, Assumptions, MISSING_ID};

    #[test]
    fn numbers_and_names_are_unique_and_kebab_case() {
        let names: BTreeSet<_> = ASSUMPTIONS.iter().map(|assumption| assumption.name).collect();
        let numbers: BTreeSet<_> = ASSUMPTIONS.iter().map(|assumption| assumption.number).collect();
        assert_eq!((names.len(), numbers.len()), (ASSUMPTIONS.len(), ASSUMPTIONS.len()));
        assert!(
            names
                .iter()
                .all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'))
        );
    }

    #[test]
    fn a_value_of_the_table_is_taken_and_any_other_is_told_what_is_valid() {
        let mut assumptions = Assumptions::default();
        assert!(assumptions.is(&MISSING_ID, "404"));
        assumptions.set("missing-id=200").unwrap();
        assert!(assumptions.is(&MISSING_ID, "200"));
        assert_eq!(
            assumptions.set("missing-id=500").unwrap_err().to_string(),
            "assumption \"missing-id\" does not take \"500\"; its values are: 404, 200"
        );
    }

    #[test]
    fn a_misspelt_name_is_answered_with_the_nearest() {
        let error = Assumptions::default().set("missing-ids=200").unwrap_err();
        assert!(matches!(&error, AssumeError::Name { nearest: Some("missing-id"), .. }));
        assert!(error.to_string().contains("did you mean \"missing-id\"?"));
        assert!(matches!(Assumptions::default().set("nonsense"), Err(AssumeError::Shape(_))));
    }
}
