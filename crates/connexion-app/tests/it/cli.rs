//! The commands, from outside: what they print, and how they end.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::process::Stdio;

use crate::postgres_server::fresh_database;
use crate::program::{Program, Running, names_in};

const SQLITE: &str = "sqlite:people.sqlite";
const HEADER: &str =
    "Survived,Pclass,Name,Sex,Age,Siblings/Spouses Aboard,Parents/Children Aboard,Fare\n";

/// The same steps on either database.
async fn on_both_databases(steps: impl Fn(&Program)) {
    steps(&Program::on(SQLITE));
    let database = fresh_database().await;
    steps(&Program::on(database.url()));
}

/// The rows of an export, sorted, since no order is promised.
#[track_caller]
fn sorted(export: &str) -> String {
    let rows = export.strip_prefix(HEADER).unwrap();
    let mut rows: Vec<_> = rows.split_inclusive('\n').collect();
    rows.sort_unstable();
    rows.concat()
}

/// What the help says of each setting.
const SETTINGS: &[&str] = &[
    "--database-url <VALUE> Where the people are: postgres://USER:PASSWORD@HOST:PORT/DB or sqlite:PATH \
         [env: DATABASE_URL] [default: built from POSTGRES_*, else sqlite:connexion-app.sqlite]",
    "[env: DATABASE_READ_URL]",
    "--database-prepare[=<on|off>] Prepare statements and set limits for a session; off for a pooler in transaction mode, \
         PgBouncer 1.21 and later too [env: DATABASE_PREPARE] [default: on]",
    "[env: DATABASE_LISTS] [default: 8]",
    "[env: DATABASE_WAIT] [default: 10]",
    "[env: DATABASE_TIMEOUT] [default: 10]",
    "--database-list-timeout <VALUE> Seconds that a list may take, after which its response breaks off: it holds a snapshot of the \
         database [env: DATABASE_LIST_TIMEOUT] [default: 600]",
    "[env: DATABASE_LOG_SIZE] [default: 268435456]",
    "--database-checkpoint[=<on|off>] Empty SQLite's write-ahead log; off if another process does, such as Litestream \
         [env: DATABASE_CHECKPOINT] [default: on]",
    "[env: DATABASE_LOCK_WAITS] [default: 8]",
    "--postgres-hostname <VALUE> PostgreSQL's host, if there is no DATABASE_URL [env: POSTGRES_HOSTNAME]",
    "--postgres-port <VALUE> PostgreSQL's port [env: POSTGRES_PORT] [default: 5432]",
    "test_ and this name, created when missing [env: POSTGRES_DB]",
    "[env: POSTGRES_USER]",
    "flags are seen in `ps` [env: POSTGRES_PASSWORD]",
    "--settings <VALUE> development, testing, staging or production [env: APP_SETTINGS] [default: development]",
    "[env: APP_DEBUG, FLASK_DEBUG] [default: on in development, else off]",
    "[env: CHECK_MIGRATION] [default: off]",
    "[env: APP_HOST, GUNICORN_HOST] [default: 127.0.0.1]",
    "[env: APP_PORT, GUNICORN_PORT] [default: 5000]",
    "[env: APP_ADMIN_HOST] [default: that of APP_HOST]",
    "[env: APP_ADMIN_PORT] [default: 5001]",
    "[env: APP_WORKERS, GUNICORN_WORKERS] [default: number of cores]",
    "[env: APP_TIMEOUT, GUNICORN_TIMEOUT] [default: 30]",
    "[env: APP_GRACEFUL_TIMEOUT] [default: 30]",
    "[env: APP_MAX_CONNECTIONS] [default: 10000]",
    "[env: APP_MAX_REQUESTS] [default: 1024]",
    "[env: APP_MAX_HEADER_SIZE] [default: 32768]",
    "[env: APP_MAX_BODY_SIZE] [default: 65536]",
    "[env: APP_BODY_MEMORY] [default: 33554432]",
    "[env: APP_HEADER_TIMEOUT] [default: 10]",
    "[env: APP_IDLE_TIMEOUT] [default: 75]",
    "--auth <VALUE> For which operations clients need an API key: off, write or all [env: APP_AUTH] [default: off]",
    "[env: APP_JWT_JWKS]",
    "[env: APP_JWT_ISSUER]",
    "[env: APP_JWT_AUDIENCE]",
    "[env: APP_JWT_ALGORITHMS]",
    "[env: APP_CORS_ORIGINS]",
    "[env: APP_TLS_CERT]",
    "[env: APP_TLS_KEY]",
    "[env: APP_ACCESS_LOG, GUNICORN_ACCESS_LOGFILE] [default: -]",
    "[env: APP_ERROR_LOG, GUNICORN_ERROR_LOGFILE] [default: -]",
    "--log-format <VALUE> How both logs are written: text or json [env: APP_LOG_FORMAT] [default: text]",
    "--otlp-endpoint <VALUE> Send traces to this collector, such as http://127.0.0.1:4318; built with the feature otlp only \
         [env: OTEL_EXPORTER_OTLP_ENDPOINT]",
    "[env: APP_SPEC] [default: the built-in one]",
    "--serve-spec[=<on|off>] Serve the document at /openapi.json and /openapi.yaml [env: SERVE_SPEC]",
    "[env: SWAGGER_UI] [default: on in development, else off]",
    "[env: SQL_ECHO, SQLALCHEMY_ECHO] [default: off]",
];

