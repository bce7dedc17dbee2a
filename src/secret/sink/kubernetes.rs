//! A key of a Secret in Kubernetes, by the API of the cluster.
//!
//! Inside a cluster nothing has to be said: the address comes from the environment, token, authority and namespace from
//! the files of the service account. The role needs `get`, `create` and `patch` on secrets.

use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use reqwest::{Method, RequestBuilder, Url};
use serde_json::{Value, json};

use super::http::{self, Answer, ROUNDS};
use super::named::{granted, is_missing};
use super::{Held, Trouble};
use crate::files;
use crate::secret::{ExposeSecret, KubernetesStore, SecretString, Store, Trust, disk, reading};
use crate::transport::Transport;

/// Where a cluster puts what a service account needs.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The file of the namespace is no larger, in bytes.
const MOST_NAME_BYTES: u64 = 4 * 1024;

/// A key of a Secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct KubernetesSink {
    /// Name of the Secret.
    pub secret: String,
    /// The key in it; the others are kept.
    pub key: String,
    /// The API server as the manifest describes it, its own namespace included.
    #[serde(flatten)]
    pub own: KubernetesStore,
    /// The name of a store that the operator describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// What the operator says of it; none: that this run knows no such store.
    #[serde(skip)]
    pub named: Option<Store>,
}

/// An API server that can be talked to.
struct Cluster {
    way: Transport,
    base: Url,
    token: SecretString,
    namespace: String,
}

/// Whether a change is made, or only asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    Dry,
    Real,
}

fn of_account(name: &str) -> PathBuf {
    Path::new(ACCOUNT).join(name)
}

/// Where the API server is: as it is described, or that of the cluster in which the program runs.
fn server(store: &KubernetesStore) -> Result<String, Trouble> {
    let server = store.server.clone().or_else(|| {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let host = variable("KUBERNETES_SERVICE_HOST")?;
        let port = variable("KUBERNETES_SERVICE_PORT").unwrap_or_else(|| "443".to_owned());
        // An IPv6 address stands in brackets.
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        Some(format!("https://{host}:{port}"))
    });
    server.ok_or_else(|| {
        Trouble::Refused("not running in a cluster, and `server` is not set".to_owned())
    })
}

fn token_file(store: &KubernetesStore) -> PathBuf {
    store.token_file.clone().unwrap_or_else(|| of_account("token"))
}

fn no_token(file: &Path) -> Trouble {
    Trouble::Refused(format!("no token for it in {}", file.display()))
}

impl KubernetesSink {
    pub(super) async fn read(&self) -> Result<Held, Trouble> {
        let cluster = self.cluster()?;
        let Some(there) = self.there(&cluster).await? else { return Ok(Held::Nothing) };
        let text = there.get("data").and_then(|data| data.get(&self.key)).and_then(Value::as_str);
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Ok(Held::Nothing);
        };
        let bytes =
            BASE64.decode(text.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let text = bytes.ok_or_else(|| Trouble::Refused("what it holds is not text".to_owned()))?;
        Ok(Held::from((!text.is_empty()).then(|| SecretString::from(text))))
    }

    /// A dry run: the server checks everything, rights and admission included, and stores nothing.
    pub(super) async fn probe(&self) -> Result<(), Trouble> {
        self.change(None, Run::Dry).await
    }

    pub(super) async fn write(&self, secret: &SecretString) -> Result<(), Trouble> {
        self.change(Some(secret), Run::Real).await
    }

    async fn change(&self, secret: Option<&SecretString>, run: Run) -> Result<(), Trouble> {
        let cluster = self.cluster()?;
        let data = match secret {
            Some(secret) => json!({ &self.key: BASE64.encode(secret.expose_secret().as_bytes()) }),
            None => json!({}),
        };
        for _ in 0..ROUNDS {
            let request = match self.there(&cluster).await? {
                None => {
                    let body = json!({
                        "apiVersion": "v1",
                        "kind": "Secret",
                        "type": "Opaque",
                        "metadata": {
                            "name": self.secret,
                            "labels": {"app.kubernetes.io/managed-by": "flespi-gitops"},
                        },
                        "data": data,
                    });
                    let url = self.url(&cluster, None, run)?;
                    (Method::POST, url, "application/json", body)
                }
                Some(there) if there.get("immutable") == Some(&Value::Bool(true)) => {
                    return Err(Trouble::Refused("the Secret is immutable".to_owned()));
                }
                Some(there) => {
                    // Named in the patch, the version keeps us from writing over what we did not see.
                    let version =
                        there.get("metadata").and_then(|metadata| metadata.get("resourceVersion"));
                    let body = json!({"metadata": {"resourceVersion": version}, "data": data});
                    let url = self.url(&cluster, Some(&self.secret), run)?;
                    (Method::PATCH, url, "application/merge-patch+json", body)
                }
            };
            let (method, url, form, body) = request;
            let request = cluster.way.request(method, url);
            let answer =
                cluster.send(request.header("content-type", form).body(body.to_string())).await?;
            match answer.status {
                200..300 => return Ok(()),
                // Made, changed or gone since we looked.
                404 | 409 => {}
                _ => {
                    let secrets: Vec<&SecretString> =
                        [Some(&cluster.token), secret].into_iter().flatten().collect();
                    return Err(refusal(&answer, "to store it", &secrets));
                }
            }
        }
        Err(Trouble::Refused(format!("it was changed {ROUNDS} times in the meantime")))
    }

