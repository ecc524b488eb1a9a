//! `import`: what a file is, what it would do, and having it done.
//!
//! Layer: node, cli.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::args::{Import, ImportAs};
use super::failure::Failure;
use super::found::{CARDS_FILE, CardsFile};
use super::session::{DONE, Session, say};
use super::{files, found};
use crate::exchange::check::MAGIC;
use crate::files::text_report::is_text_report;
use crate::local::protocol::{
    Answer, FileFormat, FileImport, FileImported, Imported, Request, codes, exits,
};

/// Bytes by which a file is known.
const HEAD_BYTES: u64 = 256;

/// Takes a file in, or shows what it would do.
pub(super) fn import(args: Import, session: &Session) -> Result<u8, Failure> {
    let kind = match args.kind {
        Some(kind) => kind,
        None => kind_of(&args.file)?,
    };
    if args.rescue && kind != ImportAs::Bundle {
        return Err(Failure::usage(
            "--rescue is for a damaged bundle; leave it out",
        ));
    }
    let format = match kind {
        ImportAs::Bundle => return bundle(&args, session),
        ImportAs::Psc => FileFormat::Psc,
        ImportAs::Miff => FileFormat::Miff,
        ImportAs::Report => FileFormat::Report,
        ImportAs::Registration => FileFormat::Registration,
    };
    let asked = FileImport {
        path: whole_path(&args.file)?,
        format,
        scores: args.scores,
        skip_problems: args.skip_problems,
        add_duplicates: args.add_duplicates,
        profile: args.profile,
        division: args.division,
        name: args.name,
        zone_min: args.zone_min,
        cloud_keys: args.cloud_key,
        recovery_cards: args.recovery_cards.unwrap_or(0),
        colours: session.config.screen.color && !session.json,
    };
    if let Some(file) = &args.cards_file {
        CardsFile::refuse_existing(file, CARDS_FILE)?;
    }
    if args.dry_run {
        return dry_run(asked, session);
    }
    let page = match &args.cards_file {
        Some(file) => cards_file(file, &asked, session)?,
        None => None,
    };
    let told = session.show::<FileImported>(Request::FileImport(asked), |it| it.text.clone())?;
    remark(&told, session);
    if let Some(stopped) = told.stopped.as_ref().filter(|_| !told.written) {
        return Err(Failure::new(
            codes::BAD_FILE,
            exits::USAGE,
            format!("nothing was written; {stopped}"),
        ));
    }
    if !session.json && told.stopped.is_none() {
        say(&did(&told));
    }
    if let Some(founded) = &told.founded {
        if !session.json {
            session.write(&format!("event {}\n", founded.event))?;
            found::tell_cards(founded, session)?;
        }
        if let Some(page) = page {
            found::write_page(page, founded)?;
        }
    }
    if let Some(stopped) = &told.stopped {
        return Err(Failure::new(
            codes::NOT_SAVED,
            exits::FAILURE,
            stopped.clone(),
        ));
    }
    Ok(exit_of(&told))
}

/// Makes the file for cards if the import will found an event.
fn cards_file(
    file: &Path,
    asked: &FileImport,
    session: &Session,
) -> Result<Option<CardsFile>, Failure> {
    let seen = session.ask(Request::FilePreview(asked.clone()))?;
    let seen: FileImported = Answer::Ok(seen).data()?;
    let founds = seen.founds && seen.stopped.is_none();
    founds.then(|| CardsFile::new(file, CARDS_FILE)).transpose()
}

/// Shows what a file would do, and ends as having it done would.
fn dry_run(asked: FileImport, session: &Session) -> Result<u8, Failure> {
    let told = session.show::<FileImported>(Request::FilePreview(asked), |it| it.text.clone())?;
    remark(&told, session);
    if let Some(forbidden) = told.forbidden {
        return Err(forbidden.into());
    }
    if !session.json {
        say(&match &told.stopped {
            Some(stopped) => {
                format!("Nothing written. Run without --dry-run to commit; {stopped}.")
            }
            None => "Nothing written. Run without --dry-run to commit.".to_owned(),
        });
    }
    Ok(if told.stopped.is_some() {
        exits::USAGE
    } else {
        exit_of(&told)
    })
}

