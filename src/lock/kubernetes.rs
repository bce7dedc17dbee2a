//! Small values in Kubernetes: a `Lease` each, by the API of the cluster.
//!
//! The value is an annotation; what it says of a holder stands in the fields of the `Lease` as well, where people look:
//! `kubectl get leases`. The version of a value is the `resourceVersion`, which every change compares.
//! The role needs `get`, `list`, `create`, `update` and `delete` on leases of `coordination.k8s.io`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::HEXLOWER;
use reqwest::{Method, Url};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::keep::{Away, Keep, Kept, Version, Written};
use super::soon::Soon;
use crate::files;
use crate::secret::ExposeSecret;
use crate::secret::reading;
use crate::transport::{Transport, TransportError, Trouble};

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where a cluster puts what a service account needs.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The file of a token is no larger, in bytes.
const MOST_TOKEN_BYTES: u64 = 64 * 1024;

/// No answer is larger, in bytes: a thousand records have half of that.
const MOST_BYTES: usize = 4 * 1024 * 1024;

const NAME: &str = "flespi-gitops/name";
const VALUE: &str = "flespi-gitops/value";

/// Where leases are in a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubernetesPlace {
    /// The namespace.
    pub namespace: String,
    /// What the names of all our leases begin with.
    pub name: String,
    /// The API server; none: that of the cluster in which the program runs.
    pub server: Option<Url>,
    /// The file with the token; none: that of the service account.
    pub token_file: Option<PathBuf>,
    /// The file with the authority of the API server; none: that of the service account.
    pub ca_file: Option<PathBuf>,
}

/// Values in a cluster.
pub struct KubernetesKeep {
    way: Transport,
    server: Url,
    at: KubernetesPlace,
    place: String,
}

impl KubernetesKeep {
    /// Values at `at`.
    ///
    /// # Errors
    /// [`TransportError`].
    pub fn new(at: KubernetesPlace, server: Url) -> Result<Self, TransportError> {
        let account = Path::new(ACCOUNT).join("ca.crt");
        let authority = at.ca_file.clone().or_else(|| account.exists().then_some(account));
        let way = Transport::to(&server, PATIENCE, authority.as_deref())?;
        let place = format!("kubernetes:{}/{}", at.namespace, at.name);
        Ok(Self { way, server, at, place })
    }

    /// The API server of the cluster in which the program runs, if it runs in one.
    pub fn own_server() -> Option<Url> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let host = variable("KUBERNETES_SERVICE_HOST")?;
        let port = variable("KUBERNETES_SERVICE_PORT").unwrap_or_else(|| "443".to_owned());
        // An IPv6 address stands in brackets.
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        format!("https://{host}:{port}/").parse().ok()
    }

    /// The name of the object that keeps the value of this name.
    fn object(&self, name: &str) -> String {
        let digest = Sha256::digest(name);
        format!("{}-{}", self.at.name, HEXLOWER.encode(&digest[..16]))
    }

    /// What all values are found by whose names begin alike, as a label.
    fn label(&self, under: &str) -> String {
        let first = under.split('/').next().unwrap_or_default();
        format!("{}.{first}", self.at.name)
    }

    fn url(&self, object: Option<&str>) -> Result<Url, Away> {
        let mut url = self.server.clone();
        let namespace = self.at.namespace.as_str();
        let path = ["apis", "coordination.k8s.io", "v1", "namespaces", namespace, "leases"];
        url.path_segments_mut()
            .map_err(|()| Away("not the address of a server".to_owned()))?
            .pop_if_empty()
            .extend(path)
            .extend(object);
        Ok(url)
    }

    /// The status and the body of an answer.
    async fn ask(
        &self,
        method: Method,
        url: Url,
        body: Option<Value>,
    ) -> Result<(u16, Value), Away> {
        let file = self.at.token_file.clone().unwrap_or_else(|| Path::new(ACCOUNT).join("token"));
        let no_token = |why: String| Away(format!("no token for it in {}: {why}", file.display()));
        // Clusters replace it now and then.
        let bytes =
            files::read_at_most(&file, MOST_TOKEN_BYTES).map_err(|it| no_token(it.to_string()))?;
        let token = reading::word(bytes).map_err(|why| no_token(why.to_string()))?;
        let mut call = self.way.request(method, url).bearer_auth(token.expose_secret());
        if let Some(body) = body {
            call = call.header("content-type", "application/json").body(body.to_string());
        }
        let mut response =
            self.way.send(call).await.map_err(|trouble| Away(Trouble::words(trouble)))?;
        let status = response.status().as_u16();
        let mut bytes = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if bytes.len() + chunk.len() <= MOST_BYTES => {
                    bytes.extend_from_slice(&chunk);
                }
                Ok(Some(_)) => {
                    return Err(Away(format!("it answers more than {MOST_BYTES} bytes")));
                }
                Ok(None) => break,
                Err(error) => return Err(Away(self.way.trouble(&error).words())),
            }
        }
        let body = serde_json::from_slice(&bytes)
            .map_err(|_| Away(format!("{status}: its answer is not JSON")))?;
        Ok((status, body))
    }

    /// The object of a value.
    fn lease(&self, name: &str, value: &str, over: Option<&Version>) -> Value {
        let record: Value = serde_json::from_str(value).unwrap_or_default();
        let number = |field: &str| record.get(field).and_then(Value::as_i64);
        let holder =
            record.get("holder").filter(|_| record.get("given_at").is_none_or(Value::is_null));
        let holder = holder.and_then(|holder| {
            let text = |field: &str| holder.get(field).and_then(Value::as_str);
            Some(format!("{}/{}", text("host")?, text("run")?))
        });
        let mut spec = json!({
            "holderIdentity": holder,
            "leaseTransitions": number("generation").and_then(|number| i32::try_from(number).ok()),
            "leaseDurationSeconds": number("lasts_ms").map(|lasts| (lasts / 1_000).max(1)),
            "acquireTime": number("taken_at").and_then(micro_time),
            "renewTime": number("renewed_at").and_then(micro_time),
        });
        if let Some(spec) = spec.as_object_mut() {
            spec.retain(|_, value| !value.is_null());
        }
        let mut metadata = json!({
            "name": self.object(name),
            "namespace": self.at.namespace,
            "labels": {
                "app.kubernetes.io/managed-by": "flespi-gitops",
                "flespi-gitops/of": self.label(name),
            },
            "annotations": { NAME: name, VALUE: value },
        });
        if let Some(version) = over {
            metadata["resourceVersion"] = Value::from(version.0.as_str());
        }
        json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": spec,
        })
    }
}

