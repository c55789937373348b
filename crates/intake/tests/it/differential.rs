//! Our protobuf decoder against `prost`, by way of JSON: the same request, written by the generated types in both
//! encodings, means the same to us.

use intake::otlp::{traces_from_json, traces_from_protobuf};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::*;
use prost::Message;

use crate::otlp_requests::request;
use crate::with_context;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn protobuf_and_json_give_the_same_batch(request in request()) {
        let protobuf = request.encode_to_vec();
        let json = serde_json::to_vec(&request).unwrap();
        with_context(|context| {
            let ours = traces_from_protobuf(&protobuf, context).unwrap();
            let spans = request.resource_spans.iter().flat_map(|r| &r.scope_spans).map(|s| s.spans.len()).sum::<usize>();
            prop_assert_eq!(ours.events.len() + ours.rejected.len(), spans);
            prop_assert_eq!(&ours, &traces_from_json(&json, context).unwrap());
            // With their attributes, as evidence, too; and otherwise they are the same events.
            let limits = context.limits.for_evidence();
            let context = &intake::Context { limits: &limits, ..*context };
            let mut evidence = traces_from_protobuf(&protobuf, context).unwrap();
            prop_assert_eq!(&evidence, &traces_from_json(&json, context).unwrap());
            prop_assert!(evidence.events.iter().all(|event| event.attributes.len() <= 32 && event.attributes.is_sorted()));
            evidence.events.iter_mut().for_each(|event| event.attributes.clear());
            prop_assert_eq!(ours.events, evidence.events);
            Ok(())
        })?;
    }

    /// What the generated decoder reads from damaged bytes, ours reads too, and as the same.
    #[test]
    fn what_prost_accepts_we_accept_alike(
        request in request(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = request.encode_to_vec();
        prop_assume!(!bytes.is_empty());
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(read) = ExportTraceServiceRequest::decode(&bytes[..])
            && let Ok(json) = serde_json::to_vec(&read)
            && !has_what_json_cannot_say(&json)
        {
            with_context(|context| {
                let ours = traces_from_protobuf(&bytes, context).unwrap();
                prop_assert_eq!(ours, traces_from_json(&json, context).unwrap());
                Ok(())
            })?;
        }
    }

    /// Concatenation merges, as protobuf has it: the spans of both, in order.
    #[test]
    fn two_requests_in_one_body_are_one(first in request(), second in request()) {
        let both = [first.encode_to_vec(), second.encode_to_vec()].concat();
        with_context(|context| {
            let mut events = traces_from_protobuf(&first.encode_to_vec(), context).unwrap().events;
            events.extend(traces_from_protobuf(&second.encode_to_vec(), context).unwrap().events);
            prop_assert_eq!(traces_from_protobuf(&both, context).unwrap().events, events);
            Ok(())
        })?;
    }
}

/// Numbers that are not finite become null in the generated JSON, and indexes into a table of strings exist only in
/// other signals.
fn has_what_json_cannot_say(json: &[u8]) -> bool {
    let text = String::from_utf8_lossy(json);
    ["\"doubleValue\":null", "Strindex"].iter().any(|sign| text.contains(sign))
}

#[test]
fn a_resource_may_stand_behind_its_spans() {
    let json = r#"{"resourceSpans":[{
        "scopeSpans":[{"spans":[{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7",
            "startTimeUnixNano":1,"endTimeUnixNano":"2"}]}],
        "resource":{"attributes":[{"value":{"stringValue":"late"},"key":"service.name"}]}}]}"#;
    let request: ExportTraceServiceRequest = serde_json::from_str(json).unwrap();
    let block = &request.resource_spans[0];
    let mut spans_first =
        opentelemetry_proto::tonic::trace::v1::ResourceSpans { resource: None, ..block.clone() };
    let mut bytes = spans_first.encode_to_vec();
    spans_first.scope_spans.clear();
    spans_first.resource = block.resource.clone();
    bytes.extend(spans_first.encode_to_vec());
    let bytes = [&[0x0a, bytes.len() as u8][..], &bytes].concat();
    with_context(|context| {
        let from_json = traces_from_json(json.as_bytes(), context).unwrap();
        assert_eq!(&*from_json.events[0].service, "late");
        assert_eq!(traces_from_protobuf(&bytes, context).unwrap(), from_json);
    });
}

