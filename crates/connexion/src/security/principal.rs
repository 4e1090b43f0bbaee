//! Who calls an operation, as the verifiers found out.

use std::{any::Any, collections::BTreeSet, convert::Infallible, fmt, sync::Arc};

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;

use crate::problem::Problem;

/// Who calls, as the verifier found out. A handler takes it as an argument; one whose operation can be called
/// without credentials takes `Option<Principal>`.
///
/// If several schemes are required at once the name, id and claims are those of the first, with the scopes of all;
/// [`Principals`] has one for each.
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
    claims: Claims,
}

/// A value of a type of the application's own.
#[derive(Clone, Default)]
struct Claims(Option<Arc<dyn Any + Send + Sync>>);

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "…" } else { "none" })
    }
}

impl PartialEq for Claims {
    /// Whether both are the same value, not whether the values are equal: their type may have no equality.
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
            claims: Claims::default(),
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

    /// Adds what else the verifier knows, in a type of the application's own: the claims of a token, the row of an
    /// account. A second value replaces the first.
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

    /// Returns what the verifier added, if it is of this type.
    pub fn claims<T: 'static>(&self) -> Option<&T> {
        self.claims.0.as_ref()?.downcast_ref()
    }
}

/// Who calls, by each of the security schemes that were required together: a client's key and a user's token, say. Of a
/// request without credentials it is empty.
///
/// ```
/// async fn transfer(principals: connexion::Principals) -> String {
///     let name = |scheme| principals.get(scheme).map_or("nobody", |one| one.name.as_str());
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

    /// The first principal with the scopes of all.
    fn joined(&self) -> Option<Principal> {
        let mut all = self.iter().map(|(_, principal)| principal);
        let mut joined = all.next()?.clone();
        for other in all {
            joined.scopes.extend(other.scopes.iter().cloned());
        }
        Some(joined)
    }
}

/// Who calls, as it is carried from the guard to the handler.
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
