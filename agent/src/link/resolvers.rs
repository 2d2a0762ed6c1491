//! Which DNS servers belong to a link, from where the system notes it: without
//! asking a service and without a program to run.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use serde::Serialize;

use crate::link::InterfaceName;

/// DNS servers, and where they were found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Resolvers {
    /// In the order found, each once. A stub on this machine is left out: it is
    /// not reached by a link.
    pub servers: Vec<IpAddr>,
    /// The file; `None` where nothing was found.
    pub source: Option<String>,
    /// Whether they are this link's own, and not the whole machine's.
    pub of_link: bool,
}

/// The servers that systemd-networkd, systemd-resolved or resolvconf hold for an
/// interface, else the machine's from `resolv.conf`. `root` is `/`.
pub fn of_link(root: &Path, interface: &InterfaceName, index: Option<u32>) -> Resolvers {
    let by_index = index.into_iter().flat_map(|index| {
        [
            (format!("run/systemd/netif/links/{index}"), "DNS="),
            (format!("run/systemd/resolve/netif/{index}"), "SERVERS="),
        ]
    });
    for (path, key) in by_index {
        let text = fs::read_to_string(root.join(&path)).unwrap_or_default();
        let values = text.lines().filter_map(|line| line.strip_prefix(key));
        if let Some(found) = found(values.flat_map(str::split_whitespace), &path, true) {
            return found;
        }
    }
    for path in resolvconf(root, interface) {
        let text = fs::read_to_string(root.join(&path)).unwrap_or_default();
        if let Some(found) = found(nameservers(&text), &path, true) {
            return found;
        }
    }
    of_machine(root)
}

/// The whole machine's servers, from `resolv.conf`. `root` is `/`.
pub fn of_machine(root: &Path) -> Resolvers {
    // resolved's own list first: resolv.conf may name nothing but its stub.
    for path in ["run/systemd/resolve/resolv.conf", "etc/resolv.conf"] {
        let text = fs::read_to_string(root.join(path)).unwrap_or_default();
        if let Some(found) = found(nameservers(&text), path, false) {
            return found;
        }
    }
    Resolvers::default()
}

fn found<'a>(texts: impl Iterator<Item = &'a str>, path: &str, of_link: bool) -> Option<Resolvers> {
    let mut servers = Vec::new();
    for ip in texts.filter_map(server).filter(|ip| !ip.is_loopback()) {
        if !servers.contains(&ip) {
            servers.push(ip);
        }
    }
    let source = Some(format!("/{path}"));
    (!servers.is_empty()).then_some(Resolvers { servers, source, of_link })
}

/// `192.0.2.53`, `[2001:db8::53]:53#name`, `fe80::1%eth0`: the address alone.
fn server(text: &str) -> Option<IpAddr> {
    let text = text.split(['#', '%']).next().unwrap_or_default();
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split(']').next()?.parse().ok();
    }
    text.parse().ok().or_else(|| text.split_once(':')?.0.parse().ok())
}

fn nameservers(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("nameserver")).then(|| words.next()).flatten()
    })
}

/// resolvconf keeps a file per interface and program, such as `eth0.dhclient`.
fn resolvconf(root: &Path, interface: &InterfaceName) -> Vec<String> {
    let directory = "run/resolvconf/interface";
    let Ok(entries) = fs::read_dir(root.join(directory)) else { return Vec::new() };
    let mut paths: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|file| match file.strip_prefix(interface.as_str()) {
            // A VLAN's file begins like its interface's: "eth0.7.dhclient".
            Some("") => true,
            Some(rest) => {
                rest.starts_with('.') && !rest[1..].starts_with(|c: char| c.is_ascii_digit())
            }
            None => false,
        })
        .map(|file| format!("{directory}/{file}"))
        .collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn look(root: &Path) -> Resolvers {
        of_link(root, &"eth0".parse().unwrap(), Some(3))
    }

    #[test]
    fn the_links_own_come_before_the_machines() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        assert_eq!(look(root), Resolvers::default());

        write(root, "etc/resolv.conf", "# x\nnameserver 127.0.0.53\nnameserver 192.0.2.1\n");
        let found = look(root);
        assert_eq!(found.servers, ["192.0.2.1".parse::<IpAddr>().unwrap()]);
        assert!(!found.of_link);

        write(root, "run/systemd/resolve/resolv.conf", "nameserver 192.0.2.2\n");
        assert_eq!(look(root).source.as_deref(), Some("/run/systemd/resolve/resolv.conf"));

        write(root, "run/resolvconf/interface/eth0.7.dhclient", "nameserver 192.0.2.7\n");
        assert!(!look(root).of_link);
        write(root, "run/resolvconf/interface/eth0.dhclient", "nameserver 192.0.2.3\n");
        assert_eq!(look(root).servers, ["192.0.2.3".parse::<IpAddr>().unwrap()]);

        write(
            root,
            "run/systemd/resolve/netif/3",
            "LLMNR=yes\nSERVERS=192.0.2.4 [2001:db8::4]:53#a\n",
        );
        assert_eq!(look(root).servers.len(), 2);
        write(root, "run/systemd/netif/links/3", "DNS=fe80::1%eth0 192.0.2.5 192.0.2.5\n");
        let found = look(root);
        assert_eq!(found.servers[0], "fe80::1".parse::<IpAddr>().unwrap());
        assert_eq!(found.servers.len(), 2);
        assert!(found.of_link);
    }

    #[test]
    fn a_server_is_read_in_each_of_its_forms() {
        for (text, ip) in [
            ("192.0.2.53", Some("192.0.2.53")),
            ("192.0.2.53:5353", Some("192.0.2.53")),
            ("192.0.2.53:853#dns.example", Some("192.0.2.53")),
            ("2001:db8::53", Some("2001:db8::53")),
            ("[2001:db8::53]:53", Some("2001:db8::53")),
            ("fe80::1%7", Some("fe80::1")),
            ("dns.example", None),
        ] {
            assert_eq!(server(text), ip.map(|ip| ip.parse().unwrap()), "{text}");
        }
    }
}
