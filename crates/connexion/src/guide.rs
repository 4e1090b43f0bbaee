#![doc = include_str!("../docs/guides.md")]
//!
//! Nothing here is called: the modules hold text.

#[doc = include_str!("../docs/first-api.md")]
pub mod first_api {}

#[doc = include_str!("../docs/requests.md")]
pub mod requests {}

#[doc = include_str!("../docs/responses.md")]
pub mod responses {}

#[doc = include_str!("../docs/auth.md")]
pub mod auth {}

/// Forms with files. Needs the feature `multipart`, with which this guide appears here.
#[cfg(not(feature = "multipart"))]
pub mod uploads {}

#[cfg(feature = "multipart")]
#[doc = include_str!("../docs/uploads.md")]
pub mod uploads {}

#[doc = include_str!("../docs/streaming.md")]
pub mod streaming {}

#[doc = include_str!("../docs/errors.md")]
pub mod errors {}

#[doc = include_str!("../docs/testing.md")]
pub mod testing {}

#[doc = include_str!("../docs/mounting.md")]
pub mod mounting {}

#[doc = include_str!("../docs/from-python.md")]
pub mod from_python {}

#[doc = include_str!("../docs/versions.md")]
pub mod versions {}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
