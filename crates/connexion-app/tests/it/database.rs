//! Ways to reach PostgreSQL, and how long to wait for it.

use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use connexion_app::person::{Person, Sex};
use connexion_app::query::Select;
use connexion_app::store::postgres::{Options, Postgres};
use connexion_app::store::{Store, StoreError};
use futures_util::StreamExt;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::postgres_server::{PrivateServer, connect, fresh_database, shell};
use crate::program::{Program, until, until_async};

fn someone() -> Person {
    Person {
        uuid: Uuid::new_v4(),
        survived: false,
        passenger_class: 1,
        name: "Miss. Elizabeth Anne Wilkinson".to_owned(),
        sex: Sex::Female,
        age: 30,
        siblings_or_spouses_aboard: 0,
        parents_or_children_aboard: 0,
        fare: 1.5,
    }
}

fn open(url: &str) -> Postgres {
    Postgres::open(url, Options::default()).unwrap()
}

/// Asks again and again until it succeeds; after how long.
async fn until_it_works<T>(mut call: impl AsyncFnMut() -> Result<T, StoreError>) -> Duration {
    let begun = Instant::now();
    until_async(async || match call().await {
        Err(StoreError::Unavailable(why)) => Err(why),
        other => Ok(other.unwrap()),
    })
    .await;
    begun.elapsed()
}

/// A server that takes only connections under TLS, and the file of who vouches for it. The certificate is
/// for 127.0.0.1, not for localhost.
fn secured() -> (PrivateServer, TempDir) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let root = authority.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(authority, key);
    let own_key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let own = own.signed_by(&own_key, &issuer).unwrap();
    let server = PrivateServer::start();
    server.write("server.crt", &own.pem());
    server.write("server.key", &own_key.serialize_pem());
    server.write("postgresql.auto.conf", "ssl = on\n");
    server.write("pg_hba.conf", "hostssl all all 127.0.0.1/32 trust\n");
    server.stop("fast");
    server.start_again();
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("root.crt"), root).unwrap();
    std::fs::write(files.path().join("empty.crt"), "").unwrap();
    (server, files)
}

