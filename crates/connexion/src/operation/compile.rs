//! From the document to a compiled [`Operation`]; what is wrong or not supported becomes a fault.

use std::sync::Arc;

use http::HeaderName;

use super::{
    Check, Media, Operation,
    response::{Header, Response, StatusRange},
};
use crate::{
    answer::Responses,
    content::MediaType,
    document::Document,
    fault::{Code, Fault},
    parameter::{Format, Parameter, types},
    place::{OperationPlace, Place, parameters},
    problem::In,
    schema::{Compiler, Schema, is_remark},
};

/// What compiling the parts of an operation needs.
pub(super) struct Compile<'c, 'f> {
    pub(super) document: &'c Document,
    pub(super) compiler: &'c Compiler<'f>,
    pub(super) faults: &'c mut Vec<Fault>,
}

impl Compile<'_, '_> {
    pub(super) fn operation(&mut self, source: &OperationPlace<'_>) -> Operation {
        let place = &source.place;
        let responses = place.get("responses");
        Operation {
            id: place.text("operationId").unwrap_or_default().into(),
            method: source.method.clone(),
            path: source.path.to_owned(),
            body: place
                .get("requestBody")
                .map(|body| self.request_body(&body)),
            responses: responses
                .iter()
                .flat_map(Place::members)
                .filter_map(|(key, place)| self.response(key, &place))
                .collect(),
            strict_parameters: true,
            guard: None,
            answers: Responses::default(),
            parameters: parameters(&source.item, place)
                .iter()
                .filter_map(|place| self.parameter(place))
                .collect(),
        }
    }

    fn parameter(&mut self, place: &Place<'_>) -> Option<Parameter> {
        let parameter = Parameter::compile(place, self.compiler);
        parameter
            .map_err(|message| self.fault(Code::ParameterInvalid, place, message))
            .ok()
    }

    fn response(&mut self, key: &str, place: &Place<'_>) -> Option<(StatusRange, Response)> {
        if key.starts_with("x-") {
            return None;
        }
        let Some(range) = StatusRange::parse(key) else {
            let message = format!("`{key}` is no status: write '200', '2XX' or default");
            self.fault(Code::StatusInvalid, place, message);
            return None;
        };
        let headers = place.get("headers");
        let headers = headers.iter().flat_map(Place::members);
        let headers = headers
            .map(|(name, place)| self.header(name, &place))
            .collect();
        let content = place.get("content");
        let content = content.iter().flat_map(Place::members);
        let content = content
            .map(|(name, place)| self.answer(name, &place))
            .collect();
        Some((range, Response { headers, content }))
    }

    fn header(&mut self, name: &str, place: &Place<'_>) -> Header {
        if name.parse::<HeaderName>().is_err() {
            self.fault(
                Code::HeaderInvalid,
                place,
                format!("`{name}` can't be the name of a header"),
            );
        }
        let format = Format::compile(place, In::Header, &format!("header `{name}`"));
        let format = format
            .map_err(|message| self.fault(Code::HeaderInvalid, place, message))
            .ok();
        let value = format.and_then(|(format, schema)| {
            let is_known = schema.is_some() || format.is_json();
            let schema = schema.and_then(|schema| self.answered(&schema));
            is_known.then_some((format, schema))
        });
        Header {
            name: name.to_owned(),
            required: place.flag("required"),
            value,
        }
    }

    fn answer(&mut self, name: &str, place: &Place<'_>) -> Media {
        let kind = MediaType::parse(name);
        let written = place.schema("schema");
        let says_only = |keywords: &[&str]| {
            let mut members = written.iter().flat_map(|schema| schema.node.members());
            members.all(|(keyword, _)| keywords.contains(&keyword) || is_remark(keyword))
        };
        let is_binary = written
            .as_ref()
            .is_some_and(|schema| schema.text("format") == Some("binary"));
        let whole = if !kind.is_json()
            && (says_only(&["type"]) || says_only(&["type", "format"]) && is_binary)
        {
            // Any bytes will do. That nothing but a text is described is seen below.
            None
        } else {
            written.as_ref().and_then(|schema| self.answered(schema))
        };
        if !kind.is_json()
            && let Some(schema) = place.get("schema")
            && !types(&schema, 1).iter().all(|name| name == "string")
        {
            let message = format!("answers of the type `{name}` are checked as texts only");
            self.fault(Code::Unsupported, &schema, message);
        }
        let is_array = written
            .as_ref()
            .is_some_and(|schema| schema.text("type") == Some("array"));
        let is_stream = kind.is_json() && is_array && says_only(&["type", "items"]);
        let item = written.filter(|_| is_stream);
        let item = item.and_then(|schema| self.answered(&schema.schema("items")?));
        let check = match (whole, item) {
            (None, _) => Check::Nothing,
            (Some(whole), None) => Check::Whole(whole),
            (Some(whole), Some(item)) => Check::Items { whole, item },
        };
        Media { kind, check }
    }

    pub(super) fn schema(&mut self, place: &Place<'_>, key: &str) -> Option<Arc<Schema>> {
        self.compiled(&place.schema(key)?)
    }

    /// The schema of what is sent.
    fn compiled(&mut self, schema: &Place<'_>) -> Option<Arc<Schema>> {
        self.usable(self.compiler.compile(&schema.pointer), schema)
    }

    /// The schema of what is answered.
    fn answered(&mut self, schema: &Place<'_>) -> Option<Arc<Schema>> {
        self.usable(self.compiler.compile_answer(&schema.pointer), schema)
    }

    fn usable(
        &mut self,
        compiled: Result<Arc<Schema>, String>,
        schema: &Place<'_>,
    ) -> Option<Arc<Schema>> {
        compiled
            .map_err(|message| {
                let message = format!("the schema can't be used: {message}");
                self.fault(Code::SchemaInvalid, schema, message);
            })
            .ok()
    }

    pub(super) fn fault(&mut self, code: Code, place: &Place<'_>, message: impl Into<String>) {
        self.faults
            .push(self.document.fault(code, place.node.at, message));
    }
}
