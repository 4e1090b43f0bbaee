//! What handlers take is known before the first request: [`Arguments`] finds the `Params` and `Body` among a handler's
//! arguments, and [`try_on`] reads into them what an operation's schemas allow.
//!
//! axum implements `Handler` for a function by a marker, the tuple of the types that it takes. [`Arguments`] is implemented
//! for these tuples, so nothing is asked of handlers, and nothing of it is there when a request comes. Only extractors
//! that reject with [`ArgumentError`] are tried: others run code of the application.

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

/// The longest value that a message shows, in bytes.
const MAX_SHOWN: usize = 200;

/// What a handler takes, as [`Api::operation`](crate::Api::operation) sees it: implemented for every function that axum
/// takes as a handler.
///
/// A type with a `Handler` of its own has a marker of its own, for which an empty implementation is enough. Such a handler
/// is not tried.
///
/// ```
/// struct Marker;
/// impl<S> connexion::Arguments<S> for Marker {}
/// ```
#[diagnostic::on_unimplemented(
    message = "what this handler takes is not known",
    note = "a constant response is written as a function: `async || \"Hello!\"`",
    note = "a type with a `Handler` of its own needs `impl<S> connexion::Arguments<S> for` its marker"
)]
pub trait Arguments<S>: 'static {
    /// Returns how to read those arguments that can be tried.
    #[doc(hidden)]
    fn readers() -> Vec<Reader<S>> {
        Vec::new()
    }
}

/// Reads one argument of a handler from a request, and returns why it can't.
pub struct Reader<S>(fn(Parts, &S) -> Option<ArgumentError>);

impl<S> std::fmt::Debug for Reader<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reader")
    }
}

impl<S> Clone for Reader<S> {
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
            fn readers() -> Vec<Reader<S>> {
                let readers = [$(of_parts::<$argument, S>(),)* of_request::<Last, S, M>()];
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

fn of_parts<T, S>() -> Option<Reader<S>>
where
    T: FromRequestParts<S> + 'static,
    S: Send + Sync + 'static,
{
    is_tried::<T, T::Rejection>().then_some(Reader(|mut parts, state| {
        let read = T::from_request_parts(&mut parts, state).now_or_never();
        error(read?.err()?)
    }))
}

fn of_request<T, S, M>() -> Option<Reader<S>>
where
    T: FromRequest<S, M> + 'static,
    S: Send + Sync + 'static,
    M: 'static,
{
    is_tried::<T, T::Rejection>().then_some(Reader(|parts, state| {
        let request = Request::from_parts(parts, HttpBody::empty());
        error(T::from_request(request, state).now_or_never()?.err()?)
    }))
}

/// Whether an argument is read from what the document describes, and is not just that.
fn is_tried<T: 'static, R: 'static>() -> bool {
    let takes_all = [
        TypeId::of::<Params<Value>>(),
        TypeId::of::<Params<Map<String, Value>>>(),
        TypeId::of::<Body<Value>>(),
        TypeId::of::<Body<Option<Value>>>(),
    ];
    TypeId::of::<R>() == TypeId::of::<ArgumentError>() && !takes_all.contains(&TypeId::of::<T>())
}

fn error(rejection: impl Any) -> Option<ArgumentError> {
    let rejection: Box<dyn Any> = Box::new(rejection);
    rejection.downcast().ok().map(|error| *error)
}

/// Reads valid values of an operation into the arguments of its handler, and returns each location that a type can't read
/// once. `at` is where the operation stands.
pub(crate) fn try_on<S>(
    document: &Document,
    at: Position,
    operation: &Arc<Operation>,
    readers: &[Reader<S>],
    state: &S,
    made: &mut ValidValues,
) -> Vec<Diagnostic> {
    let mut faults = Vec::new();
    if readers.is_empty() {
        return faults;
    }
    let mut known = HashSet::new();
    let ValidInputs {
        inputs,
        has_parameters,
        has_body,
    } = operation.valid_inputs(made);
    for input in inputs {
        for Reader(read) in readers {
            let (mut parts, ()) = http::Request::new(()).into_parts();
            parts.extensions.insert(Validated {
                operation: Arc::clone(operation),
                input: input.clone(),
            });
            let Some(error) = read(parts, state) else {
                continue;
            };
            if !(if error.is_body {
                has_body
            } else {
                has_parameters
            }) {
                continue;
            }
            let at = operation
                .position(document, &error.location())
                .unwrap_or(at);
            if known.insert((error.type_name, error.location(), at)) {
                let message = message(operation.id(), &error, &input);
                faults.push(document.diagnostic(DiagnosticCode::HandlerMismatch, at, message));
            }
        }
    }
    faults
}

fn message(operation: &str, error: &ArgumentError, input: &ValidatedRequest) -> String {
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
