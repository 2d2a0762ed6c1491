//! Light, dark or the system's own: a cookie set by a form, so that it needs no
//! script.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::failure::Failure;
use super::pairs::{Colours, Query};

const COOKIE: &str = "hearth-theme";
/// Long enough to forget that it was ever set.
const YEAR_S: u32 = 365 * 86_400;

/// The colours a page is shown in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// As the system asks.
    #[default]
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// All, in the order shown.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Light, Self::Dark];

    /// As in the form, the cookie and the page's root.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// As on the button.
    pub fn label(self) -> &'static str {
        match self {
            Self::Auto => "Auto",
            Self::Light => "Light",
            Self::Dark => "Dark",
        }
    }

    fn of(headers: &HeaderMap) -> Self {
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|v| v.to_str().ok())
            .flat_map(|v| v.split(';'))
            .filter_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
            .find_map(|value| Self::ALL.into_iter().find(|t| t.name() == value))
            .unwrap_or_default()
    }
}

impl<S: Sync> FromRequestParts<S> for Theme {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&parts.headers))
    }
}

/// Sets the cookie and goes back to the page the form was on.
pub(super) async fn set(pairs: Query<Colours>, headers: HeaderMap) -> Result<Response, Failure> {
    let given = pairs.get("set").unwrap_or_default();
    let theme = Theme::ALL.into_iter().find(|t| t.name() == given);
    let theme = theme.ok_or_else(|| Failure::Value {
        field: "set",
        value: given.to_owned(),
        accepted: format!("one of {}", Theme::ALL.map(Theme::name).join(", ")),
    })?;
    let cookie =
        format!("{COOKIE}={}; Path=/; Max-Age={YEAR_S}; HttpOnly; SameSite=Strict", theme.name());
    let back = back(&headers).unwrap_or_else(|| "/".to_owned());
    let headers = [(header::SET_COOKIE, cookie), (header::LOCATION, back)];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

/// The path of the page the request came from, if it is one of this console's.
fn back(headers: &HeaderMap) -> Option<String> {
    let from: Uri = headers.get(header::REFERER)?.to_str().ok()?.parse().ok()?;
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let path = from.path_and_query()?.as_str();
    // '//host' and '/\host' would lead elsewhere.
    let own = from.authority()?.as_str() == host;
    (own && !path[1..].starts_with(['/', '\\'])).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (k.clone(), v.parse().unwrap())).collect()
    }

    #[test]
    fn the_cookie_is_read_among_others() {
        let of = |cookie| Theme::of(&headers(&[(header::COOKIE, cookie)]));
        assert_eq!(of("a=b; hearth-theme=dark"), Theme::Dark);
        assert_eq!(of("hearth-theme=purple"), Theme::Auto);
        assert_eq!(of("xhearth-theme=dark"), Theme::Auto);
        assert_eq!(Theme::of(&HeaderMap::new()), Theme::Auto);
    }

    #[test]
    fn it_goes_back_to_own_pages_only() {
        let back_from = |referer| {
            back(&headers(&[(header::HOST, "localhost:8080"), (header::REFERER, referer)]))
        };
        assert_eq!(back_from("http://localhost:8080/households?q=a").unwrap(), "/households?q=a");
        assert_eq!(back_from("http://evil.example/x"), None);
        assert_eq!(back_from("http://localhost:8080//evil.example"), None);
        assert_eq!(back_from("http://localhost:8080/\\evil.example"), None);
        assert_eq!(back_from("nonsense"), None);
    }
}
