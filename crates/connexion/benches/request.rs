//! Measures the cost of a request: `cargo bench -p connexion --bench request`.
//!
//! Prints nanoseconds for each case. `-- --list` prints the names of the cases, and `-- CASE TIMES` runs only
//! that case, so that `scripts/callgrind.sh` can count its instructions, which are less noisy than time.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::{
    fmt::Write as _,
    hint::black_box,
    time::{Duration, Instant},
};

use axum::{body::Body as HttpBody, extract::Request, response::IntoResponse};
use connexion::{
    Api, ApiService, Body, Document, Operation, Params, PathValues, ResponseValidation,
};
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderName, StatusCode, header};
use serde::{Deserialize, Serialize};

const ROUNDS: usize = 9;
const ROUND: Duration = Duration::from_millis(50);

const KEY: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

const DOCUMENT: &str = r"
openapi: 3.1.0
info: {title: Things, version: '1'}
paths:
  /health:
    get:
      operationId: health
      responses: {'200': {description: it is well}}
  /things:
    post:
      operationId: add
      requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}}
      responses: {'200': {description: it was added}}
    put:
      operationId: replace
      requestBody:
        required: true
        content: {application/json: {schema: {type: array, items: {$ref: '#/components/schemas/Thing'}}}}
      responses: {'200': {description: they were replaced}}
  /things/{key}:
    get:
      operationId: lookup
      parameters: [{name: key, in: path, required: true, schema: {type: string, format: uuid}}]
      responses:
        '200':
          description: the thing
          content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}
  /shelves/{shelf}/things/{key}:
    get:
      operationId: search
      parameters:
        - {name: shelf, in: path, required: true, schema: {type: integer}}
        - {name: key, in: path, required: true, schema: {type: string, format: uuid}}
        - {name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 100}}
        - {name: least, in: query, schema: {type: number}}
        - {name: sold, in: query, schema: {type: boolean}}
        - {name: kind, in: query, schema: {type: string, enum: [small, large]}}
        - {name: tags, in: query, schema: {type: array, items: {type: string}}}
        - {name: X-Trace, in: header, schema: {type: string, maxLength: 40}}
        - {name: X-Depth, in: header, schema: {type: integer}}
        - {name: theme, in: cookie, schema: {type: string}}
      responses: {'200': {description: what was found}}
components:
  schemas:
    Thing:
      type: object
      required: [key, name, price]
      additionalProperties: false
      properties:
        key: {type: string, format: uuid}
        name: {type: string, minLength: 1, maxLength: 80}
        price: {type: number, minimum: 0}
        stock: {type: integer, format: int32}
        sold: {type: boolean}
        kind: {type: string, enum: [small, large]}
        tags: {type: array, items: {type: string, maxLength: 20}}
";

/// About 200 bytes as JSON.
#[derive(Clone, Deserialize, Serialize)]
struct Thing {
    key: String,
    name: String,
    price: f64,
    stock: i32,
    sold: bool,
    kind: String,
    tags: Vec<String>,
}

impl Thing {
    fn sample() -> Self {
        Self {
            key: KEY.to_owned(),
            name: "A lamp of brass, with a green shade of glass".to_owned(),
            price: 129.95,
            stock: 17,
            sold: false,
            kind: "large".to_owned(),
            tags: ["light", "brass", "green"].map(str::to_owned).to_vec(),
        }
    }
}

#[derive(Deserialize)]
struct Key {
    key: String,
}

/// Runs the measured code once.
type Run = Box<dyn Fn()>;

fn main() {
    // Cargo passes `--bench`, too.
    let arguments = std::env::args().skip(1).filter(|one| one != "--bench");
    let arguments: Vec<String> = arguments.collect();
    let cases = cases();
    match arguments.as_slice() {
        [list] if list == "--list" => cases.iter().for_each(|(name, _)| println!("{name}")),
        [wanted, times] => {
            let found = cases.iter().find(|(name, _)| name == wanted);
            let (_, run) = found.expect("there is such a case");
            (0..times.parse().unwrap()).for_each(|_| run());
        }
        _ => {
            for (name, run) in cases {
                println!("{name:<20} {:>9.0} ns", nanoseconds(run));
            }
        }
    }
}

/// Returns the median of some rounds.
fn nanoseconds(run: impl Fn()) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            let mut times = 0;
            while started.elapsed() < ROUND {
                (0..100).for_each(|_| run());
                times += 100;
            }
            started.elapsed().as_secs_f64() * 1e9 / f64::from(times)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

