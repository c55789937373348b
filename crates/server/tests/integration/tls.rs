//! TLS on every listener: who is let in by certificate, and new certificates while requests are sent.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};

use crate::running::{Running, eventually, request_of, span};

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
pub(crate) struct Leaf {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.as_ref().pem()
    }

    pub(crate) fn leaf(&self) -> Leaf {
        let (params, key) =
            (CertificateParams::new(["127.0.0.1".to_owned()]).unwrap(), KeyPair::generate().unwrap());
        let certificate = params.signed_by(&key, &self.0).unwrap().pem();
        Leaf { certificate, key: key.serialize_pem() }
    }
}

/// The three files of a server.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    clients: PathBuf,
}

impl Files {
    fn write(dir: &Path, leaf: &Leaf, clients: &Authority) -> Self {
        let files = Self {
            certificate: dir.join("certificate.pem"),
            key: dir.join("key.pem"),
            clients: dir.join("clients.pem"),
        };
        files.replace(leaf);
        std::fs::write(&files.clients, clients.pem()).unwrap();
        files
    }

    /// One after the other, so that for a moment they do not fit.
    fn replace(&self, leaf: &Leaf) {
        std::fs::write(&self.certificate, &leaf.certificate).unwrap();
        std::fs::write(&self.key, &leaf.key).unwrap();
    }

    async fn server(&self, data: &Path) -> Running {
        let flags = [
            ("tls-certificate", self.certificate.to_str().unwrap()),
            ("tls-key", self.key.to_str().unwrap()),
            ("tls-client-ca", self.clients.to_str().unwrap()),
        ];
        Running::start_with(data, &flags).await
    }
}

pub(crate) fn connector(trusted: &Authority, identity: Option<&Leaf>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.pem().as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(Leaf { certificate, key }) => {
            let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    TlsConnector::from(Arc::new(config))
}

/// One request over a connection of its own: the status line, and the server's certificate.
async fn ask(
    connector: &TlsConnector,
    address: SocketAddr,
    path: &str,
) -> std::io::Result<(String, CertificateDer<'static>)> {
    let name = ServerName::try_from(address.ip().to_string()).unwrap();
    let mut stream = connector.connect(name, TcpStream::connect(address).await?).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let line = String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned();
    Ok((line, stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()))
}

async fn export(server: &Running, tls: ClientTlsConfig) -> Result<(), String> {
    let channel = Channel::from_shared(format!("https://{}", server.ready.otlp_grpc)).unwrap();
    let channel = channel.tls_config(tls).unwrap().connect().await.map_err(|error| error.to_string())?;
    let body = request_of(&[span(1, 1, "GET /", false)], Some("shop"));
    let request: ExportTraceServiceRequest = serde_json::from_value(body).unwrap();
    TraceServiceClient::new(channel).export(request).await.map(drop).map_err(|status| status.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_listener_demands_a_certificate_of_the_right_authority() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, clients, others) = (Authority::new(), Authority::new(), Authority::new());
    let server = Files::write(dir.path(), &ours.leaf(), &clients).server(&dir.path().join("data")).await;
    let (known, unknown) = (clients.leaf(), others.leaf());
    let ready = &server.ready;
    for (address, path, status) in [
        (ready.listen, "/v1/incidents", "HTTP/1.1 200 OK"),
        (ready.admin, "/livez", "HTTP/1.1 200 OK"),
        (ready.otlp_http, "/v1/traces", "HTTP/1.1 405 Method Not Allowed"),
        (ready.otlp_grpc, "/nothing", "HTTP/1.1 404 Not Found"),
    ] {
        let (line, _) = ask(&connector(&ours, Some(&known)), address, path).await.unwrap();
        assert!(
            line == status || address == ready.otlp_grpc && line.starts_with("HTTP/1.1 "),
            "{path}: {line}"
        );
        // Each is told apart: a stranger's certificate, none, and a server that the client does not trust.
        assert!(ask(&connector(&ours, Some(&unknown)), address, path).await.is_err(), "{path}");
        assert!(ask(&connector(&ours, None), address, path).await.is_err(), "{path}");
        assert!(ask(&connector(&others, Some(&known)), address, path).await.is_err(), "{path}");
        let plain = server.client.get(format!("http://{address}{path}")).send().await;
        assert!(plain.is_err(), "{path} without TLS");
    }
    let tls = || ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ours.pem()));
    let identity = |leaf: &Leaf| Identity::from_pem(&leaf.certificate, &leaf.key);
    export(&server, tls().identity(identity(&known))).await.unwrap();
    assert!(export(&server, tls().identity(identity(&unknown))).await.is_err());
    assert!(export(&server, tls()).await.is_err());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_rotate_while_requests_are_sent() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, clients) = (Authority::new(), Authority::new());
    let (old, new) = (ours.leaf(), ours.leaf());
    let files = Files::write(dir.path(), &old, &clients);
    let server = files.server(&dir.path().join("data")).await;
    let connector = connector(&ours, Some(&clients.leaf()));
    let der = |leaf: &Leaf| CertificateDer::from_pem_slice(leaf.certificate.as_bytes()).unwrap();
    let seen = async || {
        // No request fails, whichever certificate it meets.
        let (line, certificate) = ask(&connector, server.ready.listen, "/v1/incidents").await.unwrap();
        assert_eq!(line, "HTTP/1.1 200 OK");
        certificate
    };
    for _ in 0..5 {
        assert_eq!(seen().await, der(&old));
    }
    files.replace(&new);
    eventually("the new certificate", async || (seen().await == der(&new)).then_some(())).await;
    for _ in 0..5 {
        assert_eq!(seen().await, der(&new));
    }
    // From now on clients need a certificate of another authority.
    let next = Authority::new();
    std::fs::write(&files.clients, next.pem()).unwrap();
    eventually("the old authority to be refused", async || {
        ask(&connector, server.ready.listen, "/v1/incidents").await.is_err().then_some(())
    })
    .await;
    let renewed = self::connector(&ours, Some(&next.leaf()));
    assert!(ask(&renewed, server.ready.listen, "/v1/incidents").await.is_ok());
    server.stop().await;
    let server = Running::start(&dir.path().join("data")).await;
    let told = server.json("/v1/audit?action=change_certificates").await;
    assert!(!told["entries"].as_array().unwrap().is_empty(), "{told}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_that_dawdle_leave_room_for_others() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, clients) = (Authority::new(), Authority::new());
    let files = Files::write(dir.path(), &ours.leaf(), &clients);
    let flags = [
        ("tls-certificate", files.certificate.to_str().unwrap()),
        ("tls-key", files.key.to_str().unwrap()),
        ("connections-max", "8"),
    ];
    let server = Running::start_with(&dir.path().join("data"), &flags).await;
    let connector = connector(&ours, None);
    // A quarter of the places may be taken by handshakes; whoever says nothing is closed after a while at the latest.
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(TcpStream::connect(server.ready.otlp_http).await.unwrap());
    }
    let mut closed = 0;
    for stream in &mut silent {
        closed += usize::from(stream.read(&mut [0; 1]).await.is_ok_and(|read| read == 0));
    }
    assert_eq!(closed, 8);
    let crowded = "casebook_tls_handshakes_failed_total{listener=\"otlp_http\",reason=\"crowded\"}";
    let (line, _) = ask(&connector, server.ready.otlp_http, "/v1/traces").await.unwrap();
    assert!(line.contains("405"), "{line}");
    assert!(metric(&connector, server.ready.admin, crowded).await >= 1.0);
    server.stop().await;
}

