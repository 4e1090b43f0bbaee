//! Constraints by which PostgreSQL itself refuses what the document does not allow.
//!
//! They are added as not valid, which locks the table for a moment only, and validated afterwards, during which others
//! read and write. Everybody who comes while a lock is waited for waits behind it, so that is done for a second at a
//! time.

use std::time::Duration;

use tokio::time::sleep;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, GenericClient, Transaction};

use super::adoption::{self, Traits};
use super::migrations::{lock, unlock};
use crate::store::StoreError;
use crate::store::adoption::Rule;

/// For how long a lock is waited for, and the pause until the next attempt, in which the others go on.
const PATIENCE: &str = "set lock_timeout = '1s'";
const PAUSE: Duration = Duration::from_secs(1);
const ATTEMPTS: usize = 60;

/// What the types of the columns guarantee already.
const GUARANTEED: &str = "select attname::text from pg_attribute join pg_type on pg_type.oid = atttypid \
    where attrelid = to_regclass('person') and attnum > 0 and attnotnull and case attname \
        when 'name' then atttypmod between 5 and 104 and getdatabaseencoding() <> 'SQL_ASCII' \
        when 'sex' then typtype = 'e' \
        when 'fare' then false \
        else true \
    end";

const CONSTRAINTS: &str = "select conname::text, convalidated from pg_constraint \
    where conrelid = to_regclass('person') and contype = 'c'";

/// Adds and validates the constraints that are missing; their names. The session must not be used again if this fails.
///
/// # Errors
/// [`StoreError::Unfit`] if rows break the document; nothing was changed then.
pub(super) async fn apply(client: &mut Client) -> Result<Vec<String>, StoreError> {
    lock(client).await?;
    adoption::check_rows(client).await?;
    client.batch_execute(PATIENCE).await?;
    let rules = needed(client).await?;
    let existing = existing(client).await?;
    let has = |rule: &&Rule| existing.iter().any(|(name, _)| *name == rule.constraint());
    let missing: Vec<_> = rules.iter().filter(|rule| !has(rule)).collect();
    if !missing.is_empty() {
        let clauses = missing
            .iter()
            .map(|rule| rule.add_constraint() + " not valid");
        patiently(client, clauses.collect()).await?;
    }
    let is_valid = |rule: &&Rule| existing.contains(&(rule.constraint(), true));
    let unvalidated = rules.iter().filter(|rule| !is_valid(rule));
    let names: Vec<_> = unvalidated.map(Rule::constraint).collect();
    if !names.is_empty() {
        let clauses = names
            .iter()
            .map(|name| format!("validate constraint {name}"));
        if let Err(error) = patiently(client, clauses.collect()).await {
            // A row that was written before the constraints were there.
            adoption::check_rows(client).await?;
            return Err(error);
        }
    }
    unlock(client).await?;
    Ok(names)
}

/// Adds the constraints to a table that was created in this transaction.
pub(super) async fn add_to_new(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    let clauses: Vec<_> = needed(transaction).await?;
    let clauses: Vec<_> = clauses.iter().map(Rule::add_constraint).collect();
    transaction.batch_execute(&alter(&clauses)).await?;
    Ok(())
}

/// The rules that the types of the columns do not guarantee.
async fn needed(client: &impl GenericClient) -> Result<Vec<Rule>, StoreError> {
    let rows = client.query_typed(GUARANTEED, &[]).await?;
    let guaranteed = rows.iter().map(|row| row.try_get(0));
    let guaranteed: Vec<String> = guaranteed.collect::<Result<_, _>>()?;
    let rules = Traits::of(client).await?.rules().into_iter();
    let is_needed = |rule: &Rule| !guaranteed.iter().any(|column| column == rule.column);
    Ok(rules.filter(is_needed).collect())
}

/// The names of the table's constraints, and whether they hold for all rows.
async fn existing(client: &Client) -> Result<Vec<(String, bool)>, StoreError> {
    let rows = client.query_typed(CONSTRAINTS, &[]).await?;
    let constraint = |row: &tokio_postgres::Row| Ok((row.try_get(0)?, row.try_get(1)?));
    rows.iter().map(constraint).collect()
}

fn alter(clauses: &[String]) -> String {
    format!("alter table person {}", clauses.join(", "))
}

async fn patiently(client: &Client, clauses: Vec<String>) -> Result<(), StoreError> {
    let statement = alter(&clauses);
    for _ in 1..ATTEMPTS {
        match client.batch_execute(&statement).await {
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                tracing::info!("the table person is in use: trying again");
                sleep(PAUSE).await;
            }
            done => return Ok(done?),
        }
    }
    Ok(client.batch_execute(&statement).await?)
}
