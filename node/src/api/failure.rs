//! What a person or program reads when a request is not fulfilled: RFC 9457
//! `application/problem+json`, with the codes of the command socket.
//!
//! Layer: node, api.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::codes;
use crate::local::protocol::{self, Problem, exits};

/// Why a request was not fulfilled.
#[derive(Clone, Debug)]
pub struct Failure(Box<Said>);

#[derive(Clone, Debug)]
struct Said {
    status: StatusCode,
    code: String,
    text: String,
    /// Where in the request, if one place is to blame.
    place: Option<String>,
    /// What a program needs besides: both versions, who holds it.
    more: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Why a request was not fulfilled, as it is told (RFC 9457).
#[derive(Serialize, ToSchema)]
pub(super) struct ProblemDetails {
    /// `urn:tallyline:problem:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// What the status is called.
    title: &'static str,
    /// The answer's status.
    status: u16,
    /// What is wrong and what to do, for a person.
    detail: String,
    /// The stable code.
    code: String,
    /// Where in the request, if one place is to blame.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    /// What a program needs besides: both versions, who holds it.
    #[serde(flatten)]
    more: Map<String, Value>,
}

impl Failure {
    /// Makes a failure.
    pub(super) fn new(status: StatusCode, code: &str, text: impl Into<String>) -> Self {
        Self(Box::new(Said {
            status,
            code: code.to_owned(),
            text: text.into(),
            place: None,
            more: Map::new(),
            headers: Vec::new(),
        }))
    }

    /// Something of the request is not what the route takes.
    pub(super) fn bad_request(place: &str, text: impl Into<String>) -> Self {
        let code = protocol::codes::BAD_REQUEST;
        Self::new(StatusCode::BAD_REQUEST, code, text).at(place)
    }

    /// Something of the program failed; nothing that was saved is lost.
    pub(super) fn fault(text: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, codes::FAULT, text)
    }

    /// Says where in the request.
    pub(super) fn at(mut self, place: &str) -> Self {
        self.0.place = Some(place.to_owned());
        self
    }

    /// Adds something for a program.
    pub(super) fn with(mut self, name: &str, value: Value) -> Self {
        self.0.more.insert(name.to_owned(), value);
        self
    }

    /// Adds a header.
    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let status = status(&problem.code, problem.exit);
        Self::new(status, &problem.code, problem.text)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let said = *self.0;
        let body = ProblemDetails {
            kind: format!("urn:tallyline:problem:{}", said.code),
            title: said.status.canonical_reason().unwrap_or("Problem"),
            status: said.status.as_u16(),
            detail: said.text,
            code: said.code,
            place: said.place,
            more: said.more,
        };
        // A map of texts and numbers has no key that is none.
        let body = serde_json::to_string(&body).unwrap_or_default();
        let mut response = (said.status, body).into_response();
        let headers = response.headers_mut();
        let problem = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, problem);
        for (name, value) in said.headers {
            headers.insert(name, value);
        }
        response
    }
}

/// Returns the status of a problem: by its code, else by what a command would end with.
fn status(code: &str, exit: u8) -> StatusCode {
    use protocol::codes as it;
    match code {
        "E02" | "E11" | "E12" | "E13" | "E14" => StatusCode::FORBIDDEN,
        "E09" | "E15" | "E17" | "E19" | "E20" => StatusCode::CONFLICT,
        it::NOT_SAVED => StatusCode::INSUFFICIENT_STORAGE,
        it::NO_EVENT
        | it::UNKNOWN_EVENT
        | it::UNKNOWN_DEVICE
        | it::UNKNOWN_GRANT
        | it::UNKNOWN_ENTRY
        | it::UNKNOWN_PERSON
        | it::UNKNOWN_DIVISION
        | it::UNKNOWN_INVITE => StatusCode::NOT_FOUND,
        it::BAD_REQUEST => StatusCode::BAD_REQUEST,
        it::BAD_VALUE | it::BAD_STRUCTURE | it::BAD_FILE | it::BAD_CARD | it::BAD_TICKET => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        it::CELL_HELD | it::TOO_MANY_CLAIMS | it::SCORING_OVER => StatusCode::CONFLICT,
        it::NOT_A_DESK
        | it::NOT_ITS_CELL
        | it::MAY_NOT_SCORE
        | it::NOT_LENT
        | it::CLAIM_DENIED
        | it::KEY_REFUSED => StatusCode::FORBIDDEN,
        it::STOPPED | it::NOT_RUNNING | it::BAD_STORE | it::IN_USE => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        it::UPDATE_NEEDED => StatusCode::NOT_IMPLEMENTED,
        // Whatever else the scoring rules say is about what was sent.
        code if code.starts_with('E') => StatusCode::UNPROCESSABLE_ENTITY,
        _ => by_exit(exit),
    }
}

fn by_exit(exit: u8) -> StatusCode {
    match exit {
        exits::USAGE => StatusCode::BAD_REQUEST,
        exits::PENDING | exits::CONFLICT => StatusCode::CONFLICT,
        exits::UNREACHABLE => StatusCode::SERVICE_UNAVAILABLE,
        exits::REFUSED => StatusCode::FORBIDDEN,
        exits::STORAGE => StatusCode::INSUFFICIENT_STORAGE,
        exits::VERSION => StatusCode::NOT_IMPLEMENTED,
        exits::TIMEOUT => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_one_status() {
        for (code, exit, expected) in [
            ("E02", exits::REFUSED, 403),
            ("E05", exits::FAILURE, 422),
            ("E09", exits::CONFLICT, 409),
            ("E16", exits::STORAGE, 422),
            ("not_saved", exits::STORAGE, 507),
            ("stopped", exits::UNREACHABLE, 503),
            ("unknown_entry", exits::FAILURE, 404),
            ("no_event", exits::FAILURE, 404),
            ("cell_held", exits::REFUSED, 409),
            ("bad_value", exits::USAGE, 422),
            ("of_a_later_version", exits::CONFLICT, 409),
            ("of_a_later_version", 77, 500),
        ] {
            assert_eq!(status(code, exit).as_u16(), expected, "{code}");
        }
    }

    #[test]
    fn a_failure_says_what_where_and_its_code() {
        let failure = Failure::bad_request("limit", "limit is \"x\"; write a number")
            .with("most", Value::from(100));
        let response = failure.into_response();
        assert_eq!(response.status(), 400);
        let kind = response.headers().get(header::CONTENT_TYPE).cloned();
        assert_eq!(kind.unwrap(), "application/problem+json");
    }
}
