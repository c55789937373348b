//! What else is said while the shop runs: deployments by the pipeline, signals by the cluster, metrics by everybody.

use std::ops::Range;

use model::{Nanos, SECOND_NS};
use serde_json::{Value, json};

use super::dice::Dice;
use super::place::{NODES, Place, Service};
use super::wire::{self, text};
use super::world::World;
use super::{Kind, Settings};
use crate::scenario::Scenario;

/// How often metrics are exported.
const METRICS_EVERY_S: u64 = 10;
/// What an instance may take before it is killed.
const MEMORY_LIMIT: u64 = 512 << 20;

type Fact = (Nanos, Kind, Value);

/// What is said in the second that begins at `second`.
pub(crate) fn of_second(world: &World, settings: &Settings, second: Nanos, dice: &mut Dice) -> Vec<Fact> {
    let within = second..second.saturating_add(SECOND_NS);
    let mut facts = deployments(world, settings);
    facts.extend(signals(world, settings, second));
    facts.push(baseline(world, settings));
    facts.retain(|(at, ..)| within.contains(at));
    if second.as_secs().is_multiple_of(METRICS_EVERY_S) {
        facts.push((second, Kind::OtlpMetrics, metrics(world, settings, second, dice)));
    }
    facts
}

/// Latency has no normal before two minutes, silence none before five and a surge none before ten. A minute and a
/// quarter is enough where somebody answers for it.
fn baseline(world: &World, settings: &Settings) -> Fact {
    let until = world.fault.saturating_sub(2 * SECOND_NS);
    let body = json!({ "until": until.to_rfc3339(), "env": settings.env, "actor": "demo" });
    // A second later all spans up to then have arrived.
    (until.saturating_add(SECOND_NS), Kind::Baseline, body)
}

fn deployments(world: &World, settings: &Settings) -> Vec<Fact> {
    let before = |seconds: u64, service: Service, version: &str| {
        let at = world.fault.saturating_sub(seconds * SECOND_NS);
        let body = json!({
            "id": format!("{}/{} {version}", settings.env, service.name()),
            "service": service.name(),
            "env": settings.env,
            "version": version,
            "previous_version": service.version(),
            "at": at.to_rfc3339(),
            "commit": "5f0c1d9",
            "author": "demo pipeline",
        });
        (at, Kind::Deployment, body)
    };
    let mut all = match world.scenario {
        Scenario::BadDeploy | Scenario::QuietDeploy => vec![before(1, Service::Checkout, "2.4.1")],
        _ => Vec::new(),
    };
    if world.three_deploy {
        all.push(before(56, Service::Inventory, "5.1.0"));
        all.push(before(31, Service::Store, "1.13.0"));
        all.push(before(1, Service::Payment, "3.2.0"));
    }
    all
}

fn signals(world: &World, settings: &Settings, second: Nanos) -> Vec<Fact> {
    let about = |at: Nanos, mut body: Value| {
        body["env"] = settings.env.as_str().into();
        body["at"] = at.to_rfc3339().into();
        (at, Kind::Signal, body)
    };
    match world.scenario {
        Scenario::ConfigFlag => vec![about(
            world.fault,
            json!({
                "kind": "config", "subtype": "feature_flag",
                "service": "checkout", "subject": "checkout.tax-engine-v2",
                "message": "checkout.tax-engine-v2: off -> on for 60 % of the carts",
                "attributes": { "old": "off", "new": "on", "author": "ana" },
            }),
        )],
        Scenario::Panic if second >= world.fault => vec![about(
            second.saturating_add(SECOND_NS / 2),
            json!({
                "kind": "runtime", "subtype": "panic",
                "service": "inventory", "instance": "inventory-1",
                "message": "attempt to divide by zero at src/packs.rs:31",
            }),
        )],
        Scenario::OomLoop => {
            oom_signals(world, second).into_iter().map(|(at, body)| about(at, body)).collect()
        }
        _ => Vec::new(),
    }
}

/// Every kill, and from the second on that it does so again and again.
fn oom_signals(world: &World, second: Nanos) -> Vec<(Nanos, Value)> {
    let mut said = Vec::new();
    for (number, at) in world.kills(second.saturating_add(SECOND_NS)).into_iter().enumerate() {
        let signal = |subtype: &str, message: String| {
            json!({
                "kind": "runtime", "subtype": subtype,
                "service": "inventory", "instance": "inventory-2", "message": message,
                "attributes": { "exit_code": "137", "restarts": number.to_string(), "node": "node-c" },
            })
        };
        said.push((at, signal("oom_killed", "inventory-2 was killed at 512 MiB".to_owned())));
        if number > 0 {
            let message = format!("back-off restarting inventory-2, {} restarts", number + 1);
            said.push((at.saturating_add(SECOND_NS / 2), signal("crashloop", message)));
        }
    }
    said
}

fn metrics(world: &World, settings: &Settings, at: Nanos, dice: &mut Dice) -> Value {
    let mut resources = Vec::new();
    for node in NODES {
        let busy = world.node_busy_percent(node, at, dice);
        let points = [gauge("system.cpu.utilization", "1", at, percent(busy))];
        resources.push(resource_metrics(wire::node(node, &settings.env), &points));
    }
    for service in Service::ALL {
        for number in instances(service) {
            let place = Place { service, number, version: service.version() };
            if world.down(&place, at) {
                continue;
            }
            let busy = world.node_busy_percent(place.node(), at, dice);
            let points = [
                gauge("process.cpu.utilization", "1", at, percent(busy / 3)),
                gauge("container.memory.working_set", "By", at, json!(memory(world, &place, at))),
                restarts(world, &place, at),
            ];
            resources.push(resource_metrics(wire::resource(&place, &settings.env), &points));
        }
    }
    json!({ "resourceMetrics": resources })
}

fn instances(service: Service) -> Range<u8> {
    1..service.instances() + 1
}

fn percent(value: u64) -> Value {
    // Two decimals, which any double writes the same way.
    json!(f64::from(u32::try_from(value).unwrap_or(0)) / 100.0)
}

/// An instance that leaks is full just before it is killed.
fn memory(world: &World, place: &Place, at: Nanos) -> u64 {
    let leaks = world.broken(Scenario::OomLoop, at) && super::world::is_inventory_2(place);
    if leaks { MEMORY_LIMIT / 100 * 96 } else { MEMORY_LIMIT / 100 * 41 }
}

fn gauge(name: &str, unit: &str, at: Nanos, value: Value) -> Value {
    let field = if value.is_f64() { "asDouble" } else { "asInt" };
    let value = if value.is_f64() { value } else { json!(value.to_string()) };
    json!({
        "name": name, "unit": unit,
        "gauge": { "dataPoints": [{ "timeUnixNano": at.0.to_string(), field: value }] },
    })
}

fn restarts(world: &World, place: &Place, at: Nanos) -> Value {
    let own = super::world::is_inventory_2(place);
    let count = if own { world.kills(at.saturating_add(1)).len() } else { 0 };
    json!({
        "name": "k8s.container.restarts", "unit": "{restart}",
        "sum": {
            "aggregationTemporality": 2, "isMonotonic": true,
            "dataPoints": [{
                "timeUnixNano": at.0.to_string(),
                "asInt": count.to_string(),
                "attributes": [text("k8s.container.name", place.service.name())],
            }],
        },
    })
}

fn resource_metrics(resource: Value, metrics: &[Value]) -> Value {
    json!({ "resource": resource, "scopeMetrics": [{ "metrics": metrics }] })
}
