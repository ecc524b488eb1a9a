//! What may be typed: every verb with its arguments.
//!
//! Only shapes and help texts; values that have a notation of their own are read by `notation`.
//! Layer: node, cli.

mod beyond;
mod file;
mod media;
mod operations;
mod report;
mod score;
mod statement;
mod token;

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args, Parser, Subcommand};
use serde::de::DeserializeOwned;
use serde::de::value::{Error as WordError, StrDeserializer};

use super::notation::Numbers;
use crate::local::protocol::{CloseWhy, PhaseWord, Power, Role, VoidWhy};
use crate::root::Mode;

pub(super) use beyond::{
    ConflictsVerb, Decide, IncidentAdd, IncidentList, IncidentReport, IncidentVerb, RecordAdd,
    RecordList, RecordSet, RecordVerb,
};
pub(super) use file::{Export, ExportAs, Import, ImportAs};
pub(super) use media::MediaVerb;
pub(super) use operations::{
    CheckArgs, CheckFormat, ClearArgs, CloudBackup, CloudRebuildArgs, CloudVerb, Download, Support,
    SyncNow,
};
pub(super) use report::{OneDay, Plain, ReportVerb, Sheet};
pub(super) use score::{Approve, Entries, EntryArgs, ScoreAdd, ScoreVerb};
pub(super) use statement::{
    Adopt, CardsUse, CardsVerb, EventAmend, EventClose, EventStatements, Recover, Revoke,
    SpareCards, Transfer,
};
pub(super) use token::Token;

/// Longest default run of the demonstration in seconds: what a person watches in one go.
const DEMO_SECONDS_DEFAULT: u64 = 60;

/// Scoring for match officials: no internet, no server, no configuration needed.
#[derive(Debug, Parser)]
#[command(
    name = "tallyline",
    version,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done, in sync; 1 failed; 2 wrong usage; 3 pending, not in sync; \
                  4 a conflict needs a person; 5 node, peer or cloud unreachable; 6 refused; \
                  7 storage or integrity; 8 another version is needed; 9 timed out; \
                  130 interrupted."
)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) verb: Verb,
}

