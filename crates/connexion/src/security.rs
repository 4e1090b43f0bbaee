//! Who may call an operation: security schemes, and requirements with AND, OR and optional
//! (OpenAPI 3.1, sections 4.8.27 and 4.8.30).
//!
//! The library finds the credentials in a request and knows what an operation requires; whether credentials
//! are good is for the application to say, by the verifier that it registers for each scheme.

mod requirement;

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::Arc,
};

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use base64::Engine as _;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};

use crate::{
    diagnostics::{Code, Fault},
    document::{
        Document,
        cursor::Place,
        node::{Kind, Node},
    },
    pairs::{cookies, decode, pairs},
    problem::{In, Problem},
};

pub use requirement::{OperationSecurity, SecurityRequirement};

/// What a client shows to be let in. Never printed: `Debug` tells the kind only.
///
/// ```
/// # use connexion::Credentials;
/// # use connexion::{Principal, Problem};
/// async fn verify(credentials: Credentials) -> Result<Option<Principal>, Problem> {
///     match credentials {
///         Credentials::Basic { user, password } if password == "secret" => {
///             Ok(Some(Principal::new(user, ["read"])))
///         }
///         _ => Ok(None),
///     }
/// }
///
/// assert_eq!(format!("{:?}", Credentials::ApiKey("secret".to_owned())), "ApiKey(…)");
/// ```
///
/// A key that is empty counts as none, and one that was sent twice as wrong; the verifier is not asked then.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub enum Credentials {
    /// The value of the header, query parameter or cookie of an `apiKey` scheme.
    ApiKey(String),
    /// `http` with `scheme: basic` (RFC 7617).
    Basic {
        /// The user's name.
        user: String,
        /// The password.
        password: String,
    },
    /// The token of `http` with `scheme: bearer`, of `oauth2` and `openIdConnect` (RFC 6750); of other `http`
    /// schemes what follows the scheme's name.
    Token(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ApiKey(_) => "ApiKey(…)",
            Self::Basic { .. } => "Basic(…)",
            Self::Token(_) => "Token(…)",
        })
    }
}

/// Who calls, as the verifier found out. A handler takes it as an argument; one whose operation can be called
/// without credentials takes `Option<Principal>`.
///
/// If several schemes are required at once the name and id are those of the first, with the scopes of all.
///
/// ```
/// async fn whoami(principal: connexion::Principal) -> String {
///     principal.name
/// }
/// ```
///
/// Of an operation that requires nothing there is no principal: taking one is then answered with 500.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Principal {
    /// What the verifier calls it, for logs and pages.
    pub name: String,
    /// Identifies the principal, also when its name is given to another one later: what belongs to a principal is
    /// stored under it. The name, unless [`Principal::with_id`] sets it.
    pub id: String,
    /// What it may do; an operation is answered with 403 if one that it requires is not here.
    pub scopes: BTreeSet<String>,
}

impl Principal {
    /// A principal with these scopes.
    ///
    /// Without scopes it may call only what requires none.
    ///
    /// ```
    /// # use connexion::Principal;
    /// let principal = Principal::new("Ann", ["read", "write"]);
    /// assert!(principal.scopes.contains("write"));
    /// ```
    pub fn new<S: Into<String>>(
        name: impl Into<String>,
        scopes: impl IntoIterator<Item = S>,
    ) -> Self {
        let name = name.into();
        Self {
            id: name.clone(),
            name,
            scopes: scopes.into_iter().map(Into::into).collect(),
        }
    }

    /// Sets what identifies the principal: the number of a key, or a token's issuer and subject. Names may be reused.
    ///
    /// ```
    /// # use connexion::Principal;
    /// let principal = Principal::new("Ann", ["read"]).with_id("key 17");
    /// assert_eq!((&*principal.name, &*principal.id), ("Ann", "key 17"));
    /// ```
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }
}

impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            tracing::error!("a handler takes a principal, but its operation has no security");
            Problem::internal().of_library()
        })
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        Ok(parts.extensions.get::<Self>().cloned())
    }
}

impl Document {
    /// Every scope that a security requirement of the document asks for.
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
    /// # Ok::<(), connexion::Faults>(())
    /// ```
    ///
    /// A scope that a scheme declares, but no requirement asks for, is not among them.
    pub fn scopes(&self) -> BTreeSet<&str> {
        let scopes = requirements(self).flat_map(|(_, scopes)| scopes.items());
        scopes.filter_map(Node::as_str).collect()
    }
}

fn is_required(document: &Document, scheme: &str) -> bool {
    requirements(document).any(|(name, _)| name == scheme)
}

/// The schemes in all requirements of a document, with their scopes.
fn requirements(document: &Document) -> impl Iterator<Item = (&str, &Node)> {
    let operations = document.operations().into_iter();
    let operations = operations.filter_map(|operation| operation.place.node.get("security"));
    let all = document.root.get("security").into_iter().chain(operations);
    all.flat_map(Node::items).flat_map(Node::members)
}

/// Says who shows these credentials; `None` if they are not good.
pub(crate) type Verifier = Arc<
    dyn Fn(Credentials) -> BoxFuture<'static, Result<Option<Principal>, Problem>> + Send + Sync,
>;

/// The verifiers that were registered.
#[derive(Default)]
pub(crate) struct Verifiers {
    pub(crate) by_scheme: Vec<(String, Verifier)>,
    /// For schemes without one of their own.
    pub(crate) default: Option<Verifier>,
}

/// Where a scheme's credentials stand in a request.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Source {
    Header(HeaderName),
    Query(String),
    Cookie(String),
    Basic,
    Bearer,
    /// Another scheme of the header `Authorization`, as the document writes it.
    Other(String),
}

/// A security scheme of the document and its verifier.
struct Scheme {
    name: String,
    source: Source,
    verify: Verifier,
}

/// What the credentials that a scheme found are worth.
enum Outcome {
    Missing,
    Invalid,
    Valid(Principal),
    /// The verifier can't tell.
    Unknown,
}

impl Source {
    /// Reads a security scheme; the error says what is wrong with it.
    fn compile(place: &Place<'_>) -> Result<Self, String> {
        let text = |key: &str| {
            let text = place.text(key);
            text.ok_or_else(|| format!("the security scheme has no `{key}`"))
        };
        match text("type")? {
            "apiKey" => {
                let name = text("name")?;
                match text("in")? {
                    "query" => Ok(Self::Query(name.to_owned())),
                    "cookie" => Ok(Self::Cookie(name.to_owned())),
                    "header" => {
                        let known = name.parse().ok().map(Self::Header);
                        known.ok_or_else(|| format!("`{name}` can't be the name of a header"))
                    }
                    other => Err(format!(
                        "`in: {other}` of a key is unknown: write header, query or cookie"
                    )),
                }
            }
            "http" => Ok(match text("scheme")? {
                name if name.eq_ignore_ascii_case("basic") => Self::Basic,
                name if name.eq_ignore_ascii_case("bearer") => Self::Bearer,
                name => Self::Other(name.to_owned()),
            }),
            "oauth2" | "openIdConnect" => Ok(Self::Bearer),
            other => Err(format!(
                "security schemes of the type `{other}` are not supported"
            )),
        }
    }

