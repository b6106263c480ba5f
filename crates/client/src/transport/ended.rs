//! Why a request on a connection got no answer, as exactly as HTTP/2 can tell.

use std::error::Error as StdError;
use std::fmt;

use tonic::Status;

/// What ended a request, or a stream, without a word from the server.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It cannot be sent as it is; nothing of it was.
    Request(Status),
    /// It is larger than the client's limit; nothing of it was sent.
    TooLarge { bytes: usize, limit: usize },
    /// The answer is larger than the client's limit.
    AnswerTooLarge { bytes: usize, limit: usize },
    /// The connection was at its end before the request had a stream of its own.
    Unsent(h2::Error),
    /// It had one.
    Stream(h2::Error),
    /// So it had, and then pings were not answered.
    Silence,
    /// A layer of the user's ended it, before or after it was passed on.
    Layer { error: Box<dyn StdError + Send + Sync>, sent: bool },
}

impl Ended {
    /// Whether the server promises that it has not looked at the request and never will, though
    /// there was a stream for it.
    ///
    /// Of a GOAWAY, h2 tells only those streams that are above the last that the server has taken
    /// (its `recv_go_away`): those were not and will not be processed (RFC 9113, 6.8). All others
    /// hear of the connection's end as of any other. A stream that is refused was not processed
    /// either (8.7); what ends a whole connection for the same reason promises nothing.
    pub(crate) fn is_refused(&self) -> bool {
        let Self::Stream(error) = self else {
            return matches!(
                self,
                Self::Request(_)
                    | Self::TooLarge { .. }
                    | Self::Unsent(_)
                    | Self::Layer { sent: false, .. }
            );
        };
        let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
        error.is_remote() && (refused || error.is_go_away())
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request(_) => "the request cannot be sent",
            Self::TooLarge { bytes, limit } => {
                let allowed = "Config::max_request_bytes allows";
                return write!(f, "the request has {bytes} bytes, and {allowed} {limit}");
            }
            Self::AnswerTooLarge { bytes, limit } => {
                let allowed = "Config::max_response_bytes allows";
                return write!(f, "the answer has {bytes} bytes, and {allowed} {limit}");
            }
            Self::Unsent(_) => "the connection ended before the request was sent",
            Self::Stream(_) => "the connection ended before the answer came",
            Self::Silence => "the server stopped answering pings",
            Self::Layer { sent: false, .. } => "a layer of Config::layer did not let it pass",
            Self::Layer { sent: true, .. } => "a layer of Config::layer ended it",
        })
    }
}

impl StdError for Ended {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Request(status) => Some(status),
            Self::Unsent(error) | Self::Stream(error) => Some(error),
            Self::TooLarge { .. } | Self::AnswerTooLarge { .. } | Self::Silence => None,
            Self::Layer { error, .. } => Some(&**error),
        }
    }
}
