//! Tokens: short texts that say who somebody is, signed by a key of the node that signs nothing
//! else.
//!
//! JWT with `EdDSA` and the key's id in `kid`: a fresh key signs from when it is seen, and what the one
//! before signed is read until it is over. Times are judged by the node's own clock: it made
//! the token. Layer: node, api.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use axum::http::StatusCode;
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header,
};
use serde::{Deserialize, Serialize};
use tallyline_keys::DeviceKey;
use zeroize::{Zeroize as _, Zeroizing};

use super::accounts::Held;
use super::codes;
use super::failure::Failure;
use crate::entropy;
use crate::root::{hex, unhex};

/// Seconds that a login holds: an event's day.
pub(super) const ACCESS_S: u64 = 24 * 60 * 60;

/// Seconds that a ticket for a stream holds: from asking for it to opening the stream. It stands in
/// an address, which ends up in logs.
pub(super) const TICKET_S: u64 = 60;

/// Most keys that are kept: one that signs, one whose tokens run out.
pub const KEYS_MAX: usize = 2;

/// The file of the keys, and the one by which they are changed by one at a time.
const KEYS_FILE: &str = "token.keys";
const KEYS_LOCK: &str = "token.lock";

/// Longest token that is read: twice what the largest account needs.
const TOKEN_BYTES_MAX: usize = 4096;

/// What a key that signs tokens is derived with for repeating the renewal of a login.
const REPEAT_CONTEXT: &str = "tallyline v1 renewal of a login";

/// What stands before a seed in the DER that PKCS#8 wants (RFC 8410).
const DER_HEAD: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// What a token is for; one made for one use is worthless for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Use {
    /// Asking.
    Access,
    /// Opening a stream, from an address bar.
    Ticket,
    /// To be signed by a device that wants a token.
    Challenge,
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who.
    pub sub: String,
    /// What for.
    pub aud: Use,
    /// Made at, in Unix seconds.
    pub iat: u64,
    /// Over at, in Unix seconds.
    pub exp: u64,
    /// The account's version; another one makes the token void.
    pub ver: u32,
    /// What for a person is where.
    pub roles: Vec<Held>,
}

/// The keys that sign tokens, newest first, as they lie in their file.
#[derive(Debug, Serialize, Deserialize)]
pub struct TokenKeys {
    keys: Vec<OneKey>,
}

#[derive(Serialize, Deserialize)]
struct OneKey {
    kid: String,
    seed: String,
}

impl Drop for OneKey {
    fn drop(&mut self) {
        self.seed.zeroize();
    }
}

/// Makes and reads tokens; copies are the same.
#[derive(Clone)]
pub struct Tokens(Arc<RwLock<Ready>>);

struct Ready {
    signs: (String, EncodingKey),
    reads: Vec<(String, DecodingKey)>,
    /// What repeats the renewal of a login, of each key.
    repeats: Vec<Zeroizing<[u8; 32]>>,
}

impl std::fmt::Debug for OneKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OneKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tokens").field(&self.now().signs.0).finish()
    }
}

