//! `servers`: of an address only the path is a service's own business. Scheme and host are for clients.

use crate::document::node::Node;

/// The paths of the servers that stand in `holder`, each once. One that can't be read is reported by `structure`.
pub(crate) fn paths(holder: &Node) -> Vec<String> {
    let servers = holder.get("servers").map_or(&[][..], Node::items);
    let mut paths = Vec::new();
    for path in servers.iter().filter_map(|server| path(server).ok()) {
        let merged = merged(&path);
        for path in [path, merged] {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
    }
    paths
}

/// A path without its empty segments, which are significant (RFC 3986, section 3.3) but removed by many proxies.
fn merged(path: &str) -> String {
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    segments.flat_map(|segment| ["/", segment]).collect()
}

/// Whether a server's path has empty segments: it is served with and without them.
pub(crate) fn has_empty_segment(path: &str) -> bool {
    merged(path) != path
}

/// The path of a server's address, without a slash at its end; the variables have their defaults.
///
/// The error says why there is none. A server without a text as its `url` is reported by `structure`.
pub(crate) fn path(server: &Node) -> Result<String, String> {
    let Some(url) = server.get("url").and_then(Node::as_str) else {
        return Ok(String::new());
    };
    let variables = server.get("variables");
    let path = match substitute(url, variables) {
        Ok(url) => {
            // Without a host, an address is relative to the document's own.
            let relative = url.strip_prefix('.').unwrap_or(&url);
            behind_host(&url).unwrap_or(relative).to_owned()
        }
        // A variable of the host need not have a default here: the path is the same whatever its value.
        Err(error) => substitute(behind_host(url).ok_or(error)?, variables)?,
    };
    let path = if path.is_empty() || path.starts_with('/') {
        path
    } else {
        format!("/{path}")
    };
    usable(&path, |segment| matches!(segment, "." | ".."))
}

/// The path of an address that names a host.
fn behind_host(url: &str) -> Option<&str> {
    let absolute = url.split_once("://").map(|(_, rest)| rest);
    let rest = absolute.or(url.strip_prefix("//"))?;
    Some(rest.find('/').and_then(|at| rest.get(at..)).unwrap_or(""))
}

/// A base path without a slash at its end; the error says why it can't be one.
pub(crate) fn checked(path: &str) -> Result<String, String> {
    usable(path, |segment| matches!(segment, "" | "." | ".."))
}

/// The same, where `is_refused` says what no segment may be.
fn usable(path: &str, is_refused: impl Fn(&str) -> bool) -> Result<String, String> {
    let base = path.strip_suffix('/').unwrap_or(path);
    let is_plain = base.is_empty() || base.starts_with('/');
    // A brace would become a parameter of every path, a dot would never arrive: clients resolve it.
    if !is_plain
        || base.contains(['{', '}', '?', '#', ' '])
        || base.split('/').skip(1).any(is_refused)
    {
        return Err(format!("`{path}` can't be the path before all others"));
    }
    Ok(base.to_owned())
}

/// Puts the default of each variable in its place (OpenAPI 3.1, section 4.8.5).
fn substitute(url: &str, variables: Option<&Node>) -> Result<String, String> {
    let (mut whole, mut rest) = (String::new(), url);
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else {
            break;
        };
        let default = variables
            .and_then(|variables| variables.get(name)?.get("default")?.as_str())
            .ok_or_else(|| format!("the variable `{name}` of the server has no `default`"))?;
        whole.push_str(before);
        whole.push_str(default);
        rest = after;
    }
    Ok(whole + rest)
}
