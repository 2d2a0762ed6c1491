//! A household's records as the collector would hand them to its judge, without a
//! store between.

use hearth_collector::history::{History, LinkHistory, Span};
use hearth_proto::{EventKind, Record};

use super::household::Household;

impl Household {
    /// All that its agent tells, as one history.
    pub fn history(&self) -> History {
        let mut told = History {
            household: self.id.clone(),
            span: Span { from: self.span.from, to: self.span.to },
            links: Vec::new(),
            events: Vec::new(),
            tests: Vec::new(),
            exclusions: Vec::new(),
        };
        for reported in self.records() {
            match reported.record {
                Record::Slot(slot) => {
                    let mut links = told.links.iter_mut();
                    let link = links.find(|l| l.info.link == slot.link).expect("told before");
                    link.slots.push(slot);
                }
                Record::Test(test) => told.tests.push((self.agent.clone(), test)),
                Record::Event(event) => {
                    if let EventKind::LinkAppeared(info) = &event.kind
                        && !told.links.iter().any(|l| l.info.link == info.link)
                    {
                        told.links.push(LinkHistory {
                            agent: self.agent.clone(),
                            vantage: self.vantage,
                            info: info.clone(),
                            slots: Vec::new(),
                        });
                    }
                    told.events.push((self.agent.clone(), event));
                }
            }
        }
        told
    }
}
