//! Traces for a collector, as OpenTelemetry describes them: what the span of a request has, and the request's
//! place among those of other programs.
//!
//! Spans wait in a bounded queue for a thread of their own, which sends them every few seconds. A collector that
//! is away costs spans, never requests.

mod collector;

use std::{cell::Cell, fmt, io, sync::OnceLock};

use axum::{extract::Request, response::Response};
use connexion::OperationId;
use opentelemetry::{
    Context as Place, KeyValue, SpanId, TraceId,
    trace::{
        SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceState,
        Tracer, TracerProvider as _,
    },
};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{IdGenerator, RandomIdGenerator, SdkTracer, SdkTracerProvider},
};
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{Layer, registry::LookupSpan};

use self::collector::Collector;
use super::Context;

/// What the service is called, unless `OTEL_SERVICE_NAME` says otherwise.
const NAME: &str = "connexion-app";

/// Whether requests are traced.
static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// Makes spans that are sent to the collector at `endpoint`.
///
/// # Errors
/// If OpenTelemetry's own settings can't be used.
pub(super) fn layer<S>(endpoint: &str) -> io::Result<impl Layer<S> + Send + Sync + use<S>>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Collector::default())
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .build()
        .map_err(io::Error::other)?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_id_generator(Ids::default())
        .with_resource(resource())
        .build();
    let provider = PROVIDER.get_or_init(|| provider);
    let layer = tracing_opentelemetry::layer()
        .with_tracer(Serving(provider.tracer(NAME)))
        .with_context_activation(false)
        .with_level(false)
        .with_location(false)
        .with_target(false)
        .with_threads(false)
        .with_tracked_inactivity(false);
    Ok(layer)
}

fn resource() -> Resource {
    let found = Resource::builder().build();
    let name = found.get(&"service.name".into());
    if name.is_some_and(|name| !name.as_str().starts_with("unknown_service")) {
        return found;
    }
    Resource::builder().with_service_name(NAME).build()
}

/// Puts the span of a request in its place: below the caller's, and with the ids that the logs and the request's
/// own `traceparent` have.
pub(crate) fn begin(span: &Span, context: &Context, request: &Request) {
    if PROVIDER.get().is_none() {
        return;
    }
    if let Some(caller) = context.caller {
        let caller = SpanContext::new(
            TraceId::from(caller.trace_id),
            SpanId::from(caller.span_id),
            TraceFlags::new(caller.flags),
            true,
            TraceState::NONE,
        );
        let _ = span.set_parent(Place::new().with_remote_span_context(caller));
    }
    NEXT.set(Some((context.trace_id, context.span_id)));
    // Asked for its place the span takes it, and the ids.
    let place = span.context();
    NEXT.set(None);
    let span = place.span();
    let method = request.method().as_str();
    span.update_name(method.to_owned());
    let path = request.uri().path();
    span.set_attribute(KeyValue::new("http.request.method", method.to_owned()));
    span.set_attribute(KeyValue::new("url.path", path.to_owned()));
}

/// Notes how a request was answered.
pub(crate) fn answered(span: &Span, response: &Response) {
    if PROVIDER.get().is_none() {
        return;
    }
    let place = span.context();
    let span = place.span();
    if let Some(operation) = response.extensions().get::<OperationId>() {
        span.update_name(operation.as_str().to_owned());
    }
    let status = response.status();
    let code = i64::from(status.as_u16());
    span.set_attribute(KeyValue::new("http.response.status_code", code));
    if status.is_server_error() {
        span.set_status(Status::error(""));
    }
}

/// Sends what has not been sent yet; for a few seconds at most.
pub(crate) fn end() {
    if let Some(provider) = PROVIDER.get() {
        // The collector has told the log why, if it can't be reached.
        let _ = provider.shutdown();
    }
}

thread_local! {
    /// The ids of the span that is begun next on this thread.
    static NEXT: Cell<Option<(u128, u64)>> = const { Cell::new(None) };
}

/// The ids that a request has already.
#[derive(Debug, Default)]
struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        NEXT.get()
            .map_or_else(|| self.0.new_trace_id(), |(trace, _)| trace.into())
    }

    fn new_span_id(&self) -> SpanId {
        NEXT.get()
            .map_or_else(|| self.0.new_span_id(), |(_, span)| span.into())
    }
}

/// Makes spans of a server. The kind would otherwise be a field, which would stand in every line of the log.
struct Serving(SdkTracer);

impl Tracer for Serving {
    type Span = <SdkTracer as Tracer>::Span;

    fn build_with_context(&self, mut builder: SpanBuilder, place: &Place) -> Self::Span {
        builder.span_kind = Some(SpanKind::Server);
        self.0.build_with_context(builder, place)
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Serving").field(&self.0).finish()
    }
}
