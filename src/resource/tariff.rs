//! The platform's plans and how much of what each has (fact sheet, section 9.1; pricing article).

use schemars::JsonSchema;
use serde::Deserialize;

/// A plan of the platform, which bounds the root account. It cannot be extended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tariff {
    /// Free of charge.
    Free,
    /// Up to 5,000 devices.
    Start,
    /// Up to 50,000 devices.
    Pro,
    /// Up to 200,000 devices.
    Enterprise,
    /// Up to 2,000,000 devices.
    Ultimate,
}

/// Quotas and what the plans allow of them, smallest plan first.
const SIZES: [(&str, [i64; 5]); 7] = [
    ("subaccounts_count", [3, 1_000, 10_000, 100_000, 1_000_000]),
    ("limits_count", [1, 100, 1_000, 10_000, 100_000]),
    ("tokens_count", [100, 10_000, 30_000, 100_000, 1_000_000]),
    ("realms_count", [2, 10, 30, 100, 10_000]),
    ("webhooks_count", [2, 20, 100, 1_000, 10_000]),
    ("groups_count", [1, 100, 1_000, 10_000, 100_000]),
    ("devices_count", [10, 5_000, 50_000, 200_000, 2_000_000]),
];

impl Tariff {
    /// The plan that a word in manifests or in a profile means.
    pub fn named(word: &str) -> Option<Self> {
        serde_json::from_value(word.into()).ok()
    }

    /// The word in manifests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Start => "start",
            Self::Pro => "pro",
            Self::Enterprise => "enterprise",
            Self::Ultimate => "ultimate",
        }
    }

    /// How much of a quota the plan has, if it bounds it.
    pub fn size(self, quota: &str) -> Option<i64> {
        let (_, sizes) = SIZES.iter().find(|(name, _)| *name == quota)?;
        sizes.get(self as usize).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_has_the_size_of_the_price_list() {
        assert_eq!(Tariff::Free.size("limits_count"), Some(1));
        assert_eq!(Tariff::Start.size("devices_count"), Some(5_000));
        assert_eq!(Tariff::Ultimate.size("subaccounts_count"), Some(1_000_000));
        assert_eq!(Tariff::Pro.size("api_calls"), None);
    }

    #[test]
    fn every_size_is_one_of_a_quota() {
        for (name, sizes) in SIZES {
            assert!(crate::resource::quota::NAMES.contains(&name), "{name}");
            assert!(sizes.is_sorted(), "{name}");
        }
    }
}
