//! One collector at a time over a data folder: a lock that ends with the process,
//! however it ends.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// In the data folder.
const FILE: &str = "collector.lock";

/// Why the folder can't be had alone.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error(
        "another collector or quickstart is at work on the data in {}: stop it, or name another \
         folder with --data DIR",
        .0.display()
    )]
    Taken(PathBuf),
    /// The system refuses.
    #[error("can't lock {}", path.display())]
    Refused {
        /// The lock's file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// Held for as long as this lives.
#[derive(Debug)]
pub struct Alone {
    _held: File,
}

impl Alone {
    /// Takes the folder, which exists.
    ///
    /// # Errors
    /// When another process has it, or nothing can be written there.
    pub fn over(folder: &Path) -> Result<Self, LockError> {
        let path = folder.join(FILE);
        let refused = |source| LockError::Refused { path: path.clone(), source };
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(refused)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _held: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Taken(folder.to_owned())),
            Err(TryLockError::Error(source)) => Err(refused(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = Alone::over(folder.path()).unwrap();
        let error = Alone::over(folder.path()).unwrap_err();
        assert!(matches!(error, LockError::Taken(_)) && error.to_string().contains("--data"));
        drop(first);
        Alone::over(folder.path()).unwrap();
    }
}
