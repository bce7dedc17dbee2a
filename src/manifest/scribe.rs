//! From a decoded manifest to the canonical form that is planned with: what every kind has in common.

use std::collections::BTreeMap;
use std::path::Path;

use litemap::LiteMap;
use serde_json::{Map, Value};
use smol_str::format_smolstr;

use super::model::{Access, KeyForm, SecretSink, SecretSource};
use super::model::{Lifecycle as LifecycleModel, ObjectMeta};
use super::place;
use super::preset;
use super::register::Register;
use crate::resource::{Address, Declared, Drift, Lifecycle, Renew, Right};
use crate::secret::{
    AgeSink, DotenvSink, ExecSink, FileSink, JsonSink, KubernetesSink, KubernetesStore, Link,
    Place, Sink, Source, VaultSink, VaultStore,
};
use crate::source::{Origin, SourceMap, Target};

/// What the Stack says for an object that does not say it itself.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Settings {
    /// What to do about drift.
    pub(super) drift: Option<Drift>,
    /// The minimum number of characters.
    pub(super) least_password: Option<u16>,
}

/// Writes down what one manifest asks for.
pub(super) struct Scribe<'a> {
    pub(super) address: &'a Address,
    pub(super) meta: &'a ObjectMeta,
    pub(super) place: place::Place<'a>,
    pub(super) settings: Settings,
    pub(super) register: &'a Register,
    pub(super) sources: &'a SourceMap,
}

impl Scribe<'_> {
    /// The name that people see: the one that is declared, or that of the manifest.
    pub(super) fn label(&self, declared: Option<&String>) -> String {
        declared.map_or(self.address.name.as_str(), String::as_str).to_owned()
    }

    /// The object with these fields, and with nothing that only its kind has.
    pub(super) fn declared(
        &self,
        fields: BTreeMap<String, Value>,
        metadata: Option<&Map<String, Value>>,
        lifecycle: &LifecycleModel,
    ) -> Declared {
        let Self { address, meta, place, .. } = self;
        let metadata = metadata.cloned().unwrap_or_default();
        let own = fields.keys().map(|field| (field.into(), format!("/spec/{field}")));
        let keys = metadata.keys().map(|key| {
            let pointer = crate::source::pointer::child("/spec/metadata", key);
            (format_smolstr!("metadata.{key}"), pointer)
        });
        let field_origins =
            own.chain(keys).map(|(field, pointer)| (field, self.origin(&pointer))).collect();
        let rights = match &lifecycle.manage {
            Some(rights) => rights.clone(),
            None => [Right::Observe, Right::Create, Right::Update, Right::Delete].into(),
        };
        Declared {
            address: (*address).clone(),
            origin: self.sources.origin(place.value.span.head()),
            row: place.row.map(|row| self.sources.origin(row.head())),
            field_origins,
            bound_id: meta.id,
            // A form that is no address was told by the schema.
            moved_from: meta.moved_from.as_deref().and_then(|it| Some(Box::new(it.parse().ok()?))),
            from_stack: meta.from_stack.as_deref().map(Into::into),
            fields: fields.into_iter().collect(),
            metadata: metadata.into(),
            refs: LiteMap::new(),
            links: None,
            secrets: BTreeMap::new(),
            selections: BTreeMap::new(),
            expectations: Vec::new(),
            credentials: None,
            deliver: Vec::new(),
            rotation: None,
            renew: Renew::default(),
            lifecycle: Lifecycle {
                protect: lifecycle.protect,
                adopt: lifecycle.adopt,
                restore: lifecycle.restore.unwrap_or(true),
                rights,
                drift: lifecycle.drift.or(self.settings.drift).unwrap_or_default(),
            },
        }
    }

    /// Where a value stands.
    pub(super) fn origin(&self, pointer: &str) -> Origin {
        self.sources.origin(self.place.span(pointer, Target::Value))
    }

    /// Where a secret comes from.
    pub(super) fn source(&self, source: &SecretSource) -> Source {
        match source {
            SecretSource::Env(source) => Source::Env(source.env.clone()),
            SecretSource::File(source) => Source::File(self.path(&source.file)),
            SecretSource::Exec(source) => Source::Exec {
                command: source.exec.clone(),
                folder: match self.place.folder.as_os_str().is_empty() {
                    true => ".".into(),
                    false => self.place.folder.to_owned(),
                },
                timeout: source.timeout,
            },
            SecretSource::Generate(source) => Source::Generate {
                length: source.generate.length,
                deliver: source.deliver.iter().map(|sink| self.sink(sink, None)).collect(),
            },
        }
    }

    /// Where a secret goes; the link of a key is made for the `access` of its token.
    pub(super) fn sink(&self, sink: &SecretSink, access: Option<&Access>) -> Sink {
        let place = match sink {
            SecretSink::File(sink) => {
                Place::File(FileSink { file: self.path(&sink.file), allow: sink.allow.clone() })
            }
            SecretSink::Dotenv(sink) => Place::Dotenv(DotenvSink {
                dotenv: self.path(&sink.dotenv),
                key: sink.key.clone(),
                allow: sink.allow.clone(),
            }),
            SecretSink::Json(sink) => Place::Json(JsonSink {
                json: self.path(&sink.json),
                pointer: sink.pointer.clone(),
                allow: sink.allow.clone(),
            }),
            SecretSink::Age(sink) => Place::Age(AgeSink {
                age: self.path(&sink.age),
                recipients: sink.recipients.clone(),
            }),
            SecretSink::Exec(sink) => Place::Exec(ExecSink {
                command: sink.exec.clone(),
                read: sink.read.clone(),
                timeout: sink.timeout,
                folder: self.place.folder.to_owned(),
                address: self.address.to_string(),
            }),
            SecretSink::Vault(sink) => Place::Vault(VaultSink {
                path: sink.vault.clone(),
                key: sink.key.clone(),
                mount: sink.mount.clone(),
                own: VaultStore {
                    address: sink.address.clone(),
                    namespace: sink.namespace.clone(),
                    token_file: sink.token_file.as_deref().map(|file| self.path(file)),
                    ca_file: sink.ca_file.as_deref().map(|file| self.path(file)),
                },
                store: sink.store.clone(),
                named: None,
            }),
            SecretSink::Kubernetes(sink) => Place::Kubernetes(KubernetesSink {
                secret: sink.kubernetes.clone(),
                key: sink.key.clone(),
                own: KubernetesStore {
                    server: sink.server.clone(),
                    namespace: sink.namespace.clone(),
                    token_file: sink.token_file.as_deref().map(|file| self.path(file)),
                    ca_file: sink.ca_file.as_deref().map(|file| self.path(file)),
                },
                store: sink.store.clone(),
                named: None,
            }),
        };
        let link = (sink.form() == KeyForm::Link).then(|| match access {
            Some(access) => preset::link(access),
            // That a password has no link is told where sinks are checked.
            None => Link::new("", ""),
        });
        Sink { place, link }
    }

    /// A path of the manifest, as seen from where we are.
    pub(super) fn path(&self, path: &Path) -> std::path::PathBuf {
        self.place.folder.join(path)
    }
}

/// Notes a field if the manifest has it.
pub(super) fn set(
    fields: &mut BTreeMap<String, Value>,
    name: &str,
    value: Option<impl Into<Value>>,
) {
    if let Some(value) = value {
        fields.insert(name.to_owned(), value.into());
    }
}
