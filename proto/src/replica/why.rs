//! Why something is as it is: one paragraph, and the statements that decide it.
//!
//! Reads what `log` and `rules` judged and says it in words; it decides nothing itself.

use alloc::{
    collections::BTreeSet,
    format,
    string::{String, ToString},
    vec::Vec,
};

use tallyline_keys::PublicKey;

use super::{Replica, member::Member, ownership::reason_words};
use crate::{
    log::{End, Grant, Log},
    model::{
        CellSet, CloseReason, Decision, DrillNo, EntryId, GrantId, Hash, LogName, Roles, SquadNo,
    },
    rules::{Authority as _, Line, Standing, Verdict, scorebook::is_beyond_scores},
    wire::{entry_id, log_short_id},
};

/// What is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An entry.
    Entry(EntryId),
    /// A device.
    Device(PublicKey),
    /// A grant: a partition in somebody's hands.
    Grant(GrantId),
}

/// Why something is as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// One paragraph.
    pub text: String,
    /// The entries of the statements that decide it, each once, the one that says most first.
    pub statements: Vec<EntryId>,
}

impl Replica {
    /// Says why something is as it is; `None` if it is not known here.
    pub fn why(&mut self, subject: Subject) -> Option<Why> {
        let book = self.book()?;
        let member = self.member()?;
        let mut teller = Teller {
            member,
            text: String::new(),
            deciders: Vec::new(),
            told: BTreeSet::new(),
        };
        match subject {
            Subject::Entry(id) => {
                let (log, seq) = member.ledger.find(id)?;
                let line = member.ledger.line(&log, seq)?;
                teller.entry(&line, book.verdict(id).unwrap_or(Verdict::Unknown));
            }
            Subject::Device(key) => teller.device(&key),
            Subject::Grant(id) => teller.grant(id, member.ledger.authority().grants().get(&id)?),
        }
        Some(Why {
            text: teller.text,
            statements: teller.deciders,
        })
    }
}

/// Gathers sentences and statements.
struct Teller<'a> {
    member: &'a Member,
    text: String,
    deciders: Vec<EntryId>,
    told: BTreeSet<Hash>,
}

