//! Who we are to the cluster, and the token that says so.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderValue;
use zeroize::Zeroizing;

use crate::error::{ErrorKind, Failure, Fate};

/// A user's name and password, and what they last got from the cluster.
///
/// All requests of a client share it: however many find that the token is no longer taken, one asks
/// for another.
pub(crate) struct Session {
    user: String,
    password: Zeroizing<String>,
    last: Mutex<Last>,
    /// Who asks.
    turn: tokio::sync::Mutex<()>,
}

/// The last answer.
#[derive(Default)]
struct Last {
    /// How many there were.
    number: u64,
    /// `None` before the first, and when the token is no longer taken.
    answer: Option<Result<Option<HeaderValue>, Failure>>,
    /// Until when that nobody is asked is taken to hold.
    nobody_until: Option<Instant>,
    /// Which endpoint gave it, and when.
    given: Option<(Arc<str>, Instant)>,
    in_vain: Option<InVain>,
}

/// The last ask that came to nothing through no fault of the user.
struct InVain {
    endpoint: Arc<str>,
    ended: Instant,
    took: Duration,
    why: Failure,
}

/// For how long others than who gave it may not know a token: etcd's simple tokens reach the other
/// members with the log (`server/auth/simple_token.go`, `assignSimpleTokenToUser`), which takes some
/// milliseconds, or longer where a member lags. A member that does not know it after that has
/// forgotten it, as after a restart. So at most one token a second is asked for on that ground.
const YOUNG_FOR: Duration = Duration::from_secs(1);

/// For how long that a cluster does not ask who we are is taken to hold.
///
/// Requests without a token are those of our certificate, which may be another user's: when
/// authentication is enabled that must not go on. To ask costs a read.
const NOBODY_FOR: Duration = Duration::from_secs(1);

/// As whom a request goes.
#[derive(Clone)]
pub(crate) struct Pass {
    number: u64,
    /// `None` if the cluster does not ask who we are.
    pub(crate) token: Option<HeaderValue>,
    given: Option<(Arc<str>, Instant)>,
}

impl Pass {
    /// Whether this endpoint may yet have to hear of it.
    pub(crate) fn is_news_to(&self, endpoint: &str) -> bool {
        let Some((giver, when)) = &self.given else {
            return false;
        };
        self.token.is_some() && **giver != *endpoint && when.elapsed() < YOUNG_FOR
    }
}

#[cfg(test)]
impl Pass {
    pub(crate) fn new(token: Option<HeaderValue>) -> Self {
        Self { number: 1, token, given: None }
    }

    pub(crate) fn given_by(self, endpoint: &str, when: Instant) -> Self {
        Self { given: Some((endpoint.into(), when)), ..self }
    }
}

