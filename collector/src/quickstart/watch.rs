//! What a person sees while the agent measures: each thing that can't be
//! measured once, each change of a link once, and how the links stand: on a
//! terminal a line that is kept fresh, elsewhere a line now and then.
#![expect(clippy::disallowed_methods, reason = "a shell: shows how much time is left")]

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hearth_agent::run::{News, Progress};
use hearth_proto::{Cause, DownCause, LinkName, ProbeKind, Role, SeriesKey};
use tokio::time::{MissedTickBehavior, interval};

use crate::render::columns;

/// Between two lines where there is no terminal.
const QUIET_EVERY: u32 = 10;

pub(super) struct Watch {
    began: Instant,
    terminal: bool,
    board: Mutex<Board>,
}

#[derive(Default)]
struct Board {
    links: BTreeMap<LinkName, Seen>,
    slots: usize,
    /// Whose answer, or name, could not be had, and why: told once.
    told: BTreeSet<(LinkName, String, Cause)>,
    /// A line without its end is on the terminal.
    open: bool,
}

#[derive(Default)]
struct Seen {
    what: String,
    state: Option<Stands>,
    last: BTreeMap<Whom, Result<Duration, Cause>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    Up,
    Down(DownCause),
}

impl Stands {
    fn words(self) -> &'static str {
        match self {
            Self::Up => " up",
            Self::Down(cause) => words(cause),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Whom {
    Gateway,
    Reflector,
    Target,
    Dns,
}

impl Whom {
    fn word(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Reflector => "reflector",
            Self::Target => "target",
            Self::Dns => "DNS",
        }
    }
}

impl Watch {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            terminal: std::io::stderr().is_terminal(),
            board: Mutex::default(),
        }
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line of its own, above the one that is kept fresh.
    pub(super) fn say(&self, line: &str) {
        Self::print(&mut self.board(), line);
    }

    fn print(board: &mut Board, line: &str) {
        let clear = if std::mem::take(&mut board.open) { "\r\x1b[2K" } else { "" };
        // Nobody reads it any more: measuring goes on.
        let _ = writeln!(std::io::stderr(), "{clear}{line}");
    }

    /// Ends the line that was kept fresh.
    pub(super) fn done(&self) {
        let mut board = self.board();
        if std::mem::take(&mut board.open) {
            let _ = writeln!(std::io::stderr());
        }
    }

    /// Shows each second how the links stand.
    pub(super) async fn tick(&self, length: Option<Duration>) -> Infallible {
        let mut seconds = interval(Duration::from_secs(1));
        // A late line is of no use.
        seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
        for n in 0_u32.. {
            seconds.tick().await;
            let mut board = self.board();
            let line = board.line(self.began.elapsed(), length);
            if self.terminal {
                let width = columns(&std::io::stderr()).unwrap_or(80);
                let line: String = line.chars().take(width.saturating_sub(1)).collect();
                let _ = write!(std::io::stderr(), "\r\x1b[2K{line}");
                let _ = std::io::stderr().flush();
                board.open = true;
            } else if n > 0 && n % QUIET_EVERY == 0 {
                Self::print(&mut board, &line);
            }
        }
        std::future::pending().await
    }
}

impl Board {
    /// What was named on the command line and can't be right, once.
    fn tell_wrong(&mut self, link: &LinkName, series: &SeriesKey, cause: Option<Cause>) {
        let (whom, flag) = match series.role {
            Role::Reflector => ("the reflector", "--reflector"),
            Role::Target => (series.target.as_str(), "--target"),
            _ => return,
        };
        let (cause, text) = match cause {
            Some(Cause::Name) => (
                Cause::Name,
                format!("its name has no address; remedy: check {flag}, or give an address there"),
            ),
            Some(Cause::Refused) => (
                Cause::Refused,
                format!(
                    "it refuses: nobody answers at that port; remedy: check the port in {flag}, \
                     and that the program there is running"
                ),
            ),
            _ => return,
        };
        if self.told.insert((link.clone(), whom.to_owned(), cause)) {
            Watch::print(self, &format!("cannot    measure {whom} on {link}: {text}"));
        }
    }

