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

    /// Adds members and takes others away, as [`Self::replace_members`] does for all of them.
    ///
    /// Source: PROTOCOL R-NET-4.
    pub(in crate::net) fn change_members(
        &mut self,
        come: &[PublicKey],
        gone: &[PublicKey],
        now_ms: u64,
    ) {
        for key in gone {
            self.members.remove(key);
            self.revoked.insert(*key);
        }
        for key in come {
            self.members.insert(*key);
            self.revoked.remove(key);
        }
        self.end_revoked(now_ms);
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
