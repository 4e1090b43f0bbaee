//! The way to a running service, as the original's entrypoint took it: wait for the database, make a new
//! one usable, wait for the migrations, serve.

use std::{
    future::pending,
    io::{self, Write},
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use connexion::{ApiService, BodyMemory, Credentials, Diagnostics, Document};
use time::UtcDateTime;
use tokio::time::{Instant, sleep};

use crate::{
    admin::{self, Admin},
    app::{self, Imports},
    auth::{Keys, Tokens},
    config::{AdminAddress, Auth, Database, Limits, Mode, Settings},
    files,
    import::{ImportError, Options, SAMPLE, import},
    key::set_session_secret,
    metrics::Metrics,
    opened::Opened,
    pages::Site,
    serve::{Answering, Hosts, Served, Server, acceptor, listen},
    signals::{Early, StopSignals, follow_files},
    spec,
    store::{Store, StoreError, observed::Observed},
    telemetry::{AccessLog, Telemetry},
    version::{self, VERSION},
};

/// How long to wait for the database, and for its migrations.
const PATIENCE: Duration = Duration::from_mins(1);

const PAUSE: Duration = Duration::from_secs(1);

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// The contract or the handlers are wrong.
    #[error("{0}")]
    Document(#[from] Diagnostics),
    /// The database can't be used.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The migrations did not get applied in time.
    #[error("the migrations are not applied ({0}): run `connexion-app migrate`")]
    Pending(String),
    /// The sample passengers could not be stored.
    #[error("the sample data can't be imported: {0}")]
    Sample(#[from] ImportError),
    /// A log's file can't be opened, or a socket or signal fails.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// How often old requests are forgotten.
const FORGET: Duration = Duration::from_hours(1);

/// How often the store keeps its limits.
const MAINTAIN: Duration = Duration::from_secs(1);

/// How much longer than `DATABASE_TIMEOUT` a call may take, if the database does not answer at all.
const LATEST: Duration = Duration::from_secs(2);

/// Serves until the process is told to stop.
///
/// # Errors
/// Whatever keeps the service from starting.
pub(crate) async fn serve(
    settings: &Settings,
    opened: &Opened<'_>,
    telemetry: Telemetry,
    early: &Early,
) -> Result<(), StartError> {
    let mut stop = StopSignals::listen(early)?;
    let Telemetry { error_log, metrics } = telemetry;
    tracing::info!("starting connexion-app {}", version::build());
    let document = spec::document(settings)?;
    let document_files = spec::Files::of(&document);
    let (access_log, _written) = AccessLog::open(&settings.access_log, settings.log_format)?;
    let logs = [access_log.file(), error_log].into_iter().flatten();
    let reload = follow_files(logs.collect())?;
    tell(settings);
    let connections = files::raise_limit(settings.limits.connections);
    let limits = Limits {
        connections: connections.clients,
        ..settings.limits
    };
    let tokens = Tokens::start(settings.jwt.clone()).await?;
    let tls = settings.tls.as_ref();
    let tls = tls
        .map(|files| acceptor(files, reload.clone()))
        .transpose()?;
    let state = Arc::new(admin::State::default());
    let admin = |hosts| Admin::new(Arc::clone(&state), Arc::clone(&metrics), hosts);
    serve_admin(settings, connections.admin, admin).await?;
    // Whoever stops the service while it waits for a database must not have to wait too.
    let store = tokio::select! {
        ready = prepare(settings, opened, &metrics) => ready?,
        () = stop.next() => return Ok(()),
    };
    let parts = Parts::new(settings, &store, tokens, &metrics);
    let current = parts.served(document)?;
    let listener = listen(&settings.host, settings.port).await?;
    let address = listener.local_addr()?;
    // Standard output that was closed is no reason not to serve.
    let _ = announce(settings, address.port(), io::stdout());
    let hosts = Hosts::of(settings.allowed_hosts.as_ref(), &settings.host, address);
    let from = (hosts, settings.trusted_proxies.clone());
    let answering = Answering::new(current.clone(), limits, from, access_log, metrics);
    let server = Server::new(answering, limits).under_tls(tls);
    state.serves(Arc::clone(&store));
    tokio::spawn(forget(Arc::clone(&store)));
    tokio::spawn(maintain(Arc::clone(&store)));
    let (stopped, stopping) = tokio::sync::oneshot::channel();
    let stop_serving = async {
        let _ = stopping.await;
    };
    let serving = pin!(server.run(listener, stop_serving, settings.graceful_timeout));
    let following = async {
        if settings.spec.is_some() && settings.mode == Mode::Development {
            let build = |document| parts.api(document);
            spec::follow(document_files, settings, build, current, reload).await;
        } else {
            pending::<()>().await;
        }
    };
    let telling = || {
        state.stops();
        opened.close_by(Instant::now() + settings.graceful_timeout);
        let _ = stopped.send(());
    };
    until_stopped(serving, following, stop, telling, opened).await;
    Ok(())
}

/// Serves, and follows the document, until the first signal, and then until the requests in flight are answered or the
/// second one.
async fn until_stopped(
    mut serving: Pin<&mut impl Future<Output = ()>>,
    following: impl Future<Output = ()>,
    mut stop: StopSignals,
    telling: impl FnOnce(),
    opened: &Opened<'_>,
) {
    tokio::select! {
        () = &mut serving => return,
        () = following => {}
        () = stop.next() => {}
    }
    telling();
    tracing::info!(
        "stopping when the requests under way are answered; a second signal stops at once"
    );
    tokio::select! {
        () = serving => {}
        () = stop.next() => opened.close_by(Instant::now()),
    }
}

/// What whoever started the service should know.
fn tell(settings: &Settings) {
    for name in &settings.ignored {
        tracing::info!("{name} is set, but has no meaning here");
    }
    let database = settings.database_use.statement + LATEST;
    if settings.limits.answer < database && matches!(settings.database, Database::Postgres { .. }) {
        tracing::warn!(
            "APP_TIMEOUT is shorter than DATABASE_TIMEOUT and two seconds: a request that is ended by it may still be \
             stored, which its answer says"
        );
    }
    if settings.auth == Auth::Off && settings.mode == Mode::Production {
        tracing::warn!(
            "whoever reaches this service may read and change everything (APP_AUTH is off)"
        );
    }
}

/// What the API is made of beside its document, which may be another one later.
struct Parts<'s> {
    settings: &'s Settings,
    store: Arc<dyn Store>,
    keys: Arc<Keys>,
    tokens: Option<Arc<Tokens>>,
    imports: Imports,
    body_memory: BodyMemory,
    metrics: Arc<Metrics>,
}

impl<'s> Parts<'s> {
    fn new(
        settings: &'s Settings,
        store: &Arc<dyn Store>,
        tokens: Option<Arc<Tokens>>,
        metrics: &Arc<Metrics>,
    ) -> Self {
        if let Some(secret) = &settings.session_secret {
            set_session_secret(secret);
        }
        let limits = settings.limits;
        Self {
            settings,
            store: Arc::clone(store),
            keys: Arc::new(Keys::of(Arc::clone(store))),
            tokens,
            imports: Imports::new(limits.imports, limits.import_size, limits.answer),
            body_memory: BodyMemory::new(limits.body_memory),
            metrics: Arc::clone(metrics),
        }
    }

    /// The API of `document`, within its layers.
    fn served(&self, document: Document) -> Result<Served, Diagnostics> {
        let origins = self.settings.cors_origins.clone();
        let site = Site::new(&self.keys, self.settings);
        let api = self.api(document)?;
        Ok(Served::new(api, origins, site, self.body_memory.clone()))
    }

    /// The API, with what the settings switch on.
    fn api(&self, document: Document) -> Result<ApiService, Diagnostics> {
        let (keys, tokens) = (Arc::clone(&self.keys), self.tokens.clone());
        // Of every scheme, whatever the document calls it.
        let verify = move |credentials, _| {
            let (keys, tokens) = (Arc::clone(&keys), tokens.clone());
            async move {
                match tokens {
                    Some(tokens) if matches!(credentials, Credentials::Token(_)) => {
                        tokens.holder(&credentials)
                    }
                    _ => keys.holder(credentials).await,
                }
            }
        };
        app::counted(document, self.imports.clone(), &self.metrics)?
            .default_security(verify)
            .serve_document(self.settings.serve_spec)
            .swagger_ui(self.settings.swagger_ui)
            .body_limit(self.settings.limits.body_size)
            .body_memory(self.body_memory.clone())
            .build(Arc::clone(&self.store))
    }
}

/// Lets operators ask until the process ends, from before it waits for anything.
async fn serve_admin(
    settings: &Settings,
    connections: usize,
    admin: impl FnOnce(Hosts) -> Admin,
) -> io::Result<()> {
    let Some(AdminAddress { host, port, chosen }) = &settings.admin else {
        return Ok(());
    };
    let listener = match listen(host, *port).await {
        Ok(listener) => listener,
        // Two services on one machine must not need a setting for what nobody may ask.
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && !chosen => {
            tracing::warn!("{error}: there are no health checks and no metrics (APP_ADMIN_PORT)");
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let limits = Limits {
        connections,
        ..settings.limits
    };
    let allowed = settings.allowed_hosts.as_ref();
    let hosts = Hosts::for_operators(allowed, host, listener.local_addr()?);
    let server = Server::new(admin(hosts), limits);
    tokio::spawn(server.run(listener, pending(), Duration::ZERO));
    Ok(())
}

/// The store, its database made ready to serve from.
async fn prepare(
    settings: &Settings,
    opened: &Opened<'_>,
    metrics: &Arc<Metrics>,
) -> Result<Arc<dyn Store>, StartError> {
    let store = match settings.database {
        Database::Postgres { .. } => patiently(async || reach(opened, metrics).await).await?,
        // A file that can't be opened has no server that may yet come up.
        Database::Sqlite { .. } => reach(opened, metrics).await?,
    };
    let embedded = settings.database.is_embedded();
    if embedded && settings.mode != Mode::Development {
        let database = &settings.database;
        tracing::warn!("no database is configured, so people are kept in {database}");
    }
    let pending = store.pending_migrations().await?;
    let is_new = pending.iter().any(|name| name.starts_with("V1__"));
    if !pending.is_empty() && (embedded || (settings.debug && is_new)) {
        let migrated = store.migrate().await?;
        if migrated.created && settings.debug {
            let schema = app::new_person(app::document()?)?;
            let options = Options::default();
            let sample = io::Cursor::new(SAMPLE);
            let imported = import(store.as_ref(), &schema, sample, options, |_| {}).await?;
            tracing::info!(
                "the database is new: {} sample passengers are stored in it",
                imported.rows
            );
        }
    } else if settings.check_migration {
        patiently(async || all_applied(store.as_ref()).await).await?;
    } else if !pending.is_empty() {
        tracing::warn!("{}", StartError::Pending(pending.join(", ")));
    }
    Ok(store)
}

async fn reach(opened: &Opened<'_>, metrics: &Arc<Metrics>) -> Result<Arc<dyn Store>, StartError> {
    let store = opened.open().await?;
    let store = Arc::new(Observed::new(store, Arc::clone(metrics)));
    store.ping().await?;
    // Not before: of the stores that were tried in vain nothing is shown.
    for sizes in store.batch_sizes() {
        metrics.add(sizes);
    }
    Ok(store)
}

/// # Errors
/// If a migration is missing, with its name.
pub(crate) async fn all_applied(store: &dyn Store) -> Result<(), StartError> {
    let pending = store.pending_migrations().await?;
    if pending.is_empty() {
        Ok(())
    } else {
        Err(StartError::Pending(pending.join(", ")))
    }
}

/// Forgets now and then which requests were done that nobody may send again any more.
async fn forget(store: Arc<dyn Store>) {
    loop {
        sleep(FORGET).await;
        if let Err(error) = store.forget(UtcDateTime::now().unix_timestamp()).await {
            tracing::warn!("old requests could not be forgotten: {error}");
        }
    }
}

/// Lets the store keep its limits.
async fn maintain(store: Arc<dyn Store>) {
    loop {
        sleep(MAINTAIN).await;
        if let Err(error) = store.maintain().await {
            tracing::warn!("the database's maintenance failed: {error}");
        }
    }
}

/// Tries once a second, a minute long, what may work later.
async fn patiently<T>(
    mut attempt: impl AsyncFnMut() -> Result<T, StartError>,
) -> Result<T, StartError> {
    let begun = Instant::now();
    loop {
        let error = match attempt().await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let may_pass = matches!(
            error,
            StartError::Store(StoreError::Unavailable(_)) | StartError::Pending(_)
        );
        if !may_pass || begun.elapsed() + PAUSE >= PATIENCE {
            return Err(error);
        }
        tracing::warn!("waiting: {error}");
        sleep(PAUSE).await;
    }
}

/// Tells a person who just started the service what to try.
fn announce(settings: &Settings, port: u16, mut target: impl Write) -> io::Result<()> {
    let host = match settings.host.as_str() {
        "0.0.0.0" | "::" => "127.0.0.1",
        host => host,
    };
    let scheme = if settings.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let address = if host.contains(':') {
        format!("{scheme}://[{host}]:{port}")
    } else {
        format!("{scheme}://{host}:{port}")
    };
    let (mode, database) = (settings.mode, &settings.database);
    writeln!(target, "connexion-app {VERSION} ({mode}) on {database}")?;
    writeln!(target, "  people    {address}/people")?;
    if settings.swagger_ui {
        writeln!(target, "  docs      {address}/ui/")?;
    }
    if settings.serve_spec || settings.swagger_ui {
        writeln!(target, "  document  {address}/openapi.yaml")?;
    }
    writeln!(target, "Ctrl-C stops it.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> StartError {
        StoreError::Unavailable("refused".to_owned()).into()
    }

    #[tokio::test(start_paused = true)]
    async fn what_stays_unavailable_is_tried_each_second_for_a_minute() {
        let begun = Instant::now();
        let mut attempts = 0;
        let ended: Result<(), _> = patiently(async || {
            attempts += 1;
            Err(refused())
        })
        .await;
        assert_eq!(ended.unwrap_err().to_string(), refused().to_string());
        assert_eq!((attempts, begun.elapsed().as_secs()), (60, 59));
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_up_in_time_is_used() {
        let mut attempts = 0;
        let ended = patiently(async || {
            attempts += 1;
            match attempts {
                1..10 => Err(refused()),
                10..20 => Err(StartError::Pending("V1__person".to_owned())),
                _ => Ok(attempts),
            }
        });
        assert_eq!(ended.await.unwrap(), 20);
    }

    #[tokio::test(start_paused = true)]
    async fn what_time_does_not_mend_is_told_at_once() {
        let begun = Instant::now();
        let wrong = || StoreError::Unexpected("a fault".to_owned()).into();
        let ended: Result<(), _> = patiently(async || Err(wrong())).await;
        assert!(ended.is_err() && begun.elapsed().is_zero());
    }
}
