//! The files that a document is spread over, made one document when it is loaded.
//!
//! Each file that a reference leads to is read once and becomes a member of [`MEMBER`] at the document's
//! root; the references between files become references within the document. So whoever reads the document
//! later knows local references only, and what is served is whole. Only what stands where the
//! specification has a reference is one: an example may hold a `$ref` as data.
//!
//! A URL is refused, since a document must not make a service ask other hosts, unless the application gives a
//! function that fetches it.

mod found;

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    fs::{self, File},
    io::{self, Read as _},
    path::{Component, Path, PathBuf},
};

use fluent_uri::{Uri, UriRef};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use self::found::{Found, kin};
use crate::{
    diagnostics::{Diagnostic, DiagnosticCode},
    document::{
        decoded, identifier,
        node::{Kind, Node, Position, escape, push, unescape},
        object::Part,
        yaml::{self, SyntaxFault},
    },
};

/// The member of the root that holds the other files, by their paths from the document's folder.
pub(crate) const MEMBER: &str = "x-connexion-files";

/// How many files a document may be spread over.
const MAX_FILES: usize = 1_000;

/// How many bytes all files but the first may have together.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// What need not be escaped in a fragment (RFC 3986, section 3.5), and has no other meaning there.
const FRAGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The same for a whole JSON Pointer.
pub(crate) const POINTER: &AsciiSet = &FRAGMENT.remove(b'/');

/// The names of a document's files, and what became of the references between them.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    /// By [`Position::file`].
    names: Vec<String>,
    /// References as their authors wrote them, where that is not how they read now.
    written: HashMap<Position, String>,
    /// Why references lead nowhere.
    broken: HashMap<Position, Broken>,
    /// What is wrong with the files as such.
    pub(crate) faults: Vec<Diagnostic>,
}

/// Why a reference leads nowhere.
#[derive(Clone, Debug)]
pub(crate) enum Broken {
    /// The file has a fault of its own, which is told.
    Told,
    Because(String),
}

impl Sources {
    fn single(name: String) -> Self {
        Self {
            names: vec![name],
            written: HashMap::new(),
            broken: HashMap::new(),
            faults: Vec::new(),
        }
    }

    /// Reads the files that `root`, which was read from `path` if that is known, refers to, and makes them part of it.
    pub(crate) fn gather<'f>(
        name: String,
        path: Option<&Path>,
        fetch: Option<&'f mut Fetch<'f>>,
        root: &mut Node,
        has_siblings: bool,
    ) -> Self {
        let is_alone = path.is_none();
        let path = path.unwrap_or(Path::new(""));
        // What is no file, such as a pipe, has no path of its own.
        let canonical = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let held = root.get(MEMBER).into_iter().flat_map(Node::members);
        let keys = held.map(|(key, _)| key.to_owned()).collect();
        let main = Tree {
            place: Location::File(path.to_owned()),
            prefix: String::new(),
            key: String::new(),
            node: Some(std::mem::replace(root, Node::new(root.at, Kind::Null))),
        };
        let mut gathering = Gathering {
            sources: Self::single(name),
            folder: canonical.parent().map(Path::to_owned).unwrap_or_default(),
            trees: vec![main],
            known: HashMap::from([(Location::File(canonical), Ok(0))]),
            fetch,
            keys,
            rewrites: HashMap::new(),
            targets: vec![(0, String::new(), Part::Document)],
            seen: HashSet::new(),
            has_siblings,
            is_alone,
            bytes: 0,
            weight: 0,
        };
        gathering.follow_all();
        gathering.join(root)
    }

    /// Takes up the keys that stand twice in a file.
    pub(crate) fn add_duplicates(&mut self, file: usize, duplicates: Vec<SyntaxFault>) {
        for SyntaxFault { at, message, .. } in duplicates {
            let at = Position { file, ..at };
            let fault = Diagnostic::new(self.name(at), DiagnosticCode::Syntax, at, message);
            self.faults.push(fault);
        }
    }

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

    /// The reference at this place as its author wrote it, if it reads differently now.
    pub(crate) fn written(&self, at: Position) -> Option<&str> {
        self.written.get(&at).map(String::as_str)
    }

    /// Why the reference at this place leads nowhere, if that is known since the files were read.
    pub(crate) fn broken(&self, at: Position) -> Option<&Broken> {
        self.broken.get(&at)
    }
}

