//! What a writing request wants of the core, found by looking at what is there.
//!
//! Layer: node, local.

use tallyline_proto::model::{
    Agreed, Approvals, Body, CellSet, DrillNo, Entrant, Open, RosterChange, Shooter, ShooterEdit,
    ShooterNo, SquadNo, VoidReason,
};
use tallyline_proto::replica::{Command, EntryFilter, Now, Replica};

use super::clerk::{key, no_such_verb};
use super::protocol::{
    Admit, Grant, GrantOpen, Handover, Problem, Request, RosterAdd, RosterEdit, ScoreAdd,
    ScoreMove, ScoreVoid, codes, exits,
};
use super::statement::{self, Tell};
use super::{beyond, claims, convert, enrol, names, participants};
use crate::entropy;

/// What a writing verb wants of the core, found by looking at the replica.
pub(super) enum Plan {
    Command(Box<Command>),
    /// A command about a shooter, whose number the answer tells.
    Shooter(Box<Command>, u32),
    /// A command with warnings that its answer tells.
    Warned(Box<Command>, Vec<String>),
    /// A command with an answer of its own, once the core agreed.
    Told(Box<Command>, Tell),
}

impl From<(Command, Tell)> for Plan {
    fn from((command, tell): (Command, Tell)) -> Self {
        Self::Told(Box::new(command), tell)
    }
}

/// Finds out what a writing verb wants of the core.
#[expect(clippy::too_many_lines, reason = "one line for each verb")]
pub(super) fn plan(replica: &mut Replica, now: Now, request: Request) -> Result<Plan, Problem> {
    let command = match request {
        Request::EventLock(_) => Command::Lock,
        Request::Join(join) => enrol::join(&join)?,
        Request::InviteCancel(cancel) => enrol::cancel(replica, cancel.invite.as_deref())?,
        Request::PairDevice(_) => enrol::pair_device()?,
        Request::PairOwner(pair) => enrol::pair_owner(pair)?,
        Request::PairConfirm(confirm) => enrol::pair_confirm(&confirm)?,
        Request::Admit(admit) => plan_admit(admit)?,
        Request::Grant(grant) => plan_grant(replica, now, grant)?,
        Request::Handover(handover) => plan_handover(replica, now, &handover)?,
        Request::Claim(claim) => claims::claim(claim),
        Request::ClaimRelease(release) => claims::release(release),
        Request::Revoke(revoke) => return Ok(statement::revoke(replica, now, &revoke)?.into()),
        Request::CardsRevoke(card) => {
            return Ok(statement::revoke_card(replica, now, &card)?.into());
        }
        Request::Consent(_) => statement::consent(replica)?,
        Request::Transfer(transfer) => statement::transfer(replica, now, &transfer)?,
        Request::Recover(recover) => statement::recover(replica, &recover)?,
        Request::Adopt(adopt) => return Ok(statement::adopt(replica, now, &adopt)?.into()),
        Request::EventAmend(amend) => return Ok(statement::amend(replica, amend)?.into()),
        Request::EventLastCall(_) => Command::LastCall,
        Request::EventClose(close) => statement::close(replica, now, &close)?,
        Request::RosterAdd(add) => return plan_roster_add(replica, add),
        Request::RosterEdit(edit) => return plan_roster_edit(replica, &edit),
        Request::ParticipantErase(query) => {
            return Ok(participants::erase(replica, &query)?.into());
        }
        Request::ScoreAdd(add) => return plan_score_add(replica, &add),
        Request::ScoreVoid(void) => plan_score_void(replica, void)?,
        Request::ScoreMove(it) => plan_score_move(replica, &it)?,
        Request::Approve(approve) => Command::Approve {
            entry: names::entry(replica, &approve.entry)?,
            ro: approve.ro,
            shooter: approve.shooter,
            wall_ms: approve.wall_ms,
        },
        Request::EventPhase(phase) => statement::phase(replica, now, phase)?,
        Request::IncidentAdd(add) => return Ok(beyond::add(replica, add)?.into()),
        Request::IncidentReport(report) => return Ok(beyond::report(replica, report)?.into()),
        Request::Decide(decide) => return Ok(beyond::decide(replica, decide)?.into()),
        Request::RecordAdd(write) => return Ok(beyond::write(replica, &write, true)?.into()),
        Request::RecordSet(write) => return Ok(beyond::write(replica, &write, false)?.into()),
        Request::Node(_)
        | Request::EventCreate(_)
        | Request::EventShow(_)
        | Request::EventList(_)
        | Request::Invite(_)
        | Request::InviteDevice(_)
        | Request::JoinOffer(_)
        | Request::Enrolment(_)
        | Request::Devices(_)
        | Request::Grants(_)
        | Request::Claims(_)
        | Request::ParticipantList(_)
        | Request::ParticipantShow(_)
        | Request::ScoreList(_)
        | Request::ScoreHistory(_)
        | Request::Incidents(_)
        | Request::Records(_)
        | Request::RecordKinds(_)
        | Request::Conflicts(_)
        | Request::Standings(_)
        | Request::Report(_)
        | Request::Status(_)
        | Request::Verify(_)
        | Request::Export(_)
        | Request::Adoptable(_)
        | Request::EventChase(_)
        | Request::EventStatements(_)
        | Request::Why(_)
        | Request::CardsSpare(_)
        | Request::CardsList(_)
        | Request::Import(_)
        | Request::FilePreview(_)
        | Request::FileImport(_)
        | Request::FileExport(_)
        | Request::SyncPause(_)
        | Request::SyncResume(_)
        | Request::MediaAdd(_)
        | Request::MediaList(_)
        | Request::MediaGet(_)
        | Request::Health(_)
        | Request::SyncNow(_)
        | Request::Vitals(_)
        | Request::EventReady(_)
        | Request::CloudRebuild(_)
        | Request::Security(_)
        | Request::Stop(_) => return Err(no_such_verb()),
    };
    Ok(Plan::Command(Box::new(command)))
}

