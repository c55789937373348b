//! `casebook errors`: error families.

use api::{ErrorFamily, ErrorsPage};
use clap::Args;

use crate::client::Connection;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::table::{Column, Table, terminal_width};
use crate::time::to_the_second;

/// Lists what fails: error families, the most frequent first
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook errors
  casebook errors --service payment --limit 10
  casebook errors --json | jq '.errors[] | select(.failures > 100)'")]
pub(crate) struct Errors {
    /// Only of this environment
    #[arg(long)]
    env: Option<String>,
    /// Only of this service
    #[arg(long)]
    service: Option<String>,
    /// How many at most
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: Option<u32>,
    /// Print the server's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Errors {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let limit = self.limit.map(|limit| limit.to_string());
        let optional = [("env", &self.env), ("service", &self.service), ("limit", &limit)];
        let query: Vec<(&str, &str)> =
            optional.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))).collect();
        let (text, page) = self.connection.get_json(&["v1", "errors"], &query)?;
        if self.json { output::json(&text) } else { output::text(&view(&page, terminal_width())) }
    }
}

fn view(page: &ErrorsPage, width: Option<usize>) -> String {
    if page.errors.is_empty() {
        return "No failures.\n".to_owned();
    }
    let mut table = Table::new(&[
        Column::Text("ENV"),
        Column::Text("SERVICE"),
        Column::Text("OPERATION"),
        Column::Text("CODE"),
        Column::Number("FAILURES"),
        Column::Number("REQUESTS"),
        Column::Number("SHARE"),
        Column::Whole("LAST SEEN"),
    ]);
    for family in &page.errors {
        table.row([
            &family.env,
            &family.service,
            &family.operation,
            &family.code,
            &family.failures.to_string(),
            &family.requests.to_string(),
            &share(family),
            &to_the_second(&family.last_seen),
        ]);
    }
    let mut out = table.render(width);
    let shown = page.errors.len() as u64;
    if page.total > shown {
        out.push_str(&format!("{shown} of {} families are shown: --limit shows more.\n", page.total));
    }
    out
}

fn share(family: &ErrorFamily) -> String {
    let percent = 100.0 * family.failures as f64 / family.requests as f64;
    match family.requests {
        0 => "-".to_owned(),
        _ if family.failures > 0 && percent < 0.01 => "< 0.01 %".to_owned(),
        _ => format!("{percent:.2} %"),
    }
}
