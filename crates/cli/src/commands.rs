//! The commands: one file each. Here is only which there are and how each is started.

mod alerts;
mod audit;
mod baseline;
mod bundle;
mod demo;
mod doctor;
mod errors;
mod eval;
mod explain;
mod guard;
mod incident;
mod incidents;
mod keys;
mod notifications;
mod rca;
mod reference;
mod replay;
mod report;
mod review;
mod serve;
mod trace;

use clap::Subcommand;

use crate::exit::{Exit, Failure};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(serve::Serve),
    Demo(demo::Demo),
    #[command(hide = true)]
    DemoService(demo::DemoService),
    Incidents(incidents::Incidents),
    Incident(incident::ShowIncident),
    Report(report::Report),
    Explain(explain::Explain),
    Alerts(alerts::Alerts),
    Audit(audit::Audit),
    AcceptBaseline(baseline::AcceptBaseline),
    Errors(errors::Errors),
    Trace(trace::ShowTrace),
    Notifications(notifications::Notifications),
    Keys(keys::Keys),
    Replay(replay::Replay),
    Bundle(bundle::Bundle),
    Eval(eval::Eval),
    Rca(rca::Rca),
    Guard(guard::Guard),
    Review(review::Review),
    Doctor(doctor::Doctor),
    #[command(hide = true)]
    Reference(reference::Reference),
}

impl Command {
    /// Runs the command. Each starts the kind of runtime that it needs, or none.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        match self {
            Self::Serve(command) => command.run(),
            Self::Demo(command) => command.run(),
            Self::DemoService(command) => command.run(),
            Self::Incidents(command) => command.run(),
            Self::Incident(command) => command.run(),
            Self::Report(command) => command.run(),
            Self::Explain(command) => command.run(),
            Self::Alerts(command) => command.run(),
            Self::Audit(command) => command.run(),
            Self::AcceptBaseline(command) => command.run(),
            Self::Errors(command) => command.run(),
            Self::Trace(command) => command.run(),
            Self::Keys(command) => command.run(),
            Self::Notifications(command) => command.run(),
            Self::Replay(command) => command.run(),
            Self::Bundle(command) => command.run(),
            Self::Eval(command) => command.run(),
            Self::Rca(command) => command.run(),
            Self::Guard(command) => command.run(),
            Self::Review(command) => command.run(),
            Self::Doctor(command) => command.run(),
            Self::Reference(command) => command.run(),
        }
    }
}
