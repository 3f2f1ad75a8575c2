//! Which texts of a run are not poplab's own words: what the server said and what the user typed.
//!
//! Whoever lets a run out passes them through what takes secrets away. Each record is taken apart whole here, so that a
//! new field does not compile until somebody has said which kind it is. Paths of transcripts are none: they name files.

use crate::{
    Capacity, CheckResult, Chosen, Entrance, ErrorCount, ErrorRow, ErrorSeen, Generator, LoadBeginning,
    LoadEnd, LoadLine, LoadPlan, LoadResults, Results, Run, Second, SecondRow, TargetInfo, ThresholdRow,
    TlsInfo, TranscriptSeen, Trial, WorkerEnd, WorkerRow,
};

/// What is done to each text.
type Change<'a> = &'a mut dyn FnMut(&mut String);

impl Run {
    /// Has each text that is not poplab's own changed.
    pub fn change_foreign_texts(&mut self, change: Change<'_>) {
        let Run {
            format: _,
            tool: _,
            version: _,
            arguments,
            started: _,
            ended: _,
            seed: _,
            target: TargetInfo { name, entrances },
            totals: _,
            exit_code: _,
            exit_reason,
            error,
        } = self;
        arguments.iter_mut().chain([name, exit_reason]).chain(error).for_each(&mut *change);
        for entrance in entrances {
            entrance.change(change);
        }
    }
}

impl Entrance {
    fn change(&mut self, change: Change<'_>) {
        let Entrance { label, host, port: _, security: _, tls, capabilities, greeting } = self;
        [label, host, greeting].into_iter().chain(capabilities).for_each(&mut *change);
        if let Some(TlsInfo {
            version: _,
            cipher: _,
            group: _,
            certificate_subject,
            certificate_issuer,
            certificate_names,
            certificate_expires: _,
            certificate_sha256: _,
        }) = tls
        {
            let named = certificate_subject.iter_mut().chain(certificate_issuer).chain(certificate_names);
            named.for_each(change);
        }
    }
}

impl Results {
    /// Has each text that is not poplab's own changed.
    pub fn change_foreign_texts(&mut self, change: Change<'_>) {
        let Results { format: _, checks, stale } = self;
        for entry in stale {
            change(&mut entry.because);
        }
        for check in checks {
            let CheckResult {
                id: _,
                area: _,
                quote: _,
                entrance,
                verdict: _,
                level: _,
                severity: _,
                requirement: _,
                reference: _,
                observed,
                expected: _,
                reproduce,
                ending,
                transcript: _,
                duration_ns: _,
                approved,
                follows: _,
            } = check;
            [entrance, observed, reproduce].into_iter().chain(ending).chain(approved).for_each(&mut *change);
        }
    }
}

impl LoadResults {
    /// Has each text that is not poplab's own changed.
    pub fn change_foreign_texts(&mut self, change: Change<'_>) {
        let LoadResults {
            format: _,
            plan,
            rate: _,
            sessions: _,
            steps: _,
            errors,
            verified: _,
            traffic: _,
            tls: _,
            thresholds,
            capacity,
            series,
            generator: Generator { lateness: _, workers, bottleneck: _, own_errors: _ },
            environment: _,
            samples: _,
            missing,
        } = self;
        let LoadPlan { scenario, description, .. } = plan;
        [scenario, description].into_iter().chain(missing).for_each(&mut *change);
        for ErrorRow { kind, step: _, count: _, first_s: _, example, transcript: _ } in errors {
            [kind, example].into_iter().for_each(&mut *change);
        }
        for SecondRow { errors, .. } in series {
            for ErrorCount { kind, count: _ } in errors {
                change(kind);
            }
        }
        for ThresholdRow { text, place: _, observed, samples: _, holds: _, doubt: _ } in thresholds {
            [text, observed].into_iter().for_each(&mut *change);
        }
        for WorkerRow { ended, .. } in workers {
            change(ended);
        }
        if let Some(capacity) = capacity {
            capacity.change(change);
        }
    }
}

impl LoadLine {
    /// Has each text that is not poplab's own changed. Transcripts are none here: secrets never get into them.
    pub fn change_foreign_texts(&mut self, change: Change<'_>) {
        match self {
            LoadLine::Began(began) => {
                // A threshold has to be read again. It is a sentence in a language of poplab's own.
                let LoadBeginning {
                    format: _,
                    plan: LoadPlan { scenario, description, .. },
                    asked: _,
                    thresholds: _,
                    good_transcripts: _,
                    bad_transcripts_per_kind: _,
                    environment: _,
                } = &mut **began;
                [scenario, description].into_iter().for_each(change);
            }
            LoadLine::Second(second) => second.change(change),
            LoadLine::WorkerEnded(WorkerEnd { worker: _, how, lost: _ }) => change(how),
            LoadLine::Ended(LoadEnd { stopped }) => stopped.iter_mut().for_each(change),
            LoadLine::Chosen(chosen) => {
                let Chosen { run: _, capacity } = &mut **chosen;
                if let Some(capacity) = capacity {
                    capacity.change(change);
                }
            }
        }
    }
}

impl Second {
    fn change(&mut self, change: Change<'_>) {
        // All other fields are numbers, histograms, and poplab's own names of steps and of what TLS settled.
        let Second { errors, transcripts, .. } = self;
        for ErrorSeen { kind, step: _, count: _, example, first_s: _ } in errors {
            [kind, example].into_iter().for_each(&mut *change);
        }
        for TranscriptSeen { name: _, kind, step: _, text: _ } in transcripts {
            // That of its error, so that the one is still found by the other.
            kind.iter_mut().for_each(&mut *change);
        }
    }
}

impl Capacity {
    fn change(&mut self, change: Change<'_>) {
        let Capacity { sessions_per_s: _, margin_percent: _, limit, first_to_break, sentence, trials } = self;
        [limit, first_to_break, sentence].into_iter().for_each(&mut *change);
        for Trial { rate_per_s: _, holds: _, broken, untold } in trials {
            broken.iter_mut().chain(untold).for_each(&mut *change);
        }
    }
}
