use hearth_proto::Figures;

use super::*;

fn distribution(ms: u32) -> Distribution {
    let mut all = Distribution::default();
    for _ in 0..40 {
        all.record(ms * 1000);
    }
    all
}

fn report() -> Report {
    let server = Url::parse("https://probe.example:8443").unwrap();
    let cost = Own { rx_bytes: 100_000_000, tx_bytes: 2_000_000 };
    Report::of(&server, Some(Family::V6), cost, &whole(&both()))
}

fn whole(figures: &Figures) -> Partial {
    Partial { figures: figures.clone(), broken: None }
}

fn both() -> Figures {
    let direction = |ms| DirectionFigures {
        goodput_bps: 94_000_000,
        low_bps: None,
        high_bps: None,
        confidence: Confidence::High,
        bytes: 47_000_000,
        measured_ms: 4000,
        flows: 7,
        rpm: Some((600, Confidence::Medium)),
        tcp_f: distribution(ms),
        tls_f: distribution(ms),
        http_f: distribution(ms),
        // Not the link's: it must not be taken for its round trips.
        http_l: distribution(3 * ms),
    };
    Figures { down: Some(direction(50)), up: Some(direction(220)), idle_rtt: distribution(20) }
}

#[test]
fn bufferbloat_is_not_said_of_the_better_half() {
    let mut figures = both();
    figures.up.as_mut().unwrap().http_f = Distribution::default();
    let server = Url::parse("https://probe.example:8443").unwrap();
    let of = |figures: &Figures| Report::of(&server, None, Own::default(), &whole(figures));
    assert_eq!(of(&figures).bufferbloat_ms, None);
    // Nothing was loaded there: of what was, it is known.
    figures.up = None;
    let bloat = of(&figures).bufferbloat_ms.unwrap();
    assert!((bloat - 30.0).abs() < 2.0, "{bloat}");
}

#[test]
fn the_json_has_the_agreed_names() {
    let json = serde_json::to_value(report()).unwrap();
    assert_eq!(json["server"], "https://probe.example:8443");
    assert_eq!(json["family"], "v6");
    assert_eq!(json["down"]["goodput_bps"], 94_000_000);
    assert_eq!(
        (&json["up"]["rpm"], &json["up"]["rpm_confidence"]),
        (&600.into(), &"medium".into())
    );
    assert_eq!(json["down"]["confidence"], "high");
    assert_eq!(json["down"]["loaded_rtt"]["count"], 40);
    assert_eq!(json["cost"]["rx_bytes"], 100_000_000);
    assert_eq!(json["up"]["loaded_rtt"], json["up"]["http_f"]);
    for key in ["flows", "measured_ms", "bytes", "tcp_f", "tls_f", "http_f", "http_l"] {
        assert!(!json["up"][key].is_null(), "{key}");
    }
    // The worse direction's.
    let bloat = json["bufferbloat_ms"].as_f64().unwrap();
    assert!((bloat - 200.0).abs() < 4.0, "{bloat}");
}

#[test]
fn rpm_never_stands_without_the_loaded_round_trips() {
    let mut text = Vec::new();
    summarise(&report(), &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    for row in text.lines().filter(|row| row.contains("RPM")) {
        assert!(row.contains("p50") && row.contains("p95"), "{row}");
    }
    assert!(text.contains("94.0 Mbit/s, high confidence"), "{text}");
    assert!(text.contains("bufferbloat") && text.contains("100.0 MB received"), "{text}");
}

#[test]
fn what_broke_is_marked_partial_with_why_and_the_cost() {
    let server = Url::parse("https://probe.example:8443").unwrap();
    let cost = Own { rx_bytes: 9_000, tx_bytes: 1_000 };
    let failed = || {
        let why = "can't upload: the connection broke".to_owned();
        Some(Failed { cause: Some("refused".to_owned()), why })
    };
    let broken = Partial { figures: both(), broken: Some(Direction::Up) };
    let report = Report { error: failed(), ..Report::of(&server, None, cost, &broken) };
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!((&json["down"]["partial"], &json["up"]["partial"]), (&false.into(), &true.into()));
    assert_eq!(json["error"]["why"], "can't upload: the connection broke");
    let said = |report: &Report| {
        let mut text = Vec::new();
        summarise(report, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    };
    let text = said(&report);
    assert!(text.contains("broken off, what follows is partial: can't upload"), "{text}");
    assert_eq!(text.matches("confidence, partial\n").count(), 1, "{text}");
    assert!(text.contains("9.0 kB received, 1.0 kB sent"), "{text}");
    let none = Report { error: failed(), ..Report::of(&server, None, cost, &Partial::default()) };
    let text = said(&none);
    assert!(text.contains("no result: can't upload") && text.contains("9.0 kB"), "{text}");
    assert!(!text.contains("idle"), "{text}");
}
