//! The security schemes of a document, and the guards of its operations.

use std::{collections::HashMap, sync::Arc};

use super::{
    ScopeCheck, Verifiers,
    check::required,
    declared,
    guard::{Alternative, Guard, RequiredScheme, Scheme, quoted},
    source::CredentialSource,
};
use crate::{
    diagnostics::{Diagnostic, DiagnosticCode},
    document::{Document, cursor::Cursor, node::Node},
};

/// The security schemes of a document with their verifiers.
pub(crate) struct Schemes<'d> {
    document: &'d Document,
    known: HashMap<&'d str, Arc<Scheme>>,
    scope_check: Option<ScopeCheck>,
}

impl<'d> Schemes<'d> {
    /// Assigns the verifiers to the schemes. Reports schemes without a verifier, and verifiers without a scheme.
    pub(crate) fn compile(
        document: &'d Document,
        verifiers: &Verifiers,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Self {
        let mut known = HashMap::new();
        let schemes = declared(document);
        for (name, place) in &schemes {
            let own = verifiers.by_scheme.iter().find(|(known, _)| known == name);
            let verifier = own
                .map(|(_, verifier)| verifier)
                .or(verifiers.default.as_ref());
            match (verifier, CredentialSource::compile(place)) {
                (Some(verify), Ok(source)) => {
                    let scheme = Scheme {
                        name: (*name).into(),
                        source,
                        verify: Arc::clone(verify),
                    };
                    known.insert(*name, Arc::new(scheme));
                }
                // Reported by `check`.
                (_, Err(_)) => {}
                (None, Ok(_)) => {
                    let message = format!("the security scheme `{name}` has no verifier");
                    diagnostics.push(document.diagnostic(
                        DiagnosticCode::VerifierMissing,
                        place.node.at,
                        message,
                    ));
                }
            }
        }
        for (name, _) in &verifiers.by_scheme {
            if !schemes.iter().any(|(known, _)| known == name) {
                let message =
                    format!("a verifier refers to the undeclared security scheme `{name}`");
                diagnostics.push(document.diagnostic(
                    DiagnosticCode::VerifierUnknown,
                    document.paths_at(),
                    message,
                ));
            }
        }
        Self {
            document,
            known,
            scope_check: verifiers.scopes.clone(),
        }
    }

    /// Returns the guard of an operation, by its own `security` or that of the document.
    pub(crate) fn guard(&self, operation: &Cursor<'_>) -> Option<Guard> {
        let security = operation.node.get("security");
        self.guard_by(security.or_else(|| self.document.root.get("security"))?)
    }

    /// Returns the guard of paths that the document does not have, by its top-level `security`. Reports a document without
    /// one, since nothing would be enforced.
    pub(crate) fn guard_of_missing(
        &self,
        is_guarded: bool,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Guard> {
        if !is_guarded {
            return None;
        }
        if let Some(security) = self.document.root.get("security") {
            return self.guard_by(security);
        }
        let message = "`Api::auth_all_paths` requires a `security` beside `paths`";
        let (code, at) = (DiagnosticCode::MemberMissing, self.document.paths_at());
        diagnostics.push(self.document.diagnostic(code, at, message));
        None
    }

    fn guard_by(&self, security: &Node) -> Option<Guard> {
        self.guarded(security.items().iter().filter_map(required))
    }

    /// Returns a guard that requires one scheme. Reports an undeclared scheme.
    pub(crate) fn guard_of(
        &self,
        (name, scopes): &(String, Vec<String>),
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Guard> {
        if !declared(self.document)
            .iter()
            .any(|(known, _)| known == name)
        {
            let message = format!("the docs page requires the undeclared security scheme `{name}`");
            let (code, at) = (
                DiagnosticCode::SecuritySchemeMissing,
                self.document.paths_at(),
            );
            // The application requires it, so this is an error in a lenient document, too.
            diagnostics.push(Diagnostic::new(self.document.file(at), code, at, message));
        }
        self.guarded([vec![(name.as_str(), scopes.clone())]].into_iter())
    }

    fn guarded<'n>(
        &self,
        requirements: impl Iterator<Item = Vec<(&'n str, Vec<String>)>>,
    ) -> Option<Guard> {
        let (optional, required): (Vec<_>, Vec<_>) = requirements.partition(Vec::is_empty);
        // No request can meet an alternative with an unknown scheme. If no alternative is left, `check` reports an error, or
        // `unenforceable` for a lenient document.
        let find = |(name, scopes)| {
            let scheme = Arc::clone(self.known.get(name)?);
            Some(Arc::new(RequiredScheme { scheme, scopes }))
        };
        let alternatives: Vec<Alternative> = required
            .into_iter()
            .filter_map(|schemes| schemes.into_iter().map(find).collect())
            .collect();
        (!alternatives.is_empty()).then(|| Guard {
            alternatives,
            is_optional: !optional.is_empty(),
            scope_check: self.scope_check.clone(),
            realm: quoted(self.document.title()),
        })
    }
}
