//! The description of all routes, made from their table.
//!
//! Layer: node, api.

use axum::response::Response;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, Content, HttpMethod, InfoBuilder, OpenApi, OpenApiBuilder, Paths, Ref,
    RefOr, Required, ResponseBuilder,
};

use super::Failure;
use super::ask::{Ask, json};
use super::failure::ProblemDetails;
use super::limits::Limit;
use super::routes::{Described, JSON, Need, Of, ROUTES, Route, Shape, Takes, Verb};

/// What a token is called in the description.
const TOKEN: &str = "token";

/// Answers the description.
#[expect(clippy::unused_async, reason = "every handler is asked later")]
pub(super) async fn answer(_: Ask) -> Result<Response, Failure> {
    Ok(json(&describe()))
}

/// Describes every route: what it takes, what it answers, who may.
pub fn describe() -> OpenApi {
    let mut paths = Paths::new();
    for route in ROUTES {
        let method = match route.method {
            Verb::Get => HttpMethod::Get,
            Verb::Post => HttpMethod::Post,
            Verb::Put => HttpMethod::Put,
            Verb::Delete => HttpMethod::Delete,
        };
        paths.add_path_operation(route.path, vec![method], operation(route));
    }
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .build();
    let components = ComponentsBuilder::new()
        .schemas_from_iter(shapes())
        .security_scheme(TOKEN, SecurityScheme::Http(bearer))
        .build();
    let info = InfoBuilder::new()
        .title("Tallyline")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Offline-first scoring for match officials. Errors are application/problem+json with \
             stable codes; docs/API.md has examples.",
        ));
    OpenApiBuilder::new()
        .info(info)
        .paths(paths)
        .components(Some(components))
        .build()
}

fn operation(route: &Route) -> OperationBuilder {
    let (name, count, window_s) = route.limit.row();
    let (scope, securities) = match route.need {
        Need::Nobody => ("for everybody".to_owned(), None),
        Need::Public(scope) => {
            let text = format!(
                "for everybody if the event is public, else scope {}",
                scope.name()
            );
            (
                text,
                Some(vec![SecurityRequirement::default(), needs(scope.name())]),
            )
        }
        Need::Scope(scope) => (
            format!("scope {}", scope.name()),
            Some(vec![needs(scope.name())]),
        ),
        Need::Login => ("logged in".to_owned(), Some(vec![needs("")])),
    };
    let (_, address, _) = Limit::Address.row();
    let text = format!(
        "Who: {scope}. Limit \"{name}\": {count} in {window_s} s; without a login {address} a \
         second for an address, all routes together."
    );
    let mut operation = OperationBuilder::new()
        .operation_id(Some(route.id))
        .summary(Some(route.what))
        .description(Some(text))
        .tag(tag(route.path))
        .securities(securities);
    for part in parts(route.path) {
        operation = operation.parameter(parameter(part, ParameterIn::Path, ""));
    }
    for &(name, what) in route.query {
        operation = operation.parameter(parameter(name, ParameterIn::Query, what));
    }
    if route.of == Of::Event && parts(route.path).all(|it| it != "e" && it != "c") {
        let what = "UUID or name of the event; needed where the node has several";
        operation = operation.parameter(parameter("event", ParameterIn::Query, what));
    }
    for &(name, what) in route.headers {
        operation = operation.parameter(parameter(name, ParameterIn::Header, what));
    }
    if let Some(what) = key_of(route) {
        operation = operation.parameter(parameter("Idempotency-Key", ParameterIn::Header, what));
    }
    operation = operation.request_body(request_body(route));
    let mut good = ResponseBuilder::new().description(route.what);
    for kind in route.gives.split(", ") {
        good = match told(route) {
            Some(shape) if kind == JSON => good.content(kind, Content::new(Some(shape))),
            Some(_) | None => good.content(kind, content(kind)),
        };
    }
    let bad = ResponseBuilder::new()
        .description("a problem with its code, and where it is")
        .content(
            PROBLEM,
            Content::new(Some(Ref::from_schema_name(problem().name))),
        );
    for &(status, what) in route.also {
        operation = operation.response(status, ResponseBuilder::new().description(what));
    }
    operation.response("200", good).response("default", bad)
}

/// Returns what JSON a route answers.
fn told(route: &Route) -> Option<RefOr<Schema>> {
    let named = |shape: &Shape| Ref::from_schema_name(shape().name);
    match route.tells {
        [] => None,
        [one] => Some(named(one).into()),
        several => {
            let all = several.iter().map(named);
            let all = all.fold(AnyOfBuilder::new(), AnyOfBuilder::item);
            Some(RefOr::T(all.build().into()))
        }
    }
}

fn problem() -> Described {
    Described::of::<ProblemDetails>()
}

/// Says what an `Idempotency-Key` does; `None`: nothing.
fn key_of(route: &Route) -> Option<&'static str> {
    match route.id {
        "refresh" => Some(
            "a key for this request; sent again within 5 minutes with the same cookie, it renews \
             the login to the same next cookie",
        ),
        _ => route.keeps_answers().then_some(
            "a key for this request; sent again once it was done, it has the same answer",
        ),
    }
}

