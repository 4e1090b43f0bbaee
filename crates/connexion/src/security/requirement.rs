//! The security requirements of a document's operations, for an application that decides which of them are in force.
//!
//! The requirements are edited in the document's tree, whatever its version. The guards enforce the remaining ones, and the
//! served document declares them. An application can drop alternatives and open an operation; it can't add a requirement.

use std::{borrow::Cow, collections::HashSet, sync::Arc};

use http::Method;

use super::{declared, source::CredentialSource};
use crate::document::{
    Document, MAX_REFERENCES,
    cursor::{Cursor, OperationCursor},
    decoded,
    node::{Kind, Node, escape},
    yaml,
};

/// The security of one operation, as [`Document::edit_security`] passes it to an application.
///
/// ```
/// # let mut document = connexion::Document::parse("hello.yaml", r#"
/// # openapi: 3.1.0
/// # info: {title: Hello, version: "1"}
/// # security: [{login: [read]}]
/// # paths:
/// #   /hello:
/// #     get: {operationId: hello, responses: {"200": {description: a greeting}}}
/// # components: {securitySchemes: {login: {type: http, scheme: bearer}}}
/// # "#)?;
/// document.edit_security(|operation| {
///     assert_eq!(operation.id(), "hello");
///     assert!(operation.requirements()[0].takes_token());
/// });
/// # Ok::<(), connexion::Diagnostics>(())
/// ```
#[derive(Debug)]
pub struct OperationSecurity<'d> {
    id: Cow<'d, str>,
    method: Method,
    path: &'d str,
    is_declared: bool,
    requirements: Vec<SecurityRequirement>,
    is_changed: bool,
}

/// One alternative of an operation's security: schemes that are required together (OpenAPI 3.1, section 4.8.30).
///
/// Without a scheme (`{}`) it accepts requests without credentials.
///
/// ```
/// # let mut document = connexion::Document::parse("hello.yaml", r#"
/// # openapi: 3.1.0
/// # info: {title: Hello, version: "1"}
/// # paths:
/// #   /hello:
/// #     get:
/// #       operationId: hello
/// #       security: [{key: [], login: [read]}]
/// #       responses: {"200": {description: a greeting}}
/// # components:
/// #   securitySchemes:
/// #     key: {type: apiKey, in: header, name: X-Key}
/// #     login: {type: http, scheme: bearer}
/// # "#)?;
/// document.edit_security(|operation| {
///     let requirement = &operation.requirements()[0];
///     assert!(requirement.schemes().eq(["key", "login"]));
///     assert!(requirement.scopes().eq(["read"]));
/// });
/// # Ok::<(), connexion::Diagnostics>(())
/// ```
#[derive(Debug)]
pub struct SecurityRequirement {
    node: Node,
    takes_token: bool,
}

impl OperationSecurity<'_> {
    /// Returns the `operationId`, or method and path of an operation without one.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the operation's method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Returns the operation's path template, without the base path.
    pub fn path(&self) -> &str {
        self.path
    }

    /// Returns whether the operation or the document has a `security`. An empty one (`security: []`) declares that the
    /// operation is open; without any it may have been forgotten.
    pub fn is_declared(&self) -> bool {
        self.is_declared
    }

    /// Returns the alternative requirements: the operation's own, or else the document's.
    pub fn requirements(&self) -> &[SecurityRequirement] {
        &self.requirements
    }

    /// Drops the alternatives for which `keep` returns `false`, and returns whether at least one is left.
    ///
    /// If none would be left, none is dropped: an empty list would open the operation. [`OperationSecurity::open`] does.
    pub fn retain(&mut self, keep: impl Fn(&SecurityRequirement) -> bool) -> bool {
        let kept = self.requirements.iter().filter(|one| keep(one)).count();
        if kept == 0 {
            return false;
        }
        self.is_changed |= kept < self.requirements.len();
        self.requirements.retain(keep);
        true
    }

    /// Drops all alternatives: requests without credentials are accepted.
    pub fn open(&mut self) {
        self.is_changed |= !self.requirements.is_empty();
        self.requirements.clear();
    }
}

