//! What officials record: scores, statuses, readings, voids; checked before anything is written.

use alloc::{format, vec::Vec};

use super::{Replica, Reply, Seed, command::no_event, core::State, member::Member};
use crate::{
    model::{
        About, Agreed, Approvals, Approve, Body, DrillNo, EntryId, GrantId, LogName, Roles,
        SquadNo, StatusKind, Void, VoidReason,
    },
    rules::{
        Code, Line, Mistake, Scorebook, Verdict,
        scorebook::{are_twins, attempt, changes_freely, is_beyond_scores, is_race_entry},
        validate::{self, Desk, TimeBounds, Writer},
    },
    wire,
};

/// A wish to record something.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) body: Body,
    pub(super) replaces: Option<(EntryId, VoidReason)>,
    pub(super) agreed: Agreed,
    pub(super) confirmed: bool,
    pub(super) revision: Option<u32>,
    pub(super) wall_ms: Option<u64>,
    /// Random bytes of which keys of sealed texts are made; `None`: nothing is sealed.
    pub(super) seed: Option<Seed>,
}

/// An entry that is to be voided.
struct Target {
    log: LogName,
    seq: u64,
    /// Under which grant the void is written.
    grant: GrantId,
}

/// What is said about another entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Void,
    Approval,
}

impl Answer {
    /// Returns what its author does to the entry.
    fn verb(self) -> &'static str {
        match self {
            Self::Void => "void",
            Self::Approval => "approve",
        }
    }
}

impl Replica {
    /// Records an entry, and the void of what it replaces in the same breath.
    pub(super) fn record(&mut self, record: Record) -> Result<Reply, Mistake> {
        let own = self.key();
        let State::Member(member) = &self.state else {
            return Err(no_event());
        };
        let Some(about) = record.body.about() else {
            return if is_beyond_scores(&record.body) {
                self.record_beyond(record)
            } else {
                Err(no_event())
            };
        };
        let (grant, mut body) = member.checked(own, about, &record)?;
        let target = match record.replaces {
            Some((entry, reason)) => {
                member.asks_for_consent(entry, reason, record.agreed)?;
                if let Body::Score(score) = &mut body {
                    score.instead_of = Some(entry);
                }
                let note = alloc::string::String::new();
                Some((
                    member.target(own, entry, Answer::Void)?,
                    Void {
                        entry,
                        reason,
                        agreed: record.agreed,
                        note,
                    },
                ))
            }
            None => None,
        };
        let mut saved = Vec::new();
        let mut same_log = None;
        if let Some((target, void)) = target {
            same_log = self.same_log(&target, grant);
            saved.extend(self.append_void(&target, void, record.wall_ms));
        }
        saved.extend(self.append(grant, body, same_log, record.wall_ms));
        Ok(Reply::Saved(saved))
    }

    /// Returns what a person should look at who saves this although it is taken: a run like another
    /// shooter's (E10).
    ///
    /// Source: PROTOCOL R-CHECK-2.
    pub fn warning(&mut self, body: &Body) -> Option<Mistake> {
        let State::Member(member) = &mut self.state else {
            return None;
        };
        let book = member.book();
        let lines: Vec<_> = member.ledger.lines().collect();
        let desk = Desk {
            event: member.ledger.manifest().name.as_str(),
            roster: member.ledger.authority().roster(),
            book: &book,
            writer: Writer::Officer,
            time_bounds: TimeBounds::Confirmed,
        };
        validate::same_run(&desk, &lines, body)
    }

