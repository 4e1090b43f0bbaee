//! The person in front of a page: what the browser's cookies and the address say, and what the key in use allows.

use std::{convert::Infallible, sync::Arc};

use axum::extract::FromRequestParts;
use connexion::{Credentials, Principal};
use http::{HeaderMap, Request, Uri, header, request::Parts, uri::PathAndQuery};

use super::{KEY, NOTICE, Page, address::Query, assets};
use crate::{
    auth::Keys,
    config::{Auth, Settings},
};

/// What pages have to know of the service.
#[derive(Clone)]
pub(crate) struct Site {
    keys: Arc<Keys>,
    auth: Auth,
    links: Links,
}

/// What a page may offer. An extension of a browser's request.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    /// The key in use.
    pub(super) holder: Option<Holder>,
    /// Whether people may be added, changed and removed.
    pub(super) may_write: bool,
    /// Whether a key allows more than none.
    pub(super) has_keys: bool,
    /// What is there for programs.
    pub(super) links: Links,
}

/// Addresses, each with what is there.
type Links = &'static [(&'static str, &'static str)];

const LINKS: [(&str, &str); 2] = [
    ("/ui/", "documentation of the API"),
    ("/openapi.yaml", "OpenAPI document"),
];

/// A key, as its holder knows it.
#[derive(Clone, Debug)]
pub(super) struct Holder {
    pub(super) name: String,
    pub(super) scope: &'static str,
}

/// Who looks at a page. Every request for people makes one, most of which are not a browser's: what only pages need is computed
/// for them.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    /// Whether the browser has a session, be it valid or not.
    pub(super) has_key: bool,
    pub(super) notice: Option<&'static str>,
    uri: Uri,
    access: Option<Access>,
}

impl Site {
    /// A service whose `settings` say what is served.
    pub(crate) fn new(keys: &Arc<Keys>, settings: &Settings) -> Self {
        Self {
            keys: Arc::clone(keys),
            auth: settings.auth,
            links: match (settings.swagger_ui, settings.serve_spec) {
                (true, _) => &LINKS,
                (false, true) => &LINKS[1..],
                (false, false) => &[],
            },
        }
    }

    /// What whoever sends these headers may do.
    pub(crate) async fn access(&self, headers: &HeaderMap) -> Access {
        let session = cookies(headers).find(|(name, value)| *name == KEY && !value.is_empty());
        let mut principal = None;
        if let Some((_, text)) = session {
            let credentials = Credentials::ApiKey(text.to_owned());
            // The operation itself says that the database can't be reached, if it can't.
            let holder = self.keys.holder(credentials).await;
            principal = holder.unwrap_or_default();
        }
        Access {
            may_write: self.auth == Auth::Off || principal.as_ref().is_some_and(may_write),
            holder: principal.map(Holder::from),
            has_keys: self.auth != Auth::Off,
            links: self.links,
        }
    }
}

impl Default for Access {
    /// Everything is offered where nothing is known of the service: whoever asks without a browser.
    fn default() -> Self {
        Self {
            holder: None,
            may_write: true,
            has_keys: false,
            links: &[],
        }
    }
}

fn may_write(principal: &Principal) -> bool {
    principal.scopes.contains("write")
}

impl From<Principal> for Holder {
    fn from(principal: Principal) -> Self {
        Self {
            scope: if may_write(&principal) {
                "may read and change people"
            } else {
                "may read people"
            },
            name: principal.name,
        }
    }
}

impl Visitor {
    /// Reads the address and the cookies.
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        Self::read(request.uri(), request.headers())
    }

    fn read(uri: &Uri, headers: &HeaderMap) -> Self {
        let mut visitor = Self {
            has_key: false,
            notice: None,
            uri: uri.clone(),
            access: None,
        };
        for (name, value) in cookies(headers) {
            match name {
                KEY => visitor.has_key = !value.is_empty(),
                NOTICE => visitor.notice = notice(value),
                _ => {}
            }
        }
        visitor
    }

    /// May do what `access` says.
    pub(crate) fn with(mut self, access: Access) -> Self {
        self.access = Some(access);
        self
    }

    /// The path and query that were asked for, as an address that is one of this service wherever it stands.
    pub(crate) fn address(&self) -> &str {
        let target = self.uri.path_and_query().map(PathAndQuery::as_str);
        let is_local = |target: &&str| {
            target.starts_with('/') && !target.starts_with("//") && !target.contains('\\')
        };
        target.filter(is_local).unwrap_or("/people")
    }

    /// Whether it is an address that a person may have.
    pub(super) fn is_at_person(&self) -> bool {
        self.uri.path().starts_with("/people/")
    }

    /// The query of the list that the page leads back to.
    pub(super) fn back(&self) -> String {
        back(self.uri.query().unwrap_or_default())
    }

    pub(super) fn page(&self, part: &'static str) -> Page {
        let mut then = Query::default();
        then.add("then", self.address());
        Page {
            assets: assets::paths(),
            part,
            notice: self.notice,
            back: self.back(),
            sign_in: then.of("/session"),
            access: self.access.clone().unwrap_or_default(),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let mut visitor = Self::read(&parts.uri, &parts.headers);
        if let Some(access) = parts.extensions.get::<Access>() {
            let mut access = access.clone();
            // A key in a header, or a token, is in force for this request.
            let Ok(principal) = Option::<Principal>::from_request_parts(parts, state).await;
            if let Some(principal) = principal {
                access.may_write = may_write(&principal);
                access.holder = Some(principal.into());
            }
            visitor.access = Some(access);
        }
        Ok(visitor)
    }
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let fields = headers.get_all(header::COOKIE).iter();
    let texts = fields.filter_map(|field| field.to_str().ok());
    texts
        .flat_map(|field| field.split("; "))
        .filter_map(|cookie| cookie.split_once('='))
}

/// The parameter `back`. The contract checks it where it is one; what has another form is none, so that it stays behind the
/// `?` of this service's list.
fn back(query: &str) -> String {
    let is_query = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\"#'<>\\^`{|}".contains(&byte))
    };
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    let found = parameters.find(|(name, text)| name == "back" && is_query(text));
    found.map_or_else(String::new, |(_, text)| text.into_owned())
}

/// What is told of something that was done. A cookie can say nothing else, since anybody may have set it.
fn notice(what: &str) -> Option<&'static str> {
    Some(match what {
        "added" => "The person was added.",
        "changed" => "The changes were saved.",
        "removed" => "The person was removed.",
        "key" => "You are signed in for ten hours.",
        "no-key" => "You are signed out.",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_of_a_request_is_one_of_this_service() {
        for (target, expected) in [
            ("/people/new?back=a", "/people/new?back=a"),
            ("http://x/people", "/people"),
            ("//a.example/", "/people"),
            ("/\\a.example/", "/people"),
            ("*", "/people"),
        ] {
            if let Ok(uri) = target.parse() {
                let visitor = Visitor::read(&uri, &HeaderMap::new());
                assert_eq!(visitor.address(), expected, "{target}");
            }
        }
    }

    #[test]
    fn back_is_a_query_of_the_list_or_nothing() {
        assert_eq!(back("back=sort%3Dname%26limit%3D10"), "sort=name&limit=10");
        assert_eq!(back("x=1&back=name%3D%2520a"), "name=%20a");
        for wrong in [
            "",
            "back=",
            "back=a%0d%0ab",
            "back=%5C",
            "back=%22",
            "back=%C3%BC",
        ] {
            assert_eq!(back(wrong), "", "{wrong}");
        }
    }
}
