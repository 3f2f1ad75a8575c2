//! When sessions begin: stages of straight lines, whatever they were written as.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// When sessions begin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Arrivals {
    /// Open loop: sessions begin when the plan says, whether or not earlier ones are done.
    Open {
        /// Evenly, or as people come.
        process: Process,
        /// The rate over time. A constant rate is one level stage, a ramp one sloping stage, a recorded curve many.
        stages: Vec<Stage>,
        /// No more sessions than this.
        most: Option<u64>,
    },
    /// Closed loop: this many users, each beginning anew when done. A slow server slows the load too, so the times it
    /// shows are kinder than its users' (coordinated omission).
    Closed {
        /// Sessions at once.
        sessions: u64,
        /// For how long new ones begin.
        lasting: Duration,
    },
}

/// How sessions are spread at a given rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Process {
    /// Equal distances.
    Even,
    /// Independent of each other, as many users are: distances are exponential.
    Poisson,
}

/// A straight line of the rate over time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Sessions a second at its begin.
    pub from_per_s: f64,
    /// Sessions a second at its end.
    pub to_per_s: f64,
    /// How long it lasts.
    pub lasting: Duration,
}

impl Stage {
    /// Expected sessions of the whole stage.
    pub fn sessions(&self) -> f64 {
        self.until(self.lasting.as_secs_f64())
    }

    /// Expected sessions of its first `seconds`.
    fn until(&self, seconds: f64) -> f64 {
        let length = self.lasting.as_secs_f64();
        if length <= 0.0 {
            return 0.0;
        }
        let seconds = seconds.clamp(0.0, length);
        let slope = (self.to_per_s - self.from_per_s) / length;
        self.from_per_s * seconds + slope * seconds * seconds / 2.0
    }

    /// After how many seconds `sessions` are to be expected; the inverse of `until`.
    fn when(&self, sessions: f64) -> f64 {
        let length = self.lasting.as_secs_f64();
        if length <= 0.0 || sessions <= 0.0 {
            return 0.0;
        }
        // The root of slope/2·t² + from·t − sessions, in the form that stays exact when the slope is tiny.
        let slope = (self.to_per_s - self.from_per_s) / length;
        let root = (self.from_per_s * self.from_per_s + 2.0 * slope * sessions).max(0.0).sqrt();
        let seconds = 2.0 * sessions / (self.from_per_s + root);
        if seconds.is_finite() { seconds.clamp(0.0, length) } else { length }
    }
}

impl Arrivals {
    /// How many sessions are planned: the area under the rate, rounded, and at most the cap. A closed loop plans none
    /// beyond its first ones: their number is what it measures.
    pub fn planned_sessions(&self) -> u64 {
        match self {
            Self::Open { stages, most, .. } => {
                // Not negative, and a float that is too large becomes the largest integer.
                #[expect(clippy::cast_sign_loss)]
                let area = stages.iter().map(Stage::sessions).sum::<f64>().round() as u64;
                most.map_or(area, |most| area.min(most))
            }
            Self::Closed { sessions, .. } => *sessions,
        }
    }

    /// How long sessions may begin.
    pub fn duration(&self) -> Duration {
        match self {
            Self::Open { stages, .. } => {
                stages.iter().fold(Duration::ZERO, |sum, stage| sum.saturating_add(stage.lasting))
            }
            Self::Closed { lasting, .. } => *lasting,
        }
    }

    /// The highest rate in sessions a second; `None` in a closed loop, which has none.
    pub fn peak_per_s(&self) -> Option<f64> {
        match self {
            Self::Open { stages, .. } => Some(
                stages.iter().fold(0.0, |peak: f64, stage| peak.max(stage.from_per_s).max(stage.to_per_s)),
            ),
            Self::Closed { .. } => None,
        }
    }

    /// The rate in sessions a second at a moment (seconds since the start); 0 after the end and in a closed loop.
    pub fn rate_at(&self, seconds: f64) -> f64 {
        let Self::Open { stages, .. } = self else { return 0.0 };
        let mut left = seconds;
        for stage in stages {
            let length = stage.lasting.as_secs_f64();
            if left < length {
                return stage.from_per_s + (stage.to_per_s - stage.from_per_s) * left.max(0.0) / length;
            }
            left -= length;
        }
        0.0
    }

    /// How many sessions (a real number) the rate makes until this second, the cap aside; 0 in a closed loop.
    pub fn expected_until(&self, seconds: f64) -> f64 {
        let Self::Open { stages, .. } = self else { return 0.0 };
        let mut left = seconds;
        let mut sum = 0.0;
        for stage in stages {
            if left <= 0.0 {
                break;
            }
            sum += stage.until(left);
            left -= stage.lasting.as_secs_f64();
        }
        sum
    }

