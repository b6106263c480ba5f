//! Queues: each element that was put in is taken once.

use std::collections::BTreeSet;

use tercet_client::{KeyValue, PriorityQueue, Queue, Result};

use crate::scene::Scene;

/// What both kinds have in common.
#[derive(Clone)]
enum Kind {
    Plain(Queue),
    Priority(PriorityQueue),
}

impl Kind {
    async fn enqueue(&self, value: String) -> Result<()> {
        match self {
            Self::Plain(queue) => queue.enqueue(value).await,
            Self::Priority(queue) => queue.enqueue(1, value).await,
        }
    }

    async fn dequeue(&self) -> Result<KeyValue> {
        match self {
            Self::Plain(queue) => queue.dequeue().await,
            Self::Priority(queue) => queue.dequeue().await,
        }
    }

    async fn try_dequeue(&self) -> Result<Option<KeyValue>> {
        match self {
            Self::Plain(queue) => queue.try_dequeue().await,
            Self::Priority(queue) => queue.try_dequeue().await,
        }
    }
}

/// What was taken, in order.
type Taken = Vec<String>;

pub(crate) async fn all(scene: &Scene) {
    let plain = Kind::Plain(scene.client.queue("plain"));
    enqueue(scene, &plain, "coordination/queue.rs enqueue").await;
    dequeue(scene, &plain, "coordination/queue.rs dequeue").await;
    try_dequeue(scene, &plain, "coordination/queue.rs try_dequeue").await;
    let priority = Kind::Priority(scene.client.priority_queue("priority"));
    enqueue(scene, &priority, "coordination/queue/priority.rs enqueue").await;
    dequeue(scene, &priority, "coordination/queue/priority.rs dequeue").await;
    try_dequeue(scene, &priority, "coordination/queue/priority.rs try_dequeue").await;
}

fn note(taken: &mut Taken, element: Option<KeyValue>) {
    taken.extend(element.map(|element| element.value_str().unwrap().to_owned()));
}

async fn rest(queue: &Kind, taken: &mut Taken) {
    while let Some(element) = queue.try_dequeue().await.unwrap() {
        note(taken, Some(element));
    }
}

/// Each was taken that was put in, and none twice.
fn check(put: &BTreeSet<String>, taken: &Taken, what: &str) {
    let once: BTreeSet<_> = taken.iter().cloned().collect();
    assert_eq!(once.len(), taken.len(), "{what}: some were taken twice: {taken:?}");
    assert_eq!(*put, once, "{what}: what was put in, and what was taken");
}

async fn enqueue(scene: &Scene, queue: &Kind, function: &'static str) {
    let (mut sure, mut all) = (BTreeSet::new(), BTreeSet::new());
    let mut cuts = scene.cuts(function);
    while cuts.go_on() {
        let value = scene.number().to_string();
        all.insert(value.clone());
        if let Some(done) = cuts.drop_in(queue.enqueue(value.clone())).await {
            done.unwrap();
            sure.insert(value);
        }
    }
    scene.wait_for_requests(0).await;
    let mut taken = Taken::new();
    rest(queue, &mut taken).await;
    // Those that were dropped are in, or are not.
    assert!(taken.iter().all(|element| all.contains(element)));
    let maybe = |element: &String| !sure.contains(element);
    let put = taken.iter().filter(|element| maybe(element)).cloned().chain(sure.clone()).collect();
    check(&put, &taken, function);
}

/// The one that waits for an element, too.
async fn dequeue(scene: &Scene, queue: &Kind, function: &'static str) {
    let (mut put, mut taken) = (BTreeSet::new(), Taken::new());
    let mut cuts = scene.cuts(function);
    while cuts.go_on() {
        rest(queue, &mut taken).await;
        let value = scene.number().to_string();
        put.insert(value.clone());
        let writer = queue.clone();
        let enqueuing = tokio::spawn(async move { writer.enqueue(value).await });
        let element = cuts.drop_in(queue.dequeue()).await;
        enqueuing.await.unwrap().unwrap();
        note(&mut taken, element.transpose().unwrap());
    }
    rest(queue, &mut taken).await;
    check(&put, &taken, function);
}

async fn try_dequeue(scene: &Scene, queue: &Kind, function: &'static str) {
    let (mut put, mut taken) = (BTreeSet::new(), Taken::new());
    let mut cuts = scene.cuts(function);
    while cuts.go_on() {
        let value = scene.number().to_string();
        put.insert(value.clone());
        queue.enqueue(value).await.unwrap();
        let element = cuts.drop_in(queue.try_dequeue()).await.transpose().unwrap();
        note(&mut taken, element.flatten());
    }
    rest(queue, &mut taken).await;
    check(&put, &taken, function);
}
