//! Security schemes and requirements.

mod requirements;
