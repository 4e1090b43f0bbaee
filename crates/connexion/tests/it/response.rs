//! Responses: validated against the document as requests are.

mod validation;
