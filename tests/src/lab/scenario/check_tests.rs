//! What the door of a scenario lets through and what it says of the rest.

use std::path::Path;

use super::super::ScenarioError;
use super::super::file::parse;

const GOOD: &str = r#"
    about = "one link"
    seed = 1
    slot_ms = 1000
    interval_ms = 200
    duration_s = 30
    [[links]]
    name = "fttp"
    technology = "fttp"
    up = { rate_mbps = 50, delay_ms = 10 }
    down = { rate_mbps = 300, delay_ms = 10, queue_ms = 20 }
    [[script]]
    at_s = 10
    until_s = 20
    action = "outage"
    links = ["fttp"]
"#;

fn problems(text: &str) -> Vec<String> {
    match parse(text, Path::new("x.toml"), &[]) {
        Err(ScenarioError::Values { problems, .. }) => problems,
        Err(error) => vec![error.to_string()],
        Ok(_) => Vec::new(),
    }
}

#[test]
fn a_good_file_passes() {
    let scenario = parse(GOOD, Path::new("x.toml"), &[]).unwrap();
    assert_eq!(scenario.name, "x");
    assert_eq!(scenario.links[0].down.queue_bytes, 750_000);
    assert_eq!(scenario.script.len(), 1);
}

#[test]
fn every_problem_is_named_with_field_value_and_what_is_accepted() {
    let text = GOOD
        .replace("\"fttp\"\n    up", "\"fibre\"\n    up")
        .replace("rate_mbps = 50", "rate_mbps = 5000")
        .replace("until_s = 20", "until_s = 5")
        .replace("[\"fttp\"]", "[\"ftp\"]");
    let problems = problems(&text);
    let starts = [
        "links[0].technology = \"fibre\": accepted is one of fttp, ",
        "links[0].up.rate_mbps = 5000.0: accepted is 0 to 300",
        "script[0].until_s = 5.0: accepted is 10 to 30",
    ];
    assert_eq!(problems.len(), starts.len(), "{problems:?}");
    for (problem, start) in problems.iter().zip(starts) {
        assert!(problem.starts_with(start), "{problem}");
    }
}

#[test]
fn unknown_keys_are_refused() {
    let text = GOOD.replace("seed = 1", "seed = 1\n    sead = 2");
    assert!(problems(&text)[0].starts_with("scenario x.toml"));
    assert!(matches!(
        parse(&text, Path::new("x.toml"), &[]),
        Err(ScenarioError::Toml { source, .. }) if source.message().contains("unknown field `sead`")
    ));
}

#[test]
fn a_trace_can_be_given_from_outside() {
    let given = "fttp.down=model:lte-static".parse().unwrap();
    let scenario = parse(GOOD, Path::new("x.toml"), &[given]).unwrap();
    let mean = scenario.links[0].down.capacity.mean_bps().unwrap();
    assert!((3e6..48e6).contains(&mean), "{mean}");
    let given = ["fttp.down=/nonexistent".parse().unwrap()];
    let error = parse(GOOD, Path::new("x.toml"), &given).unwrap_err().to_string();
    assert!(error.contains("links[0].down.trace = \"/nonexistent\""), "{error}");
}

#[test]
fn every_shipped_scenario_is_good() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut read = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        super::super::file::load(&path, &[]).unwrap();
        read += 1;
    }
    assert!(read >= 7, "{read} scenarios");
}
