//! What browsers get instead of what programs get: a page where others read a problem document, and the list at `/`, where
//! others find nothing.
//!
//! It lies outside the API, so that whatever refuses a request, here or there, refuses it readably.

use axum::{extract::Request, response::Response};
use connexion::{Accept, Problem};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tower_http::csrf::ProtectionError;

use super::layers::vary;
use crate::pages::{self, KEY, Site, Visitor};

/// What a client is asked to choose from. JSON is there so that whoever likes it best keeps its problem documents.
const KINDS: [&str; 3] = ["application/problem+json", "application/json", PAGE];

const PAGE: &str = "text/html";

/// A client that would rather see a page, and what it asked for.
#[derive(Clone, Debug)]
pub(super) struct Browser {
    visitor: Visitor,
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
            visitor: Visitor::of(request),
            is_at_root: request.method() == Method::GET && request.uri().path() == "/",
            is_at_list: request.method() == Method::GET && request.uri().path() == "/people",
        })
    }

    /// Finds out what the browser's key allows, for the page of the API, too.
    pub(super) async fn recognize(mut self, site: &Site, request: &mut Request) -> Self {
        let access = site.access(request.headers()).await;
        request.extensions_mut().insert(access.clone());
        self.visitor = self.visitor.with(access);
        self
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
    pub(super) fn see(&self, response: Response) -> Response {
        let content_type = response.headers().get(header::CONTENT_TYPE);
        let is_problem = content_type.is_some_and(|value| value == "application/problem+json");
        if !is_problem || response.headers().contains_key(header::CONTENT_ENCODING) {
            return response;
        }
        let (head, body) = response.into_parts();
        let Some(problem) = head.extensions.get::<Problem>() else {
            return Response::from_parts(head, body);
        };
        // Whoever comes from another site's page needs no other key.
        let is_foreign = head.extensions.get::<ProtectionError>().is_some();
        let asks = head.status == StatusCode::UNAUTHORIZED
            || head.status == StatusCode::FORBIDDEN && !is_foreign;
        let address = self.visitor.address();
        let mut page = if self.is_at_list && head.status == StatusCode::BAD_REQUEST {
            let query = address.split_once('?').map_or("", |(_, query)| query);
            pages::refused_list(query, problem, &self.visitor)
        } else {
            let retry = head.headers.get(header::RETRY_AFTER);
            let retry = retry.and_then(|seconds| seconds.to_str().ok());
            let then = asks.then_some(address);
            pages::refusal(head.status, problem, &self.visitor, then, retry)
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
pub(super) fn from_elsewhere() -> Problem {
    let detail = "This request comes from another site's page, which may not change anything here.";
    Problem::new(StatusCode::FORBIDDEN, detail)
}

/// What the name of the session's cookie begins with over TLS: browsers accept such a cookie only from this host itself, over
/// TLS and for all paths (RFC 6265bis, section 4.1.3.2), so that no other host of the domain and nobody on the way can set it.
const OWN_HOST: &str = "__Host-";

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
        let is_session = cookie.as_bytes().starts_with(format!("{KEY}=").as_bytes());
        let name = if is_session { OWN_HOST } else { "" };
        let secure = [name.as_bytes(), cookie.as_bytes(), b"; Secure"].concat();
        headers.append(
            header::SET_COOKIE,
            HeaderValue::try_from(secure).unwrap_or(cookie),
        );
        if is_session {
            // One that was set without TLS must not outlive this one.
            let other = format!("{KEY}=; Max-Age=0; Path=/; Secure");
            headers.extend(HeaderValue::try_from(other).map(|other| (header::SET_COOKIE, other)));
        }
    }
}

/// Gives the session's cookie the name that the contract knows, if it has that of TLS. It goes before one without.
pub(super) fn rename_session(headers: &mut HeaderMap) {
    let own = format!("{OWN_HOST}{KEY}=");
    let fields = headers.get_all(header::COOKIE).iter();
    let texts = fields.filter_map(|field| field.to_str().ok());
    let cookies: Vec<_> = texts.flat_map(|field| field.split("; ")).collect();
    if !cookies.iter().any(|cookie| cookie.starts_with(&own)) {
        return;
    }
    let plain = format!("{KEY}=");
    let others = cookies.iter().filter(|cookie| !cookie.starts_with(&plain));
    let renamed = others.map(|cookie| {
        cookie
            .strip_prefix(OWN_HOST)
            .filter(|_| cookie.starts_with(&own))
            .unwrap_or(cookie)
    });
    let renamed = renamed.collect::<Vec<_>>().join("; ");
    // What was in headers can stand in one.
    if let Ok(renamed) = HeaderValue::try_from(renamed) {
        headers.insert(header::COOKIE, renamed);
    }
}
