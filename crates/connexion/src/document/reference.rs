//! The targets of references within a document, and references as the author wrote them.

use std::borrow::Cow;

use super::{
    Document, Version,
    files::{Broken, rejection},
    node::{Node, Position},
    swagger2,
};

/// Maximum number of references that lead to one another. A longer chain is taken for a cycle.
pub(crate) const MAX_REFERENCES: usize = 32;

/// Returns the JSON Pointer of a local reference.
pub(crate) fn decoded(reference: &str) -> Cow<'_, str> {
    let pointer = reference.strip_prefix('#').unwrap_or(reference);
    percent_encoding::percent_decode_str(pointer).decode_utf8_lossy()
}

impl Document {
    /// Returns the node that a local reference leads to, or an error message.
    pub(crate) fn target(&self, reference: &str) -> Result<&Node, String> {
        let written = self.as_written(reference);
        if !reference.starts_with('#') {
            return Err(rejection(reference).unwrap_or_else(|| {
                format!("`{written}` is in another file; read the document with `Document::load`")
            }));
        }
        self.root
            .at_pointer(&decoded(reference))
            .ok_or_else(|| format!("`{written}` does not exist"))
    }

    /// Returns the node that the reference at a position leads to.
    pub(crate) fn target_of(&self, at: Position, reference: &str) -> Result<&Node, Broken> {
        if let Some(broken) = self.sources.broken(at) {
            return Err(broken.clone());
        }
        let target = self.target(reference);
        target.map_err(|message| match self.sources.original_reference(at) {
            Some(written) => Broken::Because(format!("`{written}` does not exist")),
            None => Broken::Because(message),
        })
    }

    /// Returns the reference at a position as the author wrote it.
    pub(crate) fn written_at<'r>(&'r self, at: Position, reference: &'r str) -> Cow<'r, str> {
        match self.sources.original_reference(at) {
            Some(written) => written.into(),
            None => self.as_written(reference),
        }
    }

    /// Returns a reference as the author wrote it, before lowering from Swagger 2.0.
    pub(crate) fn as_written<'r>(&self, reference: &'r str) -> Cow<'r, str> {
        if self.version == Version::Swagger2 {
            swagger2::as_written(reference)
        } else {
            reference.into()
        }
    }
}
