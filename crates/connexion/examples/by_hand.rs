//! The service of `benches/echo/openapi.yaml` as it is written with axum alone: the same requests are refused, the
//! responses are those of `examples/echo.rs`. It does not report all violations of a request, and none with its location:
//! `cargo run -p connexion --example by_hand -- [--port P]`.

#![expect(
    clippy::disallowed_types,
    reason = "plain axum is what is compared with"
)]

use std::{error::Error, io::Write as _};

use axum::{
    Json, Router,
    extract::{Path, Query},
    http::StatusCode,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Echo<P, Q, B> {
    operation_id: &'static str,
    path: P,
    query: Q,
    header: Nothing,
    cookie: Nothing,
    body: B,
}

#[derive(Serialize)]
struct Nothing {}

#[derive(Deserialize, Serialize)]
struct Shelf {
    shelf: i64,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Search {
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<Kind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sold: Option<bool>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Small,
    Large,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Thing {
    name: String,
    price: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    stock: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<Kind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
}

type Refusal = (StatusCode, &'static str);

async fn search(
    Path(path): Path<Shelf>,
    Query(query): Query<Search>,
) -> Result<Json<Echo<Shelf, Search, ()>>, Refusal> {
    check(path.shelf >= 1, "shelf is too small")?;
    let is_right = query.limit.is_none_or(|limit| (1..=100).contains(&limit));
    check(is_right, "limit is not between 1 and 100")?;
    Ok(Json(Echo {
        operation_id: "search",
        path,
        query,
        header: Nothing {},
        cookie: Nothing {},
        body: (),
    }))
}

async fn add(Json(body): Json<Thing>) -> Result<Json<Echo<Nothing, Nothing, Thing>>, Refusal> {
    let length = body.name.chars().count();
    check((1..=80).contains(&length), "name is too short or too long")?;
    check(body.price >= 0.0, "price is negative")?;
    check(
        body.stock.is_none_or(|stock| stock >= 0),
        "stock is negative",
    )?;
    let tags = body.tags.as_deref().unwrap_or_default();
    let are_short = tags.iter().all(|tag| tag.chars().count() <= 20);
    check(
        tags.len() <= 5 && are_short,
        "tags are too many or too long",
    )?;
    Ok(Json(Echo {
        operation_id: "add",
        path: Nothing {},
        query: Nothing {},
        header: Nothing {},
        cookie: Nothing {},
        body,
    }))
}

fn check(is_right: bool, message: &'static str) -> Result<(), Refusal> {
    if is_right {
        Ok(())
    } else {
        Err((StatusCode::BAD_REQUEST, message))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let port = match arguments.as_slice() {
        [] => 3000,
        [flag, port] if flag == "--port" => port.parse::<u16>()?,
        _ => return Err("usage: by_hand [--port P]".into()),
    };
    let router = Router::new()
        .route("/shelves/{shelf}/things", get(search))
        .route("/things", post(add));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    writeln!(std::io::stdout(), "http://{}", listener.local_addr()?)?;
    axum::serve(listener, router).await?;
    Ok(())
}