/// The measured cases, by name.
fn cases() -> Vec<(&'static str, Run)> {
    let thing = serde_json::to_string(&Thing::sample()).unwrap();
    let mut things = String::from("[");
    while things.len() < 100_000 {
        write!(things, "{thing},").unwrap();
    }
    let things = things + &thing + "]";
    let json = &[("content-type", "application/json")];
    let search = Sent {
        path: &[("shelf", "12"), ("key", KEY)],
        query: Some("limit=20&least=9.5&sold=true&kind=large&tags=light&tags=brass"),
        headers: &[
            ("x-trace", "9f3c2a7d"),
            ("x-depth", "3"),
            ("cookie", "theme=dark; session=1"),
        ],
        body: String::new(),
    };
    let by_key = Sent {
        path: &[("key", KEY)],
        ..Sent::default()
    };
    let with_body = |body: &str| Sent {
        headers: json,
        body: body.to_owned(),
        ..Sent::default()
    };
    vec![
        ("nothing", request("health", Sent::default())),
        ("path-key", request("lookup", by_key)),
        ("ten-parameters", request("search", search)),
        ("body-200-bytes", request("add", with_body(&thing))),
        ("body-100-kB", request("replace", with_body(&things))),
        ("response-from-bytes", response(thing)),
        ("whole-unchecked", whole(false, false)),
        ("whole-typed", whole(true, true)),
        ("whole-from-bytes", whole(true, false)),
    ]
}

/// The parts of a request.
#[derive(Default)]
struct Sent {
    path: &'static [(&'static str, &'static str)],
    query: Option<&'static str>,
    headers: &'static [(&'static str, &'static str)],
    body: String,
}

/// [`Operation::validate_request`] alone.
fn request(id: &'static str, sent: Sent) -> Run {
    let service = service(false, true);
    let path: PathValues = sent.path.iter().copied().collect();
    let headers = headers(sent.headers);
    Box::new(move || {
        let input = operation(&service, id).validate_request(
            black_box(&path),
            black_box(sent.query),
            black_box(&headers),
            black_box(sent.body.as_bytes()),
        );
        assert!(black_box(input).is_ok());
    })
}

/// [`Operation::validate_response`] alone.
fn response(body: String) -> Run {
    let service = service(false, true);
    let headers = headers(&[("content-type", "application/json")]);
    Box::new(move || {
        let result = operation(&service, "lookup").validate_response(
            StatusCode::OK,
            black_box(&headers),
            black_box(body.as_bytes()),
        );
        assert!(black_box(result).is_ok());
    })
}

/// A request by key through the whole service, from the router to the response. The response is typed or bytes, validated
/// or not; the difference is the cost of validation.
fn whole(is_checked: bool, is_typed: bool) -> Run {
    let service = service(is_checked, is_typed);
    let path = format!("/things/{KEY}");
    Box::new(move || {
        let request = Request::get(black_box(&path)).body(HttpBody::empty());
        let response = service.handle(request.unwrap()).now_or_never();
        let response = response.expect("no handler waits for anything");
        assert_eq!(black_box(response).status(), StatusCode::OK);
    })
}

fn service(is_checked: bool, is_typed: bool) -> ApiService {
    let document = Document::parse("things.yaml", DOCUMENT).unwrap();
    let mode = if is_checked {
        ResponseValidation::Enforce
    } else {
        ResponseValidation::Off
    };
    let api = Api::from_document(document).response_validation(mode);
    let api = if is_typed {
        api.operation("lookup", lookup)
    } else {
        api.operation("lookup", lookup_bytes)
    };
    api.fallback(async || StatusCode::OK).build(()).unwrap()
}

async fn lookup(Params(Key { key }): Params<Key>) -> Body<Thing> {
    Body(Thing {
        key,
        ..Thing::sample()
    })
}

async fn lookup_bytes(Params(Key { key }): Params<Key>) -> impl IntoResponse {
    let thing = Thing {
        key,
        ..Thing::sample()
    };
    let json = serde_json::to_vec(&thing).unwrap();
    ([(header::CONTENT_TYPE, "application/json")], json)
}

fn operation<'s>(service: &'s ApiService, id: &str) -> &'s Operation {
    let mut all = service.operations();
    all.find(|operation| operation.id() == id).unwrap()
}

fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    let fields = fields.iter();
    fields
        .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
        .collect()
}
