//! What is kept over restarts, in the state folder: the agent's name where none
//! is configured (`agent-id`), and the links' baselines (`baselines.json`). Files
//! are replaced whole.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hearth_proto::AgentId;
use rand::RngExt;
use rand::rngs::SmallRng;

use super::link::{Baselines, lock};

/// Why the agent has no name.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A file can't be read or written.
    #[error("can't use {path}: make the folder, or set `state_dir` to one that can be written")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file does not hold a name.
    #[error("{path} does not hold an agent's name: remove it, or set `agent`")]
    Name {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: hearth_proto::ids::IdError,
    },
}

/// The agent's name: the configured one, else the one kept, else a new one.
pub(super) fn agent_id(folder: &Path, configured: Option<&AgentId>) -> Result<AgentId, StateError> {
    if let Some(id) = configured {
        return Ok(id.clone());
    }
    let path = folder.join("agent-id");
    match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map_err(|source| StateError::Name { path, source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let number: u64 = rand::make_rng::<SmallRng>().random();
            let id: AgentId = format!("agent-{number:016x}")
                .parse()
                .map_err(|source| StateError::Name { path: path.clone(), source })?;
            fs::create_dir_all(folder)
                .and_then(|()| replace(&path, format!("{id}\n").as_bytes()))
                .map_err(|source| StateError::File { path, source })?;
            Ok(id)
        }
        Err(source) => Err(StateError::File { path, source }),
    }
}

/// What was learned of the links.
pub(super) struct Kept {
    path: PathBuf,
    pub(super) links: Baselines,
}

impl Kept {
    /// From the folder; anything but a whole file is begun anew.
    pub(super) fn load(folder: &Path) -> Self {
        let path = folder.join("baselines.json");
        let links: BTreeMap<_, _> = read_json(&path, "baselines");
        Self { path, links: Arc::new(links.into()) }
    }

    /// To the folder. Without it the next run only learns anew.
    pub(super) fn save(&self) {
        write_json(&self.path, serde_json::to_vec(&*lock(&self.links)), "baselines");
    }
}

/// What a file holds; anything but a whole one is begun anew.
pub(super) fn read_json<T: serde::de::DeserializeOwned + Default>(path: &Path, what: &str) -> T {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            tracing::warn!(%error, path = %path.display(), "{what} begins anew");
            T::default()
        }),
        Err(_) => T::default(),
    }
}

/// Replaces a file; that it can't be is logged.
pub(super) fn write_json(path: &Path, bytes: serde_json::Result<Vec<u8>>, what: &str) {
    let written = bytes.map_err(io::Error::from).and_then(|bytes| replace(path, &bytes));
    if let Err(error) = written {
        tracing::warn!(%error, path = %path.display(), "{what} was not kept");
    }
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = fs::File::create(&new)?;
    io::Write::write_all(&mut file, bytes)?;
    // Else a power cut may leave the new name on an empty file.
    file.sync_all()?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let id = agent_id(&state, None).unwrap();
        assert_eq!(agent_id(&state, None).unwrap(), id);
        let own: AgentId = "own".parse().unwrap();
        assert_eq!(agent_id(&state, Some(&own)).unwrap(), own);
        fs::write(state.join("agent-id"), "Not A Name").unwrap();
        assert!(agent_id(&state, None).unwrap_err().to_string().contains("remove it"));
    }

    #[test]
    fn what_was_learned_is_kept_and_a_broken_file_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::load(folder.path());
        lock(&kept.links).entry("wan".parse().unwrap()).or_default().record(0, 3, 4);
        kept.save();
        assert_eq!(*lock(&Kept::load(folder.path()).links), *lock(&kept.links));
        fs::write(folder.path().join("baselines.json"), "{").unwrap();
        assert!(lock(&Kept::load(folder.path()).links).is_empty());
    }
}
