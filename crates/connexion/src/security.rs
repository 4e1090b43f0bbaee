//! Who may call an operation: security schemes, and requirements with AND, OR and optional
//! (OpenAPI 3.1, sections 4.8.27 and 4.8.30).
//!
//! The library finds the credentials in a request and knows what an operation requires; whether credentials
//! are good is for the application to say, by the verifier that it registers for each scheme.

mod principal;
mod requirement;
mod source;

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::Arc,
};

use futures_util::future::BoxFuture;
use http::{HeaderValue, StatusCode, header, request::Parts};

use self::source::Source;
use crate::{
    diagnostics::{Diagnostic, DiagnosticCode},
    document::{
        Document,
        cursor::Cursor,
        node::{Kind, Node},
    },
    problem::{ParameterLocation, Problem},
};

pub use self::{
    principal::{Principal, Principals},
    requirement::{OperationSecurity, SecurityRequirement},
    source::Credentials,
};

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
    /// # Ok::<(), connexion::Diagnostics>(())
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
    let operations = operations.filter_map(|operation| operation.cursor.node.get("security"));
    let all = document.root.get("security").into_iter().chain(operations);
    all.flat_map(Node::items).flat_map(Node::members)
}

/// Says who shows these credentials; `None` if they are not good.
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
    /// For schemes without one of their own.
    pub(crate) default: Option<Verifier>,
    /// `None` if a principal must have each scope by its name.
    pub(crate) scopes: Option<ScopeCheck>,
}

/// What a verifier sees beside the credentials: the head of the request, and what the document requires of it. Cheap to
/// clone.
///
/// ```
/// # use connexion::{AuthContext, Credentials, Principal, Problem};
/// async fn verify(credentials: Credentials, context: AuthContext) -> Result<Option<Principal>, Problem> {
///     let Credentials::Token(token) = credentials else { return Ok(None) };
///     // A token for one address, shown from there.
///     let from = context.head().headers.get("x-forwarded-for");
///     let is_from_home = from.is_some_and(|from| from == "192.0.2.1");
///     // Looking up what the token allows costs a query, which is spared if nothing is required.
///     let scopes = if context.scopes().is_empty() { vec![] } else { vec!["read"] };
///     Ok((token == "secret" && is_from_home).then(|| Principal::new("Ann", scopes)))
/// }
/// ```
#[derive(Clone)]
pub struct AuthContext {
    head: Arc<Parts>,
    operation_id: Option<Arc<str>>,
    demand: Arc<Demand>,
}

impl AuthContext {
    /// Returns the request's method, URI, headers and extensions; the latter are those that layers around the service
    /// have added, such as the client's address.
    pub fn head(&self) -> &Parts {
        &self.head
    }

    /// Returns the `operationId` of the operation that the request is for, or its method and path. There is none if the
    /// request is for the served document or its page, or for a path that the document does not have.
    pub fn operation_id(&self) -> Option<&str> {
        self.operation_id.as_deref()
    }

    /// Returns the name of the security scheme to which the credentials belong.
    pub fn scheme(&self) -> &str {
        &self.demand.scheme.name
    }

    /// Returns the scopes that the document requires with this scheme.
    pub fn scopes(&self) -> &[String] {
        &self.demand.scopes
    }
}

impl fmt::Debug for AuthContext {
    /// Without the request's headers, in which the credentials are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthContext")
            .field("operation_id", &self.operation_id())
            .field("scheme", &self.scheme())
            .field("scopes", &self.scopes())
            .finish_non_exhaustive()
    }
}

/// A security scheme of the document and its verifier.
struct Scheme {
    name: Arc<str>,
    source: Source,
    verify: Verifier,
}

/// A scheme and the scopes that are required with it.
struct Demand {
    scheme: Arc<Scheme>,
    scopes: Vec<String>,
}

/// What the credentials that a scheme found are worth.
enum Outcome {
    Missing,
    Invalid,
    Valid(Principal),
    /// The verifier can't tell.
    Unknown,
}

/// Schemes that are required together.
type Alternative = Vec<Arc<Demand>>;

/// A request whose credentials are looked at. A verifier that was asked is not asked again for the same scopes.
struct Asked<'r> {
    head: &'r Arc<Parts>,
    operation_id: Option<&'r Arc<str>>,
    outcomes: Vec<(&'r Arc<Demand>, Outcome)>,
    /// The problem of the first verifier that can't tell.
    unknown: Option<Problem>,
}

