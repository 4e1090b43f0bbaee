//! What is laid around the API for clients that ask for it: compressed answers, and answers that browsers
//! let other sites read.

use axum::{body::Body, extract::Request, response::Response};
use connexion::ApiService;
use http::{HeaderName, HeaderValue, Method, header};
use tower::{Layer as _, ServiceExt as _};
use tower_http::{
    CompressionLevel,
    compression::{Compression, CompressionLayer, predicate::SizeAbove},
    cors::{AllowOrigin, Cors, CorsLayer},
};

use crate::{config::CorsOrigins, listing::TOTAL_COUNT, telemetry::REQUEST_ID};

/// A shorter answer costs more to compress than to send.
const WORTH_IT: u64 = 1024;

/// For so long a browser need not ask again what it may send.
const PREFLIGHT: std::time::Duration = std::time::Duration::from_mins(10);

/// The API within its layers.
pub(super) struct Layers {
    plain: ApiService,
    compressed: Compression<ApiService, SizeAbove>,
    cors: Option<CorsLayer>,
}

impl Layers {
    pub(super) fn new(api: ApiService, origins: Option<&CorsOrigins>) -> Self {
        let compression = CompressionLayer::new()
            .quality(CompressionLevel::Fastest)
            .compress_when(SizeAbove::new(WORTH_IT));
        Self {
            plain: api.clone(),
            compressed: compression.layer(api),
            cors: origins.map(cors),
        }
    }

    pub(super) async fn handle(&self, request: Request) -> Response {
        match &self.cors {
            Some(cors) if concerns_browsers(&request) => {
                let inner = tower::service_fn(|request| async {
                    Ok::<_, std::convert::Infallible>(self.compress(request).await)
                });
                let service: Cors<_> = cors.layer(inner);
                let Ok(response) = service.oneshot(request).await;
                response
            }
            _ => self.compress(request).await,
        }
    }

    async fn compress(&self, request: Request) -> Response {
        if !request.headers().contains_key(header::ACCEPT_ENCODING) {
            return self.plain.handle(request).await;
        }
        let Ok(response) = self.compressed.clone().oneshot(request).await;
        response.map(Body::new)
    }
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
