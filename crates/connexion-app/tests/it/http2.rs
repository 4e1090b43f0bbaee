//! HTTP/2 by prior knowledge, on the port of HTTP/1.1.

use std::time::{Duration, Instant};

use axum::body::Body;
use futures_util::future::join_all;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::postgres_server::{connect, fresh_database};
use crate::program::{Program, Service};
use crate::serving::{MANY, crowded, list_sessions, slowly};

/// Less than what a list has, so that a client which takes nothing is noticed.
const WINDOW: u32 = 64 * 1024;

struct Client(SendRequest<Body>);

impl Client {
    async fn of(service: &Service) -> Self {
        let stream = TcpStream::connect(&service.address).await.unwrap();
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(16 * WINDOW);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    async fn get(&mut self, path: &str) -> http::Response<Incoming> {
        let request = Request::get(format!("http://x{path}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn send(&mut self, request: Request<Body>) -> http::Response<Incoming> {
        self.0.send_request(request).await.unwrap()
    }
}

/// With a thread to spare, so that the client can take its leave while the end is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn many_requests_share_a_connection() {
    let service = Program::new().serve(&[]);
    let mut client = Client::of(&service).await;
    // Read all at once: one that isn't read keeps the store's turn from the others.
    let lists = (0..50).map(|_| {
        let request = Request::get("http://x/people").body(Body::empty()).unwrap();
        let answer = client.0.send_request(request);
        async {
            let answer = answer.await.unwrap();
            assert_eq!(answer.status(), 200);
            answer.into_body().collect().await.unwrap().to_bytes()
        }
    });
    for list in join_all(lists).await {
        let people: Vec<serde_json::Value> = serde_json::from_slice(&list).unwrap();
        assert_eq!(people.len(), 714);
    }
    assert_eq!(client.get("/nowhere").await.status(), 404);
    let post = Request::builder()
        .method(Method::POST)
        .uri("http://x/people")
        .header("content-type", "application/json");
    let answer = client.send(post.body(Body::from("{}")).unwrap()).await;
    assert_eq!(answer.status(), 400);
    service.stop().ok();
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let service = Program::new().serve(&["--max-header-size", "2000"]);
    let mut client = Client::of(&service).await;
    let request = Request::get("http://x/people").header("x-long", "x".repeat(2_000));
    let answer = client.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    // The connection is as good as before.
    assert_eq!(client.get("/people").await.status(), 200);
}

#[tokio::test]
async fn a_stream_that_nobody_takes_is_let_go_while_others_move() {
    let database = fresh_database().await;
    let service = crowded(database.url()).serve(&["--timeout", "1"]);
    let by_hand = connect(database.url()).await;
    let mut client = Client::of(&service).await;
    let begun = Instant::now();
    let stalled = client.get("/people").await;
    assert_eq!(list_sessions(&by_hand).await, 1);
    while list_sessions(&by_hand).await > 0 {
        assert!(begun.elapsed() < Duration::from_secs(10));
        assert_eq!(client.get("/nowhere").await.status(), 404);
    }
    assert!(begun.elapsed() > Duration::from_millis(900));
    assert!(stalled.into_body().collect().await.is_err());
    // The connection itself is as good as before.
    let whole = client.get("/people").await.into_body().collect().await;
    let whole = String::from_utf8(whole.unwrap().to_bytes().to_vec()).unwrap();
    assert_eq!(whole.matches("\"uuid\"").count(), MANY);
}

#[tokio::test]
async fn a_stream_that_moves_is_not_cut() {
    let service = crowded("sqlite:people.sqlite").serve(&["--timeout", "1"]);
    let mut client = Client::of(&service).await;
    let mut list = client.get("/people").await.into_body();
    let begun = Instant::now();
    let mut read = 0;
    while let Some(frame) = list.frame().await {
        read += frame.unwrap().into_data().map_or(0, |data| data.len());
        if begun.elapsed() < Duration::from_secs(3) {
            tokio::time::sleep_until(slowly(begun, read).into()).await;
        }
    }
    assert!(begun.elapsed() >= Duration::from_secs(3) && read > MANY * 100);
}

/// On one thread, which waits for the end, the client hears of nothing.
#[tokio::test]
async fn a_client_that_does_not_take_its_leave_does_not_hold_up_the_end() {
    let service = Program::new().serve(&[]);
    let mut client = Client::of(&service).await;
    assert_eq!(client.get("/nowhere").await.status(), 404);
    let begun = Instant::now();
    service.stop().ok();
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
}

/// One that sends nothing has no request, and no version either.
#[tokio::test]
async fn an_idle_connection_is_closed_in_good_order() {
    let service = Program::new().serve(&["--idle-timeout", "1"]);
    let mut client = Client::of(&service).await;
    assert_eq!(client.get("/nowhere").await.status(), 404);
    let begun = Instant::now();
    while client.0.ready().await.is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(10));
        tokio::task::yield_now().await;
    }
    assert!(begun.elapsed() > Duration::from_millis(800));
}
