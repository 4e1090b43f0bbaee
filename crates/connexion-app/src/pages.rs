//! Pages for people: the list and the person as HTML, and what a browser needs beside (the operations with the tag `pages`).
//!
//! They are made here, from templates that escape whatever they show, and work without JavaScript but for forms whose
//! fields the contract checks: those send JSON to the API, as any client does. Nothing on them is inline and nothing comes
//! from elsewhere, so the policy that goes with them forbids both.

mod address;
mod assets;
mod chart;
mod filter;
mod form;
mod list;
mod number;
mod problem;

use std::{convert::Infallible, sync::Arc};

use askama::Template;
use axum::{
    extract::{FromRequestParts, State},
    response::{IntoResponse, Response},
};
use connexion::{Accept, Api, Body, Credentials, Params, Principal, Problem};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use serde::Deserialize;

use self::{
    address::Entered,
    assets::Paths,
    filter::Refused,
    form::{Delete, Form, View},
    list::List,
    problem::Refusal,
};
pub(crate) use self::{address::Wanted, problem::Told};
use crate::{
    auth::Keys,
    listing::{self, ListParams},
    people::{self, People},
    person::Person,
    store::Store,
    summary::Summary,
};

/// The cookie with the key, as the contract calls it.
const KEY: &str = "connexion-key";

/// The cookie with what was just done, told once on the next page.
const NOTICE: &str = "connexion-notice";

/// No script may read it, no other site may make a browser send it, and it ends with the browser.
const COOKIE: &str = "Path=/; HttpOnly; SameSite=Strict";

/// Nothing from elsewhere, and nothing that stands in the page itself.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'",
);

/// An API with the operations that only browsers use.
pub(crate) fn operations(api: Api<Arc<dyn Store>>) -> Api<Arc<dyn Store>> {
    api.operation("pages.new", new)
        .operation("pages.import", import)
        .operation("pages.filter", filter)
        .operation("pages.download", download)
        .operation("pages.edit", edit)
        .operation("pages.confirm", confirm)
        .operation("pages.remove", remove)
        .operation("pages.session", session)
        .operation("pages.sign_in", sign_in)
        .operation("pages.sign_out", sign_out)
        .operation("pages.asset", asset)
}

/// Who looks at a page: what the browser's cookies say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Visitor {
    has_key: bool,
    notice: Option<&'static str>,
}

/// What all pages have in common.
#[derive(Debug)]
struct Page {
    assets: Paths,
    /// Which part of the site it is.
    part: &'static str,
    has_key: bool,
    notice: Option<&'static str>,
}

impl Visitor {
    /// Reads the cookies.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let fields = headers.get_all(header::COOKIE).iter();
        let cookies = fields
            .filter_map(|field| field.to_str().ok())
            .flat_map(|field| field.split("; "));
        let mut visitor = Self::default();
        for (name, value) in cookies.filter_map(|cookie| cookie.split_once('=')) {
            match name {
                KEY => visitor.has_key = !value.is_empty(),
                NOTICE => visitor.notice = notice(value),
                _ => {}
            }
        }
        visitor
    }

    fn page(&self, part: &'static str) -> Page {
        Page {
            assets: assets::paths(),
            part,
            has_key: self.has_key,
            notice: self.notice,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

/// What is told of something that was done. A cookie can say nothing else, since anybody may have set it.
fn notice(what: &str) -> Option<&'static str> {
    Some(match what {
        "added" => "The person was added.",
        "changed" => "The changes were saved.",
        "removed" => "The person was removed.",
        "key" => "The key is good. It is kept until you close the browser.",
        "no-key" => "The key is forgotten.",
        _ => return None,
    })
}

/// A page as an answer.
fn show(status: StatusCode, template: &impl Template, visitor: &Visitor) -> Response {
    let Ok(text) = template.render() else {
        // Never: only a template that fails by itself does, and none of these can.
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let head = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        // Kept, it would be shown again when the data, the key or the program is another.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::VARY, HeaderValue::from_static("accept, cookie")),
    ];
    let mut response = (status, head, text).into_response();
    if visitor.notice.is_some() {
        set_cookie(&mut response, format!("{NOTICE}=; Max-Age=0; {COOKIE}"));
    }
    response
}

/// Sends the browser elsewhere.
pub(crate) fn see_other(address: &str) -> Response {
    // An address in which something can't be written is none that a browser came from.
    let address = HeaderValue::try_from(address).unwrap_or(HeaderValue::from_static("/people"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, address)]).into_response()
}

/// The same, and what was done is told there.
fn done(address: &str, what: &str) -> Response {
    let mut response = see_other(address);
    set_cookie(
        &mut response,
        format!("{NOTICE}={what}; Max-Age=60; {COOKIE}"),
    );
    response
}

