//! The measurements, by part, and the table they fill.

mod cost;
mod engine;
mod held;
mod memory;
mod tls;
mod truth;

use std::path::PathBuf;

use anyhow::{Context as _, bail};

use crate::figure::Figure;

/// A part of the benchmarks: what measures, and how often.
type Part = fn(&Bench) -> anyhow::Result<Vec<Figure>>;

const PARTS: &[(&str, Part)] = &[
    ("cost", cost::measure),
    ("tls", tls::measure),
    ("memory", memory::measure),
    ("truth", truth::measure),
    ("held", held::measure),
];

/// Parts that are measured only when asked for.
const EXTRA: &[(&str, Part)] = &[("million", held::million)];

/// What is to be measured.
pub(crate) struct Bench {
    parts: Vec<&'static (&'static str, Part)>,
    /// How often each figure is taken.
    pub(crate) rounds: usize,
    /// Whether it is only to be seen that everything works.
    pub(crate) quick: bool,
    /// For certificates and figures on their way.
    pub(crate) folder: PathBuf,
}

impl Bench {
    /// Reads the command line; `None` if help is wanted.
    ///
    /// # Errors
    /// A word is unknown.
    pub(crate) fn parse(arguments: &[String]) -> anyhow::Result<Option<Bench>> {
        let (mut parts, mut rounds, mut quick) = (Vec::new(), 5, false);
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "-h" | "--help" => return Ok(None),
                "--quick" => (quick, rounds) = (true, 1),
                "--rounds" => {
                    let count = words.next().and_then(|count| count.parse().ok()).filter(|count| *count > 0);
                    rounds = count.context("`--rounds` needs a number")?;
                }
                word => match PARTS.iter().chain(EXTRA).find(|(name, _)| *name == word) {
                    Some(part) => parts.push(part),
                    None => bail!("there is no part `{word}`"),
                },
            }
        }
        if parts.is_empty() {
            parts = PARTS.iter().collect();
        }
        let folder = std::env::temp_dir().join(format!("poplab-bench-{}", std::process::id()));
        Ok(Some(Bench { parts, rounds, quick, folder }))
    }

    /// Measures and prints the table; whether every bar is met.
    ///
    /// # Errors
    /// Something could not be measured.
    pub(crate) fn run(&self) -> anyhow::Result<bool> {
        std::fs::create_dir_all(&self.folder).context("the temporary folder cannot be used")?;
        let outcome = self.measure();
        // It holds certificates and counts, nothing of worth.
        let _ = std::fs::remove_dir_all(&self.folder);
        outcome
    }

    fn measure(&self) -> anyhow::Result<bool> {
        println!(
            "| figure | measured (lowest to highest) | must | aim | verdict | behind it, on this machine |"
        );
        println!("|---|---|---|---|---|---|");
        let mut good = true;
        for (name, part) in &self.parts {
            for figure in part(self).with_context(|| format!("the part `{name}`"))? {
                println!("{figure}");
                good &= figure.holds();
            }
        }
        Ok(good)
    }
}
