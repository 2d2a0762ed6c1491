//! The process's limit of open files, which every connection is held against.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::limits::RESERVE;

/// Files that the process needs beside connections.
const BESIDE: u64 = 256;

/// Raises the soft limit as far as `connections` need, and returns how many of them may
/// be open within it. Says so in the log where it changes either; `beside` is what else
/// the process has to do, in connections.
pub fn fit(connections: u32, beside: u32) -> u32 {
    let (soft, hard) = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok(limits) => limits,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files can't be read: not held against it");
            return connections;
        }
    };
    let beside = BESIDE + u64::from(RESERVE) + u64::from(beside);
    let wanted = raised(connections, beside, soft, hard);
    let soft = match wanted.map(|wanted| (wanted, setrlimit(Resource::RLIMIT_NOFILE, wanted, hard)))
    {
        None => soft,
        Some((wanted, Ok(()))) => {
            tracing::info!(from = soft, to = wanted, "raised the soft limit of open files");
            wanted
        }
        Some((wanted, Err(error))) => {
            tracing::warn!(%error, soft, wanted, "the soft limit of open files can't be raised");
            soft
        }
    };
    let fitting = within(connections, beside, soft);
    if fitting < connections {
        tracing::warn!(
            asked = connections,
            taken = fitting,
            open_files = soft,
            "fewer connections than asked for: raise the hard limit of open files (LimitNOFILE= \
             in a systemd unit)"
        );
    }
    fitting
}

/// The soft limit to set; none where it does.
fn raised(connections: u32, beside: u64, soft: u64, hard: u64) -> Option<u64> {
    let wanted = (u64::from(connections) + beside).min(hard);
    (wanted > soft).then_some(wanted)
}

/// As many of `connections` as `soft` allows, with at most half kept for the rest.
fn within(connections: u32, beside: u64, soft: u64) -> u32 {
    let room = soft - beside.min(soft / 2);
    connections.min(room.max(1).try_into().unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_rises_to_what_is_needed_and_no_further_than_the_hard_one() {
        assert_eq!(raised(1024, 256, 1024, 524_288), Some(1280));
        assert_eq!(raised(1024, 256, 1280, 524_288), None);
        assert_eq!(raised(1024, 256, 512, 1024), Some(1024));
        assert_eq!(raised(1024, 256, 1024, 1024), None);
        assert_eq!(raised(u32::MAX, 256, 1024, u64::MAX), Some(u64::from(u32::MAX) + 256));
    }

    #[test]
    fn connections_are_as_many_as_fit() {
        assert_eq!(within(1024, 256, 1280), 1024);
        assert_eq!(within(1024, 256, 1024), 768);
        assert_eq!(within(1024, 4352, 1024), 512, "half at least");
        assert_eq!((within(1024, 256, 1), within(1024, 256, 0)), (1, 1));
        assert_eq!(within(u32::MAX, 256, u64::MAX), u32::MAX);
    }
}
