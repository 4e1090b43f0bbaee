//! An OpenAPI document in, a server out.
