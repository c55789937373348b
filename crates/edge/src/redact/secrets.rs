//! The secrets of a configuration, so that they can be left out of texts that others made. It must never show one.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use percent_encoding::{percent_decode, percent_decode_str};

use super::{LEFT_OUT, SecretText, SecretUrl};

/// What is shorter stands in every text by chance.
const SECRET_BYTES_MIN: usize = 4;
/// Parts of a path that are words of the protocols and no keys.
const PLAIN_SEGMENTS: &[&str] =
    &["mainnet", "eth1", "eth2", "http", "https", "beacon", "node", "json-rpc", "json", "public", "private"];
/// An address within an address within an address is written so.
const DECODED_TIMES: usize = 3;

/// Texts that may not be shown, the longest first.
#[derive(Clone, Default)]
pub struct Secrets {
    texts: Vec<String>,
}

impl Secrets {
    /// User name, password, the parts of the path and the values of the query.
    pub fn add_url(&mut self, url: &SecretUrl) {
        let url = url.expose();
        self.add(url.username());
        self.add(url.password().unwrap_or_default());
        for segment in url.path_segments().into_iter().flatten() {
            if !PLAIN_SEGMENTS.contains(&segment) {
                self.add(segment);
            }
        }
        self.add(url.query().unwrap_or_default());
        for (_, value) in url.query_pairs() {
            self.add(&value);
        }
    }

    pub fn add_header(&mut self, value: &HeaderValue) {
        let text = String::from_utf8_lossy(value.as_bytes());
        self.add(&text);
        // `Bearer KEY` is secret for its key, and `Basic` for the user and the password that it stands for.
        for word in text.split_ascii_whitespace().skip(1) {
            self.add(word);
            let pair = STANDARD.decode(word).ok().and_then(|pair| String::from_utf8(pair).ok());
            pair.iter().flat_map(|pair| pair.split(':')).for_each(|part| self.add(part));
        }
    }

    pub fn add_text(&mut self, text: &SecretText) {
        self.add(text.expose());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The text without any of them; `None` where there is none in it.
    pub(crate) fn leave_out(&self, text: &str) -> Option<String> {
        let mut scrubbed: Option<String> = None;
        for secret in &self.texts {
            let now = scrubbed.as_deref().unwrap_or(text);
            if now.contains(secret.as_str()) {
                scrubbed = Some(now.replace(secret.as_str(), LEFT_OUT));
            }
        }
        scrubbed
    }

    /// Whether a header has one of them, in whatever letters: percent-encoded, however often, escaped or in capitals.
    pub(crate) fn are_told_in(&self, header: &[u8]) -> bool {
        let mut said = header.to_vec();
        for _ in 0..=DECODED_TIMES {
            let text = String::from_utf8_lossy(&said).to_lowercase();
            let plain = text.replace('\\', "");
            let is_told =
                |secret: &String| [&text, &plain].iter().any(|text| text.contains(&secret.to_lowercase()));
            if self.texts.iter().any(is_told) {
                return true;
            }
            if !said.contains(&b'%') {
                break;
            }
            said = percent_decode(&said).collect();
        }
        false
    }

    /// As it is written, and as it means.
    fn add(&mut self, text: &str) {
        let meant = percent_decode_str(text).decode_utf8_lossy();
        for form in [text, &*meant] {
            if form.len() >= SECRET_BYTES_MIN && !self.texts.iter().any(|known| known == form) {
                self.texts.push(form.to_owned());
            }
        }
        // A secret that is part of another one must not break it apart first.
        self.texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.texts.len())
    }
}