impl<'r> Asked<'r> {
    /// Returns where in `outcomes` the one of this demand is.
    async fn ask(&mut self, demand: &'r Arc<Demand>) -> usize {
        let is_same = |known: &Demand| {
            Arc::ptr_eq(&known.scheme, &demand.scheme) && known.scopes == demand.scopes
        };
        let mut known = self.outcomes.iter();
        if let Some(i) = known.position(|(known, _)| is_same(known)) {
            return i;
        }
        let outcome = self.outcome(demand).await.unwrap_or_else(|problem| {
            self.unknown.get_or_insert(problem);
            Outcome::Unknown
        });
        self.outcomes.push((demand, outcome));
        self.outcomes.len() - 1
    }

    async fn outcome(&self, demand: &Arc<Demand>) -> Result<Outcome, Problem> {
        let scheme = &demand.scheme;
        let found = scheme
            .source
            .credentials(self.head.uri.query(), &self.head.headers);
        match found {
            Ok(None) => Ok(Outcome::Missing),
            Err(()) => Ok(Outcome::Invalid),
            Ok(Some(credentials)) => {
                let context = AuthContext {
                    head: Arc::clone(self.head),
                    operation_id: self.operation_id.cloned(),
                    demand: Arc::clone(demand),
                };
                let principal = (scheme.verify)(credentials, context).await?;
                Ok(principal.map_or(Outcome::Invalid, Outcome::Valid))
            }
        }
    }

    fn principal(&self, i: usize) -> Option<&Principal> {
        match self.outcomes.get(i) {
            Some((_, Outcome::Valid(principal))) => Some(principal),
            _ => None,
        }
    }

    fn is_invalid(&self, scheme: &Arc<Scheme>) -> bool {
        let mut outcomes = self.outcomes.iter();
        outcomes.any(|(demand, outcome)| {
            Arc::ptr_eq(&demand.scheme, scheme) && matches!(outcome, Outcome::Invalid)
        })
    }

    /// Whether the request shows anything.
    fn is_tried(&self) -> bool {
        let mut outcomes = self.outcomes.iter();
        outcomes.any(|(_, outcome)| !matches!(outcome, Outcome::Missing))
    }
}

/// What an operation requires: one of several alternatives.
pub(crate) struct Guard {
    alternatives: Vec<Alternative>,
    /// Whether there may be no credentials at all (`{}`).
    is_optional: bool,
    scope_check: Option<ScopeCheck>,
    /// For challenges: the API's title.
    realm: String,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |all: &Alternative| -> Vec<Arc<str>> {
            let names = all.iter().map(|demand| &demand.scheme.name);
            names.cloned().collect()
        };
        f.debug_list()
            .entries(self.alternatives.iter().map(names))
            .finish()
    }
}

