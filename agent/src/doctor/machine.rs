//! The machine: permissions, files, the clock.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hearth_proto::Family;
use socket2::Type;
use tokio::net::UnixStream;

use super::state_folder::state_folder;
use super::{Finding, Patient};
use crate::chain::chain;
use crate::clock;
use crate::link::InterfaceName;
use crate::link::bind::{BindError, device_socket};
use crate::link::sock_diag::{SockDiag, Untold};
use crate::probe::icmp;
use crate::probe::outlet::Outlet;

/// Before this, 1 January 2026, the clock was never set.
const NEVER_SET_BEFORE: Duration = Duration::from_secs(1_767_225_600);

/// Whether echoes can be sent: by `ping_group_range` or `CAP_NET_RAW`.
pub fn icmp() -> Vec<Finding> {
    [(Family::V4, "ICMP over IPv4"), (Family::V6, "ICMP over IPv6")]
        .into_iter()
        .map(|(family, check)| match icmp::Echo::open(&Outlet::System, family, 0) {
            Ok(_) => Finding::ok(check, None, "echoes can be sent"),
            Err(error @ icmp::OpenError::Permission) => Finding::warning(
                check,
                None,
                format!("{error}: gateways and plain hosts are not measured"),
                error.remedy(),
            ),
            Err(error @ icmp::OpenError::System(_)) => {
                let why = chain(&error);
                Finding::warning(check, None, why, "is this IP version switched off here?")
            }
        })
        .collect()
}

/// Whether a socket can be bound to an interface.
pub fn binding(patient: &Patient) -> Vec<Finding> {
    const CHECK: &str = "binding";
    let first = patient.links.iter().find(|link| link.index.is_some());
    let name: Option<InterfaceName> =
        first.map(|link| link.interface.clone()).or_else(|| "lo".parse().ok());
    let Some(name) = name else { return Vec::new() };
    vec![match device_socket(&name, [127, 0, 0, 1].into(), Type::DGRAM) {
        Ok(_) => Finding::ok(CHECK, None, format!("sockets can be bound to {name}")),
        Err(error @ BindError::Permission { .. }) => Finding::problem(
            CHECK,
            None,
            error.to_string(),
            "as root, `setcap cap_net_raw+ep PROGRAM`, or a kernel of 5.7 or later",
        ),
        Err(error) => Finding::problem(CHECK, None, chain(&error), "see the system's log"),
    }]
}

/// Whether the kernel counts what the agent's own connections cost.
pub fn own_bytes() -> Vec<Finding> {
    vec![own_bytes_finding(SockDiag::proven().map(drop))]
}

fn own_bytes_finding(told: Result<(), Untold>) -> Finding {
    const CHECK: &str = "own bytes";
    let estimated = "what TCP sends again is not counted into the budget, and tests may give way \
                     without need";
    let why = |error: &Untold| format!("{}: {estimated}", chain(error));
    match told {
        Ok(()) => Finding::ok(CHECK, None, "the kernel tells what connections cost (sock_diag)"),
        Err(error @ Untold::Netlink(_)) => Finding::warning(
            CHECK,
            None,
            why(&error),
            "a kernel with CONFIG_INET_DIAG, and no sandbox that forbids netlink \
             (RestrictAddressFamilies=AF_NETLINK in a systemd unit allows it)",
        ),
        Err(error @ Untold::Tcp) => Finding::warning(
            CHECK,
            None,
            why(&error),
            "as root, `modprobe tcp_diag`, on OpenWrt `kmod-inet-diag`; or a kernel of 4.19 or \
             later with CONFIG_INET_TCP_DIAG",
        ),
        Err(error @ Untold::Untried(_)) => Finding::not_applicable(
            CHECK,
            None,
            format!("not known: {}", chain(&error)),
            "`ip link set lo up`",
        ),
    }
}

/// The state folder, the key's file, and whether the agent runs.
pub async fn files(patient: Arc<Patient>) -> Vec<Finding> {
    let Some(config) = &patient.config else {
        return vec![Finding::not_applicable("state folder", None, "no configuration", "")];
    };
    let mut findings = vec![state_folder(&config.state_dir)];
    if let Some(path) = &config.stamp.key_file {
        findings.push(key_file(path));
    }
    let socket = &config.status_socket;
    findings.push(match UnixStream::connect(socket).await {
        Ok(_) => Finding::ok("agent", None, format!("it runs and answers at {}", socket.display())),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Finding::warning(
            "agent",
            None,
            format!("{} is closed to this user", socket.display()),
            "ask as the user that the agent runs as",
        ),
        Err(_) => Finding::warning(
            "agent",
            None,
            format!("nothing answers at {}: the agent does not run", socket.display()),
            "start it: `systemctl start hearth-agent`, or `hearth-agent run`",
        ),
    });
    findings
}

fn key_file(path: &Path) -> Finding {
    use std::os::unix::fs::PermissionsExt;
    const CHECK: &str = "STAMP key";
    let read = std::fs::metadata(path).and_then(|m| Ok((m, std::fs::read_to_string(path)?)));
    match read {
        Err(error) => Finding::problem(
            CHECK,
            None,
            format!("can't read {}: {error}", path.display()),
            "set `stamp.key_file` to a file that the agent's user can read",
        ),
        Ok((_, text)) if !is_key(text.trim()) => Finding::problem(
            CHECK,
            None,
            format!("{} holds no key", path.display()),
            "32 to 128 hexadecimal digits are accepted, the same as at the reflector",
        ),
        Ok((metadata, _)) if metadata.permissions().mode() & 0o077 != 0 => Finding::warning(
            CHECK,
            None,
            format!("others can read {}", path.display()),
            format!("`chmod 600 {}`", path.display()),
        ),
        Ok(_) => Finding::ok(CHECK, None, format!("{} holds one", path.display())),
    }
}

