//! The one table of routes: path, who may, how often, how large. Router, limits and description all
//! come from it, so none of them knows a route that the others do not.
//!
//! Layer: node, api.

mod table;

use std::any::Any;
use std::pin::Pin;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, on};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use super::ask::Ask;
use super::gate;
use super::limits::Limit;
use super::{Api, Failure, Scope, codes};

pub(super) use table::ROUTES;

/// Largest body of most routes: a score has some hundred bytes, a court match's a thousand.
const BODY_MAX: usize = 64 * 1024;

/// Largest body of a route that takes files: the largest bundle, as on the command line.
pub(super) const FILE_MAX: usize = 64 * 1024 * 1024;

/// Largest part of a picture or clip: what is sent again after a break, at most, and what a node holds
/// in memory for each sender.
pub(super) const PART_MAX: usize = 1024 * 1024;

/// Who may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Everybody.
    Nobody,
    /// Everybody where the event is public, else who has the scope.
    Public(Scope),
    /// Who has the scope.
    Scope(Scope),
    /// Who is logged in.
    Login,
}

/// What a route is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// The node.
    Node,
    /// One event: of the path's `{e}` or `{c}`, else of `?event=`, else the only one.
    Event,
}

/// The media type of most answers.
pub(super) const JSON: &str = "application/json";

/// What finds the answer.
type Serve = fn(Ask) -> Pin<Box<dyn Future<Output = Result<Response, Failure>> + Send>>;

/// The header with which a client says what it has.
pub(super) const TAG: (&str, &str) = (
    "If-None-Match",
    "the ETag of the answer that the client has",
);

/// What it is told then.
pub(super) const SAME: (&str, &str) = ("304", "the client has it already");

/// Describes what JSON something is.
pub(super) type Shape = fn() -> Described;

/// What JSON something is: its name and shape, and those of what is inside it.
pub(super) struct Described {
    pub(super) name: String,
    pub(super) shape: RefOr<Schema>,
    pub(super) inside: Vec<(String, RefOr<Schema>)>,
}

impl Described {
    pub(super) fn of<T: ToSchema>() -> Self {
        let mut inside = Vec::new();
        T::schemas(&mut inside);
        Self {
            name: T::name().into_owned(),
            shape: T::schema(),
            inside,
        }
    }
}

/// What a body is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Takes {
    /// There is none.
    Nothing,
    /// JSON.
    Json(Shape),
    /// A file's bytes, or some of them.
    Bytes(&'static str),
}

/// One route.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    /// Its name, unique.
    pub(super) id: &'static str,
    pub(super) method: Verb,
    pub(super) path: &'static str,
    /// What it does, for the description.
    pub(super) what: &'static str,
    pub(super) need: Need,
    pub(super) of: Of,
    pub(super) limit: Limit,
    pub(super) body_max: usize,
    /// What may stand behind the question mark: names and what they say.
    pub(super) query: &'static [(&'static str, &'static str)],
    /// Headers that change the answer: names and what they say.
    pub(super) headers: &'static [(&'static str, &'static str)],
    /// Other answers than 200 that are none of a problem: status and when.
    pub(super) also: &'static [(&'static str, &'static str)],
    /// What the body is.
    pub(super) takes: Takes,
    /// Whether the body may be left out.
    pub(super) body_may_miss: bool,
    /// Media types of the answer, with commas between.
    pub(super) gives: &'static str,
    /// What JSON the answer is: one of these.
    pub(super) tells: &'static [Shape],
    /// Whether `?ticket=` stands for a token: browsers open streams without headers.
    pub(super) takes_ticket: bool,
    pub(super) serve: Serve,
}

/// A method that routes take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Post,
    Put,
    Delete,
}

impl Verb {
    fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
            Self::Delete => MethodFilter::DELETE,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

impl Route {
    /// Returns whether the answer is kept for the same request with the same `Idempotency-Key`. Never one
    /// of logging in: it holds what opens the login.
    pub(super) fn keeps_answers(&self) -> bool {
        self.method == Verb::Post && matches!(self.need, Need::Scope(_))
    }

    const fn new(id: &'static str, method: Verb, path: &'static str, serve: Serve) -> Self {
        Self {
            id,
            method,
            path,
            what: "",
            need: Need::Nobody,
            of: Of::Node,
            limit: Limit::List,
            body_max: BODY_MAX,
            query: &[],
            headers: &[],
            also: &[],
            takes: Takes::Nothing,
            body_may_miss: false,
            gives: JSON,
            tells: &[],
            takes_ticket: false,
            serve,
        }
    }

