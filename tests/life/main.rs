//! What a fleet goes through in its life: members that come and go, restarts one after the other,
//! other versions.

mod restart;
