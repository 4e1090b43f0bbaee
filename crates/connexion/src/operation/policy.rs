//! What an application decides for an operation; the document says the rest.

use crate::security::Guard;

/// What an application decides for an operation; the document says the rest.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub(crate) struct Rules {
    /// Whether query parameters that the document does not have are refused.
    pub(crate) strict_parameters: bool,
    /// Whether an encoded comma in a query stands between the items of an array.
    pub(crate) split_encoded_commas: bool,
    /// Whether properties of JSON bodies that no schema speaks of are skipped.
    pub(crate) skip_undescribed: bool,
    /// Whether the defaults of properties are filled into bodies.
    pub(crate) body_defaults: bool,
    /// How many values a request's body may hold.
    pub(crate) values: usize,
    /// Whether requests are refused whose `Accept` allows none of the described types.
    pub(crate) strict_accept: bool,
    /// Who may call it; `None` means everybody.
    pub(crate) guard: Option<Guard>,
    /// What happens to answers that break the document.
    pub(crate) response_validation: ResponseValidation,
}

/// What happens to an answer that breaks the document; see [`Api::response_validation`](crate::Api::response_validation).
///
/// ```
/// # use connexion::{Api, Document, ResponseValidation};
/// # let document = Document::load("examples/hello.yaml")?;
/// // A text, where the document wants JSON: it is sent, and the log says what is wrong.
/// let api = Api::from_document(document).operation("hello", async || "Hello!");
/// let service = api.response_validation(ResponseValidation::Log).build(())?;
/// # Ok::<(), connexion::Diagnostics>(())
/// ```
///
/// Of a status that the document describes without `content` the body is never looked at.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ResponseValidation {
    /// Answers are not looked at.
    Off,
    /// It is sent as it is, and what is wrong is logged. Of streams the items are looked at as they pass;
    /// other streams are not.
    Log,
    /// It becomes a 500, or a stream that ends early, and what is wrong is logged.
    #[default]
    Enforce,
}
