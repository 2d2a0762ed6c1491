//! What stands beside a result: components, what decided, counts and confidence.

use serde_json::{Value, json};

use super::{Framework, ScoreError, run};

fn detail(framework: Framework, input: &Value) -> Value {
    run(framework, &input.to_string()).unwrap().swap_remove(0)["detail"].take()
}

fn refused(framework: Framework, input: &Value) -> String {
    match run(framework, &input.to_string()) {
        Err(e @ ScoreError::Refused(_)) => e.to_string(),
        other => panic!("{other:?}"),
    }
}

fn qoo() -> Value {
    json!({
        "requirement": {
            "rop_latency_ms": { "p99": 200, "p99.9": 300 },
            "cpup_latency_ms": { "p99": 500, "p99.9": 600 },
            "rop_loss_ratio": 0.01, "cpup_loss_ratio": 0.05, "throughput_mbps": 4,
        },
        "measured": {
            "latency_ms": { "p99": 350, "p99.9": 375 }, "loss_ratio": 0.02, "throughput_mbps": 28,
        },
    })
}

#[test]
fn the_percentile_that_decided_is_named_with_every_component() {
    let told = &detail(Framework::Qoo, &qoo())["scores"][0];
    assert_eq!(told["binding"], "latency_ms.p99");
    assert_eq!(told["confidence"], "not given");
    let parts = told["parts"].as_array().unwrap();
    let parts: Vec<_> =
        parts.iter().map(|p| (p["name"].as_str().unwrap(), p["value"].as_f64().unwrap())).collect();
    assert_eq!(parts.len(), 4);
    let expect = [
        ("latency_ms.p99", 50.0),
        ("latency_ms.p99.9", 75.0),
        ("loss_ratio", 75.0),
        ("throughput_mbps", 100.0),
    ];
    for ((name, value), (named, expected)) in parts.into_iter().zip(expect) {
        assert_eq!(name, named);
        assert!((value - expected).abs() < 1e-9, "{name}: {value}");
    }
    let mut input = qoo();
    input["measured"]["throughput_mbps"] = json!(3.9);
    assert_eq!(detail(Framework::Qoo, &input)["scores"][0]["binding"], "throughput_mbps");
    input["measured"]["throughput_mbps"] = json!(4);
    input["measured"]["loss_ratio"] = json!(0.04);
    assert_eq!(detail(Framework::Qoo, &input)["scores"][0]["binding"], "loss_ratio");
}

#[test]
fn the_fewest_samples_say_how_far_to_trust_a_score() {
    let mut input = qoo();
    let with = |input: &mut Value, samples: Value| {
        input["measured"]["samples"] = samples;
        detail(Framework::Qoo, input)
    };
    let full = json!({ "latency_ms": 20_000, "loss_ratio": 20_000, "throughput_mbps": 12 });
    let told = with(&mut input, full);
    assert_eq!(told["scores"][0]["confidence"], "high");
    assert_eq!(told["samples"]["latency_ms.p99.9"], 20_000);
    // Five of 5000 lie beyond p99.9, fifty beyond p99.
    let fewer = json!({ "latency_ms": 5000, "loss_ratio": 20_000, "throughput_mbps": 12 });
    let told = with(&mut input, fewer);
    assert_eq!(told["confidence_of"]["latency_ms.p99"], "high");
    assert_eq!(told["confidence_of"]["latency_ms.p99.9"], "medium");
    assert_eq!(told["scores"][0]["confidence"], "medium");
    let once = json!({ "latency_ms": 20_000, "loss_ratio": 20_000, "throughput_mbps": 1 });
    assert_eq!(with(&mut input, once)["scores"][0]["confidence"], "low");
    let some = json!({ "latency_ms": 20_000 });
    assert_eq!(with(&mut input, some)["scores"][0]["confidence"], "not given");

    input["measured"]["samples"] = json!({ "latency_ms": 0, "loss": 4 });
    let message = refused(Framework::Qoo, &input);
    let zero = "measured.samples.latency_ms: 0; accepted: a whole number of samples, 1 or more";
    assert!(message.contains(zero), "{message}");
    let known = "measured.samples.loss: 4; accepted: no such key; known are latency_ms";
    assert!(message.contains(known), "{message}");
}

