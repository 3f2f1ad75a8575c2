//! Budgets of made-up machines.

use std::time::Duration;

use scenario::{Behaviour, Hold, Scenario, builder};

use super::*;
use crate::Targets;

/// The machine the constants were measured on.
fn machine() -> Machine {
    Machine {
        cores: 2,
        descriptors: 20_000,
        files_left: Some(2_400_000),
        memory: Some(22_000_000_000),
        ports: 28_232,
        backlog: Some(4_096),
    }
}

fn demand(sessions: u64, target: &str) -> Demand {
    Demand {
        peak_sessions: sessions,
        worst_sessions: sessions,
        peak_rate_per_s: 100.0,
        tls: 0.0,
        processors: 0.1,
        accounts: sessions.max(1),
        wanted_sessions: sessions,
        targets: vec![Target { address: target.parse().unwrap(), port: 110 }],
    }
}

fn refusals(demand: &Demand, machine: &Machine) -> Vec<String> {
    let refused = budget(demand, machine, None).unwrap_err();
    refused.0.iter().map(ToString::to_string).collect()
}

fn row<'a>(budget: &'a Budget, name: &str) -> &'a str {
    &budget.rows.iter().find(|row| row.name == name).unwrap().value
}

#[test]
fn a_small_run_is_one_worker_from_one_address() {
    let budget = budget(&demand(100, "127.0.0.1"), &machine(), None).unwrap();
    assert_eq!((budget.workers, budget.sources.len(), budget.warnings.len()), (1, 0, 0));
    assert_eq!(row(&budget, "workers"), "1, up to 19,936 sessions each (2 cores)");
    assert_eq!(row(&budget, "descriptors"), "164 of 20,000 for each worker");
    assert_eq!(row(&budget, "ports"), "100 of 28,232 (1 source address, 1 target)");
    assert_eq!(
        row(&budget, "memory"),
        "41.2 MB of 22 GB: 40.2 MB in processes, 920 kB for sockets, both ends being here; long listings may \
         take 50.3 MB more in each worker"
    );
}

#[test]
fn descriptors_demand_workers_and_loopback_gives_addresses() {
    let budget = budget(&demand(100_000, "127.0.0.1"), &machine(), None).unwrap();
    // ⌈100,000 / (20,000 - 64)⌉ and ⌈100,000 / 8,000⌉.
    assert_eq!((budget.workers, budget.sources.len()), (6, 13));
    assert_eq!(budget.sources[12], "127.77.0.13".parse::<IpAddr>().unwrap());
    assert!(budget.warnings.is_empty(), "{:?}", budget.warnings);
}

#[test]
fn a_million_plain_sessions_fit_the_machine_they_were_shown_on() {
    let budget = budget(&demand(1_000_000, "127.0.0.1"), &machine(), None).unwrap();
    assert_eq!((budget.workers, budget.sources.len()), (51, 125));
    let tls = Demand { tls: 1.0, ..demand(1_000_000, "127.0.0.1") };
    let refused = refusals(&tls, &machine());
    assert_eq!(refused.len(), 1);
    assert!(
        refused[0]
            .starts_with("1,000,000 sessions at once need about 33.2 GB of memory, and 22 GB is available; ")
    );
    assert!(refused[0].contains("run the target on another machine, which halves it"));
}

#[test]
fn processors_demand_workers_up_to_the_cores() {
    let busy = |processors| Demand { processors, ..demand(100, "10.0.0.1") };
    let workers = |processors| budget(&busy(processors), &machine(), None).unwrap().workers;
    assert_eq!([0.4, 0.6, 30.0, f64::INFINITY].map(workers), [1, 2, 2, 2]);
    let warned = budget(&busy(30.0), &machine(), None).unwrap().warnings;
    assert!(warned[0].contains("need about 30 cores and there are 2"), "{warned:?}");
}

#[test]
fn a_remote_target_has_the_ports_of_one_address() {
    let remote = demand(30_000, "192.168.1.5");
    let refused = refusals(&remote, &machine());
    assert_eq!(refused.len(), 1);
    assert!(
        refused[0]
            .starts_with("30,000 sessions at once need as many ports, and from one address to 1 target")
    );
    let two =
        Demand { targets: vec![remote.targets[0], Target { port: 995, ..remote.targets[0] }], ..remote };
    let budget = budget(&two, &machine(), None).unwrap();
    assert_eq!((budget.workers, budget.sources.len()), (2, 0));
    assert_eq!(row(&budget, "ports"), "30,000 of 56,464 (1 source address, 2 targets)");
}

#[test]
fn everything_that_cannot_work_is_said_at_once() {
    let poor =
        Machine { descriptors: 1_024, files_left: Some(50_000), memory: Some(100_000_000), ..machine() };
    let refused = refusals(&demand(1_000_000, "127.0.0.1"), &poor);
    assert_eq!(refused.len(), 3, "{refused:#?}");
    assert!(
        refused[0]
            .contains("1,042 worker processes at 1,024 descriptors each; raise the limit of open files")
    );
    assert!(refused[1].contains("raise fs.file-max"));
    assert!(refused[2].contains("100 MB is available"));
    let text = budget(&demand(1_000_000, "127.0.0.1"), &poor, None).unwrap_err().to_string();
    assert!(text.starts_with("this run cannot work here:\n- 1,000,000 sessions"), "{text}");
}

