use std::path::Path;

use proptest::prelude::*;

use super::*;

const FILE: &str = "agent.toml";

/// Every key there is.
const WHOLE: &str = include_str!("example.toml");

fn read(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    parse(text, Path::new(FILE), environment)
}

fn told(text: &str, environment: &[(&str, &str)]) -> Vec<String> {
    read(text, environment).unwrap_err().0.iter().map(ToString::to_string).collect()
}

#[test]
fn every_key_is_read() {
    let config = read(WHOLE, &[]).unwrap();
    assert_eq!(config.household.as_str(), "home-7");
    assert_eq!(config.agent.as_ref().unwrap().as_str(), "router-1");
    assert_eq!(config.vantage, Vantage::Router);
    assert!(matches!(&config.collector, Collector::MutualTls(url, tls)
        if url.port() == Some(4319) && tls.key == Path::new("/etc/hearth/agent.key")));
    assert_eq!(config.reflector.unwrap().to_string(), "reflector.example:862");
    assert_eq!(config.targets.len(), 3);
    assert_eq!(config.spool_path, Path::new("/data/spool.sqlite"));
    assert_eq!(config.spool_max_bytes, 32 << 20);
    assert_eq!(config.slot, SlotLength::MINUTE);
    let pace = [config.pace.stamp, config.pace.gateway, config.pace.slow];
    assert_eq!(pace.map(|p| p.as_secs()), [1, 2, 30]);
    assert_eq!(config.links.resolvers[1].port(), 5353);
    let fibre = config.links.of(&"eth1".parse().unwrap()).unwrap();
    assert_eq!(fibre.technology, Some(Technology::Fttp));
    assert_eq!(fibre.plan.as_deref(), Some("300 Mbit/s"));
    assert_eq!(config.tests.server.as_ref().unwrap().port(), Some(8621));
    assert_eq!(config.tests.capacity_every.unwrap().as_secs(), 43_200);
    assert_eq!(config.tests.budget.metered, Some(300_000_000));
    assert_eq!(config.stamp.key_file.as_deref(), Some(Path::new("/etc/hearth/stamp.key")));
    assert_eq!(config.stamp.timestamps, TimestampFormat::Ntp);
    assert_eq!(config.links.radio, RadioSource::Auto);
    assert_eq!(config.metrics.unwrap().port(), 9620);
    assert_eq!(config.status_socket, Path::new("/run/hearth/agent.sock"));
    assert_eq!(config.links.links[1].budget_bytes_per_month, Some(200_000_000));
    assert!(config.links.links[1].metered == Some(true) && config.links.links[1].enabled);
    let selection = config.links.selection();
    assert_eq!(
        selection.named.values().map(LinkName::as_str).collect::<Vec<_>>(),
        ["fibre", "wwan0"]
    );
}

#[test]
fn little_is_needed() {
    let config = read("household = \"h\"\ncollector = \"http://127.0.0.1:4318\"", &[]).unwrap();
    assert!(matches!(config.collector, Collector::Plain(_)));
    assert_eq!(config.pace, Pace::default());
    assert_eq!(config.vantage, Vantage::Device);
    assert_eq!(config.spool_path, Path::new("/var/lib/hearth/spool.sqlite"));
}

#[test]
fn the_environment_has_the_last_word() {
    let config = read(
        WHOLE,
        &[
            ("HEARTH_SLOT_MS", "1000"),
            ("HEARTH_TLS__CA", "/elsewhere/ca.pem"),
            ("HEARTH_TARGETS", "192.0.2.7, 192.0.2.8:80"),
            ("HEARTH_LOG", "debug"),
            ("HEARTH_CONFIG", "/x"),
            ("PATH", "/bin"),
        ],
    )
    .unwrap();
    assert_eq!(config.slot.ms(), 1_000);
    assert_eq!(config.targets[1].to_string(), "192.0.2.8:80");
    assert!(matches!(config.collector, Collector::MutualTls(_, tls)
        if tls.ca == Path::new("/elsewhere/ca.pem") && tls.cert == Path::new("/etc/hearth/agent.pem")));
    // All of it may come from there.
    let config = read(
        "",
        &[
            ("HEARTH_HOUSEHOLD", "h"),
            ("HEARTH_COLLECTOR", "http://192.0.2.1"),
            ("HEARTH_INSECURE", "true"),
        ],
    );
    assert!(matches!(config.unwrap().collector, Collector::Plain(_)));
}

