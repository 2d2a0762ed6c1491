//! The collector and the test server.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::tls::{Certificate, Identity, TlsInfo};
use reqwest::{Client, ClientBuilder, Url, redirect};

use super::{Finding, Patient, certificate};
use crate::chain::chain;
use crate::clock;
use crate::config::Collector;
use crate::probe::discovery::{Document, LONGEST, PATH};

/// Less than the time that a check may take.
const PATIENCE: Duration = Duration::from_secs(6);
/// A certificate that ends sooner is worth a warning.
const SOON: Duration = Duration::from_secs(14 * 86_400);
const DAY_S: u64 = 86_400;
/// Beyond this a slot of the household is at another time than it was.
const OFF_BY: Duration = Duration::from_secs(60);

const NOT_CONFIGURED: &str = "no configuration";

/// Whether the collector can be reached and trusted, and what its clock says. No
/// stream is opened: that is the running agent's.
pub async fn collector(patient: Arc<Patient>) -> Vec<Finding> {
    const CHECK: &str = "collector";
    let Some(config) = &patient.config else {
        return vec![Finding::not_applicable(CHECK, None, NOT_CONFIGURED, "")];
    };
    let url = config.collector.url();
    let mut builder = client();
    let mut findings = Vec::new();
    match &config.collector {
        Collector::Plain(_) => builder = builder.http2_prior_knowledge().tls_certs_only([]),
        Collector::MutualTls(_, files) => {
            findings.extend(own_certificate(&files.cert));
            let mine = read(&files.cert).and_then(|mut pem| {
                pem.extend(read(&files.key)?);
                Identity::from_pem(&pem).map_err(|e| {
                    let (cert, key) = (files.cert.display(), files.key.display());
                    format!("{cert} and {key} are no certificate and key: {}", chain(&e))
                })
            });
            let roots = read(&files.ca).and_then(|pem| {
                Certificate::from_pem_bundle(&pem)
                    .map_err(|e| format!("{} is no certificate: {}", files.ca.display(), chain(&e)))
            });
            match (mine, roots) {
                (Ok(mine), Ok(roots)) => builder = builder.identity(mine).tls_certs_only(roots),
                (mine, roots) => {
                    let errors = [mine.err(), roots.err()].into_iter().flatten();
                    let remedy = "correct `tls`, or let the agent's user read the files";
                    return errors.map(|why| Finding::problem(CHECK, None, why, remedy)).collect();
                }
            }
        }
    }
    match ask(builder, url.clone()).await {
        Err(why) => {
            let remedy = remedy_of(&why, url);
            findings.push(Finding::problem(CHECK, None, format!("{url}: {why}"), remedy));
        }
        Ok(response) => {
            findings.push(Finding::ok(CHECK, None, format!("{url} answers")));
            let now = clock::since_unix();
            let end = response
                .extensions()
                .get::<TlsInfo>()
                .and_then(TlsInfo::peer_certificate)
                .and_then(certificate::not_after);
            let check = "collector's certificate";
            findings.extend(end.map(|end| validity(check, end, now, "have it renewed")));
            let date =
                response.headers().get("date").and_then(|date| http_date(date.to_str().ok()?));
            findings.extend(date.map(|theirs| difference(theirs, now)));
        }
    }
    findings
}

/// Whether the server of the heavier tests offers them.
pub async fn test_server(patient: Arc<Patient>) -> Vec<Finding> {
    const CHECK: &str = "test server";
    let Some(config) = &patient.config else {
        return vec![Finding::not_applicable(CHECK, None, NOT_CONFIGURED, "")];
    };
    let Some(server) = &config.tests.server else {
        let why = "none is configured: responsiveness and capacity are not measured";
        let remedy = "set `tests.server`, if they are wanted";
        return vec![Finding::not_applicable(CHECK, None, why, remedy)];
    };
    let mut builder = client();
    if let Some(path) = &config.tests.ca {
        let roots = read(path).and_then(|pem| {
            Certificate::from_pem_bundle(&pem)
                .map_err(|e| format!("{} is no certificate: {}", path.display(), chain(&e)))
        });
        match roots {
            Ok(roots) => builder = builder.tls_certs_merge(roots),
            Err(why) => return vec![Finding::problem(CHECK, None, why, "correct `tests.ca`")],
        }
    }
    let mut url = server.clone();
    url.set_path(PATH);
    let document = async {
        let response = ask(builder, url.clone()).await?;
        let status = response.status();
        let text = text(response).await?;
        is_discovery(status.as_u16(), &text)
    };
    vec![match document.await {
        Ok(()) => Finding::ok(CHECK, None, format!("{url} names its tests")),
        Err(why) => {
            let remedy = remedy_of(&why, &url);
            Finding::problem(CHECK, None, format!("{url}: {why}"), remedy)
        }
    }]
}

