//! What was measured: printed as it comes, and written down as `docs/performance.md`.

use std::fmt::Write as _;
use std::path::Path;

/// How a figure is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    PerSecond,
    Times,
    Percent,
    Microseconds,
    Milliseconds,
    Megabytes,
}

impl Unit {
    pub(crate) fn show(self, figure: f64) -> String {
        match self {
            Self::PerSecond => whole(figure),
            Self::Times => format!("× {figure:.2}"),
            Self::Percent => format!("{:.0} %", 100.0 * figure),
            Self::Microseconds => format!("{} µs", whole(figure)),
            Self::Milliseconds if figure < 10.0 => format!("{figure:.2} ms"),
            Self::Milliseconds => format!("{} ms", whole(figure)),
            Self::Megabytes => format!("{figure:.1} MB"),
        }
    }

    pub(crate) fn at_least(self, figure: f64, goal: f64) -> Judged {
        Judged {
            shown: self.show(figure),
            is_met: figure >= goal,
        }
    }

    pub(crate) fn at_most(self, figure: f64, goal: f64) -> Judged {
        Judged {
            shown: self.show(figure),
            is_met: figure <= goal,
        }
    }

    fn more_is_better(self) -> bool {
        matches!(self, Self::PerSecond | Self::Times)
    }
}

/// A figure, held against a goal.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    shown: String,
    is_met: bool,
}

/// What one contestant got in its turns.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    pub(crate) name: String,
    sorted: Vec<f64>,
}

impl Figures {
    pub(crate) fn new(name: impl Into<String>, mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        Self {
            name: name.into(),
            sorted: figures,
        }
    }

    /// From the least to the most.
    pub(crate) fn sorted(&self) -> &[f64] {
        &self.sorted
    }

    pub(crate) fn median(&self) -> f64 {
        percentile(&self.sorted, 50)
    }
}

/// The figures of all who took turns.
#[derive(Clone, Debug)]
pub(crate) struct Results(pub(crate) Vec<Figures>);

impl Results {
    /// The median of the contestant whose name begins so.
    #[track_caller]
    pub(crate) fn of(&self, name: &str) -> f64 {
        let found = self.0.iter().find(|one| one.name.starts_with(name));
        found.expect(name).median()
    }

    /// How many times the second's the first's is.
    #[track_caller]
    pub(crate) fn ratio(&self, name: &str, other: &str) -> f64 {
        self.of(name) / self.of(other)
    }
}

/// All that is told, in the order in which it was measured.
#[derive(Debug, Default)]
pub(crate) struct Report {
    goals: Vec<[String; 4]>,
    tables: String,
}

impl Report {
    pub(crate) fn title(&mut self, title: &str) {
        self.tell(&format!("\n### {title}\n\n"));
    }

    pub(crate) fn note(&mut self, text: &str) {
        self.tell(&format!("\n{text}\n"));
    }

    /// The figures of all, and how many times better the first is.
    pub(crate) fn results(&mut self, unit: Unit, what: &str, results: &Results) {
        let first = &results.0[0];
        let rows = results.0.iter().map(|one| {
            let ratio = if unit.more_is_better() {
                first.median() / one.median()
            } else {
                one.median() / first.median()
            };
            let all = &one.sorted;
            vec![
                one.name.clone(),
                unit.show(one.median()),
                format!("{} – {}", unit.show(all[0]), unit.show(all[all.len() - 1])),
                Unit::Times.show(ratio),
            ]
        });
        let header = ["", what, "least – most", "the first is better"];
        self.table(&header, rows);
    }

    pub(crate) fn table(&mut self, header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        let table = table(header, rows);
        self.tell(&table);
    }

    /// Whether a goal is met.
    pub(crate) fn goal(&mut self, measure: &str, text: &str, judged: Judged) {
        let Judged { shown, is_met } = judged;
        let verdict = if is_met { "met" } else { "**missed**" };
        println!("→ {measure}: {text}: {shown} {verdict}");
        let row = [measure, text, &shown, verdict];
        self.goals.push(row.map(str::to_owned));
    }

    /// The goals alone.
    pub(crate) fn goals(&self) -> String {
        let rows = self.goals.iter().map(|row| row.to_vec());
        table(&["measure", "goal", "measured", ""], rows)
    }

    /// Writes all of it; `machine` is on what, `repeat` how to do it again.
    pub(crate) fn write(&self, path: &Path, machine: &str, repeat: &str) {
        let (goals, tables) = (self.goals(), &self.tables);
        let text = format!(
            "# Performance\n\n\
             Written by `make bench`. All contestants of a table took short turns in one run, on one machine together with \
             the load and the database, so their ratios mean something even where the figures don't. A figure is the \
             median of the turns.\n\n\
             ## Goals\n\n{goals}\n## Machine\n\n{machine}\n## Figures\n{tables}\n{repeat}"
        );
        std::fs::write(path, text).unwrap();
        println!("\nwritten: {}", path.display());
    }

    fn tell(&mut self, text: &str) {
        print!("{text}");
        self.tables += text;
    }
}

/// A table in Markdown; all columns but the first are numbers.
pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut text = format!("| {} |\n| --- |", header.join(" | "));
    text += &" ---: |".repeat(header.len() - 1);
    text += "\n";
    for row in rows {
        writeln!(text, "| {} |", row.join(" | ")).unwrap();
    }
    text
}

/// Of figures from the least to the most.
pub(crate) fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

/// A number that is not so large that a fraction of it would be lost.
#[expect(clippy::cast_precision_loss, reason = "that is said")]
pub(crate) fn float(number: u64) -> f64 {
    number as f64
}

/// A number of three digits, or without a fraction, and with its thousands apart.
pub(crate) fn whole(figure: f64) -> String {
    if figure < 100.0 {
        return format!("{figure:.1}");
    }
    let digits = format!("{figure:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
