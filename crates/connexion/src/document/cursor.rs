//! Cursors into a document: a node together with its JSON Pointer.

use std::borrow::Cow;

use http::Method;
use indexmap::IndexMap;

use crate::document::{
    Document, MAX_REFERENCES, Version, decoded,
    node::{Node, push},
    server,
};

/// The fields of a path item that are operations (OpenAPI 3.1, section 4.8.9).
pub(crate) const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// An operation of the document.
#[derive(Debug)]
pub(crate) struct OperationCursor<'d> {
    pub(crate) path: &'d str,
    pub(crate) method: Method,
    pub(crate) path_item: Cursor<'d>,
    pub(crate) cursor: Cursor<'d>,
}

impl<'d> OperationCursor<'d> {
    /// Returns the `operationId`, or the method and path of an operation without one.
    pub(crate) fn id(&self) -> Cow<'d, str> {
        match self.cursor.text("operationId") {
            Some(id) if !id.is_empty() => id.into(),
            _ => {
                let method = self.method.as_str().to_ascii_lowercase();
                format!("{method} {}", self.path).into()
            }
        }
    }

    /// Returns the base paths of the operation: of its own servers, or else of the path item's, or else of the document's.
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

    /// Returns the name of the handler. As in Python's connexion, a router controller is a prefix of it.
    pub(crate) fn handler(&self) -> String {
        let module = ["x-openapi-router-controller", "x-swagger-router-controller"];
        match module.iter().find_map(|key| self.cursor.text(key)) {
            Some(module) => format!("{module}.{}", self.id()),
            None => self.id().into_owned(),
        }
    }
}

impl Document {
    /// Returns all operations, in the order of the document.
    pub(crate) fn operations(&self) -> Vec<OperationCursor<'_>> {
        let Some(paths) = Cursor::root(self).get("paths") else {
            return Vec::new();
        };
        let mut operations = Vec::new();
        for (path, item) in paths.members().filter(|(path, _)| path.starts_with('/')) {
            for (key, cursor) in item.members() {
                if METHODS.contains(&key)
                    && let Ok(method) = Method::from_bytes(key.to_ascii_uppercase().as_bytes())
                {
                    operations.push(OperationCursor {
                        path,
                        method,
                        path_item: item.clone(),
                        cursor,
                    });
                }
            }
        }
        operations
    }
}

/// Returns the parameters of an operation: its own, and those of the path item that it does not override (OpenAPI 3.1,
/// section 4.8.10, `parameters`).
pub(crate) fn parameters<'d>(item: &Cursor<'d>, operation: &Cursor<'d>) -> Vec<Cursor<'d>> {
    let all = parameters_as_written(item, operation).into_iter();
    all.map(|(_, parameter)| parameter).collect()
}

/// Returns pairs of each parameter as it is listed, which may be a reference, and the parameter itself.
pub(crate) fn parameters_as_written<'d>(
    item: &Cursor<'d>,
    operation: &Cursor<'d>,
) -> Vec<(Cursor<'d>, Cursor<'d>)> {
    // `lint` reports parameters that are new in OpenAPI 3.2 or ignored.
    let is_new = |parameter: &Cursor<'_>| parameter.text("in") == Some("querystring");
    let all = |holder: &Cursor<'d>| -> Vec<_> {
        let list = holder.get("parameters");
        let all = list.iter().flat_map(Cursor::items_as_written);
        all.map(|listed| (listed.clone(), listed.resolve()))
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

/// Returns the names of the path parameters whose values may contain slashes: those with `format: path`. OpenAPI leaves
/// formats to applications (3.1, section 4.4); Python's connexion defines this one.
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

/// Returns whether a parameter is a header that other fields describe: its definition "shall be ignored" (OpenAPI 3.1,
/// section 4.8.12.1, `name`). Swagger 2.0 has no such rule.
pub(crate) fn is_ignored(document: &Document, parameter: &Cursor<'_>) -> bool {
    parameter.text("in") == Some("header")
        && parameter
            .text("name")
            .is_some_and(|name| is_ignored_header(document, name))
}

/// Returns whether the definition of a response header is ignored (OpenAPI 3.0.3, section 4.7.17.1, `headers`; section
/// 4.7.21).
pub(crate) fn is_ignored_header(document: &Document, name: &str) -> bool {
    const IGNORED: [&str; 3] = ["accept", "authorization", "content-type"];
    document.version != Version::Swagger2 && IGNORED.contains(&name.to_ascii_lowercase().as_str())
}

/// Returns what identifies a parameter: location and name. Names of headers are case-insensitive (RFC 9110, section 5.1).
pub(crate) fn parameter_key<'d>(parameter: &Cursor<'d>) -> (Option<&'d str>, Option<Cow<'d, str>>) {
    let (location, name) = (parameter.text("in"), parameter.text("name"));
    let name = name.map(|name| match location {
        Some("header") => Cow::Owned(name.to_ascii_lowercase()),
        _ => Cow::Borrowed(name),
    });
    (location, name)
}

/// A node and its JSON Pointer. Moving to a field follows references.
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

    /// Moves to the field `key` without following a reference.
    pub(crate) fn as_written(&self, key: &str) -> Option<Self> {
        Some(self.below(key, self.node.get(key)?))
    }

    pub(crate) fn is_3_2(&self) -> bool {
        self.document.version == Version::OpenApi32
    }

    /// Moves to the field `key` and follows references. A broken reference is returned as it is; [`Document::check`]
    /// reports it.
    pub(crate) fn get(&self, key: &str) -> Option<Self> {
        self.as_written(key).map(Self::resolve)
    }

    /// Moves to the schema `key`. A reference is followed only if it has no keywords beside it.
    pub(crate) fn schema(&self, key: &str) -> Option<Self> {
        // A list under `items` has several schemas.
        let node = self.node.get(key).filter(|node| node.items().is_empty())?;
        let mut cursor = self.below(key, node);
        for _ in 0..MAX_REFERENCES {
            let members = cursor.node.as_object().map_or(0, IndexMap::len);
            match cursor.target().filter(|_| members == 1) {
                Some(target) => cursor = target,
                None => break,
            }
        }
        Some(cursor)
    }

    /// Returns the field `key`, if it is a string.
    pub(crate) fn text(&self, key: &str) -> Option<&'d str> {
        self.node.get(key).and_then(Node::as_str)
    }

    /// Returns whether the field `key` is `true`.
    pub(crate) fn flag(&self, key: &str) -> bool {
        self.node.get(key).and_then(Node::as_bool).unwrap_or(false)
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = (&'d str, Self)> {
        let all = self.members_as_written();
        all.map(|(key, cursor)| (key, cursor.resolve()))
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

    /// Follows the references at this node.
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

    /// Follows the reference at this node, if it is one.
    pub(crate) fn target(&self) -> Option<Self> {
        let reference = self.text("$ref")?;
        Some(Self {
            document: self.document,
            node: self.document.target(reference).ok()?,
            pointer: decoded(reference).into_owned(),
        })
    }
}
