//! Reading a state file of version 4.
//!
//! Own readers of a few members, since a state may be of anybody and hold anything: whatever is not wanted is passed over
//! without being kept, and a value of another type than expected is a value that is not there. Messages of the reader of
//! JSON are never shown, because they repeat what they found.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::error::{Place, StateError};
use super::foreign::{self, Left};
use crate::diagnostic::shorten;
use crate::resource::Kind;
use crate::secret::{ExposeSecret, SecretString};

/// No state is larger, in bytes.
pub const MOST_STATE_BYTES: u64 = 64 * 1024 * 1024;

/// No estate has more resources, or instances of them, than this.
const MOST_INSTANCES: usize = 200_000;

/// No resource has more attributes, and no object more keys of metadata; others are counted.
const MOST_ATTRIBUTES: usize = 1_000;

/// The version of states that is read.
const VERSION: i64 = 4;

/// What a state holds of ours.
#[derive(Debug, Default)]
pub struct State {
    /// The release of Terraform that wrote it.
    pub terraform_version: Option<String>,
    /// The objects that are meant, in the order of the file.
    pub(super) instances: Vec<Instance>,
    /// What cannot be carried over.
    pub(super) left: Vec<Left>,
}

/// An object of ours in a state.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) kind: Kind,
    pub(super) id: i64,
    /// Its address in Terraform.
    pub(super) from: String,
    /// What it is to be called.
    pub(super) name: String,
    /// The same with its module before it, for where others are called the same.
    pub(super) long_name: String,
    pub(super) attributes: Attributes,
}

/// What is kept of the attributes of an instance.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    pub(super) key: Option<SecretString>,
    /// The keys of its metadata.
    pub(super) metadata: BTreeSet<String>,
    /// Numbers, booleans and names.
    pub(super) plain: BTreeMap<String, Plain>,
    /// The names of all attributes that have a value.
    pub(super) given: BTreeSet<String>,
    /// Whether there were more than are kept.
    pub(super) is_cut: bool,
}

/// A value that is no secret.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Plain {
    Number(i64),
    Bool(bool),
    Text(String),
    /// Null, or nothing.
    #[default]
    Nothing,
    /// Anything else.
    Other,
}

#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    version: Plain,
    #[serde(default)]
    terraform_version: Plain,
    encryption_version: Option<IgnoredAny>,
    encrypted_data: Option<IgnoredAny>,
    sops: Option<IgnoredAny>,
    format_version: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    resources: Option<&'a RawValue>,
    #[serde(default)]
    outputs: Count,
}

#[derive(Deserialize)]
struct Resource<'a> {
    #[serde(default)]
    module: Plain,
    #[serde(default)]
    mode: Plain,
    #[serde(rename = "type", default)]
    of: Plain,
    #[serde(default)]
    name: Plain,
    #[serde(default)]
    provider: Plain,
    #[serde(borrow, default)]
    instances: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    index_key: Plain,
    #[serde(default)]
    status: Plain,
    #[serde(default)]
    deposed: Plain,
    #[serde(default)]
    attributes: Option<Attributes>,
}

/// Reads a state.
///
/// # Errors
/// [`StateError`] when the file is none that can be read.
pub fn read(bytes: Vec<u8>) -> Result<State, StateError> {
    if bytes.starts_with(b"PK") {
        return Err(StateError::Archive);
    }
    let text = SecretString::from(String::from_utf8(bytes).map_err(|_| StateError::NotText)?);
    let text = text.expose_secret();
    let json = text.strip_prefix('\u{feff}').unwrap_or(text);
    if json.trim().is_empty() {
        return Err(StateError::Empty);
    }
    let reader = Reader { text: json };
    let head: Head = match serde_json::from_str(json) {
        Err(error) if error.is_data() => return Err(StateError::NotState),
        head => head.map_err(|error| reader.error(json, &error))?,
    };
    let terraform_version = match (head.version, head.terraform_version) {
        _ if head.encrypted_data.is_some() || head.encryption_version.is_some() => {
            return Err(StateError::Encrypted("OpenTofu"));
        }
        _ if head.sops.is_some() => return Err(StateError::Encrypted("sops")),
        _ if head.format_version.is_some() => return Err(StateError::Shown),
        (Plain::Number(VERSION), Plain::Text(version)) => Some(shorten(&version).into_owned()),
        (Plain::Number(VERSION), _) => None,
        (Plain::Number(version), _) => return Err(StateError::Version(version)),
        _ => return Err(StateError::NotState),
    };
    let body: Body<'_> = reader.part(json)?;
    let mut state = State { terraform_version, ..State::default() };
    if body.outputs.0 > 0 {
        let reason = "outputs are not objects; whoever reads them needs another source".to_owned();
        state.left.push(Left { from: "outputs".to_owned(), reason });
    }
    let mut others = BTreeSet::new();
    let mut is_ours = false;
    let mut counted = 0;
    for raw in reader.list(body.resources, &mut counted)? {
        let resource: Resource<'_> = reader.part(raw.get())?;
        let provider = match &resource.provider {
            Plain::Text(text) => foreign::provider(text).unwrap_or(text).to_owned(),
            _ => String::new(),
        };
        let ours = foreign::is_ours(&provider);
        is_ours |= ours;
        if !ours {
            others.insert(shorten(&provider).into_owned());
        }
        let address = address(&resource);
        let kind = kind(&resource, ours);
        for raw in reader.list(resource.instances, &mut counted)? {
            let found: Found = reader.part(raw.get())?;
            let from = format!("{address}{}", index(&found.index_key));
            match kind.clone().and_then(|kind| instance(kind, &resource, found, &from)) {
                Ok(instance) => state.instances.push(instance),
                Err(reason) => state.left.push(Left { from, reason }),
            }
        }
    }
    if is_ours { Ok(state) } else { Err(StateError::NoneOfOurs(others.into_iter().collect())) }
}

