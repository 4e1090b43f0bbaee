//! Schemas: the keywords that OpenAPI adds to JSON Schema, and how values are validated.

mod defaults;
mod discriminator;
mod generate;
mod identifiers;
mod keywords;