fn plan_admit(admit: Admit) -> Result<Command, Problem> {
    Ok(Command::Admit {
        key: key(&admit.key)?,
        roles: convert::all_roles(&admit.role),
        label: admit.label,
    })
}

fn plan_grant(replica: &Replica, now: Now, grant: Grant) -> Result<Command, Problem> {
    let closing: Result<Vec<_>, Problem> = grant
        .closing
        .iter()
        .map(|name| names::grant(replica, name).map(|it| it.id))
        .collect();
    let opens: Result<Vec<Open>, Problem> = grant
        .opens
        .into_iter()
        .map(|open| plan_open(replica, now, open))
        .collect();
    Ok(Command::Assign {
        closing: closing?,
        reason: convert::close_reason(grant.reason),
        opens: opens?,
    })
}

fn plan_open(replica: &Replica, now: Now, open: GrantOpen) -> Result<Open, Problem> {
    let sorted = |numbers: Vec<u32>| {
        let mut numbers = numbers;
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    };
    Ok(Open {
        key: names::device(replica, now, &open.to)?,
        cells: CellSet {
            drills: open
                .drills
                .map(|all| sorted(all).into_iter().map(DrillNo).collect()),
            squads: open
                .squads
                .map(|all| sorted(all).into_iter().map(SquadNo).collect()),
        },
        until_ms: None,
    })
}

fn plan_handover(replica: &Replica, now: Now, handover: &Handover) -> Result<Command, Problem> {
    let grant = names::grant(replica, &handover.grant)?;
    let key = names::device(replica, now, &handover.to)?;
    Ok(Command::Assign {
        closing: vec![grant.id],
        reason: convert::close_reason(handover.reason),
        opens: vec![Open {
            key,
            cells: grant.cells,
            until_ms: None,
        }],
    })
}

fn plan_roster_add(replica: &Replica, add: RosterAdd) -> Result<Plan, Problem> {
    let division = names::division(replica, &add.division)?;
    let Some(roster) = replica.roster() else {
        return Err(names::no_event());
    };
    let no = match add.shooter {
        Some(no) => no,
        // After the lock numbers are random, so that an owner's device that was set back cannot
        // give one number to two people.
        None if roster.locked() => random_28_bits()?,
        None => {
            let last = roster.structure().shooters.last();
            last.map_or(1, |shooter| shooter.no.0.saturating_add(1))
        }
    };
    let shooter = Shooter {
        no: ShooterNo(no),
        label: add.label,
        division,
        power_factor: convert::power_factor(add.power_factor),
        squad: SquadNo(add.squad),
        categories: add.categories,
        entrant: Entrant {
            id: None,
            member: add.member,
            class: add.class,
            team: add.team,
        },
    };
    Ok(Plan::Shooter(
        Box::new(Command::Roster(RosterChange::Add(shooter))),
        no,
    ))
}

