//! TLS for clients.

use std::sync::Arc;

use axum::body::Body;
use http::{Request, Version};
use http_body_util::BodyExt as _;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::program::Program;

/// Whoever vouches for the service.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    roots: RootCertStore,
}

impl Authority {
    fn new() -> Self {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let mut roots = RootCertStore::empty();
        let certificate = authority.self_signed(&key).unwrap();
        roots.add(certificate.der().clone()).unwrap();
        let issuer = Issuer::new(authority, key);
        Self { issuer, roots }
    }

    /// Writes a new certificate and its key.
    fn issue(&self, program: &Program) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(program.path("service.crt"), certificate.pem()).unwrap();
        std::fs::write(program.path("service.key"), key.serialize_pem()).unwrap();
    }

    async fn connect(&self, address: &str, protocol: &[u8]) -> TlsStream<TcpStream> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(self.roots.clone());
        let mut config = config.with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        let stream = TcpStream::connect(address).await.unwrap();
        let name = "localhost".try_into().unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        connector.connect(name, stream).await.unwrap()
    }
}

fn secured(program: Program) -> Program {
    program
        .env("APP_TLS_CERT", "service.crt")
        .env("APP_TLS_KEY", "service.key")
}

#[tokio::test(flavor = "multi_thread")]
async fn both_versions_of_http_are_served_under_tls() {
    let authority = Authority::new();
    let program = secured(Program::new());
    authority.issue(&program);
    let service = program.serve(&[]);
    assert!(service.running.stdout().contains("  people    https://"));
    let mut stream = authority.connect(&service.address, b"http/1.1").await;
    let request = b"GET /people HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\r\nstrict-transport-security: max-age=31536000\r\n"));
    assert_eq!(answer.matches("\"uuid\"").count(), 714);

    let stream = authority.connect(&service.address, b"h2").await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("https://localhost/people").body(Body::empty());
    let answer = sender.send_request(request.unwrap()).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.version()),
        (200, Version::HTTP_2)
    );
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let people: Vec<serde_json::Value> = serde_json::from_slice(&body).unwrap();
    assert_eq!(people.len(), 714);
    drop(sender);
    service.stop().ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_browser_keeps_travels_under_tls_only() {
    let authority = Authority::new();
    let program = secured(Program::new());
    authority.issue(&program);
    let service = program.serve(&[]);
    let mut stream = authority.connect(&service.address, b"http/1.1").await;
    let request = b"POST /session/end HTTP/1.1\r\nHost: localhost\r\nOrigin: https://localhost\r\n\
        Content-Length: 0\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 303 See Other\r\n"), "{answer}");
    let lines = answer.lines();
    let cookies: Vec<_> = lines
        .filter(|line| line.starts_with("set-cookie: "))
        .collect();
    // What was done, the session, and one that was set without TLS.
    assert_eq!(cookies.len(), 3, "{answer}");
    for cookie in cookies {
        assert!(cookie.ends_with("; Secure"), "{cookie}");
        let is_plain = cookie.starts_with("set-cookie: connexion-key=");
        let expected = "; Path=/; HttpOnly; SameSite=Strict; Secure";
        assert!(is_plain || cookie.ends_with(expected), "{cookie}");
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_without_a_restart() {
    let authority = Authority::new();
    let program = secured(Program::new());
    authority.issue(&program);
    let service = program.serve(&[]);
    let shown = async || {
        let stream = authority.connect(&service.address, b"http/1.1").await;
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    };
    let first = shown().await;
    // A half-written file keeps the old one.
    std::fs::write(program.path("service.crt"), "-----BEGIN").unwrap();
    service
        .running
        .until_it_says("the old certificate is kept: APP_TLS_CERT: service.crt: ");
    assert_eq!(shown().await, first);
    authority.issue(&program);
    service.running.until_it_says("the certificate was renewed");
    assert_ne!(shown().await, first);
}

/// An operator who has just copied the files need not wait, nor wonder whether they were noticed.
#[test]
fn sighup_reads_the_certificate_again_at_once() {
    let authority = Authority::new();
    let program = secured(Program::new());
    authority.issue(&program);
    let service = program.serve(&[]);
    service.running.signal("HUP");
    service.running.until_it_says("the certificate was renewed");
    std::fs::write(program.path("service.key"), "nothing").unwrap();
    service.running.signal("HUP");
    let kept = "the old certificate is kept: APP_TLS_KEY: service.key: ";
    service.running.until_it_says(kept);
    service.stop().ok();
}

/// A client that never says hello must not hold a connection.
#[test]
fn a_handshake_is_not_waited_for_longer_than_a_head() {
    let program = secured(Program::new());
    Authority::new().issue(&program);
    let service = program.serve(&["--header-timeout", "1"]);
    let mut stream = service.send("\u{16}");
    let begun = std::time::Instant::now();
    let mut rest = Vec::new();
    let _ = std::io::Read::read_to_end(&mut stream, &mut rest);
    assert!(
        (900..5_000).contains(&begun.elapsed().as_millis()),
        "{:?}",
        begun.elapsed()
    );
    // Nor is one answered who speaks without TLS.
    let plain = service.send("GET /people HTTP/1.1\r\nHost: x\r\n\r\n");
    let answer = std::io::read_to_string(plain).unwrap_or_default();
    assert!(!answer.contains("HTTP/1.1"), "{answer}");
}

#[test]
fn what_is_wrong_with_the_files_is_told_at_start() {
    let program = secured(Program::new());
    let stderr = program.run(&[]).failed(1);
    assert!(
        stderr.contains("\nconnexion-app: APP_TLS_CERT: service.crt: "),
        "{stderr}"
    );
    let (authority, other) = (Authority::new(), Program::new());
    authority.issue(&program);
    authority.issue(&other);
    std::fs::copy(other.path("service.key"), program.path("service.key")).unwrap();
    let stderr = program.run(&[]).failed(1);
    assert!(
        stderr.contains("\nconnexion-app: APP_TLS_KEY: service.key: "),
        "{stderr}"
    );
    let stderr = Program::new().env("APP_TLS_CERT", "x").run(&[]).failed(2);
    let told = "connexion-app: APP_TLS_KEY: is missing, though APP_TLS_CERT is there\n";
    assert_eq!(stderr, told);
}
