//! Kinds of records that ship with the program, as data: an event names a set, and may declare
//! others. What a kind does is what it declares; there is no code for a single one.

use alloc::{borrow::ToOwned, vec::Vec};

use crate::model::{Derive, Field, FieldNo, Kind, KindNo, Policy, Roles, Writers};

/// What a camp is about; the owner's.
pub const CAMP: KindNo = KindNo(1);
/// A group of participants.
pub const GROUP: KindNo = KindNo(2);
/// Who takes part.
pub const PARTICIPANT: KindNo = KindNo(3);
/// What is done, and when.
pub const ACTIVITY: KindNo = KindNo(4);
/// Who was there on a day.
pub const ATTENDANCE: KindNo = KindNo(5);
/// Something that somebody is honoured for.
pub const HONOR: KindNo = KindNo(6);
/// Points that somebody gave.
pub const POINTS: KindNo = KindNo(7);
/// A badge that somebody works for.
pub const BADGE: KindNo = KindNo(8);
/// Medication that somebody needs.
pub const MEDICATION: KindNo = KindNo(9);
/// A dose that was given.
pub const DOSE: KindNo = KindNo(10);
/// Who drives whom.
pub const CARPOOL: KindNo = KindNo(11);
/// The points of somebody, added up.
pub const POINTS_TOTAL: KindNo = KindNo(12);
/// Which matches somebody covers for the media.
pub const COVERAGE_PLAN: KindNo = KindNo(21);

/// Names of the sets, as structure files have them.
pub const SETS: [&str; 2] = ["camp", "coverage"];

/// Returns the set of kinds of this name.
pub fn set(name: &str) -> Option<Vec<Kind>> {
    match name {
        "camp" => Some(camp()),
        "coverage" => Some(coverage()),
        _ => None,
    }
}

/// Returns what a camp records: groups, participants, activities, attendance, honors, points,
/// badges, medication, doses, carpools.
///
/// Source: PROTOCOL R-RECORD-8.
pub fn camp() -> Vec<Kind> {
    let kinds = people().into_iter().chain(achievements());
    let mut kinds: Vec<Kind> = kinds.chain(health()).chain([carpool()]).collect();
    kinds.sort_by_key(|kind| kind.no);
    kinds
}

/// Who is there, and what is done.
fn people() -> [Kind; 5] {
    [
        Kind {
            writers: Writers::Owner,
            ..kind(
                CAMP,
                "camp",
                &[],
                Policy::LastWrite,
                &["name", "place", "days"],
            )
        },
        kind(GROUP, "group", &[], Policy::LastWrite, &["name", "leader"]),
        Kind {
            readers: Roles::LEADER,
            ..kind(
                PARTICIPANT,
                "participant",
                &[GROUP],
                Policy::FieldLevel,
                &["name", "born*", "note*", "contact*"],
            )
        },
        kind(
            ACTIVITY,
            "activity",
            &[],
            Policy::LastWrite,
            &["name", "day", "place", "note"],
        ),
        Kind {
            readers: Roles::LEADER,
            unique: Vec::from([FieldNo(1)]),
            ..kind(
                ATTENDANCE,
                "attendance",
                &[PARTICIPANT],
                Policy::LastWrite,
                &["day", "status", "note*"],
            )
        },
    ]
}

/// What somebody reached.
fn achievements() -> [Kind; 4] {
    let statuses = ["pending", "approved", "awarded"].map(ToOwned::to_owned);
    let total = Derive::Sum {
        kind: POINTS,
        field: FieldNo(1),
    };
    [
        kind(
            HONOR,
            "honor",
            &[PARTICIPANT],
            Policy::CreateWins,
            &["name", "day", "note"],
        ),
        kind(
            POINTS,
            "points",
            &[PARTICIPANT],
            Policy::Append,
            &["points", "day", "note"],
        ),
        Kind {
            unique: Vec::from([FieldNo(2)]),
            ..kind(
                BADGE,
                "badge",
                &[PARTICIPANT],
                Policy::Escalation(statuses.into()),
                &["status", "name", "note"],
            )
        },
        Kind {
            writers: Writers::Nobody,
            ..kind(
                POINTS_TOTAL,
                "points-total",
                &[PARTICIPANT],
                Policy::Derived(total),
                &["points"],
            )
        },
    ]
}