/// The address of a resource in Terraform, without an index.
fn address(resource: &Resource<'_>) -> String {
    let word = |plain: &Plain| match plain {
        Plain::Text(text) => shorten(text).into_owned(),
        _ => "?".to_owned(),
    };
    let module = match &resource.module {
        Plain::Text(module) => format!("{}.", shorten(module)),
        _ => String::new(),
    };
    let data = if resource.mode == Plain::Text("data".to_owned()) { "data." } else { "" };
    format!("{module}{data}{}.{}", word(&resource.of), word(&resource.name))
}

/// The index of an instance as Terraform writes it behind the address.
fn index(key: &Plain) -> String {
    match key {
        Plain::Number(number) => format!("[{number}]"),
        Plain::Text(text) => format!("[\"{}\"]", shorten(text)),
        _ => String::new(),
    }
}

/// The kind of a resource, or why it has none.
fn kind(resource: &Resource<'_>, is_ours: bool) -> Result<Kind, String> {
    if !is_ours {
        return Err("it is of another provider".to_owned());
    }
    if resource.mode != Plain::Text("managed".to_owned()) {
        return Err("a data source only reads; nothing is managed by it".to_owned());
    }
    let Plain::Text(of) = &resource.of else {
        return Err("it has no type".to_owned());
    };
    let word = of.strip_prefix("flespi_").unwrap_or_default();
    word.parse::<Kind>().map_err(|_| foreign::of_type(of))
}

/// An instance that can be carried over, or why not.
fn instance(
    kind: Kind,
    resource: &Resource<'_>,
    found: Found,
    from: &str,
) -> Result<Instance, String> {
    let Found { index_key, status, deposed, attributes } = found;
    if deposed != Plain::Nothing {
        return Err("it is deposed: Terraform still had to delete it; delete it there, or by hand"
            .to_owned());
    }
    if status == Plain::Text("tainted".to_owned()) {
        return Err(
            "it is tainted: Terraform meant to replace it; run `terraform untaint` and pull the state again to keep it"
                .to_owned(),
        );
    }
    let Some(attributes) = attributes else {
        return Err("it has no attributes in the form of version 4".to_owned());
    };
    if attributes.is_cut {
        return Err(format!("it has more than {MOST_ATTRIBUTES} attributes or keys of metadata"));
    }
    let Some(Plain::Number(id)) = attributes.plain.get("id").filter(|id| is_id(id)) else {
        return Err("it has no `id` of an object".to_owned());
    };
    let id = *id;
    let mut name = match &resource.name {
        Plain::Text(name) => name.clone(),
        _ => String::new(),
    };
    match &index_key {
        Plain::Number(number) => name.push_str(&format!("-{number}")),
        Plain::Text(text) => name.push_str(&format!("-{text}")),
        _ => {}
    }
    let long_name = match &resource.module {
        Plain::Text(module) => format!("{}-{name}", module_word(module)),
        _ => name.clone(),
    };
    Ok(Instance { kind, id, from: from.to_owned(), name, long_name, attributes })
}

/// What tells an innermost module from others: its key, or else its name.
fn module_word(module: &str) -> &str {
    let last = module.rsplit_once("module.").map_or(module, |(_, last)| last);
    match last.split_once('[') {
        Some((_, key)) => key.trim_end_matches(']').trim_matches('"'),
        None => last,
    }
}

fn is_id(value: &Plain) -> bool {
    matches!(value, Plain::Number(1..))
}

