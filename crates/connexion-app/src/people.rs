//! The operations of the contract; each handler is named by the last part of its `operationId`.
//!
//! A handler sees only input that the document allows, so all that is left to do is to ask the store.

mod import;

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use connexion::{Accept, Body, EntityTags, Params, Principal, Problem};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

pub(crate) use self::import::{Importing, import_people};
use crate::listing::{self, ListParams};
use crate::once::{self, Once};
use crate::pages::{self, Visitor};
use crate::person::{NewPerson, Person, PersonChanges};
use crate::query::Filter;
use crate::store::{Receipt, Store, StoreError};
use crate::summary::Summary;

/// What handlers share.
pub(crate) type People = State<Arc<dyn Store>>;

/// How often a change is tried that depends on what the person is like, if others change the same person to what it was.
const TRIES: usize = 5;

/// The parameters of the operations on one person.
#[derive(Debug, Deserialize)]
pub(crate) struct Key {
    #[serde(deserialize_with = "crate::person::uuid")]
    uuid: Uuid,
    #[serde(rename = "If-Match")]
    pub(crate) if_match: Option<String>,
    #[serde(rename = "If-None-Match")]
    if_none_match: Option<String>,
}

/// Preconditions, in the order of RFC 9110, section 13.2.2: first `If-Match`, then `If-None-Match`. They are evaluated only
/// where the request would succeed without them (section 13.2.1): an unknown person stays 404.
impl Key {
    fn is_conditional(&self) -> bool {
        self.if_match.is_some() || self.if_none_match.is_some()
    }

    /// 412 unless `If-Match` is absent or has this tag (section 13.1.1).
    fn match_required(&self, etag: &str) -> Result<(), Problem> {
        let Some(sent) = &self.if_match else {
            return Ok(());
        };
        let detail = match EntityTags::parse(sent) {
            Some(tags) if tags.match_strongly(etag) => return Ok(()),
            Some(tags) if tags.match_weakly(etag) => {
                "`If-Match` has the current entity tag as a weak one (W/…), which never matches there; a proxy may have \
                 weakened it. Send the tag without W/."
            }
            Some(_) => "Somebody else has changed this person meanwhile.",
            None => "`If-Match` is neither * nor a list of entity tags, each in double quotes.",
        };
        Err(precondition_failed(detail, etag))
    }

    /// 412 if `If-None-Match` has this tag (section 13.1.2), or can't be read: a change that must not happen does not.
    fn match_forbidden(&self, etag: &str) -> Result<(), Problem> {
        let Some(sent) = &self.if_none_match else {
            return Ok(());
        };
        let detail = match EntityTags::parse(sent) {
            Some(tags) if !tags.match_weakly(etag) => return Ok(()),
            Some(tags) if tags.is_any() => {
                "There is such a person, which `If-None-Match: *` rules out."
            }
            Some(_) => "The person has an entity tag that `If-None-Match` rules out.",
            None => {
                "`If-None-Match` is neither * nor a list of entity tags, each in double quotes."
            }
        };
        Err(precondition_failed(detail, etag))
    }

    /// Whether `If-None-Match` has this tag: the client has what it asks for.
    fn names(&self, etag: &str) -> bool {
        let tags = self.if_none_match.as_deref().and_then(EntityTags::parse);
        tags.is_some_and(|tags| tags.match_weakly(etag))
    }
}

fn precondition_failed(detail: &str, etag: &str) -> Problem {
    let problem = Problem::new(StatusCode::PRECONDITION_FAILED, detail);
    match HeaderValue::from_str(etag) {
        Ok(etag) => problem.with_header(header::ETAG, etag),
        Err(_) => problem,
    }
}

/// `people.list`
pub(crate) async fn list(
    State(store): People,
    accept: Accept,
    visitor: Visitor,
    uri: http::Uri,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    listing::answer(store.as_ref(), &accept, &visitor, uri.query(), params).await
}

/// `people.summary`
pub(crate) async fn summary(
    State(store): People,
    Params(filter): Params<Filter>,
) -> Result<Body<Summary>, Problem> {
    Ok(Body(store.summary(&filter).await?))
}

/// `people.add`
pub(crate) async fn add(
    State(store): People,
    who: Option<Principal>,
    Params(once): Params<Once>,
    Body(new): Body<NewPerson>,
) -> Result<Response, Problem> {
    let person = self::store(store.as_ref(), who.as_ref(), &once, new).await?;
    let location = [(header::LOCATION, format!("/people/{}", person.uuid))];
    Ok((location, tagged(person)).into_response())
}