#[test]
fn everything_wrong_is_told_at_once_with_its_place() {
    let text = "household = \"Home 7\"\n\
                slot_msec = 1000\n\
                slot_ms = 5\n\
                vantage = \"cellar\"\n\
                targets = [\"ok.example\", \"1.2.3\", 7]\n\
                [tls]\n\
                ca = \"ca.pem\"\n\
                colour = 1\n\
                [[link]]\n\
                technology = \"5g\"\n";
    let told = told(text, &[("HEARTH_INTERVAL_MS", "fast"), ("HEARTH_NONSENSE", "1")]);
    let expected = [
        "agent.toml: collector: missing; accepted: a URL: https://HOST[:PORT] with",
        "agent.toml:1: household = \"Home 7\": not accepted; accepted: 1 to 63 characters",
        "agent.toml:2: slot_msec: unknown key; did you mean slot_ms?",
        "agent.toml:3: slot_ms = 5: not accepted; accepted: 1000 to 900000, in milliseconds",
        "agent.toml:4: vantage = \"cellar\": not accepted; accepted: \"router\" or \"device\"",
        "agent.toml:5: targets[1] = \"1.2.3\": not accepted; accepted: HOST, HOST:PORT",
        "agent.toml:5: targets[2] = 7: not accepted; accepted: HOST, HOST:PORT",
        "agent.toml:6: tls.cert: missing; accepted: an absolute path",
        "agent.toml:6: tls.key: missing; accepted: an absolute path",
        "agent.toml:7: tls.ca = \"ca.pem\": not accepted; accepted: an absolute path",
        "agent.toml:8: tls.colour: unknown key; accepted here: ca, cert, key",
        "agent.toml:9: link[0].interface: missing; accepted: an interface's name",
        "agent.toml:10: link[0].technology = \"5g\": not accepted; accepted: fttp, cable",
        "environment variable HEARTH_INTERVAL_MS: interval_ms = \"fast\": not accepted; accepted: 100",
        "environment variable HEARTH_NONSENSE: nonsense: unknown key; accepted here: household",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}\n  should begin with\n{expected}");
    }
}

#[test]
fn what_is_not_toml_is_told_with_its_line() {
    let told = told("household = \"h\"\nslot_ms = = 5\nslot_ms = 7\n", &[]);
    assert!(told[0].starts_with("agent.toml:2: not TOML: "), "{told:?}");
    let told = super::tests::told("household = \"h\"\nhousehold = \"h\"\n", &[]);
    assert!(told[0].starts_with("agent.toml:2: not TOML: "), "{told:?}");
}

#[test]
fn a_collector_elsewhere_needs_certificates_or_insistence() {
    let household = "household = \"h\"\n";
    for (lines, accepted) in [
        ("collector = \"http://127.0.0.1:1\"", true),
        ("collector = \"http://[::1]:1\"", true),
        ("collector = \"http://192.0.2.1:1\"", false),
        ("collector = \"http://192.0.2.1:1\"\ninsecure = true", true),
        ("collector = \"https://192.0.2.1:1\"", false),
        ("collector = \"https://192.0.2.1:1\"\ninsecure = true", false),
        ("collector = \"https://127.0.0.1:1\"", false),
        ("collector = \"ftp://127.0.0.1\"", false),
        ("collector = \"https://h:1\"\n[tls]\nca=\"/a\"\ncert=\"/b\"\nkey=\"/c\"", true),
        ("collector = \"https://h:1\"\n[tls]\nca=\"/a\"\ncert=\"/b\"", false),
    ] {
        assert_eq!(read(&format!("{household}{lines}"), &[]).is_ok(), accepted, "{lines}");
    }
}

#[test]
fn a_link_is_named_once() {
    let head = "household = \"h\"\ncollector = \"http://127.0.0.1\"\n";
    let doubled = format!("{head}[[link]]\ninterface = \"a\"\n[[link]]\ninterface = \"a\"\n");
    assert_eq!(
        told(&doubled, &[]),
        ["agent.toml:6: link[1].interface = \"a\": not accepted; accepted: each interface once; \
          link[0] has it already"]
    );
    let named =
        format!("{head}[[link]]\ninterface = \"a\"\n[[link]]\ninterface = \"b\"\nname = \"a\"\n");
    assert!(told(&named, &[])[0].starts_with("agent.toml:7: link[1].name"));
}

