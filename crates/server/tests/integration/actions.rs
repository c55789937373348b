//! What operators do over the API: what is refused before it is journaled, and that the audit outlives the store.

use serde_json::{Value, json};

use crate::incident::break_shop;
use crate::running::{Running, eventually};

async fn act(server: &Running, id: &str, body: Value) -> (u16, Value) {
    let response = server.post(&format!("/v1/incidents/{id}/actions")).json(&body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn refused(server: &Running, id: &str, body: Value, status: u16, code: &str) {
    let (answered, problem) = act(server, id, body.clone()).await;
    assert_eq!((answered, problem["code"].as_str()), (status, Some(code)), "{body}: {problem}");
}

fn later(secs: u64) -> String {
    server::now().saturating_add(secs * model::SECOND_NS).to_rfc3339()
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_actions_are_refused_before_they_are_journaled() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    let id = break_shop(&server).await;
    let unknown = "inc_0000000000000000";
    for (body, status, code) in [
        (json!({ "action": "merge", "into": id }), 409, "action_conflict"),
        (json!({ "action": "merge", "into": unknown }), 404, "incident_not_found"),
        (json!({ "action": "split", "services": ["shop"] }), 409, "action_conflict"),
        (json!({ "action": "split", "services": ["unknown"] }), 409, "action_conflict"),
        (json!({ "action": "silence", "until": later(0) }), 400, "invalid_body"),
        (json!({ "action": "silence", "until": later(40 * 86_400) }), 400, "invalid_body"),
        (json!({ "action": "link", "url": "javascript:alert(1)" }), 400, "invalid_body"),
        (json!({ "action": "comment" }), 400, "invalid_body"),
        (json!({ "action": "acknowledge", "force": true }), 400, "invalid_body"),
    ] {
        refused(&server, &id, body, status, code).await;
    }
    refused(&server, unknown, json!({ "action": "acknowledge" }), 404, "incident_not_found").await;
    let future = server.post("/v1/baseline").json(&json!({ "until": later(60) })).send().await.unwrap();
    assert_eq!(future.status(), 400);
    assert_eq!(actions_audited(&server).await, [Value::Null; 0]);
    assert_eq!(act(&server, &id, json!({ "action": "resolve" })).await.0, 202);
    eventually("the incident to be resolved", async || {
        (server.json(&format!("/v1/incidents/{id}")).await["state"] == "resolved").then_some(())
    })
    .await;
    refused(&server, &id, json!({ "action": "resolve" }), 409, "action_conflict").await;
    refused(&server, &id, json!({ "action": "accept_baseline" }), 409, "action_conflict").await;
    server.stop().await;
}

/// A row that the engine does not know any more, as it is once the time in which it could come back has passed.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_acts_on_an_incident_that_is_over_for_good() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    let id = break_shop(&server).await;
    server.stop().await;
    let store = store::SqliteStore::open(&data.path().join("casebook.sqlite")).await.unwrap();
    let row = store::Store::incident(&store, id.parse().unwrap()).await.unwrap().unwrap();
    let (old, merged) = (model::IncidentId([1; 8]), model::IncidentId([2; 8]));
    let state = model::IncidentState::Resolved;
    let rows = [
        model::Incident { id: old, state, ..row.clone() },
        model::Incident { id: merged, state, merged_into: Some(row.id), ..row },
    ];
    let applied = store::Store::applied_position(&store).await.unwrap().unwrap();
    let changes = rows.map(store::Change::Incident);
    store::Store::apply(&store, applied + 1, &changes).await.unwrap();
    store.close().await;
    let server = Running::start(data.path()).await;
    for (closed, said) in
        [(old, "could come back has passed".to_owned()), (merged, format!("merged into {id}"))]
    {
        for body in [json!({ "action": "acknowledge" }), json!({ "action": "comment", "text": "late" })] {
            let (status, problem) = act(&server, &closed.to_string(), body).await;
            assert_eq!((status, problem["code"].as_str()), (409, Some("incident_closed")), "{problem}");
            assert!(problem["detail"].as_str().unwrap().contains(&said), "{problem}");
        }
        let into = json!({ "action": "merge", "into": closed.to_string() });
        refused(&server, &id, into, 409, "incident_closed").await;
    }
    server.stop().await;
}

/// What the audit says of actions, without their place in the chain: it has the server's own entries, too.
async fn actions_audited(server: &Running) -> Vec<Value> {
    let mut page = server.json("/v1/audit").await;
    let mut entries = std::mem::take(page["entries"].as_array_mut().unwrap());
    entries.retain(|entry| !entry["position"].is_null());
    for entry in &mut entries {
        let entry = entry.as_object_mut().unwrap();
        assert!(entry.remove("sequence").is_some() && entry.remove("hash").is_some());
    }
    entries
}

#[tokio::test(flavor = "multi_thread")]
async fn every_action_is_in_the_audit_also_after_the_store_was_lost() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    let id = break_shop(&server).await;
    let until = later(3_600);
    let url = "https://wiki.example.org/<not a link>".replace("<not a link>", "outage");
    for body in [
        json!({ "action": "acknowledge", "actor": "ada" }),
        json!({ "action": "assign", "assignee": "payments", "actor": "ada" }),
        json!({ "action": "silence", "until": until, "actor": "ada" }),
        json!({ "action": "link", "url": url, "title": "notes" }),
        json!({ "action": "comment", "text": "<script>alert(1)</script>", "actor": "bob" }),
        json!({ "action": "accept_baseline", "actor": "bob" }),
    ] {
        let (status, accepted) = act(&server, &id, body.clone()).await;
        assert_eq!((status, &accepted["action"]), (202, &body["action"]), "{accepted}");
    }
    let baseline = json!({ "until": later(0), "env": "prod", "actor": "ada" });
    assert_eq!(server.post("/v1/baseline").json(&baseline).send().await.unwrap().status(), 202);
    let audit = eventually("the audit", async || {
        let audit = actions_audited(&server).await;
        (audit.len() == 7).then_some(audit)
    })
    .await;
    let names: Vec<&str> = audit.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    let newest_first =
        ["accept_baseline", "accept_baseline", "comment", "link", "silence", "assign", "acknowledge"];
    assert_eq!(names, newest_first);
    let incident = server.json(&format!("/v1/incidents/{id}")).await;
    assert_eq!(
        (&incident["assignee"], &incident["acknowledged_by"], &incident["state"]),
        (&json!("payments"), &json!("ada"), &json!("resolved"))
    );
    assert_eq!(incident["links"], json!([{ "url": url, "title": "notes", "by": "operator" }]));
    let of_incident = server.json(&format!("/v1/incidents/{id}/audit?limit=2")).await;
    assert_eq!(of_incident["entries"][1]["details"]["text"], "<script>alert(1)</script>");
    let cursor = of_incident["next_cursor"].as_str().unwrap();
    let rest = server.json(&format!("/v1/incidents/{id}/audit?cursor={cursor}")).await;
    assert_eq!(rest["entries"].as_array().unwrap().len(), 4);
    let by_ada = server.json("/v1/audit?actor=ada&action=assign&outcome=done").await;
    assert_eq!(by_ada["entries"][0]["details"], json!({ "assignee": "payments" }));
    let markdown = server.get(&format!("/v1/incidents/{id}/report?format=markdown")).send().await.unwrap();
    let markdown = markdown.text().await.unwrap();
    assert!(markdown.contains("Assigned to payments by ada"), "{markdown}");
    assert!(!markdown.contains("<script>"), "{markdown}");
    server.stop().await;
    for file in std::fs::read_dir(data.path()).unwrap() {
        let path = file.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("casebook.sqlite") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let server = Running::start(data.path()).await;
    let again = eventually("the audit to be built again", async || {
        let audit = actions_audited(&server).await;
        (audit.len() == 7).then_some(audit)
    })
    .await;
    assert_eq!(again, audit);
    server.stop().await;
}
