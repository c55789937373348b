//! Where in a statement a clock of the transaction's start reaches a watched column: it is assigned, inserted, the default,
//! or compared. It knows syntax trees and no text.
//!
//! In PostgreSQL these stand still from the beginning of a transaction to its end: `now()`, `transaction_timestamp()`,
//! `CURRENT_TIMESTAMP`, `CURRENT_TIME`, `CURRENT_DATE`, `LOCALTIMESTAMP`, `LOCALTIME`, `age` of one value, and the texts
//! `now`, `today`, `tomorrow` and `yesterday` read as a time. `statement_timestamp()`, `clock_timestamp()` and
//! `timeofday()` move on.

use std::ops::ControlFlow;

use sqlparser::ast::{
    AlterColumnOperation, AlterTableOperation, Assignment, AssignmentTarget, BinaryOperator, ColumnDef,
    ColumnOption, DataType, Expr, Function, FunctionArguments, Ident, Insert, MergeAction, MergeInsertKind,
    MergeUpdateKind, ObjectName, OnConflictAction, OnInsert, Query, SelectItem, SetExpr, Statement, Value,
    Visit, Visitor, visit_expressions,
};
use sqlparser::tokenizer::{Location, Span};

use super::Columns;

const FUNCTIONS: [&str; 7] = [
    "now",
    "transaction_timestamp",
    "current_timestamp",
    "current_time",
    "current_date",
    "localtimestamp",
    "localtime",
];
const WORDS: [&str; 4] = ["now", "today", "tomorrow", "yesterday"];
const SYSTEM_SCHEMA: &str = "pg_catalog";

/// A clock, and what it reaches.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) from: Location,
    pub(super) to: Location,
    pub(super) said: String,
}

pub(super) fn find(statement: &Statement, columns: &Columns) -> Vec<Found> {
    let mut finder = Finder { columns, found: Vec::new() };
    let _ = statement.visit(&mut finder);
    finder.found
}

/// Clocks in what a field of a record is set to.
pub(super) fn set(field: &str, value: &Expr, columns: &Columns) -> Vec<Found> {
    let mut finder = Finder { columns, found: Vec::new() };
    finder.written(field, value, "is written to");
    finder.found
}

struct Finder<'f> {
    columns: &'f Columns,
    found: Vec<Found>,
}

impl Visitor for Finder<'_> {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        match statement {
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(update) => self.assignments(&update.assignments),
            Statement::Merge(merge) => {
                merge.clauses.iter().for_each(|clause| self.merge(&clause.action));
            }
            Statement::CreateTable(table) => table.columns.iter().for_each(|column| self.column(column)),
            Statement::AlterTable(table) => table.operations.iter().for_each(|change| self.change(change)),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if compares(expr)
            && let Some(column) = watched_in(expr, self.columns)
        {
            self.clocks(expr, &format!("is compared with {column}"));
        }
        ControlFlow::Continue(())
    }
}

impl Finder<'_> {
    /// All clocks in what reaches a column.
    fn clocks(&mut self, expr: &Expr, reaches: &str) {
        let found = &mut self.found;
        let _: ControlFlow<()> = visit_expressions(expr, |expr| {
            if let Some((name, span)) = clock(expr) {
                let said = format!("{name} {reaches}");
                found.push(Found { from: span.start, to: span.end, said });
            }
            ControlFlow::Continue(())
        });
    }

    fn written(&mut self, column: &str, expr: &Expr, how: &str) {
        if self.columns.watch(column) {
            self.clocks(expr, &format!("{how} {column}"));
        }
    }

    fn assignments(&mut self, assignments: &[Assignment]) {
        for Assignment { target, value } in assignments {
            match target {
                AssignmentTarget::ColumnName(name) => self.written(last(name), value, "is written to"),
                AssignmentTarget::Tuple(names) => self.tuple(names, value),
            }
        }
    }

    /// By position where both sides have the same length; else the value counts for all of them.
    fn tuple(&mut self, names: &[ObjectName], value: &Expr) {
        match value {
            Expr::Tuple(values) if values.len() == names.len() => {
                for (name, value) in names.iter().zip(values) {
                    self.written(last(name), value, "is written to");
                }
            }
            value => names.iter().for_each(|name| self.written(last(name), value, "is written to")),
        }
    }

    fn insert(&mut self, insert: &Insert) {
        self.assignments(&insert.assignments);
        let names: Vec<&str> = insert.columns.iter().map(last).collect();
        if let Some(query) = &insert.source {
            self.rows(&names, query);
        }
        match &insert.on {
            Some(OnInsert::DuplicateKeyUpdate(assignments)) => self.assignments(assignments),
            Some(OnInsert::OnConflict(conflict)) => {
                if let OnConflictAction::DoUpdate(update) = &conflict.action {
                    self.assignments(&update.assignments);
                }
            }
            _ => {}
        }
    }

    fn rows(&mut self, names: &[&str], query: &Query) {
        self.row_set(names, &query.body);
    }

    fn row_set(&mut self, names: &[&str], set: &SetExpr) {
        match set {
            SetExpr::Values(values) => values.rows.iter().for_each(|row| self.row(names, &row.content)),
            SetExpr::Query(query) => self.rows(names, query),
            SetExpr::SetOperation { left, right, .. } => {
                self.row_set(names, left);
                self.row_set(names, right);
            }
            SetExpr::Select(select) => {
                for (name, item) in names.iter().zip(&select.projection) {
                    if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
                        self.written(name, expr, "is inserted into");
                    }
                }
            }
            _ => {}
        }
    }

    fn row(&mut self, names: &[&str], values: &[Expr]) {
        for (name, value) in names.iter().zip(values) {
            self.written(name, value, "is inserted into");
        }
    }

    fn merge(&mut self, action: &MergeAction) {
        match action {
            MergeAction::Insert(insert) => {
                let names: Vec<&str> = insert.columns.iter().map(last).collect();
                if let MergeInsertKind::Values(values) = &insert.kind {
                    values.rows.iter().for_each(|row| self.row(&names, &row.content));
                }
            }
            MergeAction::Update(update) => {
                if let MergeUpdateKind::Set(assignments) = &update.kind {
                    self.assignments(assignments);
                }
            }
            _ => {}
        }
    }

    fn column(&mut self, column: &ColumnDef) {
        for option in &column.options {
            if let ColumnOption::Default(expr) = &option.option {
                self.written(&column.name.value, expr, "is the default of");
            }
        }
    }

    fn change(&mut self, change: &AlterTableOperation) {
        match change {
            AlterTableOperation::AddColumn { column_def, .. } => self.column(column_def),
            AlterTableOperation::AlterColumn {
                column_name,
                op: AlterColumnOperation::SetDefault { value },
            } => self.written(&column_name.value, value, "is the default of"),
            _ => {}
        }
    }
}

