//! Between the JSON shapes and the types of the core, both ways.
//!
//! Only values that the core's types cannot hold are refused here; whether a score is right is
//! the core's business. Layer: node, local.

use tallyline_proto::model::{
    About, Agreed, Approvals, Approve, Body, Chrono, CloseReason, DrillNo, EntryId, Gear, Hits,
    Marks, Penalty, Point, PowerFactor, RevokeReason, Roles, RuleNo, Score, SetScore, ShooterNo,
    Status, StatusKind, Steel, StringFaults, TimeSource, Void, VoidReason,
};

use super::protocol::{
    AgreedData, ApproveData, ChronoData, CloseWhy, FaultsData, GearResult, PenaltyData, PointData,
    Power, Problem, Record, RevokeWhy, Role, RoleList, ScoreData, ScoreVoid, SetData, StatusRecord,
    StatusWhat, SteelData, VoidWhy, codes, exits,
};

/// Reads a record as the body of an entry.
pub(super) fn body(record: &Record) -> Result<Body, Problem> {
    Ok(match record {
        Record::Score(data) => Body::Score(score(data)?),
        Record::Chrono(data) => Body::Chrono(chrono(data)),
        Record::Status(data) => Body::Status(status(data)),
        Record::Point(data) => Body::Point(Point {
            drill: DrillNo(data.drill),
            side: ShooterNo(data.side),
            set: data.set,
            number: data.number,
        }),
        Record::Set(data) => Body::SetScore(SetScore {
            drill: DrillNo(data.drill),
            side: ShooterNo(data.side),
            set: data.set,
            own: data.own,
            other: data.other,
        }),
    })
}

/// Writes the body of an entry as a record, if it is one.
pub(super) fn record(body: &Body) -> Option<Record> {
    match body {
        Body::Score(score) => Some(Record::Score(score_data(score))),
        Body::Chrono(chrono) => Some(Record::Chrono(chrono_data(chrono))),
        Body::Status(status) => Some(Record::Status(status_record(status))),
        Body::Point(point) => Some(Record::Point(PointData {
            drill: point.drill.0,
            side: point.side.0,
            set: point.set,
            number: point.number,
        })),
        Body::SetScore(it) => Some(Record::Set(SetData {
            drill: it.drill.0,
            side: it.side.0,
            set: it.set,
            own: it.own,
            other: it.other,
        })),
        Body::Void(_)
        | Body::Approve(_)
        | Body::Incident(_)
        | Body::Report(_)
        | Body::JuryDecision(_)
        | Body::Record(_)
        | Body::Statement(_)
        | Body::Seal
        | Body::Unknown => None,
    }
}

/// Writes a void.
pub(super) fn void(void: &Void) -> ScoreVoid {
    ScoreVoid {
        entry: void.entry.to_string(),
        reason: void_why(void.reason),
        agreed: agreed_data(void.agreed),
        note: void.note.clone(),
        wall_ms: None,
    }
}

/// Writes an approval.
pub(super) fn approve(approve: &Approve) -> ApproveData {
    ApproveData {
        entry: approve.entry.to_string(),
        ro: approve.approvals.ro_ms.is_some(),
        shooter: approve.approvals.shooter_ms.is_some(),
        wall_ms: None,
    }
}

/// Reads who agreed with a change.
pub(super) fn agreed(data: AgreedData) -> Agreed {
    Agreed {
        shooter: data.shooter,
        ro: data.ro,
    }
}

/// Writes who agreed with a change.
pub(super) fn agreed_data(agreed: Agreed) -> AgreedData {
    AgreedData {
        shooter: agreed.shooter,
        ro: agreed.ro,
    }
}

/// Returns what a body is about: the drill, and the shooter; a void or statement is about none.
pub(super) fn place(body: &Body) -> (Option<DrillNo>, Option<ShooterNo>) {
    if let Body::Status(status) = body {
        return (status.about.drill, Some(status.about.shooter));
    }
    if let Body::Incident(it) = body {
        return (Some(it.race), Some(it.bib));
    }
    body.about()
        .map_or((None, None), |about| (about.drill, Some(about.shooter)))
}

