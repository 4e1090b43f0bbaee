//! What a request passes through before and after the API.

use std::{borrow::Cow, fmt, pin::pin, sync::Arc};

use axum::{
    body::{Body, HttpBody},
    extract::Request,
    response::{IntoResponse, Response},
};
use connexion::Problem;
use http::{HeaderValue, StatusCode, Version, header};
use ipnet::IpNet;
use tokio::{sync::Semaphore, time::timeout};
use tower_http::timeout::TimeoutBody;
use tracing::{Instrument as _, Span, field::Empty};

use super::{
    Admission, Answer, Client, Outgoing,
    browser::{self, Browser},
    forwarded::Forwarded,
    head,
    host::{self, Hosts},
    outgoing::InFlight,
    security,
    served::Served,
};
use crate::{
    config::Limits,
    error::{unavailable, unknown},
    metrics::{Counted, Metrics, Shed},
    telemetry::{AccessLine, AccessLog, Context, traces},
    upload::Moved,
};

/// A longer body may take longer than an answer to begin, as long as it moves.
const LONG: u64 = 64 * 1024;

/// Answers requests, within limits.
pub(crate) struct Answering {
    api: Served,
    limits: Limits,
    hosts: Hosts,
    proxies: Vec<IpNet>,
    access_log: Arc<AccessLog>,
    requests: Arc<Semaphore>,
    /// Refusals that are not sent yet. Beyond as many as requests they have no body, which HTTP/2 clients could let wait.
    refusals: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

/// A request before it is answered, and what is known of it.
struct Begun<'c> {
    client: &'c Client,
    name: Cow<'c, str>,
    context: Context,
    forwarded: Forwarded,
    line: Option<AccessLine<'c>>,
    browser: Option<Browser>,
    in_flight: InFlight,
}

impl Answering {
    /// Lets `api` answer requests for `hosts`, which may come through `proxies`.
    pub(crate) fn new(
        api: Served,
        limits: Limits,
        (hosts, proxies): (Hosts, Vec<IpNet>),
        access_log: AccessLog,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            api,
            limits,
            hosts,
            proxies,
            access_log: Arc::new(access_log),
            requests: Arc::new(Semaphore::new(limits.requests)),
            refusals: Arc::new(Semaphore::new(limits.requests)),
            metrics,
        }
    }

    async fn work(&self, mut request: Request, forwarded: &Forwarded) -> Response {
        let is_unread = has_body(&request);
        if head::size(&request) > self.limits.head_size {
            return closing(too_large().into_response(), is_unread);
        }
        let forwarded = forwarded.host.as_deref();
        if let Err(problem) = self.hosts.check(&request, forwarded) {
            return closing(problem.into_response(), is_unread);
        }
        if let Some(host) = forwarded {
            host::replace(&mut request, host);
        }
        let api = self.api.now();
        let is_safe = request.method().is_safe();
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
        // What the handler has begun may still be done.
        let late = || if is_safe { unavailable() } else { unknown() };
        answer.unwrap_or_else(|| closing(late().into_response(), is_unread))
    }

    /// Ends a stream to which the database adds nothing for too long; returns the span in which the rest of it is made.
    fn limit_stream(&self, response: Response, span: &Span) -> (Response, Option<Span>) {
        if response.body().size_hint().exact().is_some() {
            return (response, None);
        }
        let limit = self.limits.answer;
        let response = response.map(|body| Body::new(TimeoutBody::new(limit, body)));
        (response, Some(span.clone()))
    }

    fn begin<'c>(
        &self,
        client: &'c Client,
        request: &mut Request,
        admission: Admission,
    ) -> Begun<'c> {
        let in_flight = client.begin(request.version(), admission);
        let context = Context::of(request.headers());
        context.pass_on(request.headers_mut());
        let forwarded = Forwarded::of(client.address, request.headers(), &self.proxies);
        let name = match forwarded.client {
            Some(address) => Cow::Owned(address.to_string()),
            None => Cow::Borrowed(client.name.as_str()),
        };
        Begun {
            client,
            line: self.access_log.begin(name.clone(), request),
            name,
            context,
            forwarded,
            browser: Browser::of(request),
            in_flight,
        }
    }

    fn end(
        &self,
        begun: Begun<'_>,
        mut response: Response,
        stream: Option<Span>,
    ) -> Response<Outgoing> {
        let Begun {
            context,
            line,
            mut in_flight,
            ..
        } = begun;
        browser::vary_problem(&mut response);
        security::protect(
            &mut response,
            begun.client.is_secure,
            begun.forwarded.is_secure,
        );
        context.answer(response.headers_mut());
        let taken = in_flight.began.elapsed();
        self.metrics.answered(&response, taken);
        let line = line.map(|line| self.access_log.answered(&line, &context, &response, taken));
        in_flight.line = line;
        Outgoing::of(response, in_flight, stream)
    }
}

/// Whether a body follows the request on a connection that could be used for another one.
fn has_body(request: &Request) -> bool {
    request.version() != Version::HTTP_2 && !request.body().is_end_stream()
}

/// Announces that the connection is closed if the body of the request stays unread: `hyper` closes it then, and a client
/// that is not told loses its next request (RFC 9112, section 9.6). Unread bodies behind these limits are the library's.
fn closing(mut response: Response, is_unread: bool) -> Response {
    if is_unread {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

impl Answer for Answering {
    fn admit(&self) -> Admission {
        let permit = Arc::clone(&self.requests).try_acquire_owned().ok();
        let is_admitted = permit.is_some();
        Admission {
            is_admitted,
            permit: permit.or_else(|| Arc::clone(&self.refusals).try_acquire_owned().ok()),
            counted: is_admitted.then(|| self.metrics.begin_request()),
        }
    }

    async fn answer(
        &self,
        client: &Client,
        mut request: Request,
        admission: Admission,
    ) -> Response<Outgoing> {
        let begun = self.begin(client, &mut request, admission);
        let span = tracing::info_span!(
            "request",
            operation_id = Empty,
            request_id = begun.context.request_id(),
            trace_id = begun.context.trace_id(),
            client = &*begun.name,
        );
        traces::begin(&span, &begun.context, &request);
        let (mut response, stream) = {
            // Pinned where it is made: it is large, and what is handed on is copied.
            let mut working = pin!(self.work(request, &begun.forwarded).instrument(span));
            let response = working.as_mut().await;
            let span = working.span();
            traces::answered(span, &response);
            self.limit_stream(response, span)
        };
        if let Some(browser) = &begun.browser {
            response = browser.see(response);
        }
        self.end(begun, response, stream)
    }

    /// At once: a client that is kept waiting asks again, and makes it worse.
    async fn refuse(
        &self,
        client: &Client,
        mut request: Request,
        admission: Admission,
    ) -> Response<Outgoing> {
        self.metrics.shed(Shed::Request);
        let has_room = admission.permit.is_some();
        let is_unread = has_body(&request);
        let begun = self.begin(client, &mut request, admission);
        drop(request);
        let mut response = closing(unavailable().into_response(), is_unread);
        if !has_room {
            *response.body_mut() = Body::empty();
            response.headers_mut().remove(header::CONTENT_TYPE);
        }
        if let Some(browser) = &begun.browser {
            response = browser.see(response);
        }
        self.end(begun, response, None)
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
