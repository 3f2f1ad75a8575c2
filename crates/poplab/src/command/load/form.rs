//! The forms in which a load run is reported. The texts are `report`'s.

use clap::ValueEnum;
use record::{LoadResults, Run};

use crate::{folder, terminal};

/// The forms a load run can be reported in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For people, in a terminal.
    Human,
    /// One JSON object with everything.
    Json,
    /// One self-contained page; always written to --out.
    Html,
    /// The seconds of the run, for spreadsheets; always written to --out.
    Csv,
    /// JUnit XML, one case for each threshold.
    Junit,
    /// Annotations of GitHub Actions.
    Github,
}

impl Form {
    /// The file in the run's folder when it does not go to stdout.
    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::Human => "report.txt",
            Self::Json => "report.json",
            Self::Html => folder::PAGE,
            Self::Csv => folder::SERIES,
            Self::Junit => "junit.xml",
            Self::Github => "github.txt",
        }
    }

    /// The report's text. `transcripts` gives a transcript by its path in the run's folder.
    pub(crate) fn render(
        self,
        run: &Run,
        results: &LoadResults,
        verbose: bool,
        transcripts: &dyn Fn(&str) -> Option<String>,
    ) -> String {
        let text = match self {
            Self::Human => {
                let options = report::Options {
                    color: terminal::color(),
                    width: terminal::width(),
                    verbose,
                    latencies: &[],
                    transcripts,
                };
                report::load_summary(run, results, &options)
            }
            Self::Json => report::load_json(run, results),
            Self::Html => report::load_html(run, results, transcripts),
            Self::Csv => report::load_csv(results),
            Self::Junit => report::load_junit(run, results),
            Self::Github => report::load_github(run, results),
        };
        match self {
            Self::Json => report::harmless_json(&text),
            Self::Github => report::harmless_annotations(&text),
            _ => report::harmless(&text),
        }
    }
}