    /// Says that RO or shooter agree with an entry.
    ///
    /// Source: rule book 9.7.1; PROTOCOL R-READ-7.
    pub(super) fn approve(
        &mut self,
        entry: EntryId,
        (ro, shooter): (bool, bool),
        wall_ms: Option<u64>,
    ) -> Result<Reply, Mistake> {
        let own = self.key();
        let member = self.event_or_mistake()?;
        let approve = Approve {
            entry,
            approvals: Approvals {
                ro_ms: ro.then_some(0),
                shooter_ms: shooter.then_some(0),
            },
        };
        let roster = member.ledger.authority().roster();
        let event = member.ledger.manifest().name.as_str();
        let body = Body::Approve(approve);
        validate::check_content(roster, event, &body, roster.revision())?;
        let target = member.target(own, entry, Answer::Approval)?;
        let same_log = self.same_log(&target, target.grant);
        let saved = self.append(target.grant, body, same_log, wall_ms);
        Ok(Reply::Saved(saved.into_iter().collect()))
    }

    /// Voids an entry.
    pub(super) fn void(&mut self, void: Void, wall_ms: Option<u64>) -> Result<Reply, Mistake> {
        let own = self.key();
        let member = self.event_or_mistake()?;
        let roster = member.ledger.authority().roster();
        let event = member.ledger.manifest().name.as_str();
        let body = Body::Void(void.clone());
        validate::check_content(roster, event, &body, roster.revision())?;
        let target = member.target(own, void.entry, Answer::Void)?;
        member.asks_for_consent(void.entry, void.reason, void.agreed)?;
        let saved = self.append_void(&target, void, wall_ms);
        Ok(Reply::Saved(saved.into_iter().collect()))
    }

    fn append_void(
        &mut self,
        target: &Target,
        void: Void,
        wall_ms: Option<u64>,
    ) -> Option<EntryId> {
        let same_log = self.same_log(target, target.grant);
        self.append(target.grant, Body::Void(void), same_log, wall_ms)
    }

    /// Returns the sequence of an entry if it stands in the very log that is written under a grant.
    fn same_log(&self, target: &Target, grant: GrantId) -> Option<u64> {
        let same = target.log.grant == grant && target.log.incarnation == self.incarnation;
        same.then_some(target.seq)
    }
}

/// Refuses a record that no device could read back.
pub(super) fn readable(body: &Body) -> Result<(), Mistake> {
    wire::body_reads_back(body).map_err(|why| {
        let text = format!("this cannot be recorded: {why}. Nothing was saved.");
        Mistake::new(Code::E21, text)
    })
}

impl Member {
    /// Checks what is to be recorded, in the order of the protocol, and returns under which grant it
    /// is written and what it says.
    ///
    /// Source: PROTOCOL R-CHECK-2.
    fn checked(
        &self,
        own: tallyline_keys::PublicKey,
        about: About,
        record: &Record,
    ) -> Result<(GrantId, Body), Mistake> {
        let authority = self.ledger.authority();
        let (roster, event) = (authority.roster(), self.ledger.manifest().name.as_str());
        let revision = record.revision.unwrap_or_else(|| roster.revision());
        validate::check_numbers(roster, event, &record.body, revision)?;
        let grant = self.grant_for(own, about)?;
        self.takes_scores_of(own)?;
        let lines = self.rivals(&record.body, about);
        let book = Scorebook::compute(roster, &self.ledger, &lines);
        let desk = Desk {
            event,
            roster,
            book: &book,
            writer: if authority.owner() == own {
                Writer::Owner
            } else {
                Writer::Officer
            },
            time_bounds: if record.confirmed {
                TimeBounds::Confirmed
            } else {
                TimeBounds::Asked
            },
        };
        validate::check(&desk, &record.body, revision)?;
        let mut body = record.body.clone();
        if let Some(held) = book.holder(&lines, &body)
            && let Body::Status(status) = &mut body
        {
            // Below what stands there it would change nothing, and nobody would be told.
            status.attempt = status.attempt.max(attempt(held.body));
        }
        readable(&body)?;
        let instead = record.replaces.map(|(entry, _)| entry);
        let asked = validate::question(&desk, &lines, &body, instead);
        match asked.filter(|_| !record.confirmed) {
            Some(asked) => Err(asked),
            None => Ok((grant, body)),
        }
    }