/// Stores a new person, or finds the one that the same request stored before.
///
/// # Errors
/// 409 if another person has its key, 422 if the request was another before.
pub(crate) async fn store(
    store: &dyn Store,
    who: Option<&Principal>,
    once: &Once,
    new: NewPerson,
) -> Result<Person, Problem> {
    let claim = once.claim("people.add", who);
    let request = claim.map(|_| once::digest(&new));
    let mut person = Person::from(new);
    let once = claim.zip(request).map(|(claim, request)| {
        let answer = serde_json::to_string(&person).unwrap_or_default();
        (claim, Receipt { request, answer })
    });
    match store.add(&person, once).await? {
        None => audit(who, "added", person.uuid),
        Some(before) if Some(before.request) != request => return Err(once::other_body()),
        Some(before) => person = before.read()?,
    }
    Ok(person)
}

/// `person.get`
pub(crate) async fn get(
    State(store): People,
    accept: Accept,
    visitor: Visitor,
    Params(key): Params<Key>,
) -> Result<Response, Problem> {
    let person = find(store.as_ref(), &key).await?;
    if accept.as_str() == "text/html" {
        // The page has no tag: it also shows what the client may do.
        return Ok(pages::person(&person, &visitor));
    }
    if key.is_conditional() {
        let etag = person.etag();
        key.match_required(&etag)?;
        if key.names(&etag) {
            let headers = [(header::ETAG, etag), (header::VARY, "Accept".to_owned())];
            return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
        }
    }
    Ok(([VARY_ACCEPT], tagged(person)).into_response())
}

/// The person with this key.
///
/// # Errors
/// 404 if there is none.
pub(crate) async fn find(store: &dyn Store, key: &Key) -> Result<Person, Problem> {
    let person = store.lookup(key.uuid).await?;
    person.ok_or_else(|| no_such_person(key.uuid))
}

/// `person.update`
pub(crate) async fn update(
    State(store): People,
    who: Option<Principal>,
    Params(key): Params<Key>,
    Body(changes): Body<PersonChanges>,
) -> Result<Response, Problem> {
    let person = change(store.as_ref(), who.as_ref(), &key, &changes).await?;
    Ok(tagged(person).into_response())
}

/// Changes the person with this key, if it is as the client knows it.
///
/// # Errors
/// 404 if there is none, 409 if another person has the new key, 412 if somebody else has changed it.
pub(crate) async fn change(
    store: &dyn Store,
    who: Option<&Principal>,
    key: &Key,
    changes: &PersonChanges,
) -> Result<Person, Problem> {
    for _ in 0..TRIES {
        let expected = expected(store, key).await?;
        match store.update(key.uuid, changes, expected.as_ref()).await? {
            Some(person) => {
                audit(who, "changed", key.uuid);
                return Ok(person);
            }
            None if expected.is_none() => return Err(no_such_person(key.uuid)),
            None => {}
        }
    }
    Err(overtaken())
}

/// `person.delete`
pub(crate) async fn delete(
    State(store): People,
    who: Option<Principal>,
    Params(key): Params<Key>,
) -> Result<Body<Map<String, Value>>, Problem> {
    remove(store.as_ref(), who.as_ref(), &key).await?;
    Ok(Body(Map::new()))
}

/// Removes the person with this key, if it is as the client knows it.
///
/// # Errors
/// 404 if there is none, 412 if somebody else has changed it.
pub(crate) async fn remove(
    store: &dyn Store,
    who: Option<&Principal>,
    key: &Key,
) -> Result<(), Problem> {
    for _ in 0..TRIES {
        let expected = expected(store, key).await?;
        if store.delete(key.uuid, expected.as_ref()).await? {
            audit(who, "removed", key.uuid);
            return Ok(());
        }
        if expected.is_none() {
            return Err(no_such_person(key.uuid));
        }
    }
    Err(overtaken())
}

const VARY_ACCEPT: (http::HeaderName, HeaderValue) =
    (header::VARY, HeaderValue::from_static("Accept"));

/// A person with the entity tag.
fn tagged(person: Person) -> impl IntoResponse {
    ([(header::ETAG, person.etag())], Body(person))
}

/// The person that a conditional request is about, as it must still be when the change is done; `None` if the request is not
/// conditional. Nothing is locked: the change is done only if the person is the same then, otherwise it is looked up again.
async fn expected(store: &dyn Store, key: &Key) -> Result<Option<Person>, Problem> {
    if !key.is_conditional() {
        return Ok(None);
    }
    let person = store.lookup_latest(key.uuid).await?;
    let person = person.ok_or_else(|| no_such_person(key.uuid))?;
    let etag = person.etag();
    key.match_required(&etag)?;
    key.match_forbidden(&etag)?;
    Ok(Some(person))
}

fn overtaken() -> Problem {
    StoreError::Unavailable("others change the same person".to_owned()).into()
}

/// Notes who changed what. The span of the request has the operation and the request's id.
fn audit(who: Option<&Principal>, what: &str, uuid: Uuid) {
    let who = name(who);
    tracing::info!(target: "audit", who, person = %uuid, "audit: {what}");
}

fn name(who: Option<&Principal>) -> &str {
    who.map_or("anybody", |who| who.name.as_str())
}

fn no_such_person(uuid: Uuid) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        format!("There is no person with the uuid {uuid}."),
    )
    .with_type("http")
}
