//! Error families, as the engine counts them at this moment.

use std::cmp::Reverse;

use api::{ErrorFamily, ErrorsPage, ErrorsQuery};
use axum::Json;
use axum::extract::State;
use engine::FamilyView;

use super::{Reading, StrictQuery};
use crate::http::Failure;

pub(super) async fn list(
    State(reading): State<Reading>,
    StrictQuery(query): StrictQuery<ErrorsQuery>,
) -> Result<Json<ErrorsPage>, Failure> {
    let limit = query.check_limit()? as usize;
    let mut families = reading.engine.families().await?;
    families.retain(|family| {
        family.failures > 0
            && query.env.as_deref().is_none_or(|env| *env == *family.env)
            && query.service.as_deref().is_none_or(|service| *service == *family.service)
    });
    // The order among equals is the engine's own, by name.
    families.sort_by_key(|family| Reverse(family.failures));
    let total = families.len() as u64;
    let errors = families.into_iter().take(limit).map(published).collect();
    Ok(Json(ErrorsPage { errors, total }))
}

fn published(family: FamilyView) -> ErrorFamily {
    ErrorFamily {
        env: family.env.to_string(),
        service: family.service.to_string(),
        operation: family.operation.to_string(),
        code: family.code.to_string(),
        failures: family.failures,
        requests: family.requests,
        first_seen: family.first_seen.to_rfc3339(),
        last_seen: family.last_seen.to_rfc3339(),
    }
}
