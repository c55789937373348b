//! Who asks, as the server sees it.

use api::CallerView;
use axum::{Extension, Json};
use model::Nanos;

use super::NoQuery;
use crate::auth::Caller;

pub(super) async fn caller(Extension(caller): Extension<Caller>, _: NoQuery) -> Json<CallerView> {
    Json(CallerView {
        kind: caller.kind,
        name: caller.name.to_string(),
        scope: caller.scope,
        address: caller.address.to_string(),
        expires: caller.expires.map(Nanos::to_rfc3339),
        person: caller.person.map(|person| person.view()),
    })
}
