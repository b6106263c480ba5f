//! Every case of etcd's suites has a test of ours in `docs/acceptance.md`, or a reason.
