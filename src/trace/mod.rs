//! Traces: `OpenTelemetry`, when `OTEL_EXPORTER_OTLP_ENDPOINT` is set, over HTTP with protocol buffers. The other variables of its
//! specification hold, too (`OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER`, `OTEL_EXPORTER_OTLP_HEADERS` …).
//!
//! Without it nothing is exported, and a `traceparent` that comes in goes through all the same: from the API call by way of the event
//! to the receiver.

mod context;

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Context as _;
use opentelemetry::trace::{
    SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId,
    TraceState, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

pub use context::TraceContext;

/// Where spans go; set once, when they are exported.
static TRACER: OnceLock<SdkTracer> = OnceLock::new();
/// How long what hasn't been exported is waited for at the end.
const FLUSH: Duration = Duration::from_secs(3);

/// Exports what has gathered when it is dropped.
pub struct Exporting(SdkTracerProvider);

impl Drop for Exporting {
    fn drop(&mut self) {
        // A collector that is away must not keep the program.
        let _ = self.0.shutdown_with_timeout(FLUSH);
    }
}

/// Begins to export, if that is asked for. What goes wrong later is logged by the exporter and costs nothing else.
pub fn export(service: &'static str) -> anyhow::Result<Option<Exporting>> {
    let is_set = |name| std::env::var(name).is_ok_and(|value| !value.is_empty());
    let is_asked_for =
        ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"].into_iter().any(is_set);
    if !is_asked_for {
        return Ok(None);
    }
    // It may have been installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let exporter = SpanExporter::builder()
        .with_http()
        .build()
        .context("traces can't be exported (OTEL_EXPORTER_OTLP_…)")?;
    let named = std::env::var("OTEL_SERVICE_NAME").unwrap_or_else(|_| service.to_owned());
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(Resource::builder().with_service_name(named).build())
        .build();
    let _ = TRACER.set(provider.tracer("calmony"));
    Ok(Some(Exporting(provider)))
}

/// Which side of a call a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Whoever answers it.
    Server,
    /// Whoever makes it.
    Client,
}

/// Something that takes time, within a trace.
#[derive(Debug)]
pub struct Span(opentelemetry_sdk::trace::Span);

impl Span {
    /// Begins a span after that place in a trace, or a trace of its own. None where nothing is exported.
    pub fn begin(name: impl FnOnce() -> String, kind: Kind, after: Option<TraceContext>) -> Option<Self> {
        let tracer = TRACER.get()?;
        let kind = match kind {
            Kind::Server => SpanKind::Server,
            Kind::Client => SpanKind::Client,
        };
        let parent =
            after.map_or_else(Context::new, |after| Context::new().with_remote_span_context(remote(after)));
        Some(Self(tracer.build_with_context(SpanBuilder::from_name(name()).with_kind(kind), &parent)))
    }

    /// Its place, for what it causes.
    #[must_use]
    pub fn context(&self) -> TraceContext {
        use opentelemetry::trace::Span as _;
        let own = self.0.span_context();
        TraceContext {
            trace: u128::from_be_bytes(own.trace_id().to_bytes()),
            span: u64::from_be_bytes(own.span_id().to_bytes()),
            flags: own.trace_flags().to_u8(),
        }
    }

    /// Says something about it. Never a secret or a body.
    pub fn say(&mut self, name: &'static str, value: impl Into<Value>) {
        use opentelemetry::trace::Span as _;
        self.0.set_attribute(KeyValue::new(name, value));
    }

    /// Ends it; `error` is the class of what went wrong.
    pub fn end(mut self, error: Option<&'static str>) {
        use opentelemetry::trace::Span as _;
        if let Some(error) = error {
            self.0.set_attribute(KeyValue::new("error.type", error));
            self.0.set_status(Status::error(error));
        }
        self.0.end();
    }
}

fn remote(context: TraceContext) -> SpanContext {
    SpanContext::new(
        TraceId::from_bytes(context.trace.to_be_bytes()),
        SpanId::from_bytes(context.span.to_be_bytes()),
        TraceFlags::new(context.flags),
        true,
        TraceState::default(),
    )
}
