//! The audit as a whole: who was refused and what the server did stand in it, in one chain, and `doctor` follows it.

use api::{AuditAction, AuditEntry, AuditOutcome, AuditPage, CheckStatus, Scope};
use server::{DataDir, NewKey};

use crate::keys::Keys;
use crate::running::{Running, eventually, request_of, span};

async fn audit(server: &Running, key: &str, query: &str) -> Vec<AuditEntry> {
    let request = server.get(&format!("/v1/audit{query}")).bearer_auth(key);
    request.send().await.unwrap().json::<AuditPage>().await.unwrap().entries
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_and_changes_of_keys_are_in_the_audit_and_doctor_follows_its_chain() {
    let dir = tempfile::tempdir().unwrap();
    let (keys, data) = (Keys::write(dir.path()), dir.path().join("data"));
    let server = keys.server(&data).await;
    for _ in 0..30 {
        let key = NewKey::generate(Scope::Admin).unwrap();
        let refused = server.get("/v1/incidents").bearer_auth(key.reveal()).send().await.unwrap();
        assert_eq!(refused.status(), 401);
    }
    let body = request_of(&[span(1, 1, "GET /", false)], Some("shop")).to_string();
    for _ in 0..3 {
        let export = server.export("application/json", body.clone()).bearer_auth(keys.of(Scope::Read));
        assert_eq!(export.send().await.unwrap().status(), 403);
    }
    let text = std::fs::read_to_string(&keys.path).unwrap();
    let another = NewKey::generate(Scope::Read).unwrap();
    std::fs::write(&keys.path, text + &another.file_entry("another", None)).unwrap();
    let changed = eventually("the change of keys in the audit", async || {
        let found = audit(&server, keys.of(Scope::Read), "?action=change_keys").await;
        found.into_iter().next()
    })
    .await;
    assert_eq!(changed.details.text.as_deref(), Some("5 keys are known; another came (read)"));
    // What was counted since is written at the end at the latest.
    server.stop().await;
    let server = keys.server(&data).await;
    let denied = audit(&server, keys.of(Scope::Read), "?outcome=denied").await;
    let requests = |reason: &str, actor: &str| -> u64 {
        let of =
            denied.iter().filter(|entry| entry.reason.as_deref() == Some(reason) && entry.actor == actor);
        let counts = of.map(|entry| {
            assert_eq!((entry.action, entry.outcome), (AuditAction::Request, AuditOutcome::Denied));
            let denied = entry.details.denied.as_ref().unwrap();
            assert_eq!(denied.from.as_deref(), Some("127.0.0.1/32"));
            denied.requests
        });
        counts.sum()
    };
    assert_eq!((requests("unknown_key", ""), requests("missing_scope", "key-read")), (30, 3), "{denied:?}");
    assert!(denied.len() <= 4, "a crowd of refusals is a few entries: {denied:?}");
    let starts = eventually("both starts in the audit", async || {
        let starts = audit(&server, keys.of(Scope::Read), "?action=start").await;
        (starts.len() == 2).then_some(starts)
    })
    .await;
    assert_eq!(starts[1].sequence, 1);
    server.stop().await;
    let checks = server::check_data(&DataDir::new(data.clone()), 0).await;
    let found = checks.iter().find(|check| check.name == "audit").unwrap();
    assert_eq!(found.status, CheckStatus::Ok, "{found:?}");
    assert!(found.detail.contains(&starts[0].hash), "{found:?}");
}
