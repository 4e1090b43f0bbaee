//! The same figures with more people: what stays flat, and what does not.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::Value;

use super::{BY_HAND, CLIENTS, OURS, OURS_SQLITE, pgbench};
use crate::Bench;
use crate::client::Client;
use crate::contestants::{self, Server, Turns};
use crate::database::{COLUMNS, Databases};
use crate::load::Request;
use crate::report::{Report, Unit, float, whole};

const SIZES: [u64; 3] = [1_000, 1_000_000, 10_000_000];

/// A turn of something that takes a second by itself is not repeated.
const TURN: Duration = Duration::from_millis(500);

fn sizes(bench: &Bench) -> impl Iterator<Item = u64> {
    SIZES.into_iter().filter(|size| *size <= bench.most)
}

fn header(bench: &Bench) -> Vec<String> {
    let sizes = sizes(bench).map(|size| format!("{} people", whole(float(size))));
    [String::new()].into_iter().chain(sizes).collect()
}

fn table(bench: &Bench, report: &mut Report, rows: Vec<Vec<String>>) {
    let header = header(bench);
    let header: Vec<_> = header.iter().map(String::as_str).collect();
    report.table(&header, rows);
}

pub(crate) fn reads(bench: &Bench, report: &mut Report) {
    let names = [OURS, OURS_SQLITE, BY_HAND].map(str::to_owned);
    let names = [names.as_slice(), &[pgbench(CLIENTS)]].concat();
    let mut turns = Turns::default();
    for size in sizes(bench) {
        let people = bench.people(size);
        let servers = [
            Server::service(&people.postgres),
            Server::service(&people.sqlite),
            Server::by_hand(&people.postgres, 16),
        ];
        for (name, server) in names.iter().zip(servers) {
            let people = bench.people(size);
            turns = turns.with(format!("{name} {size}."), move || {
                let load = bench.load(Request::Read(&people.keys_file), 64);
                load.on(&server.address)
            });
        }
        turns = turns.with(format!("{} {size}.", pgbench(CLIENTS)), move || {
            let (url, script) = (&people.postgres, &people.read_script);
            contestants::pgbench(url, script, CLIENTS, bench.time).per_second
        });
    }
    let results = turns.run(bench.rounds.min(3));
    report.title("Reads by key /s, 64 connections, by how many people there are");
    let rows = names.iter().map(|name| {
        let figures = sizes(bench).map(|size| results.of(&format!("{name} {size}.")));
        let figures = figures.map(|figure| Unit::PerSecond.show(figure));
        [name.clone()].into_iter().chain(figures).collect()
    });
    table(bench, report, rows.collect());
    report.note("50,000 keys are read, spread over all people.");
}

/// A question, to the service and to its database.
struct Question {
    name: &'static str,
    path: String,
    sql: String,
}

/// What pages and the like are asked for. The later page begins after this person's fare and key.
fn questions(is_sqlite: bool, cursor: &str, fare: f64, uuid: &str) -> Vec<Question> {
    // As each store writes them.
    let (columns, folded, key) = if is_sqlite {
        let columns = COLUMNS.replace("::text", "");
        (columns, "name", format!("x'{}'", uuid.replace('-', "")))
    } else {
        (COLUMNS.to_owned(), "person_fold(name)", format!("'{uuid}'"))
    };
    let page = "order by fare desc, uuid desc limit 101";
    let list = |rest: &str| format!("select {columns} from person {rest}");
    let filter = "survived and passenger_class in (1) and age >= 18 and age < 30";
    let filtered = "survived=true&passengerClass=1&age%5Bgte%5D=18&age%5Blt%5D=30";
    let summary = "select passenger_class, sex, band, count(*), sum(case when survived then 1 else 0 end), null, null \
        from (select passenger_class, sex, survived, \
        case when age < 0 then -1 when age >= 80 then 8 else age / 10 end as band from person) as banded \
        group by passenger_class, sex, band union all select null, null, null, total, null, place, fare \
        from (select fare, row_number() over (order by fare) as place, count(*) over () as total from person) as placed \
        where place in (1, (total + 3) / 4, (total + 1) / 2, (3 * total + 3) / 4, total)";
    let question = |name, path: String, sql| Question { name, path, sql };
    vec![
        question(
            "first page by fare",
            "/people?limit=100&sort=-fare".to_owned(),
            list(page),
        ),
        question(
            "later page by fare",
            cursor.to_owned(),
            list(&format!("where (fare, uuid) < ({fare:?}, {key}) {page}")),
        ),
        question(
            "filtered page by fare",
            format!("/people?limit=100&sort=-fare&{filtered}"),
            list(&format!("where {filter} {page}")),
        ),
        question(
            "page of names with 3e8",
            "/people?limit=100&name=3e8".to_owned(),
            list(&format!(
                "where {folded} like '%3e8%' order by uuid limit 101"
            )),
        ),
        question(
            "filtered count, page of one",
            format!("/people?limit=1&count=exact&{filtered}"),
            format!("select count(*) from person where {filter}"),
        ),
        question("summary", "/people/summary".to_owned(), summary.to_owned()),
    ]
}

