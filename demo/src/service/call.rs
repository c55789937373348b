//! The CLIENT span around every call that a service makes.

use std::error::Error as _;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use http::Method;
use opentelemetry::trace::{SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};
use serde_json::Value;

use super::inbound::USER_HEADER;
use super::{Service, propagation};
use crate::protocol::Role;

/// Long, so that a machine that is busy with other things makes the shop slow and not faulty.
const TIMEOUT: Duration = Duration::from_secs(10);

/// One call to another service.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) to: Role,
    pub(super) method: Method,
    /// Path and `url.template` in one: the shop's paths have no parameters.
    pub(super) path: &'static str,
    pub(super) user: Option<&'a str>,
    pub(super) body: Option<Value>,
}

/// A call that failed, as its span tells it.
#[derive(Debug)]
pub(super) struct CallError {
    pub(super) error_type: String,
    pub(super) message: String,
}

/// Calls each service by its name, as in a cluster with a name service; all of them are on this machine.
pub(super) fn client() -> anyhow::Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder().no_proxy().timeout(TIMEOUT);
    for role in
        [Role::Gateway, Role::Checkout, Role::Payment, Role::Inventory, Role::Store, Role::CardProvider]
    {
        // The port comes from the address of each call.
        builder = builder.resolve(role.as_str(), SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    }
    builder.build().context("no HTTP client")
}

impl Service {
    pub(super) async fn call(&self, call: Call<'_>) -> Result<Value, CallError> {
        let Some(port) = self.upstreams.next_port(call.to) else {
            let message = format!("{} has no address", call.to.as_str());
            return Err(CallError { error_type: "no_address".into(), message });
        };
        let context = self.start(&call, port);
        let answer = self.send(call, port, &context).await;
        if let Err(failed) = &answer {
            context.span().set_attribute(KeyValue::new("error.type", failed.error_type.clone()));
            context.span().set_status(Status::error(failed.message.clone()));
        }
        context.span().end();
        answer
    }

    fn start(&self, call: &Call<'_>, port: u16) -> Context {
        let parent = Context::current();
        let (host, method) = (call.to.as_str(), call.method.as_str());
        let span = self
            .tracer
            .span_builder(format!("{method} {}", call.path))
            .with_kind(SpanKind::Client)
            .with_attributes([
                KeyValue::new("http.request.method", method.to_owned()),
                KeyValue::new("url.full", format!("http://{host}:{port}{}", call.path)),
                KeyValue::new("url.template", call.path),
                KeyValue::new("server.address", host),
                KeyValue::new("server.port", i64::from(port)),
            ])
            .start_with_context(&self.tracer, &parent);
        parent.with_span(span)
    }

    async fn send(&self, call: Call<'_>, port: u16, context: &Context) -> Result<Value, CallError> {
        let host = call.to.as_str();
        let mut request = self.client.request(call.method, format!("http://{host}:{port}{}", call.path));
        let mut headers = http::HeaderMap::new();
        propagation::inject(context, &mut headers);
        request = request.headers(headers);
        if let Some(user) = call.user {
            request = request.header(USER_HEADER, user);
        }
        if let Some(body) = call.body {
            request = request.json(&body);
        }
        let response = request.send().await.map_err(|error| unanswered(host, &error))?;
        let status = response.status();
        let code = KeyValue::new("http.response.status_code", i64::from(status.as_u16()));
        context.span().set_attribute(code);
        if status.is_client_error() || status.is_server_error() {
            let message = format!("{host} answered {}", status.as_u16());
            return Err(CallError { error_type: status.as_str().to_owned(), message });
        }
        response.json().await.map_err(|error| unanswered(host, &error))
    }
}

fn unanswered(host: &str, error: &reqwest::Error) -> CallError {
    let (error_type, what) = match io_error(error) {
        _ if error.is_timeout() => ("timeout", "did not answer in time"),
        Some(io::ErrorKind::ConnectionRefused) => ("connection_refused", "refused the connection"),
        Some(io::ErrorKind::ConnectionReset) => ("connection_reset", "reset the connection"),
        _ if error.is_decode() => ("invalid_answer", "sent an answer that is no JSON"),
        _ => ("connection_failed", "broke the connection off"),
    };
    CallError { error_type: error_type.to_owned(), message: format!("{host} {what}") }
}

fn io_error(error: &reqwest::Error) -> Option<io::ErrorKind> {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        cause = inner.source();
    }
    None
}
