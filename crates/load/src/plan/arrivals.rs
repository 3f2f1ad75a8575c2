//! The stream of arrivals of an open loop.

use std::iter::FusedIterator;

use chance::Chance;
use scenario::{Arrivals, Process};

use super::{GAPS, Permutation};

/// One planned session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Its number in the plan of all workers, from 0.
    pub number: u64,
    /// When it shall begin, nanoseconds since the start of the plan.
    pub intended_ns: u64,
    /// Whose it is: an index of the accounts.
    pub user: u64,
    /// The user's how-manieth session, from 0.
    pub visit: u32,
}

/// All arrivals of a plan in the order of their times. Their number is exactly what the scenario plans.
///
/// *Even*: the k-th stands where the area under the rate is k, so that borders of stages are exact. *Poisson*: n
/// independent draws from the rate over time, in order, which is a Poisson process of which one knows that it had n
/// events; in order at once, since partial sums of n + 1 exponential gaps, divided by their total, are n sorted
/// uniform numbers.
#[derive(Clone, Debug)]
pub struct Stream<'a> {
    arrivals: &'a Arrivals,
    turns: Permutation,
    users: u64,
    number: u64,
    planned: u64,
    /// `None` for an even process.
    gaps: Option<Gaps>,
    duration_ns: u64,
}

#[derive(Clone, Debug)]
struct Gaps {
    chance: Chance,
    sum: f64,
    /// Expected arrivals per unit of the sum.
    scale: f64,
}

impl<'a> Stream<'a> {
    pub(super) fn new(arrivals: &'a Arrivals, users: u64, turns: Permutation, seed: u64) -> Stream<'a> {
        let (planned, gaps) = match arrivals {
            Arrivals::Closed { .. } => (0, None),
            Arrivals::Open { process: Process::Even, .. } => (arrivals.planned_sessions(), None),
            Arrivals::Open { process: Process::Poisson, stages, .. } => {
                let area: f64 = stages.iter().map(scenario::Stage::sessions).sum();
                #[expect(clippy::cast_sign_loss, reason = "an area under a rate is not negative")]
                let all = area.round() as u64;
                let chance = Chance::of(&[seed, GAPS]);
                let mut first = Gaps { chance, sum: 0.0, scale: 1.0 };
                let fresh = first.clone();
                let total = (0..=all).map(|_| first.advance()).last().unwrap_or(1.0);
                (arrivals.planned_sessions(), Some(Gaps { scale: area / total, ..fresh }))
            }
        };
        let duration_ns = u64::try_from(arrivals.duration().as_nanos()).unwrap_or(u64::MAX);
        Stream { arrivals, turns, users, number: 0, planned, gaps, duration_ns }
    }
}

impl Gaps {
    /// The sum of one more exponential gap of mean 1.
    fn advance(&mut self) -> f64 {
        // 1 - u is never 0, so that the logarithm is finite.
        self.sum -= (1.0 - self.chance.uniform()).ln();
        self.sum
    }
}

impl Iterator for Stream<'_> {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        if self.number >= self.planned {
            return None;
        }
        let number = self.number;
        self.number += 1;
        let area = match &mut self.gaps {
            None => number as f64,
            Some(gaps) => gaps.advance() * gaps.scale,
        };
        #[expect(clippy::cast_sign_loss, reason = "a time since the start is not negative")]
        let intended_ns = self
            .arrivals
            .when(area)
            .map_or(self.duration_ns, |seconds| ((seconds * 1e9).round() as u64).min(self.duration_ns));
        Some(Arrival {
            number,
            intended_ns,
            user: self.turns.at(number % self.users),
            visit: (number / self.users) as u32,
        })
    }
}