/// What every verb takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub(super) struct Global {
    /// Folder that holds everything the node owns [default: ~/.local/state/tallyline].
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) root: Option<String>,
    /// Configuration file, asked before the user's and the system's.
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Name or UUID of the event that is meant; refused if the root holds another.
    #[arg(long, global = true, value_name = "NAME|UUID")]
    pub(super) event: Option<String>,
    /// Write data and errors as JSON.
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Colours: auto, always or never.
    #[arg(long, global = true, value_name = "WHEN")]
    pub(super) color: Option<String>,
    /// What a running node logs on stderr, such as info or debug.
    #[arg(long, global = true, value_name = "FILTER")]
    pub(super) log: Option<String>,
    /// File whose first line is the passphrase of a sealed key [default: asked on the terminal].
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) passphrase_file: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make this root a node: draw its key.
    Init(Init),
    /// Start the node; ends on `tallyline stop`, SIGINT or SIGTERM.
    Run(Run),
    /// Create, show, lock, amend or close the event.
    #[command(subcommand)]
    Event(EventVerb),
    /// Print a ticket with which one device may join.
    Invite(Invite),
    /// Ask for admission to an event with a ticket.
    Join(Join),
    /// Admit a device by its full key, without a ticket.
    Admit(Admit),
    /// List the devices of the event.
    Devices,
    /// Let a device score drills and squads; close other grants in the same statement.
    Grant(Grant),
    /// List all grants, open and closed.
    Grants,
    /// Close a grant and give its cells to another device.
    Handover(Handover),
    /// Ask a desk for one cell, give it back, or list what is lent.
    Claim(Claim),
    /// Take the membership of a device away, for good: retired, lost, stolen, misused.
    Revoke(Revoke),
    /// Give the event to another device, or say that this one is ready to take it.
    Transfer(Transfer),
    /// Make this device the owner's by a recovery card.
    Recover(Recover),
    /// Count or reject entries that wait for the owner's decision.
    Adopt(Adopt),
    /// Draw, list, use and revoke spare cards.
    #[command(subcommand)]
    Cards(CardsVerb),
    /// Add or change a shooter.
    #[command(subcommand)]
    Roster(RosterVerb),
    /// List the people of the event, show what is sealed about one, or erase one.
    #[command(subcommand)]
    Participant(ParticipantVerb),
    /// Record, void and read scores.
    #[command(subcommand)]
    Score(ScoreVerb),
    /// Say that RO or shooter agree with a score after it was saved.
    Approve(Approve),
    /// Change a stage, or add a stage or a rule: as `event amend`.
    Amend(Box<EventAmend>),
    /// Record what an official of a race saw, add reports, and read them in their groups.
    #[command(subcommand)]
    Incident(IncidentVerb),
    /// Take in pictures and clips, list them, and get them out.
    #[command(subcommand)]
    Media(MediaVerb),
    /// Decide about an incident, and with it about its group.
    Decide(Decide),
    /// Write and read records beyond scores: attendance, badges, doses and so on.
    #[command(subcommand)]
    Record(RecordVerb),
    /// List what needs a person; exit code 0 when nothing does, 4 else.
    #[command(subcommand)]
    Conflicts(ConflictsVerb),
    /// Print standings.
    Standings(Standings),
    /// Make a report: sheets, progress, penalties, audit, compliance and more.
    #[command(subcommand)]
    Report(ReportVerb),
    /// Tell where the scores are; exit code 0 when all is in the cloud.
    Status,
    /// Look for what is wrong with this device; exit code 0 when all is well.
    Doctor(Doctor),
    /// Say why an entry, a device or a partition is as it is, and which statements decide it.
    Why {
        /// A device, or the UUID of an entry or a grant, or the beginning of one.
        #[arg(value_name = "ENTRY|DEVICE|PARTITION")]
        name: String,
    },
    /// Check every hash and signature again: of the store, or of a bundle file, without a node.
    Verify {
        /// A bundle file that `export` wrote.
        file: Option<PathBuf>,
    },
    /// Write everything into a bundle file, or the match as other programs read it.
    Export(Export),
    /// Take in a bundle, a match file, a report or a registration list.
    Import(Box<Import>),
    /// Connect and exchange now, pause or resume connections.
    #[command(subcommand)]
    Sync(SyncVerb),
    /// Take the event out of this root when the cloud has all of it; a bundle is kept.
    Clear(ClearArgs),
    /// Back a cloud up, restore it, or fill it again from its devices.
    #[command(subcommand)]
    Cloud(CloudVerb),
    /// One look for monitoring; exit code 0 ok, 1 warning, 2 critical, 3 unknown.
    Check(CheckArgs),
    /// Write a diagnostic bundle without names and secrets.
    Support(Support),
    /// End the running node.
    Stop,
    /// Replay a real match over real processes on this machine, and compare every result.
    Demo(DemoArgs),
}

#[derive(Debug, Args)]
pub(super) struct Init {
    /// What people call the device, 1 to 32 bytes [default: the mode's name].
    #[arg(long)]
    pub(super) label: Option<String>,
    /// What the node is for: device, gateway or cloud.
    #[arg(long, default_value_t = Mode::Device)]
    pub(super) mode: Mode,
    /// Seal the key with a passphrase, asked on the terminal or read from --passphrase-file.
    #[arg(long)]
    pub(super) passphrase: bool,
    /// Take a key that was made on another board to this one; no other device may have it.
    #[arg(long, conflicts_with_all = ["label", "mode", "passphrase"])]
    pub(super) adopt_board: bool,
}

#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Show whom the running node turned away, how often and why.
    #[arg(long)]
    pub(super) security: bool,
}

