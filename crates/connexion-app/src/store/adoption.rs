//! Rows that break the document: how they are found, listed and repaired, and how the database is made to refuse them.
//!
//! A `person` table that another program has filled may hold what `openapi.yaml` does not allow. A list would end at such
//! a row, so a migration refuses the table, and prints SQL that repairs it. Each store says in SQL what the document says
//! of a column, as a [`Rule`]; the check, the repair and the constraint are made of that.

use std::fmt::Write as _;

use super::StoreError;

/// How many broken values are listed.
pub(super) const LISTED: usize = 20;

/// How much of a value is shown, in characters.
const SHOWN: usize = 60;

/// What the document says of a column.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) column: &'static str,
    /// A condition in plain SQL that is true for a valid value, and false or null for others.
    pub(super) valid: String,
    /// What only a function of this program can decide about a value that keeps `valid`.
    pub(super) also: Option<&'static str>,
    /// The value to store instead.
    pub(super) repaired: String,
    /// A condition in plain SQL for the values that break `also`.
    pub(super) or_repair: Option<String>,
}

impl Rule {
    pub(super) fn new(
        column: &'static str,
        valid: impl Into<String>,
        repaired: impl Into<String>,
    ) -> Self {
        Self {
            column,
            valid: valid.into(),
            also: None,
            repaired: repaired.into(),
            or_repair: None,
        }
    }

    /// A condition that is true for a value that breaks the document.
    pub(super) fn broken(&self) -> String {
        let valid = &self.valid;
        match self.also {
            None => format!("(({valid}) is not true)"),
            Some(also) => format!("(({valid} and {also}) is not true)"),
        }
    }

    /// The name of the constraint that lets the database refuse such values.
    pub(super) fn constraint(&self) -> String {
        format!("person_{}_valid", self.column)
    }

    /// The clause of `alter table` that adds it.
    pub(super) fn add_constraint(&self) -> String {
        let (name, valid) = (self.constraint(), &self.valid);
        format!("add constraint {name} check (({valid}) is true)")
    }

    fn repair(&self) -> String {
        let Self {
            column,
            valid,
            repaired,
            ..
        } = self;
        let or = self.or_repair.as_ref();
        let or = or.map_or_else(String::new, |condition| format!(" or {condition}"));
        format!("update person set {column} = {repaired} where ({valid}) is not true{or};")
    }
}

/// The statement that counts broken rows, and broken values of each column.
pub(super) fn count(rules: &[Rule]) -> String {
    let counts: Vec<_> = rules.iter().map(|rule| sum(&rule.broken())).collect();
    format!(
        "select {} from person where {}",
        counts.join(", "),
        any(rules)
    )
}

fn sum(condition: &str) -> String {
    format!("count(case when {condition} then 1 end)")
}

/// The statement that lists broken rows: the key, then for each rule the value that breaks it, or null. `key` is the key
/// as a text, and `shown` makes a column one.
pub(super) fn list(rules: &[Rule], key: &str, shown: impl Fn(&str) -> String) -> String {
    let values = rules.iter().map(|rule| {
        let (broken, shown) = (rule.broken(), shown(rule.column));
        format!("case when {broken} then {shown} end")
    });
    let values: Vec<_> = values.collect();
    format!(
        "select {key}, {} from person where {} order by uuid limit {LISTED}",
        values.join(", "),
        any(rules)
    )
}

fn any(rules: &[Rule]) -> String {
    let conditions: Vec<_> = rules.iter().map(Rule::broken).collect();
    conditions.join(" or ")
}

/// The refusal of a table of which [`count`] has found `counts` broken values, and [`list`] these rows.
///
/// # Errors
/// If there is a broken value.
pub(super) fn refuse(
    rules: &[Rule],
    counts: &[i64],
    rows: &[Vec<Option<String>>],
) -> Result<(), StoreError> {
    let total: i64 = counts.iter().sum();
    if total == 0 {
        return Ok(());
    }
    let (values, break_) = if total == 1 {
        ("value", "breaks")
    } else {
        ("values", "break")
    };
    let mut text = format!("{total} {values} of the table person {break_} the document:\n");
    let broken = rows.iter().flat_map(|row| {
        let key = row.first().and_then(Option::as_deref).unwrap_or("null");
        let values = rules.iter().zip(row.iter().skip(1));
        values.filter_map(move |(rule, value)| Some((key, rule.column, value.as_ref()?)))
    });
    let mut listed = 0;
    for (key, column, value) in broken.take(LISTED) {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  uuid {}: {column} is {}", shown(key), shown(value));
        listed += 1;
    }
    if total > listed {
        let _ = writeln!(text, "  and {} more", total - listed);
    }
    text +=
        "Nothing was changed. This SQL stores valid values instead; read it before you run it:\n\n";
    for (rule, _) in rules.iter().zip(counts).filter(|(_, count)| **count > 0) {
        let _ = writeln!(text, "{}", rule.repair());
    }
    text += "\nThen run `connexion-app migrate` again.";
    Err(StoreError::Unfit(text))
}

/// The beginning of a value, fit for a terminal.
pub(super) fn shown(value: &str) -> String {
    let mut shown: String = value.chars().take(SHOWN).flat_map(escaped).collect();
    if value.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

fn escaped(c: char) -> impl Iterator<Item = char> {
    let is_plain = matches!(c, '\'' | '"' | '\\');
    let escaped = (!is_plain).then(|| c.escape_debug());
    is_plain
        .then_some(c)
        .into_iter()
        .chain(escaped.into_iter().flatten())
}
