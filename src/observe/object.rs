//! Objects as the platform has them.

use serde_json::{Map, Value};
use smol_str::SmolStr;

use crate::resource::{Claim, Claims, Fields, Kind, Lifetime, Mark, MarkProblem, Signer, stand_in};

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
    /// Its mark is read as one of this stack, and says something else until it is written again.
    pub claimed: Option<Box<Claimed>>,
}

/// What the mark of a claimed object says on the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Why the object counts as one of this stack.
    pub because: Claim,
    /// The stack that the mark names.
    pub stack: SmolStr,
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
            let id = stand_in::id_at(place, |field| self.field(field)).filter(|id| *id > 0)?;
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

    /// The object's mark, if it has a whole one of `stack`, which has not let the object go.
    pub fn mark_of(&self, stack: &str) -> Option<&Mark> {
        self.any_mark().filter(|mark| mark.stack == stack && mark.released_to.is_none())
    }

    /// Why the object counts as one of this stack although its mark does not say so on the platform.
    pub fn claim(&self) -> Option<Claim> {
        self.claimed.as_ref().map(|claimed| claimed.because)
    }

    /// Reads its mark, and the metadata that holds it, as `claims` have it.
    pub(super) fn settle(&mut self, claims: &Claims<'_>) {
        let claim = self.any_mark().and_then(|mark| claims.claim(mark, Some(self.id)));
        let Some(because) = claim else { return };
        let mut metadata = self.metadata();
        let Ok(Some(mark)) = &mut self.mark else { return };
        let read = claims.claimed((**mark).clone(), because);
        read.write(&mut metadata);
        let stack = std::mem::replace(&mut **mark, read).stack;
        self.item.insert("metadata", Value::Object(metadata));
        self.claimed = Some(Box::new(Claimed { because, stack }));
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
        let claimed = None;
        Some(Self {
            kind,
            id,
            owner,
            label,
            lifetime,
            container,
            item,
            mark,
            wants_signature,
            claimed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claimed_object_reads_as_one_of_the_stack_and_keeps_foreign_keys() {
        let item = |stack: &str| {
            let mut metadata = Map::new();
            metadata.insert("team".to_owned(), "blue".into());
            Mark::new(stack, "limit/a".parse().unwrap()).write(&mut metadata);
            let item = serde_json::json!({"cid": 1, "name": "a", "metadata": metadata});
            Object::new(
                Kind::Limit,
                7,
                item.as_object().unwrap().clone().into(),
                &Signer::default(),
            )
        };
        let desired = crate::resource::Desired {
            stack: "new".to_owned(),
            formerly: ["old".into()].into(),
            ..Default::default()
        };
        let claims = Claims::of(&desired);
        let mut object = item("old").unwrap();
        object.settle(&claims);
        assert_eq!(object.mark_of("new").unwrap().formerly.as_deref(), Some("old"));
        assert_eq!(object.metadata()["flespi-gitops/stack"], "new");
        assert_eq!(object.metadata()["team"], "blue");
        let claimed = object.claimed.unwrap();
        assert_eq!((claimed.because, &*claimed.stack), (Claim::Renamed, "old"));
        for stack in ["new", "other"] {
            let mut object = item(stack).unwrap();
            object.settle(&claims);
            assert_eq!((object.claimed, object.item.get("metadata").is_some()), (None, true));
        }
    }

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
