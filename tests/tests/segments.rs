//! Whose fault is it? Two hundred households with troubles of known place, judged
//! from what their agents tell; the confusion matrix is printed.

use std::collections::BTreeMap;

use hearth_collector::gaps::{Gaps, Incident, Segment};
use hearth_collector::ledger::{Ledger, State};
use hearth_collector::qoe::catalogue::Catalogue;
use hearth_proto::UnixMs;
use hearth_tests::fleet::household::Household;
use hearth_tests::fleet::script::{Times, Trouble};
use hearth_tests::fleet::seeded::{self, Known, Place};
use jiff::tz::TimeZone;

/// 2026-10-05T00:00:00Z, a Monday.
const START: UnixMs = UnixMs(1_791_158_400_000);
const HOMES: u64 = 200;

/// What is told of a trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Home,
    Access,
    Core,
    Service,
    CannotTell,
    NoIncident,
}

impl Told {
    const ALL: [(Self, &str); 6] = [
        (Self::Home, "home"),
        (Self::Access, "access"),
        (Self::Core, "core/service"),
        (Self::Service, "service"),
        (Self::CannotTell, "cannot tell"),
        (Self::NoIncident, "no incident"),
    ];

    fn of(segment: Segment) -> Self {
        match segment {
            Segment::Home => Self::Home,
            Segment::Access => Self::Access,
            Segment::CoreOrService => Self::Core,
            Segment::Service => Self::Service,
            Segment::CannotTell => Self::CannotTell,
        }
    }
}

/// Attributions by what was true, whether it could be known, and what was told.
#[derive(Default)]
struct Matrix {
    cells: BTreeMap<(bool, Place, Told), u64>,
    known: (u64, u64),
    unknowable: (u64, u64),
    power_cuts: u64,
}

impl Matrix {
    fn enter(&mut self, truth: &Known, told: Told) {
        let knowable = truth.segment != Segment::CannotTell;
        *self.cells.entry((knowable, truth.place, told)).or_default() += 1;
        let tally = if knowable { &mut self.known } else { &mut self.unknowable };
        tally.1 += 1;
        // A bad target that is set aside at once makes no incident: the link is not blamed.
        let set_aside = truth.place == Place::Reflector && told == Told::NoIncident;
        tally.0 += u64::from(told == Told::of(truth.segment) || (knowable && set_aside));
    }

    fn print(&self) {
        for (knowable, title) in [(true, "the evidence tells"), (false, "it does not")] {
            let heads: Vec<String> = Told::ALL.iter().map(|t| format!("{:>13}", t.1)).collect();
            println!("{title:<20}{}", heads.concat());
            for place in Place::ALL {
                let count = |told| self.cells.get(&(knowable, place, told)).copied().unwrap_or(0);
                let row: Vec<String> =
                    Told::ALL.iter().map(|t| format!("{:>13}", count(t.0))).collect();
                println!("{:<20}{}", format!("{place:?}"), row.concat());
            }
        }
        let share = |(right, all): (u64, u64)| right as f64 / all as f64;
        println!(
            "right where the evidence tells: {:.1} % of {}; 'cannot tell' where it does not: \
             {:.1} % of {}; power cuts without an incident: {}",
            100.0 * share(self.known),
            self.known.1,
            100.0 * share(self.unknowable),
            self.unknowable.1,
            self.power_cuts
        );
    }
}

fn overlap_ms(incident: &Incident, times: Times) -> i64 {
    let to = incident.start.at.plus(incident.length_ms as i64);
    to.min(times.to).since(incident.start.at.max(times.from))
}

/// The incident of the fixed link that shares most time with `times`.
fn told(home: &Household, gaps: &Gaps, times: Times) -> Told {
    let of_link = |i: &&Incident| i.link.as_ref().is_some_and(|l| l.link == home.links[0].name);
    gaps.incidents
        .iter()
        .filter(of_link)
        .map(|i| (overlap_ms(i, times), i))
        .filter(|(shared, _)| *shared > 0)
        .max_by_key(|(shared, _)| *shared)
        .map_or(Told::NoIncident, |(_, i)| Told::of(i.segment))
}

/// No power, no evidence: UNKNOWN, and no outage within it.
fn check_power_cut(home: &Household, ledger: &Ledger, gaps: &Gaps, times: Times) {
    for slot in
        (0..ledger.slots()).filter(|s| ledger.at(*s) >= times.from && ledger.at(*s + 1) <= times.to)
    {
        assert_eq!(ledger.home()[slot].state(), State::Unknown, "{}", home.id);
    }
    let within = Times { from: times.from.plus(60_000), to: times.to.plus(-60_000) };
    assert_eq!(told(home, gaps, within), Told::NoIncident, "{} {times:?}", home.id);
}

#[test]
fn segments_are_attributed_as_far_as_the_evidence_goes() {
    let catalogue = Catalogue::built_in();
    let mut matrix = Matrix::default();
    for seed in 0..HOMES {
        let (home, known) =
            seeded::household(&format!("h{seed}"), seeded::day(START), seed).expect("a right home");
        let history = home.history();
        let ledger = Ledger::build(&history, &catalogue);
        let gaps = Gaps::build(&history, &ledger, &TimeZone::UTC);
        for truth in &known {
            matrix.enter(truth, told(&home, &gaps, truth.times));
        }
        for trouble in &home.script.troubles {
            if let Trouble::PowerCut { times } = trouble {
                check_power_cut(&home, &ledger, &gaps, *times);
                matrix.power_cuts += 1;
            }
        }
    }
    matrix.print();
    for place in Place::ALL {
        let of_place =
            |k: bool| matrix.cells.keys().any(|(known, p, _)| *known == k && *p == place);
        assert!(of_place(true) && of_place(false), "{place:?} is not tried both ways");
    }
    let share = |(right, all): (u64, u64)| right as f64 / all as f64;
    assert!(share(matrix.known) >= 0.95, "{:?}", matrix.known);
    assert!(share(matrix.unknowable) >= 0.95, "{:?}", matrix.unknowable);
}
