//! The proxy of the second API.