#[test]
fn proto_field_names_and_every_form_of_a_number_are_read() {
    let one = |json: &str| with_context(|context| traces_from_json(json.as_bytes(), context).unwrap());
    let camel = one(r#"{"resourceSpans":[{"resource":{},"scopeSpans":[{"spans":[{
        "traceId":"4BF92F3577B34DA6A3CE929D0E0E4736","spanId":"00f067aa0ba902b7","parentSpanId":"","kind":2,
        "startTimeUnixNano":"1799999999000000000","endTimeUnixNano":1799999999000000001,"droppedLinksCount":0,
        "attributes":[{"key":"http.response.status_code","value":{"intValue":500}}],
        "status":{"code":2},"events":null,"links":[],"ofTomorrow":{"a":[1,2,{}]}}]}]}]}"#);
    let snake = one(r#"{"resource_spans":[{"scope_spans":[{"scope":{"name":"x"},"spans":[{
        "trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7","kind":"SPAN_KIND_SERVER",
        "start_time_unix_nano":1799999999000000000,"end_time_unix_nano":"1799999999000000001",
        "attributes":[{"key":"http.response.status_code","value":{"int_value":"500"}}],
        "status":{"code":"STATUS_CODE_ERROR"}}]}]}]}"#);
    assert_eq!(camel, snake);
    assert_eq!(&*camel.events[0].failure().unwrap().code, "HTTP_500");
    assert_eq!(one("{}").events, []);
}

/// Both are how a sender's number may look in a name; a parser that rounds loosely would give two names.
#[test]
fn numbers_with_many_digits_are_the_same_in_both_encodings() {
    let number = 2.2949574096528974e-136;
    let json = format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"doubleValue":{number:e}}}}}]}},
        "scopeSpans":[{{"spans":[{{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7",
            "startTimeUnixNano":1,"endTimeUnixNano":2}}]}}]}}]}}"#
    );
    with_context(|context| {
        let batch = traces_from_json(json.as_bytes(), context).unwrap();
        assert_eq!(*batch.events[0].service, *number.to_string());
    });
}

#[test]
fn what_json_cannot_say_is_as_good_as_absent_or_repaired() {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    let json = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"caf~"}}]},
        "scopeSpans":[{"spans":[{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7",
            "startTimeUnixNano":"1","endTimeUnixNano":"2","attributes":[{"key":"user.id","value":{"boolValue":true}}]}]}]}]}"#;
    let mut request: ExportTraceServiceRequest = serde_json::from_str(json).unwrap();
    let span = &mut request.resource_spans[0].scope_spans[0].spans[0];
    span.attributes[0].value.as_mut().unwrap().value = Some(Value::DoubleValue(f64::NAN));
    let mut bytes = request.encode_to_vec();
    let tilde = bytes.iter().position(|byte| *byte == b'~').unwrap();
    bytes[tilde] = 0xc3;
    with_context(|context| {
        let batch = traces_from_protobuf(&bytes, context).unwrap();
        assert_eq!((&*batch.events[0].service, batch.events[0].user), ("caf\u{fffd}", None));
        assert_eq!(batch.warnings.count(intake::Warning::InvalidUtf8), 1);
        let nan = json.replace(r#"{"boolValue":true}"#, r#"{"doubleValue":"NaN"}"#);
        assert_eq!(traces_from_json(nan.as_bytes(), context).unwrap().events[0].user, None);
    });
}

/// Senders cut texts between the two halves of a character, and JSON lets them; the rest of the request is whole.
#[test]
fn half_a_surrogate_pair_costs_a_character_and_no_request() {
    let request = |text: &str| {
        r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"TEXT"}}]},
            "scopeSpans":[{"spans":[{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7",
            "startTimeUnixNano":"1","endTimeUnixNano":"2","name":"TEXT","na\udc00me":"x"}]}]}]}"#
            .replace("TEXT", text)
            .into_bytes()
    };
    with_context(|context| {
        for (cut, whole) in [
            (r"caf\ud83d", "caf\u{fffd}"),
            (r"\udca9caf", "\u{fffd}caf"),
            (r"\ud83d\n\ud83d\ud83d\udca9\udca9", "\u{fffd}\n\u{fffd}\u{1f4a9}\u{fffd}"),
            (r"\ud83dx\u00e9\uffff", "\u{fffd}x\u{e9}\u{ffff}"),
        ] {
            let batch = traces_from_json(&request(cut), context).unwrap();
            let expected = traces_from_json(&request(&whole.replace('\n', r"\n")), context).unwrap();
            assert_eq!(batch, expected, "{cut}");
            assert_eq!(batch.events.len(), 1);
        }
        let mut not_utf8 = request("~");
        let at = not_utf8.iter().position(|byte| *byte == b'~').unwrap();
        for wrong in [0xff, 0xed, 0xe3] {
            not_utf8[at] = wrong;
            assert!(traces_from_json(&not_utf8, context).is_err(), "{wrong}");
        }
    });
}