impl Keep for KubernetesKeep {
    fn place(&self) -> &str {
        &self.place
    }

    fn list<'a>(&'a self, under: &'a str) -> Soon<'a, Result<Vec<Kept>, Away>> {
        Box::pin(async move {
            let mut url = self.url(None)?;
            let selector = format!("flespi-gitops/of={}", self.label(under));
            url.query_pairs_mut().append_pair("labelSelector", &selector);
            let (status, body) = self.ask(Method::GET, url, None).await?;
            let items = body.get("items").and_then(Value::as_array);
            let Some(items) = items.filter(|_| status == 200) else {
                return Err(refusal(status, &body));
            };
            let more = body.get("metadata").and_then(|metadata| metadata.get("continue"));
            if more.and_then(Value::as_str).is_some_and(|more| !more.is_empty()) {
                return Err(Away("it gives no more than a part of the leases".to_owned()));
            }
            let list = items.iter().map(|item| kept(item).ok_or_else(not_understood));
            let mut list = list.collect::<Result<Vec<_>, _>>()?;
            list.retain(|kept| kept.name.starts_with(under));
            list.sort_by(|one, other| one.name.cmp(&other.name));
            Ok(list)
        })
    }

    fn read<'a>(&'a self, name: &'a str) -> Soon<'a, Result<Option<Kept>, Away>> {
        Box::pin(async move {
            let url = self.url(Some(&self.object(name)))?;
            match self.ask(Method::GET, url, None).await? {
                (200, body) => kept(&body).ok_or_else(not_understood).map(Some),
                (404, body) if is_of_an_object(&body) => Ok(None),
                (status, body) => Err(refusal(status, &body)),
            }
        })
    }

    fn write<'a>(
        &'a self,
        name: &'a str,
        value: &'a str,
        over: Option<&'a Version>,
    ) -> Soon<'a, Result<Written, Away>> {
        Box::pin(async move {
            let body = Some(self.lease(name, value, over));
            let answer = match over {
                None => self.ask(Method::POST, self.url(None)?, body).await?,
                Some(_) => self.ask(Method::PUT, self.url(Some(&self.object(name)))?, body).await?,
            };
            match answer {
                (200 | 201, body) => {
                    kept(&body).map(|kept| Written::At(kept.version)).ok_or_else(not_understood)
                }
                (409, _) => Ok(Written::Changed),
                (404, body) if over.is_some() && is_of_an_object(&body) => Ok(Written::Changed),
                (status, body) => Err(refusal(status, &body)),
            }
        })
    }

    fn remove<'a>(&'a self, name: &'a str, at: &'a Version) -> Soon<'a, Result<bool, Away>> {
        Box::pin(async move {
            let url = self.url(Some(&self.object(name)))?;
            let body = json!({
                "apiVersion": "v1",
                "kind": "DeleteOptions",
                "preconditions": {"resourceVersion": at.0},
            });
            match self.ask(Method::DELETE, url, Some(body)).await? {
                (200 | 202, _) => Ok(true),
                (409, _) => Ok(false),
                (404, body) if is_of_an_object(&body) => Ok(false),
                (status, body) => Err(refusal(status, &body)),
            }
        })
    }
}

fn kept(item: &Value) -> Option<Kept> {
    let metadata = item.get("metadata")?;
    let text = |field: &str| metadata.get("annotations")?.get(field)?.as_str().map(str::to_owned);
    let version = Version(metadata.get("resourceVersion")?.as_str()?.to_owned());
    Some(Kept { name: text(NAME)?, value: text(VALUE)?, version })
}

/// Whether the API server itself says that an object is not there: a proxy that knows no such page says something else.
fn is_of_an_object(body: &Value) -> bool {
    let field = |name: &str| body.get(name).and_then(Value::as_str);
    field("kind") == Some("Status")
        && field("reason") == Some("NotFound")
        && body.get("details").is_some_and(|details| details.get("name").is_some())
}

fn refusal(status: u16, body: &Value) -> Away {
    let said = body.get("message").and_then(Value::as_str).unwrap_or("no reason given");
    Away(format!("{status}: {said}"))
}

fn not_understood() -> Away {
    Away("its answer is not understood".to_owned())
}

/// A time as Kubernetes writes it, to the microsecond.
fn micro_time(seconds: i64) -> Option<String> {
    let time = jiff::Timestamp::from_second(seconds).ok()?;
    Some(time.strftime("%Y-%m-%dT%H:%M:%S.000000Z").to_string())
}