    /// The credentials in a request: `None` if there are none, an error if they can't be read.
    fn credentials(
        &self,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Option<Credentials>, ()> {
        let key = |mut found: Vec<String>| match (found.pop(), found.pop()) {
            // A verifier that compares with a secret which was never set would let an empty one in.
            (Some(key), None) if key.is_empty() => Ok(None),
            (Some(key), None) => Ok(Some(Credentials::ApiKey(key))),
            (None, _) => Ok(None),
            // Whoever checks one and uses the other could be fooled.
            (Some(_), Some(_)) => Err(()),
        };
        match self {
            Self::Header(name) => {
                let texts = headers.get_all(name).iter().map(|value| value.to_str());
                let texts = texts.map(|text| text.map(str::to_owned));
                key(texts.collect::<Result<_, _>>().map_err(drop)?)
            }
            Self::Query(name) => {
                let pairs = pairs(query.unwrap_or_default()).into_iter();
                let texts = pairs.filter(|(known, _)| known == name);
                key(texts
                    .map(|(_, text)| decode(text, In::Query).into_owned())
                    .collect())
            }
            Self::Cookie(name) => {
                let pairs = cookies(headers).into_iter();
                let texts = pairs.filter(|(known, _)| known == name);
                key(texts.map(|(_, text)| text).collect())
            }
            Self::Basic => authorization(headers, "basic")?.map(basic).transpose(),
            Self::Bearer => match authorization(headers, "bearer")? {
                Some(text) if text.is_empty() || text.contains([' ', '\t']) => Err(()),
                text => Ok(text.map(token)),
            },
            Self::Other(scheme) => Ok(authorization(headers, scheme)?.map(token)),
        }
    }

    fn is_authorization(&self) -> bool {
        match self {
            Self::Basic | Self::Bearer | Self::Other(_) => true,
            Self::Header(name) => name == header::AUTHORIZATION,
            Self::Query(_) | Self::Cookie(_) => false,
        }
    }

    /// A value for `WWW-Authenticate` (RFC 9110, section 11.6.1), with `more` parameters.
    fn challenge(&self, realm: &str, more: &str) -> String {
        match self {
            Self::Basic => format!("Basic realm=\"{realm}\", charset=\"UTF-8\""),
            Self::Bearer => format!("Bearer realm=\"{realm}\"{more}"),
            Self::Other(scheme) => format!("{scheme} realm=\"{realm}\""),
            Self::Header(_) | Self::Query(_) | Self::Cookie(_) => {
                format!("ApiKey realm=\"{realm}\"")
            }
        }
    }
}

fn token(text: &str) -> Credentials {
    Credentials::Token(text.to_owned())
}

/// What follows the scheme's name in `Authorization`; `None` if the header is not there or of another scheme.
fn authorization<'h>(headers: &'h HeaderMap, scheme: &str) -> Result<Option<&'h str>, ()> {
    let mut fields = headers.get_all(header::AUTHORIZATION).iter();
    let (field, second) = (fields.next(), fields.next());
    let Some(field) = field else { return Ok(None) };
    if second.is_some() {
        return Err(());
    }
    let text = field.to_str().map_err(drop)?;
    let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
    Ok(name.eq_ignore_ascii_case(scheme).then_some(rest.trim()))
}

/// The user's name ends at the first colon (RFC 7617, section 2).
fn basic(text: &str) -> Result<Credentials, ()> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(text);
    let text = String::from_utf8(bytes.map_err(drop)?).map_err(drop)?;
    let (user, password) = text.split_once(':').ok_or(())?;
    Ok(Credentials::Basic {
        user: user.to_owned(),
        password: password.to_owned(),
    })
}

impl Scheme {
    async fn outcome(&self, query: Option<&str>, headers: &HeaderMap) -> Result<Outcome, Problem> {
        match self.source.credentials(query, headers) {
            Ok(None) => Ok(Outcome::Missing),
            Err(()) => Ok(Outcome::Invalid),
            Ok(Some(credentials)) => {
                let principal = (self.verify)(credentials).await?;
                Ok(principal.map_or(Outcome::Invalid, Outcome::Valid))
            }
        }
    }
}

/// What each scheme found, by its name.
type Outcomes<'g> = HashMap<&'g str, Outcome>;

/// Schemes that are required together, each with the scopes that the principal must have.
type Alternative = Vec<(Arc<Scheme>, Vec<String>)>;

