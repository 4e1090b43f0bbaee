//! The route table of a service: finds the target of a request.

use std::sync::Arc;

use axum::{extract::Request, response::Response};
use http::{HeaderValue, Method};

use super::{Endpoint, ServedDocument};
use crate::{
    http::method::allow,
    operation::{
        Operation,
        path::{PathValues, Routes, Template},
    },
};

/// The documents of a service, and one route table for all of them.
pub(super) struct RouteTable {
    /// In the order in which they were merged.
    pub(super) documents: Vec<Arc<ServedDocument>>,
    /// The routes of each path template: at most one for each method and document.
    routes: Routes<Vec<Route>>,
}

/// An operation under one of its paths.
struct Route {
    document: Arc<ServedDocument>,
    /// The index into the document's endpoints.
    endpoint: usize,
    template: Arc<Template>,
}

/// The target of a request.
pub(super) enum Target<'s> {
    Operation(&'s Arc<Operation>, &'s Endpoint, &'s Template),
    /// The served document, or a file of the docs page.
    Docs(Box<Response>),
    /// A path without an operation for the method. The header `Allow` lists its methods.
    OtherMethod(HeaderValue),
    NotFound,
}

impl RouteTable {
    pub(super) fn new(documents: Vec<Arc<ServedDocument>>) -> Self {
        let mut routes = Routes::<Vec<Route>>::default();
        for document in &documents {
            for (template, endpoint) in &document.templates {
                routes.entry(template).push(Route {
                    document: Arc::clone(document),
                    endpoint: *endpoint,
                    template: Arc::clone(template),
                });
            }
        }
        Self { documents, routes }
    }

    /// Finds the target of a request, and its document.
    ///
    /// The most specific template of all documents that has the method counts (OpenAPI 3.1, section 4.8.8.2). If a more
    /// specific template matches but lacks the method, the values in the path must also be valid: `PUT /people/summary` is
    /// not a request for the person with the number `summary`. The paths of the served documents come after the literal
    /// paths.
    pub(super) fn target(&self, request: &Request) -> (&ServedDocument, Target<'_>) {
        let (method, path) = (request.method(), request.uri().path());
        let mut is_first = true;
        let route = self.routes.find(path, |routes| {
            let is_most_specific = std::mem::take(&mut is_first);
            of_method(routes, method).filter(|route| is_most_specific || route.accepts(path))
        });
        let is_literal = route.is_some_and(|route| route.template.names().next().is_none());
        if matches!(*method, Method::GET | Method::HEAD)
            && !is_literal
            && let Some((document, response)) = self.docs(request)
        {
            return (document, Target::Docs(Box::new(response)));
        }
        if let Some(route) = route
            && let Some((operation, endpoint)) = route.endpoint()
        {
            let target = Target::Operation(operation, endpoint, &route.template);
            return (&route.document, target);
        }
        self.target_without_method(request)
    }

    /// Finds the served document, or the file of the docs page, at the path of a request.
    fn docs(&self, request: &Request) -> Option<(&ServedDocument, Response)> {
        self.documents.iter().find_map(|document| {
            let path = request.uri().path().strip_prefix(&document.base_path)?;
            Some((&**document, document.docs.get(path, request.headers())?))
        })
    }

    /// Returns the target of a request if no matching template has its method.
    fn target_without_method(&self, request: &Request) -> (&ServedDocument, Target<'_>) {
        let path = request.uri().path();
        let mut matching = Vec::<&Route>::new();
        self.routes.find(path, |routes| {
            let is_most_specific = matching.is_empty();
            let accepting = |route: &&Route| is_most_specific || route.accepts(path);
            matching.extend(routes.iter().filter(accepting));
            None::<()>
        });
        let docs = self.docs(request);
        let document = matching.first().map(|route| &*route.document);
        let document = document.or(docs.as_ref().map(|(document, _)| *document));
        let Some(document) = document else {
            let first = self.documents.first().expect("a service has a document");
            return (first, Target::NotFound);
        };
        let operations = matching.iter().filter_map(|route| route.endpoint());
        let methods = operations.map(|(operation, _)| operation.method());
        let methods = methods.chain(docs.is_some().then_some(&Method::GET));
        (document, Target::OtherMethod(allow(methods)))
    }
}

impl Route {
    fn endpoint(&self) -> Option<&(Arc<Operation>, Endpoint)> {
        self.document.endpoints.get(self.endpoint)
    }

    /// Returns whether the values in a matching path are valid.
    fn accepts(&self, path: &str) -> bool {
        self.endpoint().is_some_and(|(operation, _)| {
            let is_valid = |values: &PathValues| operation.accepts_path(values);
            is_valid(&self.template.values(path, is_valid))
        })
    }
}

/// Returns the route of a method; for HEAD without a route of its own, that of GET (RFC 9110, section 9.3.2).
fn of_method<'r>(routes: &'r [Route], method: &Method) -> Option<&'r Route> {
    let find = |method: &Method| {
        let has_method = |(operation, _): &(Arc<Operation>, Endpoint)| operation.method() == method;
        routes
            .iter()
            .find(|route| route.endpoint().is_some_and(has_method))
    };
    find(method).or_else(|| find(&Method::GET).filter(|_| method == Method::HEAD))
}
