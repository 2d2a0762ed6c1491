//! What the heavier tests share: whom they ask, how much they may use, how they
//! are told to stop, and how they end.
//!
//! A test counts every byte into its link's [`Spending`] while it runs, so that
//! what the household uses meanwhile can be told from it at any time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hearth_proto::{Cause, Family, Figures, Own};
use reqwest::Url;
use tokio::sync::watch;

use super::outlet::Outlet;
use crate::link::spending::Spending;

/// A server of tests: draft-ietf-ippm-responsiveness' discovery document is at
/// its well-known path.
#[derive(Debug, Clone)]
pub struct TestServer {
    /// `https://HOST[:PORT]`.
    pub url: Url,
    /// A further authority to trust, in PEM.
    pub ca_pem: Option<Arc<[u8]>>,
    /// DNS servers of the link, for a name; empty: the system's way.
    pub resolvers: Arc<[std::net::SocketAddr]>,
}

/// What a test may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of both directions together, headers included.
    pub bytes: u64,
    /// Time of one direction's load.
    pub time: Duration,
}

/// What a test needs.
#[derive(Debug, Clone)]
pub struct Means {
    /// By which link.
    pub outlet: Outlet,
    /// Whom to ask.
    pub server: TestServer,
    /// In which IP version; `None`: whichever connects first, IPv6 preferred.
    pub family: Option<Family>,
    /// How much at most.
    pub limits: Limits,
    /// Where it counts what it uses.
    pub spending: Arc<Spending>,
    /// Turns true when it must end at once: the household needs the line.
    pub give_way: watch::Receiver<bool>,
}

/// Told while a test runs, for a person to see.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Which direction is loaded; `None`: neither yet.
    pub direction: Option<Direction>,
    /// How long the test has run.
    pub after: Duration,
    /// Payload bit/s over the last interval.
    pub goodput_bps: u64,
    /// Connections that bear the load.
    pub flows: u32,
    /// RPM so far, where there is any.
    pub rpm: Option<u32>,
}

/// A direction of the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Towards the home.
    Down,
    /// From the home.
    Up,
}

/// How a test that was begun ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// The IP version used, once that was known.
    pub family: Option<Family>,
    /// What it cost, headers included.
    pub cost: Own,
    /// Its figures, or why they are not whole.
    pub result: Result<Figures, TestError>,
    /// Where it failed, what had been measured by then.
    pub partial: Partial,
}

/// What a test that failed had measured.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Partial {
    /// Of the directions that ended before, and of the one that broke, if there is any.
    pub figures: Figures,
    /// The direction that broke, if one had begun: its figures, if it has any, are of a
    /// shorter time than they should be.
    pub broken: Option<Direction>,
}

/// A server's word that it has no room for a test now: 429, or 503 with the time to
/// come again (RFC 6585, section 4; RFC 9110, section 15.6.4). It says nothing of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotNow {
    status: u16,
    after: Option<Duration>,
}

impl NotNow {
    /// What `response` says, if it is that.
    pub fn of<T>(response: &http::Response<T>) -> Option<Self> {
        let header = response.headers().get(http::header::RETRY_AFTER);
        // It may be a date too, which would need a clock that is right.
        let after = header.and_then(|text| text.to_str().ok()?.trim().parse().ok());
        let refuses = match response.status().as_u16() {
            429 => true,
            503 => header.is_some(),
            _ => false,
        };
        let after = after.map(Duration::from_secs);
        refuses.then_some(Self { status: response.status().as_u16(), after })
    }
}

impl fmt::Display for NotNow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the test server refuses for now (status {})", self.status)?;
        match self.after.map(|after| after.as_secs()) {
            None => Ok(()),
            Some(seconds @ ..=120) => write!(f, "; it says to come again in {seconds} s"),
            Some(seconds) => write!(f, "; it says to come again in {} min", seconds.div_ceil(60)),
        }
    }
}

impl std::error::Error for NotNow {}

/// Why a test gave no figures, or not all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TestError {
    /// It was told to give way.
    #[error("gave way to the household")]
    GaveWay,
    /// The server refused, which is no failure of the link.
    #[error(transparent)]
    Refused(#[from] NotNow),
    /// It failed.
    #[error("{why}")]
    Failed {
        /// By this cause.
        cause: Cause,
        /// For a person: what failed, at which step, with its own causes.
        why: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_from_a_failure_and_says_when_to_come_again() {
        let of = |status: u16, after: Option<&str>| {
            let mut response = http::Response::builder().status(status);
            if let Some(after) = after {
                response = response.header("retry-after", after);
            }
            NotNow::of(&response.body(()).unwrap()).map(|refusal| refusal.to_string())
        };
        assert_eq!(
            of(429, Some("30")).unwrap(),
            "the test server refuses for now (status 429); it says to come again in 30 s"
        );
        assert!(
            of(503, Some("1741"))
                .unwrap()
                .ends_with("(status 503); it says to come again in 30 min")
        );
        for unclear in [None, Some("soon"), Some("-1"), Some("Fri, 31 Dec 1999 23:59:59 GMT")] {
            assert!(of(429, unclear).unwrap().ends_with("(status 429)"));
        }
        for failure in [of(503, None), of(500, Some("30")), of(404, Some("30")), of(200, None)] {
            assert_eq!(failure, None);
        }
    }
}
