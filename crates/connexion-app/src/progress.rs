//! Progress: what a person at a terminal sees of a long import.
//!
//! On a terminal a bar that moves, elsewhere (a log, a pipe) a plain line now and then, since a bar's
//! control characters only spoil a log. Both go to standard error: standard output is for results.

use std::io::{self, Read, Seek, Write};
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressFinish, ProgressStyle};

use crate::import::{Imported, Progress as Step};

/// How many rows lie between two plain lines.
const EVERY: u64 = 100_000;

/// A view of one import; the bar vanishes when this and all that it gave out are dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Starts to show; `size` is that of the source in bytes.
    #[must_use]
    pub(crate) fn start(size: u64) -> Self {
        let bar = ProgressBar::new(size);
        let template = "{bar:30} {bytes}/{total_bytes}, {msg}, {eta} left";
        let style = ProgressStyle::with_template(template).expect("the template is right");
        let bar = bar
            .with_style(style)
            .with_message(so_far(Step::Checking(0)))
            .with_finish(ProgressFinish::AndClear);
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Self { bar }
    }

    /// The same source, its bytes counted as they are read, each time anew.
    pub(crate) fn reading(
        &self,
        source: impl Read + Seek + Send + 'static,
    ) -> impl Read + Seek + Send + 'static {
        self.bar.wrap_read(source)
    }

    /// A callback for [`crate::import::import`].
    pub(crate) fn rows(&self) -> Box<dyn FnMut(Step) + Send> {
        if self.bar.is_hidden() {
            return Box::new(plain_lines(io::stderr()));
        }
        let bar = self.bar.clone();
        Box::new(move |step| bar.set_message(so_far(step)))
    }
}

/// What an import did, in one line.
#[must_use]
pub(crate) fn summary(imported: &Imported) -> String {
    let Imported {
        rows,
        ages_cut,
        elapsed,
        ..
    } = *imported;
    let rate = u128::from(rows) * 1_000 / elapsed.as_millis().max(1);
    format!(
        "{} people stored in {:.1} s ({} rows/s), {} ages cut to whole years",
        HumanCount(rows),
        elapsed.as_secs_f64(),
        HumanCount(rate.try_into().unwrap_or(u64::MAX)),
        HumanCount(ages_cut),
    )
}

fn plain_lines(mut target: impl Write) -> impl FnMut(Step) {
    let (mut checked, mut stored) = (EVERY, EVERY);
    move |step| {
        let (rows, next) = match step {
            Step::Checking(rows) => (rows, &mut checked),
            Step::Storing(rows) => (rows, &mut stored),
        };
        if rows >= *next {
            *next = (rows / EVERY + 1) * EVERY;
            // A log that can't be written is no reason to end the import.
            writeln!(target, "{}", so_far(step)).ok();
        }
    }
}

fn so_far(step: Step) -> String {
    match step {
        Step::Checking(rows) => format!("{} rows checked", HumanCount(rows)),
        Step::Storing(rows) => format!("{} rows stored", HumanCount(rows)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_lines_come_now_and_then() {
        let mut target = Vec::new();
        let mut progress = plain_lines(&mut target);
        for rows in [1_000, 99_000, 100_000, 101_000, 350_000, 399_000, 400_000] {
            progress(Step::Checking(rows));
        }
        for rows in [1_000, 101_000, 150_000] {
            progress(Step::Storing(rows));
        }
        drop(progress);
        assert_eq!(
            String::from_utf8(target).unwrap(),
            "100,000 rows checked\n350,000 rows checked\n400,000 rows checked\n101,000 rows stored\n"
        );
    }

    #[test]
    fn the_summary_is_one_line() {
        let imported = Imported {
            is_trial: false,
            rows: 1_000_000,
            ages_cut: 25,
            elapsed: Duration::from_millis(2_500),
        };
        let expected =
            "1,000,000 people stored in 2.5 s (400,000 rows/s), 25 ages cut to whole years";
        assert_eq!(summary(&imported), expected);
        let at_once = Imported {
            elapsed: Duration::ZERO,
            ..imported
        };
        assert!(summary(&at_once).contains("(1,000,000,000 rows/s)"));
    }
}
