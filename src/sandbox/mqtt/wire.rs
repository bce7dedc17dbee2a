//! The bytes of MQTT: whole packets cut out of a stream, and the numbers and texts inside them.
//!
//! Everything is read within what is there. A length that points beyond it, a text that is not UTF-8, a property of the
//! wrong place or given twice: the packet is malformed, and whoever sent it is disconnected.

/// The longest packet that is taken, in bytes. What clients of the platform send is far below.
pub(super) const PACKET_LIMIT: usize = 256 * 1024;

/// User properties of one packet.
const USER_PROPERTY_LIMIT: usize = 64;

/// Why a packet is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It does not follow the form of its kind.
    Malformed,
    /// It is longer than [`PACKET_LIMIT`].
    TooLarge,
    /// It has the right form, and no place here.
    Protocol,
    /// It asks for the quality of service 2.
    Quality,
}

/// One packet as it came: the first byte, and what follows its length.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) head: u8,
    pub(super) body: Vec<u8>,
}

/// Takes the first whole packet out of `buffer`; `None` while it is not whole yet.
pub(super) fn take_frame(buffer: &mut Vec<u8>) -> Result<Option<Frame>, Fault> {
    let Some(head) = buffer.first().copied() else { return Ok(None) };
    let (mut length, mut width) = (0, 0);
    loop {
        let Some(byte) = buffer.get(1 + width).copied() else { return Ok(None) };
        length |= usize::from(byte & 0x7F) << (7 * width);
        width += 1;
        if byte & 0x80 == 0 {
            break;
        }
        if width == 4 {
            return Err(Fault::Malformed);
        }
    }
    if length > PACKET_LIMIT {
        return Err(Fault::TooLarge);
    }
    let end = 1 + width + length;
    if buffer.len() < end {
        return Ok(None);
    }
    let body = buffer[1 + width..end].to_vec();
    buffer.drain(..end);
    Ok(Some(Frame { head, body }))
}

/// Reads a body from front to back.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Fault::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Fault> {
        self.take(1).map(|taken| taken[0])
    }

    pub(super) fn short(&mut self) -> Result<u16, Fault> {
        self.take(2).map(|taken| u16::from_be_bytes([taken[0], taken[1]]))
    }

    fn long(&mut self) -> Result<u32, Fault> {
        let taken = self.take(4)?;
        Ok(u32::from_be_bytes([taken[0], taken[1], taken[2], taken[3]]))
    }

    /// A number of one to four bytes.
    fn varying(&mut self) -> Result<usize, Fault> {
        let mut number = 0;
        for place in 0..4 {
            let byte = self.byte()?;
            number |= usize::from(byte & 0x7F) << (7 * place);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Fault::Malformed)
    }

    pub(super) fn binary(&mut self) -> Result<&'a [u8], Fault> {
        let length = self.short()?;
        self.take(usize::from(length))
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Fault> {
        let text = std::str::from_utf8(self.binary()?).map_err(|_| Fault::Malformed)?;
        if text.contains('\0') { Err(Fault::Malformed) } else { Ok(text) }
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The properties of a packet of version 5.
    pub(super) fn properties(&mut self) -> Result<Properties, Fault> {
        let length = self.varying()?;
        let mut inside = Reader(self.take(length)?);
        let mut properties = Properties::default();
        let mut seen = [false; 0x2B];
        while !inside.is_empty() {
            let name = inside.byte()?;
            let is_repeatable = matches!(name, USER | SUBSCRIPTION);
            let seen = seen.get_mut(usize::from(name)).ok_or(Fault::Malformed)?;
            if std::mem::replace(seen, true) && !is_repeatable {
                return Err(Fault::Protocol);
            }
            match name {
                SESSION_EXPIRY => properties.session_expiry = Some(inside.long()?),
                RECEIVE_MAXIMUM => properties.receive_maximum = Some(inside.short()?),
                MAXIMUM_PACKET => properties.maximum_packet = Some(inside.long()?),
                SUBSCRIPTION => properties.subscription = Some(inside.varying()?),
                TOPIC_ALIAS => properties.topic_alias = Some(inside.short()?),
                USER => {
                    let (name, value) = (inside.text()?, inside.text()?);
                    if properties.user.len() == USER_PROPERTY_LIMIT {
                        return Err(Fault::Protocol);
                    }
                    properties.user.push((name.to_owned(), value.to_owned()));
                }
                // Payload format, problem and response information.
                0x01 | 0x17 | 0x19 => drop(inside.byte()?),
                // Topic aliases at most.
                0x22 => drop(inside.short()?),
                // Expiry of a message, delay of a will.
                0x02 | 0x18 => drop(inside.long()?),
                // Content type, response topic, method of authentication, reason.
                0x03 | 0x08 | 0x15 | 0x1F => drop(inside.text()?),
                // Correlation, data of authentication.
                0x09 | 0x16 => drop(inside.binary()?),
                _ => return Err(Fault::Malformed),
            }
        }
        Ok(properties)
    }
}