impl FusedIterator for Stream<'_> {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use scenario::{Behaviour, Process, Scenario, builder};

    use crate::plan::Plan;

    use super::Arrival;

    fn scenario(process: Process, users: u64) -> Scenario {
        builder::scenario("plan")
            .account_pattern("load{n}", 0, users)
            .process(process)
            .ramp(0.0, 100.0, Duration::from_secs(10))
            .open(50.0, Duration::from_secs(10))
            .behaviour(3.0, Behaviour::Poll)
            .behaviour(1.0, Behaviour::Retrieve { most: 1 })
            .build()
            .unwrap()
    }

    fn arrivals(scenario: &Scenario, seed: u64) -> Vec<Arrival> {
        Plan::new(scenario, seed).arrivals(scenario).collect()
    }

    #[test]
    fn an_even_process_stands_where_the_area_is_whole() {
        let all = arrivals(&scenario(Process::Even, 7), 1);
        assert_eq!(all.len(), 1000);
        assert_eq!(all[0].intended_ns, 0);
        // The area of the ramp is 5 t²: the 500 of it end exactly with it.
        assert_eq!(all[125].intended_ns, 5_000_000_000);
        assert_eq!(all[500].intended_ns, 10_000_000_000);
        assert_eq!(all[501].intended_ns, 10_020_000_000);
        assert!(all.is_sorted_by_key(|arrival| arrival.intended_ns));
    }

    #[test]
    fn a_poisson_process_has_exponential_gaps_and_the_planned_number() {
        let scenario = scenario(Process::Poisson, 7);
        let all = arrivals(&scenario, 1);
        assert_eq!(all.len(), 1000);
        assert!(all.is_sorted_by_key(|arrival| arrival.intended_ns));
        let level: Vec<f64> = all
            .iter()
            .filter(|arrival| arrival.intended_ns >= 10_000_000_000)
            .map(|arrival| arrival.intended_ns as f64 / 1e9)
            .collect();
        assert!((430..570).contains(&level.len()), "{} of 500", level.len());
        let gaps: Vec<f64> = level.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let spread =
            (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64).sqrt() / mean;
        assert!((0.85..1.15).contains(&spread), "standard deviation over mean is 1, not {spread}");
        assert_ne!(all, arrivals(&scenario, 2));
        assert_eq!(all, arrivals(&scenario, 1));
    }

    #[test]
    fn users_take_turns_and_visits_count() {
        let all = arrivals(&scenario(Process::Even, 7), 3);
        for round in all.chunks_exact(7) {
            let mut users: Vec<u64> = round.iter().map(|arrival| arrival.user).collect();
            users.sort_unstable();
            assert!(users.into_iter().eq(0..7));
            assert!(round.iter().all(|arrival| u64::from(arrival.visit) == round[0].number / 7));
        }
    }

    #[test]
    fn shares_of_behaviours_are_exact() {
        let scenario = scenario(Process::Even, 400);
        let plan = Plan::new(&scenario, 5);
        let polls = (0..400).filter(|user| plan.behaviour(&scenario, *user) == 0).count();
        assert_eq!(polls, 300);
        let first = (0..40).filter(|user| plan.behaviour(&scenario, *user) == 0).count();
        assert!((20..40).contains(&first), "the first forty users are a mix: {first}");
    }

    #[test]
    fn slots_of_a_closed_loop_share_the_users_out() {
        let scenario = builder::scenario("closed")
            .account_pattern("load{n}", 0, 10)
            .closed(3, Duration::from_secs(1))
            .behaviour(1.0, Behaviour::Poll)
            .build()
            .unwrap();
        let plan = Plan::new(&scenario, 1);
        let mut seen = Vec::new();
        for slot in 0..3 {
            let own = if slot == 0 { 4 } else { 3 };
            for n in 0..own {
                let (user, visit) = plan.turn(slot, n);
                assert_eq!((visit, plan.turn(slot, n + own)), (0, (user, 1)));
                assert_eq!(u64::from(plan.worker(user, 2)), slot % 2);
                seen.push(user);
            }
        }
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..10));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_number_of_workers_does_not_change_the_plan(
            seed in any::<u64>(), users in 1u64..50, workers in 1u32..5, even in any::<bool>()
        ) {
            let process = if even { Process::Even } else { Process::Poisson };
            let scenario = scenario(process, users);
            let whole = arrivals(&scenario, seed);
            let mut union: Vec<Arrival> = Vec::new();
            for worker in 0..workers {
                let plan = Plan::new(&scenario, seed);
                union.extend(plan.arrivals(&scenario).filter(|arrival| plan.worker(arrival.user, workers) == worker));
            }
            union.sort_unstable_by_key(|arrival| arrival.number);
            prop_assert_eq!(whole, union);
        }
    }
}
