//! Files embedded in the binary. Their addresses carry the program's version,
//! so they may be kept for long.

use axum::http::header;
use axum::response::IntoResponse;

/// How long a browser may keep one.
const KEEP: &str = "public, max-age=86400";

/// The console's style.
pub(in crate::console) async fn style() -> impl IntoResponse {
    asset("text/css; charset=utf-8", include_str!("../../../assets/hearth.css"))
}

/// The statement's style.
pub(in crate::console) async fn statement_style() -> impl IntoResponse {
    asset("text/css; charset=utf-8", super::statement::STYLE)
}

/// The icon.
pub(in crate::console) async fn favicon() -> impl IntoResponse {
    asset("image/svg+xml", include_str!("../../../assets/favicon.svg"))
}

fn asset(kind: &'static str, body: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, KEEP)], body)
}
