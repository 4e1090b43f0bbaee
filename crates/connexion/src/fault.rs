//! What is wrong with a document: every fault has its place.

use std::fmt;

use crate::node::Position;

/// Something that is wrong with a document, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Fault {
    /// The document's name, as given when it was loaded.
    pub file: String,
    /// The place in it.
    pub at: Position,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Fault {
    /// `FILE:LINE:COLUMN: MESSAGE`, which editors and terminals make a link of.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.at, self.message)
    }
}

/// Everything that is wrong with a document or with the handlers given for it; one line each.
#[derive(Debug)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.0.iter().enumerate() {
            write!(f, "{}{fault}", if i == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Puts faults in the order of the lines; what was found more than once is told once.
pub(crate) fn sort(faults: &mut Vec<Fault>) {
    faults.sort_by(|a, b| (a.at, &a.message).cmp(&(b.at, &b.message)));
    faults.dedup();
}
