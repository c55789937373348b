//! What of a scenario nobody can know, because too little of its telemetry arrives. Arithmetic on what is sent; it asks
//! nobody who judges it.

use super::Settings;

/// Sampled requests while the fault lasts. A tenth of them may fail, as under a canary, and of a baseline that was seen
/// no longer than this, fewer prove little.
const REQUESTS_MIN: u64 = 100;

impl Settings {
    /// Why no answer can be demanded, if none can.
    pub fn unknowable(&self) -> Option<String> {
        let requests =
            u64::from(self.rate) * self.faulty_s * u64::from(self.loss.sampled_per_mille()) / 1_000;
        let is_too_few = self.loss.samples_heads() && requests < REQUESTS_MIN;
        is_too_few.then(|| {
            format!(
                "{requests} sampled requests in {} s are too few to tell a fault from chance",
                self.faulty_s
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use model::Nanos;

    use super::*;
    use crate::scenario::Scenario;
    use crate::script::Loss;

    fn unknowable(rate: u32, loss: Loss) -> Option<String> {
        let settings = Settings {
            scenario: Scenario::LostMessages,
            env: "demo".into(),
            seed: 1,
            start: Nanos(0),
            healthy_s: 75,
            faulty_s: 60,
            rate,
            loss,
            innocent_deployments: false,
        };
        settings.unknowable()
    }

    #[test]
    fn a_thousandth_of_the_requests_tells_nothing() {
        let told = unknowable(500, Loss::head_sampling(1));
        assert!(told.is_some_and(|reason| reason.starts_with("30 sampled requests in 60 s")));
        assert_eq!(unknowable(500, Loss::head_sampling(10)), None);
        assert_eq!(unknowable(1, Loss::NONE), None);
    }
}
