//! The pages: the spectators' board, the office, and the description for people. Each is one text for every
//! event, which asks for its data itself by the routes that other programs ask, too.
//!
//! Layer: node, api.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};

use super::ask::Ask;
use super::failure::Failure;

/// The board; whatever it shows is put in as text, never as markup.
const BOARD: &str = include_str!("page/board.html");
/// Its script.
const BOARD_SCRIPT: &str = include_str!("page/board.js");
/// Its style.
const BOARD_STYLE: &str = include_str!("page/board.css");

/// The office, and whatever it shows as text, too.
const OFFICE: &str = include_str!("page/office.html");
/// Its script: how it asks the node, what its tabs show, decisions, login and tabs. One file for the browser,
/// because whoever shares an address asks for ten a second, all together.
const OFFICE_SCRIPT: &str = concat!(
    include_str!("page/office-ask.js"),
    include_str!("page/office-views.js"),
    include_str!("page/office-conflicts.js"),
    include_str!("page/office-tabs.js"),
);
/// Its style, and the description's.
const OFFICE_STYLE: &str = include_str!("page/office.css");

/// The description for people.
const DOCS: &str = include_str!("page/docs.html");
/// Its script.
const DOCS_SCRIPT: &str = include_str!("page/docs.js");

const HTML: &str = "text/html; charset=utf-8";

const SCRIPT: &str = "text/javascript; charset=utf-8";

const STYLE: &str = "text/css; charset=utf-8";

#[expect(clippy::unused_async, reason = "every handler is asked later")]
pub(super) async fn board(_: Ask) -> Result<Response, Failure> {
    Ok(text(BOARD, HTML))
}

#[expect(clippy::unused_async, reason = "every handler is asked later")]
pub(super) async fn board_script(_: Ask) -> Result<Response, Failure> {
    Ok(text(BOARD_SCRIPT, SCRIPT))
}

#[expect(clippy::unused_async, reason = "every handler is asked later")]
pub(super) async fn board_style(_: Ask) -> Result<Response, Failure> {
    Ok(text(BOARD_STYLE, STYLE))
}

/// Answers the office. A page of somebody else may show a board inside of itself, and not this one: its
/// buttons decide.
#[expect(clippy::unused_async, reason = "every handler is asked later")]
pub(super) async fn office(_: Ask) -> Result<Response, Failure> {
    let mut page = text(OFFICE, HTML);
    let never = HeaderValue::from_static("DENY");
    page.headers_mut().insert(header::X_FRAME_OPTIONS, never);
    Ok(page)
}

#[expect(clippy::unused_async, reason = "every handler is asked later")]
pub(super) async fn office_script(_: Ask) -> Result<Response, Failure> {
    Ok(text(OFFICE_SCRIPT, SCRIPT))
}

#[expect(clippy::unused_async, reason = "every handler is asked later")]
pub(super) async fn office_style(_: Ask) -> Result<Response, Failure> {
    Ok(text(OFFICE_STYLE, STYLE))
}

#[expect(clippy::unused_async, reason = "every handler is asked later")]
pub(super) async fn docs(_: Ask) -> Result<Response, Failure> {
    Ok(text(DOCS, HTML))
}

#[expect(clippy::unused_async, reason = "every handler is asked later")]
pub(super) async fn docs_script(_: Ask) -> Result<Response, Failure> {
    Ok(text(DOCS_SCRIPT, SCRIPT))
}

fn text(text: &'static str, kind: &'static str) -> Response {
    let headers: [(HeaderName, HeaderValue); 2] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, text).into_response()
}
