//! TLS for calls over HTTP: to receivers of webhooks, and to processors.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;

/// TLS 1.2 and 1.3, by the certificate authorities of this machine. Without any, nothing is reached by
/// https: `reached` says in the warning which places those are.
pub fn client(reached: &str) -> Result<ClientConfig, rustls::Error> {
    let builder = || {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
    };
    let verified = builder()?.with_platform_verifier().or_else(|error| {
        tracing::warn!(%error, "no certificate authorities on this machine: {reached} can't be reached");
        builder().map(|builder| builder.with_root_certificates(RootCertStore::empty()))
    })?;
    let mut config = verified.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
