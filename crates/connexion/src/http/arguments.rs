//! Tries the types of handlers before the first request.
//!
//! [`Arguments`] finds the `Params` and `Body` among a handler's arguments, and [`try_values`] reads values that an
//! operation's schemas allow into them.
//!
//! axum implements `Handler` for functions by a marker, the tuple of the types that the function takes. [`Arguments`] is
//! implemented for these tuples, so handlers need no change and requests take no more time. Only extractors that reject with
//! [`ArgumentError`] are tried; others would run code of the application.

use std::{
    any::{Any, TypeId},
    collections::HashSet,
    sync::Arc,
};

use axum::{
    body::Body as HttpBody,
    extract::{FromRequest, FromRequestParts, Request},
};
use futures_util::FutureExt;
use http::request::Parts;
use serde_json::{Map, Value};

use crate::{
    diagnostics::{Diagnostic, DiagnosticCode},
    document::{Document, node::Position},
    http::extract::{ArgumentError, Body, Params, Validated},
    operation::{Operation, ValidInputs, ValidatedRequest},
    schema::ValidValues,
};

/// Maximum length of a value in a message, in bytes.
const MAX_SHOWN: usize = 200;

/// The arguments of a handler. It is implemented for every function that axum accepts as a handler.
///
/// A type that implements `Handler` itself needs an empty implementation for its marker type. Its arguments are not tried
/// ([`Api::try_handlers`](crate::Api::try_handlers)).
///
/// ```
/// struct Marker;
/// impl<S> connexion::Arguments<S> for Marker {}
/// ```
#[diagnostic::on_unimplemented(
    message = "the arguments of this handler are unknown",
    note = "write a constant response as a function: `async || \"Hello!\"`",
    note = "a type that implements `Handler` itself needs `impl<S> connexion::Arguments<S> for` its marker type"
)]
pub trait Arguments<S>: 'static {
    /// Returns readers of the arguments that can be tried.
    #[doc(hidden)]
    fn readers() -> Vec<ArgumentReader<S>> {
        Vec::new()
    }
}

/// A function that reads one argument of a handler from a request, and returns the error if it can't.
pub struct ArgumentReader<S>(fn(Parts, &S) -> Option<ArgumentError>);

impl<S> std::fmt::Debug for ArgumentReader<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ArgumentReader")
    }
}

impl<S> Clone for ArgumentReader<S> {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

impl<S> Arguments<S> for () {}

impl<S> Arguments<S> for ((),) {}

macro_rules! arguments {
    ($($argument:ident)*) => {
        impl<S, M, $($argument,)* Last> Arguments<S> for (M, $($argument,)* Last)
        where
            S: Send + Sync + 'static,
            M: 'static,
            $($argument: FromRequestParts<S> + 'static,)*
            Last: FromRequest<S, M> + 'static,
        {
            fn readers() -> Vec<ArgumentReader<S>> {
                let readers = [$(parts_reader::<$argument, S>(),)* request_reader::<Last, S, M>()];
                readers.into_iter().flatten().collect()
            }
        }
    };
}

arguments!();
arguments!(A);
arguments!(A B);
arguments!(A B C);
arguments!(A B C D);
arguments!(A B C D E);
arguments!(A B C D E F);
arguments!(A B C D E F G);
arguments!(A B C D E F G H);
arguments!(A B C D E F G H I);
arguments!(A B C D E F G H I J);
arguments!(A B C D E F G H I J K);
arguments!(A B C D E F G H I J K L);
arguments!(A B C D E F G H I J K L N);
arguments!(A B C D E F G H I J K L N O);
arguments!(A B C D E F G H I J K L N O P);

fn parts_reader<T, S>() -> Option<ArgumentReader<S>>
where
    T: FromRequestParts<S> + 'static,
    S: Send + Sync + 'static,
{
    is_tried::<T, T::Rejection>().then_some(ArgumentReader(|mut parts, state| {
        let read = T::from_request_parts(&mut parts, state).now_or_never();
        argument_error(read?.err()?)
    }))
}

fn request_reader<T, S, M>() -> Option<ArgumentReader<S>>
where
    T: FromRequest<S, M> + 'static,
    S: Send + Sync + 'static,
    M: 'static,
{
    is_tried::<T, T::Rejection>().then_some(ArgumentReader(|parts, state| {
        let request = Request::from_parts(parts, HttpBody::empty());
        argument_error(T::from_request(request, state).now_or_never()?.err()?)
    }))
}

/// Returns whether an argument is read from validated values, into a type that can disagree with the document.
fn is_tried<T: 'static, R: 'static>() -> bool {
    let accepts_all = [
        TypeId::of::<Params<Value>>(),
        TypeId::of::<Params<Map<String, Value>>>(),
        TypeId::of::<Body<Value>>(),
        TypeId::of::<Body<Option<Value>>>(),
    ];
    TypeId::of::<R>() == TypeId::of::<ArgumentError>() && !accepts_all.contains(&TypeId::of::<T>())
}

fn argument_error(rejection: impl Any) -> Option<ArgumentError> {
    let rejection: Box<dyn Any> = Box::new(rejection);
    rejection.downcast().ok().map(|error| *error)
}

/// Reads valid values of an operation into the arguments of its handler, and returns a diagnostic for each location that a
/// type can't read. `at` is the position of the operation.
pub(crate) fn try_values<S>(
    document: &Document,
    at: Position,
    operation: &Arc<Operation>,
    readers: &[ArgumentReader<S>],
    state: &S,
    values: &mut ValidValues,
) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    if readers.is_empty() {
        return diagnostics;
    }
    let mut reported = HashSet::new();
    let ValidInputs {
        inputs,
        has_parameters,
        has_body,
    } = operation.valid_inputs(values);
    for input in inputs {
        for ArgumentReader(read) in readers {
            let (mut parts, ()) = http::Request::new(()).into_parts();
            parts.extensions.insert(Validated {
                operation: Arc::clone(operation),
                input: input.clone(),
            });
            let Some(error) = read(parts, state) else {
                continue;
            };
            let is_valid = if error.is_body {
                has_body
            } else {
                has_parameters
            };
            if !is_valid {
                continue;
            }
            let at = operation
                .position(document, &error.location())
                .unwrap_or(at);
            if reported.insert((error.type_name, error.location(), at)) {
                let message = mismatch(operation.id(), &error, &input);
                diagnostics.push(document.diagnostic(DiagnosticCode::HandlerMismatch, at, message));
            }
        }
    }
    diagnostics
}

fn mismatch(operation: &str, error: &ArgumentError, input: &ValidatedRequest) -> String {
    let (what, value) = if error.is_body {
        ("body", input.body.clone().unwrap_or_default())
    } else {
        ("parameters", Value::Object(input.parameters.clone()))
    };
    let mut shown = value.to_string();
    if shown.len() > MAX_SHOWN {
        shown.truncate(shown.floor_char_boundary(MAX_SHOWN));
        shown.push('…');
    }
    format!(
        "the handler of `{operation}` takes `{}`, which can't read the valid {what} {shown}: {}",
        error.type_name,
        error.reason()
    )
}
