//! Where one stands in a document while reading it: a node, and the pointer under which it is found.

use std::borrow::Cow;

use http::Method;
use indexmap::IndexMap;

use crate::document::{
    Document, MAX_REFERENCES, Version, decoded,
    node::{Node, push},
    server,
};

/// Keys of a path item that are operations (OpenAPI 3.1, section 4.8.9).
pub(crate) const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// An operation where it stands in the document.
#[derive(Debug)]
pub(crate) struct OperationCursor<'d> {
    pub(crate) path: &'d str,
    pub(crate) method: Method,
    pub(crate) path_item: Cursor<'d>,
    pub(crate) cursor: Cursor<'d>,
}

impl<'d> OperationCursor<'d> {
    /// Its `operationId`, or else its method and path.
    pub(crate) fn id(&self) -> Cow<'d, str> {
        match self.cursor.text("operationId") {
            Some(id) if !id.is_empty() => id.into(),
            _ => {
                let method = self.method.as_str().to_ascii_lowercase();
                format!("{method} {}", self.path).into()
            }
        }
    }

    /// What stands before its path: that of its own servers, or of its path's, or of the document's.
    pub(crate) fn base_paths(&self) -> Vec<String> {
        let holders = [
            self.cursor.node,
            self.path_item.node,
            &self.cursor.document.root,
        ];
        let mut paths = holders.into_iter().map(server::paths);
        let paths = paths.find(|paths| !paths.is_empty());
        paths.unwrap_or_else(|| vec![String::new()])
    }

    /// The name of its handler: Python's connexion puts the module before the function.
    pub(crate) fn handler(&self) -> String {
        let module = ["x-openapi-router-controller", "x-swagger-router-controller"];
        match module.iter().find_map(|key| self.cursor.text(key)) {
            Some(module) => format!("{module}.{}", self.id()),
            None => self.id().into_owned(),
        }
    }
}

impl Document {
    /// Every operation, in the order of the document.
    pub(crate) fn operations(&self) -> Vec<OperationCursor<'_>> {
        let Some(paths) = Cursor::root(self).get("paths") else {
            return Vec::new();
        };
        let mut operations = Vec::new();
        for (path, item) in paths.members().filter(|(path, _)| path.starts_with('/')) {
            for (key, place) in item.members() {
                if METHODS.contains(&key)
                    && let Ok(method) = Method::from_bytes(key.to_ascii_uppercase().as_bytes())
                {
                    operations.push(OperationCursor {
                        path,
                        method,
                        path_item: item.clone(),
                        cursor: place,
                    });
                }
            }
        }
        operations
    }
}

/// The parameters of an operation: its own, and those of the path item that it does not replace
/// (OpenAPI 3.1, section 4.8.10, `parameters`).
pub(crate) fn parameters<'d>(item: &Cursor<'d>, operation: &Cursor<'d>) -> Vec<Cursor<'d>> {
    let all = parameters_as_written(item, operation).into_iter();
    all.map(|(_, parameter)| parameter).collect()
}

/// The same, each with the place where it or a reference to it stands before it.
pub(crate) fn parameters_as_written<'d>(
    item: &Cursor<'d>,
    operation: &Cursor<'d>,
) -> Vec<(Cursor<'d>, Cursor<'d>)> {
    // What 3.2 has added is told by `structure`, what is ignored by `check`.
    let is_new = |parameter: &Cursor<'_>| parameter.text("in") == Some("querystring");
    let all = |holder: &Cursor<'d>| -> Vec<_> {
        let list = holder.get("parameters");
        let all = list.iter().flat_map(Cursor::items_as_written);
        all.map(|written| (written.clone(), written.resolve()))
            .filter(|(_, parameter)| !(is_new(parameter) && parameter.is_3_2()))
            .filter(|(_, parameter)| !is_ignored(parameter.document, parameter))
            .collect()
    };
    let mut own = all(operation);
    for parameter in all(item) {
        let key = parameter_key(&parameter.1);
        if !own.iter().any(|(_, known)| parameter_key(known) == key) {
            own.push(parameter);
        }
    }
    own
}

/// Returns the names of the path parameters whose values may have slashes: those of `format: path`. OpenAPI leaves the
/// format to applications (3.1, section 4.4); Python's connexion gives it this meaning.
pub(crate) fn slash_parameters<'d>(item: &Cursor<'d>, operation: &Cursor<'d>) -> Vec<&'d str> {
    let has_format = |schema: &Cursor<'_>| schema.text("format") == Some("path");
    let has_slashes = |parameter: &Cursor<'d>| {
        let schema = parameter.get("schema");
        parameter.text("in") == Some("path")
            && schema.is_some_and(|schema| {
                has_format(&schema)
                    || schema
                        .get("allOf")
                        .iter()
                        .flat_map(Cursor::items)
                        .any(|part| has_format(&part))
            })
    };
    let all = parameters(item, operation).into_iter().filter(has_slashes);
    all.filter_map(|parameter| parameter.text("name")).collect()
}

