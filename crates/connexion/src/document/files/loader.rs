//! Loads the files that a document refers to.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    fs::{self, File},
    io::{self, Read as _},
    path::{Component, Path, PathBuf},
};

use fluent_uri::{Uri, UriRef};
use percent_encoding::utf8_percent_encode;

use super::{
    Broken, FRAGMENT, Fetch, MAX_BYTES, MAX_FILES, MEMBER, Origin, POINTER, SourceFiles, is_url,
    references::{ReferenceFinder, possible_children},
    rejection, split,
    tree::{anchored, rewrite, set_file},
};
use crate::{
    diagnostics::{Diagnostic, DiagnosticCode},
    document::{
        decoded, identifier,
        node::{Kind, Node, Position, escape},
        object::ObjectKind,
        yaml,
    },
};

/// The index of a file, or the reason why it can't be read.
type FileIndex = Result<usize, Broken>;

/// A file that was read.
struct LoadedFile {
    /// The base of its references.
    origin: Origin,
    /// The JSON Pointer of the file in the document, percent-encoded.
    prefix: String,
    /// The last token of the pointer.
    key: String,
    /// `None` if the file has a syntax error.
    root: Option<Node>,
}

struct Loader<'f> {
    sources: SourceFiles,
    /// The folder of the document, without symbolic links.
    folder: PathBuf,
    /// Indexed by [`Position::file`].
    files: Vec<LoadedFile>,
    /// The files by their URL or their path without symbolic links.
    known: HashMap<Origin, FileIndex>,
    /// `None` if URLs are rejected.
    fetch: Option<&'f mut Fetch<'f>>,
    /// The keys in use.
    keys: HashSet<String>,
    /// The new references by position.
    rewrites: HashMap<Position, String>,
    /// Objects in which references are still to be searched: file, JSON Pointer in it, kind.
    targets: Vec<(usize, String, ObjectKind)>,
    seen: HashSet<(usize, String, ObjectKind)>,
    /// `true` if keywords beside the `$ref` of a schema are read.
    has_siblings: bool,
    /// `true` if the location of the document is unknown, so that references to files can't be resolved.
    is_alone: bool,
    bytes: u64,
    weight: usize,
}

/// Reads the files that `root` refers to and merges them into it.
pub(super) fn load<'f>(
    sources: SourceFiles,
    path: Option<&Path>,
    fetch: Option<&'f mut Fetch<'f>>,
    root: &mut Node,
    has_siblings: bool,
) -> SourceFiles {
    let is_alone = path.is_none();
    let path = path.unwrap_or(Path::new(""));
    // A pipe, for example, has no canonical path.
    let canonical = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let held = root.get(MEMBER).into_iter().flat_map(Node::members);
    let keys = held.map(|(key, _)| key.to_owned()).collect();
    let main = LoadedFile {
        origin: Origin::File(path.to_owned()),
        prefix: String::new(),
        key: String::new(),
        root: Some(std::mem::replace(root, Node::new(root.at, Kind::Null))),
    };
    let mut loader = Loader {
        sources,
        folder: canonical.parent().map(Path::to_owned).unwrap_or_default(),
        files: vec![main],
        known: HashMap::from([(Origin::File(canonical), Ok(0))]),
        fetch,
        keys,
        rewrites: HashMap::new(),
        targets: vec![(0, String::new(), ObjectKind::Document)],
        seen: HashSet::new(),
        has_siblings,
        is_alone,
        bytes: 0,
        weight: 0,
    };
    loader.follow_all();
    loader.merge(root)
}

