//! Files that hold the keys of statements.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::CliError;
use crate::statement::seal::{KeyError, PublicKey, SigningKey};

/// Why a key's file can't be used.
#[derive(Debug, thiserror::Error)]
enum KeyFileError {
    /// It can't be read or written.
    #[error("key file {}: can't be {doing}", path.display())]
    File { path: PathBuf, doing: &'static str, source: io::Error },
    /// Others may read a private key.
    #[error(
        "key file {}: others on this machine may read it (mode {mode:04o}): not accepted; chmod \
         it to 0600", path.display()
    )]
    Open { path: PathBuf, mode: u32 },
    /// It holds no key of the kind.
    #[error("key file {}", path.display())]
    Key { path: PathBuf, source: KeyError },
}

impl From<KeyFileError> for CliError {
    fn from(e: KeyFileError) -> Self {
        Self::Config(crate::error_chain(&e))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, KeyFileError> {
    let failed = |source| KeyFileError::File { path: path.to_owned(), doing: "read", source };
    fs::read(path).map_err(failed)
}

/// A public key's file.
pub(super) fn public(path: &Path) -> Result<PublicKey, CliError> {
    let key = PublicKey::from_pem(&read(path)?);
    Ok(key.map_err(|source| KeyFileError::Key { path: path.to_owned(), source })?)
}

/// A private key's file, which its owner alone may read.
pub(super) fn private(path: &Path) -> Result<SigningKey, CliError> {
    let failed = |source| KeyFileError::File { path: path.to_owned(), doing: "read", source };
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Open { path: path.to_owned(), mode }.into());
    }
    let key = SigningKey::from_pem(&read(path)?);
    Ok(key.map_err(|source| KeyFileError::Key { path: path.to_owned(), source })?)
}

/// Makes a pair: the private key at `path`, readable by its owner alone, the public one
/// beside it with `.pub` at the end. Neither may be there yet.
pub(super) fn generate(path: &Path) -> Result<(PathBuf, PublicKey), CliError> {
    let (pem, key) = SigningKey::generate()
        .map_err(|source| KeyFileError::Key { path: path.to_owned(), source })?;
    let public = key.public();
    let mut beside = path.as_os_str().to_owned();
    beside.push(".pub");
    let beside = PathBuf::from(beside);
    write_new(path, 0o600, &pem)?;
    write_new(&beside, 0o644, &public.pem()).inspect_err(|_| {
        // Half a pair would stand in the way of the next try.
        let _ = fs::remove_file(path);
    })?;
    Ok((beside, public))
}

/// A file that is not there yet.
fn write_new(path: &Path, mode: u32, text: &str) -> Result<(), KeyFileError> {
    let failed = |source| KeyFileError::File { path: path.to_owned(), doing: "written", source };
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_pair_is_read_as_it_was_made_and_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ours");
        let (beside, made) = generate(&path).unwrap();
        assert_eq!(beside, folder.path().join("ours.pub"));
        assert_eq!(public(&beside).unwrap(), made);
        assert_eq!(private(&path).unwrap().public(), made);
        assert!(generate(&path).is_err(), "never over another");
        fs::remove_file(&path).unwrap();
        assert!(generate(&path).is_err(), "its public half is still there");
        assert!(!path.exists(), "no half a pair is left");
    }

    #[test]
    fn a_key_that_others_may_read_or_that_is_none_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ours");
        let (beside, _) = generate(&path).unwrap();
        let refused = |path: &Path| private(path).err().unwrap().to_string();
        mode(&path, 0o640);
        assert!(refused(&path).contains("0640"), "{}", refused(&path));
        mode(&beside, 0o600);
        assert!(refused(&beside).contains("private key as PEM"), "{}", refused(&beside));
        mode(&path, 0o600);
        let none = public(&path).unwrap_err().to_string();
        assert!(none.contains("public key as PEM"), "{none}");
    }
}