impl TokenKeys {
    /// Reads the keys of a folder, or draws the first one.
    ///
    /// # Errors
    ///
    /// What the disk said, or that the file is none of keys.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let path = dir.join(KEYS_FILE);
        if let Some(keys) = Self::read(&path)? {
            return Ok(keys);
        }
        // A node that starts and the command line may both find none, and the first key is the key.
        let _lock = locked(dir, KEYS_LOCK)?;
        let keys = Self::read(&path)?;
        keys.map_or_else(|| Self { keys: Vec::new() }.with_fresh(&path), Ok)
    }

    /// Draws a key that signs from here on; the one before is still read.
    ///
    /// # Errors
    ///
    /// What the disk said, or that there is no randomness.
    pub fn renew(dir: &Path) -> io::Result<()> {
        let path = dir.join(KEYS_FILE);
        let _lock = locked(dir, KEYS_LOCK)?;
        let keys = Self::read(&path)?;
        let keys = keys.unwrap_or(Self { keys: Vec::new() });
        keys.with_fresh(&path).map(drop)
    }

    /// Reads the file; `None`: there is none yet.
    fn read(path: &Path) -> io::Result<Option<Self>> {
        match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts a fresh key in front and writes the file; whoever calls holds the lock.
    fn with_fresh(mut self, path: &Path) -> io::Result<Self> {
        let (kid, seed) = Self::fresh()?;
        self.keys.insert(0, OneKey { kid, seed });
        self.keys.truncate(KEYS_MAX);
        let text = Zeroizing::new(serde_json::to_vec(&self).map_err(io::Error::other)?);
        write_private(path, &text)?;
        Ok(self)
    }

    /// Draws a key: its id and its seed in hex.
    ///
    /// # Errors
    ///
    /// That there is no randomness.
    pub fn fresh() -> io::Result<(String, String)> {
        let seed = Zeroizing::new(entropy::bytes::<32>().map_err(io::Error::other)?);
        let kid = hex(&entropy::bytes::<4>().map_err(io::Error::other)?);
        Ok((kid, hex(&*seed)))
    }

    /// Takes keys that several nodes share, newest first, each with id and seed as
    /// [`Self::fresh`] draws them.
    pub fn shared(keys: Vec<(String, String)>) -> Self {
        let keys = keys.into_iter().take(KEYS_MAX);
        let keys = keys.map(|(kid, seed)| OneKey { kid, seed }).collect();
        Self { keys }
    }

    /// Makes them ready.
    ///
    /// # Errors
    ///
    /// That the file has no key, or something that is none.
    pub fn ready(&self) -> io::Result<Tokens> {
        Ok(Tokens(Arc::new(RwLock::new(self.read_out()?))))
    }

    fn read_out(&self) -> io::Result<Ready> {
        let mut signs = None;
        let (mut reads, mut repeats) = (Vec::new(), Vec::new());
        for key in &self.keys {
            let seed = unhex(&key.seed).and_then(|it| <[u8; 32]>::try_from(it).ok());
            let Some(seed) = seed.map(Zeroizing::new) else {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a key of tokens is none",
                ));
            };
            let public = DeviceKey::from_seed(*seed).public();
            repeats.push(Zeroizing::new(blake3::derive_key(REPEAT_CONTEXT, &*seed)));
            reads.push((key.kid.clone(), DecodingKey::from_ed_der(public.as_bytes())));
            let der = Zeroizing::new([DER_HEAD.as_slice(), seed.as_slice()].concat());
            signs.get_or_insert_with(|| (key.kid.clone(), EncodingKey::from_ed_der(&der)));
        }
        let none = || io::Error::new(io::ErrorKind::InvalidData, "there is no key of tokens");
        let signs = signs.ok_or_else(none)?;
        Ok(Ready {
            signs,
            reads,
            repeats,
        })
    }
}

impl Tokens {
    /// Takes what is kept now: another process may have renewed it.
    ///
    /// # Errors
    ///
    /// As [`TokenKeys::ready`]; those that were taken before stay.
    pub fn take(&self, keys: &TokenKeys) -> io::Result<()> {
        let ready = keys.read_out()?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = ready;
        Ok(())
    }

    /// Returns whether a text names one of the keys; not whether that key signed it.
    pub fn knows(&self, text: &str) -> bool {
        let kid = head(text);
        kid.is_some_and(|kid| self.now().reads.iter().any(|(it, _)| *it == kid))
    }

    /// Returns what follows from two texts and a key, the same at all nodes that have the key, for each of
    /// them, the one that signs first. Nobody else can say it.
    pub(super) fn repeatable(&self, one: &str, other: &str) -> Vec<Zeroizing<[u8; 32]>> {
        let length = u64::try_from(one.len()).unwrap_or(u64::MAX);
        let made = |key: &Zeroizing<[u8; 32]>| {
            let mut hasher = blake3::Hasher::new_keyed(key);
            hasher.update(&length.to_le_bytes());
            hasher.update(one.as_bytes()).update(other.as_bytes());
            Zeroizing::new(*hasher.finalize().as_bytes())
        };
        self.now().repeats.iter().map(made).collect()
    }

    fn now(&self) -> RwLockReadGuard<'_, Ready> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a token.
    ///
    /// # Errors
    ///
    /// A [`Failure`] if the library refuses; it does not for keys of ours.
    pub fn mint(&self, claims: &Claims) -> Result<String, Failure> {
        let ready = self.now();
        let (kid, key) = &ready.signs;
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(kid.clone());
        let made = jsonwebtoken::encode(&header, claims, key);
        made.map_err(|error| Failure::fault(format!("no token could be made: {error}")))
    }

    /// Reads a token that was made for `aud`.
    ///
    /// # Errors
    ///
    /// A [`Failure`] that says whether it is over (`token_over`) or none of ours (`bad_token`).
    pub fn read(&self, text: &str, aud: Use, now_ms: u64) -> Result<Claims, Failure> {
        let bad = || {
            let text = "this token is none of this node's; log in again";
            Failure::new(StatusCode::UNAUTHORIZED, codes::BAD_TOKEN, text)
        };
        let kid = head(text).ok_or_else(bad)?;
        let ready = self.now();
        let mut keys = ready.reads.iter();
        let (_, key) = keys.find(|(it, _)| *it == kid).ok_or_else(bad)?;
        let mut how = Validation::new(Algorithm::EdDSA);
        // Time is read in one place of the program, and the use is compared below.
        how.validate_exp = false;
        how.validate_aud = false;
        let claims: Claims = decode(text, key, &how).map_err(|_| bad())?.claims;
        if claims.aud != aud {
            return Err(bad());
        }
        if claims.exp.saturating_mul(1000) <= now_ms {
            let text = "the token's time is over; renew it at /api/auth/refresh, or log in again";
            return Err(Failure::new(
                StatusCode::UNAUTHORIZED,
                codes::TOKEN_OVER,
                text,
            ));
        }
        Ok(claims)
    }
}

