//! What is laid around the API for clients that ask for it: compressed answers, pages, and answers that browsers let
//! other sites read. And what keeps other sites from changing anything through a browser.

use std::{convert::Infallible, future::ready};

use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse as _, Response},
};
use connexion::{ApiService, BodyMemory};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use tower::{Layer as _, ServiceExt as _};
use tower_http::{
    CompressionLevel,
    compression::{
        CompressionLayer,
        predicate::{Predicate as _, SizeAbove},
    },
    cors::{AllowOrigin, Cors, CorsLayer},
    csrf::{CsrfLayer, ProtectionError},
};

use super::{
    browser::{self, Browser},
    unpack::unpack,
};
use crate::{config::CorsOrigins, listing::TOTAL_COUNT, pages::Site, telemetry::REQUEST_ID};

/// A shorter answer costs more to compress than to send.
const WORTH_IT: SizeAbove = SizeAbove::new(1024);

/// For so long a browser need not ask again what it may send.
const PREFLIGHT: std::time::Duration = std::time::Duration::from_mins(10);

type Csrf = CsrfLayer<fn(ProtectionError) -> Response>;

/// The API within its layers.
pub(super) struct Layers {
    api: ApiService,
    body_memory: BodyMemory,
    compression: CompressionLayer<SizeAbove>,
    cors: Option<CorsLayer>,
    csrf: Csrf,
    /// Whether every site's pages may send what no cookie authenticates.
    is_open: bool,
    site: Site,
}

impl Layers {
    pub(super) fn new(
        api: ApiService,
        origins: Option<&CorsOrigins>,
        site: Site,
        body_memory: BodyMemory,
    ) -> Self {
        Self {
            api,
            body_memory,
            compression: CompressionLayer::new()
                .quality(CompressionLevel::Fastest)
                .compress_when(WORTH_IT),
            cors: origins.map(cors),
            csrf: csrf(origins),
            is_open: matches!(origins, Some(CorsOrigins::Any)),
            site,
        }
    }

    pub(super) async fn handle(&self, mut request: Request) -> Response {
        if request.headers().contains_key(header::COOKIE) {
            browser::rename_session(request.headers_mut());
        }
        let Ok(mut response) = if is_from_a_page(request.headers()) {
            // In a box: requests of programs, which are most, need not carry the room that this takes.
            Box::pin(self.share(request)).await
        } else {
            self.answer(request).await
        };
        // Also without `Origin`: a cache must not give that response to a page (Fetch, "CORS protocol and HTTP caches").
        if self.cors.is_some() {
            vary(response.headers_mut(), "origin");
        }
        response
    }

    /// Tells the browser whether another site's page may read the answer.
    async fn share(&self, request: Request) -> Result<Response, Infallible> {
        match &self.cors {
            Some(cors) if concerns_other_sites(&request) => {
                let inner = tower::service_fn(|request| self.guard(request));
                let service: Cors<_> = cors.layer(inner);
                service.oneshot(request).await
            }
            _ => self.guard(request).await,
        }
    }

    /// What another site's page makes a browser send may change nothing. A service that is open to all sites still refuses
    /// what carries a cookie: the browser adds it, whatever page asks.
    async fn guard(&self, request: Request) -> Result<Response, Infallible> {
        let is_allowed = self.is_open && !request.headers().contains_key(header::COOKIE);
        if request.method().is_safe() || is_allowed {
            return self.answer(request).await;
        }
        let inner = tower::service_fn(|request| self.answer(request));
        self.csrf.layer(inner).oneshot(request).await
    }

    async fn answer(&self, mut request: Request) -> Result<Response, Infallible> {
        let mut browser = Browser::of(&request);
        if let Some(one) = browser.take() {
            if let Some(response) = one.elsewhere() {
                return Ok(response);
            }
            // In a box, as above.
            browser = Some(Box::pin(one.recognize(&self.site, &mut request)).await);
        }
        // The response to a change is short, or is the progress of an import, which must not wait until a block is full.
        let is_safe = request.method().is_safe();
        let encodings = request.headers().get_all(header::ACCEPT_ENCODING).iter();
        let encodings: Vec<_> = encodings.filter(|_| is_safe).cloned().collect();
        let request = unpack(request, &self.body_memory);
        let mut response = self.api.handle(request).await;
        if let Some(browser) = browser {
            response = browser.see(response);
        }
        if response.status() == StatusCode::NOT_MODIFIED || WORTH_IT.should_compress(&response) {
            // Also without `Accept-Encoding`, and on a 304 as on the response that it stands for (RFC 9110, section 15.4.5).
            vary(response.headers_mut(), "accept-encoding");
        }
        if encodings.is_empty() {
            return Ok(response);
        }
        self.compress(response, encodings).await
    }

