//! Who may connect, and what becomes of connections when that changes.
//!
//! Layer: as `links`.

use tallyline_keys::PublicKey;

use super::{Ending, Links};
use crate::security::Cause;

impl Links {
    /// Replaces the members; connections of those who are members no longer end, and they do not
    /// come back.
    ///
    /// Source: PROTOCOL R-NET-4.
    pub(in crate::net) fn replace_members(
        &mut self,
        keys: impl IntoIterator<Item = PublicKey>,
        now_ms: u64,
    ) {
        let before = std::mem::replace(&mut self.members, keys.into_iter().collect());
        if self.members.contains(&self.own) {
            self.host = None;
        }
        if std::mem::take(&mut self.anew) {
            self.revoked.clear();
        } else {
            self.revoked.extend(before.difference(&self.members));
        }
        self.revoked.retain(|key| !self.members.contains(key));
        self.end_revoked(now_ms);
    }

    /// Adds members of some events of many, and takes away who is no member of any: those are strangers
    /// from here on, and no more. Whoever founds an event here may admit and revoke any key in it, and a
    /// cloud that was put back knows less members than before; the core ends what a revoked device has
    /// to do with its event.
    ///
    /// Source: PROTOCOL R-NET-4.
    pub(in crate::net) fn change_members(&mut self, come: &[PublicKey], gone: &[PublicKey]) {
        for key in gone {
            self.members.remove(key);
        }
        self.members.extend(come);
    }

    /// Ends the connections of those who are members no longer.
    fn end_revoked(&self, now_ms: u64) {
        for held in self.held.values() {
            if self.revoked.contains(&held.key) && !held.way.pinned {
                let text = "connected when it ceased to be a member; the connection was ended";
                self.security.note(now_ms, Cause::Revoked, held.who(), text);
                held.close(Ending::Revoked);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tallyline_keys::DeviceKey;

    use super::*;
    use crate::net::limits::{AT_A_VENUE, IN_THE_CLOUD};

    /// A device that one event of a cloud revoked was refused in all others until the node ended.
    #[test]
    fn a_cloud_lets_in_as_a_stranger_whom_one_event_revoked() {
        let [own, tablet] = [1, 2].map(|it| DeviceKey::from_seed([it; 32]).public());
        let cloud = Links::shared(own, IN_THE_CLOUD);
        let mut links = cloud.lock();
        links.change_members(&[tablet], &[]);
        assert!(links.members.contains(&tablet));
        links.change_members(&[], &[tablet]);
        assert!(!links.members.contains(&tablet));
        assert!(links.admits(&tablet));

        let device = Links::shared(own, AT_A_VENUE);
        let mut links = device.lock();
        links.replace_members([tablet], 0);
        links.replace_members([], 0);
        assert!(!links.admits(&tablet), "its one event revoked it");
    }
}