fn score(data: &ScoreData) -> Result<Score, Problem> {
    let hits: Option<Vec<Hits>> = data
        .targets
        .iter()
        .map(|&bits| Hits::from_bits(bits))
        .collect();
    let hits = hits.ok_or_else(|| {
        Problem::new(
            codes::BAD_VALUE,
            exits::USAGE,
            "a target's number has a bit above its seven counts; nothing was saved; \
             pack each count into 4 bits",
        )
    })?;
    Ok(Score {
        drill: DrillNo(data.drill),
        shooter: ShooterNo(data.shooter),
        attempt: data.attempt,
        time_centis: data.time_cs.clone(),
        hits,
        steel: Steel {
            hit: data.steel.hit,
            miss: data.steel.miss,
            no_penalty_miss: data.steel.no_penalty_miss,
            no_shoot: data.steel.no_shoot,
        },
        penalties: data
            .penalties
            .iter()
            .map(|it| Penalty {
                rule: RuleNo(it.rule),
                count: it.count,
            })
            .collect(),
        approvals: Approvals {
            ro_ms: data.ro_ok_ms,
            shooter_ms: data.shooter_ok_ms,
        },
        late_shots: data.late_shots,
        extra_shots: data.extra_shots,
        extra_hits: data.extra_hits,
        marks: Marks {
            rings: data.rings.clone(),
            points_down: data.points_down.clone(),
            xs: data.xs,
            string_faults: data
                .string_faults
                .iter()
                .map(|it| StringFaults {
                    missed: it.missed,
                    procedurals: it.procedurals,
                    movement: it.movement,
                    unfinished: it.unfinished,
                })
                .collect(),
            time_source: if data.timer {
                TimeSource::Timer
            } else {
                TimeSource::Typed
            },
        },
        // The core names the entry that a record replaces.
        instead_of: None,
    })
}

fn score_data(score: &Score) -> ScoreData {
    ScoreData {
        drill: score.drill.0,
        shooter: score.shooter.0,
        attempt: score.attempt,
        time_cs: score.time_centis.clone(),
        targets: score.hits.iter().map(|hits| hits.bits()).collect(),
        steel: SteelData {
            hit: score.steel.hit,
            miss: score.steel.miss,
            no_penalty_miss: score.steel.no_penalty_miss,
            no_shoot: score.steel.no_shoot,
        },
        penalties: score
            .penalties
            .iter()
            .map(|it| PenaltyData {
                rule: it.rule.0,
                count: it.count,
            })
            .collect(),
        ro_ok_ms: score.approvals.ro_ms,
        shooter_ok_ms: score.approvals.shooter_ms,
        late_shots: score.late_shots,
        extra_shots: score.extra_shots,
        extra_hits: score.extra_hits,
        rings: score.marks.rings.clone(),
        points_down: score.marks.points_down.clone(),
        xs: score.marks.xs,
        string_faults: score
            .marks
            .string_faults
            .iter()
            .map(|it| FaultsData {
                missed: it.missed,
                procedurals: it.procedurals,
                movement: it.movement,
                unfinished: it.unfinished,
            })
            .collect(),
        timer: score.marks.time_source == TimeSource::Timer,
        instead_of: score.instead_of.map(|entry| entry.to_string()),
    }
}

fn chrono(data: &ChronoData) -> Chrono {
    Chrono {
        drill: DrillNo(data.drill),
        shooter: ShooterNo(data.shooter),
        weights_decigrains: data.weights_decigrains.clone(),
        speeds_fps: data.speeds_fps.clone(),
        gear: data.gear.map(|gear| match gear {
            GearResult::Pass => Gear::Pass,
            GearResult::Fail => Gear::Fail,
        }),
    }
}

fn chrono_data(chrono: &Chrono) -> ChronoData {
    ChronoData {
        drill: chrono.drill.0,
        shooter: chrono.shooter.0,
        weights_decigrains: chrono.weights_decigrains.clone(),
        speeds_fps: chrono.speeds_fps.clone(),
        gear: chrono.gear.map(|gear| match gear {
            Gear::Pass => GearResult::Pass,
            Gear::Fail => GearResult::Fail,
        }),
    }
}

fn status(data: &StatusRecord) -> Status {
    Status {
        about: About {
            drill: data.drill.map(DrillNo),
            shooter: ShooterNo(data.shooter),
        },
        kind: match data.kind {
            StatusWhat::Dnf => StatusKind::Dnf,
            StatusWhat::MatchDq => StatusKind::MatchDq,
            StatusWhat::Withdrawn => StatusKind::Withdrawn,
            StatusWhat::Dns => StatusKind::Dns,
            StatusWhat::StageDq => StatusKind::StageDq,
            StatusWhat::Warning => StatusKind::Warning,
        },
        rule: data.rule.map(RuleNo),
        attempt: data.attempt,
        note: data.note.clone(),
    }
}

