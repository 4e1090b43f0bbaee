//! The operations of the contract; each handler is named by the last part of its `operationId`.
//!
//! A handler sees only input that the document allows, so all that is left to do is to ask the store.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use connexion::{Body, Items, Params, Principal, Problem};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::person::{NewPerson, Person, PersonChanges};
use crate::store::{Store, StoreError};

/// What handlers share.
pub(crate) type People = State<Arc<dyn Store>>;

/// The path parameter of the operations on one person.
#[derive(Debug, Deserialize)]
pub(crate) struct Key {
    #[serde(deserialize_with = "crate::person::uuid")]
    uuid: Uuid,
}

/// `people.list`
pub(crate) async fn list(State(store): People) -> Result<Items<Person, StoreError>, Problem> {
    Ok(Items::new(store.list().await?))
}

/// `people.add`
pub(crate) async fn add(
    State(store): People,
    who: Option<Principal>,
    Body(new): Body<NewPerson>,
) -> Result<impl IntoResponse, Problem> {
    let person = Person::from(new);
    store.add(&person).await?;
    audit(who.as_ref(), "added", person.uuid);
    let location = [(header::LOCATION, format!("/people/{}", person.uuid))];
    Ok((location, Body(person)))
}

/// `person.get`
pub(crate) async fn get(
    State(store): People,
    Params(key): Params<Key>,
) -> Result<Body<Person>, Problem> {
    store
        .lookup(key.uuid)
        .await?
        .map(Body)
        .ok_or_else(|| no_such_person(key.uuid))
}

/// `person.update`
pub(crate) async fn update(
    State(store): People,
    who: Option<Principal>,
    Params(key): Params<Key>,
    Body(changes): Body<PersonChanges>,
) -> Result<Body<Person>, Problem> {
    let updated = store.update(key.uuid, &changes).await?;
    let person = updated.ok_or_else(|| no_such_person(key.uuid))?;
    audit(who.as_ref(), "changed", key.uuid);
    Ok(Body(person))
}

/// `person.delete`
pub(crate) async fn delete(
    State(store): People,
    who: Option<Principal>,
    Params(key): Params<Key>,
) -> Result<Body<Map<String, Value>>, Problem> {
    if store.delete(key.uuid).await? {
        audit(who.as_ref(), "removed", key.uuid);
        Ok(Body(Map::new()))
    } else {
        Err(no_such_person(key.uuid))
    }
}

/// Notes who changed what. The span of the request has the operation and the request's id.
fn audit(who: Option<&Principal>, what: &str, uuid: Uuid) {
    let who = who.map_or("anybody", |who| who.name.as_str());
    tracing::info!(target: "audit", who, person = %uuid, "audit: {what}");
}

fn no_such_person(uuid: Uuid) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        format!("There is no person with the uuid {uuid}."),
    )
    .with_kind("http")
}
