//! How STAMP is spoken: with which key, in which timestamps, how large.

use std::path::Path;

use hearth_proto::stamp::{Format, Key, KeyError, tlv};

use crate::config::{StampSettings, TimestampFormat};

/// The largest probe: more does not pass most links in one piece.
pub const MAX_BYTES: u32 = 9_000;

/// How STAMP is spoken.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// With it packets are authenticated, and replies must be.
    pub key: Option<Key>,
    /// Of the timestamps sent; those of replies may be in either.
    pub format: Format,
    size: Option<u32>,
}

/// Why it can't be spoken so.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The size.
    #[error("a probe of {size} octets is not accepted: {base}, or {least} to {MAX_BYTES}")]
    Size {
        /// What was asked for.
        size: u32,
        /// Of a packet without padding.
        base: u32,
        /// With the least padding.
        least: u32,
    },
}

/// Octets of UDP payload of a probe, and of its answer, without extra padding.
pub fn base_bytes(authenticated: bool) -> u32 {
    tlv::base_len(authenticated) as u32
}

impl Settings {
    /// Reads the key file, if one is named; `size` is of the UDP payload.
    ///
    /// # Errors
    /// When the key can't be had, or no packet has that size.
    pub fn new(
        key_file: Option<&Path>,
        format: Format,
        size: Option<u32>,
    ) -> Result<Self, SettingsError> {
        let key = key_file.map(Key::read).transpose()?;
        let base = base_bytes(key.is_some());
        let least = base + tlv::HEADER_LEN as u32;
        match size {
            Some(size) if size != base && !(least..=MAX_BYTES).contains(&size) => {
                Err(SettingsError::Size { size, base, least })
            }
            _ => Ok(Self { key, format, size }),
        }
    }

    /// As the configuration has it.
    ///
    /// # Errors
    /// When the key can't be had.
    pub fn of(config: &StampSettings) -> Result<Self, SettingsError> {
        let format = match config.timestamps {
            TimestampFormat::Ntp => Format::Ntp,
            TimestampFormat::Ptp => Format::Ptp,
        };
        Self::new(config.key_file.as_deref(), format, None)
    }

    /// Octets of UDP payload of each probe, and of its answer.
    pub fn payload_bytes(&self) -> u32 {
        self.size.unwrap_or_else(|| base_bytes(self.key.is_some()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_no_packet_has_are_refused_with_what_is_accepted() {
        let of = |size| Settings::new(None, Format::Ntp, size).map(|s| s.payload_bytes());
        assert_eq!(of(None).unwrap(), 44);
        for good in [44, 48, 1472, 9_000] {
            assert_eq!(of(Some(good)).unwrap(), good);
        }
        for bad in [0, 43, 45, 47, 9_001] {
            let error = of(Some(bad)).unwrap_err().to_string();
            assert!(error.contains("44, or 48 to 9000"), "{error}");
        }
    }
}
