//! TLS to PostgreSQL, by the words of libpq: `sslmode` and `sslrootcert` of a URL.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_postgres_rustls::MakeRustlsConnect;

/// What a URL says of TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tls {
    /// Whether the connection must be encrypted, to a server that is proved to be the one that was named. There is nothing between
    /// that and no TLS.
    pub(super) is_required: bool,
    /// Who may have signed its certificate, in PEM; without a file whoever this machine trusts.
    root: Option<String>,
}

impl Tls {
    /// Takes what is about TLS out of a URL, which tokio-postgres knows only a part of.
    pub(super) fn taken_from(url: &str) -> Result<(Self, String), String> {
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        let mut tls = Self { is_required: false, root: None };
        let mut rest = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", "require" | "verify-full")) => tls.is_required = true,
                Some(("sslmode", "disable" | "prefer")) => tls.is_required = false,
                Some(("sslmode", _)) => {
                    return Err("sslmode may be disable, prefer, require or verify-full".to_owned());
                }
                Some(("sslrootcert", path)) => tls.root = Some(decoded(path)),
                _ => rest.push(pair),
            }
        }
        if tls.root.is_some() && !tls.is_required {
            return Err("sslrootcert is of no use without sslmode=require or verify-full".to_owned());
        }
        let separator = if rest.is_empty() { "" } else { "?" };
        Ok((tls, format!("{address}{separator}{}", rest.join("&"))))
    }

    /// What makes connections so.
    pub(super) fn connector(&self) -> Result<MakeRustlsConnect, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = match &self.root {
            Some(path) => builder.with_root_certificates(roots(Path::new(path))?),
            None if self.is_required => builder
                .with_platform_verifier()
                .map_err(|error| format!("no certificate authorities: {error}"))?,
            // It isn't asked.
            None => builder.with_root_certificates(RootCertStore::empty()),
        };
        Ok(MakeRustlsConnect::new(builder.with_no_client_auth()))
    }
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn roots(path: &Path) -> Result<RootCertStore, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("sslrootcert {}: {error}", path.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))? {
        let certificate = certificate.map_err(|error| wrong(&error))?;
        roots.add(certificate).map_err(|error| wrong(&error))?;
    }
    if roots.is_empty() {
        return Err(wrong(&"it holds no certificate"));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::Tls;

    #[test]
    fn what_is_about_tls_is_taken_out_of_a_url() {
        let taken = |url: &str| Tls::taken_from(url).map(|(tls, url)| (tls.is_required, tls.root, url));
        let url = |rest: &str| format!("postgresql://u:p@h/d{rest}");
        assert_eq!(taken(&url("")), Ok((false, None, url(""))));
        assert_eq!(
            taken(&url("?sslmode=prefer&options=-c%20x%3D1")),
            Ok((false, None, url("?options=-c%20x%3D1")))
        );
        assert_eq!(taken(&url("?sslmode=require")), Ok((true, None, url(""))));
        assert_eq!(
            taken(&url("?sslmode=verify-full&a=b&sslrootcert=%2Fetc%2Fca.pem")),
            Ok((true, Some("/etc/ca.pem".to_owned()), url("?a=b")))
        );
        for wrong in ["?sslmode=verify-ca", "?sslmode=maybe", "?sslmode=allow", "?sslrootcert=/etc/ca.pem"] {
            assert!(taken(&url(wrong)).is_err(), "{wrong}");
        }
    }
}
