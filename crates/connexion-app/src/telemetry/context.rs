//! What ties together all that is logged and answered about one request, here and elsewhere.

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that carries a request's id, both ways.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header of <https://www.w3.org/TR/trace-context/>.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A longer request id is not taken over: it would stand in every line of the logs.
const LONGEST: usize = 64;

/// A request's id and its place in a trace.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Context {
    /// The client's or proxy's, if it is plain; otherwise a new one.
    pub(crate) request_id: String,
    /// 32 hexadecimal digits: the caller's, or those of a trace that begins here.
    pub(crate) trace_id: String,
    /// What `traceparent` says from here on, if the caller traces.
    traceparent: Option<String>,
}

impl Context {
    /// Reads a request's headers; what can't be read is as if it were not there.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
        let request_id = given.filter(|id| is_plain(id)).map(str::to_owned);
        let parent = headers.get(TRACEPARENT).and_then(|text| text.to_str().ok());
        // One for both: most requests bring neither.
        let own = Uuid::new_v4();
        let request_id = request_id.unwrap_or_else(|| own.to_string());
        let Some((trace_id, flags)) = parent.and_then(trace) else {
            return Self {
                request_id,
                trace_id: own.simple().to_string(),
                traceparent: None,
            };
        };
        let (span_id, _) = own.as_u64_pair();
        Self {
            request_id,
            trace_id: trace_id.to_owned(),
            traceparent: Some(format!("00-{trace_id}-{span_id:016x}-{flags}")),
        }
    }

    /// Tells those who are called for this request by whom.
    pub(crate) fn pass_on(&self, headers: &mut HeaderMap) {
        if let Some(traceparent) = &self.traceparent {
            set(headers, TRACEPARENT, traceparent);
        }
    }

    /// Tells the client the request's id, which is in the logs.
    pub(crate) fn answer(&self, headers: &mut HeaderMap) {
        set(headers, REQUEST_ID, &self.request_id);
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Whether an id can stand in a log as it is.
fn is_plain(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(&byte);
    (1..=LONGEST).contains(&id.len()) && id.bytes().all(plain)
}

/// The trace's id and the flags of a `traceparent`; a later version may have more after them.
fn trace(parent: &str) -> Option<(&str, &str)> {
    let mut parts = parent.split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length| {
        text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_zero = |text: &str| text.bytes().all(|byte| byte == b'0');
    let known =
        is_hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
    let ids = is_hex(trace, 32) && !is_zero(trace) && is_hex(span, 16) && !is_zero(span);
    (known && ids && is_hex(flags, 2)).then_some((trace, flags))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn of(pairs: &[(HeaderName, &str)]) -> Context {
        let value = |text: &str| HeaderValue::from_str(text).unwrap();
        Context::of(&pairs.iter().map(|(n, v)| (n.clone(), value(v))).collect())
    }

    #[test]
    fn a_trace_goes_on_with_a_span_of_its_own() {
        for parent in [
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        ] {
            let context = of(&[(TRACEPARENT, parent)]);
            assert_eq!(context.trace_id, TRACE);
            let passed_on = context.traceparent.unwrap();
            let (before, flags) = passed_on.rsplit_once('-').unwrap();
            assert_eq!(flags, "01");
            assert!(before.starts_with(&format!("00-{TRACE}-")));
            assert!(!before.ends_with("00f067aa0ba902b7"));
        }
    }

    #[test]
    fn what_is_no_trace_is_ignored() {
        for parent in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-é-00f067aa0ba902b7-01",
        ] {
            let context = of(&[(TRACEPARENT, parent)]);
            assert!(
                context.trace_id != TRACE && context.trace_id.len() == 32,
                "{parent}"
            );
        }
    }

    #[test]
    fn a_request_id_is_taken_over_if_it_is_plain() {
        assert_eq!(of(&[(REQUEST_ID, "a-1_b.c")]).request_id, "a-1_b.c");
        let long = "x".repeat(65);
        for id in ["", "a b", "a\"", "a\tb", long.as_str()] {
            let context = of(&[(REQUEST_ID, id)]);
            assert!(Uuid::parse_str(&context.request_id).is_ok(), "{context:?}");
        }
    }
}