impl SecurityRequirement {
    /// Returns the requirements of an operation: its own, or else the document's; `None` if neither has any.
    pub(crate) fn of(document: &Document, operation: &Cursor<'_>) -> Option<Vec<Self>> {
        let security = operation.node.get("security");
        let security = security.or_else(|| document.root.get("security"))?;
        let schemes = declared(document);
        let takes_token = |name: &str| {
            let mut schemes = schemes.iter().filter(|(known, _)| *known == name);
            schemes.any(|(_, place)| {
                CredentialSource::compile(place).is_ok_and(|source| {
                    matches!(
                        source,
                        CredentialSource::Bearer | CredentialSource::Other(_)
                    )
                })
            })
        };
        let requirements = security.items().iter().map(|node| Self {
            takes_token: node.members().any(|(name, _)| takes_token(name)),
            node: node.clone(),
        });
        Some(requirements.collect())
    }

    /// Returns the names of the schemes that are required together.
    pub fn schemes(&self) -> impl Iterator<Item = &str> {
        self.node.members().map(|(name, _)| name)
    }

    /// Returns the scopes that are required, of all schemes.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        let scopes = self.node.members().flat_map(|(_, scopes)| scopes.items());
        scopes.filter_map(Node::as_str)
    }

    /// Returns whether one of the schemes takes a token ([`Credentials::Token`](crate::Credentials::Token)).
    pub fn takes_token(&self) -> bool {
        self.takes_token
    }
}

impl Document {
    /// Decides which security requirements are in force: calls `edit` for each operation, which may drop alternatives.
    ///
    /// The remaining requirements are enforced, and [`Document::to_json`] and [`Document::text`] declare them. If
    /// something was dropped, [`Document::text`] is generated again, without the author's comments. A path item to which
    /// several paths refer is edited once.
    ///
    /// ```
    /// # use connexion::Document;
    /// let mut document = Document::parse("hello.yaml", r#"
    /// openapi: 3.1.0
    /// info: {title: Hello, version: "1"}
    /// security: [{key: [read]}, {login: [read]}]
    /// paths:
    ///   /hello:
    ///     get: {operationId: hello, responses: {"200": {description: a greeting}}}
    /// components:
    ///   securitySchemes:
    ///     key: {type: apiKey, in: header, name: X-Key}
    ///     login: {type: http, scheme: bearer}
    /// "#)?;
    /// document.edit_security(|operation| {
    ///     operation.retain(|requirement| !requirement.takes_token());
    /// });
    /// assert!(document.to_json().contains(r#""security":[{"key":["read"]}]"#));
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    pub fn edit_security(&mut self, mut edit: impl FnMut(&mut OperationSecurity<'_>)) {
        let mut edited = HashSet::new();
        let mut changes = Vec::new();
        for operation in self.operations() {
            if !edited.insert(operation.cursor.pointer.clone()) {
                continue;
            }
            let mut security = OperationSecurity::of(self, &operation);
            edit(&mut security);
            if security.is_changed {
                let at = operation.cursor.node.at;
                let left = security.requirements.into_iter().map(|one| one.node);
                let list = Node::new(at, Kind::Array(left.collect()));
                let method = operation.method.as_str().to_ascii_lowercase();
                let pointer = format!("/paths/{}/{method}", escape(operation.path));
                changes.push((pointer, list));
            }
        }
        if changes.is_empty() {
            return;
        }
        let source = Arc::make_mut(&mut self.source);
        for (pointer, list) in changes {
            if let Some(Kind::Object(members)) =
                node_mut(source, &pointer).map(|node| &mut node.kind)
            {
                members.insert("security".to_owned(), list);
            }
        }
        self.refresh();
        self.text = if self.text.trim_start().starts_with('{') {
            format!("{:#}\n", self.to_value())
        } else {
            yaml::write(&self.to_value())
        };
    }
}

impl<'d> OperationSecurity<'d> {
    fn of(document: &'d Document, operation: &OperationCursor<'d>) -> Self {
        let requirements = SecurityRequirement::of(document, &operation.cursor);
        Self {
            id: operation.id(),
            method: operation.method.clone(),
            path: operation.path,
            is_declared: requirements.is_some(),
            requirements: requirements.unwrap_or_default(),
            is_changed: false,
        }
    }
}

/// Returns the node at a JSON Pointer for changing it. Follows references on the way, like [`Document::operations`].
fn node_mut<'n>(root: &'n mut Node, pointer: &str) -> Option<&'n mut Node> {
    let mut real = String::new();
    for token in pointer.split('/').skip(1) {
        real = format!("{real}/{token}");
        for _ in 0..MAX_REFERENCES {
            let node = root.at_pointer(&real)?;
            match node.get("$ref").and_then(Node::as_str) {
                Some(reference) => real = decoded(reference).into_owned(),
                None => break,
            }
        }
    }
    root.at_pointer_mut(&real)
}