#[test]
fn the_help_names_every_setting_with_its_variables() {
    let help = Program::new().run(&["--help"]).ok();
    let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for setting in SETTINGS {
        assert!(words.contains(setting), "{setting}");
    }
    for command in [
        "serve",
        "migrate",
        "check-db",
        "check-migration",
        "config",
        "keys",
        "openapi",
        "import-data",
        "export-data",
        "backup",
    ] {
        assert!(help.contains(&format!("\n  {command} ")), "{command}");
    }
}

/// A command's own options drowned in those of `serve`.
#[test]
fn the_help_of_a_command_lists_what_matters_to_it() {
    let program = Program::new();
    for (command, own, listed, hidden) in [
        (
            &["migrate"][..],
            "--help",
            "--database-url",
            "--max-requests",
        ),
        (
            &["check-db"],
            "--help",
            "--postgres-password",
            "--swagger-ui",
        ),
        (
            &["check-migration"],
            "--help",
            "--log-format",
            "--cors-origins",
        ),
        (&["check-ready"], "--help", "--admin-port", "--database-url"),
        (&["keys"], "add", "--database-url", "--host"),
        (&["keys", "add"], "--expires", "--database-url", "--host"),
        (&["keys", "list"], "--help", "--database-url", "--timeout"),
        (&["keys", "revoke"], "<NAME>", "--database-url", "--timeout"),
        (&["config"], "--help", "--help", "--timeout"),
        (&["openapi"], "--json", "--auth", "--database-url"),
        (&["import-data"], "<FILE>", "--spec", "--port"),
        (
            &["export-data"],
            "--spreadsheet",
            "--database-url",
            "--port",
        ),
    ] {
        let help = program.run(&[command, &["--help"]].concat()).ok();
        let place = |text: &str| help.find(text).unwrap_or_else(|| panic!("{text}: {help}"));
        assert!(place(own) <= place(listed), "{help}");
        assert!(!help.contains(hidden), "{help}");
        assert!(help.lines().count() <= 40, "{help}");
        assert!(help.contains("see connexion-app --help"), "{help}");
    }
}

#[test]
fn a_setting_that_the_help_of_a_command_leaves_out_is_accepted() {
    let program = Program::new();
    for command in ["", "serve"] {
        let help = program
            .run(&[command, "--help"][usize::from(command.is_empty())..])
            .ok();
        assert!(
            help.contains("--swagger-ui") && help.contains("--database-url"),
            "{help}"
        );
    }
    program
        .run(&[
            "check-ready",
            "--database-url",
            "sqlite:x",
            "--timeout",
            "x",
        ])
        .failed(2);
    let text = program
        .run(&["--timeout", "7", "config", "--swagger-ui=off"])
        .ok();
    assert!(
        text.contains(" 7  (--timeout)\n") && text.contains(" off  (--swagger-ui)\n"),
        "{text}"
    );
}

