//! Marks: what we write into an object's platform `metadata` so that it can be found again without
//! a state file.
//!
//! All values are strings under keys that begin with [`PREFIX`]. Foreign keys are none of our
//! business and are always preserved.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::HEXLOWER;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use smol_str::SmolStr;

use super::address::Address;
use super::kinds::Kind;
use super::rotation::{Generation, Issued};

/// What every key of a mark begins with.
pub const PREFIX: &str = "flespi-gitops/";

pub(super) const STACK: &str = "flespi-gitops/stack";
pub(super) const ADDRESS: &str = "flespi-gitops/address";
const APPLIED: &str = "flespi-gitops/applied";
const PROTECT: &str = "flespi-gitops/protect";
pub(super) const SIGNATURE: &str = "flespi-gitops/signature";
pub(super) const ROLE: &str = "flespi-gitops/role";
const MOVED_FROM: &str = "flespi-gitops/moved-from";
const TAKEN_FROM: &str = "flespi-gitops/taken-from";
const FORMERLY: &str = "flespi-gitops/formerly";
pub(super) const RELEASED_TO: &str = "flespi-gitops/released-to";
const PASSWORD: &str = "flespi-gitops/password";
const SECRETS: &str = "flespi-gitops/secrets";
const KEY: &str = "flespi-gitops/key";
const EMAIL_REQUESTED: &str = "flespi-gitops/email-requested";
const EMAIL_REQUESTED_AT: &str = "flespi-gitops/email-requested-at";
const EMAIL_BEFORE: &str = "flespi-gitops/email-before";
pub(super) const GENERATION: &str = "flespi-gitops/generation";
const ISSUED: &str = "flespi-gitops/issued";
const OVERLAP: &str = "flespi-gitops/overlap";
const DELIVERED: &str = "flespi-gitops/delivered";

const ROLE_BOOTSTRAP: &str = "bootstrap";
const ROLE_RETIRED: &str = "retired";

/// What a mark says of its object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The stack that owns the object.
    pub stack: SmolStr,
    /// The address that the stack gave to it.
    pub address: Address,
    /// Digests of the field values that were last applied, to distinguish drift from an edited
    /// manifest.
    pub applied: Applied,
    /// Never delete the object, whatever the manifests say.
    pub protect: bool,
    /// A short-lived token that only serves to set credentials.
    pub bootstrap: bool,
    /// A token whose successor has taken its place, and which is never to come back.
    pub retired: bool,
    /// The address from which the object was renamed last, so that a manifest that still says so is
    /// not followed a second time.
    pub moved_from: Option<Box<Address>>,
    /// What the stack was called when it marked the object first, if it has been renamed since: so that two stacks that
    /// claim one former name learn of each other.
    pub formerly: Option<SmolStr>,
    /// The stack that had the object before this one took it over, so that the other does not miss it.
    pub taken_from: Option<SmolStr>,
    /// The stack that may take the object over: the one that the mark names has let it go.
    pub released_to: Option<SmolStr>,
    /// Salted slow hash (PHC text) of the password that was last set.
    pub password: Option<String>,
    /// The same of the secrets inside of fields, by their places.
    pub secrets: BTreeMap<String, String>,
    /// The e-mail address that was last asked for, confirmed or not.
    pub email_requested: Option<Box<EmailRequest>>,
    /// Which generation a token is; none for the first.
    pub generation: Option<Generation>,
    /// What became of the key of a token; `None` if we never had to do with it.
    pub key: Option<KeyNote>,
}

/// A request for another e-mail address, which takes effect when somebody follows the link in a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailRequest {
    /// The address that was asked for.
    pub address: String,
    /// When, in unix seconds of the platform.
    pub at: i64,
    /// The address that the account had then; empty: none.
    pub before: String,
}

/// What became of the key of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyNote {
    /// It is being delivered: no sink is known to have it yet.
    Pending,
    /// It is in every sink.
    Delivered {
        /// Its [print](crate::secret::print).
        print: String,
        /// Names of the sinks, as [they call themselves](crate::secret::Sink::served_as) where they cannot be asked.
        served: BTreeSet<String>,
    },
}

impl KeyNote {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        match words.next()? {
            "pending" => Some(Self::Pending),
            print => Some(Self::Delivered {
                print: print.to_owned(),
                served: words.map(str::to_owned).collect(),
            }),
        }
    }
}

impl std::fmt::Display for KeyNote {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pending => formatter.write_str("pending"),
            Self::Delivered { print, served } => {
                formatter.write_str(print)?;
                served.iter().try_for_each(|sink| write!(formatter, " {sink}"))
            }
        }
    }
}

