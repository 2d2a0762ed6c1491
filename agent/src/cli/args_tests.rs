use super::*;
use clap::CommandFactory;

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn the_port_is_stamps_unless_given() {
    let parse = |target: &str| {
        let cli = ["hearth-agent", "measure", "latency", "--target", target];
        let Command::Measure(Measure::Latency(args)) = Cli::parse_from(cli).command else {
            panic!("not measure latency");
        };
        args.host_port()
    };
    assert_eq!(parse("192.0.2.1").unwrap().port, 862);
    assert_eq!(parse("[2001:db8::1]:9000").unwrap().port, 9000);
    assert!(parse("a:b:c").unwrap_err().contains("is not accepted"));
}

#[test]
fn counts_out_of_range_are_refused() {
    let dns = ["hearth-agent", "measure", "dns", "a..b"];
    let error = Cli::try_parse_from(dns).unwrap_err().to_string();
    assert!(error.contains("a..b"), "{error}");
    for (flag, value, accepted) in [
        ("--count", "0", "a whole number from 1 to 1000000"),
        ("--interval", "0", "from 1 to 3600000"),
        ("--interval", "20ms", "a whole number from 1 to 3600000"),
        ("--interface", "a/b", "1 to 15 bytes"),
    ] {
        let cli = ["hearth-agent", "measure", "latency", "--target", "a", flag, value];
        let error = Cli::try_parse_from(cli).unwrap_err().to_string();
        assert!(error.contains(flag) && error.contains(value), "{error}");
        assert!(error.contains(accepted), "{error}");
    }
}
