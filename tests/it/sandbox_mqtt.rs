//! The sandbox's broker, by a client of somebody else and by bytes that no client sends.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use flespi_gitops::sandbox::Options;
use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, MqttOptions, Packet,
    Publish, PublishOptions, QoS, SubscribeFilter, SubscribeProperties, SubscribeReasonCode,
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::support::World;

const PATIENCE: Duration = Duration::from_secs(20);

fn world(assumptions: &[&str]) -> World {
    let mut options = Options { mqtt: Some(([127, 0, 0, 1], 0).into()), ..Options::default() };
    for assumption in assumptions {
        options.assumptions.set(assumption).unwrap();
    }
    World::with(options)
}

fn port(world: &World) -> u16 {
    world.sandbox().mqtt_url().unwrap().rsplit(':').next().unwrap().parse().unwrap()
}

/// A client of the broker.
struct Ear {
    runtime: Runtime,
    client: AsyncClient,
    events: EventLoop,
}

impl Ear {
    fn new(world: &World, user_name: &str, password: &str) -> Self {
        let mut options = MqttOptions::new("ear", ("127.0.0.1", port(world)));
        options.set_credentials(user_name.to_owned(), password.to_owned());
        options.set_max_packet_size(Some(1 << 20));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (client, events) = runtime.block_on(async { AsyncClient::builder(options).build() });
        Self { runtime, client, events }
    }

    /// One that is let in as the master token.
    fn open(world: &World) -> Self {
        let mut ear = Self::new(world, &format!("FlespiToken {}", world.token()), "");
        ear.welcome().unwrap();
        ear
    }

    /// Whether it is let in, and what it is told of its token.
    fn welcome(&mut self) -> Result<Value, ConnectReturnCode> {
        match self.next() {
            Ok(Packet::ConnAck(connack)) => {
                let said = connack.properties.unwrap().user_properties;
                let token = said.into_iter().find(|(name, _)| name == "token").unwrap();
                Ok(serde_json::from_str(&token.1).unwrap())
            }
            Err(ConnectionError::ConnectionRefused(code)) => Err(code),
            other => panic!("{other:?}"),
        }
    }

    fn next(&mut self) -> Result<Packet, ConnectionError> {
        let Self { runtime, events, .. } = self;
        runtime.block_on(async {
            tokio::time::timeout(PATIENCE, async {
                loop {
                    if let Event::Incoming(packet) = events.poll().await? {
                        return Ok(packet);
                    }
                }
            })
            .await
            .expect("nothing came")
        })
    }

    fn subscribe(&mut self, filters: &[&str]) -> Vec<SubscribeReasonCode> {
        self.subscribe_as(filters, None)
    }

