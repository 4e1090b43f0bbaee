//! Settings of an [`Api`]: authentication and authorization.

use std::sync::Arc;

use super::Api;
use crate::{
    problem::Problem,
    security::{AuthContext, Credentials, Principal, Verifier},
};

impl<S: Clone + Send + Sync + 'static> Api<S> {
    /// Registers the verifier of a security scheme.
    ///
    /// It returns the principal to whom the credentials belong, `None` if they are invalid, or a problem if it can't verify
    /// them, such as a 503. The [`AuthContext`] has the request's head and the required scopes. Compare secrets in constant
    /// time.
    ///
    /// Credentials are verified before anything else of a request is read. If they are missing or invalid, the response is
    /// 401; if they lack a scope that the operation requires, it is 403.
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
    /// [`Api::build`] reports a verifier of a scheme that the document does not have, and a scheme without a verifier, as
    /// errors.
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

    /// Registers the verifier of every security scheme that has no verifier of its own; see [`Api::security`].
    ///
    /// It is never called if the document has no security schemes. A second verifier replaces the first.
    ///
    /// ```
    /// # use connexion::{Api, Credentials, Document, Principal};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::load("docs/examples/login.yaml")?;
    /// # let get = |path: &str| http::Request::get(path).body(axum::body::Body::empty());
    /// let service = Api::from_document(document)
    ///     .default_security(async |credentials, _| match credentials {
    ///         Credentials::Token(token) if token == "secret" => Ok(Some(Principal::new("Ann", ["people:read"]))),
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

    /// Requires a security scheme, with these scopes, for the served document and the docs page. By default they are public.
    ///
    /// [`Api::build`] reports a scheme that the document does not have as an error. A browser sends only cookies and `Basic`
    /// credentials when it loads the page's files, so the page needs a scheme of one of these types.
    ///
    /// ```
    /// # use connexion::{Api, Document, Principal};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::load("docs/examples/login.yaml")?;
    /// # let get = |path: &str| http::Request::get(path).body(axum::body::Body::empty());
    /// let service = Api::from_document(document)
    ///     .default_security(async |_, _| Ok(Some(Principal::new("Ann", ["people:read"]))))
    ///     .docs_security("login", &["people:read"])
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

    /// Replaces the check of scopes. By default a principal needs every required scope by its exact name.
    ///
    /// `check` gets the principal that the verifier of a scheme returned, and the scopes that are required with this scheme,
    /// at least one. If it returns `false`, the response is 403. One scope may then include others, for example.
    ///
    /// ```
    /// # use connexion::{Api, Document, Principal};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::load("docs/examples/login.yaml")?;
    /// // The operation requires `people:read`, which `people` includes.
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

    /// Sets whether the document's top-level `security` also applies to paths and methods that the document does not have;
    /// off by default.
    ///
    /// If it is on, a client without credentials gets 401 instead of 404 or 405, and does not learn which paths exist.
    ///
    /// It does not apply to the served document and the docs page: see [`Api::docs_security`]. [`Api::build`] reports a
    /// document without top-level `security` as an error. A browser's CORS preflight has no credentials, so a layer around
    /// the service must respond to it.
    ///
    /// ```
    /// # use connexion::{Api, Document, Principal};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::load("docs/examples/login.yaml")?;
    /// # let get = |path: &str| http::Request::get(path).body(axum::body::Body::empty());
    /// let service = Api::from_document(document)
    ///     .default_security(async |_, _| Ok(Some(Principal::new("Ann", ["people:read"]))))
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