#[test]
fn too_few_descriptors_for_anything_and_no_accounts_are_refused() {
    let none = Machine { descriptors: 64, ..machine() };
    assert!(
        refusals(&demand(1, "127.0.0.1"), &none)[0].starts_with("a process may have only 64 descriptors")
    );
    let nobody = Demand { accounts: 0, ..demand(0, "127.0.0.1") };
    assert!(refusals(&nobody, &machine())[0].starts_with("there are no accounts"));
    let closed =
        Demand { peak_rate_per_s: 0.0, wanted_sessions: 50, accounts: 10, ..demand(10, "127.0.0.1") };
    assert!(
        refusals(&closed, &machine())[0].starts_with("a closed loop of 50 sessions needs as many accounts")
    );
}

#[test]
fn the_user_s_wish_for_workers_is_kept_if_it_can_work() {
    assert_eq!(budget(&demand(10, "127.0.0.1"), &machine(), Some(4)).unwrap().workers, 4);
    let refused = budget(&demand(100_000, "127.0.0.1"), &machine(), Some(2)).unwrap_err();
    assert_eq!(
        refused.0[0].to_string(),
        "100,000 sessions at once do not fit into 2 workers of 20,000 descriptors each; use --workers 6 or leave it out"
    );
}

#[test]
fn what_may_go_wrong_is_warned_of() {
    let frozen = Demand { worst_sessions: 50_000, ..demand(1_000, "127.0.0.1") };
    let found = budget(&frozen, &machine(), None).unwrap();
    assert!(found.warnings[0].contains("up to 50,000 sessions will be open"), "{:?}", found.warnings);
    assert!(found.warnings[0].ends_with("--workers 3 would hold them"));
    // The addresses are there for that case.
    assert_eq!(found.sources.len(), 7);
    let crowded = Demand { wanted_sessions: 700, accounts: 500, ..demand(500, "127.0.0.1") };
    let warned = budget(&crowded, &machine(), None).unwrap().warnings;
    assert!(warned[0].starts_with("the rate wants about 700 sessions at once and there are 500 accounts"));
    let storm = Demand { peak_rate_per_s: 9_000.0, ..demand(500, "127.0.0.1") };
    assert!(budget(&storm, &machine(), None).unwrap().warnings[0].contains("net.core.somaxconn"));
}

#[test]
fn a_machine_that_does_not_say_is_believed_to_have_enough() {
    let silent = Machine { files_left: None, memory: None, backlog: None, ..machine() };
    let budget = budget(&demand(1_000_000, "127.0.0.1"), &silent, None).unwrap();
    assert!(row(&budget, "memory").starts_with("13.6 GB: "), "{}", row(&budget, "memory"));
    assert_eq!(silent.facts()[1].value, "unknown");
    let endless = Machine { descriptors: u64::MAX, ..machine() };
    assert_eq!(endless.facts()[2].value, "unlimited");
    assert_eq!(super::budget(&demand(1_000, "127.0.0.1"), &endless, None).unwrap().workers, 1);
}

fn scenario(rate: f64, behaviour: Behaviour) -> Scenario {
    builder::scenario("budget")
        .account_pattern("load{n}", 0, 1_000_000)
        .open(rate, Duration::from_mins(1))
        .behaviour(1.0, behaviour)
        .build()
        .unwrap()
}

fn of(scenario: &Scenario) -> Demand {
    let targets = Targets { implicit: Vec::new(), clear: vec!["127.0.0.1:110".parse().unwrap()] };
    Demand::of(scenario, &targets)
}

#[test]
fn sessions_at_once_are_the_rate_times_the_time_they_are_held() {
    let polls = of(&scenario(100.0, Behaviour::Poll));
    // Half a second for the server, no think times; when it stands still, connect and reply time-outs on top.
    assert_eq!((polls.peak_sessions, polls.worst_sessions), (50, 4_050));
    let held = Behaviour::HoldIdle {
        noop_every: Duration::from_secs(10),
        lasting: Hold::For(Duration::from_secs(20)),
    };
    assert_eq!(of(&scenario(100.0, held)).peak_sessions, 2_050);
    // Held until the end they are all there at once, and no more than the plan has.
    let end = Behaviour::HoldIdle { noop_every: Duration::from_secs(10), lasting: Hold::UntilEnd };
    let all = of(&scenario(100.0, end));
    assert_eq!((all.peak_sessions, all.worst_sessions), (6_000, 6_000));
    assert!(all.is_here());
}

#[test]
fn accounts_bound_the_sessions_at_once() {
    let mut few = scenario(1_000.0, Behaviour::Poll);
    few.accounts =
        scenario::Accounts::Pattern { user: "u{n}".to_owned(), first: 0, count: 30, password: None };
    let demand = of(&few);
    assert_eq!((demand.peak_sessions, demand.wanted_sessions, demand.worst_sessions), (30, 500, 30));
}

#[test]
fn a_closed_loop_has_its_sessions_at_once_and_all_the_processor_there_is() {
    let closed = builder::scenario("closed")
        .account_pattern("load{n}", 0, 1_000)
        .closed(40, Duration::from_secs(10))
        .behaviour(1.0, Behaviour::Poll)
        .build()
        .unwrap();
    let demand = of(&closed);
    assert_eq!((demand.peak_sessions, demand.worst_sessions), (40, 40));
    assert_eq!(budget(&demand, &machine(), None).unwrap().workers, 2);
}
