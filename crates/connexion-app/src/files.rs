//! How many files, connections included, the process may have open.
//!
//! Shells and supervisors give a process 1024 by habit and let it ask for more. Without asking, the limit on
//! connections would mean nothing: the process would run out of files first, those of the store and of the port for
//! operators too. Where it gets no more, connections are limited to what is left beside a reserve for those.

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::serve::TOLD_SHARE;

/// What is open beside connections of clients: logs, libraries, the database and its lists, and the port for operators. Of a
/// low limit it is half.
const RESERVE: usize = 256;

/// How many connections of operators are served where files are no matter.
const ADMIN_CONNECTIONS: usize = 64;

/// How many connections the two listeners may have open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Connections {
    /// Of clients.
    pub(crate) clients: usize,
    /// Of operators, who are few and may not take what clients need.
    pub(crate) admin: usize,
}

/// Asks for as many files as there may be, and returns how many connections fit in; logs if those are fewer than
/// `wanted`.
pub(crate) fn raise_limit(wanted: usize) -> Connections {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!("the limit of open files stays as it is: {error}");
    }
    let files = getrlimit(Resource::Nofile).current;
    let files = files.and_then(|files| usize::try_from(files).ok());
    let connections = share(files.unwrap_or(usize::MAX), wanted);
    if connections.clients < wanted {
        let (files, clients) = (files.unwrap_or_default(), connections.clients);
        tracing::warn!(
            "only {files} files may be open (ulimit -n): at most {clients} connections are served instead of {wanted} \
             (APP_MAX_CONNECTIONS)"
        );
    }
    connections
}

fn share(files: usize, wanted: usize) -> Connections {
    let reserve = RESERVE.min(files / 2);
    // Clients beyond the limit have a file each while they are told so.
    let clients = (files - reserve) / (TOLD_SHARE + 1) * TOLD_SHARE;
    Connections {
        clients: wanted.min(clients).max(1),
        admin: ADMIN_CONNECTIONS.min(reserve / 4).max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_a_reserve() {
        for (files, clients, admin) in [
            (usize::MAX, 10_000, 64),
            (20_000, 10_000, 64),
            (1_024, 680, 64),
            (256, 112, 32),
            (128, 56, 16),
            (8, 1, 1),
        ] {
            assert_eq!(
                share(files, 10_000),
                Connections { clients, admin },
                "{files}"
            );
        }
    }
}
