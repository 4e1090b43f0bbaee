//! Counts the answers that break the document. The library tells the log of them, and nobody else: most are
//! found in a stream whose status has left already.

use std::sync::Arc;

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

use crate::metrics::Metrics;

/// Where the library says so.
pub(super) const TARGET: &str = "connexion::answer";

/// Hears what is logged.
pub(super) struct Broken(pub(super) Arc<Metrics>);

impl<S: Subscriber> Layer<S> for Broken {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if metadata.target() == TARGET
            && *metadata.level() == Level::ERROR
            && metadata.fields().field("keyword").is_some()
        {
            event.record(&mut Operation(&self.0));
        }
    }
}

struct Operation<'m>(&'m Metrics);

impl Visit for Operation<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "operation_id" {
            self.0.response_violation(value);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}
