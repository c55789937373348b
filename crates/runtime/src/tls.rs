//! Certificates from files that change: read again every second and at SIGHUP. New ones count for the next connection;
//! broken ones change nothing, and say so until they are whole again. It must never show what a key file holds.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// A bundle of authorities is the largest of the three.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// What clients may choose from, the better first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Where the certificate, its key, and the authorities of clients' certificates stand, all as PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// With it every client needs a certificate of one of these.
    pub client_ca: Option<PathBuf>,
}

pub struct TlsSource {
    files: TlsFiles,
    current: RwLock<Arc<ServerConfig>>,
    last: Mutex<Last>,
    pub metrics: TlsMetrics,
}

#[derive(Debug, Clone, Default)]
pub struct TlsMetrics {
    pub broken: Gauge,
    pub reloads: Counter,
}

/// What was read last, good or not.
struct Last {
    read: Result<Texts, String>,
    fault: Option<String>,
}

#[derive(Clone, PartialEq, Eq)]
struct Texts {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl fmt::Debug for TlsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSource").field("files", &self.files).finish_non_exhaustive()
    }
}

impl TlsSource {
    /// Reads the files; a fault in them is an error of the configuration.
    pub fn open(files: TlsFiles) -> Result<Arc<Self>, String> {
        let texts = read(&files)?;
        let config = configure(&files, &texts)?;
        Ok(Arc::new(Self {
            files,
            current: RwLock::new(config),
            last: Mutex::new(Last { read: Ok(texts), fault: None }),
            metrics: TlsMetrics::default(),
        }))
    }

    /// What the next connection is to be accepted with.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the files again, and takes them over if they changed and fit each other. Files that are written one after
    /// another do not for a moment.
    pub fn look(&self) {
        let read = read(&self.files);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.read == read {
            return;
        }
        let configured = read.as_ref().map_err(Clone::clone).and_then(|texts| configure(&self.files, texts));
        last.read = read;
        match configured {
            Ok(config) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = config;
                last.fault = None;
                self.metrics.broken.set(0);
                self.metrics.reloads.inc();
                tracing::info!("the certificates were read again");
            }
            Err(fault) => {
                tracing::error!(
                    fault,
                    "the certificates changed and cannot be used; the ones from before stay"
                );
                self.metrics.broken.set(1);
                last.fault = Some(fault);
            }
        }
    }

    /// What is wrong with the files as they are now.
    pub fn fault(&self) -> Option<String> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).fault.clone()
    }
}

fn read(files: &TlsFiles) -> Result<Texts, String> {
    Ok(Texts {
        certificate: read_file(&files.certificate)?,
        key: read_file(&files.key)?,
        client_ca: files.client_ca.as_deref().map(read_file).transpose()?,
    })
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let told = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(told)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(told)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("{}: larger than {FILE_BYTES_MAX} bytes", path.display()));
    }
    Ok(bytes)
}

/// Also checks that the key is the certificate's.
fn configure(files: &TlsFiles, texts: &Texts) -> Result<Arc<ServerConfig>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let of_key = |error: &dyn fmt::Display| format!("{}: {error}", files.key.display());
    let of_certificate = |error: &dyn fmt::Display| format!("{}: {error}", files.certificate.display());
    let chain = certificates(&files.certificate, &texts.certificate)?;
    // The parser's own words could quote the file.
    let key =
        PrivateKeyDer::from_pem_slice(&texts.key).map_err(|_| of_key(&"holds no private key in PEM"))?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| of_certificate(&error))?;
    let builder = match (&files.client_ca, &texts.client_ca) {
        (Some(path), Some(text)) => {
            let told = |error: &dyn fmt::Display| format!("{}: {error}", path.display());
            let mut roots = RootCertStore::empty();
            for authority in certificates(path, text)? {
                roots.add(authority).map_err(|error| told(&error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| told(&error))?)
        }
        _ => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|error| of_certificate(&error))?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
    Ok(Arc::new(config))
}

fn certificates(path: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|_| format!("{}: is no PEM", path.display()))?;
    if found.is_empty() { Err(format!("{}: holds no certificate in PEM", path.display())) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path) -> TlsFiles {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let files = TlsFiles {
            certificate: dir.join("certificate.pem"),
            key: dir.join("key.pem"),
            client_ca: Some(dir.join("clients.pem")),
        };
        std::fs::write(&files.certificate, made.cert.pem()).unwrap();
        std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        std::fs::write(dir.join("clients.pem"), made.cert.pem()).unwrap();
        files
    }

    #[test]
    fn new_files_count_and_broken_ones_change_nothing() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let source = TlsSource::open(write(dir.path())).unwrap();
        let first = source.config();
        source.look();
        assert!(Arc::ptr_eq(&first, &source.config()));
        // A certificate whose key is still to come.
        let renewed = write(other.path());
        std::fs::copy(&renewed.certificate, dir.path().join("certificate.pem")).unwrap();
        source.look();
        assert!(Arc::ptr_eq(&first, &source.config()) && source.fault().is_some());
        assert_eq!(source.metrics.broken.get(), 1);
        std::fs::copy(&renewed.key, dir.path().join("key.pem")).unwrap();
        source.look();
        assert!(!Arc::ptr_eq(&first, &source.config()) && source.fault().is_none());
        std::fs::remove_file(dir.path().join("clients.pem")).unwrap();
        source.look();
        assert!(source.fault().unwrap().contains("clients.pem"));
    }

    #[test]
    fn faults_name_the_file_and_never_show_a_key() {
        let dir = tempfile::tempdir().unwrap();
        let files = write(dir.path());
        let secret = "canary-in-the-key";
        for (file, text) in [(&files.key, secret), (&files.certificate, ""), (&files.certificate, secret)] {
            let before = std::fs::read(file).unwrap();
            std::fs::write(file, format!("-----BEGIN {text}\n{text}\n")).unwrap();
            let fault = TlsSource::open(files.clone()).unwrap_err();
            assert!(fault.contains(&*file.to_string_lossy()) && !fault.contains("canary"), "{fault}");
            std::fs::write(file, before).unwrap();
        }
        assert!(!format!("{:?}", TlsSource::open(files).unwrap()).contains("BEGIN"));
    }
}
