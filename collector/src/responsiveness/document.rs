//! The discovery document at `/.well-known/nq` (the draft's section "Well-Known
//! Uniform Resource Identifier (URI) For Test Server Discovery").

use serde::Serialize;

/// Where the draft has the document (RFC 8615).
pub const WELL_KNOWN: &str = "/.well-known/nq";
/// Where clients from before the draft look for it.
pub const OLDER: [&str; 2] = ["/config", "/api/v1/gm/config"];
/// One octet, to time.
pub const SMALL: &str = "/small";
/// An endless download.
pub const LARGE: &str = "/large";
/// Takes an upload of any size.
pub const UPLOAD: &str = "/upload";

/// What the document says of where the server is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Host for the URLs, with a port where it is not 443. None: the host that was
    /// asked.
    pub authority: Option<String>,
    /// Name of this very machine, for clients that were led here by a name that many
    /// share.
    pub test_endpoint: Option<String>,
}

#[derive(Serialize)]
struct Document<'a> {
    version: u8,
    urls: Urls,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_endpoint: Option<&'a str>,
}

/// Each URL by the draft's name, and by the one that clients from before it know.
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the draft's names")]
struct Urls {
    large_download_url: String,
    large_https_download_url: String,
    small_download_url: String,
    small_https_download_url: String,
    upload_url: String,
    https_upload_url: String,
}

impl Place {
    /// The document in JSON, for a client that asked `asked` (host, and port where it
    /// is not 443).
    pub fn document(&self, asked: &str) -> String {
        let authority = self.authority.as_deref().unwrap_or(asked);
        let url = |path: &str| format!("https://{authority}{path}");
        let document = Document {
            version: 1,
            urls: Urls {
                large_download_url: url(LARGE),
                large_https_download_url: url(LARGE),
                small_download_url: url(SMALL),
                small_https_download_url: url(SMALL),
                upload_url: url(UPLOAD),
                https_upload_url: url(UPLOAD),
            },
            test_endpoint: self.test_endpoint.as_deref(),
        };
        serde_json::to_string_pretty(&document).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(place: &Place, asked: &str) -> serde_json::Value {
        serde_json::from_str(&place.document(asked)).unwrap()
    }

    #[test]
    fn names_what_the_draft_asks_for() {
        let document = parsed(&Place::default(), "[::1]:8621");
        assert_eq!(document["version"], 1);
        for (draft, older, path) in [
            ("large_download_url", "large_https_download_url", LARGE),
            ("small_download_url", "small_https_download_url", SMALL),
            ("upload_url", "https_upload_url", UPLOAD),
        ] {
            assert_eq!(document["urls"][draft], format!("https://[::1]:8621{path}"));
            assert_eq!(document["urls"][draft], document["urls"][older]);
        }
        assert_eq!(document.get("test_endpoint"), None, "optional, and none is known");
    }

    #[test]
    fn a_given_name_comes_before_the_one_asked() {
        let place = Place {
            authority: Some("nq.example.net".into()),
            test_endpoint: Some("nq-7.example.net".into()),
        };
        let document = parsed(&place, "other.example:1");
        assert_eq!(document["urls"]["upload_url"], "https://nq.example.net/upload");
        assert_eq!(document["test_endpoint"], "nq-7.example.net");
    }
}