/// What an operation requires: one of several alternatives.
pub(crate) struct Guard {
    alternatives: Vec<Alternative>,
    /// Whether there may be no credentials at all (`{}`).
    is_optional: bool,
    /// For challenges: the API's title.
    realm: String,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |all: &Alternative| -> Vec<String> {
            all.iter().map(|(scheme, _)| scheme.name.clone()).collect()
        };
        f.debug_list()
            .entries(self.alternatives.iter().map(names))
            .finish()
    }
}

impl Guard {
    /// Whether the query parameter or cookie of this name is a key.
    pub(crate) fn reads(&self, location: In, name: &str) -> bool {
        let mut schemes = self.schemes();
        schemes.any(|scheme| match &scheme.source {
            Source::Query(known) => location == In::Query && known == name,
            Source::Cookie(known) => location == In::Cookie && known == name,
            _ => false,
        })
    }

    /// Lets a request pass if one of the alternatives does, and says who calls.
    ///
    /// # Errors
    /// What a verifier answers that can't tell, 403 if scopes are missing, 401 otherwise. Wrong credentials are
    /// refused where none would do.
    pub(crate) async fn check(
        &self,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Option<Principal>, Problem> {
        let mut outcomes = Outcomes::new();
        let (mut unknown, mut lacking) = (None, None);
        for alternative in &self.alternatives {
            let (mut principal, mut missing) = (None::<Principal>, Vec::new());
            let mut is_known = true;
            for (scheme, scopes) in alternative {
                if !outcomes.contains_key(scheme.name.as_str()) {
                    let outcome = scheme.outcome(query, headers).await;
                    let outcome = outcome.unwrap_or_else(|problem| {
                        unknown.get_or_insert(problem);
                        Outcome::Unknown
                    });
                    outcomes.insert(&scheme.name, outcome);
                }
                let Some(Outcome::Valid(found)) = outcomes.get(scheme.name.as_str()) else {
                    is_known = false;
                    continue;
                };
                let lacks = scopes.iter().filter(|scope| !found.scopes.contains(*scope));
                missing.extend(lacks.cloned());
                match &mut principal {
                    Some(first) => first.scopes.extend(found.scopes.iter().cloned()),
                    None => principal = Some(found.clone()),
                }
            }
            if is_known && missing.is_empty() {
                return Ok(principal);
            }
            if is_known && lacking.is_none() {
                lacking = Some((alternative, missing));
            }
        }
        // Whoever could not be asked might have let the request pass: that is no refusal.
        if let Some(problem) = unknown {
            return Err(problem);
        }
        match lacking {
            Some((alternative, missing)) => Err(self.forbidden(alternative, &missing)),
            None if self.is_optional && !self.is_tried(&outcomes, headers) => Ok(None),
            None => Err(self.unauthorized(&outcomes)),
        }
    }

    fn schemes(&self) -> impl Iterator<Item = &Arc<Scheme>> {
        self.alternatives.iter().flatten().map(|(scheme, _)| scheme)
    }

    /// Whether a request shows anything, be it of a scheme that is not asked for: its client believes to be
    /// known, and must not be answered as if it were nobody.
    fn is_tried(&self, outcomes: &Outcomes<'_>, headers: &HeaderMap) -> bool {
        let mut found = outcomes.values();
        found.any(|outcome| !matches!(outcome, Outcome::Missing))
            || headers.contains_key(header::AUTHORIZATION)
                && self
                    .schemes()
                    .any(|scheme| scheme.source.is_authorization())
    }

    fn unauthorized(&self, outcomes: &Outcomes<'_>) -> Problem {
        let is_invalid = |scheme: &&Arc<Scheme>| {
            let outcome = outcomes.get(scheme.name.as_str());
            matches!(outcome, Some(Outcome::Invalid))
        };
        let detail = if self.schemes().any(|scheme| is_invalid(&scheme)) {
            "The credentials are not valid."
        } else {
            "Credentials are required."
        };
        // A client throws away the token that it is told of, so it must not hear that for a wrong key.
        let mut invalid = self.schemes().filter(is_invalid);
        let more = if invalid.any(|scheme| scheme.source == Source::Bearer) {
            ", error=\"invalid_token\""
        } else {
            ""
        };
        let problem = Problem::new(StatusCode::UNAUTHORIZED, detail);
        self.challenged(problem, self.alternatives.iter().flatten(), more)
    }

    fn forbidden(&self, alternative: &Alternative, missing: &[String]) -> Problem {
        let detail = format!("The scope '{}' is required.", missing.join("', '"));
        let problem = Problem::new(StatusCode::FORBIDDEN, detail);
        // Only a token's scopes can be asked for anew (RFC 6750, section 3.1).
        let bearers = alternative
            .iter()
            .filter(|(scheme, _)| scheme.source == Source::Bearer);
        let scopes = missing.join(" ");
        let more = format!(
            ", error=\"insufficient_scope\", scope=\"{}\"",
            quoted(&scopes)
        );
        self.challenged(problem, bearers, &more)
    }

    fn challenged<'s>(
        &self,
        mut problem: Problem,
        schemes: impl Iterator<Item = &'s (Arc<Scheme>, Vec<String>)>,
        more: &str,
    ) -> Problem {
        let challenges = schemes.map(|(scheme, _)| scheme.source.challenge(&self.realm, more));
        for challenge in challenges.collect::<BTreeSet<_>>() {
            if let Ok(value) = HeaderValue::from_bytes(challenge.as_bytes()) {
                problem = problem.with_header(header::WWW_AUTHENTICATE, value);
            }
        }
        problem
    }
}