fn client() -> ClientBuilder {
    // Another part of the program may have installed one: either will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .user_agent(concat!("hearth-agent/", env!("CARGO_PKG_VERSION")))
        .no_proxy()
        .redirect(redirect::Policy::none())
        .tls_info(true)
        .timeout(PATIENCE)
}

async fn ask(builder: ClientBuilder, url: Url) -> Result<reqwest::Response, String> {
    let client = builder.build().map_err(|error| chain(&error))?;
    // The URL stands before it already.
    client.get(url).send().await.map_err(|error| chain(&error.without_url()))
}

/// The body, of which no more is read than a document may have.
async fn text(mut response: reqwest::Response) -> Result<String, String> {
    let mut body = Vec::new();
    while let Some(more) = response.chunk().await.map_err(|error| chain(&error))? {
        body.extend_from_slice(&more);
        if body.len() > LONGEST {
            return Err(format!("answers with more than {LONGEST} bytes"));
        }
    }
    String::from_utf8(body).map_err(|_| "answers with something else than JSON".to_owned())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("can't read {}: {error}", path.display()))
}

/// What would help, by what an error says.
fn remedy_of(why: &str, url: &Url) -> String {
    let why = why.to_ascii_lowercase();
    let host = url.host_str().unwrap_or_default();
    if why.contains("received fatal alert") {
        // The far end's word on what this one showed it.
        "it refuses this agent's certificate: see that `tls.cert` is the one that it was \
         enrolled with, and not expired"
            .into()
    } else if why.contains("notvalidyet") || why.contains("not valid yet") {
        "set this machine's clock: see the time service above".into()
    } else if why.contains("notvalidforname") || why.contains("not valid for name") {
        format!("its certificate must name {host}, or the address be one that it names")
    } else if why.contains("unknownissuer") || why.contains("unknown issuer") {
        "give the authority that signed its certificate, as `tls.ca` or `tests.ca`".into()
    } else if why.contains("badsignature") {
        "another authority of the same name signed its certificate: was it made anew? give the \
         one in use, as `tls.ca` or `tests.ca`"
            .into()
    } else if why.contains("expired") {
        "renew its certificate, and see whether this machine's clock is right".into()
    } else if why.contains("dns") || why.contains("lookup") {
        format!("does {host} resolve? see the resolvers above")
    } else if why.contains("refused") {
        "is it running, and is the port right?".into()
    } else {
        "is it running, and does a firewall let it through?".into()
    }
}

/// How long the agent's own certificate is valid; that it can't be read is told
/// elsewhere.
fn own_certificate(path: &Path) -> Option<Finding> {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    const CHECK: &str = "agent's certificate";
    let certificate = CertificateDer::from_pem_file(path).ok()?;
    let end = certificate::not_after(&certificate)?;
    let remedy = "enrol again, or put another at `tls.cert`";
    Some(validity(CHECK, end, clock::since_unix(), remedy))
}

fn validity(check: &'static str, end: Duration, now: Duration, renew: &str) -> Finding {
    let days = end.saturating_sub(now).as_secs() / DAY_S;
    if end <= now {
        let ago = now.saturating_sub(end).as_secs() / DAY_S;
        let why = format!("it expired {ago} days ago, by this machine's clock");
        return Finding::problem(check, None, why, renew);
    }
    let why = format!("valid for {days} days more");
    if end < now + SOON {
        Finding::warning(check, None, why, format!("{renew}, before it ends"))
    } else {
        Finding::ok(check, None, why)
    }
}

