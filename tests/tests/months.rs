//! A month with one kind of trouble each: incidents, segments, rescue, congested hours
//! and remedies are what the script says, and nothing else is.

use hearth_collector::gaps::{Incident, IncidentKind, Segment};
use hearth_collector::homes::{Home, Sold};
use hearth_collector::ledger::{Ledger, Limit, State};
use hearth_collector::qoe::catalogue::Catalogue;
use hearth_collector::remedies::{RemedyKind, Verdict};
use hearth_collector::report::{Report, household_report};
use hearth_tests::fleet::months::{Kind, Month};
use hearth_tests::fleet::script::{Times, Trouble};
use hearth_tests::fleet::verify;

/// A month, judged.
struct Judged {
    month: Month,
    ledger: Ledger,
    report: Report,
}

fn judged(kind: Kind) -> Judged {
    let month = Month::of(kind, 7).expect("a right month");
    let history = month.home.history();
    let (ledger, report) =
        household_report(&history, &told(), &Catalogue::built_in(), &month.tz, month.home.span.to);
    verify::ledger(&month.home, &ledger).expect("the truth");
    Judged { month, ledger, report }
}

/// What the operator tells: the mobile link was sold as a backup.
fn told() -> Home {
    let backup = Sold { link: "wwan0".to_owned(), backup: true, ..Sold::default() };
    Home { plans: vec![backup], ..Home::default() }
}

impl Judged {
    fn times(&self) -> impl Iterator<Item = Times> {
        self.month.home.script.troubles.iter().map(Trouble::times)
    }

    /// Incidents of the fixed link that last at least ten minutes.
    fn long_incidents(&self) -> Vec<&Incident> {
        let fixed = &self.month.home.links[0].name;
        let of_fixed = |i: &&Incident| i.link.as_ref().is_some_and(|l| l.link == *fixed);
        let long = |i: &&Incident| i.length_ms >= 600_000;
        self.report.gaps.incidents.iter().filter(of_fixed).filter(long).collect()
    }

    /// Each trouble has its incident of ten minutes or more, in `segment`, and there
    /// are no others.
    fn holds_incidents(&self, kind: IncidentKind, segment: Segment) {
        let incidents = self.long_incidents();
        for times in self.times() {
            let of_it = incidents.iter().filter(|i| {
                let end = i.start.at.plus(i.length_ms as i64);
                i.start.at < times.to && end > times.from
            });
            let found: Vec<_> = of_it.map(|i| (i.kind, i.segment)).collect();
            assert!(!found.is_empty(), "{times:?} has no incident");
            assert!(found.iter().all(|f| *f == (kind, segment)), "{times:?}: {found:?}");
        }
        let stray: Vec<_> = incidents
            .iter()
            .filter(|i| {
                let end = i.start.at.plus(i.length_ms as i64);
                !self.times().any(|t| i.start.at < t.to && end > t.from)
            })
            .collect();
        assert!(stray.is_empty(), "{stray:#?}");
    }

    fn remedy(&self, kind: RemedyKind) -> (Verdict, String) {
        let remedy = self.report.remedies.of(kind).expect("one of each kind");
        (remedy.verdict, remedy.why.join("; "))
    }

    /// These are recommended, in whatever order, and no others.
    fn recommends(&self, expected: &[RemedyKind]) {
        let mut found: Vec<_> = self.report.remedies.recommended().iter().map(|r| r.kind).collect();
        found.sort();
        assert_eq!(found, expected, "{:#?}", self.report.remedies.remedies);
    }

    fn no_congestion(&self) {
        for link in &self.report.gaps.congestion {
            assert!(link.hours.is_empty(), "{:#?}", link.hours);
            assert!(link.not_enough.is_none(), "{:#?}", link.not_enough);
        }
    }

    /// Slots that lie in a trouble as a whole.
    fn slots_within(&self) -> u64 {
        let home = &self.month.home;
        home.slots().filter(|s| self.times().any(|t| t.from <= s.from && s.to <= t.to)).count()
            as u64
    }
}

#[test]
fn a_healthy_month_needs_nothing() {
    let judged = judged(Kind::Healthy);
    assert!(judged.long_incidents().is_empty());
    judged.no_congestion();
    judged.recommends(&[RemedyKind::Nothing]);
}

#[test]
fn lone_outages_of_the_access_line_are_saved_by_the_mobile_link() {
    let judged = judged(Kind::AccessOutages);
    assert_eq!(verify::outages(&judged.month.home, &judged.report.gaps), Ok(8));
    judged.holds_incidents(IncidentKind::Outage, Segment::Access);
    judged.no_congestion();
    let alarm = judged.report.gaps.activities.iter().find(|a| a.activity.id == "alarm").unwrap();
    let within = judged.slots_within();
    assert!(alarm.saved.slots.abs_diff(within) <= 16, "{} of {within}", alarm.saved.slots);
    assert!(alarm.rescue.value().is_some_and(|r| r > 0.98), "{:?}", alarm.rescue);
    judged.recommends(&[RemedyKind::AccessRepair]);
    assert_eq!(judged.remedy(RemedyKind::MobileBackup).0, Verdict::InPlace);
    for kind in [RemedyKind::WifiPlacement, RemedyKind::QueueManager, RemedyKind::UploadTier] {
        assert_eq!(judged.remedy(kind).0, Verdict::WouldNotHelp, "{kind:?}");
    }
}