/// Reads parts of one text, and knows where they stand in it.
struct Reader<'a> {
    text: &'a str,
}

impl<'a> Reader<'a> {
    /// A part of the text as what it has to be.
    fn part<T: Deserialize<'a>>(&self, part: &'a str) -> Result<T, StateError> {
        serde_json::from_str(part).map_err(|error| self.error(part, &error))
    }

    /// The items of a list, of which no state has more than a bound in all.
    fn list(
        &self,
        list: Option<&'a RawValue>,
        counted: &mut usize,
    ) -> Result<Vec<&'a RawValue>, StateError> {
        let Some(list) = list else { return Ok(Vec::new()) };
        let mut reader = serde_json::Deserializer::from_str(list.get());
        let read = Items { counted }.deserialize(&mut reader);
        match read {
            Err(_) if *counted > MOST_INSTANCES => {
                Err(StateError::TooMany { what: "resources and instances", most: MOST_INSTANCES })
            }
            read => read.map_err(|error| self.error(list.get(), &error)),
        }
    }

    fn error(&self, part: &str, error: &serde_json::Error) -> StateError {
        let offset = part.as_ptr().addr().saturating_sub(self.text.as_ptr().addr());
        let before = self.text.get(..offset).unwrap_or_default();
        let lines = before.matches('\n').count();
        let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1);
        let place = match error.line() {
            ..=1 => Place { line: lines + 1, column: column + error.column().max(1) },
            line => Place { line: lines + line, column: error.column().max(1) },
        };
        if error.is_data() { StateError::Form(place) } else { StateError::NotJson(place) }
    }
}

/// The items of a list as text, counted.
struct Items<'c> {
    counted: &'c mut usize,
}

impl<'de> DeserializeSeed<'de> for Items<'_> {
    type Value = Vec<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            *self.counted += 1;
            if *self.counted > MOST_INSTANCES {
                return Err(serde::de::Error::custom("too many"));
            }
            items.push(item);
        }
        Ok(items)
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Attributes;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("attributes")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut all = Attributes::default();
                while let Some(name) = map.next_key::<String>()? {
                    if all.given.len() >= MOST_ATTRIBUTES {
                        map.next_value::<IgnoredAny>()?;
                        all.is_cut = true;
                        continue;
                    }
                    let is_given = match name.as_str() {
                        "key" => {
                            all.key = map.next_value::<Secret>()?.0;
                            all.key.is_some()
                        }
                        "metadata" => {
                            let Keys { names, is_cut } = map.next_value()?;
                            all.is_cut |= is_cut;
                            all.metadata = names;
                            !all.metadata.is_empty()
                        }
                        "name" | "info" | "description" => {
                            let value: Plain = map.next_value()?;
                            let is_given = value != Plain::Nothing;
                            all.plain.insert(name.clone(), value);
                            is_given
                        }
                        _ => match map.next_value::<Mute>()?.0 {
                            Plain::Nothing => false,
                            Plain::Other => true,
                            value => {
                                all.plain.insert(name.clone(), value);
                                true
                            }
                        },
                    };
                    if is_given {
                        all.given.insert(name);
                    }
                }
                Ok(all)
            }
        }
        reader.deserialize_map(Members)
    }
}

/// A text as a secret; anything else is none.
struct Secret(Option<SecretString>);

/// The names of the members of an object; of anything else none.
struct Keys {
    names: BTreeSet<String>,
    is_cut: bool,
}

/// A value of which texts are not kept.
struct Mute(Plain);

/// How many members an object has.
#[derive(Default)]
struct Count(usize);

/// Makes a type of whatever stands there, and drops what is not wanted.
macro_rules! of_anything {
    ($type:ty, $otherwise:expr, $text:expr, $number:expr, $bool:expr, $nothing:expr, $map:expr) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
                struct Any;

                impl<'de> Visitor<'de> for Any {
                    type Value = $type;

                    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                        formatter.write_str("anything")
                    }

                    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                        Ok(($text)(text))
                    }

                    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                        Ok(($number)(number))
                    }

                    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                        Ok(i64::try_from(number).map_or_else(|_| $otherwise, $number))
                    }

                    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                        Ok($otherwise)
                    }

                    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                        Ok(($bool)(value))
                    }

                    fn visit_unit<E>(self) -> Result<Self::Value, E> {
                        Ok($nothing)
                    }

                    fn visit_seq<A: SeqAccess<'de>>(
                        self,
                        mut list: A,
                    ) -> Result<Self::Value, A::Error> {
                        while list.next_element::<IgnoredAny>()?.is_some() {}
                        Ok($otherwise)
                    }

                    fn visit_map<A: MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> Result<Self::Value, A::Error> {
                        let mut value = $otherwise;
                        while let Some(name) = map.next_key::<String>()? {
                            map.next_value::<IgnoredAny>()?;
                            ($map)(&mut value, name);
                        }
                        Ok(value)
                    }
                }
                reader.deserialize_any(Any)
            }
        }
    };
}

