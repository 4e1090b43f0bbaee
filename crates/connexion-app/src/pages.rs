//! Pages for people: the list and the person as HTML, and what a browser needs beside (the operations with the tag `pages`).
//!
//! They are made here, from templates that escape whatever they show, and work without JavaScript, except for the import.
//! Nothing on them is inline and nothing comes from elsewhere, so the policy that goes with them forbids both.

mod address;
mod assets;
mod chart;
mod filter;
mod form;
mod list;
mod number;
mod person;
mod problem;
mod session;
mod visitor;

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use connexion::{Accept, Api, Body, Params, Principal, Problem, Validator};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;

pub(crate) use self::{
    address::Wanted,
    visitor::{Access, Site, Visitor},
};
use self::{
    address::{Entered, Query},
    assets::Paths,
    filter::Refused,
    form::Form,
    list::List,
    person::{Delete, View},
    problem::Refusal,
};
use crate::{
    listing::{self, ListParams},
    once::Once,
    people::{self, People},
    person::Person,
    store::Store,
    summary::Summary,
};

/// The cookie with the session, as the contract calls it.
pub(crate) const KEY: &str = "connexion-key";

/// The cookie with what was just done, told once on the next page.
const NOTICE: &str = "connexion-notice";

/// No script may read it, and no other site may make a browser send it.
const COOKIE: &str = "Path=/; HttpOnly; SameSite=Strict";

/// Nothing from elsewhere, and nothing that stands in the page itself.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'",
);

/// An API with the operations that only browsers use.
pub(crate) fn operations(api: Api<Arc<dyn Store>>, schema: &Validator) -> Api<Arc<dyn Store>> {
    let (for_new, for_changed) = (schema.clone(), schema.clone());
    api.operation("pages.new", new)
        .operation("pages.add", move |store, visitor, who, entered| {
            add(store, for_new.clone(), visitor, who, entered)
        })
        .operation("pages.change", move |store, visitor, who, key, entered| {
            change(store, for_changed.clone(), visitor, who, key, entered)
        })
        .operation("pages.import", import)
        .operation("pages.filter", filter)
        .operation("pages.download", download)
        .operation("pages.edit", edit)
        .operation("pages.confirm", confirm)
        .operation("pages.remove", remove)
        .operation("pages.session", session::session)
        .operation("pages.sign_in", session::sign_in)
        .operation("pages.sign_out", session::sign_out)
        .operation("pages.asset", asset)
}

/// What all pages have in common.
#[derive(Debug)]
struct Page {
    assets: Paths,
    /// Which part of the site it is.
    part: &'static str,
    notice: Option<&'static str>,
    /// The query of the list that it leads back to.
    back: String,
    /// Where a key is entered.
    sign_in: String,
    access: Access,
}

impl Page {
    /// The list that was left.
    fn list(&self) -> String {
        list_at(&self.back)
    }

    /// A path of a page that leads back to the same list.
    fn to(&self, path: &str) -> String {
        to(path, &self.back)
    }
}

/// The list with this query.
fn list_at(query: &str) -> String {
    if query.is_empty() {
        "/people".to_owned()
    } else {
        format!("/people?{query}")
    }
}

/// The address of a page that leads back to the list with this query.
fn to(path: &str, back: &str) -> String {
    let mut query = Query::default();
    if !back.is_empty() {
        query.add("back", back);
    }
    query.of(path)
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

/// The page that takes the place of a problem document. It asks for a key, if there is somewhere to go with one `then`, and
/// says after how many seconds to `retry`.
pub(crate) fn refusal(
    status: StatusCode,
    problem: &Problem,
    visitor: &Visitor,
    then: Option<&str>,
    retry: Option<&str>,
) -> Response {
    let page = Refusal::new(status, problem, visitor, then, retry);
    show(status, &page, visitor)
}

/// The page that takes the place of the list if the contract refuses what is asked of it, the `query`.
pub(crate) fn refused_list(query: &str, problem: &Problem, visitor: &Visitor) -> Response {
    let page = Refused::new(query, problem, visitor);
    show(StatusCode::BAD_REQUEST, &page, visitor)
}

/// `pages.new`
async fn new(visitor: Visitor) -> Response {
    show(StatusCode::OK, &Form::of_new(&visitor), &visitor)
}

/// `pages.add`
async fn add(
    State(store): People,
    schema: Validator,
    visitor: Visitor,
    who: Option<Principal>,
    Body(entered): Body<form::Entered>,
) -> Result<Response, Problem> {
    let new = match entered.read(&schema) {
        Ok(new) => new,
        Err(wrong) => {
            let page = Form::of_new(&visitor).refused(&entered, wrong);
            return Ok(show(StatusCode::UNPROCESSABLE_ENTITY, &page, &visitor));
        }
    };
    let once = Once::of(entered.idempotency_key);
    let person = people::store(store.as_ref(), who.as_ref(), &once, new).await?;
    let address = to(&format!("/people/{}", person.uuid), &visitor.back());
    Ok(done(&address, "added"))
}

/// `pages.change`
async fn change(
    State(store): People,
    schema: Validator,
    visitor: Visitor,
    who: Option<Principal>,
    Params(mut key): Params<people::Key>,
    Body(entered): Body<form::Entered>,
) -> Result<Response, Problem> {
    let changes = match entered.changes(&schema) {
        Ok(changes) => changes,
        Err(wrong) => {
            let person = people::find(store.as_ref(), &key).await?;
            let page = Form::of(&person, &visitor).refused(&entered, wrong);
            return Ok(show(StatusCode::UNPROCESSABLE_ENTITY, &page, &visitor));
        }
    };
    key.if_match = Some(entered.etag.clone());
    match people::change(store.as_ref(), who.as_ref(), &key, &changes).await {
        Ok(person) => {
            let address = to(&format!("/people/{}", person.uuid), &visitor.back());
            Ok(done(&address, "changed"))
        }
        Err(problem) if problem.status == StatusCode::PRECONDITION_FAILED => {
            let person = people::find(store.as_ref(), &key).await?;
            let page = Form::of(&person, &visitor).overtaken(&entered);
            Ok(show(StatusCode::PRECONDITION_FAILED, &page, &visitor))
        }
        Err(problem) => Err(problem),
    }
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
        Ok(()) => Ok(done(&list_at(&visitor.back()), "removed")),
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

/// The name of a file.
#[derive(Debug, Deserialize)]
struct File {
    name: String,
}

/// `pages.asset`
async fn asset(Params(File { name }): Params<File>) -> Result<Response, Problem> {
    let missing =
        || Problem::new(StatusCode::NOT_FOUND, "There is no such file.").with_type("http");
    assets::find(&name).ok_or_else(missing)
}
