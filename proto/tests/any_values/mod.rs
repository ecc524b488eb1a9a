//! Any value of the model that can be encoded.

use proptest::{collection::vec, option, prelude::*};
use tallyline_keys::{DeviceKey, PublicKey, SealKey, Signature, Warrant};
use tallyline_proto::{
    model::{
        About, Admit, Adopt, Agreed, Approvals, Assign, Body, Card, CardKind, CellSet, Chrono,
        Close, CloseReason, Consent, Cut, Decision, DrillNo, Entrant, Entry, EntryId, EventClose,
        EventId, Gear, GrantId, Hash, Hits, Incarnation, KeyId, Lock, LogCut, LogEnd, LogName,
        Marks, Offer, Open, Penalty, Person, PowerFactor, Predecessor, Revoke, RevokeReason, Roles,
        RosterChange, RuleNo, Score, Shooter, ShooterEdit, ShooterNo, SquadNo, Statement, Status,
        StatusKind, Steel, Ticket, Transfer, Void, VoidReason,
    },
    wire::{
        Ask, AskId, CLAIM_MINUTES_MAX, Cell, CellKind, Claim, Commit, Denial, Denied, Fork, Frame,
        Hello, Join, KeyAsk, Keys, LENT_LOGS_MAX, LogRef, LogTag, Push, Share, Vector, Wish,
        entry_id,
    },
};

fn hash() -> impl Strategy<Value = Hash> {
    any::<[u8; 32]>().prop_map(Hash)
}

fn signature() -> impl Strategy<Value = Signature> {
    any::<([u8; 32], [u8; 32])>().prop_map(|(r, s)| {
        let mut bytes = [0; 64];
        let (left, right) = bytes.split_at_mut(32);
        left.copy_from_slice(&r);
        right.copy_from_slice(&s);
        Signature::from_bytes(bytes)
    })
}

/// Any key of a device.
pub(crate) fn any_key() -> impl Strategy<Value = PublicKey> {
    any::<[u8; 32]>().prop_map(|seed| DeviceKey::from_seed(seed).public())
}

/// Any name of a log.
pub(crate) fn any_log() -> impl Strategy<Value = LogName> {
    (hash(), any::<u64>()).prop_map(|(grant, incarnation)| LogName {
        grant: GrantId(grant),
        incarnation: Incarnation(incarnation),
    })
}

fn number() -> impl Strategy<Value = u32> {
    1..=u32::MAX
}

fn score() -> impl Strategy<Value = Score> {
    let hits = (0..1_u32 << 28).prop_map(|bits| Hits::from_bits(bits).expect("28 bits"));
    let penalty = (1..1_u32 << 24, any::<u8>()).prop_map(|(rule, count)| Penalty {
        rule: RuleNo(rule),
        count,
    });
    let steel = any::<[u8; 4]>().prop_map(|[hit, miss, no_penalty_miss, no_shoot]| Steel {
        hit,
        miss,
        no_penalty_miss,
        no_shoot,
    });
    let approvals = any::<(Option<i64>, Option<i64>)>()
        .prop_map(|(ro_ms, shooter_ms)| Approvals { ro_ms, shooter_ms });
    let who = (number(), number(), any::<u32>());
    let lists = (
        vec(any::<u32>(), 0..=16),
        vec(hits, 0..=64),
        vec(penalty, 0..=64),
    );
    (who, lists, steel, approvals, any::<[u32; 3]>()).prop_map(
        |((drill, shooter, attempt), (time_centis, hits, penalties), steel, approvals, counts)| {
            let [late_shots, extra_shots, extra_hits] = counts;
            Score {
                drill: DrillNo(drill),
                shooter: ShooterNo(shooter),
                attempt,
                time_centis,
                hits,
                steel,
                penalties,
                approvals,
                late_shots,
                extra_shots,
                extra_hits,
                instead_of: None,
                marks: Marks::default(),
            }
        },
    )
}