fn plan_roster_edit(replica: &Replica, edit: &RosterEdit) -> Result<Plan, Problem> {
    let division = edit
        .division
        .as_ref()
        .map(|name| names::division(replica, name))
        .transpose()?;
    let asks = edit.member.is_some() || edit.class.is_some() || edit.team.is_some();
    let held = replica
        .roster()
        .and_then(|roster| roster.shooter(ShooterNo(edit.shooter)))
        .map(|shooter| shooter.entrant.clone())
        .unwrap_or_default();
    let entrant = asks.then(|| Entrant {
        id: held.id,
        member: edit.member.clone().unwrap_or(held.member),
        class: edit.class.clone().unwrap_or(held.class),
        team: edit.team.clone().unwrap_or(held.team),
    });
    let change = RosterChange::Edit(ShooterEdit {
        shooter: ShooterNo(edit.shooter),
        squad: edit.squad.map(SquadNo),
        division,
        power_factor: edit.power_factor.map(convert::power_factor),
        label: edit.label.clone(),
        categories: edit.categories.clone(),
        entrant,
    });
    Ok(Plan::Shooter(
        Box::new(Command::Roster(change)),
        edit.shooter,
    ))
}

fn plan_score_add(replica: &mut Replica, add: &ScoreAdd) -> Result<Plan, Problem> {
    let replaces = match &add.replaces {
        Some(it) => Some((
            names::entry(replica, &it.entry)?,
            convert::void_reason(it.reason),
        )),
        None => None,
    };
    let body = convert::body(&add.record)?;
    let warning = replica.warning(&body).map(|it| it.to_string());
    let command = Command::Record {
        body,
        replaces,
        confirmed: add.confirmed,
        revision: add.revision,
        wall_ms: add.wall_ms,
        agreed: add
            .replaces
            .as_ref()
            .map_or_else(Agreed::default, |it| convert::agreed(it.agreed)),
    };
    let warnings = warning.into_iter().collect();
    Ok(Plan::Warned(Box::new(command), warnings))
}

fn plan_score_void(replica: &mut Replica, void: ScoreVoid) -> Result<Command, Problem> {
    Ok(Command::Void {
        entry: names::entry(replica, &void.entry)?,
        reason: convert::void_reason(void.reason),
        agreed: convert::agreed(void.agreed),
        note: void.note,
        wall_ms: void.wall_ms,
    })
}

/// Makes the same run for another shooter or another drill, in the place of the entry.
fn plan_score_move(replica: &mut Replica, to: &ScoreMove) -> Result<Command, Problem> {
    let entry = names::entry(replica, &to.entry)?;
    let filter = EntryFilter {
        entry: Some(entry),
        ..EntryFilter::default()
    };
    let view = replica.entries(&filter).into_iter().next();
    let Some(Body::Score(mut score)) = view.map(|view| view.body) else {
        return Err(Problem::new(
            codes::BAD_VALUE,
            exits::USAGE,
            "only a score can be moved; void the entry and enter it again instead",
        ));
    };
    let from = (score.shooter, score.drill);
    score.shooter = to.shooter.map_or(score.shooter, ShooterNo);
    score.drill = to.drill.map_or(score.drill, DrillNo);
    if from == (score.shooter, score.drill) {
        return Err(Problem::new(
            codes::BAD_VALUE,
            exits::USAGE,
            "the score stands there already; to correct it, enter it again with `--replaces`",
        ));
    }
    let reason = if from.0 == score.shooter {
        VoidReason::WrongDrill
    } else {
        VoidReason::WrongShooter
    };
    // It was approved by somebody else, or for another stage.
    score.approvals = Approvals::default();
    score.attempt = 0;
    Ok(Command::Record {
        body: Body::Score(score),
        replaces: Some((entry, reason)),
        agreed: convert::agreed(to.agreed),
        confirmed: to.confirmed,
        revision: None,
        wall_ms: None,
    })
}

pub(super) fn random_28_bits() -> Result<u32, Problem> {
    let drawn = u32::from_le_bytes(entropy::bytes()?) & 0x0fff_ffff;
    Ok(drawn.max(1))
}
