//! Sessions: a key is entered once, and the browser keeps a token that stands for it for a working day.

use askama::Template;
use axum::{extract::State, response::Response};
use connexion::{Body, Params, Problem};
use http::StatusCode;
use serde::Deserialize;

use super::{COOKIE, KEY, Page, Visitor, done, set_cookie, show};
use crate::{auth::Keys, key::SESSION_LIFE, people::People};

#[derive(Template)]
#[template(path = "session.html")]
struct Session {
    page: Page,
    then: String,
    is_wrong: bool,
}

/// Where to go after the key was entered.
#[derive(Debug, Deserialize)]
pub(super) struct Then {
    then: Option<String>,
}

/// `pages.session`
pub(super) async fn session(visitor: Visitor, Params(Then { then }): Params<Then>) -> Response {
    let page = Session {
        page: visitor.page("session"),
        then: then.unwrap_or_else(|| "/people".to_owned()),
        is_wrong: false,
    };
    show(StatusCode::OK, &page, &visitor)
}

/// What the form of `pages.sign_in` sends.
#[derive(Deserialize)]
pub(super) struct SignIn {
    key: String,
    then: Option<String>,
}

/// `pages.sign_in`
pub(super) async fn sign_in(
    State(store): People,
    visitor: Visitor,
    Body(SignIn { key, then }): Body<SignIn>,
) -> Result<Response, Problem> {
    let then = then.unwrap_or_else(|| "/people".to_owned());
    let Some(session) = Keys::of(store).sign_in(key.trim()).await? else {
        let page = Session {
            page: visitor.page("session"),
            then,
            is_wrong: true,
        };
        return Ok(show(StatusCode::UNPROCESSABLE_ENTITY, &page, &visitor));
    };
    let mut response = done(&then, "key");
    let cookie = format!("{KEY}={session}; Max-Age={SESSION_LIFE}; {COOKIE}");
    set_cookie(&mut response, cookie);
    Ok(response)
}

/// `pages.sign_out`
pub(super) async fn sign_out() -> Response {
    let mut response = done("/people", "no-key");
    set_cookie(&mut response, format!("{KEY}=; Max-Age=0; {COOKIE}"));
    response
}
