//! The shape of a row.

use serde_json::Value;

/// What there is to know about a kind.
#[derive(Debug)]
pub struct KindRow {
    /// The word in addresses, plans and reports.
    pub word: &'static str,
    /// The word after `kind:` in a manifest.
    pub title: &'static str,
    /// The platform's collection below `/platform`, or below the object that its objects are in.
    pub collection: &'static str,
    /// What its objects are in.
    pub home: Home,
    /// The field that holds the name that people see.
    pub label: &'static str,
    /// The quota that counts how many there are, if one does.
    pub quota: Option<&'static str>,
    /// When its list is read.
    pub read: Read,
    /// Whether somebody has or does something in an account that holds one: such an account is not deleted unasked.
    pub makes_live: bool,
    /// How many one call creates at most.
    pub per_post: usize,
    /// Its fields, in the order in which they are asked for.
    pub fields: &'static [&'static [Field]],
    /// Fields of every creation that nobody declares, and that are never answered.
    pub on_creation: &'static [(&'static str, &'static str)],
    /// The objects of other kinds whose ids stand inside of its fields, by their places.
    pub pointers: &'static [(&'static str, &'static KindRow)],
    /// What its objects can be linked to by calls of their own.
    pub link: Option<&'static LinkRow>,
    /// Whether its objects can refer to what is in accounts below theirs, so that they come after all accounts.
    pub reaches_down: bool,
    /// The fields that every write is asked to answer: which object it is, and what it may have brought about beside
    /// what it set.
    pub answered: &'static str,
    /// What a deletion costs, in words.
    pub loss: Loss,
    /// What a return from the recycle bin means, in words.
    pub recovery: Recovery,
    /// The account that the platform may make for each of its objects.
    pub own_account: Option<&'static OwnAccount>,
    /// Where people log in to it, if they do.
    pub page: Option<&'static Page>,
    /// What of it is secret and handed out, if anything is.
    pub secret: Option<&'static str>,
    /// The answer to an assumption with which the platform keeps no mark in its objects, so that none can be managed.
    pub unmarked: Option<(&'static str, &'static str)>,
}

/// An account that the platform makes for an object. It carries no mark, and goes with its object if nothing is in it.
#[derive(Debug)]
pub struct OwnAccount {
    /// The field of the object that holds the id of the account.
    pub field: &'static str,
    /// The field of whatever holds the object that tells whether accounts are made.
    pub told_by: &'static str,
    /// Whether the value of that field says so.
    pub is_made: fn(&Value) -> bool,
}

/// The page on which people log in.
#[derive(Debug)]
pub struct Page {
    /// The field that tells it from others.
    pub field: &'static str,
    /// What stands before the value of that field.
    pub before: &'static str,
}

impl Page {
    /// The address of the page of the object that has `value` in the field.
    pub fn of(&self, value: &str) -> String {
        format!("{}{value}", self.before)
    }
}

/// What the objects of a kind are in.
#[derive(Debug, Clone, Copy)]
pub enum Home {
    /// An account, whose id their field `cid` holds.
    Account,
    /// An object of an account, whose id is in `field`.
    Inside {
        /// What that object is.
        row: &'static KindRow,
        /// The field with its id.
        field: &'static str,
    },
}

/// What objects of a kind can be linked to. A link is no object: it is made and taken away by a call of its own, and known by
/// what it leads to.
#[derive(Debug)]
pub struct LinkRow {
    /// The field that declares it.
    pub field: &'static str,
    /// What it leads to.
    pub to: &'static KindRow,
    /// The platform's collection of links below the object.
    pub collection: &'static str,
    /// The field of a link that holds the id of what it leads to.
    pub id: &'static str,
    /// What is sent with a new link.
    pub with: &'static [(&'static str, bool)],
}

/// When the list of a kind is read: every list costs a call for each pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// By every pass: nothing can be planned without it.
    Always,
    /// By a pass that may have to do with objects of the kind, so that whoever has none pays nothing for them.
    WhenDeclared,
}

/// What a deletion costs, in words.
#[derive(Debug, Clone, Copy)]
pub struct Loss {
    /// With nothing in it.
    pub empty: &'static str,
    /// With something in it, if anything can be; `{}` stands for that.
    pub full: Option<&'static str>,
}

/// What a return from the recycle bin means, in words.
#[derive(Debug, Clone, Copy)]
pub struct Recovery {
    /// What comes along.
    pub with: &'static str,
    /// What whoever agrees should know.
    pub means: &'static str,
}

/// One field of a kind.
#[derive(Debug)]
pub struct Field {
    /// As the platform spells it.
    pub name: &'static str,
    /// What it is to us.
    pub role: Role,
    /// How its values are compared.
    pub form: Form,
}

