//! What is counted and measured, for Prometheus; names and units follow its conventions.
//!
//! `deploy/observability/` has a dashboard and alert rules on these, and a test that both name only what is here.

use std::{fmt, time::Duration};

use connexion::{OperationId, Problem, Violation};
use prometheus::{
    Encoder as _, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry,
    TextEncoder, core::Collector, histogram_opts, opts, process_collector::ProcessCollector,
};

use crate::{
    store::Turns,
    version::{COMMIT, VERSION},
};

/// Upper bounds in seconds: from a lookup to the time limit of an answer.
const SECONDS: [f64; 14] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0,
];

/// The operation of a request that is none's.
const NONE: &str = "none";

/// Every metric of the process.
pub(crate) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    in_flight: IntGauge,
    connections: IntGauge,
    shed: IntCounterVec,
    violations: IntCounterVec,
    response_violations: IntCounterVec,
    row_violations: IntCounterVec,
    database_seconds: HistogramVec,
    database_errors: IntCounterVec,
    turns: IntGaugeVec,
    imported: IntCounter,
}

/// What there may be too much of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shed {
    /// A connection was refused.
    Connection,
    /// A request was refused.
    Request,
}

impl Metrics {
    /// All of them, at zero.
    pub(crate) fn new() -> Self {
        let list = List(Registry::new());
        let metrics = Self {
            requests: list.counters(
                "http_requests_total",
                "Requests that were answered.",
                &["operation", "status"],
            ),
            seconds: list.histograms(
                "http_request_duration_seconds",
                "Time until an answer began.",
                &["operation"],
            ),
            in_flight: list.gauge(
                "http_requests_in_flight",
                "Requests under way, streams included.",
            ),
            connections: list.gauge("http_connections", "Open connections of clients."),
            shed: list.counters(
                "http_shed_total",
                "Connections and requests that were refused because there were too many.",
                &["what"],
            ),
            violations: list.counters(
                "request_violations_total",
                "What was wrong with requests.",
                &["operation", "code"],
            ),
            response_violations: list.counters(
                "response_violations_total",
                "What was wrong with answers, which the document does not allow.",
                &["operation"],
            ),
            row_violations: list.counters(
                "row_violations_total",
                "What was wrong with rows of imported files, and with entries of the pages' forms.",
                &["code"],
            ),
            database_seconds: list.histograms(
                "database_call_duration_seconds",
                "Time of a call of the store; of a list, until its first row can be read.",
                &["call"],
            ),
            database_errors: list.counters(
                "database_errors_total",
                "Calls of the store that failed.",
                &["call", "error"],
            ),
            turns: list.gauges(
                "database_turns",
                "How many lists may be read from the store at a time, and how many are.",
                &["state"],
            ),
            imported: list.counter("import_rows_total", "Rows of CSV files that were stored."),
            registry: list.0.clone(),
        };
        list.process();
        // An alert on how they grow needs them to be there before the first time.
        for shed in [Shed::Connection, Shed::Request] {
            let _ = metrics.shed.with_label_values(&[shed.name()]);
        }
        metrics
    }

    /// One more metric, that something else counts.
    pub(crate) fn add(&self, metric: impl Collector + 'static) {
        List(self.registry.clone()).add(metric);
    }

    /// A request was answered.
    pub(crate) fn answered(&self, response: &axum::response::Response, taken: Duration) {
        let operation = response.extensions().get::<OperationId>();
        let operation = operation.map_or(NONE, OperationId::as_str);
        let status = response.status();
        let labels = [operation, status.as_str()];
        self.requests.with_label_values(&labels).inc();
        let seconds = self.seconds.with_label_values(&[operation]);
        seconds.observe(taken.as_secs_f64());
        let problem = response.extensions().get::<Problem>();
        for violation in problem.iter().flat_map(|problem| &problem.errors) {
            let labels = [operation, violation.code()];
            self.violations.with_label_values(&labels).inc();
        }
    }

    /// A request is under way until the guard is dropped.
    pub(crate) fn begin_request(&self) -> Counted {
        Counted::new(&self.in_flight)
    }

    /// A connection is open until the guard is dropped.
    pub(crate) fn begin_connection(&self) -> Counted {
        Counted::new(&self.connections)
    }

    /// Something was refused.
    pub(crate) fn shed(&self, what: Shed) {
        self.shed.with_label_values(&[what.name()]).inc();
    }

    /// An answer broke the document.
    pub(crate) fn response_violation(&self, operation: &str) {
        let labels = [operation];
        self.response_violations.with_label_values(&labels).inc();
    }

    /// A row of a file broke the contract's schema.
    pub(crate) fn row_violation(&self, violation: &Violation) {
        let labels = [violation.code()];
        self.row_violations.with_label_values(&labels).inc();
    }

    /// A call of the store ended; `error` names why it failed, if it did.
    pub(crate) fn database_call(&self, call: &str, taken: Duration, error: Option<&str>) {
        let seconds = self.database_seconds.with_label_values(&[call]);
        seconds.observe(taken.as_secs_f64());
        if let Some(error) = error {
            self.database_errors.with_label_values(&[call, error]).inc();
        }
    }

    /// Rows were imported.
    pub(crate) fn imported(&self, rows: u64) {
        self.imported.inc_by(rows);
    }

    /// All metrics, in Prometheus' text format.
    pub(crate) fn text(&self, turns: Option<Turns>) -> Vec<u8> {
        if let Some(Turns { all, taken }) = turns {
            let gauge = |state| self.turns.with_label_values(&[state]);
            gauge("all").set(i64::try_from(all).unwrap_or(i64::MAX));
            gauge("taken").set(i64::try_from(taken).unwrap_or(i64::MAX));
        }
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!("the metrics can't be written: {error}");
        }
        text
    }
}

impl Shed {
    fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Request => "request",
        }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// One more, until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted(IntGauge);

impl Counted {
    fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Metrics as they are made: each gets the service's prefix and is registered.
struct List(Registry);

const WRONG: &str = "the names are right, and each is there once";

impl List {
    /// Adds what the process is: its version, commit and target, its memory and its files.
    fn process(&self) {
        let version = ["version", "commit", "target"];
        let build = self.gauges("build_info", "What was built; always 1.", &version);
        let target = [std::env::consts::ARCH, std::env::consts::OS].join("-");
        build.with_label_values(&[VERSION, COMMIT, &target]).set(1);
        self.add(ProcessCollector::for_self());
    }

    fn add(&self, collector: impl Collector + 'static) {
        self.0.register(Box::new(collector)).expect(WRONG);
    }

    fn added<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> C {
        let made = made.expect(WRONG);
        self.add(made.clone());
        made
    }

    fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.added(IntCounter::with_opts(opts!(prefixed(name), help)))
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.added(IntCounterVec::new(opts!(prefixed(name), help), labels))
    }

    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.added(IntGauge::with_opts(opts!(prefixed(name), help)))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.added(IntGaugeVec::new(opts!(prefixed(name), help), labels))
    }

    fn histograms(&self, name: &str, help: &str, labels: &[&str]) -> HistogramVec {
        let options = histogram_opts!(prefixed(name), help, SECONDS.to_vec());
        self.added(HistogramVec::new(options, labels))
    }
}

fn prefixed(name: &str) -> String {
    format!("connexion_{name}")
}
