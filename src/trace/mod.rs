//! Traces: `OpenTelemetry`, over HTTP with protocol buffers, if `OTEL_EXPORTER_OTLP_ENDPOINT` is set. The
//! other variables of its specification hold, too (`OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER`,
//! `OTEL_EXPORTER_OTLP_HEADERS` …).
//!
//! Without it nothing is exported. An incoming `traceparent` is still passed on: from the API call by way
//! of the event to the receiver.

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

/// The exporter of spans; unset if nothing is exported.
static TRACER: OnceLock<SdkTracer> = OnceLock::new();
/// The longest wait at the end for spans that aren't exported yet.
const FLUSH: Duration = Duration::from_secs(3);

/// Exports the remaining spans when it is dropped.
pub struct Exporting(SdkTracerProvider);

impl Drop for Exporting {
    fn drop(&mut self) {
        // A collector that is away must not keep the program.
        let _ = self.0.shutdown_with_timeout(FLUSH);
    }
}

/// Begins to export, if the variables ask for that. The exporter logs later failures, and they cost nothing
/// else.
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

/// The side of a call that a span is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The side that answers.
    Server,
    /// The side that calls.
    Client,
}

/// Something that takes time, within a trace.
#[derive(Debug)]
pub struct Span(opentelemetry_sdk::trace::Span);

impl Span {
    /// Begins a span after that place in a trace, or a trace of its own. `None` if nothing is exported.
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

    /// The span's place in the trace, for the calls that it causes.
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

    /// Adds an attribute. Never a secret or a body.
    pub fn say(&mut self, name: &'static str, value: impl Into<Value>) {
        use opentelemetry::trace::Span as _;
        self.0.set_attribute(KeyValue::new(name, value));
    }

    /// Ends the span; `error` is the class of the failure.
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
