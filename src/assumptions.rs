//! What the client takes for granted although no document says so.
//!
//! The one table of the client's side: learning the truth about the platform is a change of one
//! line here. Numbers are those of the fact sheet's list of unknowns; the sandbox has its own
//! table, written from the same list, whose entries can be switched.

use std::time::Duration;

use crate::secret::PasswordForm;

/// 2.2: the longest selector is unknown. Ids have up to ten digits, so a list of this many stays below 4,400 characters;
/// the shortest request line that a common server, proxy or load balancer takes by default has 8,190.
pub const IDS_PER_CALL: usize = 400;

/// 6: how many elements one POST may create is unknown. A hundred limits with all quotas are
/// about 150 kB.
pub const ITEMS_PER_POST: usize = 100;

/// 122: whether a POST of several tokens makes all of them is unknown. Where it does not, they are made one by one for the
/// rest of the run. So many at once keep it short what a lost answer can cost: their keys are read again or, where the
/// platform does not give them, the tokens are made again.
pub const TOKENS_PER_POST: usize = 50;

/// 123: the name of the calls of a minute among the `limits` and the `counters` of an account's own record, and that the
/// counter goes on from the beginning of the minute, or over the last sixty seconds. Where it does not count, half of what
/// is allowed counts as left.
pub const COUNTED_CALLS: &str = "api_calls";

/// 130: whether a list of devices gives the ident when it is asked for by this name is unknown; an answer may have it under
/// the dotted name or inside of `configuration`. Where no device of a list has one, that is taken for not known.
pub const IDENT_FIELD: &str = "configuration.ident";

/// 131: that a device lists the ids of the groups that it is in under this name. A device without the member is taken for
/// not known, and not for one without groups.
pub const GROUPS_FIELD: &str = "groups";

/// 132: that a telematics item gives the account that holds it under this name. An item without it is taken for not known,
/// since it may be one of an account below.
pub const OWNER_FIELD: &str = "cid";

/// 10: the largest page is unknown.
pub const PAGE_SIZE: usize = 1_000;

/// 11: whether a later GET gives the `key` of a token is unknown. It is asked for by name where a
/// delivery is missing, and its absence is an ordinary answer.
pub const KEY_FIELD: &str = "key";

/// 137: that these are the events of log topics that tell of a change; under which one an item comes back from the recycle
/// bin is unknown, and one that the platform does not have costs nothing.
pub const EVENT_WORDS: [&str; 4] = ["created", "updated", "deleted", "restored"];

/// 9.3: the numbers of items in logs and in the recycle bin, by collection below `/platform`, as clients of the platform
/// use them.
pub const ITEM_TYPES: [(&str, u8); 8] = [
    ("limits", 4),
    ("subaccounts", 5),
    ("realms", 29),
    ("tokens", 33),
    ("webhooks", 36),
    ("grants", 37),
    ("identity-providers", 38),
    ("users", 39),
];

/// 43: the collections below `/platform` whose items the recycle bin takes. Limits are not on the platform's list.
pub const RESTORABLE: [&str; 3] = ["subaccounts", "tokens", "webhooks"];

/// Section 7: how long the recycle bin keeps what was deleted, in days (documented).
pub const DAYS_IN_BIN: u32 = 30;

/// 41: which objects were deleted is read from the log of an account. Event codes and the members of
/// a record are not all known: a deletion is a record with `old` and without `new`, as clients of
/// the log take it; who made it is its `token_id`, and the platform itself has none.
/// They are told apart by `origin_type`, which has the numbers of the recycle bin.
pub const LOG_KIND_FIELD: &str = "origin_type";

/// 142: events of items are in the log of an account only when their type is asked for by this name; where the name is not
/// known, the filter tells them apart.
pub const LOG_ITEM_TYPE: &str = "item_type";

/// 41: how many records of a log one answer may hold is unknown, as is how far it goes back. What
/// the log does not say counts as not known, never as not happened.
pub const DELETIONS_IN_LOG: usize = 1_000;

/// 12: tokens of other types than standard, master and ACL are the platform's own.
pub const TOKEN_TYPES: [i64; 3] = [0, 1, 2];

/// 31: whether a log-in page sends a password in clear or as its SHA-512 is unknown. Manifests choose with
/// `password_form`; this is what they get otherwise.
pub const PASSWORD_FORM: PasswordForm = PasswordForm::Clear;

/// 34: without `Retry-After`, waits start here and double.
pub const FIRST_BACKOFF: Duration = Duration::from_millis(500);

/// 34: no wait is longer than the platform's window for counting calls.
pub const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// 38: no revision or ETag is known, so what was observed at the start of a pass is what its
/// writes build on. A pass that a person takes longer to confirm than this observes again.
pub const OBSERVATION_STAYS_FRESH: Duration = Duration::from_secs(120);

/// 9.4 of the platform's log: a record of a change has the item before and after in these members. A record without
/// them is passed over, so that a wrong guess costs an explanation and nothing else.
pub const LOG_AFTER: &str = "new";

/// How many records of an object's log are looked through for the one that explains a change.
pub const LOG_RECORDS: usize = 50;

/// 32: for how long the link in a mail about a new address is good is unknown. After a week, in seconds, it is requested
/// again.
pub const EMAIL_LINK_SECONDS: i64 = 7 * 86_400;

/// Answers of one pass agree on the time when they are no further apart than this, in seconds: headers have whole seconds,
/// and a slow answer is a few of them old.
pub const CLOCKS_AGREE_WITHIN: u64 = 60;

/// The furthest that the platform's clock can be from this machine's, in seconds, before nothing that depends on the time
/// is issued or deleted. A machine that keeps its time is within seconds; one that does not rotates keys too early.
pub const CLOCKS_DIFFER_AT_MOST: u64 = 3_600;

/// The header in which a sandbox says how many seconds its clock was moved on purpose. The platform has no such header.
pub const SANDBOX_CLOCK: &str = "x-sandbox-clock";

/// 121: how many characters the password of a realm user needs at least: a program that creates users says sixteen.
pub const REALM_PASSWORD: u16 = 16;

/// 124: the member of a grant that carries its words (`edit`, `operate-as`...) is not named by any document, nor whether a
/// grant has `metadata` and `cid` as everything else has, nor whether one grant can be about several kinds of items: it is
/// about one here. Where a grant keeps no `metadata`, it is created without a mark; that is told, and no second one is made.
pub const GRANT_WORDS_FIELD: &str = "access";

/// 125: whether `realms/all/users` lists the users of all realms of a branch, as selectors do elsewhere, and whether a user is
/// known by an id of its own beside that of its realm. Writes name both.
pub const ALL_CONTAINERS: &str = "all";
