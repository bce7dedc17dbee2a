//! The packets of MQTT 3.1, 3.1.1 and 5: what a client may send, and what it is sent.

use super::wire::{
    Fault, Frame, MAXIMUM_PACKET, PACKET_LIMIT, Properties, RECEIVE_MAXIMUM, Reader,
    SESSION_EXPIRY, SUBSCRIPTION, USER, Writer,
};

/// Filters of one packet.
const FILTER_LIMIT: usize = 64;

/// Which MQTT a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// 3.1 and 3.1.1.
    Three,
    Five,
}

/// Why a client is not served any more, or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Malformed,
    Protocol,
    BadVersion,
    BadClientId,
    BadToken,
    NotAuthorized,
    Unavailable,
    ShuttingDown,
    KeepAlive,
    TakenOver,
    PacketTooLarge,
    Quota,
    Banned,
    Quality,
}

impl Reason {
    /// The code of version 5.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Malformed => 0x81,
            Self::Protocol => 0x82,
            Self::BadVersion => 0x84,
            Self::BadClientId => 0x85,
            Self::BadToken => 0x86,
            Self::NotAuthorized => 0x87,
            Self::Unavailable => 0x88,
            Self::Banned => 0x8A,
            Self::ShuttingDown => 0x8B,
            Self::KeepAlive => 0x8D,
            Self::TakenOver => 0x8E,
            Self::PacketTooLarge => 0x95,
            Self::Quota => 0x97,
            Self::Quality => 0x9B,
        }
    }

    /// The code with which version 3 refuses a connection.
    fn old_code(self) -> u8 {
        match self {
            Self::BadVersion => 1,
            Self::BadClientId => 2,
            Self::BadToken => 4,
            Self::NotAuthorized | Self::Banned | Self::Quota => 5,
            _ => 3,
        }
    }
}

impl From<Fault> for Reason {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Malformed => Self::Malformed,
            Fault::TooLarge => Self::PacketTooLarge,
            Fault::Protocol => Self::Protocol,
            Fault::Quality => Self::Quality,
        }
    }
}

/// The first packet of a client.
pub(super) struct Connect {
    pub(super) version: Version,
    pub(super) client_id: String,
    /// Seconds; 0 for no bound.
    pub(super) keep_alive: u16,
    pub(super) user_name: Option<String>,
    pub(super) password: Option<String>,
    pub(super) properties: Properties,
}

impl Connect {
    /// Reads the packet. A client of another version than those that are spoken is told so.
    pub(super) fn read(frame: &Frame) -> Result<Self, Reason> {
        if frame.head != 0x10 {
            return Err(Reason::Protocol);
        }
        let mut body = Reader(&frame.body);
        let name = body.text()?;
        let version = match (name, body.byte()?) {
            ("MQIsdp", 3) | ("MQTT", 4) => Version::Three,
            ("MQTT", 5) => Version::Five,
            _ => return Err(Reason::BadVersion),
        };
        let flags = body.byte()?;
        let has = |flag: u8| flags & flag != 0;
        let will_quality = (flags >> 3) & 3;
        if has(1) || will_quality == 3 || !has(4) && (will_quality != 0 || has(0x20)) {
            return Err(Reason::Malformed);
        }
        let keep_alive = body.short()?;
        let properties = match version {
            Version::Five => body.properties()?,
            Version::Three => Properties::default(),
        };
        let client_id = body.text()?.to_owned();
        if has(4) {
            if version == Version::Five {
                body.properties()?;
            }
            body.text()?;
            body.binary()?;
        }
        let user_name = if has(0x80) { Some(body.text()?.to_owned()) } else { None };
        let password = if has(0x40) { Some(body.binary()?) } else { None };
        if !body.is_empty() {
            return Err(Reason::Malformed);
        }
        // What is no text is no key either.
        let password = password.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        // Sessions end with their connection, so the flag of a clean one says only whether a name is needed.
        if client_id.is_empty() && !has(2) && version == Version::Three {
            return Err(Reason::BadClientId);
        }
        Ok(Self { version, client_id, keep_alive, user_name, password, properties })
    }
}

/// What a client may send once it is connected.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packet {
    Publish(Publish),
    /// The client has what it was sent under this number.
    Acknowledged(u16),
    Subscribe {
        id: u16,
        properties: Properties,
        filters: Vec<(String, Wish)>,
    },
    Unsubscribe {
        id: u16,
        filters: Vec<String>,
    },
    Ping,
    Disconnect,
}

/// A message of a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Publish {
    pub(super) topic: String,
    /// With quality 1: the number under which it is acknowledged.
    pub(super) id: Option<u16>,
    pub(super) payload: Vec<u8>,
}

/// How a client wants what fits a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    /// 0 or 1: more is not given.
    pub(super) quality: u8,
    /// Messages of its own are not sent back.
    pub(super) without_own: bool,
    /// The mark of a retained message stays on it.
    pub(super) keeps_retained: bool,
    /// 0: retained messages are sent; 1: unless the subscription is there already; 2: never.
    pub(super) retain_handling: u8,
}