/// A text as it stands in a quoted string of a header (RFC 9110, section 5.6.4).
fn quoted(text: &str) -> String {
    let kept = text.chars().filter(|c| !c.is_control());
    kept.collect::<String>()
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
}

fn declared(document: &Document) -> Vec<(&str, Place<'_>)> {
    let components = Place::root(document).get("components");
    let schemes = components.and_then(|all| all.get("securitySchemes"));
    schemes.iter().flat_map(Place::members).collect()
}

/// Adds what is wrong with schemes and requirements to `faults`.
pub(crate) fn check(document: &Document, faults: &mut Vec<Fault>) {
    let schemes = declared(document);
    for (name, place) in &schemes {
        // A reference that is still one leads nowhere, which is reported elsewhere.
        let is_lost = place.node.get("$ref").is_some();
        // What a client shows there is never seen here, which matters only if it is asked for.
        let is_spared = place.text("type") == Some("mutualTLS") && !is_required(document, name);
        if let (false, Err(message)) = (is_lost || is_spared, Source::compile(place)) {
            faults.push(document.fault(Code::SecuritySchemeInvalid, place.node.at, message));
        }
    }
    let root = [Place::root(document)];
    let operations = document.operations();
    let holders = root.iter().chain(operations.iter().map(|one| &one.place));
    for security in holders.filter_map(|holder| holder.node.get("security")) {
        if !matches!(security.kind, Kind::Array(_)) {
            let message = "`security` must be a list";
            faults.push(document.fault(Code::MemberInvalid, security.at, message));
        }
        for requirement in security.items() {
            if requirement.as_object().is_none() {
                let message = "a security requirement must be an object: the name of a scheme, and a list of scopes";
                faults.push(document.fault(Code::MemberInvalid, requirement.at, message));
            }
            for (name, scopes) in requirement.members() {
                if !schemes.iter().any(|(known, _)| *known == name) {
                    let message = format!("there is no security scheme `{name}`; declare it");
                    let code = Code::SecuritySchemeMissing;
                    faults.push(document.fault(code, scopes.at, message));
                }
                if !matches!(scopes.kind, Kind::Array(_))
                    || scopes.items().iter().any(|scope| scope.as_str().is_none())
                {
                    let message = format!("the scopes of `{name}` must be a list of texts");
                    faults.push(document.fault(Code::MemberInvalid, scopes.at, message));
                }
            }
        }
    }
}

