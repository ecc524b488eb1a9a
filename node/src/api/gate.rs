//! What each request passes before its handler, in this order: who asks, how often, which event,
//! whether the person may, the body, and whether it was answered before.
//!
//! Layer: node, api.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, FromRequestParts as _, Query, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::timeout;

use super::access::Member;
use super::ask::{Ask, DEVICE, Person, Somebody, login_needed};
use super::codes;
use super::events::Open;
use super::failure::Failure;
use super::limits::{self, Limit};
use super::listen::Peer;
use super::once::{self, KEY_BYTES_MAX};
use super::routes::{FILE_MAX, Need, Of, PART_MAX, Route, Verb};
use super::tokens::Use;
use super::{Api, Inner};
use crate::local::protocol::{Devices, Nothing, Request as Asked, codes as local};
use crate::root::Mode;

/// Largest body of somebody who is not logged in.
pub(super) const BODY_NOBODY_MAX: usize = 8 * 1024;

/// How long a body may take: 64 MiB over a slow phone's link.
const BODY_TIME: Duration = Duration::from_mins(2);

/// How long the small body of somebody who is not logged in may take.
const BODY_NOBODY_TIME: Duration = Duration::from_secs(10);

/// How long a device is counted by its name once it was found at an event; then it is looked for again.
const SEEN_MS: u64 = 60_000;

/// The cookie in which a browser holds its token; only reading routes take it.
pub(super) const COOKIE: &str = "tallyline_token";

/// Lets a request through to its handler, and answers.
pub(super) async fn pass(api: Api, route: &'static Route, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let path = path(&mut parts).await;
    let mut told = HeaderMap::new();
    let done = through(&api, route, (parts, path, body), &mut told).await;
    let response = done.unwrap_or_else(Failure::into_response);
    let mut response = counted(&api, response, &told);
    if matches!(route.need, Need::Nobody | Need::Public(_)) && route.method == Verb::Get {
        let anybody = HeaderValue::from_static("*");
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, anybody);
    }
    response
}

/// Answers who asks for what there is not: as often as an address may ask, whoever it is.
pub(super) fn nowhere(api: &Api, request: Request, why: fn(&Method, &Uri) -> Failure) -> Response {
    let (parts, _) = request.into_parts();
    let mut told = HeaderMap::new();
    let who = (limits::address(address(&parts)), "");
    let done = count(api, Limit::Address, &who, &mut told);
    let failure = done.err();
    let failure = failure.unwrap_or_else(|| why(&parts.method, &parts.uri));
    counted(api, failure.into_response(), &told)
}

/// Counts an answer, and adds what is told of limits.
fn counted(api: &Api, mut response: Response, told: &HeaderMap) -> Response {
    api.0.metrics.answered(response.status());
    let headers = response.headers_mut();
    for (name, value) in told {
        if !headers.contains_key(name) {
            headers.insert(name.clone(), value.clone());
        }
    }
    response
}

/// Devices that were members of an event a moment ago.
#[derive(Default)]
pub(super) struct Seen(Mutex<BTreeMap<String, u64>>);

impl Seen {
    /// Returns whether a key was a member's less than [`SEEN_MS`] ago.
    fn has(&self, key: &str, mono_ms: u64) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = all.get(key);
        seen.is_some_and(|at| mono_ms.saturating_sub(*at) < SEEN_MS)
    }

    /// Notes that a key is a member's. Only members are noted, so there are not many.
    fn note(&self, key: &str, mono_ms: u64) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, at| mono_ms.saturating_sub(*at) < SEEN_MS);
        all.insert(key.to_owned(), mono_ms);
    }
}

type Taken = (Parts, BTreeMap<String, String>, Body);

