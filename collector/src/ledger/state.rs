//! The ledger's states and how a cell holds one in a byte.

use std::ops::AddAssign;

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
    /// One target alone was bad, and no other was asked often enough to speak.
    OneTarget = 7,
}

impl Limit {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::None,
        Self::Latency,
        Self::Loss,
        Self::Throughput,
        Self::Outage,
        Self::TooFewSamples,
        Self::Silence,
        Self::OneTarget,
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
            Self::OneTarget => "one target alone was bad, not the link",
        }
    }
}

/// How recently the throughput that an activity needs was seen: see the ledger's
/// `throughput`. How long each holds is own judgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Proof {
    /// Within 24 hours, or the activity needs none.
    Fresh = 0,
    /// On the day before.
    Recent = 1,
    /// On the day before that.
    Old = 2,
    /// Not seen, or longer ago, or a test since then fell short of it.
    Unknown = 3,
}

impl Proof {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Fresh, Self::Recent, Self::Old, Self::Unknown];

    /// What it weighs in a confidence, from 0 to 1.
    pub fn weight(self) -> f64 {
        match self {
            Self::Fresh => 1.0,
            Self::Recent => 2.0 / 3.0,
            Self::Old => 1.0 / 3.0,
            Self::Unknown => 0.0,
        }
    }
}

/// One cell of the ledger in a byte: the state found, what limited it, how well
/// the throughput is proven, and whether the slot is excluded. An exclusion hides
/// the state found without erasing it.
///
/// Bits: 0 and 1 the state found (UNKNOWN, DOWN, DEGRADED, OK: the better one is
/// the greater), 2 to 4 the limit, 5 and 6 the proof, 7 excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cell(u8);

const FOUND: u8 = 3;
const OK: u8 = 3;
const LIMIT_SHIFT: u32 = 2;
const PROOF_SHIFT: u32 = 5;
const PROOF: u8 = 3 << PROOF_SHIFT;
const EXCLUDED: u8 = 1 << 7;

impl Cell {
    /// A cell without evidence.
    pub const SILENT: Self = Self::new(State::Unknown, Limit::Silence);

    /// A cell as found, before any exclusion.
    pub const fn new(found: State, limit: Limit) -> Self {
        let found = match found {
            State::Unknown => 0,
            State::Down => 1,
            State::Degraded => 2,
            State::Ok => OK,
            State::Excluded => EXCLUDED,
        };
        Self(found | (limit as u8) << LIMIT_SHIFT)
    }

    /// With a part of the verdict unproven: see [`Self::is_unproven`].
    #[must_use]
    pub const fn unproven(self) -> Self {
        Self(self.0 | PROOF)
    }

    /// With its throughput so well proven; only an OK cell needs a proof.
    #[must_use]
    pub const fn proven(self, proof: Proof) -> Self {
        let with = self.0 & !PROOF | (proof as u8) << PROOF_SHIFT;
        Self(if self.0 & FOUND == OK { with } else { self.0 })
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
        const FOUND_STATES: [State; 4] = [State::Unknown, State::Down, State::Degraded, State::Ok];
        FOUND_STATES[(self.0 & FOUND) as usize]
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

    /// Whether any is bad by latency and not excluded; many at once.
    pub(crate) fn any_slow(cells: &[Self]) -> bool {
        const LATENCY: u8 = (Limit::Latency as u8) << LIMIT_SHIFT;
        let slow = |cell: &Self| {
            let of = cell.0 & (FOUND | 7 << LIMIT_SHIFT | EXCLUDED);
            u8::from(of == LATENCY | 1) | u8::from(of == LATENCY | 2)
        };
        cells.iter().fold(0, |any, cell| any | slow(cell)) != 0
    }

    /// All bits that any of some has.
    pub(super) fn any_of(cells: &[Self]) -> Self {
        Self(cells.iter().fold(0, |any, cell| any | cell.0))
    }

    /// In which sets these are, the first of them the lowest bit. `any` has at least
    /// all their bits: a set of none is not gathered.
    pub(super) fn sets_of(cells: [Self; 8], any: Self) -> Eight {
        let word = u64::from_le_bytes(cells.map(|c| c.0));
        // One bit of every byte, gathered into one byte: the products don't overlap.
        let gather = |word: u64| {
            ((word & 0x0101_0101_0101_0101).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
        };
        let (low, high) = (gather(word), gather(word >> 1));
        let excluded = if any.0 & EXCLUDED == 0 { 0 } else { gather(word >> 7) };
        let limit = word >> LIMIT_SHIFT;
        let outage = if any.0 >> LIMIT_SHIFT & 4 == 0 {
            0
        } else {
            gather(limit >> 2 & !(limit >> 1) & !limit)
        };
        let unproven = if any.is_unproven() {
            gather(word >> PROOF_SHIFT & word >> (PROOF_SHIFT + 1))
        } else {
            0
        };
        Eight {
            ok: low & high & !excluded,
            degraded: !low & high & !excluded,
            down: low & !high & !excluded,
            excluded,
            outage,
            unproven,
        }
    }

    /// What limited it.
    pub const fn limit(self) -> Limit {
        Limit::ALL[(self.0 >> LIMIT_SHIFT & 7) as usize]
    }

    /// How recently the throughput needed was seen. In a bad cell of an 'anywhere'
    /// column `Unknown` means that no link is known OK, but one is UNKNOWN.
    pub const fn proof(self) -> Proof {
        Proof::ALL[(self.0 >> PROOF_SHIFT & 3) as usize]
    }

    /// Whether a part of the verdict is unproven. In an OK cell: the throughput
    /// needed was not seen. In a bad cell of an 'anywhere' column: no link is
    /// known OK, but one is UNKNOWN.
    pub const fn is_unproven(self) -> bool {
        self.0 & PROOF == PROOF
    }

    /// UNKNOWN and not excluded; as `state`, for loops over columns.
    pub(super) const fn is_unknown(self) -> bool {
        self.0 & (FOUND | EXCLUDED) == 0
    }

    /// DEGRADED or DOWN and not excluded; as `state`, for loops over columns.
    pub(super) const fn is_bad(self) -> bool {
        // 01 and 10 differ in their bits, 00 and 11 do not.
        (self.0 ^ self.0 >> 1) & 1 & !(self.0 >> 7) == 1
    }

    /// Which of several links' cells speaks for the home: the greatest. Excluded
    /// ones last, then by state, then an OK one by its proof.
    pub(super) const fn rank(self) -> u8 {
        let proof = if self.0 & FOUND == OK { !self.0 >> PROOF_SHIFT & 3 } else { 0 };
        let rank = ((self.0 & FOUND) + 1) << 2 | proof;
        if self.0 & EXCLUDED == 0 { rank } else { 0 }
    }
}

/// Eight cells as sets: see `Block`, which is made of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Eight {
    pub(super) ok: u8,
    pub(super) degraded: u8,
    pub(super) down: u8,
    pub(super) excluded: u8,
    pub(super) outage: u8,
    pub(super) unproven: u8,
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

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.ok += other.ok;
        self.degraded += other.degraded;
        self.down += other.down;
        self.unknown += other.unknown;
        self.excluded += other.excluded;
    }
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
#[path = "state_tests.rs"]
mod tests;
