//! TLS to PostgreSQL, in the words of libpq: `sslmode` and `sslrootcert` of a URL.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_postgres_rustls::MakeRustlsConnect;

/// The encryption that a URL asks for. There is nothing between a proved server and plain text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encryption {
    /// The URL says nothing: plain text, which nobody may have meant.
    Unsaid,
    /// Plain text, on purpose.
    Off,
    /// TLS, to a server that has proved to be the one that was named.
    Required,
}

impl Encryption {
    /// The encryption for that mode of libpq. Modes that may end in plain text, or at another server, are
    /// refused.
    fn named(mode: &str) -> Result<Self, String> {
        let refused = match mode {
            "require" | "verify-full" => return Ok(Self::Required),
            "disable" => return Ok(Self::Off),
            "prefer" | "allow" => {
                "ends in plain text, unnoticed, wherever a server or somebody on the way wants that"
            }
            "verify-ca" => "takes every server that the authority has signed for the one that is named",
            _ => return Err(format!("sslmode may be verify-full, require or disable. {ADVICE}")),
        };
        Err(format!("sslmode={mode} {refused}. {ADVICE}"))
    }
}

/// The modes to write.
const ADVICE: &str = "Write sslmode=verify-full, or sslmode=disable where nobody else is in the network";

/// The part of a URL that is about TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tls {
    /// The encryption.
    pub(super) encryption: Encryption,
    /// The file of the certificate authorities. `None` means those of this machine.
    root: Option<String>,
}

impl Tls {
    /// Takes the TLS options out of a URL, because tokio-postgres knows only a part of them.
    pub(super) fn taken_from(url: &str) -> Result<(Self, String), String> {
        // As tokio-postgres reads it: a password may hold a question mark.
        let (login, rest) = url.split_at(url.find('@').map_or(0, |at| at + 1));
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut tls = Self { encryption: Encryption::Unsaid, root: None };
        let mut others = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match decoded(name).as_str() {
                "sslmode" => tls.encryption = Encryption::named(&decoded(value))?,
                "sslrootcert" => tls.root = Some(decoded(value)),
                _ => others.push(pair),
            }
        }
        if tls.root.is_some() && !tls.is_required() {
            return Err("sslrootcert is of no use without sslmode=verify-full or require".to_owned());
        }
        let separator = if others.is_empty() { "" } else { "?" };
        Ok((tls, format!("{login}{address}{separator}{}", others.join("&"))))
    }

    /// True if connections must be encrypted.
    pub(super) fn is_required(&self) -> bool {
        self.encryption == Encryption::Required
    }

    /// The connector that encrypts connections accordingly.
    pub(super) fn connector(&self) -> Result<MakeRustlsConnect, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = match &self.root {
            Some(path) => builder.with_root_certificates(roots(Path::new(path))?),
            None if self.is_required() => builder
                .with_platform_verifier()
                .map_err(|error| format!("no certificate authorities: {error}"))?,
            // Never consulted: connections are in plain text.
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
    use super::{Encryption, Tls};

    #[test]
    fn what_is_about_tls_is_taken_out_of_a_url() {
        let taken = |url: &str| Tls::taken_from(url).map(|(tls, url)| (tls.encryption, tls.root, url));
        let url = |rest: &str| format!("postgresql://u:p@h/d{rest}");
        assert_eq!(taken(&url("")), Ok((Encryption::Unsaid, None, url(""))));
        assert_eq!(
            taken(&url("?sslmode=disable&options=-c%20x%3D1")),
            Ok((Encryption::Off, None, url("?options=-c%20x%3D1")))
        );
        assert_eq!(taken(&url("?sslmode=require")), Ok((Encryption::Required, None, url(""))));
        assert_eq!(
            taken(&url("?sslmode=verify-full&a=b&sslrootcert=%2Fetc%2Fca.pem")),
            Ok((Encryption::Required, Some("/etc/ca.pem".to_owned()), url("?a=b")))
        );
        let odd = "postgresql://u:what?@h/d";
        assert_eq!(
            taken(&format!("{odd}?sslmode=require")),
            Ok((Encryption::Required, None, odd.to_owned()))
        );
        for wrong in ["?sslmode=maybe", "?sslmode=", "?sslmode", "?sslrootcert=/etc/ca.pem"] {
            assert!(taken(&url(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_mode_that_may_end_in_plain_text_is_refused_by_name() {
        for mode in ["prefer", "allow", "verify-ca", "%70refer"] {
            for name in ["sslmode", "ssl%6Dode"] {
                let refused = Tls::taken_from(&format!("postgresql://u:p?@h/d?{name}={mode}")).unwrap_err();
                let named = mode.replace("%70", "p");
                assert!(refused.contains(&format!("sslmode={named} ")), "{refused}");
                assert!(refused.contains("Write sslmode=verify-full, or sslmode=disable"), "{refused}");
            }
        }
    }
}
