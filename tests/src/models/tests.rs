use super::fit::{model_burst_figures, model_rate_figures};
use super::*;

/// How far a model's statistic may be from the recording's, by what it is. The
/// recordings last minutes: their own sampling error is of this order.
fn close(statistic: &str, trace: f64, model: f64) -> bool {
    if statistic.contains("share") || statistic.contains("loss") {
        (trace - model).abs() <= 0.04
    } else if statistic.contains("autocorrelation") {
        (trace - model).abs() <= 0.2
    } else if statistic.contains("outage_p50") {
        trace == 0.0 || (model / trace).ln().abs() <= 2.0_f64.ln()
    } else if statistic.contains("rtt_") {
        (model / trace).ln().abs() <= 1.15_f64.ln()
    } else {
        (model - trace).abs() <= 0.1 || (model / trace).ln().abs() <= 1.35_f64.ln()
    }
}

#[test]
fn generated_links_have_the_recorded_statistics() {
    for name in Model::names().filter(|n| *n != "fttp") {
        let model = Model::built_in(name).unwrap();
        assert!(model.fit.len() >= 18, "{name}");
        let down = model_rate_figures(&model, Direction::Down, 2);
        let up = model_rate_figures(&model, Direction::Up, 2);
        let bursts = model_burst_figures(&model, 2);
        for fit in &model.fit {
            let (figures, key) = if let Some(key) = fit.statistic.strip_prefix("down_") {
                (&down, key)
            } else if let Some(key) = fit.statistic.strip_prefix("up_") {
                (&up, key)
            } else {
                (&bursts, fit.statistic.as_str())
            };
            let made = figures.iter().find(|f| f.0 == key).expect("a known statistic").1;
            assert!(
                close(&fit.statistic, fit.trace, made),
                "{name} {}: recorded {}, made {made}",
                fit.statistic,
                fit.trace
            );
        }
    }
}

#[test]
fn a_seed_gives_the_same_trace_and_another_a_different_one() {
    let model = Model::built_in("lte-driving").unwrap();
    let a = model.mahimahi_trace(Direction::Down, 7, 20_000);
    assert_eq!(a, model.mahimahi_trace(Direction::Down, 7, 20_000));
    assert_ne!(a, model.mahimahi_trace(Direction::Down, 8, 20_000));
    assert_ne!(a, model.mahimahi_trace(Direction::Up, 7, 20_000));
    assert!(a.is_sorted() && a.last().unwrap() < &20_000);
}

#[test]
fn opportunities_carry_the_process_rate() {
    let model = Model::built_in("nr-static").unwrap();
    let trace = model.mahimahi_trace(Direction::Down, 3, 60_000);
    let mut process = model.down.process(Random::new(3, "down"));
    let steps = 60_000 / model.down.step_ms;
    let bits: f64 =
        (0..steps).map(|_| process.next_bps() * f64::from(model.down.step_ms) / 1e3).sum();
    let delivered = trace.len() as f64 * f64::from(OPPORTUNITY_BYTES) * 8.0;
    assert!((delivered / bits - 1.0).abs() < 0.01, "{delivered} of {bits}");
}

#[test]
fn samples_repeat_and_lose_at_the_mean_ratio() {
    let model = Model::built_in("lte-driving").unwrap();
    let make = |seed| Model::slot_samples(&mut model.path(seed, 1000), 200_000);
    let samples = make(4);
    assert_eq!(samples, make(4));
    let lost = samples.iter().filter(|o| matches!(o, Outcome::Failed(_))).count();
    let ratio = lost as f64 / 200_000.0;
    assert!((ratio / model.loss.mean() - 1.0).abs() < 0.3, "{ratio} for {}", model.loss.mean());
}

#[test]
fn a_wrong_parameter_is_named() {
    let text = include_str!("../../models/fttp.toml");
    let e = Model::parse("x", &text.replace("bad_share = ", "bad_share = 1")).unwrap_err();
    let e = e.to_string();
    assert!(e.contains("loss.bad_share") && e.contains("0 to 0.999"), "{e}");
    assert!(Model::parse("x", &format!("colour = 1\n{text}")).is_err());
    assert!(Model::built_in("lte").unwrap_err().to_string().contains("nr-driving"));
}
