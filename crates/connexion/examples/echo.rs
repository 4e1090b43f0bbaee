//! Serves any document; every operation returns the values that the library read from the request:
//! `cargo run -p connexion --example echo -- DOCUMENT [--port P] [--lenient] [--no-strict]`.
//!
//! With `--lenient` a document with errors is served as far as possible ([`Document::lenient`]). With `--no-strict`
//! undeclared parameters are accepted, and `Accept` is ignored.
//!
//! The response is `{"operationId", "path": {}, "query": {}, "header": {}, "cookie": {}, "body"}`. Any credentials are
//! accepted, but an operation with security requires some. Responses are not validated. Diagnostics of the document are
//! printed on standard error.

use std::{error::Error, future::ready, io::Write as _, process::ExitCode};

use connexion::{
    Api, ApiService, Body, ByteStream, CurrentOperation, Diagnostics, Document, ParameterLocation,
    Params, Principal, ResponseValidation, StreamError,
};
use futures_util::TryStreamExt as _;
use serde::Serialize;
use serde_json::{Map, Value};

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
    operation: CurrentOperation,
    Params(values): Params<Map<String, Value>>,
    Body(body): Body<Value>,
    mut rest: ByteStream,
) -> Result<Body<Echo>, StreamError> {
    // A client may report an error if its body is not read to the end.
    while rest.try_next().await?.is_some() {}
    let mut echo = Echo {
        operation_id: operation.id().to_owned(),
        body,
        ..Echo::default()
    };
    for (key, value) in values {
        let Some(parameter) = operation.parameters().find(|one| one.key == key) else {
            continue;
        };
        let values = match parameter.location {
            ParameterLocation::Path => &mut echo.path,
            ParameterLocation::Query => &mut echo.query,
            ParameterLocation::Header => &mut echo.header,
            ParameterLocation::Cookie => &mut echo.cookie,
        };
        values.insert(parameter.name.to_owned(), value);
    }
    Ok(Body(echo))
}

/// Builds a service of any document; the tests serve their fixtures with it.
pub(crate) fn service(document: Document, is_strict: bool) -> Result<ApiService, Diagnostics> {
    let principal = Principal::new("client", document.scopes());
    Api::from_document(document)
        .fallback(echo)
        .default_security(move |_, _| ready(Ok(Some(principal.clone()))))
        .response_validation(ResponseValidation::Off)
        .strict_parameters(is_strict)
        .strict_accept(is_strict)
        .upload_limit(1 << 30)
        .serve_document(true)
        .build(())
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
            // Not returned from `main`, which would print diagnostics in `Debug` notation.
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
