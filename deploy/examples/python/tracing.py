"""Sets OpenTelemetry up.

OTEL_EXPORTER_OTLP_ENDPOINT says where the spans go: Jaeger's OTLP receiver, http://127.0.0.1:4318 if it is not set. W3C
Trace Context is read and propagated without a word here: it is what the SDK does by itself.
"""

import os

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def start() -> TracerProvider:
    """Has all spans of this process sent in batches. Whoever starts it calls shutdown, which sends the last ones."""
    name = os.environ.get("OTEL_SERVICE_NAME", "ml-pipeline")
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider
