//! Every lie, told to honest replicas: what they keep, what they refuse, and that they stay up.

use tallyline_proto::{
    model::{Agreed, CloseReason, Open, Roles},
    replica::{
        Command, Disk, EntryFilter, Founding, Identity, Input, Now, Reason, Reply, RequestId,
        Stored, Write,
    },
    rules::Verdict,
};

use super::*;
use crate::{cells, small_structure};

const LIAR: usize = 1;
const TICK_MS: u64 = 100;

/// The cloud's key: there is no such device here.
const CLOUD: [u8; 32] = [77; 32];

/// A disk that always works and keeps nothing.
struct Fine;

impl Disk for Fine {
    type Error = ();

    fn commit(&mut self, _writes: &[Write]) -> Result<(), ()> {
        Ok(())
    }
}

/// An owner, a liar and honest devices, all connected, without delay or loss.
struct Party {
    replicas: Vec<Replica>,
    liar: Liar,
    random: Random,
    now_ms: u64,
    flying: Vec<(usize, PeerId, Vec<u8>)>,
}

fn peer(from: usize, to: usize) -> PeerId {
    PeerId(u64::try_from(100 * from + to).unwrap())
}

impl Party {
    fn new(devices: usize) -> Self {
        let mut random = Random::new(7);
        let seeds: Vec<[u8; 32]> = (0..devices).map(|_| random.bytes()).collect();
        let keys: Vec<PublicKey> = seeds
            .iter()
            .map(|it| DeviceKey::from_seed(*it).public())
            .collect();
        let replicas = seeds.iter().zip(0..).map(|(seed, store)| {
            let identity = Identity {
                key: DeviceKey::from_seed(*seed),
                store,
                label: format!("device {store}"),
                cloud: false,
                warrant: None,
            };
            Replica::open(identity, Stored::default(), Incarnation(1_000 + store)).unwrap()
        });
        let mut party = Self {
            replicas: replicas.collect(),
            liar: Liar::new(seeds[LIAR]),
            random,
            now_ms: 0,
            flying: Vec::new(),
        };
        party.found(&keys);
        let bundle = party.replicas[0].bundle();
        for no in 1..devices {
            party.ask(no, Command::Import(bundle.clone()));
        }
        for one in 0..devices {
            for other in (0..devices).filter(|it| *it != one) {
                let up = Input::PeerUp {
                    peer: peer(one, other),
                    key: keys[other],
                    exporter: [0; 32],
                };
                party.step(one, vec![up]);
            }
        }
        party.run(5_000);
        party
    }

    /// The first device founds the event, admits the others and gives the liar a grant.
    fn found(&mut self, keys: &[PublicKey]) {
        self.ask(
            0,
            Command::Found(Founding {
                name: "Liars".to_owned(),
                nonce: [1; 16],
                discovery_key: [2; 16],
                cloud: vec![DeviceKey::from_seed(CLOUD).public()],
                recovery: Vec::new(),
                structure: small_structure(4, 12, 6),
                label: "owner".to_owned(),
            }),
        );
        for (no, key) in keys.iter().enumerate().skip(1) {
            self.ask(
                0,
                Command::Admit {
                    key: *key,
                    roles: Roles::SCORER,
                    label: format!("device {no}"),
                },
            );
        }
        self.ask(0, Command::Lock);
        let opens = vec![Open {
            key: keys[LIAR],
            cells: cells(&[], &[1]),
            until_ms: None,
        }];
        self.ask(
            0,
            Command::Assign {
                closing: Vec::new(),
                reason: CloseReason::Handover,
                opens,
            },
        );
    }

    fn ask(&mut self, no: usize, command: Command) -> Reply {
        let request = RequestId(1);
        let command = Box::new(command);
        let mut replies = self.step(no, vec![Input::Command { request, command }]);
        let reply = replies.pop().unwrap().1;
        assert!(!matches!(reply, Reply::Refused(_)), "{reply:?}");
        reply
    }

    fn step(&mut self, no: usize, inputs: Vec<Input>) -> Vec<(RequestId, Reply)> {
        let now = Now {
            mono_ms: self.now_ms,
            wall_ms: 1_532_476_800_000 + self.now_ms,
        };
        let released = self.replicas[no]
            .step(now, inputs)
            .persist(&mut Fine)
            .unwrap();
        for (to, bytes) in released.frames {
            if no != LIAR || self.liar.lets_through(&self.replicas[LIAR], &bytes) {
                self.flying.push((no, to, bytes));
            }
        }
        released.replies
    }

