//! Objects as the platform has them.

use serde_json::{Map, Value};

use crate::resource::{Kind, Lifetime, Mark, MarkProblem, Signer};

/// One object on the platform.
#[derive(Debug, Clone)]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// Its id.
    pub id: i64,
    /// The account that holds it.
    pub owner: i64,
    /// Its fields as the platform spells them, `metadata` aside.
    pub fields: Map<String, Value>,
    /// Its `metadata`, foreign keys included.
    pub metadata: Map<String, Value>,
    /// What its metadata says of who manages it.
    pub mark: Result<Option<Mark>, MarkProblem>,
    /// Its mark is good, and should be written again to be signed.
    pub wants_signature: bool,
}

impl Object {
    /// The name that people see.
    pub fn label(&self) -> &str {
        self.fields.get(self.kind.label_field()).and_then(Value::as_str).unwrap_or_default()
    }

    /// What it refers to: the platform's name of each field with an id in it, and the object that this is the id of.
    pub fn refs(&self) -> impl Iterator<Item = (&'static str, (Kind, i64))> {
        self.kind.refs().filter_map(|(field, to)| {
            let id = self.fields.get(field)?.as_i64().filter(|id| *id > 0)?;
            Some((field, (to, id)))
        })
    }

    /// How long a token lives; none for anything else.
    pub fn lifetime(&self) -> Option<Lifetime> {
        Lifetime::of(&self.fields)
    }

    /// The object's mark, if it has a whole one of `stack`.
    pub fn mark_of(&self, stack: &str) -> Option<&Mark> {
        self.mark.as_ref().ok().and_then(Option::as_ref).filter(|mark| mark.stack == stack)
    }

    /// Reads an item of the platform; none if it does not say whose it is.
    pub(super) fn new(
        kind: Kind,
        id: i64,
        mut item: Map<String, Value>,
        signer: &Signer,
    ) -> Option<Self> {
        let owner = item.get("cid").and_then(Value::as_i64)?;
        let metadata = match item.remove("metadata") {
            Some(Value::Object(metadata)) => metadata,
            _ => Map::new(),
        };
        let mark = match Mark::read(&metadata) {
            Ok(Some(mark)) => {
                signer.verify(owner, &metadata).and_then(|()| mark.fits(kind)).map(|()| Some(mark))
            }
            other => other,
        };
        let wants_signature = matches!(mark, Ok(Some(_))) && signer.wants_signature(&metadata);
        Some(Self { kind, id, owner, fields: item, metadata, mark, wants_signature })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_that_does_not_fit_its_object_is_a_problem_and_no_mark() {
        let object = |kind: Kind, address: &str, role: &str| {
            let item = serde_json::json!({"cid": 1, "metadata": {
                "flespi-gitops/stack": "default",
                "flespi-gitops/address": address,
                "flespi-gitops/role": role,
            }});
            let item = item.as_object().unwrap().clone();
            Object::new(kind, 7, item, &Signer::default()).unwrap()
        };
        assert!(object(Kind::Subaccount, "subaccount/a", "").mark_of("default").is_some());
        for (address, role) in [
            ("token/a", ""),
            ("limit/a", ""),
            ("subaccount/a", "bootstrap"),
            ("subaccount/a", "retired"),
        ] {
            let odd = object(Kind::Subaccount, address, role);
            assert!(odd.mark.is_err() && odd.mark_of("default").is_none(), "{address} {role}");
        }
    }
}
