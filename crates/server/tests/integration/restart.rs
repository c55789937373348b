//! What a server knows outlives it, and what it derived can be derived again.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use model::Nanos;
use server::{Difference, ReplayOutcome, ReplayRequest, Server, SettingFlags, StartError};

use crate::incident::break_shop;
use crate::running::{Running, eventually, span, trace_path};

async fn verify(data: &Path, shards: usize) -> ReplayOutcome {
    let request = ReplayRequest { data: data.to_owned(), until: None, verify: true, shards };
    server::replay(request, |_| {}).await.unwrap()
}

fn assert_verified(outcome: &ReplayOutcome) {
    let verification = outcome.verification.as_ref().unwrap();
    assert_eq!(verification.differences, []);
    assert!(verification.agreed > 0, "{verification:?}");
    assert_eq!(verification.snapshots_different, Vec::<PathBuf>::new());
    assert_eq!(outcome.undecodable, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn incidents_outlive_restarts_with_and_without_snapshots() {
    let data = tempfile::tempdir().unwrap();
    // The least that is allowed: a snapshot every few ticks.
    let flags = [("snapshot-bytes", "64KiB")];
    let server = Running::start_with(data.path(), &flags).await;
    let id = break_shop(&server).await;
    server.stop().await;
    assert_verified(&verify(data.path(), 1).await);
    for remove_snapshots in [false, true] {
        if remove_snapshots {
            std::fs::remove_dir_all(data.path().join("snapshots")).unwrap();
        }
        let server = Running::start_with(data.path(), &flags).await;
        let incident = server.json(&format!("/v1/incidents/{id}")).await;
        assert_eq!(incident["id"], id.as_str());
        let families = eventually("the families", async || {
            let errors = server.json("/v1/errors?service=shop").await;
            (errors["total"] == 1).then_some(errors)
        })
        .await;
        assert!(families["errors"][0]["failures"].as_u64().unwrap() > 0);
        let again = break_shop(&server).await;
        assert_eq!(again, id, "the same outage goes on under the same id");
        server.stop().await;
    }
    let outcome = verify(data.path(), 1).await;
    assert_verified(&outcome);
    assert!(outcome.verification.unwrap().snapshots_agreed > 0);
    assert_verified(&verify(data.path(), 4).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_lost_is_built_again_from_the_journal() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    let id = break_shop(&server).await;
    let report = server.json(&format!("/v1/incidents/{id}/report")).await;
    server.stop().await;
    for file in std::fs::read_dir(data.path()).unwrap() {
        let path = file.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("casebook.sqlite") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let server = Running::start(data.path()).await;
    let incident = eventually("the incident", async || {
        let response = server.get(&format!("/v1/incidents/{id}/report")).send().await.unwrap();
        (response.status() == 200).then_some(response)
    })
    .await;
    let again: serde_json::Value = incident.json().await.unwrap();
    assert_eq!(again["incident"]["id"], report["incident"]["id"]);
    server.stop().await;
    assert_verified(&verify(data.path(), 1).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_was_changed_or_taken_away_is_found() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    break_shop(&server).await;
    server.stop().await;
    let store = store::SqliteStore::open(&data.path().join("casebook.sqlite")).await.unwrap();
    let reports = store::Store::report_refs(&store, None, 0, 10).await.unwrap();
    let incident = reports[0].incident;
    let bytes = b"{}".to_vec();
    let forged = model::ReportDocument { incident, tick: Nanos(1), hash: engine::sha256_hex(&bytes), bytes };
    let changes = [store::Change::Report(forged.clone())];
    let applied = store::Store::applied_position(&store).await.unwrap().unwrap();
    store::Store::apply(&store, applied + 1, &changes).await.unwrap();
    store.close().await;
    let outcome = verify(data.path(), 1).await;
    let expected = Difference::NotDerived { incident, tick: Nanos(1), archived: forged.hash };
    assert_eq!(outcome.verification.unwrap().differences, [expected]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_do_not_share_a_directory_and_a_replay_waits_for_the_stop() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    let any = "127.0.0.1:0";
    let flags = ["listen", "admin", "otlp-grpc", "otlp-http"]
        .into_iter()
        .fold(SettingFlags::default(), |flags, name| flags.with(name, any));
    let settings = flags.with("data", data.path().display().to_string()).settings().unwrap();
    assert!(matches!(Server::start(settings).await, Err(StartError::DataInUse(_))));
    let request = ReplayRequest { data: data.path().to_owned(), until: None, verify: false, shards: 1 };
    assert!(matches!(server::replay(request, |_| {}).await, Err(server::ReplayError::Running(_))));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_shortens_the_journal_and_what_remains_still_replays() {
    let data = tempfile::tempdir().unwrap();
    let flags = [("snapshot-bytes", "64KiB"), ("segment-bytes", "1MiB"), ("retention-bytes", "2MiB")];
    let begun = Instant::now();
    let server = Running::start_with(data.path(), &flags).await;
    let mut next = 0;
    while server.metric("casebook_journal_end_position").await < 6_000_000.0 {
        let spans: Vec<_> = (next..next + 500).map(|n| span(n, n, "GET /cart", false)).collect();
        next += 500;
        assert_eq!(server.export_json(&spans, Some("shop")).await.status(), 200);
    }
    eventually("the journal to be shortened", async || {
        (server.get(&trace_path(0)).send().await.unwrap().status() == 404).then_some(())
    })
    .await;
    // Its size is looked at all the time: this was not the round that comes a minute after the start.
    assert!(begun.elapsed() < Duration::from_secs(55), "{:?}", begun.elapsed());
    // Reports of what remains, to be compared.
    break_shop(&server).await;
    server.stop().await;
    let outcome = verify(data.path(), 1).await;
    assert!(outcome.from.is_some(), "the journal's beginning is gone");
    assert_verified(&outcome);
}
