//! The records of one run, from the claim on its folder to its last file, in the same way for every instrument: an
//! older run stays until the plan of the next one stands, `run.json` says at any time what became of the run, and what
//! cannot be written is said in all that can.

use std::cell::{Cell, RefCell};
use std::path::Path;

use jiff::Timestamp;
use record::{LoadLine, Run};

use crate::exit;
use crate::folder::{self, Readers, RunFolder};
use crate::growing::Growing;
use crate::{secrets, terminal};

/// The exit code of a run and the clause that says why.
pub(crate) type Conclusion = (u8, String);

/// A message names so many of the files that could not be written.
const MOST_NAMED: usize = 3;

/// What an instrument found, as files and texts.
pub(crate) trait Findings {
    /// The forms it can be reported in.
    type Form: Copy + PartialEq;

    /// Takes the secrets out of all texts that are not poplab's own, so that no form of the report has them.
    fn change_foreign_texts(&mut self, change: &mut dyn FnMut(&mut String));
    /// Hands over what everything else can be made from again, name and content, the most important first.
    fn files(&self, run: &Run, write: &mut dyn FnMut(&str, &[u8]));
    /// The report in this form.
    fn render(&self, form: Self::Form, run: &Run) -> String;
    /// The run in one line.
    fn verdict_line(&self, run: &Run) -> String;
    /// Whether there is nothing to lay out, so that the error says all there is.
    fn is_bare(&self, run: &Run) -> bool;
    /// Where people find what was written.
    fn place(&self, folder: &Path) -> String;
}

/// What is wanted on stdout and beside it.
pub(crate) struct Wanted<'a, Form> {
    /// As asked for: of one form the text goes to stdout; of several the human one does, and the others become files.
    pub(crate) forms: &'a [Form],
    /// Which of them is for people.
    pub(crate) human: Form,
    /// Those that become files in any case.
    pub(crate) always: &'a [Form],
    /// The file of a form.
    pub(crate) file: fn(Form) -> &'static str,
    /// Of the human form only the last line, and no words beside it.
    pub(crate) quiet: bool,
}

/// The records of one run.
pub(crate) struct Records {
    folder: RunFolder,
    /// Whether the folder may have been changed.
    touched: Cell<bool>,
    begun: Cell<bool>,
    seconds: RefCell<Growing>,
    /// The frame as far as it is known.
    pub(crate) run: RefCell<Run>,
    /// When the run began.
    pub(crate) started: Timestamp,
}

impl Records {
    /// Of a run of this tool, to be written into this folder, for these readers. Nothing is written or removed yet.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub(crate) fn claim(tool: &str, path: &Path, readers: Readers) -> anyhow::Result<Self> {
        let folder = RunFolder::claim(path, readers)?;
        let started = Timestamp::now();
        let run = Run {
            tool: tool.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            arguments: std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect(),
            started: started.to_string(),
            ended: started.to_string(),
            ..Run::default()
        };
        Ok(Self {
            folder,
            touched: Cell::new(false),
            begun: Cell::new(false),
            seconds: RefCell::new(Growing::new(folder::SECONDS)),
            run: RefCell::new(run),
            started,
        })
    }

    /// The plan stands: an older run goes. Should the process be killed, the folder is known as a run all the same, and
    /// says what happened. To begin again changes nothing.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn begin(&self) -> anyhow::Result<()> {
        if self.begun.get() {
            return Ok(());
        }
        let killed = "the run was ended from outside before it could write its reports".to_owned();
        let frame = Run {
            exit_code: i32::from(exit::NOT_CARRIED_OUT),
            exit_reason: killed.clone(),
            error: Some(killed),
            ..self.run.borrow().clone()
        };
        let frame = without_secrets(frame);
        self.touched.set(true);
        self.folder.begin(&report::harmless_json(&frame.to_json()))?;
        self.begun.set(true);
        Ok(())
    }

    /// Writes a line of `seconds.jsonl`, without secrets in it; the line itself becomes what is written.
    pub(crate) fn second(&self, line: &mut LoadLine) {
        line.change_foreign_texts(&mut |text| *text = secrets::of_the_run().redact_recorded(text));
        self.seconds.borrow_mut().append(&self.folder, &report::harmless_json(&line.to_json()));
    }

    /// Writes every file, prints the report, and gives the exit code: that of the conclusion, unless something could
    /// not be written. `error` is what kept the run from its end; if there is no conclusion, the reason of that is.
    ///
    /// # Errors
    /// The folder cannot even be made.
    pub(crate) fn finish<F: Findings>(
        self,
        findings: &mut F,
        wanted: &Wanted<'_, F::Form>,
        conclusion: anyhow::Result<Conclusion>,
        error: Option<String>,
    ) -> anyhow::Result<u8> {
        let Self { ref folder, ref run, ref seconds, .. } = self;
        let ((code, reason), error) = match conclusion {
            Ok(conclusion) => (conclusion, error),
            Err(refused) => {
                let reason = terminal::visible(&format!("{refused:#}"));
                ((exit::code(&refused), reason.clone()), Some(reason))
            }
        };
        if let Some(error) = error.as_ref().filter(|_| !self.touched.get() && folder.holds_run()) {
            terminal::tell(&format!("error: {error}"));
            if !wanted.quiet {
                let place = folder.path().display();
                terminal::tell(&format!("nothing was run; the earlier run in {place} is left as it was"));
            }
            return Ok(code);
        }
        if let Err(refused) = self.begin() {
            if let Some(error) = error.filter(|error| *error != refused.to_string()) {
                terminal::tell(&format!("error: {error}"));
            }
            return Err(refused);
        }
        let run = Run {
            ended: Timestamp::now().to_string(),
            exit_code: i32::from(code),
            exit_reason: reason,
            error: error.clone(),
            ..run.borrow().clone()
        };
        let run = without_secrets(run);
        findings.change_foreign_texts(&mut |text| *text = secrets::of_the_run().redact_recorded(text));
        let findings = &*findings;
        let mut writing = Writing { folder, error, refused: Vec::new(), told: 0, run };
        findings.files(&writing.run.clone(), &mut |name, content| writing.file(name, content));
        if let Some((name, error)) = seconds.borrow().refused() {
            writing.note(name, error);
        }
        writing.own_up();
        writing.pages(findings, wanted);
        if writing.own_up() {
            // Those that were written before the first failure do not know of it.
            writing.pages(findings, wanted);
        }
        if let Err(error) = print(&writing.run, findings, wanted) {
            writing.note("stdout", &error);
            writing.own_up();
            writing.pages(findings, wanted);
        }
        let ended = folder.end(&report::harmless_json(&writing.run.to_json()));
        let run = writing.run;
        for error in run.error.iter().chain(ended.as_ref().err().map(ToString::to_string).as_ref()) {
            terminal::tell(&format!("error: {error}"));
        }
        if !wanted.quiet {
            terminal::tell(&findings.place(folder.path()));
        }
        let code = u8::try_from(run.exit_code).unwrap_or(exit::NOT_CARRIED_OUT);
        Ok(if ended.is_ok() { code } else { exit::NOT_CARRIED_OUT })
    }
}