/// What somebody needs, and was given.
fn health() -> [Kind; 2] {
    [
        Kind {
            readers: Roles::MEDIC,
            ..kind(
                MEDICATION,
                "medication",
                &[PARTICIPANT],
                Policy::Ask,
                &["time", "medicine*", "amount*", "note*"],
            )
        },
        Kind {
            readers: Roles::MEDIC,
            unique: Vec::from([FieldNo(1)]),
            ..kind(
                DOSE,
                "dose",
                &[MEDICATION],
                Policy::Append,
                &["day", "time", "status*", "note*"],
            )
        },
    ]
}

fn carpool() -> Kind {
    Kind {
        readers: Roles::LEADER,
        ..kind(
            CARPOOL,
            "carpool",
            &[],
            Policy::LastWrite,
            &["name", "day", "seats", "riders", "contact*"],
        )
    }
}

/// Returns what media teams record: which matches somebody covers, one plan for each user.
///
/// Source: PROTOCOL R-RECORD-8.
pub fn coverage() -> Vec<Kind> {
    Vec::from([Kind {
        unique: Vec::from([FieldNo(1)]),
        ..kind(
            COVERAGE_PLAN,
            "coverage-plan",
            &[],
            Policy::LastWrite,
            &["user", "matches", "note"],
        )
    }])
}

/// Makes a kind that every member writes. A field whose name ends in a star is sealed.
fn kind(no: KindNo, name: &str, parents: &[KindNo], policy: Policy, fields: &[&str]) -> Kind {
    let field = |(no, name): (u32, &&str)| {
        let plain = name.strip_suffix('*');
        Field {
            no: FieldNo(no),
            name: plain.unwrap_or(name).to_owned(),
            sealed: plain.is_some(),
        }
    };
    Kind {
        no,
        name: name.to_owned(),
        parents: parents.to_vec(),
        policy,
        writers: Writers::Members,
        readers: Roles::default(),
        fields: (1..).zip(fields).map(field).collect(),
        unique: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use super::*;
    use crate::rules::records::application_order;

    fn everything() -> Vec<Kind> {
        let sets = SETS.iter().filter_map(|name| set(name));
        sets.flatten().collect()
    }

    #[test]
    fn every_kind_hangs_on_and_is_computed_from_kinds_that_come_before_it() {
        for name in SETS {
            let kinds = set(name).expect(name);
            let mut before: BTreeSet<KindNo> = BTreeSet::new();
            for kind in application_order(&kinds) {
                let mut needs: BTreeSet<KindNo> = kind.parents.iter().copied().collect();
                if let Policy::Derived(Derive::Sum { kind, .. } | Derive::Count { kind }) =
                    kind.policy
                {
                    needs.insert(kind);
                }
                assert!(needs.is_subset(&before), "{name}: {kind:?}");
                assert!(
                    kind.parents.iter().all(|parent| *parent < kind.no),
                    "{name}: {kind:?}"
                );
                before.insert(kind.no);
            }
        }
    }

    #[test]
    fn sets_can_be_taken_together_and_their_numbers_rise() {
        let kinds = everything();
        assert!(kinds.is_sorted_by(|one, next| one.no < next.no));
        let names: BTreeSet<&str> = kinds.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names.len(), kinds.len(), "every name once");
        assert_eq!(set("regatta"), None);
    }

    #[test]
    fn what_says_something_of_a_child_is_sealed() {
        let sealed = |kind: KindNo| {
            let kinds = camp();
            let found = kinds.iter().find(|it| it.no == kind);
            let fields = found.map(|it| it.fields.clone()).unwrap_or_default();
            let names = fields.into_iter().filter(|it| it.sealed).map(|it| it.name);
            names.collect::<Vec<_>>()
        };
        assert_eq!(sealed(PARTICIPANT), ["born", "note", "contact"]);
        assert_eq!(sealed(ATTENDANCE), ["note"]);
        assert_eq!(sealed(MEDICATION), ["medicine", "amount", "note"]);
        assert_eq!(sealed(DOSE), ["status", "note"]);
        assert_eq!(sealed(CARPOOL), ["contact"]);
    }

    #[test]
    fn what_names_a_record_is_never_sealed_and_what_is_computed_nobody_writes() {
        for kind in everything() {
            for no in &kind.unique {
                let field = kind.fields.iter().find(|it| it.no == *no);
                assert!(field.is_some_and(|it| !it.sealed), "{kind:?}");
            }
            let computed = matches!(kind.policy, Policy::Derived(_));
            assert_eq!(computed, kind.writers == Writers::Nobody, "{kind:?}");
            let sealed = kind.fields.iter().any(|it| it.sealed);
            assert_eq!(sealed, kind.readers != Roles::default(), "{kind:?}");
        }
    }
}