pub(super) const SUBSCRIPTION: u8 = 0x0B;
pub(super) const SESSION_EXPIRY: u8 = 0x11;
pub(super) const RECEIVE_MAXIMUM: u8 = 0x21;
pub(super) const TOPIC_ALIAS: u8 = 0x23;
pub(super) const USER: u8 = 0x26;
pub(super) const MAXIMUM_PACKET: u8 = 0x27;

/// The properties that mean something here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Properties {
    pub(super) session_expiry: Option<u32>,
    pub(super) receive_maximum: Option<u16>,
    pub(super) maximum_packet: Option<u32>,
    pub(super) subscription: Option<usize>,
    pub(super) topic_alias: Option<u16>,
    pub(super) user: Vec<(String, String)>,
}

impl Properties {
    /// The first user property of that name.
    pub(super) fn user(&self, name: &str) -> Option<&str> {
        self.user.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A packet in the making.
#[derive(Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    pub(super) fn short(mut self, number: u16) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(super) fn long(mut self, number: u32) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(super) fn varying(mut self, mut number: usize) -> Self {
        loop {
            let digit = (number % 128) as u8;
            number /= 128;
            self.0.push(if number > 0 { digit | 0x80 } else { digit });
            if number == 0 {
                return self;
            }
        }
    }

    /// A text of at most 65,535 bytes; what is longer is cut.
    pub(super) fn text(mut self, text: &str) -> Self {
        let mut end = text.len().min(usize::from(u16::MAX));
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.0.extend((end as u16).to_be_bytes());
        self.0.extend_from_slice(&text.as_bytes()[..end]);
        self
    }

    pub(super) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// The length of what is in `inside`, and that itself.
    pub(super) fn measured(self, inside: Self) -> Self {
        self.varying(inside.0.len()).raw(&inside.0)
    }

    /// A whole packet that begins with `head`.
    pub(super) fn packet(self, head: u8) -> Vec<u8> {
        Self::default().byte(head).measured(self).0
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Frame, PACKET_LIMIT, Reader, Writer, take_frame};

    #[test]
    fn a_packet_is_taken_when_it_is_whole_and_what_follows_stays() {
        let mut buffer = Vec::new();
        let whole = [0x30, 3, 1, 2, 3, 0xC0];
        for (index, byte) in whole.into_iter().enumerate() {
            assert_eq!(take_frame(&mut buffer), Ok(None), "after {index} bytes");
            buffer.push(byte);
            if index == 4 {
                let frame = Frame { head: 0x30, body: vec![1, 2, 3] };
                assert_eq!(take_frame(&mut buffer), Ok(Some(frame)));
                assert!(buffer.is_empty());
            }
        }
    }

    #[test]
    fn an_announced_length_is_refused_before_it_is_waited_for() {
        let mut announced = Writer::default().varying(PACKET_LIMIT + 1).packet(0x30);
        announced.splice(..2, [0x30]);
        assert_eq!(take_frame(&mut announced), Err(Fault::TooLarge));
        assert_eq!(take_frame(&mut vec![0x30, 0xFF, 0xFF, 0xFF, 0xFF, 1]), Err(Fault::Malformed));
    }

    #[test]
    fn numbers_of_any_length_are_read_as_they_are_written() {
        for number in [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_455] {
            let written = Writer::default().varying(number).0;
            assert_eq!(Reader(&written).varying(), Ok(number));
        }
        assert_eq!(Reader(&[0x80, 0x80, 0x80, 0x80, 1]).varying(), Err(Fault::Malformed));
    }

    #[test]
    fn properties_are_read_once_each_and_unknown_ones_refused() {
        let read = |inside: &[u8]| {
            let bytes = Writer::default().measured(Writer::default().raw(inside)).0;
            Reader(&bytes).properties()
        };
        let user = read(&[0x26, 0, 1, b'a', 0, 1, b'b', 0x26, 0, 1, b'a', 0, 1, b'c']).unwrap();
        assert_eq!(user.user("a"), Some("b"));
        assert_eq!(read(&[0x21, 0, 9]).unwrap().receive_maximum, Some(9));
        assert_eq!(read(&[0x21, 0, 9, 0x21, 0, 9]), Err(Fault::Protocol));
        for malformed in [&[0x7F, 0][..], &[0x21, 0], &[0x26, 0, 1, 0, 0, 0], &[0x26, 0, 1, 0xFF]] {
            assert_eq!(read(malformed), Err(Fault::Malformed), "{malformed:?}");
        }
    }
}
