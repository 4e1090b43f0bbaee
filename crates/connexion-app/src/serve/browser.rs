//! What browsers get instead of what programs get: a page where others read a problem document, and the list at `/`, where
//! others find nothing.
//!
//! It lies outside the API, so that whatever refuses a request, here or there, refuses it readably.

use axum::{body::to_bytes, extract::Request, response::Response};
use connexion::Accept;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tower_http::csrf::ProtectionError;

use super::layers::vary;
use crate::pages::{self, Told, Visitor};

/// A problem document that is longer is not read; the page says less then.
const LONGEST: usize = 1024 * 1024;

/// What a client is asked to choose from. JSON is there so that whoever likes it best keeps its problem documents.
const KINDS: [&str; 3] = ["application/problem+json", "application/json", PAGE];

const PAGE: &str = "text/html";

/// A client that would rather see a page, and what it asked for.
#[derive(Clone, Debug)]
pub(super) struct Browser {
    visitor: Visitor,
    address: String,
    is_at_root: bool,
    is_at_list: bool,
}

impl Browser {
    /// `None` if it is another client.
    pub(super) fn of(request: &Request) -> Option<Self> {
        let headers = request.headers();
        // Of other clients nothing more is looked at.
        if request.method() == Method::HEAD || !names_pages(headers) {
            return None;
        }
        let liked = Accept::among(&KINDS, headers)?;
        (liked.as_str() == PAGE).then(|| Self {
            visitor: Visitor::of(headers),
            address: request
                .uri()
                .path_and_query()
                .map_or("/", |target| target.as_str())
                .to_owned(),
            is_at_root: request.method() == Method::GET && request.uri().path() == "/",
            is_at_list: request.method() == Method::GET && request.uri().path() == "/people",
        })
    }

    /// Where it is sent without being asked any further.
    pub(super) fn elsewhere(&self) -> Option<Response> {
        self.is_at_root.then(|| {
            let mut response = pages::see_other("/people");
            vary(response.headers_mut(), "accept");
            response
        })
    }

    /// The answer, or the page that says the same.
    pub(super) async fn see(&self, response: Response) -> Response {
        let content_type = response.headers().get(header::CONTENT_TYPE);
        let is_problem = content_type.is_some_and(|value| value == "application/problem+json");
        if !is_problem || response.headers().contains_key(header::CONTENT_ENCODING) {
            return response;
        }
        let (head, body) = response.into_parts();
        let body = to_bytes(body, LONGEST).await.unwrap_or_default();
        let told: Told = serde_json::from_slice(&body).unwrap_or_default();
        // Whoever comes from another site's page needs no other key.
        let is_foreign = head.extensions.get::<ProtectionError>().is_some();
        let asks = head.status == StatusCode::UNAUTHORIZED
            || head.status == StatusCode::FORBIDDEN && !is_foreign;
        let then = asks.then_some(self.address.as_str());
        let mut page = if self.is_at_list && head.status == StatusCode::BAD_REQUEST {
            let query = self.address.split_once('?').map_or("", |(_, query)| query);
            pages::refused_list(query, told, &self.visitor)
        } else {
            pages::refusal(head.status, told, &self.visitor, then)
        };
        for (name, value) in &head.headers {
            if !matches!(*name, header::CONTENT_TYPE | header::CONTENT_LENGTH) {
                page.headers_mut().append(name, value.clone());
            }
        }
        *page.extensions_mut() = head.extensions;
        page
    }
}

/// Marks a problem as one that a browser gets as a page: a cache that knows only its address would mix them up.
pub(super) fn vary_problem(response: &mut Response) {
    if response.status().is_client_error() || response.status().is_server_error() {
        vary(response.headers_mut(), "accept");
    }
}

fn names_pages(headers: &HeaderMap) -> bool {
    let mut fields = headers.get_all(header::ACCEPT).iter();
    fields.any(|field| field.to_str().is_ok_and(|text| text.contains(PAGE)))
}

/// The answer to a browser that another site makes change something.
pub(super) fn from_elsewhere() -> connexion::Problem {
    let detail = "This request comes from another site's page, which may not change anything here.";
    connexion::Problem::new(StatusCode::FORBIDDEN, detail)
}

/// Lets cookies travel over TLS only.
pub(super) fn secure_cookies(headers: &mut HeaderMap) {
    let Some(_) = headers.get(header::SET_COOKIE) else {
        return;
    };
    let cookies: Vec<_> = headers
        .get_all(header::SET_COOKIE)
        .iter()
        .cloned()
        .collect();
    headers.remove(header::SET_COOKIE);
    for cookie in cookies {
        let secure = HeaderValue::try_from([cookie.as_bytes(), b"; Secure"].concat());
        headers.append(header::SET_COOKIE, secure.unwrap_or(cookie));
    }
}
