//! The server: HTTP/1.1 and HTTP/2 on one port, within limits, and with a clean end.
//!
//! Whoever sends or reads too slowly, opens too much or asks for too much at once is turned away, so that
//! the others don't notice. Nothing waits in a queue that grows: what is too much is refused at once.

mod activity;
mod answer;
mod browser;
mod head;
mod held;
mod layers;
mod refusal;
mod security;
mod served;
mod socket;
mod stall;
mod tls;
mod unpack;

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{body::Body, response::Response};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{Instant, sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use self::{
    activity::{Activity, Stopped},
    refusal::Refusals,
    socket::Socket,
};
pub(crate) use self::{answer::Answering, served::Served, tls::acceptor};
use crate::{
    config::{HEAD_ROOM, Limits},
    metrics::Counted,
};

/// How many connections may wait to be accepted; the kernel has a limit of its own, too.
const WAITING: i32 = 4_096;
/// A pause after a failed accept (no file descriptors left, say), so that it is not tried without end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How many requests may be under way on one HTTP/2 connection.
const STREAMS: u32 = 100;

/// How much of an answer may wait in this process for one HTTP/2 client.
const SEND_BUFFER: usize = 64 * 1024;

/// A client: its address, and what goes on on its connection.
#[derive(Debug)]
pub(crate) struct Client {
    address: SocketAddr,
    activity: Arc<Activity>,
    is_secure: bool,
}

/// Whoever answers requests.
pub(crate) trait Answer: Send + Sync + 'static {
    /// Answers one request of `client`.
    fn answer(
        &self,
        client: &Client,
        request: axum::extract::Request,
    ) -> impl Future<Output = Response> + Send;

    /// A connection was opened; what is returned is dropped at its end.
    fn opened(&self) -> Option<Counted> {
        None
    }

    /// A connection was refused, since there are too many.
    fn refused(&self) {}
}

/// Accepts connections and serves them.
pub(crate) struct Server<A> {
    answering: Arc<A>,
    limits: Limits,
    connections: Arc<Semaphore>,
    refusals: Refusals,
    http: Builder<TokioExecutor>,
    tls: Option<TlsAcceptor>,
    stopped: Stopped,
}

impl<A: Answer> Server<A> {
    /// A server that lets `answering` answer.
    pub(crate) fn new(answering: A, limits: Limits) -> Self {
        Self {
            answering: Arc::new(answering),
            limits,
            connections: Arc::new(Semaphore::new(limits.connections)),
            refusals: Refusals::default(),
            http: http(&limits),
            tls: None,
            stopped: Stopped::default(),
        }
    }

    /// Serves TLS only.
    pub(crate) fn under_tls(mut self, acceptor: Option<TlsAcceptor>) -> Self {
        self.tls = acceptor;
        self
    }

    /// Serves `listener` until `stop` is done and the requests under way have ended, or `grace` is over.
    pub(crate) async fn run(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
        grace: Duration,
    ) {
        let open = GracefulShutdown::new();
        let accepting = async {
            loop {
                match listener.accept().await {
                    Ok((stream, address)) => self.open(stream, address, &open),
                    Err(error) => {
                        tracing::warn!("a connection can't be accepted: {error}");
                        sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        };
        tokio::select! {
            () = accepting => {}
            () = stop => {}
        }
        drop(listener);
        let _ = self.stopped.set(Instant::now());
        let connections = open.count();
        if timeout(grace, open.shutdown()).await.is_err() {
            let seconds = grace.as_secs();
            tracing::warn!(
                "of {connections} connections some did not end within {seconds} s; they are cut"
            );
        }
    }

    fn open(&self, stream: TcpStream, address: SocketAddr, open: &GracefulShutdown) {
        let Ok(permit) = Arc::clone(&self.connections).try_acquire_owned() else {
            self.answering.refused();
            return self.refusals.refuse(stream);
        };
        let opened = self.answering.opened();
        let activity = Arc::new(Activity::new(Arc::clone(&self.stopped)));
        let client = Arc::new(Client {
            address,
            activity: Arc::clone(&activity),
            is_secure: self.tls.is_some(),
        });
        let answering = Arc::clone(&self.answering);
        let service = service_fn(move |request: Request<Incoming>| {
            let (answering, client) = (Arc::clone(&answering), Arc::clone(&client));
            // In a box, since an idle connection keeps the room for what is not boxed.
            Box::pin(async move {
                let answer = answering.answer(&client, request.map(Body::new)).await;
                Ok::<Response, Infallible>(answer)
            })
        });
        let (http, limits, watcher) = (self.http.clone(), self.limits, open.watcher());
        let stream = socket::timed(stream, &limits);
        let tls = self.tls.clone();
        tokio::spawn(async move {
            let _until_its_end = (permit, opened);
            let ended = match tls {
                None => {
                    let socket = TokioIo::new(Socket::new(stream, activity, limits));
                    watcher.watch(http.serve_connection(socket, service)).await
                }
                Some(tls) => {
                    Box::pin(async {
                        let stream = timeout(limits.head, tls.accept(stream)).await??;
                        let socket = TokioIo::new(Socket::new(stream, activity, limits));
                        watcher.watch(http.serve_connection(socket, service)).await
                    })
                    .await
                }
            };
            // What breaks a connection is its client's affair.
            if let Err(error) = ended {
                tracing::debug!("a connection ended: {error}");
            }
        });
    }
}

fn http(limits: &Limits) -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    // No timers of hyper's: `Socket` has them, since hyper's own begin only after the first byte.
    // Who sends nothing more may still read: without `half_close` it would get no answer.
    http.http1().max_buf_size(HEAD_ROOM).half_close(true);
    http.http2()
        .max_concurrent_streams(STREAMS)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(u32::try_from(limits.head_size).unwrap_or(u32::MAX));
    http
}

/// Binds an address; the error names it.
///
/// # Errors
/// If it can't be listened on.
pub(crate) async fn listen(host: &str, port: u16) -> io::Result<TcpListener> {
    let bound = TcpListener::bind((host, port)).await;
    // Once more, since the first time only 128 may wait: in a burst of connections the kernel drops the rest, and their
    // clients try again a second later.
    let listening = bound.and_then(|listener| {
        socket2::SockRef::from(&listener).listen(WAITING)?;
        Ok(listener)
    });
    listening.map_err(|error| {
        let reason = format!("{host}:{port} can't be listened on: {error}");
        io::Error::new(error.kind(), reason)
    })
}
