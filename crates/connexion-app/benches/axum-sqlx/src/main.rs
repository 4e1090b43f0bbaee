//! The people service written by hand: axum, sqlx, serde, and nothing else.
//!
//!     axum-sqlx DATABASE_URL POOL_SIZE     people in PostgreSQL
//!     axum-sqlx memory                     one person for every key, without a database
//!
//! It checks what serde checks and no more, and keeps no contract. Its first line of output is its address.

#![expect(clippy::disallowed_types, reason = "this is plain axum")]

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

#[derive(Clone, Copy, Debug, Deserialize, Serialize, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "sexenum", rename_all = "lowercase")]
enum Sex {
    Male,
    Female,
    Other,
}

#[derive(Debug, Serialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
struct Person {
    uuid: Uuid,
    survived: bool,
    passenger_class: i32,
    name: String,
    sex: Sex,
    age: i32,
    siblings_or_spouses_aboard: i32,
    parents_or_children_aboard: i32,
    fare: f64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewPerson {
    uuid: Option<Uuid>,
    survived: bool,
    passenger_class: i32,
    name: String,
    sex: Sex,
    age: i32,
    siblings_or_spouses_aboard: i32,
    parents_or_children_aboard: i32,
    fare: f64,
}

macro_rules! columns {
    () => {
        "uuid, survived, passenger_class, name, sex, age, siblings_or_spouses_aboard, parents_or_children_aboard, fare"
    };
}

const LIST: &str = concat!("select ", columns!(), " from person");
const LOOKUP: &str = concat!("select ", columns!(), " from person where uuid = $1");
const ADD: &str = concat!(
    "insert into person (",
    columns!(),
    ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let router = match arguments.as_slice() {
        [memory] if memory == "memory" => Router::new()
            .route("/people", axum::routing::post(add_to_nothing))
            .route("/people/{uuid}", get(from_memory)),
        [url, size] => {
            let size = size.parse()?;
            let pool = PgPoolOptions::new()
                .min_connections(size)
                .max_connections(size)
                // Otherwise each loan begins with a ping, which would halve its figures.
                .test_before_acquire(false)
                .connect(url)
                .await?;
            Router::new()
                .route("/people", get(list).post(add))
                .route("/people/{uuid}", get(lookup))
                .with_state(pool)
        }
        _ => return Err("axum-sqlx DATABASE_URL POOL_SIZE | memory".into()),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, router).await?)
}

async fn list(State(pool): State<PgPool>) -> Result<Json<Vec<Person>>, Failed> {
    let people = sqlx::query_as(LIST).fetch_all(&pool).await?;
    Ok(Json(people))
}

async fn lookup(
    State(pool): State<PgPool>,
    Path(uuid): Path<Uuid>,
) -> Result<Json<Person>, Failed> {
    let person = sqlx::query_as(LOOKUP).bind(uuid);
    let person = person.fetch_optional(&pool).await?;
    person.map(Json).ok_or(Failed(StatusCode::NOT_FOUND))
}

async fn add(
    State(pool): State<PgPool>,
    Json(new): Json<NewPerson>,
) -> Result<impl IntoResponse, Failed> {
    let person = Person::from(new);
    sqlx::query(ADD)
        .bind(person.uuid)
        .bind(person.survived)
        .bind(person.passenger_class)
        .bind(&person.name)
        .bind(person.sex)
        .bind(person.age)
        .bind(person.siblings_or_spouses_aboard)
        .bind(person.parents_or_children_aboard)
        .bind(person.fare)
        .execute(&pool)
        .await?;
    Ok(added(person))
}

async fn from_memory(Path(uuid): Path<Uuid>) -> Json<Person> {
    Json(Person {
        uuid,
        survived: true,
        passenger_class: 3,
        name: "Braund, Mr. Owen Harris 3e8".to_owned(),
        sex: Sex::Male,
        age: 22,
        siblings_or_spouses_aboard: 1,
        parents_or_children_aboard: 0,
        fare: 7.25,
    })
}

async fn add_to_nothing(Json(new): Json<NewPerson>) -> impl IntoResponse {
    added(Person::from(new))
}

fn added(person: Person) -> impl IntoResponse {
    let location = format!("/people/{}", person.uuid);
    ([(header::LOCATION, location)], Json(person))
}

impl From<NewPerson> for Person {
    fn from(new: NewPerson) -> Self {
        Self {
            uuid: new.uuid.unwrap_or_else(Uuid::new_v4),
            survived: new.survived,
            passenger_class: new.passenger_class,
            name: new.name,
            sex: new.sex,
            age: new.age,
            siblings_or_spouses_aboard: new.siblings_or_spouses_aboard,
            parents_or_children_aboard: new.parents_or_children_aboard,
            fare: new.fare,
        }
    }
}

struct Failed(StatusCode);

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        eprintln!("{error}");
        Self(match error.as_database_error() {
            Some(error) if error.is_unique_violation() => StatusCode::CONFLICT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        })
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> axum::response::Response {
        self.0.into_response()
    }
}
