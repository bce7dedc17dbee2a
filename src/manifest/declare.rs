//! From a decoded manifest to the canonical form that is planned with.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::check::Register;
use super::model::{
    Access, KeyForm, Level, LimitManifest, NamedAccess, Origin as WebOrigin, Origins, RuleName,
    SecretSink, SecretSource, StackSpec, SubaccountManifest, TokenManifest,
};
use super::model::{Lifecycle as LifecycleModel, ObjectMeta};
use super::parse::{AnyManifest, Document};
use super::preset;
use crate::resource::kinds::LIMIT_FIELD;
use crate::resource::{
    Address, Credentials, Declared, Lifecycle, Renew, Right, Rotation, acl_entry,
};
use crate::secret::{
    AgeSink, DotenvSink, ExecSink, FileSink, JsonSink, KubernetesSink, KubernetesStore, Link,
    Place, Sink, Source, VaultSink, VaultStore,
};
use crate::source::{Origin, SourceMap, Target};

/// What `document` asks for; `None` for a Stack and for what is broken.
pub(super) fn declare(
    document: &Document,
    stack: &StackSpec,
    register: &Register<'_>,
    sources: &SourceMap,
) -> Option<Declared> {
    let address = document.address.clone()?;
    let scribe = Scribe { document, stack, sources };
    match document.manifest.as_ref()? {
        AnyManifest::Limit(manifest) => Some(scribe.limit(address, manifest)),
        AnyManifest::Subaccount(manifest) => Some(scribe.subaccount(address, manifest, register)),
        AnyManifest::Token(manifest) => Some(scribe.token(address, manifest)),
        AnyManifest::Stack(_) | AnyManifest::Template(_) => None,
    }
}

struct Scribe<'a> {
    document: &'a Document,
    stack: &'a StackSpec,
    sources: &'a SourceMap,
}