    fn line(&self, elapsed: Duration, length: Option<Duration>) -> String {
        let of = length.map(|l| format!("/{}", l.as_secs())).unwrap_or_default();
        let s = if self.slots == 1 { "" } else { "s" };
        let mut line = format!("{}{of} s  {} slot{s}", elapsed.as_secs(), self.slots);
        for (link, seen) in &self.links {
            let state = seen.state.map_or("", Stands::words);
            let _infallible = write!(line, "  |  {link}{state}");
            for (whom, last) in &seen.last {
                let value = match last {
                    Ok(time) => format!("{:.1} ms", time.as_secs_f64() * 1000.0),
                    Err(cause) => failure(*cause).to_owned(),
                };
                let _infallible = write!(line, " {} {value}", whom.word());
            }
        }
        line
    }
}

fn words(cause: DownCause) -> &'static str {
    match cause {
        DownCause::Probes => " DOWN: nobody beyond it answers",
        DownCause::Carrier => " DOWN: no carrier",
        DownCause::Address => " DOWN: no address",
        DownCause::Route => " DOWN: no default route",
        DownCause::Interface => " DOWN: the interface is gone",
    }
}

fn failure(cause: Cause) -> &'static str {
    match cause {
        Cause::Timeout => "no answer",
        Cause::Refused => "refused",
        Cause::Unreachable => "unreachable",
        Cause::NoRoute => "no route",
        Cause::Local => "not sent",
        Cause::Name => "no such name",
        Cause::Protocol => "garbled",
        Cause::Status => "error status",
    }
}

impl Progress for Watch {
    fn tell(&self, news: News) {
        let mut board = self.board();
        match news {
            News::Link(info) => {
                let routes: Vec<_> = [info.v4.map(|_| "IPv4"), info.v6.map(|_| "IPv6")]
                    .into_iter()
                    .flatten()
                    .collect();
                let routes =
                    if routes.is_empty() { "no route".to_owned() } else { routes.join(" and ") };
                let what = format!(
                    "link      {}: {} ({}), {routes}",
                    info.link,
                    info.technology.label(),
                    info.technology_source
                );
                let seen = board.links.entry(info.link).or_default();
                if seen.what != what {
                    seen.what.clone_from(&what);
                    Self::print(&mut board, &what);
                }
            }
            News::Gone(link) => {
                board.links.remove(&link);
                Self::print(&mut board, &format!("link      {link}: gone"));
            }
            News::State { link, down } => {
                let seen = board.links.entry(link.clone()).or_default();
                let stands = down.map_or(Stands::Up, Stands::Down);
                if seen.state.replace(stands) != Some(stands) {
                    Self::print(&mut board, &format!("state     {link}:{}", stands.words()));
                }
            }
            News::Moved { from, to, after } => {
                let seconds = after.as_secs_f64();
                let line = format!("traffic   took {to}, {seconds:.1} s after {from} went down");
                Self::print(&mut board, &line);
            }
            News::Probed { link, series, outcome } => {
                board.tell_wrong(&link, &series, outcome.err());
                let whom = match (series.role, series.probe) {
                    (Role::Gateway, _) => Whom::Gateway,
                    (Role::Reflector, _) => Whom::Reflector,
                    (Role::Target, ProbeKind::Icmp | ProbeKind::TcpConnect) => Whom::Target,
                    (Role::Resolver, _) => Whom::Dns,
                    _ => return,
                };
                board.links.entry(link).or_default().last.insert(whom, outcome);
            }
            News::Slots { count, .. } => board.slots += count,
            News::Cannot { link, what, why, remedy } => {
                let of = link.map(|l| format!(" on {l}")).unwrap_or_default();
                Self::print(
                    &mut board,
                    &format!("cannot    measure {what}{of}: {why}; remedy: {remedy}"),
                );
            }
            News::Uplink(_) => {}
        }
    }
}
