//! Where people log in.

use schemars::JsonSchema;
use serde::Serialize;

use super::bind::{Binding, Bindings};
use crate::resource::{Address, Desired};

/// The page on which people log in to a declared object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LoginPage {
    /// The object.
    pub address: Address,
    /// The address of the page.
    pub url: String,
}

/// The pages of everything declared that is there and has one.
pub(super) fn pages(desired: &Desired, bindings: &Bindings<'_>) -> Vec<LoginPage> {
    let page = |address: &Address| {
        let page = address.kind.row().page?;
        let Some(Binding::Found(object, _)) = bindings.get(address) else { return None };
        let url = page.of(object.field(page.field)?.as_str()?);
        Some(LoginPage { address: address.clone(), url })
    };
    desired.objects.keys().filter_map(page).collect()
}
