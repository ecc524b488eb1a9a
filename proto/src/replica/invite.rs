//! One invite: whom it is for, and how its time is counted.
//!
//! Counted is by the process's own clock, never by the wall's; what is stored is what will be left
//! at the next storing, so that a restart takes time away and never adds any. Layer: replica, below
//! `enrol`.
//!
//! Source: PROTOCOL R-JOIN-3.

use alloc::{string::String, vec::Vec};

use tallyline_keys::PublicKey;

use super::InviteView;
use crate::{
    model::Roles,
    wire::{WireError, invite_id},
};

/// Shortest time in ms that an invite may stay open: nobody scans faster on purpose.
const INVITE_MS_MIN: u64 = 60_000;

/// Longest time in ms that an invite may stay open: a day, since a secret that lies about longer
/// is found by somebody else.
const INVITE_MS_MAX: u64 = 24 * 60 * 60_000;

/// How often what is left of an invite's time is written down, in ms. Written is what will be
/// left at the next writing, so that a restart takes up to this much away and never adds.
const INVITE_SAVE_MS: u64 = 30_000;

/// How every stored invite begins; one without is of an older version and is over.
const INVITE_LAYOUT: &[u8; 4] = b"inv2";

/// An invite that one device may use once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Invite {
    pub(super) secret: [u8; 16],
    pub(super) roles: Roles,
    pub(super) label: Option<String>,
    /// The only key that may use it, when the device showed an offer.
    pub(super) only: Option<PublicKey>,
    /// What is left of its time, in ms, when it was last counted.
    left_ms: u64,
    /// When that was; `None`: not since this start.
    counted_ms: Option<u64>,
    /// What the store says is left.
    saved_left_ms: u64,
}

/// What counting an invite down has found.
pub(super) enum Counted {
    /// It is open.
    Open,
    /// Its time is over.
    Over,
    /// It is open, and the store is to keep these bytes.
    Save(Vec<u8>),
}

impl Invite {
    /// Makes an invite that is open for `window_ms`.
    pub(super) fn new(
        secret: [u8; 16],
        (roles, label): (Roles, Option<String>),
        window_ms: u64,
    ) -> Self {
        Self {
            secret,
            roles,
            label,
            only: None,
            left_ms: window_ms,
            counted_ms: None,
            saved_left_ms: window_ms,
        }
    }

    /// Keeps it for one device alone.
    pub(super) fn for_key(self, key: PublicKey) -> Self {
        Self {
            only: Some(key),
            ..self
        }
    }

    /// Returns whether its time is a minute to a day.
    pub(super) fn fits(&self) -> bool {
        (INVITE_MS_MIN..=INVITE_MS_MAX).contains(&self.left_ms)
    }

    /// Counts its time down, and says what is to be done.
    pub(super) fn count_down(&mut self, now_ms: u64) -> Counted {
        self.count(now_ms);
        if self.left_ms == 0 {
            Counted::Over
        } else if self.left_ms <= self.saved_left_ms {
            Counted::Save(self.save(now_ms))
        } else {
            Counted::Open
        }
    }

    pub(super) fn id(&self) -> [u8; 16] {
        invite_id(&self.secret)
    }

    /// Counts its time down to this moment.
    fn count(&mut self, now_ms: u64) {
        let since_ms = self.counted_ms.map_or(0, |at| now_ms.saturating_sub(at));
        self.left_ms = self.left_ms.saturating_sub(since_ms);
        self.counted_ms = Some(now_ms);
    }

    /// Returns when it is to be counted again.
    pub(super) fn due_ms(&self) -> Option<u64> {
        let left_ms = self.left_ms.saturating_sub(self.saved_left_ms);
        Some(self.counted_ms?.saturating_add(left_ms))
    }

    /// Returns what the store is to keep, and remembers that it does.
    pub(super) fn save(&mut self, now_ms: u64) -> Vec<u8> {
        self.count(now_ms);
        self.saved_left_ms = self.left_ms.saturating_sub(INVITE_SAVE_MS);
        self.encode()
    }

    /// Layout: `inv2`, secret 16, roles 4, ms left 8 (little end first), 0 or 1 and a key 32, label.
    fn encode(&self) -> Vec<u8> {
        let label = self.label.as_deref().unwrap_or("");
        let only = self.only.map(|key| *key.as_bytes());
        let parts: [&[u8]; 7] = [
            INVITE_LAYOUT,
            &self.secret,
            &self.roles.0.to_le_bytes(),
            &self.saved_left_ms.to_le_bytes(),
            &[u8::from(only.is_some())],
            only.as_ref().map_or(&[], |key| &key[..]),
            label.as_bytes(),
        ];
        parts.concat()
    }

    /// Reads a stored invite; `None` is one of an older version, which knew no time: it is over.
    pub(super) fn decode(bytes: &[u8]) -> Result<Option<Self>, WireError> {
        let Some(rest) = bytes.strip_prefix(INVITE_LAYOUT) else {
            return Ok(None);
        };
        let (secret, rest) = take(rest)?;
        let (roles, rest) = take(rest)?;
        let (left_ms, rest) = take(rest)?;
        let (has_key, rest) = take(rest)?;
        let (only, label) = if has_key == [1] {
            let (key, label) = take(rest)?;
            let key = PublicKey::from_bytes(key).map_err(|_| WireError::Invalid("key"))?;
            (Some(key), label)
        } else {
            (None, rest)
        };
        let label = core::str::from_utf8(label).map_err(|_| WireError::Malformed)?;
        let left_ms = u64::from_le_bytes(left_ms);
        Ok(Some(Self {
            secret,
            roles: Roles(u32::from_le_bytes(roles)),
            label: (!label.is_empty()).then(|| label.into()),
            only,
            left_ms,
            counted_ms: None,
            saved_left_ms: left_ms,
        }))
    }

    pub(super) fn view(&self, now_ms: u64) -> InviteView {
        let since_ms = self.counted_ms.map_or(0, |at| now_ms.saturating_sub(at));
        InviteView {
            id: self.id(),
            label: self.label.clone(),
            roles: self.roles,
            only: self.only,
            left_ms: self.left_ms.saturating_sub(since_ms),
        }
    }
}

/// Takes a value of fixed size from the front of a stored invite.
fn take<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), WireError> {
    let (value, rest) = bytes.split_first_chunk().ok_or(WireError::Malformed)?;
    Ok((*value, rest))
}