    /// Returns the entries that decide what a body competes with: those about its shooter, of a court
    /// about both sides.
    fn rivals(&self, body: &Body, about: About) -> Vec<Line<'_>> {
        let mut lines = self.ledger.lines_about(about.shooter);
        let roster = self.ledger.authority().roster();
        let drill = about.drill.and_then(|no| roster.drill(no));
        if let (Body::Point(_) | Body::SetScore(_), Some(court)) =
            (body, drill.and_then(|it| it.terms.court))
        {
            let other = if court.a == about.shooter {
                court.b
            } else {
                court.a
            };
            lines.extend(self.ledger.lines_about(other));
        }
        lines
    }

    /// Returns the grant under which `own` writes about a cell.
    fn grant_for(&self, own: tallyline_keys::PublicKey, about: About) -> Result<GrantId, Mistake> {
        let authority = self.ledger.authority();
        let squad = authority
            .roster()
            .shooter(about.shooter)
            .map(|shooter| shooter.squad);
        let squads: Vec<SquadNo> = squad.into_iter().collect();
        if let Some(grant) = self.held_grant(own, about.drill, &squads) {
            return Ok(grant);
        }
        let spare = authority.members().get(&own);
        let spare = spare.is_some_and(|it| it.roles.contains(Roles::SPARE));
        if (spare || authority.owner() == own)
            && let Some(admit) = self.admit_of(&own)
        {
            return Ok(admit);
        }
        let may: Vec<_> = authority
            .grants()
            .values()
            .filter(|grant| grant.key == own && grant.end.is_none())
            .map(|grant| grant.cells.clone())
            .collect();
        let holder = match about.drill {
            Some(drill) => authority.live_for(Some(drill), &squads),
            None => authority.live_for(None, &squads),
        };
        let holder = holder.map(|(_, grant)| self.label(&grant.key));
        let squad = squad.unwrap_or(SquadNo(0));
        let place = (about.shooter, squad);
        Err(Mistake::outside_grant(
            &may,
            about.drill,
            place,
            holder.as_deref(),
        ))
    }

    /// Refuses a record after the owner's last call, but for the owner's own.
    ///
    /// Source: PROTOCOL R-CONTROL-16.
    pub(super) fn takes_scores_of(&self, own: tallyline_keys::PublicKey) -> Result<(), Mistake> {
        let authority = self.ledger.authority();
        if authority.owner() == own || authority.last_call().is_none() {
            return Ok(());
        }
        let owner = self.label(&authority.owner());
        let text = format!(
            "the owner has said that scoring is over. Give the score to the owner ({owner}), who \
             may still enter it."
        );
        Err(Mistake::new(Code::E12, text))
    }

    /// Returns the grant of `own` that is live for a cell; of a whole match, for any drill.
    fn held_grant(
        &self,
        own: tallyline_keys::PublicKey,
        drill: Option<DrillNo>,
        squads: &[SquadNo],
    ) -> Option<GrantId> {
        let authority = self.ledger.authority();
        let live = |drill| {
            let mine = authority
                .grants()
                .iter()
                .filter(|(_, grant)| grant.key == own);
            let mut ids = mine.map(|(id, _)| *id);
            ids.find(|id| authority.is_live_for(*id, drill, squads))
        };
        match drill {
            Some(drill) => live(drill),
            None => authority
                .roster()
                .structure()
                .drills
                .iter()
                .find_map(|drill| live(drill.no)),
        }
    }

    /// Refuses to change an approved score unless both agree, or it is arbitrated (E14).
    ///
    /// Source: rule book 9.7.4; PROTOCOL R-READ-7.
    fn asks_for_consent(
        &self,
        entry: EntryId,
        reason: VoidReason,
        agreed: Agreed,
    ) -> Result<(), Mistake> {
        let roster = self.ledger.authority().roster();
        if !roster.asks_for_consent() || agreed == Agreed::BOTH {
            return Ok(());
        }
        let found = self.ledger.find(entry);
        let Some(line) = found.and_then(|(log, seq)| self.ledger.line(&log, seq)) else {
            return Ok(());
        };
        let Some(about) = line.body.about() else {
            return Ok(());
        };
        let lines = self.ledger.lines_about(about.shooter);
        let book = Scorebook::compute(roster, &self.ledger, &lines);
        let fits = || !matches!(book.verdict(entry), Some(Verdict::Unfit(_)));
        let stands = |id| {
            let verdict = book.verdict(id);
            matches!(
                verdict,
                Some(Verdict::Counted | Verdict::CountedLate | Verdict::Duplicate(_))
            )
        };
        let stands_twice = || lines.iter().any(|it| are_twins(it, &line) && stands(it.id));
        if changes_freely(reason, fits, stands_twice) {
            return Ok(());
        }
        match validate::approved_at(&lines, &line) {
            Some(at_ms) => Err(Mistake::approved(&validate::clock_seconds(roster, at_ms))),
            None => Ok(()),
        }
    }

    /// Refuses what answers an entry that is voided already: it would count for two, or for nobody.
    ///
    /// Source: PROTOCOL R-CHECK-2.
    fn still_stands(&self, line: &Line<'_>) -> Result<(), Mistake> {
        let ledger = &self.ledger;
        let roster = ledger.authority().roster();
        let lines: Vec<Line<'_>> = match line.body.about() {
            Some(about) => ledger.lines_about(about.shooter),
            None => ledger.lines().collect(),
        };
        let book = Scorebook::compute(roster, ledger, &lines);
        let Some(Verdict::Voided(void)) = book.verdict(line.id) else {
            return Ok(());
        };
        let void = lines.iter().find(|it| it.id == void);
        let (at, by) = void.map_or_else(Default::default, |it| {
            let at = validate::clock(roster, it.at_ms);
            (
                format!(" at {at}"),
                format!(" by {}", self.label(&it.author)),
            )
        });
        let text = format!(
            "entry {} was voided{at}{by}; it counts for nothing. Correct the entry that stands, or \
             enter a new one.",
            line.id
        );
        Err(Mistake::new(Code::E13, text))
    }

    /// Returns the entry that `own` wants to void or agree with, if it may.
    fn target(
        &self,
        own: tallyline_keys::PublicKey,
        entry: EntryId,
        answer: Answer,
    ) -> Result<Target, Mistake> {
        let missing = || Mistake::void_missing(&entry);
        let (log, seq) = self.ledger.find(entry).ok_or_else(missing)?;
        let line = self.ledger.line(&log, seq).ok_or_else(missing)?;
        let authority = self.ledger.authority();
        let is_owner = authority.owner() == own;
        let foreign = || Mistake::foreign(&entry, &self.label(&line.author), answer.verb());
        if is_race_entry(line.body) {
            if !is_owner && line.author != own {
                return Err(foreign());
            }
            self.still_stands(&line)?;
            let grant = self.record_grant(&own, line.body)?;
            return Ok(Target { log, seq, grant });
        }
        let Some(about) = line.body.about() else {
            return Err(Mistake::void_of_void(&entry));
        };
        let whole_match = matches!(
            line.body,
            Body::Status(status) if matches!(status.kind, StatusKind::MatchDq | StatusKind::Withdrawn)
        );
        if whole_match && !is_owner {
            return Err(Mistake::void_needs_owner(&entry));
        }
        let squads = self.ledger.squads_of(about.shooter);
        let held = self.held_grant(own, about.drill, &squads);
        let own_open = || {
            let mut grants = authority.grants().iter();
            grants
                .find(|(_, grant)| grant.key == own && grant.end.is_none())
                .map(|(id, _)| *id)
        };
        let grant = if let Some(held) = held {
            held
        } else if is_owner {
            self.admit_of(&own).ok_or_else(missing)?
        } else if line.author == own {
            let unassigned = || self.admit_of(&own).filter(|admit| *admit == log.grant);
            own_open().or_else(unassigned).unwrap_or(log.grant)
        } else {
            return Err(foreign());
        };
        self.still_stands(&line)?;
        Ok(Target { log, seq, grant })
    }
}