impl Scribe<'_> {
    fn limit(&self, address: Address, manifest: &LimitManifest) -> Declared {
        let spec = &manifest.spec;
        let mut fields = BTreeMap::new();
        set(&mut fields, "name", Some(label(spec.name.as_ref(), &address)));
        set(&mut fields, "description", spec.description.clone());
        for (name, quota) in spec.quotas() {
            set(&mut fields, name, Some(quota));
        }
        self.declared(address, &manifest.metadata, &spec.lifecycle, fields, spec.metadata.as_ref())
    }

    fn subaccount(
        &self,
        address: Address,
        manifest: &SubaccountManifest,
        register: &Register<'_>,
    ) -> Declared {
        let spec = &manifest.spec;
        let mut fields = BTreeMap::new();
        set(&mut fields, "name", Some(label(spec.name.as_ref(), &address)));
        set(&mut fields, "enabled", spec.enabled);
        let limit = spec.limit.as_ref().and_then(|limit| register.resolve_limit(&address, limit));
        let credentials = spec.credentials.as_ref().map(|credentials| Credentials {
            email: credentials.email.clone(),
            password: credentials.password.as_ref().map(|source| self.source(source)),
            form: credentials.password_form,
            least: self.least_password(&address),
        });
        let (meta, lifecycle) = (&manifest.metadata, &spec.lifecycle);
        let mut declared = self.declared(address, meta, lifecycle, fields, spec.metadata.as_ref());
        if let Some(limit) = limit {
            let field = LIMIT_FIELD.to_owned();
            declared.field_origins.insert(field.clone(), self.origin("/spec/limit"));
            declared.refs.insert(field, limit);
        }
        declared.credentials = credentials;
        declared
    }

    fn token(&self, address: Address, manifest: &TokenManifest) -> Declared {
        let spec = &manifest.spec;
        let mut fields = BTreeMap::new();
        set(&mut fields, "info", Some(label(spec.info.as_ref(), &address)));
        set(&mut fields, "enabled", spec.enabled);
        set(&mut fields, "ttl", spec.ttl.map(|ttl| ttl.0));
        set(&mut fields, "expire", spec.expire.map(|expire| expire.0));
        set(&mut fields, "access", Some(access(&spec.access)));
        let masks = spec
            .ips
            .as_ref()
            .map(|masks| masks.iter().map(|mask| mask.0.as_str()).collect::<Vec<_>>().join(","));
        set(&mut fields, "ips", masks);
        set(&mut fields, "origins", spec.origins.as_ref().map(origins));
        let (meta, lifecycle) = (&manifest.metadata, &spec.lifecycle);
        let mut declared = self.declared(address, meta, lifecycle, fields, spec.metadata.as_ref());
        if let Access::Acl(list) = &spec.access {
            let entries = (0..list.acl.len())
                .map(|index| (acl_entry(index), self.origin(&format!("/spec/access/acl/{index}"))));
            declared.field_origins.extend(entries);
        }
        declared.deliver =
            spec.deliver.iter().map(|sink| self.sink(sink, Some(&spec.access))).collect();
        declared.rotation = spec.rotation.map(|rotation| Rotation {
            every: rotation.every.map(|every| every.0),
            overlap: rotation.overlap.0,
            retire: rotation.retire.unwrap_or_default(),
        });
        declared.renew = spec.renew.unwrap_or_default();
        declared
    }

    /// The fewest characters that the password of a subaccount may have, as far as a rule denies shorter ones.
    fn least_password(&self, address: &Address) -> Option<u16> {
        let rule =
            self.stack.policies.passwords_at_least.filter(|rule| rule.level == Level::Deny)?;
        let is_excepted = self.stack.exceptions.iter().any(|exception| {
            exception.rule == RuleName::PasswordsAtLeast
                && exception.object.parse().as_ref() == Ok(address)
        });
        (!is_excepted).then_some(rule.min)
    }

    fn declared(
        &self,
        address: Address,
        meta: &ObjectMeta,
        lifecycle: &LifecycleModel,
        fields: BTreeMap<String, Value>,
        metadata: Option<&Map<String, Value>>,
    ) -> Declared {
        let metadata = metadata.cloned().unwrap_or_default();
        let own = fields.keys().map(|field| (field.clone(), format!("/spec/{field}")));
        let keys = metadata.keys().map(|key| {
            (format!("metadata.{key}"), crate::source::pointer::child("/spec/metadata", key))
        });
        let field_origins =
            own.chain(keys).map(|(field, pointer)| (field, self.origin(&pointer))).collect();
        let rights = match &lifecycle.manage {
            Some(rights) => rights.clone(),
            None => [Right::Observe, Right::Create, Right::Update, Right::Delete].into(),
        };
        Declared {
            address,
            origin: self.sources.origin(self.document.value.span.head()),
            row: self.document.instance.as_ref().map(|i| self.sources.origin(i.row.head())),
            field_origins,
            bound_id: meta.id,
            // A form that is no address was told by the schema.
            moved_from: meta.moved_from.as_deref().and_then(|address| address.parse().ok()),
            fields,
            metadata,
            refs: BTreeMap::new(),
            credentials: None,
            deliver: Vec::new(),
            rotation: None,
            renew: Renew::default(),
            lifecycle: Lifecycle {
                protect: lifecycle.protect,
                adopt: lifecycle.adopt,
                restore: lifecycle.restore.unwrap_or(true),
                rights,
                drift: lifecycle.drift.or(self.stack.drift).unwrap_or_default(),
            },
        }
    }

    fn origin(&self, pointer: &str) -> Origin {
        self.sources.origin(self.document.span(pointer, Target::Value))
    }

    fn source(&self, source: &SecretSource) -> Source {
        match source {
            SecretSource::Env(source) => Source::Env(source.env.clone()),
            SecretSource::File(source) => Source::File(self.path(&source.file)),
            SecretSource::Exec(source) => Source::Exec {
                command: source.exec.clone(),
                folder: match self.document.folder.as_os_str().is_empty() {
                    true => ".".into(),
                    false => self.document.folder.clone(),
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
    fn sink(&self, sink: &SecretSink, access: Option<&Access>) -> Sink {
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
                folder: self.document.folder.clone(),
                address: self.document.address.as_ref().map(Address::to_string).unwrap_or_default(),
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

    fn path(&self, path: &Path) -> std::path::PathBuf {
        self.document.folder.join(path)
    }
}

fn label(declared: Option<&String>, address: &Address) -> String {
    declared.unwrap_or(&address.name).clone()
}

fn set(fields: &mut BTreeMap<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        fields.insert(name.to_owned(), value.into());
    }
}

/// The platform's own form of access. A preset comes out as something that is none, so this ends.
fn access(access: &Access) -> Value {
    match access {
        Access::Named(NamedAccess::Standard) => json!({"type": 0}),
        Access::Named(NamedAccess::Master) => json!({"type": 1}),
        Access::Acl(list) => match list.templating {
            Some(templating) => json!({"type": 2, "acl": list.acl, "templating": templating}),
            None => json!({"type": 2, "acl": list.acl}),
        },
        Access::Preset(recipe) => self::access(&preset::expand(recipe)),
    }
}

/// The platform's own form of origins.
fn origins(origins: &Origins) -> Value {
    let preset = || json!({"preset": "flespi"});
    match origins {
        Origins::Preset(_) => json!([preset()]),
        Origins::List(items) => Value::Array(
            items
                .iter()
                .map(|item| match item {
                    WebOrigin::Preset(_) => preset(),
                    WebOrigin::Mask(mask) => Value::String(mask.clone()),
                })
                .collect(),
        ),
    }
}
