//! What operators do. An action is judged before it is journaled, so that whoever acts is told at once what does not
//! fit; the engine judges it again when its turn comes, and the audit says what became of it.

use api::{
    ACTOR_BYTES_MAX, ActionAccepted, ActionRequest, BaselineAccepted, BaselineRequest, CallerKind, ErrorCode,
};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use engine::Refusal;
use http::StatusCode;
use model::{IncidentId, Input, OperatorAction, Str};
use serde::de::DeserializeOwned;

use super::Form;
use super::rest::{Routes, json_form};
use crate::auth::Caller;
use crate::clock;
use crate::http::{Failure, Framing};
use crate::rest::{NoQuery, StrictPath};

/// Who acts where the caller does not say.
const ACTOR_UNNAMED: &str = "operator";

pub(super) async fn act(
    State(routes): State<Routes>,
    StrictPath(incident): StrictPath<IncidentId>,
    Extension(caller): Extension<Caller>,
    _: NoQuery,
    request: Request,
) -> Result<Response, Failure> {
    let asked: ActionRequest = body(&routes, request).await?;
    let kind = asked.check(clock::now())?;
    routes.reading.require_incident(incident).await?;
    let actor = actor(&caller, asked.actor.as_deref())?;
    let action = OperatorAction { incident, actor, kind };
    if let Err(refusal) = routes.reading.engine.judge(action.clone()).await? {
        return Err(refused(&routes, refusal).await);
    }
    let position = routes.ingest.commit_input(Input::Operator(action)).await?;
    let accepted =
        ActionAccepted { incident_id: incident.to_string(), action: asked.action, position: position.0 };
    Ok((StatusCode::ACCEPTED, Json(accepted)).into_response())
}

pub(super) async fn accept_baseline(
    State(routes): State<Routes>,
    Extension(caller): Extension<Caller>,
    _: NoQuery,
    request: Request,
) -> Result<Response, Failure> {
    let asked: BaselineRequest = body(&routes, request).await?;
    let mut accepted = asked.check(clock::now(), ACTOR_UNNAMED)?;
    accepted.actor = actor(&caller, asked.actor.as_deref())?;
    let until = accepted.until.to_rfc3339();
    let position = routes.ingest.commit_input(Input::AcceptBaseline(accepted)).await?;
    Ok((StatusCode::ACCEPTED, Json(BaselineAccepted { until, position: position.0 })).into_response())
}

/// Who acts. A caller that is known acts in its own name, also where it says that it acts for somebody.
fn actor(caller: &Caller, stated: Option<&str>) -> Result<Str, Failure> {
    let actor = match (caller.kind, stated) {
        (CallerKind::Local, stated) => stated.unwrap_or(ACTOR_UNNAMED).into(),
        (CallerKind::Key, None) => Str::from(&*caller.name),
        (CallerKind::Key, Some(stated)) => format!("{} for {stated}", caller.name).into(),
        // Their names are bounded where they are made.
        (CallerKind::Person, None) => return Ok(Str::from(&*caller.name)),
        (CallerKind::Person, Some(stated)) => return Ok(format!("{} for {stated}", caller.name).into()),
    };
    match actor.len() <= ACTOR_BYTES_MAX {
        true => Ok(actor),
        false => {
            let detail = format!("actor and the key's name have more than {ACTOR_BYTES_MAX} bytes together");
            Err(Failure::new(ErrorCode::InvalidBody, detail))
        }
    }
}

async fn body<T: DeserializeOwned>(routes: &Routes, request: Request) -> Result<T, Failure> {
    let (parts, body) = request.into_parts();
    json_form(&parts.headers, Form::Signals)?;
    let body = routes.ingest.bodies.read(&parts, body, Framing::Plain).await?;
    serde_json::from_slice(&body.bytes)
        .map_err(|error| Failure::new(ErrorCode::InvalidBody, error.to_string()))
}

/// What the engine does not know may be over, or may never have been: the store tells the two apart.
async fn refused(routes: &Routes, refusal: Refusal) -> Failure {
    let Refusal::Closed(id) = refusal else {
        let code = match refusal {
            Refusal::SilenceInThePast(_) | Refusal::NoServices => ErrorCode::InvalidBody,
            Refusal::NoRoom => ErrorCode::Overloaded,
            _ => ErrorCode::ActionConflict,
        };
        return Failure::new(code, refusal.to_string());
    };
    match routes.reading.require_incident(id).await {
        Err(unknown) => unknown,
        Ok(incident) => match incident.merged_into {
            Some(into) => Failure::new(ErrorCode::IncidentClosed, format!("{id} was merged into {into}")),
            None => Failure::new(ErrorCode::IncidentClosed, refusal.to_string()),
        },
    }
}
