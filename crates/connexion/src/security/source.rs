//! The source of a scheme's credentials in a request, and its challenge.

use std::fmt;

use base64::Engine as _;
use http::{HeaderMap, HeaderName, header};

use crate::{
    document::cursor::Cursor,
    pairs::{cookies, decode, pairs},
    problem::ParameterLocation,
};

/// The credentials of a request. `Debug` prints only their kind.
///
/// ```
/// # use connexion::Credentials;
/// # use connexion::{AuthContext, Principal, Problem};
/// async fn verify(credentials: Credentials, _: AuthContext) -> Result<Option<Principal>, Problem> {
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
/// An empty key is treated as absent, and a key that was sent twice as invalid. The verifier is not called then.
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
    /// schemes the rest after the scheme's name.
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

/// The part of a request that has a scheme's credentials.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum CredentialSource {
    Header(HeaderName),
    Query(String),
    Cookie(String),
    Basic,
    Bearer,
    /// Another scheme of the header `Authorization`, as the document writes it.
    Other(String),
}

impl CredentialSource {
    /// Compiles a security scheme; the error is a message.
    pub(super) fn compile(place: &Cursor<'_>) -> Result<Self, String> {
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
                        known.ok_or_else(|| format!("`{name}` is not a valid header name"))
                    }
                    other => Err(format!(
                        "`in: {other}` of an API key is not supported; write header, query or cookie"
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

    /// Returns the credentials of a request: `None` if it has none, an error if they are malformed.
    pub(super) fn credentials(
        &self,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Option<Credentials>, ()> {
        let key = |mut found: Vec<String>| match (found.pop(), found.pop()) {
            // A verifier whose secret was never set would accept an empty key.
            (Some(key), None) if key.is_empty() => Ok(None),
            (Some(key), None) => Ok(Some(Credentials::ApiKey(key))),
            (None, _) => Ok(None),
            // Two components might each read another one of the keys.
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
                    .map(|(_, text)| decode(text, ParameterLocation::Query).into_owned())
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

    pub(super) fn is_authorization(&self) -> bool {
        match self {
            Self::Basic | Self::Bearer | Self::Other(_) => true,
            Self::Header(name) => name == header::AUTHORIZATION,
            Self::Query(_) | Self::Cookie(_) => false,
        }
    }

    /// Returns a challenge for `WWW-Authenticate` (RFC 9110, section 11.6.1), with the parameters in `more`.
    pub(super) fn challenge(&self, realm: &str, more: &str) -> String {
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

/// Returns the rest of `Authorization` after the scheme's name; `None` if the header is absent or of another scheme.
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

/// Decodes the credentials of Basic. The user's name ends at the first colon (RFC 7617, section 2).
fn basic(text: &str) -> Result<Credentials, ()> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(text);
    let text = String::from_utf8(bytes.map_err(drop)?).map_err(drop)?;
    let (user, password) = text.split_once(':').ok_or(())?;
    Ok(Credentials::Basic {
        user: user.to_owned(),
        password: password.to_owned(),
    })
}