impl Packet {
    pub(super) fn read(frame: &Frame, version: Version) -> Result<Self, Fault> {
        let mut body = Reader(&frame.body);
        let is_five = version == Version::Five;
        let properties = |body: &mut Reader<'_>| match is_five {
            true => body.properties(),
            false => Ok(Properties::default()),
        };
        let id = |body: &mut Reader<'_>| match body.short()? {
            0 => Err(Fault::Malformed),
            id => Ok(id),
        };
        match frame.head {
            head if head >> 4 == 3 => {
                let quality = (head >> 1) & 3;
                if quality > 1 {
                    return Err(if quality == 2 { Fault::Quality } else { Fault::Malformed });
                }
                let topic = body.text()?.to_owned();
                let id = if quality == 1 { Some(id(&mut body)?) } else { None };
                // No alias was offered to anybody.
                if properties(&mut body)?.topic_alias.is_some() {
                    return Err(Fault::Protocol);
                }
                if topic.is_empty() || topic.contains(['+', '#']) {
                    return Err(Fault::Malformed);
                }
                Ok(Self::Publish(Publish { topic, id, payload: body.0.to_vec() }))
            }
            0x40 => Ok(Self::Acknowledged(id(&mut body)?)),
            0x82 => {
                let id = id(&mut body)?;
                let properties = properties(&mut body)?;
                let mut filters = Vec::new();
                while !body.is_empty() {
                    let filter = body.text()?.to_owned();
                    filters.push((filter, wish(body.byte()?, is_five)?));
                }
                bounded(filters.len())?;
                Ok(Self::Subscribe { id, properties, filters })
            }
            0xA2 => {
                let id = id(&mut body)?;
                properties(&mut body)?;
                let mut filters = Vec::new();
                while !body.is_empty() {
                    filters.push(body.text()?.to_owned());
                }
                bounded(filters.len())?;
                Ok(Self::Unsubscribe { id, filters })
            }
            0xC0 if body.is_empty() => Ok(Self::Ping),
            0xE0 => Ok(Self::Disconnect),
            _ => Err(Fault::Protocol),
        }
    }
}

fn bounded(filters: usize) -> Result<(), Fault> {
    if (1..=FILTER_LIMIT).contains(&filters) { Ok(()) } else { Err(Fault::Protocol) }
}

fn wish(options: u8, is_five: bool) -> Result<Wish, Fault> {
    let (quality, retain_handling) = (options & 3, (options >> 4) & 3);
    let reserved = if is_five { 0xC0 } else { 0xFC };
    if quality == 3 || retain_handling == 3 || options & reserved != 0 {
        return Err(Fault::Malformed);
    }
    Ok(Wish {
        quality: quality.min(1),
        without_own: options & 4 != 0,
        keeps_retained: options & 8 != 0,
        retain_handling,
    })
}

/// The answer to a connection that is taken. `token` is what the platform says of the token.
pub(super) fn welcome(connect: &Connect, assigned_id: Option<&str>, token: &str) -> Vec<u8> {
    let head = Writer::default().byte(0).byte(0);
    if connect.version == Version::Three {
        return head.packet(0x20);
    }
    // At most quality 1, and no shared subscriptions.
    let mut properties = Writer::default().byte(0x24).byte(1).byte(0x2A).byte(0);
    properties = properties.byte(RECEIVE_MAXIMUM).short(64);
    properties = properties.byte(MAXIMUM_PACKET).long(PACKET_LIMIT as u32);
    if connect.properties.session_expiry.is_some_and(|seconds| seconds > 0) {
        properties = properties.byte(SESSION_EXPIRY).long(0);
    }
    if let Some(id) = assigned_id {
        properties = properties.byte(0x12).text(id);
    }
    properties = properties.byte(USER).text("token").text(token);
    head.measured(properties).packet(0x20)
}

/// The answer to a connection that is not taken.
pub(super) fn refusal(version: Version, reason: Reason) -> Vec<u8> {
    match version {
        Version::Three => Writer::default().byte(0).byte(reason.old_code()).packet(0x20),
        Version::Five => Writer::default().byte(0).byte(reason.code()).varying(0).packet(0x20),
    }
}

/// The last packet to a client; version 3 has none.
pub(super) fn farewell(version: Version, reason: Reason) -> Vec<u8> {
    match version {
        Version::Three => Vec::new(),
        Version::Five => Writer::default().byte(reason.code()).varying(0).packet(0xE0),
    }
}

pub(super) fn pong() -> Vec<u8> {
    Writer::default().packet(0xD0)
}

/// The answer to a message with quality 1; version 3 has no codes.
pub(super) fn acknowledgement(version: Version, id: u16, code: u8) -> Vec<u8> {
    let writer = Writer::default().short(id);
    match version {
        Version::Five if code != 0 => writer.byte(code).varying(0).packet(0x40),
        _ => writer.packet(0x40),
    }
}

