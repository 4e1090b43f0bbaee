//! Checks the security schemes and requirements of a document.

use super::{declared, requirements, source::CredentialSource};
use crate::{
    diagnostics::{Diagnostic, DiagnosticCode},
    document::{
        Document,
        cursor::Cursor,
        node::{Kind, Node},
    },
};

/// Reports the errors of security schemes and requirements.
pub(crate) fn check(document: &Document, diagnostics: &mut Vec<Diagnostic>) {
    let schemes = declared(document);
    for (name, place) in &schemes {
        // References that can't be resolved are reported elsewhere.
        let is_unresolved = place.node.get("$ref").is_some();
        // Client certificates are not visible here. This matters only if the scheme is required.
        let is_unused = place.text("type") == Some("mutualTLS") && !is_required(document, name);
        if let (false, Err(message)) =
            (is_unresolved || is_unused, CredentialSource::compile(place))
        {
            diagnostics.push(document.diagnostic(
                DiagnosticCode::SecuritySchemeInvalid,
                place.node.at,
                message,
            ));
        }
    }
    let root = [Cursor::root(document)];
    let operations = document.operations();
    let holders = root.iter().chain(operations.iter().map(|one| &one.cursor));
    for security in holders.filter_map(|holder| holder.node.get("security")) {
        check_requirements(document, security, &schemes, diagnostics);
    }
}

/// Reports the errors of a `security` field.
fn check_requirements(
    document: &Document,
    security: &Node,
    schemes: &[(&str, Cursor<'_>)],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut report = |code: DiagnosticCode, node: &Node, message: String| {
        diagnostics.push(document.diagnostic(code, node.at, message));
    };
    if !matches!(security.kind, Kind::Array(_)) {
        let message = "`security` must be an array".to_owned();
        report(DiagnosticCode::MemberInvalid, security, message);
    }
    for requirement in security.items() {
        if requirement.as_object().is_none() {
            let message =
                "a security requirement must be an object of scheme names with arrays of scopes"
                    .to_owned();
            report(DiagnosticCode::MemberInvalid, requirement, message);
        }
        for (name, scopes) in requirement.members() {
            if !schemes.iter().any(|(known, _)| *known == name) {
                let message = format!("the security scheme `{name}` is not declared");
                report(DiagnosticCode::SecuritySchemeMissing, scopes, message);
            }
            if !matches!(scopes.kind, Kind::Array(_))
                || scopes.items().iter().any(|scope| scope.as_str().is_none())
            {
                let message = format!("the scopes of `{name}` must be an array of strings");
                report(DiagnosticCode::MemberInvalid, scopes, message);
            }
        }
    }
}

/// Returns the reason if none of the requirements of an operation in a lenient document can be enforced.
pub(crate) fn unenforceable(document: &Document, operation: &Cursor<'_>) -> Option<String> {
    let security = operation.node.get("security");
    let security = security.or_else(|| document.root.get("security"))?;
    let Kind::Array(requirements) = &security.kind else {
        return Some("`security` must be an array".to_owned());
    };
    let schemes = declared(document);
    let is_known = |name: &str| {
        let mut schemes = schemes.iter().filter(|(known, _)| *known == name);
        schemes.any(|(_, place)| CredentialSource::compile(place).is_ok())
    };
    let is_enforceable = |requirement: &Node| {
        let required = required(requirement);
        required.is_some_and(|all| all.iter().all(|(name, _)| is_known(name)))
    };
    let is_open = requirements.is_empty() || requirements.iter().any(is_enforceable);
    (!is_open).then(|| "none of its security requirements can be enforced".to_owned())
}

/// Returns the schemes of a requirement with their scopes; `None` if it is invalid.
pub(super) fn required(requirement: &Node) -> Option<Vec<(&str, Vec<String>)>> {
    let string = |scope: &Node| scope.as_str().map(str::to_owned);
    requirement.as_object()?;
    let schemes = requirement
        .members()
        .map(|(name, scopes)| match &scopes.kind {
            Kind::Array(items) => Some((name, items.iter().map(string).collect::<Option<_>>()?)),
            _ => None,
        });
    schemes.collect()
}

fn is_required(document: &Document, scheme: &str) -> bool {
    requirements(document).any(|(name, _)| name == scheme)
}
