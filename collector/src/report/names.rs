//! What reports call links and activities by.

use hearth_proto::{AgentId, LinkName, Technology, Vantage};
use serde::Serialize;

use crate::history::LinkHistory;

/// A link, as reports name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LinkRef {
    /// Its place in the history and in the ledger.
    pub index: usize,
    /// Whose.
    pub agent: AgentId,
    /// Its name, unique within its agent.
    pub link: LinkName,
    /// Its access technology.
    pub technology: Technology,
    /// Where its agent stands.
    pub vantage: Vantage,
    /// What a person calls it: technology and name, and the agent's where two
    /// agents of the household have a link of the same name.
    pub label: String,
    /// Its lowest route metric; `None` without a default route.
    pub metric: Option<u32>,
}

/// An activity, as reports name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActivityRef {
    /// Its id in the catalogue.
    pub id: String,
    /// What a person calls it.
    pub name: String,
}

/// Names a history's links, each apart from the others.
pub(crate) fn link_refs(links: &[LinkHistory]) -> Vec<LinkRef> {
    links
        .iter()
        .enumerate()
        .map(|(index, l)| {
            let name = &l.info.link;
            let twice = links.iter().filter(|o| o.info.link == *name).count() > 1;
            let mut label = match l.info.technology {
                Technology::Unknown => name.to_string(),
                known => format!("{} {name}", known.label()),
            };
            if twice {
                label = format!("{label} of {}", l.agent);
            }
            LinkRef {
                index,
                agent: l.agent.clone(),
                link: name.clone(),
                technology: l.info.technology,
                vantage: l.vantage,
                label,
                metric: l.info.metric(),
            }
        })
        .collect()
}
