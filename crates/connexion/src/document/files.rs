//! The files of a document, merged into one tree when it is loaded.
//!
//! Each file that a reference leads to is read once and becomes a field of [`MEMBER`] at the root of the document; the
//! references between files become references within the document. The other modules therefore see local references
//! only, and the served document is complete. A `$ref` counts as a reference only where the specification has one: an
//! example may hold a `$ref` as data.
//!
//! URLs are rejected unless the application provides a function that fetches them: a document must not make a service
//! send requests to other hosts.

mod loader;
mod references;
mod tree;

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

use crate::{
    diagnostics::{Diagnostic, DiagnosticCode},
    document::{
        decoded,
        node::{Node, Position, unescape},
        yaml::SyntaxError,
    },
};

/// The field of the root that holds the other files, by their paths relative to the document's folder.
pub(crate) const MEMBER: &str = "x-connexion-files";

/// Maximum number of files of a document.
const MAX_FILES: usize = 1_000;

/// Maximum size of all files except the first, in bytes.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The characters that are escaped in one token of a JSON Pointer in a fragment (RFC 3986, section 3.5).
const FRAGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The characters that are escaped in a whole JSON Pointer in a fragment.
pub(crate) const POINTER: &AsciiSet = &FRAGMENT.remove(b'/');

/// The names of a document's files, and the original references between them.
#[derive(Clone, Debug)]
pub(crate) struct SourceFiles {
    /// Indexed by [`Position::file`].
    names: Vec<String>,
    /// The original references, where loading has rewritten them.
    original_references: HashMap<Position, String>,
    /// The references that can't be resolved.
    broken: HashMap<Position, Broken>,
    /// The errors of the files themselves.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// The reason why a reference can't be resolved.
#[derive(Clone, Debug)]
pub(crate) enum Broken {
    /// The file has an error that is already reported.
    Reported,
    Because(String),
}

impl SourceFiles {
    fn single(name: String) -> Self {
        Self {
            names: vec![name],
            original_references: HashMap::new(),
            broken: HashMap::new(),
            diagnostics: Vec::new(),
        }
    }

    /// Reads the files that `root` refers to and merges them into it. `path` is the file that `root` was read from, if
    /// it is known.
    pub(crate) fn load<'f>(
        name: String,
        path: Option<&Path>,
        fetch: Option<&'f mut Fetch<'f>>,
        root: &mut Node,
        has_siblings: bool,
    ) -> Self {
        loader::load(Self::single(name), path, fetch, root, has_siblings)
    }

    /// Reports the duplicate keys of a file.
    pub(crate) fn add_duplicates(&mut self, file: usize, duplicates: Vec<SyntaxError>) {
        for SyntaxError { at, message, .. } in duplicates {
            let at = Position { file, ..at };
            let diagnostic = Diagnostic::new(self.name(at), DiagnosticCode::Syntax, at, message);
            self.diagnostics.push(diagnostic);
        }
    }

    /// Returns the name of the file that a position is in.
    pub(crate) fn name(&self, at: Position) -> &str {
        self.names
            .get(at.file)
            .or(self.names.first())
            .map_or("", String::as_str)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    pub(crate) fn are_many(&self) -> bool {
        self.names.len() > 1
    }

    /// Returns the reference at this position as the author wrote it, if loading has rewritten it.
    pub(crate) fn original_reference(&self, at: Position) -> Option<&str> {
        self.original_references.get(&at).map(String::as_str)
    }

    /// Returns why the reference at this position can't be resolved, if loading has found that out.
    pub(crate) fn broken(&self, at: Position) -> Option<&Broken> {
        self.broken.get(&at)
    }
}

/// Returns whether a JSON Pointer leads into a file other than the document's own.
pub(crate) fn is_elsewhere(pointer: &str) -> bool {
    let rest = pointer.strip_prefix('/');
    let rest = rest.and_then(|rest| rest.strip_prefix(MEMBER));
    rest.is_some_and(|rest| rest.starts_with('/'))
}

/// Returns the schema that the one at a pointer belongs to by `allOf`, or the pointer itself: a discriminator in a branch
/// of `allOf` applies to the whole schema.
pub(crate) fn owner(mut pointer: &str) -> &str {
    while let Some((holder, index)) = pointer.rsplit_once('/')
        && let Some(holder) = holder.strip_suffix("/allOf")
        && index.bytes().all(|byte| byte.is_ascii_digit())
    {
        pointer = holder;
    }
    pointer
}

/// Returns the name of the schema at a pointer: the last token, or the file name without its extension if the schema is a
/// whole file.
pub(crate) fn name_of(pointer: &str) -> String {
    let (holder, last) = pointer.rsplit_once('/').unwrap_or_default();
    let name = unescape(last);
    if holder.strip_prefix('/') != Some(MEMBER) {
        return name.into_owned();
    }
    let file = name.rsplit('/').next().unwrap_or_default();
    file.rsplit_once('.')
        .map_or(file, |(stem, _)| stem)
        .to_owned()
}

/// Fetches the text at a URL.
pub(crate) type Fetch<'f> = dyn FnMut(&str) -> io::Result<String> + 'f;

/// Returns the reason why a reference to another file is rejected, whether or not the file exists.
pub(crate) fn rejection(reference: &str) -> Option<String> {
    let (path, _) = split(reference);
    if is_url(path) {
        return Some(format!(
            "`{reference}` is a URL, which is not fetched; copy its content into a file"
        ));
    }
    let is_absolute = Path::new(&*decoded(path)).has_root() || path.starts_with(['/', '\\']);
    is_absolute.then(|| {
        format!(
            "`{reference}` is an absolute path, which is rejected; use a path relative to this file"
        )
    })
}

/// Returns whether a reference has a scheme or a host.
fn is_url(path: &str) -> bool {
    let scheme = path.split_once(':').map(|(scheme, _)| scheme);
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    scheme.is_some_and(is_scheme) || path.starts_with("//")
}

/// Splits a reference into its path and its fragment.
pub(crate) fn split(reference: &str) -> (&str, &str) {
    reference.split_once('#').unwrap_or((reference, ""))
}

/// The origin of a file.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Origin {
    File(PathBuf),
    Url(String),
}
