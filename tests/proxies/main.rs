//! etcd's own proxies before a fleet.

mod through;