fn difference(theirs: Duration, ours: Duration) -> Finding {
    const CHECK: &str = "clock beside the collector's";
    let off = theirs.abs_diff(ours);
    let side = if theirs > ours { "behind" } else { "ahead" };
    if off > OFF_BY {
        let why = format!("this machine's is {} s {side}", off.as_secs());
        return Finding::problem(CHECK, None, why, "set up a time service here, or there");
    }
    // The header tells whole seconds.
    let why = format!("they agree within {} s", off.as_secs() + 1);
    Finding::ok(CHECK, None, why)
}

/// `Tue, 24 Nov 2026 17:40:00 GMT` (RFC 9110, section 5.6.7), as time since 1970.
fn http_date(text: &str) -> Option<Duration> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_once(", ")?.1.split(' ');
    let day: i64 = words.next()?.parse().ok()?;
    let name = words.next()?;
    let month = MONTHS.iter().position(|month| *month == name)? as i64 + 1;
    let year: i64 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.split(':').map(str::parse::<i64>);
    let mut next = || clock.next()?.ok();
    let seconds = next()? * 3600 + next()? * 60 + next()?;
    let days = certificate::days_since_1970(year, month, day);
    u64::try_from(days * 86_400 + seconds).ok().map(Duration::from_secs)
}

fn is_discovery(status: u16, text: &str) -> Result<(), String> {
    if status != 200 {
        return Err(format!("answers with status {status}, where 200 is wanted"));
    }
    match Document::parse(text.as_bytes()) {
        Ok(_) => Ok(()),
        Err(e) => Err(format!("its document can't be used: {e}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn dates_of_http_are_read() {
        let at = http_date("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(at, Some(Duration::from_secs(784_111_777)));
        assert_eq!(http_date("yesterday"), None);
        assert_eq!(http_date("Sun, 06 Now 1994 08:49:37 GMT"), None);
    }

    #[test]
    fn clocks_that_differ_by_more_than_a_minute_are_a_problem() {
        let now = Duration::from_secs(1_800_000_000);
        assert_eq!(difference(now, now + Duration::from_secs(3)).level, Level::Ok);
        let behind = difference(now + Duration::from_secs(90), now);
        assert_eq!(behind.level, Level::Problem);
        assert_eq!(behind.why, "this machine's is 90 s behind");
    }

    #[test]
    fn a_certificate_near_its_end_is_told() {
        let now = Duration::from_secs(1_800_000_000);
        let days = |n: u64| now + Duration::from_secs(n * DAY_S);
        let level = |end| validity("certificate", end, now, "renew it").level;
        assert_eq!(level(days(30)), Level::Ok);
        assert_eq!(level(days(3)), Level::Warning);
        assert_eq!(level(now), Level::Problem);
    }

    #[test]
    fn errors_lead_to_remedies() {
        let url: Url = "https://collector.example:4319".parse().unwrap();
        for (why, part) in [
            ("invalid peer certificate: NotValidForName", "must name collector.example"),
            ("invalid peer certificate: UnknownIssuer", "authority"),
            ("tcp connect error: Connection refused (os error 111)", "is it running"),
            ("dns error: failed to lookup", "does collector.example resolve"),
            ("operation timed out", "firewall"),
            ("invalid peer certificate: certificate not valid yet", "machine's clock"),
            ("received fatal alert: CertificateExpired", "this agent's certificate"),
        ] {
            assert!(remedy_of(why, &url).contains(part), "{why}");
        }
    }

    #[test]
    fn a_discovery_document_names_its_tests() {
        let whole = r#"{"version":1,"urls":{"large_download_url":"https://a/l",
            "small_download_url":"https://a/s","upload_url":"https://a/u"}}"#;
        assert_eq!(is_discovery(200, whole), Ok(()));
        for (status, text, part) in [
            (404, "", "404"),
            (200, "<html>", "not the JSON"),
            (200, "{}", "not the JSON"),
            (200, r#"{"version":1,"urls":{}}"#, "no large_download_url"),
        ] {
            let why = is_discovery(status, text).unwrap_err();
            assert!(why.contains(part), "{why}");
        }
    }
}