/// The answer to filters: the quality of each, or why it is refused.
pub(super) fn subscribed(version: Version, id: u16, codes: &[u8]) -> Vec<u8> {
    let writer = Writer::default().short(id);
    match version {
        Version::Five => writer.varying(0).raw(codes).packet(0x90),
        Version::Three => {
            let codes: Vec<u8> =
                codes.iter().map(|code| if *code > 1 { 0x80 } else { *code }).collect();
            writer.raw(&codes).packet(0x90)
        }
    }
}

pub(super) fn unsubscribed(version: Version, id: u16, codes: &[u8]) -> Vec<u8> {
    let writer = Writer::default().short(id);
    match version {
        Version::Five => writer.varying(0).raw(codes).packet(0xB0),
        Version::Three => writer.packet(0xB0),
    }
}

/// A message on its way to a client.
pub(super) struct Delivery<'a> {
    pub(super) topic: &'a str,
    pub(super) payload: &'a [u8],
    pub(super) is_retained: bool,
    /// With quality 1: the number under which it is to be acknowledged.
    pub(super) id: Option<u16>,
    pub(super) user: &'a [(&'static str, String)],
    /// The numbers of the subscriptions that it fits.
    pub(super) subscriptions: &'a [usize],
}

impl Delivery<'_> {
    pub(super) fn packet(&self, version: Version) -> Vec<u8> {
        let quality = if self.id.is_some() { 2 } else { 0 };
        let mut writer = Writer::default().text(self.topic);
        if let Some(id) = self.id {
            writer = writer.short(id);
        }
        if version == Version::Five {
            let mut properties = Writer::default();
            for (name, value) in self.user {
                properties = properties.byte(USER).text(name).text(value);
            }
            for number in self.subscriptions {
                properties = properties.byte(SUBSCRIPTION).varying(*number);
            }
            writer = writer.measured(properties);
        }
        writer.raw(self.payload).packet(0x30 | quality | u8::from(self.is_retained))
    }
}

#[cfg(test)]
mod tests {
    use super::{Connect, Packet, Reason, Version, Wish};
    use crate::sandbox::mqtt::wire::{Fault, Frame, Writer};

    fn connect(name: &str, level: u8, flags: u8) -> Result<Connect, Reason> {
        let body = Writer::default().text(name).byte(level).byte(flags).short(60);
        let body = if level == 5 { body.varying(0) } else { body };
        let packet = body.text("me").text("FlespiToken abc").packet(0x10);
        Connect::read(&Frame { head: packet[0], body: packet[2..].to_vec() })
    }

    #[test]
    fn clients_of_three_versions_are_understood_and_others_are_told_so() {
        for (name, level, version) in
            [("MQIsdp", 3, Version::Three), ("MQTT", 4, Version::Three), ("MQTT", 5, Version::Five)]
        {
            let connect = connect(name, level, 0x82).unwrap();
            assert_eq!(connect.version, version);
            assert_eq!(connect.user_name.as_deref(), Some("FlespiToken abc"));
            assert_eq!((connect.client_id.as_str(), connect.keep_alive), ("me", 60));
        }
        assert_eq!(connect("MQTT", 6, 0x82).err(), Some(Reason::BadVersion));
        assert_eq!(connect("HTTP", 4, 0x82).err(), Some(Reason::BadVersion));
    }

    #[test]
    fn flags_that_contradict_each_other_are_malformed() {
        for flags in [0x83, 0x9A, 0x8A, 0xA2, 0x02, 0xC2] {
            assert_eq!(connect("MQTT", 4, flags).err(), Some(Reason::Malformed), "{flags:x}");
        }
    }

    #[test]
    fn a_subscription_says_how_it_wants_messages() {
        let packet = |options| {
            let body = Writer::default().short(7).varying(0).text("a/+").byte(options);
            let packet = body.packet(0x82);
            Packet::read(&Frame { head: 0x82, body: packet[2..].to_vec() }, Version::Five)
        };
        let Ok(Packet::Subscribe { id: 7, filters, .. }) = packet(0x2E) else { panic!() };
        let wish = Wish { quality: 1, without_own: true, keeps_retained: true, retain_handling: 2 };
        assert_eq!(filters, [("a/+".to_owned(), wish)]);
        for options in [0x03, 0x30, 0x40] {
            assert_eq!(packet(options), Err(Fault::Malformed), "{options:x}");
        }
    }

    #[test]
    fn what_a_server_sends_and_what_is_no_packet_is_refused() {
        for (head, body, fault) in [
            (0x20, &[0, 0][..], Fault::Protocol),
            (0x00, &[], Fault::Protocol),
            (0x80, &[0, 1, 0, 1, b'a', 0], Fault::Protocol),
            (0x82, &[0, 1], Fault::Protocol),
            (0x82, &[0, 0, 0, 1, b'a', 0], Fault::Malformed),
            (0x30, &[0, 1, b'#'], Fault::Malformed),
            (0x34, &[0, 1, b'a', 0, 1], Fault::Quality),
            (0x36, &[0, 1, b'a', 0, 1], Fault::Malformed),
        ] {
            let frame = Frame { head, body: body.to_vec() };
            assert_eq!(Packet::read(&frame, Version::Three), Err(fault), "{head:x} {body:?}");
        }
    }
}
