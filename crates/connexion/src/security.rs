//! Security schemes and requirements (OpenAPI 3.1, sections 4.8.27 and 4.8.30).
//!
//! The library extracts the credentials of a request and enforces the requirements of an operation. The application
//! verifies credentials, with a verifier that it registers for each scheme.

mod check;
mod guard;
mod principal;
mod requirement;
mod schemes;
mod source;

use std::{collections::BTreeSet, fmt, sync::Arc};

use futures_util::future::BoxFuture;
use http::request::Parts;

use self::guard::RequiredScheme;
pub(crate) use self::{
    check::{check, unenforceable},
    guard::Guard,
    schemes::Schemes,
};
use crate::{
    document::{Document, cursor::Cursor, node::Node},
    problem::Problem,
};

pub use self::{
    principal::{Principal, Principals},
    requirement::{OperationSecurity, SecurityRequirement},
    source::Credentials,
};

impl Document {
    /// Returns every scope that a security requirement of the document requires.
    ///
    /// ```
    /// let document = connexion::Document::parse("hello.yaml", r#"
    /// openapi: 3.1.0
    /// info: {title: Hello, version: "1"}
    /// security: [{login: [read]}, {login: [admin], key: []}]
    /// paths: {}
    /// components:
    ///   securitySchemes:
    ///     login: {type: openIdConnect, openIdConnectUrl: "https://login.example.com"}
    ///     key: {type: apiKey, in: header, name: X-Key}
    /// "#)?;
    /// assert_eq!(document.scopes().into_iter().collect::<Vec<_>>(), ["admin", "read"]);
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    ///
    /// Scopes that a scheme declares, but that no requirement requires, are left out.
    pub fn scopes(&self) -> BTreeSet<&str> {
        let scopes = requirements(self).flat_map(|(_, scopes)| scopes.items());
        scopes.filter_map(Node::as_str).collect()
    }
}

/// Returns the principal of credentials; `None` if these are not valid.
pub(crate) type Verifier = Arc<
    dyn Fn(Credentials, AuthContext) -> BoxFuture<'static, Result<Option<Principal>, Problem>>
        + Send
        + Sync,
>;

/// Decides whether a principal has the scopes that are required.
pub(crate) type ScopeCheck = Arc<dyn Fn(&Principal, &[String]) -> bool + Send + Sync>;

/// The verifiers that were registered.
#[derive(Default)]
pub(crate) struct Verifiers {
    pub(crate) by_scheme: Vec<(String, Verifier)>,
    /// The verifier of schemes without one of their own.
    pub(crate) default: Option<Verifier>,
    /// `None` if a principal must have each required scope by its name.
    pub(crate) scopes: Option<ScopeCheck>,
}

/// The request and its required scopes, which a verifier gets with the credentials. Cheap to clone.
///
/// ```
/// # use connexion::{AuthContext, Credentials, Principal, Problem};
/// async fn verify(credentials: Credentials, context: AuthContext) -> Result<Option<Principal>, Problem> {
///     let Credentials::Token(token) = credentials else { return Ok(None) };
///     // The token is valid only from one address.
///     let from = context.head().headers.get("x-forwarded-for");
///     let is_from_home = from.is_some_and(|from| from == "192.0.2.1");
///     // Looking up the scopes costs a query, which is not needed if none are required.
///     let scopes = if context.scopes().is_empty() { vec![] } else { vec!["read"] };
///     Ok((token == "secret" && is_from_home).then(|| Principal::new("Ann", scopes)))
/// }
/// ```
#[derive(Clone)]
pub struct AuthContext {
    head: Arc<Parts>,
    operation_id: Option<Arc<str>>,
    required: Arc<RequiredScheme>,
}

impl AuthContext {
    /// Returns the request's method, URI, headers and extensions. Layers around the service can add extensions, such as the
    /// client's address.
    pub fn head(&self) -> &Parts {
        &self.head
    }

    /// Returns the `operationId` of the requested operation, or its method and path. It is `None` for the served document,
    /// its page, and paths that the document does not have.
    pub fn operation_id(&self) -> Option<&str> {
        self.operation_id.as_deref()
    }

    /// Returns the name of the security scheme of the credentials.
    pub fn scheme(&self) -> &str {
        &self.required.scheme.name
    }

    /// Returns the scopes that the document requires with this scheme.
    pub fn scopes(&self) -> &[String] {
        &self.required.scopes
    }
}

impl fmt::Debug for AuthContext {
    /// Leaves out the request's headers, which contain the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthContext")
            .field("operation_id", &self.operation_id())
            .field("scheme", &self.scheme())
            .field("scopes", &self.scopes())
            .finish_non_exhaustive()
    }
}

/// Returns the declared security schemes.
fn declared(document: &Document) -> Vec<(&str, Cursor<'_>)> {
    let components = Cursor::root(document).get("components");
    let schemes = components.and_then(|all| all.get("securitySchemes"));
    schemes.iter().flat_map(Cursor::members).collect()
}

/// Returns the schemes in all requirements of a document, with their scopes.
fn requirements(document: &Document) -> impl Iterator<Item = (&str, &Node)> {
    let operations = document.operations().into_iter();
    let operations = operations.filter_map(|operation| operation.cursor.node.get("security"));
    let all = document.root.get("security").into_iter().chain(operations);
    all.flat_map(Node::items).flat_map(Node::members)
}
