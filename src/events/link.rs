//! One connection to a broker, by the library, and its words in ours.

use std::collections::VecDeque;
use std::sync::Arc;

use hyper::body::Bytes;
use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, DisconnectReasonCode, Event, EventLoop,
    MqttOptions, Packet, QoS, StateError, SubscribeFilter, SubscribeReasonCode, TlsConfiguration,
    Transport,
};
use serde_json::Value;

use super::address::Address;
use crate::secret::{ExposeSecret, SecretString};

/// The longest message that is taken, in bytes: two snapshots of a realm with a long configuration are far below.
const LONGEST_MESSAGE: u32 = 1024 * 1024;

/// Messages that are on their way at a time.
const WINDOW: u16 = 64;

/// Seconds after which a silent broker is asked whether it is there.
const KEEP_ALIVE: u16 = 30;

/// Words of a broker that are shown, in characters.
const MOST_WORDS: usize = 200;

/// A connection, or one in the making.
pub(super) struct Link {
    client: AsyncClient,
    events: EventLoop,
    /// The filters of each subscription that is not answered yet.
    asked: VecDeque<Vec<String>>,
}

/// What a broker says.
#[derive(Debug)]
pub(super) enum Word {
    /// We are let in, with the token of this id if the broker says it.
    Welcome(Option<i64>),
    /// A subscription is answered: these filters are refused, and why.
    Subscribed(Vec<(String, &'static str)>),
    /// A message.
    Message { topic: Bytes, payload: Bytes },
    /// Nothing that matters.
    Aside,
}

impl Link {
    pub(super) fn to(
        address: &Address,
        token: &SecretString,
        client_id: &str,
        tls: Option<Arc<rustls::ClientConfig>>,
    ) -> Self {
        let mut options = MqttOptions::new(client_id, (address.host.clone(), address.port));
        if let Some(tls) = tls {
            options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls)));
        }
        options.set_username(format!("FlespiToken {}", token.expose_secret()));
        options.set_keep_alive(KEEP_ALIVE);
        options.set_clean_start(true);
        options.set_session_expiry_interval(Some(0));
        options.set_receive_maximum(Some(WINDOW));
        options.set_max_packet_size(Some(LONGEST_MESSAGE));
        let (client, events) = AsyncClient::builder(options).build();
        Self { client, events, asked: VecDeque::new() }
    }

    /// Asks for what fits these filters. What becomes of it is a word of the broker.
    pub(super) fn subscribe(&mut self, filters: Vec<String>) -> Result<(), String> {
        let wanted = filters.iter().map(|filter| SubscribeFilter::new(filter, QoS::AtLeastOnce));
        let sent = self.client.try_subscribe_many(wanted.collect::<Vec<_>>());
        sent.map_err(|_| "the broker does not take subscriptions".to_owned())?;
        self.asked.push_back(filters);
        Ok(())
    }

    /// The next word of the broker, or why there is none any more.
    pub(super) async fn next(&mut self) -> Result<Word, String> {
        Ok(match self.events.poll().await.map_err(|error| words(&error))? {
            Event::Incoming(Packet::ConnAck(connack)) => {
                let said = connack.properties.map(|properties| properties.user_properties);
                let token = said.into_iter().flatten().find(|(name, _)| name == "token");
                Word::Welcome(token.and_then(|(_, token)| token_id(&token)))
            }
            Event::Incoming(Packet::SubAck(answer)) => {
                let asked = self.asked.pop_front().unwrap_or_default();
                let refused = asked.into_iter().zip(answer.return_codes);
                let refused = refused.filter_map(|(filter, code)| Some((filter, refusal(code)?)));
                Word::Subscribed(refused.collect())
            }
            Event::Incoming(Packet::Publish(publish)) => {
                Word::Message { topic: publish.topic, payload: publish.payload }
            }
            _ => Word::Aside,
        })
    }
}

/// The id of the token in what `GET /auth/info` would say, if it is there.
fn token_id(text: &str) -> Option<i64> {
    serde_json::from_str::<Value>(text).ok()?.get("id")?.as_i64()
}

