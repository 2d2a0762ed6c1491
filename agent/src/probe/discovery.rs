//! The discovery document (draft-ietf-ippm-responsiveness-09, section 7.1), read.

use reqwest::Url;
use serde::Deserialize;

/// Where it is at a server.
pub const PATH: &str = "/.well-known/nq";
/// The longest document that is read.
pub const LONGEST: usize = 16 * 1024;

/// What a server offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// A large object to download.
    pub large: Url,
    /// An object of one octet.
    pub small: Url,
    /// Where to upload to.
    pub upload: Url,
    /// Another host whose addresses to use.
    pub endpoint: Option<String>,
}

/// Why a document can't be used: the draft has it ignored as a whole.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It is none.
    #[error("it is not the JSON that the draft defines")]
    Json(#[from] serde_json::Error),
    /// A later version.
    #[error("its version is {0}, and only 1 is understood")]
    Version(u64),
    /// A URL is missing.
    #[error("it has no {0}")]
    Missing(&'static str),
    /// A URL is not one, or without TLS.
    #[error("its {key} {value:?} is not an https URL")]
    Url {
        /// Which.
        key: &'static str,
        /// As it stands there.
        value: String,
    },
    /// The URLs are of several hosts.
    #[error("its URLs are not all of one host")]
    Hosts,
}

#[derive(Deserialize)]
struct Raw {
    version: u64,
    urls: Urls,
    test_endpoint: Option<String>,
}

/// Both spellings that servers use; the draft's goes first.
#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "they are the document's own")]
struct Urls {
    large_download_url: Option<String>,
    large_https_download_url: Option<String>,
    small_download_url: Option<String>,
    small_https_download_url: Option<String>,
    upload_url: Option<String>,
    https_upload_url: Option<String>,
}

impl Document {
    /// Reads a document. Unknown names are ignored, a name that appears twice is
    /// an error.
    ///
    /// # Errors
    /// Why it can't be used.
    pub fn parse(text: &[u8]) -> Result<Self, DocumentError> {
        let raw: Raw = serde_json::from_slice(text)?;
        if raw.version != 1 {
            return Err(DocumentError::Version(raw.version));
        }
        let urls = raw.urls;
        let large =
            url("large_download_url", urls.large_download_url, urls.large_https_download_url)?;
        let small =
            url("small_download_url", urls.small_download_url, urls.small_https_download_url)?;
        let upload = url("upload_url", urls.upload_url, urls.https_upload_url)?;
        let place = |url: &Url| (url.host_str().map(str::to_owned), url.port_or_known_default());
        if place(&large) != place(&small) || place(&large) != place(&upload) {
            return Err(DocumentError::Hosts);
        }
        let endpoint = raw.test_endpoint.filter(|host| !host.is_empty());
        Ok(Self { large, small, upload, endpoint })
    }
}

fn url(
    key: &'static str,
    first: Option<String>,
    second: Option<String>,
) -> Result<Url, DocumentError> {
    let value = first.or(second).ok_or(DocumentError::Missing(key))?;
    match Url::parse(&value) {
        Ok(url) if url.scheme() == "https" && url.has_host() => Ok(url),
        _ => Err(DocumentError::Url { key, value }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &str = r#"{"version": 1, "more": 7, "test_endpoint": "edge.example", "urls": {
        "small_https_download_url": "https://h.example/s2", "small_download_url": "https://h.example/s",
        "large_https_download_url": "https://h.example/l", "https_upload_url": "https://h.example/u"}}"#;

    fn error(text: &str) -> String {
        Document::parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn both_spellings_are_read_and_what_is_unknown_ignored() {
        let document = Document::parse(BOTH.as_bytes()).unwrap();
        assert_eq!(document.small.as_str(), "https://h.example/s");
        assert_eq!(document.large.as_str(), "https://h.example/l");
        assert_eq!(document.upload.as_str(), "https://h.example/u");
        assert_eq!(document.endpoint.as_deref(), Some("edge.example"));
    }

    #[test]
    fn what_the_draft_forbids_is_refused_by_name() {
        assert!(error("<html>").contains("JSON"));
        assert!(error(&BOTH.replace("\"version\": 1", "\"version\": 2")).contains('2'));
        assert!(error(&BOTH.replace("https_upload_url", "other")).contains("upload_url"));
        let plain = BOTH.replace("https://h.example/u", "http://h.example/u");
        assert!(error(&plain).contains("http://h.example/u"));
        assert!(error(&BOTH.replace("h.example/u", "k.example/u")).contains("one host"));
        let twice = BOTH.replace("\"more\": 7", "\"version\": 1");
        assert!(error(&twice).contains("JSON"));
    }
}
