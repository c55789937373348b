//! TLS on both sides of the binary: clients come over it and nodes are reached over it; who is not trusted is turned away.
//! The devnet and its clients speak plainly, so a tunnel stands before each of them.

use std::net::SocketAddr;
use std::sync::Arc;

use devnet::client::{HttpClient, WsClient};
use devnet::network::Plan;
use devnet::node::{Fault, NodePlan};
use devnet::served::Devnet;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig, crypto};
use serde_json::json;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::program::{Folder, Program};
use crate::stage::{BLOCK_MS, PATIENCE, serves, until, until_head, wrong};

struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate for this machine and its key, as PEM.
struct Leaf {
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.as_ref().pem()
    }

    fn leaf(&self) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        Leaf { certificate: params.signed_by(&key, &self.0).unwrap().pem(), key: key.serialize_pem() }
    }

    /// Who has this trusts the authority.
    fn connector(&self, identity: Option<Leaf>) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem().as_bytes()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity.map(Leaf::der) {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
        };
        TlsConnector::from(Arc::new(config))
    }

    fn acceptor(&self) -> TlsAcceptor {
        let (chain, key) = self.leaf().der();
        let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

impl Leaf {
    fn der(self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let chain = vec![CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()];
        (chain, PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap())
    }
}

/// On which side of a tunnel TLS is spoken.
#[derive(Clone)]
enum Encrypted {
    /// A node behind a gateway.
    In(TlsAcceptor),
    /// A client that speaks TLS.
    Out(TlsConnector),
}

impl Encrypted {
    async fn carry(self, mut from: TcpStream, to: SocketAddr) -> std::io::Result<()> {
        let mut to = TcpStream::connect(to).await?;
        match self {
            Self::In(acceptor) => copy_bidirectional(&mut acceptor.accept(from).await?, &mut to).await?,
            Self::Out(connector) => {
                let name = ServerName::from(to.peer_addr()?.ip());
                copy_bidirectional(&mut from, &mut connector.connect(name, to).await?).await?
            }
        };
        Ok(())
    }
}

/// Carries connections until it is dropped.
struct Tunnel {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Tunnel {
    async fn open(to: &str, encrypted: Encrypted) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, to) = (listener.local_addr().unwrap(), to.parse().unwrap());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(encrypted.clone().carry(stream, to));
            }
        });
        Self { address, _tasks: tasks }
    }

    fn http(&self) -> HttpClient {
        HttpClient::new(&format!("http://{}/net", self.address)).with_patience(PATIENCE)
    }

    async fn ws(&self) -> WsClient {
        WsClient::connect(&format!("ws://{}/net", self.address)).await.unwrap()
    }
}

/// The edge, and everything that it reaches and that reaches it.
struct Scene {
    devnet: Devnet,
    clients: Authority,
    servers: Authority,
    program: Program,
    _gateways: Vec<Tunnel>,
    _folder: Folder,
}

impl Scene {
    /// Two nodes behind gateways; `trusted` of the two authorities is what the edge takes for one of this machine's.
    async fn start(nodes: &Authority, trusted: &Authority) -> Self {
        let plan = Plan { block_ms: BLOCK_MS, nodes: vec![NodePlan::default(); 2], ..Plan::default() };
        let devnet = Devnet::start(plan).await.unwrap();
        let (folder, clients, servers) = (Folder::new(), Authority::new(), Authority::new());
        let file = |name: &str, text: &str| folder.file(name, text).display().to_string();
        let leaf = servers.leaf();
        let mut text = format!(
            "[edge]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\nlog = \"off\"\n\
             [edge.tls]\ncertificate = {:?}\nkey = {:?}\nclient_ca = {:?}\n\
             [pools.net]\nkind = \"execution\"\nchain_id = 1337\nblock_time = \"{BLOCK_MS}ms\"\nprobe_every = \"500ms\"\n\
             attempt_timeout = \"2s\"\ndeadline = \"5s\"\n",
            file("edge.pem", &leaf.certificate),
            file("edge.key", &leaf.key),
            file("clients.pem", &clients.pem()),
        );
        let mut gateways = Vec::new();
        for at in 0..devnet.nodes() {
            let mut over = async |scheme: &str, url: String| {
                let plain = url.split_once("://").unwrap().1.trim_end_matches('/').to_owned();
                let gateway = Tunnel::open(&plain, Encrypted::In(nodes.acceptor())).await;
                let url = format!("{scheme}://{}", gateway.address);
                gateways.push(gateway);
                url
            };
            let http = over("https", devnet.node(at).http_url()).await;
            let ws = over("wss", devnet.node(at).ws_url()).await;
            text += &format!(
                "[[pools.net.nodes]]\nname = \"node-{at}\"\nhttp_url = \"{http}\"\nws_url = \"{ws}\"\n"
            );
        }
        let roots = file("roots.pem", &trusted.pem());
        let program = Program::serve(&folder.file("edge.toml", &text), &[("SSL_CERT_FILE", &roots)]).await;
        Self { devnet, clients, servers, program, _gateways: gateways, _folder: folder }
    }

