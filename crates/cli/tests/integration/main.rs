//! The `casebook` binary as people and scripts run it: a process, its output, its exit code.

mod demo;
