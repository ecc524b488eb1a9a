//! Match files and registration lists at a node: read, compared, written.
//!
//! What they mean is `exchange`'s business; whether it may be is the core's. Layer: node, local.

mod tell;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use tallyline_proto::log::CONTROL_ENTRIES_MAX;
use tallyline_proto::model::{Amend, Phase, ShooterNo, Structure};
use tallyline_proto::replica::{Command, EntryFilter, Replica, Reply};
use tallyline_proto::rules::Roster;
use uuid::Uuid;

use super::clerk::refused;
use super::names;
use super::plan::random_28_bits;
use super::protocol::{
    Answer, FileExport, FileExported, FileFormat, FileImport, FileImported, Problem, codes, exits,
};
use crate::driver::Driver;
use crate::exchange::changes::{Order, Row, RowKind, changes_of};
use crate::exchange::export::{Event, match_file_of};
use crate::exchange::numbers::{Choice, Numbers};
use crate::exchange::people::{book_of, mark_too_long, orders_of};
use crate::exchange::records::{RecordPlan, Recorded, is_said, records_of};
use crate::exchange::report::report_of;
use crate::exchange::structure::structure_of;
use crate::files::complaint::{Complaints, Loaded};
use crate::files::match_file::MatchFile;
use crate::files::miff::{read_miff, write_miff};
use crate::files::psc::{DEFINITION, HISTORY, SCORES, read_folder, read_psc, write_psc};
use crate::files::registration::{Mapping, ReadList, preview, read_registration};
use crate::files::text_report::read_text_report;
use crate::root::hex;

/// Largest file that is read, in bytes: a match with the pictures of its stages.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Statements of the owner that no file uses up: grants, handovers and changes of a long match, and
/// its lock and end.
const STATEMENTS_KEPT: u64 = 512;
/// The profile that is kept when nobody names one.
const PROFILE: &str = "registration";
/// Folder of the profiles in a root.
const PROFILES: &str = "profiles";

/// A file that was read.
pub(super) struct Prepared {
    asked: FileImport,
    content: Content,
}

enum Content {
    Match(Box<Loaded<MatchFile>>),
    List(Box<ReadList>),
}

impl Prepared {
    /// Returns what an event is founded with.
    pub(super) fn founding_with(&self) -> (Vec<String>, u32) {
        (self.asked.cloud_keys.clone(), self.asked.recovery_cards)
    }
}

/// What a file would do, and what is told of it.
pub(super) struct Job {
    /// The answer.
    pub(super) told: FileImported,
    /// The event that the file founds.
    pub(super) founding: Option<(String, Structure)>,
    /// What the owner signs.
    pub(super) orders: Vec<Order>,
    /// What is recorded.
    pub(super) records: RecordPlan,
}

/// Reads a file and the profile for it.
pub(super) fn prepare(dir: &Path, asked: FileImport) -> Result<Prepared, Problem> {
    let path = PathBuf::from(&asked.path);
    let broken = |complaints: Complaints| bad(&path, &complaints.to_string());
    let content = match asked.format {
        FileFormat::Psc if path.is_dir() => {
            let path = unpacked(&path);
            let mut files = Vec::new();
            for name in [DEFINITION, SCORES, HISTORY] {
                let file = path.join(name);
                if file.is_file() {
                    files.push((name, bytes_of(&file)?));
                }
            }
            let files = files.iter().map(|(name, bytes)| (*name, bytes.as_slice()));
            Content::Match(Box::new(read_folder(files).map_err(broken)?))
        }
        FileFormat::Psc => Content::Match(Box::new(read_psc(&bytes_of(&path)?).map_err(broken)?)),
        FileFormat::Miff => Content::Match(Box::new(read_miff(&bytes_of(&path)?).map_err(broken)?)),
        FileFormat::Report => {
            let report = read_text_report(&bytes_of(&path)?).map_err(broken)?;
            let mut loaded = report.value.to_match();
            for warning in &report.warnings {
                loaded.warnings.push(warning.clone());
            }
            Content::Match(Box::new(loaded))
        }
        FileFormat::Registration => {
            let profile = kept_profile(dir, &asked)?;
            let bytes = bytes_of(&path)?;
            let mut list = read_registration(&bytes, profile.as_ref()).map_err(broken)?;
            mark_too_long(&mut list);
            if let Some(division) = &asked.division {
                for row in &mut list.rows {
                    if row.person.division.trim().is_empty() {
                        row.person.division.clone_from(division);
                    }
                }
            }
            Content::List(Box::new(list))
        }
    };
    Ok(Prepared { asked, content })
}