async fn through(
    api: &Api,
    route: &'static Route,
    (parts, path, body): Taken,
    told: &mut HeaderMap,
) -> Result<Response, Failure> {
    let address = address(&parts);
    let person = match person(api, route, &parts).await {
        Ok(person) => person.unwrap_or(Person::Nobody(address)),
        // A wrong token is counted like none, or guessing would be free.
        Err(failure) => {
            count(api, Limit::Address, &(limits::address(address), ""), told)?;
            return Err(failure);
        }
    };
    // Anybody can draw a key and have a token made of it: until a device was found at an event, it is
    // counted as its address is.
    let stranger = person.is_stranger()
        && !person
            .device()
            .is_some_and(|it| api.0.seen.has(it, api.mono_ms()));
    let who = if stranger {
        limits::address(address)
    } else {
        person.counted()
    };
    if stranger {
        count(api, Limit::Address, &(who.clone(), ""), told)?;
    }
    count(api, route.limit, &(who, route.id), told)?;
    let open = match route.of {
        Of::Node => None,
        Of::Event => Some(event(api, &parts, &path).await?),
    };
    takes(api, route, open.as_ref())?;
    says_something(route, &parts.headers)?;
    let person = at_event(api, person, open.as_ref()).await?;
    may(route, &person, open.as_ref())?;
    let stranger = person.is_stranger();
    let place = match route.body_max {
        FILE_MAX => Arc::clone(&api.0.files).acquire_owned().await.ok(),
        PART_MAX => Arc::clone(&api.0.pieces).acquire_owned().await.ok(),
        _ => None,
    };
    let body = read(body, route, stranger).await?;
    let ask = Ask {
        api: api.clone(),
        person,
        open,
        path,
        parts,
        body,
    };
    answer(route, ask, place).await
}

/// Refuses to write about no event in a cloud: events come to it from devices, and what is about none
/// is kept in memory alone.
fn takes(api: &Api, route: &Route, open: Option<&Open>) -> Result<(), Failure> {
    let nowhere = open.is_some_and(|it| it.uuid.is_empty());
    if !nowhere || route.method == Verb::Get || api.0.parts.mode != Mode::Cloud {
        return Ok(());
    }
    let text = "this cloud has no event yet; nothing was changed; the owner's device brings its event with \
                `tallyline run --cloud ADDRESS --cloud-key KEY`";
    Err(Failure::new(StatusCode::NOT_FOUND, local::NO_EVENT, text))
}

/// Refuses a header that is there and empty, where leaving it out means something else: whoever sends it
/// meant to be kept from doing a thing twice, or from writing over another one's.
fn says_something(route: &Route, headers: &HeaderMap) -> Result<(), Failure> {
    if route.method == Verb::Get {
        return Ok(());
    }
    for name in ["Idempotency-Key", "If-Match"] {
        if headers.get(name).is_some_and(HeaderValue::is_empty) {
            let text = format!("{name} is empty; nothing was changed; write it, or leave it out");
            return Err(Failure::bad_request(name, text));
        }
    }
    Ok(())
}

/// Answers, or repeats the answer of the same request. The place of a large body is held until that is
/// done with, whoever waits for it.
async fn answer(
    route: &'static Route,
    ask: Ask,
    place: Option<OwnedSemaphorePermit>,
) -> Result<Response, Failure> {
    let key = ask.header("idempotency-key").to_owned();
    let Person::Somebody(somebody) = &ask.person else {
        return (route.serve)(ask).await;
    };
    if !route.keeps_answers() || key.is_empty() {
        return (route.serve)(ask).await;
    }
    checked(&key)?;
    let asked = format!("{} {}", route.method.name(), ask.parts.uri);
    let key = (somebody.name.clone(), asked, key);
    let about = (key, blake3::hash(&ask.body));
    let (told, answer) = oneshot::channel();
    let api = ask.api.clone();
    let parts = ask.api.clone();
    // Goes on when nobody waits for the answer any more: it is wanted again with the same key.
    api.begin(async move {
        let Inner { once, parts, .. } = &*parts.0;
        let work = once::answer(once, &*parts.shared, about, (route.serve)(ask));
        // Who asked may have gone away meanwhile.
        told.send(work.await).ok();
        drop(place);
    });
    answer.await.unwrap_or_else(|_| {
        let text = "the request ended by a fault of the program; ask what was saved";
        Err(Failure::fault(text))
    })
}

/// Checks a key for a request.
pub(super) fn checked(key: &str) -> Result<(), Failure> {
    if key.len() <= KEY_BYTES_MAX {
        return Ok(());
    }
    let text = format!("the key is longer than {KEY_BYTES_MAX} bytes; nothing was changed");
    Err(Failure::bad_request("Idempotency-Key", text))
}

