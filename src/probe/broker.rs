//! What the MQTT broker does, asked with tokens that were made for trials.
//!
//! The token that was given to us never goes to the broker.

use std::sync::Arc;
use std::time::Duration;

use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, MqttOptions, Packet, QoS,
    SubscribeReasonCode, TlsConfiguration, Transport,
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until, timeout};

use super::caller::ProbeError;
use super::lab::{Lab, Made, TTL, Tree, master};
use crate::events::Address;
use crate::profile::Evidence;
use crate::transport;

/// Names of all questions of this file, for when none can be asked.
const NAMES: [&str; 6] =
    ["mqtt-cid", "mqtt-denied", "mqtt-blocked", "customer-topic", "restored-topic", "mqtt-touch"];

/// The broker gets this long to answer, and to tell of what happened.
const PATIENCE: Duration = Duration::from_secs(8);

/// A session is open for so long before it is looked whether its token counts as used.
const OPEN: Duration = Duration::from_secs(45);

/// So many seconds after it was opened, the use of a token was not the opening.
const LATER: i64 = 20;

/// A connection to the broker.
struct Link {
    client: AsyncClient,
    events: EventLoop,
    /// Topics of the messages that came.
    heard: Vec<String>,
}

/// Asks the broker.
pub(super) async fn ask(
    lab: &mut Lab<'_>,
    address: &Address,
    tree: &Tree,
    blocked: Option<&Made>,
) -> Result<(), ProbeError> {
    let Some(listener) = lab.token(lab.account, master()).await? else {
        cannot(lab, "no token is made to listen with");
        return Ok(());
    };
    let mut link = match Link::open(address, &listener.key, "listener").await {
        Ok(link) => link,
        Err(Refused { why, .. }) => {
            cannot(lab, &format!("the broker cannot be reached: {why}"));
            return Ok(());
        }
    };
    let opened = Instant::now();
    changes(lab, tree, &mut link).await?;
    denied(lab, address).await?;
    refused(lab, address, blocked).await;
    used(lab, &mut link, &listener, opened).await
}

fn cannot(lab: &mut Lab<'_>, why: &str) {
    NAMES.iter().for_each(|name| lab.book.cannot_tell(name, why));
}

/// What is told of a limit that is made in the account below, and of a token that comes back from the bin.
async fn changes(lab: &mut Lab<'_>, tree: &Tree, link: &mut Link) -> Result<(), ProbeError> {
    let token = json!({"info": "back", "ttl": TTL, "access": {"type": 0}});
    let token = lab.token(lab.account, token).await?;
    let limits = format!("$filter/cid={}/flespi/log/platform/limits/+/created", lab.account);
    let customer = "flespi/log/platform/customer/+/#".to_owned();
    let tokens = "flespi/log/platform/tokens/+/created,restored".to_owned();
    for filter in [&limits, &customer, &tokens] {
        link.subscribe(filter).await;
    }
    let limit = json!({"name": "heard"});
    let limit = lab.post(tree.inner, "platform/limits", limit).await?.id();
    if let Some(token) = &token {
        lab.delete(lab.account, "platform/tokens", token.id).await?;
        if let (_, Some(record)) = lab.in_bin(lab.account, token.id).await? {
            lab.restore(lab.account, record).await?;
        }
    }
    link.listen(PATIENCE).await;
    let has = |topic: &str| link.heard.iter().any(|heard| heard == topic);
    let topic =
        |kind: &str, id: i64, event: &str| format!("flespi/log/platform/{kind}/{id}/{event}");

    if let Some(limit) = limit {
        let is_below = has(&topic("limits", limit, "created"));
        let value = if is_below { "branch" } else { "account" };
        lab.book.saw("mqtt-cid", value, vec![subscribed(&limits, link)]);
    } else {
        lab.book.cannot_tell("mqtt-cid", "no limit is made to listen for");
    }
    let is_whole =
        link.heard.iter().any(|topic| topic.starts_with("flespi/log/platform/customer/"));
    let value = if is_whole { "whole" } else { "own" };
    lab.book.saw("customer-topic", value, vec![subscribed(&customer, link)]);
    let back =
        |event: &str| token.as_ref().is_some_and(|token| has(&topic("tokens", token.id, event)));
    match (back("restored"), back("created")) {
        (true, _) => lab.book.saw("restored-topic", "restored", vec![subscribed(&tokens, link)]),
        (_, true) => lab.book.saw("restored-topic", "created", vec![subscribed(&tokens, link)]),
        _ => lab.book.cannot_tell("restored-topic", "nothing is told of a token that comes back"),
    }
    Ok(())
}

fn subscribed(filter: &str, link: &Link) -> Evidence {
    let answer = json!({"topics": link.heard}).to_string();
    Evidence { request: format!("SUBSCRIBE {filter}"), answer, ..Evidence::default() }
}

