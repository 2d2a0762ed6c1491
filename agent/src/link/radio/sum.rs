//! A slot's readings of a radio into its cells. Pure.

use std::collections::BTreeMap;

use hearth_proto::{Cell, Layer, Plmn};

use super::RadioReading;

/// What makes a cell another one.
type Identity = (Layer, Option<u64>, Option<u32>, Option<u32>, Option<Plmn>, bool);

#[derive(Debug, Default)]
struct Figures {
    samples: u32,
    last: u32,
    rsrp: Vec<i32>,
    rsrq: Vec<i32>,
    sinr: Vec<i32>,
}

/// The readings of a slot.
#[derive(Debug, Default)]
pub struct CellSum {
    readings: u32,
    cells: BTreeMap<Identity, Figures>,
}

impl CellSum {
    /// Adds a reading.
    pub fn add(&mut self, reading: &RadioReading) {
        self.readings += 1;
        let roaming = reading.roaming.unwrap_or_default();
        for c in &reading.cells {
            let identity = (c.layer, c.cell, c.pci, c.band, reading.plmn, roaming);
            let figures = self.cells.entry(identity).or_default();
            figures.samples += 1;
            figures.last = self.readings;
            figures.rsrp.extend(c.rsrp_ddbm);
            figures.rsrq.extend(c.rsrq_ddb);
            figures.sinr.extend(c.sinr_ddb);
        }
    }

    /// Per layer the cell that served the longest, of equals the latest, with the
    /// medians over its own readings alone.
    pub fn finish(self) -> Vec<Cell> {
        let mut chosen: BTreeMap<Layer, (Identity, Figures)> = BTreeMap::new();
        for (identity, figures) in self.cells {
            let rank = |f: &Figures| (f.samples, f.last);
            let better =
                chosen.get(&identity.0).is_none_or(|(_, held)| rank(&figures) > rank(held));
            if better {
                chosen.insert(identity.0, (identity, figures));
            }
        }
        chosen
            .into_values()
            .map(|((layer, cell, pci, band, plmn, roaming), figures)| Cell {
                layer,
                samples: figures.samples,
                rsrp_ddbm: median(figures.rsrp),
                rsrq_ddb: median(figures.rsrq),
                sinr_ddb: median(figures.sinr),
                band,
                cell,
                pci,
                plmn,
                roaming,
            })
            .collect()
    }
}

/// The lower middle one: always a value that was read.
pub(crate) fn median<T: Ord + Copy>(mut values: Vec<T>) -> Option<T> {
    values.sort_unstable();
    values.get(values.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use hearth_proto::Technology;
    use proptest::prelude::*;

    use super::*;
    use crate::link::radio::ServingCell;

    fn reading(cell: u64, rsrp: Option<i32>) -> RadioReading {
        let lte = ServingCell { cell: Some(cell), rsrp_ddbm: rsrp, ..ServingCell::new(Layer::Lte) };
        RadioReading {
            technology: Some(Technology::Lte),
            roaming: Some(false),
            plmn: "26201".parse().ok(),
            cells: vec![lte],
            source: "test",
            lacks: vec![],
        }
    }

    #[test]
    fn the_cell_that_served_the_longest_stands_for_the_slot() {
        let mut sum = CellSum::default();
        for r in [reading(1, Some(-900)), reading(2, Some(-1200)), reading(1, Some(-800))] {
            sum.add(&r);
        }
        let cells = sum.finish();
        assert_eq!(cells.len(), 1);
        assert_eq!((cells[0].cell, cells[0].samples, cells[0].rsrp_ddbm), (Some(1), 2, Some(-900)));
        assert_eq!(cells[0].rsrq_ddb, None, "not read is not 0");
        assert!(CellSum::default().finish().is_empty());
    }

    proptest! {
        /// What comes out was read, is within bounds, and one cell per layer.
        #[test]
        fn figures_were_read(read in prop::collection::vec(
            (0..3_u64, prop::option::of(-1560..-310_i32), any::<bool>()), 1..20)
        ) {
            let mut sum = CellSum::default();
            for (cell, rsrp, nsa) in &read {
                let mut r = reading(*cell, *rsrp);
                if *nsa {
                    r.cells.push(ServingCell { rsrp_ddbm: *rsrp, ..ServingCell::new(Layer::Nr) });
                }
                sum.add(&r);
            }
            let cells = sum.finish();
            prop_assert_eq!(cells.len(), 1 + usize::from(read.iter().any(|r| r.2)));
            for cell in cells {
                prop_assert!(cell.samples > 0 && cell.samples as usize <= read.len());
                let of_cell = |r: &&(u64, Option<i32>, bool)| match cell.layer {
                    Layer::Lte => Some(r.0) == cell.cell,
                    Layer::Nr => r.2,
                };
                let values: Vec<_> = read.iter().filter(of_cell).filter_map(|r| r.1).collect();
                prop_assert_eq!(cell.rsrp_ddbm.is_some(), !values.is_empty());
                prop_assert!(cell.rsrp_ddbm.is_none_or(|v| values.contains(&v)));
            }
        }
    }
}