#[tokio::test]
async fn the_connection_is_as_secure_as_the_address_asks_for() {
    let (server, files) = secured();
    let url = server.url("postgres");
    let local = url.replace("127.0.0.1", "localhost");
    let root = files.path().join("root.crt").display().to_string();
    let ping = async |url: &str, parameters: &str| {
        let store = open(&format!("{url}?{parameters}"));
        store.ping().await.map_err(|error| error.to_string())
    };
    for (url, parameters) in [
        (&url, ""),
        (&url, "sslmode=prefer"),
        (&url, "sslmode=require"),
        (&local, "sslmode=require"),
        (&url, &format!("sslmode=verify-full&sslrootcert={root}")),
        (&local, &format!("sslmode=require&sslrootcert={root}")),
    ] {
        assert_eq!(ping(url, parameters).await, Ok(()), "{parameters}");
    }
    for (url, parameters, reason) in [
        (&url, "sslmode=disable", "28000"),
        (
            &local,
            &format!("sslmode=verify-full&sslrootcert={root}"),
            "not valid for name",
        ),
        // Nobody has heard of the authority.
        (&url, "sslmode=verify-full", "UnknownIssuer"),
    ] {
        let error = ping(url, parameters).await.unwrap_err();
        assert!(error.contains(reason), "{parameters}: {error}");
    }
    for (name, reason) in [
        ("gone.crt", "No such file"),
        ("empty.crt", "no certificate"),
    ] {
        let file = files.path().join(name).display().to_string();
        let wrong = format!("{url}?sslmode=verify-full&sslrootcert={file}");
        let error = Postgres::open(&wrong, Options::default()).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
    // The service as a whole, and what it does beside the two shared sessions.
    let program = Program::on(&format!("{url}?sslmode=verify-full&sslrootcert={root}"));
    let service = program.serve(&[]);
    assert_eq!(service.people(), 714);
    service.stop().ok();
}

/// Without TLS on the server `prefer` does without, `require` does not.
#[tokio::test]
async fn a_server_without_tls_is_used_only_if_that_is_allowed() {
    let database = fresh_database().await;
    let ping = async |mode: &str| {
        let store = open(&format!("{}?sslmode={mode}", database.url()));
        store.ping().await
    };
    ping("prefer").await.unwrap();
    ping("disable").await.unwrap();
    assert!(matches!(
        ping("require").await,
        Err(StoreError::Unavailable(_))
    ));
}

#[tokio::test]
async fn a_failover_is_followed_without_a_restart() {
    let primary = PrivateServer::start();
    open(&primary.url("postgres")).migrate().await.unwrap();
    let standby = primary.standby();
    let (first, second) = (primary.port(), standby.port());
    let store = open(&format!(
        "postgres://postgres@127.0.0.1:{first},127.0.0.1:{second}/postgres?target_session_attrs=read-write"
    ));
    let before = someone();
    store.add(&before, None).await.unwrap();
    let copy = open(&standby.url("postgres"));
    until_it_works(async || match copy.lookup(before.uuid).await? {
        Some(_) => Ok(()),
        None => Err(StoreError::Unavailable("not yet".to_owned())),
    })
    .await;
    // A standby says so.
    assert!(matches!(
        copy.add(&someone(), None).await,
        Err(StoreError::Unavailable(_))
    ));

    primary.stop("immediate");
    assert!(matches!(
        store.add(&someone(), None).await,
        Err(StoreError::Unavailable(_))
    ));
    standby.promote();
    let after = someone();
    let taken = until_it_works(async || store.add(&after, None).await).await;
    assert!(taken < Duration::from_secs(2), "{taken:?}");
    assert!(store.lookup(before.uuid).await.unwrap().is_some());
    assert_eq!(store.list(&Select::all()).await.unwrap().count().await, 2);
    // What didn't accept writes when it was asked does so now.
    copy.add(&someone(), None).await.unwrap();
}

/// One that is frozen takes connections and says nothing.
#[tokio::test]
async fn a_host_that_says_nothing_does_not_keep_the_next_from_being_asked() {
    let database = fresh_database().await;
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = database
        .url()
        .replacen('@', &format!("@{},", silent.local_addr().unwrap()), 1);
    let begun = Instant::now();
    open(&url).ping().await.unwrap();
    assert!(
        begun.elapsed() < Duration::from_secs(9),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn people_are_read_from_a_replica() {
    let primary = PrivateServer::start();
    open(&primary.url("postgres")).migrate().await.unwrap();
    let standby = primary.standby();
    let program = Program::on(&primary.url("postgres"))
        .env("APP_SETTINGS", "production")
        .env("DATABASE_READ_URL", &standby.url("postgres"));
    let service = program.serve(&[]);
    let person = serde_json::to_string(&someone()).unwrap();
    let path = service.post("/people", &person).headers["location"].clone();
    let path = path.to_str().unwrap();
    until(|| {
        let answer = service.get(path);
        (answer.status == 200)
            .then_some(())
            .ok_or(format!("{answer:?}"))
    });
    primary.stop("fast");
    assert_eq!(service.get(path).status, 200);
    assert_eq!(service.people(), 1);
    assert_eq!(service.post("/people", &person).status, 503);
}

/// pgbouncer in transaction mode before a database, ended when dropped.
struct Pooler {
    child: Child,
    port: u16,
    _directory: TempDir,
}

impl Pooler {
    fn before(url: &str) -> Self {
        let config: tokio_postgres::Config = url.parse().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nauth_type = any\nunix_socket_dir =\npool_mode = transaction\n\
             default_pool_size = 4\n[users]\n",
            server = config.get_ports()[0],
        );
        // `any` takes every client for the user that the database line names.
        let text = text.replacen("port=", "user=postgres port=", 1);
        std::fs::write(&file, text).unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(directory.path(), open).unwrap();
        let child = shell(r#"PATH=$PATH:/usr/sbin; as_owner_exec pgbouncer -q "$1""#)
            .arg(&file)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let pooler = Self {
            child: child.unwrap(),
            port,
            _directory: directory,
        };
        until(|| {
            let connected = std::net::TcpStream::connect(("127.0.0.1", port));
            connected.map(drop).map_err(|error| error.to_string())
        });
        pooler
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn without_prepared_statements_it_works_through_a_pooler() {
    let database = fresh_database().await;
    let program = Program::on(database.url());
    program.run(&["migrate"]).ok();
    let pooler = Pooler::before(database.url());
    let name = database.url().rsplit('/').next().unwrap();
    let url = format!("postgres://postgres@127.0.0.1:{}/{name}", pooler.port);
    let options = Options {
        prepare: false,
        ..Options::default()
    };
    // Many stores, whose transactions take turns on a few connections of the server.
    let stores: Vec<_> = (0..8)
        .map(|_| Postgres::open(&url, options).unwrap())
        .collect();
    let calls = stores.iter().map(async |store| {
        for _ in 0..20 {
            let person = someone();
            store.add(&person, None).await.unwrap();
            assert_eq!(
                store.lookup(person.uuid).await.unwrap(),
                Some(person.clone())
            );
            let changes = serde_json::from_str(r#"{"sex": "other", "age": 31}"#).unwrap();
            let after = store
                .update(person.uuid, &changes, None)
                .await
                .unwrap()
                .unwrap();
            assert_eq!((after.sex, after.age), (Sex::Other, 31));
            assert!(store.list(&Select::all()).await.unwrap().count().await > 0);
            assert!(store.delete(person.uuid, None).await.unwrap());
        }
        assert!(store.pending_migrations().await.unwrap().is_empty());
    });
    futures_util::future::join_all(calls).await;
    let service = Program::on(&url)
        .env("DATABASE_PREPARE", "off")
        .env("APP_SETTINGS", "production")
        .serve(&[]);
    let person = serde_json::to_string(&someone()).unwrap();
    assert_eq!(service.post("/people", &person).status, 200);
    assert_eq!(service.people(), 1);
    let by_hand = connect(database.url()).await;
    let prepared = "select count(*) from pg_prepared_statements";
    let prepared: i64 = by_hand.query_one_scalar(prepared, &[]).await.unwrap();
    assert!(prepared <= 1, "{prepared}");
    service.stop().ok();
}

/// Makes every statement on the table wait.
async fn lock(by_hand: &Client) {
    let lock = "begin; lock table person in access exclusive mode";
    by_hand.batch_execute(lock).await.unwrap();
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended() {
    let database = fresh_database().await;
    let program = Program::on(database.url()).env("APP_SETTINGS", "production");
    program.run(&["migrate"]).ok();
    let service = program.serve(&["--database-timeout", "1"]);
    let by_hand = connect(database.url()).await;
    lock(&by_hand).await;
    let person = serde_json::to_string(&someone()).unwrap();
    for request in [
        &(|| service.post("/people", &person)) as &dyn Fn() -> crate::program::Answer,
        &|| service.get("/people"),
        &|| service.get("/people/00000000-0000-0000-0000-000000000000"),
    ] {
        let begun = Instant::now();
        let answer = request();
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{:?}",
            begun.elapsed()
        );
    }
    by_hand.batch_execute("commit").await.unwrap();
    assert_eq!(service.people(), 0);
}

#[tokio::test]
async fn one_list_too_many_waits_no_longer_than_it_may() {
    let database = fresh_database().await;
    for url in [database.url(), "sqlite:people.sqlite"] {
        let flags = ["--database-lists", "1", "--database-wait", "1"];
        let service = crate::serving::crowded(url).serve(&flags);
        let held = service.send("GET /people HTTP/1.1\r\nHost: x\r\n\r\n");
        let mut first = [0; 100];
        std::io::Read::read_exact(&mut &held, &mut first).unwrap();
        let begun = Instant::now();
        assert_eq!(service.get("/people").status, 503);
        let waited = begun.elapsed();
        assert!((900..5_000).contains(&waited.as_millis()), "{waited:?}");
        drop(held);
        until(|| match service.get("/people").status.as_u16() {
            200 => Ok(()),
            status => Err(status.to_string()),
        });
    }
}
