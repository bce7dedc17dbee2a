//! The desk: what sessions ask of the world, answered on the thread that owns it.

use std::{net::IpAddr, sync::Arc, time::Duration};

use serde_json::Value;
use tokio::sync::{broadcast, oneshot};

use super::{
    packet::Reason,
    post::{self, Message},
    topic::Filter,
};
use crate::sandbox::{
    access,
    admission::{self, Unfit},
    answer::{Answer, Response},
    assumptions::{MQTT_BLOCKED, MQTT_CID, MQTT_DENIED, MQTT_TOUCH},
    auth,
    catalog::Kind,
    faults::Moment,
    item::Item,
    news::What,
    request::Target,
    sweep,
    view::View,
    world::World,
};

/// Retained messages that one subscription brings; more are for calls of the REST API.
const RETAINED_LIMIT: usize = 50_000;

/// What was heard and not taken yet, for each session: who is further behind is disconnected.
pub(in crate::sandbox) const BACKLOG: usize = 16_384;

/// What all sessions hear.
#[derive(Clone)]
pub(in crate::sandbox) enum Notice {
    Message(Arc<Message>),
    /// A token or an account is not what it was.
    Changed(Kind, u64),
    /// A client of an account connected under this name; sessions with lower numbers end.
    Connected {
        account: u64,
        client: Arc<str>,
        session: u64,
    },
}

/// A question.
pub(in crate::sandbox) enum Inquiry {
    /// May this client connect?
    Admit { claim: Claim, reply: oneshot::Sender<Admission> },
    /// May this token still do what it does?
    Again { token: u64, peer: IpAddr, reply: oneshot::Sender<bool> },
    /// May it have what fits these filters, and what is there already?
    Subscribe { token: u64, wanted: Vec<Wanted>, reply: oneshot::Sender<Subscribed> },
    /// The token was used.
    Touch { token: u64 },
}

/// How a client introduces itself.
pub(in crate::sandbox) struct Claim {
    pub(super) user_name: String,
    pub(super) password: String,
    pub(super) peer: IpAddr,
}

/// How a question of a client was answered, and how the answer is to be handed over.
pub(in crate::sandbox) struct Admission {
    pub(super) admitted: Result<Admitted, Reason>,
    pub(super) handling: Handling,
}

/// What a fault makes of an answer.
#[derive(Default)]
pub(in crate::sandbox) struct Handling {
    pub(super) delay: Duration,
    /// Nothing is answered.
    pub(super) cut_before: bool,
    /// The connection ends behind the answer.
    pub(super) cut_after: bool,
}

/// A client that is let in.
pub(in crate::sandbox) struct Admitted {
    pub(super) token: u64,
    pub(super) account: u64,
    /// Its account and those above.
    pub(super) lineage: Vec<u64>,
    pub(super) access: u64,
    /// Its entries for topics of clients.
    pub(super) entries: Vec<Entry>,
    /// What `GET /auth/info` says.
    pub(super) info: String,
    /// Whether the account in front of a filter means the account alone.
    pub(super) cid_is_alone: bool,
}

/// An entry of an access list for MQTT.
pub(in crate::sandbox) struct Entry {
    filter: Option<Filter>,
    publishes: bool,
    subscribes: bool,
}

/// A filter, as far as the desk has to know it.
pub(in crate::sandbox) struct Wanted {
    pub(super) filter: Arc<Filter>,
    /// The account that it is narrowed to.
    pub(super) cid: Option<u64>,
    /// Whether retained messages are wanted.
    pub(super) with_retained: bool,
}

/// What became of filters.
pub(in crate::sandbox) struct Subscribed {
    /// For each whether it is refused.
    pub(super) denied: Vec<bool>,
    /// Retained messages: which filter, and the message. `None`: too many.
    pub(super) retained: Option<Vec<(usize, Arc<Message>)>>,
    pub(super) handling: Handling,
    /// A fault answers in place of the world.
    pub(super) refused: Option<Reason>,
}

impl Admitted {
    /// Whether a message is for this client.
    pub(super) fn may_hear(&self, message: &Message) -> bool {
        let is_platform = post::is_of_the_platform(&message.topic);
        message.lineage.contains(&self.account)
            && (!is_platform || self.access == access::MASTER)
            && (is_platform || self.may(&message.topic, |entry| entry.subscribes))
    }

    /// Whether this client may publish there.
    pub(super) fn may_publish(&self, topic: &str) -> bool {
        self.may(topic, |entry| entry.publishes)
    }

