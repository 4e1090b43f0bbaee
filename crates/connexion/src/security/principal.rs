//! The principals of a request, as returned by the verifiers.

use std::{any::Any, collections::BTreeSet, convert::Infallible, fmt, sync::Arc};

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;

use crate::problem::Problem;

/// The authenticated caller, as returned by the verifier. A handler takes it as an argument, or `Option<Principal>` if its
/// operation can be called without credentials.
///
/// If several schemes are required together, the name, id and claims are those of the first, with the scopes of all;
/// [`Principals`] has one for each.
///
/// ```
/// async fn whoami(principal: connexion::Principal) -> String {
///     principal.name
/// }
/// ```
///
/// An operation without security requirements has no principal; a handler that takes one gets a 500.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Principal {
    /// The name for logs and pages.
    pub name: String,
    /// The stable identity, which data of the principal refers to. Names may be reused by other principals. It is the name
    /// unless [`Principal::with_id`] sets it.
    pub id: String,
    /// The granted scopes. A request that lacks a required one gets a 403.
    pub scopes: BTreeSet<String>,
    claims: Claims,
}

/// A value of an application's type.
#[derive(Clone, Default)]
struct Claims(Option<Arc<dyn Any + Send + Sync>>);

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "…" } else { "none" })
    }
}

impl PartialEq for Claims {
    /// Compares the identity of the values, because their type may have no equality.
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        }
    }
}

impl Eq for Claims {}

impl Principal {
    /// Creates a principal with these scopes. Without scopes it can call only operations that require none.
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
            claims: Claims::default(),
        }
    }

    /// Sets the identity of the principal: the number of a key, or a token's issuer and subject. Names may be reused.
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

    /// Sets further data of the verifier, in a type of the application: the claims of a token, the row of an account. A second
    /// value replaces the first.
    ///
    /// ```
    /// # use connexion::Principal;
    /// struct Claims { tenant: u32 }
    ///
    /// let principal = Principal::new("Ann", ["read"]).with_claims(Claims { tenant: 7 });
    /// assert_eq!(principal.claims::<Claims>().map(|claims| claims.tenant), Some(7));
    /// assert!(principal.claims::<String>().is_none());
    /// ```
    #[must_use]
    pub fn with_claims<T: Send + Sync + 'static>(mut self, claims: T) -> Self {
        self.claims = Claims(Some(Arc::new(claims)));
        self
    }

    /// Returns the data of the verifier, if it has this type.
    pub fn claims<T: 'static>(&self) -> Option<&T> {
        self.claims.0.as_ref()?.downcast_ref()
    }
}

/// The principals by security scheme, if several schemes are required together, such as a client's key and a user's token.
/// It is empty for a request without credentials.
///
/// ```
/// async fn transfer(principals: connexion::Principals) -> String {
///     let name = |scheme| principals.get(scheme).map_or("unknown", |one| one.name.as_str());
///     format!("{} on behalf of {}", name("client_key"), name("user_token"))
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Principals {
    by_scheme: Vec<(Arc<str>, Principal)>,
}

impl Principals {
    pub(crate) fn new(by_scheme: Vec<(Arc<str>, Principal)>) -> Self {
        Self { by_scheme }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_scheme.is_empty()
    }

    /// Returns the principal that the verifier of this scheme found.
    pub fn get(&self, scheme: &str) -> Option<&Principal> {
        let mut all = self.iter();
        all.find_map(|(name, principal)| (name == scheme).then_some(principal))
    }

    /// Returns the schemes with their principals, in the order of the requirement.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Principal)> {
        let all = self.by_scheme.iter();
        all.map(|(scheme, principal)| (&**scheme, principal))
    }

    /// Returns the first principal, with the scopes of all.
    fn joined(&self) -> Option<Principal> {
        let mut all = self.iter().map(|(_, principal)| principal);
        let mut joined = all.next()?.clone();
        for other in all {
            joined.scopes.extend(other.scopes.iter().cloned());
        }
        Some(joined)
    }
}

/// Returns the principal that the guard added to the request.
fn joined(parts: &Parts) -> Option<Principal> {
    parts.extensions.get::<Principals>()?.joined()
}

impl<S: Sync> FromRequestParts<S> for Principals {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let principals = parts.extensions.get::<Self>();
        Ok(principals.cloned().unwrap_or_default())
    }
}

impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        joined(parts).ok_or_else(|| {
            tracing::error!("a handler takes a principal, but its operation has no security");
            Problem::internal().of_library()
        })
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Principal {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(joined(parts))
    }
}