    /// Delivers everything, and lets time pass.
    fn run(&mut self, ms: u64) {
        let end_ms = self.now_ms + ms;
        while self.now_ms < end_ms {
            self.now_ms += TICK_MS;
            for (from, to, bytes) in std::mem::take(&mut self.flying) {
                let other = usize::try_from(to.0).unwrap() % 100;
                self.step(
                    other,
                    vec![Input::Frame {
                        peer: peer(other, from),
                        bytes,
                    }],
                );
            }
            for no in 0..self.replicas.len() {
                self.step(no, vec![Input::Tick]);
            }
        }
    }

    /// Tells a lie to all and lets everything settle.
    fn lie(&mut self, lie: Lie) {
        let others = (0..self.replicas.len()).filter(|it| *it != LIAR);
        let peers: Vec<_> = others
            .map(|it| (peer(LIAR, it), self.replicas[it].key()))
            .collect();
        let frames = self
            .liar
            .frames(lie, &self.replicas[LIAR], &peers, &mut self.random);
        self.flying
            .extend(frames.into_iter().map(|(to, bytes)| (LIAR, to, bytes)));
        self.run(30_000);
    }

    fn honest(&mut self) -> impl Iterator<Item = &mut Replica> {
        let honest = self.replicas.iter_mut().enumerate();
        honest.filter(|(no, _)| *no != LIAR).map(|(_, it)| it)
    }

    /// Checks that the truth holds on every honest device, and that all of them agree.
    fn truth_holds(&mut self) {
        let truth = self.liar.truth().clone();
        let mut digests = BTreeSet::new();
        for replica in self.honest() {
            assert_eq!(truth.broken_by(replica, true), None);
            digests.insert(replica.state_digest());
        }
        assert_eq!(digests.len(), 1, "all honest devices hold the same");
    }

    fn record(&mut self, no: usize, shooter: u32) {
        let body = score(1, shooter, 1_500, 3);
        self.ask(
            no,
            Command::Record {
                body,
                replaces: None,
                confirmed: false,
                revision: None,
                wall_ms: None,
                agreed: Agreed::BOTH,
            },
        );
    }

    fn refused(&self, no: usize, reason: Reason) -> u64 {
        self.replicas[no]
            .refusals()
            .get(&reason)
            .copied()
            .unwrap_or(0)
    }
}

/// Source: PROTOCOL R-CHAIN-7, R-READ-1.
#[test]
fn a_fork_is_proven_everywhere_and_nothing_behind_it_counts() {
    let mut party = Party::new(5);
    party.lie(Lie::Fork);
    party.truth_holds();
    let forked = party.liar.truth().forked.clone();
    assert_eq!(forked.len(), 1);
    for replica in party.honest() {
        let entries = replica.entries(&EntryFilter::default());
        let of_it = entries.iter().filter(|it| forked.contains_key(&it.log));
        let verdicts: Vec<_> = of_it.map(|it| (it.seq, it.verdict)).collect();
        assert_eq!(verdicts, [(1, Verdict::Counted), (2, Verdict::Disputed)]);
    }
}

/// Source: PROTOCOL R-CHAIN-4, R-SIGN-2.
#[test]
fn bad_signatures_are_refused_one_by_one() {
    let mut party = Party::new(3);
    party.lie(Lie::BadSignature);
    party.truth_holds();
    assert_eq!(party.liar.truth().refused.len(), 4);
    assert_eq!(party.refused(0, Reason::BadSignature), 4);
    assert_eq!(party.refused(2, Reason::BadSignature), 4);
}

/// The equation of the signature holds: it is the strict check alone that refuses it.
///
/// Source: PROTOCOL R-SIGN-2.
#[test]
fn the_lax_signature_solves_the_equation() {
    use curve25519_dalek::{EdwardsPoint, edwards::CompressedEdwardsY, scalar::Scalar};
    use sha2::{Digest as _, Sha512};

    let seed = [9; 32];
    let signature = lax_signature(&seed, b"anything");
    let (r, s) = signature.as_bytes().split_at(32);
    let public = DeviceKey::from_seed(seed).public();
    let a = CompressedEdwardsY(*public.as_bytes()).decompress().unwrap();
    let hash = Sha512::new()
        .chain_update(r)
        .chain_update(public.as_bytes());
    let hash = hash.chain_update(b"anything").finalize();
    let k = Scalar::from_bytes_mod_order_wide(&hash.into());
    let s = Scalar::from_canonical_bytes(s.try_into().unwrap()).unwrap();
    let point = EdwardsPoint::vartime_double_scalar_mul_basepoint(&k, &-a, &s);
    assert_eq!(point.compress().as_bytes(), r);
}

