//! Conditional answers: a client that has the newest bytes already is told so and sent nothing.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};

/// An answer that can be recognised.
pub(super) struct Tagged {
    pub content_type: &'static str,
    /// Without the quotes.
    pub tag: String,
    pub cache: &'static str,
    pub bytes: Vec<u8>,
}

impl Tagged {
    pub(super) fn answer(self, request: &HeaderMap) -> Response {
        let tag = format!("\"{}\"", self.tag);
        let mut response = if is_known(request, &tag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(CONTENT_TYPE, self.content_type)], Body::from(self.bytes)).into_response()
        };
        let headers = response.headers_mut();
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            headers.insert(ETAG, tag);
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(self.cache));
        headers.insert(VARY, HeaderValue::from_static("accept"));
        response
    }
}

fn is_known(request: &HeaderMap, tag: &str) -> bool {
    let texts = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut named = texts.flat_map(|text| text.split(',')).map(str::trim);
    named.any(|name| name == "*" || name.strip_prefix("W/").unwrap_or(name) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_a_list_and_weak_ones_count() {
        let known = |text: &'static str| {
            let headers = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static(text))]);
            is_known(&headers, "\"abc\"")
        };
        for text in ["\"abc\"", "W/\"abc\"", "\"x\", \"abc\"", "*"] {
            assert!(known(text), "{text}");
        }
        for text in ["abc", "\"abcd\"", "\"x\"", ""] {
            assert!(!known(text), "{text}");
        }
    }
}
