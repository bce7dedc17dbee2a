//! A platform in process, for tests that ask it thousands of times and need no program.

use flespi_gitops::sandbox::{Assumptions, InProcess};
use flespi_gitops::secret::ExposeSecret;
use http_body_util::BodyExt;
use serde_json::Value;

/// A platform without a socket.
pub struct Pocket {
    runtime: tokio::runtime::Runtime,
    platform: InProcess,
}

impl Pocket {
    /// A fresh platform, as it is on 2026-01-01.
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let platform = InProcess::new(Assumptions::default(), 7, 1_767_225_600_000);
        Self { runtime, platform }
    }

    /// The master token of the root account.
    pub fn token(&self) -> String {
        self.platform.token().expose_secret().to_owned()
    }

    /// Status and whole answer of a call that `key` signs.
    pub fn call(&self, method: &str, path: &str, key: &str, body: Option<&Value>) -> (u16, Value) {
        let request = hyper::Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("FlespiToken {key}"))
            .body(body.map(|body| body.to_string().into_bytes()).unwrap_or_default())
            .unwrap();
        self.runtime.block_on(async {
            let answer = self.platform.answer(request).await.unwrap();
            let status = answer.status().as_u16();
            let bytes = answer.into_body().collect().await.unwrap().to_bytes();
            (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
        })
    }

    /// A call with the root account's token that must succeed: its `result`.
    #[track_caller]
    pub fn api(&self, method: &str, path: &str, body: Option<&Value>) -> Vec<Value> {
        let (status, answer) = self.call(method, path, &self.token(), body);
        assert_eq!(status, 200, "{method} {path}: {answer}");
        answer["result"].as_array().unwrap().clone()
    }
}
