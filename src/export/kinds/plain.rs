//! Kinds without words of their own: every field as the platform spells it.

use serde_json::Value;

use super::written::Written;
use crate::export::spec::Spec;
use crate::resource::canonical::{canonical, sayable, without_secrets};
use crate::resource::kinds::Role;

/// The fields that the kind's row has, without those that every manifest has in another place.
pub(super) fn write(written: &Written<'_>, spec: &mut Spec<'_>) {
    let object = written.object;
    let row = object.kind.row();
    let fields = object.fields();
    let elsewhere = [row.label, "metadata"];
    let own = row.fields().filter(|field| matches!(field.role, Role::Own));
    for field in own.filter(|field| !elsewhere.contains(&field.name)) {
        let found = fields.get(field.name).unwrap_or(&Value::Null);
        let (found, left_out) = without_secrets(object.kind, field.name, found);
        let value = sayable(object.kind, field.name, &found);
        if !value.is_null() {
            spec.field(field.name, canonical(object.kind, field.name, &value));
        }
        for place in left_out {
            spec.block.comment(&format!(
                "{place}: not exported, since it may hold secrets; left out, it stays as it is"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::export::kinds::written::Nameable;
    use crate::export::terms::Addresses;
    use crate::observe::Object;
    use crate::resource::{Kind, Signer};

    #[test]
    fn what_can_be_set_is_written_and_what_the_platform_sets_is_not() {
        let fields =
            json!({"id": 1, "cid": 2, "name": "a", "description": "x", "devices_count": 5});
        let fields = fields.as_object().cloned().unwrap().into();
        let object = Object::new(Kind::Limit, 1, fields, &Signer::default()).unwrap();
        let address = "limit/a".parse().unwrap();
        let mut spec = Spec::new(None);
        let addresses = Addresses::new();
        let links = std::collections::BTreeMap::new();
        let nameable = Nameable {
            stack: "default",
            addresses: &addresses,
            declared: BTreeSet::new(),
            links: &links,
        };
        let written = Written { object: &object, address: &address, nameable: &nameable };
        write(&written, &mut spec);
        assert_eq!(spec.block.text(), "description: x\ndevices_count: 5\n");
    }
}