/// A name that begins like a formula is run by whatever opens the file.
#[test]
fn formulas_are_quoted_for_spreadsheets_only_when_asked() {
    let program = Program::on(SQLITE).env("APP_SETTINGS", "production");
    program.run(&["migrate"]).ok();
    let names = ["=1+1", "+1", "-1", "@A1", "\t=1", "＝1", "'=1", "Ann"];
    let rows: String = names
        .map(|name| format!("0,3,\"{name}\",male,22,1,0,-7.25\n"))
        .concat();
    program
        .run_with(&["import-data", "-"], &format!("{HEADER}{rows}"))
        .ok();
    let plain = sorted(&program.run(&["export-data"]).ok());
    assert!(
        !plain.contains("'="[..].repeat(2).as_str())
            && plain.contains(",=1+1,")
            && plain.contains(",'=1,")
    );
    let quoted = sorted(&program.run(&["export-data", "--spreadsheet"]).ok());
    for name in &names[..6] {
        assert!(quoted.contains(&format!(",'{name},")), "{quoted}");
    }
    assert!(
        quoted.contains(",Ann,") && quoted.contains(",'=1,") && !quoted.contains("''"),
        "{quoted}"
    );
    assert_eq!(quoted.matches(",-7.25\n").count(), names.len());

    let service = program.serve(&[]);
    for (path, expected) in [
        ("/people/download?format=csv", &plain),
        ("/people/download?format=csv&spreadsheet=true", &quoted),
    ] {
        assert_eq!(&sorted(&service.get(path).body), expected);
    }
    let json = service.get("/people?spreadsheet=true").body;
    assert!(json.contains("\"name\":\"=1+1\""), "{json}");
    // The longest name has room for the mark.
    let longest = "=".repeat(100);
    let person = format!(
        r#"{{"name":"{longest}","passengerClass":1,"sex":"male","age":7,"siblingsOrSpousesAboard":0,
            "parentsOrChildrenAboard":0,"fare":7.5}}"#
    );
    assert_eq!(service.post("/people", &person).status, 200);
    let csv = service
        .get("/people/download?format=csv&spreadsheet=true")
        .body;
    assert!(csv.contains(&format!(",'{longest},")), "{csv}");
}

#[test]
fn a_wrong_call_ends_with_2() {
    let program = Program::new();
    for (arguments, told) in [
        (&["frobnicate"][..], "unrecognized subcommand 'frobnicate'"),
        (&["import-data"], "<FILE>"),
        (&["--frobnicate"], "unexpected argument '--frobnicate'"),
        (&["--port"], "a value is required for '--port <VALUE>'"),
        (
            &["check-db", "--port", "http"],
            "connexion-app: --port: 'http' is not a whole number from 0 to 65535\n",
        ),
        (
            &["check-db", "--debug=maybe"],
            "connexion-app: --debug: 'maybe' is neither on nor off\n",
        ),
        (
            &["check-db", "--settings", "prod"],
            "connexion-app: --settings: 'prod' is not development, testing, staging or production\n",
        ),
    ] {
        let stderr = program.run(arguments).failed(2);
        assert!(stderr.contains(told), "{stderr}");
    }
    assert!(names_in(&program.path("")).is_empty());
}

#[tokio::test]
async fn migrations_are_applied_once_and_checked() {
    on_both_databases(|program| {
        // A file of SQLite that is empty is an empty database; one that is missing is an error.
        if !program.url().starts_with("postgres") {
            std::fs::write(program.path("people.sqlite"), "").unwrap();
        }
        let unchecked = program.run(&["check-migration"]);
        assert_eq!(
            unchecked.stdout,
            "not applied: V1__person, V2__api_key, V3__lists\n"
        );
        assert_eq!(unchecked.failed(1), "");
        assert_eq!(program.run(&["check-db"]).ok(), "the database answers\n");
        assert_eq!(
            program.run(&["migrate"]).ok(),
            "applied V1__person, V2__api_key, V3__lists\n"
        );
        assert_eq!(program.run(&["migrate"]).ok(), "nothing to do\n");
        let checked = program.run(&["check_migration"]).ok();
        assert_eq!(checked, "all migrations are applied\n");
        assert_eq!(program.run(&["check_db"]).ok(), "the database answers\n");
    })
    .await;
}

