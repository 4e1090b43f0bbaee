//! What clients see of lists, pages, formats, entity tags, imports and requests that are sent twice: over HTTP.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Method, Request};
use connexion_app::import::SAMPLE;
use serde_json::{Value, json};

use crate::postgres_server::{connect, fresh_database};
use crate::program::Program;
use crate::test_app::{Backend, Contract, TestApp, TestResponse};

const BOTH: [Backend; 2] = [Backend::Sqlite, Backend::Postgres];

const CSV: &str =
    "Survived,Pclass,Name,Sex,Age,Siblings/Spouses Aboard,Parents/Children Aboard,Fare\n";

async fn app(backend: Backend) -> TestApp {
    TestApp::new(backend, Contract::OpenApi31).await
}

/// Sends a request with these headers.
async fn send(
    app: &TestApp,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> TestResponse {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.send(request.body(body.into()).unwrap()).await
}

async fn get(app: &TestApp, path: &str) -> TestResponse {
    send(app, Method::GET, path, &[], "").await
}

async fn import(
    app: &TestApp,
    query: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> TestResponse {
    let path = format!("/people/import{query}");
    send(app, Method::POST, &path, headers, body).await
}

fn json_of(response: &TestResponse) -> Value {
    serde_json::from_slice(&response.body)
        .unwrap_or_else(|error| panic!("{error}: {:?}", response.body))
}

/// The members called `name` of a list.
fn names(response: &TestResponse) -> Vec<String> {
    assert_eq!(response.status, 200, "{:?}", response.body);
    let people = json_of(response);
    let people = people.as_array().unwrap();
    people
        .iter()
        .map(|person| person["name"].as_str().unwrap().to_owned())
        .collect()
}

fn header<'r>(response: &'r TestResponse, name: &str) -> Option<&'r str> {
    response
        .headers
        .get(name)
        .map(|value| value.to_str().unwrap())
}

/// The targets of the header `Link`, by relation.
fn links(response: &TestResponse) -> BTreeMap<String, String> {
    let link = header(response, "link").unwrap_or_default();
    let parts = link.split(", ").filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (target, rel) = part.split_once("; rel=").unwrap();
            let target = target.strip_prefix('<').unwrap().strip_suffix('>').unwrap();
            (rel.trim_matches('"').to_owned(), target.to_owned())
        })
        .collect()
}

async fn with_sample(backend: Backend) -> TestApp {
    let app = app(backend).await;
    let imported = import(&app, "", &[("content-type", "text/csv")], SAMPLE).await;
    assert_eq!(imported.status, 200, "{:?}", imported.body);
    assert_eq!(
        json_of(&imported),
        json!({"imported": 714, "agesCut": 25, "dryRun": false})
    );
    app
}

#[tokio::test]
async fn pages_are_reached_by_links_in_both_directions() {
    for backend in BOTH {
        let app = with_sample(backend).await;
        let query = "sort=-fare,name&passengerClass=1&passengerClass=2&limit=50";
        let all = names(
            &get(
                &app,
                &query
                    .replace("limit=50", "limit=1000")
                    .replacen("", "/people?", 1),
            )
            .await,
        );
        assert!(all.len() > 300, "{}", all.len());
        let (mut path, mut seen, mut pages) = (
            format!("/people?{query}&count=exact"),
            Vec::new(),
            Vec::new(),
        );
        loop {
            let page = get(&app, &path).await;
            assert_eq!(
                header(&page, "x-total-count").unwrap(),
                all.len().to_string()
            );
            let links = links(&page);
            assert_eq!(links["first"], format!("/people?{query}&count=exact"));
            assert_eq!(links.contains_key("prev"), !pages.is_empty());
            pages.push(names(&page));
            seen.extend(names(&page));
            match links.get("next") {
                Some(next) => path.clone_from(next),
                None => break,
            }
        }
        assert_eq!(seen, all);
        // And back again.
        for expected in pages.iter().rev().skip(1) {
            path = links(&get(&app, &path).await)["prev"].clone();
            assert_eq!(names(&get(&app, &path).await), *expected);
        }
        assert!(!links(&get(&app, &path).await).contains_key("prev"));
    }
}

