//! Every number that decides about a remedy. All are own judgement unless they say
//! otherwise; a change of one changes what homes are told.

/// The least evidence that anything is said of, in milliseconds: a day.
pub const LEAST_EVIDENCE_MS: u64 = 24 * 3_600_000;

/// The fewest local days with evidence: one day proves no habit.
pub const LEAST_DAYS: u64 = 2;

/// The least gain in share of time that is worth a change: a fifth of a per cent, an
/// hour and a half a month.
pub const LEAST_GAIN: f64 = 0.002;

/// The fewest days on which a remedy must have helped: one bad evening is no reason.
pub const LEAST_DAYS_HELPED: u64 = 2;

/// The share from which an activity works well enough to be left alone, as the
/// statement has it.
pub const WORKS: f64 = 0.99;

/// A near point's loss, by its lower bound, from which it is bad, as for the segment
/// of an incident.
pub const NEAR_LOSS: f64 = 0.02;

/// The least rise of the gateway's round trip that counts, in milliseconds, as for the
/// segment of an incident.
pub const NEAR_RISE_MS: f64 = 10.0;

/// Share of the far end's rise that the gateway's must explain, as for the segment of
/// an incident.
pub const NEAR_EXPLAINS: f64 = 0.5;

/// The fewest readings of a Wi-Fi that tell that a device is on it.
pub const WIFI_READINGS: usize = 3;

/// What a Wi-Fi carries of its PHY rate, at the most.
pub const WIFI_CARRIES: f64 = 0.65;

/// From which share of its tested speed on a line is full in its busiest second.
pub const FULL: f64 = 0.7;

/// Up to which share of its tested speed a line is idle.
pub const IDLE: f64 = 0.2;

/// The fewest idle slots that tell what the line is like without a queue.
pub const IDLE_SLOTS: usize = 30;

/// What a queue manager leaves of the queue, in milliseconds: `CoDel`'s target (RFC 8289,
/// section 4.4).
pub const QUEUE_LEFT_MS: f64 = 5.0;

/// The same, to be on the safe side: a slow uplink's packets alone take their time.
pub const QUEUE_LEFT_SAFE_MS: f64 = 25.0;

/// The fewest tests that a line's speed is taken from.
pub const SPEED_TESTS: usize = 3;

/// From which share of the upload sold a line carries what its plan has; the tests see
/// the payload, and what was sold may be counted with its framing.
pub const DELIVERED: f64 = 0.8;

/// The fewest slots with a full uplink that show a home wanting for upload.
pub const FULL_SLOTS: u64 = 30;

/// The fewest outages that a shared fate is read from, as in the gap report.
pub const SHARED_INCIDENTS: u64 = 5;

/// Share of the main link's outages in which the backup failed too, from which it is no
/// backup.
pub const SHARED_FATE: f64 = 0.5;

/// Share of the bad time, where it is known, that a backup must have carried.
pub const CARRIED: f64 = 0.5;

/// The fewest incidents on the access line that call for a repair.
pub const ACCESS_INCIDENTS: u64 = 3;
