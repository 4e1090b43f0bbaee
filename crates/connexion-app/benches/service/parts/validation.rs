//! What the library costs: the service beside the same handlers on the same stores without it, and checking alone.

use std::hint::black_box;
use std::time::Instant;

use connexion::{ApiService, Operation, PathValues};
use connexion_app::app;
use connexion_app::person::{NewPerson, Person};
use http::{HeaderMap, StatusCode, header};

use super::throughput::on_new_file;
use super::{OURS, OURS_SQLITE};
use crate::Bench;
use crate::contestants::{Server, Turns};
use crate::database::LIST;
use crate::load::{BODY, Request};
use crate::plain::store;
use crate::report::{Figures, Report, Unit};

const PLAIN: &str = "plain axum";

pub(crate) fn validation(bench: &Bench, report: &mut Report) {
    let people = bench.people(LIST);
    let inserts = bench.empty("validated_inserts");
    let (mut rows, mut costs) = (Vec::new(), Vec::new());
    for (name, url) in [(OURS, &people.postgres), (OURS_SQLITE, &people.sqlite)] {
        for request in [
            Request::Read(&people.keys_file),
            Request::List,
            Request::Insert,
        ] {
            let load = bench.load(request, 64);
            let turns = if request == Request::Insert && name == OURS_SQLITE {
                Turns::default()
                    .with(name, || on_new_file(bench, Server::service, load))
                    .with(PLAIN, || on_new_file(bench, Server::plain, load))
            } else {
                let inserts_at = (request == Request::Insert).then_some(&inserts);
                let url = inserts_at.unwrap_or(url);
                let (ours, plain) = (Server::service(url), Server::plain(url));
                let turn = move |server: &Server| {
                    inserts_at.inspect(|url| bench.clear(url));
                    load.on(&server.address)
                };
                Turns::default()
                    .with(name, move || turn(&ours))
                    .with(PLAIN, move || turn(&plain))
            };
            let results = turns.run(bench.rounds);
            let cost = 1.0 - results.ratio(name, PLAIN);
            costs.push((format!("whole validation, {request}, {name}"), cost));
            rows.push(vec![
                format!("{name}: {request}"),
                Unit::PerSecond.show(results.of(name)),
                Unit::PerSecond.show(results.of(PLAIN)),
                Unit::Percent.show(cost),
            ]);
        }
    }
    report.title("The same handlers and stores with and without the library, 64 connections");
    report.table(
        &["", "connexion-app /s", "plain axum /s", "the library costs"],
        rows,
    );
    report.note(
        "The cost is of the whole program: contract, headers, limits, compression and metrics are in it, which plain axum \
         does without.",
    );
    for (measure, cost) in costs {
        let goal = "≤ 10 % of the throughput without the library";
        report.goal(&measure, goal, Unit::Percent.at_most(cost, 0.1));
    }
    report.title("Checking alone, on one core");
    let _entered = bench.runtime.enter();
    report.table(&["", "request", "answer"], alone(&people.sqlite));
}

/// Nanoseconds that checking takes, per request and answer.
fn alone(url: &str) -> Vec<Vec<String>> {
    let service: ApiService = app::api(app::document().unwrap(), app::Imports::default())
        .unwrap()
        .build(store(url))
        .unwrap();
    let person = Person::from(serde_json::from_str::<NewPerson>(BODY).unwrap());
    let answer = serde_json::to_vec(&person).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
    headers.insert(header::LOCATION, "/people/x".parse().unwrap());
    headers.insert(header::ETAG, "\"x\"".parse().unwrap());
    let key = PathValues::from_iter([("uuid", person.uuid.to_string())]);
    let one = |name: &str, id: &str, path: &PathValues, body: &str| {
        let operation: &Operation = service.operations().find(|one| one.id() == id).unwrap();
        let request = nanoseconds(|| {
            let body = black_box(body.as_bytes());
            let input = operation.validate_request(black_box(path), None, &headers, body);
            assert!(input.is_ok());
        });
        let response = nanoseconds(|| {
            let valid = operation.validate_response(StatusCode::OK, &headers, black_box(&answer));
            assert!(valid.is_ok());
        });
        vec![
            name.to_owned(),
            format!("{request:.0} ns"),
            format!("{response:.0} ns"),
        ]
    };
    vec![
        one("GET /people/{uuid}", "person.get", &key, ""),
        one("POST /people", "people.add", &PathValues::default(), BODY),
    ]
}

fn nanoseconds(mut work: impl FnMut()) -> f64 {
    const TIMES: u32 = 100_000;
    let once = |_| {
        let begun = Instant::now();
        (0..TIMES).for_each(|_| work());
        begun.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES)
    };
    Figures::new("", (0..9).map(once).collect()).median()
}