/// Whether a JSON Pointer leads into a file other than the document's own.
pub(crate) fn is_elsewhere(pointer: &str) -> bool {
    let rest = pointer.strip_prefix('/');
    let rest = rest.and_then(|rest| rest.strip_prefix(MEMBER));
    rest.is_some_and(|rest| rest.starts_with('/'))
}

/// The schema that the one at a pointer is a branch of by `allOf`, or itself: a discriminator in such a branch speaks of
/// the whole.
pub(crate) fn owner(mut pointer: &str) -> &str {
    while let Some((holder, index)) = pointer.rsplit_once('/')
        && let Some(holder) = holder.strip_suffix("/allOf")
        && index.bytes().all(|byte| byte.is_ascii_digit())
    {
        pointer = holder;
    }
    pointer
}

/// The names by which a schema may be called that stands at a pointer: the last token, or that of a whole file without its
/// ending.
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

/// Gives the text at a URL.
pub(crate) type Fetch<'f> = dyn FnMut(&str) -> io::Result<String> + 'f;

/// Why a reference that leaves its file is not followed, whatever there is.
pub(crate) fn refusal(reference: &str) -> Option<String> {
    let (path, _) = split(reference);
    if is_url(path) {
        return Some(format!(
            "`{reference}` is a URL, which is refused: nothing is fetched; copy it into a file"
        ));
    }
    let is_absolute = Path::new(&*decoded(path)).has_root() || path.starts_with(['/', '\\']);
    is_absolute.then(|| {
        format!(
            "`{reference}` is an absolute path, which is refused; write it relative to this file"
        )
    })
}

/// Whether a reference names another host, or a scheme.
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

/// The path of a reference and its fragment.
pub(crate) fn split(reference: &str) -> (&str, &str) {
    reference.split_once('#').unwrap_or((reference, ""))
}

/// The index of a file; or why there is none.
type Known = Result<usize, Broken>;

/// Where a file is.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Location {
    File(PathBuf),
    Url(String),
}

struct Tree {
    /// As it was reached: what it refers to is relative to that.
    place: Location,
    /// JSON Pointer of where it will stand.
    prefix: String,
    /// The last token of that.
    key: String,
    /// `None` if it can't be understood.
    node: Option<Node>,
}

struct Gathering<'f> {
    sources: Sources,
    /// That of the document, without symbolic links.
    folder: PathBuf,
    /// By [`Position::file`].
    trees: Vec<Tree>,
    /// What became of each file, by its URL or its path without symbolic links.
    known: HashMap<Location, Known>,
    /// If URLs are followed.
    fetch: Option<&'f mut Fetch<'f>>,
    /// Taken already.
    keys: HashSet<String>,
    /// What is to stand at these places.
    rewrites: HashMap<Position, String>,
    /// Parts in which references are still to be looked for: file, JSON Pointer in it, kind.
    targets: Vec<(usize, String, Part)>,
    seen: HashSet<(usize, String, Part)>,
    /// Whether what stands beside a schema's reference counts.
    has_siblings: bool,
    /// Whether it is not known where the document is, so that nothing can be relative to it.
    is_alone: bool,
    bytes: u64,
    weight: usize,
}

