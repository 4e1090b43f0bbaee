//! The document and the docs page, served beside the operations.
//!
//! Swagger UI comes from a crate that carries its release archive, so nothing is loaded from elsewhere; a
//! file is unpacked when it is first asked for. The page has no inline script, so a strict
//! Content-Security-Policy can stand in front of it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use crate::{
    document::{Document, server},
    http::entity_tag::EntityTags,
};

/// What a proxy took from the front of the path before it passed a request on.
const FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// What is served of the document.
#[derive(Debug, Default)]
pub(crate) struct Docs {
    /// Whether the document itself is served.
    pub(crate) document: bool,
    /// Whether the page is served, which reads the document.
    pub(crate) ui: bool,
    /// Whether a client's proxy is believed about where it serves this.
    pub(crate) trust_forwarded_prefix: bool,
    base_path: String,
    json: Text,
    yaml: Text,
    /// The document as JSON, to be served with another base path than its own.
    value: Value,
    #[cfg(feature = "swagger-ui")]
    title: String,
}

/// A text, and the tag that a client keeps it under.
#[derive(Debug)]
struct Text {
    content: Bytes,
    etag: HeaderValue,
}

impl Default for Text {
    fn default() -> Self {
        Self::new(Bytes::new())
    }
}

impl Text {
    fn new(content: impl Into<Bytes>) -> Self {
        let content = content.into();
        let mut hasher = DefaultHasher::new();
        content.hash(&mut hasher);
        let etag = format!("\"{:016x}\"", hasher.finish());
        Self {
            content,
            etag: HeaderValue::from_str(&etag).unwrap_or(HeaderValue::from_static("\"\"")),
        }
    }

    fn answer(&self, content_type: &'static str, request: &HeaderMap) -> Response {
        let mut response = if self.is_known(request) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            file(content_type, self.content.clone())
        };
        let headers = response.headers_mut();
        headers.insert(header::ETAG, self.etag.clone());
        response
    }

    /// Whether the client has this text already (RFC 9110, section 13.1.2).
    fn is_known(&self, request: &HeaderMap) -> bool {
        let own = self.etag.to_str().unwrap_or_default();
        let mut fields = request.get_all(header::IF_NONE_MATCH).iter();
        fields.any(|field| {
            let tags = field.to_str().ok().and_then(EntityTags::parse);
            tags.is_some_and(|tags| tags.match_weakly(own))
        })
    }
}

impl Docs {
    /// Takes the texts to serve from the document, which is served under `base_path`.
    pub(crate) fn load(&mut self, document: &Document, base_path: &str) {
        base_path.clone_into(&mut self.base_path);
        if self.document || self.ui {
            self.value = document.to_value();
            if base_path == document.base_path() {
                self.json = Text::new(document.to_json());
                self.yaml = Text::new(document.text().to_owned());
            } else {
                // JSON is YAML, too.
                self.json = self.moved("");
                self.yaml = self.moved("");
            }
        }
        #[cfg(feature = "swagger-ui")]
        {
            document.title().clone_into(&mut self.title);
        }
    }

    /// The response to a GET of one of these addresses; `None` if it is none of them.
    ///
    /// `path` is the address below the base path.
    pub(crate) fn get(&self, path: &str, headers: &HeaderMap) -> Option<Response> {
        match path {
            "/openapi.json" if self.document || self.ui => {
                Some(self.text(&self.json, "application/json", headers))
            }
            "/openapi.yaml" if self.document || self.ui => {
                Some(self.text(&self.yaml, "application/yaml", headers))
            }
            _ if self.ui => self.page(path),
            _ => None,
        }
    }

    /// The document, at the address under which the client sees it.
    fn text(&self, own: &Text, content_type: &'static str, headers: &HeaderMap) -> Response {
        if !self.trust_forwarded_prefix {
            return own.answer(content_type, headers);
        }
        let mut response = match forwarded_prefix(headers) {
            Some(prefix) => self.moved(&prefix).answer(content_type, headers),
            None => own.answer(content_type, headers),
        };
        let vary = HeaderValue::from_static("x-forwarded-prefix");
        response.headers_mut().insert(header::VARY, vary);
        response
    }