    fn subscribe_as(&mut self, filters: &[&str], cid: Option<&str>) -> Vec<SubscribeReasonCode> {
        let user_properties =
            cid.map(|cid| ("cid".to_owned(), cid.to_owned())).into_iter().collect();
        let properties = SubscribeProperties { id: None, user_properties };
        let wanted: Vec<SubscribeFilter> =
            filters.iter().map(|filter| SubscribeFilter::new(*filter, QoS::AtLeastOnce)).collect();
        self.client.try_subscribe_many_with_properties(wanted, properties).unwrap();
        loop {
            match self.next().unwrap() {
                Packet::SubAck(answer) => return answer.return_codes,
                Packet::PingResp => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn message(&mut self) -> Publish {
        loop {
            match self.next().unwrap() {
                Packet::Publish(publish) => return publish,
                Packet::PingResp | Packet::PubAck(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The topic of the next message, and what it holds.
    fn heard(&mut self) -> (String, Value) {
        let publish = self.message();
        let topic = String::from_utf8(publish.topic.to_vec()).unwrap();
        (topic, serde_json::from_slice(&publish.payload).unwrap_or_default())
    }

    /// Why the connection ends.
    fn end(&mut self) -> String {
        loop {
            match self.next() {
                Ok(Packet::Disconnect(disconnect)) => {
                    return format!("{:?}", disconnect.reason_code);
                }
                Ok(_) => {}
                Err(error) => return error.to_string(),
            }
        }
    }
}

/// A call with the master token.
fn send(
    world: &World,
    method: &str,
    path: &str,
    cid: Option<i64>,
    body: Option<&Value>,
) -> (u16, Value) {
    world.call(method, path, Some(&world.token()), cid, body)
}

fn create(world: &World, collection: &str, body: Value, cid: Option<i64>) -> Value {
    let path = format!("/platform/{collection}");
    let (status, answer) = send(world, "POST", &path, cid, Some(&json!([body])));
    assert_eq!(status, 200, "{answer}");
    answer["result"][0].clone()
}

#[test]
fn a_change_is_told_with_the_record_that_the_log_has() {
    let world = world(&[]);
    let mut ear = Ear::open(&world);
    let granted = ear.subscribe(&["flespi/log/platform/limits/+/created,updated,deleted"]);
    assert_eq!(granted, [SubscribeReasonCode::Success(QoS::AtLeastOnce)]);
    let limit = create(&world, "limits", json!({"name": "a"}), None);
    let path = format!("/platform/limits/{}", limit["id"]);
    send(&world, "PUT", &path, None, Some(&json!({"name": "b"})));
    send(&world, "DELETE", &path, None, None);
    let told: Vec<(String, Value)> = (0..3).map(|_| ear.heard()).collect();
    let (_, logs) = send(&world, "GET", &format!("{path}/logs"), None, None);
    assert_eq!(logs["result"].as_array().map(Vec::len), None, "the limit is gone: {logs}");
    for ((topic, record), (event, code)) in
        told.iter().zip([("created", 1), ("updated", 2), ("deleted", 3)])
    {
        assert_eq!(*topic, format!("flespi/log{path}/{event}"));
        assert_eq!(record["event_code"], code);
        assert_eq!((&record["origin_id"], &record["origin_type"]), (&limit["id"], &json!(4)));
    }
    assert_eq!(told[1].1["old"]["name"], "a");
    assert_eq!(told[1].1["new"]["name"], "b");
    assert!(told[2].1.get("new").is_none(), "{}", told[2].1);
}

#[test]
fn a_message_says_whose_it_is_and_when() {
    let world = world(&[]);
    let mut ear = Ear::open(&world);
    ear.subscribe(&["flespi/log/platform/limits/#"]);
    let account = create(&world, "subaccounts", json!({"name": "acme"}), None);
    let cid = account["id"].as_i64().unwrap();
    create(&world, "limits", json!({"name": "a"}), Some(cid));
    let properties = ear.message().properties.unwrap().user_properties;
    let said = |name: &str| {
        let found = properties.iter().find(|(known, _)| known == name);
        found.unwrap().1.parse::<i64>().unwrap()
    };
    assert_eq!(said("cid"), cid);
    assert!(said("timestamp") > 1_700_000_000);
}

#[test]
fn the_state_of_items_is_kept_for_whoever_comes_later_and_goes_with_them() {
    let world = world(&[]);
    let limit = create(&world, "limits", json!({"name": "a"}), None);
    let mut ear = Ear::open(&world);
    ear.subscribe(&["flespi/state/platform/limits/+", "flespi/state/platform/limits/+/name"]);
    let mut kept = [ear.heard(), ear.heard()];
    kept.sort_by(|one, other| one.0.cmp(&other.0));
    let topic = format!("flespi/state/platform/limits/{}", limit["id"]);
    assert_eq!(kept[0].0, topic);
    assert_eq!((&kept[0].1["name"], &kept[0].1["id"]), (&json!("a"), &limit["id"]));
    assert_eq!(kept[1], (format!("{topic}/name"), json!("a")));
    send(&world, "DELETE", &format!("/platform/limits/{}", limit["id"]), None, None);
    let gone = ear.message();
    assert_eq!((&*gone.topic, gone.payload.len()), (topic.as_bytes(), 0));
}

#[test]
fn no_message_holds_a_key() {
    let world = world(&[]);
    let mut ear = Ear::open(&world);
    ear.subscribe(&["flespi/#"]);
    let token = json!({"info": "app", "ttl": 60, "access": {"type": 0}});
    let made = create(&world, "tokens", token, None);
    let key = made["key"].as_str().unwrap().to_owned();
    let last = format!("flespi/state/platform/tokens/{}/ttl", made["id"]);
    loop {
        let message = ear.message();
        let payload = String::from_utf8_lossy(&message.payload).into_owned();
        assert!(!payload.contains(&key) && !payload.contains(&world.token()), "{payload}");
        if *message.topic == *last.as_bytes() {
            break;
        }
    }
}

#[test]
fn a_filter_may_be_narrowed_to_an_account_in_two_ways_and_by_what_a_message_holds() {
    let world = world(&[]);
    let account = create(&world, "subaccounts", json!({"name": "acme"}), None);
    let cid = account["id"].as_i64().unwrap();
    let topic = "flespi/log/platform/limits/+/created";
    for (filter, property) in [
        (format!("$filter/cid={cid}/{topic}"), None),
        (topic.to_owned(), Some(cid.to_string())),
        (format!("$filter/payload=new.name%3D%3D%22inside%22/{topic}"), None),
    ] {
        let mut ear = Ear::open(&world);
        ear.subscribe_as(&[&filter], property.as_deref());
        create(&world, "limits", json!({"name": "outside"}), None);
        create(&world, "limits", json!({"name": "inside"}), Some(cid));
        assert_eq!(ear.heard().1["new"]["name"], "inside", "{filter}");
    }
}

#[test]
fn a_token_hears_its_own_branch_and_only_a_master_token_hears_the_platform() {
    let world = world(&[]);
    let account = create(&world, "subaccounts", json!({"name": "acme"}), None);
    let cid = account["id"].as_i64().unwrap();
    let key = |access: Value| {
        let token = json!({"info": "t", "ttl": 3600, "access": access});
        create(&world, "tokens", token, Some(cid))["key"].as_str().unwrap().to_owned()
    };
    let mut master = Ear::new(&world, &key(json!({"type": 1})), "");
    assert_eq!(master.welcome().unwrap()["cid"], cid);
    master.subscribe(&["flespi/log/platform/limits/#"]);
    create(&world, "limits", json!({"name": "above"}), None);
    create(&world, "limits", json!({"name": "here"}), Some(cid));
    assert_eq!(master.heard().1["new"]["name"], "here");
    let foreign = master.subscribe(&["$filter/cid=1/flespi/log/platform/limits/#"]);
    assert_eq!(foreign, [SubscribeReasonCode::NotAuthorized]);
    let entry = json!({"uri": "mqtt", "topic": "site/#", "actions": ["subscribe"]});
    for access in [json!({"type": 0}), json!({"type": 2, "acl": [entry]})] {
        let mut other = Ear::new(&world, &key(access), "");
        other.welcome().unwrap();
        let granted = other.subscribe(&["flespi/log/platform/limits/#", "site/#"]);
        let fine = SubscribeReasonCode::Success(QoS::AtLeastOnce);
        assert_eq!(granted, [SubscribeReasonCode::NotAuthorized, fine]);
    }
}

#[test]
fn what_cannot_be_subscribed_to_is_refused_one_by_one() {
    let world = world(&[]);
    let mut ear = Ear::open(&world);
    let filters = ["$share/g/flespi/log/#", "$filter/what=1/flespi/log/#", "flespi/log/#"];
    assert_eq!(
        ear.subscribe(&filters),
        [
            SubscribeReasonCode::SharedSubscriptionsNotSupported,
            SubscribeReasonCode::TopicFilterInvalid,
            SubscribeReasonCode::Success(QoS::AtLeastOnce),
        ]
    );
}

#[test]
fn a_token_that_opens_no_calls_opens_no_connection() {
    let world = world(&[]);
    let refused = |user: &str, password: &str| Ear::new(&world, user, password).welcome().err();
    assert_eq!(refused("wrong", ""), Some(ConnectReturnCode::BadUserNamePassword));
    let token = |more: Value| {
        let mut token = json!({"info": "t", "ttl": 3600, "access": {"type": 1}});
        token.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        create(&world, "tokens", token, None)["key"].as_str().unwrap().to_owned()
    };
    let not_authorized = Some(ConnectReturnCode::NotAuthorized);
    assert_eq!(refused(&token(json!({"enabled": false})), ""), not_authorized);
    assert_eq!(refused(&token(json!({"ips": "10.0.0.*"})), ""), not_authorized);
    assert_eq!(refused("", &token(json!({}))), None, "the key may be the password");
}

#[test]
fn a_token_that_is_deleted_or_expires_or_is_switched_off_ends_its_connections() {
    let world = world(&[]);
    let token = json!({"info": "t", "ttl": 60, "access": {"type": 1}});
    let ends = [
        &(|id: &Value| {
            send(&world, "DELETE", &format!("/platform/tokens/{id}"), None, None);
        }) as &dyn Fn(&Value),
        &|id| {
            let body = json!({"enabled": false});
            send(&world, "PUT", &format!("/platform/tokens/{id}"), None, Some(&body));
        },
        &|_| {
            send(&world, "POST", "/_sandbox/clock", None, Some(&json!({"advance": 120})));
        },
    ];
    for end in ends {
        let made = create(&world, "tokens", token.clone(), None);
        let mut ear = Ear::new(&world, made["key"].as_str().unwrap(), "");
        ear.welcome().unwrap();
        end(&made["id"]);
        let why = ear.end();
        assert!(why.contains("NotAuthorized"), "{why}");
    }
}

#[test]
fn clients_hear_each_other_and_not_what_they_publish_below_flespi() {
    let world = world(&[]);
    let mut ear = Ear::open(&world);
    ear.subscribe(&["#"]);
    while !String::from_utf8_lossy(&ear.message().topic).ends_with("/ttl") {}
    for topic in ["flespi/log/platform/limits/1/created", "site/a"] {
        ear.client.try_publish(topic, "x", PublishOptions::new(QoS::AtLeastOnce)).unwrap();
    }
    loop {
        let message = ear.message();
        assert_ne!(&*message.topic, b"flespi/log/platform/limits/1/created");
        if &*message.topic == b"site/a" {
            break;
        }
    }
}

#[test]
fn the_broker_can_be_stopped_and_started_alone() {
    let world = world(&[]);
    let mut ear = Ear::open(&world);
    send(&world, "PUT", "/_sandbox/broker", None, Some(&json!({"open": false})));
    assert!(ear.end().contains("ServerShuttingDown"));
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port(&world))).is_ok() {
        assert!(began.elapsed() < PATIENCE);
    }
    let (status, _) = send(&world, "GET", "/platform/limits/all", None, None);
    assert_eq!(status, 200, "calls go on");
    send(&world, "PUT", "/_sandbox/broker", None, Some(&json!({"open": true})));
    while TcpStream::connect(("127.0.0.1", port(&world))).is_err() {
        assert!(began.elapsed() < PATIENCE);
    }
    Ear::open(&world);
}

#[test]
fn faults_strike_connections_and_subscriptions_like_calls() {
    let world = world(&[]);
    let faults = json!({"rules": [
        {"method": "CONNECT", "path": "/mqtt", "count": 1, "effect": {"answer": {"status": 429}}},
        {"method": "SUBSCRIBE", "path": "/mqtt", "count": 1, "effect": {"answer": {"status": 403}}},
    ]});
    send(&world, "PUT", "/_sandbox/faults", None, Some(&faults));
    let refused = Ear::new(&world, &world.token(), "").welcome().err();
    assert_eq!(refused, Some(ConnectReturnCode::QuotaExceeded));
    let mut ear = Ear::open(&world);
    assert_eq!(ear.subscribe(&["flespi/log/#"]), [SubscribeReasonCode::NotAuthorized]);
    let fine = SubscribeReasonCode::Success(QoS::AtLeastOnce);
    assert_eq!(ear.subscribe(&["flespi/log/#"]), [fine]);
}

#[test]
fn bytes_that_no_client_sends_end_a_connection_and_nothing_else() {
    let world = world(&[]);
    let token = world.token();
    let text = |text: &str| [&(text.len() as u16).to_be_bytes()[..], text.as_bytes()].concat();
    let packet = |head: u8, body: &[u8]| [&[head, body.len() as u8][..], body].concat();
    let body = [text("MQTT"), vec![4, 0x82, 0, 60], text("raw"), text(&token)].concat();
    let connect = packet(0x10, &body);
    let hostile = [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        vec![0x10, 0xFF, 0xFF, 0xFF, 0x7F],
        connect[..20].to_vec(),
        [connect.clone(), connect.clone()].concat(),
        [connect.clone(), vec![0x00, 0]].concat(),
        [connect.clone(), vec![0x30, 0xFF, 0xFF, 0xFF, 0x7F]].concat(),
        [connect.clone(), packet(0x82, &[0, 1, 0xFF, 0xFF])].concat(),
        [connect.clone(), packet(0x34, &[0, 1, b'a', 0, 1])].concat(),
    ];
    for bytes in hostile {
        let mut stream = TcpStream::connect(("127.0.0.1", port(&world))).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        // Either end of a connection is one.
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.len() < 100, "{bytes:?}: {answer:?}");
    }
    Ear::open(&world);
}
