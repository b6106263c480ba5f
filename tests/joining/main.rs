//! Members of a new fleet find each other through another etcd.

mod discovery;
