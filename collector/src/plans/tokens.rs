//! Who may order over the API: names and their tokens, from a file of their own.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use subtle::ConstantTimeEq as _;

/// The fewest characters of a token: with base64's alphabet 144 bits.
const SHORTEST: usize = 24;
const LONGEST: usize = 256;

/// Why a file of tokens is not accepted. No message holds a token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It can't be read.
    #[error("token file {path} can't be read")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Others can read it.
    #[error("token file {path} can be read by others (mode {mode:04o}): `chmod 600` it")]
    Open {
        /// Which.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A line that is not accepted.
    #[error("token file {path}, line {line}: {why}")]
    Line {
        /// Which.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// Why, and what is accepted.
        why: String,
    },
    /// No token in it.
    #[error("token file {0} has no token: one `name:token` a line is accepted")]
    Empty(PathBuf),
}

/// Names and their tokens.
pub struct Tokens(Vec<(String, Vec<u8>)>);

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Tokens {
    /// From a file with one `name:token` a line; empty lines and those that begin
    /// with # are left out. Only its owner may read it.
    pub fn load(path: &Path) -> Result<Self, TokenError> {
        let read = |source| TokenError::Read { path: path.to_owned(), source };
        let mode = std::fs::metadata(path).map_err(read)?.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(TokenError::Open { path: path.to_owned(), mode });
        }
        Self::parse(&std::fs::read_to_string(path).map_err(read)?, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, TokenError> {
        let mut known: Vec<(String, Vec<u8>)> = Vec::new();
        for (i, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let refused =
                |why: String| Err(TokenError::Line { path: path.to_owned(), line: i + 1, why });
            let Some((name, token)) = line.split_once(':') else {
                return refused("`name:token` is accepted".to_owned());
            };
            let named = (1..=63).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
            if !named {
                return refused(
                    "the name is not accepted: 1 to 63 of A-Z, a-z, 0-9, '-', '_' and '.'".into(),
                );
            }
            if !(SHORTEST..=LONGEST).contains(&token.len())
                || !token.bytes().all(|b| b.is_ascii_graphic())
            {
                return refused(format!(
                    "the token of {name} is not accepted: {SHORTEST} to {LONGEST} visible ASCII \
                     characters (`openssl rand -base64 24` makes one)"
                ));
            }
            if known.iter().any(|(n, t)| n == name || *t == token.as_bytes()) {
                return refused(format!("{name}, or its token, is there twice"));
            }
            known.push((name.to_owned(), token.as_bytes().to_vec()));
        }
        if known.is_empty() { Err(TokenError::Empty(path.to_owned())) } else { Ok(Self(known)) }
    }

    /// Whose token it is. All are compared, each in constant time, so that how
    /// long it takes tells nothing of them but their lengths.
    pub fn name_of(&self, token: &str) -> Option<&str> {
        let mut found = None;
        for (name, known) in &self.0 {
            if bool::from(known.as_slice().ct_eq(token.as_bytes())) {
                found = Some(name.as_str());
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const ANNA: &str = "tXk3v0c9Qm2sJ8yLw5ZrB1nD";
    const BEN: &str = "p7Hq4uEoV6iGkT0aXc2fYs9M";

    fn parse(text: &str) -> Result<Tokens, TokenError> {
        Tokens::parse(text, Path::new("noc"))
    }

    #[test]
    fn a_token_tells_who_it_is_and_is_never_shown() {
        let tokens = parse(&format!("# the shift\nanna:{ANNA}\n\nben:{BEN}\n")).unwrap();
        assert_eq!(tokens.name_of(ANNA), Some("anna"));
        assert_eq!(tokens.name_of(BEN), Some("ben"));
        for wrong in ["", "anna", &ANNA[1..], &format!("{ANNA}x"), &ANNA.to_lowercase()] {
            assert_eq!(tokens.name_of(wrong), None);
        }
        let shown = format!("{tokens:?}");
        assert!(shown.contains("anna") && !shown.contains(ANNA), "{shown}");
    }

    #[test]
    fn a_bad_line_is_named_without_its_token() {
        for (text, words) in [
            (ANNA.to_owned(), "line 1: `name:token`"),
            (format!("anna:{ANNA}\nanna:{BEN}"), "line 2: anna, or its token, is there twice"),
            (format!("anna:{ANNA}\nben:{ANNA}"), "there twice"),
            (format!("an na:{ANNA}"), "1 to 63"),
            ("anna:tooshortasecret".to_owned(), "24 to 256"),
            ("# nobody".to_owned(), "no token"),
        ] {
            let e = parse(&text).unwrap_err().to_string();
            assert!(e.contains(words), "{e}");
            assert!(!e.contains(ANNA) && !e.contains("tooshortasecret"), "{e}");
        }
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("anna:{ANNA}\n")).unwrap();
        let mode = |mode| {
            std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(0o640);
        let e = Tokens::load(file.path()).unwrap_err().to_string();
        assert!(e.contains("0640") && e.contains("chmod 600"), "{e}");
        mode(0o600);
        assert_eq!(Tokens::load(file.path()).unwrap().name_of(ANNA), Some("anna"));
        let missing = Tokens::load(Path::new("/nonexistent/noc")).unwrap_err().to_string();
        assert!(missing.contains("/nonexistent/noc"), "{missing}");
    }
}
