//! Every published vector, and every way an input can be wrong or short.

use super::*;

const VECTORS: [(Framework, &str, usize); 7] = [
    (Framework::Qoo, include_str!("../../tests/vectors/qoo.json"), 2),
    (Framework::Iqb, include_str!("../../tests/vectors/iqb.json"), 3),
    (Framework::Emodel, include_str!("../../tests/vectors/emodel.json"), 3),
    (Framework::Aim, include_str!("../../tests/vectors/aim.json"), 3),
    (Framework::Rpm, include_str!("../../tests/vectors/rpm.json"), 2),
    (Framework::BnetzaFixed, include_str!("../../tests/vectors/bnetza.json"), 3),
    (Framework::Bead, include_str!("../../tests/vectors/bead.json"), 2),
];

fn vectors(framework: Framework) -> Value {
    let file = VECTORS.iter().find(|(f, ..)| *f == framework).unwrap().1;
    serde_json::from_str(file).unwrap()
}

/// The same shape, and every number within the tolerance.
fn assert_close(got: &Value, expect: &Value, tolerance: f64, at: &str) {
    match (got, expect) {
        (Value::Object(got), Value::Object(expect)) => {
            assert!(got.keys().eq(expect.keys()), "{at}: {got:?} against {expect:?}");
            for (key, value) in got {
                assert_close(value, &expect[key], tolerance, &format!("{at}.{key}"));
            }
        }
        (Value::Number(got), Value::Number(expect)) => {
            let (got, expect) = (got.as_f64().unwrap(), expect.as_f64().unwrap());
            assert!((got - expect).abs() <= tolerance, "{at}: {got} against {expect}");
        }
        _ => assert_eq!(got, expect, "{at}"),
    }
}

#[test]
fn every_vector_holds() {
    for (framework, text, count) in VECTORS {
        let file: Value = serde_json::from_str(text).unwrap();
        let tolerance = file["tolerance"].as_f64().unwrap();
        let cases = file["cases"].as_array().unwrap();
        assert_eq!(cases.len(), count, "{framework}");
        let results = run(framework, text).unwrap();
        assert_eq!(results.len(), count, "{framework}");
        for (case, result) in cases.iter().zip(&results) {
            let at = format!("{framework} {}", case["name"]);
            assert_eq!(result["name"], case["name"], "{at}");
            assert_close(&result["result"], &case["expect"], tolerance, &at);

            let alone = run(framework, &case["input"].to_string()).unwrap();
            let expect =
                json!({ "name": null, "result": result["result"], "detail": result["detail"] });
            assert_eq!(alone, [expect], "{at}");
            let named = run(framework, &case.to_string()).unwrap();
            assert_eq!(named, std::slice::from_ref(result), "{at}");
        }
    }
}

#[test]
fn frameworks_are_known_by_name() {
    for framework in Framework::ALL {
        assert_eq!(framework.name().parse(), Ok(framework));
    }
    let error = "mos".parse::<Framework>().unwrap_err().to_string();
    assert_eq!(
        error,
        "\"mos\" is not a framework; accepted: qoo, iqb, emodel, aim, rpm, bnetza-fixed, bead"
    );
}

fn refused(framework: Framework, input: &Value) -> Vec<String> {
    match run(framework, &input.to_string()) {
        Err(ScoreError::Refused(refusals)) => refusals.iter().map(ToString::to_string).collect(),
        other => panic!("{framework} took {input}: {other:?}"),
    }
}

/// Changes one field of a framework's first case's input.
fn changed(framework: Framework, pointer: &str, value: Value) -> Value {
    let mut input = vectors(framework)["cases"][0]["input"].clone();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match input.pointer_mut(parent).unwrap() {
        Value::Object(map) => {
            map.insert(key.into(), value);
        }
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        other => panic!("{other}"),
    }
    input
}

