//! Frames about keys of sealed texts, and a statement that destroys them.

use tallyline_proto::{
    model::{KeyId, Person, Roles, ShooterNo},
    wire::{Frame, KeyAsk, Keys, Share},
};
use uuid::Uuid;

use super::event;

/// What two members say to each other of keys.
pub(crate) fn key_frames() -> Vec<(&'static str, Frame)> {
    let shooter = Person::Shooter(ShooterNo(71));
    let record = Person::Record(Uuid::from_bytes([0x5a; 16]));
    let share = |person, readers| Share::make(event(), person, readers, &[7; 32]);
    let ask = KeyAsk::new([KeyId([2; 8]), KeyId([1; 8])]);
    let heard = ask.name();
    let keys = Vec::from([
        share(shooter, Roles::MEDIC),
        share(record, Roles::LEADER.with(Roles::JURY)),
    ]);
    vec![
        ("key ask", Frame::KeyAsk(ask)),
        ("key ask, nothing lacked", Frame::KeyAsk(KeyAsk::default())),
        ("keys", Frame::Keys(Keys { heard, keys })),
        (
            "keys, none here",
            Frame::Keys(Keys {
                heard,
                keys: Vec::new(),
            }),
        ),
    ]
}
