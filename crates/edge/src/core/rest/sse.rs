//! The text of an event stream, read piece by piece and written. It must never know what an event says.

use bytes::Bytes;

/// What a stream says between two blank lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    Event {
        topic: String,
        data: String,
    },
    /// Nothing but a sign of life.
    Comment,
}

/// An event is longer than may be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

#[derive(Debug, Clone)]
pub struct Reader {
    bytes_max: usize,
    line: Vec<u8>,
    after_return: bool,
    topic: String,
    data: Option<String>,
    had_comment: bool,
}

impl Reader {
    pub fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            line: Vec::new(),
            after_return: false,
            topic: String::new(),
            data: None,
            had_comment: false,
        }
    }

    /// Everything that ended with this piece.
    pub fn read(&mut self, piece: &[u8]) -> Result<Vec<Said>, TooLong> {
        let mut said = Vec::new();
        for byte in piece {
            // A line ends with a return, a feed, or both.
            let is_second = std::mem::replace(&mut self.after_return, *byte == b'\r') && *byte == b'\n';
            match byte {
                b'\n' if is_second => {}
                b'\r' | b'\n' => {
                    let line = std::mem::take(&mut self.line);
                    said.extend(self.line_ended(&String::from_utf8_lossy(&line)));
                }
                _ => self.line.push(*byte),
            }
            if self.line.len() + self.data.as_ref().map_or(0, String::len) > self.bytes_max {
                return Err(TooLong);
            }
        }
        Ok(said)
    }

    fn line_ended(&mut self, line: &str) -> Option<Said> {
        if line.is_empty() {
            return self.event_ended();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => self.had_comment = true,
            "event" => value.clone_into(&mut self.topic),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            _ => {}
        }
        None
    }

    fn event_ended(&mut self) -> Option<Said> {
        let topic = std::mem::take(&mut self.topic);
        let had_comment = std::mem::take(&mut self.had_comment);
        match self.data.take() {
            Some(data) => Some(Said::Event { topic, data }),
            None => had_comment.then_some(Said::Comment),
        }
    }
}

/// An event as it is sent to clients.
pub fn event(topic: &str, data: &[u8]) -> Bytes {
    let mut text = Vec::with_capacity(topic.len() + data.len() + 16);
    text.extend_from_slice(b"event: ");
    text.extend_from_slice(topic.as_bytes());
    for line in data.split(|byte| *byte == b'\n') {
        text.extend_from_slice(b"\ndata: ");
        text.extend_from_slice(line);
    }
    text.extend_from_slice(b"\n\n");
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(topic: &str, data: &str) -> Said {
        Said::Event { topic: topic.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn a_stream_says_the_same_wherever_it_is_cut_and_however_lines_end() {
        let text =
            ":\n\nevent: head\ndata: {\"slot\":\"1\"}\n\nid: 7\nevent:block\ndata:a\ndata: b\n\ndata\n\n";
        let expected = [Said::Comment, said("head", "{\"slot\":\"1\"}"), said("block", "a\nb"), said("", "")];
        for text in [text.to_owned(), text.replace('\n', "\r\n"), text.replace('\n', "\r")] {
            for cut in 0..=text.len() {
                let mut reader = Reader::new(100);
                let mut all = reader.read(&text.as_bytes()[..cut]).unwrap();
                all.extend(reader.read(&text.as_bytes()[cut..]).unwrap());
                assert_eq!(all, expected, "cut at {cut}");
            }
        }
    }

    #[test]
    fn what_is_too_long_is_not_held() {
        assert_eq!(Reader::new(10).read(b"data: 0123456789"), Err(TooLong));
        let mut reader = Reader::new(10);
        assert_eq!(reader.read(b"data: 0123\ndata: 45\ndata: 6789"), Err(TooLong));
    }

    #[test]
    fn what_is_written_can_be_read() {
        let text = event("head", b"one\ntwo");
        assert_eq!(&text[..], b"event: head\ndata: one\ndata: two\n\n");
        assert_eq!(Reader::new(100).read(&text), Ok(vec![said("head", "one\ntwo")]));
    }
}
