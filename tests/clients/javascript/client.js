// Sends one known trace through the OpenTelemetry SDK for JavaScript, as an application would.
//
// Endpoint, compression and resource come from the SDK's own environment variables and defaults.
// Prints what it sent as one line of JSON. It must not know that the receiver is Casebook.

import { SpanKind, SpanStatusCode, context, trace } from "@opentelemetry/api";
import { OTLPTraceExporter as GrpcExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { defaultResource, detectResources, envDetector } from "@opentelemetry/resources";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const exporters = { grpc: GrpcExporter, "http-json": JsonExporter, "http-protobuf": ProtobufExporter };
const Exporter = exporters[process.argv[2]];
if (!Exporter) throw new Error(`unknown protocol ${process.argv[2]}`);

// The SDK reports a failed export only to its diagnostics; a test must see it.
let failed = null;
const exporter = new Exporter();
const watched = {
  export: (spans, done) =>
    exporter.export(spans, (result) => {
      if (result.code !== 0) failed = result.error ?? new Error("the SDK could not export");
      done(result);
    }),
  forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
  shutdown: () => exporter.shutdown(),
};

const provider = new NodeTracerProvider({
  resource: defaultResource().merge(detectResources({ detectors: [envDetector] })),
  spanProcessors: [new BatchSpanProcessor(watched)],
});
provider.register();
const tracer = trace.getTracer("casebook.client");

const parent = tracer.startSpan("POST /orders/{id}", {
  kind: SpanKind.SERVER,
  attributes: { "http.request.method": "POST", "http.route": "/orders/{id}", "http.response.status_code": 200 },
});
const child = tracer.startSpan(
  "charge card",
  { kind: SpanKind.CLIENT, attributes: { "server.address": "cards.example" } },
  trace.setSpan(context.active(), parent),
);
child.addEvent("retry", { attempt: 2, delays_ms: [10, 20] });
const error = new TypeError("card refused");
child.recordException(error);
child.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
child.end();
parent.end();

await provider.forceFlush();
await provider.shutdown();
if (failed) throw failed;
console.log(
  JSON.stringify({
    trace_id: parent.spanContext().traceId,
    parent: parent.spanContext().spanId,
    child: child.spanContext().spanId,
    code: "TypeError",
  }),
);
