use tallyline_keys::DeviceKey;
use tallyline_proto::model::{DrillNo, GrantId, Hash, Incarnation, LogName, SquadNo};

use super::*;

fn view(height: u64, least_copies: u32, cloud: u64) -> LogView {
    LogView {
        name: LogName {
            grant: GrantId(Hash([1; 32])),
            incarnation: Incarnation(1),
        },
        author: DeviceKey::from_seed([1; 32]).public(),
        label: "Tablet 3".to_owned(),
        cells: Some(CellSet {
            drills: Some(vec![DrillNo(1), DrillNo(3)]),
            squads: None,
        }),
        control: false,
        open: true,
        height,
        head_known: height,
        copies: least_copies,
        least_copies,
        cloud,
        forked: false,
        common: true,
    }
}

fn totals(entries: u64, only_here: u64, in_cloud: u64) -> Totals {
    Totals {
        entries,
        only_here,
        in_cloud,
        ..Totals::default()
    }
}

#[test]
fn the_light_says_exactly_where_scores_are() {
    let cases = [
        (view(0, 0, 0), totals(0, 0, 0), "nothing", "Nothing to send"),
        (
            view(5, 0, 0),
            totals(5, 3, 0),
            "only-here",
            "3 only on this device",
        ),
        (
            view(5, 2, 0),
            totals(5, 0, 0),
            "at-the-range",
            "Safe at the range (2 copies), cloud later",
        ),
        (
            view(5, 1, 4),
            totals(5, 0, 4),
            "at-the-range",
            "Safe at the range (1 copy), cloud later",
        ),
        (
            view(41, 0, 41),
            totals(41, 0, 41),
            "in-the-cloud",
            "All 41 in the cloud",
        ),
    ];
    for (log, totals, word, text) in cases {
        assert_eq!(light(&[log], &totals), (word, text.to_owned()));
    }
    let mut forked = view(5, 2, 5);
    forked.forked = true;
    assert_eq!(light(&[forked], &totals(5, 0, 5)).0, "trouble");
}

#[test]
fn what_is_missing_is_said() {
    let mut log = view(131, 1, 2);
    log.head_known = 134;
    assert_eq!(
        remarks(&[log.clone()], &totals(131, 0, 2)),
        [
            "2 of 131 in the cloud.",
            "3 entries of Tablet 3 exist and are not here yet."
        ]
    );
    assert_eq!(
        super::log(&log),
        "131 of 134 here, all on 1 other device, 2 in the cloud"
    );
}

#[test]
fn partitions_read_as_people_say_them() {
    assert_eq!(partition(&view(1, 0, 0)), "stages 1 3, all squads");
    let one = CellSet {
        drills: None,
        squads: Some(vec![SquadNo(7)]),
    };
    assert_eq!(cells(&one), "all stages, squad 7");
}

#[test]
fn a_revocation_says_what_becomes_of_late_entries_and_which_cells_are_free() {
    let cells = CellSet {
        drills: Some(vec![DrillNo(1), DrillNo(3)]),
        squads: None,
    };
    let grant = GrantView {
        id: GrantId(Hash([1; 32])),
        key: DeviceKey::from_seed([1; 32]).public(),
        label: "Tablet 3".to_owned(),
        cells,
        depth: 1,
        closed: None,
        lent: None,
    };
    let retired = what_follows("Tablet 3", RevokeWhy::Retired, &[]).join(" ");
    assert!(retired.contains("is late: it counts"), "{retired}");
    assert!(!retired.contains("grant"), "nothing was granted: {retired}");
    let stolen = what_follows("Tablet 3", RevokeWhy::Stolen, &[grant]).join(" ");
    for expected in [
        "Tablet 3 is revoked (stolen), for good",
        "is quarantined",
        "stages 1 3, all squads belong to nobody",
        "`tallyline grant --drills 1,3 --squads all --to DEVICE`",
    ] {
        assert!(stolen.contains(expected), "{stolen} lacks {expected:?}");
    }
}