/// What a field is to us.
#[derive(Debug, Clone, Copy)]
pub enum Role {
    /// Manifests declare it, and the platform keeps what was written.
    Own,
    /// The platform sets it, so that it is no sign of a write.
    Server,
    /// The id of an object of another kind.
    Ref(&'static KindRow),
    /// A secret that is written and never answered.
    Secret(Unread),
}

/// What there is to know of a secret that nobody can read.
#[derive(Debug, Clone, Copy)]
pub struct Unread {
    /// The fewest characters that it may have.
    pub least: u16,
    /// The field that says whether there is one.
    pub shown_by: &'static str,
}

/// How the values of a field are compared.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// As they are; a whole number is one, however it is written.
    Plain,
    /// In a form of their own.
    Special(&'static Special),
}

/// A form of its own.
#[derive(Debug)]
pub struct Special {
    /// The one spelling of all values that mean the same.
    pub canonical: fn(&Value) -> Value,
    /// What to send for a declared value where there is another one: with what no manifest can say of that.
    pub merged: fn(&Value, &Value) -> Value,
    /// The part of a value that a manifest can say.
    pub sayable: fn(&Value) -> Value,
    /// What no manifest can say of a value: places and values.
    pub beyond: fn(&Value) -> Vec<(String, Value)>,
    /// What of it may be secret, if anything may.
    pub hides: Option<&'static Hides>,
}

/// What of a field may be secret on the platform's side, where nobody knows what a person put there.
#[derive(Debug)]
pub struct Hides {
    /// The value with nothing in it that may be secret.
    pub masked: fn(&Value) -> Value,
    /// The value without the parts that hold what may be secret, and the places of these: what a manifest that leaves
    /// them alone says.
    pub without: fn(&Value) -> (Value, Vec<String>),
}

impl Special {
    /// A form whose every value a manifest can say.
    pub(super) const fn plain(canonical: fn(&Value) -> Value) -> Self {
        Self {
            canonical,
            merged: |wanted, _| wanted.clone(),
            sayable: Value::clone,
            beyond: |_| Vec::new(),
            hides: None,
        }
    }
}

const fn field(name: &'static str, role: Role) -> Field {
    Field { name, role, form: Form::Plain }
}

impl KindRow {
    /// A kind of which nothing is known but its words: what most kinds have in common.
    pub(super) const PLAIN: Self = Self {
        word: "",
        title: "",
        collection: "",
        home: Home::Account,
        label: "name",
        quota: None,
        read: Read::WhenDeclared,
        makes_live: false,
        per_post: crate::assumptions::ITEMS_PER_POST,
        fields: &[],
        on_creation: &[],
        pointers: &[],
        link: None,
        reaches_down: false,
        answered: "id,cid,metadata",
        loss: Loss { empty: "is deleted", full: None },
        recovery: Recovery { with: "as it was", means: "comes back" },
        own_account: None,
        page: None,
        secret: None,
        unmarked: None,
    };
}

impl Field {
    /// A field that manifests declare.
    pub(in crate::resource) const fn own(name: &'static str) -> Self {
        field(name, Role::Own)
    }

    /// A field that the platform sets.
    pub(super) const fn server(name: &'static str) -> Self {
        field(name, Role::Server)
    }

    /// A field that is written and never answered.
    pub(super) const fn secret(name: &'static str, unread: Unread) -> Self {
        field(name, Role::Secret(unread))
    }

    /// A field that names an object of another kind.
    pub(super) const fn reference(name: &'static str, to: &'static KindRow) -> Self {
        field(name, Role::Ref(to))
    }

    /// A field that manifests declare, with a form of its own.
    pub(super) const fn special(name: &'static str, form: &'static Special) -> Self {
        Self { name, role: Role::Own, form: Form::Special(form) }
    }
}

impl KindRow {
    /// Every field.
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> + use<> {
        self.fields.iter().copied().flatten()
    }

    /// How the values of `field` are compared; what no row knows is compared as it is.
    pub fn form(&self, field: &str) -> Form {
        self.fields().find(|known| known.name == field).map_or(Form::Plain, |known| known.form)
    }

    /// Whether `field` has the value that somebody wrote there last.
    pub fn is_ours(&self, field: &str) -> bool {
        self.fields().any(|known| known.name == field && !matches!(known.role, Role::Server))
    }

    /// Whether `field` can be asked for.
    pub fn is_readable(&self, field: &str) -> bool {
        let is_written_once = self.on_creation.iter().any(|(known, _)| *known == field);
        !is_written_once && self.unread(field).is_none()
    }

    /// Whether ids of other objects stand inside of `field`.
    pub fn has_pointers(&self, field: &str) -> bool {
        let mut fields = self.pointers.iter().filter_map(|(place, _)| place.split_once('.'));
        fields.any(|(known, _)| known == field)
    }

    /// What there is to know of `field` if it is a secret that nobody can read.
    pub fn unread(&self, field: &str) -> Option<Unread> {
        self.fields().find_map(|known| match known.role {
            Role::Secret(unread) if known.name == field => Some(unread),
            _ => None,
        })
    }
}
