//! The request for each kind of target. What is told is worked out at delivery from the stored report, so the same
//! notification gives the same payload however often it is tried.

mod alertmanager;
mod pagerduty;
mod slack;
mod webhook;

use bytes::Bytes;
use engine::report::Report;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Uri};
use model::Nanos;
use store::{Notification, NotificationEvent};

use crate::signature::sign;
use crate::target::{Kind, Target};

/// What a payload is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told<'a> {
    pub notification: &'a Notification,
    /// `None` where the store no longer has it.
    pub report: Option<&'a Report>,
    pub public_url: Option<&'a str>,
}

#[derive(Debug)]
pub(crate) struct Request {
    pub uri: Uri,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Bytes,
}

/// `None` where the target cannot be told, which its configuration rules out.
pub(crate) fn request(target: &Target, told: Told<'_>, now: Nanos) -> Option<Request> {
    let uri = target.uri()?;
    let mut headers = vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    let (uri, body) = match &target.kind {
        Kind::Slack => (uri, slack::body(told)),
        Kind::Pagerduty { routing_key } => (uri, pagerduty::body(told, routing_key)),
        Kind::Alertmanager { authorization } => {
            if let Some(header) = authorization {
                let mut header = HeaderValue::from_str(header.expose()).ok()?;
                header.set_sensitive(true);
                headers.push((AUTHORIZATION, header));
            }
            (alertmanager::uri(&uri)?, alertmanager::body(told))
        }
        Kind::Webhook { secret } => {
            let body = webhook::body(told);
            let (id, at) = (&told.notification.id, now.as_secs());
            let signature = sign(secret, id, at, body.as_bytes());
            let named = [("webhook-id", id.clone()), ("webhook-timestamp", at.to_string())];
            for (name, value) in named.into_iter().chain([("webhook-signature", signature)]) {
                headers.push((HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?));
            }
            (uri, body)
        }
    };
    Some(Request { uri, headers, body: Bytes::from(body) })
}

impl Told<'_> {
    /// The report's page, where it is known how people reach it.
    fn link(&self) -> Option<String> {
        let url = self.public_url?;
        let incident = &self.notification.incident;
        Some(format!("{url}/v1/incidents/{}/report?format=html", incident.id))
    }

    fn title(&self) -> &'static str {
        match self.notification.event {
            NotificationEvent::Opened => "Opened",
            NotificationEvent::Changed => "Changed",
            NotificationEvent::Acknowledged => "Acknowledged",
            NotificationEvent::Resolved => "Resolved",
            NotificationEvent::Reopened => "Reopened",
        }
    }
}

fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    text.chars().take(chars_max - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests;
