//! Making a missing database: that of `APP_SETTINGS=testing` need not be set up by anybody.

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::address::Server;
use crate::store::StoreError;

/// The database that every server has, from which others are made.
const MAINTENANCE: &str = "postgres";

/// Makes the database that the server's address names, unless it is there.
pub(super) async fn create_if_missing(server: &Server) -> Result<(), StoreError> {
    match execute(server, "").await? {
        Err(error) if error.code() == Some(&SqlState::INVALID_CATALOG_NAME) => {}
        done => return Ok(done?),
    }
    let config = server.config();
    let user = config.get_user().unwrap_or_default();
    let name = config.get_dbname().unwrap_or(user).replace('"', "\"\"");
    let maintenance = server.with_database(MAINTENANCE);
    let created = execute(&maintenance, &format!("create database \"{name}\"")).await?;
    match created {
        // Another process was quicker.
        Err(error)
            if [SqlState::DUPLICATE_DATABASE, SqlState::UNIQUE_VIOLATION]
                .iter()
                .any(|code| error.code() == Some(code)) =>
        {
            Ok(())
        }
        done => Ok(done?),
    }
}

async fn execute(server: &Server, statement: &str) -> Result<Result<(), Error>, StoreError> {
    let (client, connection) = match server.try_connect().await? {
        Ok(connected) => connected,
        Err(error) => return Ok(Err(error)),
    };
    let connection = tokio::spawn(connection);
    let done = client.batch_execute(statement).await;
    connection.abort();
    Ok(done)
}
