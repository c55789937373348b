//! Why an action changes nothing. The words are read by whoever acted; text from outside in them is data.

use std::fmt;

use model::{IncidentId, Nanos, Str};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Not live, and not resolved so lately that it could come back; or never known.
    Closed(IncidentId),
    Resolved(IncidentId),
    IntoItself(IncidentId),
    OtherEnvironment {
        of: Str,
        into: Str,
    },
    NoServices,
    NoSymptomOf(Str),
    AllServices,
    /// As many incidents are live as can be.
    NoRoom,
    SilenceInThePast(Nanos),
    TooManyLinks(IncidentId),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(id) => {
                write!(f, "{id} is over, and the time in which it could come back has passed")
            }
            Self::Resolved(id) => write!(f, "{id} is resolved already"),
            Self::IntoItself(id) => write!(f, "{id} cannot be merged into itself"),
            Self::OtherEnvironment { of, into } => {
                write!(f, "an incident of {of:?} cannot be merged into one of {into:?}")
            }
            Self::NoServices => f.write_str("a split needs at least one service"),
            Self::NoSymptomOf(service) => write!(f, "{service:?} has no symptom in this incident"),
            Self::AllServices => {
                f.write_str("every service with a symptom would leave, so nothing would be split")
            }
            Self::NoRoom => f.write_str("as many incidents are live as can be"),
            Self::SilenceInThePast(until) => write!(f, "{} is not in the future", until.to_rfc3339()),
            Self::TooManyLinks(id) => {
                write!(f, "{id} has {} links, and no room for more", crate::attention::LINKS_MAX)
            }
        }
    }
}

impl std::error::Error for Refusal {}
