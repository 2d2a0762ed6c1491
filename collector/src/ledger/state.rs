//! The ledger's states and how a cell holds one in a byte.

use serde::{Deserialize, Serialize};

/// What one activity found on one link in one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum State {
    /// No evidence, or too little: neither uptime nor downtime.
    Unknown = 0,
    /// It worked.
    Ok = 1,
    /// The link was up, the activity's needs were not met.
    Degraded = 2,
    /// The link was down, on evidence from inside the home.
    Down = 3,
    /// Left out of account: maintenance, or the customer's own doing.
    Excluded = 4,
}

impl State {
    /// One letter, for a row of them: O, D, X, - (unknown) or e (excluded).
    pub fn letter(self) -> char {
        match self {
            Self::Unknown => '-',
            Self::Ok => 'O',
            Self::Degraded => 'D',
            Self::Down => 'X',
            Self::Excluded => 'e',
        }
    }

    /// All, in the order of their numbers.
    pub const ALL: [Self; 5] =
        [Self::Unknown, Self::Ok, Self::Degraded, Self::Down, Self::Excluded];

    /// As in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Down => "down",
            Self::Excluded => "excluded",
        }
    }

    /// DEGRADED or DOWN.
    pub fn is_bad(self) -> bool {
        matches!(self, Self::Degraded | Self::Down)
    }

    /// There was evidence: OK, DEGRADED or DOWN.
    pub fn is_known(self) -> bool {
        matches!(self, Self::Ok | Self::Degraded | Self::Down)
    }
}

/// What kept a cell from OK, or, in an UNKNOWN cell, from a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Limit {
    /// Nothing did.
    None = 0,
    /// Round-trip time.
    Latency = 1,
    /// Loss.
    Loss = 2,
    /// Throughput.
    Throughput = 3,
    /// The link was down for all or a good part of the slot.
    Outage = 4,
    /// Too few samples.
    TooFewSamples = 5,
    /// The agent was silent or could not judge.
    Silence = 6,
}

impl Limit {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::None,
        Self::Latency,
        Self::Loss,
        Self::Throughput,
        Self::Outage,
        Self::TooFewSamples,
        Self::Silence,
    ];

    /// In plain words, as the end of "limited by …".
    pub fn words(self) -> &'static str {
        match self {
            Self::None => "nothing",
            Self::Latency => "delay",
            Self::Loss => "packet loss",
            Self::Throughput => "speed",
            Self::Outage => "outages",
            Self::TooFewSamples => "too few samples",
            Self::Silence => "missing measurements",
        }
    }
}

/// One cell of the ledger: the state found, what limited it, whether a part of
/// the verdict is unproven, and whether the slot is excluded. An exclusion
/// hides the state found without erasing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cell(u8);

const LIMIT_SHIFT: u32 = 3;
const UNPROVEN: u8 = 1 << 6;
const EXCLUDED: u8 = 1 << 7;

impl Cell {
    /// A cell without evidence.
    pub const SILENT: Self = Self::new(State::Unknown, Limit::Silence);

    /// A cell as found, before any exclusion.
    pub const fn new(found: State, limit: Limit) -> Self {
        Self(found as u8 | (limit as u8) << LIMIT_SHIFT)
    }

    /// With a part of the verdict unproven: see [`Self::is_unproven`].
    #[must_use]
    pub const fn unproven(self) -> Self {
        Self(self.0 | UNPROVEN)
    }

    /// Excluded from account.
    #[must_use]
    pub const fn excluded(self) -> Self {
        Self(self.0 | EXCLUDED)
    }

    /// The state that counts.
    pub const fn state(self) -> State {
        if self.0 & EXCLUDED != 0 { State::Excluded } else { self.found() }
    }

    /// The state found, excluded or not.
    pub const fn found(self) -> State {
        State::ALL[(self.0 & 7) as usize]
    }

    /// Whether all cells are the same. Most stretches are, and this tells many at once.
    pub(crate) fn are_alike(cells: &[Self]) -> bool {
        let Some(first) = cells.first() else { return true };
        cells.iter().fold(0, |apart, cell| apart | (cell.0 ^ first.0)) == 0
    }

