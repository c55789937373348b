"""Sends one known trace through the OpenTelemetry SDK for Python, as an application would.

Endpoint, compression and resource come from the SDK's own environment variables and defaults.
Prints what it sent as one line of JSON. It must not know that the receiver is Casebook.
"""

import json
import sys

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, format_span_id, format_trace_id


def exporter(protocol):
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    elif protocol == "http-protobuf":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    else:
        raise SystemExit(f"unknown protocol {protocol}")
    return OTLPSpanExporter()


def main():
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter(sys.argv[1])))
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
            }
        )
    )


main()
