//! People: the whole way to an issuer and back, what each role may, and everything that must not let anybody in.

mod browser;
mod issuer;

use api::{Access, AuditAction, AuditEntry, AuditPage, CallerKind, CallerView, Listener, Role, Scope};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::keys::Keys;
use crate::running::{Running, eventually, url};
use browser::{Browser, PUBLIC, server_with};
use issuer::{Issuer, Key};

const ROLES: [(Role, &str); 3] = [(Role::Viewer, "dev"), (Role::Responder, "sre"), (Role::Admin, "root")];

const UNTIL: &str = r#"{"until":"2026-01-01T00:00:00Z"}"#;

async fn problem(response: Response) -> (u16, String, String) {
    let status = response.status().as_u16();
    let problem: Value = response.json().await.unwrap();
    (status, problem["code"].as_str().unwrap().to_owned(), problem["detail"].as_str().unwrap().to_owned())
}

async fn logins(server: &Running, keys: &Keys, outcome: &str) -> f64 {
    let request = server.client.get(url(server.ready.admin, "/metrics"));
    let page = request.bearer_auth(keys.of(Scope::Read)).send().await.unwrap().text().await.unwrap();
    let name = format!("casebook_logins_total{{outcome=\"{outcome}\"}} ");
    page.lines().find_map(|line| line.strip_prefix(&name)).map_or(0.0, |value| value.parse().unwrap())
}

