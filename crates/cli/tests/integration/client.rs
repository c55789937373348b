//! The client commands against a server that is made for the test: what they print, and how they end.

mod acting;
mod answers;
mod drafts;
mod failures;
mod fake;
mod views;

use std::process::{Command, Output};

use self::fake::Fake;

/// A run of the binary that has nothing from its surroundings but what the test gives.
fn casebook(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_casebook"));
    command
        .args(arguments)
        .env_remove("CASEBOOK_SERVER")
        .env_remove("CASEBOOK_KEY")
        .env_remove("CASEBOOK_ACTOR");
    command
}

fn ask(fake: &Fake, arguments: &[&str]) -> Output {
    casebook(arguments).args(["--server", &fake.url()]).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What it prints when all goes well.
fn shown(fake: &Fake, arguments: &[&str]) -> String {
    let output = ask(fake, arguments);
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""), "{arguments:?}");
    stdout(&output)
}
