//! New certificates, another authority and revoked certificates for fleets that run, with clients
//! at work the whole time.

mod authority;
mod interrupted;
mod leaves;
mod members;
mod pauses;
mod proxies;
mod revocation;
mod security;
mod skipped;
mod support;
