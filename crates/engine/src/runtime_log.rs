//! What a log record says of the platform that a service runs on: events of Kubernetes, and last words of processes.
//! A pure function of one record, so that every way in gives the same signals.

use std::collections::BTreeMap;

use model::{LogRecord, LogSeverity, Signal, SignalKind, Str};

/// The signal of kind `runtime` that a record stands for, if it stands for one.
pub(crate) fn runtime_signal(log: &LogRecord) -> Option<Signal> {
    let subtype = match log.template.strip_prefix(LogRecord::KUBERNETES_EVENT) {
        Some(reason) => of_event(reason, &log.body)?,
        None => of_message(log)?,
    };
    let is_known = |name: &Str| !name.is_empty() && &**name != model::Event::UNKNOWN_SERVICE;
    let instance = Some(log.instance.clone()).filter(is_known);
    let is_node = subtype == "node_pressure";
    Some(Signal {
        id: id(log, subtype),
        kind: SignalKind::Runtime,
        subtype: subtype.into(),
        at: log.at,
        env: Some(log.env.clone()).filter(|env| &**env != model::Event::UNSET_ENV),
        service: Some(log.service.clone()).filter(is_known),
        subject: instance.clone().filter(|_| is_node),
        instance: instance.filter(|_| !is_node),
        status: "".into(),
        message: log.body.clone(),
        attributes: BTreeMap::new(),
    })
}

/// The same record has the same id, however often it is delivered.
fn id(log: &LogRecord, subtype: &str) -> Str {
    let LogRecord { env, service, instance, at, .. } = log;
    format!("log/{subtype}/{env}/{service}/{instance}/{}", at.0).into()
}

/// An event of Kubernetes, by its reason and, where that says too little, its message.
fn of_event(reason: &str, message: &str) -> Option<&'static str> {
    let begins = |start: &str| message.starts_with(start);
    Some(match reason {
        "OOMKilled" | "OOMKilling" | "SystemOOM" => "oom_killed",
        "CrashLoopBackOff" => "crashloop",
        "BackOff" if begins("Back-off restarting failed container") => "crashloop",
        "Unhealthy" if begins("Readiness probe") => "readiness_fail",
        "Unhealthy" if begins("Liveness probe") || begins("Startup probe") => "liveness_fail",
        "NodeHasInsufficientMemory"
        | "NodeHasDiskPressure"
        | "NodeHasInsufficientPID"
        | "NodeNotReady"
        | "EvictionThresholdMet" => "node_pressure",
        "Evicted" if message.contains("low on resource") => "node_pressure",
        _ => return None,
    })
}

/// Last words of a process, and what the kernel says of it. They stand at the beginning of the message; a message
/// that only mentions them is not one.
fn of_message(log: &LogRecord) -> Option<&'static str> {
    if matches!(log.severity, LogSeverity::Trace | LogSeverity::Debug | LogSeverity::Info) {
        return None;
    }
    let message = log.body.trim_start();
    let begins = |starts: &[&str]| starts.iter().any(|start| message.starts_with(start));
    if begins(&["Out of memory: Killed process", "Memory cgroup out of memory: Killed process"]) {
        return Some("oom_killed");
    }
    let is_rust_panic = message
        .strip_prefix("thread '")
        .is_some_and(|rest| rest.lines().next().unwrap_or("").contains("panicked at"));
    if is_rust_panic || begins(&["panic: ", "panicked at "]) {
        return Some("panic");
    }
    if begins(&["Uncaught Exception", "uncaughtException", "Exception in thread \"", "Unhandled exception. "])
    {
        return Some("uncaught_exception");
    }
    let rejected = [
        "UnhandledPromiseRejection",
        "Unhandled Promise Rejection",
        "Unhandled Rejection",
        "unhandledRejection",
    ];
    begins(&rejected).then_some("unhandled_rejection")
}

#[cfg(test)]
mod tests {
    use model::Nanos;

    use super::*;

    fn log(template: &str, body: &str) -> LogRecord {
        LogRecord {
            env: "prod".into(),
            service: "till".into(),
            version: "".into(),
            instance: "till-7d9f8b6c5-xkz2p".into(),
            at: Nanos(7),
            severity: LogSeverity::Warn,
            template: template.into(),
            pattern: "".into(),
            body: body.into(),
            exception: "".into(),
            trace: None,
            span: None,
        }
    }

    fn subtype(template: &str, body: &str) -> Option<String> {
        runtime_signal(&log(template, body)).map(|signal| signal.subtype.to_string())
    }

    #[test]
    fn events_of_kubernetes_are_told_by_reason_and_message() {
        for (reason, message, expected) in [
            ("OOMKilling", "Memory cgroup out of memory", Some("oom_killed")),
            ("BackOff", "Back-off restarting failed container app in pod x", Some("crashloop")),
            ("BackOff", "Back-off pulling image \"x\"", None),
            ("Unhealthy", "Readiness probe failed: 503", Some("readiness_fail")),
            ("Unhealthy", "Liveness probe failed: timeout", Some("liveness_fail")),
            ("Unhealthy", "something", None),
            ("NodeHasDiskPressure", "", Some("node_pressure")),
            ("NodeHasSufficientMemory", "", None),
            ("Evicted", "The node was low on resource: memory.", Some("node_pressure")),
            ("Scheduled", "Successfully assigned", None),
            ("DELETED", "Back-off restarting failed container", None),
        ] {
            assert_eq!(
                subtype(&format!("k8s.event {reason}"), message).as_deref(),
                expected,
                "{reason}: {message}"
            );
        }
    }

    #[test]
    fn last_words_count_where_they_begin_the_message() {
        for (body, expected) in [
            ("panic: runtime error: index out of range", Some("panic")),
            ("thread 'main' panicked at src/main.rs:7:5:\nno", Some("panic")),
            ("Exception in thread \"main\" java.lang.Error", Some("uncaught_exception")),
            ("UnhandledPromiseRejectionWarning: Error: x", Some("unhandled_rejection")),
            ("Out of memory: Killed process 77 (java)", Some("oom_killed")),
            ("user says panic: no", None),
            ("order failed", None),
        ] {
            assert_eq!(subtype("x", body).as_deref(), expected, "{body}");
        }
        let calm = LogRecord { severity: LogSeverity::Info, ..log("x", "panic: told by somebody else") };
        assert_eq!(runtime_signal(&calm), None);
    }

    #[test]
    fn the_signal_is_about_the_instance_or_the_node_and_its_id_is_stable() {
        let oom = runtime_signal(&log("k8s.event OOMKilled", "")).unwrap();
        assert_eq!(
            (oom.service.as_deref(), oom.instance.as_deref()),
            (Some("till"), Some("till-7d9f8b6c5-xkz2p"))
        );
        assert_eq!(&*oom.id, "log/oom_killed/prod/till/till-7d9f8b6c5-xkz2p/7");
        assert_eq!(oom.subject, None);
        let node = LogRecord {
            service: "unknown_service".into(),
            instance: "node-1".into(),
            ..log("k8s.event NodeNotReady", "")
        };
        let node = runtime_signal(&node).unwrap();
        assert_eq!((node.service, node.instance, node.subject.as_deref()), (None, None, Some("node-1")));
    }
}
