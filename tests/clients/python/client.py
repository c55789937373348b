"""Sends one known trace, two log records and two metrics through the OpenTelemetry SDK for Python, as an
application would.

Endpoint, compression and resource come from the SDK's own environment variables and defaults.
Prints what it sent as one line of JSON. It must not know that the receiver is Casebook.
"""

import json
import sys
from importlib import import_module

from opentelemetry import trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, format_span_id, format_trace_id

PACKAGES = {"grpc": "opentelemetry.exporter.otlp.proto.grpc", "http-protobuf": "opentelemetry.exporter.otlp.proto.http"}


def exporters(protocol):
    """Of spans, log records and metrics."""
    package = PACKAGES.get(protocol) or sys.exit(f"unknown protocol {protocol}")
    names = {"trace_exporter": "OTLPSpanExporter", "_log_exporter": "OTLPLogExporter", "metric_exporter": "OTLPMetricExporter"}
    return [getattr(import_module(f"{package}.{module}"), name)() for module, name in names.items()]


def send_logs(exporter):
    provider = LoggerProvider()
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    logger = provider.get_logger("casebook.client")
    logger.emit(severity_number=SeverityNumber.ERROR, severity_text="ERROR", body="order 4711 failed")
    structured = {"message": "stock is low", "left": [1, 2], "item": {"id": 7, "gone": False}}
    logger.emit(severity_number=SeverityNumber.WARN, body=structured, attributes={"shelf": "a"})
    if not provider.force_flush():
        raise SystemExit("the SDK could not export logs")
    provider.shutdown()
    return 2


def send_metrics(exporter):
    provider = MeterProvider(metric_readers=[PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)])
    meter = provider.get_meter("casebook.client")
    orders = meter.create_counter("orders", unit="1")
    orders.add(2, {"kind": "card"})
    orders.add(1, {"kind": "cash"})
    meter.create_histogram("order.duration", unit="s").record(0.25, {"kind": "card"})
    if not provider.force_flush():
        raise SystemExit("the SDK could not export metrics")
    provider.shutdown()
    return 3


def main():
    spans, logs, metrics = exporters(sys.argv[1])
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(spans))
    trace.set_tracer_provider(provider)
    tracer = trace.get_tracer("casebook.client")

    order = {"http.request.method": "POST", "http.route": "/orders/{id}", "http.response.status_code": 200}
    with tracer.start_as_current_span("POST /orders/{id}", kind=SpanKind.SERVER, attributes=order) as parent:
        with tracer.start_as_current_span(
            "charge card", kind=SpanKind.CLIENT, attributes={"server.address": "cards.example"}
        ) as child:
            child.add_event("retry", {"attempt": 2, "delays_ms": [10, 20]})
            error = ValueError("card refused")
            child.record_exception(error)
            child.set_status(Status(StatusCode.ERROR, str(error)))

    if not provider.force_flush():
        raise SystemExit("the SDK could not export")
    provider.shutdown()
    print(
        json.dumps(
            {
                "trace_id": format_trace_id(parent.get_span_context().trace_id),
                "parent": format_span_id(parent.get_span_context().span_id),
                "child": format_span_id(child.get_span_context().span_id),
                "code": "ValueError",
                "log_records": send_logs(logs),
                # The last reading of each series comes again when the SDK is shut down.
                "data_points": 2 * send_metrics(metrics),
            }
        )
    )


main()