fn status() -> impl Strategy<Value = Status> {
    let kind = prop_oneof![
        Just(StatusKind::Dnf),
        Just(StatusKind::MatchDq),
        Just(StatusKind::Withdrawn)
    ];
    let about = (option::of(number()), number()).prop_map(|(drill, shooter)| About {
        drill: drill.map(DrillNo),
        shooter: ShooterNo(shooter),
    });
    (about, kind, option::of(number()), "[ -~]{0,120}").prop_map(|(about, kind, rule, note)| {
        Status {
            about,
            kind,
            rule: rule.map(RuleNo),
            attempt: 0,
            note,
        }
    })
}

fn void_reason() -> impl Strategy<Value = VoidReason> {
    prop::sample::select(std::vec![
        VoidReason::WrongShooter,
        VoidReason::WrongDrill,
        VoidReason::Hits,
        VoidReason::Time,
        VoidReason::Penalty,
        VoidReason::Reshoot,
        VoidReason::Duplicate,
        VoidReason::Definition,
        VoidReason::Arbitration,
        VoidReason::Test,
    ])
}

fn chrono() -> impl Strategy<Value = Chrono> {
    let gear = option::of(prop_oneof![Just(Gear::Pass), Just(Gear::Fail)]);
    let lists = (vec(any::<u32>(), 0..=16), vec(any::<u32>(), 0..=16));
    (number(), number(), lists, gear).prop_map(|(drill, shooter, lists, gear)| Chrono {
        drill: DrillNo(drill),
        shooter: ShooterNo(shooter),
        weights_decigrains: lists.0,
        speeds_fps: lists.1,
        gear,
    })
}

/// Any body with the sequence of a void's target, if it stands in the log.
fn body(log: LogName) -> impl Strategy<Value = (Body, Option<u64>)> {
    let void = (
        option::of(1..=u64::MAX),
        any::<[u8; 16]>(),
        void_reason(),
        "[ -~]{0,120}",
    )
        .prop_map(move |(seq, other, reason, note)| {
            let other = EntryId(uuid::Uuid::from_bytes(other));
            let entry = seq.map_or(other, |seq| entry_id(&log, seq));
            let void = Void {
                entry,
                reason,
                note,
                agreed: Agreed::default(),
            };
            (Body::Void(void), seq)
        });
    prop_oneof![
        score().prop_map(|it| (Body::Score(it), None)),
        status().prop_map(|it| (Body::Status(it), None)),
        chrono().prop_map(|it| (Body::Chrono(it), None)),
        vec(any::<u8>(), 0..2_000).prop_map(|it| (Body::Statement(it), None)),
        Just((Body::Unknown, None)),
        void,
    ]
}

/// Any entry of some log, with the sequence of a void's target.
pub(crate) fn any_entry() -> impl Strategy<Value = (Entry, LogName, Option<u64>)> {
    let before =
        (any::<u64>(), any::<u64>(), hash()).prop_map(|(incarnation, height, hash)| Predecessor {
            incarnation: Incarnation(incarnation),
            height,
            hash,
        });
    let about = (any::<i64>(), number(), vec(before, 0..=4));
    (any_log().prop_flat_map(|log| (Just(log), body(log))), about).prop_map(
        |((log, (body, void_seq)), (at_delta_ms, revision, succession))| {
            let entry = Entry {
                at_delta_ms,
                revision,
                succession,
                body,
            };
            (entry, log, void_seq)
        },
    )
}

fn power_factor() -> impl Strategy<Value = PowerFactor> {
    prop_oneof![
        Just(PowerFactor::Subminor),
        Just(PowerFactor::Minor),
        Just(PowerFactor::Major)
    ]
}

fn cells() -> impl Strategy<Value = CellSet> {
    let numbers = || option::of(prop::collection::btree_set(any::<u32>(), 1..8));
    (numbers(), numbers()).prop_map(|(drills, squads)| CellSet {
        drills: drills.map(|it| it.into_iter().map(DrillNo).collect()),
        squads: squads.map(|it| it.into_iter().map(SquadNo).collect()),
    })
}

fn cut() -> impl Strategy<Value = Cut> {
    (any::<u64>(), any::<u64>(), hash(), signature()).prop_map(
        |(incarnation, height, hash, signature)| Cut {
            incarnation: Incarnation(incarnation),
            height,
            hash,
            signature,
        },
    )
}

