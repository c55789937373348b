//! `casebook explain`: where a trace's failure arose, and how it spread.

use api::{Completeness, ExplainedOrigin, Explanation};
use clap::Args;
use model::TraceId;

use crate::client::Connection;
use crate::exit::{Exit, Failure};
use crate::table::{Column, Fields, Table, terminal_width};
use crate::time::{duration, to_the_second};
use crate::{escape, output};

/// Explains the failure of one trace: where it arose and how it spread
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook explain 4bf92f3577b34da6a3ce929d0e0e4736
  casebook explain 4bf92f3577b34da6a3ce929d0e0e4736 --json | jq .origin")]
pub(crate) struct Explain {
    /// Its id: 32 hex digits
    trace_id: TraceId,
    /// Print the server's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Explain {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let path = ["v1", "traces", &self.trace_id.to_string(), "explanation"];
        let (text, explanation) = self.connection.get_json(&path, &[])?;
        if self.json { output::json(&text) } else { output::text(&view(&explanation, terminal_width())) }
    }
}

fn view(explanation: &Explanation, width: Option<usize>) -> String {
    let mut out = format!("{}\n", escape::line(&explanation.summary));
    if let Some(found) = &explanation.origin {
        out.push_str(&format!("\n{}", origin(found)));
    }
    if !explanation.chain.is_empty() {
        out.push_str(&format!("\nFrom the origin outwards:\n{}", chain(explanation, width)));
    }
    match explanation.status {
        Completeness::Ok => {}
        Completeness::Partial => out.push_str("\nThe trace is not whole:\n"),
        Completeness::Missing => out.push_str("\nThe trace's events are no longer kept.\n"),
    }
    for note in &explanation.notes {
        out.push_str(&format!("- {}\n", escape::line(note)));
    }
    out
}

fn origin(origin: &ExplainedOrigin) -> String {
    let mut fields = Fields::default();
    fields.field("Origin", &format!("{}: {}", origin.service, origin.operation));
    if let Some(callee) = &origin.unobserved_callee {
        fields.field("Callee", &format!("{callee}, which reported nothing itself"));
    }
    fields.field("Code", &origin.code);
    if !origin.reason.is_empty() {
        fields.field("Reason", &origin.reason);
    }
    fields.field("Event", &origin.span_id);
    fields.render()
}

fn chain(explanation: &Explanation, width: Option<usize>) -> String {
    let mut table = Table::new(&[
        Column::Text("SERVICE"),
        Column::Text("OPERATION"),
        Column::Text("CODE"),
        Column::Number("TOOK"),
        Column::Whole("STARTED"),
        Column::Whole("EVENT"),
    ]);
    for hop in &explanation.chain {
        table.row([
            &hop.service,
            &hop.operation,
            &hop.code,
            &duration(hop.duration_ns),
            &to_the_second(&hop.started_at),
            &hop.span_id,
        ]);
    }
    table.render(width)
}