impl Gathering<'_> {
    fn follow_all(&mut self) {
        while let Some(target) = self.targets.pop() {
            if !self.seen.insert(target.clone()) {
                continue;
            }
            let (file, pointer, part) = target;
            let mut found = Found {
                has_siblings: self.has_siblings,
                references: Vec::new(),
            };
            let root = self.trees.get(file).and_then(|tree| tree.node.as_ref());
            if let Some(root) = root
                && let Some(node) = root.at_pointer(&pointer)
            {
                found.part(node, part);
                let kin = if part == Part::Schema {
                    kin(root, node, &pointer)
                } else {
                    Vec::new()
                };
                self.targets
                    .extend(kin.into_iter().map(|pointer| (file, pointer, part)));
            }
            for (at, reference, part) in found.references {
                self.follow(file, at, reference, part);
            }
        }
    }

    fn follow(&mut self, from: usize, at: Position, reference: String, part: Part) {
        let file = match self.target(from, &reference) {
            Ok(file) => file,
            Err(broken) => {
                self.sources.broken.insert(at, broken);
                return;
            }
        };
        let (path, fragment) = split(&reference);
        // What stands elsewhere can't be found by whoever does not know where the text is from.
        if self.is_alone && !path.is_empty() {
            return;
        }
        let pointer = decoded(fragment);
        let named = if pointer.is_empty() || pointer.starts_with('/') {
            None
        } else {
            let node = self.trees.get(file).and_then(|tree| tree.node.as_ref());
            let Some(found) = node.and_then(|node| anchored(node, &pointer, &mut String::new()))
            else {
                let why = format!("`{reference}` does not exist");
                self.sources.broken.insert(at, Broken::Because(why));
                return;
            };
            Some(found)
        };
        let (pointer, fragment) = match named {
            Some(pointer) => {
                let fragment = utf8_percent_encode(&pointer, POINTER).to_string();
                (pointer.into(), fragment.into())
            }
            None => (pointer, Cow::Borrowed(fragment)),
        };
        // The document's own parts are looked at anyway; not so what stands below `x-…`, as the files that it holds
        // since it was served.
        if file != 0 || !is_walked(&pointer) {
            self.targets.push((file, pointer.into_owned(), part));
        }
        let prefix = self.trees.get(file).map_or("", |tree| &tree.prefix);
        let local = format!("#{prefix}{fragment}");
        if local != reference {
            self.rewrites.insert(at, local);
            self.sources.written.insert(at, reference);
        }
    }

    /// The file that a reference leads into.
    fn target(&mut self, from: usize, reference: &str) -> Known {
        let (path, _) = split(reference);
        let file = if path.is_empty() || self.is_alone {
            Ok(from)
        } else if let Some(url) = self.url(from, path) {
            url.and_then(|url| self.fetched(url))
        } else if let Some(refusal) = refusal(reference) {
            return Err(Broken::Because(refusal));
        } else {
            self.file(from, path)
        };
        file.map_err(|broken| match broken {
            Broken::Because(why) => Broken::Because(format!("`{reference}` {why}")),
            Broken::Told => Broken::Told,
        })
    }

    /// The URL that a reference leads to, if URLs are followed and it leads to one.
    fn url(&self, from: usize, path: &str) -> Option<Result<String, Broken>> {
        self.fetch.as_ref()?;
        let base = match self.trees.get(from).map(|tree| &tree.place) {
            Some(Location::Url(base)) => Some(base),
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
        let refused = || Broken::Because("is no URL of the web, which alone is fetched".to_owned());
        let url = url
            .map(|url| url.normalize())
            .filter(is_web)
            .ok_or_else(refused);
        Some(url.map(Uri::into_string))
    }

    fn fetched(&mut self, url: String) -> Known {
        let place = Location::Url(url.clone());
        self.once(place.clone(), |gathering| {
            let fetch = gathering.fetch.as_mut();
            let text = fetch.map_or(Ok(String::new()), |fetch| fetch(&url));
            let text = text.map_err(|error| unreadable(&error))?;
            gathering.add(&text, place, url.clone(), url)
        })
    }

    /// The file that is called `path` in another one.
    fn file(&mut self, from: usize, path: &str) -> Known {
        let folder = match self.trees.get(from).map(|tree| &tree.place) {
            Some(Location::File(path)) => path.parent(),
            _ => None,
        };
        let path = folder.unwrap_or(Path::new("")).join(&*decoded(path));
        let canonical = fs::canonicalize(&path).map_err(|error| unreadable(&error))?;
        self.once(Location::File(canonical.clone()), |gathering| {
            let text = gathering.text(&canonical)?;
            // Components leave out the dots of `./a`.
            let name = path.components().collect::<PathBuf>();
            let key = gathering.key(&canonical);
            gathering.add(&text, Location::File(path), name.display().to_string(), key)
        })
    }

    /// What became of the file at `place`, which `read` is asked the first time.
    fn once(&mut self, place: Location, read: impl FnOnce(&mut Self) -> Known) -> Known {
        if let Some(known) = self.known.get(&place) {
            return known.clone();
        }
        let known = if self.trees.len() < MAX_FILES {
            read(self)
        } else {
            let why = format!("is one file too many: a document may have {MAX_FILES}");
            Err(Broken::Because(why))
        };
        self.known.insert(place, known.clone());
        known
    }

    /// Takes up a file; it is reported under `name` and served under `key`.
    fn add(&mut self, text: &str, place: Location, name: String, mut key: String) -> Known {
        if text.len() as u64 > self.left() {
            return Err(too_large());
        }
        self.bytes += text.len() as u64;
        while !self.keys.insert(key.clone()) {
            key.insert_str(0, "./");
        }
        let index = self.trees.len();
        let fault = |at: Position, message: String| {
            Diagnostic::new(
                &name,
                DiagnosticCode::Syntax,
                Position { file: index, ..at },
                message,
            )
        };
        let mut duplicates = Vec::new();
        let node = match yaml::parse(text) {
            Ok(parsed) => {
                let mut node = parsed.root;
                duplicates = parsed.duplicates;
                if self.has_siblings {
                    identifier::resolve(&mut node, text);
                }
                stamp(&mut node, index);
                self.weight += yaml::weight(&node);
                if self.weight > yaml::MAX_WEIGHT {
                    let message = "the files of the document are too large";
                    Err(fault(Position::START, message.to_owned()))
                } else {
                    Ok(node)
                }
            }
            Err(error) => Err(fault(error.at, error.message)),
        };
        let (known, node) = match node {
            Ok(node) => (Ok(index), Some(node)),
            Err(fault) => {
                self.sources.faults.push(fault);
                (Err(Broken::Told), None)
            }
        };
        let fragment = utf8_percent_encode(&escape(&key), FRAGMENT).to_string();
        self.sources.names.push(name);
        self.sources.add_duplicates(index, duplicates);
        self.trees.push(Tree {
            place,
            prefix: format!("/{MEMBER}/{fragment}"),
            key,
            node,
        });
        known
    }

    /// How many bytes another file may have.
    fn left(&self) -> u64 {
        MAX_BYTES.saturating_sub(self.bytes)
    }

    fn text(&self, path: &Path) -> Result<String, Broken> {
        let metadata = fs::metadata(path).map_err(|error| unreadable(&error))?;
        // To read a pipe or a device may never end.
        if !metadata.is_file() {
            return Err(Broken::Because("is no file".to_owned()));
        }
        let left = self.left();
        let mut text = String::new();
        let file = File::open(path).map_err(|error| unreadable(&error))?;
        let read = file.take(left + 1).read_to_string(&mut text);
        // Within a character if it is too long, which is no text then.
        if metadata.len() > left || text.len() as u64 > left {
            return Err(too_large());
        }
        read.map_err(|error| unreadable(&error))?;
        Ok(text)
    }

    /// The path from the document's folder, which says nothing of where on this machine that is.
    fn key(&self, canonical: &Path) -> String {
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

    /// Puts `root` together again, with the other files in it.
    fn join(self, root: &mut Node) -> Sources {
        let mut trees = self.trees.into_iter();
        let main = trees.next().and_then(|tree| tree.node);
        *root = main.unwrap_or_else(|| Node::new(Position::START, Kind::Null));
        rewrite(root, &self.rewrites);
        let others = trees.filter_map(|tree| Some((tree.key, tree.node?)));
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

/// The pointer of the schema in a file that has this `$anchor`.
fn anchored(node: &Node, name: &str, pointer: &mut String) -> Option<String> {
    if node.get("$anchor").and_then(Node::as_str) == Some(name) {
        return Some(pointer.clone());
    }
    let length = pointer.len();
    let mut below = |key: &str, node: &Node| {
        push(pointer, key);
        let found = anchored(node, name, pointer);
        pointer.truncate(length);
        found
    };
    match &node.kind {
        Kind::Object(members) => members.iter().find_map(|(key, node)| below(key, node)),
        Kind::Array(items) => {
            let mut items = items.iter().enumerate();
            items.find_map(|(i, node)| below(&i.to_string(), node))
        }
        _ => None,
    }
}

fn too_large() -> Broken {
    Broken::Because("is too large, with the other files of the document".to_owned())
}

fn unreadable(error: &io::Error) -> Broken {
    Broken::Because(format!("can't be read: {error}"))
}

/// Says of every place in which file it is.
fn stamp(node: &mut Node, file: usize) {
    node.at.file = file;
    match &mut node.kind {
        Kind::Array(items) => items.iter_mut().for_each(|item| stamp(item, file)),
        Kind::Object(members) => members.values_mut().for_each(|member| stamp(member, file)),
        _ => {}
    }
}

fn rewrite(node: &mut Node, rewrites: &HashMap<Position, String>) {
    match &mut node.kind {
        Kind::Array(items) => items.iter_mut().for_each(|item| rewrite(item, rewrites)),
        Kind::Object(members) => members
            .values_mut()
            .for_each(|member| rewrite(member, rewrites)),
        Kind::String(text) => {
            if let Some(local) = rewrites.get(&node.at) {
                text.clone_from(local);
            }
        }
        _ => {}
    }
}

/// Whether what stands at a pointer into the document is looked at with the document.
fn is_walked(pointer: &str) -> bool {
    Part::is_at(pointer)
        || ["/definitions/", "/parameters/", "/responses/"]
            .iter()
            .any(|start| pointer.starts_with(start))
}