/// The schemes of a document with their verifiers.
pub(crate) struct Schemes<'d> {
    document: &'d Document,
    known: HashMap<&'d str, Arc<Scheme>>,
}

impl<'d> Schemes<'d> {
    /// Gives each scheme its verifier; one without, and a verifier without scheme, is a fault.
    pub(crate) fn compile(
        document: &'d Document,
        verifiers: &Verifiers,
        faults: &mut Vec<Fault>,
    ) -> Self {
        let mut known = HashMap::new();
        let schemes = declared(document);
        for (name, place) in &schemes {
            let own = verifiers.by_scheme.iter().find(|(known, _)| known == name);
            let verifier = own
                .map(|(_, verifier)| verifier)
                .or(verifiers.default.as_ref());
            match (verifier, Source::compile(place)) {
                (Some(verify), Ok(source)) => {
                    let scheme = Scheme {
                        name: (*name).to_owned(),
                        source,
                        verify: Arc::clone(verify),
                    };
                    known.insert(*name, Arc::new(scheme));
                }
                // Reported by `check`.
                (_, Err(_)) => {}
                (None, Ok(_)) => {
                    let message = format!("the security scheme `{name}` has no verifier");
                    faults.push(document.fault(Code::VerifierMissing, place.node.at, message));
                }
            }
        }
        for (name, _) in &verifiers.by_scheme {
            if !schemes.iter().any(|(known, _)| known == name) {
                let message =
                    format!("there is a verifier for `{name}`, but no such security scheme");
                faults.push(document.fault(Code::VerifierUnknown, document.paths_at(), message));
            }
        }
        Self { document, known }
    }

    /// What an operation requires: its own `security`, or that of the document.
    pub(crate) fn guard(&self, operation: &Place<'_>) -> Option<Guard> {
        let security = operation.node.get("security");
        let security = security.or_else(|| self.document.root.get("security"))?;
        let texts = |node: &Node| {
            let texts = node.items().iter().filter_map(Node::as_str);
            texts.map(str::to_owned).collect::<Vec<_>>()
        };
        self.guarded(security.items().iter().map(|requirement| {
            let schemes = requirement.members();
            schemes
                .map(|(name, scopes)| (name, texts(scopes)))
                .collect()
        }))
    }

    /// A guard that asks for this one scheme; `None` if there is no such scheme, which is a fault.
    pub(crate) fn guard_of(
        &self,
        (name, scopes): &(String, Vec<String>),
        faults: &mut Vec<Fault>,
    ) -> Option<Guard> {
        if !declared(self.document)
            .iter()
            .any(|(known, _)| known == name)
        {
            let message =
                format!("the docs require `{name}`, but there is no such security scheme");
            let (code, at) = (Code::SecuritySchemeMissing, self.document.paths_at());
            faults.push(self.document.fault(code, at, message));
        }
        self.guarded([vec![(name.as_str(), scopes.clone())]].into_iter())
    }

    fn guarded<'n>(
        &self,
        requirements: impl Iterator<Item = Vec<(&'n str, Vec<String>)>>,
    ) -> Option<Guard> {
        let (optional, required): (Vec<_>, Vec<_>) = requirements.partition(Vec::is_empty);
        // A scheme that is not known is a fault, so nothing is served without it.
        let find = |(name, scopes)| Some((Arc::clone(self.known.get(name)?), scopes));
        let alternatives: Vec<Alternative> = required
            .into_iter()
            .map(|schemes| schemes.into_iter().filter_map(find).collect())
            .collect();
        (!alternatives.is_empty()).then(|| Guard {
            alternatives,
            is_optional: !optional.is_empty(),
            realm: quoted(self.document.title()),
        })
    }
}
