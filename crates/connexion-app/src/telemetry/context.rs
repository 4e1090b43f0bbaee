//! What ties together all that is logged and answered about one request, here and elsewhere.

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::{
    Uuid,
    fmt::{Hyphenated, Simple},
};

/// The header that carries a request's id, both ways.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header of <https://www.w3.org/TR/trace-context/>.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A longer request id is not taken over: it would stand in every line of the logs.
const LONGEST: usize = 64;

/// A request's id and its place in a trace. Made for every request, so nothing is written out that nobody may read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Context {
    /// The client's or proxy's, if it is plain; otherwise a new one.
    request_id: HeaderValue,
    /// The caller's, or that of a trace that begins here.
    pub(super) trace_id: u128,
    /// That of what is done here.
    pub(super) span_id: u64,
    pub(super) caller: Option<Caller>,
}

/// What a caller that traces says of itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Caller {
    pub(super) trace_id: u128,
    pub(super) span_id: u64,
    pub(super) flags: u8,
}

impl Context {
    /// Reads a request's headers; what can't be read is as if it were not there.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(REQUEST_ID).filter(|id| is_plain(id));
        let parent = headers.get(TRACEPARENT).and_then(|text| text.to_str().ok());
        let caller = parent.and_then(caller);
        // One for all: most requests bring nothing.
        let own = Uuid::new_v4();
        Self {
            request_id: given.cloned().unwrap_or_else(|| written(own)),
            trace_id: caller.map_or(own.as_u128(), |caller| caller.trace_id),
            span_id: own.as_u64_pair().0,
            caller,
        }
    }

    /// The request's id, as it stands in the logs.
    pub(crate) fn request_id(&self) -> &str {
        self.request_id.to_str().unwrap_or_default()
    }

    /// The trace's id: 32 hexadecimal digits.
    pub(crate) fn trace_id(&self) -> String {
        let mut text = [0; Simple::LENGTH];
        let id = Uuid::from_u128(self.trace_id).simple();
        id.encode_lower(&mut text).to_owned()
    }

    /// Tells those who are called for this request by whom, if the caller traces.
    pub(crate) fn pass_on(&self, headers: &mut HeaderMap) {
        let Some(Caller { flags, .. }) = self.caller else {
            return;
        };
        let parent = format!(
            "00-{:032x}-{:016x}-{flags:02x}",
            self.trace_id, self.span_id
        );
        if let Ok(parent) = HeaderValue::try_from(parent) {
            headers.insert(TRACEPARENT, parent);
        }
    }

    /// Tells the client the request's id, which is in the logs.
    pub(crate) fn answer(&self, headers: &mut HeaderMap) {
        headers.insert(REQUEST_ID, self.request_id.clone());
    }
}

fn written(id: Uuid) -> HeaderValue {
    let mut text = [0; Hyphenated::LENGTH];
    let text = id.hyphenated().encode_lower(&mut text);
    HeaderValue::from_str(text).expect("digits and hyphens may stand in a header")
}

/// Whether an id can stand in a log as it is.
fn is_plain(id: &HeaderValue) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
    (1..=LONGEST).contains(&id.len()) && id.as_bytes().iter().all(plain)
}

/// Reads a `traceparent`; a later version may have more after it.
fn caller(parent: &str) -> Option<Caller> {
    let mut parts = parent.split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length| {
        text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let known =
        is_hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
    if !known || !is_hex(trace, 32) || !is_hex(span, 16) || !is_hex(flags, 2) {
        return None;
    }
    let caller = Caller {
        trace_id: u128::from_str_radix(trace, 16).ok()?,
        span_id: u64::from_str_radix(span, 16).ok()?,
        flags: u8::from_str_radix(flags, 16).ok()?,
    };
    Some(caller).filter(|caller| caller.trace_id != 0 && caller.span_id != 0)
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
            assert_eq!(context.trace_id(), TRACE);
            let mut passed_on = HeaderMap::new();
            context.pass_on(&mut passed_on);
            let passed_on = passed_on[TRACEPARENT].to_str().unwrap();
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
                context.trace_id() != TRACE && context.trace_id().len() == 32,
                "{parent}"
            );
        }
    }

    #[test]
    fn a_request_id_is_taken_over_if_it_is_plain() {
        assert_eq!(of(&[(REQUEST_ID, "a-1_b.c")]).request_id(), "a-1_b.c");
        let long = "x".repeat(65);
        for id in ["", "a b", "a\"", "a\tb", long.as_str()] {
            let context = of(&[(REQUEST_ID, id)]);
            assert!(Uuid::parse_str(context.request_id()).is_ok(), "{context:?}");
        }
    }
}
