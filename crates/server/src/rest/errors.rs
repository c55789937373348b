//! Error families, as the engine counted them at its last tick.

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
    let families = reading.engine.families().await?;
    let is_asked_for = |family: &&FamilyView| {
        family.failures > 0
            && query.env.as_deref().is_none_or(|env| *env == *family.env)
            && query.service.as_deref().is_none_or(|service| *service == *family.service)
    };
    let mut found: Vec<&FamilyView> = families.iter().filter(is_asked_for).collect();
    // The order among equals is the engine's own, by name.
    found.sort_by_key(|family| Reverse(family.failures));
    let total = found.len() as u64;
    let errors = found.into_iter().take(limit).map(published).collect();
    Ok(Json(ErrorsPage { errors, total }))
}

fn published(family: &FamilyView) -> ErrorFamily {
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
