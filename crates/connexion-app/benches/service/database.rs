//! The databases that are measured on. All hold the same people: PostgreSQL makes them up, SQLite gets them from there.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::pin::pin;

use futures_util::TryStreamExt as _;
use rusqlite::Connection;
use tokio_postgres::Client;

use crate::plain::store;
use crate::postgres_server::{PrivateServer, connect};

/// As many as the original's passenger list has.
pub(crate) const LIST: u64 = 887;

/// Person `i`, with a key that `pgbench` can work out, too.
const PEOPLE: &str = "
    select md5(i::text)::uuid, h % 2 = 0, 1 + h % 3,
        (array['Braund', 'Heikkinen', 'Allen', 'McCarthy', 'Johnson', 'Rice', 'Bonnell', 'Saundercock'])[1 + h / 8 % 8]
            || ', ' || (array['Mr. Owen Harris', 'Miss. Laina', 'Mr. William Henry', 'Mr. Timothy J', 'Mrs. Oscar W',
            'Master. Eugene', 'Miss. Elizabeth', 'Mr. Anders Johan'])[1 + h / 64 % 8] || ' ' || to_hex(i),
        (array['male', 'female'])[1 + h / 512 % 2]::sexenum, h / 1024 % 91, h / 8192 % 6, h / 65536 % 5,
        round((g / 1e9::float8) ^ 2 * 50000) / 100
    from (select i, hashint4(i) & 2147483647 as h, (hashint8(i) & 2147483647) % 1000000000 as g
        from generate_series(1, $1::int) as i) as hashed";

/// How many keys are read at most; `pgbench` and `wrk` read the same ones.
const KEYS: u64 = 50_000;

/// One database of each kind, with the same people in them.
pub(crate) struct Databases {
    pub(crate) postgres: String,
    pub(crate) sqlite: String,
    pub(crate) keys: Vec<String>,
    /// The same, one a line.
    pub(crate) keys_file: PathBuf,
    /// `pgbench` reads them by it.
    pub(crate) read_script: PathBuf,
}

impl Databases {
    pub(crate) async fn fill(server: &PrivateServer, directory: &Path, people: u64) -> Self {
        let name = format!("people_{people}");
        let postgres = create(server, &name).await;
        let client = connect(&postgres).await;
        fill(&client, people).await;

        let file = directory.join(format!("{name}.sqlite"));
        let sqlite = format!("sqlite:{}", file.display());
        store(&sqlite).migrate().await.unwrap();
        copy(&client, &Connection::open(&file).unwrap()).await;

        let count = people.min(KEYS);
        let stride = people / count;
        let keys = format!(
            "select md5((i * {stride})::text)::uuid::text from generate_series(1, {count}) as i"
        );
        let keys = client.query(&keys, &[]).await.unwrap();
        let keys: Vec<String> = keys.iter().map(|row| row.get(0)).collect();
        let keys_file = directory.join(format!("{name}.keys"));
        fs::write(&keys_file, keys.join("\n")).unwrap();
        let read_script = directory.join(format!("{name}.sql"));
        let statement = format!(
            "\\set i random(1, {count}) * {stride}\nselect {COLUMNS} from person where uuid = md5(:i::text)::uuid;\n"
        );
        fs::write(&read_script, statement).unwrap();
        Self {
            postgres,
            sqlite,
            keys,
            keys_file,
            read_script,
        }
    }
}

/// The columns as the service reads them.
pub(crate) const COLUMNS: &str = "uuid, survived, passenger_class, name, sex::text, age, siblings_or_spouses_aboard, parents_or_children_aboard, fare";

/// A database with an empty table, as the service makes it.
pub(crate) async fn create(server: &PrivateServer, name: &str) -> String {
    let admin = connect(&server.url("postgres")).await;
    let create = format!("create database {name}");
    admin.batch_execute(&create).await.unwrap();
    let url = server.url(name);
    store(&url).migrate().await.unwrap();
    url
}

async fn fill(client: &Client, people: u64) {
    let all = "select indexdef, indexname from pg_indexes where tablename = 'person' and indexname <> 'person_pkey'";
    let indexes = client.query(all, &[]).await.unwrap();
    let mut after = "alter table person add primary key (uuid);".to_owned();
    let mut before = "alter table person drop constraint person_pkey;".to_owned();
    for index in &indexes {
        let (definition, name): (&str, &str) = (index.get(0), index.get(1));
        write!(before, "drop index {name};").unwrap();
        write!(after, "{definition};").unwrap();
    }
    client.batch_execute(&before).await.unwrap();
    let insert = format!("insert into person {PEOPLE}");
    let count = i32::try_from(people).unwrap();
    assert_eq!(client.execute(&insert, &[&count]).await.unwrap(), people);
    let memory = "set maintenance_work_mem = '512MB';";
    client
        .batch_execute(&format!("{memory} {after}"))
        .await
        .unwrap();
    client.batch_execute("vacuum analyze person").await.unwrap();
    client.batch_execute("checkpoint").await.unwrap();
}

/// Gives SQLite the people of PostgreSQL, in the order of its tree, and its indexes afterwards.
async fn copy(from: &Client, to: &Connection) {
    to.execute_batch("pragma synchronous = off; pragma cache_size = -262144")
        .unwrap();
    let mut indexes = to
        .prepare("select name, sql from sqlite_schema where type = 'index' and tbl_name = 'person' and sql is not null")
        .unwrap();
    let indexes: Vec<(String, String)> = indexes
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    to.execute_batch("begin").unwrap();
    for (name, _) in &indexes {
        to.execute_batch(&format!("drop index {name}")).unwrap();
    }
    {
        let mut insert = to
            .prepare("insert into person values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")
            .unwrap();
        let people = format!("select {COLUMNS} from person order by uuid");
        let none: [&str; 0] = [];
        let mut people = pin!(from.query_raw(&people, none).await.unwrap());
        while let Some(row) = people.try_next().await.unwrap() {
            let uuid: uuid::Uuid = row.get(0);
            insert
                .execute((
                    uuid.as_bytes(),
                    row.get::<_, bool>(1),
                    row.get::<_, i32>(2),
                    row.get::<_, &str>(3),
                    row.get::<_, &str>(4),
                    row.get::<_, i32>(5),
                    row.get::<_, i32>(6),
                    row.get::<_, i32>(7),
                    row.get::<_, f64>(8),
                ))
                .unwrap();
        }
    }
    for (_, definition) in &indexes {
        to.execute_batch(definition).unwrap();
    }
    to.execute_batch("commit").unwrap();
}
