//! A `format` that the application checks.

use std::{fmt, sync::Arc};

/// Decides whether a string is valid for a format.
#[derive(Clone)]
pub(crate) struct FormatCheck(Arc<dyn Fn(&str) -> bool + Send + Sync>);

impl FormatCheck {
    pub(crate) fn new(check: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(check))
    }

    pub(super) fn is_valid(&self, text: &str) -> bool {
        (self.0)(text)
    }
}

impl fmt::Debug for FormatCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FormatCheck(..)")
    }
}
