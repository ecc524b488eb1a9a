//! Codes of problems that only HTTP has; all others are those of the command socket.
//!
//! Layer: node, api.

/// Nothing is at this path.
pub(super) const NOT_FOUND: &str = "not_found";
/// The path does not take this method.
pub(super) const METHOD: &str = "method_not_allowed";
/// The body is larger than the route takes.
pub(super) const TOO_LARGE: &str = "too_large";
/// The body did not arrive in time.
pub(super) const TOO_SLOW: &str = "too_slow";
/// Nobody is logged in, and the route is not for everybody.
pub(super) const LOGIN_NEEDED: &str = "login_needed";
/// The token is none of this node's, or of somebody who may not log in any more.
pub(super) const BAD_TOKEN: &str = "bad_token";
/// The token's time is over.
pub(super) const TOKEN_OVER: &str = "token_over";
/// Name or password is wrong.
pub(super) const BAD_LOGIN: &str = "bad_login";
/// A refresh token came a second time.
pub(super) const TOKEN_REUSED: &str = "token_reused";
/// The person's role does not include this.
pub(super) const ROLE: &str = "role_may_not";
/// Asked too often.
pub(super) const TOO_MANY: &str = "too_many_requests";
/// As many spectators are streamed to as the node can.
pub(super) const STREAMS_FULL: &str = "streams_full";
/// As many devices reach the cloud over HTTPS as it can take.
pub(super) const TUNNELS_FULL: &str = "tunnels_full";
/// An `Idempotency-Key` came with another request than before.
pub(super) const KEY_REUSED: &str = "idempotency_key_reused";
/// Another node is answering the same request, by its `Idempotency-Key`.
pub(super) const BEING_ANSWERED: &str = "being_answered";
/// What stands is not what the asker saw.
pub(super) const CHANGED: &str = "changed_meanwhile";
/// Somebody else has claimed the match.
pub(super) const CLAIM_HELD: &str = "claim_held";
/// The match is not claimed by who asks.
pub(super) const NO_CLAIM: &str = "no_claim";
/// There is no plan.
pub(super) const NO_PLAN: &str = "no_plan";
/// The node is behind, or saves nothing.
pub(super) const NOT_READY: &str = "not_ready";
/// The event names no file so.
pub(super) const NOT_NAMED: &str = "media_not_named";
/// Not all of the file is here yet.
pub(super) const PENDING: &str = "media_pending";
/// The file is no picture or clip, or is named as another kind.
pub(super) const BAD_KIND: &str = "media_kind";
/// The file has no such bytes.
pub(super) const BAD_RANGE: &str = "bad_range";
/// A request ended by a fault of the program.
pub(super) const FAULT: &str = "fault";