/// A token that is not of type Master asks for what only such tokens get.
async fn denied(lab: &mut Lab<'_>, address: &Address) -> Result<(), ProbeError> {
    let token = json!({"info": "standard", "ttl": TTL, "access": {"type": 0}});
    let Some(token) = lab.token(lab.account, token).await? else {
        lab.book.cannot_tell("mqtt-denied", "no token is made");
        return Ok(());
    };
    let filter = "flespi/log/platform/limits/+/created";
    match Link::open(address, &token.key, "standard").await {
        Err(Refused { why, .. }) => lab.book.cannot_tell("mqtt-denied", why),
        Ok(mut link) => match link.subscribe(filter).await {
            Some(code) => {
                let is_granted = matches!(code, SubscribeReasonCode::Success(_));
                let value = if is_granted { "silence" } else { "refuse" };
                let evidence = Evidence {
                    request: format!("SUBSCRIBE {filter} with a standard token"),
                    answer: format!("{code:?}"),
                    ..Evidence::default()
                };
                lab.book.saw("mqtt-denied", value, vec![evidence]);
            }
            None => lab.book.cannot_tell("mqtt-denied", "the broker does not answer"),
        },
    }
    Ok(())
}

/// A token that is blocked asks to be let in.
async fn refused(lab: &mut Lab<'_>, address: &Address, blocked: Option<&Made>) {
    let Some(token) = blocked else {
        lab.book.cannot_tell("mqtt-blocked", "nothing is blocked by overuse");
        return;
    };
    let Err(Refused { code, why }) = Link::open(address, &token.key, "blocked").await else {
        lab.book.cannot_tell("mqtt-blocked", "a token that is blocked is let in");
        return;
    };
    let value = match code {
        Some(ConnectReturnCode::QuotaExceeded) => "151",
        Some(ConnectReturnCode::Banned) => "138",
        _ => {
            lab.book.cannot_tell("mqtt-blocked", why);
            return;
        }
    };
    let evidence = Evidence {
        request: "CONNECT with a token that is blocked".to_owned(),
        answer: why,
        ..Evidence::default()
    };
    lab.book.saw("mqtt-blocked", value, vec![evidence]);
}

/// Whether the token of a session that stays open goes on being used.
async fn used(
    lab: &mut Lab<'_>,
    link: &mut Link,
    token: &Made,
    opened: Instant,
) -> Result<(), ProbeError> {
    link.listen((opened + OPEN).saturating_duration_since(Instant::now())).await;
    let path = format!("platform/tokens/{}?fields=id,created,accessed", token.id);
    let read = lab.get(lab.account, &path).await?;
    let number = |name: &str| read.member(name).and_then(Value::as_i64);
    match number("accessed").zip(number("created")) {
        Some((accessed, created)) => {
            let value = if accessed - created >= LATER { "session" } else { "connect" };
            lab.book.found("mqtt-touch", value, [&read]);
        }
        None => lab.book.cannot_tell("mqtt-touch", read.unexpected()),
    }
    Ok(())
}

/// Why a connection did not come about.
struct Refused {
    code: Option<ConnectReturnCode>,
    why: String,
}

impl Refused {
    fn because(why: impl Into<String>) -> Self {
        Self { code: None, why: why.into() }
    }
}

impl Link {
    /// Connects with a key.
    async fn open(address: &Address, key: &str, name: &str) -> Result<Self, Refused> {
        let tls = match address.is_encrypted() {
            true => Some(transport::tls().map_err(|error| Refused::because(error.to_string()))?),
            false => None,
        };
        let id = format!("flespi-gitops-probe-{name}-{:08x}", rand::random::<u32>());
        let mut options = MqttOptions::new(id, (address.host().to_owned(), address.port()));
        if let Some(tls) = tls {
            let tls = TlsConfiguration::Rustls(Arc::clone(&tls));
            options.set_transport(Transport::tls_with_config(tls));
        }
        options.set_username(format!("FlespiToken {key}"));
        options.set_clean_start(true);
        options.set_session_expiry_interval(Some(0));
        let (client, events) = AsyncClient::builder(options).build();
        let mut link = Self { client, events, heard: Vec::new() };
        let welcome = timeout(PATIENCE, async {
            loop {
                match link.events.poll().await {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => return Ok(()),
                    Ok(_) => {}
                    Err(ConnectionError::ConnectionRefused(code)) => {
                        return Err(Refused { why: format!("{code:?}"), code: Some(code) });
                    }
                    Err(_) => return Err(Refused::because("the connection broke off")),
                }
            }
        });
        match welcome.await {
            Ok(welcome) => welcome.map(|()| link),
            Err(_) => Err(Refused::because("the broker does not answer")),
        }
    }

    /// Subscribes to a filter; what the broker says to it, if anything.
    async fn subscribe(&mut self, filter: &str) -> Option<SubscribeReasonCode> {
        self.client.try_subscribe(filter, QoS::AtLeastOnce).ok()?;
        let answer = timeout(PATIENCE, async {
            loop {
                match self.events.poll().await.ok()? {
                    Event::Incoming(Packet::SubAck(answer)) => {
                        return answer.return_codes.first().copied();
                    }
                    Event::Incoming(Packet::Publish(message)) => {
                        self.heard.push(String::from_utf8_lossy(&message.topic).into_owned());
                    }
                    _ => {}
                }
            }
        });
        answer.await.ok().flatten()
    }

    /// Notes the topics of what comes in the next time.
    async fn listen(&mut self, time: Duration) {
        let until = Instant::now() + time;
        loop {
            tokio::select! {
                () = sleep_until(until) => return,
                event = self.events.poll() => match event {
                    Ok(Event::Incoming(Packet::Publish(message))) => {
                        self.heard.push(String::from_utf8_lossy(&message.topic).into_owned());
                    }
                    Ok(_) => {}
                    // What was heard until then counts.
                    Err(_) => return,
                },
            }
        }
    }
}
