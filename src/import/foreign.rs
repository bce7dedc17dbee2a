//! What stays behind, and why.

use schemars::JsonSchema;
use serde::Serialize;

/// Something of a state that is not carried over, as a whole or in part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Left {
    /// The address in Terraform, such as `module.emea.flespi_device.truck[0]`; `outputs` for outputs.
    pub from: String,
    /// Why, and what to do about it.
    pub reason: String,
}

/// The provider of a resource as a state names it, without the module and the alias: `registry.terraform.io/mixser/flespi`.
pub(super) fn provider(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("provider[\"")?;
    rest.split_once("\"]").map(|(name, _)| name)
}

/// Whether this is the provider that is read here, from whichever registry or mirror it came.
pub(super) fn is_ours(provider: &str) -> bool {
    let mut parts = provider.rsplit('/');
    let (name, namespace) = (parts.next(), parts.next());
    let is = |part: Option<&str>, word: &str| part.is_some_and(|it| it.eq_ignore_ascii_case(word));
    is(name, "flespi") && is(namespace, "mixser")
}

/// Why a resource of ours of this type has no manifest.
pub(super) fn of_type(resource: &str) -> String {
    let what = match resource {
        "flespi_device" => "devices",
        "flespi_channel" => "channels",
        "flespi_stream" => "streams",
        "flespi_geofence" => "geofences",
        "flespi_cdn" => "CDNs",
        _ => {
            return "no manifest declares objects of this type; it stays on the platform as it is"
                .to_owned();
        }
    };
    format!(
        "no manifest declares {what}; it stays on the platform as it is, for Terraform to manage"
    )
}
