"""Spans in OTLP's JSON form, as small as the tests that send them need. Knows nothing of the server."""

import json

SERVER, CLIENT = 2, 3


def attribute(key, value):
    return {"key": key, "value": {"stringValue": value}}


def span(trace, span_id, name, started, ended, *, kind=SERVER, parent=None, code=None, reason="it broke"):
    """One span; times in nanoseconds. It failed where there is a code."""
    fields = {
        "traceId": trace,
        "spanId": span_id,
        "name": name,
        "kind": kind,
        "startTimeUnixNano": str(started),
        "endTimeUnixNano": str(ended),
    }
    if parent:
        fields["parentSpanId"] = parent
    if code:
        fields["status"] = {"code": 2, "message": reason}
        fields["attributes"] = [attribute("error.type", code)]
    return fields


def export_request(service, env, spans):
    """The body in which one service sends its spans."""
    resource = {"attributes": [attribute("service.name", service), attribute("deployment.environment.name", env)]}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}).encode()