    /// At what second `sessions` (a real number) are to be expected: the inverse of [`Self::expected_until`], `None`
    /// beyond the end. Whole numbers give an even process; sums of exponential steps of mean 1 give a Poisson one.
    pub fn when(&self, sessions: f64) -> Option<f64> {
        let Self::Open { stages, .. } = self else { return None };
        let mut left = sessions;
        let mut start = 0.0;
        for stage in stages {
            let area = stage.sessions();
            if left < area {
                return Some(start + stage.when(left));
            }
            left -= area;
            start += stage.lasting.as_secs_f64();
        }
        None
    }

    /// The same shape with another peak, for `--rate` and for finding the capacity. A closed loop, and a curve that is
    /// zero throughout, stay as they are.
    pub fn set_peak(&mut self, per_s: f64) {
        let factor = self.peak_per_s().filter(|peak| *peak > 0.0).map(|peak| per_s / peak);
        if let (Self::Open { stages, .. }, Some(factor)) = (self, factor) {
            for stage in stages {
                stage.from_per_s *= factor;
                stage.to_per_s *= factor;
            }
        }
    }

    /// The same shape, stretched or pressed to another duration, for `--duration`.
    pub fn set_duration(&mut self, duration: Duration) {
        let before = self.duration().as_secs_f64();
        match self {
            Self::Open { stages, .. } if before > 0.0 => {
                let factor = duration.as_secs_f64() / before;
                for stage in stages {
                    let length = stage.lasting.as_secs_f64() * factor;
                    stage.lasting = Duration::try_from_secs_f64(length).unwrap_or(Duration::MAX);
                }
            }
            Self::Open { .. } => {}
            Self::Closed { lasting, .. } => *lasting = duration,
        }
    }

    /// No more sessions than this (`--sessions`); in a closed loop, this many at once.
    pub fn set_sessions(&mut self, number: u64) {
        match self {
            Self::Open { most, .. } => *most = Some(number),
            Self::Closed { sessions, .. } => *sessions = number,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn morning() -> Arrivals {
        let stage = |from_per_s, to_per_s, seconds| Stage {
            from_per_s,
            to_per_s,
            lasting: Duration::from_secs(seconds),
        };
        let stages = vec![stage(0.0, 100.0, 10), stage(0.0, 0.0, 5), stage(100.0, 50.0, 20)];
        Arrivals::Open { process: Process::Even, stages, most: None }
    }

    #[test]
    fn sessions_are_the_area_under_the_rate() {
        let mut arrivals = morning();
        assert_eq!(arrivals.planned_sessions(), 500 + 1500);
        assert_eq!(arrivals.duration(), Duration::from_secs(35));
        assert_eq!(arrivals.peak_per_s(), Some(100.0));
        assert_eq!(
            (arrivals.rate_at(5.0), arrivals.rate_at(12.0), arrivals.rate_at(25.0)),
            (50.0, 0.0, 75.0)
        );
        assert_eq!(Some(arrivals.rate_at(35.0)), Some(0.0));
        arrivals.set_sessions(700);
        assert_eq!(arrivals.planned_sessions(), 700);
        let endless = Stage { from_per_s: 1e300, to_per_s: 1e300, lasting: Duration::MAX };
        let arrivals = Arrivals::Open { process: Process::Even, stages: vec![endless; 2], most: None };
        assert_eq!((arrivals.planned_sessions(), arrivals.duration()), (u64::MAX, Duration::MAX));
    }

    #[test]
    fn when_is_the_inverse_of_how_many() {
        let arrivals = morning();
        for number in 0..2000 {
            let seconds = arrivals.when(f64::from(number)).unwrap();
            assert!(
                !(10.0..15.0).contains(&seconds) || number == 500,
                "{number} falls into the pause, at {seconds}"
            );
            assert!(
                (arrivals.expected_until(seconds) - f64::from(number)).abs() < 1e-6,
                "{number} {seconds}"
            );
        }
        assert_eq!(arrivals.when(2000.0), None);
        assert_eq!(arrivals.when(0.0), Some(0.0));
        assert_eq!(Some(arrivals.expected_until(1e9)), Some(2000.0));
    }

    #[test]
    fn a_shape_keeps_its_form_under_another_peak_and_duration() {
        let mut arrivals = morning();
        arrivals.set_peak(10.0);
        assert_eq!(arrivals.planned_sessions(), 200);
        arrivals.set_duration(Duration::from_secs(70));
        assert_eq!(arrivals.duration(), Duration::from_secs(70));
        assert_eq!(arrivals.planned_sessions(), 400);
        assert_eq!(Some(arrivals.rate_at(10.0)), Some(5.0));
        let mut closed = Arrivals::Closed { sessions: 5, lasting: Duration::from_secs(9) };
        closed.set_peak(10.0);
        closed.set_sessions(7);
        closed.set_duration(Duration::from_secs(3));
        assert_eq!(closed, Arrivals::Closed { sessions: 7, lasting: Duration::from_secs(3) });
        assert_eq!((closed.peak_per_s(), closed.when(0.0)), (None, None));
    }
}
