//! Requests of a user.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderValue;
use tokio::time::timeout;
use tonic::Status;

use super::{Lane, Member, Patience};
use crate::auth::{Pass, Session, auth};
use crate::client::timed;
use crate::error::{ErrorKind, Failure, Fate};
use crate::generated::etcdserverpb as pb;
use crate::transport::call::passes;
use crate::transport::channel::Channel;
use crate::transport::classify::{from_dial, no_connection};
use crate::transport::rejection;

/// How often one request gets another token.
///
/// Once is enough where one has expired or its member has forgotten it. But a token holds for one
/// revision of users and roles only, and while somebody changes these it may be old again by the
/// time that the request is there.
const REFRESHES: usize = 3;

/// After how long a member that does not know a token that another gave just now is asked again, at
/// first: a round of the log takes about as long.
const NEWS_TAKE: Duration = Duration::from_millis(5);

/// How often a request of nobody, or of whom a certificate names, is sent again when users or roles
/// have changed under way. The way is short: twice is enough while somebody changes them all the
/// time (measured).
const OVERTAKEN: usize = 10;

impl Member {
    /// Sends as whom the certificate names, if anybody: again if users or roles were changed between
    /// the member's look at it and the request's turn.
    ///
    /// That is safe for a write too: see [`send_as`](Self::send_as).
    pub(super) async fn send_as_shown<T, S, F>(
        &self,
        lane: Lane,
        patience: Patience,
        send: &S,
    ) -> Result<T, Failure>
    where
        S: Fn(Channel, Duration) -> F,
        F: Future<Output = Result<T, Status>>,
    {
        let begin = Instant::now();
        let mut overtaken = 0;
        loop {
            let left = patience.within(patience.in_all.saturating_sub(begin.elapsed()));
            let failure = match self.deliver(lane, None, left, send).await {
                Err(failure) if is_overtaken(&failure) => failure,
                result => return result,
            };
            overtaken += 1;
            if overtaken > OVERTAKEN || begin.elapsed() >= patience.in_all {
                return Err(failure);
            }
        }
    }

    /// Sends as this user, again with another token if the server does not take the one it has.
    ///
    /// That is safe for a write too: etcd looks at the token before it proposes a request, and at
    /// its revision before it applies one (`server/etcdserver/apply/auth.go`, `Apply`).
    pub(super) async fn send_as<T, S, F>(
        &self,
        session: &Session,
        lane: Lane,
        patience: Patience,
        send: &S,
    ) -> Result<T, Failure>
    where
        S: Fn(Channel, Duration) -> F,
        F: Future<Output = Result<T, Status>>,
    {
        let begin = Instant::now();
        let left = || patience.in_all.saturating_sub(begin.elapsed());
        let mut refreshed = 0;
        let mut hears_of_it_in = NEWS_TAKE;
        loop {
            // Each time anew: a member that has refused a token does not hang.
            let until_sent = left().min(patience.until_sent);
            let reach = self.reach(until_sent);
            let ask = |patience| self.authenticate(session, patience);
            let pass = session.pass(until_sent, self.url(), reach, ask).await;
            let pass = pass.map_err(|failure| not_sent(failure, session))?;
            let token = pass.token.as_ref();
            let failure = match self.deliver(lane, token, patience.within(left()), send).await {
                Err(failure) if refreshed < REFRESHES => failure,
                result => return result,
            };
            if !may_be_the_token(&failure, lane, &pass, refreshed) {
                return Err(failure);
            }
            if pass.is_news_to(self.url()) && !left().is_zero() {
                // It will know it in a moment, and another token no sooner.
                tokio::time::sleep(hears_of_it_in.min(left())).await;
                hears_of_it_in *= 2;
                continue;
            }
            session.refuse(&pass);
            refreshed += 1;
        }
    }

    /// Waits until there is a connection on which to ask.
    async fn reach(&self, patience: Duration) -> Result<(), Failure> {
        match timeout(patience, self.line(Lane::Requests).place()).await {
            Ok(Ok(_place)) => Ok(()),
            Ok(Err(dial)) => Err(from_dial(&dial)),
            Err(_) => Err(no_connection(patience)),
        }
    }

