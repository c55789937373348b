//! The few protobuf messages that the server writes: small enough to write by hand, and pinned by tests against
//! the generated types.

const LENGTH_DELIMITED: u8 = 2;
const RETRY_INFO_TYPE: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// Writes one protobuf message, field after field. Fields with their default value are left out.
#[derive(Debug, Default)]
pub(crate) struct MessageWriter {
    bytes: Vec<u8>,
}

impl MessageWriter {
    /// `int32`, `int64` or `uint64` that is not negative.
    pub(crate) fn number(mut self, field: u8, value: u64) -> Self {
        if value != 0 {
            self.varint(u64::from(field) << 3);
            self.varint(value);
        }
        self
    }

    pub(crate) fn text(self, field: u8, value: &str) -> Self {
        if value.is_empty() { self } else { self.bytes_field(field, value.as_bytes()) }
    }

    pub(crate) fn message(self, field: u8, value: MessageWriter) -> Self {
        self.bytes_field(field, &value.bytes)
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn bytes_field(mut self, field: u8, value: &[u8]) -> Self {
        self.varint(u64::from(field) << 3 | u64::from(LENGTH_DELIMITED));
        self.varint(value.len() as u64);
        self.bytes.extend_from_slice(value);
        self
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
}

/// `google.rpc.Status`, with `google.rpc.RetryInfo` where sending again can help.
pub(crate) fn write_status(code: i32, message: &str, retry_after_s: Option<u32>) -> Vec<u8> {
    let status = MessageWriter::default().number(1, code.unsigned_abs().into()).text(2, message);
    let Some(seconds) = retry_after_s else { return status.finish() };
    let delay = MessageWriter::default().number(1, seconds.into());
    let retry_info = MessageWriter::default().message(1, delay);
    let any = MessageWriter::default().text(1, RETRY_INFO_TYPE).message(2, retry_info);
    status.message(3, any).finish()
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt;

    use super::*;

    #[test]
    fn other_readers_of_the_status_find_the_delay() {
        let details = write_status(14, "come again", Some(300));
        let status = tonic::Status::with_details(tonic::Code::Unavailable, "come again", details.into());
        let retry_info = status.get_details_retry_info().unwrap();
        assert_eq!(retry_info.retry_delay, Some(std::time::Duration::from_secs(300)));
    }

    #[test]
    fn a_status_without_delay_has_code_and_message_only() {
        assert_eq!(write_status(3, "no", None), [8, 3, 18, 2, b'n', b'o']);
    }
}
