//! All wiring on one screen: the contract, a handler for each of its operations, the store.

use std::sync::Arc;

use connexion::{Api, Compat, Diagnostics, Document, Operation, Validator};

use crate::auth;
use crate::config::{Auth, Database, DatabaseUse, Settings};
use crate::error::as_the_original;
use crate::metrics::Metrics;
use crate::opened::Purpose;
use crate::pages;
use crate::people::{self, Importing};
use crate::person::parse_uuid;
use crate::store::{Store, StoreError, postgres, postgres::Postgres, sqlite, sqlite::Sqlite};
pub use crate::upload::Imports;

/// How many values a body may hold that the contract speaks of. It speaks of nine, but one may be repeated, or be an array
/// where a number is expected.
const MAX_VALUES: usize = 10_000;

/// The name of the contract's schema of a new person.
const NEW_PERSON: &str = "NewPerson";

/// The contract, as it stands in the binary.
///
/// # Errors
/// Never, once the tests have passed.
pub fn document() -> Result<Document, Diagnostics> {
    contract(Auth::Off, false)
}

/// The contract with the security that is in force.
///
/// # Errors
/// Never, once the tests have passed.
pub(crate) fn contract(auth: Auth, with_tokens: bool) -> Result<Document, Diagnostics> {
    let mut document = Document::parse("openapi.yaml", include_str!("../openapi.yaml"))?;
    auth::put_in_force(&mut document, auth, with_tokens);
    Ok(document)
}

/// An API on `document` with all handlers; the state it is built with is the store. The `imports` are those of the
/// process, whichever document it serves.
///
/// # Errors
/// What is wrong with the document's schema of a new person, by which an import's rows are checked.
pub fn api(document: Document, imports: Imports) -> Result<Api<Arc<dyn Store>>, Diagnostics> {
    whole(original(document), imports)
}

/// The same; what breaks the document is counted.
///
/// # Errors
/// As [`api`].
pub(crate) fn counted(
    document: Document,
    imports: Imports,
    metrics: &Arc<Metrics>,
) -> Result<Api<Arc<dyn Store>>, Diagnostics> {
    let (responses, rows) = (Arc::clone(metrics), Arc::clone(metrics));
    let api = original(document)
        .on_response_violation(move |_, request| {
            let operation = request.operation().map_or("", Operation::id);
            responses.response_violation(operation);
        })
        .on_value_violation(move |violation, _| rows.row_violation(violation));
    whole(api, imports)
}

/// Adds the operations that the original did not have.
fn whole(api: Api<Arc<dyn Store>>, imports: Imports) -> Result<Api<Arc<dyn Store>>, Diagnostics> {
    let schema = api.validator(NEW_PERSON)?;
    let pages = pages::operations(api, &schema);
    let importing = Importing { schema, imports };
    Ok(pages
        .operation("people.summary", people::summary)
        .operation(
            "people.import",
            move |store, who, accept, moved, headers, params, body| {
                let importing = importing.clone();
                people::import_people(importing, store, who, accept, moved, headers, params, body)
            },
        )
        // Only an import's body is a stream, and that has a limit of its own, the setting APP_MAX_IMPORT_SIZE.
        .upload_limit(usize::MAX))
}

/// The five operations that the original had.
pub fn original(document: Document) -> Api<Arc<dyn Store>> {
    Api::from_document(document)
        // Clients match its sentences.
        .compat(Compat::Connexion)
        .operation("people.list", people::list)
        .operation("people.add", people::add)
        .operation("person.get", people::get)
        .operation("person.update", people::update)
        .operation("person.delete", people::delete)
        .format("uuid", |text| parse_uuid(text).is_some())
        .on_problem(|problem, _| {
            // Those of handlers are told so already.
            if problem.is_of_library() {
                as_the_original(problem);
            }
        })
        // Unknown members are ignored, however many there are.
        .skip_undescribed(true)
        .value_limit(MAX_VALUES)
        // The original answered JSON whatever was asked for.
        .strict_accept(false)
        // Unless it is told whom to believe.
        .default_security(async |_, _| Ok(None))
}

/// The schema by which each row of an import is checked.
///
/// # Errors
/// If the document has none, or is at fault.
pub fn new_person(document: Document) -> Result<Validator, Diagnostics> {
    original(document).validator(NEW_PERSON)
}

/// The store that the settings name, for this purpose; it connects when it is first used.
///
/// # Errors
/// If the database's address can't be understood, or a missing test database can't be made.
pub(crate) async fn store(
    settings: &Settings,
    purpose: Purpose,
) -> Result<Arc<dyn Store>, StoreError> {
    let echo = settings.sql_echo;
    let DatabaseUse {
        prepare,
        lists,
        wait,
        statement,
        list,
        log_size,
        checkpoints,
        import,
        lock_waits,
    } = settings.database_use;
    let list_timeout = (purpose == Purpose::Serve).then_some(list);
    Ok(match &settings.database {
        Database::Postgres {
            url,
            create,
            read_url,
        } => {
            let options = postgres::Options {
                echo,
                prepare,
                lists,
                wait,
                statement_timeout: statement,
                list_timeout,
                import,
                lock_waits,
            };
            let mut store = Postgres::open(url, options)?;
            if *create {
                store.create_database().await?;
            }
            if let Some(url) = read_url {
                store = store.reading_from(url)?;
            }
            Arc::new(store)
        }
        Database::Sqlite { path, .. } => {
            let options = sqlite::Options {
                echo,
                lists,
                wait,
                creates: purpose != Purpose::Read,
                list_timeout,
                log_size,
                checkpoints,
                import,
            };
            Arc::new(Sqlite::open(path, options))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An example that breaks its schema, say, would be a line in the log of every start.
    #[test]
    fn nothing_is_wrong_with_the_contract_whatever_is_in_force() {
        for auth in [Auth::Off, Auth::Write, Auth::All] {
            for with_tokens in [false, true] {
                let document = contract(auth, with_tokens).unwrap();
                assert_eq!(document.check(), [], "{auth:?}");
            }
        }
    }
}
