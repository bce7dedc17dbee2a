//! `access: {preset: ...}`: the ready recipes of the token article.
//!
//! One type for all of them, so that an editor offers every recipe at the same place; which parameter goes with which
//! recipe is said once, in the table of `manifest/preset.rs`, and checked with words of its own.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;

use super::acl::AclIds;
use crate::rights::Method;

/// Access by a ready-made recipe; `validate --show-expanded` shows what it expands to.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PresetAccess {
    /// The name of the recipe.
    pub preset: PresetName,
    /// The devices. Needed by `toolbox`, `setbox`, `trackit` and `manufacturer-support`, as a list of ids or as
    /// `{select: ...}`; `mqtt-messages` takes `all` (default) and `in-groups` too.
    #[serde(default)]
    #[schemars(example = [12345, 12346])]
    pub devices: Option<AclIds>,
    /// For `trackit`: what of the devices can be read; default: both.
    #[serde(default)]
    #[schemars(length(min = 1), example = ["telemetry"])]
    pub data: Option<BTreeSet<DeviceData>>,
    /// For `panel`: with what rights the panel is used; default: `standard`.
    #[serde(default)]
    pub level: Option<PanelLevel>,
    /// For `device-groups`: what may be done with the devices in groups; default: `[GET]`.
    #[serde(default)]
    #[schemars(length(min = 1), example = ["GET"])]
    pub methods: Option<BTreeSet<Method>>,
    /// For `manufacturer-support`: whether the manufacturer may also send commands and change settings, as with `setbox`;
    /// default: `false`.
    #[serde(default)]
    pub configure: Option<bool>,
}

/// A ready-made recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PresetName {
    /// Log in to the flespi panel: all telematics items, or with `level: master` the whole account.
    Panel,
    /// All devices that are in groups, and no other.
    DeviceGroups,
    /// Logs, messages and raw traffic of devices in the Toolbox.
    Toolbox,
    /// Settings, commands and SMS of devices in Setbox.
    Setbox,
    /// Devices on the map of TrackIt.
    Trackit,
    /// Devices for the support team of their manufacturer; needs `expire`.
    ManufacturerSupport,
    /// Messages of devices over MQTT.
    MqttMessages,
}

/// What of a device can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeviceData {
    /// The messages that were received.
    Messages,
    /// The last known value of each parameter.
    Telemetry,
}

/// With what rights the panel is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PanelLevel {
    /// All telematics items, nothing of the platform API.
    Standard,
    /// The whole account.
    Master,
}
