//! What several clients agree on by way of the store: locks, elections, queues, transactions.