#[test]
fn wrong_values_are_refused_by_path_value_and_what_is_accepted() {
    use Framework::{Aim, Bead, BnetzaFixed, Emodel, Iqb, Qoo, Rpm};
    for (framework, pointer, value, expect) in [
        (
            Qoo,
            "/measured/loss_ratio",
            json!(1.5),
            "measured.loss_ratio: 1.5; accepted: a ratio from 0 to 1",
        ),
        (
            Qoo,
            "/measured/loss_ratio",
            json!("2%"),
            "measured.loss_ratio: \"2%\"; accepted: a ratio",
        ),
        (
            Qoo,
            "/measured/latency_ms/p99",
            json!(-1),
            "measured.latency_ms.p99: -1; accepted: a number of milli",
        ),
        (Qoo, "/measured/latency_ms/p99", json!(376), "measured.latency_ms.p99.9: "),
        (
            Qoo,
            "/measured/latency_ms/median",
            json!(1),
            "measured.latency_ms.median: 1; accepted: as a key, a percentile",
        ),
        (
            Qoo,
            "/measured/latency_ms",
            json!([1]),
            "measured.latency_ms: [1]; accepted: a table of percentiles",
        ),
        (
            Qoo,
            "/measured/jitter_ms",
            json!(1),
            "measured.jitter_ms: 1; accepted: no such key; known are latency_ms",
        ),
        (Qoo, "/requirement", json!(null), "requirement: missing; accepted: a table"),
        (
            Qoo,
            "/requirement/throughput_mbps",
            json!(null),
            "requirement.throughput_mbps: missing; accepted: a number of Mbit/s",
        ),
        (
            Qoo,
            "/requirement/rop_latency_ms",
            json!({}),
            "requirement.rop_latency_ms: {}; accepted: a table of at least one",
        ),
        (
            Qoo,
            "/requirement/rop_latency_ms/p99",
            json!(500),
            "requirement.cpup_latency_ms.p99: 500.0; accepted: milliseconds over the ROP's 500",
        ),
        (Qoo, "/requirement/rop_latency_ms/p50", json!(5), "requirement.cpup_latency_ms: "),
        (
            Qoo,
            "/requirement/rop_latency_ms/p99.0",
            json!(5),
            "requirement.rop_latency_ms.p99.0: 5; accepted: a percentile named once",
        ),
        (
            Qoo,
            "/requirement/cpup_loss_ratio",
            json!(0.01),
            "requirement.cpup_loss_ratio: 0.01; accepted: a ratio over rop",
        ),
        (
            Iqb,
            "/download_mbps",
            json!(-3),
            "download_mbps: -3; accepted: a number of Mbit/s, 0 or more",
        ),
        (
            Iqb,
            "/loss",
            json!(0),
            "loss: 0; accepted: no such key; known are download_mbps, upload_mbps",
        ),
        (
            Emodel,
            "/loss_percent",
            json!(101),
            "loss_percent: 101; accepted: a percentage from 0 to 100",
        ),
        (Emodel, "/bpl", json!(0), "bpl: 0; accepted: a number above 0"),
        (Emodel, "/ie", json!(null), "ie: missing; accepted: a number from 0 to 95"),
        (Emodel, "/burst_r", json!(0.5), "burst_r: 0.5; accepted: a number from 1 to 1000"),
        (
            Aim,
            "/jitter_ms",
            json!(true),
            "jitter_ms: true; accepted: a number of milliseconds, 0 or more",
        ),
        (Rpm, "/http_loaded_ms", json!(0), "http_loaded_ms: 0; accepted: milliseconds above 0"),
        (
            Rpm,
            "/http_loaded_ms",
            json!([3, 0, "x"]),
            "http_loaded_ms[1]: 0; accepted: a number of milliseconds above 0",
        ),
        (
            Rpm,
            "/tls_round_trips",
            json!(1.5),
            "tls_round_trips: 1.5; accepted: the TLS handshake's round trips",
        ),
        (BnetzaFixed, "/max_mbps", json!(0), "max_mbps: 0; accepted: a number of Mbit/s above 0"),
        (
            BnetzaFixed,
            "/normal_mbps",
            json!(101),
            "normal_mbps: 101; accepted: speeds with minimum",
        ),
        (
            BnetzaFixed,
            "/days_mbps/1/3",
            json!(-1),
            "days_mbps[1][3]: -1; accepted: a number of Mbit/s",
        ),
        (
            BnetzaFixed,
            "/days_mbps/1",
            json!([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
            "days_mbps[1]: [1,2,3,4,5,6,7,8,9,10,11]; accepted: a list of 10 tests",
        ),
        (
            BnetzaFixed,
            "/days_mbps",
            json!([[], [], [], []]),
            "days_mbps: [[],[],[],[]]; accepted: a list of 3 days",
        ),
        (
            BnetzaFixed,
            "/dates",
            json!(["2026-06-01", "2026-06-02", "2026-06-05"]),
            "accepted: 2026-06-01 and 2026-06-02 leave no free day",
        ),
        (
            BnetzaFixed,
            "/dates",
            json!(["2026-06-01"]),
            "dates: [\"2026-06-01\"]; accepted: a list of 3 dates",
        ),
        (
            Bead,
            "/committed_mbps",
            json!("100"),
            "committed_mbps: \"100\"; accepted: a number of Mbit/s above 0",
        ),
        (Bead, "/speed_mbps/2", json!(null), "speed_mbps[2]: null; accepted: a number of Mbit/s"),
        (
            Bead,
            "/latency_ms",
            json!(50),
            "latency_ms: 50; accepted: a list, each a number of milliseconds",
        ),
    ] {
        let refusals = refused(framework, &changed(framework, pointer, value));
        assert!(refusals.iter().any(|r| r.contains(expect)), "{expect} not in {refusals:#?}");
    }
    for input in [json!(3), json!([]), json!("x"), json!(null)] {
        let refusals = refused(Iqb, &input);
        assert_eq!(
            refusals,
            [format!(
                "input: {input}; accepted: a table of download_mbps, upload_mbps, latency_ms, loss_ratio, samples"
            )]
        );
    }
}

#[test]
fn all_errors_of_a_file_come_together_with_full_paths() {
    let mut file = vectors(Framework::Iqb);
    file["cases"][0]["input"]["latency_ms"] = json!(-1);
    file["cases"][2]["input"]["loss_ratio"] = json!(2);
    file["cases"][2]["input"]["speed"] = json!(2);
    file["cases"][1].as_object_mut().unwrap().remove("name");
    file["sauce"] = json!("?");
    file["framework"] = json!("aim");
    assert_eq!(
        refused(Framework::Iqb, &file),
        [
            "sauce: \"?\"; accepted: no such key; known are framework, source, tolerance, cases",
            "framework: \"aim\"; accepted: iqb",
            "cases[0].input.latency_ms: -1; accepted: a number of milliseconds, 0 or more",
            "cases[1].name: missing; accepted: a text that is not empty",
            "cases[2].input.speed: 2; accepted: no such key; known are download_mbps, \
             upload_mbps, latency_ms, loss_ratio, samples",
            "cases[2].input.loss_ratio: 2; accepted: a ratio from 0 to 1",
        ]
    );
    let message = run(Framework::Iqb, &file.to_string()).unwrap_err().to_string();
    assert!(message.starts_with("6 wrong in the input\n  sauce: "), "{message}");

    let none = json!({ "cases": [] });
    assert_eq!(
        refused(Framework::Iqb, &none),
        ["cases: []; accepted: a list of at least one case"]
    );
    assert!(matches!(run(Framework::Iqb, "{"), Err(ScoreError::NotJson(_))));
}

#[test]
fn missing_measurements_give_nulls_and_their_names_never_zeros() {
    let only =
        |framework, input: Value| run(framework, &input.to_string()).unwrap()[0]["result"].clone();
    let lacking = |framework, field: &str| only(framework, changed(framework, field, Value::Null));

    assert_eq!(
        lacking(Framework::Qoo, "/measured/latency_ms/p99"),
        json!({ "qoo": null, "latency": null, "loss": null, "throughput": null,
                "not_enough_data": ["measured.latency_ms.p99"] })
    );
    assert_eq!(
        lacking(Framework::Qoo, "/measured")["not_enough_data"].as_array().unwrap().len(),
        4
    );
    assert_eq!(
        only(Framework::Iqb, json!({})),
        json!({ "iqb": null, "use_cases": null, "not_enough_data":
                ["download_mbps", "upload_mbps", "latency_ms", "loss_ratio"] })
    );
    assert_eq!(
        lacking(Framework::Emodel, "/loss_percent"),
        json!({ "r": null, "mos": null, "not_enough_data": ["loss_percent"] })
    );
    let aim = lacking(Framework::Aim, "/jitter_ms");
    assert_eq!(aim["rtc"], Value::Null);
    assert_eq!(aim["streaming"]["points"], 70);
    assert_eq!(aim["not_enough_data"], json!(["jitter_ms"]));
    let no_loss = lacking(Framework::Aim, "/loss_ratio");
    assert_eq!(no_loss["gaming"], json!({ "points": 30, "grade": "great" }));
    assert_eq!(
        only(
            Framework::Rpm,
            json!({ "tcp_foreign_ms": 5, "http_foreign_ms": [5], "http_loaded_ms": 5 })
        ),
        json!({ "rpm": null, "not_enough_data": ["http_foreign_ms"] })
    );
    let short = changed(Framework::BnetzaFixed, "/days_mbps", json!([[1, 2, 3]]));
    assert_eq!(
        only(Framework::BnetzaFixed, short),
        json!({ "conforms": null, "breaches": null, "not_enough_data":
                ["days_mbps[0][3..10]", "days_mbps[1]", "days_mbps[2]"] })
    );
    assert_eq!(
        lacking(Framework::Bead, "/speed_mbps"),
        json!({ "conforms": null, "not_enough_data": ["speed_mbps"] })
    );
}

#[test]
fn rpm_takes_samples_and_divides_tls_by_its_round_trips() {
    let samples: Vec<_> = (0..19).map(|_| 30).chain([9000]).collect();
    let input = json!({
        "tcp_foreign_ms": samples, "tls_foreign_ms": 60, "tls_round_trips": 2,
        "http_foreign_ms": 30, "http_loaded_ms": 30,
    });
    let result = &run(Framework::Rpm, &input.to_string()).unwrap()[0]["result"];
    assert!((result["rpm"].as_f64().unwrap() - 2000.0).abs() < 1e-9, "{result}");
}

#[test]
fn a_bnetza_campaign_may_carry_its_dates() {
    let dates = json!(["2026-06-01", "2026-06-03", "2026-06-14"]);
    let input = changed(Framework::BnetzaFixed, "/dates", dates);
    let result = &run(Framework::BnetzaFixed, &input.to_string()).unwrap()[0]["result"];
    assert_eq!(*result, json!({ "conforms": true, "breaches": [] }));
}
