//! `POST /v1/alerts`: what other systems send when something is wrong. A sender of webhooks reads nothing of an answer but
//! its status, so a request of which nothing could be taken is an error, and one with nothing to take is not.

use api::{AlertsReply, ErrorCode, IgnoredItem, RejectedItem};
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use intake::{Context, alerts, record};
use model::{AlertProvider, Input};

use super::decode::decode_failure;
use super::otlp_http::encoding;
use super::pagerduty_signature::Trust;
use super::rest::{Routes, json_form};
use super::{Form, Receipt, Source};
use crate::http::{Failure, Framing};
use crate::rest::NoQuery;

const SURFACE: &str = "alerts";
/// Rejected alerts that the problem of a request names.
const NAMED_MAX: usize = 3;

/// How a request of alerts is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Whose alerts they are; `None` where their shape tells.
    pub provider: Option<AlertProvider>,
    pub trust: Trust,
}

pub(super) fn router() -> Router<Routes> {
    Router::new().route("/v1/alerts", post(any)).route("/v1/alerts/{provider}", post(of_provider))
}

async fn any(State(routes): State<Routes>, _: NoQuery, request: Request) -> Result<Response, Failure> {
    take(&routes, None, request).await
}

async fn of_provider(
    State(routes): State<Routes>,
    Path(name): Path<String>,
    _: NoQuery,
    request: Request,
) -> Result<Response, Failure> {
    let Some(provider) = AlertProvider::ALL.into_iter().find(|provider| provider.as_str() == name) else {
        let known = AlertProvider::ALL.map(AlertProvider::as_str).join(", ");
        let failure = Failure::new(
            ErrorCode::InvalidParameter,
            format!("{name:?} sends no alerts here; known are {known}"),
        );
        return Err(routes.ingest.refused(SURFACE, failure));
    };
    take(&routes, Some(provider), request).await
}

async fn take(
    routes: &Routes,
    provider: Option<AlertProvider>,
    request: Request,
) -> Result<Response, Failure> {
    let (parts, body) = request.into_parts();
    let trust = Trust::Unchecked;
    let form = json_form(&parts.headers, Form::Alerts(Asked { provider, trust }));
    let named = form.and_then(|_| encoding(&parts.headers));
    let encoding = match named {
        Ok(encoding) => encoding,
        Err(failure) => return Err(routes.ingest.refused(SURFACE, failure)),
    };
    let body = routes.ingest.read_body(SURFACE, &parts, body, Framing::Plain).await?;
    let trust = routes.ingest.pagerduty.trust(&parts.headers, &body.bytes);
    let form = Form::Alerts(Asked { provider, trust });
    let receipt = routes.ingest.take_in(Source { surface: SURFACE, form, encoding }, body).await?;
    Ok(Json(reply(receipt)).into_response())
}

/// Reads a request of alerts and makes a record of it.
pub(super) fn decode(
    asked: Asked,
    payload: &mut Vec<u8>,
    context: &Context<'_>,
) -> Result<(Input, Receipt), Failure> {
    let batch =
        alerts::from_json(payload, asked.provider, context).map_err(|error| decode_failure(&error))?;
    if batch.provider == AlertProvider::Pagerduty && asked.trust == Trust::Unsigned {
        let detail =
            "X-PagerDuty-Signature holds no signature of this body with a secret that is configured here";
        return Err(Failure::new(ErrorCode::InvalidSignature, detail));
    }
    if batch.alerts.is_empty() && !batch.rejected.is_empty() {
        let named = batch.rejected.iter().take(NAMED_MAX);
        let named: Vec<String> = named.map(|one| format!("alert {}: {}", one.index, one.detail)).collect();
        let detail = format!("none of {} can be taken: {}", batch.rejected.len(), named.join("; "));
        return Err(Failure::new(ErrorCode::InvalidBody, detail));
    }
    *payload = record::alerts_payload(batch.provider, payload);
    let receipt = Receipt {
        accepted: batch.alerts.len() as u64,
        rejected: batch.rejected,
        ignored: batch.ignored,
        provider: Some(batch.provider),
        warnings: batch.warnings,
        ..Receipt::default()
    };
    Ok((Input::Alerts(batch.alerts), receipt))
}

fn reply(receipt: Receipt) -> AlertsReply {
    let id = |id: String| (!id.is_empty()).then_some(id);
    let ignored = receipt.ignored.into_iter().map(|item| IgnoredItem {
        index: item.index as u64,
        id: id(item.id),
        reason: item.reason,
    });
    let rejected = receipt.rejected.into_iter().map(|item| RejectedItem {
        index: item.index as u64,
        event_id: id(item.id),
        reason: item.reason.as_str().to_owned(),
        detail: item.detail,
    });
    AlertsReply {
        provider: receipt.provider.map_or("", AlertProvider::as_str).to_owned(),
        accepted: receipt.accepted,
        ignored: ignored.collect(),
        rejected: rejected.collect(),
    }
}
