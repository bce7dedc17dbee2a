//! A sandbox without a door: who has it calls it, and no socket, thread or clock of this machine comes in between.
//!
//! Time is that of the runtime, so it stands still where a test pauses it; chance comes from a seed. So a whole life of an
//! estate takes milliseconds, and takes the same course again.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use secrecy::SecretString;
use tokio::time::{Instant, sleep};

use super::{
    answer::Delivery,
    assumptions::Assumptions,
    catalog::Kind,
    http::{Drops, headers, on_the_wire},
    request::Request,
    seed,
    world::World,
};

/// A platform in the hands of its caller.
pub struct InProcess {
    /// When its life began: milliseconds since 1970, and the runtime's own time.
    began: (u64, Instant),
    token: SecretString,
    inner: Mutex<Inner>,
}

struct Inner {
    world: World,
    random: StdRng,
    /// Connections are refused until then.
    closed_until: Option<Instant>,
}

impl fmt::Debug for InProcess {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("InProcess")
    }
}

impl InProcess {
    /// A fresh world under `assumptions`. It is `now` (milliseconds since 1970) in it, and time goes on as the runtime's does;
    /// everything that is drawn by lot follows from `seed`.
    pub fn new(assumptions: Assumptions, seed: u64, now: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let state = seed::state(&assumptions, now / 1000, &mut || random.next_u64());
        let world = World::new(state, assumptions, false);
        let token = world.books.state.item(Kind::Tokens, world.books.state.root_token);
        let key = token.and_then(|token| token.fields.text("key")).unwrap_or_default().to_owned();
        Self {
            began: (now, Instant::now()),
            token: SecretString::from(key),
            inner: Mutex::new(Inner { world, random, closed_until: None }),
        }
    }

    /// The master token of the root account.
    pub fn token(&self) -> &SecretString {
        &self.token
    }

    /// What time it is in this world, in milliseconds since 1970, if nobody moved its clock.
    pub fn now(&self) -> u64 {
        let (then, began) = self.began;
        then.saturating_add(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// Answers one request, as a door would.
    ///
    /// # Errors
    /// `ConnectionRefused` while a fault keeps connections away: nothing was done. `ConnectionAborted` where a fault cuts
    /// the connection: whatever was asked for may have been done. A body that is cut off ends with such an error, too.
    pub async fn answer(
        &self,
        request: hyper::Request<Vec<u8>>,
    ) -> io::Result<hyper::Response<Drops>> {
        let (parts, body) = request.into_parts();
        let request = Request {
            method: parts.method.as_str().to_owned(),
            target: parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
            headers: headers(&parts.headers),
            body,
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let response = {
            let mut inner = self.lock();
            let Inner { world, random, closed_until } = &mut *inner;
            if closed_until.is_some_and(|until| Instant::now() < until) {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            world.handle(&request, self.now(), &mut || random.next_u64())
        };
        let Delivery { delay, cut, refuse, .. } = response.delivery;
        sleep_if_any(delay).await;
        if let Some(time) = refuse {
            self.lock().closed_until = Some(Instant::now() + time);
        }
        match cut {
            true => Err(io::ErrorKind::ConnectionAborted.into()),
            false => Ok(on_the_wire(response)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sleeping for no time at all still takes the runtime a turn of its clock.
async fn sleep_if_any(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}
