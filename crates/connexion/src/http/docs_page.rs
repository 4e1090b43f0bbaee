//! The document and the docs page, served beside the operations.
//!
//! Swagger UI comes from a crate that carries its release archive, so nothing is loaded from elsewhere; a
//! file is unpacked when it is first asked for. The page has no inline script, so a strict
//! Content-Security-Policy can stand in front of it.

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

/// What a proxy took from the front of the path before it passed a request on.
const FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// Decides whether an extension is left out.
type IsHidden = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// What is served of the document.
pub(crate) struct Docs {
    /// Whether the document itself is served.
    pub(crate) document: bool,
    /// Whether the page is served, which reads the document.
    pub(crate) ui: bool,
    /// Whether a client's proxy is believed about where it serves this.
    pub(crate) trust_forwarded_prefix: bool,
    /// Where the document is served as JSON; `None` stands for where Python's connexion serves it.
    pub(crate) document_path: Option<String>,
    /// Where the page is served, without the slash at its end.
    pub(crate) ui_path: String,
    /// What the page is told beside the address of the document.
    #[cfg(feature = "swagger-ui")]
    pub(crate) ui_options: Map<String, Value>,
    /// Which extensions clients do not see.
    pub(crate) is_hidden: Option<IsHidden>,
    base_path: String,
    /// Where the document is: as JSON, and as YAML.
    paths: Vec<(String, Form)>,
    json: Text,
    yaml: Text,
    /// The document as JSON, to be served with another base path than its own.
    value: Value,
    #[cfg(feature = "swagger-ui")]
    title: String,
}

#[derive(Clone, Copy, Debug)]
enum Form {
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
            json: Text::default(),
            yaml: Text::default(),
            value: Value::Null,
            #[cfg(feature = "swagger-ui")]
            title: String::new(),
        }
    }
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
    /// Adds addresses that can't be served to `faults`.
    pub(crate) fn check(&self, document: &Document, faults: &mut Vec<Diagnostic>) {
        let document_path = self.document_path.as_deref();
        let is_missing = document_path.is_some_and(|path| path.trim_matches('/').is_empty());
        let paths = document_path.into_iter().chain([self.ui_path.as_str()]);
        let mut wrong = paths.filter(|path| is_missing || server::checked(path).is_err());
        if let Some(path) = wrong.next() {
            let message = format!("`{path}` can't be the address of the document or its page");
            faults.push(document.diagnostic(
                DiagnosticCode::PathInvalid,
                document.paths_at(),
                message,
            ));
        }
    }

    /// Takes the texts to serve from the document, which is served under `base_path`.
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
                // JSON is YAML, too.
                self.json = self.moved("");
                self.yaml = self.moved("");
            } else if self.is_hidden.is_some() {
                self.json = Text::new(self.value.to_string());
                self.yaml = Text::new(yaml::write(&self.value));
            } else {
                self.json = Text::new(document.to_json());
                self.yaml = Text::new(document.text().to_owned());
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

    /// Where the document is. As JSON under its own path first, which is what the page reads.
    fn paths_of(&self, document: &Document) -> Vec<(String, Form)> {
        let json = match &self.document_path {
            Some(path) => vec![path.as_str()],
            // Python's connexion serves it there, so clients ask for it there.
            None if document.version == Version::Swagger2 => {
                vec!["/swagger.json", "/openapi.json"]
            }
            None => vec!["/openapi.json"],
        };
        let yaml = json.iter().filter_map(|path| {
            let path = path.strip_suffix(".json")?;
            Some((format!("{path}.yaml"), Form::Yaml))
        });
        let yaml: Vec<_> = yaml.collect();
        let json = json.into_iter().map(|path| (path.to_owned(), Form::Json));
        json.chain(yaml).collect()
    }

    /// The response to a GET of one of these addresses; `None` if it is none of them.
    ///
    /// `path` is the address below the base path.
    pub(crate) fn get(&self, path: &str, headers: &HeaderMap) -> Option<Response> {
        let mut paths = self.paths.iter();
        match paths.find(|(known, _)| known == path) {
            Some((_, Form::Json)) => Some(self.text(&self.json, "application/json", headers)),
            Some((_, Form::Yaml)) => Some(self.text(&self.yaml, "application/yaml", headers)),
            None if self.ui => self.page(path),
            None => None,
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
        match path.strip_prefix(&self.ui_path)? {
            // The page's own links are relative to the folder.
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
            "/start.js" => Some(file("text/javascript", self.start().into())),
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
    /// The script that starts the page. The document's address is relative to the page's: what stands before both is
    /// known to proxies only.
    fn start(&self) -> String {
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
