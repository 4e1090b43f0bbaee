//! Requests: parameters and bodies, and the violations that are reported.

pub(crate) mod body_types;
mod content_types;
mod limits;
#[cfg(feature = "multipart")]
mod multipart;
mod parameters;
mod round_trips;
mod styles;
