//! The settings of an application for an operation.

use crate::security::Guard;

/// The settings of an application for an operation.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub(crate) struct Rules {
    /// Rejects query parameters that the document does not declare.
    pub(crate) strict_parameters: bool,
    /// Splits the items of an array in a query at encoded commas, too.
    pub(crate) split_encoded_commas: bool,
    /// Skips properties of JSON bodies that no schema describes.
    pub(crate) skip_undescribed: bool,
    /// Adds the defaults of absent properties to bodies.
    pub(crate) body_defaults: bool,
    /// The maximum number of values in a request's body.
    pub(crate) values: usize,
    /// Rejects requests whose `Accept` includes none of the declared types.
    pub(crate) strict_accept: bool,
    /// Checks the credentials; `None` if none are required.
    pub(crate) guard: Option<Guard>,
    pub(crate) response_validation: ResponseValidation,
}

/// The treatment of a response that does not conform to the document; see [`Api::response_validation`](crate::Api::response_validation).
///
/// ```
/// # use connexion::{Api, Document, ResponseValidation};
/// # let document = Document::load("examples/hello.yaml")?;
/// // Plain text where the document declares JSON: it is sent, and the violation is logged.
/// let api = Api::from_document(document).operation("hello", async || "Hello!");
/// let service = api.response_validation(ResponseValidation::Log).build(())?;
/// # Ok::<(), connexion::Diagnostics>(())
/// ```
///
/// The body is never checked if the document declares the status without `content`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ResponseValidation {
    /// Responses are not checked.
    Off,
    /// The response is sent unchanged, and the violations are logged. Streams are checked only if they consist of items.
    Log,
    /// The response is replaced by a 500, or a stream ends early, and the violations are logged.
    #[default]
    Enforce,
}
