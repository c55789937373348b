//! The way to a server: plain, or through TLS with authorities and a certificate of one's own. It must never know what is
//! asked.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use http::header::USER_AGENT;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use reqwest::{Body, Client, RequestBuilder, Response};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

const AGENT: &str = concat!("casebook/", env!("CARGO_PKG_VERSION"));

#[derive(Debug, Args)]
pub(crate) struct TlsArguments {
    /// A PEM file with the authorities that may have signed the certificate of an https server; without it those of this
    /// machine
    #[arg(
        long,
        value_name = "FILE",
        env = "CASEBOOK_CA",
        hide_env_values = true,
        global = true,
        help_heading = "Connection"
    )]
    ca: Option<PathBuf>,
    /// A PEM file with the certificate to show to an https server
    #[arg(
        long,
        value_name = "FILE",
        env = "CASEBOOK_CLIENT_CERTIFICATE",
        hide_env_values = true,
        global = true,
        requires = "client_key",
        help_heading = "Connection"
    )]
    client_certificate: Option<PathBuf>,
    /// A PEM file with the private key of --client-certificate
    #[arg(
        long,
        value_name = "FILE",
        env = "CASEBOOK_CLIENT_KEY",
        hide_env_values = true,
        global = true,
        help_heading = "Connection"
    )]
    client_key: Option<PathBuf>,
}

/// Whose word counts for who a server is, where no --ca is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// The authorities that this machine knows.
    Authorities,
    /// What listens on this machine is taken for what it says: no name fits a loopback address, nothing secret is sent, and
    /// nothing that is answered is worth more than the port being open.
    ThisMachine,
}

/// Sends requests to one server.
pub(crate) struct Transport {
    pub(crate) client: Client,
    secure: Option<legacy::Client<HttpsConnector<HttpConnector>, Body>>,
    /// For an answer to begin, where the way is through TLS; the client has its own.
    wait: Duration,
}

impl Transport {
    /// Files are read only where the server is reached through TLS; what is wrong with them is told without what they hold.
    pub(crate) fn new(
        client: Client,
        is_https: bool,
        tls: &TlsArguments,
        trust: Trust,
        wait: Duration,
    ) -> Result<Self, String> {
        let secure = is_https.then(|| secure(tls, trust)).transpose()?;
        Ok(Self { client, secure, wait })
    }

    pub(crate) async fn send(
        &self,
        request: RequestBuilder,
    ) -> Result<Response, Box<dyn Error + Send + Sync>> {
        let Some(secure) = &self.secure else { return Ok(request.send().await?) };
        let mut request: http::Request<Body> = request.header(USER_AGENT, AGENT).build()?.try_into()?;
        // Connections of an older protocol name the host in a header that the client adds by itself.
        *request.version_mut() = http::Version::HTTP_11;
        let answer = tokio::time::timeout(self.wait, secure.request(request)).await;
        Ok(answer.map_err(|_| format!("nothing came within {:?}", self.wait))??.map(Body::wrap).into())
    }
}

fn secure(
    tls: &TlsArguments,
    trust: Trust,
) -> Result<legacy::Client<HttpsConnector<HttpConnector>, Body>, String> {
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(config(tls, trust)?).https_only().enable_http1().build();
    Ok(legacy::Client::builder(TokioExecutor::new()).build(connector))
}

fn config(tls: &TlsArguments, trust: Trust) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match &tls.ca {
        None if trust == Trust::ThisMachine => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        }
        None => builder.with_native_roots().map_err(|error| {
            format!("the authorities of this machine cannot be read: {error}; name others with --ca")
        })?,
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates("ca", path)? {
                roots.add(authority).map_err(|error| format!("--ca {}: {error}", path.display()))?;
            }
            builder.with_root_certificates(roots)
        }
    };
    let (Some(certificate), Some(key)) = (&tls.client_certificate, &tls.client_key) else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates("client-certificate", certificate)?;
    let read = PrivateKeyDer::from_pem_file(key);
    let key =
        read.map_err(|_| format!("--client-key {}: no private key in PEM can be read", key.display()))?;
    let told = |error: rustls::Error| format!("--client-certificate {}: {error}", certificate.display());
    builder.with_client_auth_cert(chain, key).map_err(told)
}

fn certificates(flag: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let found = read.unwrap_or_default();
    let none = || format!("--{flag} {}: no certificate in PEM can be read", path.display());
    if found.is_empty() { Err(none()) } else { Ok(found) }
}

/// Takes every certificate whose key the server has.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
