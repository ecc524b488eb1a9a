//! The board's page: one text for every event, which asks for its data itself.
//!
//! Layer: node, api.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};

use super::ask::Ask;
use super::failure::Failure;

/// The page; whatever it shows is put in as text, never as markup.
const BOARD: &str = include_str!("page/board.html");
/// Its script.
const SCRIPT: &str = include_str!("page/board.js");
/// Its style.
const STYLE: &str = include_str!("page/board.css");

#[expect(clippy::unused_async, reason = "every handler is asked later")]
pub(super) async fn board(_: Ask) -> Result<Response, Failure> {
    Ok(text(BOARD, "text/html; charset=utf-8"))
}

#[expect(clippy::unused_async, reason = "every handler is asked later")]
pub(super) async fn script(_: Ask) -> Result<Response, Failure> {
    Ok(text(SCRIPT, "text/javascript; charset=utf-8"))
}

#[expect(clippy::unused_async, reason = "every handler is asked later")]
pub(super) async fn style(_: Ask) -> Result<Response, Failure> {
    Ok(text(STYLE, "text/css; charset=utf-8"))
}

fn text(text: &'static str, kind: &'static str) -> Response {
    let headers: [(HeaderName, HeaderValue); 2] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, text).into_response()
}
