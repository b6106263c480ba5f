//! Locks, elections and barriers: nobody stays in a queue.

use std::sync::Arc;

use tercet_client::{Client, Election, ErrorKind, Mutex, Put, Range, RwLock, Session};
use tokio::sync::Notify;

use crate::scene::{LONG, Scene};

pub(crate) async fn all(scene: &Scene) {
    let [one, two] = [(), ()].map(|()| scene.client.session(LONG));
    let (one, two) = (one.await.unwrap(), two.await.unwrap());
    scene.is_calm().await;
    mutex(scene, &one, &two).await;
    rw_lock(scene, &one, &two).await;
    held(scene, &one).await;
    election(scene, &one).await;
    barrier(scene, &one).await;
    double_barrier(scene, &one, &two).await;
    one.close().await.unwrap();
    two.close().await.unwrap();
}

/// Gives something up when there are so many keys below this, or when nobody waits for it.
async fn give_up<G>(client: Client, below: &'static str, keys: i64, given: G, stop: Arc<Notify>) {
    let crowded = async {
        while client.range(Range::prefix(below).count_only()).await.unwrap().count() < keys {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = crowded => {}
        () = stop.notified() => {}
    }
    drop(given);
}

async fn mutex(scene: &Scene, one: &Session, two: &Session) {
    const BELOW: &str = "mutex/";
    let (ours, theirs) = (Mutex::new(one, "mutex"), Mutex::new(two, "mutex"));
    let mut cuts = scene.cuts("coordination/mutex.rs lock");
    while cuts.go_on() {
        let guard = theirs.lock().await.unwrap();
        let stop = Arc::new(Notify::new());
        let giving = tokio::spawn(give_up(scene.client.clone(), BELOW, 2, guard, stop.clone()));
        cuts.drop_in(ours.lock()).await.transpose().unwrap();
        stop.notify_one();
        giving.await.unwrap();
        scene.leaves_none_below(BELOW).await;
    }

    let mut cuts = scene.cuts("coordination/mutex.rs try_lock");
    while cuts.go_on() {
        let taken = cuts.drop_in(ours.try_lock()).await.transpose().unwrap();
        assert!(taken.is_none_or(|taken| taken.is_some()), "nobody had it");
        scene.leaves_none_below(BELOW).await;
    }

    let mut cuts = scene.cuts("coordination/mutex.rs unlock");
    while cuts.go_on() {
        let guard = ours.lock().await.unwrap();
        cuts.drop_in(guard.unlock()).await.transpose().unwrap();
        scene.leaves_none_below(BELOW).await;
    }
}

async fn rw_lock(scene: &Scene, one: &Session, two: &Session) {
    const BELOW: &str = "rw/";
    let (ours, theirs) = (RwLock::new(one, "rw"), RwLock::new(two, "rw"));
    let mut reading = scene.cuts("coordination/rw_lock.rs read");
    while reading.go_on() {
        let guard = theirs.write().await.unwrap();
        let stop = Arc::new(Notify::new());
        let giving = tokio::spawn(give_up(scene.client.clone(), BELOW, 2, guard, stop.clone()));
        reading.drop_in(ours.read()).await.transpose().unwrap();
        stop.notify_one();
        giving.await.unwrap();
        scene.leaves_none_below(BELOW).await;
    }
    let mut writing = scene.cuts("coordination/rw_lock.rs write");
    while writing.go_on() {
        let guard = theirs.read().await.unwrap();
        let stop = Arc::new(Notify::new());
        let giving = tokio::spawn(give_up(scene.client.clone(), BELOW, 2, guard, stop.clone()));
        writing.drop_in(ours.write()).await.transpose().unwrap();
        stop.notify_one();
        giving.await.unwrap();
        scene.leaves_none_below(BELOW).await;
    }

    let mut cuts = scene.cuts("coordination/rw_lock.rs try_read");
    while cuts.go_on() {
        cuts.drop_in(ours.try_read()).await.transpose().unwrap();
        scene.leaves_none_below(BELOW).await;
    }
    let mut cuts = scene.cuts("coordination/rw_lock.rs try_write");
    while cuts.go_on() {
        cuts.drop_in(ours.try_write()).await.transpose().unwrap();
        scene.leaves_none_below(BELOW).await;
    }
    let mut cuts = scene.cuts("coordination/rw_lock.rs unlock");
    while cuts.go_on() {
        let guard = ours.read().await.unwrap();
        cuts.drop_in(guard.unlock()).await.transpose().unwrap();
        scene.leaves_none_below(BELOW).await;
    }
    let mut cuts = scene.cuts("coordination/rw_lock.rs unlock");
    while cuts.go_on() {
        let guard = ours.write().await.unwrap();
        cuts.drop_in(guard.unlock()).await.transpose().unwrap();
        scene.leaves_none_below(BELOW).await;
    }
}

async fn held(scene: &Scene, one: &Session) {
    let mut cuts = scene.cuts("coordination/held.rs lost");
    while cuts.go_on() {
        let session = scene.client.session(LONG).await.unwrap();
        let guard = Mutex::new(&session, "held").lock().await.unwrap();
        let closing = tokio::spawn(session.close());
        cuts.drop_in(guard.lost()).await;
        closing.await.unwrap().unwrap();
        guard.lost().await;
    }

    let guard = Mutex::new(one, "held").lock().await.unwrap();
    let key = |number: u32| format!("written/{number}");
    let txn = async |number| {
        let put = tercet_client::Op::put(key(number), "1");
        guard.txn(tercet_client::Txn::always([put])).await
    };
    scene.each("coordination/held.rs txn", txn).await;
    scene.each("coordination/held.rs put", async |number| guard.put(key(number), "1").await).await;
    guard.unlock().await.expect("it was held until now");
}

async fn election(scene: &Scene, one: &Session) {
    const BELOW: &str = "election/";
    let election = Election::new(one, "election");
    let mut cuts = scene.cuts("coordination/election.rs campaign");
    while cuts.go_on() {
        cuts.drop_in(election.campaign("one")).await.transpose().unwrap();
        scene.leaves_none_below(BELOW).await;
    }

    let leads = election.campaign("first").await.unwrap();
    scene.each("coordination/election.rs leader", async |_| election.leader().await).await;
    let proclaim = async |number: u32| leads.proclaim(number.to_string()).await;
    scene.each("coordination/election.rs proclaim", proclaim).await;

    let mut cuts = scene.cuts("coordination/election/leaders.rs next");
    while cuts.go_on() {
        let mut leaders = election.observe();
        leads.proclaim("first").await.unwrap();
        let mut told = Vec::new();
        for value in ["first", "second", "third"] {
            if value != "first" {
                leads.proclaim(value).await.unwrap();
            }
            let next = match cuts.drop_in(leaders.next()).await {
                Some(next) => next,
                None => leaders.next().await,
            };
            told.push(next.unwrap().unwrap().value_str().unwrap().to_owned());
        }
        assert_eq!(told, ["first", "second", "third"], "{cuts:?}");
    }
    leads.resign().await.unwrap();

    let mut cuts = scene.cuts("coordination/election.rs resign");
    while cuts.go_on() {
        let leads = election.campaign("one").await.unwrap();
        cuts.drop_in(leads.resign()).await.transpose().unwrap();
        scene.leaves_none_below(BELOW).await;
    }

    let mut cuts = scene.cuts("coordination/election.rs resume");
    while cuts.go_on() {
        let left = Put::new("election/left", "before").lease(one.lease_id());
        let token = scene.client.put_with(left).await.unwrap().revision();
        let resume = async || election.resume("election/left", token).await;
        cuts.drop_in(resume()).await.transpose().unwrap();
        // It is there as it was, or was taken over and given up.
        match resume().await {
            Ok(leads) => leads.resign().await.unwrap(),
            Err(error) => assert_eq!(error.kind(), ErrorKind::NotHeld, "{error}"),
        }
        scene.leaves_none_below(BELOW).await;
    }
}

async fn barrier(scene: &Scene, one: &Session) {
    let gate = scene.client.barrier("gate");
    scene.each("coordination/barrier.rs hold", async |_| gate.hold().await).await;
    scene.each("coordination/barrier.rs release", async |_| gate.release().await).await;
    scene.each("coordination/barrier.rs hold_within", async |_| gate.hold_within(one).await).await;
    let mut cuts = scene.cuts("coordination/barrier.rs wait");
    while cuts.go_on() {
        gate.hold().await.unwrap();
        let elsewhere = gate.clone();
        let releasing = tokio::spawn(async move { elsewhere.release().await });
        cuts.drop_in(gate.wait()).await.transpose().unwrap();
        assert!(releasing.await.unwrap().unwrap());
        gate.wait().await.unwrap();
    }
}

async fn double_barrier(scene: &Scene, one: &Session, two: &Session) {
    const BELOW: &str = "both/waiters/";
    let (ours, theirs) = (one.double_barrier("both", 2), two.double_barrier("both", 2));
    let mut cuts = scene.cuts("coordination/double_barrier.rs enter");
    while cuts.go_on() {
        let partner = theirs.clone();
        let partner = tokio::spawn(async move { partner.enter().await });
        let entered = cuts.drop_in(ours.enter()).await.transpose().unwrap();
        // Whoever is in by then leaves as it is dropped, and nobody waits for it.
        partner.abort();
        let _ = partner.await;
        drop(entered);
        scene.leaves_none_below(BELOW).await;
    }

    let mut cuts = scene.cuts("coordination/double_barrier.rs leave");
    while cuts.go_on() {
        let (first, second) = tokio::join!(ours.enter(), theirs.enter());
        let leaving = tokio::spawn(second.unwrap().leave());
        cuts.drop_in(first.unwrap().leave()).await.transpose().unwrap();
        leaving.await.unwrap().expect("all leave");
        scene.leaves_none_below(BELOW).await;
    }
}
