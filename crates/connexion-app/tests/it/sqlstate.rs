//! What a client is told when the database says no: each row of the table of SQLSTATEs, raised by a real
//! database.

use axum::body::Body;
use axum::http::Request;
use connexion_app::person::Person;
use connexion_app::store::postgres::SQLSTATES;
use serde_json::json;

use crate::postgres_server::connect;
use crate::test_app::{Backend, Contract, TestApp, TestResponse};

/// Fails as the name says, as often as the age says.
const TRIGGER: &str = "
    create sequence tries;
    create function fail() returns trigger language plpgsql as $$
    begin
        if nextval('tries') <= new.age then
            raise exception 'secret of the database' using errcode = new.name;
        end if;
        return new;
    end $$;
    create trigger fail before insert on person for each row execute function fail()";

const FOR_EVER: i32 = 1_000_000;

/// Row of the table, a code that it is about, the answer.
const EXPECTED: [(&str, &str, u16); 21] = [
    ("23505", "23505", 409),
    ("23P01", "23P01", 409),
    ("23503", "23503", 409),
    ("23001", "23001", 409),
    ("22", "22003", 400),
    ("23", "23514", 400),
    ("40001", "40001", 503),
    ("40P01", "40P01", 503),
    ("40", "40002", 503),
    ("08", "08006", 503),
    ("53100", "53100", 507),
    ("53", "53300", 503),
    ("57014", "57014", 503),
    ("57", "57P01", 503),
    ("58", "58030", 503),
    ("55P03", "55P03", 503),
    ("0A000", "0A000", 503),
    ("26000", "26000", 503),
    ("25006", "25006", 503),
    ("42P01", "42P01", 503),
    ("42703", "42703", 503),
];

async fn failing() -> TestApp {
    let app = TestApp::new(Backend::Postgres, Contract::OpenApi31).await;
    let by_hand = connect(app.url()).await;
    by_hand.batch_execute(TRIGGER).await.unwrap();
    app
}

async fn add(app: &TestApp, code: &str, times: i32) -> TestResponse {
    let person = json!({"name": code, "passengerClass": 1, "sex": "male", "age": times,
        "siblingsOrSpousesAboard": 0, "parentsOrChildrenAboard": 0, "fare": 7.5});
    let request = Request::post("/people").header("content-type", "application/json");
    app.send(request.body(Body::from(person.to_string())).unwrap())
        .await
}

async fn tries(app: &TestApp) -> i64 {
    let by_hand = connect(app.url()).await;
    let query = "select case when is_called then last_value else 0 end from tries";
    let tries = by_hand.query_one_scalar(query, &[]).await.unwrap();
    by_hand
        .batch_execute("alter sequence tries restart")
        .await
        .unwrap();
    tries
}

#[tokio::test]
async fn every_row_of_the_table_is_answered_as_it_says() {
    let app = failing().await;
    let rows = EXPECTED.map(|(row, ..)| row);
    assert_eq!(rows, SQLSTATES.map(|(row, ..)| row));
    for (row, code, status) in EXPECTED {
        let answer = add(&app, code, FOR_EVER).await;
        let body = String::from_utf8(answer.body.to_vec()).unwrap();
        assert_eq!(answer.status, status, "{row}: {body}");
        assert_eq!(
            answer.headers.contains_key("retry-after"),
            status == 503,
            "{row}"
        );
        assert!(
            !body.contains("secret") && !body.contains(code),
            "{row}: {body}"
        );
        let tried = tries(&app).await;
        assert_eq!(
            tried,
            match row {
                "40001" | "40P01" => 4,
                // Once more: on a session of its own, or prepared again.
                "55P03" | "0A000" | "26000" => 2,
                _ => 1,
            },
            "{row}"
        );
        // None of them sticks.
        assert_eq!(add(&app, code, 0).await.status, 200, "{row}");
        tries(&app).await;
    }
    // What is in no row is a fault of ours.
    assert_eq!(add(&app, "P0001", FOR_EVER).await.status, 500);
}

#[tokio::test]
async fn a_lost_race_is_run_again_and_the_client_does_not_notice() {
    let app = failing().await;
    for code in ["40001", "40P01"] {
        let answer = add(&app, code, 3).await;
        assert_eq!(answer.status, 200);
        assert_eq!(tries(&app).await, 4);
        let person: Person = serde_json::from_slice(&answer.body).unwrap();
        assert!(app.store().lookup(person.uuid).await.unwrap().is_some());
    }
}
