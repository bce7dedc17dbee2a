//! The quotas of a limit: one table, from which the manifest type, its schema and the list of
//! fields to read are made.
//!
//! Names and units are those of the platform's limits (fact sheet, section 3.1). `-1` means "not
//! limited here, only by what the parent has", `0` means none.

use super::kinds::Field;

/// Calls `$then!` with the table, so that a struct and a list can be made of the same rows.
macro_rules! with_quotas {
    ($then:ident) => {
        $then! {
            blocking_duration: "How long an item stays blocked after overuse, in seconds.";
            api_calls: "REST calls of all tokens together, per minute.";
            api_traffic: "REST traffic, in bytes per minute.";
            channels_count: "Number of channels.";
            channel_messages: "Messages through one channel, per minute.";
            channel_storage: "Storage of channels, in bytes.";
            channel_traffic: "Traffic of channels, in bytes per minute.";
            channel_connections: "Number of simultaneous connections of one channel.";
            containers_count: "Number of containers.";
            container_storage: "Storage of containers, in bytes.";
            cdns_count: "Number of CDNs.";
            cdn_storage: "Storage of CDNs, in bytes.";
            cdn_traffic: "Traffic of CDNs, in bytes.";
            devices_count: "Number of devices.";
            device_storage: "Storage of one device, in bytes.";
            device_media_traffic: "Media traffic of devices, in bytes.";
            device_media_storage: "Media storage of devices, in bytes.";
            streams_count: "Number of streams.";
            stream_storage: "Storage of streams, in bytes.";
            stream_traffic: "Traffic of streams, in bytes per minute.";
            modems_count: "Number of modems.";
            mqtt_sessions: "Number of MQTT sessions.";
            mqtt_messages: "MQTT messages of all tokens together, per minute.";
            mqtt_session_storage: "Storage of MQTT sessions, in bytes.";
            mqtt_retained_storage: "Storage of retained MQTT messages, in bytes.";
            mqtt_subscriptions: "Number of MQTT subscriptions.";
            sms_count: "SMS per month.";
            tokens_count: "Number of tokens.";
            subaccounts_count: "Number of subaccounts.";
            limits_count: "Number of limits.";
            realms_count: "Number of realms.";
            calcs_count: "Number of calculators.";
            calcs_storage: "Storage of calculators, in bytes.";
            plugins_count: "Number of plugins.";
            plugin_traffic: "Traffic of plugins, in bytes per minute.";
            plugin_buffered_messages: "Messages that plugins keep buffered.";
            groups_count: "Number of groups.";
            webhooks_count: "Number of webhooks.";
            webhook_storage: "Storage of webhooks, in bytes.";
            webhook_traffic: "Traffic of webhooks, in bytes per minute.";
            grants_count: "Number of grants.";
            identity_providers_count: "Number of identity providers.";
        }
    };
}
pub(crate) use with_quotas;

macro_rules! names {
    ($($name:ident: $doc:literal;)*) => {
        /// The names of all quotas, in the platform's order.
        pub const NAMES: &[&str] = &[$(stringify!($name)),*];

        /// The same as fields of a limit.
        pub(super) const FIELDS: &[Field] = &[$(Field::own(stringify!($name))),*];
    };
}
with_quotas!(names);

/// Not limited here, only by what the parent account has.
pub const UNLIMITED: i64 = -1;