#[test]
fn what_is_said_of_links_needs_nothing_else() {
    let read = |text| parse_links(text, Path::new(FILE), []);
    assert_eq!(read("").unwrap(), LinkSettings::default());
    assert_eq!(read("[[link]]\ninterface = \"a\"\nenabled = false").unwrap().links.len(), 1);
    assert!(read("slot_ms = 1").is_err());
    // What a table needs is missing even so.
    assert!(read("[[link]]\nname = \"a\"").is_err());
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let path = Path::new("/nonexistent/agent.toml");
    let told = Config::load(path, []).unwrap_err().to_string();
    assert!(told.starts_with("/nonexistent/agent.toml: there is no such file\n"), "{told}");
    assert!(told.contains("household: missing"), "{told}");
    assert_eq!(LinkSettings::load(path, []).unwrap(), LinkSettings::default());
    let folder = tempfile::tempdir().unwrap();
    let told = Config::load(folder.path(), []).unwrap_err().to_string();
    assert!(told.contains("can't be read"), "{told}");
}

/// The lines of `WHOLE` that set a key.
fn settings() -> Vec<usize> {
    let sets =
        |(i, line): (usize, &str)| (!line.starts_with('#') && line.contains(" = ")).then_some(i);
    WHOLE.lines().enumerate().filter_map(sets).collect()
}

fn with_line(index: usize, change: impl Fn(&str) -> String) -> String {
    let change = |(i, line): (usize, &str)| if i == index { change(line) } else { line.to_owned() };
    WHOLE.lines().enumerate().map(change).collect::<Vec<_>>().join("\n")
}

proptest! {
    /// Any slip of the pen in any key is told, on its line.
    #[test]
    fn a_mutated_key_is_reported(
        index in prop::sample::select(settings()),
        at in any::<prop::sample::Index>(),
        letter in "[a-z_0-9]",
        kind in 0..3_u8,
    ) {
        let line = WHOLE.lines().nth(index).unwrap();
        let key = line.split(" = ").next().unwrap();
        let at = at.index(key.len());
        let mut mutated = key.to_owned();
        match kind {
            0 => mutated.insert_str(at, &letter),
            1 => { mutated.remove(at); }
            _ => mutated.replace_range(at..=at, &letter),
        }
        prop_assume!(!mutated.is_empty() && mutated != key);
        let text = with_line(index, |line| line.replacen(key, &mutated, 1));
        let told = told(&text, &[]);
        let place = format!("agent.toml:{}: ", index + 1);
        prop_assert!(told.iter().any(|t| t.starts_with(&place)), "{mutated}: {told:?}");
        if !WHOLE.contains(&format!("{mutated} = ")) {
            prop_assert!(
                told.iter().any(|t| t.contains(&format!("{mutated}: unknown key"))), "{told:?}"
            );
        }
    }

    /// A value of a kind that no key takes is told, on its line, with the value.
    #[test]
    fn a_mutated_value_is_reported(
        index in prop::sample::select(settings()),
        value in prop::sample::select(vec!["2020-01-01", "1.5", "\"\"", "-1", "{}", "[[]]"]),
    ) {
        let line = WHOLE.lines().nth(index).unwrap();
        let key = line.split(" = ").next().unwrap();
        let told = told(&with_line(index, |_| format!("{key} = {value}")), &[]);
        let place = format!("agent.toml:{}: ", index + 1);
        prop_assert!(
            told.iter().any(|t| t.starts_with(&place) && t.contains("not accepted")), "{told:?}"
        );
    }

    /// Whatever the text, reading ends with a configuration or with problems.
    #[test]
    fn any_text_is_read(text in "[ -~\n]{0,200}", value in "[ -~]{0,20}") {
        if let Err(errors) = read(&text, &[("HEARTH_TLS__CA", &value), ("HEARTH_", &value)]) {
            prop_assert!(!errors.0.is_empty());
        }
    }
}
