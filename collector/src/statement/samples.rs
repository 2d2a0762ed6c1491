//! Statements of homes with a known truth, for the tests of this room.

use std::sync::LazyLock;

use hearth_proto::{Event, EventKind, Technology};
use jiff::tz::TimeZone;

use super::Statement;
use crate::gaps::{IncidentKind, Segment};
use crate::history::{Exclusion, History, Span};
use crate::homes::{Home, Sold, SoldSpeed};
use crate::qoe::catalogue::Catalogue;
use crate::report::household_report;
use crate::scripted::{START, Script, ScriptLink, What};

const HOUR: i64 = 3_600_000;

fn links() -> Vec<ScriptLink> {
    vec![
        ScriptLink::new("eth0", Technology::Fttp, 20),
        ScriptLink::new("wwan0", Technology::NrSa, 35),
    ]
}

/// Records, what is told of their home, and the statement on them.
pub(crate) struct Sample {
    pub(crate) history: History,
    pub(crate) home: Home,
    pub(crate) statement: Statement,
}

impl Sample {
    pub(crate) fn new(mut history: History, home: Home) -> Self {
        // A name that is no word of any language.
        history.household = "zq-7".parse().unwrap();
        let tz = TimeZone::get("Europe/Berlin").unwrap();
        let now = history.span.to;
        let (_, report) = household_report(&history, &home, &Catalogue::built_in(), &tz, now);
        Self { history, home, statement: report.statement }
    }
}

fn of(script: &Script) -> Sample {
    Sample::new(script.history(), Home::default())
}

/// Nothing goes wrong.
pub(crate) fn good() -> &'static Sample {
    static SAMPLE: LazyLock<Sample> =
        LazyLock::new(|| Sample::new(Script::minutes(3 * 1440, links()).history(), sold()));
    &SAMPLE
}

fn sold() -> Home {
    let speed = |bps| SoldSpeed { max_bps: Some(bps), normal_bps: None, min_bps: None };
    let plan = Sold {
        link: "eth0".to_owned(),
        product: Some("Xyz 100".to_owned()),
        down: speed(100_000_000),
        up: speed(40_000_000),
        latency_ms: Some(30.0),
        ..Sold::default()
    };
    Home { plans: vec![plan], ..Home::default() }
}

/// Every kind of trouble, in every place, beside what was sold, and times without data
/// and left out.
pub(crate) fn bad() -> &'static Sample {
    static SAMPLE: LazyLock<Sample> = LazyLock::new(|| Sample::new(bad_week(), sold()));
    &SAMPLE
}

fn bad_week() -> History {
    let mut links = links();
    links.push(ScriptLink::new("lte0", Technology::Lte, 60));
    let evening = |day: i64| day * 24 * HOUR + 18 * HOUR;
    for (day, what) in [
        (0, What::Slow(400)),
        (1, What::Access),
        (2, What::SlowGateway(500)),
        (3, What::BeyondTheHop),
        (4, What::Loss(0.2)),
    ] {
        for link in &mut links {
            let times = (evening(day), evening(day) + (day + 1) * HOUR);
            *link = link.clone().trouble(times.0, times.1, what);
        }
    }
    let night = 5 * 24 * HOUR;
    links[0] = links[0].clone().trouble(night, night + 2 * HOUR, What::Gateway);
    let mut script = Script::minutes(7 * 1440, links);
    script.dark.push((6 * 24 * HOUR, 6 * 24 * HOUR + 5 * HOUR));
    script.exclusions.push(Exclusion {
        link: Some("eth0".to_owned()),
        span: Span { from: START.plus(HOUR), to: START.plus(2 * HOUR) },
        by: "noc-7".to_owned(),
        why: "xyz 4711".to_owned(),
    });
    let mut history = script.history();
    let told = [
        EventKind::SpoolDropped { slots: 1234, events: 0 },
        EventKind::CannotMeasure {
            link: Some("eth0".parse().unwrap()),
            what: "xyz 1".to_owned(),
            why: "xyz 2".to_owned(),
            remedy: "xyz 3".to_owned(),
        },
    ];
    for kind in told {
        let event = Event { at: START.plus(HOUR), at_boot_ms: 0, kind };
        history.events.push(("agent".parse().unwrap(), event));
    }
    history.events.sort_by_key(|(_, e)| e.at);
    history
}

/// The fixed link fails every evening, and the mobile one carries what the home does.
pub(crate) fn helped() -> &'static Sample {
    static SAMPLE: LazyLock<Sample> = LazyLock::new(|| evenings(sold()));
    &SAMPLE
}

/// The same where the mobile link's plan has hardly any data.
pub(crate) fn few_data() -> &'static Sample {
    static SAMPLE: LazyLock<Sample> = LazyLock::new(|| {
        let cap_bytes = Some(1_000_000);
        let backup = Sold { link: "wwan0".into(), backup: true, cap_bytes, ..Sold::default() };
        let mut home = sold();
        home.plans.push(backup);
        evenings(home)
    });
    &SAMPLE
}