fn status_record(status: &Status) -> StatusRecord {
    StatusRecord {
        shooter: status.about.shooter.0,
        drill: status.about.drill.map(|drill| drill.0),
        kind: match status.kind {
            StatusKind::Dnf => StatusWhat::Dnf,
            StatusKind::MatchDq => StatusWhat::MatchDq,
            StatusKind::Withdrawn => StatusWhat::Withdrawn,
            StatusKind::Dns => StatusWhat::Dns,
            StatusKind::StageDq => StatusWhat::StageDq,
            StatusKind::Warning => StatusWhat::Warning,
        },
        attempt: status.attempt,
        rule: status.rule.map(|rule| rule.0),
        note: status.note.clone(),
    }
}

/// Pairs of the two names of one reason for a void.
const VOIDS: [(VoidWhy, VoidReason); 10] = [
    (VoidWhy::WrongShooter, VoidReason::WrongShooter),
    (VoidWhy::WrongDrill, VoidReason::WrongDrill),
    (VoidWhy::Hits, VoidReason::Hits),
    (VoidWhy::Time, VoidReason::Time),
    (VoidWhy::Penalty, VoidReason::Penalty),
    (VoidWhy::Reshoot, VoidReason::Reshoot),
    (VoidWhy::Duplicate, VoidReason::Duplicate),
    (VoidWhy::Definition, VoidReason::Definition),
    (VoidWhy::Arbitration, VoidReason::Arbitration),
    (VoidWhy::Test, VoidReason::Test),
];

/// Reads why an entry is voided.
pub(super) fn void_reason(why: VoidWhy) -> VoidReason {
    let found = VOIDS.iter().find(|(it, _)| *it == why);
    found.map_or(VoidReason::Test, |(_, reason)| *reason)
}

/// Writes why an entry is voided.
pub(super) fn void_why(reason: VoidReason) -> VoidWhy {
    let found = VOIDS.iter().find(|(_, it)| *it == reason);
    found.map_or(VoidWhy::Test, |(why, _)| *why)
}

/// Reads why a grant is closed.
pub(super) fn close_reason(why: CloseWhy) -> CloseReason {
    match why {
        CloseWhy::Handover => CloseReason::Handover,
        CloseWhy::Dead => CloseReason::Dead,
        CloseWhy::Expired => CloseReason::Expired,
        CloseWhy::Stolen => CloseReason::Stolen,
    }
}

/// Writes why a grant is closed.
pub(super) fn close_why(reason: CloseReason) -> CloseWhy {
    match reason {
        CloseReason::Handover => CloseWhy::Handover,
        CloseReason::Dead => CloseWhy::Dead,
        CloseReason::Expired => CloseWhy::Expired,
        CloseReason::Stolen => CloseWhy::Stolen,
    }
}

/// Reads why a key is revoked.
pub(super) fn revoke_reason(why: RevokeWhy) -> RevokeReason {
    match why {
        RevokeWhy::Retired => RevokeReason::Retired,
        RevokeWhy::Lost => RevokeReason::Lost,
        RevokeWhy::Stolen => RevokeReason::Stolen,
        RevokeWhy::Misuse => RevokeReason::Misuse,
    }
}

/// Writes why a key is revoked.
pub(super) fn revoke_why(reason: RevokeReason) -> RevokeWhy {
    match reason {
        RevokeReason::Retired => RevokeWhy::Retired,
        RevokeReason::Lost => RevokeWhy::Lost,
        RevokeReason::Stolen => RevokeWhy::Stolen,
        RevokeReason::Misuse => RevokeWhy::Misuse,
    }
}

/// Reads a declared power factor.
pub(super) fn power_factor(power: Power) -> PowerFactor {
    match power {
        Power::Subminor => PowerFactor::Subminor,
        Power::Minor => PowerFactor::Minor,
        Power::Major => PowerFactor::Major,
    }
}

/// Writes a declared power factor.
pub(super) fn power(power_factor: PowerFactor) -> Power {
    match power_factor {
        PowerFactor::Subminor => Power::Subminor,
        PowerFactor::Minor => Power::Minor,
        PowerFactor::Major => Power::Major,
    }
}

/// Returns what a device of this role may do.
pub(super) fn roles(role: Role) -> Roles {
    match role {
        Role::Scorer => Roles::SCORER.with(Roles::RELAY),
        Role::Gateway => Roles::GATEWAY.with(Roles::RELAY),
        Role::Viewer => Roles::VIEWER,
        Role::Deputy => Roles::DEPUTY.with(Roles::SCORER).with(Roles::RELAY),
        Role::Desk => Roles::DESK.with(Roles::SCORER).with(Roles::RELAY),
        Role::Relay => Roles::RELAY,
        Role::Jury => Roles::JURY.with(Roles::SCORER).with(Roles::RELAY),
        Role::Leader => Roles::LEADER.with(Roles::SCORER).with(Roles::RELAY),
        Role::Medic => Roles::MEDIC.with(Roles::SCORER).with(Roles::RELAY),
    }
}

