// Starts OpenTelemetry. Node.js loads this file before all others (--require), so that the instrumentations are there
// when http and express are loaded.
//
// OTEL_EXPORTER_OTLP_ENDPOINT says where the spans go: Jaeger's OTLP receiver, http://127.0.0.1:4318 if it is not set.
// W3C Trace Context is propagated without a word here: it is what the SDK does by itself.

import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { ExpressInstrumentation, ExpressLayerType } from '@opentelemetry/instrumentation-express';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { NodeSDK } from '@opentelemetry/sdk-node';

export const sdk = new NodeSDK({
  serviceName: process.env.OTEL_SERVICE_NAME ?? 'video-ingestion',
  traceExporter: new OTLPTraceExporter(),
  // Traces only: metrics come from traceslo, which counts the spans.
  metricReaders: [],
  logRecordProcessors: [],
  instrumentations: [
    // Spans of the kind server. A probe is no request of a user.
    new HttpInstrumentation({ ignoreIncomingRequestHook: (request) => request.url === '/healthz' }),
    // Names them by their route: "POST /videos/:id", not by the path of each video.
    new ExpressInstrumentation({
      ignoreLayersType: [ExpressLayerType.MIDDLEWARE, ExpressLayerType.ROUTER, ExpressLayerType.REQUEST_HANDLER],
    }),
    // Spans of the kind client for fetch, whose requests carry the trace on.
    new UndiciInstrumentation(),
  ],
});

sdk.start();
