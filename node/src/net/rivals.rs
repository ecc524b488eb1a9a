//! Several connections with one key: which of them goes, and when two devices must be behind them.
//!
//! Layer: below `links`.

use std::net::SocketAddr;

use tallyline_proto::replica::PeerId;

use super::limits::{CLONE_MS, HEARD_MS};

/// What one of several connections with one key is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rival {
    /// The connection.
    pub(super) peer: PeerId,
    /// Whether this device dialled.
    pub(super) dialled: bool,
    /// How much is known about it.
    pub(super) stage: Stage,
    /// Where the peer is.
    pub(super) address: SocketAddr,
    /// Milliseconds for which there has been another one beside it.
    pub(super) beside_ms: u64,
    /// Milliseconds since a datagram arrived.
    pub(super) silent_ms: u64,
}

/// How much is known about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The peer has not spoken.
    Silent,
    /// The peer spoke, a while ago.
    Spoke,
    /// The peer was heard since it became doubtful, or spoke first a moment ago.
    Works,
}

/// Decides which of several connections with one key this side ends, if any.
///
/// The lower key's dialled connection stays, and only the other one's dialler ends its own: so
/// both sides never end one each, and two devices with one key (a clone) are both served. The
/// one that stays must be proven to work before the other one goes.
pub(super) fn loser(own_is_higher: bool, rivals: &[Rival]) -> Option<PeerId> {
    let works = |rival: &&Rival| rival.stage == Stage::Works;
    let spoke = |rival: &&Rival| rival.stage != Stage::Silent;
    let mut dialled = rivals.iter().filter(|rival| rival.dialled);
    let inbound = rivals.iter().filter(|rival| !rival.dialled);
    if own_is_higher && inbound.clone().any(|rival| works(&rival)) {
        return dialled.find(spoke).map(|rival| rival.peer);
    }
    let stays = dialled.clone().find(works)?;
    dialled
        .find(|rival| spoke(rival) && rival.peer != stays.peer)
        .map(|rival| rival.peer)
}

/// Returns the addresses of two devices that use one key at the same time, if that is certain.
///
/// One process keeps one connection with a peer, and moves it when its address changes. Its dead
/// ones, after a restart or a change of networks, fall silent; a duplicate of both sides' dialling
/// is ended within moments.
pub(super) fn clones(rivals: &[Rival]) -> Option<(SocketAddr, SocketAddr)> {
    let mut alive = rivals.iter().filter(|rival| {
        let spoke = rival.stage != Stage::Silent;
        spoke && CLONE_MS <= rival.beside_ms && rival.silent_ms <= HEARD_MS
    });
    let one = alive.next()?;
    let other = alive.find(|rival| rival.address != one.address)?;
    Some((one.address, other.address))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `d` dialled, `i` inbound; upper case proven; `?` after it: has not spoken.
    fn rivals(text: &str) -> Vec<Rival> {
        let mut rivals: Vec<Rival> = Vec::new();
        for sign in text.chars() {
            if sign == '?' {
                rivals.last_mut().unwrap().stage = Stage::Silent;
                continue;
            }
            let number = u16::try_from(rivals.len()).unwrap();
            rivals.push(Rival {
                peer: PeerId(number.into()),
                dialled: sign.eq_ignore_ascii_case(&'d'),
                stage: if sign.is_ascii_uppercase() {
                    Stage::Works
                } else {
                    Stage::Spoke
                },
                address: SocketAddr::from(([10, 0, 0, 1], number)),
                beside_ms: CLONE_MS,
                silent_ms: 0,
            });
        }
        rivals
    }

    #[test]
    fn only_the_higher_key_ends_its_own_dial_and_only_when_the_other_works() {
        for (higher, text, expected) in [
            (true, "DI", Some(0)),
            (true, "ID", Some(1)),
            (true, "dI", Some(0)),
            (true, "Di", None),
            (true, "DI?", None),
            (true, "D?I", None),
            (false, "DI", None),
            (false, "ID", None),
            (false, "dI", None),
            (true, "D", None),
            (true, "I", None),
        ] {
            let loser = loser(higher, &rivals(text));
            assert_eq!(loser, expected.map(PeerId), "{higher} {text}");
        }
    }

    #[test]
    fn of_two_own_dials_the_proven_older_one_stays() {
        for higher in [true, false] {
            assert_eq!(loser(higher, &rivals("DD")), Some(PeerId(1)), "both work");
            assert_eq!(loser(higher, &rivals("dD")), Some(PeerId(0)), "newer works");
            assert_eq!(loser(higher, &rivals("dd")), None, "neither is proven");
        }
    }

    #[test]
    fn two_inbound_connections_of_a_clone_are_both_served() {
        for higher in [true, false] {
            assert_eq!(loser(higher, &rivals("II")), None, "{higher}");
        }
    }

    #[test]
    fn a_clone_is_called_one_when_both_are_heard_for_long_enough_from_two_places() {
        assert!(clones(&rivals("II")).is_some(), "both are there");
        assert!(clones(&rivals("I")).is_none(), "one device");
        assert!(clones(&rivals("II?")).is_none(), "one has not spoken");
        let changed = |change: fn(&mut Rival)| {
            let mut rivals = rivals("II");
            change(&mut rivals[1]);
            clones(&rivals)
        };
        let silent = changed(|it| it.silent_ms = HEARD_MS + 1);
        assert_eq!(silent, None, "a device that moved left a dead one");
        let fresh = changed(|it| it.beside_ms = CLONE_MS - 1);
        assert_eq!(fresh, None, "too soon to say");
        let same = changed(|it| it.address.set_port(0));
        assert_eq!(same, None, "one place");
    }
}
