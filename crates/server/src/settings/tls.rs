//! The certificate of the listeners, and whose certificates clients need.

use std::sync::Arc;

use runtime::config::{Meaning, value};
use runtime::{TlsFiles, TlsSource};

/// What is wrong with them is on the list of faults, so that nothing starts without the TLS that was asked for.
pub(super) fn read(meaning: &mut Meaning) -> Option<Arc<TlsSource>> {
    let certificate = meaning.get("tls-certificate", value::path);
    let key = meaning.get("tls-key", value::path);
    let client_ca = meaning.get("tls-client-ca", value::path);
    match (certificate, key, client_ca) {
        (Some(certificate), Some(key), client_ca) => {
            let opened = TlsSource::open(TlsFiles { certificate, key, client_ca });
            opened.map_err(|fault| meaning.fault("tls-certificate", fault)).ok()
        }
        (None, None, None) => None,
        (Some(_), None, _) => {
            meaning.fault("tls-key", "is needed beside --tls-certificate".to_owned());
            None
        }
        (None, key, _) => {
            let named = if key.is_some() { "tls-key" } else { "tls-client-ca" };
            meaning.fault(named, "means nothing without --tls-certificate and --tls-key".to_owned());
            None
        }
    }
}