async fn metric(connector: &TlsConnector, address: SocketAddr, name: &str) -> f64 {
    let host = ServerName::try_from(address.ip().to_string()).unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let mut stream = connector.connect(host, stream).await.unwrap();
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().unwrap())
}

/// As in production: clients that never stop, each with connections of its own, while the certificate changes again and
/// again, each time in two writes between which key and certificate do not fit.
#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_while_certificates_rotate_under_load() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, clients) = (Authority::new(), Authority::new());
    let files = Files::write(dir.path(), &ours.leaf(), &clients);
    let server = Arc::new(files.server(&dir.path().join("data")).await);
    let connector = connector(&ours, Some(&clients.leaf()));
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (connector, stopped, address) = (connector.clone(), stopped.clone(), server.ready.listen);
            tokio::spawn(async move {
                let mut asked = 0;
                while !*stopped.borrow() {
                    let (line, _) = ask(&connector, address, "/v1/incidents").await.unwrap();
                    assert_eq!(line, "HTTP/1.1 200 OK");
                    asked += 1;
                }
                asked
            })
        })
        .collect();
    for _ in 0..4 {
        let next = ours.leaf();
        files.replace(&next);
        let der = CertificateDer::from_pem_slice(next.certificate.as_bytes()).unwrap();
        eventually("the next certificate", async || {
            let (_, seen) = ask(&connector, server.ready.listen, "/v1/incidents").await.unwrap();
            (seen == der).then_some(())
        })
        .await;
    }
    stop.send(true).unwrap();
    for client in load {
        assert!(client.await.unwrap() > 0);
    }
    Arc::into_inner(server).unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_without_a_certificate_that_counts_are_in_the_audit() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, clients, others) = (Authority::new(), Authority::new(), Authority::new());
    let files = Files::write(dir.path(), &ours.leaf(), &clients);
    let data = dir.path().join("data");
    let server = files.server(&data).await;
    let address = server.ready.otlp_grpc;
    for _ in 0..3 {
        assert!(ask(&connector(&ours, None), address, "/").await.is_err());
    }
    assert!(ask(&connector(&ours, Some(&others.leaf())), address, "/").await.is_err());
    let metrics = connector(&ours, Some(&clients.leaf()));
    let failed = |reason| {
        format!("casebook_tls_handshakes_failed_total{{listener=\"otlp_grpc\",reason=\"{reason}\"}}")
    };
    for (reason, times) in [("no_certificate", 3.0), ("bad_certificate", 1.0)] {
        // The client may hear of it before the server has counted it.
        eventually(reason, async || {
            (metric(&metrics, server.ready.admin, &failed(reason)).await == times).then_some(())
        })
        .await;
    }
    // What was refused is written at the end at the latest.
    server.stop().await;
    let server = Running::start(&data).await;
    let page: api::AuditPage =
        server.get("/v1/audit?outcome=denied").send().await.unwrap().json().await.unwrap();
    let requests = |reason: &str| {
        let entry = page.entries.iter().find(|one| one.reason.as_deref() == Some(reason)).unwrap();
        let denied = entry.details.denied.as_ref().unwrap();
        assert_eq!((&*denied.listener, denied.from.as_deref()), ("otlp_grpc", Some("127.0.0.1/32")));
        denied.requests
    };
    assert_eq!((requests("no_certificate"), requests("bad_certificate")), (3, 1));
    server.stop().await;
}
