//! A processor behind TLS.

use std::sync::Arc;

use calmony_pay::processor::check::RULES;
use support::database::Folder;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::memory::{Memory, SECRET, SOUND};
use crate::cli::run;

/// Starts a TLS front before that address, for 127.0.0.1. Returns its port and its certificate.
async fn front(to: String) -> (u16, String) {
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let pem = certified.cert.pem();
    let key = rustls::pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.into()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, to) = (acceptor.clone(), to.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut behind = TcpStream::connect(to).await.unwrap();
                // A caller that hangs up ends it.
                let _ = copy_bidirectional(&mut stream, &mut behind).await;
            });
        }
    });
    (port, pem)
}

#[tokio::test]
async fn a_processor_behind_tls_keeps_every_rule_and_has_to_prove_its_name() {
    let memory = Memory::start(SOUND).await;
    let (port, pem) = front(memory.url.trim_start_matches("http://").to_owned()).await;
    let folder = Folder::new("processor-tls");
    let file = folder.0.join("authority.pem");
    std::fs::write(&file, pem).unwrap();
    let trusting = [("CALMONY_PROCESSOR_SECRET", SECRET), ("SSL_CERT_FILE", file.to_str().unwrap())];
    let check = async |host: &str, environment: &[(&str, &str)]| {
        let url = format!("https://{host}:{port}");
        run("calmony", &["processor", "check", &url], environment).await
    };
    let said = check("127.0.0.1", &trusting).await;
    let kept = said.stdout.lines().filter(|line| line.starts_with("ok ")).count();
    assert_eq!((said.code, kept), (Some(0), RULES.len()), "{said:?}");
    for said in [check("localhost", &trusting).await, check("127.0.0.1", &trusting[..1]).await] {
        assert!(said.code == Some(1) && said.stderr.contains("no connection could be made"), "{said:?}");
    }
}