    const fn get(id: &'static str, path: &'static str, serve: Serve) -> Self {
        Self::new(id, Verb::Get, path, serve)
    }

    const fn post(id: &'static str, path: &'static str, serve: Serve) -> Self {
        Self::new(id, Verb::Post, path, serve)
    }

    const fn what(mut self, what: &'static str) -> Self {
        self.what = what;
        self
    }

    const fn need(mut self, scope: Scope) -> Self {
        self.need = Need::Scope(scope);
        self.of = Of::Event;
        self
    }

    /// For everybody where the event is public, with a ticket or a cookie elsewhere.
    const fn public(mut self) -> Self {
        self.need = Need::Public(Scope::Board);
        self.of = Of::Event;
        self.limit = Limit::Board;
        self.takes_ticket = true;
        self
    }

    /// For everybody where the event is public, else for a scope.
    const fn open(mut self, scope: Scope) -> Self {
        self.need = Need::Public(scope);
        self.of = Of::Event;
        self
    }

    const fn login(mut self) -> Self {
        self.need = Need::Login;
        self
    }

    const fn of_node(mut self) -> Self {
        self.of = Of::Node;
        self
    }

    const fn limit(mut self, limit: Limit) -> Self {
        self.limit = limit;
        self
    }

    const fn file(mut self) -> Self {
        self.body_max = FILE_MAX;
        self
    }

    /// As [`Self::takes`], for a body that may be left out.
    const fn may_take<T: ToSchema>(mut self) -> Self {
        self.body_may_miss = true;
        self.takes::<T>()
    }

    const fn part(mut self) -> Self {
        self.body_max = PART_MAX;
        self
    }

    const fn takes<T: ToSchema>(mut self) -> Self {
        self.takes = Takes::Json(Described::of::<T>);
        self
    }

    const fn takes_bytes(mut self, what: &'static str) -> Self {
        self.takes = Takes::Bytes(what);
        self
    }

    const fn headers(mut self, headers: &'static [(&'static str, &'static str)]) -> Self {
        self.headers = headers;
        self
    }

    /// For an answer with a tag that a client may have already.
    const fn tagged(self) -> Self {
        self.headers(&[TAG]).also(&[SAME])
    }

    const fn also(mut self, also: &'static [(&'static str, &'static str)]) -> Self {
        self.also = also;
        self
    }

    /// For an answer that is no JSON of a shape.
    const fn gives(mut self, kinds: &'static str) -> Self {
        self.gives = kinds;
        self
    }

    const fn tells<T: ToSchema>(self) -> Self {
        self.tells_one_of(const { &[Described::of::<T>] })
    }

    const fn tells_one_of(mut self, shapes: &'static [Shape]) -> Self {
        self.tells = shapes;
        self
    }

    const fn query(mut self, query: &'static [(&'static str, &'static str)]) -> Self {
        self.query = query;
        self
    }
}

/// Makes the router.
pub(super) fn router(api: &Api) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let api = api.clone();
        let serve = move |request: Request| gate::pass(api.clone(), route, request);
        router = router.route(route.path, on(route.method.filter(), serve));
    }
    let (here, there) = (api.clone(), api.clone());
    router
        .method_not_allowed_fallback(async move |it: Request| {
            gate::nowhere(&here, it, wrong_method)
        })
        .fallback(async move |it: Request| gate::nowhere(&there, it, nothing))
        .layer(map_response(secure))
        .layer(CatchPanicLayer::custom(broken))
}

fn nothing(_: &Method, uri: &Uri) -> Failure {
    let text = format!("nothing is at {}; see /api/v1/openapi.json", uri.path());
    Failure::new(StatusCode::NOT_FOUND, codes::NOT_FOUND, text)
}

fn wrong_method(method: &Method, uri: &Uri) -> Failure {
    let text = format!(
        "{} does not take {method}; see /api/v1/openapi.json",
        uri.path()
    );
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, codes::METHOD, text)
}

#[expect(clippy::needless_pass_by_value, reason = "what tower-http hands over")]
fn broken(cause: Box<dyn Any + Send>) -> Response {
    let text = cause.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| cause.downcast_ref::<&str>().copied());
    tracing::error!(cause = text, "a request ended by a fault of the program");
    Failure::fault("the request ended by a fault of the program; nothing that was saved is lost")
        .into_response()
}

/// Says to browsers what they may do with an answer.
async fn secure(mut response: Response) -> Response {
    let always: [(HeaderName, &str); 4] = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
             img-src 'self' data:; base-uri 'none'; form-action 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ];
    let headers = response.headers_mut();
    for (name, text) in always {
        headers.insert(name, HeaderValue::from_static(text));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

#[cfg(test)]
mod tests;
