//! `connexion-app keys`: making, listing and revoking API keys.

use std::error::Error;

use clap::Subcommand;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use super::say;
use crate::key::{ApiKey, Scope, now};
use crate::store::{Store, StoreError};

const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Make a key and print it, once: only its hash is kept
    Add {
        /// Whose it is, as the logs call it
        name: String,
        /// What it is good for: read, or write, which includes it
        #[arg(long)]
        scope: Scope,
        /// The day at whose beginning it ends, as YYYY-MM-DD, in UTC
        #[arg(long, value_parser = day)]
        expires: Option<Date>,
    },
    /// List all keys: when each was made, when it ends, whether it is good
    List,
    /// End a key; every process refuses it within two seconds
    Revoke {
        /// Whose it is
        name: String,
    },
}

/// Does what the command says.
pub(super) async fn run(command: KeysCommand, store: &dyn Store) -> Result<(), Box<dyn Error>> {
    match command {
        KeysCommand::Add {
            name,
            scope,
            expires,
        } => add(store, &name, scope, expires).await,
        KeysCommand::List => store
            .keys()
            .await?
            .iter()
            .try_for_each(|key| say(&line(key))),
        KeysCommand::Revoke { name } => {
            if store.revoke_key(&name, now()).await? {
                say(&format!("the key of {name} is revoked"))
            } else {
                Err(format!("there is no key of {name} that could be revoked").into())
            }
        }
    }
}

async fn add(
    store: &dyn Store,
    name: &str,
    scope: Scope,
    expires: Option<Date>,
) -> Result<(), Box<dyn Error>> {
    // It stands in logs and lists, a line each.
    if name.is_empty() || name.len() > 100 || name.chars().any(char::is_control) {
        return Err("a name must have from 1 to 100 bytes, without control characters".into());
    }
    let expires = expires.map(|day| day.midnight().assume_utc().unix_timestamp());
    if expires.is_some_and(|end| end <= now()) {
        return Err(
            "--expires: this day has begun already, so the key would be good for nothing".into(),
        );
    }
    let (key, text) = ApiKey::create(name, scope, expires)?;
    match store.add_key(&key).await {
        Ok(()) => say(&text),
        Err(StoreError::Conflict) => {
            Err(format!("{name} has a key already; revoke it, or take another name").into())
        }
        Err(error) => Err(error.into()),
    }
}

fn line(key: &ApiKey) -> String {
    let state = if let Some(at) = key.revoked {
        format!("revoked {}", date(at))
    } else if key.expires.is_some_and(|end| end <= now()) {
        "expired".to_owned()
    } else {
        "good".to_owned()
    };
    let expires = key.expires.map_or("never".to_owned(), date);
    let ApiKey {
        id, name, scope, ..
    } = key;
    let created = date(key.created);
    format!("{id}  {scope:5}  made {created}  ends {expires:10}  {state}  {name}")
}

fn date(seconds: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds);
    time.ok()
        .and_then(|time| time.format(DAY).ok())
        .unwrap_or_default()
}

fn day(text: &str) -> Result<Date, String> {
    Date::parse(text, DAY).map_err(|error| format!("must be a day like 2027-01-31: {error}"))
}