pub(crate) fn pages(bench: &Bench, report: &mut Report) {
    for (name, is_sqlite) in [(OURS, false), (OURS_SQLITE, true)] {
        let mut rows = Vec::new();
        for size in sizes(bench) {
            let people = bench.people(size);
            let figures = ask(bench, &people, is_sqlite, size);
            rows.resize_with(figures.len(), || vec![String::new()]);
            for (row, (question, figure)) in rows.iter_mut().zip(figures) {
                question.clone_into(&mut row[0]);
                row.push(figure);
            }
        }
        report.title(&format!("Pages, one client: {name} / its database alone"));
        table(bench, report, rows);
    }
    report.note(
        "The database alone: `pgbench` with one client, and SQLite in this benchmark's process, which both throw the rows \
         away. Its summary is the plain statement, with a window over all fares; the service asks in other ways. The later \
         page is 100,000 people further on, or in the middle.",
    );
}

/// Milliseconds for each question: the service's and the database's.
fn ask(
    bench: &Bench,
    people: &Databases,
    is_sqlite: bool,
    size: u64,
) -> Vec<(&'static str, String)> {
    let url = if is_sqlite {
        &people.sqlite
    } else {
        &people.postgres
    };
    let server = Server::service(url);
    let client = Client::of(&server.address);
    let (cursor, fare, uuid) = later(&client, size);
    let rounds = if size > 1_000_000 {
        1
    } else {
        bench.rounds.min(3)
    };
    let questions = questions(is_sqlite, &cursor, fare, &uuid).into_iter();
    let asked = questions.map(|Question { name, path, sql }| {
        let alone = || {
            if is_sqlite {
                sqlite(Path::new(people.sqlite.trim_start_matches("sqlite:")), &sql)
            } else {
                let script = bench.file("page.sql", &format!("{sql};\n"));
                contestants::pgbench(&people.postgres, &script, 1, TURN).milliseconds
            }
        };
        let results = Turns::default()
            .with("service", || milliseconds(|| client.page(&path).is_ok()))
            .with("alone", alone)
            .run(rounds);
        let [ours, alone] = ["service", "alone"].map(|name| match results.of(name) {
            figure if figure.is_nan() => "refused".to_owned(),
            figure => Unit::Milliseconds.show(figure),
        });
        (name, format!("{ours} / {alone}"))
    });
    asked.collect()
}

/// The median of as many as fit into a turn; no number if one went wrong.
fn milliseconds(mut once: impl FnMut() -> bool) -> f64 {
    let (begun, mut times) = (Instant::now(), Vec::new());
    while times.is_empty() || begun.elapsed() < TURN {
        let begun = Instant::now();
        if !once() {
            return f64::NAN;
        }
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn sqlite(file: &Path, sql: &str) -> f64 {
    let connection = Connection::open(file).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    milliseconds(|| {
        let mut rows = statement.query([]).unwrap();
        while rows.next().unwrap().is_some() {}
        true
    })
}

/// The path of a page far from the first, with the fare and the key after which it begins.
fn later(client: &Client, size: u64) -> (String, f64, String) {
    let pages = (size / 2).min(100_000).div_ceil(1000);
    let limit = (size / 2).min(1000);
    let mut page = client
        .page(&format!("/people?limit={limit}&sort=-fare"))
        .unwrap();
    for _ in 1..pages {
        page = client.page(&page.next.unwrap()).unwrap();
    }
    let last: Value = serde_json::from_str::<Vec<Value>>(&page.body)
        .unwrap()
        .pop()
        .unwrap();
    let next = page
        .next
        .unwrap()
        .replace(&format!("limit={limit}"), "limit=100");
    let (fare, uuid) = (
        last["fare"].as_f64().unwrap(),
        last["uuid"].as_str().unwrap(),
    );
    (next, fare, uuid.to_owned())
}
