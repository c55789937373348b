//! Answers that the edge gives itself, as JSON-RPC, under the client's id. It must never know whom it answers.

use super::{Invalid, Request, Scanned};

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

/// The same error for each of what was asked, under its own id. `None` where nobody waits for an answer.
pub fn refuse_each(asked: &Result<Scanned<'_>, Invalid<'_>>, code: i64, message: &str) -> Option<Vec<u8>> {
    let refused = |id: &[u8]| error_response(id, code, message);
    match asked {
        Ok(Scanned::Single(request)) => request.id.map(refused),
        Ok(Scanned::Batch(items)) => {
            let answers: Vec<_> = items.iter().filter_map(id_of).map(refused).collect();
            batch_response(&answers)
        }
        Err(invalid) => Some(refused(invalid.id.unwrap_or(b"null"))),
    }
}

/// The answers of a batch; `None` where it held nothing but notifications.
pub fn batch_response(answers: &[impl AsRef<[u8]>]) -> Option<Vec<u8>> {
    let bytes: usize = answers.iter().map(|answer| answer.as_ref().len() + 1).sum();
    let mut batch = Vec::with_capacity(bytes + 1);
    for answer in answers {
        batch.push(if batch.is_empty() { b'[' } else { b',' });
        batch.extend_from_slice(answer.as_ref());
    }
    (!batch.is_empty()).then(|| {
        batch.push(b']');
        batch
    })
}

/// `result` is JSON already.
pub fn result_response(id: &[u8], result: &[u8]) -> Vec<u8> {
    [&b"{\"jsonrpc\":\"2.0\",\"id\":"[..], id, b",\"result\":", result, b"}"].concat()
}

/// Under which one of a batch is answered.
fn id_of<'a>(item: &Result<Request<'a>, Invalid<'a>>) -> Option<&'a [u8]> {
    match item {
        Ok(request) => request.id,
        Err(invalid) => Some(invalid.id.unwrap_or(b"null")),
    }
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