#[tokio::test]
async fn without_parameters_everybody_is_on_one_list_without_links() {
    for backend in BOTH {
        let app = with_sample(backend).await;
        let all = get(&app, "/people").await;
        assert_eq!(names(&all).len(), 714);
        assert_eq!(
            (header(&all, "link"), header(&all, "x-total-count")),
            (None, None)
        );
        assert_eq!(names(&get(&app, "/people?limit=1000").await).len(), 714);
        assert_eq!(
            names(&get(&app, "/people?survived=true&age[gte]=18&age[lt]=65").await).len(),
            228
        );
        let women = get(
            &app,
            "/people?sex=female&name=MRS.&sort=name&limit=3&count=exact",
        )
        .await;
        assert!(names(&women).is_sorted());
        assert_eq!(names(&women).len(), 3);
    }
}

#[tokio::test]
async fn what_the_contract_does_not_have_is_refused_with_every_fault() {
    let app = app(Backend::Sqlite).await;
    let answer = get(
        &app,
        "/people?limit=0&sort=height&count=about&survived=maybe&passengerClass=x&age[near]=1&fare[gt]=NaN&name=%00",
    )
    .await;
    assert_eq!(answer.status, 400);
    let faults = json_of(&answer);
    let names: Vec<_> = faults["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| &fault["name"])
        .collect();
    for name in [
        "limit",
        "sort",
        "count",
        "survived",
        "passengerClass",
        "age",
        "fare",
        "name",
    ] {
        assert!(names.contains(&&json!(name)), "{name}: {names:?}");
    }
    for cursor in ["x", "WzFd", "%F0%9F%98%80"] {
        let answer = get(&app, &format!("/people?cursor={cursor}")).await;
        assert_eq!(answer.status, 400);
        assert_eq!(json_of(&answer)["errors"][0]["name"], "cursor");
    }
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_order_only() {
    let app = with_sample(Backend::Sqlite).await;
    let next = links(&get(&app, "/people?limit=10&sort=age").await)["next"].clone();
    assert_eq!(names(&get(&app, &next).await).len(), 10);
    let other = get(&app, &next.replace("sort=age", "sort=-age")).await;
    assert_eq!(other.status, 400);
    // Without a limit a page has a hundred.
    let without = get(&app, &next.replace("limit=10&", "")).await;
    assert_eq!(names(&without).len(), 100);
}

#[tokio::test]
async fn a_list_comes_in_the_format_that_the_client_likes() {
    for backend in BOTH {
        let app = with_sample(backend).await;
        let list = async |accept: &str| {
            send(
                &app,
                Method::GET,
                "/people?sort=name",
                &[("accept", accept)],
                "",
            )
            .await
        };
        let array = list("application/json").await;
        assert_eq!(header(&array, "content-type"), Some("application/json"));
        assert_eq!(header(&array, "vary"), Some("Accept"));
        let lines = list("application/x-ndjson").await;
        assert_eq!(header(&lines, "content-type"), Some("application/x-ndjson"));
        let text = str::from_utf8(&lines.body).unwrap();
        assert!(text.ends_with("}\n"));
        let people: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(Value::from(people), json_of(&array));
        let csv = list("text/csv").await;
        assert_eq!(
            header(&csv, "content-type"),
            Some("text/csv; charset=utf-8")
        );
        let text = str::from_utf8(&csv.body).unwrap();
        assert!(text.starts_with(CSV));
        assert_eq!(text.lines().count(), 715);
        // What nobody has is answered in JSON, as the original did.
        assert_eq!(
            header(&list("image/png").await, "content-type"),
            Some("application/json")
        );
        let nobody = async |accept: &str| {
            send(
                &app,
                Method::GET,
                "/people?name=nobody",
                &[("accept", accept)],
                "",
            )
            .await
        };
        assert_eq!(nobody("text/csv").await.body, CSV);
        assert_eq!(nobody("application/x-ndjson").await.body, "");
        assert_eq!(nobody("*/*").await.body, "[]");
    }
}

/// The examples of an operation's parameters (OpenAPI 3.1, section 4.8.12) as Swagger UI sends them: all of them together.
fn examples(document: &Value, operation: &Value) -> (String, Vec<(String, String)>) {
    let text = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
    let (mut query, mut headers) = (Vec::new(), Vec::new());
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let target = parameter["$ref"].as_str();
        let target = target.and_then(|target| document.pointer(target.strip_prefix('#')?));
        let parameter = target.unwrap_or(parameter);
        let schema = &parameter["schema"];
        let schema = schema["$ref"]
            .as_str()
            .map_or(schema, |target| document.pointer(&target[1..]).unwrap());
        let name = parameter["name"].as_str().unwrap();
        // Of an object without an example Swagger UI makes one up, of every bound that there is.
        assert!(
            schema["type"] != "object" || !parameter["example"].is_null(),
            "{name} has no example"
        );
        for value in [&parameter["example"], &schema["default"]] {
            match value {
                Value::Null => {}
                Value::Object(members) => query.extend(
                    members
                        .iter()
                        .map(|(member, value)| format!("{name}[{member}]={}", text(value))),
                ),
                Value::Array(items) => {
                    let items: Vec<_> = items.iter().map(text).collect();
                    query.push(format!("{name}={}", items.join(",")));
                }
                value if parameter["in"] == "header" => {
                    headers.push((name.to_owned(), text(value)));
                }
                value => query.push(format!("{name}={}", text(value))),
            }
        }
    }
    (query.join("&"), headers)
}

#[tokio::test]
async fn examples_of_optional_parameters_restrict_nothing() {
    let app = app(Backend::Sqlite).await;
    let stored = import(&app, "", &[("content-type", "text/csv")], SAMPLE).await;
    assert_eq!(stored.status, 200);
    let document = json_of(&get(&app, "/openapi.json").await);
    let paths = &document["paths"];
    let (query, headers) = examples(&document, &paths["/people"]["get"]);
    let list = get(&app, &format!("/people?{query}")).await;
    assert_eq!(names(&list).len(), 100, "{query} {headers:?}");
    let (query, _) = examples(&document, &paths["/people/summary"]["get"]);
    let summary = json_of(&get(&app, &format!("/people/summary?{query}")).await);
    assert_eq!(summary["count"], 714, "{query}");
    // Nor does an example make a change fail, or be answered by what was sent before.
    let body = json!({"name": "A", "sex": "male", "age": 1, "passengerClass": 1, "fare": 1,
        "siblingsOrSpousesAboard": 0, "parentsOrChildrenAboard": 0});
    for name in ["B", "C"] {
        let mut body = body.clone();
        body["name"] = name.into();
        let (query, mut headers) = examples(&document, &paths["/people"]["post"]);
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        let path = format!("/people?{query}");
        let added = send(&app, Method::POST, &path, &headers, body.to_string()).await;
        let person = json_of(&added);
        assert_eq!(
            (added.status.as_u16(), &person["name"]),
            (200, &name.into())
        );
        let path = format!("/people/{}", person["uuid"].as_str().unwrap());
        for (method, body) in [(Method::PUT, "{\"age\": 2}"), (Method::DELETE, "")] {
            let operation = &paths["/people/{uuid}"][method.as_str().to_lowercase()];
            let (_, mut headers) = examples(&document, operation);
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
            let headers: Vec<_> = headers
                .iter()
                .map(|(name, value)| (&**name, &**value))
                .collect();
            let response = send(&app, method, &path, &headers, body).await;
            assert_eq!(response.status, 200, "{headers:?}");
        }
    }
}

#[tokio::test]
async fn a_summary_tells_how_many_survived() {
    for backend in BOTH {
        let app = with_sample(backend).await;
        let summary = json_of(&get(&app, "/people/summary?sex=female").await);
        assert_eq!(summary["count"], 261);
        assert_eq!(summary["survived"], 197);
        assert_eq!(
            summary["byPassengerClass"][0],
            json!({"passengerClass": 1, "count": 85, "survived": 82})
        );
        assert_eq!(
            summary["bySex"][1],
            json!({"sex": "female", "count": 261, "survived": 197})
        );
        assert_eq!(
            summary["byAge"][8],
            json!({"from": 80, "to": null, "count": 0, "survived": 0})
        );
        assert_eq!(summary["fare"]["max"], 512.3292);
        let bands = summary["byFare"].as_array().unwrap();
        assert_eq!(
            (bands.len(), &bands[7]["from"], &bands[7]["below"]),
            (8, &json!(500.0), &Value::Null)
        );
        assert_eq!(get(&app, "/people/summary?limit=1").await.status, 400);
    }
}

const PERSON: &str = r#"{"passengerClass": 3, "name": "Ann", "sex": "female", "age": 30,
    "siblingsOrSpousesAboard": 0, "parentsOrChildrenAboard": 0, "fare": 7.5}"#;