/// Returns what a device of all these roles together may do.
pub(super) fn all_roles(list: &RoleList) -> Roles {
    let all = list.as_slice().iter();
    all.fold(Roles::default(), |sum, &role| sum.with(roles(role)))
}

/// Names what a device may do.
pub(super) fn role_names(roles: Roles) -> Vec<String> {
    [
        (Roles::OWNER, "owner"),
        (Roles::SCORER, "scorer"),
        (Roles::RELAY, "relay"),
        (Roles::GATEWAY, "gateway"),
        (Roles::VIEWER, "viewer"),
        (Roles::CLOUD, "cloud"),
        (Roles::DEPUTY, "deputy"),
        (Roles::DESK, "desk"),
        (Roles::SPARE, "spare"),
        (Roles::LEADER, "leader"),
        (Roles::MEDIC, "medic"),
        (Roles::JURY, "jury"),
    ]
    .into_iter()
    .filter(|(role, _)| roles.contains(*role))
    .map(|(_, name)| name.to_owned())
    .collect()
}

/// Writes entries' names.
pub(super) fn entry_names(entries: &[EntryId]) -> Vec<String> {
    entries.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) {
        let record: Record = serde_json::from_str(json).expect(json);
        let body = body(&record).expect(json);
        assert_eq!(super::record(&body), Some(record), "{json}");
    }

    #[test]
    fn records_survive_the_way_there_and_back() {
        check(
            r#"{"score":{"drill":2,"shooter":175,"attempt":1,"time_cs":[4292,12],"targets":[2,513],
            "steel":{"hit":6,"miss":1,"no_penalty_miss":2,"no_shoot":3},"penalties":[{"rule":1,"count":2}],
            "ro_ok_ms":-5,"shooter_ok_ms":-9,"late_shots":1,"extra_shots":2,"extra_hits":3}}"#,
        );
        check(r#"{"score":{"drill":1,"shooter":1}}"#);
        check(
            r#"{"chrono":{"drill":15,"shooter":3,"weights_decigrains":[1800],"speeds_fps":[963,958],"gear":"pass"}}"#,
        );
        check(r#"{"chrono":{"drill":15,"shooter":3,"gear":"fail"}}"#);
        for kind in ["dnf", "match-dq", "withdrawn"] {
            check(&format!(
                r#"{{"status":{{"shooter":5,"drill":14,"kind":"{kind}","rule":30,"note":"10.5.5"}}}}"#
            ));
        }
    }

    #[test]
    fn a_target_with_a_bit_too_many_is_refused() {
        let data = ScoreData {
            targets: vec![1 << 28],
            ..ScoreData::default()
        };
        let problem = body(&Record::Score(data)).expect_err("refuses");
        assert_eq!(problem.code, codes::BAD_VALUE);
    }

    #[test]
    fn reasons_and_roles_have_one_name_each() {
        for (why, reason) in VOIDS {
            assert_eq!(void_reason(why), reason);
            assert_eq!(void_why(reason), why);
        }
        for why in [CloseWhy::Handover, CloseWhy::Dead, CloseWhy::Stolen] {
            assert_eq!(close_why(close_reason(why)), why);
        }
        for it in [Power::Subminor, Power::Minor, Power::Major] {
            assert_eq!(power(power_factor(it)), it);
        }
        assert_eq!(role_names(roles(Role::Scorer)), ["scorer", "relay"]);
        assert_eq!(role_names(roles(Role::Gateway)), ["relay", "gateway"]);
        assert_eq!(role_names(roles(Role::Viewer)), ["viewer"]);
        assert_eq!(
            role_names(roles(Role::Deputy)),
            ["scorer", "relay", "deputy"]
        );
        for (role, name) in [
            (Role::Leader, "leader"),
            (Role::Medic, "medic"),
            (Role::Jury, "jury"),
        ] {
            assert_eq!(role_names(roles(role)), ["scorer", "relay", name]);
        }
        let both = RoleList::Many(vec![Role::Desk, Role::Gateway]);
        assert_eq!(
            role_names(all_roles(&both)),
            ["scorer", "relay", "gateway", "desk"]
        );
        for why in [
            RevokeWhy::Retired,
            RevokeWhy::Lost,
            RevokeWhy::Stolen,
            RevokeWhy::Misuse,
        ] {
            assert_eq!(revoke_why(revoke_reason(why)), why);
        }
    }
}
