//! The whole run as one JSON object, for `--format json`. The format itself belongs to [`record::Report`].

use record::{Report, Results, Run};

/// One JSON object `{"run": …, "results": …}` with a final line end; it reads back with [`Report::parse`].
pub fn json(run: &Run, results: &Results) -> String {
    Report { run: run.clone(), results: results.clone() }.to_json()
}
