//! A parameter of a template.

use crate::manifest::model::Parameter;
use crate::source::Spanned;

/// One parameter and where its default stands.
pub(super) struct Declared<'a> {
    pub(super) parameter: &'a Parameter,
    pub(super) default: Option<&'a Spanned>,
}