    async fn there(&self, cluster: &Cluster) -> Result<Option<Value>, Trouble> {
        let mut url = self.url(cluster, Some(&self.secret), Run::Real)?;
        url.set_query(None);
        let answer = cluster.send(cluster.way.request(Method::GET, url)).await?;
        match answer.status {
            200 => Ok(Some(answer.body)),
            404 => Ok(None),
            _ => Err(refusal(&answer, "to be read", &[&cluster.token])),
        }
    }

    fn url(&self, cluster: &Cluster, name: Option<&str>, run: Run) -> Result<Url, Trouble> {
        let segments = ["api", "v1", "namespaces", &cluster.namespace, "secrets"];
        let mut url = http::join(&cluster.base, segments.into_iter().chain(name))?;
        let dry = if run == Run::Dry { "&dryRun=All" } else { "" };
        url.set_query(Some(&format!("fieldManager=flespi-gitops{dry}")));
        Ok(url)
    }

    /// What of the store only the manifest chose.
    pub(super) fn chosen_by_manifest(&self) -> Option<&'static str> {
        let KubernetesStore { server, namespace: _, token_file, ca_file } = &self.own;
        match () {
            () if self.store.is_some() => self.named.is_none().then_some("store"),
            () if server.is_some() => Some("server"),
            () if token_file.is_some() => Some("token_file"),
            () if ca_file.is_some() => Some("ca_file"),
            () => None,
        }
    }

    /// The description that counts.
    fn described(&self) -> Result<&KubernetesStore, Trouble> {
        let Some(name) = &self.store else { return Ok(&self.own) };
        let path = match &self.own.namespace {
            Some(namespace) => format!("{namespace}/{}", self.secret),
            None => self.secret.clone(),
        };
        let named = granted(name, self.named.as_ref(), &path)?;
        let refused = || Trouble::Refused(format!("store `{name}` is not a Kubernetes cluster"));
        named.kubernetes.as_ref().ok_or_else(refused)
    }

    /// Why it would refuse, as far as that shows without opening a file and without a call.
    pub(super) fn foresee(&self, trust: &Trust) -> Result<(), Trouble> {
        if self.store.is_some() && self.named.is_none() {
            // That it is not looked at is said already.
            return Ok(());
        }
        let store = self.described()?;
        http::address(&server(store)?)?;
        let file = token_file(store);
        // Where the cluster puts it is not chosen by the manifest.
        let is_chosen = self.store.is_some() || store.token_file.is_none();
        if is_missing(&file, is_chosen, trust) { Err(no_token(&file)) } else { Ok(()) }
    }

    fn cluster(&self) -> Result<Cluster, Trouble> {
        let store = self.described()?;
        let (server, file) = (server(store)?, token_file(store));
        let KubernetesStore { server: _, namespace, token_file: _, ca_file } = store;
        let token = disk::read(&file)?.ok_or_else(|| no_token(&file))?;
        let token = reading::word(token.expose_secret().as_bytes().to_vec()).map_err(|why| {
            Trouble::Refused(format!("the token for it in {} {why}", file.display()))
        })?;
        let ca = ca_file.clone().or_else(|| Some(of_account("ca.crt")).filter(|ca| ca.exists()));
        let namespace = self.own.namespace.clone().or_else(|| namespace.clone()).or_else(|| {
            let text = files::read_text(&of_account("namespace"), MOST_NAME_BYTES).ok()?;
            Some(text.trim().to_owned())
        });
        let base = http::address(&server)?;
        Ok(Cluster {
            way: http::way_to(&base, ca.as_deref())?,
            base,
            token,
            namespace: namespace.unwrap_or_else(|| "default".to_owned()),
        })
    }
}

impl Cluster {
    async fn send(&self, request: RequestBuilder) -> Result<Answer, Trouble> {
        let text = SecretString::from(format!("Bearer {}", self.token.expose_secret()));
        let mut token =
            reqwest::header::HeaderValue::from_str(text.expose_secret()).map_err(|_| {
                Trouble::Refused(
                    "its token has characters that are not valid in a token".to_owned(),
                )
            })?;
        token.set_sensitive(true);
        http::send(&self.way, request.header("authorization", token)).await
    }
}

fn refusal(answer: &Answer, doing: &str, secrets: &[&SecretString]) -> Trouble {
    let said = answer.body.get("message").and_then(Value::as_str).map(str::to_owned);
    answer.refusal(doing, said, secrets)
}