fn is_key(text: &str) -> bool {
    (32..=128).contains(&text.len())
        && text.len().is_multiple_of(2)
        && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether the clock is set, and who keeps it so.
pub fn clock(patient: &Patient) -> Vec<Finding> {
    let bound = hearth_proto::stamp::clock::bound();
    vec![clock_finding(&patient.root, clock::since_unix(), bound)]
}

/// A clock that may be further off says little of one-way delay.
const WIDE: Duration = Duration::from_millis(500);

/// Time services, and a file that each has while it runs or once it has set the
/// clock.
const KEEPERS: [(&str, &str, bool); 5] = [
    ("systemd-timesyncd", "run/systemd/timesync/synchronized", true),
    ("chrony", "run/chrony/chronyd.pid", false),
    ("ntpd", "run/ntpd.pid", false),
    ("ntpsec", "run/ntpsec/ntpd.pid", false),
    ("OpenWrt's ntpd", "var/state/dnsmasqsec", true),
];

/// `bound` is the kernel's on the clock's error (adjtimex), where it is synchronised.
fn clock_finding(root: &Path, now: Duration, bound: Option<Duration>) -> Finding {
    const CHECK: &str = "clock";
    let remedy = "set up a time service: systemd-timesyncd, chrony or ntpd";
    if now < NEVER_SET_BEFORE {
        let why = "it was never set: slots wait in memory, without a date, until it is";
        return Finding::problem(CHECK, None, why, remedy);
    }
    let keeper = KEEPERS.into_iter().find(|(_, file, _)| root.join(file).exists());
    match (bound, keeper) {
        (Some(bound), keeper) => {
            let by = keeper.map_or(String::new(), |(name, ..)| format!(" by {name}"));
            let most = bound.as_secs_f64() * 1000.0;
            let why = format!("synchronised{by}, says the kernel: off by {most:.1} ms at most");
            if bound > WIDE {
                let remedy = "does the time service reach its servers?";
                return Finding::warning(CHECK, None, why, remedy);
            }
            Finding::ok(CHECK, None, why)
        }
        // It sets the clock without telling the kernel.
        (None, Some((name, _, true))) => {
            let why = format!("synchronised, says {name}; the kernel knows no bound on its error");
            Finding::ok(CHECK, None, why)
        }
        (None, Some((name, ..))) => Finding::warning(
            CHECK,
            None,
            format!("{name} runs, but the kernel says that the clock is not synchronised"),
            "wait a few minutes after a start; then see whether it reaches its servers",
        ),
        (None, None) => Finding::warning(
            CHECK,
            None,
            "it is set, but not synchronised, says the kernel: it will drift",
            remedy,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn a_clock_that_was_never_set_is_a_problem_and_one_that_nobody_keeps_a_warning() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let (before, after) = (Duration::from_secs(86_400), NEVER_SET_BEFORE * 2);
        let of = |now, bound| clock_finding(root, now, bound);
        assert_eq!(of(before, None).level, Level::Problem);
        let drifts = of(after, None);
        assert_eq!(drifts.level, Level::Warning);
        assert!(drifts.why.contains("not synchronised") && drifts.remedy.contains("chrony"));

        let ms = Duration::from_millis;
        assert!(of(after, Some(ms(3))).why.contains("off by 3.0 ms at most"));
        let wide = of(after, Some(ms(4_000)));
        assert!(wide.level == Level::Warning && wide.remedy.contains("servers"), "{wide:?}");

        std::fs::create_dir_all(root.join("run/chrony")).unwrap();
        std::fs::write(root.join("run/chrony/chronyd.pid"), "7").unwrap();
        let waits = of(after, None);
        assert!(waits.level == Level::Warning && waits.why.contains("chrony runs"), "{waits:?}");
        let kept = of(after, Some(ms(3)));
        assert!(kept.level == Level::Ok && kept.why.contains("by chrony"), "{kept:?}");

        std::fs::create_dir_all(root.join("run/systemd/timesync")).unwrap();
        std::fs::write(root.join("run/systemd/timesync/synchronized"), "").unwrap();
        let kept = of(after, None);
        assert!(kept.why.starts_with("synchronised, says systemd-timesyncd"), "{kept:?}");
    }

    #[test]
    fn a_kernel_that_does_not_count_is_told_with_what_would_help() {
        let of = |untold| own_bytes_finding(Err(untold));
        let error = || std::io::Error::from_raw_os_error(93);
        let none = of(Untold::Netlink(error()));
        assert!(none.why.contains("Protocol not supported"), "{none:?}");
        assert!(none.remedy.contains("CONFIG_INET_DIAG"), "{none:?}");
        let not_tcp = of(Untold::Tcp);
        assert!(not_tcp.remedy.contains("modprobe tcp_diag"), "{not_tcp:?}");
        for finding in [none, not_tcp] {
            assert_eq!(finding.level, Level::Warning);
            assert!(finding.why.contains("not counted into the budget"), "{finding:?}");
        }
        assert_eq!(of(Untold::Untried(error())).level, Level::NotApplicable);
        assert_eq!(own_bytes_finding(Ok(())).level, Level::Ok);
    }

    #[test]
    fn a_key_is_hexadecimal_and_nobody_elses() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert!(key_file(&path).why.starts_with("can't read"));
        std::fs::write(&path, "secret").unwrap();
        assert_eq!(key_file(&path).level, Level::Problem);
        std::fs::write(&path, format!("{}\n", "0f".repeat(16))).unwrap();
        let mode = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            key_file(&path)
        };
        assert_eq!(mode(0o644).level, Level::Warning);
        assert_eq!(mode(0o600).level, Level::Ok);
    }
}