#[test]
fn a_network_full_on_weekday_evenings_is_told_by_the_hour() {
    let judged = judged(Kind::WeekdayEvenings);
    judged.holds_incidents(IncidentKind::Degradation, Segment::CoreOrService);
    let (fixed, mobile) = (&judged.report.gaps.congestion[0], &judged.report.gaps.congestion[1]);
    let hours: Vec<_> = fixed.hours.iter().map(|h| h.hour).collect();
    // It begins a quarter past, and rises and falls within its first and last tenth.
    assert!([19, 20, 21, 22].starts_with(&hours) || [20, 21, 22].starts_with(&hours), "{hours:?}");
    assert!(hours.contains(&20) && hours.contains(&21), "{hours:?}");
    for hour in &fixed.hours {
        assert_eq!((hour.weekend_days, hour.segment), (0, Segment::CoreOrService), "{hour:?}");
        assert_eq!(hour.days, 22, "{hour:?}");
    }
    assert!(mobile.hours.is_empty(), "{:?}", mobile.hours);
    for kind in [RemedyKind::WifiPlacement, RemedyKind::AccessRepair] {
        assert_eq!(judged.remedy(kind).0, Verdict::WouldNotHelp, "{:?}", judged.remedy(kind));
    }
    // A device does not see whether another one of the home fills the line.
    let (queue, why) = judged.remedy(RemedyKind::QueueManager);
    assert_eq!(queue, Verdict::CannotSay, "{why}");
}

#[test]
fn links_that_fail_together_save_nothing() {
    let judged = judged(Kind::SharedFate);
    judged.holds_incidents(IncidentKind::Outage, Segment::Access);
    let fate = &judged.report.gaps.shared_fate[0];
    assert_eq!((fate.incidents, fate.common_incidents), (6, 6));
    assert!(fate.factor.value().is_some_and(|f| f > 10.0), "{:?}", fate.factor);
    let alarm = judged.report.gaps.activities.iter().find(|a| a.activity.id == "alarm").unwrap();
    let within = judged.slots_within();
    assert!(alarm.unsaved.slots.abs_diff(within) <= 12, "{} of {within}", alarm.unsaved.slots);
    assert!(alarm.rescue.value().is_some_and(|r| r < 0.05), "{:?}", alarm.rescue);
    let (backup, why) = judged.remedy(RemedyKind::MobileBackup);
    assert_eq!(backup, Verdict::WouldNotHelp, "{why}");
}

#[test]
fn bad_wifi_is_the_homes_own_and_another_place_would_help() {
    let judged = judged(Kind::BadWifi);
    judged.holds_incidents(IncidentKind::Degradation, Segment::Home);
    judged.no_congestion();
    judged.recommends(&[RemedyKind::WifiPlacement]);
    for kind in [RemedyKind::UploadTier, RemedyKind::AccessRepair] {
        assert_eq!(judged.remedy(kind).0, Verdict::WouldNotHelp, "{:?}", judged.remedy(kind));
    }
    // Some slots are slow by more than the way to the router explains, and the rest of the
    // home's traffic is not seen.
    let (queue, why) = judged.remedy(RemedyKind::QueueManager);
    assert_eq!(queue, Verdict::CannotSay, "{why}");
}

#[test]
fn power_cuts_are_silence_and_no_remedy_follows() {
    let judged = judged(Kind::PowerCuts);
    assert!(judged.long_incidents().is_empty(), "{:#?}", judged.long_incidents());
    let unknown =
        judged.ledger.home().iter().filter(|c| c.state() == State::Unknown).count() as u64;
    // A slot that a cut only touches is known if half of it was measured.
    let within = judged.slots_within();
    assert!(unknown.abs_diff(within) <= 2 * 5, "{unknown} of {within}");
    judged.no_congestion();
    judged.recommends(&[RemedyKind::Nothing]);
}

#[test]
fn a_bad_reflector_is_no_fault_of_the_line() {
    let judged = judged(Kind::BadReflector);
    // The first minutes alone, until the few connections to another target tell.
    assert!(judged.long_incidents().is_empty(), "{:#?}", judged.long_incidents());
    let within = judged.slots_within();
    let call = judged.ledger.activities.iter().position(|a| a.id == "video-call").unwrap();
    for link in 0..judged.ledger.links.len() {
        let mut slots = judged.month.home.slots().zip(judged.ledger.column(link, call));
        let bad = slots.by_ref().filter(|(slot, cell)| {
            let meant = judged.times().any(|t| t.from <= slot.from && slot.to <= t.to);
            meant && cell.state() == State::Degraded
        });
        let bad = bad.count() as u64;
        assert!(bad * 20 < within, "link {link}: {bad} bad of {within}");
        let cells = judged.ledger.column(link, call).iter();
        let aside = cells.filter(|c| c.limit() == Limit::OneTarget).count() as u64;
        assert!(aside * 10 > within * 9, "link {link}: {aside} set aside of {within}");
    }
    judged.no_congestion();
    for kind in [
        RemedyKind::WifiPlacement,
        RemedyKind::QueueManager,
        RemedyKind::UploadTier,
        RemedyKind::AccessRepair,
    ] {
        assert_eq!(judged.remedy(kind).0, Verdict::WouldNotHelp, "{:?}", judged.remedy(kind));
    }
}

#[test]
fn a_queue_filled_by_the_home_wants_a_queue_manager() {
    let judged = judged(Kind::FullUplink);
    judged.no_congestion();
    let recommended: Vec<_> = judged.report.remedies.recommended().iter().map(|r| r.kind).collect();
    assert!(recommended.contains(&RemedyKind::QueueManager), "{recommended:?}");
    for kind in [RemedyKind::WifiPlacement, RemedyKind::AccessRepair] {
        assert_ne!(judged.remedy(kind).0, Verdict::Recommended, "{:?}", judged.remedy(kind));
    }
}