/// Describes the body that a route takes.
fn request_body(route: &Route) -> Option<RequestBody> {
    let (what, kind, content) = match route.takes {
        Takes::Nothing => return None,
        Takes::Bytes(what) => (what.to_owned(), BYTES, content(BYTES)),
        Takes::Json(shape) => {
            let name = shape().name;
            let content = Content::new(Some(Ref::from_schema_name(&name)));
            (name, JSON, content)
        }
    };
    let required = if route.body_may_miss {
        Required::False
    } else {
        Required::True
    };
    let body = RequestBodyBuilder::new()
        .description(Some(format!("{what}, at most {} bytes", route.body_max)))
        .content(kind, content)
        .required(Some(required));
    Some(body.build())
}

const PROBLEM: &str = "application/problem+json";

const BYTES: &str = "application/octet-stream";

/// Returns the shapes of all bodies and answers, and of what is inside them, by name.
fn shapes() -> Vec<(String, RefOr<Schema>)> {
    let taken = ROUTES.iter().filter_map(|route| match route.takes {
        Takes::Json(shape) => Some(shape()),
        Takes::Nothing | Takes::Bytes(_) => None,
    });
    let told = ROUTES.iter().flat_map(|route| route.tells).map(|it| it());
    let all = taken.chain(told).chain([problem()]);
    all.flat_map(|it| it.inside.into_iter().chain([(it.name, it.shape)]))
        .collect()
}

/// What a media type holds: an object where it is JSON, else a text or bytes.
fn content(kind: &str) -> Content {
    let object = if kind.ends_with("json") {
        Type::Object
    } else {
        Type::String
    };
    let shape = ObjectBuilder::new().schema_type(object).build();
    ContentBuilder::new().schema(Some(shape)).build()
}

fn needs(scope: &str) -> SecurityRequirement {
    let scopes: Vec<&str> = Some(scope)
        .filter(|it| !it.is_empty())
        .into_iter()
        .collect();
    SecurityRequirement::new(TOKEN, scopes)
}

fn parameter(name: &str, place: ParameterIn, what: &str) -> ParameterBuilder {
    let required = match place {
        ParameterIn::Path => Required::True,
        ParameterIn::Query
        | ParameterIn::QueryString
        | ParameterIn::Header
        | ParameterIn::Cookie => Required::False,
    };
    let text = ObjectBuilder::new().schema_type(Type::String).build();
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(Some(what).filter(|it| !it.is_empty()))
        .schema(Some(text))
}

/// Returns the open parts of a path.
fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// Groups routes by what they are about.
fn tag(path: &str) -> &'static str {
    match path {
        it if it.starts_with("/api/auth") || it.contains("/accounts") => "people",
        it if it.starts_with("/api/events") => "event",
        it if it.starts_with("/api/v1/sync") || it.contains("port") => "exchange",
        it if it.starts_with("/api") => "office",
        _ => "node",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// A reference to nothing, or two things of one name, would mislead whoever makes types of it.
    #[test]
    fn every_name_has_one_shape() {
        let mut known: BTreeMap<String, RefOr<Schema>> = BTreeMap::new();
        for (name, shape) in shapes() {
            let before = known.insert(name.clone(), shape.clone());
            assert!(before.is_none_or(|it| it == shape), "two are called {name}");
        }
        let text = serde_json::to_string(&describe()).expect("JSON");
        for part in text.split("#/components/schemas/").skip(1) {
            let name = part.split('"').next().expect("a name");
            assert!(known.contains_key(name), "{name}");
        }
        let score = serde_json::to_value(&known["ScoreData"]).expect("JSON");
        assert_eq!(score["properties"]["time_cs"]["type"], "array");
        assert_eq!(score["additionalProperties"], false);
    }

    /// What is JSON says which.
    #[test]
    fn every_answer_says_what_it_is() {
        for route in ROUTES.iter().filter(|it| it.gives == JSON) {
            assert!(
                !route.tells.is_empty() || route.id == "openapi",
                "{}",
                route.id
            );
        }
    }

    /// Both ways: no route is missing, and none is described that is not there.
    #[test]
    fn the_description_has_every_route_and_no_other() {
        let told = serde_json::to_value(describe()).expect("JSON");
        let mut described = BTreeSet::new();
        for (path, item) in told["paths"].as_object().expect("paths") {
            for method in [
                "get", "post", "put", "delete", "patch", "head", "options", "trace",
            ] {
                if let Some(operation) = item.get(method) {
                    let method = method.to_uppercase();
                    let id = operation["operationId"]
                        .as_str()
                        .expect("a name")
                        .to_owned();
                    described.insert((method, path.clone(), id));
                }
            }
        }
        let routes: BTreeSet<(String, String, String)> = ROUTES
            .iter()
            .map(|it| {
                (
                    it.method.name().to_owned(),
                    it.path.to_owned(),
                    it.id.to_owned(),
                )
            })
            .collect();
        assert_eq!(described, routes);
        assert_eq!(
            told["openapi"].as_str().map(|it| it.starts_with("3.1")),
            Some(true)
        );
        let post = &told["paths"]["/api/events/{e}/scores"]["post"];
        assert_eq!(post["security"][0]["token"][0], "scores-write");
        let names: Vec<&str> = post["parameters"]
            .as_array()
            .expect("parameters")
            .iter()
            .filter_map(|it| it["name"].as_str())
            .collect();
        assert_eq!(names, ["e", "If-Match", "Idempotency-Key"]);
        let devices = &told["paths"]["/api/v1/devices"]["get"]["parameters"];
        assert_eq!(devices[0]["name"], "event");
        let blob = &told["paths"]["/api/v1/blobs/{hash}"]["get"];
        assert!(blob["responses"]["206"].is_object(), "{blob}");
    }
}
