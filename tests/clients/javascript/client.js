// Sends one known trace, two log records and two metrics through the OpenTelemetry SDK for JavaScript, as an
// application would.
//
// Endpoint, compression and resource come from the SDK's own environment variables and defaults.
// Prints what it sent as one line of JSON. It must not know that the receiver is Casebook.

import { SpanKind, SpanStatusCode, context, trace } from "@opentelemetry/api";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { OTLPLogExporter as GrpcLogs } from "@opentelemetry/exporter-logs-otlp-grpc";
import { OTLPLogExporter as JsonLogs } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPLogExporter as ProtobufLogs } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPMetricExporter as GrpcMetrics } from "@opentelemetry/exporter-metrics-otlp-grpc";
import { OTLPMetricExporter as JsonMetrics } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPMetricExporter as ProtobufMetrics } from "@opentelemetry/exporter-metrics-otlp-proto";
import { OTLPTraceExporter as GrpcSpans } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as JsonSpans } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufSpans } from "@opentelemetry/exporter-trace-otlp-proto";
import { defaultResource, detectResources, envDetector } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

// The SDK reports a failed export only to its diagnostics; a test must see it.
let failed = null;

const exporters = {
  grpc: [GrpcSpans, GrpcLogs, GrpcMetrics],
  "http-json": [JsonSpans, JsonLogs, JsonMetrics],
  "http-protobuf": [ProtobufSpans, ProtobufLogs, ProtobufMetrics],
};
if (!exporters[process.argv[2]]) throw new Error(`unknown protocol ${process.argv[2]}`);
const [spanExporter, logExporter, metricExporter] = exporters[process.argv[2]].map((Exporter) => watch(new Exporter()));
const resource = defaultResource().merge(detectResources({ detectors: [envDetector] }));

function watch(exporter) {
  const send = exporter.export.bind(exporter);
  exporter.export = (items, done) =>
    send(items, (result) => {
      if (result.code !== 0) failed = result.error ?? new Error("the SDK could not export");
      done(result);
    });
  return exporter;
}

async function sendLogs() {
  const provider = new LoggerProvider({ resource, processors: [new BatchLogRecordProcessor({ exporter: logExporter })] });
  const logger = provider.getLogger("casebook.client");
  logger.emit({ severityNumber: SeverityNumber.ERROR, severityText: "ERROR", body: "order 4711 failed" });
  const body = { message: "stock is low", left: [1, 2], item: { id: 7, gone: false } };
  logger.emit({ severityNumber: SeverityNumber.WARN, body, attributes: { shelf: "a" } });
  await provider.forceFlush();
  await provider.shutdown();
  return 2;
}

// Shutting down reads and exports what was measured, once.
async function sendMetrics() {
  const reader = new PeriodicExportingMetricReader({ exporter: metricExporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ resource, readers: [reader] });
  const meter = provider.getMeter("casebook.client");
  const orders = meter.createCounter("orders", { unit: "1" });
  orders.add(2, { kind: "card" });
  orders.add(1, { kind: "cash" });
  meter.createHistogram("order.duration", { unit: "s" }).record(0.25, { kind: "card" });
  await provider.shutdown();
  return 3;
}

const provider = new NodeTracerProvider({
  resource,
  spanProcessors: [new BatchSpanProcessor(spanExporter)],
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
const logRecords = await sendLogs();
const dataPoints = await sendMetrics();
if (failed) throw failed;
console.log(
  JSON.stringify({
    trace_id: parent.spanContext().traceId,
    parent: parent.spanContext().spanId,
    child: child.spanContext().spanId,
    code: "TypeError",
    log_records: logRecords,
    data_points: dataPoints,
  }),
);
