//! Strict JSON, stepped over and never built: RFC 8259 to the letter, nesting bounded, no recursion. It must never know
//! what a request is, and it trusts that the text is UTF-8.

use std::ops::Range;

use memchr::memchr2;

/// Arrays and objects in each other, in what a client sends. What lies deeper is refused as malformed.
pub(crate) const NESTING_MAX: u32 = 128;
/// The same in what a node says: two for each call within calls that it traces.
pub(crate) const NESTING_MAX_OF_NODES: u32 = 1 << 16;
/// How many one word tells the kinds of.
const WORD: u32 = u128::BITS;

/// Not JSON. Where and why is nobody's business: what a client is told does not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

pub(crate) type Step<T> = Result<T, Malformed>;

/// A place in a text, and what is open there.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
    depth: u32,
    depth_max: u32,
    /// One bit for each open array or object, the innermost lowest; 1 is an object.
    objects: u128,
    /// Whole words of what lies around those.
    outer: Vec<u128>,
}

/// The inside of a string, as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text<'a> {
    pub(crate) raw: &'a [u8],
    pub(crate) has_escapes: bool,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, depth: 0, depth_max: NESTING_MAX, objects: 0, outer: Vec::new() }
    }

    pub(crate) fn of_node(text: &'a [u8]) -> Self {
        Self { depth_max: NESTING_MAX_OF_NODES, ..Self::new(text) }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn slice(&self, range: Range<usize>) -> &'a [u8] {
        self.text.get(range).unwrap_or_default()
    }

    /// The next byte that is no space. Nothing is taken but the space.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    /// Nothing but space is left.
    pub(crate) fn end(&mut self) -> Step<()> {
        if self.peek().is_none() { Ok(()) } else { Err(Malformed) }
    }

    /// Steps into an array or object; [`Self::next`] steps out of it.
    pub(crate) fn enter(&mut self, open: u8) -> Step<()> {
        self.take(open)?;
        self.push(open == b'{')
    }

    /// Whether another item follows in what was entered. `is_first` starts as true.
    pub(crate) fn next(&mut self, is_first: &mut bool) -> Step<bool> {
        let close = self.innermost_close();
        match self.peek() {
            Some(byte) if byte == close => {
                self.at += 1;
                self.pop();
                Ok(false)
            }
            Some(b',') if !*is_first => {
                self.at += 1;
                Ok(true)
            }
            Some(_) if *is_first => {
                *is_first = false;
                Ok(true)
            }
            _ => Err(Malformed),
        }
    }

    /// The name of a member, and the colon behind it.
    #[inline]
    pub(crate) fn key(&mut self) -> Step<Text<'a>> {
        self.peek();
        let name = self.string()?;
        self.take(b':')?;
        Ok(name)
    }

    /// Any value, and where it stands.
    pub(crate) fn value(&mut self) -> Step<Range<usize>> {
        self.peek();
        let (start, outside) = (self.at, self.depth);
        loop {
            let has_items = self.begin()?;
            if has_items {
                continue;
            }
            loop {
                if self.depth == outside {
                    return Ok(start..self.at);
                }
                if self.goes_on()? {
                    break;
                }
            }
        }
    }

    /// A scalar, an empty array or an empty object as a whole; of others the opening, up to the first item's value.
    /// Whether it was such an opening.
    #[inline]
    fn begin(&mut self) -> Step<bool> {
        match self.peek() {
            Some(b'"') => self.string().map(|_| false),
            Some(b'{') => {
                self.at += 1;
                self.push(true)?;
                if self.close(b'}') {
                    return Ok(false);
                }
                self.key().map(|_| true)
            }
            Some(b'[') => {
                self.at += 1;
                self.push(false)?;
                Ok(!self.close(b']'))
            }
            Some(b'-' | b'0'..=b'9') => self.number().map(|()| false),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => Err(Malformed),
        }
    }

    /// Behind an item: true at the next one's value, false behind the end of what held it.
    #[inline]
    fn goes_on(&mut self) -> Step<bool> {
        let close = self.innermost_close();
        if self.close(close) {
            return Ok(false);
        }
        self.take(b',')?;
        if close == b'}' {
            self.key()?;
        }
        Ok(true)
    }

    fn innermost_close(&self) -> u8 {
        if self.objects & 1 == 1 { b'}' } else { b']' }
    }

    fn push(&mut self, is_object: bool) -> Step<()> {
        if self.depth == self.depth_max {
            return Err(Malformed);
        }
        if self.depth > 0 && self.depth.is_multiple_of(WORD) {
            self.outer.push(self.objects);
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(is_object);
        Ok(())
    }

    fn pop(&mut self) {
        self.depth -= 1;
        self.objects >>= 1;
        if self.depth > 0 && self.depth.is_multiple_of(WORD) {
            self.objects = self.outer.pop().unwrap_or_default();
        }
    }

    fn close(&mut self, close: u8) -> bool {
        let closes = self.peek() == Some(close);
        if closes {
            self.at += 1;
            self.pop();
        }
        closes
    }

    fn take(&mut self, byte: u8) -> Step<()> {
        if self.peek() != Some(byte) {
            return Err(Malformed);
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Step<bool> {
        if !self.text[self.at..].starts_with(word) {
            return Err(Malformed);
        }
        self.at += word.len();
        Ok(false)
    }

    #[inline]
    fn string(&mut self) -> Step<Text<'a>> {
        if self.text.get(self.at) != Some(&b'"') {
            return Err(Malformed);
        }
        let start = self.at + 1;
        let (mut at, mut has_escapes) = (start, false);
        loop {
            let rest = self.text.get(at..).ok_or(Malformed)?;
            let length = memchr2(b'"', b'\\', rest).ok_or(Malformed)?;
            if has_control(&rest[..length]) {
                return Err(Malformed);
            }
            at += length;
            if rest[length] == b'"' {
                self.at = at + 1;
                return Ok(Text { raw: &self.text[start..at], has_escapes });
            }
            has_escapes = true;
            at = self.behind_escape(at)?;
        }
    }

    /// A surrogate alone is no character, so it is refused.
    fn behind_escape(&self, at: usize) -> Step<usize> {
        match self.text.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
            Some(b'u') => match self.unit(at + 2)? {
                0xd800..=0xdbff => {
                    let is_pair = self.text.get(at + 6..at + 8) == Some(b"\\u".as_slice())
                        && (0xdc00..=0xdfff).contains(&self.unit(at + 8)?);
                    if is_pair { Ok(at + 12) } else { Err(Malformed) }
                }
                0xdc00..=0xdfff => Err(Malformed),
                _ => Ok(at + 6),
            },
            _ => Err(Malformed),
        }
    }

    fn unit(&self, at: usize) -> Step<u32> {
        let digits = self.text.get(at..at + 4).ok_or(Malformed)?;
        digits.iter().try_fold(0, |unit, digit| {
            let digit = char::from(*digit).to_digit(16).ok_or(Malformed)?;
            Ok(unit << 4 | digit)
        })
    }

    fn number(&mut self) -> Step<()> {
        if self.text.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        match self.text.get(self.at) {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.text.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.text.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// At least one.
    fn digits(&mut self) -> Step<()> {
        let rest = &self.text[self.at..];
        let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += length;
        if length == 0 { Err(Malformed) } else { Ok(()) }
    }
}

/// Without a branch for each byte, so that it is looked at many bytes at a time.
#[inline]
fn has_control(bytes: &[u8]) -> bool {
    bytes.iter().fold(false, |found, byte| found | (*byte < 0x20))
}

/// Where the value of the member of that name stands in an object; `None` where it is no object or has none.
pub(crate) fn member(object: &[u8], name: &[u8]) -> Option<Range<usize>> {
    let [place] = members(object, [name]);
    place
}

/// The same for several, in one walk. Of members that stand twice the last counts, as nodes and clients read.
pub(crate) fn members<const N: usize>(object: &[u8], names: [&[u8]; N]) -> [Option<Range<usize>>; N] {
    let mut places = [const { None }; N];
    match places_of(object, names, &mut places) {
        Ok(()) => places,
        Err(Malformed) => [const { None }; N],
    }
}

fn places_of<const N: usize>(
    object: &[u8],
    names: [&[u8]; N],
    places: &mut [Option<Range<usize>>; N],
) -> Step<()> {
    let (mut cursor, mut is_first) = (Cursor::of_node(object), true);
    cursor.enter(b'{')?;
    while cursor.next(&mut is_first)? {
        let key = cursor.key()?;
        let value = cursor.value()?;
        if let Some((_, place)) = names.iter().zip(&mut *places).find(|(name, _)| **name == key.raw) {
            *place = Some(value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
