//! Bundle files: any bytes, and true ones with frames left out, repeated, bent and put in another
//! order.

use std::sync::LazyLock;

use tallyline_proto::{
    replica::{Command, Replica, Reply},
    wire::{Frame, decode_bundle, encode_bundle, encode_frame},
};

use super::{
    bytes::Bytes,
    memory::Memory,
    venue::{STRANGER, TABLET, ask, open, venue},
};

/// The frames of a true bundle.
static FRAMES: LazyLock<Vec<Frame>> =
    LazyLock::new(|| decode_bundle(&venue().bundle).unwrap_or_default());

/// Most frames of one file.
const FRAMES_MAX: usize = 32;

/// Takes in a file on a device without an event or on a tablet. Whatever was taken in can be read
/// after a start, and exported to a third device, which holds the same then.
///
/// # Panics
/// If something does not hold.
pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let (who, mut disk) = if bytes.flag() {
        (TABLET, venue().tablet.clone())
    } else {
        (STRANGER, Memory::default())
    };
    let file = match bytes.below(4) {
        0 => bytes.rest().to_vec(),
        1 => [b"TALLYLINE-BUNDLE-1\n", bytes.rest()].concat(),
        _ => assembled(&mut bytes),
    };
    let mut replica = open(who, disk.stored(), 20);
    let before = replica.state_digest();
    let reply = ask(&mut replica, &mut disk, Command::Import(file));
    let refused = matches!(reply, Reply::Refused(_));
    assert!(
        refused || matches!(reply, Reply::Imported { .. }),
        "{reply:?}"
    );
    if refused {
        assert_eq!(replica.state_digest(), before, "a refusal changes nothing");
    }
    let again = open(who, disk.stored(), 21);
    assert_eq!(
        again.state_digest(),
        replica.state_digest(),
        "the same after a start"
    );
    passes_on(&replica);
}

/// Exports what a device holds, and takes it in on a fresh one.
fn passes_on(replica: &Replica) {
    if replica.event().is_none() {
        return;
    }
    let mut disk = Memory::default();
    let mut third = open(STRANGER, disk.stored(), 22);
    let reply = ask(&mut third, &mut disk, Command::Import(replica.bundle()));
    assert!(
        matches!(reply, Reply::Imported { refused: 0, .. }),
        "{reply:?}"
    );
    assert_eq!(
        third.state_digest(),
        replica.state_digest(),
        "the third holds the same"
    );
}

/// Puts a file together from the frames of a true one.
fn assembled(bytes: &mut Bytes<'_>) -> Vec<u8> {
    // A file without frames is the line that every bundle begins with.
    let mut file = encode_bundle(&[]);
    if !bytes.flag() {
        file = encode_bundle(FRAMES.get(..1).unwrap_or_default());
    }
    for _ in 0..FRAMES_MAX {
        if bytes.is_empty() {
            break;
        }
        let frame = bytes.pick(&FRAMES).map(encode_frame).unwrap_or_default();
        let frame = bent(frame, bytes);
        let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        file.extend(varint(length));
        file.extend(frame);
    }
    file
}

/// Leaves most frames as they are; flips, cuts or replaces others.
fn bent(mut frame: Vec<u8>, bytes: &mut Bytes<'_>) -> Vec<u8> {
    let place = usize::from(bytes.byte());
    match place {
        0..=127 => return frame,
        128..=191 => {
            let at = usize::from(bytes.short()) % frame.len().max(1);
            if let Some(byte) = frame.get_mut(at) {
                *byte ^= bytes.byte();
            }
        }
        192..=223 => frame.truncate(usize::from(bytes.short())),
        _ => frame = bytes.run().to_vec(),
    }
    frame
}

fn varint(mut value: u32) -> Vec<u8> {
    let mut out = Vec::new();
    while 0x7f < value {
        let [low, ..] = value.to_le_bytes();
        out.push(low | 0x80);
        value >>= 7;
    }
    let [low, ..] = value.to_le_bytes();
    out.push(low);
    out
}
