//! The document and the docs page, served beside the operations.
//!
//! Swagger UI comes from a crate that carries its release archive, so nothing is loaded from elsewhere; a
//! file is unpacked when it is first asked for. The page has no inline script, so a strict
//! Content-Security-Policy can stand in front of it.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, Method, header};

use crate::{api::other_method, document::Document, problem::Problem};

/// What is served of the document.
#[derive(Debug, Default)]
pub(crate) struct Docs {
    /// Whether the document itself is served.
    pub(crate) document: bool,
    /// Whether the page is served, which reads the document.
    pub(crate) ui: bool,
    json: Bytes,
    yaml: Bytes,
    #[cfg(feature = "swagger-ui")]
    title: String,
}

impl Docs {
    /// Takes the texts to serve from the document.
    pub(crate) fn load(&mut self, document: &Document) {
        if self.document || self.ui {
            self.json = document.to_json().into();
            self.yaml = document.text().to_owned().into();
        }
        #[cfg(feature = "swagger-ui")]
        {
            document.title().clone_into(&mut self.title);
        }
    }

    /// The answer to a request for one of these addresses; `None` if it is none of them.
    pub(crate) fn answer(&self, method: &Method, path: &str) -> Option<Result<Response, Problem>> {
        let response = match path {
            "/openapi.json" if self.document || self.ui => {
                file("application/json", self.json.clone())
            }
            "/openapi.yaml" if self.document || self.ui => {
                file("application/yaml", self.yaml.clone())
            }
            _ if self.ui => self.page(path)?,
            _ => return None,
        };
        if method == Method::GET || method == Method::HEAD {
            Some(Ok(response))
        } else {
            Some(other_method(
                method,
                HeaderValue::from_static("GET, HEAD, OPTIONS"),
            ))
        }
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
            "" => Some(
                (
                    http::StatusCode::PERMANENT_REDIRECT,
                    [(header::LOCATION, "ui/")],
                )
                    .into_response(),
            ),
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
    use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
    use zip::ZipArchive;

    static UNPACKED: LazyLock<Mutex<HashMap<&'static str, Bytes>>> = LazyLock::new(Mutex::default);

    /// A file of Swagger UI's `dist` folder; `None` if the archive can't be read, which a test rules out.
    pub(super) fn unpack(name: &'static str) -> Option<Bytes> {
        let mut unpacked = UNPACKED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(content) = unpacked.get(name) {
            return Some(content.clone());
        }
        let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED)).ok()?;
        let suffix = format!("/dist/{name}");
        let names = archive.file_names().filter_map(Result::ok);
        let path = names
            .into_iter()
            .find(|path| path.ends_with(&suffix))?
            .into_owned();
        let mut content = Vec::new();
        archive
            .by_name(&path)
            .ok()?
            .read_to_end(&mut content)
            .ok()?;
        Some(unpacked.entry(name).or_insert(content.into()).clone())
    }
}