#[tokio::test]
async fn what_is_exported_can_be_imported() {
    on_both_databases(|program| {
        program.run(&["migrate"]).ok();
        // Another order, a mark before it, quotes, line ends of another system.
        let csv = "\u{feff}Fare,Age,Name,Sex,Survived,Pclass,Parents/Children Aboard,Siblings/Spouses Aboard\r\n\
            7.25,22,\"Braund, Mr. \"\"O\"\" Harris\",male,0,3,0,1\r\n\
            0,0.42,Zoë,female,yes,1,2,0\r\n";
        let summary = program.run_with(&["import-data", "-"], csv).ok();
        let (stored, cut) = (
            summary.split_once(" s (").unwrap(),
            "rows/s), 1 ages cut to whole years\n",
        );
        assert!(stored.0.starts_with("2 people stored in ") && stored.1.ends_with(cut), "{summary}");

        let expected = "0,3,\"Braund, Mr. \"\"O\"\" Harris\",male,22,1,0,7.25\n1,1,Zoë,female,0,0,2,0\n";
        let exported = program.run(&["export-data"]).ok();
        assert_eq!(sorted(&exported), expected);
        assert_eq!(program.run(&["export_data", "-"]).ok(), exported);
        let said = program.run(&["export-data", "people.csv"]).ok();
        assert_eq!(said, "2 people written to people.csv\n");
        assert_eq!(program.read("people.csv"), exported);

        program.run(&["import_data", "people.csv"]).ok();
        let twice: String = expected
            .split_inclusive('\n')
            .flat_map(|row| [row, row])
            .collect();
        assert_eq!(sorted(&program.run(&["export-data"]).ok()), twice);
    })
    .await;
}

#[tokio::test]
async fn a_bad_row_is_told_and_nothing_is_stored() {
    on_both_databases(|program| {
        program.run(&["migrate"]).ok();
        let good = "0,3,Doe,male,22,1,0,7.25\n";
        let bad = "0,3,Doe,male,old,1,0,7.25\n";
        let text = format!("{HEADER}{}{bad}{good}x\n", good.repeat(2_000));
        let told = "connexion-app: 2 bad rows, nothing was stored\n\
            line 2002, column Age: 'old' is not a number\n\
            line 2004: 8 fields expected, 1 found\n";
        assert_eq!(
            program.run_with(&["import-data", "-"], &text).failed(1),
            told
        );

        std::fs::write(
            program.path("bad.csv"),
            format!("{HEADER}{}", bad.repeat(23)),
        )
        .unwrap();
        let stderr = program.run(&["import-data", "bad.csv"]).failed(1);
        assert_eq!(stderr.lines().count(), 22, "{stderr}");
        assert!(
            stderr
                .starts_with("connexion-app: 23 bad rows, nothing was stored\nline 2, column Age:")
        );
        assert!(
            stderr.ends_with("\nline 21, column Age: 'old' is not a number\nand 3 more\n"),
            "{stderr}"
        );

        let stderr = program
            .run_with(&["import-data", "-"], "Name,Age\n")
            .failed(1);
        assert!(
            stderr.starts_with("connexion-app: the header is wrong: column Survived is missing")
        );
        assert_eq!(program.run(&["export-data"]).ok(), HEADER);
    })
    .await;
}

#[test]
fn a_long_import_says_how_far_it_is() {
    let program = Program::on(SQLITE);
    program.run(&["migrate"]).ok();
    let text = format!("{HEADER}{}", "0,3,Doe,male,22,1,0,7.25\n".repeat(100_000));
    let ended = program.run_with(&["import-data", "-"], &text);
    assert_eq!(ended.stderr, "100,000 rows checked\n100,000 rows stored\n");
    assert!(ended.ok().starts_with("100,000 people stored in "));
}

#[tokio::test]
async fn without_its_table_it_says_what_to_run() {
    on_both_databases(|program| {
        if !program.url().starts_with("postgres") {
            std::fs::write(program.path("people.sqlite"), "").unwrap();
        }
        let told = "connexion-app: the migrations are not applied (V1__person, V2__api_key, V3__lists): run `connexion-app migrate`\n";
        assert_eq!(program.run_with(&["import-data", "-"], HEADER).failed(1), told);
        assert_eq!(program.run(&["export-data", "people.csv"]).failed(1), told);
        assert!(!program.path("people.csv").exists());
    })
    .await;
}

