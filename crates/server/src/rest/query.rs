//! Parameters, strictly: an unknown name, a name twice or a value of the wrong shape is an error and never ignored.

use std::fmt::Display;
use std::str::FromStr;

use api::ErrorCode;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Path, Query};
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::http::Failure;

/// Which parameters a query may have.
pub(crate) trait Parameters: DeserializeOwned {
    const NAMES: &'static [&'static str];
}

impl Parameters for api::IncidentsQuery {
    const NAMES: &'static [&'static str] = &["state", "env", "service", "limit", "cursor"];
}

impl Parameters for api::AlertsQuery {
    const NAMES: &'static [&'static str] = &["status", "env", "service", "limit"];
}

impl Parameters for api::AuditQuery {
    const NAMES: &'static [&'static str] = &["incident", "actor", "action", "outcome", "limit", "cursor"];
}

impl Parameters for api::IncidentAuditQuery {
    const NAMES: &'static [&'static str] = &["limit", "cursor"];
}

impl Parameters for api::ErrorsQuery {
    const NAMES: &'static [&'static str] = &["env", "service", "limit"];
}

impl Parameters for api::BundleQuery {
    const NAMES: &'static [&'static str] = &["from", "to"];
}

impl Parameters for api::ReportQuery {
    const NAMES: &'static [&'static str] = &["format"];
}

impl Parameters for api::ReportsQuery {
    const NAMES: &'static [&'static str] = &["limit", "cursor"];
}

impl Parameters for api::NotificationsQuery {
    const NAMES: &'static [&'static str] = &["state", "target", "incident", "limit", "cursor"];
}

/// A query that the type describes wholly.
#[derive(Debug)]
pub(crate) struct StrictQuery<T>(pub T);

/// No query at all.
#[derive(Debug)]
pub(crate) struct NoQuery;

/// The one parameter of a path.
#[derive(Debug)]
pub(crate) struct StrictPath<T>(pub T);

impl<T: Parameters, S: Sync> FromRequestParts<S> for StrictQuery<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map_err(unreadable)?;
        check_names(&pairs, T::NAMES)?;
        let Query(query) = Query::<T>::try_from_uri(&parts.uri).map_err(unreadable)?;
        Ok(Self(query))
    }
}

impl<S: Sync> FromRequestParts<S> for NoQuery {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        match parts.uri.query() {
            None | Some("") => Ok(Self),
            Some(_) => Err(invalid(format!("{} takes no parameters", parts.uri.path()))),
        }
    }
}

impl<T: FromStr<Err: Display>, S: Send + Sync> FromRequestParts<S> for StrictPath<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|rejection| invalid(rejection.body_text()))?;
        text.parse().map(Self).map_err(|error| invalid(format!("{text:?}: {error}")))
    }
}

fn check_names(pairs: &[(String, String)], known: &[&str]) -> Result<(), Failure> {
    for (at, (name, _)) in pairs.iter().enumerate() {
        if !known.contains(&name.as_str()) {
            let are = if known.len() == 1 { "is" } else { "are" };
            return Err(invalid(format!("{name:?} is no parameter here; known {are} {}", known.join(", "))));
        }
        if pairs[..at].iter().any(|(other, _)| other == name) {
            return Err(invalid(format!("{name} stands twice")));
        }
    }
    Ok(())
}

/// Says which parameter has the wrong value, without the library's own introduction.
fn unreadable(rejection: QueryRejection) -> Failure {
    let text = rejection.body_text();
    invalid(text.split_once("query string: ").map_or(text.as_str(), |(_, told)| told).to_owned())
}

fn invalid(detail: String) -> Failure {
    Failure::new(ErrorCode::InvalidParameter, detail)
}
