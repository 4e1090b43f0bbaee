//! Serves any document and answers every operation with what the library read of the request:
//! `cargo run -p connexion --example echo -- DOCUMENT [--port P] [--lenient] [--no-strict]`.
//!
//! With `--lenient` a document with errors is served as far as it can be ([`Document::lenient`]); with `--no-strict`
//! parameters and `Accept` that the document does not have are accepted.
//!
//! The answer is `{"operationId", "path": {}, "query": {}, "header": {}, "cookie": {}, "body"}`. Any credentials
//! will do, as long as there are some. Answers are not checked. What is wrong with the document is told on standard
//! error.

use std::{
    collections::HashMap,
    error::Error,
    future::ready,
    io::Write as _,
    process::ExitCode,
    sync::{Arc, OnceLock},
};

use connexion::{
    Api, ApiService, Body, ByteStream, Document, Faults, In, OperationId, Params, Principal,
    StreamError,
};
use futures_util::TryStreamExt as _;
use serde::Serialize;
use serde_json::{Map, Value};

/// Where the parameters of each operation stand, their names, and those of their values; known once the service
/// is built.
type Places = Arc<OnceLock<HashMap<String, Vec<(In, String, String)>>>>;

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Echo {
    operation_id: String,
    path: Map<String, Value>,
    query: Map<String, Value>,
    header: Map<String, Value>,
    cookie: Map<String, Value>,
    body: Value,
}

async fn echo(
    axum::extract::State(places): axum::extract::State<Places>,
    id: OperationId,
    Params(values): Params<Map<String, Value>>,
    Body(body): Body<Value>,
    mut rest: ByteStream,
) -> Result<Body<Echo>, StreamError> {
    // Some clients take it for a fault if nobody reads what they send.
    while rest.try_next().await?.is_some() {}
    let mut answer = Echo {
        body,
        ..Echo::default()
    };
    let known = places.get().and_then(|all| all.get(id.as_str()));
    for (key, value) in values {
        let mut known = known.into_iter().flatten();
        let Some((place, name, _)) = known.find(|(_, _, known)| *known == key) else {
            continue;
        };
        let values_there = match place {
            In::Path => &mut answer.path,
            In::Query => &mut answer.query,
            In::Header => &mut answer.header,
            In::Cookie => &mut answer.cookie,
            In::Body => continue,
        };
        let name = if key == *name { key } else { name.clone() };
        values_there.insert(name, value);
    }
    id.as_str().clone_into(&mut answer.operation_id);
    Ok(Body(answer))
}

/// Any document as a service; the tests serve their fixtures with it.
pub(crate) fn service(document: Document, is_strict: bool) -> Result<ApiService, Faults> {
    let places = Places::default();
    let anybody = Principal::new("anybody", document.scopes());
    let service = Api::from_document(document)
        .default_operation(echo)
        .default_security(move |_, _| ready(Ok(Some(anybody.clone()))))
        .validate_responses(false)
        .strict_parameters(is_strict)
        .strict_accept(is_strict)
        .upload_limit(1 << 30)
        .serve_document(true)
        .build(Arc::clone(&places))?;
    let found = service.operations().map(|operation| {
        let parameters = operation.parameters();
        let parameters =
            parameters.map(|(place, name, key)| (place, name.to_owned(), key.to_owned()));
        (operation.id().to_owned(), parameters.collect())
    });
    places.get_or_init(|| found.collect());
    Ok(service)
}

#[tokio::main]
async fn main() -> ExitCode {
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr);
    log.without_time()
        .with_target(false)
        .with_ansi(false)
        .init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Not returned from here, since faults are to be read a line each.
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let (flags, arguments): (Vec<_>, Vec<_>) = std::env::args()
        .skip(1)
        .partition(|argument| matches!(&**argument, "--lenient" | "--no-strict"));
    let has = |flag: &str| flags.iter().any(|given| given == flag);
    let (file, port) = match arguments.as_slice() {
        [file] => (file, 3000),
        [file, flag, port] if flag == "--port" => (file, port.parse::<u16>()?),
        _ => return Err("usage: echo DOCUMENT [--port P] [--lenient] [--no-strict]".into()),
    };
    let mut document = Document::load(file)?;
    if has("--lenient") {
        document = document.lenient();
    }
    let service = service(document, !has("--no-strict"))?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    writeln!(std::io::stdout(), "http://{}", listener.local_addr()?)?;
    axum::serve(listener, axum::Router::new().fallback_service(service)).await?;
    Ok(())
}
