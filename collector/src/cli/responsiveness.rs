//! `responsiveness`: the far end of the agents' responsiveness and throughput tests,
//! beside the collector or near the edge.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tracing::{info, warn};

use super::{CliError, Interrupt, run_async};
use crate::responsiveness::document::Place;
use crate::responsiveness::tls::{self, Identity, ServerTls, TlsError};
use crate::responsiveness::{self, Config, Counters, Limits};
use crate::serve::Companion;

#[derive(Debug, Args)]
pub(super) struct ResponsivenessArgs {
    /// TCP address to serve tests at; may be given again, as for IPv6
    #[arg(
        long,
        env = "HEARTH_RESPONSIVENESS_LISTEN",
        value_name = "ADDR:PORT",
        value_delimiter = ',',
        default_value = "127.0.0.1:8621"
    )]
    listen: Vec<SocketAddr>,
    /// The server's certificate (PEM); without one, one is made at each start
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Where to write what clients must trust when a certificate is made here; needed
    /// then on any address but loopback
    #[arg(long, value_name = "FILE", conflicts_with = "tls_cert")]
    self_signed_cert_out: Option<PathBuf>,
    /// Host for the URLs, with a port where it is not 443 [default: as asked by the client]
    #[arg(long, value_name = "HOST[:PORT]", value_parser = authority)]
    name: Option<String>,
    /// This machine's own name, where many share the one in the URLs
    #[arg(long, value_name = "HOST", value_parser = authority)]
    test_endpoint: Option<String>,
    /// Connections at once, of all clients
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections,
        value_parser = clap::value_parser!(u32).range(1..))]
    max_connections: u32,
    /// Connections at once from one address
    #[arg(long, value_name = "N", default_value_t = Limits::default().per_address,
        value_parser = clap::value_parser!(u32).range(1..))]
    max_per_address: u32,
    /// Tests at once from one address; another is refused with status 429 (for each, 16
    /// connections that bear load)
    #[arg(long, value_name = "N", default_value_t = Limits::default().tests,
        value_parser = clap::value_parser!(u32).range(1..))]
    max_tests_per_address: u32,
    /// What one address may move in an hour, both ways together (GB of 10^9 bytes); tests
    /// beyond it are refused with status 429 until the hour is over
    #[arg(long, value_name = "GB", default_value_t = Limits::default().hour_bytes / GIGA,
        value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    max_gigabytes_per_hour: u64,
    /// Bits of an IPv6 address that count as one address
    #[arg(long, value_name = "BITS", default_value_t = Limits::default().ipv6_prefix,
        value_parser = clap::value_parser!(u8).range(32..=128))]
    ipv6_prefix: u8,
    /// How long a connection may last
    #[arg(long, value_name = "S", default_value_t = Limits::default().lifetime.as_secs(),
        value_parser = clap::value_parser!(u64).range(1..))]
    max_seconds: u64,
    /// What a connection may move, both ways together (GB of 10^9 bytes)
    #[arg(long, value_name = "GB", default_value_t = Limits::default().bytes / GIGA,
        value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    max_gigabytes: u64,
}

const GIGA: u64 = 1_000_000_000;
/// Connections of agents that the collector beside the test server must be able to take.
const AGENTS: u32 = 4096;

/// The same beside the collector, for `serve`.
#[derive(Debug, Args)]
pub(super) struct CompanionArgs {
    /// TCP address to serve responsiveness and throughput tests at too, with the
    /// collector's certificate unless the next two name another; may be given again
    #[arg(long, value_name = "ADDR:PORT", value_delimiter = ',')]
    responsiveness: Vec<SocketAddr>,
    /// The test server's certificate (PEM)
    #[arg(long = "responsiveness-cert", value_name = "FILE",
        requires_all = ["responsiveness_key", "responsiveness"])]
    responsiveness_cert: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long = "responsiveness-key", value_name = "FILE", requires = "responsiveness_cert")]
    responsiveness_key: Option<PathBuf>,
    /// Host for the URLs, with a port where it is not 443 [default: as asked by the client]
    #[arg(long = "responsiveness-name", value_name = "HOST[:PORT]", value_parser = authority)]
    responsiveness_name: Option<String>,
    /// Tests at once from one address; another is refused with status 429
    #[arg(long = "responsiveness-max-tests", value_name = "N", requires = "responsiveness",
        default_value_t = Limits::default().tests,
        value_parser = clap::value_parser!(u32).range(1..))]
    responsiveness_max_tests: u32,
    /// What one address may move in an hour of tests, both ways together (GB of 10^9
    /// bytes); more is refused with status 429
    #[arg(long = "responsiveness-max-gigabytes-per-hour", value_name = "GB",
        requires = "responsiveness", default_value_t = Limits::default().hour_bytes / GIGA,
        value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    responsiveness_hour: u64,
}

/// What stands between `https://` and a path.
fn authority(text: &str) -> Result<String, String> {
    match text.parse::<hyper::http::uri::Authority>() {
        Ok(authority) if !authority.host().is_empty() && !text.contains('@') => Ok(text.to_owned()),
        _ => Err("a host name or address as in a URL (IPv6 in brackets)".to_owned()),
    }
}

