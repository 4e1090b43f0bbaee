//! What a handler may be given: valid requests of an operation, made from its schemas.

use serde_json::{Map, Value};

use super::{Operation, ValidatedRequest};
use crate::{
    document::{
        Document,
        node::{Position, unescape},
    },
    schema::ValidValues,
};

/// Valid requests, as handlers get them.
#[derive(Debug, Default)]
pub(crate) struct ValidInputs {
    /// The smallest, then those that differ from it in one parameter or in the body.
    pub(crate) inputs: Vec<ValidatedRequest>,
    /// Whether the parameters have valid values: a required one may have none that can be generated.
    pub(crate) has_parameters: bool,
    /// The same of the body. One that may be a stream has none: the handler looks at its type itself.
    pub(crate) has_body: bool,
}

impl Operation {
    /// Returns valid requests made from the schemas.
    pub(crate) fn valid_inputs(&self, made: &mut ValidValues) -> ValidInputs {
        let (mut base, mut varied, mut has_parameters) = (Map::new(), Vec::new(), true);
        for parameter in &self.parameters {
            let values = parameter.valid_values(made);
            if !parameter.is_required() {
                base.extend(parameter.default_value());
            } else if let Some(first) = values.first() {
                base.insert(parameter.key().to_owned(), first.clone());
            } else {
                has_parameters = false;
            }
            varied.push((parameter.key(), values));
        }
        let body = self.body.as_ref();
        let bodies = body.map_or_else(|| vec![None], |body| body.valid_values(&self.rules, made));
        let input = |parameters: Map<String, Value>, body: Option<Value>| ValidatedRequest {
            parameters,
            body,
            ..ValidatedRequest::default()
        };
        let first = bodies.first().cloned().flatten();
        let mut inputs = vec![input(base.clone(), first.clone())];
        let others = bodies.iter().skip(1).cloned();
        inputs.extend(others.map(|body| input(base.clone(), body)));
        for (key, values) in varied {
            for value in values {
                let mut parameters = base.clone();
                parameters.insert(key.to_owned(), value);
                inputs.push(input(parameters, first.clone()));
            }
        }
        ValidInputs {
            inputs,
            has_parameters,
            has_body: !bodies.is_empty(),
        }
    }

    /// Where the document describes a location: `None` for the body as a whole, if the document has no schema for it.
    pub(crate) fn position(
        &self,
        document: &Document,
        location: &(bool, String),
    ) -> Option<Position> {
        let (is_body, pointer) = location;
        if *is_body {
            return self.body.as_ref()?.position(document, pointer);
        }
        let (key, below) = split(pointer);
        let parameter = self.parameters.iter().find(|one| one.key() == key)?;
        parameter.position(document, below)
    }
}

/// The first key of a pointer, and the pointer below it.
fn split(pointer: &str) -> (String, &str) {
    let rest = pointer.strip_prefix('/').unwrap_or_default();
    let end = rest.find('/').unwrap_or(rest.len());
    let (key, below) = rest.split_at(end);
    (unescape(key).into_owned(), below)
}