    /// Asks this member for a token; `None` if the cluster does not ask who we are.
    ///
    /// The very member that the request is for: the others may not know the token for a moment.
    async fn authenticate(
        &self,
        session: &Session,
        patience: Duration,
    ) -> Result<Option<HeaderValue>, Failure> {
        let send = |channel, patience| {
            let request = pb::AuthenticateRequest {
                name: session.user().to_owned(),
                password: session.password().to_owned(),
            };
            let request = timed(request, patience);
            async move {
                let mut answer = auth(channel).authenticate(request).await?.into_inner();
                Ok(std::mem::take(&mut answer.token))
            }
        };
        let patience = Patience { in_all: patience, until_sent: patience, answer: patience };
        match self.deliver(Lane::Requests, None, patience, &send).await {
            Ok(token) => {
                let mut token = HeaderValue::try_from(token).map_err(|source| {
                    let what = "the server's token cannot be sent back to it";
                    let failure = Failure::new(ErrorKind::Protocol, Fate::Refused, what);
                    Failure { source: Some(Arc::new(source)), ..failure }
                })?;
                // Neither shown by `Debug` nor kept in a table of HTTP/2.
                token.set_sensitive(true);
                self.dialing.hooks.token_refreshed(self.endpoint.url());
                Ok(Some(token))
            }
            Err(failure) if failure.kind == ErrorKind::AuthNotEnabled => Ok(None),
            // A leader that comes may answer: such a no is not the last word.
            Err(failure) if passes(&failure) => Err(Failure { fate: Fate::NeverSent, ..failure }),
            Err(failure) => Err(failure),
        }
    }
}

/// What failed was not the request.
fn not_sent(failure: Failure, session: &Session) -> Failure {
    let fate = match failure.fate {
        Fate::Refused => Fate::Refused,
        Fate::NeverSent | Fate::Unknown => Fate::NeverSent,
    };
    if matches!(failure.kind, ErrorKind::Connect | ErrorKind::Tls | ErrorKind::InvalidConfig) {
        // It is the same without a user.
        return Failure { fate, ..failure };
    }
    let what = format!("user `{}` is not authenticated: {}", session.user(), failure.what);
    Failure { what, fate, ..failure }
}

/// Whether users or roles were changed before the request had its turn, and it was not done for
/// that.
fn is_overtaken(failure: &Failure) -> bool {
    failure.fate == Fate::Refused && failure.message.as_deref().is_some_and(rejection::is_overtaken)
}

/// Whether another token may help.
fn may_be_the_token(failure: &Failure, lane: Lane, pass: &Pass, refreshed: usize) -> bool {
    if failure.fate != Fate::Refused {
        return false;
    }
    match failure.kind {
        ErrorKind::InvalidAuthToken => true,
        // Of a watch whose token it does not know, etcd 3.5.1 says no more than that
        // (`server/etcdserver/api/v3rpc/watch.go`, `isWatchPermitted`).
        ErrorKind::PermissionDenied if matches!(lane, Lane::Streams) => refreshed == 0,
        // Authentication was enabled since we asked: without a token we are whom our certificate
        // names, and that is nobody.
        ErrorKind::PermissionDenied | ErrorKind::UserNotFound => {
            pass.token.is_none() && refreshed == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_another_token_may_mend_is_sent_again() {
        use ErrorKind::{InvalidAuthToken, KeyNotFound, PermissionDenied};
        let pass = |token: Option<&'static str>| Pass::new(token.map(HeaderValue::from_static));
        let (none, some) = (pass(None), pass(Some("token")));
        let again = |kind, lane, pass, refreshed| {
            let failure = Failure::new(kind, Fate::Refused, "no");
            may_be_the_token(&failure, lane, pass, refreshed)
        };
        assert!(again(InvalidAuthToken, Lane::Requests, &some, 2));
        assert!(!again(PermissionDenied, Lane::Requests, &some, 0));
        assert!(again(PermissionDenied, Lane::Requests, &none, 0));
        assert!(!again(PermissionDenied, Lane::Requests, &none, 1));
        assert!(again(PermissionDenied, Lane::Streams, &some, 0));
        assert!(!again(PermissionDenied, Lane::Streams, &some, 1));
        assert!(!again(KeyNotFound, Lane::Requests, &none, 0));

        // Of another user than that of a token: see `send_as_shown`.
        let said = |text: &str, fate| Failure::new(InvalidAuthToken, fate, "no").said(text);
        assert!(is_overtaken(&said("auth: revision of auth store is old", Fate::Refused)));
        assert!(is_overtaken(&said("auth: revision in header is old", Fate::Refused)));
        assert!(!is_overtaken(&said("etcdserver: invalid auth token", Fate::Refused)));
        assert!(!is_overtaken(&said("auth: revision of auth store is old", Fate::Unknown)));

        // It may have been done, whatever was said.
        let unknown = Failure::new(InvalidAuthToken, Fate::Unknown, "perhaps");
        assert!(!may_be_the_token(&unknown, Lane::Requests, &some, 0));
    }
}