impl Session {
    pub(crate) fn new(user: String, password: Zeroizing<String>) -> Self {
        Self { user, password, last: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    pub(crate) fn password(&self) -> &str {
        &self.password
    }

    /// The last one, or what `ask` gets from this endpoint if there is none.
    ///
    /// Who waits for another's answer gets that very answer, be it a refusal by the server: a wrong
    /// password is sent once and not sixty-four times. That the other came to no answer (it was
    /// dropped, its time was up, its connection lost) is no answer, unless this endpoint said that
    /// it has none, or was asked for at least as long as there is patience for: then one after the
    /// other would only wait for nothing, and with them who asks at the next endpoint.
    ///
    /// For the same reason each waits for a connection, with `reach`, before it is its turn.
    pub(crate) async fn pass<F>(
        &self,
        patience: Duration,
        endpoint: &Arc<str>,
        reach: impl Future<Output = Result<(), Failure>>,
        ask: impl FnOnce(Duration) -> F,
    ) -> Result<Pass, Failure>
    where
        F: Future<Output = Result<Option<HeaderValue>, Failure>>,
    {
        let seen = {
            let last = self.last();
            match &last.answer {
                Some(Ok(token)) if last.nobody_until.is_none_or(|until| Instant::now() < until) => {
                    return Ok(last.pass(token.clone()));
                }
                _ => last.number,
            }
        };
        let began = Instant::now();
        reach.await?;
        let left = || patience.saturating_sub(began.elapsed());
        let Ok(_turn) = tokio::time::timeout(left(), self.turn.lock()).await else {
            let what = format!("no token within {patience:.1?}, for which another request asks");
            return Err(Failure::new(ErrorKind::DeadlineExceeded, Fate::NeverSent, what));
        };
        {
            let last = self.last();
            if let Some(answer) = last.answer.as_ref().filter(|_| last.number > seen) {
                return match answer {
                    Ok(token) => Ok(last.pass(token.clone())),
                    Err(refusal) => Err(Failure { fate: Fate::Refused, ..refusal.clone() }),
                };
            }
            let in_vain = last.in_vain.as_ref();
            if let Some(in_vain) = in_vain.filter(|it| it.holds(endpoint, began, left())) {
                return Err(Failure { fate: Fate::NeverSent, ..in_vain.why.clone() });
            }
        }
        let asked = Instant::now();
        let answer = ask(left()).await;
        let mut last = self.last();
        match answer {
            Ok(token) => {
                last.number += 1;
                last.nobody_until = token.is_none().then(|| Instant::now() + NOBODY_FOR);
                last.answer = Some(Ok(token.clone()));
                last.given = Some((endpoint.clone(), Instant::now()));
                Ok(last.pass(token))
            }
            Err(failure) if failure.fate == Fate::Refused => {
                last.number += 1;
                last.answer = Some(Err(failure.clone()));
                Err(failure)
            }
            Err(failure) => {
                let (endpoint, why) = (endpoint.clone(), failure.clone());
                let (ended, took) = (Instant::now(), asked.elapsed());
                last.in_vain = Some(InVain { endpoint, ended, took, why });
                Err(failure)
            }
        }
    }

    /// Where requests are best sent while there is no token, or one that others may not know yet:
    /// who gave the last. `None` if any endpoint will do; within, `None` if none was given yet, and
    /// then all should ask the same.
    pub(crate) fn home(&self) -> Option<Option<Arc<str>>> {
        let last = self.last();
        let given = last.given.as_ref();
        let settled = matches!(last.answer, Some(Ok(_)))
            && given.is_none_or(|(_, when)| when.elapsed() >= YOUNG_FOR);
        (!settled).then(|| given.map(|(giver, _)| giver.clone()))
    }

    /// Says that a server did not take this one.
    pub(crate) fn refuse(&self, pass: &Pass) {
        let mut last = self.last();
        if last.number == pass.number {
            last.answer = None;
        }
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Last {
    fn pass(&self, token: Option<HeaderValue>) -> Pass {
        Pass { number: self.number, token, given: self.given.clone() }
    }
}

impl InVain {
    /// Whether it is as good as asking this endpoint again, for one that began to wait then and would
    /// ask for so long.
    fn holds(&self, endpoint: &str, began: Instant, patience: Duration) -> bool {
        let silent = self.why.kind == ErrorKind::DeadlineExceeded && self.took >= patience;
        *self.endpoint == *endpoint && self.ended >= began && (silent || self.why.message.is_some())
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("user", &self.user).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Poll;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);
    /// Longer than a machine that does much else stands still.
    const ASKS_FOR: Duration = Duration::from_millis(200);

    fn giver() -> Arc<str> {
        "http://a:1".into()
    }

    fn session() -> Arc<Session> {
        Arc::new(Session::new("alice".to_owned(), Zeroizing::new("s3cret".to_owned())))
    }

    async fn reached() -> Result<(), Failure> {
        Ok(())
    }

    async fn given(token: &'static str) -> Result<Option<HeaderValue>, Failure> {
        tokio::task::yield_now().await;
        Ok(Some(HeaderValue::from_static(token)))
    }

    async fn denied(fate: Fate) -> Result<Option<HeaderValue>, Failure> {
        tokio::task::yield_now().await;
        Err(Failure::new(ErrorKind::AuthFailed, fate, "no"))
    }

    /// How often 64 tasks ask in all, and with what.
    async fn crowd(
        session: &Arc<Session>,
        answer: impl AsyncFn() -> Result<Option<HeaderValue>, Failure>,
    ) -> (usize, Vec<Result<Pass, Failure>>) {
        let (asked, giver) = (AtomicUsize::new(0), giver());
        let mut tasks: Vec<_> = (0..64)
            .map(|_| {
                Box::pin(session.pass(LONG, &giver, reached(), |_| {
                    asked.fetch_add(1, Ordering::Relaxed);
                    answer()
                }))
            })
            .collect();
        // All have looked before the first is done.
        let mut results = Vec::new();
        let mut waiting = Vec::new();
        for mut task in tasks.drain(..) {
            let looked = std::future::poll_fn(|cx| Poll::Ready(task.as_mut().poll(cx))).await;
            match looked {
                Poll::Ready(result) => results.push(result),
                Poll::Pending => waiting.push(task),
            }
        }
        for task in waiting {
            results.push(task.await);
        }
        (asked.load(Ordering::Relaxed), results)
    }

    #[tokio::test]
    async fn one_asks_for_all() {
        let session = session();
        let (asked, passes) = crowd(&session, || given("one")).await;
        assert_eq!(asked, 1);
        let first = passes[0].as_ref().ok().unwrap().clone();
        assert!(passes.iter().all(|pass| pass.as_ref().is_ok_and(|pass| pass.number == 1)));

        let (asked, _) = crowd(&session, || given("two")).await;
        assert_eq!(asked, 0, "it is still good");

        session.refuse(&first);
        session.refuse(&first);
        let (asked, passes) = crowd(&session, || given("two")).await;
        assert_eq!(asked, 1);
        assert!(passes.iter().all(|pass| pass.as_ref().is_ok_and(|pass| pass.number == 2)));

        // Too late: that is no longer the last one.
        session.refuse(&first);
        let (asked, _) = crowd(&session, || given("three")).await;
        assert_eq!(asked, 0);
    }

    #[tokio::test]
    async fn a_refusal_is_for_all_who_wait_and_for_nobody_after() {
        let session = session();
        let (asked, passes) = crowd(&session, || denied(Fate::Refused)).await;
        assert_eq!(asked, 1);
        assert!(passes.iter().all(|pass| pass.as_ref().is_err_and(|no| no.what == "no")));

        let (asked, passes) = crowd(&session, || given("one")).await;
        assert_eq!(asked, 1);
        assert!(passes.iter().all(Result::is_ok));
    }

    #[tokio::test]
    async fn that_nobody_is_asked_holds_for_a_moment() {
        let session = session();
        let nobody = async || Ok(None);
        assert_eq!(crowd(&session, nobody).await.0, 1);
        assert_eq!(crowd(&session, nobody).await.0, 0);
        session.last().nobody_until = Some(Instant::now());
        let (asked, passes) = crowd(&session, || given("one")).await;
        assert_eq!(asked, 1);
        assert!(passes.iter().all(|pass| pass.as_ref().is_ok_and(|pass| pass.token.is_some())));
    }

    #[tokio::test]
    async fn a_young_token_is_known_where_it_was_given() {
        let session = session();
        assert_eq!(session.home(), Some(None), "all ask the same, whoever that is");
        let pass = session.pass(LONG, &giver(), reached(), |_| given("one")).await.ok().unwrap();
        assert_eq!(session.home(), Some(Some(giver())));
        assert!(pass.is_news_to("http://b:1") && !pass.is_news_to("http://a:1"));

        let long_ago = Instant::now() - YOUNG_FOR;
        session.last().given = Some((giver(), long_ago));
        assert_eq!(session.home(), None);
        assert!(!pass.given_by("http://a:1", long_ago).is_news_to("http://b:1"));
    }

    #[tokio::test]
    async fn no_answer_is_each_ones_own() {
        let session = session();
        let (asked, passes) = crowd(&session, || denied(Fate::NeverSent)).await;
        assert_eq!(asked, 64);
        assert!(passes.iter().all(Result::is_err));
    }

    /// What comes of it for who waits for this long at this endpoint while another asks `a` for
    /// [`ASKS_FOR`], and how often is asked in all.
    async fn beside_a_silent_one(
        patience: Duration,
        endpoint: &str,
        answer: impl FnOnce() -> Failure,
    ) -> (usize, Result<Pass, Failure>) {
        let (session, asked) = (session(), AtomicUsize::new(0));
        let (silent, endpoint) = (giver(), Arc::from(endpoint));
        let first = session.pass(ASKS_FOR, &silent, reached(), |patience| {
            asked.fetch_add(1, Ordering::Relaxed);
            async move {
                tokio::time::sleep(patience).await;
                Err(answer())
            }
        });
        let second = session.pass(patience, &endpoint, reached(), |_| {
            asked.fetch_add(1, Ordering::Relaxed);
            given("one")
        });
        let (first, second) = tokio::join!(biased; first, second);
        assert!(first.is_err());
        (asked.into_inner(), second)
    }

    #[tokio::test]
    async fn nobody_waits_in_turn_for_a_silent_endpoint() {
        let silent = || Failure::new(ErrorKind::DeadlineExceeded, Fate::NeverSent, "no answer");
        let (asked, second) = beside_a_silent_one(ASKS_FOR * 19 / 10, "http://a:1", silent).await;
        assert!(asked == 1 && second.is_err());
        // With more patience, or at another endpoint, it is worth asking.
        let (asked, second) = beside_a_silent_one(LONG, "http://a:1", silent).await;
        assert!(asked == 2 && second.is_ok());
        let (asked, second) = beside_a_silent_one(LONG, "http://b:1", silent).await;
        assert!(asked == 2 && second.is_ok());

        let says = || Failure::new(ErrorKind::Timeout, Fate::NeverSent, "no").said("no quorum");
        let (asked, second) = beside_a_silent_one(LONG, "http://a:1", says).await;
        assert!(asked == 1 && second.err().unwrap().kind == ErrorKind::Timeout);
        let (asked, second) = beside_a_silent_one(LONG, "http://b:1", says).await;
        assert!(asked == 2 && second.is_ok());
    }

    #[tokio::test]
    async fn who_goes_away_while_it_asks_holds_up_nobody() {
        let session = session();
        let giver = giver();
        let mut asking =
            Box::pin(session.pass(LONG, &giver, reached(), |_| std::future::pending()));
        let pending = std::future::poll_fn(|cx| Poll::Ready(asking.as_mut().poll(cx).is_pending()));
        assert!(pending.await);
        let short =
            session.pass(Duration::from_millis(1), &giver, reached(), |_| given("one")).await;
        assert_eq!(short.err().unwrap().kind, ErrorKind::DeadlineExceeded);
        drop(asking);
        assert!(session.pass(LONG, &giver, reached(), |_| given("one")).await.is_ok());
    }

    #[test]
    fn no_secret_is_shown() {
        insta::assert_snapshot!(format!("{:?}", session()), @r#"Session { user: "alice", .. }"#);
    }
}