#[test]
fn each_framework_tells_what_decided() {
    let iqb = detail(
        Framework::Iqb,
        &json!({ "download_mbps": 15, "upload_mbps": 20, "latency_ms": 75, "loss_ratio": 0.007,
                 "samples": { "download_mbps": 5, "upload_mbps": 5, "latency_ms": 500, "loss_ratio": 500 } }),
    );
    let scores = iqb["scores"].as_array().unwrap();
    assert_eq!(
        (scores.len(), &scores[0]["of"], &scores[6]["of"]),
        (7, &json!("iqb"), &json!("gaming"))
    );
    assert_eq!(scores[0]["confidence"], "medium");
    // Gaming weighs latency most, and video streaming only lacks the download.
    assert_eq!(
        (&scores[6]["binding"], &scores[2]["binding"]),
        (&json!("latency_ms"), &json!("download_mbps"))
    );
    assert_eq!(scores[1]["binding"], Value::Null);

    let call = |delay, loss, ie| {
        let input = json!({ "one_way_delay_ms": delay, "loss_percent": loss, "ie": ie, "bpl": 20 });
        detail(Framework::Emodel, &input)["scores"][0]["binding"].clone()
    };
    assert_eq!(call(20, 0, 0), Value::Null);
    assert_eq!(call(400, 0, 0), "one_way_delay_ms");
    assert_eq!(call(20, 3, 0), "loss_percent");
    assert_eq!(call(20, 0, 11), "codec");

    let aim = json!({ "latency_ms": 5, "jitter_ms": 1, "download_mbps": 100, "loss_ratio": 0,
                      "loaded_latency_down_ms": 400, "loaded_latency_up_ms": 10,
                      "samples": { "latency_ms": 20, "loaded_latency_down_ms": 9,
                                   "loaded_latency_up_ms": 30, "loss_ratio": 1000 } });
    let told = detail(Framework::Aim, &aim);
    assert_eq!(told["scores"][1]["binding"], "loaded_latency_increase_ms");
    // Gaming needs neither jitter nor download, whose counts are not given.
    let confidences = [0, 1, 2].map(|i| told["scores"][i]["confidence"].as_str().unwrap());
    assert_eq!(confidences, ["not given", "medium", "not given"]);

    let samples: Vec<u32> = vec![30; 40];
    let rpm = json!({ "tcp_foreign_ms": samples, "http_foreign_ms": samples, "http_loaded_ms": [300, 300, 300, 300, 300, 300] });
    let told = detail(Framework::Rpm, &rpm);
    assert_eq!(
        (&told["scores"][0]["binding"], &told["scores"][0]["confidence"]),
        (&json!("loaded"), &json!("medium"))
    );
    assert_eq!(
        told["samples"],
        json!({ "tcp_foreign_ms": 40, "http_foreign_ms": 40, "http_loaded_ms": 6 })
    );

    let day = [100.0, 85.0, 85.0, 85.0, 85.0, 85.0, 85.0, 85.0, 79.0, 79.0];
    let bnetza =
        json!({ "max_mbps": 100, "normal_mbps": 80, "min_mbps": 50, "days_mbps": [day, day, day] });
    let told = detail(Framework::BnetzaFixed, &bnetza);
    assert_eq!((&told["binding"], &told["parts"][1]["value"]), (&json!(["b"]), &json!(6)));
    assert_eq!(told["samples"]["days_mbps"], 30);

    let bead = json!({ "committed_mbps": 100, "speed_mbps": [80, 60], "latency_ms": [50] });
    let told = detail(Framework::Bead, &bead);
    assert_eq!((&told["binding"], &told["confidence"]), (&json!(["speed_mbps"]), &json!("low")));
}

#[test]
fn what_was_not_measured_has_no_parts_and_says_so() {
    let iqb = detail(Framework::Iqb, &json!({ "download_mbps": 15 }));
    let told = &iqb["scores"][0];
    assert_eq!((&told["score"], &told["confidence"]), (&Value::Null, &json!("not enough data")));
    assert_eq!(told["not_enough_data"], json!(["upload_mbps", "latency_ms", "loss_ratio"]));
    let bead = detail(Framework::Bead, &json!({ "committed_mbps": 100, "speed_mbps": [80] }));
    assert_eq!(bead["not_enough_data"], json!(["latency_ms"]));
}
