//! A reader of the protobuf wire format over borrowed bytes: no tree, no allocation, no recursion.
//! Knows tags, varints and lengths; knows nothing of OTLP.

use crate::{DecodeError, Format};

/// Groups are obsolete, but a skipped unknown field may be one.
const GROUP_DEPTH_MAX: usize = 64;
const VARINT_BYTES_MAX: usize = 10;

const FIELD_NUMBER_MAX: u64 = (1 << 29) - 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WireType {
    Varint,
    Fixed64,
    Length,
    GroupStart,
    GroupEnd,
    Fixed32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) number: u32,
    wire: WireType,
    /// Where its tag stands in the body.
    at: usize,
}

/// A field's value as it stands on the wire; what has a length as a reader over it.
#[derive(Debug, Clone)]
pub(crate) enum Raw<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(Reader<'a>),
}

/// Boxed: the way without an error is the hot one, and a small result keeps it so.
pub(crate) type Malformed = Box<DecodeError>;
type Result<T> = std::result::Result<T, Malformed>;

#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// Where `rest` ends in the body: it never moves, so reading moves nothing but `rest`.
    end: usize,
}

#[cold]
#[inline(never)]
fn malformed(offset: usize, found: String, expected: &'static str) -> Malformed {
    Box::new(DecodeError::Malformed { format: Format::Protobuf, offset, found, expected })
}

#[cold]
#[inline(never)]
fn malformed_tag(tag: u64, at: usize) -> Malformed {
    let number = tag >> 3;
    if !(1..=FIELD_NUMBER_MAX).contains(&number) {
        return malformed(at, format!("tag {tag}"), "a field number of 1 to 536870911");
    }
    malformed(at, format!("wire type {} of field {number}", tag & 7), "a wire type of 0 to 5")
}

impl WireType {
    #[inline]
    fn from_tag(tag: u64) -> Option<Self> {
        Some(match tag & 7 {
            0 => Self::Varint,
            1 => Self::Fixed64,
            2 => Self::Length,
            3 => Self::GroupStart,
            4 => Self::GroupEnd,
            5 => Self::Fixed32,
            _ => return None,
        })
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(body: &'a [u8]) -> Self {
        Self { rest: body, end: body.len() }
    }

    /// Where `rest` begins in the body.
    fn at(&self) -> usize {
        self.end - self.rest.len()
    }

    /// The next field's tag, or `None` at the end of the message.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Field>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let at = self.at();
        let tag = self.read_varint()?;
        match (WireType::from_tag(tag), tag >> 3) {
            (Some(wire), number @ 1..=FIELD_NUMBER_MAX) => {
                Ok(Some(Field { number: number as u32, wire, at }))
            }
            _ => Err(malformed_tag(tag, at)),
        }
    }

    #[inline]
    pub(crate) fn varint(&mut self, field: Field) -> Result<u64> {
        field.check(WireType::Varint)?;
        self.read_varint()
    }

    #[inline]
    pub(crate) fn fixed64(&mut self, field: Field) -> Result<u64> {
        field.check(WireType::Fixed64)?;
        match self.rest.split_first_chunk() {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(u64::from_le_bytes(*bytes))
            }
            None => Err(self.cut_short(8, field)),
        }
    }

    #[inline]
    pub(crate) fn bytes(&mut self, field: Field) -> Result<&'a [u8]> {
        field.check(WireType::Length)?;
        let length = self.read_varint()?;
        self.take(length, field)
    }

    /// The embedded message as a reader of its own.
    #[inline]
    pub(crate) fn message(&mut self, field: Field) -> Result<Reader<'a>> {
        let rest = self.bytes(field)?;
        Ok(Reader { rest, end: self.at() })
    }

    /// The first two fields, both of bytes, where the message is nothing else and they are written the shortest way: so
    /// most encoders write a pair. `None` says nothing of the message; it is to be read field by field.
    #[inline]
    pub(crate) fn short_pair(&self) -> Option<(&'a [u8], Reader<'a>)> {
        const FIRST: u8 = 1 << 3 | 2;
        const SECOND: u8 = 2 << 3 | 2;
        let [FIRST, length @ ..0x80, rest @ ..] = self.rest else { return None };
        let (first, rest) = rest.split_at_checked(usize::from(*length))?;
        let [SECOND, length @ ..0x80, second @ ..] = rest else { return None };
        (second.len() == usize::from(*length)).then_some((first, Reader { rest: second, end: self.end }))
    }

    /// The value whatever its type is; `None` for a group, which is stepped over.
    pub(crate) fn raw(&mut self, field: Field) -> Result<Option<Raw<'a>>> {
        Ok(Some(match field.wire {
            WireType::Varint => Raw::Varint(self.read_varint()?),
            WireType::Fixed64 => Raw::Fixed64(self.fixed64(field)?),
            WireType::Length => Raw::Bytes(self.message(field)?),
            WireType::Fixed32 => {
                let bytes = self.take(4, field)?;
                Raw::Fixed32(bytes.iter().rev().fold(0, |n, byte| n << 8 | u32::from(*byte)))
            }
            WireType::GroupStart | WireType::GroupEnd => {
                self.skip(field)?;
                return Ok(None);
            }
        }))
    }

    /// Numbers of 64 bits that stand one behind the other to the end.
    pub(crate) fn packed_fixed64(mut self, each: &mut impl FnMut(Raw<'a>)) -> Result<()> {
        while !self.rest.is_empty() {
            let field = Field { number: 0, wire: WireType::Fixed64, at: self.at() };
            each(Raw::Fixed64(self.fixed64(field)?));
        }
        Ok(())
    }

    /// The same of numbers of any length.
    pub(crate) fn packed_varints(mut self, each: &mut impl FnMut(Raw<'a>)) -> Result<()> {
        while !self.rest.is_empty() {
            each(Raw::Varint(self.read_varint()?));
        }
        Ok(())
    }

    /// What was not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Steps over a field that nobody asked for, whatever its type.
    #[inline]
    pub(crate) fn skip(&mut self, field: Field) -> Result<()> {
        match field.wire {
            WireType::GroupStart => self.skip_group(field),
            WireType::GroupEnd => Err(malformed(
                field.at,
                format!("the end of group {}", field.number),
                "a field: no such group was begun",
            )),
            _ => self.skip_scalar(field),
        }
    }

    #[inline]
    fn skip_scalar(&mut self, field: Field) -> Result<()> {
        match field.wire {
            WireType::Varint => self.read_varint().map(drop),
            WireType::Fixed64 => self.take(8, field).map(drop),
            WireType::Fixed32 => self.take(4, field).map(drop),
            _ => self.bytes(field).map(drop),
        }
    }

    fn skip_group(&mut self, group: Field) -> Result<()> {
        let mut open = [0; GROUP_DEPTH_MAX];
        open[0] = group.number;
        let mut depth = 1;
        while depth > 0 {
            let at = self.at();
            let Some(field) = self.next()? else {
                return Err(malformed(at, "the end of the message".to_owned(), "the end of a group"));
            };
            match field.wire {
                WireType::GroupStart if depth == GROUP_DEPTH_MAX => {
                    return Err(malformed(
                        at,
                        "a group too deep".to_owned(),
                        "at most 64 groups in each other",
                    ));
                }
                WireType::GroupStart => {
                    open[depth] = field.number;
                    depth += 1;
                }
                WireType::GroupEnd if open[depth - 1] == field.number => depth -= 1,
                WireType::GroupEnd => {
                    return Err(malformed(
                        at,
                        format!("the end of group {}", field.number),
                        "the end of the group begun last",
                    ));
                }
                _ => self.skip_scalar(field)?,
            }
        }
        Ok(())
    }

    #[inline]
    fn read_varint(&mut self) -> Result<u64> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.read_long_varint(),
        }
    }

    #[inline(never)]
    fn read_long_varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for (index, byte) in self.rest.iter().take(VARINT_BYTES_MAX).enumerate() {
            if index == VARINT_BYTES_MAX - 1 && *byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if *byte < 0x80 {
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        let (found, at) = if self.rest.len() < VARINT_BYTES_MAX {
            ("the end of the message inside a varint", self.end)
        } else {
            ("a varint of more than 64 bits", self.at())
        };
        Err(malformed(at, found.to_owned(), "a varint of at most 10 bytes that fits 64 bits"))
    }

    #[inline]
    fn take(&mut self, length: u64, field: Field) -> Result<&'a [u8]> {
        match usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length)) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.cut_short(length, field)),
        }
    }

    #[cold]
    #[inline(never)]
    fn cut_short(&self, length: u64, field: Field) -> Malformed {
        let found = format!("{length} bytes announced for field {}, {} left", field.number, self.rest.len());
        malformed(field.at, found, "a field that ends inside its message")
    }
}

impl Field {
    #[inline]
    fn check(self, expected: WireType) -> Result<()> {
        if self.wire == expected { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    #[cold]
    #[inline(never)]
    fn unexpected(self, expected: WireType) -> Malformed {
        let found = format!("field {} as {:?}", self.number, self.wire);
        let expected = match expected {
            WireType::Varint => "a varint there",
            WireType::Fixed64 => "eight fixed bytes there",
            _ => "a length and as many bytes there",
        };
        malformed(self.at, found, expected)
    }
}

#[cfg(test)]
mod tests;
