//! The wire between a run and its platform: counts what goes over it, and cuts it where a run is to be killed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use flespi_gitops::sandbox::InProcess;
use flespi_gitops::transport::{self, Carried, Wire};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::Notify;

use super::land::Trouble;

/// When a run is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kill {
    /// At which request of the run, from 0.
    pub(super) at: u64,
    /// Whether the platform still got that request, and did what it asks for.
    pub(super) is_after: bool,
}

/// One run's way to its platform.
pub(super) struct Line {
    platform: Arc<InProcess>,
    kill: Option<Kill>,
    /// The request before which the run is held until somebody else has done something.
    hold: Option<u64>,
    /// Rung when the run is to die.
    pub(super) killed: Notify,
    /// Rung when the run is held.
    pub(super) held: Notify,
    /// To be rung when it may go on.
    pub(super) go: Notify,
    state: Mutex<State>,
}

struct State {
    sent: u64,
    writes: u64,
    /// Makes some calls slower than others, so that two runs interleave.
    pace: Option<StdRng>,
}

impl Line {
    pub(super) fn new(platform: &Arc<InProcess>, trouble: &Trouble) -> Self {
        let pace = trouble.pace.map(StdRng::seed_from_u64);
        let state = Mutex::new(State { sent: 0, writes: 0, pace });
        let [killed, held, go] = std::array::from_fn(|_| Notify::new());
        let platform = Arc::clone(platform);
        Self { platform, kill: trouble.kill, hold: trouble.hold, killed, held, go, state }
    }

    /// How many requests went out, and how many of them ask for a change.
    pub(super) fn counts(&self) -> (u64, u64) {
        let state = self.state.lock().unwrap();
        (state.sent, state.writes)
    }

    /// The number of this request, and how long it takes.
    fn number(&self, is_write: bool) -> (u64, Duration) {
        let mut state = self.state.lock().unwrap();
        let number = state.sent;
        state.sent += 1;
        state.writes += u64::from(is_write);
        let pace = state.pace.as_mut().map_or(0, |pace| pace.random_range(0..200));
        (number, Duration::from_millis(pace))
    }

    async fn die(&self) -> ! {
        self.killed.notify_one();
        std::future::pending().await
    }

    async fn exchange(
        &self,
        call: reqwest::Request,
    ) -> Result<reqwest::Response, transport::Trouble> {
        let (number, pace) = self.number(call.method() != reqwest::Method::GET);
        let is_fatal = self.kill.filter(|kill| kill.at == number);
        if is_fatal.is_some_and(|kill| !kill.is_after) {
            self.die().await;
        }
        if self.hold == Some(number) {
            self.held.notify_one();
            self.go.notified().await;
        }
        if !pace.is_zero() {
            tokio::time::sleep(pace).await;
        }
        let answer = self.platform.answer(sent(&call)).await;
        if is_fatal.is_some() {
            self.die().await;
        }
        let answer = answer.map_err(|error| match error.kind() {
            std::io::ErrorKind::ConnectionRefused => {
                transport::Trouble::Unreachable(error.to_string())
            }
            _ => transport::Trouble::Lost(error.to_string()),
        })?;
        Ok(answer.map(reqwest::Body::wrap).into())
    }
}

impl Wire for Line {
    fn carry(&self, call: reqwest::Request) -> Carried<'_> {
        Box::pin(self.exchange(call))
    }
}

fn sent(call: &reqwest::Request) -> hyper::Request<Vec<u8>> {
    let body = call.body().and_then(reqwest::Body::as_bytes).unwrap_or_default().to_vec();
    let mut sent = hyper::Request::new(body);
    *sent.method_mut() = call.method().clone();
    *sent.uri_mut() = call.url().as_str().parse().unwrap();
    *sent.headers_mut() = call.headers().clone();
    sent
}