fn set_cookie(response: &mut Response, cookie: String) {
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// The page of `people.list`: a page of the list, and what everybody is like who is on any of them.
pub(crate) fn list(
    wanted: &Wanted,
    page: listing::Page,
    summary: &Summary,
    visitor: &Visitor,
) -> Response {
    show(
        StatusCode::OK,
        &List::new(wanted, page, summary, visitor),
        visitor,
    )
}

/// The page of `person.get`.
pub(crate) fn person(person: &Person, visitor: &Visitor) -> Response {
    show(StatusCode::OK, &View::new(person, visitor), visitor)
}

/// The page that takes the place of a problem document. It asks for a key, if there is somewhere to go with one `then`.
pub(crate) fn refusal(
    status: StatusCode,
    told: Told,
    visitor: &Visitor,
    then: Option<&str>,
) -> Response {
    show(status, &Refusal::new(status, told, visitor, then), visitor)
}

/// The page that takes the place of the list if the contract refuses what is asked of it, the `query`.
pub(crate) fn refused_list(query: &str, told: Told, visitor: &Visitor) -> Response {
    let page = Refused::new(query, told, visitor);
    show(StatusCode::BAD_REQUEST, &page, visitor)
}

/// `pages.new`
async fn new(visitor: Visitor) -> Response {
    show(StatusCode::OK, &Form::of_new(&visitor), &visitor)
}

#[derive(Template)]
#[template(path = "import.html")]
struct Import {
    page: Page,
}

/// `pages.import`
async fn import(visitor: Visitor) -> Response {
    let page = visitor.page("import");
    show(StatusCode::OK, &Import { page }, &visitor)
}

/// `pages.filter`
async fn filter(Params(entered): Params<Entered>) -> Response {
    see_other(&entered.list())
}

/// `pages.edit`
async fn edit(
    State(store): People,
    visitor: Visitor,
    Params(key): Params<people::Key>,
) -> Result<Response, Problem> {
    let person = people::find(store.as_ref(), &key).await?;
    Ok(show(StatusCode::OK, &Form::of(&person, &visitor), &visitor))
}

/// `pages.confirm`
async fn confirm(
    State(store): People,
    visitor: Visitor,
    Params(key): Params<people::Key>,
) -> Result<Response, Problem> {
    let person = people::find(store.as_ref(), &key).await?;
    Ok(show(
        StatusCode::OK,
        &Delete::new(&person, false, &visitor),
        &visitor,
    ))
}

/// What the form of `pages.remove` sends.
#[derive(Debug, Deserialize)]
struct Removal {
    etag: String,
}

/// `pages.remove`
async fn remove(
    State(store): People,
    visitor: Visitor,
    who: Option<Principal>,
    Params(mut key): Params<people::Key>,
    Body(removal): Body<Removal>,
) -> Result<Response, Problem> {
    key.if_match = Some(removal.etag);
    match people::remove(store.as_ref(), who.as_ref(), &key).await {
        Ok(()) => Ok(done("/people", "removed")),
        Err(problem) if problem.status == StatusCode::PRECONDITION_FAILED => {
            let person = people::find(store.as_ref(), &key).await?;
            let page = Delete::new(&person, true, &visitor);
            Ok(show(StatusCode::PRECONDITION_FAILED, &page, &visitor))
        }
        Err(problem) => Err(problem),
    }
}

/// What the links of `pages.download` say.
#[derive(Debug, Deserialize)]
struct Download {
    format: String,
    #[serde(flatten)]
    params: ListParams,
}

/// `pages.download`
async fn download(
    State(store): People,
    visitor: Visitor,
    Params(Download { format, params }): Params<Download>,
) -> Result<Response, Problem> {
    let kind = if format == "csv" {
        "text/csv"
    } else {
        "application/json"
    };
    let accept = Accept::among(&[kind], &HeaderMap::new()).unwrap_or_default();
    let mut response = listing::answer(store.as_ref(), &accept, &visitor, None, params).await?;
    let name = format!("attachment; filename=\"people.{format}\"");
    if let Ok(name) = HeaderValue::try_from(name) {
        response
            .headers_mut()
            .insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

#[derive(Template)]
#[template(path = "session.html")]
struct Session {
    page: Page,
    then: String,
    is_wrong: bool,
}

/// Where to go after the key was entered.
#[derive(Debug, Deserialize)]
struct Then {
    then: Option<String>,
}

/// `pages.session`
async fn session(visitor: Visitor, Params(Then { then }): Params<Then>) -> Response {
    let page = Session {
        page: visitor.page(""),
        then: then.unwrap_or_else(|| "/people".to_owned()),
        is_wrong: false,
    };
    show(StatusCode::OK, &page, &visitor)
}

/// What the form of `pages.sign_in` sends.
#[derive(Deserialize)]
struct SignIn {
    key: String,
    then: Option<String>,
}

/// `pages.sign_in`
async fn sign_in(
    State(store): People,
    visitor: Visitor,
    Body(SignIn { key, then }): Body<SignIn>,
) -> Result<Response, Problem> {
    let then = then.unwrap_or_else(|| "/people".to_owned());
    let key = key.trim();
    let holder = Keys::of(store)
        .holder(Credentials::ApiKey(key.to_owned()))
        .await?;
    if holder.is_none() {
        let page = Session {
            page: visitor.page(""),
            then,
            is_wrong: true,
        };
        return Ok(show(StatusCode::UNPROCESSABLE_ENTITY, &page, &visitor));
    }
    let mut response = done(&then, "key");
    set_cookie(&mut response, format!("{KEY}={key}; {COOKIE}"));
    Ok(response)
}

/// `pages.sign_out`
async fn sign_out() -> Response {
    let mut response = done("/people", "no-key");
    set_cookie(&mut response, format!("{KEY}=; Max-Age=0; {COOKIE}"));
    response
}

/// The name of a file.
#[derive(Debug, Deserialize)]
struct File {
    name: String,
}

/// `pages.asset`
async fn asset(Params(File { name }): Params<File>) -> Result<Response, Problem> {
    let missing =
        || Problem::new(StatusCode::NOT_FOUND, "There is no such file.").with_kind("http");
    assets::find(&name).ok_or_else(missing)
}
