//! One request on its way to its handler: who asks, about which event, with what.
//!
//! Layer: node, api.

use std::collections::BTreeMap;
use std::net::IpAddr;

use axum::body::Bytes;
use axum::extract::Query;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Api;
use super::access::{Member, Role, Scope};
use super::accounts::Held;
use super::codes;
use super::events::Open;
use super::failure::Failure;
use super::limits;
use crate::local::protocol::{Answer, Request, codes as local};

/// What begins the name of a device that asks with a token of its own.
pub(super) const DEVICE: &str = "device:";

/// Who asks.
#[derive(Clone, Debug)]
pub(super) enum Person {
    /// An address without a login.
    Nobody(IpAddr),
    /// Somebody with a token.
    Somebody(Somebody),
}

/// Somebody with a token.
#[derive(Clone, Debug)]
pub(super) struct Somebody {
    /// The account's name, or [`DEVICE`] and a fingerprint.
    pub(super) name: String,
    /// The account's version.
    pub(super) version: u32,
    /// What the person is where; of a device nothing, its roles are the event's.
    pub(super) roles: Vec<Held>,
    /// What a device is at the event that is meant; `None` for people, and for a device that is nothing
    /// there.
    pub(super) member: Option<Member>,
}

/// One request on its way to its handler.
pub(super) struct Ask {
    /// The router's state.
    pub(super) api: Api,
    /// Who asks.
    pub(super) person: Person,
    /// The event that is meant, where the route is about one.
    pub(super) open: Option<Open>,
    /// What of the path was open.
    pub(super) path: BTreeMap<String, String>,
    /// Address, headers, and what an upgrade needs.
    pub(super) parts: Parts,
    /// The body.
    pub(super) body: Bytes,
}

impl Person {
    /// Names who asks, as limits count it.
    pub(super) fn counted(&self) -> String {
        match self {
            Self::Nobody(ip) => limits::address(*ip),
            Self::Somebody(it) => it.name.clone(),
        }
    }

    /// Returns the key of a device that asks, as a full fingerprint.
    pub(super) fn device(&self) -> Option<&str> {
        match self {
            Self::Somebody(it) => it.name.strip_prefix(DEVICE),
            Self::Nobody(_) => None,
        }
    }

    /// Returns whether it is nobody, or a device's key that is nothing at the event that is meant. Anybody can draw
    /// such a key, so it is trusted with no more than an address.
    pub(super) fn is_stranger(&self) -> bool {
        match self {
            Self::Nobody(_) => true,
            Self::Somebody(it) => it.member.is_none() && self.device().is_some(),
        }
    }

    /// Returns whether the person has a scope at an event.
    pub(super) fn may(&self, scope: Scope, event: &str) -> bool {
        match self {
            Self::Somebody(Somebody {
                member: Some(member),
                ..
            }) => member.may(scope),
            Self::Somebody(_) => self.role(event, |role| role.may(scope)).is_some(),
            Self::Nobody(_) => false,
        }
    }

    /// Returns a role that the person has at an event and that fits.
    fn role(&self, event: &str, fits: impl Fn(Role) -> bool) -> Option<Role> {
        let Self::Somebody(it) = self else {
            return None;
        };
        let here = it
            .roles
            .iter()
            .filter(|held| held.event.as_deref().is_none_or(|it| it == event));
        here.map(|held| held.role).filter(|role| fits(*role)).min()
    }

    /// Names what the person is at an event.
    pub(super) fn named(&self, event: &str) -> String {
        match self {
            Self::Somebody(Somebody {
                member: Some(member),
                ..
            }) => member.names(),
            Self::Somebody(_) | Self::Nobody(_) => {
                let role = self.role(event, |_| true);
                role.map_or("nobody", Role::name).to_owned()
            }
        }
    }
}

impl Ask {
    /// Returns the event that is meant.
    pub(super) fn open(&self) -> Result<&Open, Failure> {
        self.open
            .as_ref()
            .ok_or_else(|| Failure::fault("the route is about no event"))
    }

    /// Returns who asks, if somebody is logged in.
    pub(super) fn somebody(&self) -> Result<&Somebody, Failure> {
        match &self.person {
            Person::Somebody(it) => Ok(it),
            Person::Nobody(_) => Err(login_needed()),
        }
    }

    /// Returns whether the person has a scope at the event that is meant.
    pub(super) fn may(&self, scope: Scope) -> bool {
        let event = self.open.as_ref().map_or("", |it| it.uuid.as_str());
        self.person.may(scope, event)
    }

    /// Names who asks, for claims and plans.
    pub(super) fn name(&self) -> Result<&str, Failure> {
        self.somebody().map(|it| it.name.as_str())
    }

    /// Asks the event's clerk.
    pub(super) async fn request(&self, request: Request) -> Result<Value, Failure> {
        match self.open()?.clerk.answer(request.into()).await {
            Answer::Ok(value) => Ok(value),
            Answer::Error(problem) => Err(problem.into()),
        }
    }

    /// Asks the event's clerk for something whose shape is needed.
    pub(super) async fn data<T: DeserializeOwned>(&self, request: Request) -> Result<T, Failure> {
        let value = self.request(request).await?;
        Ok(Answer::Ok(value).data()?)
    }

    /// Asks the event's clerk, and answers what it says.
    pub(super) async fn pass(&self, request: Request) -> Result<Response, Failure> {
        Ok(json(&self.request(request).await?))
    }

    /// Returns an open part of the path.
    pub(super) fn part(&self, name: &str) -> Result<&str, Failure> {
        let part = self.path.get(name).map(String::as_str);
        part.ok_or_else(|| Failure::fault("the route has no such part"))
    }

    /// Returns a number of the path.
    pub(super) fn number(&self, name: &str) -> Result<u32, Failure> {
        let text = self.part(name)?;
        text.parse().map_err(|_| {
            Failure::bad_request(
                name,
                format!("\"{text}\" is no number; write one, such as 3"),
            )
        })
    }

    /// Reads what stands behind the question mark.
    pub(super) fn query<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let read = Query::<T>::try_from_uri(&self.parts.uri);
        read.map(|Query(it)| it).map_err(|error| {
            Failure::bad_request(
                "query",
                format!("{}; nothing was changed", error.body_text()),
            )
        })
    }

    /// Reads the body as JSON.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let text = format!(
                "the body is not what this route takes ({error}); nothing was changed; see \
                 /api/v1/openapi.json"
            );
            let code = local::BAD_REQUEST;
            Failure::new(StatusCode::BAD_REQUEST, code, text).at("body")
        })
    }

    /// Returns a header's text; empty if there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.parts.headers.get(name);
        value.and_then(|it| it.to_str().ok()).unwrap_or_default()
    }

    /// Returns milliseconds that only grow.
    pub(super) fn mono_ms(&self) -> u64 {
        self.api.mono_ms()
    }
}

/// Answers JSON.
pub(super) fn json<T: Serialize>(data: &T) -> Response {
    match serde_json::to_vec(data) {
        Ok(bytes) => {
            let kind = (
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            );
            ([kind], bytes).into_response()
        }
        Err(error) => Failure::fault(format!("no JSON: {error}")).into_response(),
    }
}

/// Says that a route is not for everybody.
pub(super) fn login_needed() -> Failure {
    let text = "this is not for everybody; log in at /api/auth/login, and send the token as \
                `Authorization: Bearer ..`";
    Failure::new(StatusCode::UNAUTHORIZED, codes::LOGIN_NEEDED, text)
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}
