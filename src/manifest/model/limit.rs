//! `kind: Limit`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::defaults::HasDefaults;
use super::parts::{Lifecycle, free_names};
use crate::resource::quota::with_quotas;

macro_rules! limit_spec {
    ($($name:ident: $doc:literal;)*) => {
        /// Quotas of subaccounts. One that is left out is not managed; -1 means unlimited, 0 none.
        #[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct LimitSpec {
            /// Display name; default: `metadata.name`.
            #[schemars(length(max = 255))]
            #[schemars(example = &"Starter")]
            pub name: Option<String>,
            /// Free text for people.
            #[schemars(example = "What every new customer begins with")]
            pub description: Option<String>,
            $(
                #[doc = $doc]
                #[schemars(range(min = -1))]
                pub $name: Option<i64>,
            )*
            /// Keys to set in the platform's `metadata`; other keys are left as they are.
            #[schemars(extend("propertyNames" = free_names()))]
            pub metadata: Option<Map<String, Value>>,
            /// What may be done to the limit.
            pub lifecycle: Lifecycle,
        }

        impl LimitSpec {
            /// The declared quotas by name.
            pub fn quotas(&self) -> impl Iterator<Item = (&'static str, i64)> {
                [$((stringify!($name), self.$name)),*]
                    .into_iter()
                    .filter_map(|(name, quota)| Some((name, quota?)))
            }
        }
    };
}
with_quotas!(limit_spec);

impl HasDefaults for LimitSpec {
    type Defaults = Self;
}
