//! What a request demands of its caller, from the table of endpoints alone: a handler that the table does not name
//! cannot be reached.

use api::{Access, ENDPOINTS, GRPC_METHODS, Listener, Method};

use crate::http::Door;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Demand {
    Endpoint(Access),
    /// Whoever has a key may be told that there is nothing.
    UnknownPath,
    /// The path is there, with these methods.
    UnknownMethod(&'static str),
}

impl Demand {
    pub(crate) const fn access(self) -> Access {
        match self {
            Self::Endpoint(access) => access,
            Self::UnknownPath | Self::UnknownMethod(_) => Access::AnyKey,
        }
    }
}

/// `path` is that of the route which fits the request, as the table writes it.
pub(crate) fn demand(door: Door, method: &http::Method, path: Option<&str>) -> Demand {
    let Some(path) = path else { return Demand::UnknownPath };
    let listener = match door {
        Door::Api => Listener::Api,
        Door::Admin => Listener::Admin,
        Door::OtlpHttp => Listener::Otlp,
        Door::OtlpGrpc => return of_grpc(method, path),
    };
    let (mut gets, mut posts) = (None, None);
    for endpoint in ENDPOINTS.iter().filter(|one| one.listener == listener && one.path == path) {
        match endpoint.method {
            Method::Get => gets = Some(endpoint.access),
            Method::Post => posts = Some(endpoint.access),
        }
    }
    let found = match *method {
        http::Method::GET | http::Method::HEAD => gets,
        http::Method::POST => posts,
        _ => None,
    };
    match (found, gets, posts) {
        (Some(access), ..) => Demand::Endpoint(access),
        (None, Some(_), Some(_)) => Demand::UnknownMethod("GET,HEAD,POST"),
        (None, Some(_), None) => Demand::UnknownMethod("GET,HEAD"),
        (None, None, Some(_)) => Demand::UnknownMethod("POST"),
        (None, None, None) => Demand::UnknownPath,
    }
}

fn of_grpc(method: &http::Method, path: &str) -> Demand {
    match GRPC_METHODS.iter().find(|one| one.path == path) {
        Some(one) if *method == http::Method::POST => Demand::Endpoint(one.access),
        Some(_) => Demand::UnknownMethod("POST"),
        None => Demand::UnknownPath,
    }
}

#[cfg(test)]
mod tests {
    use api::Scope;

    use super::*;

    #[test]
    fn what_the_table_does_not_name_is_unknown_on_every_door() {
        let get = &http::Method::GET;
        assert_eq!(
            demand(Door::Api, get, Some("/v1/incidents/{id}")),
            Demand::Endpoint(Access::Needs(Scope::Read))
        );
        assert_eq!(
            demand(Door::Api, &http::Method::HEAD, Some("/v1/alerts")),
            Demand::Endpoint(Access::Needs(Scope::Read))
        );
        assert_eq!(
            demand(Door::Api, &http::Method::POST, Some("/v1/alerts")),
            Demand::Endpoint(Access::Needs(Scope::Write))
        );
        assert_eq!(demand(Door::Admin, get, Some("/livez")), Demand::Endpoint(Access::Open));
        for door in [Door::Api, Door::OtlpHttp, Door::OtlpGrpc] {
            assert_eq!(demand(door, get, Some("/livez")), Demand::UnknownPath);
            assert_eq!(demand(door, get, None).access(), Access::AnyKey);
        }
        let delete = &http::Method::DELETE;
        assert_eq!(demand(Door::Api, delete, Some("/v1/alerts")), Demand::UnknownMethod("GET,HEAD,POST"));
        assert_eq!(demand(Door::OtlpHttp, get, Some("/v1/traces")), Demand::UnknownMethod("POST"));
    }
}