    /// Compresses a response for a client that accepts these encodings. The layer is told nothing else of the request: what lies
    /// within it is in its future, which is copied.
    ///
    /// A client that accepts none of what there is gets the response as it is: what was done must not be answered with 406.
    async fn compress(
        &self,
        response: Response,
        encodings: Vec<HeaderValue>,
    ) -> Result<Response, Infallible> {
        let mut request = http::Request::new(());
        for encoding in encodings {
            request
                .headers_mut()
                .append(header::ACCEPT_ENCODING, encoding);
        }
        let status = response.status();
        let mut response = Some(response);
        let inner = tower::service_fn(|_: http::Request<()>| {
            ready(Ok::<_, Infallible>(response.take().unwrap_or_default()))
        });
        let Ok(mut response) = self.compression.layer(inner).oneshot(request).await;
        *response.status_mut() = status;
        if response.headers().contains_key(header::CONTENT_ENCODING) {
            weaken(response.headers_mut());
        }
        Ok(response.map(Body::new))
    }
}

/// Makes the entity tag a weak one: with other bytes the response needs another strong one (RFC 9110, section 8.8.3.3).
fn weaken(headers: &mut HeaderMap) {
    let Some(etag) = headers.get(header::ETAG) else {
        return;
    };
    if etag.as_bytes().starts_with(b"\"")
        && let Ok(weak) = HeaderValue::try_from([b"W/", etag.as_bytes()].concat())
    {
        headers.insert(header::ETAG, weak);
    }
}

/// Adds the name of a request's header that decides what the response is (RFC 9110, section 12.5.5).
pub(super) fn vary(headers: &mut HeaderMap, name: &'static str) {
    let is_there = headers.get_all(header::VARY).iter().any(|field| {
        let names = field.as_bytes().split(|byte| *byte == b',');
        names
            .map(<[u8]>::trim_ascii)
            .any(|known| known == b"*" || known.eq_ignore_ascii_case(name.as_bytes()))
    });
    if !is_there {
        headers.append(header::VARY, HeaderValue::from_static(name));
    }
}

/// Only sites whose pages may read responses may make a browser change something.
fn csrf(origins: Option<&CorsOrigins>) -> Csrf {
    let these = match origins {
        Some(CorsOrigins::These(these)) => these.as_slice(),
        Some(CorsOrigins::Any) | None => &[],
    };
    let trust = |layer: CsrfLayer, origin: &String| match layer.clone().add_trusted_origin(origin) {
        Ok(trusting) => trusting,
        // Never: the settings let nothing through that is no origin.
        Err(_) => layer,
    };
    let layer = these.iter().fold(CsrfLayer::new(), trust);
    layer.with_rejection_response(|_| browser::from_elsewhere().into_response())
}

/// The site whose page made a browser send a request: this one or another.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a page made a browser send this. The layers let everything else through as it is.
fn is_from_a_page(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN) || headers.contains_key(SEC_FETCH_SITE)
}

/// Whether it comes from another site's page. An `OPTIONS` that does not ask for permission is one of the
/// contract's, which the layer would keep for itself.
fn concerns_other_sites(request: &Request) -> bool {
    let headers = request.headers();
    headers.contains_key(header::ORIGIN)
        && (request.method() != Method::OPTIONS
            || headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD))
}

fn cors(origins: &CorsOrigins) -> CorsLayer {
    let origin = match origins {
        CorsOrigins::Any => AllowOrigin::any(),
        CorsOrigins::These(these) => {
            let values = these
                .iter()
                .filter_map(|one| HeaderValue::from_str(one).ok());
            AllowOrigin::list(values)
        }
    };
    let send = [
        header::ACCEPT,
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::IF_MATCH,
        header::IF_NONE_MATCH,
        HeaderName::from_static("idempotency-key"),
        HeaderName::from_static("x-api-key"),
        REQUEST_ID,
    ];
    CorsLayer::new()
        .allow_origin(origin)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers(send)
        .expose_headers([
            header::ETAG,
            header::LINK,
            header::LOCATION,
            header::RETRY_AFTER,
            REQUEST_ID,
            TOTAL_COUNT,
        ])
        .max_age(PREFLIGHT)
}