async fn audit(server: &Running, keys: &Keys, query: &str) -> Vec<AuditEntry> {
    let request = server.get(&format!("/v1/audit{query}")).bearer_auth(keys.of(Scope::Read));
    request.send().await.unwrap().json::<AuditPage>().await.unwrap().entries
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_may_what_the_table_says_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    for key in [Key::es256(), Key::rs256()] {
        let issuer = Issuer::start(key).await;
        let server = server_with(&issuer, dir.path(), &[]).await;
        for (role, group) in ROLES {
            issuer.expects(&format!("s-{role}"), "Ada", &["others", group]);
            let mut browser = Browser::new(&server);
            assert_eq!(browser.get("/v1/caller").await.status(), 401);
            let arrived = browser.log_in().await;
            assert_eq!(
                (arrived.status().as_u16(), &arrived.headers()["location"]),
                (303, &"/session".parse().unwrap())
            );
            let caller: CallerView = browser.get("/v1/caller").await.json().await.unwrap();
            assert_eq!((caller.kind, caller.scope), (CallerKind::Person, role.scope()));
            let person = caller.person.unwrap();
            assert_eq!((&*person.shown, person.role, person.issuer), ("Ada", role, issuer.address()));
            assert_eq!(caller.name, format!("Ada (s-{role} at {})", issuer.address()));
            for endpoint in api::ENDPOINTS.iter().filter(|one| one.listener == Listener::Api) {
                let (Access::Needs(needed), path) = (endpoint.access, endpoint.path) else { continue };
                let path = path.replace("{id}", "inc_0000000000000000").replace("{hash}", &"0".repeat(64));
                let method = Method::from_bytes(endpoint.method.as_str().as_bytes()).unwrap();
                let request = server.client.request(method, url(server.ready.listen, &path));
                let found = browser.send(request.header("sec-fetch-site", "same-origin")).await.status();
                assert_eq!(found != 403, role.scope().covers(needed), "{path} as {role}: {found}");
                assert_ne!(found, 401, "{path} as {role}");
            }
            // Other ports of the host get the cookie as well, and know nobody by it.
            let request = server.client.post(url(server.ready.otlp_http, "/v1/traces")).body("{}");
            let request = request.header("sec-fetch-site", "same-origin");
            assert_eq!(browser.send(request).await.status(), 401);
        }
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_does_not_fit_lets_nobody_in() {
    let dir = tempfile::tempdir().unwrap();
    let keys = Keys::write(dir.path());
    let issuer = Issuer::start(Key::es256()).await;
    let server = server_with(&issuer, dir.path(), &[("keys", keys.path.to_str().unwrap())]).await;
    let claim = |name: &'static str, value: Value| -> issuer::Spoil {
        Box::new(move |_, claims| claims[name] = value.clone())
    };
    let header = |name: &'static str, value: Value| -> issuer::Spoil {
        Box::new(move |header, _| header[name] = value.clone())
    };
    let past = server::now().as_secs() - 3600;
    for (spoil, reason) in [
        (claim("nonce", json!("another login's")), "token_nonce"),
        (claim("aud", json!("another client")), "token_audience"),
        (claim("aud", json!(["casebook", "another client"])), "token_audience"),
        (claim("iss", json!("https://evil.example.org")), "token_issuer"),
        (claim("exp", json!(past)), "token_expired"),
        (claim("iat", json!(past + 7200)), "token_future"),
        (claim("sub", json!("")), "token_subject"),
        (header("alg", json!("none")), "token_algorithm"),
        (header("alg", json!("HS256")), "token_algorithm"),
        (header("kid", json!("k2")), "token_unknown_key"),
        (claim("groups", json!(["others"])), "login_no_role"),
        (claim("groups", json!(null)), "login_no_role"),
        (claim("groups", json!([["sre"], { "sre": true }])), "login_no_role"),
    ] {
        let before = logins(&server, &keys, reason).await;
        issuer.with(|issuing| issuing.spoil = Some(spoil));
        let mut browser = Browser::new(&server);
        let (status, code, detail) = problem(browser.log_in().await).await;
        assert_eq!((status, &*code), (403, "login_failed"), "{reason}: {detail}");
        assert_eq!(logins(&server, &keys, reason).await, before + 1.0, "{reason}: {detail}");
        assert_eq!(browser.session(), None, "{reason}");
        assert_eq!(browser.get("/v1/caller").await.status(), 401, "{reason}");
    }
    issuer.with(|issuing| issuing.spoil = None);
    // Signed by nobody, and by somebody else under the issuer's name for its key.
    issuer.with(|issuing| issuing.unsigned = true);
    assert_eq!(Browser::new(&server).log_in().await.status(), 403);
    issuer.with(|issuing| (issuing.unsigned, issuing.key) = (false, Key::es256()));
    assert_eq!(Browser::new(&server).log_in().await.status(), 403);
    assert_eq!(logins(&server, &keys, "token_signature").await, 2.0);
    assert_eq!(logins(&server, &keys, "login").await, 0.0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_browser_that_began_a_login_ends_it_and_once() {
    let dir = tempfile::tempdir().unwrap();
    let issuer = Issuer::start(Key::es256()).await;
    let server = server_with(&issuer, dir.path(), &[]).await;
    let (mut own, mut other) = (Browser::new(&server), Browser::new(&server));
    let back = own.way_back(None).await;
    assert_eq!(problem(other.get(&back).await).await.1, "login_failed", "no login of its own");
    let another = other.way_back(None).await;
    assert_eq!(problem(other.get(&back).await).await.1, "login_failed", "another browser's state");
    let state = back.split_once("state=").unwrap().1.split('&').next().unwrap();
    let (code, _) = another.split_once("state=").unwrap();
    let mixed = format!("{code}state={state}");
    assert_eq!(
        problem(own.get(&mixed).await).await.1,
        "login_failed",
        "another login's code: PKCE does not fit"
    );
    let tampered = back.replace("state=", "state=A");
    assert_eq!(problem(own.get(&tampered).await).await.1, "login_failed", "a made-up state");
    assert_eq!(own.session(), None);

    let back = own.way_back(None).await;
    let begun = own.jar_of_login();
    assert_eq!(own.get(&back).await.status(), 303);
    assert!(own.session().is_some());
    assert_eq!(problem(own.get(&back).await).await.1, "login_failed", "the login is over");
    let mut thief = Browser::new(&server);
    thief.take_login(&begun);
    let (_, code, detail) = problem(thief.get(&back).await).await;
    assert_eq!(
        (&*code, &*detail),
        ("login_failed", "the OpenID issuer does not accept the code: invalid_grant: no such code")
    );

    issuer.with(|issuing| issuing.refuses = true);
    let back = own.way_back(None).await;
    let page = own.visit(&back).await;
    assert_eq!(page.status(), 403);
    let text = page.text().await.unwrap();
    assert!(text.contains("access_denied: &lt;script&gt;not today") && !text.contains("<script"), "{text}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_goes_where_it_wanted_to_and_out_again() {
    let dir = tempfile::tempdir().unwrap();
    let issuer = Issuer::start(Key::es256()).await;
    let server = server_with(&issuer, dir.path(), &[]).await;
    let mut browser = Browser::new(&server);
    let sent = browser.visit("/v1/incidents?state=all").await;
    assert_eq!(
        (sent.status().as_u16(), &sent.headers()["location"]),
        (303, &"/login?to=%2Fv1%2Fincidents%3Fstate%3Dall".parse().unwrap())
    );
    let back = browser.way_back(Some("%2Fv1%2Fincidents%3Fstate%3Dall")).await;
    let arrived = browser.get(&back).await;
    assert_eq!(arrived.headers()["location"], "/v1/incidents?state=all");
    assert_eq!(browser.visit("/v1/incidents?state=all").await.status(), 200);
    for elsewhere in ["https%3A%2F%2Fevil.example.org", "%2F%2Fevil.example.org", "%2F%5Cevil.example.org"] {
        assert_eq!(browser.get(&format!("/login?to={elsewhere}")).await.status(), 400, "{elsewhere}");
    }
    issuer.expects("248289761001", "<b>Ada</b>", &["dev"]);
    assert_eq!(browser.log_in().await.status(), 303);
    let page = browser.visit("/session").await.text().await.unwrap();
    assert!(page.contains("&lt;b&gt;Ada&lt;/b&gt;") && page.contains("role viewer"), "{page}");

    let session = browser.session().unwrap().to_owned();
    let request = browser.post("/logout").header("sec-fetch-site", "same-origin");
    assert_eq!(browser.send(request).await.status(), 204);
    assert_eq!(browser.session(), None);
    // Not only the cookie is gone.
    browser.take_session(&session);
    assert_eq!(
        problem(browser.get("/v1/caller").await).await.2,
        "the session is over; log in again at /login"
    );
    assert_eq!(browser.visit("/v1/incidents").await.status(), 303);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sites_page_changes_nothing_by_a_persons_cookie() {
    let dir = tempfile::tempdir().unwrap();
    let issuer = Issuer::start(Key::es256()).await;
    let server = server_with(&issuer, dir.path(), &[]).await;
    let mut browser = Browser::new(&server);
    browser.log_in().await;
    let request = |browser: &Browser| {
        browser.post("/v1/baseline").header("content-type", "application/json").body(UNTIL)
    };
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example.org"),
        ("origin", "null"),
        ("x-nothing", "said"),
    ] {
        let request = request(&browser).header(name, value);
        let (status, _, detail) = problem(browser.send(request).await).await;
        assert_eq!(status, 403, "{name}: {value}");
        assert!(detail.contains("another site's page"), "{detail}");
    }
    for (name, value) in [("sec-fetch-site", "same-origin"), ("origin", PUBLIC)] {
        let request = request(&browser).header(name, value);
        assert_eq!(browser.send(request).await.status(), 202, "{name}: {value}");
    }
    let request = browser.post("/logout").header("sec-fetch-site", "cross-site");
    assert_eq!(browser.send(request).await.status(), 403);
    assert_eq!(browser.get("/v1/caller").await.status(), 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_names_the_person_of_every_login_change_and_refusal() {
    let dir = tempfile::tempdir().unwrap();
    let keys = Keys::write(dir.path());
    let issuer = Issuer::start(Key::es256()).await;
    let flags = [("keys", keys.path.to_str().unwrap())];
    let server = server_with(&issuer, dir.path(), &flags).await;
    let (mut browser, mut viewer) = (Browser::new(&server), Browser::new(&server));
    browser.log_in().await;
    let baseline = |browser: &Browser| {
        let request = browser.post("/v1/baseline").header("content-type", "application/json");
        request.header("sec-fetch-site", "same-origin").body(UNTIL)
    };
    let request = baseline(&browser);
    assert_eq!(browser.send(request).await.status(), 202);
    let request = browser.post("/logout").header("sec-fetch-site", "same-origin");
    browser.send(request).await;
    issuer.expects("s2", "Eve (248289761001 at", &["dev"]);
    viewer.log_in().await;
    let request = baseline(&viewer);
    let (status, _, detail) = problem(viewer.send(request).await).await;
    assert_eq!((status, &*detail), (403, "this needs the role responder; yours is viewer"));
    issuer.expects("s3", "Mallory", &["others"]);
    assert_eq!(Browser::new(&server).log_in().await.status(), 403);

    let at = issuer.address();
    let (ada, eve, mallory) = (
        format!("Ada Lovelace (248289761001 at {at})"),
        format!("Eve  248289761001 at (s2 at {at})"),
        format!("Mallory (s3 at {at})"),
    );
    let accepted = eventually("the accepted baseline in the audit", async || {
        audit(&server, &keys, "?action=accept_baseline").await.into_iter().next()
    })
    .await;
    assert_eq!(accepted.actor, ada);
    // Refusals are written at the end at the latest.
    server.stop().await;
    let server = server_with(&issuer, dir.path(), &flags).await;
    let all = audit(&server, &keys, "?limit=200").await;
    let has = |action: AuditAction, actor: &str, reason: Option<&str>| {
        all.iter().any(|one| one.action == action && one.actor == actor && one.reason.as_deref() == reason)
    };
    assert!(has(AuditAction::Login, &ada, None) && has(AuditAction::Logout, &ada, None), "{all:#?}");
    assert!(has(AuditAction::Login, &eve, None), "{all:#?}");
    assert!(has(AuditAction::Request, &eve, Some("missing_role")), "{all:#?}");
    assert!(has(AuditAction::Request, &mallory, Some("login_no_role")), "{all:#?}");
    let login = all.iter().find(|one| one.action == AuditAction::Login && one.actor == ada).unwrap();
    assert_eq!(login.details.text.as_deref(), Some("role responder, from 127.0.0.1"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_by_age_and_are_few_for_a_person() {
    let dir = tempfile::tempdir().unwrap();
    let issuer = Issuer::start(Key::es256()).await;
    let server = server_with(&issuer, dir.path(), &[("session-lifetime", "1s")]).await;
    let mut browser = Browser::new(&server);
    browser.log_in().await;
    eventually("the end of the session", async || {
        (browser.get("/v1/caller").await.status() == 401).then_some(())
    })
    .await;
    server.stop().await;

    let server = server_with(&issuer, dir.path(), &[]).await;
    let mut first = Browser::new(&server);
    first.log_in().await;
    for _ in 0..16 {
        Browser::new(&server).log_in().await;
    }
    assert_eq!(first.get("/v1/caller").await.status(), 401);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_keys_of_the_issuer_are_asked_for_and_not_at_will() {
    let dir = tempfile::tempdir().unwrap();
    let issuer = Issuer::start(Key::es256()).await;
    let server = server_with(&issuer, dir.path(), &[]).await;
    assert_eq!(Browser::new(&server).log_in().await.status(), 303);
    issuer.with(|issuing| {
        (issuing.key, issuing.kid) = (Key::rs256(), "k2".to_owned());
        issuing.published = vec![issuing.key.jwk("k2")];
    });
    assert_eq!(Browser::new(&server).log_in().await.status(), 303);
    let asked = issuer.with(|issuing| issuing.keys_asked);
    issuer.with(|issuing| issuing.kid = "k3".to_owned());
    for _ in 0..20 {
        assert_eq!(Browser::new(&server).log_in().await.status(), 403);
    }
    let more = issuer.with(|issuing| issuing.keys_asked) - asked;
    // One more for every ten seconds that this may take on a slow machine.
    assert!(more <= 10, "{more} times for 20 tokens");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_is_down_stops_nothing_but_logins() {
    let dir = tempfile::tempdir().unwrap();
    let keys = Keys::write(dir.path());
    let (issuer, listener) = Issuer::bind(Key::es256()).await;
    let address = listener.local_addr().unwrap();
    drop(listener);
    let server = server_with(&issuer, dir.path(), &[("keys", keys.path.to_str().unwrap())]).await;
    let (status, code, detail) = problem(Browser::new(&server).get("/login").await).await;
    assert_eq!((status, &*code), (503, "issuer_unavailable"), "{detail}");
    assert!(detail.contains(&issuer.address()), "{detail}");
    let page = Browser::new(&server).visit("/login").await;
    assert_eq!((page.status().as_u16(), &page.headers()["retry-after"]), (503, &"5".parse().unwrap()));
    let request = server.get("/v1/incidents").bearer_auth(keys.of(Scope::Read));
    assert_eq!(request.send().await.unwrap().status(), 200);
    drop(issuer.serve(tokio::net::TcpListener::bind(address).await.unwrap()));
    eventually("a login", async || {
        let mut browser = Browser::new(&server);
        if browser.visit("/login").await.status() != 303 {
            return None;
        }
        (browser.log_in().await.status() == 303).then_some(())
    })
    .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_are_limited_by_address_and_absent_without_an_issuer() {
    let dir = tempfile::tempdir().unwrap();
    let issuer = Issuer::start(Key::es256()).await;
    let server = server_with(&issuer, dir.path(), &[("rate-denied-requests", "1")]).await;
    let limited = eventually("a limit", async || {
        let response = Browser::new(&server).visit("/login").await;
        (response.status() == 429).then_some(response)
    })
    .await;
    assert!(limited.headers().contains_key("retry-after"));
    server.stop().await;

    let server = Running::start(&dir.path().join("without")).await;
    for path in ["/login", "/login/callback?code=x&state=y", "/session"] {
        let (status, _, detail) = problem(server.get(path).send().await.unwrap()).await;
        assert_eq!(status, 404, "{path}: {detail}");
        assert!(detail.contains("--oidc-issuer"), "{detail}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_hangs_takes_a_few_places_and_further_logins_are_refused_at_once() {
    const AT_ONCE: usize = 40;
    let dir = tempfile::tempdir().unwrap();
    // It takes connections, and says nothing.
    let (issuer, _listener) = Issuer::bind(Key::es256()).await;
    let server = server_with(&issuer, dir.path(), &[]).await;
    let mut logins = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let login = server.get("/login").header("accept", "text/html").send();
        logins.spawn(async move { login.await.unwrap() });
    }
    // Long before the issuer's time is over.
    for _ in 0..AT_ONCE - 16 {
        let refused = tokio::time::timeout(std::time::Duration::from_secs(8), logins.join_next()).await;
        let refused = refused.expect("a refusal at once").unwrap().unwrap();
        let after = refused.headers()["retry-after"].to_str().unwrap();
        assert_eq!((refused.status().as_u16(), after), (503, "5"));
        assert!(refused.text().await.unwrap().contains("too many people log in at once"));
    }
    logins.abort_all();
    drop(logins);
    server.stop().await;
}