impl Teller<'_> {
    fn say(&mut self, sentence: &str) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(sentence);
    }

    /// Names a statement as one that decides.
    fn by(&mut self, statement: Hash) {
        let Some((said, _)) = self.member.ledger.statement(statement) else {
            return;
        };
        if self.told.insert(statement) {
            self.deciders.push(entry_id(&said.log, said.seq));
        }
    }

    fn entry(&mut self, line: &Line<'_>, verdict: Verdict) {
        let author = self.member.label(&line.author);
        let (seq, id) = (line.seq, line.id);
        self.say(&format!("Entry {id} is number {seq} of a log of {author}."));
        self.verdict(verdict);
        let said = self.member.ledger.said();
        if let Some(said) = said
            .into_iter()
            .find(|it| it.log == line.log && it.seq == seq)
        {
            self.by(said.id);
            return;
        }
        self.standing(line);
    }

    /// Says what became of an entry by the scorebook.
    fn verdict(&mut self, verdict: Verdict) {
        let sentence = match verdict {
            Verdict::Counted => "It counts.".to_string(),
            Verdict::CountedLate => {
                "It is late and counts, for nothing else fills its place.".into()
            }
            Verdict::Duplicate(of) => format!("It says the same as {of}, which counts once."),
            Verdict::LowerAttempt(of) => format!("A higher attempt counts: {of}."),
            Verdict::NeedsDecision(of) => {
                format!("{of} says something else; somebody has to void one of the two.")
            }
            Verdict::LateBeaten(of) => {
                format!("It is late and says something else than {of}, which was in time.")
            }
            Verdict::Quarantined => "It does not count until the owner adopts it.".into(),
            Verdict::Unassigned => {
                "It was written with a spare card and counts once somebody grants its cells to it."
                    .into()
            }
            Verdict::Rejected => "The owner decided that it does not count.".into(),
            Verdict::Disputed => {
                "Its log has two versions from here on; it waits for the owner's choice.".into()
            }
            Verdict::Voided(by) => match self.member.ledger.find(by) {
                Some((log, _)) => {
                    let who = self.writer(&log);
                    format!("It was voided by {who} ({by}).")
                }
                None => format!("It was voided ({by})."),
            },
            Verdict::Unfit(code) => {
                format!("It does not fit the structure or its author's rights ({code}).")
            }
            Verdict::Waiting => {
                "It names something that is not here yet, and waits for it (E20).".into()
            }
            Verdict::Statement => {
                "It is a statement, or the end of a log, and has no result.".into()
            }
            Verdict::Unknown => "It is of a kind that only a later version knows.".into(),
        };
        self.say(&sentence);
    }

    fn writer(&self, log: &LogName) -> String {
        let log = self.member.ledger.logs().get(log);
        log.map_or_else(
            || "an unknown device".into(),
            |log| self.member.label(&log.writer()),
        )
    }

    /// Says how an entry stands by the statements.
    fn standing(&mut self, line: &Line<'_>) {
        let ledger = &self.member.ledger;
        let authority = ledger.authority();
        let adoption = authority
            .adoptions(&line.log)
            .iter()
            .rev()
            .find(|it| (it.adopt.from..=it.adopt.to).contains(&line.seq));
        if let Some(adoption) = adoption {
            let what = match adoption.adopt.decision {
                Decision::Count => "The owner decided that it counts.",
                Decision::Reject => "The owner decided that it does not count.",
            };
            self.say(what);
            self.by(adoption.statement);
        }
        if let Some(fork) = ledger.forks().get(&line.log)
            && fork.from <= line.seq
        {
            let from = fork.from;
            self.say(&format!(
                "Its author signed two versions of this log from entry {from} on; the proof is kept."
            ));
        }
        match authority.grants().get(&line.log.grant) {
            Some(grant) => self.under(grant, line),
            None if ledger.is_common(&line.log) => self.under_no_grant(line),
            None => {
                let author = self.member.label(&line.author);
                self.say(&format!(
                    "{author} was named on one of two versions of a log of statements: not every \
                     device takes this, and it counts nowhere. Once the owner chose that version, it can be \
                     adopted."
                ));
                self.by(line.log.grant.0);
            }
        }
        if let Some(closing) = authority.closing() {
            let end = closing.ends.get(&log_short_id(&line.log));
            if end.is_none_or(|&(height, _)| height < line.seq) {
                self.say("The event was closed without it.");
                self.by(closing.statement);
            }
        }
    }

    fn under(&mut self, grant: &Grant, line: &Line<'_>) {
        let cells = cells_words(&grant.cells);
        let author = self.member.label(&grant.key);
        self.say(&format!(
            "It was written under a grant of {cells} to {author}."
        ));
        self.by(grant.statement);
        let ledger = &self.member.ledger;
        if let Some(about) = line.body.about() {
            let squads = ledger.squads_of(about.shooter);
            let inside = |squad: &SquadNo| grant.cells.covers(about.drill, *squad);
            if !squads.iter().any(inside) {
                let (shooter, squads) = (about.shooter, list(&squads));
                self.say(&format!(
                    "Shooter {shooter} (squad {squads}) is outside these cells."
                ));
            } else if grant.end.is_none()
                && ledger.standing(&line.log, line.seq, Some(about)) == Standing::Late
            {
                self.other_holder(about.drill, &squads);
            }
        }
        if let Some(end) = &grant.end {
            self.after_the_end(end, line);
        }
        self.revocation(&grant.key);
    }

    fn other_holder(&mut self, drill: Option<DrillNo>, squads: &[SquadNo]) {
        let authority = self.member.ledger.authority();
        let holder = authority.live_for(drill, squads);
        let Some((_, grant)) = holder else { return };
        let who = self.member.label(&grant.key);
        let statement = grant.statement;
        self.say(&format!(
            "Another grant of the same cells is live, that of {who}."
        ));
        self.by(statement);
    }

    fn after_the_end(&mut self, end: &End, line: &Line<'_>) {
        let why = close_words(end.reason);
        let cut = end.cuts.get(&line.log.incarnation).map_or(0, |cut| cut.0);
        let seq = line.seq;
        let place = if seq <= cut {
            format!("entry {seq} stands before that")
        } else {
            format!("entry {seq} stands past it")
        };
        self.say(&format!(
            "The grant was closed ({why}) with this log undisputed up to entry {cut}; {place}."
        ));
        self.by(end.statement);
    }

    fn under_no_grant(&mut self, line: &Line<'_>) {
        let authority = self.member.ledger.authority();
        let author = self.member.label(&line.author);
        let key = line.author;
        let is_owner = authority.owner() == key;
        let was_owner = authority.owners().iter().any(|owner| owner.key == key);
        let admit = line.log.grant;
        let sentence = if is_owner {
            format!("{author} owns the event and may write anywhere.")
        } else if was_owner {
            format!("{author} owned the event before, and wrote under no grant.")
        } else if is_beyond_scores(line.body) {
            format!("{author} wrote it as a member; what is about no cell needs no grant.")
        } else {
            format!("{author} wrote it under no grant.")
        };
        self.say(&sentence);
        self.by(admit.0);
        let passed = authority.owners().iter().skip(1).map(|owner| owner.control);
        for control in passed.collect::<Vec<_>>() {
            if was_owner {
                self.by(control.0);
            }
        }
        let grants = authority.grants().values().filter(|grant| grant.key == key);
        for grant in grants {
            if line.body.about().is_some_and(|about| {
                let squads = self.member.ledger.squads_of(about.shooter);
                squads
                    .iter()
                    .any(|&squad| grant.cells.covers(about.drill, squad))
            }) {
                self.by(grant.statement);
            }
        }
        self.revocation(&key);
    }

    fn revocation(&mut self, key: &PublicKey) {
        let authority = self.member.ledger.authority();
        let Some(revocation) = authority.revoked(key) else {
            return;
        };
        let (label, reason) = (self.member.label(key), reason_words(revocation.reason));
        let statement = revocation.statement;
        self.say(&format!("The key of {label} was revoked ({reason})."));
        self.by(statement);
    }

    fn device(&mut self, key: &PublicKey) {
        let authority = self.member.ledger.authority();
        let label = self.member.label(key);
        let place = authority
            .owners()
            .iter()
            .position(|owner| owner.key == *key);
        match authority.known(key) {
            None => self.say(&format!(
                "{label} is a stranger: nobody who may has admitted this key."
            )),
            Some(member) => {
                let roles = roles_words(member.roles);
                let verb = if authority.members().contains_key(key) {
                    "is"
                } else {
                    "was"
                };
                let admit = member.admit;
                self.say(&format!("{label} {verb} a member: {roles}."));
                self.by(admit.0);
            }
        }
        if let Some(place) = place {
            let owner = authority.owners().get(place);
            let control = owner.map(|owner| owner.control);
            let now = authority.owner() == *key;
            self.say(if now {
                "It owns the event."
            } else {
                "It owned the event before."
            });
            if let Some(control) = control.filter(|_| 0 < place) {
                self.by(control.0);
            }
        }
        let open = authority.open().filter(|(_, grant)| grant.key == *key);
        let open: Vec<(String, Hash)> = open
            .map(|(_, grant)| (cells_words(&grant.cells), grant.statement))
            .collect();
        for (cells, statement) in open {
            self.say(&format!("It may score {cells}."));
            self.by(statement);
        }
        self.revocation(key);
        let forked = self.member.ledger.forks().keys();
        let forked = forked.filter(|log| {
            let log = self.member.ledger.logs().get(*log);
            log.is_some_and(|log| log.writer() == *key)
        });
        if 0 < forked.count() {
            self.say("It signed two versions of one of its logs: a lie, or a broken program.");
        }
    }

    fn grant(&mut self, id: GrantId, grant: &Grant) {
        let ledger = &self.member.ledger;
        let authority = ledger.authority();
        let (cells, who) = (cells_words(&grant.cells), self.member.label(&grant.key));
        let by = self.member.label(&grant.by);
        let depth = grant.depth;
        self.say(&format!(
            "The grant of {cells} to {who} was opened by {by}, at depth {depth}."
        ));
        self.by(grant.statement);
        let entries = ledger
            .logs_of(id)
            .map(Log::height)
            .fold(0_u64, u64::saturating_add);
        match &grant.end {
            None => self.say(&format!("It is open; entries here: {entries}.")),
            Some(end) => {
                let why = close_words(end.reason);
                let cut = end
                    .cuts
                    .values()
                    .fold(0_u64, |sum, cut| sum.saturating_add(cut.0));
                self.say(&format!(
                    "It was closed ({why}); undisputed entries: {cut}, entries here: {entries}."
                ));
                self.by(end.statement);
            }
        }
        let rivals = authority.overlapping(&grant.cells);
        let rivals: Vec<(String, Hash, u32)> = rivals
            .filter(|(other, _)| *other != id)
            .map(|(_, it)| (self.member.label(&it.key), it.statement, it.depth))
            .collect();
        for (who, statement, depth) in rivals {
            self.say(&format!(
                "{who} holds an open grant of some of these cells at depth {depth}; the deepest is \
                 live, of equal ones the owner's, then the lowest id."
            ));
            self.by(statement);
        }
        self.revocation(&grant.key);
    }
}

