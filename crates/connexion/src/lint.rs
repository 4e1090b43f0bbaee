//! Checks of a document as a whole.

pub(crate) mod operations;
pub(crate) mod structure;
