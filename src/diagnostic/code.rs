//! Every stable code, one line each.
//!
//! Codes are what scripts, code hosts and search engines hold on to: a code that was published keeps its name and its
//! meaning. The table is the only place to touch; the enum, its names and its sentences all come from it.

use std::fmt;
use std::str::FromStr;

/// What a finding is about, which decides who speaks when two find fault with the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The text could not be read as it stands; nothing that builds on it has a say about the same place.
    Text,
    /// The text is fine, its meaning is not.
    Meaning,
}

macro_rules! codes {
    ($($name:ident, $text:literal, $stage:ident, $sentence:literal;)+) => {
        /// The stable name of a kind of finding.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $sentence] $name,)+
        }

        impl Code {
            const ALL: &[Self] = &[$(Self::$name),+];

            /// The name that is printed, in kebab case.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// What is wrong whenever this code is given, in one sentence.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)+ }
            }

            /// What findings of this code are about.
            #[must_use]
            pub const fn stage(self) -> Stage {
                match self { $(Self::$name => Stage::$stage,)+ }
            }
        }
    };
}

codes! {
    UnreadableFile, "unreadable-file", Text, "A file or folder could not be read.";
    FileOutside, "file-outside", Text, "A symbolic link or the path of a table leads outside the given folders.";
    UnreadManifest, "unread-manifest", Text, "A file looks like a manifest, but is not read because of its \
                                              name.";
    EmptyManifest, "empty-manifest", Text, "A manifest file or a given folder is empty.";
    UnfinishedCheckout, "unfinished-checkout", Text, "Git is writing the files while they are read.";
    IgnorePattern, "ignore-pattern", Text, "A line of an ignore file is not a valid pattern.";
    ForeignDocument, "foreign-document", Text, "A document belongs to another tool.";
    NoManifests, "no-manifests", Text, "None of the given paths holds a manifest.";
    TooLarge, "too-large", Text, "A file is larger than any manifest may be.";
    NotUtf8, "not-utf8", Text, "A file holds bytes that are not UTF-8 text.";
    TooManyProblems, "too-many-problems", Text, "A file has more problems than are worth listing.";
    YamlSyntax, "yaml-syntax", Text, "The text is not valid YAML.";
    YamlDepth, "yaml-depth", Text, "Collections are nested deeper than any manifest needs.";
    DuplicateKey, "duplicate-key", Text, "A mapping has the same key twice.";
    UnknownAlias, "unknown-alias", Text, "An alias names an anchor that the same document does not define before it.";
    AliasLoop, "alias-loop", Text, "An alias stands inside the very value that its anchor names.";
    AliasBudget, "alias-budget", Text, "The aliases of a file expand to more than any manifest may hold.";
    YamlTag, "yaml-tag", Text, "A tag is unknown, or does not fit its value.";
    MergeKey, "merge-key", Text, "The merge key `<<` is not part of YAML 1.2.";
    NonStringKey, "non-string-key", Text, "A key is not text.";
    NumberRange, "number-range", Text, "A number is not finite or does not fit in 64 bits.";
    YamlTrap, "yaml-trap", Meaning, "A value means something else to readers of older YAML.";
    InvisibleCharacter, "invisible-character", Meaning, "A text has an invisible or misleading character.";
    NotFilledIn, "not-filled-in", Meaning, "A placeholder is left over that nothing fills in.";
    Schema, "schema", Meaning, "A value breaks the schema of its kind.";
    UnknownField, "unknown-field", Meaning, "A field is unknown.";
    MissingField, "missing-field", Meaning, "A required field is missing.";
    WrongType, "wrong-type", Meaning, "A value has the wrong type for its field.";
    UnknownKind, "unknown-kind", Meaning, "The kind of a manifest is unknown.";
    UnknownApiVersion, "unknown-api-version", Meaning, "The API version of a manifest is unknown.";
    InvalidValue, "invalid-value", Meaning, "A value is not one of those that its field allows.";
    ReservedKey, "reserved-key", Meaning, "A key of free `metadata` is reserved for the mark of this program.";
    InvalidName, "invalid-name", Meaning, "A name or an account path is not valid.";
    DuplicateAddress, "duplicate-address", Meaning, "Two manifests declare the same address.";
    UndeclaredAccount, "undeclared-account", Meaning, "An account path names a subaccount that is not declared.";
    UndeclaredLimit, "undeclared-limit", Meaning, "A limit is not declared.";
    UndeclaredObject, "undeclared-object", Meaning, "A manifest refers to an object that is not declared.";
    LimitNotInFamily, "limit-not-in-family", Meaning, "A limit belongs to an account that is not above the \
                                                       subaccount.";
    Cycle, "cycle", Meaning, "Manifests depend on each other in a cycle.";
    TooDeep, "too-deep", Meaning, "Subaccounts are nested deeper than the platform allows.";
    TokenWithoutEnd, "token-without-end", Meaning, "A token has neither a time to live nor an expiry.";
    TokenExpired, "token-expired", Meaning, "A token is declared with an expiry that has passed.";
    ExpirePassed, "expire-passed", Meaning, "An expiry has passed, and a token lives by its time to live alone.";
    TtlTooLong, "ttl-too-long", Meaning, "A time to live is longer than any that is known to be accepted.";
    RotationWithoutSink, "rotation-without-sink", Meaning, "A key is rotated, but no sink receives the new one.";
    RotationWithoutRight, "rotation-without-right", Meaning, "A key is rotated, but `manage` does not allow it.";
    RotationOverlap, "rotation-overlap", Meaning, "An old key stays valid until after the next rotation.";
    RotationTtl, "rotation-ttl", Meaning, "An unused key expires before the overlap of its rotation is over.";
    AclPlatform, "acl-platform", Meaning, "An access list grants something that the platform grants to no \
                                           token with an access list.";
    AclUnknown, "acl-unknown", Meaning, "An access list names an unknown module, item type or submodule.";
    AclIdle, "acl-idle", Meaning, "An entry of an access list allows nothing.";
    AclMqttTopic, "acl-mqtt-topic", Meaning, "An access list names an MQTT topic that tokens may not use.";
    IdentAsId, "ident-as-id", Meaning, "An id in a list of ids has the form of an IMEI.";
    SelectionUnknown, "selection-unknown", Meaning, "A selection is one that no collection understands.";
    SelectionOpen, "selection-open", Meaning, "What a selection comes to is known on the platform only.";
    IpMask, "ip-mask", Meaning, "A mask of addresses matches no address, or has an undocumented form.";
    OriginMask, "origin-mask", Meaning, "A web origin has a form that no browser sends.";
    ExpectationFailed, "expectation-failed", Meaning, "A token may not do what its manifest expects, or may do what it must not.";
    LimitOvercommitted, "limit-overcommitted", Meaning, "The subaccounts of an account may together use more \
                                                         than the account has.";
    LimitAboveParent, "limit-above-parent", Meaning, "A limit allows more than the account above has.";
    LimitLeftOpen, "limit-left-open", Meaning, "A subaccount is not bounded in what the account above has a bound for.";
    LimitTooSmall, "limit-too-small", Meaning, "An account declares more objects than its limit allows.";
    LimitLocksOut, "limit-locks-out", Meaning, "A limit takes away the calls or tokens that are needed to manage the account.";
    PlanTooSmall, "plan-too-small", Meaning, "More objects are declared than the platform's plan allows.";
    DuplicateEmail, "duplicate-email", Meaning, "Two accounts have the same e-mail address.";
    PlatformRefuses, "platform-refuses", Meaning, "The platform was found to refuse what is declared.";
    PolicyNoMasterTokens, "policy-no-master-tokens", Meaning, "A token has the access `master`, which a rule \
                                                               of the Stack forbids.";
    PolicyNoStandardTokens, "policy-no-standard-tokens", Meaning, "A token has the access `standard`, which a \
                                                                   rule of the Stack forbids.";
    PolicyTtlAtMost, "policy-ttl-at-most", Meaning, "A token stays valid without use for longer than a rule of \
                                                     the Stack allows.";
    PolicyTokensNeedExpire, "policy-tokens-need-expire", Meaning, "A token has no fixed expiry, which a rule \
                                                                   of the Stack requires.";
    PolicyTokensNeedIps, "policy-tokens-need-ips", Meaning, "A token can be used from any address, and a rule \
                                                             of the Stack requires a list.";
    PolicyPasswordsAtLeast, "policy-passwords-at-least", Meaning, "A generated password has fewer characters \
                                                                   than a rule of the Stack requires.";
    PolicySubaccountsNeedLimit, "policy-subaccounts-need-limit", Meaning, "A subaccount names no limit, which \
                                                                           a rule of the Stack requires.";
    PolicyNoUnlimited, "policy-no-unlimited", Meaning, "A limit leaves a quota unlimited that a rule of the \
                                                        Stack wants bounded.";
    PolicyNoOvercommitment, "policy-no-overcommitment", Meaning, "The subaccounts of an account may together \
                                                                  use more than it has, which a rule of the \
                                                                  Stack forbids.";
    PolicyNames, "policy-names", Meaning, "A name matches none of the patterns that the Stack has for its kind.";
    PolicyNeverAllowed, "policy-never-allowed", Meaning, "A token may make a request that a rule of the Stack forbids to all.";
    PolicyException, "policy-exception", Meaning, "An exception from a rule of the Stack has no effect.";
    PresetParameter, "preset-parameter", Meaning, "A preset lacks a required parameter, or has one that it \
                                                   does not take.";
    TemplateForm, "template-form", Meaning, "A template holds something that cannot be filled in.";
    TemplateEmpty, "template-empty", Meaning, "A template has no rows, so it produces nothing.";
    TemplateBudget, "template-budget", Meaning, "The templates of a load expand to more than a load may hold.";
    TableForm, "table-form", Meaning, "A table of rows does not have the form of a table.";
    UnknownParameter, "unknown-parameter", Meaning, "A template does not have a parameter of this name.";
    MissingParameter, "missing-parameter", Meaning, "A row has no value for a parameter without a default.";
    UnusedParameter, "unused-parameter", Meaning, "A parameter of a template is not used.";
    DuplicateRow, "duplicate-row", Meaning, "A table has the same row twice.";
    UnknownOverlay, "unknown-overlay", Meaning, "`--overlay` names an overlay that the Stack does not have.";
    OverlayTarget, "overlay-target", Meaning, "A patch of an overlay has no effect.";
    SeveralStacks, "several-stacks", Meaning, "A load holds more than one Stack.";
    DuplicateSink, "duplicate-sink", Meaning, "Two secrets are delivered to the same place.";
    SinkUnreadable, "sink-unreadable", Meaning, "A generated password is delivered only to sinks that cannot \
                                                 be read back.";
    SeveralMarks, "several-marks", Meaning, "One object carries, or would carry, the marks of several manifests.";
}

impl Code {
    /// All codes, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no such code: {0}")]
pub struct UnknownCode(String);

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::all().find(|code| code.as_str() == text).ok_or_else(|| UnknownCode(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_has_a_name_of_its_own_in_kebab_case_and_one_sentence() {
        let mut names = BTreeSet::new();
        for code in Code::all() {
            let name = code.as_str();
            assert!(names.insert(name), "{name} twice");
            assert!(
                name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
                "{name}"
            );
            assert!(code.sentence().ends_with('.'), "{name}");
            assert_eq!(code.sentence().matches(". ").count(), 0, "{name}: more than one sentence");
            assert_eq!(name.parse::<Code>(), Ok(code));
        }
        assert!("no-such-code".parse::<Code>().is_err());
    }
}
