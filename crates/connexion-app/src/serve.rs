//! The server: sockets, time limits, the access log, and a clean end.

use std::{convert::Infallible, io, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use axum::{
    body::{Body, HttpBody},
    extract::{ConnectInfo, Request, connect_info::Connected},
    response::{IntoResponse, Response},
    serve::{IncomingStream, Listener},
};
use connexion::ApiService;
use tokio::{
    net::{TcpListener, TcpStream},
    time::{Instant, sleep, timeout},
};
use tokio_io_timeout::TimeoutStream;
use tower_http::timeout::TimeoutBody;

use crate::{error::unavailable, telemetry::AccessLog};

/// How long requests in flight may take to end after the signal to stop.
const GRACE: Duration = Duration::from_secs(30);

/// A pause after a failed accept (no file descriptors left, say), so that it is not tried without end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How many bytes may wait in the kernel until the client makes room.
const UNSENT: u32 = 64 * 1024;

/// What a request passes through before and after the API.
#[derive(Debug)]
pub(crate) struct Server {
    /// The contract's operations.
    pub(crate) api: ApiService,
    /// Until an answer begins, and that a stream may stall.
    pub(crate) timeout: Duration,
    /// Where each request is noted.
    pub(crate) access_log: AccessLog,
}

impl Server {
    /// Serves `listener` until `stop` is done and the requests in flight have ended, or the grace is over.
    ///
    /// # Errors
    /// If the socket fails.
    pub(crate) async fn run(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let listener = Connections {
            listener,
            timeout: self.timeout,
        };
        let server = Arc::new(self);
        let service = tower::service_fn(move |request: Request| {
            let server = Arc::clone(&server);
            async move { Ok::<_, Infallible>(server.answer(request).await) }
        });
        let service =
            axum::ServiceExt::<Request>::into_make_service_with_connect_info::<Client>(service);
        let (stopped, mut stopping) = tokio::sync::oneshot::channel();
        let serving = axum::serve(listener, service).with_graceful_shutdown(async move {
            stop.await;
            let _ = stopped.send(());
        });
        tokio::select! {
            ended = serving.into_future() => ended,
            () = async { let _ = (&mut stopping).await; sleep(GRACE).await } => Ok(()),
        }
    }

    async fn answer(&self, request: Request) -> Response {
        let begun = Instant::now();
        let client = request
            .extensions()
            .get::<ConnectInfo<Client>>()
            .map(|info| info.0.0);
        let line = client.and_then(|client| self.access_log.begin(client, &request));
        let response = match timeout(self.timeout, self.api.handle(request)).await {
            Ok(response) => self.limit_stalls(response),
            Err(_) => unavailable().into_response(),
        };
        self.access_log.end(line, &response, begun.elapsed());
        response
    }

    /// Ends a stream to which the database adds nothing for too long.
    fn limit_stalls(&self, response: Response) -> Response {
        if response.body().size_hint().exact().is_some() {
            return response;
        }
        response.map(|body| Body::new(TimeoutBody::new(self.timeout, body)))
    }
}

/// Connections whose client must take what it is sent: one that takes nothing for too long is closed, since
/// it holds a database connection as long as it is answered.
struct Connections {
    listener: TcpListener,
    timeout: Duration,
}

impl Listener for Connections {
    type Io = Pin<Box<TimeoutStream<TcpStream>>>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    // Small answers must not wait for the client's acknowledgement of earlier ones.
                    let _ = stream.set_nodelay(true);
                    queue_little(&stream);
                    let mut stream = TimeoutStream::new(stream);
                    stream.set_write_timeout(Some(self.timeout));
                    return (Box::pin(stream), address);
                }
                Err(error) => {
                    tracing::warn!("a connection can't be accepted: {error}");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Keeps the kernel from queueing megabytes that the client has no room for yet. With such a queue one that
/// reads slowly looks as if it read nothing, since long pauses lie between two writes, and would be cut.
fn queue_little(stream: &TcpStream) {
    let socket = socket2::SockRef::from(stream);
    #[cfg(any(target_os = "android", target_os = "linux"))]
    let _ = socket.set_tcp_notsent_lowat(UNSENT);
    #[cfg(not(any(target_os = "android", target_os = "linux")))]
    let _ = socket.set_send_buffer_size(UNSENT as usize);
}

/// The client's address, for the access log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client(SocketAddr);

impl Connected<IncomingStream<'_, Connections>> for Client {
    fn connect_info(stream: IncomingStream<'_, Connections>) -> Self {
        Self(*stream.remote_addr())
    }
}
