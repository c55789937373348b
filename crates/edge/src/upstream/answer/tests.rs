//! Heads and bodies in bytes, whole, in pieces and broken. They must never need a socket.

use super::*;

fn whole(text: &str) -> Head {
    let found = head(text.as_bytes()).unwrap().unwrap();
    assert_eq!(found.bytes, text.len());
    found
}

#[test]
fn a_body_is_bounded_by_its_length_by_chunks_or_by_the_end() {
    let plain = whole("HTTP/1.1 200 OK\r\nContent-Type: x\r\nContent-LENGTH: 12\r\n\r\n");
    assert_eq!((plain.status, plain.body, plain.is_kept), (200, Body::Length(12), true));
    let chunks = whole("HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n");
    assert_eq!((chunks.body, chunks.is_kept), (Body::Chunks, true));
    let end = whole("HTTP/1.1 200 OK\r\n\r\n");
    assert_eq!((end.body, end.is_kept), (Body::UntilTheEnd, false));
    assert_eq!(whole("HTTP/1.1 204 No Content\r\n\r\n").body, Body::Length(0));
}

#[test]
fn a_connection_is_kept_unless_somebody_says_otherwise() {
    let kept = |text: &str| whole(&format!("{text}\r\nContent-Length: 0\r\n\r\n")).is_kept;
    assert!(kept("HTTP/1.1 200 OK"));
    assert!(!kept("HTTP/1.1 200 OK\r\nConnection: keep-alive, Close"));
    assert!(!kept("HTTP/1.0 200 OK"));
    assert!(kept("HTTP/1.0 200 OK\r\nConnection: Keep-Alive"));
    assert!(!kept("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"));
}

#[test]
fn what_says_two_things_is_no_answer() {
    for headers in [
        "Content-Length: 1\r\nContent-Length: 2",
        "Content-Length: +1",
        "Content-Length: 1, 1",
        "Content-Length: ",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    ] {
        let text = format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n");
        assert_eq!(head(text.as_bytes()), Err(Broken), "{headers}");
    }
    assert_eq!(head(b"SSH-2.0-x\r\n"), Err(Broken));
    assert!(whole("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n").is_kept);
}

#[test]
fn a_pause_is_told_in_seconds() {
    let pause = |value: &str| {
        whole(&format!("HTTP/1.1 429 x\r\nContent-Length: 0\r\nRetry-After: {value}\r\n\r\n")).retry_after_s
    };
    assert_eq!(pause("7"), Some(7));
    assert_eq!(pause("Fri, 31 Dec 1999 23:59:59 GMT"), None);
}

#[test]
fn chunks_are_put_together_wherever_they_are_cut() {
    let text = b"5\r\nhello\r\n7;x=y\r\n, world\r\n0\r\nTrailer: x\r\n\r\nrest";
    for cut in 0..text.len() - 4 {
        let (mut chunks, mut body, mut from) = (Chunks::default(), Vec::new(), BytesMut::from(&text[..cut]));
        assert_eq!(chunks.take(&mut from, &mut body, 12), Ok(Progress::More), "{cut}");
        from.extend_from_slice(&text[cut..]);
        assert_eq!(chunks.take(&mut from, &mut body, 12), Ok(Progress::Over), "{cut}");
        assert_eq!((body.as_slice(), &from[..]), (&b"hello, world"[..], &b"rest"[..]));
    }
}

#[test]
fn chunks_have_a_bound_and_an_end_of_their_own() {
    let take = |text: &[u8], most| Chunks::default().take(&mut BytesMut::from(text), &mut Vec::new(), most);
    assert_eq!(take(b"5\r\nhello\r\n1\r\n!\r\n", 5), Ok(Progress::TooLarge));
    assert_eq!(take(b"ffffffffffffffff\r\n", 5), Ok(Progress::TooLarge));
    assert_eq!(take(b"5\r\nhello!\r\n", 9), Err(Broken));
    assert_eq!(take(b"x\r\n", 9), Err(Broken));
    assert_eq!(take(&[b'a'; 40], 9), Err(Broken));
}
