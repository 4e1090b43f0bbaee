//! Serves the document and the docs page.
//!
//! A crate contains the release archive of Swagger UI, so the page loads nothing from other hosts. A file is unpacked at its
//! first request. The page has no inline script, so a strict Content-Security-Policy can be applied to it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
#[cfg(feature = "swagger-ui")]
use serde_json::Map;
use serde_json::{Value, json};

use crate::{
    diagnostics::{Diagnostic, DiagnosticCode},
    document::{Document, Version, hidden, server, yaml},
    http::entity_tag::EntityTags,
};

/// The prefix that a proxy removed from the path of a request.
const FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// Decides whether an extension is removed.
type IsHidden = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// The served document and docs page.
pub(crate) struct Docs {
    /// True if the document is served.
    pub(crate) document: bool,
    /// True if the docs page is served, and with it the document.
    pub(crate) ui: bool,
    /// True if the header `X-Forwarded-Prefix` is trusted.
    pub(crate) trust_forwarded_prefix: bool,
    /// The path of the document as JSON; `None` is the path of Python's connexion.
    pub(crate) document_path: Option<String>,
    /// The path of the page, without the trailing slash.
    pub(crate) ui_path: String,
    /// Options of Swagger UI, besides the address of the document.
    #[cfg(feature = "swagger-ui")]
    pub(crate) ui_options: Map<String, Value>,
    /// Selects the extensions that are removed from the served document.
    pub(crate) is_hidden: Option<IsHidden>,
    base_path: String,
    /// The paths of the document, with the format that each serves. The first is JSON.
    paths: Vec<(String, DocumentFormat)>,
    json: TaggedContent,
    yaml: TaggedContent,
    /// The document, if it is served with base paths that differ from its own.
    value: Value,
    #[cfg(feature = "swagger-ui")]
    title: String,
}

#[derive(Clone, Copy, Debug)]
enum DocumentFormat {
    Json,
    Yaml,
}

impl Default for Docs {
    fn default() -> Self {
        Self {
            document: false,
            ui: false,
            trust_forwarded_prefix: false,
            document_path: None,
            ui_path: "/ui".to_owned(),
            #[cfg(feature = "swagger-ui")]
            ui_options: Map::new(),
            is_hidden: None,
            base_path: String::new(),
            paths: Vec::new(),
            json: TaggedContent::default(),
            yaml: TaggedContent::default(),
            value: Value::Null,
            #[cfg(feature = "swagger-ui")]
            title: String::new(),
        }
    }
}

/// The content of a file, with its entity tag.
#[derive(Debug)]
struct TaggedContent {
    content: Bytes,
    etag: HeaderValue,
}

impl Default for TaggedContent {
    fn default() -> Self {
        Self::new(Bytes::new())
    }
}

impl TaggedContent {
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

    fn respond(&self, content_type: &'static str, request: &HeaderMap) -> Response {
        let mut response = if self.is_current(request) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            file(content_type, self.content.clone())
        };
        let headers = response.headers_mut();
        headers.insert(header::ETAG, self.etag.clone());
        response
    }

    /// Returns whether the client has this content already (RFC 9110, section 13.1.2).
    fn is_current(&self, request: &HeaderMap) -> bool {
        let own = self.etag.to_str().unwrap_or_default();
        let mut fields = request.get_all(header::IF_NONE_MATCH).iter();
        fields.any(|field| {
            let tags = field.to_str().ok().and_then(EntityTags::parse);
            tags.is_some_and(|tags| tags.match_weakly(own))
        })
    }
}

impl Docs {
    /// Reports paths that are invalid.
    pub(crate) fn check(&self, document: &Document, diagnostics: &mut Vec<Diagnostic>) {
        let document_path = self.document_path.as_deref();
        let is_missing = document_path.is_some_and(|path| path.trim_matches('/').is_empty());
        let paths = document_path.into_iter().chain([self.ui_path.as_str()]);
        let mut invalid = paths.filter(|path| is_missing || server::checked(path).is_err());
        if let Some(path) = invalid.next() {
            let message = format!("`{path}` can't be the path of the document or the docs page");
            diagnostics.push(document.diagnostic(
                DiagnosticCode::PathInvalid,
                document.paths_at(),
                message,
            ));
        }
    }

    /// Prepares the served content. The document is served under `base_path`.
    pub(crate) fn load(&mut self, document: &Document, base_path: &str) {
        base_path.clone_into(&mut self.base_path);
        if self.document || self.ui {
            self.paths = self.paths_of(document);
            let is_moved = base_path != document.base_path();
            if is_moved || self.is_hidden.is_some() || self.trust_forwarded_prefix {
                self.value = document.to_value();
            }
            if let Some(is_hidden) = &self.is_hidden {
                hidden::leave_out(&mut self.value, is_hidden);
            }
            if is_moved {
                // JSON is also YAML.
                self.json = self.with_prefix("");
                self.yaml = self.with_prefix("");
            } else if self.is_hidden.is_some() {
                self.json = TaggedContent::new(self.value.to_string());
                self.yaml = TaggedContent::new(yaml::write(&self.value));
            } else {
                self.json = TaggedContent::new(document.to_json());
                self.yaml = TaggedContent::new(document.text().to_owned());
            }
            if !self.trust_forwarded_prefix {
                self.value = Value::Null;
            }
        }
        #[cfg(feature = "swagger-ui")]
        {
            document.title().clone_into(&mut self.title);
        }
    }

