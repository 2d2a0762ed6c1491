//! Whether the agent can keep its state: found out by writing.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::Finding;

const CHECK: &str = "state folder";

/// Makes a file where the state would be, and removes it. Permissions alone do not tell:
/// file systems may be read-only, full, or take no files at all.
pub(super) fn state_folder(path: &Path) -> Finding {
    let of_its_own = "set `state_dir` to a folder of its own";
    // What does not exist yet is made by the agent, where it may.
    let existing: Option<PathBuf> =
        path.ancestors().find(|folder| folder.exists()).map(Path::to_owned);
    let Some(existing) = existing else {
        let why = format!("{} can't be made", path.display());
        return Finding::problem(CHECK, None, why, of_its_own);
    };
    if !existing.is_dir() {
        let why = format!("{} is not a folder", existing.display());
        return Finding::problem(CHECK, None, why, of_its_own);
    }
    let trial = existing.join(format!(".hearth-doctor-{}", std::process::id()));
    let (doing, tried) = if existing == path {
        ("write to", write(&trial))
    } else {
        ("make a folder in", make(&trial))
    };
    match tried {
        Ok(()) => Finding::ok(CHECK, None, format!("{} can be written", path.display())),
        Err(error) => Finding::problem(
            CHECK,
            None,
            format!("this user can't {doing} {}: {}", existing.display(), words(&error)),
            remedy(&error, path),
        ),
    }
}

/// A file with something in it, removed again.
fn write(file: &Path) -> io::Result<()> {
    let mut made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    let written = made.write_all(b"hearth").and_then(|()| made.sync_all());
    drop(made);
    let removed = std::fs::remove_file(file);
    written.and(removed)
}

/// A folder with such a file, removed again.
fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(folder)?;
    let written = write(&folder.join("file"));
    let removed = std::fs::remove_dir(folder);
    written.and(removed)
}

/// With the error's name, as manuals have it.
fn words(error: &io::Error) -> String {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(errno) => format!("{} ({errno:?})", errno.desc()),
        None => error.to_string(),
    }
}

fn remedy(error: &io::Error, path: &Path) -> String {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            format!("as root, `install -d -o USER {path}`, or set `state_dir`")
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room there, or set `state_dir` to a folder elsewhere".to_owned()
        }
        _ => "set `state_dir` to a folder on a file system that can be written".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn a_state_folder_that_is_not_there_yet_can_be_made_and_a_file_is_none() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_owned(), folder.path().join("a/b")] {
            assert_eq!(state_folder(&path).level, Level::Ok);
            // It leaves nothing behind.
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let finding = state_folder(&file);
        assert_eq!(finding.level, Level::Problem);
        assert!(finding.why.ends_with("is not a folder") && finding.remedy.contains("state_dir"));
    }

    #[test]
    fn a_file_system_that_takes_no_files_is_told_with_the_errors_name() {
        // Root may write by its permissions, but nobody can make anything there.
        for (path, doing) in [("/proc/nope", "make a folder in"), ("/proc", "write to")] {
            let finding = state_folder(Path::new(path));
            assert_eq!(finding.level, Level::Problem, "{finding:?}");
            let named = finding.why.ends_with("(ENOENT)") || finding.why.ends_with("(EACCES)");
            assert!(finding.why.contains(doing) && named, "{finding:?}");
        }
    }
}
