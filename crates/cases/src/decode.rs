//! A line's body to the words of the model, by the decoders that the endpoints use. What a decoder rejects is counted
//! and said, so that a case that means something else than its writer thought is noticed.

use intake::record::Kind;
use intake::{Context, DecodeError, Limits};
use model::Input;

use crate::{InputKind, InputLine};

/// Users are told apart by a hash; cases share this salt, so that a run can be repeated anywhere. Those that are made of
/// a server's journal may name that server's own.
pub(crate) const USER_SALT: [u8; 16] = *b"casebook-eval-00";

/// What a line says.
#[derive(Debug)]
pub struct Decoded {
    pub input: Input,
    pub rejected: u64,
    /// Why the first item was rejected.
    pub reason: Option<String>,
}

/// Events keep their attributes, for the traces that are captured.
pub fn decode(line: &InputLine) -> Result<Decoded, String> {
    decode_with(line, &USER_SALT)
}

pub(crate) fn decode_with(line: &InputLine, user_salt: &[u8; 16]) -> Result<Decoded, String> {
    // No limit on a body: the line's own is smaller.
    let limits = Limits { body_bytes_max: usize::MAX, ..Limits::default().for_evidence() };
    let context = Context { received: line.at, limits: &limits, user_salt };
    let body = line.body.as_slice();
    let wrong = |error: DecodeError| error.to_string();
    Ok(match line.kind {
        InputKind::Tick => whole(Input::Tick),
        InputKind::Evidence => return Err("evidence is found anew and cannot be read".to_owned()),
        InputKind::Configure => inside(Kind::Configure, body, &context)?,
        InputKind::Operator => inside(Kind::Operator, body, &context)?,
        InputKind::AcceptBaseline => inside(Kind::AcceptBaseline, body, &context)?,
        InputKind::Shed => inside(Kind::Shed, body, &context)?,
        InputKind::OtlpTraces => {
            let batch = intake::otlp::traces_from_json(body, &context).map_err(wrong)?;
            with_rejects(Input::Events(batch.events), &batch.rejected)
        }
        InputKind::Events => {
            let batch = intake::wide::from_json(body, &context).map_err(wrong)?;
            with_rejects(Input::Events(batch.events), &batch.rejected)
        }
        InputKind::Signal => {
            let (signals, rejected) = intake::signals::from_json(body, &context).map_err(wrong)?;
            with_rejects(Input::Signals(signals), &rejected)
        }
        InputKind::Deployment => {
            let (deployments, rejected) = intake::deployments::from_json(body, &context).map_err(wrong)?;
            with_rejects(Input::Deployments(deployments), &rejected)
        }
        InputKind::OtlpLogs => {
            let batch = intake::otlp::logs_from_json(body, &context).map_err(wrong)?;
            with_rejects(Input::Logs(batch.logs), &batch.rejected)
        }
        InputKind::OtlpMetrics => {
            let batch = intake::otlp::metrics_from_json(body, &context).map_err(wrong)?;
            with_rejects(Input::Metrics(batch.points), &batch.rejected)
        }
        InputKind::Alert => {
            let batch = intake::alerts::from_json(body, line.provider, &context).map_err(wrong)?;
            with_rejects(Input::Alerts(batch.alerts), &batch.rejected)
        }
    })
}

/// What a server journals itself, as it journals it.
fn inside(kind: Kind, body: &[u8], context: &Context<'_>) -> Result<Decoded, String> {
    let payload = intake::record::inside_payload(body);
    intake::record::decode(kind as u8, &payload, context).map(whole).map_err(|error| error.to_string())
}

fn whole(input: Input) -> Decoded {
    Decoded { input, rejected: 0, reason: None }
}

fn with_rejects(input: Input, rejected: &[intake::Rejected]) -> Decoded {
    let reason = rejected.first().map(|first| format!("{}: {}", first.reason, first.detail));
    Decoded { input, rejected: rejected.len() as u64, reason }
}