impl Guard {
    /// Whether the query parameter or cookie of this name is a key.
    pub(crate) fn reads(&self, location: ParameterLocation, name: &str) -> bool {
        let mut schemes = self.schemes();
        schemes.any(|scheme| match &scheme.source {
            Source::Query(known) => location == ParameterLocation::Query && known == name,
            Source::Cookie(known) => location == ParameterLocation::Cookie && known == name,
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
        head: &Arc<Parts>,
        operation_id: Option<&Arc<str>>,
    ) -> Result<Principals, Problem> {
        let mut asked = Asked {
            head,
            operation_id,
            outcomes: Vec::new(),
            unknown: None,
        };
        let mut lacking = None;
        for alternative in &self.alternatives {
            let (mut found, mut missing) = (Vec::with_capacity(alternative.len()), Vec::new());
            for demand in alternative {
                let i = asked.ask(demand).await;
                if let Some(principal) = asked.principal(i) {
                    missing.extend(self.missing(principal, &demand.scopes));
                    found.push((Arc::clone(&demand.scheme.name), principal.clone()));
                }
            }
            if found.len() < alternative.len() {
                continue;
            }
            if missing.is_empty() {
                return Ok(Principals::new(found));
            }
            lacking.get_or_insert((alternative, missing));
        }
        // Whoever could not be asked might have let the request pass: that is no refusal.
        if let Some(problem) = asked.unknown {
            return Err(problem);
        }
        match lacking {
            Some((alternative, missing)) => Err(self.forbidden(alternative, &missing)),
            None if self.is_optional && !self.is_tried(&asked) => Ok(Principals::default()),
            None => Err(self.unauthorized(&asked)),
        }
    }

    /// The scopes that a principal lacks.
    fn missing(&self, principal: &Principal, scopes: &[String]) -> Vec<String> {
        let lacks = scopes.iter().filter(|one| !principal.scopes.contains(*one));
        match &self.scope_check {
            None => lacks.cloned().collect(),
            Some(check) if scopes.is_empty() || check(principal, scopes) => Vec::new(),
            Some(_) => {
                let lacks: Vec<_> = lacks.cloned().collect();
                // The function may ask for more than names.
                if lacks.is_empty() {
                    scopes.to_vec()
                } else {
                    lacks
                }
            }
        }
    }

    fn schemes(&self) -> impl Iterator<Item = &Arc<Scheme>> {
        self.alternatives
            .iter()
            .flatten()
            .map(|demand| &demand.scheme)
    }

    /// Whether a request shows anything, be it of a scheme that is not asked for: its client believes to be
    /// known, and must not be answered as if it were nobody.
    fn is_tried(&self, asked: &Asked<'_>) -> bool {
        asked.is_tried()
            || asked.head.headers.contains_key(header::AUTHORIZATION)
                && self
                    .schemes()
                    .any(|scheme| scheme.source.is_authorization())
    }

    fn unauthorized(&self, asked: &Asked<'_>) -> Problem {
        let detail = if self.schemes().any(|scheme| asked.is_invalid(scheme)) {
            "The credentials are not valid."
        } else {
            "Credentials are required."
        };
        // A client throws away the token that it is told of, so it must not hear that for a wrong key.
        let mut invalid = self.schemes().filter(|scheme| asked.is_invalid(scheme));
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
            .filter(|demand| demand.scheme.source == Source::Bearer);
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
        schemes: impl Iterator<Item = &'s Arc<Demand>>,
        more: &str,
    ) -> Problem {
        let challenges = schemes.map(|one| one.scheme.source.challenge(&self.realm, more));
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

fn declared(document: &Document) -> Vec<(&str, Cursor<'_>)> {
    let components = Cursor::root(document).get("components");
    let schemes = components.and_then(|all| all.get("securitySchemes"));
    schemes.iter().flat_map(Cursor::members).collect()
}

/// Adds what is wrong with schemes and requirements to `faults`.
pub(crate) fn check(document: &Document, faults: &mut Vec<Diagnostic>) {
    let schemes = declared(document);
    for (name, place) in &schemes {
        // A reference that is still one leads nowhere, which is reported elsewhere.
        let is_lost = place.node.get("$ref").is_some();
        // What a client shows there is never seen here, which matters only if it is asked for.
        let is_spared = place.text("type") == Some("mutualTLS") && !is_required(document, name);
        if let (false, Err(message)) = (is_lost || is_spared, Source::compile(place)) {
            faults.push(document.diagnostic(
                DiagnosticCode::SecuritySchemeInvalid,
                place.node.at,
                message,
            ));
        }
    }
    let root = [Cursor::root(document)];
    let operations = document.operations();
    let holders = root.iter().chain(operations.iter().map(|one| &one.cursor));
    for security in holders.filter_map(|holder| holder.node.get("security")) {
        if !matches!(security.kind, Kind::Array(_)) {
            let message = "`security` must be a list";
            faults.push(document.diagnostic(DiagnosticCode::MemberInvalid, security.at, message));
        }
        for requirement in security.items() {
            if requirement.as_object().is_none() {
                let message = "a security requirement must be an object: the name of a scheme, and a list of scopes";
                faults.push(document.diagnostic(
                    DiagnosticCode::MemberInvalid,
                    requirement.at,
                    message,
                ));
            }
            for (name, scopes) in requirement.members() {
                if !schemes.iter().any(|(known, _)| *known == name) {
                    let message = format!("there is no security scheme `{name}`; declare it");
                    let code = DiagnosticCode::SecuritySchemeMissing;
                    faults.push(document.diagnostic(code, scopes.at, message));
                }
                if !matches!(scopes.kind, Kind::Array(_))
                    || scopes.items().iter().any(|scope| scope.as_str().is_none())
                {
                    let message = format!("the scopes of `{name}` must be a list of texts");
                    faults.push(document.diagnostic(
                        DiagnosticCode::MemberInvalid,
                        scopes.at,
                        message,
                    ));
                }
            }
        }
    }
}

/// Why none of the requirements of an operation can be enforced, in a document that is served with its errors.
pub(crate) fn unenforceable(document: &Document, operation: &Cursor<'_>) -> Option<String> {
    let security = operation.node.get("security");
    let security = security.or_else(|| document.root.get("security"))?;
    let Kind::Array(requirements) = &security.kind else {
        return Some("`security` must be a list".to_owned());
    };
    let schemes = declared(document);
    let is_known = |name: &str| {
        let mut schemes = schemes.iter().filter(|(known, _)| *known == name);
        schemes.any(|(_, place)| Source::compile(place).is_ok())
    };
    let is_enforceable = |requirement: &Node| {
        let required = required(requirement);
        required.is_some_and(|all| all.iter().all(|(name, _)| is_known(name)))
    };
    let is_open = requirements.is_empty() || requirements.iter().any(is_enforceable);
    (!is_open).then(|| "none of its security requirements can be enforced".to_owned())
}

/// The schemes that a requirement names, each with its scopes; `None` if it can't be read.
fn required(requirement: &Node) -> Option<Vec<(&str, Vec<String>)>> {
    let text = |scope: &Node| scope.as_str().map(str::to_owned);
    requirement.as_object()?;
    let schemes = requirement
        .members()
        .map(|(name, scopes)| match &scopes.kind {
            Kind::Array(items) => Some((name, items.iter().map(text).collect::<Option<_>>()?)),
            _ => None,
        });
    schemes.collect()
}

/// The schemes of a document with their verifiers.
pub(crate) struct Schemes<'d> {
    document: &'d Document,
    known: HashMap<&'d str, Arc<Scheme>>,
    scope_check: Option<ScopeCheck>,
}

impl<'d> Schemes<'d> {
    /// Gives each scheme its verifier; one without, and a verifier without scheme, is a fault.
    pub(crate) fn compile(
        document: &'d Document,
        verifiers: &Verifiers,
        faults: &mut Vec<Diagnostic>,
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
                        name: (*name).into(),
                        source,
                        verify: Arc::clone(verify),
                    };
                    known.insert(*name, Arc::new(scheme));
                }
                // Reported by `check`.
                (_, Err(_)) => {}
                (None, Ok(_)) => {
                    let message = format!("the security scheme `{name}` has no verifier");
                    faults.push(document.diagnostic(
                        DiagnosticCode::VerifierMissing,
                        place.node.at,
                        message,
                    ));
                }
            }
        }
        for (name, _) in &verifiers.by_scheme {
            if !schemes.iter().any(|(known, _)| known == name) {
                let message =
                    format!("there is a verifier for `{name}`, but no such security scheme");
                faults.push(document.diagnostic(
                    DiagnosticCode::VerifierUnknown,
                    document.paths_at(),
                    message,
                ));
            }
        }
        Self {
            document,
            known,
            scope_check: verifiers.scopes.clone(),
        }
    }

    /// What an operation requires: its own `security`, or that of the document.
    pub(crate) fn guard(&self, operation: &Cursor<'_>) -> Option<Guard> {
        let security = operation.node.get("security");
        self.guard_by(security.or_else(|| self.document.root.get("security"))?)
    }

    /// What the document requires of operations without a `security` of their own, for paths that it does not have. If
    /// it says nothing, nothing would be enforced, which is a fault.
    pub(crate) fn guard_of_missing(
        &self,
        is_guarded: bool,
        faults: &mut Vec<Diagnostic>,
    ) -> Option<Guard> {
        if !is_guarded {
            return None;
        }
        if let Some(security) = self.document.root.get("security") {
            return self.guard_by(security);
        }
        let message = "all paths shall require credentials (`Api::auth_all_paths`), but the document has no `security` \
                       beside `paths`";
        let (code, at) = (DiagnosticCode::MemberMissing, self.document.paths_at());
        faults.push(self.document.diagnostic(code, at, message));
        None
    }

    fn guard_by(&self, security: &Node) -> Option<Guard> {
        self.guarded(security.items().iter().filter_map(required))
    }

    /// A guard that asks for this one scheme; `None` if there is no such scheme, which is a fault.
    pub(crate) fn guard_of(
        &self,
        (name, scopes): &(String, Vec<String>),
        faults: &mut Vec<Diagnostic>,
    ) -> Option<Guard> {
        if !declared(self.document)
            .iter()
            .any(|(known, _)| known == name)
        {
            let message =
                format!("the docs require `{name}`, but there is no such security scheme");
            let (code, at) = (
                DiagnosticCode::SecuritySchemeMissing,
                self.document.paths_at(),
            );
            // The application asks for it, so this is an error in a lenient document, too.
            faults.push(Diagnostic::new(self.document.file(at), code, at, message));
        }
        self.guarded([vec![(name.as_str(), scopes.clone())]].into_iter())
    }

    fn guarded<'n>(
        &self,
        requirements: impl Iterator<Item = Vec<(&'n str, Vec<String>)>>,
    ) -> Option<Guard> {
        let (optional, required): (Vec<_>, Vec<_>) = requirements.partition(Vec::is_empty);
        // No request can meet an alternative with a scheme that is not known. If none is left, nothing is served: that is
        // an error of the document, and of a lenient one `unenforceable` tells.
        let find = |(name, scopes)| {
            let scheme = Arc::clone(self.known.get(name)?);
            Some(Arc::new(Demand { scheme, scopes }))
        };
        let alternatives: Vec<Alternative> = required
            .into_iter()
            .filter_map(|schemes| schemes.into_iter().map(find).collect())
            .collect();
        (!alternatives.is_empty()).then(|| Guard {
            alternatives,
            is_optional: !optional.is_empty(),
            scope_check: self.scope_check.clone(),
            realm: quoted(self.document.title()),
        })
    }
}
