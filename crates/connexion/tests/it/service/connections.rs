//! Connections after a request whose body the handler did not read: kept open, or closed with `Connection: close`.
//! Tested over a socket, since the service and `hyper` decide this together.

use axum::Router;
use connexion::{Api, ByteStream, Document, Principal};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::support::build;

const DOCUMENT: &str = "
openapi: 3.1.0
info: {title: Test, version: '1'}
paths:
  /ignored:
    post: {operationId: ignored, responses: {'200': {description: any}}}
  /stream:
    post:
      operationId: stream
      requestBody: {content: {image/png: {}}}
      responses: {'200': {description: any}}
  /secret:
    post:
      operationId: secret
      security: [{key: []}]
      requestBody: {content: {application/json: {}}}
      responses: {'200': {description: any}}
components: {securitySchemes: {key: {type: apiKey, in: header, name: X-Key}}}
";

/// Connects to a service that reads JSON bodies only.
async fn connect() -> TcpStream {
    let api = Api::from_document(Document::parse("test.yaml", DOCUMENT).unwrap());
    let api = api.default_security(async |_, _| Ok(None::<Principal>));
    let api = api.operation("stream", async |_: ByteStream| ());
    let api = api.operation("ignored", async || ());
    let service = build(api.operation("secret", async || ()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback_service(service);
    tokio::spawn(async move { axum::serve(listener, router).await });
    TcpStream::connect(address).await.unwrap()
}

fn head(method: &str, path: &str, fields: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: test\r\nContent-Type: image/png\r\n{fields}\r\n")
}

/// Reads the head of the next response, in lower case; empty if there is none. Skips the body.
async fn response(connection: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match connection.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return String::new(),
        }
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head
        .split("\r\n")
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.unwrap_or("0").parse().unwrap()];
    connection.read_exact(&mut body).await.unwrap();
    head
}

#[tokio::test]
async fn small_unread_body_keeps_the_connection() {
    for (method, path, status) in [
        ("POST", "/nowhere", "404"),
        ("PUT", "/ignored", "405"),
        ("POST", "/ignored", "200"),
        ("POST", "/stream", "200"),
        ("POST", "/secret", "401"),
    ] {
        let mut connection = connect().await;
        for fields in ["Content-Length: 8\r\n", "Transfer-Encoding: chunked\r\n"] {
            let parts: &[&str] = if fields.starts_with('C') {
                &["1234", "5678"]
            } else {
                &["4\r\n1234\r\n", "4\r\n5678\r\n", "0\r\n\r\n"]
            };
            let head = head(method, path, fields);
            for part in [head.as_str()].iter().chain(parts) {
                connection.write_all(part.as_bytes()).await.unwrap();
                // The service receives each part separately.
                connection.flush().await.unwrap();
                tokio::task::yield_now().await;
            }
            let response = response(&mut connection).await;
            assert!(
                response.starts_with(&format!("http/1.1 {status}")),
                "{path} {response}"
            );
            assert!(!response.contains("connection: close"), "{path} {response}");
        }
    }
}

#[tokio::test]
async fn large_unread_body_sends_connection_close() {
    for path in ["/nowhere", "/ignored", "/stream", "/secret"] {
        for fields in [
            // A long body that has not arrived.
            "Content-Length: 10000000\r\n",
            // A short body that does not arrive.
            "Content-Length: 5\r\n",
            // Reading it would send `100 Continue`.
            "Content-Length: 5\r\nExpect: 100-continue\r\n",
        ] {
            let mut connection = connect().await;
            let head = head("POST", path, fields);
            connection.write_all(head.as_bytes()).await.unwrap();
            let first = response(&mut connection).await;
            assert!(!first.starts_with("http/1.1 100"), "{path} {fields}");
            assert!(
                first.contains("connection: close"),
                "{path} {fields} {first}"
            );
            assert_eq!(response(&mut connection).await, "", "{path} {fields}");
        }
    }
}

#[tokio::test]
async fn endless_unread_body_closes_the_connection() {
    let mut connection = connect().await;
    let head = head("POST", "/ignored", "Transfer-Encoding: chunked\r\n");
    connection.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    for _ in 0..8 {
        // The service may have closed it already.
        let _ = connection.write_all(chunk.as_bytes()).await;
    }
    let response = response(&mut connection).await;
    assert!(
        response.is_empty() || response.contains("connection: close"),
        "{response}"
    );
}
