//! What a rule is, and what breaks one.

use crate::diagnostic::Code;
use crate::manifest::model::{Level, Policies, RuleName};
use crate::manifest::view::View;
use crate::resource::Address;
use crate::source::Target;

/// A rule.
pub(super) struct Rule {
    pub(super) name: RuleName,
    /// The key below `spec.policies`.
    pub(super) key: &'static str,
    pub(super) code: Code,
    /// How much it matters; none if the Stack does not set it.
    pub(super) level: fn(&Policies) -> Option<Level>,
    /// What breaks it.
    pub(super) broken: fn(&View<'_>, &Policies) -> Vec<Broken>,
}

/// Something that breaks a rule.
pub(super) struct Broken {
    pub(super) object: Address,
    pub(super) message: String,
    /// Where in the manifest of the object, and which half of the pair.
    pub(super) at: (String, Target),
    pub(super) help: String,
}

impl Broken {
    pub(super) fn new(
        object: &Address,
        message: impl Into<String>,
        at: impl Into<String>,
        target: Target,
        help: impl Into<String>,
    ) -> Self {
        let (message, help) = (message.into(), help.into());
        Self { object: object.clone(), message, at: (at.into(), target), help }
    }
}