/// Why something that looks like a mark is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MarkProblem {
    /// Only one of stack and address is there, or one is not a text.
    #[error("its mark is incomplete")]
    Incomplete,
    /// Marks must be signed, and this one is not.
    #[error("its mark is not signed; a run with --trust-unsigned-marks takes it over once")]
    Unsigned,
    /// The signature was made with another key, for another place, or by nobody.
    #[error("the signature of its mark does not match")]
    BadSignature,
    /// The address does not parse.
    #[error("its mark names `{0}`, which is not an address")]
    BadAddress(String),
    /// It is the mark of an object of another kind.
    #[error("its mark is that of {0}, an object of another kind")]
    OtherKind(Address),
    /// It says something that only a mark of a token says.
    #[error("its mark says `{0}`, which only the mark of a token does")]
    OnlyOfTokens(&'static str),
}

impl Mark {
    /// A mark for an object of `stack` at `address`.
    pub fn new(stack: &str, address: Address) -> Self {
        Self {
            stack: stack.into(),
            address,
            applied: Applied::default(),
            protect: false,
            bootstrap: false,
            retired: false,
            moved_from: None,
            formerly: None,
            taken_from: None,
            released_to: None,
            password: None,
            secrets: BTreeMap::new(),
            email_requested: None,
            generation: None,
            key: None,
        }
    }

    /// The number of the generation; 1 for the first.
    pub fn number(&self) -> u32 {
        self.generation.map_or(1, |generation| generation.number)
    }

    /// Reads the mark in `metadata`, if there is one.
    ///
    /// # Errors
    /// [`MarkProblem`] when there are keys of ours that do not make a mark.
    pub fn read(metadata: &Map<String, Value>) -> Result<Option<Self>, MarkProblem> {
        let text = |key: &str| metadata.get(key).and_then(Value::as_str).map(str::to_owned);
        if !metadata.contains_key(STACK) && !metadata.contains_key(ADDRESS) {
            return Ok(None);
        }
        let (Some(stack), Some(address)) = (text(STACK), text(ADDRESS)) else {
            return Err(MarkProblem::Incomplete);
        };
        let address = address.parse().map_err(|_| MarkProblem::BadAddress(address))?;
        Ok(Some(Self {
            stack: stack.into(),
            address,
            applied: text(APPLIED).map(|text| Applied::parse(&text)).unwrap_or_default(),
            protect: text(PROTECT).as_deref() == Some("true"),
            bootstrap: text(ROLE).as_deref() == Some(ROLE_BOOTSTRAP),
            retired: text(ROLE).as_deref() == Some(ROLE_RETIRED),
            moved_from: text(MOVED_FROM).and_then(|address| Some(Box::new(address.parse().ok()?))),
            formerly: text(FORMERLY).map(SmolStr::from),
            taken_from: text(TAKEN_FROM).map(SmolStr::from),
            released_to: text(RELEASED_TO).map(SmolStr::from),
            password: text(PASSWORD),
            secrets: text(SECRETS).map(|text| secrets(&text)).unwrap_or_default(),
            email_requested: text(EMAIL_REQUESTED).map(|address| {
                let at = text(EMAIL_REQUESTED_AT).and_then(|at| at.parse().ok()).unwrap_or(0);
                let before = text(EMAIL_BEFORE).unwrap_or_default();
                Box::new(EmailRequest { address, at, before })
            }),
            generation: generation(metadata),
            key: text(KEY).and_then(|text| KeyNote::parse(&text)),
        }))
    }

    /// Whether an object of `kind` can carry the mark: whoever may write an object's metadata can write anything there.
    ///
    /// # Errors
    /// [`MarkProblem::OtherKind`] or [`MarkProblem::OnlyOfTokens`].
    pub fn fits(&self, kind: Kind) -> Result<(), MarkProblem> {
        if self.address.kind != kind {
            return Err(MarkProblem::OtherKind(self.address.clone()));
        }
        let of_tokens = [
            (self.bootstrap, ROLE_BOOTSTRAP),
            (self.retired, ROLE_RETIRED),
            (self.generation.is_some(), "generation"),
        ];
        match of_tokens.into_iter().find(|(is_said, _)| *is_said && !kind.is_key()) {
            Some((_, what)) => Err(MarkProblem::OnlyOfTokens(what)),
            None => Ok(()),
        }
    }

    /// Takes every key of a mark out of `metadata`, which keeps every foreign key.
    pub fn erase(metadata: &mut Map<String, Value>) {
        metadata.retain(|key, _| !key.starts_with(PREFIX));
    }