fn evenings(home: Home) -> Sample {
    let mut links = links();
    for day in 0..7 {
        let evening = day * 24 * HOUR + 18 * HOUR;
        links[0] = links[0].clone().trouble(evening, evening + (day % 3) * HOUR, What::Access);
    }
    let does = ["video-call", "card-payment"].map(str::to_owned).into();
    Sample::new(Script::minutes(7 * 1440, links).history(), Home { does, ..home })
}

/// Two agents whose links have one name, each with trouble of its own and together,
/// and a time left out by that name.
pub(crate) fn twins() -> &'static Sample {
    static SAMPLE: LazyLock<Sample> = LazyLock::new(|| Sample::new(twin_agents(), sold()));
    &SAMPLE
}

fn twin_agents() -> History {
    let day = 24 * HOUR;
    let trouble = |mut link: ScriptLink, times: &[(i64, i64, What)]| {
        for (from, to, what) in times {
            link = link.trouble(*from, *to, *what);
        }
        link
    };
    let all_out = (day, day + HOUR, What::BeyondTheHop);
    let unseen = (day + 15 * HOUR, day + 16 * HOUR, What::BeyondTheHop);
    let fixed = trouble(links().remove(0), &[(HOUR, 3 * HOUR, What::Access), all_out, unseen]);
    let mobile = trouble(links().remove(1), &[all_out, unseen]);
    let theirs = trouble(ScriptLink::new("eth0", Technology::Lte, 60), &[all_out]);
    let mut script = Script::minutes(2 * 1440, vec![fixed, mobile]);
    script.exclusions.push(Exclusion {
        link: Some("eth0".to_owned()),
        span: Span { from: START.plus(10 * HOUR), to: START.plus(11 * HOUR) },
        by: "zq-8".to_owned(),
        why: "xyz 4712".to_owned(),
    });
    let mut history = script.history();
    let mut other = Script::minutes(2 * 1440, vec![theirs]);
    // The second time that the household is cut off finds it dark.
    other.dark.push((day + 12 * HOUR, 2 * day));
    let told = EventKind::CannotMeasure {
        link: Some("eth0".parse().unwrap()),
        what: "xyz 5".to_owned(),
        why: "xyz 6".to_owned(),
        remedy: "xyz 7".to_owned(),
    };
    let mut other = other.history();
    let event = Event { at: START.plus(HOUR), at_boot_ms: 0, kind: told };
    other.events.push(("agent".parse().unwrap(), event));
    for (name, of) in [("zq-a", &mut history), ("zq-b", &mut other)] {
        of.links.iter_mut().for_each(|l| l.agent = name.parse().unwrap());
        of.events.iter_mut().for_each(|(agent, _)| *agent = name.parse().unwrap());
    }
    history.links.extend(other.links);
    history.events.extend(other.events);
    history.events.sort_by_key(|(_, e)| e.at);
    history
}

/// Hardly anything of a month was measured.
pub(crate) fn almost_empty() -> &'static Sample {
    static SAMPLE: LazyLock<Sample> = LazyLock::new(|| {
        let mut script = Script::minutes(30 * 1440, links());
        script.dark.push((0, 30 * 24 * HOUR - 30 * HOUR));
        of(&script)
    });
    &SAMPLE
}

/// A run of seconds.
pub(crate) fn short() -> &'static Sample {
    static SAMPLE: LazyLock<Sample> = LazyLock::new(|| of(&Script::seconds(60, links())));
    &SAMPLE
}

/// Nothing was measured.
pub(crate) fn silent() -> &'static Sample {
    static SAMPLE: LazyLock<Sample> = LazyLock::new(|| {
        let mut script = Script::minutes(60, links());
        script.dark.push((0, HOUR));
        of(&script)
    });
    &SAMPLE
}

/// As much on page one as there can be: of the bad week, with incidents that have the
/// longest words. Its figures follow from no records.
pub(crate) fn crowded() -> Statement {
    let mut s = bad().statement.clone();
    let all: Vec<usize> = (0..s.verdicts.len()).collect();
    let name = |v: &usize| s.verdicts[*v].name.len();
    let mut longest = all;
    longest.sort_by_key(|v| std::cmp::Reverse(name(v)));
    longest.truncate(4);
    for link in &mut s.links {
        link.name_is_shared = true;
    }
    for incident in &mut s.incidents {
        incident.link = Some(0);
        incident.kind = IncidentKind::Degradation;
        incident.activities.clone_from(&longest);
        incident.over = false;
        incident.worked_on = (1..s.links.len()).collect();
        incident.segment = Segment::CannotTell;
    }
    s
}

/// All of them.
pub(crate) fn all() -> [(&'static str, &'static Sample); 7] {
    [
        ("good", good()),
        ("bad", bad()),
        ("helped", helped()),
        ("twins", twins()),
        ("almost empty", almost_empty()),
        ("short", short()),
        ("silent", silent()),
    ]
}