#[derive(Debug, Args)]
pub(super) struct Run {
    /// What the node is for: device, gateway or cloud [default: as at init].
    #[arg(long)]
    pub(super) mode: Option<Mode>,
    /// Address to listen on, ip:port; repeat for more [default: every address, any port].
    #[arg(long, value_name = "ADDR")]
    pub(super) listen: Vec<String>,
    /// Serve the board and the API over HTTP, ip:port; repeat for more [default: not served].
    #[arg(long, value_name = "ADDR")]
    pub(super) http: Vec<String>,
    /// Static peer, host:port; repeat for more.
    #[arg(long, value_name = "ADDR")]
    pub(super) peer: Vec<String>,
    /// Neither announce this node by mDNS nor look for others.
    #[arg(long)]
    pub(super) no_mdns: bool,
    /// Address of the cloud, host:port; of several nodes all, with commas between.
    #[arg(long, value_name = "ADDR")]
    pub(super) cloud: Option<String>,
    /// Fingerprint of the cloud node's key.
    #[arg(long, value_name = "KEY")]
    pub(super) cloud_key: Option<String>,
    /// HTTPS where no UDP gets through to the cloud: on, off, or ip:port where a cloud takes it
    /// [default: on; a cloud takes it on the port numbers of --listen].
    #[arg(long, value_name = "on|off|ADDR")]
    pub(super) fallback: Option<String>,
    /// Whether to write every entry as plain text into score.log beside the store [default: on].
    #[arg(long, value_name = "on|off")]
    pub(super) score_log: Option<String>,
    /// Whether the link to the cloud costs money, so that no clips go over it [default: auto].
    #[arg(long, value_name = "true|false|auto")]
    pub(super) metered: Option<String>,
    /// Bytes of all pictures and clips, such as 500MiB [default: 2GiB].
    #[arg(long, value_name = "SIZE")]
    pub(super) media_quota: Option<String>,
    /// Cloud: the database that its nodes share, postgres://.. [default: files in the root].
    #[arg(long, value_name = "URL")]
    pub(super) store: Option<String>,
    /// Cloud: where its nodes keep pictures and clips together, a folder or s3://..
    /// [default: each in its own root].
    #[arg(long, value_name = "PLACE")]
    pub(super) blobs: Option<String>,
    /// Cloud: how nodes of one database hear of each other: notify, poll or the URL of
    /// a NATS server, such as `nats://host:4222` [default: notify].
    #[arg(long, value_name = "WAY")]
    pub(super) hints: Option<String>,
    /// Cloud: events in memory at once, at most [default: 256].
    #[arg(long, value_name = "N")]
    pub(super) active_events: Option<String>,
    /// Spectators that are streamed to at once, at most [default: 64, in the cloud 4096].
    #[arg(long, value_name = "N")]
    pub(super) spectators: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum EventVerb {
    /// Create an event with this device as owner.
    Create(EventCreate),
    /// Show the event: stages, squads, shooters, rules.
    Show,
    /// List the events that this node holds: one on a device, any number in a cloud.
    List,
    /// Fetch what is missing, and say whether this device is ready for a day without a network.
    Download(Download),
    /// Lock the structure: scores are taken from then on.
    Lock,
    /// Change or add a stage, or add a rule, after the lock.
    Amend(EventAmend),
    /// Post provisional results, declare them final, or open the event for scores again.
    Phase(EventPhase),
    /// Say that scoring is over, and close the event once everybody has sealed.
    Close(EventClose),
    /// List all statements held: by whom, what, and whether it is in force.
    Statements(EventStatements),
}

#[derive(Debug, Args)]
pub(super) struct EventPhase {
    /// What holds from here on.
    #[arg(value_parser = word::<PhaseWord>(&["scoring", "provisional", "final"]))]
    pub(super) phase: PhaseWord,
    /// How long provisional results can be contested, in minutes [default: the rule book's].
    #[arg(long, value_name = "MINUTES")]
    pub(super) review: Option<u32>,
    /// Declare results final although their review is not over, or something is missing.
    #[arg(long)]
    pub(super) confirm: bool,
    /// Why, at most 120 bytes.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(super) note: String,
}

#[derive(Debug, Args)]
pub(super) struct EventCreate {
    /// JSON file with stages, shooters and rules; `-` is the standard input.
    #[arg(long, value_name = "FILE")]
    pub(super) structure: PathBuf,
    /// What people call the event [default: the file's own name].
    #[arg(long)]
    pub(super) name: Option<String>,
    /// Fingerprint of a key whose receipts count as the cloud's; repeat for more.
    #[arg(long, value_name = "KEY")]
    pub(super) cloud_key: Vec<String>,
    /// Recovery keys to draw and print as cards, 1 to 3: with one, the event outlives this device.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3))]
    pub(super) recovery_cards: Option<u32>,
    /// Printable page (SVG) with the cards, a file that is not there yet; only you may read it.
    #[arg(long, value_name = "FILE", requires = "recovery_cards")]
    pub(super) cards_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("way").args(["list", "cancel", "device", "digits"]))]