    /// Returns the paths of the document. The first is the one that the docs page reads.
    fn paths_of(&self, document: &Document) -> Vec<(String, DocumentFormat)> {
        let json = match &self.document_path {
            Some(path) => vec![path.as_str()],
            // Clients of Python's connexion expect it at this path.
            None if document.version == Version::Swagger2 => {
                vec!["/swagger.json", "/openapi.json"]
            }
            None => vec!["/openapi.json"],
        };
        let yaml = json.iter().filter_map(|path| {
            let path = path.strip_suffix(".json")?;
            Some((format!("{path}.yaml"), DocumentFormat::Yaml))
        });
        let yaml: Vec<_> = yaml.collect();
        let json = json
            .into_iter()
            .map(|path| (path.to_owned(), DocumentFormat::Json));
        json.chain(yaml).collect()
    }

    /// Returns the response to a GET of this path below the base path; `None` if nothing is served there.
    pub(crate) fn get(&self, path: &str, headers: &HeaderMap) -> Option<Response> {
        let mut paths = self.paths.iter();
        match paths.find(|(known, _)| known == path) {
            Some((_, DocumentFormat::Json)) => {
                Some(self.document(&self.json, "application/json", headers))
            }
            Some((_, DocumentFormat::Yaml)) => {
                Some(self.document(&self.yaml, "application/yaml", headers))
            }
            None if self.ui => self.page(path),
            None => None,
        }
    }

    /// Returns the document, with the base path that the client sees.
    fn document(
        &self,
        own: &TaggedContent,
        content_type: &'static str,
        headers: &HeaderMap,
    ) -> Response {
        if !self.trust_forwarded_prefix {
            return own.respond(content_type, headers);
        }
        let mut response = match forwarded_prefix(headers) {
            Some(prefix) => self.with_prefix(&prefix).respond(content_type, headers),
            None => own.respond(content_type, headers),
        };
        let vary = HeaderValue::from_static("x-forwarded-prefix");
        response.headers_mut().insert(header::VARY, vary);
        response
    }

    /// Returns the document with one server (`basePath` in Swagger 2.0), the base path after `prefix`.
    fn with_prefix(&self, prefix: &str) -> TaggedContent {
        let mut value = self.value.clone();
        let path = format!("{prefix}{}", self.base_path);
        let path = if path.is_empty() { "/" } else { &path };
        if let Some(fields) = value.as_object_mut() {
            if fields.contains_key("swagger") {
                fields.insert("basePath".to_owned(), path.into());
            } else {
                fields.insert("servers".to_owned(), json!([{ "url": path }]));
            }
        }
        TaggedContent::new(value.to_string())
    }

    #[cfg(not(feature = "swagger-ui"))]
    #[expect(
        clippy::unused_self,
        reason = "it is used with the feature `swagger-ui`"
    )]
    fn page(&self, _: &str) -> Option<Response> {
        None
    }

    #[cfg(feature = "swagger-ui")]
    fn page(&self, path: &str) -> Option<Response> {
        match path.strip_prefix(&self.ui_path)? {
            // The links of the page are relative to its folder.
            "" => {
                let whole = format!("{}{}", self.base_path, self.ui_path);
                let (_, folder) = whole.rsplit_once('/')?;
                let location = format!("{folder}/");
                Some(
                    (
                        StatusCode::PERMANENT_REDIRECT,
                        [(header::LOCATION, location)],
                    )
                        .into_response(),
                )
            }
            "/" => Some(file(
                "text/html; charset=utf-8",
                PAGE.replace("{title}", &escape(&self.title)).into(),
            )),
            "/start.js" => Some(file("text/javascript", self.start_script().into())),
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

#[cfg(feature = "swagger-ui")]
impl Docs {
    /// Returns the script that starts the page.
    ///
    /// The address of the document is relative to the page, since only a proxy knows the prefix of both.
    fn start_script(&self) -> String {
        let up = match self.ui_path.matches('/').count() {
            0 => "./".to_owned(),
            folders => "../".repeat(folders),
        };
        let document = self.paths.first().map_or("", |(path, _)| path);
        let mut options = Map::new();
        let url = format!("{up}{}", document.trim_start_matches('/'));
        options.insert("url".to_owned(), url.into());
        options.insert("dom_id".to_owned(), "#swagger-ui".into());
        options.insert("deepLinking".to_owned(), true.into());
        options.extend(self.ui_options.clone());
        format!("SwaggerUIBundle({});\n", Value::Object(options))
    }
}

/// Returns the value of `X-Forwarded-Prefix`, if it is a path of this host.
///
/// The document contains it, and `//a.example` would send the requests of the docs page to another host.
fn forwarded_prefix(headers: &HeaderMap) -> Option<String> {
    let mut fields = headers.get_all(FORWARDED_PREFIX).iter();
    let prefix = fields.next()?.to_str().ok()?;
    let is_path = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:@".contains(&byte);
    if fields.next().is_some() || !prefix.starts_with('/') || !prefix.bytes().all(is_path) {
        return None;
    }
    server::checked(prefix).ok()
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

    /// The files of Swagger UI that `build.rs` selected.
    const ARCHIVE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.zip"));

    static UNPACKED: LazyLock<Mutex<HashMap<&'static str, Bytes>>> = LazyLock::new(Mutex::default);

    /// Returns a file of Swagger UI; `None` if the archive can't be read, which a test rules out.
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