pub(super) fn run(args: &ResponsivenessArgs) -> Result<(), CliError> {
    let config = Config {
        tls: ServerTls::new(&identity(args)?).map_err(|e| config_error(&e))?,
        place: Place { authority: args.name.clone(), test_endpoint: args.test_endpoint.clone() },
        limits: Limits {
            connections: responsiveness::fit(args.max_connections, 0),
            per_address: args.max_per_address,
            tests: args.max_tests_per_address,
            hour_bytes: args.max_gigabytes_per_hour * GIGA,
            ipv6_prefix: args.ipv6_prefix,
            lifetime: Duration::from_secs(args.max_seconds),
            bytes: args.max_gigabytes * GIGA,
            ..Limits::default()
        },
    };
    run_async(async {
        let listeners = bind(&args.listen)?;
        let interrupt = Interrupt::listen()?;
        responsiveness::run(listeners, config, Arc::default(), interrupt.came()).await.map_err(
            |source| CliError::Io { doing: "serving responsiveness tests".to_owned(), source },
        )
    })
}

/// A test server that lives as long as the collector beside it, which shows `own`
/// unless `args` name another certificate. None if none was asked for.
pub(super) fn companion(
    args: &CompanionArgs,
    own: Option<(&Path, &Path)>,
) -> Result<Option<Companion>, CliError> {
    if args.responsiveness.is_empty() {
        return Ok(None);
    }
    let given = args.responsiveness_cert.as_deref().zip(args.responsiveness_key.as_deref());
    let identity = match given.or(own) {
        Some((cert, key)) => Identity::from_files(cert, key).map_err(|e| config_error(&e))?,
        None => made(&args.responsiveness, args.responsiveness_name.as_deref(), None)?,
    };
    let config = Config {
        tls: ServerTls::new(&identity).map_err(|e| config_error(&e))?,
        place: Place { authority: args.responsiveness_name.clone(), test_endpoint: None },
        limits: Limits {
            connections: responsiveness::fit(Limits::default().connections, AGENTS),
            tests: args.responsiveness_max_tests,
            hour_bytes: args.responsiveness_hour * GIGA,
            ..Limits::default()
        },
    };
    let listeners = bind(&args.responsiveness)?;
    let counters = Arc::new(Counters::default());
    Ok(Some(Companion::new("responsiveness server", move |shutdown| async move {
        let ended = async move { shutdown.begun().await };
        responsiveness::run(listeners, config, counters, ended).await?;
        Ok(())
    })))
}

fn config_error(error: &TlsError) -> CliError {
    CliError::Config(crate::error_chain(error))
}

fn identity(args: &ResponsivenessArgs) -> Result<Identity, CliError> {
    match (&args.tls_cert, &args.tls_key) {
        (Some(cert), Some(key)) => Identity::from_files(cert, key).map_err(|e| config_error(&e)),
        _ => made(&args.listen, args.name.as_deref(), args.self_signed_cert_out.as_deref()),
    }
}

/// A certificate made here and now.
fn made(
    listen: &[SocketAddr],
    name: Option<&str>,
    trusted_to: Option<&Path>,
) -> Result<Identity, CliError> {
    let open = listen.iter().find(|addr| !addr.ip().to_canonical().is_loopback());
    if let (Some(open), None) = (open, trusted_to) {
        return Err(CliError::Usage(format!(
            "listening on {open} without a certificate is not accepted, since no client could \
             trust it: give one and its key, or have `hearth-collector responsiveness` make one \
             with --self-signed-cert-out FILE"
        )));
    }
    let host = name.and_then(|name| name.parse::<hyper::http::uri::Authority>().ok());
    let host = host.as_ref().map(|a| a.host().trim_matches(['[', ']']));
    let addresses: Vec<IpAddr> = listen.iter().map(SocketAddr::ip).collect();
    let names = tls::names_for(host, &addresses);
    let (identity, trusted) = Identity::self_signed(&names).map_err(|e| config_error(&e))?;
    if let Some(path) = trusted_to {
        std::fs::write(path, trusted).map_err(|source| CliError::Io {
            doing: format!("writing {}", path.display()),
            source,
        })?;
        info!(path = %path.display(), ?names, "made a certificate: clients trust it by this file");
    } else {
        warn!(
            ?names,
            "made a certificate that no client can check: give one by --tls-cert, or have what \
             clients need written by --self-signed-cert-out FILE"
        );
    }
    Ok(identity)
}

fn bind(listen: &[SocketAddr]) -> Result<Vec<TcpListener>, CliError> {
    listen
        .iter()
        .map(|addr| {
            responsiveness::bind(*addr).map_err(|source| CliError::Io {
                doing: format!("serving responsiveness tests at {addr}"),
                source,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_stands_in_a_url() {
        for good in ["nq.example.net", "nq.example.net:8621", "[2001:db8::1]:8621", "192.0.2.1"] {
            assert_eq!(authority(good).as_deref(), Ok(good));
        }
        for bad in ["", "https://nq.example.net", "me@nq.example.net", "nq.example.net/x", "a b"] {
            assert!(authority(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_open_address_needs_a_certificate_that_can_be_trusted() {
        let open = ["192.0.2.1:8621".parse().unwrap()];
        let e = made(&open, None, None).unwrap_err().to_string();
        assert!(e.contains("192.0.2.1:8621") && e.contains("--self-signed-cert-out"), "{e}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        made(&open, None, Some(&path)).unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().contains("BEGIN CERTIFICATE"));
        made(&["127.0.0.1:0".parse().unwrap()], None, None).unwrap();
    }
}
