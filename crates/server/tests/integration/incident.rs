//! One outage from the first failing span to the report, as clients see it.

use serde_json::{Value, json};

use crate::running::{Running, eventually, span};

/// Healthy traffic, then nothing but failures, until an incident is open. Gives its id.
pub(crate) async fn break_shop(server: &Running) -> String {
    let mut next = 1_000_u64;
    let mut send = async |failed: bool| {
        let spans: Vec<_> = (next..next + 20).map(|n| span(n, n, "GET /cart", failed)).collect();
        next += 20;
        assert_eq!(server.export_json(&spans, Some("shop")).await.status(), 200);
    };
    let ticks = async || server.metric("casebook_engine_ticks_total").await;
    for _ in 0..10 {
        let before = ticks().await;
        send(false).await;
        eventually("a tick", async || (ticks().await > before).then_some(())).await;
    }
    eventually("an incident", async || {
        send(true).await;
        let list = server.json("/v1/incidents").await;
        let incident = list["incidents"].get(0)?;
        incident["report_hash"].as_str()?;
        Some(incident["id"].as_str()?.to_owned())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_becomes_one_incident_with_a_report_that_is_served_by_hash() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    let id = break_shop(&server).await;
    let report = server.get(&format!("/v1/incidents/{id}/report")).send().await.unwrap();
    assert_eq!(report.status(), 200);
    let tag = report.headers()["etag"].to_str().unwrap().to_owned();
    let bytes = report.bytes().await.unwrap();
    let hash = tag.trim_matches('"');
    assert_eq!(engine::sha256_hex(&bytes), hash);
    let again =
        server.get(&format!("/v1/reports/{hash}")).header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(again.status(), 304);
    assert!(again.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    let archived = server.get(&format!("/v1/reports/{hash}")).send().await.unwrap();
    assert_eq!(archived.bytes().await.unwrap(), bytes);
    let markdown = server.get(&format!("/v1/reports/{hash}?format=markdown")).send().await.unwrap();
    assert!(markdown.headers()["content-type"].to_str().unwrap().starts_with("text/markdown"));
    assert!(markdown.text().await.unwrap().contains("shop"));
    for (format, content_type, part) in [
        ("html", "text/html; charset=utf-8", "<dt>Root cause</dt>"),
        ("slack", "application/json", "*Root cause*"),
        ("pagerduty", "text/plain; charset=utf-8", "ROOT CAUSE: "),
    ] {
        let path = format!("/v1/reports/{hash}?format={format}");
        let rendered = server.get(&path).send().await.unwrap();
        assert_eq!(rendered.headers()["content-type"], content_type);
        let policy = rendered.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'; ") && policy.contains("frame-ancestors 'none'"));
        assert_eq!(policy.contains("style-src 'sha256-"), format == "html");
        assert!(rendered.text().await.unwrap().contains(part), "{format}");
    }
    let history = server.json(&format!("/v1/incidents/{id}/reports")).await;
    assert!(!history["reports"].as_array().unwrap().is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_resolves_an_incident_through_the_journal() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    let id = break_shop(&server).await;
    let path = format!("/v1/incidents/{id}/actions");
    let refused = server.post(&path).json(&json!({ "action": "comment" })).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    let unknown = server.post("/v1/incidents/inc_0000000000000000/actions");
    let unknown = unknown.json(&json!({ "action": "resolve" })).send().await.unwrap();
    assert_eq!(unknown.status(), 404);
    let accepted =
        server.post(&path).json(&json!({ "action": "resolve", "actor": "kim" })).send().await.unwrap();
    assert_eq!(accepted.status(), 202);
    let incident: Value = eventually("the incident to be resolved", async || {
        let incident = server.json(&format!("/v1/incidents/{id}")).await;
        (incident["state"] == "resolved").then_some(incident)
    })
    .await;
    assert!(incident["resolved_at"].is_string());
    server.stop().await;
}