#[expect(clippy::struct_excessive_bools, reason = "flags that people type")]
pub(super) struct Invite {
    /// What the device will be allowed.
    #[arg(long, default_value = "scorer", value_parser = role())]
    pub(super) role: Role,
    /// The device's name, 1 to 32 bytes [default: it names itself].
    #[arg(long)]
    pub(super) label: Option<String>,
    /// Address (ip:port) to put into the ticket; with --digits that of the new device; repeat for
    /// more [default: this node's own].
    #[arg(long, value_name = "ADDR")]
    pub(super) address: Vec<String>,
    /// How long the invite is open, 1 to 1440; counted by this device, whatever its clock says.
    #[arg(long, value_name = "MINUTES", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=1440))]
    pub(super) expires: u32,
    /// Wait until a device used it, and tell its name and words.
    #[arg(long, conflicts_with_all = ["list", "cancel"])]
    pub(super) wait: bool,
    /// List the open invites, and those that ended since the node started.
    #[arg(long)]
    pub(super) list: bool,
    /// Close an open invite by its id or the beginning of it, or all.
    #[arg(long, value_name = "INVITE|all")]
    pub(super) cancel: Option<String>,
    /// Invite the device that shows this text (`join --show`), and dial it.
    #[arg(long, value_name = "TEXT")]
    pub(super) device: Option<String>,
    /// Compare six digits with a device that runs `join --digits`.
    #[arg(long)]
    pub(super) digits: bool,
    /// The digits that the new device's screen shows: confirms the comparison under way.
    #[arg(long, value_name = "DIGITS", requires = "digits")]
    pub(super) confirm: Option<String>,
    #[command(flatten)]
    pub(super) shown: Shown,
}

