//! `casebook trace`: the events of one trace, as a tree.

mod tree;

use api::{Completeness, Trace, TraceEvent};
use clap::Args;
use model::{Nanos, TraceId};

use self::tree::Node;
use crate::client::Connection;
use crate::exit::{Exit, Failure};
use crate::table::{Column, Table, terminal_width};
use crate::time::{duration, to_the_second};
use crate::{escape, output};

/// Shows the events of one trace
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook trace 4bf92f3577b34da6a3ce929d0e0e4736
  casebook trace 4bf92f3577b34da6a3ce929d0e0e4736 --json | jq '.events[] | select(.failure)'")]
pub(crate) struct ShowTrace {
    /// Its id: 32 hex digits
    trace_id: TraceId,
    /// Print the server's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl ShowTrace {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let (text, trace) = self.connection.get_json(&["v1", "traces", &self.trace_id.to_string()], &[])?;
        if self.json { output::json(&text) } else { output::text(&view(&trace, terminal_width())) }
    }
}

fn view(trace: &Trace, width: Option<usize>) -> String {
    let started = trace.events.first().map(|event| event.started_at.as_str()).unwrap_or_default();
    let mut out = format!("Trace {}", escape::line(&trace.trace_id));
    if !started.is_empty() {
        out.push_str(&format!(", from {}", escape::line(&to_the_second(started))));
    }
    out.push('\n');
    out.push_str(&events(trace, started, width));
    match trace.status {
        Completeness::Ok => {}
        Completeness::Partial => {
            out.push_str(&format!("Not whole: {} further events are not shown.\n", trace.events_cut));
        }
        Completeness::Missing => out.push_str("Its events are no longer kept.\n"),
    }
    if !trace.incidents.is_empty() {
        let ids: Vec<_> = trace.incidents.iter().map(|id| escape::line(id)).collect();
        out.push_str(&format!("Cited by {}\n", ids.join(", ")));
    }
    out
}

fn events(trace: &Trace, started: &str, width: Option<usize>) -> String {
    if trace.events.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&[
        Column::Number("AT"),
        Column::Number("TOOK"),
        Column::Text("SERVICE"),
        Column::Whole("KIND"),
        Column::Text("OPERATION"),
        Column::Whole("STATUS"),
        Column::Text("CODE"),
        Column::Text("REASON"),
    ]);
    for Node { event, depth } in tree::walk(&trace.events) {
        let failure = event.failure.as_ref();
        table.row([
            &offset(started, event),
            &duration(event.duration_ns),
            &event.service,
            &event.kind,
            &format!("{}{}", "  ".repeat(depth), event.operation),
            &event.status,
            failure.map_or("", |failure| &failure.code),
            failure.map_or("", |failure| &failure.reason),
        ]);
    }
    table.render(width)
}

/// How long after the trace's first event.
fn offset(started: &str, event: &TraceEvent) -> String {
    match (Nanos::parse_rfc3339(started), Nanos::parse_rfc3339(&event.started_at)) {
        (Ok(first), Ok(at)) => duration(at.since(first)),
        _ => "?".to_owned(),
    }
}
