//! Numbers about requests, in Prometheus' text form at `/metrics`. Labels are bounded: operations, methods,
//! status classes; never users, keys or names. Features register their own families.

use bandmaster_store::StoreMetrics;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

/// Labels of a request.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct RequestLabels {
    /// Operation id, or `none` for an address that names none.
    pub operation: String,
    /// `2xx` and so on.
    pub status: String,
}

/// Labels of a duty.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct DutyLabels {
    /// Name of the duty.
    pub duty: String,
    /// `ok` or `failed`.
    pub result: String,
}

/// The server's metrics.
pub struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<RequestLabels, Counter>,
    durations: Histogram,
    in_flight: Gauge,
    duties: Family<DutyLabels, Counter>,
}

impl Default for Metrics {
    fn default() -> Metrics {
        let mut registry = Registry::with_prefix("bandmaster");
        let requests = Family::<RequestLabels, Counter>::default();
        registry.register("http_requests", "Requests answered, by operation and status class", requests.clone());
        let bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];
        let durations = Histogram::new(bounds);
        registry.register("http_request_duration_seconds", "Time from request to answer", durations.clone());
        let in_flight = Gauge::default();
        registry.register("http_requests_in_flight", "Requests being answered", in_flight.clone());
        let duties = Family::<DutyLabels, Counter>::default();
        registry.register("duty_runs", "Runs of background duties, by result", duties.clone());
        Metrics { registry: Mutex::new(registry), requests, durations, in_flight, duties }
    }
}

impl Metrics {
    /// Notes an answered request.
    pub fn answered(&self, operation: &str, status: u16, seconds: f64) {
        let labels = RequestLabels { operation: operation.to_owned(), status: format!("{}xx", status / 100) };
        self.requests.get_or_create(&labels).inc();
        self.durations.observe(seconds);
    }

    /// Counts a request in flight until the guard is dropped.
    pub fn in_flight(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// Notes a run of a duty.
    pub fn duty(&self, name: &str, ok: bool) {
        let labels = DutyLabels { duty: name.to_owned(), result: if ok { "ok" } else { "failed" }.to_owned() };
        self.duties.get_or_create(&labels).inc();
    }

    /// Lets a feature register families of its own.
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        add(&mut self.registry.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The text form, with the store's counters.
    pub fn text(&self, store: &StoreMetrics) -> String {
        let mut out = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing into a String does not fail.
        let _ = encode(&mut out, &registry);
        drop(registry);
        let end = "# EOF\n";
        out.truncate(out.trim_end_matches(end).len());
        let counters = [
            ("units_begun", "Units of work begun", store.units_begun),
            ("units_committed", "Units of work committed", store.units_committed),
            ("units_undone", "Units of work undone", store.units_undone),
            ("groups", "Commits, each of one or more units", store.groups),
            ("groups_lost", "Commits that failed", store.groups_lost),
            ("reads", "Statements of read sessions", store.reads),
            ("interrupted", "Statements that ran out of time", store.interrupted),
        ];
        for (name, help, value) in counters {
            let name = format!("bandmaster_store_{name}");
            let _ = writeln!(out, "# HELP {name} {help}.\n# TYPE {name} counter\n{name}_total {value}");
        }
        out.push_str(end);
        out
    }
}

/// A request in flight.
pub struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}