    /// Writes the mark into `metadata`, which keeps every foreign key.
    pub fn write(&self, metadata: &mut Map<String, Value>) {
        let Self {
            stack,
            address,
            applied,
            protect,
            bootstrap,
            retired,
            moved_from,
            formerly,
            taken_from,
            released_to,
            password,
            secrets,
            email_requested,
            generation,
            key,
        } = self;
        Self::erase(metadata);
        let mut set = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                metadata.insert(key.to_owned(), Value::String(value));
            }
        };
        set(STACK, Some(stack.to_string()));
        set(ADDRESS, Some(address.to_string()));
        set(APPLIED, (!applied.is_empty()).then(|| applied.to_string()));
        set(PROTECT, protect.then(|| "true".to_owned()));
        let role = match (bootstrap, retired) {
            (true, _) => Some(ROLE_BOOTSTRAP),
            (false, true) => Some(ROLE_RETIRED),
            (false, false) => None,
        };
        set(ROLE, role.map(str::to_owned));
        set(MOVED_FROM, moved_from.as_ref().map(ToString::to_string));
        set(FORMERLY, formerly.as_ref().map(ToString::to_string));
        set(TAKEN_FROM, taken_from.as_ref().map(ToString::to_string));
        set(RELEASED_TO, released_to.as_ref().map(ToString::to_string));
        set(PASSWORD, password.clone());
        let of_places: Vec<String> =
            secrets.iter().map(|(place, hash)| format!("{place}={hash}")).collect();
        set(SECRETS, (!of_places.is_empty()).then(|| of_places.join(" ")));
        if let Some(EmailRequest { address, at, before }) = email_requested.as_deref() {
            set(EMAIL_REQUESTED, Some(address.clone()));
            set(EMAIL_REQUESTED_AT, Some(at.to_string()));
            set(EMAIL_BEFORE, (!before.is_empty()).then(|| before.clone()));
        }
        set(KEY, key.as_ref().map(KeyNote::to_string));
        let Some(Generation { number, issued, overlap, delivered }) = generation else { return };
        set(GENERATION, Some(number.to_string()));
        set(ISSUED, Some(issued.to_string()));
        set(OVERLAP, Some(overlap.to_string()));
        set(DELIVERED, delivered.map(|at| at.to_string()));
    }
}

/// Hashes by place. Neither has a space, and no place has an equals sign.
fn secrets(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split(' ').filter_map(|pair| pair.split_once('='));
    pairs.map(|(place, hash)| (place.to_owned(), hash.to_owned())).collect()
}

/// What the mark says of the generation. Anything but a number counts as missing.
fn generation(metadata: &Map<String, Value>) -> Option<Generation> {
    let text = |key: &str| metadata.get(key).and_then(Value::as_str);
    let number = text(GENERATION)?.parse().ok().filter(|number| *number > 1)?;
    Some(Generation {
        number,
        issued: text(ISSUED).map_or(Issued::Person, Issued::read),
        overlap: text(OVERLAP).and_then(|seconds| seconds.parse().ok()).unwrap_or(0).max(0),
        delivered: text(DELIVERED).and_then(|at| at.parse().ok()),
    })
}

/// A short digest per applied field: enough to tell whether a value is the one that we set, too
/// short to matter in size, and worthless for guessing since the values themselves stand beside it.
///
/// Kept as the text that marks have: there is one for each object, and most are asked for a field or two.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied(SmolStr);

impl Applied {
    /// The digests of canonical `fields`.
    pub fn of<'a>(fields: impl IntoIterator<Item = (&'a str, &'a Value)>) -> Self {
        let digests: BTreeMap<&str, String> =
            fields.into_iter().map(|(name, value)| (name, digest_of(value))).collect();
        Self::written(digests)
    }

    /// Whether `value` is what was last applied to `field`; `None` if nothing is known of it.
    pub fn matches(&self, field: &str, value: &Value) -> Option<bool> {
        self.digest(field).map(|known| known == digest_of(value))
    }

    /// Notes that `value` was applied to `field`.
    pub fn note(&mut self, field: &str, value: &Value) {
        self.set(field, &digest_of(value));
    }

    /// Takes over what `older` knows of `field`.
    pub fn keep(&mut self, older: &Self, field: &str) {
        if let Some(digest) = older.digest(field) {
            self.set(field, digest);
        }
    }

    fn digest(&self, field: &str) -> Option<&str> {
        self.pairs().find(|(name, _)| *name == field).map(|(_, digest)| digest)
    }

    fn set(&mut self, field: &str, digest: &str) {
        let mut digests: BTreeMap<&str, &str> = self.pairs().collect();
        digests.insert(field, digest);
        *self = Self::written(digests);
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In the order of names, each of them once.
    fn parse(text: &str) -> Self {
        Self::written(pairs(text).collect::<BTreeMap<_, _>>())
    }

    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        pairs(&self.0)
    }

    fn written<D: std::fmt::Display>(digests: BTreeMap<&str, D>) -> Self {
        let pairs = digests.iter().map(|(name, digest)| format!("{name}={digest}"));
        Self(pairs.collect::<Vec<_>>().join(",").into())
    }
}

fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(',').filter_map(|pair| pair.split_once('='))
}

impl std::fmt::Display for Applied {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A short digest of a value: eight hexadecimal digits. Two different values of one field collide once in four thousand
/// million, and a collision only hides a change of that field from a reason or from a sealed plan.
pub fn digest_of(value: &Value) -> String {
    let bytes = Sha256::digest(value.to_string().as_bytes());
    HEXLOWER.encode(&bytes[..4])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_mark_reads_back_as_it_was_written_and_keeps_foreign_keys() {
        let mut metadata =
            map(json!({"sys_user_config": {"title": "ACME"}, "flespi-gitops/old": "x"}));
        let mut mark = Mark::new("default", "subaccount/emea/acme".parse().unwrap());
        mark.applied = Applied::of([("name", &json!("ACME")), ("enabled", &json!(true))]);
        mark.protect = true;
        mark.formerly = Some("fleet".into());
        mark.taken_from = Some("yard".into());
        mark.released_to = Some("depot".into());
        mark.secrets = ["a.0", "b"]
            .map(|place| (place.to_owned(), "$argon2id$v=19$m=1,t=2,p=1$c2FsdA$aGFzaA".to_owned()))
            .into();
        mark.email_requested = Some(Box::new(EmailRequest {
            address: "ops@acme.example".to_owned(),
            at: 1_767_225_600,
            before: String::new(),
        }));
        mark.generation = Some(Generation {
            number: 4,
            issued: Issued::Schedule,
            overlap: 172_800,
            delivered: Some(1_767_225_600),
        });
        let served = ["a".to_owned(), "b".to_owned()].into();
        mark.key = Some(KeyNote::Delivered { print: "0123".to_owned(), served });
        mark.write(&mut metadata);
        assert_eq!(Mark::read(&metadata), Ok(Some(mark)));
        assert_eq!(metadata["sys_user_config"], json!({"title": "ACME"}));
        assert!(!metadata.contains_key("flespi-gitops/old"));
        assert!(
            metadata.iter().filter(|(key, _)| key.starts_with(PREFIX)).all(|(_, v)| v.is_string())
        );
    }

    #[test]
    fn an_object_without_our_keys_has_no_mark() {
        assert_eq!(Mark::read(&map(json!({"team": "a"}))), Ok(None));
    }

    #[test]
    fn half_a_mark_is_a_problem_and_not_a_mark() {
        let half = map(json!({"flespi-gitops/stack": "default"}));
        assert_eq!(Mark::read(&half), Err(MarkProblem::Incomplete));
        let wrong = map(json!({"flespi-gitops/stack": "default", "flespi-gitops/address": "x"}));
        assert_eq!(Mark::read(&wrong), Err(MarkProblem::BadAddress("x".to_owned())));
    }

    #[test]
    fn a_mark_fits_objects_of_its_own_kind_and_says_of_others_nothing_that_tokens_say() {
        let mark = |address: &str| Mark::new("default", address.parse().unwrap());
        assert_eq!(mark("limit/a").fits(Kind::Limit), Ok(()));
        assert!(mark("limit/a").fits(Kind::Subaccount).is_err());
        for change in [
            (|mark| mark.bootstrap = true) as fn(&mut Mark),
            |mark| mark.retired = true,
            |mark| {
                let (issued, overlap) = (Issued::Person, 0);
                mark.generation = Some(Generation { number: 7, issued, overlap, delivered: None });
            },
        ] {
            let mut of_token = mark("token/a");
            change(&mut of_token);
            assert_eq!(of_token.fits(Kind::Token), Ok(()));
            let mut of_account = mark("subaccount/a");
            change(&mut of_account);
            assert!(matches!(of_account.fits(Kind::Subaccount), Err(MarkProblem::OnlyOfTokens(_))));
        }
    }

    #[test]
    fn applied_values_are_recognised() {
        let applied = Applied::parse(&Applied::of([("ttl", &json!(60))]).to_string());
        assert_eq!(applied.matches("ttl", &json!(60)), Some(true));
        assert_eq!(applied.matches("ttl", &json!(61)), Some(false));
        assert_eq!(applied.matches("expire", &json!(1)), None);
    }
}
