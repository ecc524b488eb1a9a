//! Coverage plans: what a coach or photographer wants to see, one document for each person and
//! event, read by nobody else.
//!
//! Layer: node, api.

use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use super::ask::{Ask, json as answer};
use super::codes;
use super::failure::Failure;
use crate::local::protocol::Done;

/// Largest plan in bytes: some hundred lines about who is where when.
const PLAN_BYTES_MAX: usize = 32 * 1024;

pub(super) async fn get(ask: Ask) -> Result<Response, Failure> {
    let plan = ask
        .api
        .0
        .parts
        .accounts
        .plan(ask.name()?, &ask.open()?.uuid)
        .await?;
    plan.map(told).ok_or_else(|| {
        let text = "there is no plan of yours for this event; keep one with PUT";
        Failure::new(StatusCode::NOT_FOUND, codes::NO_PLAN, text)
    })
}

pub(super) async fn put(ask: Ask) -> Result<Response, Failure> {
    if PLAN_BYTES_MAX < ask.body.len() {
        let text = format!("a plan has at most {PLAN_BYTES_MAX} bytes; nothing was changed");
        return Err(Failure::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            codes::TOO_LARGE,
            text,
        ));
    }
    let plan: Value = ask.json()?;
    if plan.is_null() {
        let text = "null is no plan; nothing was changed; use DELETE to have none";
        return Err(Failure::bad_request("body", text));
    }
    let (name, event) = (ask.name()?, &ask.open()?.uuid);
    ask.api
        .0
        .parts
        .accounts
        .put_plan(name, event, Some(plan.clone()))
        .await?;
    Ok(told(plan))
}

pub(super) async fn remove(ask: Ask) -> Result<Response, Failure> {
    ask.api
        .0
        .parts
        .accounts
        .put_plan(ask.name()?, &ask.open()?.uuid, None)
        .await?;
    Ok(answer(&Done::said("There is no plan any more.")))
}

/// Somebody's coverage plan for an event.
#[derive(Serialize, ToSchema)]
pub(super) struct PlanTold {
    /// `tallyline.plan/1`.
    schema: &'static str,
    #[schema(value_type = Plan)]
    plan: Value,
}

/// Any JSON but null.
pub(super) struct Plan;

impl PartialSchema for Plan {
    fn schema() -> RefOr<Schema> {
        let any = [
            Type::Object,
            Type::Array,
            Type::String,
            Type::Number,
            Type::Boolean,
        ];
        let plan = ObjectBuilder::new()
            .schema_type(SchemaType::Array(any.to_vec()))
            .description(Some("any JSON but null, at most 64 KiB"));
        plan.build().into()
    }
}

impl ToSchema for Plan {}

fn told(plan: Value) -> Response {
    let schema = "tallyline.plan/1";
    answer(&PlanTold { schema, plan })
}
