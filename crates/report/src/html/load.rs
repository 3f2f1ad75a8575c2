//! The page of a load run: the order of its parts.

use maud::html;
use record::{LoadResults, Run};

use super::{lead, machine, page, steps, time, trouble};

/// One self-contained page: verdict and thresholds, how long users waited, the run over time, errors with excerpts
/// of their transcripts, what was verified, the plan, the generator, and where each number comes from.
///
/// `transcripts` gives the text of a transcript by its path in the run's folder. The curves are drawn from the
/// histograms in the results; one that cannot be read is left out, and the page says so.
pub fn load_html(run: &Run, results: &LoadResults, transcripts: &dyn Fn(&str) -> Option<String>) -> String {
    let alert = lead::alert(results);
    let title = format!("{}: load on {}", results.plan.scenario, run.target.name);
    let header = html! { (lead::header(run, results)) };
    let body = html! {
        (lead::thresholds(results))
        (lead::capacity(results))
        (steps::section(results))
        (time::section(results))
        (trouble::errors(results, transcripts))
        (trouble::verified(results))
        (machine::plan(results))
        (machine::generator(results))
        (machine::environment(run, results))
        (machine::sources(results))
    };
    page(&title, alert.as_ref(), &header, &body, run)
}
