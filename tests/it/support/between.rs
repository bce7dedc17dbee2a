//! Somebody between program and platform, who may answer something else than the platform did.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;

use super::{Run, World, run};

/// A request as it passed, and the answer that the platform gave to it.
pub struct Passing {
    pub method: String,
    /// Path and query.
    pub path: String,
    /// What was sent, as the program sent it.
    pub sent: Vec<u8>,
    pub status: u16,
    pub body: Vec<u8>,
    /// The `Date` that goes out; none goes if there is none.
    pub date: Option<String>,
    /// The header in which a sandbox says that its clock was moved.
    pub moved: Option<String>,
}

impl Passing {
    /// The body as JSON; `null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Whether this is the list of a collection as a pass begins with it.
    pub fn is_list_of(&self, collection: &str) -> bool {
        self.method == "GET" && self.path.starts_with(&format!("/platform/{collection}/all?"))
    }
}

type Change = Arc<Mutex<dyn FnMut(&mut Passing) + Send>>;

/// What becomes of a body on its way to the platform.
type Rewording = fn(&mut Value);

/// A server that passes requests on to the sandbox of a world.
pub struct Between<'a> {
    world: &'a World,
    url: String,
    _runtime: tokio::runtime::Runtime,
}

impl<'a> Between<'a> {
    /// `change` is shown every answer before it goes out.
    pub fn new(world: &'a World, change: impl FnMut(&mut Passing) + Send + 'static) -> Self {
        Self::rewording(world, |_| (), change)
    }

    /// The same, and `rewording` is shown every body before it reaches the platform.
    pub fn rewording(
        world: &'a World,
        rewording: Rewording,
        change: impl FnMut(&mut Passing) + Send + 'static,
    ) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let platform = Arc::new(world.sandbox().url().to_owned());
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let change: Change = Arc::new(Mutex::new(change));
        runtime.spawn(async move {
            let http = reqwest::Client::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (platform, http) = (Arc::clone(&platform), http.clone());
                let change = Arc::clone(&change);
                let service = service_fn(move |request| {
                    let (platform, http) = (Arc::clone(&platform), http.clone());
                    pass_on(platform, http, rewording, Arc::clone(&change), request)
                });
                tokio::spawn(async move {
                    let mut server = hyper::server::conn::http1::Builder::new();
                    server.auto_date_header(false);
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { world, url, _runtime: runtime }
    }

    /// Runs the program with this as its platform.
    pub fn run(&self, arguments: &[&str]) -> Run {
        let mut command = self.world.command(arguments);
        command.env("FLESPI_PLATFORM", &self.url);
        run(command)
    }
}

async fn pass_on(
    platform: Arc<String>,
    http: reqwest::Client,
    rewording: Rewording,
    change: Change,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let sent = body.collect().await.unwrap().to_bytes().to_vec();
    let body = match serde_json::from_slice::<Value>(&sent) {
        Ok(mut body) => {
            rewording(&mut body);
            body.to_string().into_bytes()
        }
        Err(_) => sent.clone(),
    };
    let target = format!("{platform}{}", head.uri);
    let mut onward = http.request(head.method.clone(), target).body(body);
    for (name, value) in &head.headers {
        if name != "host" && name != "content-length" {
            onward = onward.header(name, value);
        }
    }
    let answer = onward.send().await.unwrap();
    let header = |name: &str| Some(answer.headers().get(name)?.to_str().unwrap().to_owned());
    let mut passing = Passing {
        method: head.method.to_string(),
        path: head.uri.to_string(),
        sent,
        status: answer.status().as_u16(),
        date: header("date"),
        moved: header("x-sandbox-clock"),
        body: answer.bytes().await.unwrap().to_vec(),
    };
    (change.lock().unwrap())(&mut passing);
    let mut response = Response::builder().status(passing.status);
    for (name, value) in [("date", passing.date), ("x-sandbox-clock", passing.moved)] {
        if let Some(value) = value {
            response = response.header(name, value);
        }
    }
    Ok(response.body(Full::new(Bytes::from(passing.body))).unwrap())
}
