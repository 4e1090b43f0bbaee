//! What was built, as whoever built it said: `APP_VERSION` and `APP_COMMIT` are read when this is compiled, since
//! a pipeline knows its tag and commit, and a program in an image has no repository beside it.

use std::sync::LazyLock;

/// The version: the one given, or that of the manifest.
pub(crate) const VERSION: &str = match option_env!("APP_VERSION") {
    Some(version) if !version.is_empty() => version,
    _ => env!("CARGO_PKG_VERSION"),
};

/// The commit, empty if nobody told.
pub(crate) const COMMIT: &str = match option_env!("APP_COMMIT") {
    Some(commit) => commit,
    None => "",
};

/// Both, such as `1.2.0 (4f1c9d2)`.
pub(crate) fn build() -> &'static str {
    static BUILD: LazyLock<String> = LazyLock::new(|| match COMMIT {
        "" => VERSION.to_owned(),
        commit => format!("{VERSION} ({commit})"),
    });
    &BUILD
}
