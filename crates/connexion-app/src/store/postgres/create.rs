//! Making a missing database: that of `APP_SETTINGS=testing` need not be set up by anybody.

use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, Error, NoTls};

/// The database that every server has, from which others are made.
const MAINTENANCE: &str = "postgres";

/// Makes the database that `config` names, unless it is there.
pub(super) async fn create_if_missing(config: &Config) -> Result<(), Error> {
    match execute(config, "").await {
        Err(error) if error.code() == Some(&SqlState::INVALID_CATALOG_NAME) => {}
        done => return done,
    }
    let user = config.get_user().unwrap_or_default();
    let name = config.get_dbname().unwrap_or(user).replace('"', "\"\"");
    let mut maintenance = config.clone();
    maintenance.dbname(MAINTENANCE);
    let created = execute(&maintenance, &format!("create database \"{name}\"")).await;
    match created {
        // Another process was quicker.
        Err(error)
            if [SqlState::DUPLICATE_DATABASE, SqlState::UNIQUE_VIOLATION]
                .iter()
                .any(|code| error.code() == Some(code)) =>
        {
            Ok(())
        }
        done => done,
    }
}

async fn execute(config: &Config, statement: &str) -> Result<(), Error> {
    let (client, connection) = config.connect(NoTls).await?;
    let connection = tokio::spawn(connection);
    let done = client.batch_execute(statement).await;
    connection.abort();
    done
}