fn assign() -> impl Strategy<Value = Assign> {
    let reason = prop_oneof![
        Just(CloseReason::Handover),
        Just(CloseReason::Dead),
        Just(CloseReason::Expired),
        Just(CloseReason::Stolen)
    ];
    let close = (hash(), vec(cut(), 0..3), reason).prop_map(|(grant, cuts, reason)| Close {
        grant: GrantId(grant),
        cuts,
        reason,
    });
    let until_ms = option::of(1..=u64::MAX);
    let open = (any_key(), cells(), until_ms).prop_map(|(key, cells, until_ms)| Open {
        key,
        cells,
        until_ms,
    });
    let under = option::of(hash().prop_map(GrantId));
    (vec(close, 0..3), vec(open, 0..3), under).prop_map(|(closes, opens, under)| Assign {
        closes,
        opens,
        under,
    })
}

fn roster_change() -> impl Strategy<Value = RosterChange> {
    let categories = vec("[A-Za-z]{0,12}", 0..3);
    let shooter = (
        number(),
        "[ -~]{1,64}",
        0..100_usize,
        power_factor(),
        number(),
        categories,
    )
        .prop_map(
            |(no, label, division, power_factor, squad, categories)| Shooter {
                no: ShooterNo(no),
                label,
                division,
                power_factor,
                squad: SquadNo(squad),
                categories,
                entrant: Entrant::default(),
            },
        );
    let edit = (
        number(),
        option::of(number()),
        option::of(0..100_usize),
        option::of(power_factor()),
    )
        .prop_map(|(shooter, squad, division, power_factor)| ShooterEdit {
            shooter: ShooterNo(shooter),
            squad: squad.map(SquadNo),
            division,
            power_factor,
            categories: None,
            entrant: None,
            label: None,
        });
    prop_oneof![
        shooter.prop_map(RosterChange::Add),
        edit.prop_map(RosterChange::Edit),
    ]
}

/// Any statement.
pub(crate) fn any_statement() -> impl Strategy<Value = Statement> {
    let admit = (any_key(), any::<u32>(), "[ -~]{1,32}").prop_map(|(key, roles, label)| Admit {
        key,
        roles: Roles(roles),
        label,
    });
    prop_oneof![
        admit.prop_map(Statement::Admit),
        assign().prop_map(Statement::Assign),
        roster_change().prop_map(Statement::Roster),
        hash().prop_map(|structure| Statement::Lock(Lock { structure })),
        statement_of_rights(),
    ]
}

/// Any statement about whose event it is, who is no member any more, and what counts.
fn statement_of_rights() -> impl Strategy<Value = Statement> {
    let cuts = || {
        let cut = (hash(), cut()).prop_map(|(grant, cut)| LogCut {
            grant: GrantId(grant),
            cut,
        });
        vec(cut, 0..3)
    };
    let reason = prop_oneof![
        Just(RevokeReason::Retired),
        Just(RevokeReason::Lost),
        Just(RevokeReason::Stolen),
        Just(RevokeReason::Misuse)
    ];
    let revoke =
        (any_key(), reason, cuts()).prop_map(|(key, reason, cuts)| Revoke { key, reason, cuts });
    let consent =
        (any_key(), number(), signature()).prop_map(|(owner, epoch, signature)| Consent {
            owner,
            epoch,
            signature,
        });
    let passing = || {
        let parts = (
            any_key(),
            any_key(),
            "[ -~]{1,32}",
            number(),
            cuts(),
            signature(),
        );
        parts.prop_map(|(owner, to, label, epoch, cuts, consent)| Transfer {
            owner,
            to,
            label,
            epoch,
            cuts,
            consent,
        })
    };
    let decision = prop_oneof![Just(Decision::Count), Just(Decision::Reject)];
    let adopt = (any_log(), 1..=u64::MAX, 0..1_000_u64, hash(), decision).prop_map(
        |(log, from, more, hash, decision)| Adopt {
            log,
            from,
            to: from.saturating_add(more),
            hash,
            decision,
        },
    );
    let end = (any::<[u8; 16]>(), any::<u64>(), hash()).prop_map(|(log, height, hash)| LogEnd {
        log,
        height,
        hash,
    });
    let close =
        (vec(end, 0..4), vec(any_key(), 0..2)).prop_map(|(ends, lost)| EventClose { ends, lost });
    prop_oneof![
        revoke.prop_map(Statement::Revoke),
        consent.prop_map(Statement::Consent),
        passing().prop_map(Statement::Transfer),
        passing().prop_map(Statement::Recover),
        adopt.prop_map(Statement::Adopt),
        Just(Statement::LastCall),
        close.prop_map(Statement::EventClose),
    ]
}

