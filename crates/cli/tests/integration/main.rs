//! The `casebook` binary as people and scripts run it: a process, its output, its exit code.

// Said once more for the lints: what follows is tests and nothing else.
#[cfg(test)]
mod bundle;
#[cfg(test)]
mod client;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod full_disk;
#[cfg(test)]
mod grpc;
#[cfg(test)]
mod guard;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod outside_text;
#[cfg(test)]
mod rca;
#[cfg(test)]
mod redaction;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod review;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod tampering;
#[cfg(test)]
mod tls;