    fn may(&self, topic: &str, action: impl Fn(&Entry) -> bool) -> bool {
        self.access != access::ACL
            || self
                .entries
                .iter()
                .filter(|entry| action(entry))
                .any(|entry| entry.filter.as_ref().is_none_or(|filter| filter.fits(topic)))
    }
}

/// Answers a question.
pub(in crate::sandbox) fn answer(world: &mut World, inquiry: Inquiry, real_now: u64) {
    let now = (real_now / 1000).saturating_add(world.books.state.clock);
    sweep::sweep(&mut world.books, now);
    match inquiry {
        Inquiry::Admit { claim, reply } => {
            let token = holder(world, &claim).map(|token| (token.id, token.cid));
            let (answered, handling) = strike(world, "CONNECT", token.map(|(_, cid)| cid));
            let admitted = match (answered, token) {
                (Some(reason), _) => Err(reason),
                (None, None) => Err(Reason::BadToken),
                (None, Some((token, _))) => admit(world, token, claim.peer),
            };
            if let Ok(admitted) = &admitted {
                world.books.touch(admitted.token, now);
            }
            let _ = reply.send(Admission { admitted, handling });
        }
        Inquiry::Again { token, peer, reply } => {
            let _ = reply.send(admit(world, token, peer).is_ok());
        }
        Inquiry::Subscribe { token, wanted, reply } => {
            let _ = reply.send(subscribe(world, token, &wanted));
        }
        Inquiry::Touch { token } => {
            let is_open = world.books.assumptions.is(&MQTT_TOUCH, "session");
            if is_open && world.books.state.item(Kind::Tokens, token).is_some() {
                world.books.touch(token, now);
            }
        }
    }
}

/// Tells all sessions what happened since the last time.
pub(in crate::sandbox) fn tell(world: &mut World, notices: &broadcast::Sender<Notice>, now: u64) {
    let is_heard = notices.receiver_count() > 0;
    let now = (now / 1000).saturating_add(world.books.state.clock);
    let news = std::mem::replace(&mut world.books.news, is_heard.then(Vec::new));
    for news in news.into_iter().flatten() {
        for message in post::messages(world.books.view(), &news, now) {
            let _ = notices.send(Notice::Message(Arc::new(message)));
        }
        let kind = news.row.kind;
        if matches!(kind, Kind::Tokens | Kind::Accounts) && !matches!(news.what, What::Recorded(_))
        {
            let _ = notices.send(Notice::Changed(kind, news.id));
        }
    }
}

/// The token that a client means: its key as user name or password, or its id with the first 16 characters of the key.
fn holder<'a>(world: &'a World, claim: &Claim) -> Option<&'a Item> {
    let state = &world.books.state;
    let bare = |text: &str| text.strip_prefix("FlespiToken ").unwrap_or(text).trim().to_owned();
    let by_key = |text: &str| state.token_by_key(&bare(text));
    let by_id = || {
        let token = state.item(Kind::Tokens, claim.user_name.parse().ok()?)?;
        let access = token.fields.get("access")?.get("type")?.as_u64()?;
        let is_it =
            claim.password.len() == 16 && token.fields.text("key")?.starts_with(&claim.password);
        (is_it && access == access::ACL).then_some(token)
    };
    by_key(&claim.user_name).or_else(|| by_key(&claim.password)).or_else(by_id)
}

fn admit(world: &World, token: u64, peer: IpAddr) -> Result<Admitted, Reason> {
    let (state, assumptions) = (&world.books.state, &world.books.assumptions);
    let token = state.item(Kind::Tokens, token).ok_or(Reason::BadToken)?;
    let access =
        admission::judge(state, assumptions, token, peer, None).map_err(|unfit| match unfit {
            Unfit::Blocked | Unfit::AccountBlocked => match assumptions.value(&MQTT_BLOCKED) {
                "138" => Reason::Banned,
                _ => Reason::Quota,
            },
            Unfit::Address
            | Unfit::Origin
            | Unfit::Internal
            | Unfit::Disabled(_)
            | Unfit::AccountOff => Reason::NotAuthorized,
        })?;
    Ok(Admitted {
        token: token.id,
        account: token.cid,
        lineage: state.lineage(token.cid).collect(),
        access,
        entries: entries(token),
        info: Value::Object(auth::info_of(world.books.view(), token)).to_string(),
        cid_is_alone: assumptions.is(&MQTT_CID, "account"),
    })
}

