//! Outside bytes to the words of the model, and the journal's record format.
//!
//! Pure: the bytes, the time they came and the limits are arguments, and the same three give the same answer at
//! any time on any machine, because replay decodes again what the journal kept. Opens no socket and reads no
//! clock. Knows nothing of incidents: it says what an event *is*, never what it means.
//!
//! Whatever comes from outside ends as values plus rejects; an error is only what makes a whole request unreadable.

mod batch;
mod decode_error;
mod decompress;
mod digest;
mod limits;
mod names;
mod partial_success;
mod strict;

pub mod alerts;
pub mod deployments;
pub mod otlp;
pub mod record;
pub mod signals;
pub mod wide;

pub use batch::{Batch, LogBatch, MetricBatch, Problem, RejectReason, Rejected, Warning, Warnings};
pub use decode_error::{DecodeError, Format};
pub use decompress::{DecompressError, Encoding, decompress};
pub use limits::{Context, Limits};
pub use partial_success::{Telemetry, partial_success};
