//! The description of all routes, made from their table.
//!
//! Layer: node, api.

use axum::response::Response;
use utoipa::ToSchema;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, Content, HttpMethod, InfoBuilder, OpenApi, OpenApiBuilder, Paths, Ref,
    RefOr, Required, ResponseBuilder,
};

use super::Failure;
use super::ask::{Ask, json};
use super::limits::Limit;
use super::routes::{Need, Of, ROUTES, Route, Verb};
use super::{auth, blobs, claims, exchange};
use crate::local::protocol::{
    Adopt, Decide, Grant, IncidentAdd, IncidentReport, ScoreAdd, ScoreVoid,
};

/// What a token is called in the description.
const TOKEN: &str = "token";

/// Answers the description.
#[expect(clippy::unused_async, reason = "every handler is asked later")]
pub(super) async fn answer(_: Ask) -> Result<Response, Failure> {
    Ok(json(&describe()))
}

/// Describes every route.
pub(super) fn describe() -> OpenApi {
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
        .schemas_from_iter(bodies())
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
    if !route.takes.is_empty() {
        operation = operation.request_body(Some(request_body(route)));
    }
    let mut good = ResponseBuilder::new().description(route.gives);
    let kinds = if route.gives.contains('/') && !route.gives.contains("tallyline") {
        route.gives
    } else {
        JSON
    };
    for kind in kinds.split(", ") {
        good = good.content(kind, content(kind));
    }
    let bad = ResponseBuilder::new()
        .description("a problem with its code, and where it is")
        .content(PROBLEM, content(PROBLEM));
    for &(status, what) in route.also {
        operation = operation.response(status, ResponseBuilder::new().description(what));
    }
    operation.response("200", good).response("default", bad)
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
fn request_body(route: &Route) -> RequestBody {
    let body = RequestBodyBuilder::new().description(Some(format!(
        "{}, at most {} bytes",
        route.takes, route.body_max
    )));
    let body = if route.takes.ends_with("bytes") {
        body.content(BYTES, content(BYTES))
    } else {
        body.content(JSON, Content::new(Some(Ref::from_schema_name(route.takes))))
    };
    let required = if route.body_may_miss {
        Required::False
    } else {
        Required::True
    };
    body.required(Some(required)).build()
}

const JSON: &str = "application/json";

const PROBLEM: &str = "application/problem+json";

const BYTES: &str = "application/octet-stream";

/// Returns the shapes of all bodies, and of what is inside them, by name.
fn bodies() -> Vec<(String, RefOr<Schema>)> {
    let any = [
        Type::Object,
        Type::Array,
        Type::String,
        Type::Number,
        Type::Boolean,
    ];
    let anything = ObjectBuilder::new()
        .schema_type(SchemaType::Array(any.to_vec()))
        .description(Some("any JSON but null, at most 64 KiB"))
        .build();
    let mut all = vec![("Plan".to_owned(), anything.into())];
    add::<auth::Login>(&mut all);
    add::<auth::DeviceLogin>(&mut all);
    add::<auth::NewAccount>(&mut all);
    add::<blobs::NewBlob>(&mut all);
    add::<claims::NewClaim>(&mut all);
    add::<exchange::Push>(&mut all);
    add::<ScoreAdd>(&mut all);
    add::<ScoreVoid>(&mut all);
    add::<IncidentAdd>(&mut all);
    add::<IncidentReport>(&mut all);
    add::<Decide>(&mut all);
    add::<Adopt>(&mut all);
    add::<Grant>(&mut all);
    all
}

fn add<T: ToSchema>(all: &mut Vec<(String, RefOr<Schema>)>) {
    all.push((T::name().into_owned(), T::schema()));
    T::schemas(all);
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
    use std::collections::BTreeSet;

    use super::*;

    /// A body without a shape would be a reference to nothing.
    #[test]
    fn every_body_has_its_shape() {
        let told = serde_json::to_value(describe()).expect("JSON");
        let shapes = told["components"]["schemas"].as_object().expect("shapes");
        let taken = ROUTES.iter().map(|it| it.takes);
        for name in taken.filter(|it| !it.is_empty() && !it.ends_with("bytes")) {
            assert!(shapes.contains_key(name), "{name}");
        }
        let text = told.to_string();
        for part in text.split("#/components/schemas/").skip(1) {
            let name = part.split('"').next().expect("a name");
            assert!(shapes.contains_key(name), "{name}");
        }
        let score = &shapes["ScoreData"];
        assert_eq!(score["properties"]["time_cs"]["type"], "array");
        assert_eq!(score["additionalProperties"], false);
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
