//! The whole service but for its sockets, on a database of its own, for tests that send it requests.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, Request, StatusCode},
};
use connexion::{ApiService, Document};
use connexion_app::query::Select;
use connexion_app::{app, person::Person, store::Store};
use futures_util::TryStreamExt as _;

use crate::conformance::Place;
use crate::postgres_server::fresh_database;

/// Which store the service is on.
#[derive(Clone, Copy)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

/// Which document describes it: both say the same of the original's operations.
#[derive(Clone, Copy)]
pub(crate) enum Contract {
    OpenApi31,
    Swagger20,
}

/// A service with an empty, migrated database.
pub(crate) struct TestApp {
    store: Arc<dyn Store>,
    service: ApiService,
    /// Removed when the test ends.
    place: Place,
}

/// An answer, read to its end.
#[must_use]
pub(crate) struct TestResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl TestApp {
    pub(crate) async fn new(backend: Backend, contract: Contract) -> Self {
        let place = match backend {
            Backend::Sqlite => Place::Sqlite(tempfile::tempdir().unwrap()),
            Backend::Postgres => Place::Postgres(fresh_database().await),
        };
        let store = place.migrated().await;
        let api = match contract {
            Contract::OpenApi31 => {
                app::api(app::document().unwrap(), app::Imports::default()).unwrap()
            }
            Contract::Swagger20 => {
                let text = include_str!("../data/swagger.yaml");
                app::original(Document::parse("swagger.yaml", text).unwrap())
            }
        };
        let api = api.serve_document(true).swagger_ui(true);
        let service = api.build(Arc::clone(&store)).unwrap();
        Self {
            store,
            service,
            place,
        }
    }

    /// The address of its database, for what a test does by hand.
    pub(crate) fn url(&self) -> &str {
        match &self.place {
            Place::Postgres(database) => database.url(),
            Place::Sqlite(_) => panic!("it has no address"),
        }
    }

    pub(crate) fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// Leaves exactly these people in the table.
    pub(crate) async fn reset(&self, people: &[Person]) {
        let all: Vec<_> = self
            .store
            .list(&Select::all())
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        for person in all {
            self.store.delete(person.uuid, None).await.unwrap();
        }
        for person in people {
            self.store.add(person, None).await.unwrap();
        }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> TestResponse {
        let (head, body) = self.service.handle(request).await.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        TestResponse {
            status: head.status,
            headers: head.headers,
            body,
        }
    }
}