/// How a text is shown for cameras.
#[derive(Debug, Args)]
pub(super) struct Shown {
    /// Show the QR even if this is no terminal.
    #[arg(long)]
    pub(super) qr: bool,
    /// Write the QR into a PNG file that only you may read.
    #[arg(long, value_name = "FILE")]
    pub(super) png: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags that people type")]
pub(super) struct Join {
    /// The ticket's text; `-` reads it from the standard input, where no other program sees it.
    #[arg(required_unless_present_any = ["show", "digits"], conflicts_with_all = ["show", "digits"])]
    pub(super) ticket: Option<String>,
    /// Show what the owner's device needs to come here (`invite --device`), without a camera.
    #[arg(long, conflicts_with = "digits")]
    pub(super) show: bool,
    /// Compare six digits with an owner's device that runs `invite --digits`.
    #[arg(long)]
    pub(super) digits: bool,
    /// The digits that the owner's screen shows: confirms the comparison under way.
    #[arg(long, value_name = "DIGITS", requires = "digits")]
    pub(super) confirm: Option<String>,
    /// Wait until this device is admitted, and tell event, owner and words.
    #[arg(long)]
    pub(super) wait: bool,
    /// How long to wait, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(super) within: u64,
    #[command(flatten)]
    pub(super) shown: Shown,
}

#[derive(Debug, Args)]
pub(super) struct Admit {
    /// The device's full fingerprint.
    pub(super) key: String,
    /// The device's name, 1 to 32 bytes.
    #[arg(long)]
    pub(super) label: String,
    /// What the device will be allowed; repeat for more.
    #[arg(long, default_value = "scorer", value_parser = role())]
    pub(super) role: Vec<Role>,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Grant {
    #[command(subcommand)]
    pub(super) list: Option<GrantVerb>,
    /// Stage numbers, such as 1,2,5-8, or all.
    #[arg(long, required_unless_present = "closing", value_name = "LIST")]
    pub(super) drills: Option<Numbers>,
    /// Squad numbers, such as 3,4, or all.
    #[arg(long, required_unless_present = "closing", value_name = "LIST")]
    pub(super) squads: Option<Numbers>,
    /// The device: label, fingerprint or the beginning of one.
    #[arg(long, required_unless_present = "closing", requires_all = ["drills", "squads"], value_name = "DEVICE")]
    pub(super) to: Option<String>,
    /// Grant to close in the same statement; repeat for more.
    #[arg(long, value_name = "GRANT")]
    pub(super) closing: Vec<String>,
    /// Why they are closed: decides how entries that arrive afterwards are read.
    #[arg(long, default_value = "handover", value_parser = word::<CloseWhy>(&["handover", "dead", "stolen"]))]
    pub(super) reason: CloseWhy,
}

#[derive(Debug, Subcommand)]
pub(super) enum GrantVerb {
    /// List all grants, open and closed.
    List,
}

#[derive(Debug, Args)]
pub(super) struct Handover {
    /// The grant: its UUID or the beginning of it.
    pub(super) grant: String,
    /// The device that takes over: label, fingerprint or the beginning of one.
    #[arg(long, value_name = "DEVICE")]
    pub(super) to: String,
    /// Why: decides how entries of the old device that arrive afterwards are read.
    #[arg(long, default_value = "handover", value_parser = word::<CloseWhy>(&["handover", "dead", "stolen"]))]
    pub(super) reason: CloseWhy,
}

#[derive(Debug, Args)]
pub(super) struct Claim {
    /// The stage's number.
    #[arg(value_name = "STAGE", required_unless_present = "list", conflicts_with = "list", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) drill: Option<u32>,
    /// The squad's number.
    #[arg(value_name = "SQUAD", required_unless_present = "list", conflicts_with = "list", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) squad: Option<u32>,
    /// For how long, 1 to 240; the desk's clock counts. Asked again, the later time holds.
    #[arg(long, value_name = "MINUTES", default_value_t = 15, conflicts_with_all = ["release", "list"], value_parser = clap::value_parser!(u32).range(1..=240))]
    pub(super) minutes: u32,
    /// Give the cell back.
    #[arg(long, conflicts_with = "list")]
    pub(super) release: bool,
    /// List the cells that desks have lent: to whom, and until when.
    #[arg(long)]
    pub(super) list: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum RosterVerb {
    /// Add a shooter.
    Add(RosterAdd),
    /// Change a shooter's squad, division or power factor.
    Edit(RosterEdit),
    /// Take in a list of people as CSV: as `import --as registration`.
    Import(Box<Import>),
}

#[derive(Debug, Subcommand)]
pub(super) enum ParticipantVerb {
    /// List the people of the event: shooters, and records that stand for a person.
    List,
    /// Show what is under seal about a person, as far as this device reads it.
    Show {
        /// A shooter's number, or a record's UUID or the beginning of one.
        person: String,
    },
    /// Destroy every key of a person's sealed texts, for ever and on every device that hears of it;
    /// shows the shooter by number from then on.
    Erase {
        /// A shooter's number, or a record's UUID or the beginning of one.
        person: String,
        /// Do not ask: it cannot be undone.
        #[arg(long)]
        confirm: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct RosterAdd {
    /// What screens print, 1 to 64 bytes.
    #[arg(long)]
    pub(super) label: String,
    /// The division's name.
    #[arg(long)]
    pub(super) division: String,
    /// The declared power factor.
    #[arg(long, value_parser = word::<Power>(&["major", "minor", "subminor"]))]
    pub(super) power_factor: Power,
    /// The squad's number.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) squad: u32,
    /// Lady, Junior, Senior and so on; repeat for more.
    #[arg(long)]
    pub(super) category: Vec<String>,
    /// The shooter's number [default: given by the node].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) shooter: Option<u32>,
    #[command(flatten)]
    pub(super) entrant: EntrantArgs,
}

/// What a shooter registers with.
#[derive(Debug, Args)]
pub(super) struct EntrantArgs {
    /// Member number of the club or federation, at most 32 bytes.
    #[arg(long)]
    pub(super) member: Option<String>,
    /// Grade of skill, such as A or GM.
    #[arg(long)]
    pub(super) class: Option<String>,
    /// Team, at most 64 bytes.
    #[arg(long)]
    pub(super) team: Option<String>,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").required(true).multiple(true)
    .args(["squad", "division", "power_factor", "label", "category", "member", "class", "team"]))]
pub(super) struct RosterEdit {
    /// The shooter's number.
    pub(super) shooter: u32,
    /// The squad from here on.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) squad: Option<u32>,
    /// The division's name.
    #[arg(long)]
    pub(super) division: Option<String>,
    /// The declared power factor.
    #[arg(long, value_parser = word::<Power>(&["major", "minor", "subminor"]))]
    pub(super) power_factor: Option<Power>,
    /// What screens print, 1 to 64 bytes.
    #[arg(long)]
    pub(super) label: Option<String>,
    /// Lady, Junior, Senior and so on: all of them; repeat for more.
    #[arg(long)]
    pub(super) category: Option<Vec<String>>,
    #[command(flatten)]
    pub(super) entrant: EntrantArgs,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").args(["stage", "all", "class", "category", "teams"]))]
#[expect(clippy::struct_excessive_bools, reason = "flags that people type")]
pub(super) struct Standings {
    /// One stage instead of the match.
    #[arg(
        long,
        visible_alias = "drill",
        value_name = "N",
        conflicts_with = "all"
    )]
    pub(super) stage: Option<u32>,
    /// Every table there is: all stages and the match.
    #[arg(long)]
    pub(super) all: bool,
    /// The match by classes of shooters, or of one class.
    #[arg(long, value_name = "CLASS", num_args = 0..=1, default_missing_value = "")]
    pub(super) class: Option<String>,
    /// The match by categories of shooters, or of one category.
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
    pub(super) category: Option<String>,
    /// The match by teams.
    #[arg(long)]
    pub(super) teams: bool,
    /// Write comma-separated values.
    #[arg(long, conflicts_with = "json")]
    pub(super) csv: bool,
    #[command(flatten)]
    pub(super) who: InDivision,
}

/// Whose results.
#[derive(Debug, Args)]
pub(super) struct InDivision {
    /// Only this division.
    #[arg(long, conflicts_with = "combined")]
    pub(super) division: Option<String>,
    /// All divisions in one table.
    #[arg(long)]
    pub(super) combined: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum SyncVerb {
    /// Dial everybody at once, the cloud too, and tell what came of it.
    Now(SyncNow),
    /// Drop and refuse connections until `sync resume`.
    Pause(SyncScope),
    /// Connect again.
    Resume(SyncScope),
}

#[derive(Debug, Args)]
pub(super) struct SyncScope {
    /// Only the link to the cloud.
    #[arg(long)]
    pub(super) cloud: bool,
}

/// What the demonstration takes.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct DemoArgs {
    /// About how long to replay, in seconds; the verdict takes a few more.
    #[arg(long, default_value_t = DEMO_SECONDS_DEFAULT, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: u64,
    /// Decides which tablets are cut off and when.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// Folder with a match to replay (event.json, log.jsonl) [default: the real match inside].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Keep the nodes' folders and print where they are.
    #[arg(long)]
    pub keep: bool,
    /// Whether to end with one line of JSON; set by the global flag.
    #[arg(skip)]
    pub json: bool,
}

/// Reads one of the protocol's words; the list is for help and messages.
fn word<T>(words: &'static [&'static str]) -> impl TypedValueParser<Value = T>
where
    T: DeserializeOwned + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(words)
        .try_map(|text| T::deserialize(StrDeserializer::<WordError>::new(&text)))
}

fn role() -> impl TypedValueParser<Value = Role> {
    word(&[
        "scorer", "gateway", "viewer", "deputy", "desk", "relay", "jury", "leader", "medic",
    ])
}

fn void_why() -> impl TypedValueParser<Value = VoidWhy> {
    word(&[
        "wrong-shooter",
        "wrong-drill",
        "hits",
        "time",
        "penalty",
        "reshoot",
        "duplicate",
        "definition",
        "arbitration",
        "test",
    ])
}

#[cfg(test)]
mod tests;
