//! Inputs without their bytes, for those who read what happened.

use std::fmt::{self, Debug};

use edge::core::chain::Fetched;
use edge::core::pool::Input;

pub(super) struct Brief<'a>(pub(super) &'a Input);

impl Debug for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Input::Head { node, block } => {
                write!(f, "Head {{ node: {}, {} {} }}", node.0, block.number, block.hash)
            }
            Input::Polled { node, block } => {
                write!(f, "Polled {{ node: {}, {} {} }}", node.0, block.number, block.hash)
            }
            Input::Fetched { node, result: Fetched::Found(block), .. } => {
                write!(f, "Fetched {{ node: {}, {} {} }}", node.0, block.number, block.hash)
            }
            Input::LogsFetched { node, hash, result: Ok(logs) } => {
                write!(f, "LogsFetched {{ node: {}, {} of {hash} }}", node.0, logs.len())
            }
            other => write!(f, "{other:?}"),
        }
    }
}
