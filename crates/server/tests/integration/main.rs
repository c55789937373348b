//! The server as its clients see it: a whole process's worth of parts on free ports, started and stopped in each test.

// Said once more for the lints: what follows is tests and nothing else.
#[cfg(test)]
mod actions;
#[cfg(test)]
mod alerts;
#[cfg(test)]
mod api_surface;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod grpc;
#[cfg(test)]
mod headers;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod incident;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod login;
#[cfg(test)]
mod logs_and_metrics;
#[cfg(test)]
mod notifications;
#[cfg(test)]
mod otlp_http;
#[cfg(test)]
mod overload;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod running;
#[cfg(test)]
mod straight;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod unread_answers;
#[cfg(test)]
mod wrong_port;
