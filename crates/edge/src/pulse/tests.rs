//! Who is told on, and when.

use super::*;

const PATIENCE: Patience = Patience { request: Duration::from_secs(1), idle: Duration::from_secs(10) };

struct Clock {
    now: Arc<AtomicU64>,
    pulse: Arc<Pulse>,
}

impl Clock {
    fn new() -> Self {
        let now = Arc::new(AtomicU64::new(1));
        Self { pulse: Arc::new(Pulse::new(Arc::clone(&now))), now }
    }

    fn after(&self, ms: u64) -> Option<Verdict> {
        self.now.fetch_add(ms, Relaxed);
        self.pulse.judged(PATIENCE)
    }
}

#[test]
fn who_asks_nothing_is_late_and_who_asked_once_is_idle() {
    let clock = Clock::new();
    assert_eq!(clock.after(1_000), None);
    assert_eq!(clock.after(1), Some(Verdict::Late));
    drop(clock.pulse.request(false));
    assert_eq!(clock.after(10_000), None);
    assert_eq!(clock.after(1), Some(Verdict::Idle));
}

#[test]
fn half_a_head_is_late_however_often_a_byte_of_it_comes() {
    let clock = Clock::new();
    drop(clock.pulse.request(false));
    assert_eq!(clock.after(5_000), None);
    clock.pulse.read();
    assert_eq!(clock.after(900), None);
    clock.pulse.read();
    assert_eq!(clock.after(101), Some(Verdict::Late));
    let under_way = clock.pulse.request(false);
    assert_eq!(clock.after(100_000), None, "a call takes as long as it takes");
    drop(under_way);
    assert_eq!(clock.after(100), None);
}

#[test]
fn frames_of_http_2_begin_nothing_and_keep_nothing_open() {
    let clock = Clock::new();
    drop(clock.pulse.request(true));
    clock.pulse.read();
    assert_eq!(clock.after(9_000), None);
    clock.pulse.read();
    assert_eq!(clock.after(1_001), Some(Verdict::Idle));
}

#[test]
fn who_takes_nothing_is_stuck_and_who_takes_a_little_is_not() {
    let clock = Clock::new();
    let _under_way = clock.pulse.request(false);
    clock.pulse.wrote(false);
    assert_eq!(clock.after(900), None);
    clock.pulse.wrote(true);
    clock.pulse.wrote(false);
    assert_eq!(clock.after(900), None);
    clock.pulse.wrote(false);
    assert_eq!(clock.after(101), Some(Verdict::Stuck));
}

#[test]
fn what_is_still_sent_after_the_last_request_is_not_idle() {
    let clock = Clock::new();
    drop(clock.pulse.request(true));
    assert_eq!(clock.after(9_000), None);
    clock.pulse.wrote(true);
    assert_eq!(clock.after(9_000), None);
    assert_eq!(clock.after(1_001), Some(Verdict::Idle));
}

#[test]
fn a_session_is_asked_for_a_sign_of_life_before_it_is_given_up() {
    let clock = Clock::new();
    clock.pulse.is_session();
    assert_eq!(clock.after(5_000), None);
    assert_eq!(clock.after(1), Some(Verdict::Quiet));
    clock.pulse.read();
    assert_eq!(clock.after(5_000), None);
    assert_eq!(clock.after(5_001), Some(Verdict::Silent));
}

#[tokio::test]
async fn a_verdict_wakes_whoever_waits_and_what_is_gone_is_forgotten() {
    let pulses = Pulses::new();
    let (pulse, gone) = (pulses.begin(), pulses.begin());
    drop(gone);
    pulses.now.store(2_000, Relaxed);
    pulses.look(PATIENCE);
    let told = tokio::time::timeout(Duration::from_secs(20), pulse.verdict()).await;
    assert_eq!(told, Ok(Verdict::Late));
    assert_eq!(pulses.all.lock().unwrap().len(), 1);
}
