//! Checks that operations, paths and parameters are consistent.

use std::collections::{HashMap, HashSet};

use http::Method;

use crate::{
    diagnostics::{Diagnostic, DiagnosticCode},
    document::{
        Document, Version,
        cursor::{
            Cursor, METHODS, OperationCursor, is_ignored, parameter_key, parameters,
            slash_parameters,
        },
        node::Position,
    },
    operation::path::Template,
};

/// Checks all operations.
pub(super) fn check(document: &Document, diagnostics: &mut Vec<Diagnostic>) {
    let mut seen = HashMap::new();
    for operation in document.operations() {
        let at = operation.cursor.node.at;
        let name = format!("{} {}", operation.method, operation.path);
        let responses = operation.cursor.get("responses");
        let may_be_missing = responses.is_none() && document.version >= Version::OpenApi31;
        if !may_be_missing
            && responses
                .as_ref()
                .is_none_or(|all| all.members().next().is_none())
        {
            // A warning, because requests do not depend on it; OpenAPI 3.1 allows it.
            let message = format!("{name} has no `responses`");
            let diagnostic = document.diagnostic(DiagnosticCode::MemberMissing, at, message);
            diagnostics.push(diagnostic.into_warning());
        }
        if matches!(operation.method, Method::GET | Method::HEAD)
            && let Some(body) = operation.cursor.node.get("requestBody")
        {
            let message = format!(
                "{name} has a request body, which clients and proxies may drop; use parameters or POST"
            );
            diagnostics.push(document.diagnostic(DiagnosticCode::GetWithBody, body.at, message));
        }
        for (status, response) in responses.iter().flat_map(Cursor::members) {
            // Broken references are reported elsewhere.
            let has = |key| response.node.get(key).is_some();
            let is_optional = status.starts_with("x-") || document.version == Version::OpenApi32;
            if !is_optional && !has("description") && !has("$ref") {
                let message = format!("the response `{status}` of {name} has no `description`");
                diagnostics.push(document.diagnostic(
                    DiagnosticCode::DescriptionMissing,
                    response.node.at,
                    message,
                ));
            }
        }
        operation_id(document, &operation, &mut seen, diagnostics);
    }
}

/// Checks that an operation has a unique `operationId`.
fn operation_id<'d>(
    document: &Document,
    operation: &OperationCursor<'d>,
    seen: &mut HashMap<&'d str, Position>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let Some(id) = operation.cursor.node.get("operationId") else {
        let OperationCursor { method, path, .. } = operation;
        let message = format!(
            "{method} {path} has no `operationId`; its handler is that of `{}`",
            operation.id()
        );
        let at = operation.cursor.node.at;
        diagnostics.push(document.diagnostic(DiagnosticCode::OperationIdMissing, at, message));
        return;
    };
    match id.as_str() {
        // `structure` reports a value that is not a string.
        None => {}
        Some("") => {
            let message = "the `operationId` is empty";
            diagnostics.push(document.diagnostic(
                DiagnosticCode::OperationIdMissing,
                id.at,
                message,
            ));
        }
        Some(text) => {
            if let Some(first) = seen.insert(text, id.at) {
                let location = if first.file == id.at.file {
                    format!("line {}", first.line)
                } else {
                    format!("{}:{first}", document.file(first))
                };
                let message = format!("the operationId `{text}` is already used in {location}");
                diagnostics.push(document.diagnostic(
                    DiagnosticCode::OperationIdDuplicate,
                    id.at,
                    message,
                ));
            }
        }
    }
}