fn count(
    api: &Api,
    limit: Limit,
    who: &(String, &'static str),
    told: &mut HeaderMap,
) -> Result<(), Failure> {
    let now = api.now_ms();
    let left = api.0.limits.check(limit, who, now)?;
    left.write(told, now);
    Ok(())
}

/// Reads the open parts of the path.
async fn path(parts: &mut Parts) -> BTreeMap<String, String> {
    let Ok(found) = RawPathParams::from_request_parts(parts, &()).await else {
        return BTreeMap::new();
    };
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    found.iter().map(owned).collect()
}

/// Returns where a request comes from.
pub(super) fn address(parts: &Parts) -> IpAddr {
    origin(peer(parts), &parts.headers)
}

/// Returns who brings a request.
fn peer(parts: &Parts) -> IpAddr {
    let peer = parts.extensions.get::<ConnectInfo<Peer>>();
    peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |it| it.0.0.ip())
}

/// Returns whether a request came over TLS to who stands before the node on the same machine; nobody
/// else is believed.
pub(super) fn is_secure(parts: &Parts) -> bool {
    let said = parts.headers.get("x-forwarded-proto");
    peer(parts).to_canonical().is_loopback() && said.is_some_and(|it| it == "https")
}

/// Returns where a request comes from that `peer` brings. Who stands before a cloud's node on the same
/// machine says it for others.
pub(super) fn origin(peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let peer = peer.to_canonical();
    // A client's own line may stand above that of who stands before the node.
    let said = headers.get_all("x-forwarded-for").iter().next_back();
    let said = said.filter(|_| peer.is_loopback());
    let last = said.and_then(|it| it.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
    last.unwrap_or(peer)
}

/// Finds out who asks, by header, cookie or ticket.
async fn person(api: &Api, route: &Route, parts: &Parts) -> Result<Option<Person>, Failure> {
    let header = |name: HeaderName| parts.headers.get(name).and_then(|it| it.to_str().ok());
    let bearer = header(header::AUTHORIZATION).and_then(|it| it.strip_prefix("Bearer "));
    let reads = parts.method == Method::GET || parts.method == Method::HEAD;
    let cookie = header(header::COOKIE)
        .filter(|_| reads)
        .and_then(|it| cookie(it, COOKIE));
    let ticket = parts
        .uri
        .query()
        .filter(|_| route.takes_ticket)
        .and_then(|query| {
            let mut pairs = query.split('&').filter_map(|it| it.split_once('='));
            pairs
                .find(|(name, _)| *name == "ticket")
                .map(|(_, value)| value)
        });
    let (text, aud) = match (bearer, ticket, cookie) {
        (Some(it), _, _) => (it, Use::Access),
        (None, Some(it), _) => (it, Use::Ticket),
        (None, None, Some(it)) => (it, Use::Access),
        (None, None, None) => return Ok(None),
    };
    if !api.0.parts.tokens.knows(text.trim()) {
        api.look_for_keys(true).await;
    }
    let read = api.0.parts.tokens.read(text.trim(), aud, api.now_ms());
    // A browser keeps a cookie longer than it is worth; what is for everybody stays so.
    let public = matches!(route.need, Need::Nobody | Need::Public(_));
    let claims = match read {
        Err(_) if public && bearer.is_none() && ticket.is_none() => return Ok(None),
        read => read?,
    };
    if claims.sub.starts_with(DEVICE) {
        return Ok(Some(Person::Somebody(Somebody {
            name: claims.sub,
            version: claims.ver,
            roles: Vec::new(),
            member: None,
        })));
    }
    let account = api.0.parts.accounts.find(&claims.sub).await?;
    let Some(account) = account.filter(|it| it.version == claims.ver) else {
        let text = "password or roles changed since this token was made; log in again";
        return Err(Failure::new(
            StatusCode::UNAUTHORIZED,
            codes::BAD_TOKEN,
            text,
        ));
    };
    Ok(Some(Person::Somebody(Somebody {
        name: account.name,
        version: account.version,
        roles: account.roles,
        member: None,
    })))
}

/// Returns one cookie of a header.
pub(super) fn cookie<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = header.split(';').filter_map(|it| it.trim().split_once('='));
    pairs.find(|(it, _)| *it == name).map(|(_, value)| value)
}

/// Finds the event that is meant; `-` is the only one.
async fn event(api: &Api, parts: &Parts, path: &BTreeMap<String, String>) -> Result<Open, Failure> {
    let named = path.get("e").or_else(|| path.get("c")).map(String::as_str);
    let query = Query::<BTreeMap<String, String>>::try_from_uri(&parts.uri);
    let query = query.map(|it| it.0).unwrap_or_default();
    let asked = query.get("event").map(String::as_str);
    let name = named.or(asked).filter(|it| *it != "-");
    Ok(api.0.parts.events.find(name).await?)
}

