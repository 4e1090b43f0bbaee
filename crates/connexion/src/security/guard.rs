//! Enforces the security requirements of an operation.

use std::{collections::BTreeSet, fmt, sync::Arc};

use http::{HeaderValue, StatusCode, header, request::Parts};

use super::{AuthContext, Principal, Principals, ScopeCheck, Verifier, source::CredentialSource};
use crate::problem::{ParameterLocation, Problem};

/// A security scheme of the document and its verifier.
pub(super) struct Scheme {
    pub(super) name: Arc<str>,
    pub(super) source: CredentialSource,
    pub(super) verify: Verifier,
}

/// A scheme and the scopes that are required with it.
pub(super) struct RequiredScheme {
    pub(super) scheme: Arc<Scheme>,
    pub(super) scopes: Vec<String>,
}

/// The result of verifying the credentials of a scheme.
enum Outcome {
    Missing,
    Invalid,
    Valid(Principal),
    /// The verifier failed.
    Unknown,
}

/// Schemes that are required together.
pub(super) type Alternative = Vec<Arc<RequiredScheme>>;

/// The authentication of a request. A verifier is called once for the same scopes.
struct Authentication<'r> {
    head: &'r Arc<Parts>,
    operation_id: Option<&'r Arc<str>>,
    outcomes: Vec<(&'r Arc<RequiredScheme>, Outcome)>,
    /// The problem of the first verifier that failed.
    unknown: Option<Problem>,
}

impl<'r> Authentication<'r> {
    /// Verifies the credentials of a scheme, and returns the index of the outcome.
    async fn verify(&mut self, required: &'r Arc<RequiredScheme>) -> usize {
        let is_same = |known: &RequiredScheme| {
            Arc::ptr_eq(&known.scheme, &required.scheme) && known.scopes == required.scopes
        };
        let mut known = self.outcomes.iter();
        if let Some(i) = known.position(|(known, _)| is_same(known)) {
            return i;
        }
        let outcome = self.outcome(required).await.unwrap_or_else(|problem| {
            self.unknown.get_or_insert(problem);
            Outcome::Unknown
        });
        self.outcomes.push((required, outcome));
        self.outcomes.len() - 1
    }

    async fn outcome(&self, required: &Arc<RequiredScheme>) -> Result<Outcome, Problem> {
        let scheme = &required.scheme;
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
                    required: Arc::clone(required),
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
        outcomes.any(|(required, outcome)| {
            Arc::ptr_eq(&required.scheme, scheme) && matches!(outcome, Outcome::Invalid)
        })
    }

    /// Returns whether the request has credentials of a verified scheme.
    fn has_credentials(&self) -> bool {
        let mut outcomes = self.outcomes.iter();
        outcomes.any(|(_, outcome)| !matches!(outcome, Outcome::Missing))
    }
}

/// Enforces the security requirements of an operation: one of several alternatives.
pub(crate) struct Guard {
    pub(super) alternatives: Vec<Alternative>,
    /// True if credentials are optional (`{}`).
    pub(super) is_optional: bool,
    pub(super) scope_check: Option<ScopeCheck>,
    /// The realm of challenges: the API's title.
    pub(super) realm: String,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |all: &Alternative| -> Vec<Arc<str>> {
            let names = all.iter().map(|required| &required.scheme.name);
            names.cloned().collect()
        };
        f.debug_list()
            .entries(self.alternatives.iter().map(names))
            .finish()
    }
}

impl Guard {
    /// Returns whether the query parameter or cookie of this name is an API key.
    pub(crate) fn reads(&self, location: ParameterLocation, name: &str) -> bool {
        let mut schemes = self.schemes();
        schemes.any(|scheme| match &scheme.source {
            CredentialSource::Query(known) => location == ParameterLocation::Query && known == name,
            CredentialSource::Cookie(known) => {
                location == ParameterLocation::Cookie && known == name
            }
            _ => false,
        })
    }

    /// Authenticates a request by one of the alternatives, and returns its principals.
    ///
    /// # Errors
    /// Returns the problem of a verifier that failed, 403 if scopes are missing, and 401 otherwise. Invalid credentials are
    /// rejected even if credentials are optional.
    pub(crate) async fn check(
        &self,
        head: &Arc<Parts>,
        operation_id: Option<&Arc<str>>,
    ) -> Result<Principals, Problem> {
        let mut authentication = Authentication {
            head,
            operation_id,
            outcomes: Vec::new(),
            unknown: None,
        };
        let mut lacking = None;
        for alternative in &self.alternatives {
            let (mut found, mut missing) = (Vec::with_capacity(alternative.len()), Vec::new());
            for required in alternative {
                let i = authentication.verify(required).await;
                if let Some(principal) = authentication.principal(i) {
                    missing.extend(self.missing(principal, &required.scopes));
                    found.push((Arc::clone(&required.scheme.name), principal.clone()));
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
        // The failed verifier might have accepted the credentials, so this is not a 401 or 403.
        if let Some(problem) = authentication.unknown {
            return Err(problem);
        }
        match lacking {
            Some((alternative, missing)) => Err(self.forbidden(alternative, &missing)),
            None if self.is_optional && !self.has_credentials(&authentication) => {
                Ok(Principals::default())
            }
            None => Err(self.unauthorized(&authentication)),
        }
    }

    /// Returns the scopes that a principal lacks.
    fn missing(&self, principal: &Principal, scopes: &[String]) -> Vec<String> {
        let lacks = scopes.iter().filter(|one| !principal.scopes.contains(*one));
        match &self.scope_check {
            None => lacks.cloned().collect(),
            Some(check) if scopes.is_empty() || check(principal, scopes) => Vec::new(),
            Some(_) => {
                let lacks: Vec<_> = lacks.cloned().collect();
                // The function may check more than names.
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
            .map(|required| &required.scheme)
    }

    /// Returns whether a request has credentials, even of a scheme that is not required. Its client expects to be
    /// authenticated, so the request must not be treated as anonymous.
    fn has_credentials(&self, authentication: &Authentication<'_>) -> bool {
        authentication.has_credentials()
            || authentication
                .head
                .headers
                .contains_key(header::AUTHORIZATION)
                && self
                    .schemes()
                    .any(|scheme| scheme.source.is_authorization())
    }

    fn unauthorized(&self, authentication: &Authentication<'_>) -> Problem {
        let detail = if self
            .schemes()
            .any(|scheme| authentication.is_invalid(scheme))
        {
            "The credentials are not valid."
        } else {
            "Credentials are required."
        };
        // A client discards its token on this error, so an invalid API key must not cause it.
        let mut invalid = self
            .schemes()
            .filter(|scheme| authentication.is_invalid(scheme));
        let more = if invalid.any(|scheme| scheme.source == CredentialSource::Bearer) {
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
        // Clients can request other scopes only for tokens (RFC 6750, section 3.1).
        let bearers = alternative
            .iter()
            .filter(|required| required.scheme.source == CredentialSource::Bearer);
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
        schemes: impl Iterator<Item = &'s Arc<RequiredScheme>>,
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

/// Returns a string escaped for a quoted string of a header (RFC 9110, section 5.6.4).
pub(super) fn quoted(string: &str) -> String {
    let kept = string.chars().filter(|c| !c.is_control());
    kept.collect::<String>()
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
}