impl Loader<'_> {
    fn follow_all(&mut self) {
        while let Some(target) = self.targets.pop() {
            if !self.seen.insert(target.clone()) {
                continue;
            }
            let (file, pointer, kind) = target;
            let mut finder = ReferenceFinder {
                has_siblings: self.has_siblings,
                references: Vec::new(),
            };
            let root = self.files.get(file).and_then(|file| file.root.as_ref());
            if let Some(root) = root
                && let Some(node) = root.at_pointer(&pointer)
            {
                finder.object(node, kind);
                if kind == ObjectKind::Schema {
                    let children = possible_children(root, node, &pointer);
                    self.targets
                        .extend(children.into_iter().map(|pointer| (file, pointer, kind)));
                }
            }
            for (at, reference, kind) in finder.references {
                self.follow(file, at, reference, kind);
            }
        }
    }

    fn follow(&mut self, from: usize, at: Position, reference: String, kind: ObjectKind) {
        let file = match self.target(from, &reference) {
            Ok(file) => file,
            Err(broken) => {
                self.sources.broken.insert(at, broken);
                return;
            }
        };
        let (path, fragment) = split(&reference);
        // Without the location of the document, other files can't be found.
        if self.is_alone && !path.is_empty() {
            return;
        }
        let pointer = decoded(fragment);
        let (pointer, fragment) = if pointer.is_empty() || pointer.starts_with('/') {
            (pointer, Cow::Borrowed(fragment))
        } else {
            let root = self.files.get(file).and_then(|file| file.root.as_ref());
            let Some(pointer) = root.and_then(|root| anchored(root, &pointer, &mut String::new()))
            else {
                let why = format!("`{reference}` does not exist");
                self.sources.broken.insert(at, Broken::Because(why));
                return;
            };
            let fragment = utf8_percent_encode(&pointer, POINTER).to_string();
            (pointer.into(), fragment.into())
        };
        // The document's own objects are visited anyway, except those below `x-…`, such as the files in a document that
        // was served before.
        if file != 0 || !is_visited(&pointer) {
            self.targets.push((file, pointer.into_owned(), kind));
        }
        let prefix = self.files.get(file).map_or("", |file| &file.prefix);
        let local = format!("#{prefix}{fragment}");
        if local != reference {
            self.rewrites.insert(at, local);
            self.sources.original_references.insert(at, reference);
        }
    }

    /// Returns the file that a reference leads into.
    fn target(&mut self, from: usize, reference: &str) -> FileIndex {
        let (path, _) = split(reference);
        let file = if path.is_empty() || self.is_alone {
            Ok(from)
        } else if let Some(url) = self.url(from, path) {
            url.and_then(|url| self.fetch(url))
        } else if let Some(rejection) = rejection(reference) {
            return Err(Broken::Because(rejection));
        } else {
            self.file(from, path)
        };
        file.map_err(|broken| match broken {
            Broken::Because(why) => Broken::Because(format!("`{reference}` {why}")),
            Broken::Reported => Broken::Reported,
        })
    }

    /// Returns the URL that a reference leads to; `None` if it leads to none, or if URLs are rejected.
    fn url(&self, from: usize, path: &str) -> Option<Result<String, Broken>> {
        self.fetch.as_ref()?;
        let base = match self.files.get(from).map(|file| &file.origin) {
            Some(Origin::Url(base)) => Some(base),
            _ if is_url(path) => None,
            _ => return None,
        };
        let base = base.and_then(|base| Uri::parse(base.as_str()).ok());
        let reference = UriRef::parse(path).ok();
        let url = reference.and_then(|reference| match base {
            Some(base) => reference.resolve_against(&base).ok(),
            None => Some(Uri::try_from(reference).ok()?.to_owned()),
        });
        let is_web = |url: &Uri<String>| matches!(url.scheme().as_str(), "http" | "https");
        let rejected = || {
            Broken::Because("can't be fetched: only http and https URLs are supported".to_owned())
        };
        let url = url
            .map(|url| url.normalize())
            .filter(is_web)
            .ok_or_else(rejected);
        Some(url.map(Uri::into_string))
    }

    fn fetch(&mut self, url: String) -> FileIndex {
        let origin = Origin::Url(url.clone());
        self.load_once(origin.clone(), |loader| {
            let fetch = loader.fetch.as_mut();
            let text = fetch.map_or(Ok(String::new()), |fetch| fetch(&url));
            let text = text.map_err(|error| unreadable(&error))?;
            loader.add(&text, origin, url.clone(), url)
        })
    }

    /// Reads the file at `path`, relative to another file.
    fn file(&mut self, from: usize, path: &str) -> FileIndex {
        let folder = match self.files.get(from).map(|file| &file.origin) {
            Some(Origin::File(path)) => path.parent(),
            _ => None,
        };
        let path = folder.unwrap_or(Path::new("")).join(&*decoded(path));
        let canonical = fs::canonicalize(&path).map_err(|error| unreadable(&error))?;
        self.load_once(Origin::File(canonical.clone()), |loader| {
            let text = loader.read_text(&canonical)?;
            // Components leave out the dots of `./a`.
            let name = path.components().collect::<PathBuf>();
            let key = loader.relative_path(&canonical);
            loader.add(&text, Origin::File(path), name.display().to_string(), key)
        })
    }

    /// Calls `read` for a file that was not read before.
    fn load_once(
        &mut self,
        origin: Origin,
        read: impl FnOnce(&mut Self) -> FileIndex,
    ) -> FileIndex {
        if let Some(known) = self.known.get(&origin) {
            return known.clone();
        }
        let index = if self.files.len() < MAX_FILES {
            read(self)
        } else {
            let why = format!("exceeds the limit of {MAX_FILES} files per document");
            Err(Broken::Because(why))
        };
        self.known.insert(origin, index.clone());
        index
    }

    /// Adds a file. Its diagnostics have the file name `name`; it is served under `key`.
    fn add(&mut self, text: &str, origin: Origin, name: String, mut key: String) -> FileIndex {
        if text.len() as u64 > self.remaining_bytes() {
            return Err(too_large());
        }
        self.bytes += text.len() as u64;
        while !self.keys.insert(key.clone()) {
            key.insert_str(0, "./");
        }
        let index = self.files.len();
        let mut duplicates = Vec::new();
        let (result, root) = match self.parse(text, index, &mut duplicates) {
            Ok(root) => (Ok(index), Some(root)),
            Err((at, message)) => {
                let at = Position { file: index, ..at };
                let diagnostic = Diagnostic::new(&name, DiagnosticCode::Syntax, at, message);
                self.sources.diagnostics.push(diagnostic);
                (Err(Broken::Reported), None)
            }
        };
        let fragment = utf8_percent_encode(&escape(&key), FRAGMENT).to_string();
        self.sources.names.push(name);
        self.sources.add_duplicates(index, duplicates);
        self.files.push(LoadedFile {
            origin,
            prefix: format!("/{MEMBER}/{fragment}"),
            key,
            root,
        });
        result
    }

    /// Parses the text of the file with this index. An error has its position.
    fn parse(
        &mut self,
        text: &str,
        index: usize,
        duplicates: &mut Vec<yaml::SyntaxError>,
    ) -> Result<Node, (Position, String)> {
        let parsed = yaml::parse(text).map_err(|error| (error.at, error.message))?;
        *duplicates = parsed.duplicates;
        let mut root = parsed.root;
        if self.has_siblings {
            identifier::resolve(&mut root, text);
        }
        set_file(&mut root, index);
        self.weight += yaml::weight(&root);
        if self.weight > yaml::MAX_WEIGHT {
            let message = "the files of the document are too large";
            return Err((Position::START, message.to_owned()));
        }
        Ok(root)
    }

    /// Returns the maximum size of the next file.
    fn remaining_bytes(&self) -> u64 {
        MAX_BYTES.saturating_sub(self.bytes)
    }

    fn read_text(&self, path: &Path) -> Result<String, Broken> {
        let metadata = fs::metadata(path).map_err(|error| unreadable(&error))?;
        // Reading a pipe or a device may never end.
        if !metadata.is_file() {
            return Err(Broken::Because("is not a regular file".to_owned()));
        }
        let left = self.remaining_bytes();
        let mut text = String::new();
        let file = File::open(path).map_err(|error| unreadable(&error))?;
        let read = file.take(left + 1).read_to_string(&mut text);
        // First, because a file that is cut within a character is not valid UTF-8 either.
        if metadata.len() > left || text.len() as u64 > left {
            return Err(too_large());
        }
        read.map_err(|error| unreadable(&error))?;
        Ok(text)
    }

    /// Returns a path relative to the document's folder, which does not reveal where the folder is.
    fn relative_path(&self, canonical: &Path) -> String {
        let mut own = self.folder.components().peekable();
        let mut other = canonical.components().peekable();
        while own.peek().is_some() && own.peek() == other.peek() {
            own.next();
            other.next();
        }
        let up = own.map(|_| Component::ParentDir);
        let tokens: Vec<_> = up
            .chain(other)
            .map(|token| token.as_os_str().to_string_lossy().into_owned())
            .collect();
        tokens.join("/")
    }

    /// Puts `root` back, with the other files in it.
    fn merge(self, root: &mut Node) -> SourceFiles {
        let mut files = self.files.into_iter();
        let main = files.next().and_then(|file| file.root);
        *root = main.unwrap_or_else(|| Node::new(Position::START, Kind::Null));
        rewrite(root, &self.rewrites);
        let others = files.filter_map(|file| Some((file.key, file.root?)));
        let mut others: Vec<_> = others.collect();
        for (_, node) in &mut others {
            rewrite(node, &self.rewrites);
        }
        if let (false, Kind::Object(members)) = (others.is_empty(), &mut root.kind) {
            let new = || Node::new(Position::START, Kind::Object(indexmap::IndexMap::new()));
            let held = members.entry(MEMBER.to_owned()).or_insert_with(new);
            match &mut held.kind {
                Kind::Object(files) => files.extend(others),
                other => *other = Kind::Object(others.into_iter().collect()),
            }
        }
        self.sources
    }
}

fn too_large() -> Broken {
    let limit = MAX_BYTES / (1024 * 1024);
    Broken::Because(format!(
        "exceeds the limit of {limit} MiB for the other files of a document"
    ))
}

fn unreadable(error: &io::Error) -> Broken {
    Broken::Because(format!("can't be read: {error}"))
}

/// Returns whether the object at a pointer into the document is visited together with the document.
fn is_visited(pointer: &str) -> bool {
    ObjectKind::is_at(pointer)
        || ["/definitions/", "/parameters/", "/responses/"]
            .iter()
            .any(|start| pointer.starts_with(start))
}