fn entries(token: &Item) -> Vec<Entry> {
    let list = token.fields.get("access").and_then(|access| access.get("acl"));
    let list = list.and_then(Value::as_array).into_iter().flatten();
    let mqtt = list.filter(|entry| entry.get("uri").is_some_and(|uri| uri == "mqtt"));
    mqtt.filter_map(|entry| {
        let has = |word: &str| {
            let actions = entry.get("actions").and_then(Value::as_array);
            actions.is_some_and(|actions| actions.iter().any(|action| action == word))
        };
        let filter = match entry.get("topic").and_then(Value::as_str) {
            None => None,
            Some(topic) => Some(Filter::parse(topic).ok()?),
        };
        Some(Entry { filter, publishes: has("publish"), subscribes: has("subscribe") })
    })
    .collect()
}

fn subscribe(world: &mut World, token: u64, wanted: &[Wanted]) -> Subscribed {
    let cid = world.books.state.item(Kind::Tokens, token).map(|token| token.cid);
    let (refused, handling) = strike(world, "SUBSCRIBE", cid);
    let view = world.books.view();
    let mut subscribed =
        Subscribed { denied: vec![false; wanted.len()], retained: None, handling, refused };
    let Some((token, account)) = view.state.item(Kind::Tokens, token).zip(cid) else {
        subscribed.denied.fill(true);
        return subscribed;
    };
    let access = token.fields.get("access").and_then(|access| access.get("type")?.as_u64());
    let is_master = access == Some(access::MASTER);
    let is_acl = access == Some(access::ACL);
    let may_subscribe = entries(token).iter().any(|entry| entry.subscribes);
    for (denied, wanted) in subscribed.denied.iter_mut().zip(wanted) {
        let is_foreign = wanted.cid.is_some_and(|cid| !view.state.within(cid, account));
        let filter = &wanted.filter;
        let is_platform = filter.is_below(&["flespi", "log", "platform"])
            || filter.is_below(&["flespi", "state", "platform"]);
        let is_closed =
            is_platform && !is_master || is_acl && !may_subscribe && !filter.is_below(&["flespi"]);
        *denied = (is_foreign || is_closed) && view.assumptions.is(&MQTT_DENIED, "refuse");
    }
    let denied = &subscribed.denied;
    let open = || wanted.iter().enumerate().filter(|(index, _)| !denied[*index]);
    let is_quiet = !is_master || open().all(|(_, wanted)| !wanted.with_retained);
    subscribed.retained =
        if is_quiet { Some(Vec::new()) } else { retained(view, account, || open()) };
    subscribed
}

/// The retained messages that fit; `None` when these are too many.
fn retained<'a, I: Iterator<Item = (usize, &'a Wanted)>>(
    view: View<'_>,
    account: u64,
    wanted: impl Fn() -> I,
) -> Option<Vec<(usize, Arc<Message>)>> {
    let mut found = Vec::new();
    for row in post::with_state() {
        let path: Vec<&str> = ["flespi", "state"].into_iter().chain(row.path.split('/')).collect();
        let wanted: Vec<(usize, &Wanted)> = wanted()
            .filter(|(_, wanted)| wanted.with_retained && wanted.filter.reaches(&path))
            .collect();
        if wanted.is_empty() {
            continue;
        }
        for item in view.state.table(row.kind).iter() {
            if item.cid == 0 || !view.state.within(item.cid, account) {
                continue;
            }
            for message in post::retained(view, row, item).into_iter().map(Arc::new) {
                for (index, wanted) in &wanted {
                    let is_here = wanted.cid.is_none_or(|cid| message.lineage.contains(&cid));
                    let filter = &wanted.filter;
                    if is_here && filter.fits(&message.topic) && filter.accepts(&message.payload) {
                        found.push((*index, Arc::clone(&message)));
                    }
                }
            }
            if found.len() > RETAINED_LIMIT {
                return None;
            }
        }
    }
    Some(found)
}

/// What the faults in force do to an MQTT packet: it counts as a request of this method to `/mqtt`.
fn strike(world: &mut World, method: &str, cid: Option<u64>) -> (Option<Reason>, Handling) {
    let target = Target { segments: vec!["mqtt".to_owned()], query: Vec::new() };
    let strike = world.faults.strike(method, &target, cid);
    match strike.apply_before() {
        Moment::Answered(response) => {
            let Response { status, delivery, .. } = response;
            let reason = match status {
                401 => Reason::BadToken,
                403 => Reason::NotAuthorized,
                429 => Reason::Quota,
                _ => Reason::Unavailable,
            };
            let cut_before = delivery.cut;
            (Some(reason), Handling { delay: delivery.delay, cut_before, cut_after: false })
        }
        Moment::Passed => {
            let mut response = Response::from(Answer::default());
            strike.apply_after(&mut response);
            let (delay, cut_after) = (response.delivery.delay, response.delivery.cut);
            (None, Handling { delay, cut_before: false, cut_after })
        }
    }
}
