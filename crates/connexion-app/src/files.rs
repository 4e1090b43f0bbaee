//! How many files, connections included, the process may have open.
//!
//! Shells and supervisors give a process 1024 by habit and let it ask for more. Without asking, the limit on
//! connections would mean nothing: the process would run out of files first, those of the store too.

use rustix::process::{Resource, getrlimit, setrlimit};

/// What is open beside connections of clients: logs, the database, the libraries.
const OTHERS: u64 = 100;

/// Asks for as many as there may be; says so if they are too few for `connections`.
pub(crate) fn raise_limit(connections: usize) {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!("the limit of open files stays as it is: {error}");
    }
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX);
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if files < wanted.saturating_add(OTHERS) {
        tracing::warn!(
            "only {files} files may be open, too few for {connections} connections (APP_MAX_CONNECTIONS)"
        );
    }
}
