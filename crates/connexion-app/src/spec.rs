//! The document that is served: the built-in one, or a file, which in development is followed while it is
//! written.

use std::{fs, path::Path, time::Duration};

use connexion::{ApiService, Document, Faults};
use tokio::time::sleep;

use crate::{app, auth, config::Settings, serve::Served};

/// How often the file is looked at.
const EVERY: Duration = Duration::from_millis(500);

/// The document, with the security that is in force.
///
/// # Errors
/// What is wrong with the file.
pub(crate) fn document(settings: &Settings) -> Result<Document, Faults> {
    let (auth, with_tokens) = (settings.auth, settings.jwt.is_some());
    let Some(path) = &settings.spec else {
        return app::contract(auth, with_tokens);
    };
    // What can't be read is told by `load`, in its own words.
    let text = fs::read_to_string(path).unwrap_or_default();
    let in_force = auth::in_force(&text, auth, with_tokens);
    if in_force == text {
        Document::load(path)
    } else {
        Document::parse(path.display().to_string(), in_force)
    }
}

/// Loads the file again whenever it changes. One with faults is reported, and the one before stays. Files
/// that it refers to are read with it, but not looked at.
pub(crate) async fn follow(
    path: &Path,
    load: impl Fn() -> Result<ApiService, Faults>,
    served: Served,
) {
    let mut seen = fs::read(path).ok();
    loop {
        sleep(EVERY).await;
        let now = fs::read(path).ok();
        if now == seen {
            continue;
        }
        seen = now;
        match load() {
            Ok(api) => {
                served.replace(api);
                tracing::info!("{} was loaded again", path.display());
            }
            Err(faults) => tracing::error!("the document before stays: {faults}"),
        }
    }
}
