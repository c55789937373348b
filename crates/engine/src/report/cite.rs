//! The ids under which evidence is cited: made of what the evidence is, never of where it was stored.

use model::{AlertRecord, Deployment, Signal, TraceId};

use crate::hash;
use crate::window::{FamilyKey, OperationKey};

pub(crate) fn trace(id: &TraceId) -> String {
    format!("trace:{id}")
}

pub(crate) fn deployment(deployment: &Deployment) -> String {
    format!("deployment:{}", deployment.id)
}

pub(crate) fn signal(signal: &Signal) -> String {
    format!("signal:{}", signal.id)
}

pub(crate) fn alert(alert: &AlertRecord) -> String {
    format!("alert:{}/{}", alert.provider.as_str(), alert.id)
}

pub(crate) fn symptom(family: &FamilyKey) -> String {
    let OperationKey { env, service, kind, operation } = &family.operation;
    let parts = [
        env.as_bytes(),
        service.as_bytes(),
        kind.as_str().as_bytes(),
        operation.as_bytes(),
        family.sign.as_str().as_bytes(),
        family.code.as_bytes(),
    ];
    format!("symptom:{}", hash::hex(&hash::digest8(&parts)))
}

pub(crate) fn operation(key: &OperationKey) -> String {
    let OperationKey { env, service, kind, operation } = key;
    let parts = [env.as_bytes(), service.as_bytes(), kind.as_str().as_bytes(), operation.as_bytes()];
    format!("operation:{}", hash::hex(&hash::digest8(&parts)))
}
