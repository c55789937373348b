//! A request of a client: its bytes under an id of its own, and what it may be told. It must never look at what the edge
//! knows.

use devnet::chain::hex::quantity;
use devnet::chain::{Address, Hash};
use devnet::node::{LogFilter, REVERT_CALL, balance_at};
use edge::core::hex;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::net::Net;
use crate::Rng;

/// Of a revert.
const REVERTED: i64 = 3;

/// What a client wants to know, or to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    Height,
    /// A call that says at which block it was made.
    CallAtHead,
    BlockAtHead,
    Balance {
        account: Address,
        number: u64,
    },
    /// A call that reverts.
    Revert,
    Block(Hash),
    Logs(Hash),
    Version,
    Receipt(Hash),
    Transaction {
        hash: Hash,
        raw: String,
        /// Nobody was sent it before, nor another in its place.
        is_new: bool,
    },
    /// Something that must not be done twice.
    Once,
}

#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) wish: Wish,
    pub(super) id: String,
    pub(super) text: Vec<u8>,
}

/// What a client reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// In its own bytes.
    Result(String),
    Error {
        code: i64,
        message: String,
    },
}

/// What it is to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Answered,
    NotFound,
    Failed,
}

#[derive(Deserialize)]
struct Answer<'a> {
    jsonrpc: &'a str,
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error: Option<Wrong>,
}

