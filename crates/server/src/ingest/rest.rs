//! What comes in over the API: wide events, signals and deployments.

use std::sync::Arc;

use api::{IngestReply, RejectedItem};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::HeaderMap;

use super::otlp_http::{encoding, media_type, unsupported};
use super::{Form, Ingest, Receipt, Source, actions};
use crate::http::{Failure, Framing};
use crate::rest::{NoQuery, Reading};

#[derive(Debug, Clone)]
pub(super) struct Routes {
    pub(super) ingest: Arc<Ingest>,
    pub(super) reading: Reading,
}

pub(crate) fn router(ingest: Arc<Ingest>, reading: Reading) -> Router {
    Router::new()
        .route("/v1/events", post(events))
        .route("/v1/events/validate", post(validate_events))
        .route("/v1/signals", post(signals))
        .route("/v1/deployments", post(deployments))
        .route("/v1/incidents/{id}/actions", post(actions::act))
        .route("/v1/baseline", post(actions::accept_baseline))
        .merge(super::alerts::router())
        .with_state(Routes { ingest, reading })
}

async fn events(State(routes): State<Routes>, _: NoQuery, request: Request) -> Result<Response, Failure> {
    take(&routes, "events", wide_form, request).await
}

async fn signals(State(routes): State<Routes>, _: NoQuery, request: Request) -> Result<Response, Failure> {
    take(&routes, "signals", |headers| json_form(headers, Form::Signals), request).await
}

async fn deployments(
    State(routes): State<Routes>,
    _: NoQuery,
    request: Request,
) -> Result<Response, Failure> {
    take(&routes, "deployments", |headers| json_form(headers, Form::Deployments), request).await
}

async fn take(
    routes: &Routes,
    surface: &'static str,
    form: impl FnOnce(&HeaderMap) -> Result<Form, Failure>,
    request: Request,
) -> Result<Response, Failure> {
    let (parts, body) = request.into_parts();
    let named = form(&parts.headers).and_then(|form| Ok((form, encoding(&parts.headers)?)));
    let (form, encoding) = match named {
        Ok(named) => named,
        Err(failure) => return Err(routes.ingest.refused(surface, failure)),
    };
    let body = routes.ingest.read_body(surface, &parts, body, Framing::Plain).await?;
    let receipt = routes.ingest.take_in(Source { surface, form, encoding }, body).await?;
    Ok(Json(reply(receipt)).into_response())
}

/// The dry run: the same answer, and nothing is kept.
async fn validate_events(
    State(routes): State<Routes>,
    _: NoQuery,
    request: Request,
) -> Result<Response, Failure> {
    let (parts, body) = request.into_parts();
    let (form, encoding) = (wide_form(&parts.headers)?, encoding(&parts.headers)?);
    let body = routes.ingest.bodies.read(&parts, body, Framing::Plain).await?;
    let receipt = routes.ingest.dry_run(Source { surface: "events", form, encoding }, body).await?;
    Ok(Json(reply(receipt)).into_response())
}

fn wide_form(headers: &HeaderMap) -> Result<Form, Failure> {
    match media_type(headers).as_str() {
        "application/json" => Ok(Form::WideJson),
        "application/x-ndjson" | "application/jsonl" | "application/ndjson" => Ok(Form::WideNdjson),
        other => Err(unsupported(other, "application/json or application/x-ndjson")),
    }
}

pub(super) fn json_form(headers: &HeaderMap, form: Form) -> Result<Form, Failure> {
    match media_type(headers).as_str() {
        "application/json" => Ok(form),
        other => Err(unsupported(other, "application/json")),
    }
}

fn reply(receipt: Receipt) -> IngestReply {
    let rejected = receipt.rejected.into_iter().map(|item| RejectedItem {
        index: item.index as u64,
        event_id: (!item.id.is_empty()).then_some(item.id),
        reason: item.reason.as_str().to_owned(),
        detail: item.detail,
    });
    IngestReply { accepted: receipt.accepted, duplicate: receipt.duplicate, rejected: rejected.collect() }
}
