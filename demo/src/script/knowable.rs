//! What of a scenario nobody can know, because too little of its telemetry arrives. Arithmetic on what is sent; it asks
//! nobody who judges it.

use super::Settings;
use crate::scenario::Scenario;

/// Of five requests, so many become messages.
const MESSAGES_OF_FIVE: u64 = 3;
/// While only minutes are known of a flow, its silence can be told from a pause where at least so many requests came in
/// every stretch of three seconds (120 a minute).
const LEAST_IN_3_S: u64 = 6;

impl Settings {
    /// Why no answer can be demanded, if none can.
    pub fn unknowable(&self) -> Option<String> {
        if self.scenario != Scenario::LostMessages {
            return None;
        }
        // In thousandths of a message.
        let a_second = u64::from(self.rate) * MESSAGES_OF_FIVE / 5 * u64::from(self.loss.sampled_per_mille());
        let in_3_s = 3 * a_second / 1_000;
        // By chance alone the least of many stretches lies three deviations below the mean.
        let least = in_3_s.saturating_sub(3 * in_3_s.isqrt());
        (least < LEAST_IN_3_S).then(|| {
            let (whole, tenth) = (a_second / 1_000, a_second % 1_000 / 100);
            format!("{whole}.{tenth} sampled messages a second are too few to tell silence from a pause")
        })
    }
}

#[cfg(test)]
mod tests {
    use model::Nanos;

    use super::*;
    use crate::script::Loss;

    fn unknowable(scenario: Scenario, rate: u32, loss: Loss) -> Option<String> {
        let settings = Settings {
            scenario,
            env: "demo".into(),
            seed: 1,
            start: Nanos(0),
            healthy_s: 75,
            faulty_s: 30,
            rate,
            loss,
            innocent_deployments: false,
        };
        settings.unknowable()
    }

    #[test]
    fn a_hundredth_of_few_messages_tells_nothing_of_silence() {
        let told = unknowable(Scenario::LostMessages, 500, Loss::head_sampling(10));
        assert!(told.is_some_and(|reason| reason.starts_with("3.0 sampled messages a second")));
        assert_eq!(unknowable(Scenario::LostMessages, 500, Loss::head_sampling(100)), None);
        assert_eq!(unknowable(Scenario::LostMessages, 15, Loss::NONE), None);
        assert_eq!(unknowable(Scenario::OomLoop, 1, Loss::head_sampling(1)), None);
    }
}
