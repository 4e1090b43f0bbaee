//! The base paths in `servers`. Scheme and host of a server are for clients and are ignored.

use crate::document::node::Node;

/// Returns the distinct paths of the servers of a document, path item or operation. Invalid servers are reported by
/// `lint::structure`.
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

/// Removes the empty segments of a path. They are significant (RFC 3986, section 3.3), but many proxies remove them.
fn merged(path: &str) -> String {
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    segments.flat_map(|segment| ["/", segment]).collect()
}

/// Returns whether a server's path has empty segments. It is served both with and without them.
pub(crate) fn has_empty_segment(path: &str) -> bool {
    merged(path) != path
}

/// Returns the path of a server's URL without its trailing slash. Variables have their default values.
///
/// The error is the reason why the path is invalid. A server without a string as its `url` has an empty path and is
/// reported by `lint::structure`.
pub(crate) fn path(server: &Node) -> Result<String, String> {
    let Some(url) = server.get("url").and_then(Node::as_str) else {
        return Ok(String::new());
    };
    let variables = server.get("variables");
    let path = match substitute(url, variables) {
        Ok(url) => {
            // A URL without a host is relative to that of the document.
            let relative = url.strip_prefix('.').unwrap_or(&url);
            path_after_host(&url).unwrap_or(relative).to_owned()
        }
        // A variable in the host needs no default, because the path does not depend on it.
        Err(error) => substitute(path_after_host(url).ok_or(error)?, variables)?,
    };
    let path = if path.is_empty() || path.starts_with('/') {
        path
    } else {
        format!("/{path}")
    };
    usable(&path, |segment| matches!(segment, "." | ".."))
}

/// Returns the path of a URL that has a host.
fn path_after_host(url: &str) -> Option<&str> {
    let absolute = url.split_once("://").map(|(_, rest)| rest);
    let rest = absolute.or(url.strip_prefix("//"))?;
    Some(rest.find('/').and_then(|at| rest.get(at..)).unwrap_or(""))
}

/// Returns a base path without its trailing slash, or the reason why it is invalid.
pub(crate) fn checked(path: &str) -> Result<String, String> {
    usable(path, |segment| matches!(segment, "" | "." | ".."))
}

/// Returns a base path without its trailing slash; segments for which `is_rejected` returns `true` are invalid.
fn usable(path: &str, is_rejected: impl Fn(&str) -> bool) -> Result<String, String> {
    let base = path.strip_suffix('/').unwrap_or(path);
    let is_plain = base.is_empty() || base.starts_with('/');
    // A brace would start a path parameter; clients resolve dots before they send the request.
    if !is_plain
        || base.contains(['{', '}', '?', '#', ' '])
        || base.split('/').skip(1).any(is_rejected)
    {
        return Err(format!("`{path}` is not a valid base path"));
    }
    Ok(base.to_owned())
}

/// Replaces each variable by its default value (OpenAPI 3.1, section 4.8.5).
fn substitute(url: &str, variables: Option<&Node>) -> Result<String, String> {
    let (mut result, mut rest) = (String::new(), url);
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else {
            break;
        };
        let default = variables
            .and_then(|variables| variables.get(name)?.get("default")?.as_str())
            .ok_or_else(|| format!("the variable `{name}` of the server has no `default`"))?;
        result.push_str(before);
        result.push_str(default);
        rest = after;
    }
    Ok(result + rest)
}