/// Whether a parameter stands for a header of which another part of the document speaks: its definition "shall be
/// ignored" (OpenAPI 3.1, section 4.8.12.1, `name`). Swagger 2.0 knew no such rule.
pub(crate) fn is_ignored(document: &Document, parameter: &Cursor<'_>) -> bool {
    parameter.text("in") == Some("header")
        && parameter
            .text("name")
            .is_some_and(|name| is_ignored_header(document, name))
}

/// The same of a header of a response (OpenAPI 3.0.3, section 4.7.17.1, `headers`; section 4.7.21).
pub(crate) fn is_ignored_header(document: &Document, name: &str) -> bool {
    const IGNORED: [&str; 3] = ["accept", "authorization", "content-type"];
    document.version != Version::Swagger2 && IGNORED.contains(&name.to_ascii_lowercase().as_str())
}

/// What makes parameters the same: place and name, without regard to case in headers (RFC 9110, section 5.1).
pub(crate) fn parameter_key<'d>(parameter: &Cursor<'d>) -> (Option<&'d str>, Option<Cow<'d, str>>) {
    let (location, name) = (parameter.text("in"), parameter.text("name"));
    let name = name.map(|name| match location {
        Some("header") => Cow::Owned(name.to_ascii_lowercase()),
        _ => Cow::Borrowed(name),
    });
    (location, name)
}

/// A node and the JSON Pointer under which it is found. Moving to a member follows references.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'d> {
    document: &'d Document,
    pub(crate) node: &'d Node,
    pub(crate) pointer: String,
}

impl<'d> Cursor<'d> {
    pub(crate) fn root(document: &'d Document) -> Self {
        Self {
            document,
            node: &document.root,
            pointer: String::new(),
        }
    }

    pub(crate) fn document(&self) -> &'d Document {
        self.document
    }

    /// The member called `key`, without following its reference.
    pub(crate) fn as_written(&self, key: &str) -> Option<Self> {
        Some(self.below(key, self.node.get(key)?))
    }

    pub(crate) fn is_3_2(&self) -> bool {
        self.document.version == Version::OpenApi32
    }

    /// The member called `key`. A broken reference is like a missing member here; it is reported by
    /// [`Document::check`].
    pub(crate) fn get(&self, key: &str) -> Option<Self> {
        self.as_written(key).map(Self::resolve)
    }

    /// The schema called `key`. A reference is followed only if it stands alone: what stands beside it counts.
    pub(crate) fn schema(&self, key: &str) -> Option<Self> {
        // A list under `items` is no schema, but several.
        let node = self.node.get(key).filter(|node| node.items().is_empty())?;
        let mut place = self.below(key, node);
        for _ in 0..MAX_REFERENCES {
            let members = place.node.as_object().map_or(0, IndexMap::len);
            match place.target().filter(|_| members == 1) {
                Some(target) => place = target,
                None => break,
            }
        }
        Some(place)
    }

    /// The text of the member called `key`.
    pub(crate) fn text(&self, key: &str) -> Option<&'d str> {
        self.node.get(key).and_then(Node::as_str)
    }

    /// Whether the member called `key` is `true`.
    pub(crate) fn flag(&self, key: &str) -> bool {
        self.node.get(key).and_then(Node::as_bool).unwrap_or(false)
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = (&'d str, Self)> {
        let all = self.members_as_written();
        all.map(|(key, place)| (key, place.resolve()))
    }

    pub(crate) fn members_as_written(&self) -> impl Iterator<Item = (&'d str, Self)> {
        let all = self.node.members();
        all.map(|(key, node)| (key, self.below(key, node)))
    }

    pub(crate) fn items(&self) -> impl Iterator<Item = Self> {
        self.items_as_written().map(Self::resolve)
    }

    pub(crate) fn items_as_written(&self) -> impl Iterator<Item = Self> {
        let items = self.node.items().iter().enumerate();
        items.map(|(i, node)| self.below(&i.to_string(), node))
    }

    fn below(&self, key: &str, node: &'d Node) -> Self {
        let mut pointer = String::with_capacity(self.pointer.len() + 1 + key.len());
        pointer.push_str(&self.pointer);
        push(&mut pointer, key);
        Self {
            document: self.document,
            node,
            pointer,
        }
    }

    /// What the references that stand here lead to.
    pub(crate) fn resolved(&self) -> Self {
        self.clone().resolve()
    }

    fn resolve(mut self) -> Self {
        for _ in 0..MAX_REFERENCES {
            match self.target() {
                Some(target) => self = target,
                None => break,
            }
        }
        self
    }

    /// What the reference that stands here leads to.
    pub(crate) fn target(&self) -> Option<Self> {
        let reference = self.text("$ref")?;
        Some(Self {
            document: self.document,
            node: self.document.target(reference).ok()?,
            pointer: decoded(reference).into_owned(),
        })
    }
}