/// Whether the truth of it depends on both sides; sums and texts are none.
fn compares(expr: &Expr) -> bool {
    match expr {
        Expr::BinaryOp { op, .. } => !matches!(
            op,
            BinaryOperator::And
                | BinaryOperator::Or
                | BinaryOperator::Xor
                | BinaryOperator::Plus
                | BinaryOperator::Minus
                | BinaryOperator::Multiply
                | BinaryOperator::Divide
                | BinaryOperator::Modulo
                | BinaryOperator::StringConcat
        ),
        Expr::Between { .. }
        | Expr::InList { .. }
        | Expr::InSubquery { .. }
        | Expr::IsDistinctFrom(..)
        | Expr::IsNotDistinctFrom(..)
        | Expr::AnyOp { .. }
        | Expr::AllOp { .. } => true,
        _ => false,
    }
}

fn watched_in(expr: &Expr, columns: &Columns) -> Option<String> {
    let mut watched = None;
    let _ = visit_expressions(expr, |expr| {
        let name = match expr {
            Expr::Identifier(name) => Some(name),
            Expr::CompoundIdentifier(names) => names.last(),
            _ => None,
        };
        match name.filter(|name| columns.watch(&name.value)) {
            Some(name) => {
                watched = Some(name.value.clone());
                ControlFlow::Break(())
            }
            None => ControlFlow::Continue(()),
        }
    });
    watched
}

/// The clock that an expression is by itself, as it is shown.
fn clock(expr: &Expr) -> Option<(String, Span)> {
    match expr {
        Expr::Function(function) => called(function),
        Expr::TypedString(typed) => word(&typed.value.value, &typed.data_type, typed.value.span),
        Expr::Cast { expr, data_type, .. } => match expr.as_ref() {
            Expr::Value(value) => word(&value.value, data_type, value.span),
            _ => None,
        },
        _ => None,
    }
}

fn called(function: &Function) -> Option<(String, Span)> {
    let parts: Vec<&Ident> = function.name.0.iter().filter_map(|part| part.as_ident()).collect();
    let name = parts.last()?;
    let lower = name.value.to_ascii_lowercase();
    let is_system = match parts.as_slice() {
        [_] => true,
        [schema, _] => schema.value.eq_ignore_ascii_case(SYSTEM_SCHEMA),
        _ => false,
    };
    let arguments = match &function.args {
        FunctionArguments::List(list) => list.args.len(),
        FunctionArguments::None | FunctionArguments::Subquery(_) => 0,
    };
    let has_parentheses = matches!(function.args, FunctionArguments::List(_));
    let is_clock = FUNCTIONS.contains(&lower.as_str()) || (lower == "age" && arguments == 1);
    let shown = if has_parentheses { format!("{}()", name.value) } else { name.value.clone() };
    (is_system && is_clock).then_some((shown, name.span))
}

/// A text that PostgreSQL reads as the time at which the transaction began.
fn word(value: &Value, data_type: &DataType, span: Span) -> Option<(String, Span)> {
    let text = match value {
        Value::SingleQuotedString(text) => text.trim().to_ascii_lowercase(),
        _ => return None,
    };
    let is_time = ["timestamp", "time", "date"].iter().any(|kind| {
        let name = data_type.to_string().to_ascii_lowercase();
        name.starts_with(kind)
    });
    (is_time && WORDS.contains(&text.as_str())).then(|| (format!("'{text}'"), span))
}

fn last(name: &ObjectName) -> &str {
    name.0.last().and_then(|part| part.as_ident()).map_or("", |ident| ident.value.as_str())
}
