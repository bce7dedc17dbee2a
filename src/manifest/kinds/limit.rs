//! Limits in manifests: quotas by the platform's names.

use std::collections::BTreeMap;

use super::spec::Spec;
use crate::manifest::model::LimitSpec;
use crate::manifest::scribe::{Scribe, set};
use crate::resource::{Declared, Kind};

impl Spec for LimitSpec {
    const KIND: Kind = Kind::Limit;

    fn declare(&self, scribe: &Scribe<'_>) -> Declared {
        let mut fields = BTreeMap::new();
        set(&mut fields, "name", Some(scribe.label(self.name.as_ref())));
        set(&mut fields, "description", self.description.clone());
        for (name, quota) in self.quotas() {
            set(&mut fields, name, Some(quota));
        }
        scribe.declared(fields, self.metadata.as_ref(), &self.lifecycle)
    }
}
