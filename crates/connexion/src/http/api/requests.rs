//! Settings of an [`Api`]: the validation of requests and the reading of their bodies.

use super::Api;
use crate::operation::BodyType;

impl<S: Clone + Send + Sync + 'static> Api<S> {
    /// Sets whether query parameters, form fields and cookies that the document does not describe are rejected; on by
    /// default.
    ///
    /// Unknown cookies are rejected only in operations for which the document describes cookies.
    ///
    /// ```
    /// # use connexion::{Api, Body, Document};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::load("examples/hello.yaml")?;
    /// # let get = |path: &str| http::Request::get(path).body(axum::body::Body::empty());
    /// # async fn hello() -> Body<serde_json::Value> { Body(serde_json::json!({"text": "Hello!"})) }
    /// let api = Api::from_document(document).operation("hello", hello);
    /// let service = api.strict_parameters(false).build(())?;
    /// // By default it would be 400.
    /// assert_eq!(service.handle(get("/hello/Ann?x=1")?).await.status(), 200);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn strict_parameters(mut self, on: bool) -> Self {
        self.options.strict_parameters = on;
        self
    }

    /// Sets whether a discriminator decides which values are valid; off by default, as OpenAPI 3.0.4, 3.1.2 and 3.2.0
    /// require.
    ///
    /// If it is on, the property must be present and name one of the schemas, and only that schema counts, even if others of
    /// `oneOf` allow the value too.
    ///
    /// If it is off, the discriminator only selects the schema whose violations are reported. A value of a schema that
    /// others extend by `allOf` is still validated against the schema that it names, if it names one.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let document = Document::parse("zoo.yaml", r##"
    /// openapi: 3.1.0
    /// info: {title: Zoo, version: "1"}
    /// paths:
    ///   /animals:
    ///     post:
    ///       operationId: add
    ///       requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Animal"}}}}
    ///       responses: {"200": {description: it was added}}
    /// components:
    ///   schemas:
    ///     Animal: {oneOf: [{$ref: "#/components/schemas/Cat"}], discriminator: {propertyName: kind}}
    ///     Cat: {type: object, properties: {kind: {type: string}}}
    /// "##)?;
    /// for (strict, status) in [(false, 200), (true, 400)] {
    ///     let api = Api::from_document(document.clone()).operation("add", async || ());
    ///     let service = api.strict_discriminator(strict).build(())?;
    ///     let request = http::Request::post("/animals").header("Content-Type", "application/json");
    ///     let response = service.handle(request.body(r#"{"kind": "Lion"}"#.into())?).await;
    ///     assert_eq!(response.status(), status);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn strict_discriminator(mut self, on: bool) -> Self {
        self.options.strict_discriminator = on;
        self
    }

    /// Sets whether a request is rejected with 406 if its `Accept` allows none of the types that the document describes for
    /// success; on by default.
    ///
    /// If it is off, such a request is handled as if it had no `Accept`. RFC 9110, section 12.5.1, allows both.
    ///
    /// A handler reads the accepted types by [`Accept`](crate::Accept).
    ///
    /// ```
    /// # use connexion::{Api, Body, Document};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::load("examples/hello.yaml")?;
    /// # async fn hello() -> Body<serde_json::Value> { Body(serde_json::json!({"text": "Hello!"})) }
    /// let api = Api::from_document(document).operation("hello", hello);
    /// let service = api.strict_accept(false).build(())?;
    /// let request = http::Request::get("/hello/Ann").header("Accept", "image/png");
    /// // By default it would be 406.
    /// assert_eq!(service.handle(request.body(axum::body::Body::empty())?).await.status(), 200);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn strict_accept(mut self, on: bool) -> Self {
        self.options.strict_accept = on;
        self
    }

    /// Sets whether an encoded comma (`%2C`) separates the items of an array in a query; off by default.
    ///
    /// If it is off, `?tags=a%2Cb` is the one string `a,b`, as the style `form` requires (RFC 6570). Browsers, `requests`,
    /// httpx and other clients always encode the comma, so a service for them may need this setting.
    ///
    /// ```
    /// # use connexion::{Api, Document, PathValues};
    /// # let document = Document::parse("tags.yaml", r#"
    /// # openapi: 3.1.0
    /// # info: {title: Tags, version: "1"}
    /// # paths:
    /// #   /tags:
    /// #     get:
    /// #       operationId: tags
    /// #       parameters: [{name: tags, in: query, explode: false, schema: {type: array, items: {type: string}}}]
    /// #       responses: {"200": {description: some}}
    /// # "#)?;
    /// let service = Api::from_document(document).split_encoded_commas(true).stub(true).build(())?;
    /// let tags = service.operations().next().ok_or("there is no operation")?;
    /// let headers = http::HeaderMap::new();
    /// let input = tags.validate_request(&PathValues::default(), Some("tags=a%2Cb"), &headers, b"")?;
    /// assert_eq!(input.parameters["tags"], serde_json::json!(["a", "b"]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn split_encoded_commas(mut self, on: bool) -> Self {
        self.options.split_encoded_commas = on;
        self
    }

    /// Adds a media type of bodies that is neither JSON nor a string nor a form.
    ///
    /// `decode` turns the bytes into a JSON value, which is validated against the schema and read by [`Body`](crate::Body).
    /// Its error is a 400 with the error's message. Responses of this type are decoded and validated in the same way.
    ///
    /// Such a body is held in memory, within [`Api::body_limit`] and [`Api::value_limit`], and its objects and arrays may be
    /// nested 128 levels deep.
    ///
    /// The last function for a type counts, and replaces the library's own. If the document describes a range, such as
    /// `application/*`, a body of the type is decoded if the range's schema allows more than strings.
    ///
    /// ```
    /// # use connexion::{Api, Body, Document};
    /// # use serde_json::Value;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::parse("hello.yaml", r#"
    /// # openapi: 3.1.0
    /// # info: {title: Hello, version: "1"}
    /// # paths:
    /// #   /hello:
    /// #     post:
    /// #       operationId: hello
    /// #       requestBody: {required: true, content: {application/x-pair: {schema: {$ref: '#/components/schemas/Pair'}}}}
    /// #       responses: {"200": {description: a greeting}}
    /// # components:
    /// #   schemas:
    /// #     Pair: {type: array, minItems: 2, maxItems: 2, items: {type: integer, minimum: 0, maximum: 9}}
    /// # "#)?;
    /// // Two numbers, a byte each.
    /// let pair = |bytes: &[u8]| match bytes {
    ///     [one, two] => Ok(Value::from(vec![*one, *two])),
    ///     _ => Err("a pair has two bytes"),
    /// };
    /// let service = Api::from_document(document)
    ///     .body_type("application/x-pair", pair)
    ///     .operation("hello", async |Body(pair): Body<(u8, u8)>| format!("{pair:?}"))
    ///     .build(())?;
    /// let post = |body: &'static [u8]| {
    ///     let request = http::Request::post("/hello").header("Content-Type", "application/x-pair");
    ///     request.body(axum::body::Body::from(body))
    /// };
    /// assert_eq!(service.handle(post(&[1, 2])?).await.status(), 200);
    /// assert_eq!(service.handle(post(&[1, 10])?).await.status(), 400);
    /// assert_eq!(service.handle(post(&[1])?).await.status(), 400);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn body_type<E: std::fmt::Display>(
        mut self,
        media_type: &str,
        decode: impl Fn(&[u8]) -> Result<serde_json::Value, E> + Send + Sync + 'static,
    ) -> Self {
        self.body_types.push(BodyType::new(media_type, decode));
        self
    }

    /// Sets whether defaults are filled into bodies; on by default.
    ///
    /// An absent property gets its `default`, and an absent body the `default` of its schema. Handlers read them as if they
    /// had been sent.
    ///
    /// Defaults are filled in after the validation, so a `required` property must be sent even if it has a default. They are
    /// filled into nested objects, arrays, `allOf` and references, but not where they depend on the alternative of `oneOf` or
    /// `anyOf`, or on `if`. A default that violates its own schema is a warning, and is not filled in.
    ///
    /// ```
    /// # use connexion::{Api, Body, Document};
    /// # use serde_json::{Value, json};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::parse("hello.yaml", r#"
    /// # openapi: 3.1.0
    /// # info: {title: Hello, version: "1"}
    /// # paths:
    /// #   /hello:
    /// #     post:
    /// #       operationId: hello
    /// #       requestBody: {content: {application/json: {schema: {properties: {times: {type: integer, default: 1}}}}}}
    /// #       responses: {"200": {description: a greeting}}
    /// # "#)?;
    /// let api = Api::from_document(document).operation("hello", async |Body(body): Body<Value>| {
    ///     assert_eq!(body, json!({"times": 1}));
    /// });
    /// let request = http::Request::post("/hello").header("Content-Type", "application/json");
    /// assert_eq!(api.build(())?.handle(request.body("{}".into())?).await.status(), 200);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn body_defaults(mut self, on: bool) -> Self {
        self.options.body_defaults = on;
        self
    }

    /// Sets whether properties of JSON bodies that no schema describes are skipped; off by default, when handlers get them.
    ///
    /// Skipped properties take no memory and do not count as values ([`Api::value_limit`]). Nothing of an object is skipped
    /// if a keyword applies to all its properties, such as `additionalProperties` or `maxProperties`, or if it is described
    /// by other keywords than `properties`, `required` and `allOf`.
    ///
    /// ```
    /// # use connexion::{Api, Body, Document};
    /// # use serde_json::Value;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::parse("hello.yaml", r#"
    /// # openapi: 3.1.0
    /// # info: {title: Hello, version: "1"}
    /// # paths:
    /// #   /hello:
    /// #     post:
    /// #       operationId: hello
    /// #       requestBody: {content: {application/json: {schema: {type: object, properties: {name: {type: string}}}}}}
    /// #       responses: {"200": {description: a greeting}}
    /// # "#)?;
    /// let api = Api::from_document(document).operation("hello", async |body: Body<Value>| body);
    /// let service = api.skip_undescribed(true).build(())?;
    /// let request = http::Request::post("/hello").header("Content-Type", "application/json");
    /// let response = service.handle(request.body(r#"{"name": "Ann", "more": []}"#.into())?).await;
    /// let body = axum::body::to_bytes(response.into_body(), 1000).await?;
    /// assert_eq!(body, r#"{"name":"Ann"}"#);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn skip_undescribed(mut self, on: bool) -> Self {
        self.options.skip_undescribed = on;
        self
    }
}
