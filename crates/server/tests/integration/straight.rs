//! POST to the paths of OTLP goes past the router, and everything else that resembles it by the router: either way leads
//! through the same shell, so that nobody can tell which it was.

use api::Scope;
use reqwest::Method;

use crate::headers::check;
use crate::keys::Keys;
use crate::running::url;

const PATHS: [&str; 3] = ["/v1/traces", "/v1/logs", "/v1/metrics"];
const JSON: &str = "application/json";
const NAME: &str = "x-request-id";

/// What stands behind a path, the method, the type of the body, and the status that a holder of a key is told.
const CASES: [(&str, &str, &str, u16); 12] = [
    ("", "POST", JSON, 200),
    ("?from=here", "POST", JSON, 200),
    ("", "POST", "text/plain", 415),
    ("/", "POST", JSON, 404),
    ("/x", "POST", JSON, 404),
    ("%20", "POST", JSON, 404),
    ("", "GET", JSON, 405),
    ("", "HEAD", JSON, 405),
    ("", "PUT", JSON, 405),
    ("", "DELETE", JSON, 405),
    ("", "OPTIONS", JSON, 405),
    ("?from=here", "GET", JSON, 405),
];

#[tokio::test(flavor = "multi_thread")]
async fn either_way_to_a_path_of_otlp_leads_through_the_shell() {
    let dir = tempfile::tempdir().unwrap();
    let keys = Keys::write(dir.path());
    let server = keys.server(&dir.path().join("data")).await;
    let key = format!("Bearer {}", keys.of(Scope::Write));
    for path in PATHS {
        for (behind, method, content_type, status) in CASES {
            let told = format!("{method} {path}{behind} {content_type}");
            let ask = |name: &'static str| {
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                let asked =
                    server.client.request(method, url(server.ready.otlp_http, &format!("{path}{behind}")));
                asked.header("content-type", content_type).header(NAME, name).body("{}")
            };
            let known = ask("mine-1").header("authorization", &key).send().await.unwrap();
            assert_eq!(known.status(), status, "{told}");
            check(&told, known.headers());
            assert_eq!(known.headers()[NAME], "mine-1", "{told}");
            let allowed = known.headers().get("allow").map(|value| value.to_str().unwrap());
            assert_eq!(allowed, (status == 405).then_some("POST"), "{told}");
            let unnamed = ask("not a name").header("authorization", &key).send().await.unwrap();
            let name = unnamed.headers()[NAME].to_str().unwrap();
            assert!(name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{told}: {name}");
            // Who has no key is not told what there is.
            let stranger = ask("mine-2").send().await.unwrap();
            assert_eq!(stranger.status(), 401, "{told}");
            check(&told, stranger.headers());
        }
    }
    server.stop().await;
}
