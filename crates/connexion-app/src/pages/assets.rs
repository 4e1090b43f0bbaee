//! What pages are made with: style sheets, a script and a picture, in the binary. Their names have a hash of the contents in
//! them, so that browsers may keep them for ever and still never have an old one.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use sha2::{Digest as _, Sha256};

use crate::key::hex;

/// So many bytes of the hash tell a file from those it was before.
const BYTES: usize = 6;

const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml; charset=utf-8";

const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// The files.
static ASSETS: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    [
        Asset::new("pages", "css", CSS, include_str!("../../assets/pages.css")),
        Asset::new(
            "pages",
            "js",
            JAVASCRIPT,
            include_str!("../../assets/pages.js"),
        ),
        Asset::new("icon", "svg", SVG, include_str!("../../assets/icon.svg")),
    ]
});

struct Asset {
    name: String,
    path: String,
    kind: HeaderValue,
    text: &'static str,
}

impl Asset {
    fn new(stem: &str, extension: &str, kind: &'static str, text: &'static str) -> Self {
        let hash = hex(&Sha256::digest(text.as_bytes())[..BYTES]);
        let name = format!("{stem}-{hash}.{extension}");
        Self {
            path: format!("/assets/{name}"),
            name,
            kind: HeaderValue::from_static(kind),
            text,
        }
    }
}

/// Where the files are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paths {
    pub(super) style: &'static str,
    pub(super) script: &'static str,
    pub(super) icon: &'static str,
}

pub(super) fn paths() -> Paths {
    let [style, script, icon] = &*ASSETS;
    Paths {
        style: &style.path,
        script: &script.path,
        icon: &icon.path,
    }
}

/// The file of this name.
pub(super) fn find(name: &str) -> Option<Response> {
    let asset = ASSETS.iter().find(|asset| asset.name == name)?;
    let head = [
        (header::CONTENT_TYPE, asset.kind.clone()),
        (header::CACHE_CONTROL, FOREVER),
    ];
    Some((head, asset.text).into_response())
}