/// Returns the id of the key by which a text says that it is signed.
fn head(text: &str) -> Option<String> {
    if TOKEN_BYTES_MAX < text.len() {
        return None;
    }
    decode_header(text).ok().and_then(|header| header.kid)
}

/// Writes a file that only its owner reads; there is never half of one.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("fresh");
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    path.parent()
        .map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}

/// Waits until this process and thread alone may change files of a folder; until the file is dropped.
pub(super) fn locked(dir: &Path, name: &str) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let lock = options
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(dir.join(name))?;
    lock.lock()?;
    Ok(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(exp: u64) -> Claims {
        Claims {
            sub: "anna".to_owned(),
            aud: Use::Access,
            iat: 0,
            exp,
            ver: 1,
            roles: Vec::new(),
        }
    }

    #[test]
    fn a_token_is_read_by_who_made_it_until_it_is_over() {
        let dir = tempfile::tempdir().unwrap();
        let tokens = TokenKeys::open(dir.path()).unwrap().ready().unwrap();
        let text = tokens.mint(&claims(10)).unwrap();
        assert_eq!(tokens.read(&text, Use::Access, 9_999).unwrap(), claims(10));
        let code = |result: Result<Claims, Failure>| format!("{:?}", result.unwrap_err());
        assert!(code(tokens.read(&text, Use::Access, 10_000)).contains(codes::TOKEN_OVER));
        assert!(code(tokens.read(&text, Use::Ticket, 0)).contains(codes::BAD_TOKEN));
        let mut bent = text.clone();
        bent.pop();
        assert!(code(tokens.read(&bent, Use::Access, 0)).contains(codes::BAD_TOKEN));

        let other = tempfile::tempdir().unwrap();
        let other = TokenKeys::open(other.path()).unwrap().ready().unwrap();
        assert!(code(other.read(&text, Use::Access, 0)).contains(codes::BAD_TOKEN));
    }

    /// A node starts while somebody makes a token by the command line: there is one key.
    #[test]
    fn whoever_opens_at_once_finds_one_key() {
        for _ in 0..20 {
            let dir = tempfile::tempdir().unwrap();
            let open = || TokenKeys::open(dir.path()).unwrap().keys[0].kid.clone();
            let kids: Vec<String> = std::thread::scope(|scope| {
                let opened: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
                opened.into_iter().map(|it| it.join().unwrap()).collect()
            });
            assert_eq!(kids, vec![open(); 4], "and it is the one that was kept");
        }
    }

    /// Nobody has to log in again because a key was renewed, and only once.
    #[test]
    fn a_renewed_key_still_reads_what_the_one_before_signed() {
        let dir = tempfile::tempdir().unwrap();
        let keys = TokenKeys::open(dir.path()).unwrap();
        let text = keys.ready().unwrap().mint(&claims(10)).unwrap();
        TokenKeys::renew(dir.path()).unwrap();
        let again = TokenKeys::open(dir.path()).unwrap().ready().unwrap();
        assert_eq!(again.read(&text, Use::Access, 0).unwrap(), claims(10));
        let before = keys.ready().unwrap().repeatable("a", "b");
        assert_eq!(again.repeatable("a", "b")[1], before[0]);
        assert_ne!(again.repeatable("a", "b")[0], before[0]);
        assert_ne!(again.repeatable("", "ab")[1], before[0]);
        let fresh = again.mint(&claims(10)).unwrap();
        let running = keys.ready().unwrap();
        assert!(!running.knows(&fresh), "it was renewed beside the node");
        running.take(&TokenKeys::open(dir.path()).unwrap()).unwrap();
        assert_eq!(running.read(&fresh, Use::Access, 0).unwrap(), claims(10));
        assert_ne!(
            again.mint(&claims(10)).unwrap(),
            text,
            "the fresh key signs"
        );
        TokenKeys::renew(dir.path()).unwrap();
        let last = TokenKeys::open(dir.path()).unwrap().ready().unwrap();
        assert!(
            last.read(&text, Use::Access, 0).is_err(),
            "two keys at most"
        );
    }
}
