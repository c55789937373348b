//! Parameters, strictly: an unknown name, a name twice or a value of the wrong shape is an error and never ignored.

use std::fmt::Display;
use std::str::FromStr;

use api::ErrorCode;
use axum::extract::{FromRequestParts, Path, Query};
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::http::Failure;

/// A query that the type describes wholly.
#[derive(Debug)]
pub(crate) struct StrictQuery<T>(pub T);

/// No query at all.
#[derive(Debug)]
pub(crate) struct NoQuery;

/// The one parameter of a path.
#[derive(Debug)]
pub(crate) struct StrictPath<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for StrictQuery<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(invalid(rejection.body_text())),
        }
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

fn invalid(detail: String) -> Failure {
    Failure::new(ErrorCode::InvalidParameter, detail)
}