fn close_words(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::Handover => "handover",
        CloseReason::Dead => "device dead",
        CloseReason::Expired => "given back, or over",
        CloseReason::Stolen => "distrust",
    }
}

/// Says roles in words.
fn roles_words(roles: Roles) -> String {
    let all = [
        (Roles::OWNER, "owner"),
        (Roles::DEPUTY, "deputy"),
        (Roles::DESK, "desk"),
        (Roles::SPARE, "spare card"),
        (Roles::SCORER, "scorer"),
        (Roles::RELAY, "relay"),
        (Roles::GATEWAY, "gateway"),
        (Roles::VIEWER, "viewer"),
        (Roles::CLOUD, "cloud"),
    ];
    let held = all.iter().filter(|(role, _)| roles.contains(*role));
    let held: Vec<&str> = held.map(|(_, word)| *word).collect();
    if held.is_empty() {
        return "no role".into();
    }
    held.join(", ")
}

fn cells_words(cells: &CellSet) -> String {
    let drills = match &cells.drills {
        None => "all stages".to_string(),
        Some(drills) => format!("stage {}", list(drills)),
    };
    match &cells.squads {
        None => format!("{drills}, all squads"),
        Some(squads) => format!("{drills}, squad {}", list(squads)),
    }
}

fn list<T: ToString>(numbers: &[T]) -> String {
    let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    numbers.join(" ")
}