/// The writing of a run's files. Each is tried, even when one before it could not be written.
struct Writing<'a> {
    folder: &'a RunFolder,
    /// What kept the run from its end before anything was written.
    error: Option<String>,
    /// What could not be written, and why.
    refused: Vec<(String, String)>,
    /// So much of it is in the run's error.
    told: usize,
    run: Run,
}

impl Writing<'_> {
    fn file(&mut self, name: &str, content: &[u8]) {
        if let Err(error) = self.folder.write(name, content) {
            self.note(name, &error);
        }
    }

    fn note(&mut self, name: &str, error: &anyhow::Error) {
        if !self.refused.iter().any(|(refused, _)| refused == name) {
            self.refused.push((name.to_owned(), error.to_string()));
        }
    }

    /// The reports that become files.
    fn pages<F: Findings>(&mut self, findings: &F, wanted: &Wanted<'_, F::Form>) {
        let mut forms = wanted.always.to_vec();
        for form in distinct(wanted.forms).into_iter().filter(|form| !on_stdout(*form, wanted)) {
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
        for form in forms {
            let text = findings.render(form, &self.run);
            self.file((wanted.file)(form), text.as_bytes());
        }
    }

    /// What could not be written becomes the run's error. Whether there is more of it than before.
    fn own_up(&mut self) -> bool {
        let more = self.refused.len() > self.told;
        self.told = self.refused.len();
        if let Some(((_, first), others)) = self.refused.split_first().filter(|_| more) {
            let named: Vec<&str> = others.iter().take(MOST_NAMED).map(|(name, _)| name.as_str()).collect();
            let mut told = first.clone();
            if !named.is_empty() {
                told = format!("{told}; missing too: {}", named.join(", "));
            }
            if others.len() > MOST_NAMED {
                told = format!("{told} and {} more", others.len() - MOST_NAMED);
            }
            let before = self.error.iter().map(|error| format!("{error}; besides, "));
            let told = before.collect::<String>() + &terminal::visible(&told);
            self.run.exit_code = i32::from(exit::NOT_CARRIED_OUT);
            self.run.exit_reason.clone_from(&told);
            self.run.error = Some(told);
        }
        more
    }
}

/// What the server said and what the user typed without what must not be shown of it.
fn without_secrets(mut run: Run) -> Run {
    run.change_foreign_texts(&mut |text| *text = secrets::of_the_run().redact_recorded(text));
    run
}

/// Whether a form goes to stdout.
fn on_stdout<Form: Copy + PartialEq>(form: Form, wanted: &Wanted<'_, Form>) -> bool {
    form == wanted.human || distinct(wanted.forms).len() == 1
}

fn distinct<Form: Copy + PartialEq>(forms: &[Form]) -> Vec<Form> {
    let mut distinct = Vec::new();
    for form in forms {
        if !distinct.contains(form) {
            distinct.push(*form);
        }
    }
    distinct
}

/// The form that goes to stdout. If it is not the one for people, the verdict goes to stderr.
fn print<F: Findings>(run: &Run, findings: &F, wanted: &Wanted<'_, F::Form>) -> anyhow::Result<()> {
    let form = distinct(wanted.forms).into_iter().find(|form| on_stdout(*form, wanted));
    let told = form == Some(wanted.human);
    let printed = match form {
        Some(_) if told && findings.is_bare(run) => Ok(()),
        Some(_) if told && wanted.quiet => {
            terminal::print(&report::harmless(&format!("{}\n", findings.verdict_line(run))))
        }
        Some(form) => terminal::print(&findings.render(form, run)),
        None => Ok(()),
    };
    if run.error.is_none() && !told && !wanted.quiet {
        terminal::tell(&findings.verdict_line(run));
    }
    printed
}
