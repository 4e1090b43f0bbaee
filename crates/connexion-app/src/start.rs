//! The way to a running service, as the original's entrypoint took it: wait for the database, make a new
//! one usable, wait for the migrations, serve.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    time::{Instant, sleep},
};

use crate::{
    app,
    config::{Database, Settings},
    import::{ImportError, SAMPLE, import},
    serve::Server,
    store::{Store, StoreError},
    telemetry::AccessLog,
};

/// How long to wait for the database, and for its migrations.
const PATIENCE: Duration = Duration::from_mins(1);

const PAUSE: Duration = Duration::from_secs(1);

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// The contract or the handlers are wrong.
    #[error("{0}")]
    Document(#[from] connexion::Faults),
    /// The database can't be used.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The migrations did not get applied in time.
    #[error("the migrations are not applied ({0}): run `connexion-app migrate`")]
    Pending(String),
    /// The sample passengers could not be stored.
    #[error("the sample data can't be imported: {0}")]
    Sample(#[from] ImportError),
    /// The address can't be listened on, or a log's file not opened.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The address can't be listened on.
    #[error("{address} can't be listened on: {error}")]
    Listen {
        /// The address, as it was set.
        address: String,
        /// Why not.
        error: io::Error,
    },
}

/// Serves until the process is told to stop.
///
/// # Errors
/// Whatever keeps the service from starting.
pub(crate) async fn serve(settings: &Settings) -> Result<(), StartError> {
    let document = app::document()?;
    let access_log = AccessLog::open(&settings.access_log)?;
    for name in &settings.ignored {
        tracing::info!("{name} is set, but has no meaning here");
    }
    let stop = stop_signal()?;
    tokio::pin!(stop);
    // Whoever stops the service while it waits for a database must not have to wait too.
    let store = tokio::select! {
        ready = prepare(settings) => ready?,
        () = &mut stop => return Ok(()),
    };
    let api = app::api(document)
        .serve_document(settings.serve_spec)
        .swagger_ui(settings.swagger_ui)
        .build(store)?;
    let address = format!("{}:{}", settings.host, settings.port);
    let listener = TcpListener::bind((settings.host.as_str(), settings.port)).await;
    let listener = listener.map_err(|error| StartError::Listen { address, error })?;
    announce(settings, listener.local_addr()?.port());
    let (stopped, stopping) = tokio::sync::oneshot::channel();
    let server = Server {
        api,
        timeout: settings.timeout,
        access_log,
    };
    let serving = server.run(listener, async {
        let _ = stopping.await;
    });
    tokio::pin!(serving);
    tokio::select! {
        ended = &mut serving => return Ok(ended?),
        () = stop => {}
    }
    tracing::info!("stopping");
    let _ = stopped.send(());
    Ok(serving.await?)
}

/// The store, its database made ready to serve from.
async fn prepare(settings: &Settings) -> Result<Arc<dyn Store>, StartError> {
    let store = wait_for_database(settings).await?;
    let embedded = matches!(settings.database, Database::Sqlite { embedded: true, .. });
    let pending = store.pending_migrations().await?;
    let is_new = pending.iter().any(|name| name.starts_with("V1__"));
    if !pending.is_empty() && (embedded || (settings.debug && is_new)) {
        let migrated = store.migrate().await?;
        if migrated.created && settings.debug {
            let imported = import(store.as_ref(), SAMPLE, |_| {}).await?;
            tracing::info!(
                "the database is new: {} sample passengers are stored in it",
                imported.rows
            );
        }
    } else if settings.check_migration {
        wait_for_migrations(store.as_ref()).await?;
    } else if !pending.is_empty() {
        tracing::warn!("{}", StartError::Pending(pending.join(", ")));
    }
    Ok(store)
}

async fn wait_for_database(settings: &Settings) -> Result<Arc<dyn Store>, StoreError> {
    let begun = Instant::now();
    loop {
        match reach(settings).await {
            Ok(store) => return Ok(store),
            Err(error @ StoreError::Unavailable(_)) if begun.elapsed() + PAUSE < PATIENCE => {
                tracing::warn!("waiting for the database: {error}");
            }
            Err(error) => return Err(error),
        }
        sleep(PAUSE).await;
    }
}

async fn reach(settings: &Settings) -> Result<Arc<dyn Store>, StoreError> {
    let store = app::store(settings).await?;
    store.ping().await?;
    Ok(store)
}

async fn wait_for_migrations(store: &dyn Store) -> Result<(), StartError> {
    let begun = Instant::now();
    loop {
        let pending = store.pending_migrations().await?.join(", ");
        if pending.is_empty() {
            return Ok(());
        }
        if begun.elapsed() + PAUSE > PATIENCE {
            return Err(StartError::Pending(pending));
        }
        tracing::warn!("waiting for the migrations: {pending}");
        sleep(PAUSE).await;
    }
}

/// Ends with the first SIGINT or SIGTERM. Also as process 1, where they would otherwise do nothing.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Tells a person who just started the service what to try.
#[expect(clippy::print_stdout, reason = "this is for the terminal")]
fn announce(settings: &Settings, port: u16) {
    let host = match settings.host.as_str() {
        "0.0.0.0" | "::" => "127.0.0.1",
        host => host,
    };
    let address = if host.contains(':') {
        format!("http://[{host}]:{port}")
    } else {
        format!("http://{host}:{port}")
    };
    println!(
        "connexion-app {} ({}) on {}",
        env!("CARGO_PKG_VERSION"),
        settings.mode,
        settings.database
    );
    println!("  people    {address}/people");
    if settings.swagger_ui {
        println!("  docs      {address}/ui/");
    }
    if settings.serve_spec || settings.swagger_ui {
        println!("  document  {address}/openapi.yaml");
    }
    println!("Ctrl-C stops it.");
}
