//! Who reads no longer: what such a device keeps, and what it never reads.

use super::*;
use crate::model::RevokeReason;

impl Bench {
    fn revoke(&mut self, seed: u8) {
        let command = Command::Revoke {
            key: key(seed).public(),
            reason: RevokeReason::Stolen,
            before: None,
        };
        self.must(OWNER, command);
    }
}

/// R-SEAL-2: a reader seals with its own key, never with that of a maker who is no reader.
#[test]
fn who_made_a_key_reads_nothing_of_others() {
    let mut bench = Bench::new();
    let marshal = bench.write(MARSHAL, Roles::MEDIC, SECRET, medication);
    bench.meet(MARSHAL, MEDIC);
    assert_eq!(bench.read(MEDIC, &marshal), text(SECRET));
    let medic = bench.write(MEDIC, Roles::MEDIC, "dose doubled", medication);
    assert_ne!(medic.key, marshal.key);
    bench.meet(MEDIC, MARSHAL);
    assert_eq!(bench.read(MARSHAL, &medic), Opened::NotForThisDevice);
    assert_eq!(bench.read(MARSHAL, &marshal), text(SECRET), "its own");
}

/// R-SEAL-3: a revoked device forgets what it was given and keeps what it made; what others seal
/// from then on it reads neither with the one nor with the other.
#[test]
fn a_revoked_device_keeps_only_what_it_made() {
    let mut bench = Bench::new();
    let medic = bench.write(MEDIC, Roles::MEDIC, SECRET, medication);
    let own = bench.write(OTHER_MEDIC, Roles::MEDIC, "its own", medication);
    bench.meet(MEDIC, OTHER_MEDIC);
    assert!(bench.at(OTHER_MEDIC).holds(medic.key));
    bench.revoke(OTHER_MEDIC);
    bench.meet(OWNER, MEDIC);
    let later = bench.write(MEDIC, Roles::MEDIC, "later", medication);
    assert_ne!(
        later.key, medic.key,
        "the one that left may have the first one"
    );
    let again = bench.write(MEDIC, Roles::MEDIC, "later still", medication);
    assert_eq!(again.key, later.key, "one key until somebody leaves again");
    bench.restart(MEDIC);
    let started = bench.write(MEDIC, Roles::MEDIC, "after a restart", medication);
    assert_eq!(started.key, later.key);
    let bundle = bench.at(MEDIC).replica.bundle();
    bench.must(OTHER_MEDIC, Command::Import(bundle));
    assert!(!bench.at(OTHER_MEDIC).holds(medic.key), "given");
    assert!(bench.at(OTHER_MEDIC).holds(own.key), "made");
    for sealed in [&medic, &later] {
        assert_eq!(bench.read(OTHER_MEDIC, sealed), Opened::NotForThisDevice);
    }
    assert_eq!(bench.read(OTHER_MEDIC, &own), text("its own"));
    assert_eq!(
        bench.read(MEDIC, &medic),
        text(SECRET),
        "who stays reads on"
    );
}

/// R-SEAL-2: a key outlives that somebody of another circle leaves.
#[test]
fn only_readers_who_leave_make_a_new_key() {
    let mut bench = Bench::new();
    let first = bench.write(MEDIC, Roles::MEDIC, SECRET, medication);
    bench.revoke(JURY);
    bench.revoke(RELAY);
    bench.meet(OWNER, MEDIC);
    let next = bench.write(MEDIC, Roles::MEDIC, "more", medication);
    assert_eq!(next.key, first.key);
}

/// R-SEAL-3: who gave the event away reads no longer what the owner may read, and what is sealed
/// from then on is sealed with keys that it never had.
#[test]
fn a_former_owner_is_none_of_the_readers() {
    let mut bench = Bench::new();
    let medic = bench.write(MEDIC, Roles::MEDIC, SECRET, medication);
    bench.meet(MEDIC, OWNER);
    assert_eq!(bench.read(OWNER, &medic), text(SECRET));
    bench.must(MARSHAL, Command::Consent);
    bench.meet(OWNER, MARSHAL);
    bench.must(OWNER, Command::Transfer(key(MARSHAL).public()));
    assert!(!bench.at(OWNER).holds(medic.key));
    assert_eq!(bench.read(OWNER, &medic), Opened::NotForThisDevice);
    bench.meet(OWNER, MEDIC);
    let later = bench.write(MEDIC, Roles::MEDIC, "later", medication);
    assert_ne!(later.key, medic.key);
    bench.meet(MEDIC, MARSHAL);
    for sealed in [&medic, &later] {
        assert!(matches!(bench.read(MARSHAL, sealed), Opened::Text(_)));
    }
}

/// A device that was told of a text and not given its key says so as soon as it is up.
#[test]
fn a_missing_key_is_missing_at_once() {
    let mut bench = Bench::new();
    let sealed = bench.write(MARSHAL, Roles::MEDIC, SECRET, medication);
    bench.meet(MARSHAL, RELAY);
    bench.meet(RELAY, MEDIC);
    bench.restart(MEDIC);
    assert_eq!(bench.read(MEDIC, &sealed), Opened::KeyMissing);
}
