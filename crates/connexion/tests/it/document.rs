//! Loading and checking documents, in every version of OpenAPI.

mod diagnostics;
mod keywords;
mod lenient;
mod loading;
mod model;
mod references;
mod swagger2;
mod versions;
mod yaml;
