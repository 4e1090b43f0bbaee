//! Connections beyond the limit: told so, and closed.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{Semaphore, watch},
    time::timeout,
};

/// How many clients are told at a time; more are closed without a response.
const AT_ONCE: usize = 256;

/// For each client that is told there are so many that are served, at least.
pub(crate) const TOLD_SHARE: usize = 8;

/// A client that does not close its side by then is closed.
const PATIENCE: Duration = Duration::from_secs(1);

const ANSWER: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n\
    Content-Length: 0\r\n\r\n";

#[derive(Debug)]
pub(super) struct Refusals(Arc<Semaphore>);

impl Refusals {
    /// Those of a server that serves so many connections: each needs a file descriptor, too (see `files.rs`).
    pub(super) fn beside(connections: usize) -> Self {
        let at_once = (connections / TOLD_SHARE).clamp(1, AT_ONCE);
        Self(Arc::new(Semaphore::new(at_once)))
    }

    /// Answers 503 to whatever the client asks. The receiver is held until then.
    pub(super) fn refuse(&self, mut stream: TcpStream, open: watch::Receiver<()>) {
        let Ok(permit) = Arc::clone(&self.0).try_acquire_owned() else {
            return;
        };
        tokio::spawn(timeout(PATIENCE, async move {
            let _until_its_end = (permit, open);
            stream.write_all(ANSWER).await?;
            stream.shutdown().await?;
            // Closed with something unread, the kernel would take the answer back.
            let mut rest = [0; 1024];
            while stream.read(&mut rest).await? > 0 {}
            Ok::<_, std::io::Error>(())
        }));
    }
}