const JSON: (&str, &str) = ("content-type", "application/json");

/// Adds a person; where it is found, and its entity tag.
async fn added(app: &TestApp) -> (String, String) {
    let answer = send(app, Method::POST, "/people", &[JSON], PERSON).await;
    assert_eq!(answer.status, 200);
    let (location, etag) = (
        header(&answer, "location").unwrap(),
        header(&answer, "etag").unwrap(),
    );
    (location.to_owned(), etag.to_owned())
}

#[tokio::test]
async fn a_client_that_has_the_person_is_told_so() {
    for backend in BOTH {
        let app = app(backend).await;
        let (path, etag) = added(&app).await;
        let ask =
            async |tags: &str| send(&app, Method::GET, &path, &[("if-none-match", tags)], "").await;
        for tags in [etag.clone(), "*".to_owned(), format!("\"x\", W/{etag}")] {
            let answer = ask(&tags).await;
            assert_eq!(
                (answer.status.as_u16(), answer.body.len()),
                (304, 0),
                "{tags}"
            );
            assert_eq!(header(&answer, "etag"), Some(&*etag));
        }
        let answer = ask("\"x\"").await;
        assert_eq!(
            (answer.status.as_u16(), header(&answer, "etag")),
            (200, Some(&*etag))
        );
        let changed = send(&app, Method::PUT, &path, &[JSON], r#"{"age": 31}"#).await;
        assert_ne!(header(&changed, "etag"), Some(&*etag));
        assert_eq!(ask(&etag).await.status, 200);
    }
}

#[tokio::test]
async fn whoever_knows_an_older_person_changes_nothing() {
    for backend in BOTH {
        let app = app(backend).await;
        let (path, old) = added(&app).await;
        let change = async |tag: &str, body: &'static str| {
            send(&app, Method::PUT, &path, &[JSON, ("if-match", tag)], body).await
        };
        let changed = change(&old, r#"{"age": 31}"#).await;
        assert_eq!(changed.status, 200);
        let new = header(&changed, "etag").unwrap();
        let late = change(&old, r#"{"age": 32}"#).await;
        assert_eq!(late.status, 412);
        assert_eq!(header(&late, "etag"), Some(new));
        // A weak tag says too little (RFC 9110, section 13.1.1).
        assert_eq!(change(&format!("W/{new}"), "{}").await.status, 412);
        assert_eq!(change("*", "{}").await.status, 200);
        let delete =
            async |tag: &str| send(&app, Method::DELETE, &path, &[("if-match", tag)], "").await;
        assert_eq!(delete(&old).await.status, 412);
        assert_eq!(delete(&format!("\"x\", {new}")).await.status, 200);
        assert_eq!(delete(new).await.status, 404);
        assert_eq!(change("*", "{}").await.status, 404);
    }
}

/// Many clients read, add one and write, and begin anew whenever somebody was faster.
#[tokio::test]
async fn of_a_thousand_concurrent_changes_none_is_lost() {
    for backend in BOTH {
        let app = app(backend).await;
        let (path, _) = added(&app).await;
        let client = async |changes: usize| {
            for _ in 0..changes {
                loop {
                    let read = get(&app, &path).await;
                    let age = json_of(&read)["age"].as_i64().unwrap() + 1;
                    let tag = header(&read, "etag").unwrap();
                    let body = json!({"age": age}).to_string();
                    let written =
                        send(&app, Method::PUT, &path, &[JSON, ("if-match", tag)], body).await;
                    match written.status.as_u16() {
                        200 => break,
                        412 => {}
                        status => panic!("{status}: {:?}", written.body),
                    }
                }
            }
        };
        futures_util::future::join_all((0..10).map(|_| client(100))).await;
        assert_eq!(json_of(&get(&app, &path).await)["age"], 1_030);
    }
}

#[tokio::test]
async fn a_request_that_is_sent_twice_is_done_once() {
    for backend in BOTH {
        let app = app(backend).await;
        let add = async |key: &str, body: &'static str| {
            send(
                &app,
                Method::POST,
                "/people",
                &[JSON, ("idempotency-key", key)],
                body,
            )
            .await
        };
        let first = add("one", PERSON).await;
        assert_eq!(first.status, 200, "{:?}", first.body);
        let again = add("one", PERSON).await;
        assert_eq!((again.status, &again.body), (first.status, &first.body));
        for name in ["location", "etag"] {
            assert_eq!(header(&again, name), header(&first, name));
        }
        let all = async || names(&get(&app, "/people").await).len();
        assert_eq!(all().await, 1);
        // The answer is the first one even after the person has changed.
        let path = header(&first, "location").unwrap();
        assert_eq!(
            send(&app, Method::PUT, path, &[JSON], r#"{"age": 1}"#)
                .await
                .status,
            200
        );
        assert_eq!(add("one", PERSON).await.body, first.body);
        let other = r#"{"passengerClass": 1, "name": "Bob", "sex": "male", "age": 3,
            "siblingsOrSpousesAboard": 0, "parentsOrChildrenAboard": 0, "fare": 7.5}"#;
        assert_eq!(add("one", other).await.status, 422);
        assert_eq!(add("two", other).await.status, 200);
        assert_eq!(all().await, 2);
        // At once, too: only one of them adds somebody.
        let answers = futures_util::future::join_all((0..20).map(|_| add("three", PERSON))).await;
        assert!(
            answers
                .iter()
                .all(|answer| answer.status == 200 && answer.body == answers[0].body)
        );
        assert_eq!(all().await, 3);
        // What was not done may be tried again.
        let taken = format!(
            r#"{{"uuid": "{}", {}"#,
            &path["/people/".len()..],
            &PERSON[1..]
        );
        let taken: &'static str = taken.leak();
        assert_eq!(add("four", taken).await.status, 409);
        assert_eq!(send(&app, Method::DELETE, path, &[], "").await.status, 200);
        assert_eq!(add("four", taken).await.status, 200);
    }
}

#[tokio::test]
async fn an_import_that_is_sent_twice_is_done_once() {
    for backend in BOTH {
        let app = app(backend).await;
        let headers = [("content-type", "text/csv"), ("idempotency-key", "one")];
        let first = import(&app, "", &headers, SAMPLE).await;
        assert_eq!(first.status, 200);
        let again = import(&app, "", &headers, SAMPLE).await;
        assert_eq!((again.status, &again.body), (first.status, &first.body));
        assert_eq!(names(&get(&app, "/people").await).len(), 714);
        assert_eq!(import(&app, "", &headers, CSV).await.status, 422);
        // The same key for another operation is another request.
        let added = send(&app, Method::POST, "/people", &[JSON, headers[1]], PERSON).await;
        assert_eq!(added.status, 200);
    }
}

#[tokio::test]
async fn after_a_day_a_request_is_forgotten() {
    for backend in BOTH {
        let app = app(backend).await;
        let headers = [JSON, ("idempotency-key", "one")];
        let add = async || send(&app, Method::POST, "/people", &headers, PERSON).await;
        let first = add().await;
        let tomorrow = time::UtcDateTime::now().unix_timestamp() + 24 * 60 * 60 + 1;
        app.store().forget(tomorrow - 60).await.unwrap();
        assert_eq!(add().await.body, first.body);
        app.store().forget(tomorrow).await.unwrap();
        assert_ne!(add().await.body, first.body);
    }
}

#[tokio::test]
async fn lines_of_json_are_imported() {
    for backend in BOTH {
        let app = app(backend).await;
        let headers = [("content-type", "application/x-ndjson")];
        let person = PERSON.replace('\n', " ");
        let text = format!("{person}\n\n{}\n", person.replace("\"Ann\"", "\"Bob\""));
        let tried = import(&app, "?dryRun=true", &headers, text.clone()).await;
        assert_eq!(
            json_of(&tried),
            json!({"imported": 2, "agesCut": 0, "dryRun": true})
        );
        assert_eq!(names(&get(&app, "/people").await).len(), 0);
        let imported = import(&app, "", &headers, text.clone()).await;
        assert_eq!(
            json_of(&imported),
            json!({"imported": 2, "agesCut": 0, "dryRun": false})
        );
        assert_eq!(names(&get(&app, "/people?sort=name").await), ["Ann", "Bob"]);
        // A key of one's own, which may be taken.
        let key = "33333333-3333-4333-8333-333333333333";
        let own = format!(r#"{{"uuid": "{key}", {}"#, &person[1..]);
        assert_eq!(import(&app, "", &headers, own.clone()).await.status, 200);
        assert_eq!(get(&app, &format!("/people/{key}")).await.status, 200);
    }
}

/// The lines of the errors of a response, each with its column, pointer and code.
fn told(response: &TestResponse) -> Vec<Value> {
    let problem = json_of(response);
    let errors = problem["errors"].as_array().unwrap().iter();
    let told = |one: &Value| json!([one["line"], one["column"], one["pointer"], one["code"]]);
    errors.map(told).collect()
}

#[tokio::test]
async fn keys_that_are_taken_or_repeated_are_told_with_their_lines() {
    for backend in BOTH {
        let app = app(backend).await;
        let headers = [("content-type", "application/x-ndjson")];
        let person = PERSON.replace('\n', " ");
        let with_key = |digit: &str| {
            let key = "dddddddd-dddd-4ddd-8ddd-dddddddddddd".replace('d', digit);
            format!(r#"{{"uuid": "{key}", {}"#, &person[1..])
        };
        let file = [with_key("1"), person.clone(), with_key("2")].join("\n");
        assert_eq!(import(&app, "", &headers, file).await.status, 200);
        let file = [with_key("3"), with_key("2"), person.clone(), with_key("1")].join("\n");
        for query in ["?dryRun=true", ""] {
            let refused = import(&app, query, &headers, file.clone()).await;
            assert_eq!(refused.status, 409);
            let expected = [
                json!([2, null, "/uuid", "not-unique"]),
                json!([4, null, "/uuid", "not-unique"]),
            ];
            assert_eq!(told(&refused), expected);
            let detail = "2 bad rows, nothing was stored. The first: line 2: there is a person with the key \
                22222222-2222-4222-8222-222222222222 already";
            assert_eq!(json_of(&refused)["detail"], detail);
        }
        let twice = [with_key("3"), with_key("4"), with_key("3")].join("\n");
        let refused = import(&app, "", &headers, twice).await;
        assert_eq!(refused.status, 400);
        assert_eq!(told(&refused), [json!([3, null, "/uuid", "not-unique"])]);
        assert_eq!(names(&get(&app, "/people").await).len(), 3);
    }
}

/// What it stored has the keys that the second one brings.
#[tokio::test]
async fn an_import_with_keys_that_is_sent_twice_is_done_once() {
    for backend in BOTH {
        let app = app(backend).await;
        let headers = [
            ("content-type", "application/x-ndjson"),
            ("idempotency-key", "one"),
        ];
        let person = PERSON.replace('\n', " ");
        let key = "33333333-3333-4333-8333-333333333333";
        let own = format!(r#"{{"uuid": "{key}", {}"#, &person[1..]);
        let first = import(&app, "", &headers, own.clone()).await;
        let again = import(&app, "", &headers, own.clone()).await;
        assert_eq!((first.status.as_u16(), again.status.as_u16()), (200, 200));
        assert_eq!(first.body, again.body);
        // With another key it is another import.
        let other = [headers[0], ("idempotency-key", "two")];
        let refused = import(&app, "", &other, own.clone()).await;
        assert_eq!(refused.status, 409);
        assert_eq!(told(&refused), [json!([1, null, "/uuid", "not-unique"])]);
        // A trial does nothing, so there is nothing to do once.
        assert_eq!(
            import(&app, "?dryRun=true", &headers, person).await.status,
            200
        );
    }
}

#[tokio::test]
async fn every_column_that_is_wrong_has_an_error_of_its_own() {
    let app = app(Backend::Sqlite).await;
    let csv = [("content-type", "text/csv")];
    let text = "\nSurvived,Pclass,Name,Sex,Age,Colour,SibSp,Parch,sex\n";
    let refused = import(&app, "", &csv, text).await;
    assert_eq!(refused.status, 400);
    let expected = [
        json!([2, "Fare", "/fare", "missing"]),
        json!([2, "Colour", "", "unknown"]),
        json!([2, "sex", "", "not-unique"]),
    ];
    assert_eq!(told(&refused), expected);
}

#[tokio::test]
async fn a_file_that_is_not_well_formed_is_told_with_its_line_and_stores_nothing() {
    let app = app(Backend::Sqlite).await;
    let csv = [("content-type", "text/csv")];
    let row = "0,3,Ann,female,30,0,0,7.25\n";
    for (bad, line) in [
        (
            "0,3,\"Ann,female,30,0,0,7.25\n0,3,Bob,male,30,0,0,7.25\n",
            3,
        ),
        (
            "0,3,\"Ann,female,30,0,0,7.25\n0,3,\"Bob\",male,30,0,0,7.25\n",
            3,
        ),
        ("0,3,Ann \"A\",female,30,0,0,7.25\n", 3),
        ("0,3,\"Ann\"A,female,30,0,0,7.25\n", 3),
        ("0, \"3\",Ann,female,30,0,0,7.25\n", 3),
        // A file that is cut off.
        ("0,3,Ann,female,30,0,0,\"7.2", 3),
        ("0,3,Ann,female,30,0", 3),
    ] {
        let refused = import(&app, "", &csv, format!("{CSV}{row}{bad}")).await;
        assert_eq!(refused.status, 400, "{bad}");
        assert_eq!(
            told(&refused)[0],
            json!([line, null, "", "unreadable"]),
            "{bad}"
        );
    }
    assert_eq!(get(&app, "/people").await.body, "[]");
    // The end of the last line may be missing.
    let imported = import(&app, "", &csv, format!("{CSV}{}", row.trim_end())).await;
    assert_eq!(imported.status, 200);
}

#[tokio::test]
async fn a_file_of_another_kind_is_told_what_to_do_with_it() {
    let app = app(Backend::Sqlite).await;
    for (content_type, body, detail) in [
        (
            "text/csv",
            &b"PK\x03\x04 and so on"[..],
            "The file is a ZIP archive: unpack it.",
        ),
        (
            "text/csv",
            b"{}",
            "The file is JSON: send an object a line, with `Content-Type: application/x-ndjson`.",
        ),
        (
            "application/x-ndjson",
            CSV.as_bytes(),
            "The file is CSV: send it with `Content-Type: text/csv`.",
        ),
        ("text/csv", b"\n\n", "The file is empty."),
    ] {
        let refused = import(&app, "", &[("content-type", content_type)], body).await;
        assert_eq!(
            (refused.status.as_u16(), &json_of(&refused)["detail"]),
            (400, &json!(detail))
        );
        assert_eq!(told(&refused), [json!([1, null, "", "unreadable"])]);
    }
}

#[tokio::test]
async fn bad_rows_are_told_with_their_places_and_nothing_is_stored() {
    for backend in BOTH {
        let app = app(backend).await;
        let csv = [("content-type", "text/csv; charset=utf-8")];
        let text = format!(
            "{CSV}0,3,Ann,female,30,0,0,7\n0,3,{},x,abc,0,0,7\nshort\n",
            "n".repeat(101)
        );
        let refused = import(&app, "", &csv, text).await;
        assert_eq!(refused.status, 400);
        let problem = json_of(&refused);
        assert_eq!(problem["badRows"], 2);
        let told: Vec<_> = problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| {
                (
                    fault["line"].as_u64().unwrap(),
                    fault["column"].as_str(),
                    fault["pointer"].as_str().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                (3, Some("Name"), "/name"),
                (3, Some("Sex"), "/sex"),
                (3, Some("Age"), "/age"),
                (4, None, ""),
            ]
        );
        assert_eq!(get(&app, "/people").await.body, "[]");
    }
}

#[tokio::test]
async fn of_many_bad_rows_a_hundred_are_told_and_the_rest_counted() {
    for backend in BOTH {
        let app = app(backend).await;
        let csv = [("content-type", "text/csv")];
        let lines = [("content-type", "application/x-ndjson")];
        let text = format!("{}\n{{\"age\": \"x\"}}\n[\n", PERSON.replace('\n', " "));
        let problem = json_of(&import(&app, "", &lines, text).await);
        assert_eq!(problem["badRows"], 2);
        assert_eq!(problem["errors"][0]["line"], 2);
        assert_eq!(
            problem["errors"][0]["detail"],
            "'x' is not of type 'integer' - 'age'"
        );
        let many = format!("{CSV}{}", "bad\n".repeat(5_000));
        let problem = json_of(&import(&app, "", &csv, many).await);
        assert_eq!(
            (
                problem["badRows"].as_u64(),
                problem["errors"].as_array().unwrap().len()
            ),
            (Some(5_000), 100)
        );
        for (headers, body, status) in [
            (&csv[..], "Name\nAnn\n", 400),
            (&csv[..], "", 400),
            (&[("content-type", "application/json")][..], "{}", 415),
        ] {
            assert_eq!(
                import(&app, "", headers, body).await.status,
                status,
                "{body}"
            );
        }
        assert_eq!(get(&app, "/people").await.body, "[]");
    }
}

/// A page must cost the same wherever it is, so neither everybody may be read for it nor sorted. The statements are those
/// that the service says it runs.
#[tokio::test]
async fn pages_in_the_order_of_an_index_are_read_from_it_on_postgres() {
    let database = fresh_database().await;
    let program = Program::on(database.url())
        .env("SQL_ECHO", "1")
        .env("APP_SETTINGS", "production");
    program.run(&["migrate"]).ok();
    let by_hand = connect(database.url()).await;
    let many = "insert into person select gen_random_uuid(), i % 2 = 0, i % 3, 'name ' || i, 'male', i % 80, \
        0, 0, i % 500 from generate_series(1, 20000) as i; analyze person";
    by_hand.batch_execute(many).await.unwrap();
    let service = program.serve(&[]);
    for (sort, index) in [
        ("uuid", "person_pkey"),
        ("name", "person_name"),
        ("-age", "person_age"),
        ("-fare", "person_fare"),
    ] {
        let mut path = format!("/people?limit=10&sort={sort}");
        // The second page, the third, and back.
        for relation in ["next", "next", "prev"] {
            let link = service.get(&path).headers["link"]
                .to_str()
                .unwrap()
                .to_owned();
            let (before, _) = link.split_once(&format!(">; rel=\"{relation}\"")).unwrap();
            path = before.rsplit_once('<').unwrap().1.to_owned();
        }
        assert_eq!(service.get(&path).status, 200);
        let log = service.running.stderr();
        let text = log
            .lines()
            .rev()
            .find_map(|line| line.split_once(": select "))
            .unwrap()
            .1;
        let numbers = text.matches('$').count();
        assert_eq!(numbers, if sort == "uuid" { 1 } else { 2 }, "{text}");
        // The values of the middle.
        let values = match sort {
            "uuid" => "'80000000-0000-0000-0000-000000000000'",
            "name" => "'name 5', '80000000-0000-0000-0000-000000000000'",
            _ => "40, '80000000-0000-0000-0000-000000000000'",
        };
        let explain = format!("prepare page as select {text}; explain execute page({values})");
        let plan = by_hand.simple_query(&explain).await.unwrap();
        by_hand.batch_execute("deallocate page").await.unwrap();
        let plan: Vec<_> = plan
            .iter()
            .filter_map(|message| match message {
                tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
                _ => None,
            })
            .collect();
        let plan = plan.join("\n");
        assert!(
            plan.contains(&format!("using {index} on person")),
            "{sort}: {plan}"
        );
        assert!(
            !plan.contains("Sort") && !plan.contains("Seq Scan"),
            "{sort}: {plan}"
        );
    }
}