#[derive(Deserialize)]
struct Wrong {
    code: i64,
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockFields {
    hash: Hash,
    number: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogFields {
    block_hash: Hash,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReceiptFields {
    transaction_hash: Hash,
}

impl Wish {
    fn method(&self) -> (&'static str, String) {
        match self {
            Self::Height => ("eth_blockNumber", "[]".to_owned()),
            Self::CallAtHead => ("eth_call", r#"[{"data":"0x01"},"latest"]"#.to_owned()),
            Self::BlockAtHead => ("eth_getBlockByNumber", r#"["latest",false]"#.to_owned()),
            Self::Balance { account, number } => {
                ("eth_getBalance", format!(r#"["{account}","{number:#x}"]"#))
            }
            Self::Revert => ("eth_call", format!(r#"[{{"data":"{REVERT_CALL}"}},"latest"]"#)),
            Self::Block(hash) => ("eth_getBlockByHash", format!(r#"["{hash}",false]"#)),
            Self::Logs(hash) => ("eth_getLogs", format!(r#"[{{"blockHash":"{hash}"}}]"#)),
            Self::Version => ("net_version", "[]".to_owned()),
            Self::Receipt(hash) => ("eth_getTransactionReceipt", format!(r#"["{hash}"]"#)),
            Self::Transaction { raw, .. } => ("eth_sendRawTransaction", format!(r#"["{raw}"]"#)),
            Self::Once => ("devnet_sleep", "[10]".to_owned()),
        }
    }
}

impl Request {
    /// Under ids of all kinds; many clients use 1 for everything.
    pub(super) fn new(wish: Wish, made: u64, rng: &mut Rng) -> Self {
        let id = match rng.below(9) {
            0..=2 => "1".to_owned(),
            3 => made.to_string(),
            4 => format!("\"request-{made}\""),
            5 => format!(r#""\u0061\"{{}}[]:,{made}""#),
            6 => format!("123456789012345678901234567{made:03}"),
            7 => format!("-{made}.50"),
            _ => "null".to_owned(),
        };
        let (method, params) = wish.method();
        let text = match rng.below(3) {
            0 => format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#),
            1 => format!(r#"{{"method":"{method}","params":{params},"jsonrpc":"2.0","id":{id}}}"#),
            _ => {
                let params = format!(r#""params" : {params}"#);
                format!(
                    "\n{{ \"id\" : {id} , {params},\t\"jsonrpc\":\"2.0\", \"method\": \"{method}\" }}\r\n"
                )
            }
        };
        Self { wish, id, text: text.into_bytes() }
    }

    /// One answer, under the id that was sent.
    pub(super) fn said(&self, answer: &[u8]) -> Result<Said, String> {
        let answer: Answer<'_> =
            serde_json::from_slice(answer).map_err(|error| format!("its answer cannot be read: {error}"))?;
        if answer.id.get() != self.id || answer.jsonrpc != "2.0" {
            return Err(format!(
                "it is asked under the id {} and answered under {}",
                self.id,
                answer.id.get()
            ));
        }
        match (answer.result, answer.error) {
            (Some(_), Some(_)) => Err("its answer says two things".to_owned()),
            (None, Some(Wrong { code, message })) => Ok(Said::Error { code, message }),
            (Some(result), None) => Ok(Said::Result(result.get().to_owned())),
            // serde takes `null` for nothing.
            (None, None) => Ok(Said::Result("null".to_owned())),
        }
    }

    pub(super) fn is_reverted(&self, said: &Said) -> bool {
        self.wish == Wish::Revert && matches!(said, Said::Error { code: REVERTED, .. })
    }

    /// `floor` is the height that clients were told before it was asked.
    pub(super) fn judged(&self, said: &Said, floor: u64, net: &Net) -> Result<Verdict, String> {
        match said {
            Said::Error { .. } if self.is_reverted(said) => Ok(Verdict::Answered),
            Said::Error { .. } => Ok(Verdict::Failed),
            Said::Result(raw) if raw == "null" => Ok(match self.wish {
                Wish::Block(_) | Wish::Receipt(_) | Wish::BlockAtHead => Verdict::NotFound,
                _ => Verdict::Failed,
            }),
            Said::Result(raw) => self.content(raw, floor, net).map(|()| Verdict::Answered),
        }
    }

    /// Whether it is the answer to this request, and not to another one.
    fn content(&self, raw: &str, floor: u64, net: &Net) -> Result<(), String> {
        let is_right = match &self.wish {
            Wish::Height => {
                return not_below(read::<String>(raw).and_then(|text| hex::quantity(&text)), floor);
            }
            Wish::CallAtHead => return not_below(height_of_call(raw, net), floor),
            Wish::BlockAtHead => {
                let fields = read::<BlockFields>(raw).ok_or("it is told no block")?;
                let mined = net.network.chain().block(&fields.hash).map(|block| net.number_of(block));
                return not_below(mined.or_else(|| hex::quantity(&fields.number)), floor);
            }
            Wish::Balance { account, number } => {
                let chain = net.network.chain();
                let block = chain.ancestor(&chain.head().hash, *number).ok_or("it is about no block")?;
                raw == format!("\"{}\"", quantity(balance_at(account, block)))
            }
            Wish::Revert => false,
            Wish::Block(hash) => read::<BlockFields>(raw).is_some_and(|fields| fields.hash == *hash),
            Wish::Logs(hash) => {
                let logs = read::<Vec<LogFields>>(raw).unwrap_or_default();
                let block = net.network.chain().block(hash).ok_or("it is about no block")?;
                logs.len() == LogFilter::default().of(block).count()
                    && logs.iter().all(|log| log.block_hash == *hash)
            }
            Wish::Version => read::<String>(raw).is_some_and(|version| version.parse::<u64>().is_ok()),
            Wish::Receipt(hash) => {
                read::<ReceiptFields>(raw).is_some_and(|fields| fields.transaction_hash == *hash)
            }
            Wish::Transaction { hash, .. } => read::<Hash>(raw) == Some(*hash),
            Wish::Once => raw == "true",
        };
        if is_right { Ok(()) } else { Err(format!("it is told what it did not ask for: {raw}")) }
    }
}

fn read<'a, T: Deserialize<'a>>(raw: &'a str) -> Option<T> {
    serde_json::from_str(raw).ok()
}

/// Two words: the number of the block and its hash.
fn height_of_call(raw: &str, net: &Net) -> Option<u64> {
    let words: [u8; 64] = hex::bytes(&read::<String>(raw)?)?;
    let (_, hash) = words.split_last_chunk::<32>()?;
    let block = net.network.chain().block(&devnet::chain::Fixed(*hash))?;
    Some(net.number_of(block))
}

fn not_below(height: Option<u64>, floor: u64) -> Result<(), String> {
    match height {
        None => Err("it is told of no height".to_owned()),
        Some(height) if height < floor => {
            Err(format!("it is told of height {height}, and {floor} was told before it was asked"))
        }
        Some(_) => Ok(()),
    }
}
