//! A connection's bytes, and the time that its client may take.
//!
//! Reading ends when nothing is in flight for too long (see `activity.rs`), writing when the client takes
//! nothing for too long: as long as it is answered it may hold a database connection.
//!
//! A connection is closed in two steps (RFC 9112, section 9.6): first for writing, and for reading only when the client
//! has closed it, too. Closed with something unread, the kernel would reset it, and take back what the client has
//! not read yet.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};
use tokio_io_timeout::TimeoutStream;

use super::activity::{Activity, LAST_MOMENT};
use crate::config::Limits;

/// How many bytes may wait in the kernel until the client makes room.
const UNSENT: u32 = 64 * 1024;

/// A connection whose client must take what it is sent.
pub(super) type Timed = Pin<Box<TimeoutStream<TcpStream>>>;

/// Limits how long a client may take nothing.
pub(super) fn timed(stream: TcpStream, limits: &Limits) -> Timed {
    // Small answers must not wait for the client's acknowledgement of earlier ones.
    let _ = stream.set_nodelay(true);
    queue_little(&stream);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limits.answer));
    Box::pin(stream)
}

/// A connection to a client, under TLS or not.
#[derive(Debug)]
pub(super) struct Socket<S> {
    stream: S,
    activity: Arc<Activity>,
    limits: Limits,
    alarm: Pin<Box<Sleep>>,
    /// Whether it is closed for writing.
    is_shut: bool,
}

impl<S> Socket<S> {
    pub(super) fn new(stream: S, activity: Arc<Activity>, limits: Limits) -> Self {
        Self {
            stream,
            alarm: Box::pin(sleep_until(activity.due(&limits))),
            activity,
            limits,
            is_shut: false,
        }
    }

    /// Ready when the connection has waited long enough.
    fn poll_overdue(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let due = self.activity.due(&self.limits);
            if due <= Instant::now() {
                if self.activity.asks_to_leave() {
                    continue;
                }
                return Poll::Ready(());
            }
            // An alarm that comes early is set anew when it comes, which is cheaper than at every request.
            if due < self.alarm.deadline() || self.alarm.is_elapsed() {
                self.alarm.as_mut().reset(due);
            }
            ready!(self.alarm.as_mut().poll(context));
        }
    }

    fn note(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.activity.written();
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.read();
            // Frames may come faster than they are read; they must not keep the time from being looked at.
            if self.activity.is_http2() && self.poll_overdue(context).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        if read.is_pending() {
            ready!(self.poll_overdue(context));
            // The end, as if the client had closed it. An error would close it at once, with a request unread that
            // comes right now.
            return Poll::Ready(Ok(()));
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_shut {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            self.is_shut = true;
            self.alarm.as_mut().reset(Instant::now() + LAST_MOMENT);
        }
        let mut rest = [0; 4096];
        while self.alarm.as_mut().poll(context).is_pending() {
            let mut rest = ReadBuf::new(&mut rest);
            let read = ready!(Pin::new(&mut self.stream).poll_read(context, &mut rest));
            if read.is_err() || rest.filled().is_empty() {
                break;
            }
        }
        Poll::Ready(Ok(()))
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