of_anything!(
    Plain,
    Plain::Other,
    |text: &str| Plain::Text(text.to_owned()),
    Plain::Number,
    Plain::Bool,
    Plain::Nothing,
    |_: &mut Plain, _| {}
);
of_anything!(
    Mute,
    Mute(Plain::Other),
    |_| Mute(Plain::Other),
    |number| Mute(Plain::Number(number)),
    |value| Mute(Plain::Bool(value)),
    Mute(Plain::Nothing),
    |_: &mut Mute, _| {}
);
of_anything!(
    Secret,
    Secret(None),
    |text: &str| Secret((!text.is_empty()).then(|| SecretString::from(text))),
    |_| Secret(None),
    |_| Secret(None),
    Secret(None),
    |_: &mut Secret, _| {}
);
of_anything!(
    Count,
    Count(0),
    |_| Count(0),
    |_| Count(0),
    |_| Count(0),
    Count(0),
    |count: &mut Count, _| count.0 += 1
);
of_anything!(
    Keys,
    Keys { names: BTreeSet::new(), is_cut: false },
    |_| Keys { names: BTreeSet::new(), is_cut: false },
    |_| Keys { names: BTreeSet::new(), is_cut: false },
    |_| Keys { names: BTreeSet::new(), is_cut: false },
    Keys { names: BTreeSet::new(), is_cut: false },
    |keys: &mut Keys, name| {
        match keys.names.len() < MOST_ATTRIBUTES {
            true => drop(keys.names.insert(name)),
            false => keys.is_cut = true,
        }
    }
);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn state() -> String {
        let key = "k".repeat(64);
        let state = json!({"version": 4, "terraform_version": "1.15.5", "outputs": {"a": {"value": key}},
            "resources": [{"mode": "managed", "type": "flespi_token", "name": "a", "module": "module.m[\"x\"]",
                "provider": "module.m.provider[\"registry.terraform.io/mixser/flespi\"].eu",
                "instances": [{"index_key": "eu", "attributes": {"id": 7, "key": key, "ttl": 60,
                    "metadata": {"team": key}, "access": key, "info": "b", "colour": 1.5, "none": null}}]}]});
        serde_json::to_string_pretty(&state).unwrap()
    }

    #[test]
    fn of_a_state_nothing_is_kept_that_may_be_secret_but_as_a_secret() {
        let state = read(state().into_bytes()).unwrap();
        let [instance] = &state.instances[..] else { panic!("{state:?}") };
        assert_eq!(instance.from, "module.m[\"x\"].flespi_token.a[\"eu\"]");
        assert_eq!((&*instance.name, &*instance.long_name), ("a-eu", "x-a-eu"));
        assert_eq!((instance.kind, instance.id), (Kind::Token, 7));
        assert!(instance.attributes.key.is_some());
        let given: Vec<&str> = instance.attributes.given.iter().map(String::as_str).collect();
        assert_eq!(given, ["access", "colour", "id", "info", "key", "metadata", "ttl"]);
        assert!(!format!("{state:?}").contains("kkkk"));
    }

    #[test]
    fn a_state_that_is_cut_or_changed_anywhere_is_an_error_or_a_state_and_shows_nothing() {
        let text = state();
        let mut errors = 0;
        for at in 0..text.len() {
            let mut texts = vec![text[..at].to_owned()];
            texts.extend(
                ["\"", "[", "}", "0"]
                    .map(|other| format!("{}{other}{}", &text[..at], &text[at + 1..])),
            );
            for text in texts {
                if let Err(error) = read(text.into_bytes()) {
                    errors += 1;
                    let said = format!("{error} {error:?} {}", error.help());
                    assert!(!said.contains("kkkk"), "{said}");
                }
            }
        }
        assert!(errors > text.len(), "every cut one is an error: {errors}");
    }

    #[test]
    fn the_place_of_an_error_is_that_in_the_whole_file() {
        let text = "{\n  \"version\": 4,\n  \"resources\": [\n    {\"instances\": [{\"attributes\": 7}]}\n  ]\n}\n";
        let error = read(text.as_bytes().to_vec()).unwrap_err();
        let place = Place { line: 4, column: text.lines().nth(3).unwrap().find('7').unwrap() + 1 };
        assert_eq!(error, StateError::Form(place));
    }
}
