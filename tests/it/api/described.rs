//! Whether an answer is what the description says: every answer that a test reads is held against it,
//! field by field.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Value, json};

/// The routes of the description, by method and the parts of their paths.
static ROUTES: LazyLock<Vec<Described>> = LazyLock::new(read);

struct Described {
    method: String,
    parts: Vec<String>,
    /// What a good answer is, and a problem; `None` for what is no JSON.
    good: Option<Validator>,
    problem: Validator,
}

/// Checks an answer's JSON against the description; what no route answers is described by none.
pub(super) fn check(method: &str, path: &str, (status, kind): (u16, &str), body: &[u8]) {
    let path = path.split('?').next().unwrap_or_default();
    let parts: Vec<&str> = path.split('/').collect();
    let routes = ROUTES.iter().filter(|it| it.method == method);
    let fits = |it: &&Described| {
        it.parts.len() == parts.len()
            && it
                .parts
                .iter()
                .zip(&parts)
                .all(|(it, part)| it.starts_with('{') || it == part)
    };
    // A fixed part is meant before an open one.
    let route = routes.filter(fits).min_by_key(|it| {
        let open = it.parts.iter().filter(|part| part.starts_with('{'));
        open.count()
    });
    let Some(route) = route else { return };
    let shape = match kind {
        "application/json" if status == 200 => route.good.as_ref(),
        "application/problem+json" => Some(&route.problem),
        _ => return,
    };
    let told: Value = serde_json::from_slice(body).unwrap();
    let shape = shape.unwrap_or_else(|| panic!("{method} {path} answers JSON: {told}"));
    let wrong: Vec<String> = shape
        .iter_errors(&told)
        .map(|it| format!("{}: {it}", it.instance_path()))
        .collect();
    assert!(
        wrong.is_empty(),
        "{method} {path} is not as described: {wrong:#?}"
    );
}

fn read() -> Vec<Described> {
    let mut all = serde_json::to_value(tallyline::api::describe()).unwrap();
    close(&mut all["components"]["schemas"]);
    let components = &all["components"];
    let validator = |content: &Value| {
        let schema = content.get("schema")?;
        let whole = json!({ "allOf": [schema], "components": components });
        Some(jsonschema::draft202012::new(&whole).unwrap())
    };
    let mut routes = Vec::new();
    for (path, methods) in all["paths"].as_object().unwrap() {
        for (method, route) in methods.as_object().unwrap() {
            let answers = &route["responses"];
            let problem = &answers["default"]["content"]["application/problem+json"];
            routes.push(Described {
                method: method.to_uppercase(),
                parts: path.split('/').map(str::to_owned).collect(),
                good: validator(&answers["200"]["content"]["application/json"]),
                problem: validator(problem).unwrap(),
            });
        }
    }
    routes
}

/// Lets no field through that is not described: a shape that others are made of is left as it is, and
/// so is one that says itself what else may be there.
fn close(shapes: &mut Value) {
    let all = shapes.as_object_mut().unwrap();
    let mut within = BTreeSet::new();
    for shape in all.values() {
        for part in shape["allOf"].as_array().into_iter().flatten() {
            let name = part["$ref"].as_str().and_then(|it| it.rsplit('/').next());
            within.extend(name.map(str::to_owned));
        }
    }
    let closed: BTreeMap<&String, &mut Value> = all
        .iter_mut()
        .filter(|(name, shape)| {
            let object = shape["type"] == "object" || shape.get("allOf").is_some();
            object && !within.contains(*name) && shape.get("additionalProperties").is_none()
        })
        .collect();
    for shape in closed.into_values() {
        shape["unevaluatedProperties"] = false.into();
    }
}

/// The check itself sees a wrong type, a missing field and one too many.
#[test]
fn an_answer_that_is_not_as_described_is_seen() {
    let good = json!({ "schema": "tallyline.alive/1", "ok": true });
    let seen = |told: &Value| {
        let body = told.to_string();
        let kind = (200, "application/json");
        let asked = || check("GET", "/healthz", kind, body.as_bytes());
        std::panic::catch_unwind(asked).is_err()
    };
    assert!(!seen(&good));
    for (field, value) in [
        ("ok", json!("yes")),
        ("ok", Value::Null),
        ("more", json!(1)),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        assert!(seen(&bad), "{bad}");
    }
    assert!(seen(&json!({ "ok": true })));
    let problem = json!({ "status": 404, "code": "not_found" }).to_string();
    let kind = (404, "application/problem+json");
    let asked = || check("GET", "/healthz", kind, problem.as_bytes());
    assert!(std::panic::catch_unwind(asked).is_err());
}
