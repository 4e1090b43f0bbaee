//! Sends traces to a collector, over HTTP.

use std::{
    io::Read as _,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};

/// How long a collector may take; it is tried again.
const PATIENCE: Duration = Duration::from_secs(5);

/// An answer says no more than what was wrong.
const LONGEST: u64 = 64 * 1024;

/// Blocks while it sends: the thread of the spans does nothing else.
#[derive(Debug)]
pub(super) struct Collector {
    agent: ureq::Agent,
    /// Whether the last attempt failed, of which the log has a line already.
    fails: AtomicBool,
}

impl Default for Collector {
    fn default() -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .build();
        Self {
            agent: config.into(),
            fails: AtomicBool::new(false),
        }
    }
}

impl Collector {
    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ureq::Error> {
        let (parts, body) = request.into_parts();
        let answer = self.agent.run(Request::from_parts(parts, body.as_ref()))?;
        let (parts, body) = answer.into_parts();
        let mut text = Vec::new();
        body.into_reader().take(LONGEST).read_to_end(&mut text)?;
        Ok(Response::from_parts(parts, text.into()))
    }

    fn tell(&self, wrong: Option<String>) {
        let failed = self.fails.swap(wrong.is_some(), Relaxed);
        match wrong {
            Some(wrong) if !failed => tracing::warn!("traces can't be sent: {wrong}"),
            None if failed => tracing::info!("traces can be sent again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = self.send(request);
        self.tell(match &sent {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("the collector answers {}", answer.status())),
            Err(error) => Some(error.to_string()),
        });
        Ok(sent?)
    }
}
