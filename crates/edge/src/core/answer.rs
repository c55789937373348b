//! Answers that the edge gives itself, as JSON-RPC, under the client's id. It must never know whom it answers.

/// `id` is written as it came; nothing is escaped in it.
pub fn error_response(id: &[u8], code: i64, message: &str) -> Vec<u8> {
    let mut response = Vec::with_capacity(id.len() + message.len() + 64);
    response.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    response.extend_from_slice(id);
    response.extend_from_slice(b",\"error\":{\"code\":");
    response.extend_from_slice(code.to_string().as_bytes());
    response.extend_from_slice(b",\"message\":");
    put_string(&mut response, message);
    response.extend_from_slice(b"}}");
    response
}

/// `result` is JSON already.
pub fn result_response(id: &[u8], result: &[u8]) -> Vec<u8> {
    [&b"{\"jsonrpc\":\"2.0\",\"id\":"[..], id, b",\"result\":", result, b"}"].concat()
}

fn put_string(into: &mut Vec<u8>, text: &str) {
    into.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => into.extend_from_slice(&[b'\\', byte]),
            0..0x20 => into.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => into.push(byte),
        }
    }
    into.push(b'"');
}

#[cfg(test)]
mod tests;