/// Returns the folder of an unpacked match: the one that is named, or the only one in it that holds
/// a match, as some programs unpack.
fn unpacked(folder: &Path) -> PathBuf {
    if folder.join(DEFINITION).is_file() {
        return folder.to_owned();
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut inner = entries
        .map(|entry| entry.path())
        .filter(|path| path.join(DEFINITION).is_file());
    match (inner.next(), inner.next()) {
        (Some(only), None) => only,
        (Some(_) | None, _) => folder.to_owned(),
    }
}

fn bad(path: &Path, what: &str) -> Problem {
    let text = format!("{}:\n{what}\nNothing was written.", path.display());
    Problem::new(codes::BAD_FILE, exits::USAGE, text)
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, Problem> {
    let failed = |what: String| {
        let text = format!("{}: {what}; nothing was changed", path.display());
        Problem::new(codes::BAD_FILE, exits::FAILURE, text)
    };
    if !path.is_absolute() {
        return Err(failed("the node needs the file's whole path".to_owned()));
    }
    let file = std::fs::File::open(path).map_err(|error| failed(error.to_string()))?;
    let mut bytes = Vec::new();
    let limit = FILE_BYTES_MAX.saturating_add(1);
    let length = file
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| failed(error.to_string()))?;
    if limit <= u64::try_from(length).unwrap_or(u64::MAX) {
        return Err(failed(
            "the file is above 256 MiB; take the pictures out of it".to_owned(),
        ));
    }
    Ok(bytes)
}

/// Returns the file of a profile.
fn profile_path(dir: &Path, asked: &FileImport) -> Result<PathBuf, Problem> {
    let name = asked.profile.as_deref().unwrap_or(PROFILE);
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || 64 < name.len() || !name.chars().all(plain) {
        let text = format!(
            "--profile is {name:?}; use 1 to 64 letters, digits, - and _; nothing was changed"
        );
        return Err(Problem::new(codes::BAD_VALUE, exits::USAGE, text));
    }
    Ok(dir.join(PROFILES).join(format!("{name}.toml")))
}

fn kept_profile(dir: &Path, asked: &FileImport) -> Result<Option<Mapping>, Problem> {
    let path = profile_path(dir, asked)?;
    if !path.exists() {
        return Ok(None);
    }
    // Beside the root, wherever the command was given: no path of the file that is asked for.
    let bytes = std::fs::read(&path).map_err(|error| bad(&path, &error.to_string()))?;
    let text = String::from_utf8_lossy(&bytes);
    let mapping = Mapping::of_toml(&text).map_err(|it| bad(&path, &it.to_string()))?;
    Ok(Some(mapping))
}

/// Keeps what the columns of a list mean, for the next one.
pub(super) fn remember(dir: &Path, prepared: &Prepared) -> Result<(), Problem> {
    let Content::List(list) = &prepared.content else {
        return Ok(());
    };
    let path = profile_path(dir, &prepared.asked)?;
    let name = path
        .file_stem()
        .and_then(|name| name.to_str())
        .unwrap_or(PROFILE);
    let before = kept_profile(dir, &prepared.asked)?;
    let text = list.mapping.merged(name, before.as_ref()).to_toml();
    if std::fs::read_to_string(&path).is_ok_and(|held| held == text) {
        return Ok(());
    }
    let written =
        std::fs::create_dir_all(dir.join(PROFILES)).and_then(|()| std::fs::write(&path, text));
    written.map_err(|error| {
        let text = format!(
            "the list is taken in, but {} could not be written: {error}; name the columns again \
             next time",
            path.display()
        );
        Problem::new(codes::BAD_FILE, exits::FAILURE, text)
    })
}

/// Finds out what a file would do.
pub(super) fn job(replica: &mut Replica, prepared: &Prepared) -> Result<Job, Problem> {
    let asked = &prepared.asked;
    if replica.event().is_some() {
        for_founding_only(asked)?;
    }
    let broken = |complaints: Complaints| bad(Path::new(&asked.path), &complaints.to_string());
    let event = replica
        .event()
        .map(|(id, manifest)| (id.uuid(), manifest.name.clone()));
    let mut job = match (&prepared.content, event) {
        (Content::Match(loaded), None) => founding(loaded, asked).map_err(broken)?,
        (Content::Match(loaded), Some(event)) => {
            let roster = roster(replica)?;
            changing(replica, loaded, asked, (&roster, &event)).map_err(broken)?
        }
        (Content::List(_), None) => {
            let text = "a registration list needs an event: `event create`, or import a match file \
                        first; nothing was changed";
            return Err(Problem::new(codes::NO_EVENT, exits::FAILURE, text));
        }
        (Content::List(list), Some((_, name))) => registering(replica, list, asked, name)?,
    };
    job.told.forbidden = forbidden(replica, asked, &job);
    Ok(job)
}

/// Refuses what only an event that is founded can be given, where there is one already.
fn for_founding_only(asked: &FileImport) -> Result<(), Problem> {
    let given = [
        ("--name", asked.name.is_some()),
        ("--zone-min", asked.zone_min != 0),
        ("--cloud-key", !asked.cloud_keys.is_empty()),
        ("--recovery-cards", 0 < asked.recovery_cards),
    ];
    let given: Vec<&str> = given
        .into_iter()
        .filter_map(|(option, given)| given.then_some(option))
        .collect();
    if given.is_empty() {
        return Ok(());
    }
    let text = format!(
        "{} says how an event is founded, and there is one already; nothing was changed; leave it \
         out, or import in a root of its own (--root)",
        given.join(", ")
    );
    Err(Problem::new(codes::BAD_VALUE, exits::USAGE, text))
}

fn roster(replica: &Replica) -> Result<Roster, Problem> {
    replica.roster().cloned().ok_or_else(names::no_event)
}

fn choice(asked: &FileImport) -> Choice {
    Choice {
        scores: asked.scores,
        zone_min: asked.zone_min,
        division: asked.division.clone(),
    }
}

/// Makes the job of a file that founds an event.
fn founding(loaded: &Loaded<MatchFile>, asked: &FileImport) -> Result<Job, Complaints> {
    let it = &loaded.value;
    let draft = structure_of(it, &choice(asked))?;
    let name = asked.name.clone().unwrap_or(draft.name);
    let after = Roster::new(draft.structure.clone());
    let records = planned(it, &draft.numbers, (&after, &name), &[], asked);
    let structure = draft.structure;
    let new = |what: String, text: &str| Row {
        kind: RowKind::New,
        what,
        text: text.to_owned(),
    };
    let drills = structure
        .drills
        .iter()
        .map(|it| new(format!("stage {}", it.no), &it.name));
    let shooters = structure.shooters.iter();
    let shooters = shooters.map(|it| new(format!("shooter {}", it.no), &it.label));
    let rules = structure
        .rules
        .iter()
        .map(|it| new(format!("rule {}", it.no), &it.text));
    let rows: Vec<Row> = drills.chain(rules).chain(shooters).collect();
    let mut told = tell::of_match(&name, &rows, asked.scores.then_some(&records), asked);
    told.founds = true;
    tell::remarks(&mut told, [&loaded.warnings, &draft.remarks]);
    Ok(Job {
        told,
        founding: Some((name, structure)),
        orders: Vec::new(),
        records,
    })
}

/// Makes the job of a file that changes an event.
fn changing(
    replica: &mut Replica,
    loaded: &Loaded<MatchFile>,
    asked: &FileImport,
    (roster, (id, name)): (&Roster, &(Uuid, String)),
) -> Result<Job, Complaints> {
    let it = &loaded.value;
    let mut changes = changes_of(it, (roster, name), *id, &choice(asked))?;
    let mut entries = if asked.scores {
        replica.entries(&EntryFilter::default())
    } else {
        Vec::new()
    };
    changes.judge_again(&mut entries, name);
    let event = (&changes.after, name.as_str());
    let records = planned(it, &changes.numbers, event, &entries, asked);
    changes.leave_out_unused(&records);
    let asked_records = asked.scores.then_some(&records);
    let mut told = tell::of_match(name, &changes.rows, asked_records, asked);
    tell::remarks(&mut told, [&loaded.warnings, &Complaints::default()]);
    Ok(Job {
        told,
        founding: None,
        orders: changes.orders,
        records,
    })
}

fn planned(
    it: &MatchFile,
    numbers: &Numbers,
    event: (&Roster, &str),
    entries: &[tallyline_proto::replica::EntryView],
    asked: &FileImport,
) -> RecordPlan {
    if asked.scores {
        records_of(it, numbers, event, entries)
    } else {
        RecordPlan::default()
    }
}

/// Makes the job of a registration list.
fn registering(
    replica: &Replica,
    list: &ReadList,
    asked: &FileImport,
    name: String,
) -> Result<Job, Problem> {
    let roster = roster(replica)?;
    let book = book_of(roster.structure());
    let preview = preview(list, &book);
    let mut drawn = Ok(());
    let fresh_no = |after: &Roster| {
        if after.locked() {
            loop {
                match random_28_bits() {
                    Ok(no) if after.shooter(ShooterNo(no)).is_none() => return ShooterNo(no),
                    Ok(_) => {}
                    Err(problem) => {
                        drawn = Err(problem);
                        return ShooterNo(0);
                    }
                }
            }
        }
        let last = after.structure().shooters.last();
        ShooterNo(last.map_or(1, |shooter| shooter.no.0.saturating_add(1)))
    };
    let orders = orders_of(&preview, &roster, asked.add_duplicates, fresh_no);
    drawn?;
    Ok(Job {
        told: tell::of_list(name, &preview, &book, asked),
        founding: None,
        orders,
        records: RecordPlan::default(),
    })
}

/// Says why this device may not take the file in.
fn forbidden(replica: &Replica, asked: &FileImport, job: &Job) -> Option<Problem> {
    replica.event()?;
    let refused = |code: &str, text: String| Some(Problem::new(code, exits::REFUSED, text));
    if replica.owner() != Some(replica.key()) {
        let text = "E02 only the owner's device takes match files and lists in; nothing was \
                    changed; import it there";
        return refused("E02", text.to_owned());
    }
    let roster = replica.roster()?;
    if matches!(roster.phase(), Phase::Final { .. }) {
        let text = "E12 results are final; nothing was changed; open the event again (`tallyline \
                    event phase scoring`), then import";
        return refused("E12", text.to_owned());
    }
    if asked.scores && !roster.locked() {
        let text = "E12 the event is not locked yet and takes no scores; nothing was changed; \
                    `tallyline event lock`, then import again";
        return refused("E12", text.to_owned());
    }
    let room = CONTROL_ENTRIES_MAX
        .saturating_sub(STATEMENTS_KEPT)
        .saturating_sub(replica.statements_made());
    let wanted = u64::try_from(job.orders.len()).unwrap_or(u64::MAX);
    if wanted <= room {
        return None;
    }
    let advice = if job.told.rows.new == 0 {
        "make a file of what matters"
    } else {
        "found the event with these people (`event create`, or a match file that has them all), or \
         leave out who does not take part"
    };
    let text = format!(
        "E21 the file makes {wanted} statements of the owner, and {room} are left beside those \
         that the match needs; nothing was changed; {advice}"
    );
    refused("E21", text)
}

/// Refuses what this device may not do.
pub(super) fn may_write(job: &Job) -> Result<(), Problem> {
    job.told.forbidden.clone().map_or(Ok(()), Err)
}

/// Has the owner sign changes, in order.
pub(super) async fn sign(driver: &Driver, orders: Vec<Order>) -> Result<(), Problem> {
    let count = orders.len();
    let commands = orders.into_iter().map(|order| match order {
        Order::Roster(change) => Command::Roster(change),
        Order::Amend(change) => Command::Amend(Amend {
            change,
            note: "from a file".to_owned(),
        }),
    });
    let replies = driver.commands(commands.collect()).await?;
    let refusals: Vec<_> = replies
        .iter()
        .filter_map(|reply| {
            if let Reply::Refused(mistake) = reply {
                Some(refused(mistake))
            } else {
                None
            }
        })
        .collect();
    let Some(first) = refusals.first() else {
        return Ok(());
    };
    let text = format!(
        "{} ({} of {count} changes were refused, the others are written; mend the file and import \
         it again: what is there is not written twice)",
        first.text,
        refusals.len()
    );
    Err(Problem::new(&first.code, first.exit, text))
}

/// Records what is planned, in order. What needs the entry of an earlier one waits for it; all
/// others go to the disk together.
pub(super) async fn record(driver: &Driver, job: &mut Job) -> Result<(), Problem> {
    let mut recorded = Recorded::new();
    let mut waiting: Vec<(usize, Command)> = Vec::new();
    let mut entries: u64 = 0;
    let planned = std::mem::take(&mut job.records.planned);
    for it in planned {
        let older = it.replaces.map(|(name, _)| name);
        if older.is_some_and(|older| waiting.iter().any(|(name, _)| *name == older)) {
            entries = entries.saturating_add(flush(driver, &mut waiting, &mut recorded).await?);
        }
        let name = it.name;
        let older = older.and_then(|older| recorded.get(&older).copied());
        if let Some(command) = it.command(older) {
            waiting.push((name, command));
        }
    }
    entries = entries.saturating_add(flush(driver, &mut waiting, &mut recorded).await?);
    if let Some(scores) = &mut job.told.scores {
        scores.entries = entries;
    }
    Ok(())
}

async fn flush(
    driver: &Driver,
    waiting: &mut Vec<(usize, Command)>,
    recorded: &mut Recorded,
) -> Result<u64, Problem> {
    let (names, commands): (Vec<_>, Vec<_>) = waiting.drain(..).unzip();
    let replies = driver.commands(commands).await?;
    let mut count: u64 = 0;
    for (name, reply) in names.into_iter().zip(replies) {
        if let Reply::Saved(entries) = &reply {
            let saved = u64::try_from(entries.len()).unwrap_or(u64::MAX);
            count = count.saturating_add(saved);
            if let Some(entry) = entries.last() {
                recorded.insert(name, *entry);
            }
        } else if let Reply::Refused(mistake) = &reply {
            let problem = refused(mistake);
            let text = format!(
                "{} What was recorded before stays; mend it and import again: what is there is \
                 not recorded twice.",
                problem.text
            );
            return Err(Problem::new(&problem.code, problem.exit, text));
        }
    }
    Ok(count)
}

/// What is made outside of the loop.
type Make = Box<dyn FnOnce() -> Answer + Send>;

/// Looks at everything that a file is made of.
pub(super) fn export(replica: &mut Replica, wanted: FileExport) -> Result<Make, Problem> {
    let event = replica
        .event()
        .map(|(id, manifest)| (id.uuid(), manifest.name.clone()));
    let (id, name) = event.ok_or_else(names::no_event)?;
    let roster = roster(replica)?;
    let (Some(book), Some(standings)) = (replica.book(), replica.standings()) else {
        let text = "update needed: this event is counted by rules that this version does not know; \
                    install the version the owner uses";
        return Err(Problem::new(codes::UPDATE_NEEDED, exits::VERSION, text));
    };
    let entries = replica.entries(&EntryFilter::default());
    Ok(Box::new(move || {
        let event = Event {
            id,
            name: &name,
            roster: &roster,
            book: &book,
            entries: &entries,
        };
        let bytes = match wanted.format {
            FileFormat::Psc => write_psc(&match_file_of(&event)).map_err(|it| it.to_string()),
            FileFormat::Miff => write_miff(&match_file_of(&event)).map_err(|it| it.to_string()),
            FileFormat::Report => report_of(&event, &standings).map(|it| it.to_text().into_bytes()),
            FileFormat::Registration => Err("a registration list is only read".to_owned()),
        };
        let left_out = entries
            .iter()
            .filter(|entry| entry.body.about().is_some() && !is_said(entry.verdict))
            .count();
        match bytes {
            Ok(bytes) => Answer::ok(&FileExported {
                schema: "tallyline.file/1".to_owned(),
                bytes: hex(&bytes),
                left_out: u64::try_from(left_out).unwrap_or(u64::MAX),
            }),
            Err(text) => Answer::Error(Problem::new(
                codes::BAD_VALUE,
                exits::USAGE,
                format!("{text}\nNothing was written."),
            )),
        }
    }))
}

#[cfg(test)]
mod tests;
