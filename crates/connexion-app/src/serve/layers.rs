//! What is laid around the API for clients that ask for it: compressed answers, pages, and answers that browsers let
//! other sites read. And what keeps other sites from changing anything through a browser.

use std::{convert::Infallible, future::ready};

use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse as _, Response},
};
use connexion::ApiService;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use tower::{Layer as _, ServiceExt as _};
use tower_http::{
    CompressionLevel,
    compression::{CompressionLayer, predicate::SizeAbove},
    cors::{AllowOrigin, Cors, CorsLayer},
    csrf::{CsrfLayer, ProtectionError},
};

use super::browser::{self, Browser};
use crate::{config::CorsOrigins, listing::TOTAL_COUNT, telemetry::REQUEST_ID};

/// A shorter answer costs more to compress than to send.
const WORTH_IT: u64 = 1024;

/// For so long a browser need not ask again what it may send.
const PREFLIGHT: std::time::Duration = std::time::Duration::from_mins(10);

type Csrf = CsrfLayer<fn(ProtectionError) -> Response>;

/// The API within its layers.
pub(super) struct Layers {
    api: ApiService,
    compression: CompressionLayer<SizeAbove>,
    cors: Option<CorsLayer>,
    /// `None` if every site may change what it likes.
    csrf: Option<Csrf>,
}

impl Layers {
    pub(super) fn new(api: ApiService, origins: Option<&CorsOrigins>) -> Self {
        Self {
            api,
            compression: CompressionLayer::new()
                .quality(CompressionLevel::Fastest)
                .compress_when(SizeAbove::new(WORTH_IT)),
            cors: origins.map(cors),
            csrf: csrf(origins),
        }
    }

    pub(super) async fn handle(&self, request: Request) -> Response {
        if is_from_a_page(request.headers()) {
            // In a box: requests of programs, which are most, need not carry the room that this takes.
            let Ok(response) = Box::pin(self.share(request)).await;
            return response;
        }
        let Ok(response) = self.answer(request).await;
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

    /// What another site's page makes a browser send may change nothing.
    async fn guard(&self, request: Request) -> Result<Response, Infallible> {
        match &self.csrf {
            Some(csrf) if !request.method().is_safe() => {
                let inner = tower::service_fn(|request| self.answer(request));
                csrf.layer(inner).oneshot(request).await
            }
            _ => self.answer(request).await,
        }
    }

    async fn answer(&self, request: Request) -> Result<Response, Infallible> {
        let browser = Browser::of(&request);
        if let Some(response) = browser.as_ref().and_then(Browser::elsewhere) {
            return Ok(response);
        }
        let encodings = request.headers().get_all(header::ACCEPT_ENCODING);
        let encodings: Vec<_> = encodings.iter().cloned().collect();
        let mut response = self.api.handle(request).await;
        if let Some(browser) = browser {
            response = browser.see(response).await;
        }
        if encodings.is_empty() {
            return Ok(response);
        }
        self.compress(response, encodings).await
    }

    /// Compresses an answer for a client that accepts these encodings. The layer is told nothing else of the request: what lies
    /// within it is in its future, which is copied.
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
        let mut response = Some(response);
        let inner = tower::service_fn(|_: http::Request<()>| {
            ready(Ok::<_, Infallible>(response.take().unwrap_or_default()))
        });
        let Ok(response) = self.compression.layer(inner).oneshot(request).await;
        Ok(response.map(Body::new))
    }
}

/// Only sites whose pages may read answers may make a browser change something.
fn csrf(origins: Option<&CorsOrigins>) -> Option<Csrf> {
    let these = match origins {
        Some(CorsOrigins::Any) => return None,
        Some(CorsOrigins::These(these)) => these.as_slice(),
        None => &[],
    };
    let trust = |layer: CsrfLayer, origin: &String| match layer.clone().add_trusted_origin(origin) {
        Ok(trusting) => trusting,
        // Never: the settings let nothing through that is no origin.
        Err(_) => layer,
    };
    let layer = these.iter().fold(CsrfLayer::new(), trust);
    Some(layer.with_rejection_response(|_| browser::from_elsewhere().into_response()))
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
