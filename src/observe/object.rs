//! Objects as the platform has them.

use serde_json::{Map, Value};
use smol_str::SmolStr;

use crate::resource::{Fields, Kind, Lifetime, Mark, MarkProblem, Signer};

/// One object on the platform.
#[derive(Debug, Clone)]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// Its id.
    pub id: i64,
    /// The account that holds it.
    pub owner: i64,
    label: SmolStr,
    lifetime: Option<Lifetime>,
    container: Option<i64>,
    /// All that the platform says of it.
    item: Fields,
    /// What its metadata says of who manages it.
    pub mark: Result<Option<Box<Mark>>, MarkProblem>,
    /// Its mark is good, and should be written again to be signed.
    pub wants_signature: bool,
}

impl Object {
    /// The name that people see.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What it refers to: the platform's name of each field with an id in it, and the object that this is the id of.
    pub fn refs(&self) -> impl Iterator<Item = (&'static str, (Kind, i64))> {
        let fields = self.kind.refs().filter_map(|(field, to)| {
            let id = self.number(field).filter(|id| *id > 0)?;
            Some((field, (to, id)))
        });
        let inside = self.kind.pointers().filter_map(|(place, to)| {
            let (field, member) = place.split_once('.')?;
            let id = self.field(field)?.get(member)?.as_i64().filter(|id| *id > 0)?;
            Some((place, (to, id)))
        });
        fields.chain(inside)
    }

    /// The object that it is in, if it is in another one than an account.
    pub fn container(&self) -> Option<(Kind, i64)> {
        let (kind, _) = self.kind.container()?;
        Some((kind, self.container?))
    }

    /// How long a token lives; none for anything else.
    pub fn lifetime(&self) -> Option<Lifetime> {
        self.lifetime
    }

    /// Its fields as the platform spells them, `metadata` aside.
    pub fn fields(&self) -> Map<String, Value> {
        let mut fields = self.item.unpack();
        fields.remove("metadata");
        fields
    }

    /// One of its fields.
    pub fn field(&self, name: &str) -> Option<Value> {
        self.item.get(name)
    }

    /// The whole number in one of its fields.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.item.number(name)
    }

    /// The text in one of its fields.
    pub fn text(&self, name: &str) -> Option<String> {
        self.item.text(name)
    }

    /// Its `metadata`, foreign keys included.
    pub fn metadata(&self) -> Map<String, Value> {
        match self.field("metadata") {
            Some(Value::Object(metadata)) => metadata,
            _ => Map::new(),
        }
    }

    /// The object's mark, if it has a whole one, of whatever stack.
    pub fn any_mark(&self) -> Option<&Mark> {
        self.mark.as_ref().ok()?.as_deref()
    }

    /// The object's mark, if it has a whole one of `stack`.
    pub fn mark_of(&self, stack: &str) -> Option<&Mark> {
        self.any_mark().filter(|mark| mark.stack == stack)
    }

    /// Reads an item of the platform; none if it does not say whose it is.
    pub(crate) fn new(kind: Kind, id: i64, item: Fields, signer: &Signer) -> Option<Self> {
        let owner = item.number("cid")?;
        Self::of_owner(kind, id, owner, item, signer)
    }

    /// Reads an item of the account `owner`; none if it does not say what it is in.
    pub(crate) fn of_owner(
        kind: Kind,
        id: i64,
        owner: i64,
        item: Fields,
        signer: &Signer,
    ) -> Option<Self> {
        let mut fields = item.unpack();
        let container = match kind.container() {
            Some((_, field)) => Some(item.number(field)?),
            None => None,
        };
        let metadata = match fields.remove("metadata") {
            Some(Value::Object(metadata)) => metadata,
            _ => Map::new(),
        };
        let mark = match Mark::read(&metadata) {
            Ok(Some(mark)) => {
                let is_good = signer.verify(owner, &metadata).and_then(|()| mark.fits(kind));
                is_good.map(|()| Some(Box::new(mark)))
            }
            Ok(None) => Ok(None),
            Err(problem) => Err(problem),
        };
        let wants_signature = matches!(mark, Ok(Some(_))) && signer.wants_signature(&metadata);
        let label = fields.get(kind.label_field()).and_then(Value::as_str).unwrap_or_default();
        let (label, lifetime) = (label.into(), Lifetime::of(&fields));
        Some(Self { kind, id, owner, label, lifetime, container, item, mark, wants_signature })
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
            let item = item.as_object().unwrap().clone().into();
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