/// Checks the path templates and the parameters.
pub(super) fn check_paths(document: &Document, diagnostics: &mut Vec<Diagnostic>) {
    ambiguous(document, diagnostics);
    let paths = Cursor::root(document).get("paths");
    for (path, item) in paths.iter().flat_map(Cursor::members) {
        if path.starts_with("x-") {
            continue;
        }
        let template = match Template::parse(path) {
            Ok(template) => template,
            Err(message) => {
                let code = if path.starts_with('/') && path.contains(['?', '#']) {
                    DiagnosticCode::PathUnreachable
                } else {
                    DiagnosticCode::PathInvalid
                };
                diagnostics.push(document.diagnostic(code, item.node.at, message));
                continue;
            }
        };
        parameter_list(document, &item, diagnostics);
        for (_, operation) in item.members().filter(|(key, _)| METHODS.contains(key)) {
            parameter_list(document, &operation, diagnostics);
            template_parameters(document, path, &template, &item, &operation, diagnostics);
        }
    }
}

/// Reports paths that match the same requests. They can be served if their methods differ, although OpenAPI forbids this,
/// too (3.1, section 4.8.8).
fn ambiguous(document: &Document, diagnostics: &mut Vec<Diagnostic>) {
    let (mut seen, mut reported) = (HashMap::new(), HashSet::new());
    for operation in document.operations() {
        let OperationCursor {
            path,
            method,
            path_item,
            cursor,
        } = &operation;
        let Ok(template) = Template::parse(path) else {
            continue;
        };
        let shape = template
            .with_slashes_in(&slash_parameters(path_item, cursor))
            .shape();
        for base in operation.base_paths() {
            let known: &mut Vec<_> = seen.entry(base + &shape).or_default();
            let others = || known.iter().filter(|(other, _)| other != path);
            let is_same = others().find(|(_, other)| other == method);
            if let Some((other, _)) = is_same.or(others().next())
                && reported.insert((*path, *other, is_same.is_some()))
            {
                let (code, served) = match is_same {
                    Some(_) => (DiagnosticCode::PathAmbiguous, ""),
                    None => (
                        DiagnosticCode::PathNamesDiffer,
                        "; both are served, since their methods differ",
                    ),
                };
                let message = format!("`{path}` matches the same paths as `{other}`{served}");
                diagnostics.push(document.diagnostic(code, path_item.node.at, message));
            }
            known.push((*path, method.clone()));
        }
    }
}

/// Reports ignored and duplicate parameters of a list.
fn parameter_list(document: &Document, holder: &Cursor<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let mut seen = Vec::new();
    for parameter in holder.get("parameters").iter().flat_map(Cursor::items) {
        if is_ignored(document, &parameter) {
            let name = parameter.text("name").unwrap_or_default();
            let message = format!(
                "the header `{name}` is ignored as a parameter; `content` and `security` describe it"
            );
            diagnostics.push(document.diagnostic(
                DiagnosticCode::ParameterIgnored,
                parameter.node.at,
                message,
            ));
        }
        let key = parameter_key(&parameter);
        if seen.contains(&key) {
            let name = parameter.text("name").unwrap_or_default();
            let message = format!("the parameter `{name}` is listed twice in `parameters`");
            diagnostics.push(document.diagnostic(
                DiagnosticCode::ParameterDuplicate,
                parameter.node.at,
                message,
            ));
        }
        seen.push(key);
    }
}

/// Checks that every parameter of the template is declared, and every declared path parameter is in the template.
fn template_parameters(
    document: &Document,
    path: &str,
    template: &Template,
    item: &Cursor<'_>,
    operation: &Cursor<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let declared: Vec<_> = parameters(item, operation)
        .into_iter()
        .filter(|parameter| parameter.text("in") == Some("path"))
        .filter_map(|parameter| Some((parameter.text("name")?, parameter.node.at)))
        .collect();
    for name in template.names() {
        if !declared.iter().any(|(declared, _)| *declared == name) {
            let message = format!(
                "the parameter `{name}` of `{path}` is not declared; add it to `parameters`"
            );
            diagnostics.push(document.diagnostic(
                DiagnosticCode::PathParameterUndeclared,
                operation.node.at,
                message,
            ));
        }
    }
    for (name, at) in declared {
        if !template.names().any(|known| known == name) {
            diagnostics.push(document.diagnostic(
                DiagnosticCode::PathParameterUnknown,
                at,
                format!("the path `{path}` has no parameter `{name}`"),
            ));
        }
    }
}
