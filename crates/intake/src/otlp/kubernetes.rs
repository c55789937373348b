//! What Kubernetes calls things: the workload behind a pod, and events of its objects, as the OpenTelemetry
//! Collector's receivers `k8s_events` and `k8sobjects` send them.

use std::borrow::Cow;

use super::value::AnyValue;

/// Kubernetes makes the random ends of names of these: no vowels, nothing that looks like another.
const SUFFIX_ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// The name of what owns a pod: without the ends that Kubernetes appends for replica sets, jobs and pods.
pub(crate) fn workload_of_pod(pod: &str) -> &str {
    let Some((rest, last)) = pod.rsplit_once('-') else { return pod };
    if is_number(last) && last.len() <= 5 {
        return rest; // The pod of a stateful set.
    }
    if !(last.len() == 5 && is_random(last)) {
        return pod;
    }
    match rest.rsplit_once('-') {
        Some((name, hash)) if is_replica_set_hash(hash) || (hash.len() >= 8 && is_number(hash)) => name,
        _ => rest,
    }
}

/// What owns an object of another kind, by its name.
pub(crate) fn workload_of<'n>(kind: &str, name: &'n str) -> Option<&'n str> {
    match kind {
        "Pod" => Some(workload_of_pod(name)),
        "ReplicaSet" => Some(match name.rsplit_once('-') {
            Some((rest, hash)) if is_replica_set_hash(hash) => rest,
            _ => name,
        }),
        "Deployment" | "StatefulSet" | "DaemonSet" | "CronJob" | "HorizontalPodAutoscaler" => Some(name),
        "Job" => Some(match name.rsplit_once('-') {
            Some((rest, time)) if time.len() >= 8 && is_number(time) => rest,
            _ => name,
        }),
        _ => None,
    }
}

/// A pod's random end.
pub(crate) fn is_random(text: &str) -> bool {
    text.bytes().all(|byte| SUFFIX_ALPHABET.contains(&byte))
}

fn is_replica_set_hash(text: &str) -> bool {
    (6..=10).contains(&text.len()) && is_random(text) && text.bytes().any(|byte| byte.is_ascii_digit())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// An event of an object, as far as it is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct KubernetesEvent<'v> {
    pub(crate) reason: Cow<'v, str>,
    pub(crate) message: Cow<'v, str>,
    /// `Normal` or `Warning`.
    pub(crate) kind: Cow<'v, str>,
    pub(crate) object_kind: Cow<'v, str>,
    pub(crate) object_name: Cow<'v, str>,
}

impl<'v> KubernetesEvent<'v> {
    /// From a body that is the event itself or, when it was watched for, holds it as `object`.
    pub(crate) fn from_body(body: &'v AnyValue<'_>) -> Option<Self> {
        let event = body.member("object").unwrap_or(body);
        let object = event.member("involvedObject").or_else(|| event.member("regarding"))?;
        let text = |of: &'v AnyValue<'_>, key: &str| of.member(key).and_then(AnyValue::text);
        let reason = text(event, "reason")?;
        // Kubernetes forgets its events after a while: that is no news of the object.
        let is_forgotten = text(body, "type").is_some_and(|kind| kind == "DELETED");
        Some(Self {
            reason: if is_forgotten { Cow::Borrowed("DELETED") } else { reason },
            message: text(event, "message").or_else(|| text(event, "note")).unwrap_or_default(),
            kind: text(event, "type").unwrap_or_default(),
            object_kind: text(object, "kind").unwrap_or_default(),
            object_name: text(object, "name").unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workload_is_the_name_without_what_kubernetes_appends() {
        for (pod, workload) in [
            ("checkout-7d9f8b6c5-xkz2p", "checkout"),
            ("payment-api-66b6c48dd5-8w5k9", "payment-api"),
            ("fluent-bit-rgpwx", "fluent-bit"),
            ("postgres-0", "postgres"),
            ("report-28934560-4xk7z", "report"),
            ("checkout", "checkout"),
            ("card-tests", "card-tests"),
            ("my-service", "my-service"),
            ("-", "-"),
            ("", ""),
        ] {
            assert_eq!(workload_of_pod(pod), workload, "{pod}");
        }
        assert_eq!(workload_of("ReplicaSet", "checkout-7d9f8b6c5"), Some("checkout"));
        assert_eq!(workload_of("Deployment", "checkout"), Some("checkout"));
        assert_eq!(workload_of("Job", "report-28934560"), Some("report"));
        assert_eq!(workload_of("Node", "node-1"), None);
    }
}
