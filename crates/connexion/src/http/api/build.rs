//! [`Api::build`]: checks the document against the registered handlers and builds the service.

use std::sync::{Arc, atomic::AtomicU32};

use super::{
    Api,
    registry::{HandlerRegistry, UnboundHandler, not_implemented},
};
use crate::{
    Position,
    diagnostics::{Diagnostic, DiagnosticCode, Diagnostics},
    document::{
        Document,
        cursor::{OperationCursor, slash_parameters},
        server,
    },
    http::service::{ApiService, ServedDocument},
    operation::{self, Operation, ResponseValidation, Rules, path::Template},
    security::Schemes,
};

impl<S: Clone + Send + Sync + 'static> Api<S> {
    /// Checks the document against the registered handlers and builds the service.
    ///
    /// Handlers get `state` by axum's `State`. Warnings do not stop the build; they are logged.
    ///
    /// ```
    /// # use connexion::{Api, DiagnosticCode, Document};
    /// # let document = Document::load("examples/hello.yaml")?;
    /// let api = Api::from_document(document).operation("hallo", async || "Hello!");
    /// let diagnostics = api.build(()).unwrap_err();
    /// let codes: Vec<DiagnosticCode> = diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    /// assert_eq!(codes, [DiagnosticCode::HandlerUnknown, DiagnosticCode::HandlerMissing]);
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    ///
    /// # Errors
    /// Lists every error of the document, every operation without a handler and every handler without an operation, every
    /// security scheme without a verifier and every verifier without a scheme, and then also the warnings.
    pub fn build(self, state: S) -> Result<ApiService, Diagnostics> {
        let Self {
            document,
            prefix: _,
            handlers,
            mut fallbacks,
            formats,
            body_types,
            verifiers,
            docs_security,
            response_validations: modes,
            base_path,
            hooks,
            options,
            mut docs,
        } = self;
        let (mut diagnostics, schemas) = document.examine(&formats, options.strict_discriminator);
        let own_base = base_path.map(|path| checked_base_path(&document, &path, &mut diagnostics));
        let security_schemes = Schemes::compile(&document, &verifiers, &mut diagnostics);
        let docs_guard =
            docs_security.and_then(|one| security_schemes.guard_of(&one, &mut diagnostics));
        let missing_guard =
            security_schemes.guard_of_missing(options.auth_all_paths, &mut diagnostics);
        let rules = |source: &OperationCursor<'_>| Rules {
            guard: security_schemes.guard(&source.cursor),
            response_validation: last_mode(&source.id(), &modes)
                .unwrap_or(options.response_validation),
            ..options.rules()
        };
        let own = (formats.as_slice(), body_types.as_slice());
        let compiled = operation::compile(&document, &schemas, own, rules, &mut diagnostics);
        let (operations, templates) = with_templates(compiled, own_base.as_deref());
        check_modes(&document, &operations, &modes, &mut diagnostics);
        let stub = || (String::new(), UnboundHandler::new(not_implemented));
        fallbacks.extend(options.stub.then(stub));
        let registry = HandlerRegistry {
            handlers,
            fallbacks,
        };
        let bound = registry.bind(&document, operations, &state, &mut diagnostics);
        let endpoints =
            bound.into_endpoints(&document, &state, options.try_handlers, &mut diagnostics);
        docs.check(&document, &mut diagnostics);
        document.accept(diagnostics)?;
        let base_path = own_base.unwrap_or_else(|| document.base_path());
        docs.load(&document, &base_path);
        Ok(ApiService::new(ServedDocument {
            templates,
            endpoints,
            base_path,
            hooks,
            limits: options.limits,
            response_share: options.response_share,
            docs,
            docs_guard,
            missing_guard,
            response_count: AtomicU32::new(0),
        }))
    }
}

/// Returns the base path that the application set, or an empty one if it is invalid.
fn checked_base_path(document: &Document, path: &str, diagnostics: &mut Vec<Diagnostic>) -> String {
    server::checked(path).unwrap_or_else(|message| {
        let at = document.paths_at();
        // The application set it, so it is an error even if the document is loaded leniently.
        diagnostics.push(Diagnostic::new(
            document.file(at),
            DiagnosticCode::PathInvalid,
            at,
            message,
        ));
        String::new()
    })
}

/// Operations with their positions, and the path templates under which they are served, each with an index into the
/// operations.
type OperationsWithTemplates = (Vec<(Position, Operation)>, Vec<(Arc<Template>, usize)>);

fn with_templates(
    compiled: Vec<(OperationCursor<'_>, Operation)>,
    base_path: Option<&str>,
) -> OperationsWithTemplates {
    let (mut operations, mut templates) = (Vec::new(), Vec::new());
    for (source, operation) in compiled {
        let paths = templates_of(&source, base_path);
        templates.extend(paths.map(|template| (Arc::new(template), operations.len())));
        operations.push((source.cursor.node.at, operation));
    }
    (operations, templates)
}

/// Returns the path templates under which an operation is served: one for each base path.
///
/// There is none if the operation's own path is invalid, which the linter reports.
fn templates_of(
    source: &OperationCursor<'_>,
    base_path: Option<&str>,
) -> impl Iterator<Item = Template> {
    let bases = match base_path {
        _ if Template::parse(source.path).is_err() => Vec::new(),
        Some(base) => vec![base.to_owned()],
        None => source.base_paths(),
    };
    let slashes = slash_parameters(&source.path_item, &source.cursor);
    bases.into_iter().filter_map(move |base| {
        let template = Template::parse(&format!("{base}{}", source.path)).ok()?;
        Some(template.with_slashes_in(&slashes))
    })
}

/// Returns the last mode that was set for an operation.
fn last_mode(
    operation: &str,
    modes: &[(String, ResponseValidation)],
) -> Option<ResponseValidation> {
    let mut modes = modes.iter().rev();
    let (_, mode) = modes.find(|(id, _)| id == operation)?;
    Some(*mode)
}

/// Reports modes of operations that do not exist: their responses would seem to be validated.
fn check_modes(
    document: &Document,
    operations: &[(Position, Operation)],
    modes: &[(String, ResponseValidation)],
    diagnostics: &mut Vec<Diagnostic>,
) {
    for (id, _) in modes {
        if !operations.iter().any(|(_, known)| known.id() == id) {
            let message =
                format!("there is no operation `{id}` whose responses could be validated");
            diagnostics.push(document.diagnostic(
                DiagnosticCode::HandlerUnknown,
                document.paths_at(),
                message,
            ));
        }
    }
}
