//! What both matches share: devices that write entries, an authority that lets everybody, files.

use std::{collections::BTreeMap, fs, io::Read as _, path::PathBuf};

use tallyline_keys::{DeviceKey, PublicKey};
use tallyline_proto::{
    model::{
        About, Body, DrillNo, EntryId, GrantId, Hash, Incarnation, LogName, RuleNo, ShooterNo,
        Status, StatusKind,
    },
    rules::{Authority, Line, Roster, Scorebook, Standing, Standings},
};

/// The owner's device.
pub(crate) const OWNER: usize = 5;

const DATA_DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data");

/// Everybody may write everything; device 5 is the owner's.
pub(crate) struct AllLive {
    owner: PublicKey,
}

impl Authority for AllLive {
    fn standing(&self, _: &LogName, _: u64, _: Option<About>) -> Standing {
        Standing::Live
    }

    fn is_owner(&self, key: &PublicKey) -> bool {
        *key == self.owner
    }

    fn precedence(&self, _: &LogName) -> (u32, u32) {
        (0, 0)
    }
}

/// An entry that owns its body; lines borrow from it.
pub(crate) struct Written {
    id: EntryId,
    log: LogName,
    seq: u64,
    author: PublicKey,
    at_ms: i64,
    body: Body,
}

impl Written {
    fn line(&self) -> Line<'_> {
        Line {
            id: self.id,
            log: self.log,
            seq: self.seq,
            author: self.author,
            at_ms: self.at_ms,
            revision: 1,
            body: &self.body,
        }
    }
}

/// Nine devices with one log each.
pub(crate) struct Venue {
    devices: Vec<PublicKey>,
    heights: BTreeMap<usize, u64>,
    pub(crate) entries: Vec<Written>,
}

impl Venue {
    pub(crate) fn new() -> Self {
        let key = |seed: u8| DeviceKey::from_seed([seed; 32]).public();
        Self {
            devices: (0..10).map(key).collect(),
            heights: BTreeMap::new(),
            entries: vec![],
        }
    }

    pub(crate) fn authority(&self) -> AllLive {
        AllLive {
            owner: self.devices[OWNER],
        }
    }

    pub(crate) fn write(&mut self, device: usize, at_ms: i64, body: Body) -> EntryId {
        let height = self.heights.entry(device).or_default();
        *height += 1;
        let number = u8::try_from(device).expect("nine devices");
        let log = LogName {
            grant: GrantId(Hash([number; 32])),
            incarnation: Incarnation(number.into()),
        };
        let count = u128::try_from(self.entries.len()).expect("some thousands");
        // Ids in no order of writing, as hashes are.
        let id = EntryId(uuid::Uuid::from_u128(
            (count + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        ));
        let (author, seq) = (self.devices[device], *height);
        self.entries.push(Written {
            id,
            log,
            seq,
            author,
            at_ms,
            body,
        });
        id
    }

    pub(crate) fn lines(&self) -> Vec<Line<'_>> {
        self.entries.iter().map(Written::line).collect()
    }

    pub(crate) fn standings(&self, roster: &Roster, lines: &[Line<'_>]) -> (Scorebook, Standings) {
        let book = Scorebook::compute(roster, &self.authority(), lines);
        let standings = Standings::compute(roster, &book);
        (book, standings)
    }
}

/// Reads a file under `tests/data`, unpacked, as text.
pub(crate) fn data(name: &str) -> String {
    let path = PathBuf::from(DATA_DIR).join(name);
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if path.extension().is_none_or(|extension| extension != "gz") {
        return String::from_utf8(bytes).expect("test data is text");
    }
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes.as_slice())
        .read_to_string(&mut text)
        .expect("valid gzip");
    text
}

pub(crate) fn status(
    kind: StatusKind,
    drill: Option<DrillNo>,
    shooter: ShooterNo,
    rule: Option<RuleNo>,
) -> Body {
    Body::Status(Status {
        about: About { drill, shooter },
        kind,
        rule,
        attempt: 0,
        note: String::new(),
    })
}
