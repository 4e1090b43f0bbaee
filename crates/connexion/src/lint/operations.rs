//! What no single place of a document tells: whether operations, paths and parameters fit together.

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

/// Adds what is wrong with the operations to `faults`.
pub(super) fn check(document: &Document, faults: &mut Vec<Diagnostic>) {
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
            // A warning: responses are not checked then, as since OpenAPI 3.1, but no request is read otherwise.
            let message = format!("{name} has no `responses`");
            let fault = document.diagnostic(DiagnosticCode::MemberMissing, at, message);
            faults.push(fault.into_warning());
        }
        if matches!(operation.method, Method::GET | Method::HEAD)
            && let Some(body) = operation.cursor.node.get("requestBody")
        {
            let message = format!(
                "{name} has a request body, which clients and proxies may drop; use parameters or POST"
            );
            faults.push(document.diagnostic(DiagnosticCode::GetWithBody, body.at, message));
        }
        for (status, response) in responses.iter().flat_map(Cursor::members) {
            // A reference that is still one leads nowhere, which is reported elsewhere.
            let has = |key| response.node.get(key).is_some();
            let may_be_silent = status.starts_with("x-") || document.version == Version::OpenApi32;
            if !may_be_silent && !has("description") && !has("$ref") {
                let message = format!("the response `{status}` of {name} has no `description`");
                faults.push(document.diagnostic(
                    DiagnosticCode::DescriptionMissing,
                    response.node.at,
                    message,
                ));
            }
        }
        operation_id(document, &operation, &mut seen, faults);
    }
}

/// Every operation should have a name, and none that of another.
fn operation_id<'d>(
    document: &Document,
    operation: &OperationCursor<'d>,
    seen: &mut HashMap<&'d str, Position>,
    faults: &mut Vec<Diagnostic>,
) {
    let Some(id) = operation.cursor.node.get("operationId") else {
        let OperationCursor { method, path, .. } = operation;
        let message = format!(
            "{method} {path} has no `operationId`; its handler is that of `{}`",
            operation.id()
        );
        let at = operation.cursor.node.at;
        faults.push(document.diagnostic(DiagnosticCode::OperationIdMissing, at, message));
        return;
    };
    match id.as_str() {
        // That it is not a text is reported by `structure`.
        None => {}
        Some("") => {
            let message = "the `operationId` is empty";
            faults.push(document.diagnostic(DiagnosticCode::OperationIdMissing, id.at, message));
        }
        Some(text) => {
            if let Some(first) = seen.insert(text, id.at) {
                let place = if first.file == id.at.file {
                    format!("line {}", first.line)
                } else {
                    format!("{}:{first}", document.file(first))
                };
                let message = format!("the operationId `{text}` is used already in {place}");
                faults.push(document.diagnostic(
                    DiagnosticCode::OperationIdDuplicate,
                    id.at,
                    message,
                ));
            }
        }
    }
}

/// Adds what is wrong with the path templates and the parameters to `faults`.
pub(super) fn check_paths(document: &Document, faults: &mut Vec<Diagnostic>) {
    ambiguous(document, faults);
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
                faults.push(document.diagnostic(code, item.node.at, message));
                continue;
            }
        };
        listed(document, &item, faults);
        for (_, operation) in item.members().filter(|(key, _)| METHODS.contains(key)) {
            listed(document, &operation, faults);
            template_parameters(document, path, &template, &item, &operation, faults);
        }
    }
}

/// Two paths may not have the same method if they match the same requests. With different methods they can be served,
/// though OpenAPI forbids them, too (3.1, section 4.8.8).
fn ambiguous(document: &Document, faults: &mut Vec<Diagnostic>) {
    let (mut seen, mut reported) = (HashMap::new(), HashSet::new());
    for operation in document.operations() {
        let OperationCursor {
            path,
            method,
            path_item: item,
            cursor: place,
        } = &operation;
        let Ok(template) = Template::parse(path) else {
            continue;
        };
        let shape = template
            .with_slashes_in(&slash_parameters(item, place))
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
                faults.push(document.diagnostic(code, item.node.at, message));
            }
            known.push((*path, method.clone()));
        }
    }
}

/// No list may have the same parameter twice, or one that is passed over.
fn listed(document: &Document, holder: &Cursor<'_>, faults: &mut Vec<Diagnostic>) {
    let mut seen = Vec::new();
    for parameter in holder.get("parameters").iter().flat_map(Cursor::items) {
        if is_ignored(document, &parameter) {
            let name = parameter.text("name").unwrap_or_default();
            let message = format!(
                "the header `{name}` is ignored as a parameter: `content` and `security` speak of it"
            );
            faults.push(document.diagnostic(
                DiagnosticCode::ParameterIgnored,
                parameter.node.at,
                message,
            ));
        }
        let key = parameter_key(&parameter);
        if seen.contains(&key) {
            let name = parameter.text("name").unwrap_or_default();
            let message = format!("the parameter `{name}` stands twice in `parameters`");
            faults.push(document.diagnostic(
                DiagnosticCode::ParameterDuplicate,
                parameter.node.at,
                message,
            ));
        }
        seen.push(key);
    }
}

/// Every template parameter must be declared, and every declared one must be in the template.
fn template_parameters(
    document: &Document,
    path: &str,
    template: &Template,
    item: &Cursor<'_>,
    operation: &Cursor<'_>,
    faults: &mut Vec<Diagnostic>,
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
            faults.push(document.diagnostic(
                DiagnosticCode::PathParameterUndeclared,
                operation.node.at,
                message,
            ));
        }
    }
    for (name, at) in declared {
        if !template.names().any(|known| known == name) {
            faults.push(document.diagnostic(
                DiagnosticCode::PathParameterUnknown,
                at,
                format!("the path `{path}` has no parameter `{name}`"),
            ));
        }
    }
}