fn remark(told: &FileImported, session: &Session) {
    if !session.json {
        for remark in &told.remarks {
            say(remark);
        }
    }
}

fn exit_of(told: &FileImported) -> u8 {
    let differs = told.scores.is_some_and(|scores| 0 < scores.conflicts);
    if differs { exits::CONFLICT } else { DONE }
}

fn did(told: &FileImported) -> String {
    let mut parts = Vec::new();
    if told.founds {
        parts.push(format!("\"{}\" exists and this device owns it.", told.name));
    } else {
        let rows = told.rows;
        parts.push(format!("{} added, {} changed.", rows.new, rows.changed));
    }
    if let Some(scores) = &told.scores {
        parts.push(format!("{} entries recorded.", scores.entries));
        if 0 < scores.conflicts {
            parts.push(format!(
                "{} scores differ from the event's and are left as they are; correct them there.",
                scores.conflicts
            ));
        }
    } else if told.founds {
        parts.push(
            "Next: `tallyline invite` for each device, `tallyline grant` for who scores what, \
             `tallyline event lock` before the first score."
                .to_owned(),
        );
    }
    parts.join(" ")
}

/// Takes a bundle in.
fn bundle(args: &Import, session: &Session) -> Result<u8, Failure> {
    let file = &args.file;
    let others = args.scores || args.skip_problems || args.add_duplicates;
    let named = args.profile.is_some() || args.division.is_some() || args.name.is_some();
    if others || named || args.recovery_cards.is_some() || !args.cloud_key.is_empty() {
        return Err(Failure::usage(
            "a bundle is taken in as it is: it has its own event, roster and scores; leave the \
             options out",
        ));
    }
    if args.dry_run {
        return files::verify(file, session);
    }
    session.tell::<Imported>(
        files::import_request(file, args.rescue)?,
        |_| String::new(),
        |it| {
            let refused = if it.refused == 0 {
                String::new()
            } else {
                format!(" {} parts do not hold and were left out.", it.refused)
            };
            format!(
                "{} entries taken in, {} were here before.{refused}",
                it.fresh, it.known
            )
        },
    )
}

/// Tells by its content what a file is. A bundle that is damaged at its very beginning is told by
/// its name.
fn kind_of(file: &Path) -> Result<ImportAs, Failure> {
    let unreadable = |error: io::Error| files::unreadable(file, &error);
    if file.is_dir() {
        return Ok(ImportAs::Psc);
    }
    let mut head = Vec::new();
    let open = File::open(file).map_err(unreadable)?;
    open.take(HEAD_BYTES)
        .read_to_end(&mut head)
        .map_err(unreadable)?;
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        return Err(Failure::file(format!(
            "{} is written in UTF-16; nothing was changed; save it as UTF-8",
            file.display()
        )));
    }
    let ending = |name: &str| {
        file.extension()
            .is_some_and(|it| it.eq_ignore_ascii_case(name))
    };
    Ok(if head.starts_with(MAGIC) || ending("tally") {
        ImportAs::Bundle
    } else if head.starts_with(b"PK") || ending("psc") {
        ImportAs::Psc
    } else if head.starts_with(&[0x1f, 0x8b]) || ending("miff") {
        ImportAs::Miff
    } else if is_text_report(&head) {
        ImportAs::Report
    } else {
        ImportAs::Registration
    })
}

/// Returns a path as the node can use it, which has another working folder.
pub(super) fn whole_path(file: &Path) -> Result<String, Failure> {
    let path: PathBuf = file
        .canonicalize()
        .map_err(|error| files::unreadable(file, &error))?;
    let path = path.to_str().map(str::to_owned);
    path.ok_or_else(|| {
        Failure::file(format!(
            "{} has a name that is not UTF-8; rename it",
            file.display()
        ))
    })
}