    async fn client(&self, identity: Option<Leaf>) -> Tunnel {
        let encrypted = Encrypted::Out(self.servers.connector(identity));
        Tunnel::open(self.program.address("listen"), encrypted).await
    }

    async fn until_ready(&self) {
        until("both nodes serve", async || {
            serves(&self.program.admin().get("/status").await.unwrap().json()["pools"][0])
        })
        .await;
    }
}

#[tokio::test]
async fn clients_and_nodes_are_spoken_to_over_tls_and_a_node_that_dies_is_not_noticed() {
    let nodes = Authority::new();
    let scene = Scene::start(&nodes, &nodes).await;
    scene.until_ready().await;
    let tunnel = scene.client(Some(scene.clients.leaf())).await;
    let client = tunnel.ws().await;
    client.subscribe(json!(["newHeads"])).await.unwrap();
    until_head(&client, scene.devnet.head().number() + 2).await;
    scene.devnet.node(0).set(Fault::Kill).unwrap();
    for method in ["eth_getBalance", "eth_call"] {
        let params = match method {
            "eth_call" => json!([{"to": "0x00000000000000000000000000000000000000aa"}, "latest"]),
            _ => json!(["0x00000000000000000000000000000000000000aa", "latest"]),
        };
        let answer = tunnel.http().call(method, params.clone()).await.unwrap().json();
        assert!(answer["result"].is_string(), "{method}: {answer}");
        assert!(client.call(method, params).await.unwrap().result().is_some(), "{method}");
    }
    until_head(&client, scene.devnet.head().number() + 3).await;
    let wrong = wrong(&client.close().await, &scene.devnet);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_client_without_a_certificate_of_the_named_authority_gets_no_answer() {
    let nodes = Authority::new();
    let scene = Scene::start(&nodes, &nodes).await;
    scene.until_ready().await;
    for identity in [None, Some(nodes.leaf())] {
        let tunnel = scene.client(identity).await;
        assert!(tunnel.http().call("eth_chainId", json!([])).await.is_err());
        assert!(WsClient::connect(&format!("ws://{}/net", tunnel.address)).await.is_err());
    }
    let tunnel = scene.client(Some(scene.clients.leaf())).await;
    assert!(tunnel.http().call("eth_chainId", json!([])).await.is_ok(), "others are served");
}

#[tokio::test]
async fn a_node_whose_certificate_is_of_nobody_that_is_trusted_is_never_used() {
    let scene = Scene::start(&Authority::new(), &Authority::new()).await;
    let pool = async || scene.program.admin().get("/status").await.unwrap().json()["pools"][0].clone();
    until("both nodes are out", async || {
        let nodes = pool().await["nodes"].as_array().cloned().unwrap();
        nodes.iter().all(|node| node["http"]["state"] == "out" && node["stream"]["state"] == "out")
    })
    .await;
    let asked: u64 = (0..2).map(|at| scene.devnet.node(at).count("eth_chainId")).sum();
    assert_eq!(asked, 0, "no request went through");
    let tunnel = scene.client(Some(scene.clients.leaf())).await;
    let answer = tunnel.http().call("eth_chainId", json!([])).await.unwrap().json();
    assert!(answer["error"]["code"].is_i64(), "{answer}");
}