/// Any cell.
pub(crate) fn any_cell() -> impl Strategy<Value = Cell> {
    let presence = vec(any::<([u8; 16], u64)>(), 0..20).prop_map(CellKind::Presence);
    let receipt = vec(any::<([u8; 16], u64, [u8; 8])>(), 0..20).prop_map(CellKind::Receipt);
    let kind = prop_oneof![presence, receipt];
    let near = vec(any::<[u8; 4]>(), 0..=64);
    (any::<u64>(), any::<u64>(), any::<i64>(), near, kind).prop_map(
        |(store, counter, wall_ms, near, kind)| Cell {
            store,
            counter,
            wall_ms,
            near,
            kind,
        },
    )
}

fn chunk() -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(vec(any::<u8>(), 0..100), 1..10)
}

fn tags() -> impl Strategy<Value = Vec<(LogTag, u64)>> {
    vec(any::<(LogTag, u64)>(), 0..20)
}

fn vector() -> impl Strategy<Value = Vector> {
    let hashes = any::<Option<[u8; 8]>>();
    (tags(), hashes, any::<bool>()).prop_map(|(logs, hash, answer)| Vector {
        hashes: hash.map_or_else(Vec::new, |hash| logs.iter().map(|_| hash).collect()),
        logs,
        answer,
    })
}

fn push() -> impl Strategy<Value = Push> {
    let log = prop_oneof![
        any::<LogTag>().prop_map(LogRef::Tag),
        any_log().prop_map(LogRef::Name)
    ];
    let from = 1..=u64::MAX - 0x1_0000;
    (log, from, chunk(), signature()).prop_map(|(log, from, entries, signature)| Push {
        log,
        from,
        entries,
        signature,
    })
}

fn fork() -> impl Strategy<Value = Fork> {
    let branches = (chunk(), signature(), chunk(), signature());
    (any_log(), 1..=u64::MAX, hash(), branches).prop_map(
        |(log, from, prefix, (left, left_signature, right, right_signature))| Fork {
            log,
            from,
            prefix,
            left,
            left_signature,
            right,
            right_signature,
        },
    )
}

fn ask_id() -> impl Strategy<Value = AskId> {
    (any::<u64>(), 1..=u32::MAX).prop_map(|(start, number)| AskId { start, number })
}

fn ask() -> impl Strategy<Value = Ask> {
    let cell = (1..=u32::MAX, 1..=u32::MAX, 1..=CLAIM_MINUTES_MAX);
    let logs = vec(
        (any::<u64>().prop_map(Incarnation), any::<u64>()),
        0..=LENT_LOGS_MAX,
    );
    let wish = prop_oneof![
        cell.prop_map(|(drill, squad, minutes)| Wish::Borrow {
            drill: DrillNo(drill),
            squad: SquadNo(squad),
            minutes,
        }),
        (hash(), logs).prop_map(|(grant, logs)| Wish::GiveBack {
            grant: GrantId(grant),
            logs,
        }),
    ];
    (ask_id(), wish).prop_map(|(id, wish)| Ask { id, wish })
}

fn denied() -> impl Strategy<Value = Denied> {
    let until_ms = option::of(1..=u64::MAX);
    let why = prop_oneof![
        Just(Denial::NotADesk),
        Just(Denial::NotItsCell),
        (any_key(), until_ms).prop_map(|(holder, until_ms)| Denial::Held { holder, until_ms }),
        Just(Denial::MayNotScore),
        Just(Denial::TooMany),
        Just(Denial::ScoringOver),
        Just(Denial::NotLent),
        prop_oneof![Just(0), 8..=u32::MAX].prop_map(Denial::Other),
    ];
    (ask_id(), why).prop_map(|(id, why)| Denied { id, why })
}

