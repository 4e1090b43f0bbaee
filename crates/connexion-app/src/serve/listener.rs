//! The listening socket: where connections come from, and how that ends without a reset.
//!
//! A client is connected as soon as the kernel has answered it; its request may be there before the connection is
//! accepted. A listener that is closed resets those connections. So before it is closed no new ones may begin, and all that
//! have begun are accepted.

use std::{io, net::SocketAddr, time::Duration};

use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

/// How many connections may wait to be accepted; the kernel has a limit of its own, too.
const WAITING: i32 = 4_096;

/// A pause after a failed accept (no file descriptors left, say), so that it is not tried without end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long the last step of a connection's beginning may take, which is the client's.
const HANDSHAKES: Duration = Duration::from_millis(50);

/// Binds an address; the error names it.
///
/// # Errors
/// If it can't be listened on.
pub(crate) async fn listen(host: &str, port: u16) -> io::Result<TcpListener> {
    let bound = TcpListener::bind((host, port)).await;
    // Once more, since the first time only 128 may wait: in a burst of connections the kernel drops the rest, and their
    // clients try again a second later.
    let listening = bound.and_then(|listener| {
        SockRef::from(&listener).listen(WAITING)?;
        Ok(listener)
    });
    listening.map_err(|error| {
        let reason = format!("{host}:{port} can't be listened on: {error}");
        io::Error::new(error.kind(), reason)
    })
}

/// Opens every connection that comes.
pub(super) async fn accept(listener: &TcpListener, open: impl Fn(TcpStream, SocketAddr)) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => open(stream, address),
            Err(error) => {
                tracing::warn!("a connection can't be accepted: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Opens the connections that have begun, and closes the listener.
pub(super) async fn drain(listener: TcpListener, open: impl Fn(TcpStream, SocketAddr)) {
    if let Err(error) = begin_none(&listener) {
        tracing::debug!("connections begin until the listener is closed: {error}");
    }
    let _ = timeout(HANDSHAKES, accept(&listener, &open)).await;
    // What the kernel has by now, whether or not the runtime has heard of it.
    let Ok(listener) = listener.into_std() else {
        return;
    };
    while let Ok((stream, address)) = listener.accept() {
        let stream = stream
            .set_nonblocking(true)
            .and_then(|()| TcpStream::from_std(stream));
        match stream {
            Ok(stream) => open(stream, address),
            Err(error) => tracing::warn!("a connection can't be accepted: {error}"),
        }
    }
}

/// Lets the kernel drop what would begin a connection: packets with the flag SYN. Their clients try again, and are
/// refused when the listener is closed. Those that have begun are not disturbed.
#[cfg(any(target_os = "android", target_os = "linux"))]
fn begin_none(listener: &TcpListener) -> io::Result<()> {
    use socket2::SockFilter;

    // Classic BPF, on the TCP header (RFC 9293, section 3.1): load byte 13, return 0 if it has bit 2, else everything.
    const LOAD_BYTE: u16 = 0x30;
    const JUMP_IF_SET: u16 = 0x45;
    const RETURN: u16 = 0x06;
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    SockRef::from(listener).attach_filter(&[
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS),
        SockFilter::new(JUMP_IF_SET, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ])
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn begin_none(_: &TcpListener) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
