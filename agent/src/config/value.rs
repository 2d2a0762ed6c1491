//! Values that can't be wrong.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use reqwest::Url;

/// The UDP port of STAMP (RFC 8762).
pub const STAMP_PORT: u16 = 862;

/// A host, by address or by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// An address.
    Ip(IpAddr),
    /// A DNS name.
    Name(String),
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// The host.
    pub host: Host,
    /// The port, not 0.
    pub port: u16,
}

/// Something to measure against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// ICMP echo.
    Host(Host),
    /// TCP connect.
    Tcp(HostPort),
    /// HTTP time to first byte.
    Http(Url),
}

/// Whom the agent reports to, and how it is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Collector {
    /// In the clear: to this machine, or where the user insists.
    Plain(Url),
    /// Over mutual TLS.
    MutualTls(Url, TlsFiles),
}

impl Collector {
    /// Its address.
    pub fn url(&self) -> &Url {
        match self {
            Self::Plain(url) | Self::MutualTls(url, _) => url,
        }
    }
}

/// Files in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authority that the collector's certificate must come from.
    pub ca: PathBuf,
    /// The agent's certificate.
    pub cert: PathBuf,
    /// The key to it.
    pub key: PathBuf,
}

/// Text that is no host, port or target. What is accepted is said by whoever
/// knows the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a host name or an address, with a port where one belongs")]
pub struct NotAHost;

impl FromStr for Host {
    type Err = NotAHost;
    fn from_str(text: &str) -> Result<Self, NotAHost> {
        if let Ok(ip) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            let brackets = (text.starts_with('['), text.ends_with(']'));
            return match brackets {
                (false, false) => Ok(Self::Ip(ip)),
                (true, true) if ip.is_ipv6() => Ok(Self::Ip(ip)),
                _ => Err(NotAHost),
            };
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // A name whose last label is a number is an address gone wrong.
        let last = name.rsplit('.').next().unwrap_or_default();
        if name.len() <= 253
            && name.split('.').all(is_label)
            && !last.bytes().all(|b| b.is_ascii_digit())
        {
            Ok(Self::Name(name.to_ascii_lowercase()))
        } else {
            Err(NotAHost)
        }
    }
}

impl HostPort {
    /// `HOST:PORT`, or `HOST` where a port is usual.
    ///
    /// # Errors
    /// [`NotAHost`].
    pub fn parse(text: &str, usual: Option<u16>) -> Result<Self, NotAHost> {
        if let (Some(port), Ok(host)) = (usual, text.parse()) {
            return Ok(Self { host, port });
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            let port = address.port();
            return if port == 0 {
                Err(NotAHost)
            } else {
                Ok(Self { host: Host::Ip(address.ip()), port })
            };
        }
        let (host, port) = text.rsplit_once(':').ok_or(NotAHost)?;
        match (host.parse(), port.parse()) {
            // An IPv6 address with a port stands in brackets.
            (Ok(host @ Host::Name(_)), Ok(port)) if port != 0 => Ok(Self { host, port }),
            _ => Err(NotAHost),
        }
    }
}

impl FromStr for HostPort {
    type Err = NotAHost;
    fn from_str(text: &str) -> Result<Self, NotAHost> {
        Self::parse(text, None)
    }
}

impl FromStr for Target {
    type Err = NotAHost;
    fn from_str(text: &str) -> Result<Self, NotAHost> {
        if text.contains("://") {
            return http_url(text).map(Self::Http).ok_or(NotAHost);
        }
        match text.parse() {
            Ok(host) => Ok(Self::Host(host)),
            Err(_) => text.parse().map(Self::Tcp),
        }
    }
}

/// An `http` or `https` URL with a host and without a password in it.
pub(super) fn http_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let accepted = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.port() != Some(0);
    accepted.then_some(url)
}

/// Whether a URL names this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host_str().unwrap_or_default().parse() {
        Ok(Host::Ip(ip)) => ip.is_loopback(),
        Ok(Host::Name(name)) => name == "localhost",
        Err(_) => false,
    }
}

/// A DNS server: an address, port 53 unless given.
pub(super) fn resolver(text: &str) -> Option<SocketAddr> {
    match HostPort::parse(text, Some(53)) {
        Ok(HostPort { host: Host::Ip(ip), port }) => Some(SocketAddr::new(ip, port)),
        _ => None,
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            Host::Ip(ip) => SocketAddr::new(ip, self.port).fmt(f),
            Host::Name(ref name) => write!(f, "{name}:{}", self.port),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => host.fmt(f),
            Self::Tcp(there) => there.fmt(f),
            Self::Http(url) => url.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_told_apart() {
        for (text, shown) in [
            ("192.0.2.1", "host 192.0.2.1"),
            ("2001:db8::1", "host 2001:db8::1"),
            ("[2001:db8::1]", "host 2001:db8::1"),
            ("Example.org.", "host example.org"),
            ("example.org:443", "tcp example.org:443"),
            ("[2001:db8::1]:443", "tcp [2001:db8::1]:443"),
            ("192.0.2.1:80", "tcp 192.0.2.1:80"),
            ("https://example.org/a", "http https://example.org/a"),
        ] {
            let target: Target = text.parse().unwrap();
            let kind = match target {
                Target::Host(_) => "host",
                Target::Tcp(_) => "tcp",
                Target::Http(_) => "http",
            };
            assert_eq!(format!("{kind} {target}"), shown);
        }
        for bad in [
            "",
            " ",
            "a b",
            "example.org:0",
            "example.org:99999",
            "1.2.3",
            "300.1.1.1",
            "-a.org",
            "ftp://example.org",
            "http://",
            "https://user:secret@example.org",
            "[192.0.2.1]",
            "[2001:db8::1",
            "a..b",
            ":80",
        ] {
            assert!(bad.parse::<Target>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_usual_port_may_be_left_out() {
        assert_eq!(HostPort::parse("a.example", Some(STAMP_PORT)).unwrap().port, 862);
        assert_eq!(HostPort::parse("a.example:7", Some(STAMP_PORT)).unwrap().port, 7);
        assert!(HostPort::parse("a.example", None).is_err());
        assert_eq!(resolver("2001:db8::53"), Some("[2001:db8::53]:53".parse().unwrap()));
        assert_eq!(resolver("192.0.2.53:5353"), Some("192.0.2.53:5353".parse().unwrap()));
        assert_eq!(resolver("dns.example"), None);
    }

    #[test]
    fn this_machine_is_known_in_each_of_its_names() {
        for (url, expected) in [
            ("http://127.0.0.1:4", true),
            ("http://127.9.9.9", true),
            ("http://[::1]:4", true),
            ("http://localhost:4", true),
            ("http://192.0.2.1", false),
            ("http://localhost.example", false),
        ] {
            assert_eq!(is_loopback(&http_url(url).unwrap()), expected, "{url}");
        }
    }
}
