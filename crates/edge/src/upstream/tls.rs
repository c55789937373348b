//! How the edge trusts nodes: by the authorities of this machine. It must never know a node.

use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt as _;
use rustls::{ClientConfig, RootCertStore};

/// The authorities are read where some address needs them.
pub(crate) fn client_tls(needs_tls: bool) -> Result<ClientConfig, String> {
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match needs_tls {
        true => {
            let read = builder.with_native_roots();
            read.map_err(|error| format!("the authorities of this machine cannot be read: {error}"))?
        }
        false => builder.with_root_certificates(RootCertStore::empty()),
    };
    Ok(builder.with_no_client_auth())
}
