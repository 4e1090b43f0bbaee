//! The document that is served: the built-in one, or a file, which in development is followed while it is
//! written.

use std::{fs, time::Duration};

use connexion::{ApiService, Diagnostics, Document};
use tokio::time::sleep;

use crate::{
    app, auth,
    config::Settings,
    serve::Served,
    signals::{Reload, told},
};

/// How often the files are looked at.
const EVERY: Duration = Duration::from_millis(500);

/// The document, with the security that is in force.
///
/// # Errors
/// What is wrong with the file.
pub(crate) fn document(settings: &Settings) -> Result<Document, Diagnostics> {
    let (auth, with_tokens) = (settings.auth, settings.jwt.is_some());
    let Some(path) = &settings.spec else {
        return app::contract(auth, with_tokens);
    };
    let mut document = Document::load(path)?;
    auth::put_in_force(&mut document, auth, with_tokens);
    Ok(document)
}

/// The files of a document, as they were when they were last looked at.
pub(crate) struct Files(Vec<(String, Option<Vec<u8>>)>);

impl Files {
    /// Those that it was read from.
    pub(crate) fn of(document: &Document) -> Self {
        let files = document.files().map(|path| (path.to_owned(), None));
        let mut files = Self(files.collect());
        files.have_changed();
        files
    }

    /// Whether one is not as it was; looks at all of them.
    fn have_changed(&mut self) -> bool {
        let before = self.0.clone();
        for (path, text) in &mut self.0 {
            *text = fs::read(path).ok();
        }
        self.0 != before
    }
}

/// Loads the document again whenever one of its files changes, or at `reload`. One with faults is reported, and the one before stays.
pub(crate) async fn follow(
    mut files: Files,
    settings: &Settings,
    build: impl Fn(Document) -> Result<ApiService, Diagnostics>,
    served: Served,
    mut reload: Reload,
) {
    loop {
        let is_told = tokio::select! {
            () = sleep(EVERY) => false,
            () = told(&mut reload) => true,
        };
        if !files.have_changed() && !is_told {
            continue;
        }
        let loaded = document(settings).and_then(|document| {
            let name = document.name().to_owned();
            files = Files::of(&document);
            Ok((name, build(document)?))
        });
        match loaded {
            Ok((name, api)) => {
                served.replace(api);
                tracing::info!("{name} was loaded again");
            }
            Err(faults) => tracing::error!("the document before stays: {faults}"),
        }
    }
}
