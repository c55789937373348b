//! What clients are answered over HTTP, and the bodies of it. It must never know why.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Frame, SizeHint};

use crate::rest::BrokeOff;

pub(crate) type Answer = Response<Body>;

type Flowing = Pin<Box<dyn Stream<Item = Result<Bytes, BrokeOff>> + Send>>;

/// An answer's body.
pub(crate) enum Body {
    Whole(Full<Bytes>),
    /// What comes piece by piece.
    Flow(Flowing),
}

impl Body {
    pub(super) fn flow(pieces: impl Stream<Item = Result<Bytes, BrokeOff>> + Send + 'static) -> Self {
        Self::Flow(Box::pin(pieces))
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(Full::new(bytes))
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = BrokeOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        match &mut *self {
            Self::Whole(whole) => {
                Pin::new(whole).poll_frame(context).map_err(|never: std::convert::Infallible| match never {})
            }
            Self::Flow(pieces) => {
                pieces.as_mut().poll_next(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.is_end_stream(),
            Self::Flow(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => whole.size_hint(),
            Self::Flow(_) => SizeHint::default(),
        }
    }
}

pub(super) fn json(status: StatusCode, body: Bytes) -> Answer {
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

pub(super) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Body::from(Bytes::new()));
    *answer.status_mut() = status;
    answer
}

/// RFC 9457.
pub(super) fn problem(status: StatusCode, detail: &str) -> Answer {
    let body = serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("error"),
        "status": status.as_u16(),
        "detail": detail,
    });
    let mut answer = json(status, body.to_string().into());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    answer
}
