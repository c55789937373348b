//! What events keep beside their fields when they are read as evidence.

use serde_json::{Value, json};

use super::{decode, request, span};
use crate::Limits;

/// The attributes of an event that is read as evidence.
fn evidence(resource: &[(&str, Value)], span: Value) -> Vec<(String, String)> {
    let limits = Limits::default().for_evidence();
    let event = decode(&request(resource, &[span]), &limits).events.remove(0);
    event.attributes.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

#[test]
fn evidence_keeps_what_is_not_mapped_in_order_of_key() {
    let resource = [
        ("service.name", json!("shop")),
        ("k8s.node.name", json!("node-1")),
        ("cloud.region", json!("eu-1")),
        ("host.name", json!("h1")),
    ];
    let pairs = [
        ("cart.size", json!(3)),
        ("http.route", json!("/pay")),
        ("user.id", json!("ada")),
        ("user.email", json!("ada@example.org")),
        ("tenant", json!("acme")),
        ("beta", json!(true)),
        ("share", json!(0.5)),
        ("cloud.region", json!("eu-2")),
        ("list", json!({ "arrayValue": {} })),
    ];
    let kept = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let mut of_server = span("SPAN_KIND_SERVER", &pairs);
    let expected = [
        ("beta", "true"),
        ("cart.size", "3"),
        ("cloud.region", "eu-2"),
        ("host.name", "h1"),
        ("k8s.node.name", "node-1"),
        ("tenant", "acme"),
    ];
    assert_eq!(evidence(&resource, of_server.clone()), kept(&expected));
    of_server["traceState"] = json!("vendor=x, ot=th:fd70a3;rv:1");
    let sampled = evidence(&resource, of_server.clone());
    assert_eq!(sampled.last().unwrap(), &("tracestate.ot".to_owned(), "th:fd70a3;rv:1".to_owned()));
    // On the way in there is nothing of it.
    assert_eq!(decode(&request(&resource, &[of_server]), &Limits::default()).events[0].attributes, []);
}

#[test]
fn evidence_is_bounded_and_the_spans_own_attributes_come_first() {
    let names: Vec<String> = (0..60).map(|n| format!("k{n:02}")).collect();
    let pairs: Vec<_> = names.iter().map(|name| (name.as_str(), json!("é".repeat(100)))).collect();
    let long = [("x".repeat(65), json!("y"))];
    let long: Vec<_> = long.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
    let own = evidence(&[("a.of.resource", json!("z"))], span("SPAN_KIND_SERVER", &pairs));
    assert_eq!((own.len(), own[0].0.as_str(), own[0].1.len()), (32, "k00", 128));
    assert_eq!(evidence(&pairs, span("SPAN_KIND_SERVER", &long)).len(), 32);
    let mut sampled = span("SPAN_KIND_SERVER", &pairs);
    sampled["traceState"] = json!("ot=th:8");
    assert_eq!(evidence(&[], sampled).len(), 32);
}
