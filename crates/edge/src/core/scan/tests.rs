//! Requests, answers and notifications: what is found in them, and what is refused with which words.

use proptest::prelude::*;

use super::*;

const BATCH_MAX: usize = 4;

fn single(text: &str) -> Request<'_> {
    match scan_request(text.as_bytes(), BATCH_MAX) {
        Ok(Scanned::Single(request)) => request,
        other => panic!("{text}: {other:?}"),
    }
}

fn refused(text: &str) -> (i64, Option<String>, &'static str) {
    let invalid = scan_request(text.as_bytes(), BATCH_MAX).expect_err(text);
    let id = invalid.id.map(|id| String::from_utf8(id.to_vec()).unwrap());
    (invalid.kind.code(), id, invalid.message)
}

#[test]
fn a_request() {
    let text = r#" {"jsonrpc":"2.0", "id" : 7 ,"method":"eth_call","params":[{"to":"0x1"},"latest"]} "#;
    let request = single(text);
    assert_eq!(request.id, Some(&b"7"[..]));
    assert_eq!(request.method, b"eth_call");
    assert_eq!(request.params, Some(&br#"[{"to":"0x1"},"latest"]"#[..]));
    assert_eq!(request.whole, text.trim().as_bytes());
    assert_eq!(&request.whole[request.id_range.clone()], b"7");
}

#[test]
fn ids_are_what_was_written() {
    for id in
        ["1", "-1", "0", "1.0", "1e3", "null", "\"\"", "\"a b\"", r#""\u0041\"""#, "18446744073709551616123"]
    {
        let text = format!(r#"{{"method":"a","id":{id}}}"#);
        let request = single(&text);
        assert_eq!(request.id, Some(id.as_bytes()));
        let spliced = splice(request.whole, request.id_range.clone(), b"\"other\"");
        assert_eq!(spliced, br#"{"method":"a","id":"other"}"#);
    }
}

#[test]
fn a_notification_has_no_id() {
    let request = single(r#"{"method":"a"}"#);
    assert_eq!((request.id, request.id_range, request.params), (None, 0..0, None));
}

#[test]
fn only_the_members_of_the_request_itself_count() {
    let text = r#"{"params":{"id":1,"method":"b"},"x":{"id":2},"method":"a","id":3,"result":4}"#;
    let request = single(text);
    assert_eq!((request.method, request.id), (&b"a"[..], Some(&b"3"[..])));
    assert_eq!(single(r#"{"method":"a","params":null}"#).params, Some(&b"null"[..]));
}

#[test]
fn what_is_no_json_is_a_parse_error_without_an_id() {
    for text in [
        "",
        " ",
        "{",
        "nonsense",
        r#"{"id":1,"method":"a"}}"#,
        r#"{"id":1,"method":"a"} x"#,
        r#"{"id":1,"method":"a",}"#,
        r#"{"id":01,"method":"a"}"#,
        r#"[{"id":1,"method":"a"}"#,
        r#"[{"id":1,"method":"a"},]"#,
        r#"{,"id":1,"method":"a"}"#,
        r#"[,{"id":1,"method":"a"}]"#,
        "[] x",
        "{'id':1}",
    ] {
        assert_eq!(refused(text), (-32700, None, "the text is not JSON"), "{text}");
    }
    let bytes = b"{\"id\":1,\"method\":\"a\xff\"}";
    assert_eq!(scan_request(bytes, 1).unwrap_err().kind, InvalidKind::Parse);
}

#[test]
fn what_is_json_and_no_request_is_told_with_its_id() {
    let one = Some("1".to_owned());
    for (text, id, message) in [
        ("5", None, "a request is an object"),
        (r#""eth_call""#, None, "a request is an object"),
        ("{}", None, "the method is missing"),
        (r#"{"id":1}"#, one.clone(), "the method is missing"),
        (r#"{"id":1,"result":2}"#, one.clone(), "the method is missing"),
        (r#"{"method":7,"id":1}"#, one.clone(), "a method is a string that is not empty"),
        (r#"{"method":"","id":1}"#, one.clone(), "a method is a string that is not empty"),
        (r#"{"method":"a\u0062","id":1}"#, one.clone(), "the method is written with escapes"),
        (r#"{"method":"a","id":1,"params":"x"}"#, one.clone(), "params are an array or an object"),
        (r#"{"method":"a","id":1,"params":7}"#, one.clone(), "params are an array or an object"),
        (r#"{"method":"a","id":{}}"#, None, "an id is a string, a number or null"),
        (r#"{"method":"a","id":[1]}"#, None, "an id is a string, a number or null"),
        (r#"{"method":"a","id":true}"#, None, "an id is a string, a number or null"),
        (r#"{"method":"a","id":1,"id":2}"#, None, "a member stands twice"),
        (r#"{"method":"a","id":1,"id":1}"#, None, "a member stands twice"),
        (r#"{"method":"a","method":"b","id":1}"#, one.clone(), "a member stands twice"),
        (r#"{"method":"a","params":[],"id":1,"params":[]}"#, one.clone(), "a member stands twice"),
        (r#"{"jsonrpc":"2.0","method":"a","id":1,"jsonrpc":"1.0"}"#, one, "a member stands twice"),
        (r#"{"method":"a","id":1,"\u0069d":2}"#, None, "the name of a member is written with escapes"),
        ("[]", None, "the batch is empty"),
        ("[ ]", None, "the batch is empty"),
    ] {
        assert_eq!(refused(text), (-32600, id, message), "{text}");
    }
}

#[test]
fn a_batch_keeps_its_order_and_its_faults_apart() {
    let text = r#"[{"id":"a","method":"m"}, 7 ,{"id":2},{"method":"n"}]"#;
    let Ok(Scanned::Batch(items)) = scan_request(text.as_bytes(), BATCH_MAX) else { panic!("{text}") };
    let [Ok(first), Err(second), Err(third), Ok(fourth)] = &items[..] else { panic!("{items:?}") };
    assert_eq!((first.id, first.whole), (Some(&b"\"a\""[..]), &br#"{"id":"a","method":"m"}"#[..]));
    assert_eq!(&first.whole[first.id_range.clone()], b"\"a\"");
    assert_eq!((second.id, second.message), (None, "a request is an object"));
    assert_eq!((third.id, third.message), (Some(&b"2"[..]), "the method is missing"));
    assert_eq!((fourth.id, fourth.method), (None, &b"n"[..]));
}

#[test]
fn a_batch_in_a_batch_is_no_request() {
    let Ok(Scanned::Batch(items)) = scan_request(br#"[[{"id":1,"method":"m"}]]"#, BATCH_MAX) else {
        panic!()
    };
    assert_eq!(
        items,
        [Err(Invalid { kind: InvalidKind::Request, id: None, message: "a request is an object" })]
    );
}

#[test]
fn a_batch_has_its_most() {
    let batch = |count: usize| format!("[{}]", vec![r#"{"id":1,"method":"m"}"#; count].join(","));
    assert!(matches!(scan_request(batch(BATCH_MAX).as_bytes(), BATCH_MAX), Ok(Scanned::Batch(_))));
    let too_many = "the batch holds more requests than are taken at once";
    assert_eq!(refused(&batch(BATCH_MAX + 1)), (-32600, None, too_many));
}

#[test]
fn answers() {
    let text = br#"{"jsonrpc":"2.0","result":{"id":5,"error":1},"id":"x"}"#;
    let response = scan_response(text).unwrap();
    assert_eq!(&text[response.id_range], b"\"x\"");
    let ResponseKind::Result { range, is_null } = response.kind else { panic!() };
    assert_eq!((&text[range], is_null), (&br#"{"id":5,"error":1}"#[..], false));

    let text = br#"{"id":1,"result": null }"#;
    assert!(matches!(scan_response(text).unwrap().kind, ResponseKind::Result { is_null: true, .. }));
    let text = br#"{"id":1,"result":1,"error":null}"#;
    assert!(matches!(scan_response(text).unwrap().kind, ResponseKind::Result { is_null: false, .. }));
}

#[test]
fn errors_of_nodes() {
    let check = |error: &str, code: i64, message: &str| {
        let text = format!(r#"{{"id":null, "error": {error} ,"jsonrpc":"2.0"}}"#);
        let Some(ResponseKind::Error { range, code: found, message: said }) =
            scan_response(text.as_bytes()).map(|response| response.kind)
        else {
            panic!("{text}")
        };
        assert_eq!((&text[range], found, &text[said]), (error, code, message));
    };
    check(r#"{"code":-32000,"message":"header not found"}"#, -32000, "header not found");
    check(r#"{"data":{"message":"x"},"message":"a\"b","code":3}"#, 3, r#"a\"b"#);
    check(r#"{"code":"x","message":7}"#, 0, "");
    check(r#"{"code":1.5}"#, 0, "");
    check("{}", 0, "");
    check(r#"{"message":""}"#, 0, "");
}

#[test]
fn of_members_that_stand_twice_in_what_a_node_says_the_last_counts() {
    let text = br#"{"id":1,"error":{"code":1,"message":"a","code":-32000,"message":"header not found"}}"#;
    let Some(ResponseKind::Error { code, message, .. }) = scan_response(text).map(|response| response.kind)
    else {
        panic!("it is an error")
    };
    assert_eq!((code, &text[message]), (-32000, &b"header not found"[..]));
    let text = br#"{"method":"m","params":{"subscription":1,"result":2,"subscription":3,"result":4}}"#;
    let expected = Notification { subscription: b"3", result: b"4" };
    assert_eq!(scan_upstream(text), Some(Upstream::Notification(expected)));
}

#[test]
fn what_is_no_answer() {
    for text in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"id":1}"#,
        r#"{"result":1}"#,
        r#"{"id":1,"error":null}"#,
        r#"{"id":1,"error":"x"}"#,
        r#"{"id":1,"result":{"a":1}"#,
        r#"{"id":1,"result":1}}"#,
        r#"{"id":1,"method":"m","params":[]}"#,
        r#"[{"id":1,"result":1}]"#,
        "<html>",
        r#"{"method":"eth_subscription","params":{"subscription":"0x1"}}"#,
    ] {
        assert_eq!(scan_response(text.as_bytes()), None, "{text}");
        assert_eq!(scan_upstream(text.as_bytes()), None, "{text}");
    }
    assert_eq!(scan_response(b"{\"id\":1,\"result\":\"\xff\"}"), None, "no UTF-8");
}

#[test]
fn notifications() {
    let text = br#"{"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":"0xa","result":{"number":"0x1"}}}"#;
    let expected = Notification { subscription: b"\"0xa\"", result: br#"{"number":"0x1"}"# };
    assert_eq!(scan_upstream(text), Some(Upstream::Notification(expected)));
    assert_eq!(scan_response(text), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_was_written_is_found((id, method, params, text) in texts::requests()) {
        let Ok(Scanned::Single(request)) = scan_request(text.as_bytes(), 1) else {
            return Err(TestCaseError::fail(text));
        };
        prop_assert_eq!(request.id, id.as_deref().map(str::as_bytes));
        prop_assert_eq!(request.method, method.as_bytes());
        prop_assert_eq!(request.params, params.as_deref().map(str::as_bytes));
        prop_assert_eq!(request.whole, text.trim().as_bytes());
        if let Some(id) = &id {
            prop_assert_eq!(&request.whole[request.id_range.clone()], id.as_bytes());
        }
    }

    #[test]
    fn an_id_is_spliced_out_and_in_again((id, .., text) in texts::requests(), other in texts::ids()) {
        let Ok(Scanned::Single(request)) = scan_request(text.as_bytes(), 1) else {
            return Err(TestCaseError::fail(text));
        };
        let Some(id) = id else { return Ok(()) };
        let upstream = splice(request.whole, request.id_range.clone(), other.as_bytes());
        let Ok(Scanned::Single(again)) = scan_request(&upstream, 1) else {
            return Err(TestCaseError::fail("the spliced request is no request"));
        };
        prop_assert_eq!(again.id, Some(other.as_bytes()));
        prop_assert_eq!(splice(again.whole, again.id_range.clone(), id.as_bytes()), request.whole);
    }

    #[test]
    fn only_what_is_no_json_is_a_parse_error(text in texts::damaged()) {
        let mut cursor = json::Cursor::new(&text);
        let is_json = std::str::from_utf8(&text).is_ok() && cursor.value().and_then(|_| cursor.end()).is_ok();
        let is_parse_error = match scan_request(&text, 100) {
            Err(invalid) => invalid.kind == InvalidKind::Parse,
            Ok(_) => false,
        };
        prop_assert_eq!(is_json, !is_parse_error, "{:?}", String::from_utf8_lossy(&text));
    }

    /// Whatever a node says, places are in the message, and what is no JSON is no answer.
    #[test]
    fn nodes_may_say_anything(text in texts::damaged()) {
        if let Some(response) = scan_response(&text) {
            prop_assert!(text.get(response.id_range).is_some());
            prop_assert!(json::Cursor::of_node(&text).value().is_ok());
        }
        scan_upstream(&text);
    }

    #[test]
    fn what_a_node_answers_is_found(id in texts::ids(), result in texts::values(), is_late in any::<bool>()) {
        let result = result.to_string();
        let text = if is_late {
            format!(r#"{{"result":{result},"jsonrpc":"2.0","id":{id}}}"#)
        } else {
            format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)
        };
        let response = scan_response(text.as_bytes()).unwrap();
        prop_assert_eq!(&text[response.id_range], id);
        let ResponseKind::Result { range, is_null } = response.kind else {
            return Err(TestCaseError::fail(text));
        };
        prop_assert_eq!(is_null, result == "null");
        prop_assert_eq!(&text[range], result);
    }
}