    /// Whether two columns hold the same, many cells at a time.
    pub(crate) fn are_equal(a: &[Self], b: &[Self]) -> bool {
        const MANY: usize = 1024;
        let alike = |(a, b): (&[Self], &[Self])| {
            a.iter().zip(b).fold(0, |apart, (a, b)| apart | (a.0 ^ b.0)) == 0
        };
        a.len() == b.len() && a.chunks(MANY).zip(b.chunks(MANY)).all(alike)
    }

    /// Whether all of these are OK, in one comparison.
    pub(crate) fn all_ok(cells: [Self; 8]) -> bool {
        let word = u64::from_ne_bytes(cells.map(|c| c.0));
        // Of each byte, the state found and whether it is excluded.
        let state = u64::from_ne_bytes([0b111 | EXCLUDED; 8]);
        word & state == u64::from_ne_bytes([State::Ok as u8; 8])
    }

    /// What limited it.
    pub const fn limit(self) -> Limit {
        Limit::ALL[(self.0 >> LIMIT_SHIFT & 7) as usize]
    }

    /// Whether a part of the verdict is unproven. In an OK cell: the throughput
    /// needed was not seen. In a bad cell of an 'anywhere' column: no link is
    /// known OK, but one is UNKNOWN.
    pub const fn is_unproven(self) -> bool {
        self.0 & UNPROVEN != 0
    }
}

/// How many slots were in each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// OK.
    pub ok: u64,
    /// DEGRADED.
    pub degraded: u64,
    /// DOWN.
    pub down: u64,
    /// UNKNOWN.
    pub unknown: u64,
    /// EXCLUDED.
    pub excluded: u64,
}

impl Counts {
    /// Counts one more.
    pub fn add(&mut self, state: State) {
        *match state {
            State::Unknown => &mut self.unknown,
            State::Ok => &mut self.ok,
            State::Degraded => &mut self.degraded,
            State::Down => &mut self.down,
            State::Excluded => &mut self.excluded,
        } += 1;
    }

    /// Of these states.
    pub fn of(states: impl IntoIterator<Item = State>) -> Self {
        let mut counts = Self::default();
        for s in states {
            counts.add(s);
        }
        counts
    }

    /// Slots with evidence.
    pub fn known(&self) -> u64 {
        self.ok + self.degraded + self.down
    }

    /// All slots.
    pub fn total(&self) -> u64 {
        self.known() + self.unknown + self.excluded
    }

    /// The state most slots of a stretch share, for one cell of a narrow strip:
    /// any DOWN shows, then any DEGRADED, else the most frequent.
    pub fn shown(&self) -> State {
        if self.down > 0 {
            State::Down
        } else if self.degraded > 0 {
            State::Degraded
        } else if self.ok > 0 && self.ok >= self.unknown && self.ok >= self.excluded {
            State::Ok
        } else if self.excluded > self.unknown {
            State::Excluded
        } else {
            State::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_keeps_what_it_is_given() {
        for state in State::ALL {
            for limit in Limit::ALL {
                let cell = Cell::new(state, limit);
                assert_eq!((cell.state(), cell.limit(), cell.is_unproven()), (state, limit, false));
                let unproven = cell.unproven();
                assert_eq!((unproven.state(), unproven.limit()), (state, limit));
                assert!(unproven.is_unproven());
                let out = unproven.excluded();
                assert_eq!((out.state(), out.found()), (State::Excluded, state));
                assert!(out.is_unproven());
            }
        }
        assert_eq!(size_of::<Cell>(), 1);
    }

    #[test]
    fn a_narrow_strip_never_hides_a_bad_slot() {
        use State::{Degraded, Down, Excluded, Ok, Unknown};
        let counts = |states: &[State]| Counts::of(states.iter().copied()).shown();
        assert_eq!(counts(&[Ok, Ok, Down, Unknown]), Down);
        assert_eq!(counts(&[Ok, Ok, Degraded]), Degraded);
        assert_eq!(counts(&[Ok, Ok, Unknown]), Ok);
        assert_eq!(counts(&[Ok, Unknown, Unknown]), Unknown);
        assert_eq!(counts(&[Excluded, Excluded, Ok]), Excluded);
    }
}
