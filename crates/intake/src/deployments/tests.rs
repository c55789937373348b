//! What a deployment must say, and what is said of one that does not.

use serde_json::{Value, json};

use super::*;
use crate::{Limits, RejectReason};

fn read(body: &Value, limits: &Limits) -> Result<(Vec<Deployment>, Vec<Rejected>), DecodeError> {
    let context = Context { received: model::Nanos::from_secs(1_800_000_000), limits, user_salt: &[7; 16] };
    from_json(body.to_string().as_bytes(), &context)
}

fn accepted(body: Value) -> Deployment {
    let (deployments, rejected) = read(&body, &Limits::default()).unwrap();
    assert_eq!(rejected, []);
    deployments.into_iter().next().unwrap()
}

#[test]
fn a_deployment_in_full_and_in_least() {
    let full = accepted(json!({
        "id": "d-1", "service": "payment", "env": "prod", "version": "2.4.1", "previous_version": "2.4.0",
        "at": "2027-01-15T07:00:00Z", "commit": "abc", "pull_request": "#12", "author": "ada",
    }));
    assert_eq!((&*full.id, &*full.service, &*full.version), ("d-1", "payment", "2.4.1"));
    assert_eq!(full.at.to_rfc3339(), "2027-01-15T07:00:00Z");
    let optional = [&full.env, &full.previous_version, &full.commit, &full.pull_request, &full.author];
    assert_eq!(optional.map(|t| t.as_deref().unwrap()), ["prod", "2.4.0", "abc", "#12", "ada"]);
    let least = accepted(json!({ "service": "payment", "version": "2.4.1" }));
    assert_eq!((least.at.as_secs(), &least.env, &least.author), (1_800_000_000, &None, &None));
}

#[test]
fn the_id_stands_for_service_env_version_and_time() {
    let body = json!({ "service": "a", "env": "b", "version": "c", "at": "2027-01-15T07:00:00Z" });
    let id = accepted(body.clone()).id;
    assert!(id.starts_with("dep_") && id.len() == 20, "{id}");
    let mut same = body.clone();
    same["author"] = json!("ada");
    assert_eq!(accepted(same).id, id);
    for (name, value) in
        [("service", "ab"), ("env", "prod"), ("version", "d"), ("at", "2027-01-15T07:00:01Z")]
    {
        let mut other = body.clone();
        other[name] = json!(value);
        assert_ne!(accepted(other).id, id, "{name}");
    }
}

#[test]
fn what_is_wrong_is_said_at_once() {
    let body = json!({ "deployments": [
        { "service": "a", "version": "1" },
        { "id": "x", "version": 3, "at": "2090-01-01T00:00:00Z", "ver": "1" },
    ] });
    let (deployments, rejected) = read(&body, &Limits::default()).unwrap();
    assert_eq!(deployments.len(), 1);
    assert_eq!((rejected[0].index, &*rejected[0].id), (1, "x"));
    let found: Vec<_> = rejected[0].problems.iter().map(|p| (&*p.path, p.reason)).collect();
    assert_eq!(
        found,
        [
            ("", RejectReason::UnknownField),
            ("service", RejectReason::MissingField),
            ("version", RejectReason::InvalidField),
            ("at", RejectReason::InFuture),
        ]
    );
    assert!(rejected[0].detail.contains("unknown field \"ver\", expected one of id, service, env, version"));
}

#[test]
fn a_request_has_a_bound() {
    let limits = Limits { facts_per_request_max: 1, ..Limits::default() };
    let one = json!({ "service": "a", "version": "1" });
    assert!(read(&json!([one]), &limits).is_ok());
    let too_many = DecodeError::TooMany { what: "deployments", max: 1 };
    assert_eq!(read(&json!([one, one]), &limits), Err(too_many));
}
