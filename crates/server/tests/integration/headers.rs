//! What every answer tells a browser, on every path of every port: answers are data of this server's own pages.

use std::net::SocketAddr;

use api::Listener;
use http::{HeaderMap, HeaderName};
use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::running::Running;
use crate::tls::{Authority, connector};

pub(crate) fn check(told: &str, headers: &HeaderMap) {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(headers.get(name).map(|value| value.to_str().unwrap()), Some(value), "{told}: {name}");
    }
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    assert!(["no-referrer", "same-origin"].contains(&&*text("referrer-policy")), "{told}");
    let policy = text("content-security-policy");
    assert!(
        policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
        "{told}: {policy}"
    );
    assert!(!policy.contains("script-src"), "{told}: {policy}");
    let kept = text("cache-control");
    assert!(kept.contains("no-store") || kept.contains("private"), "{told}: {kept}");
    assert!(headers.contains_key("x-request-id"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_of_every_route_is_protected() {
    let dir = tempfile::tempdir().unwrap();
    let server = Running::start(dir.path()).await;
    let ready = &server.ready;
    let mut asked: Vec<_> = api::ENDPOINTS
        .iter()
        .map(|endpoint| {
            let address = match endpoint.listener {
                Listener::Api => ready.listen,
                Listener::Admin => ready.admin,
                Listener::Otlp => ready.otlp_http,
            };
            let path =
                endpoint.path.replace("{id}", "inc_0000000000000000").replace("{hash}", &"0".repeat(64));
            (endpoint.method.as_str(), address, path)
        })
        .collect();
    for address in [ready.listen, ready.admin, ready.otlp_http, ready.otlp_grpc] {
        for method in ["GET", "HEAD", "POST", "DELETE", "OPTIONS"] {
            asked.push((method, address, "/nothing".to_owned()));
            asked.push((method, address, "/v1/incidents".to_owned()));
        }
    }
    for (method, address, path) in asked {
        for accept in ["*/*", "text/html"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let request = server.client.request(method.clone(), format!("http://{address}{path}"));
            let response = request.header("accept", accept).send().await.unwrap();
            let told = format!("{method} {address}{path} {accept}: {}", response.status());
            check(&told, response.headers());
            assert!(!response.headers().contains_key("strict-transport-security"), "{told}");
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_tls_browsers_are_told_to_stay_there_unless_that_is_not_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let leaf = authority.leaf();
    let (certificate, key) = (dir.path().join("certificate.pem"), dir.path().join("key.pem"));
    std::fs::write(&certificate, &leaf.certificate).unwrap();
    std::fs::write(&key, &leaf.key).unwrap();
    let connector = connector(&authority, None);
    for (hsts, expected) in [("365d", Some("max-age=31536000")), ("0s", None)] {
        let flags = [
            ("tls-certificate", certificate.to_str().unwrap()),
            ("tls-key", key.to_str().unwrap()),
            ("hsts", hsts),
        ];
        let server = Running::start_with(&dir.path().join("data"), &flags).await;
        for (address, path) in [
            (server.ready.listen, "/v1/incidents"),
            (server.ready.admin, "/livez"),
            (server.ready.otlp_http, "/nothing"),
        ] {
            let headers = headers_over_tls(&connector, address, path).await;
            check(path, &headers);
            let said = headers.get("strict-transport-security");
            assert_eq!(said.map(|value| value.to_str().unwrap()), expected, "{path}");
        }
        server.stop().await;
    }
}

async fn headers_over_tls(connector: &TlsConnector, address: SocketAddr, path: &str) -> HeaderMap {
    let stream = TcpStream::connect(address).await.unwrap();
    let host = ServerName::try_from(address.ip().to_string()).unwrap();
    let mut stream = connector.connect(host, stream).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    let pairs = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    pairs.map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect()
}
