//! Codes of problems that do not come from the scoring rules.

/// The request line is no request.
pub const BAD_REQUEST: &str = "bad_request";
/// The commit failed; nothing was saved.
pub const NOT_SAVED: &str = "not_saved";
/// The node is ending.
pub const STOPPED: &str = "stopped";
/// There is no event in this root yet.
pub const NO_EVENT: &str = "no_event";
/// The node has another event than the one named.
pub const UNKNOWN_EVENT: &str = "unknown_event";
/// Several events are meant, and one has to be named.
pub const WHICH_EVENT: &str = "which_event";
/// No member is called so, or several are.
pub const UNKNOWN_DEVICE: &str = "unknown_device";
/// No grant is called so, or several are.
pub const UNKNOWN_GRANT: &str = "unknown_grant";
/// No entry is called so, or several are.
pub const UNKNOWN_ENTRY: &str = "unknown_entry";
/// No picture or clip is called so, or several are.
pub const UNKNOWN_MEDIA: &str = "unknown_media";
/// Nobody in the event is called so, or several are.
pub const UNKNOWN_PERSON: &str = "unknown_person";
/// No division of the event is called so.
pub const UNKNOWN_DIVISION: &str = "unknown_division";
/// Who was asked for a cell is no desk.
pub const NOT_A_DESK: &str = "not_a_desk";
/// The cell is not the desk's own.
pub const NOT_ITS_CELL: &str = "not_its_cell";
/// Somebody holds the cell.
pub const CELL_HELD: &str = "cell_held";
/// The asker is no scorer.
pub const MAY_NOT_SCORE: &str = "may_not_score";
/// The desk lends no more at a time.
pub const TOO_MANY_CLAIMS: &str = "too_many_claims";
/// The owner has said that scoring is over.
pub const SCORING_OVER: &str = "scoring_over";
/// The desk has not lent the cell to the asker.
pub const NOT_LENT: &str = "not_lent";
/// The desk says no for a reason that only a later version knows.
pub const CLAIM_DENIED: &str = "claim_denied";
/// No open invite is called so, or several are.
pub const UNKNOWN_INVITE: &str = "unknown_invite";
/// The text is no card, or one of another kind.
pub const BAD_CARD: &str = "bad_card";
/// The text is no ticket, and no text of a device.
pub const BAD_TICKET: &str = "bad_ticket";
/// The text is no structure file.
pub const BAD_STRUCTURE: &str = "bad_structure";
/// A value is outside its range.
pub const BAD_VALUE: &str = "bad_value";
/// A file cannot be read.
pub const BAD_FILE: &str = "bad_file";
/// No node runs on this root, and the verb needs one.
pub const NOT_RUNNING: &str = "not_running";
/// There is no node in the folder.
pub const NO_ROOT: &str = "no_root";
/// The folder's files cannot be used.
pub const BAD_ROOT: &str = "bad_root";
/// The device's key may not sign here, or its passphrase is missing.
pub const KEY_REFUSED: &str = "key_refused";
/// Another process uses the root.
pub const IN_USE: &str = "in_use";
/// The store cannot be read.
pub const BAD_STORE: &str = "bad_store";
/// The event needs a later version of the program.
pub const UPDATE_NEEDED: &str = "update_needed";
/// The store was written by a later version of the program.
pub const STORE_NEWER: &str = "store_newer";
/// Something here is not in the cloud, or would be lost.
pub const NOT_SAFE: &str = "not_safe";
/// A person paused what is asked for.
pub const PAUSED: &str = "paused";
/// The root holds an event already.
pub const HAS_EVENT: &str = "has_event";
/// This node is no cloud of the event.
pub const NOT_THE_CLOUD: &str = "not_the_cloud";