/// A device is at an event what the event's log says now: a revoked one is nothing from then on.
async fn at_event(api: &Api, person: Person, open: Option<&Open>) -> Result<Person, Failure> {
    let (Person::Somebody(it), Some(open)) = (&person, open) else {
        return Ok(person);
    };
    let Some(key) = person.device() else {
        return Ok(person);
    };
    let answer = open.clerk.answer(Asked::Devices(Nothing {}).into()).await;
    let devices: Devices = answer.data()?;
    let member = devices
        .devices
        .iter()
        .find(|it| it.key == key && it.revoked.is_none());
    let member = member.and_then(|it| Member::of(&it.roles));
    if member.is_some() {
        api.0.seen.note(key, api.mono_ms());
    }
    Ok(Person::Somebody(Somebody {
        member,
        ..it.clone()
    }))
}

fn may(route: &Route, person: &Person, open: Option<&Open>) -> Result<(), Failure> {
    let event = open.map_or("", |it| it.uuid.as_str());
    let scope = match route.need {
        Need::Nobody => return Ok(()),
        Need::Public(_) if open.is_some_and(|it| it.public) => return Ok(()),
        Need::Login if matches!(person, Person::Somebody(_)) => return Ok(()),
        Need::Login => return Err(login_needed()),
        Need::Public(scope) | Need::Scope(scope) => scope,
    };
    match person {
        Person::Nobody(_) => Err(login_needed()),
        Person::Somebody(_) if person.may(scope, event) => Ok(()),
        Person::Somebody(it) => {
            let role = person.named(event);
            let text = format!(
                "{} is {role} here, and that does not include {}; nothing was changed; ask the \
                 owner for another role",
                it.name,
                scope.name()
            );
            Err(Failure::new(StatusCode::FORBIDDEN, codes::ROLE, text))
        }
    }
}

async fn read(body: Body, route: &Route, stranger: bool) -> Result<Bytes, Failure> {
    let most = if stranger {
        route.body_max.min(BODY_NOBODY_MAX)
    } else {
        route.body_max
    };
    let time = if stranger {
        BODY_NOBODY_TIME
    } else {
        BODY_TIME
    };
    match timeout(time, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => {
            let text = format!("the body is above {most} bytes, or broke off; nothing was changed");
            Err(Failure::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                codes::TOO_LARGE,
                text,
            ))
        }
        Err(_) => {
            let text = "the body did not come in time; nothing was changed; send it again";
            Err(Failure::new(
                StatusCode::REQUEST_TIMEOUT,
                codes::TOO_SLOW,
                text,
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(peer: &str, headers: &[(&'static str, &'static str)]) -> Parts {
        let mut request = Request::new(Body::empty());
        for (name, value) in headers {
            let value = HeaderValue::from_static(value);
            request.headers_mut().append(*name, value);
        }
        let peer = Peer(peer.parse().unwrap());
        request.extensions_mut().insert(ConnectInfo(peer));
        request.into_parts().0
    }

    /// Only who stands before the node on the same machine says where somebody comes from, and how.
    #[test]
    fn nobody_says_for_himself_where_he_comes_from() {
        let said = [
            ("x-forwarded-for", "198.51.100.9"),
            ("x-forwarded-for", "203.0.113.1, 192.0.2.7"),
            ("x-forwarded-proto", "https"),
        ];
        let far = parts("192.0.2.1:9", &said);
        assert_eq!(address(&far).to_string(), "192.0.2.1");
        assert!(!is_secure(&far));
        for here in ["127.0.0.1:9", "[::1]:9", "[::ffff:127.0.0.1]:9"] {
            let near = parts(here, &said);
            assert_eq!(address(&near).to_string(), "192.0.2.7", "{here}");
            assert!(is_secure(&near), "{here}");
        }
        assert!(!is_secure(&parts(
            "127.0.0.1:9",
            &[("x-forwarded-proto", "http")]
        )));
    }

    /// A device that was found at an event is known for a while; nobody else is.
    #[test]
    fn a_member_is_known_for_a_while() {
        let seen = Seen::default();
        assert!(!seen.has("key", 0));
        seen.note("key", 5);
        assert!(seen.has("key", 5 + SEEN_MS - 1));
        assert!(!seen.has("key", 5 + SEEN_MS) && !seen.has("other", 5));
        seen.note("other", 5 + SEEN_MS);
        assert_eq!(seen.0.lock().unwrap().len(), 1);
    }
}
