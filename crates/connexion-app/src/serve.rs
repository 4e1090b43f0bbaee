//! The server: HTTP/1.1 and HTTP/2 on one port, within limits, and with a clean end.
//!
//! A client that sends or reads too slowly, opens too much or asks for too much at once is refused, so that the others
//! don't notice. Nothing waits in a queue that grows: what is too much is refused at once.
//!
//! When the server stops, the listener is drained (see `listener.rs`), and connections end in the way of their version:
//! over HTTP/1.1 the next response says `Connection: close` (RFC 9112, section 9.6), over HTTP/2 a GOAWAY says which
//! requests are still answered (RFC 9113, section 6.8). A connection without a request is closed a moment later.

mod activity;
mod answer;
mod browser;
mod forwarded;
mod head;
mod host;
mod layers;
mod listener;
mod outgoing;
mod refusal;
mod security;
mod served;
mod socket;
mod streams;
mod tls;
mod unpack;

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    pin::{Pin, pin},
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use axum::{body::Body, response::Response};
use http::{HeaderValue, Version, header};
use hyper::{
    Request,
    body::Incoming,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::TokioIo,
    server::conn::auto::{Builder, Connection},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::{Instant, timeout},
};
use tokio_rustls::TlsAcceptor;

use self::{
    activity::{Activity, Stopped},
    outgoing::InFlight,
    refusal::Refusals,
    socket::Socket,
    streams::Streams,
};
pub(crate) use self::{
    answer::Answering,
    host::Hosts,
    listener::listen,
    outgoing::{Admission, Outgoing},
    refusal::TOLD_SHARE,
    served::Served,
    tls::acceptor,
};
use crate::{
    config::{HEAD_ROOM, Limits},
    metrics::Counted,
};

/// How many requests may be in flight on one HTTP/2 connection.
const STREAMS: u32 = 100;

/// How much of an answer may wait in this process for one HTTP/2 client.
const SEND_BUFFER: usize = 64 * 1024;

/// A client: its address, and what goes on on its connection.
#[derive(Debug)]
pub(crate) struct Client {
    /// An IPv4 address as one, also where the listener's are of IPv6.
    address: IpAddr,
    /// The same as text, which every request needs.
    name: String,
    activity: Arc<Activity>,
    is_secure: bool,
}

impl Client {
    /// A request in flight, which is not logged yet.
    pub(crate) fn begin(&self, version: Version, admission: Admission) -> InFlight {
        InFlight {
            began: Instant::now(),
            line: None,
            admission,
            under_way: self.activity.begin(version),
            bytes: AtomicU64::new(0),
        }
    }

    /// Tells the client that no more of its requests are answered here, if that is so.
    fn closing(&self, mut response: Response<Outgoing>, version: Version) -> Response<Outgoing> {
        if self.activity.is_stopped() && version != Version::HTTP_2 {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        response
    }
}

/// Answers requests.
pub(crate) trait Answer: Send + Sync + 'static {
    /// Looks for room for one more request.
    fn admit(&self) -> Admission {
        Admission::FREE
    }

    /// Answers one request of `client`.
    fn answer(
        &self,
        client: &Client,
        request: axum::extract::Request,
        admission: Admission,
    ) -> impl Future<Output = Response<Outgoing>> + Send;

    /// Answers one for which there is no room.
    fn refuse(
        &self,
        client: &Client,
        request: axum::extract::Request,
        admission: Admission,
    ) -> impl Future<Output = Response<Outgoing>> + Send {
        self.answer(client, request, admission)
    }

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
    http: Builder<Streams>,
    tls: Option<TlsAcceptor>,
    stopped: Stopped,
    /// Tells connections to end; each holds a receiver as long as it is open.
    stopping: watch::Sender<()>,
}

impl<A: Answer> Server<A> {
    /// A server that lets `answering` answer.
    pub(crate) fn new(answering: A, limits: Limits) -> Self {
        Self {
            answering: Arc::new(answering),
            limits,
            connections: Arc::new(Semaphore::new(limits.connections)),
            refusals: Refusals::beside(limits.connections),
            http: http(&limits),
            tls: None,
            stopped: Stopped::default(),
            stopping: watch::Sender::new(()),
        }
    }

    /// Serves TLS only.
    pub(crate) fn under_tls(mut self, acceptor: Option<TlsAcceptor>) -> Self {
        self.tls = acceptor;
        self
    }