/// Why a filter is refused; none if it is not.
fn refusal(code: SubscribeReasonCode) -> Option<&'static str> {
    Some(match code {
        SubscribeReasonCode::Success(_) => return None,
        SubscribeReasonCode::NotAuthorized => "the token may not subscribe to it",
        SubscribeReasonCode::TopicFilterInvalid => "it is not a valid topic for the broker",
        SubscribeReasonCode::QuotaExceeded => "the quota of subscriptions is used up",
        _ => "the broker gives no reason",
    })
}

/// What went wrong. Of what the broker sent only a bounded reason is repeated.
fn words(error: &ConnectionError) -> String {
    match error {
        ConnectionError::ConnectionRefused(code) => match code {
            ConnectReturnCode::BadUserNamePassword => {
                "the broker does not know the token".to_owned()
            }
            ConnectReturnCode::NotAuthorized => "the broker does not let the token in".to_owned(),
            ConnectReturnCode::Banned | ConnectReturnCode::QuotaExceeded => {
                "the token or its account is blocked".to_owned()
            }
            ConnectReturnCode::ServerUnavailable | ConnectReturnCode::ServerBusy => {
                "the broker is not available at the moment".to_owned()
            }
            ConnectReturnCode::ConnectionRateExceeded => {
                "the broker refuses connections that follow each other too fast".to_owned()
            }
            ConnectReturnCode::RefusedProtocolVersion
            | ConnectReturnCode::UnsupportedProtocolVersion => {
                "the broker does not speak MQTT 5".to_owned()
            }
            _ => "the broker refuses the connection".to_owned(),
        },
        ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, reason_string }) => {
            let why = match reason_code {
                DisconnectReasonCode::NotAuthorized => "the token is no longer let in",
                DisconnectReasonCode::QuotaExceeded => "a quota is used up",
                DisconnectReasonCode::ServerShuttingDown => "it shuts down",
                DisconnectReasonCode::SessionTakenOver => "another client took the connection over",
                _ => "no reason that is known here",
            };
            let said = reason_string.as_deref().map(shortened).filter(|said| !said.is_empty());
            let said = said.map(|said| format!(" ({said:?})")).unwrap_or_default();
            format!("the broker ended the connection: {why}{said}")
        }
        ConnectionError::MqttState(StateError::IncomingPacketTooLarge { .. }) => {
            "the broker sent a message that is too long".to_owned()
        }
        ConnectionError::MqttState(StateError::AwaitPingResp) | ConnectionError::Timeout(_) => {
            "the broker does not answer".to_owned()
        }
        ConnectionError::MqttState(StateError::Io(error)) | ConnectionError::Io(error) => {
            shortened(&format!("cannot reach the broker: {error}"))
        }
        ConnectionError::MqttState(StateError::ConnectionAborted) => {
            "the broker closed the connection".to_owned()
        }
        ConnectionError::Tls(error) => {
            let cause = crate::causes::of(error).last().map(ToString::to_string);
            let cause = cause.unwrap_or_else(|| error.to_string());
            shortened(&format!("the broker is not trusted, or does not speak TLS: {cause}"))
        }
        _ => "what the broker sends is not MQTT 5".to_owned(),
    }
}

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MOST_WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_the_token_is_taken_from_what_the_broker_says_if_it_can_be() {
        assert_eq!(token_id(r#"{"cid":1,"id":7,"access":{"type":1}}"#), Some(7));
        for other in ["", "7", "{}", r#"{"id":"7"}"#, r#"{"id":null}"#, "[[[["] {
            assert_eq!(token_id(other), None, "{other}");
        }
    }

    #[test]
    fn what_a_broker_gives_as_its_reason_is_short_and_printable() {
        let reason_string = Some(format!("\u{1b}[2J{}", "x".repeat(10_000)));
        let error = ConnectionError::MqttState(StateError::ServerDisconnect {
            reason_code: DisconnectReasonCode::NotAuthorized,
            reason_string,
        });
        let words = words(&error);
        assert!(
            words.starts_with("the broker ended the connection: the token is no longer let in")
        );
        assert!(words.len() < 300 && !words.contains('\u{1b}'), "{words}");
    }
}
