//! What is laid around the API for clients that ask for it: compressed answers, pages, and answers that browsers let
//! other sites read. And what keeps other sites from changing anything through a browser.

use std::convert::Infallible;

use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse as _, Response},
};
use connexion::ApiService;
use http::{HeaderName, HeaderValue, Method, header};
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
        match &self.cors {
            Some(cors) if concerns_browsers(&request) => {
                let inner = tower::service_fn(|request| self.guard(request));
                let service: Cors<_> = cors.layer(inner);
                let Ok(response) = service.oneshot(request).await;
                response
            }
            _ => {
                let Ok(response) = self.guard(request).await;
                response
            }
        }
    }

    /// What another site's page makes a browser send may change nothing.
    async fn guard(&self, request: Request) -> Result<Response, Infallible> {
        match &self.csrf {
            Some(csrf) if !request.method().is_safe() => {
                let inner = tower::service_fn(|request| self.compress(request));
                csrf.layer(inner).oneshot(request).await
            }
            _ => self.compress(request).await,
        }
    }

    async fn compress(&self, request: Request) -> Result<Response, Infallible> {
        if !request.headers().contains_key(header::ACCEPT_ENCODING) {
            return self.answer(request).await;
        }
        let inner = tower::service_fn(|request| self.answer(request));
        let Ok(response) = self.compression.layer(inner).oneshot(request).await;
        Ok(response.map(Body::new))
    }

    async fn answer(&self, request: Request) -> Result<Response, Infallible> {
        let Some(browser) = Browser::of(&request) else {
            return Ok(self.api.handle(request).await);
        };
        Ok(match browser.elsewhere() {
            Some(response) => response,
            None => browser.see(self.api.handle(request).await).await,
        })
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

/// Whether it comes from another site's page. An `OPTIONS` that does not ask for permission is one of the
/// contract's, which the layer would keep for itself.
fn concerns_browsers(request: &Request) -> bool {
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
