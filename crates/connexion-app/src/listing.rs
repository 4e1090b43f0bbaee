//! The answer of `people.list`: everybody who fits, or one page of them, in the format that the client likes.
//!
//! A page is found by the last person of the one before, not by a number: so it costs the same wherever it is, and
//! whoever is added or removed meanwhile makes nobody else come twice or not at all.

use std::fmt::Write as _;

use axum::response::{AppendHeaders, IntoResponse, Response};
use connexion::{Accept, Body, Items, Location, Problem, Violation};
use futures_util::{StreamExt as _, stream};
use http::{HeaderName, HeaderValue, header};
use serde::Deserialize;

use crate::export;
use crate::pages::{self, Visitor, Wanted};
use crate::person::Person;
use crate::query::{Cursor, Filter, Key, Select, reversed, total};
use crate::store::{People, Store, StoreError};

/// How many people a page has unless the client says so.
pub(crate) const LIMIT: u32 = 100;

const JSON: &str = "application/json";

/// How many people there are on all pages together.
pub(crate) const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// The query parameters of `people.list`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ListParams {
    pub(crate) limit: Option<u32>,
    pub(crate) cursor: Option<String>,
    #[serde(default)]
    pub(crate) sort: Vec<String>,
    count: Option<String>,
    /// Whether a text in CSV must not be taken for a formula.
    #[serde(default)]
    spreadsheet: bool,
    #[serde(flatten)]
    pub(crate) filter: Filter,
}

/// Some people, and where their neighbours are.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) people: Vec<Person>,
    /// How many people are on the pages before it; an estimate, if people came or went since its cursor was made.
    pub(crate) before: u64,
    /// The cursor of the page before, if there is one.
    pub(crate) prev: Option<String>,
    /// The cursor of the page after, if there is one.
    pub(crate) next: Option<String>,
}

/// Answers with the people that were asked for; `query` is the text that the parameters were in. A page for `visitor` is a
/// page of the list, too.
pub(crate) async fn answer(
    store: &dyn Store,
    accept: &Accept,
    visitor: &Visitor,
    query: Option<&str>,
    params: ListParams,
) -> Result<Response, Problem> {
    let is_html = accept.as_str() == "text/html";
    let mut headers = vec![(header::VARY, HeaderValue::from_static("Accept"))];
    if params.count.is_some() {
        headers.push((TOTAL_COUNT, store.count(&params.filter).await?.into()));
    }
    let people = if is_html || params.limit.is_some() || params.cursor.is_some() {
        let page = page(store, &params).await?;
        // What came in a request can stand in a header.
        let links = links(query, &page)
            .parse()
            .map(|links| (header::LINK, links));
        headers.extend(links);
        if is_html {
            let summary = store.summary(&params.filter).await?;
            let wanted = Wanted {
                sort: keys(&params),
                limit: params.limit,
                cursor: params.cursor,
                filter: params.filter,
            };
            let page = pages::list(&wanted, page, &summary, visitor);
            return Ok((AppendHeaders(headers), page).into_response());
        }
        if accept.as_str() == JSON {
            // It is at hand, so its length can be told.
            return Ok((AppendHeaders(headers), Body(page.people)).into_response());
        }
        stream::iter(page.people.into_iter().map(Ok)).boxed()
    } else {
        let keys = keys(&params);
        let select = Select {
            order: if keys.is_empty() { keys } else { total(keys) },
            filter: params.filter,
            ..Select::default()
        };
        store.list(&select).await?
    };
    let spreadsheet = params.spreadsheet;
    let response = match accept.as_str() {
        "application/x-ndjson" => Items::new(people).lines().into_response(),
        "text/csv" => export::csv(people, spreadsheet),
        _ => Items::new(people).into_response(),
    };
    Ok((AppendHeaders(headers), response).into_response())
}

/// Reads one page.
pub(crate) async fn page(store: &dyn Store, params: &ListParams) -> Result<Page, Problem> {
    let order = total(keys(params));
    let cursor = params.cursor.as_deref();
    let cursor = cursor.map(|text| Cursor::decode(text, &order).ok_or_else(foreign_cursor));
    let cursor = cursor.transpose()?;
    let limit = params.limit.unwrap_or(LIMIT);
    // A page that ends somewhere is read from there, backwards.
    let is_backward = cursor.as_ref().is_some_and(|cursor| cursor.is_end);
    let select = Select {
        filter: params.filter.clone(),
        order: if is_backward {
            reversed(&order)
        } else {
            order.clone()
        },
        after: cursor.as_ref().map(|cursor| cursor.values.clone()),
        // One more tells whether there is another page.
        limit: Some(limit + 1),
    };
    let rows = store.list(&select).await?;
    let (mut people, is_more) = first_of(rows, limit as usize).await?;
    if is_backward {
        people.reverse();
    }
    let (is_before, is_after) = if is_backward {
        (is_more, true)
    } else {
        (cursor.is_some(), is_more)
    };
    let position = cursor.map_or(0, |cursor| cursor.position);
    let before = match is_backward {
        _ if !is_before => 0,
        true => position.saturating_sub(people.len() as u64),
        false => position,
    };
    let after = before.saturating_add(people.len() as u64);
    let at = |person: Option<&Person>, is_end, position| {
        Some(Cursor::at(person?, &order, is_end, position).encode(&order))
    };
    Ok(Page {
        prev: at(people.first(), true, before).filter(|_| is_before),
        next: at(people.last(), false, after).filter(|_| is_after),
        before,
        people,
    })
}

/// Reads the first people of a list, and whether there are more. The row that only shows that there are more may break the
/// document: it is not on the page. The list is read to its end, since its connection could not be used again otherwise.
async fn first_of(mut rows: People, limit: usize) -> Result<(Vec<Person>, bool), StoreError> {
    let (mut people, mut is_more) = (Vec::new(), false);
    while let Some(row) = rows.next().await {
        let is_beyond = people.len() == limit;
        match row {
            Ok(person) if !is_beyond => people.push(person),
            Ok(_) => is_more = true,
            Err(StoreError::Broken(_)) if is_beyond => is_more = true,
            Err(error) => return Err(error),
        }
    }
    Ok((people, is_more))
}

/// What the client wants to sort by; the contract has let in nothing else.
fn keys(params: &ListParams) -> Vec<Key> {
    params
        .sort
        .iter()
        .filter_map(|key| Key::parse(key))
        .collect()
}

/// The header `Link` (RFC 8288). Other parameters stay as the client has written them.
fn links(query: Option<&str>, page: &Page) -> String {
    let others = query.unwrap_or_default().split('&');
    let others: Vec<_> = others
        .filter(|one| !one.is_empty() && one.split('=').next() != Some("cursor"))
        .collect();
    let others = others.join("&");
    let mut links = format!("</people?{others}>; rel=\"first\"");
    for (name, cursor) in [("prev", &page.prev), ("next", &page.next)] {
        if let Some(cursor) = cursor {
            let and = if others.is_empty() { "" } else { "&" };
            // Writing to a string does not fail.
            let _ = write!(
                links,
                ", </people?{others}{and}cursor={cursor}>; rel=\"{name}\""
            );
        }
    }
    links
}

fn foreign_cursor() -> Problem {
    let detail = "'cursor' is not from a link to a page of this order";
    Problem::from(vec![Violation::new(
        Location::query("cursor"),
        "format",
        detail,
    )])
}
