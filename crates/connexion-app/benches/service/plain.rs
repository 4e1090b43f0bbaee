//! The same handlers on the same stores as a program without the library has them, with plain axum. It is this
//! benchmark itself, started once more.

#![expect(
    clippy::disallowed_types,
    reason = "plain axum is what is compared with"
)]

use std::path::Path;
use std::sync::Arc;

use axum::extract::{Path as PathParameter, State};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use connexion::Items;
use connexion_app::person::{NewPerson, Person};
use connexion_app::query::Select;
use connexion_app::store::postgres::{self, Postgres};
use connexion_app::store::sqlite::{self, Sqlite};
use connexion_app::store::{Store, StoreError};
use http::{StatusCode, header};
use uuid::Uuid;

/// The argument before the database that makes this program that one.
pub(crate) const FLAG: &str = "--plain-axum-server";

#[tokio::main]
pub(crate) async fn serve(url: &str) {
    let router = Router::new()
        .route("/people", get(list).post(add))
        .route("/people/{uuid}", get(lookup))
        .with_state(store(url));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    axum::serve(listener, router).await.unwrap();
}

/// The service's own store.
pub(crate) fn store(url: &str) -> Arc<dyn Store> {
    match url.strip_prefix("sqlite:") {
        Some(path) => Arc::new(Sqlite::open(Path::new(path), sqlite::Options::default())),
        None => Arc::new(Postgres::open(url, postgres::Options::default()).unwrap()),
    }
}

async fn list(
    State(store): State<Arc<dyn Store>>,
) -> Result<Items<Person, StoreError>, StatusCode> {
    store
        .list(&Select::all())
        .await
        .map(Items::new)
        .map_err(failed)
}

async fn lookup(
    State(store): State<Arc<dyn Store>>,
    PathParameter(uuid): PathParameter<Uuid>,
) -> Result<Json<Person>, StatusCode> {
    store
        .lookup(uuid)
        .await
        .map_err(failed)?
        .map(Json)
        .ok_or(StatusCode::NOT_FOUND)
}

async fn add(
    State(store): State<Arc<dyn Store>>,
    Json(new): Json<NewPerson>,
) -> Result<impl IntoResponse, StatusCode> {
    let person = Person::from(new);
    store.add(&person, None).await.map_err(failed)?;
    Ok((
        [(header::LOCATION, format!("/people/{}", person.uuid))],
        Json(person),
    ))
}

fn failed(_: StoreError) -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}
