//! How long a request's head is, whichever way it came.

use axum::extract::Request;

/// What a line of a head has beside a name and a value: `: ` and the end of the line.
const LINE: usize = 4;

/// The bytes of the request's line and headers, as HTTP/1.1 writes them.
pub(super) fn size(request: &Request) -> usize {
    let target = request
        .uri()
        .path_and_query()
        .map_or(1, |target| target.as_str().len());
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| name.as_str().len() + value.len() + LINE);
    request.method().as_str().len() + target + headers.sum::<usize>()
}