/// Source: PROTOCOL R-CHAIN-4.
#[test]
fn gaps_are_not_taken() {
    let mut party = Party::new(3);
    party.lie(Lie::Gap);
    party.truth_holds();
    assert!(1 <= party.refused(0, Reason::Gap));
}

/// Source: PROTOCOL R-SYNC-11; section 10.
#[test]
fn a_flood_stops_at_the_quota_and_its_sender_is_thrown_out() {
    let mut party = Party::new(3);
    party.lie(Lie::Flood);
    let truth = party.liar.truth().clone();
    let mut most = 0;
    for replica in party.honest() {
        assert_eq!(truth.broken_by(replica, true), None);
        most = most.max(replica.logs().len());
    }
    assert!(
        INCARNATIONS_MAX <= most,
        "the flood reached somebody: {most}"
    );
    assert_eq!(party.refused(0, Reason::Demerits), 1);
    assert_eq!(party.refused(2, Reason::Demerits), 1);
    party.record(0, 8);
    party.run(30_000);
    let count = |it: &mut Replica| {
        it.entries(&EntryFilter {
            shooter: Some(tallyline_proto::model::ShooterNo(8)),
            ..EntryFilter::default()
        })
        .len()
    };
    for replica in party.honest() {
        assert_eq!(count(replica), 1, "the venue goes on");
    }
}

/// Source: PROTOCOL R-CELL-4.
#[test]
fn a_receipt_that_no_cloud_signed_shows_nothing_in_the_cloud() {
    let mut party = Party::new(3);
    party.lie(Lie::FalseReceipt);
    for replica in party.honest() {
        let shown = replica.logs().iter().map(|it| it.cloud).max();
        assert_eq!(shown, Some(0));
    }
    assert!(1 <= party.refused(0, Reason::BadSignature));
    party.truth_holds();
}

/// What a member says of its own disk is believed; nobody else's copies grow by it.
#[test]
fn false_heights_are_the_liars_alone() {
    let mut party = Party::new(4);
    party.record(0, 1);
    party.lie(Lie::FalseHave);
    party.truth_holds();
    for replica in party.honest() {
        let most = replica.logs().iter().map(|it| it.copies).max();
        assert!(most <= Some(3), "{most:?}");
    }
}

/// Source: PROTOCOL R-VERSION-2, R-ENTRY-1.
#[test]
fn a_newer_version_is_kept_and_relayed_byte_by_byte() {
    let mut party = Party::new(4);
    party.lie(Lie::NewerVersion);
    assert_eq!(party.liar.truth().relayed.len(), 2);
    party.truth_holds();
    let logs: BTreeSet<_> = party.liar.truth().relayed.keys().copied().collect();
    let entries = party.replicas[2].entries(&EntryFilter::default());
    let of_it = entries.iter().filter(|it| logs.contains(&(it.log, it.seq)));
    let verdicts: Vec<_> = of_it.map(|it| it.verdict).collect();
    assert_eq!(verdicts, [Verdict::Counted, Verdict::Unknown]);
}

#[test]
fn one_that_withholds_passes_on_nothing_of_others() {
    let mut party = Party::new(4);
    party.lie(Lie::Withhold);
    party.record(LIAR, 1);
    let sent: Vec<_> = party.flying.iter().filter(|it| it.0 == LIAR).collect();
    assert_eq!(sent.len(), 3, "its own score leaves it");
    party.run(30_000);
    party.truth_holds();
    // Somebody else's log, which the liar holds, is not told by it.
    let replica = &party.replicas[LIAR];
    let other = decode_bundle(&replica.bundle())
        .unwrap()
        .into_iter()
        .find(|frame| matches!(frame, Frame::Push(_)));
    let frame = encode_frame(&other.unwrap());
    assert!(!party.liar.lets_through(replica, &frame));
}