/// Nobody was asked for a database, so nobody is asked to migrate it.
#[test]
fn the_embedded_database_is_ready_for_an_import() {
    let program = Program::new();
    let row = "0,3,Doe,male,22,1,0,7.25\n";
    program
        .run_with(&["import-data", "-"], &format!("{HEADER}{row}"))
        .ok();
    assert_eq!(program.run(&["export-data"]).ok(), format!("{HEADER}{row}"));
    assert_eq!(program.serve(&[]).people(), 1);
}

#[test]
fn an_export_that_fails_leaves_the_last_one_alone() {
    let program =
        Program::on("postgres://me:s3cret@127.0.0.1:1/people").file("people.csv", "precious");
    let stderr = program.run(&["export-data", "people.csv"]).failed(1);
    assert_eq!(
        stderr,
        "connexion-app: the database is unavailable: error connecting to server: \
         Connection refused (os error 111)\n"
    );
    assert_eq!(program.read("people.csv"), "precious");
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let program = Program::on(SQLITE);
    program.run(&["migrate"]).ok();
    assert_eq!(
        program.run(&["import-data", "gone.csv"]).failed(1),
        "connexion-app: gone.csv: No such file or directory (os error 2)\n"
    );
    assert_eq!(
        program.run(&["export-data", "gone/people.csv"]).failed(1),
        "connexion-app: gone/people.csv: No such file or directory (os error 2)\n"
    );
    let missing = program.path("gone").display().to_string();
    assert_eq!(
        program
            .run(&["check-db", "--database-url", "sqlite:gone/people.sqlite"])
            .failed(1),
        format!("connexion-app: the database is unavailable: there is no directory {missing}\n")
    );
}

#[test]
fn the_contract_is_printed() {
    let program = Program::new();
    let whole = include_str!("../../openapi.yaml");
    let yaml = program
        .run(&[
            "openapi",
            "--auth=all",
            "--jwt-jwks=x",
            "--jwt-issuer=x",
            "--jwt-audience=x",
            "--jwt-algorithms=ES256",
        ])
        .ok();
    assert_eq!(yaml, whole);
    // What is not required is left out, and nothing else.
    let yaml = program.run(&["openapi"]).ok();
    let printed = connexion::Document::parse("openapi.yaml", &*yaml).unwrap();
    let json = program.run(&["openapi", "--json"]).ok();
    assert_eq!(printed.to_json() + "\n", json);
    let open: String = whole
        .split_inclusive('\n')
        .map(|line| match line.split_once("security: [{") {
            Some((indent, _)) => format!("{indent}security: []\n"),
            None => line.to_owned(),
        })
        .collect();
    let open = connexion::Document::parse("openapi.yaml", open).unwrap();
    assert_eq!(open.to_json() + "\n", json);
}

/// `connexion-app openapi | head -1`, with both outputs closed.
#[test]
fn a_reader_who_has_enough_is_no_failure() {
    let program = Program::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = program.command(&["openapi"]);
    command.stdout(writer.try_clone().unwrap());
    Running::start(&mut command).end().ok();
    let mut command = program.command(&["--port", "http"]);
    let ended = Running::start(command.stderr(writer)).end();
    assert_eq!(ended.code, Some(2));
}

#[test]
fn arguments_and_variables_that_are_no_text_are_refused() {
    let program = Program::new();
    let no_text = || OsString::from_vec(vec![b'5', 0xff]);
    let mut command = program.command(&["check-db"]);
    command.env("GUNICORN_PORT", no_text()).stdin(Stdio::null());
    let stderr = Running::start(&mut command).end().failed(2);
    assert_eq!(stderr, "connexion-app: GUNICORN_PORT: is not UTF-8\n");
    let mut command = program.command(&["check-db", "--port"]);
    let stderr = Running::start(command.arg(no_text())).end().failed(2);
    assert!(stderr.contains("invalid UTF-8"), "{stderr}");
}
