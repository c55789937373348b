//! A record as a file: an in-toto statement in a DSSE envelope, both in the one form that canonical JSON (RFC 8785)
//! gives them. It knows neither rules nor who may sign.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ground::{Ground, Refusal};
use super::key::{PublicKey, SecretKey, decode, sha256};
use super::record::{Record, Step};
use super::words::{At, Commit, Digest, Name};

/// What is longer is no record. A reader needs to read no more than one byte beyond.
pub const RECORD_BYTES_MAX: usize = 512 * 1024;

const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE: &str = "casebook:review/v1";
const SUBJECT: &str = "source";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: [Signed; 1],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    keyid: Digest,
    sig: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: [Subject; 1],
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Predicate,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    name: String,
    digest: SubjectDigest,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubjectDigest {
    #[serde(rename = "gitCommit")]
    commit: Commit,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Predicate {
    seq: u64,
    prev: Option<Digest>,
    at: At,
    by: Name,
    head: Commit,
    step: Step,
}

/// A record that was read, and what its signature is checked with.
pub(super) struct Opened {
    pub(super) record: Record,
    pub(super) keyid: Digest,
    message: Vec<u8>,
    signature: [u8; 64],
}

impl Opened {
    pub(super) fn is_signed_with(&self, key: &PublicKey) -> bool {
        key.verifies(&self.message, &self.signature)
    }
}

/// The bytes of a record's file, where a reader would take them.
pub fn sealed(record: &Record, key: &SecretKey) -> Result<Vec<u8>, Refusal> {
    if !record.step.is_bounded() {
        return Ground::Form.refuse("one of its lists is too long");
    }
    let bytes = seal(record, key);
    match bytes.len() > RECORD_BYTES_MAX {
        true => {
            Ground::Form.refuse(format!("it would have more than {RECORD_BYTES_MAX} bytes: say it shorter"))
        }
        false => Ok(bytes),
    }
}

/// The bytes of a record's file.
pub fn seal(record: &Record, key: &SecretKey) -> Vec<u8> {
    let payload = canonical(&statement(record));
    let sig = STANDARD.encode(key.sign(&to_be_signed(&payload)));
    let envelope = Envelope {
        payload: STANDARD.encode(&payload),
        payload_type: PAYLOAD_TYPE.to_owned(),
        signatures: [Signed { keyid: key.public().id(), sig }],
    };
    file(&envelope)
}

pub(super) fn digest(file: &[u8]) -> Digest {
    sha256(file)
}

/// Reads a file; says what is wrong with its form.
pub(super) fn open(file_bytes: &[u8]) -> Result<Opened, String> {
    if file_bytes.len() > RECORD_BYTES_MAX {
        return Err(format!("it has more than {RECORD_BYTES_MAX} bytes"));
    }
    let envelope: Envelope =
        serde_json::from_slice(file_bytes).map_err(|error| format!("it is no envelope: {error}"))?;
    if file(&envelope) != file_bytes || envelope.payload_type != PAYLOAD_TYPE {
        return Err("its envelope is not in canonical form".to_owned());
    }
    let [Signed { keyid, sig }] = &envelope.signatures;
    let signature = decode(sig).ok_or("its signature is not 64 bytes in base64")?;
    let payload = STANDARD.decode(&envelope.payload).map_err(|_| "its payload is not in base64")?;
    let said: Statement =
        serde_json::from_slice(&payload).map_err(|error| format!("its payload is no record: {error}"))?;
    let record = record(said).ok_or("its payload is no statement about a review, or a list is too long")?;
    // What is read must be all that is there, so that nothing stands in it twice or unseen.
    if canonical(&statement(&record)) != payload {
        return Err("its payload is not in canonical form".to_owned());
    }
    Ok(Opened { record, keyid: keyid.clone(), message: to_be_signed(&payload), signature })
}

fn statement(record: &Record) -> Statement {
    Statement {
        kind: STATEMENT_TYPE.to_owned(),
        subject: [Subject {
            name: SUBJECT.to_owned(),
            digest: SubjectDigest { commit: record.commit.clone() },
        }],
        predicate_type: PREDICATE_TYPE.to_owned(),
        predicate: Predicate {
            seq: record.seq,
            prev: record.prev.clone(),
            at: record.at,
            by: record.by.clone(),
            head: record.head.clone(),
            step: record.step.clone(),
        },
    }
}

fn record(said: Statement) -> Option<Record> {
    let [Subject { name, digest }] = said.subject;
    let Predicate { seq, prev, at, by, head, step } = said.predicate;
    let is_ours = said.kind == STATEMENT_TYPE && said.predicate_type == PREDICATE_TYPE && name == SUBJECT;
    (is_ours && step.is_bounded()).then_some(Record { seq, prev, at, by, commit: digest.commit, head, step })
}

/// DSSE's pre-authentication encoding: type and payload, each with its length.
fn to_be_signed(payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

fn file(envelope: &Envelope) -> Vec<u8> {
    let mut bytes = canonical(envelope);
    bytes.push(b'\n');
    bytes
}

/// RFC 8785, for what we write: names are ASCII, and put in order here, whatever a map of `serde_json` does; numbers are
/// integers below 2^53, which have one form.
fn canonical<T: Serialize>(value: &T) -> Vec<u8> {
    let value = serde_json::to_value(value).expect("records have text keys and no numbers but integers");
    let mut out = String::new();
    write_in_order(&mut out, &value);
    out.into_bytes()
}

fn write_in_order(out: &mut String, value: &Value) {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<&String, &Value> = fields.iter().collect();
            out.push('{');
            for (index, (name, value)) in fields.into_iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write_in_order(out, value);
            }
            out.push('}');
        }
        Value::Array(values) => {
            out.push('[');
            for (index, value) in values.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                write_in_order(out, value);
            }
            out.push(']');
        }
        plain => out.push_str(&plain.to_string()),
    }
}