    /// The document with the one server that has `prefix` before the base path, in its own version's words.
    fn moved(&self, prefix: &str) -> Text {
        let mut value = self.value.clone();
        let path = format!("{prefix}{}", self.base_path);
        let path = if path.is_empty() { "/" } else { &path };
        if let Some(members) = value.as_object_mut() {
            if members.contains_key("swagger") {
                members.insert("basePath".to_owned(), path.into());
            } else {
                members.insert("servers".to_owned(), json!([{ "url": path }]));
            }
        }
        Text::new(value.to_string())
    }

    #[cfg(not(feature = "swagger-ui"))]
    #[expect(clippy::unused_self, reason = "with the page it is used")]
    fn page(&self, _: &str) -> Option<Response> {
        None
    }

    #[cfg(feature = "swagger-ui")]
    fn page(&self, path: &str) -> Option<Response> {
        match path.strip_prefix("/ui")? {
            // The page's own links are relative to the folder.
            "" => {
                Some((StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, "ui/")]).into_response())
            }
            "/" => Some(file(
                "text/html; charset=utf-8",
                PAGE.replace("{title}", &escape(&self.title)).into(),
            )),
            "/start.js" => Some(file(
                "text/javascript",
                Bytes::from_static(START.as_bytes()),
            )),
            "/swagger-ui.css" => Some(file("text/css", assets::unpack("swagger-ui.css")?)),
            "/swagger-ui-bundle.js" => Some(file(
                "text/javascript",
                assets::unpack("swagger-ui-bundle.js")?,
            )),
            "/favicon-32x32.png" => Some(file("image/png", assets::unpack("favicon-32x32.png")?)),
            _ => None,
        }
    }
}

/// The prefix that a proxy names. It lands in the document, so what can't be a path of this host is ignored:
/// `//a.example` would send the page's requests elsewhere.
fn forwarded_prefix(headers: &HeaderMap) -> Option<String> {
    let mut fields = headers.get_all(FORWARDED_PREFIX).iter();
    let text = fields.next()?.to_str().ok()?;
    let is_path = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:@".contains(&byte);
    if fields.next().is_some() || !text.starts_with('/') || !text.bytes().all(is_path) {
        return None;
    }
    server::checked(text).ok()
}

fn file(content_type: &'static str, content: Bytes) -> Response {
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(content_type))];
    (headers, content).into_response()
}

#[cfg(feature = "swagger-ui")]
const PAGE: &str = r#"<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{title}</title>
  <link rel="icon" href="favicon-32x32.png">
  <link rel="stylesheet" href="swagger-ui.css">
</head>
<body>
  <div id="swagger-ui"></div>
  <script src="swagger-ui-bundle.js"></script>
  <script src="start.js"></script>
</body>
</html>
"#;

#[cfg(feature = "swagger-ui")]
const START: &str =
    "SwaggerUIBundle({ url: '../openapi.json', dom_id: '#swagger-ui', deepLinking: true });\n";

#[cfg(feature = "swagger-ui")]
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(feature = "swagger-ui")]
mod assets {
    use std::{
        collections::HashMap,
        io::{Cursor, Read as _},
        sync::{LazyLock, Mutex, PoisonError},
    };

    use bytes::Bytes;
    use zip::ZipArchive;

    /// What `build.rs` took of Swagger UI.
    const ARCHIVE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.zip"));

    static UNPACKED: LazyLock<Mutex<HashMap<&'static str, Bytes>>> = LazyLock::new(Mutex::default);

    /// A file of Swagger UI; `None` if the archive can't be read, which a test rules out.
    pub(super) fn unpack(name: &'static str) -> Option<Bytes> {
        let mut unpacked = UNPACKED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(content) = unpacked.get(name) {
            return Some(content.clone());
        }
        let mut archive = ZipArchive::new(Cursor::new(ARCHIVE)).ok()?;
        let mut content = Vec::new();
        archive.by_name(name).ok()?.read_to_end(&mut content).ok()?;
        Some(unpacked.entry(name).or_insert(content.into()).clone())
    }
}
