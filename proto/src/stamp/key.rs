//! Keys and HMAC-SHA-256, truncated to 16 octets (RFC 8762, section 4.4).

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ring::hmac;
use subtle::ConstantTimeEq;

/// Octets of the HMAC field.
pub const TAG_LEN: usize = 16;
/// Octets of a key that are accepted.
pub const KEY_LEN: std::ops::RangeInclusive<usize> = 16..=64;
const ACCEPTED: &str = "32 to 128 hexadecimal digits, an even number, on one line";

/// Why a key can't be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file can't be read.
    #[error("key file {}: can't be read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is open to everyone.
    #[error(
        "key file {}: everyone on this machine may read or change it (mode {mode:04o}): \
         not accepted; chmod it to 0600 or 0640", path.display()
    )]
    Open {
        /// Which.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// What is in it is no key. The content itself is never told.
    #[error("key file {}: its content is not accepted: {ACCEPTED}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
    },
}

/// A key that two ends share.
#[derive(Clone)]
pub struct Key(hmac::Key);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// Of octets; none if there are fewer or more than [`KEY_LEN`].
    pub fn new(octets: &[u8]) -> Option<Self> {
        KEY_LEN.contains(&octets.len()).then(|| Self(hmac::Key::new(hmac::HMAC_SHA256, octets)))
    }

    /// Of hexadecimal digits; none if they are not, or too few or many.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits: Option<Vec<u8>> =
            text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
        let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
        let octets: Vec<u8> = digits.chunks_exact(2).map(|two| (two[0] << 4) | two[1]).collect();
        Self::new(&octets)
    }

    /// From a file of hexadecimal digits that not everyone may read.
    ///
    /// # Errors
    /// Names the file, and what is accepted.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let path = path.to_owned();
        let failed = |source| KeyError::Read { path: path.clone(), source };
        let mode = fs::metadata(&path).map_err(failed)?.permissions().mode() & 0o7777;
        if mode & 0o007 != 0 {
            return Err(KeyError::Open { path, mode });
        }
        let octets = fs::read(&path).map_err(failed)?;
        std::str::from_utf8(&octets)
            .ok()
            .and_then(|text| Self::from_hex(text.trim()))
            .ok_or(KeyError::Content { path })
    }

    /// The truncated HMAC of `parts` in a row.
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; TAG_LEN] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        let whole = context.sign();
        std::array::from_fn(|i| whole.as_ref()[i])
    }

    /// Whether `tag` is that of `parts`, in constant time.
    pub fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        self.tag(parts).as_slice().ct_eq(tag).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_is_rfc_4231s_truncated() {
        // RFC 4231, test case 3: a key of 20 octets 0xaa, 50 octets 0xdd.
        let key = Key::from_hex(&"aa".repeat(20)).unwrap();
        let data = [0xdd; 50];
        let expected = [
            0x77, 0x3e, 0xa9, 0x1e, 0x36, 0x80, 0x0e, 0x46, 0x85, 0x4d, 0xb8, 0xeb, 0xd0, 0x91,
            0x81, 0xa7,
        ];
        assert_eq!(key.tag(&[&data[..20], &data[20..]]), expected);
        assert!(key.verify(&[&data], &expected));
        assert!(!key.verify(&[&data[1..]], &expected));
        assert!(!key.verify(&[&data], &expected[..15]));
        assert!(!key.verify(&[&data], &[]));
    }

    #[test]
    fn only_16_to_64_octets_of_hexadecimal_digits_are_a_key() {
        for good in ["0f".repeat(16), "AB".repeat(64)] {
            assert!(Key::from_hex(&good).is_some(), "{good}");
        }
        for bad in
            [String::new(), "0f".repeat(15), "0f".repeat(65), "f".repeat(33), "zz".repeat(16)]
        {
            assert!(Key::from_hex(&bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_bad_file_is_named_with_what_is_accepted_and_without_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stamp.key");
        let write = |text: &str, mode| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            Key::read(&path)
        };
        assert!(matches!(Key::read(&path), Err(KeyError::Read { .. })));
        assert!(write(&format!("{}\n", "0f".repeat(32)), 0o640).is_ok());
        let open = write(&"0f".repeat(32), 0o644).unwrap_err().to_string();
        assert!(open.contains("stamp.key") && open.contains("0644"), "{open}");
        let secret = write("not-so-secret", 0o600).unwrap_err().to_string();
        assert!(secret.contains("stamp.key") && secret.contains("32 to 128"), "{secret}");
        assert!(!secret.contains("not-so-secret"));
    }
}
