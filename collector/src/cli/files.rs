//! Files that commands read and write.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::CliError;

/// A file's octets.
pub(super) fn octets(file: &Path) -> Result<Vec<u8>, CliError> {
    std::fs::read(file)
        .map_err(|source| CliError::Io { doing: format!("reading {}", file.display()), source })
}

/// A file's text, or standard input's for `-`, with what errors call it.
pub(super) fn text(path: &Path) -> Result<(String, String), CliError> {
    let name = if path.as_os_str() == "-" {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    };
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).map(|_| ())
    } else {
        std::fs::read_to_string(path).map(|t| text = t)
    };
    read.map_err(|source| CliError::Io { doing: format!("reading {name}"), source })?;
    Ok((text, name))
}

/// A file, whole or not at all: written beside, then renamed.
pub(super) fn write(file: &Path, content: &[u8]) -> Result<(), CliError> {
    let refused = |source| CliError::Io { doing: format!("writing {}", file.display()), source };
    let beside = beside(file);
    std::fs::write(&beside, content).map_err(refused)?;
    std::fs::rename(&beside, file).map_err(refused)
}

/// Where a file is written until it is whole.
pub(super) fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    name.into()
}
