//! Generates valid requests of an operation from its schemas. Handlers are tried with them when the service is built.

use serde_json::{Map, Value};

use super::{Operation, ValidatedRequest};
use crate::{
    document::{
        Document,
        node::{Position, unescape},
    },
    schema::ValidValues,
};

/// Valid requests, as handlers receive them.
#[derive(Debug, Default)]
pub(crate) struct ValidInputs {
    /// The smallest request, then those that differ from it in one parameter or in the body.
    pub(crate) inputs: Vec<ValidatedRequest>,
    /// False if no valid value of a required parameter can be generated.
    pub(crate) has_parameters: bool,
    /// False if no valid body can be generated, or if it may be a stream, whose type the handler checks itself.
    pub(crate) has_body: bool,
}

impl Operation {
    /// Returns valid requests generated from the schemas.
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

    /// Returns the position in the document of the schema for a location; `None` if the document has none.
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

/// Splits a pointer into its first key and the pointer below it.
fn split(pointer: &str) -> (String, &str) {
    let rest = pointer.strip_prefix('/').unwrap_or_default();
    let end = rest.find('/').unwrap_or(rest.len());
    let (key, below) = rest.split_at(end);
    (unescape(key).into_owned(), below)
}