/// Any frame.
pub(crate) fn any_frame() -> impl Strategy<Value = Frame> {
    let bits = any::<([u8; 8], [u8; 16], u64)>();
    let hello = (any::<u32>(), bits, any::<bool>(), any::<i64>()).prop_map(
        |(version, (event_tag, state, store), answer, clock_ms)| Hello {
            version,
            event_tag,
            state,
            store,
            answer,
            receipts: 0,
            clock_ms,
        },
    );
    let join = (hash(), any::<[u8; 32]>(), "[ -~]{1,32}").prop_map(|(event, proof, label)| Join {
        event: EventId(event),
        proof,
        label,
    });
    let claim =
        (hash(), any::<([u8; 32], [u8; 16])>()).prop_map(|(event, (proof, discovery_key))| Claim {
            event: EventId(event),
            proof,
            discovery_key,
        });
    let bytes = || vec(any::<u8>(), 0..300);
    prop_oneof![
        hello.prop_map(Frame::Hello),
        vector().prop_map(Frame::Vector),
        push().prop_map(Frame::Push),
        tags().prop_map(Frame::Have),
        tags().prop_map(Frame::Want),
        vec(bytes(), 0..=64).prop_map(Frame::Cells),
        fork().prop_map(Frame::Fork),
        bytes().prop_map(Frame::Present),
        join.prop_map(Frame::Join),
        bytes().prop_map(Frame::Welcome),
        any::<u32>().prop_map(Frame::Refused),
        claim.prop_map(Frame::Claim),
        (any::<[u8; 32]>(), "[ -~]{1,32}")
            .prop_map(|(commitment, label)| Frame::Commit(Commit { commitment, label })),
        any::<[u8; 16]>().prop_map(Frame::Reveal),
        ask().prop_map(Frame::Ask),
        denied().prop_map(Frame::Denied),
        vec(any::<[u8; 8]>().prop_map(KeyId), 0..40)
            .prop_map(|ids| Frame::KeyAsk(KeyAsk::new(ids))),
        keys().prop_map(Frame::Keys),
        any::<[u8; 32]>().prop_map(|seed| {
            let cloud = DeviceKey::from_seed(seed);
            Frame::Warrant(Warrant::sign(&cloud, &cloud.public()))
        }),
    ]
}

fn keys() -> impl Strategy<Value = Keys> {
    let person = prop_oneof![
        (1..=u32::MAX).prop_map(|no| Person::Shooter(ShooterNo(no))),
        any::<[u8; 16]>().prop_map(|key| Person::Record(uuid::Uuid::from_bytes(key))),
    ];
    let share =
        (person, any::<u32>(), any::<[u8; 32]>()).prop_map(|(person, readers, key)| Share {
            person,
            readers: Roles(readers),
            key: SealKey::from_bytes(key),
        });
    (any::<u64>(), vec(share, 0..=8)).prop_map(|(heard, keys)| Keys { heard, keys })
}

/// Any ticket with addresses as tickets have them.
pub(crate) fn any_ticket() -> impl Strategy<Value = Ticket> {
    let secrets = any::<([u8; 16], [u8; 16])>();
    let addresses = vec("[0-9a-f.:\\[\\]]{1,40}", 0..=8);
    (hash(), any_key(), secrets, addresses).prop_map(
        |(event, inviter, (secret, discovery_key), addresses)| Ticket {
            event: EventId(event),
            inviter,
            secret,
            discovery_key,
            addresses,
        },
    )
}

/// Any offer with addresses as offers have them.
pub(crate) fn any_offer() -> impl Strategy<Value = Offer> {
    let addresses = vec("[0-9a-f.:\\[\\]]{1,40}", 0..=8);
    (any_key(), any::<[u8; 16]>(), addresses).prop_map(|(key, nonce, addresses)| Offer {
        key,
        nonce,
        addresses,
    })
}

/// Any card.
pub(crate) fn any_card() -> impl Strategy<Value = Card> {
    let kind = prop_oneof![Just(CardKind::Spare), Just(CardKind::Recovery)];
    let secrets = any::<([u8; 32], [u8; 16])>();
    (kind, hash(), secrets, "[ -~]{1,32}").prop_map(
        |(kind, event, (seed, discovery_key), label)| Card {
            kind,
            event: EventId(event),
            seed: zeroize::Zeroizing::new(seed),
            discovery_key,
            label,
        },
    )
}
