//! The reference page of the configuration, made from the register. It must never hold a word about a setting that is not
//! in the register.

use std::fmt::Write;

use super::register::{Absent, Counts, Kind, Setting, Table};
use super::settings::REGISTER;
use super::shape::Shape;

const INTRODUCTION: &str = "\
# Configuration of `casebook-edge`

Generated from the register of settings; do not edit.

One TOML file. A key that is not listed here is an error, and every error is told at once, with its line:
`casebook-edge check FILE`. [The guide](../guide/edge.md) has examples.

In values of the shapes URL, SECRET and HEADERS, `${NAME}` stands for a variable of the environment and `${file:PATH}` for
the text of a file without the blanks around it; `$${` stands for the two characters themselves. Nothing that was put
together so, no address beyond host and port, and no header is ever shown. Paths are relative to the file.

The file is read at the start, and again by a running edge that is sent SIGHUP, which drops no client. Settings marked *restart* need
a new start.
";

/// The page.
pub fn reference_markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    for table in Table::ALL {
        let _ = write!(page, "\n## `{}`\n\n{}\n\n", table.heading(), about(table));
        page.push_str("| key | shape | without it | |\n|---|---|---|---|\n");
        for setting in REGISTER.iter().filter(|setting| setting.table == table) {
            page.push_str(&row(setting));
        }
    }
    page.push_str(&shapes());
    page
}

fn about(table: Table) -> &'static str {
    match table {
        Table::Edge => "Where clients and operators connect. All of it may be left out.",
        Table::Tls => "With it every client of `listen` comes over TLS. The admin listener stays plain.",
        Table::Casebook => "With it a Casebook server is told of failovers.",
        Table::Key => "With one or more of them every client needs a key.",
        Table::Pool => {
            "Clients reach the pool at the path `/NAME`, or below it where it is not of kind `execution`. A name has 1 to \
             63 of a-z 0-9 - and is none of the process's own paths: livez, readyz, status, metrics."
        }
        Table::Node => {
            "At least one and at most 64 of them; earlier ones are preferred where nothing else decides."
        }
    }
}

fn row(setting: &Setting) -> String {
    let absent = match setting.absent {
        Absent::Refused => "has to be given".to_owned(),
        Absent::Is(text) => format!("`{text}`"),
        Absent::Means(words) => words.to_owned(),
    };
    let range = match (setting.shape, setting.shape.range()) {
        (_, range) if range.is_empty() => range,
        (Shape::Word(_), words) => format!(" One of {words}."),
        (_, range) => format!(" Range: {range}."),
    };
    let kinds = if setting.kinds == Kind::ALL {
        String::new()
    } else {
        let words: Vec<_> = setting.kinds.iter().map(|kind| format!("`{}`", kind.word())).collect();
        format!(" Only in pools of kind {}.", words.join(" and "))
    };
    let counts = match setting.counts {
        Counts::AtReload => "",
        Counts::AtRestart => " *Restart.*",
    };
    let help = setting.help.replace('|', "\\|");
    format!("| `{}` | {} | {absent} | {help}{range}{kinds}{counts} |\n", setting.key, setting.shape.name())
}

/// What every shape looks like, once.
fn shapes() -> String {
    let mut page = "\n## Shapes\n\n| shape | is |\n|---|---|\n".to_owned();
    let mut told = Vec::new();
    for shape in REGISTER.iter().map(|setting| setting.shape) {
        if !told.contains(&shape.name()) {
            told.push(shape.name());
            let _ = writeln!(page, "| {} | {} |", shape.name(), shape.looks().replace('|', "\\|"));
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::super::register::REGISTER_ROOT;
    use super::*;

    #[test]
    fn the_page_has_every_table_and_setting_in_its_place() {
        let page = reference_markdown();
        for table in Table::ALL {
            let heading = format!("## `{}`", table.heading());
            let part = page.split("\n## ").find(|part| format!("## {part}").starts_with(&heading)).unwrap();
            for key in REGISTER.iter().filter(|setting| setting.table == table).map(|setting| setting.key) {
                assert!(part.contains(&format!("| `{key}` | ")), "{key} is not in {part}");
            }
        }
        assert!(REGISTER_ROOT.iter().all(|key| Table::ALL.iter().any(|table| table.heading().contains(key))));
    }
}
