//! What an operator asks the process, on a port of its own: whether it lives, whether it is ready, what it
//! counted. Clients of the API can't reach it, and a crowd of them can't keep it from answering.

use std::{
    error::Error,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, Method, StatusCode, header};
use serde::Serialize;
use tokio::time::timeout;

use crate::{
    config::AdminAddress,
    metrics::Metrics,
    serve::{Admission, Answer, Client, Hosts, Outgoing},
    store::Store,
};

/// A database that needs longer to say something does not answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the process is up to; shared by whoever changes it and the admin listener.
#[derive(Default)]
pub(crate) struct State {
    /// There once the service is about to serve.
    store: OnceLock<Arc<dyn Store>>,
    stopping: AtomicBool,
}

impl State {
    /// The database is there, its requests are served from now on.
    pub(crate) fn serves(&self, store: Arc<dyn Store>) {
        let _ = self.store.set(store);
    }

    /// The process was told to stop.
    pub(crate) fn stops(&self) {
        self.stopping.store(true, Relaxed);
    }
}

/// The admin listener's answers.
pub(crate) struct Admin {
    state: Arc<State>,
    metrics: Arc<Metrics>,
    hosts: Hosts,
}

/// What `/health/ready` looks at: `ok`, or what is wrong.
#[derive(Debug, Serialize)]
struct Checks {
    database: String,
    migrations: String,
    process: String,
}

const OK: &str = "ok";

impl Admin {
    /// Reports `state` and `metrics` to requests for `hosts`.
    pub(crate) fn new(state: Arc<State>, metrics: Arc<Metrics>, hosts: Hosts) -> Self {
        Self {
            state,
            metrics,
            hosts,
        }
    }

    async fn ready(&self) -> Response {
        let checks = self.checks().await;
        let all = [&checks.database, &checks.migrations, &checks.process];
        let is_ready = all.iter().all(|check| *check == OK);
        let status = if is_ready {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        json(status, &checks)
    }

    async fn checks(&self) -> Checks {
        let process = if self.state.stopping.load(Relaxed) {
            "stopping"
        } else if self.state.store.get().is_none() {
            "starting"
        } else {
            OK
        };
        let (database, migrations) = match self.state.store.get() {
            Some(store) => tokio::join!(database(store.as_ref()), migrations(store.as_ref())),
            None => ("not known yet".to_owned(), "not known yet".to_owned()),
        };
        Checks {
            database,
            migrations,
            process: process.to_owned(),
        }
    }

    fn metrics(&self) -> Response {
        let turns = self.state.store.get().map(|store| store.turns());
        let content_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        (
            [(header::CONTENT_TYPE, content_type)],
            self.metrics.text(turns),
        )
            .into_response()
    }
}

impl Admin {
    async fn report(&self, request: http::Request<()>) -> Response {
        if let Err(problem) = self.hosts.check(&request, None) {
            return problem.into_response();
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let allow = [(header::ALLOW, HeaderValue::from_static("GET, HEAD"))];
            return (StatusCode::METHOD_NOT_ALLOWED, allow).into_response();
        }
        match request.uri().path() {
            "/health/live" => json(StatusCode::OK, &serde_json::json!({"process": OK})),
            "/health/ready" => self.ready().await,
            "/metrics" => self.metrics(),
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    }
}

impl Answer for Admin {
    async fn answer(
        &self,
        client: &Client,
        request: Request,
        admission: Admission,
    ) -> Response<Outgoing> {
        let in_flight = client.begin(request.version(), admission);
        let response = self.report(request.map(|_| ())).await;
        Outgoing::of(response, in_flight, None)
    }
}

async fn database(store: &dyn Store) -> String {
    match timeout(PATIENCE, store.ping()).await {
        Ok(Ok(())) => OK.to_owned(),
        Ok(Err(error)) => {
            tracing::warn!("not ready: {error}");
            "unavailable".to_owned()
        }
        Err(_) => "does not answer".to_owned(),
    }
}

async fn migrations(store: &dyn Store) -> String {
    match timeout(PATIENCE, store.pending_migrations()).await {
        Ok(Ok(pending)) if pending.is_empty() => OK.to_owned(),
        Ok(Ok(pending)) => format!("not applied: {}", pending.join(", ")),
        _ => "not known".to_owned(),
    }
}

/// Asks the process that listens at `address` whether it is ready, as an image's health check does, which has no
/// other program than this one. Also tells what that process said.
///
/// # Errors
/// If it has no admin listener, or does not answer.
pub(crate) fn ask(address: Option<&AdminAddress>) -> Result<(bool, String), Box<dyn Error>> {
    let AdminAddress { host, port, .. } =
        address.ok_or("there is no admin listener to ask (APP_ADMIN_PORT is 0)")?;
    let host = match host.as_str() {
        "0.0.0.0" => "127.0.0.1".to_owned(),
        "::" => "[::1]".to_owned(),
        host if host.contains(':') => format!("[{host}]"),
        host => host.to_owned(),
    };
    let address = format!("http://{host}:{port}/health/ready");
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(2 * PATIENCE))
        .http_status_as_error(false)
        .proxy(None)
        .build();
    let answer = ureq::Agent::from(config).get(&address).call();
    let mut answer = answer.map_err(|error| format!("{address}: {error}"))?;
    let checks = answer.body_mut().read_to_string()?;
    Ok((answer.status() == StatusCode::OK, checks))
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).unwrap_or_default();
    let content_type = HeaderValue::from_static("application/json");
    (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
}
