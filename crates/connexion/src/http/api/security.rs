//! Settings of an [`Api`]: who may call it.

use std::sync::Arc;

use super::Api;
use crate::{
    problem::Problem,
    security::{AuthContext, Credentials, Principal, Verifier},
};

impl<S: Clone + Send + Sync + 'static> Api<S> {
    /// Gives a security scheme its verifier: it says who shows these credentials, `None` if they are not good,
    /// or a problem if it can't tell (503, say). The [`AuthContext`] has the request's head and the required scopes.
    ///
    /// Credentials are looked at before anything else of a request is read. Without them, or with wrong ones, the
    /// answer is 401; without the scopes that the operation requires 403. Compare secrets in constant time.
    ///
    /// ```
    /// # use connexion::{Api, Credentials, Document, Principal};
    /// # let document = Document::parse("hello.yaml", r#"
    /// # openapi: 3.1.0
    /// # info: {title: Hello, version: "1"}
    /// # security: [{key: []}]
    /// # paths:
    /// #   /hello:
    /// #     get: {operationId: hello, responses: {"200": {description: a greeting}}}
    /// # components: {securitySchemes: {key: {type: apiKey, in: header, name: X-Key}}}
    /// # "#)?;
    /// let service = Api::from_document(document)
    ///     .security("key", async |credentials, _| {
    ///         let is_known = credentials == Credentials::ApiKey("secret".into());
    ///         Ok(is_known.then(|| Principal::new("Ann", ["read"])))
    ///     })
    ///     .operation("hello", async |principal: Principal| principal.name)
    ///     .build(())?;
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    ///
    /// A verifier for a scheme that the document does not have, and a scheme without one, are faults, told by
    /// [`Api::build`].
    #[must_use]
    pub fn security<F, R>(mut self, scheme: &str, verifier: F) -> Self
    where
        F: Fn(Credentials, AuthContext) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Option<Principal>, Problem>> + Send + 'static,
    {
        let verifier = boxed(verifier);
        self.verifiers.by_scheme.push((scheme.to_owned(), verifier));
        self
    }

    /// The verifier of every security scheme that has none of its own; see [`Api::security`].
    ///
    /// It is never asked in a document without security schemes. A second one takes the place of the first.
    ///
    /// ```
    /// # use connexion::{Api, Credentials, Document, Principal};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::parse("hello.yaml", r#"
    /// # openapi: 3.1.0
    /// # info: {title: Hello, version: "1"}
    /// # security: [{login: [read]}]
    /// # paths:
    /// #   /hello:
    /// #     get: {operationId: hello, responses: {"200": {description: a greeting}}}
    /// # components: {securitySchemes: {login: {type: http, scheme: bearer}}}
    /// # "#)?;
    /// # let get = |path: &str| http::Request::get(path).body(axum::body::Body::empty());
    /// let service = Api::from_document(document)
    ///     .default_security(async |credentials, _| match credentials {
    ///         Credentials::Token(token) if token == "secret" => Ok(Some(Principal::new("Ann", ["read"]))),
    ///         _ => Ok(None),
    ///     })
    ///     .operation("hello", async || "Hello!")
    ///     .build(())?;
    /// assert_eq!(service.handle(get("/hello")?).await.status(), 401);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn default_security<F, R>(mut self, verifier: F) -> Self
    where
        F: Fn(Credentials, AuthContext) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Option<Principal>, Problem>> + Send + 'static,
    {
        self.verifiers.default = Some(boxed(verifier));
        self
    }

    /// Requires a security scheme, with these scopes, of those who read the served document and the docs page.
    /// Without it everybody may.
    ///
    /// A scheme that the document does not have is a fault, told by [`Api::build`]. A browser asks for the page's files
    /// with cookies and `Basic` only, so the page needs a scheme of one of these kinds.
    ///
    /// ```
    /// # use connexion::{Api, Document, Principal};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::parse("hello.yaml", r#"
    /// # openapi: 3.1.0
    /// # info: {title: Hello, version: "1"}
    /// # security: [{login: [read]}]
    /// # paths:
    /// #   /hello:
    /// #     get: {operationId: hello, responses: {"200": {description: a greeting}}}
    /// # components: {securitySchemes: {login: {type: http, scheme: bearer}}}
    /// # "#)?;
    /// # let get = |path: &str| http::Request::get(path).body(axum::body::Body::empty());
    /// let service = Api::from_document(document)
    ///     .default_security(async |_, _| Ok(Some(Principal::new("Ann", ["read"]))))
    ///     .docs_security("login", &["read"])
    ///     .serve_document(true)
    ///     .operation("hello", async || "Hello!")
    ///     .build(())?;
    /// assert_eq!(service.handle(get("/openapi.json")?).await.status(), 401);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn docs_security(mut self, scheme: &str, scopes: &[&str]) -> Self {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        self.docs_security = Some((scheme.to_owned(), scopes));
        self
    }

    /// Decides by `check` whether a principal has the scopes that an operation requires, instead of looking for each by
    /// its name: scopes may include others, or one of several may do.
    ///
    /// It is called with the principal that the verifier of a scheme has returned and with the scopes that are required
    /// with this scheme, at least one. If it returns `false` the response is 403.
    ///
    /// ```
    /// # use connexion::{Api, Document, Principal};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::parse("hello.yaml", r#"
    /// # openapi: 3.1.0
    /// # info: {title: Hello, version: "1"}
    /// # security: [{login: ["people:read"]}]
    /// # paths:
    /// #   /hello:
    /// #     get: {operationId: hello, responses: {"200": {description: a greeting}}}
    /// # components: {securitySchemes: {login: {type: http, scheme: bearer}}}
    /// # "#)?;
    /// // The operation requires `people:read`; `people` includes all that begins so.
    /// let service = Api::from_document(document)
    ///     .default_security(async |_, _| Ok(Some(Principal::new("Ann", ["people"]))))
    ///     .scope_check(|principal, required| {
    ///         let has = |scope: &str| principal.scopes.contains(scope);
    ///         required.iter().all(|one| has(one) || one.split_once(':').is_some_and(|(all, _)| has(all)))
    ///     })
    ///     .operation("hello", async || "Hello!")
    ///     .build(())?;
    /// let request = http::Request::get("/hello").header("Authorization", "Bearer a");
    /// assert_eq!(service.handle(request.body(axum::body::Body::empty())?).await.status(), 200);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn scope_check(
        mut self,
        check: impl Fn(&Principal, &[String]) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.verifiers.scopes = Some(Arc::new(check));
        self
    }

    /// Requires of requests for paths and methods that the document does not have what its `security` beside `paths`
    /// requires; off by default. A client without credentials then gets 401 instead of 404 or 405, and does not learn
    /// which paths there are.
    ///
    /// The served document and its page are not meant: see [`Api::docs_security`]. A document without that `security`
    /// is a fault, told by [`Api::build`]. A browser's CORS preflight has no credentials: a layer around the service
    /// has to answer it.
    ///
    /// ```
    /// # use connexion::{Api, Document, Principal};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::parse("hello.yaml", r#"
    /// # openapi: 3.1.0
    /// # info: {title: Hello, version: "1"}
    /// # security: [{login: []}]
    /// # paths:
    /// #   /hello:
    /// #     get: {operationId: hello, responses: {"200": {description: a greeting}}}
    /// # components: {securitySchemes: {login: {type: http, scheme: bearer}}}
    /// # "#)?;
    /// # let get = |path: &str| http::Request::get(path).body(axum::body::Body::empty());
    /// let service = Api::from_document(document)
    ///     .default_security(async |_, _| Ok(Some(Principal::new("Ann", ["read"]))))
    ///     .auth_all_paths(true)
    ///     .operation("hello", async || "Hello!")
    ///     .build(())?;
    /// assert_eq!(service.handle(get("/nowhere")?).await.status(), 401);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn auth_all_paths(mut self, on: bool) -> Self {
        self.options.auth_all_paths = on;
        self
    }
}

fn boxed<F, R>(verifier: F) -> Verifier
where
    F: Fn(Credentials, AuthContext) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Option<Principal>, Problem>> + Send + 'static,
{
    Arc::new(move |credentials, context| Box::pin(verifier(credentials, context)))
}