    /// Serves `listener` until `stop` is done and the requests in flight have ended, or `grace` is over.
    pub(crate) async fn run(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
        grace: Duration,
    ) {
        tokio::select! {
            () = listener::accept(&listener, |stream, address| self.open(stream, address)) => {}
            () = stop => {}
        }
        let _ = self.stopped.set(Instant::now());
        listener::drain(listener, |stream, address| self.open(stream, address)).await;
        let connections = self.stopping.receiver_count();
        self.stopping.send_replace(());
        if timeout(grace, self.stopping.closed()).await.is_err() {
            let seconds = grace.as_secs();
            tracing::warn!(
                "of {connections} connections some did not end within {seconds} s; they are cut"
            );
        }
    }

    fn open(&self, stream: TcpStream, address: SocketAddr) {
        let stopping = self.stopping.subscribe();
        let Ok(permit) = Arc::clone(&self.connections).try_acquire_owned() else {
            self.answering.refused();
            return self.refusals.refuse(stream, stopping);
        };
        let opened = self.answering.opened();
        let activity = Arc::new(Activity::new(Arc::clone(&self.stopped)));
        let address = address.ip().to_canonical();
        let client = Arc::new(Client {
            address,
            name: address.to_string(),
            activity: Arc::clone(&activity),
            is_secure: self.tls.is_some(),
        });
        let answering = Arc::clone(&self.answering);
        let service = service_fn(move |request: Request<Incoming>| {
            let (answering, client) = (Arc::clone(&answering), Arc::clone(&client));
            let (version, request) = (request.version(), request.map(Body::new));
            let admission = answering.admit();
            // In a box, since an idle connection keeps the room for what is not boxed. In a small one for what is refused:
            // of HTTP/2 requests thousands come before the first one is looked at.
            let answer: Pin<Box<dyn Future<Output = _> + Send>> = if admission.is_admitted {
                Box::pin(async move {
                    let response = answering.answer(&client, request, admission).await;
                    Ok::<_, Infallible>(client.closing(response, version))
                })
            } else {
                Box::pin(async move {
                    let response = answering.refuse(&client, request, admission).await;
                    Ok(client.closing(response, version))
                })
            };
            answer
        });
        let (http, limits, tls) = (self.http.clone(), self.limits, self.tls.clone());
        let stream = socket::timed(stream, &limits);
        tokio::spawn(async move {
            let _until_its_end = (permit, opened);
            let ended = match tls {
                None => {
                    let socket = Socket::new(stream, Arc::clone(&activity), limits);
                    let connection = http.serve_connection(TokioIo::new(socket), service);
                    until_its_end(pin!(connection), &activity, stopping).await
                }
                Some(tls) => {
                    Box::pin(async {
                        let stream = timeout(limits.head, tls.accept(stream)).await??;
                        let socket = Socket::new(stream, Arc::clone(&activity), limits);
                        let connection = http.serve_connection(TokioIo::new(socket), service);
                        until_its_end(pin!(connection), &activity, stopping).await
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

/// Serves a connection. When the server stops or an HTTP/2 connection has waited long enough, the client is told to leave.
async fn until_its_end<S, C>(
    mut connection: Pin<&mut Connection<'_, TokioIo<Socket<S>>, C, Streams>>,
    activity: &Activity,
    mut stopping: watch::Receiver<()>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    C: Service<Request<Incoming>, Response = Response<Outgoing>, Error = Infallible>,
    C::Future: Send + 'static,
{
    let mut is_stopped = false;
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => return ended,
            _ = stopping.changed(), if !is_stopped => is_stopped = true,
            () = activity.until_leave() => {}
        }
        // Over HTTP/1.1 `hyper` would close the connection at once, also if a request has just been sent on it.
        if activity.is_http2() {
            connection.as_mut().graceful_shutdown();
            return connection.await;
        }
    }
}

fn http(limits: &Limits) -> Builder<Streams> {
    let mut http = Builder::new(Streams(limits.answer));
    // No timers of hyper's: `Socket` has them, since hyper's own begin only after the first byte.
    // Who sends nothing more may still read: without `half_close` it would get no answer.
    http.http1().max_buf_size(HEAD_ROOM).half_close(true);
    http.http2()
        .max_concurrent_streams(STREAMS)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(u32::try_from(limits.head_size).unwrap_or(u32::MAX));
    http
}
