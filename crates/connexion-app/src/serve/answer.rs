//! What a request passes through before and after the API.

use std::{fmt, pin::pin, sync::Arc};

use axum::{
    body::{Body, HttpBody},
    extract::Request,
    response::{IntoResponse, Response},
};
use connexion::Problem;
use http::{StatusCode, Version, header};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};
use tower_http::timeout::TimeoutBody;
use tracing::{Instrument as _, Span, field::Empty};

use super::{
    Answer, Client,
    activity::UnderWay,
    browser::{self, Browser},
    head,
    held::Held,
    security,
    served::Served,
    stall,
};
use crate::{
    config::Limits,
    error::unavailable,
    metrics::{Counted, Metrics, Shed},
    telemetry::{AccessLog, Context, traces},
    upload::Moved,
};

/// A longer body may take longer than an answer to begin, as long as it moves.
const LONG: u64 = 64 * 1024;

/// Answers requests, within limits.
pub(crate) struct Answering {
    api: Served,
    limits: Limits,
    access_log: AccessLog,
    requests: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

/// What is given back when a request has ended.
type UntilItsEnd = (UnderWay, OwnedSemaphorePermit, Counted);

impl Answering {
    /// Lets `api` answer.
    pub(crate) fn new(
        api: Served,
        limits: Limits,
        access_log: AccessLog,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            api,
            limits,
            access_log,
            requests: Arc::new(Semaphore::new(limits.requests)),
            metrics,
        }
    }

    async fn work(&self, mut request: Request) -> Response {
        if head::size(&request) > self.limits.head_size {
            return too_large().into_response();
        }
        let api = self.api.now();
        let is_long = request
            .body()
            .size_hint()
            .upper()
            .is_none_or(|size| size > LONG || size > 0 && is_coded(&request));
        let moved = is_long.then(Moved::default);
        if let Some(moved) = &moved {
            request.extensions_mut().insert(moved.clone());
        }
        // Pinned here: in each branch it would have room of its own, and a request's future is copied.
        let handling = pin!(api.handle(request));
        let answer = match moved {
            Some(moved) => moved.wait(self.limits.answer, handling).await,
            None => timeout(self.limits.answer, handling).await.ok(),
        };
        answer.unwrap_or_else(|| unavailable().into_response())
    }

    /// Ends a stream to which the database adds nothing, or of which the client takes nothing, for too long.
    /// It counts as under way as long as it lasts.
    fn limit_stream(
        &self,
        response: Response,
        version: Version,
        span: &Span,
        held: UntilItsEnd,
    ) -> Response {
        if response.body().size_hint().exact().is_some() {
            return response;
        }
        response.map(|body| {
            let body = Held::body(body, span.clone(), held);
            let body = Body::new(TimeoutBody::new(self.limits.answer, body));
            // Over HTTP/1.1 a client that takes nothing is noticed by its socket.
            if version == Version::HTTP_2 {
                stall::limit(body, self.limits.answer)
            } else {
                body
            }
        })
    }
}

impl Answer for Answering {
    async fn answer(&self, client: &Client, mut request: Request) -> Response {
        let begun = Instant::now();
        let context = Context::of(request.headers());
        context.pass_on(request.headers_mut());
        let version = request.version();
        let under_way = client.activity.begin(version == Version::HTTP_2);
        let line = self.access_log.begin(client.address, &request);
        let browser = Browser::of(&request);
        let is_secure_there = browser::is_secure_before_a_proxy(request.headers());
        let mut response = if let Ok(permit) = Arc::clone(&self.requests).try_acquire_owned() {
            let counted = self.metrics.begin_request();
            let span = tracing::info_span!(
                "request",
                operation_id = Empty,
                request_id = context.request_id(),
                trace_id = context.trace_id(),
            );
            traces::begin(&span, &context, &request);
            // Pinned where it is made: it is large, and what is handed on is copied.
            let mut working = pin!(self.work(request).instrument(span));
            let response = working.as_mut().await;
            let span = working.span();
            traces::answered(span, &response);
            self.limit_stream(response, version, span, (under_way, permit, counted))
        } else {
            // At once: whoever is kept waiting asks again, and makes it worse.
            self.metrics.shed(Shed::Request);
            unavailable().into_response()
        };
        if let Some(browser) = browser {
            response = browser.see(response).await;
        }
        browser::vary_problem(&mut response);
        security::protect(&mut response, client.is_secure, is_secure_there);
        context.answer(response.headers_mut());
        let taken = begun.elapsed();
        self.metrics.answered(&response, taken);
        self.access_log.end(line, &context, &response, taken);
        response
    }

    fn opened(&self) -> Option<Counted> {
        Some(self.metrics.begin_connection())
    }

    fn refused(&self) {
        self.metrics.shed(Shed::Connection);
    }
}

/// Whether the body may be longer than what is sent of it.
fn is_coded(request: &Request) -> bool {
    request.headers().contains_key(header::CONTENT_ENCODING)
}

fn too_large() -> Problem {
    let detail = "The request's line and headers are too long.";
    Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, detail)
}

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answering")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
