//! People who may log in: a trait, and the small file in which a node keeps them.
//!
//! The command line writes the same file while the node runs; a lock file keeps them apart, and the
//! node reads the file again when it changed. A password is kept as what argon2id makes of it, a
//! refresh token as its hash. Layer: node, api.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::task::spawn_blocking;
use utoipa::ToSchema;

use super::access::Role;
use super::events::Asked;
use super::tokens::{TokenKeys, locked, write_private};
use crate::entropy;
use crate::local::protocol::{Problem, codes, exits};
use crate::root::{hex, unhex};

/// Most accounts of a node's file: the officials and press of the largest match.
const ACCOUNTS_MAX: usize = 512;

/// Most logins of one person that can be renewed: phone, tablet, laptop, and some forgotten ones.
/// The oldest one goes.
pub const FAMILIES_MAX: usize = 8;

/// Milliseconds in which a renewal whose answer was lost may be repeated: a phone that walks through a
/// wood. By how much later it would end is how long ago it was.
pub const AGAIN_MS: u64 = 5 * 60_000;

/// Longest name of an account in bytes.
const NAME_BYTES_MAX: usize = 64;

/// Memory in KiB, passes and lanes of a password's hash, as OWASP advises for a server: a phone's
/// login takes some 50 ms on a Pi, and a guess as long.
const HASH_COST: (u32, u32, u32) = (19_456, 2, 1);

/// What somebody is, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Held {
    /// The event's UUID; `None` is every event of the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The role.
    pub role: Role,
}

/// Who may log in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The name, unique on the node.
    pub name: String,
    /// What argon2id made of the password: salt and hash, hex; empty: no password opens it.
    #[serde(default)]
    pub secret: String,
    /// Grows when password or roles change, which makes every token void.
    pub version: u32,
    /// What the person is where.
    pub roles: Vec<Held>,
    /// Logins that can be renewed.
    #[serde(default)]
    pub families: Vec<Family>,
}

/// One login, renewed again and again: only the newest refresh token renews it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Family {
    /// Its id.
    pub id: String,
    /// Hash of the refresh token that renews it, hex.
    pub hash: String,
    /// Until when, in Unix milliseconds.
    pub until_ms: u64,
}

/// What became of a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// The next token renews it from here on.
    Done,
    /// The token renewed it to this very next one a moment ago, and the answer was lost.
    Again,
    /// The token was used before: somebody has a copy, and the login is closed.
    Reused,
    /// There is no such login, or its time is over.
    Unknown,
}

/// Who may log in, wherever that is kept.
pub trait Accounts: Send + Sync {
    /// Returns what signs tokens, as it is kept now; whoever asks first draws it.
    fn token_keys(&self) -> Asked<'_, Result<TokenKeys, Problem>>;
    /// Returns the account of a name.
    fn find<'a>(&'a self, name: &'a str) -> Asked<'a, Result<Option<Account>, Problem>>;
    /// Returns all of them, by name.
    fn list(&self) -> Asked<'_, Result<Vec<Account>, Problem>>;
    /// Keeps an account instead of the one of that name.
    fn put(&self, account: Account) -> Asked<'_, Result<(), Problem>>;
    /// Removes an account; returns whether there was one.
    fn remove<'a>(&'a self, name: &'a str) -> Asked<'a, Result<bool, Problem>>;
    /// Notes a fresh login of an account of this name and version; returns whether there still is one.
    fn open<'a>(
        &'a self,
        account: (&'a str, u32),
        family: Family,
    ) -> Asked<'a, Result<bool, Problem>>;
    /// Exchanges the token that renews a login, if `hash` is that of the newest one. If `next` is the
    /// newest one already, for less than [`AGAIN_MS`], nothing is changed.
    fn rotate<'a>(
        &'a self,
        name: &'a str,
        hash: &'a str,
        next: Family,
        now_ms: u64,
    ) -> Asked<'a, Result<Rotation, Problem>>;
    /// Closes a login.
    fn close<'a>(&'a self, name: &'a str, family: &'a str) -> Asked<'a, Result<(), Problem>>;
    /// Returns a person's plan for an event.
    fn plan<'a>(
        &'a self,
        name: &'a str,
        event: &'a str,
    ) -> Asked<'a, Result<Option<Value>, Problem>>;
    /// Keeps a person's plan for an event; `None` removes it.
    fn put_plan<'a>(
        &'a self,
        name: &'a str,
        event: &'a str,
        plan: Option<Value>,
    ) -> Asked<'a, Result<(), Problem>>;
}

/// Accounts in a file of the node's root.
#[derive(Clone, Debug)]
pub struct FileAccounts(Arc<Files>);

#[derive(Debug)]
struct Files {
    dir: PathBuf,
    read: Mutex<Option<Read>>,
}

/// What was read, of which file.
#[derive(Clone, Debug)]
struct Read {
    changed: (SystemTime, u64),
    accounts: Arc<Vec<Account>>,
}

impl Account {
    /// Makes an account without a password.
    ///
    /// # Errors
    ///
    /// A [`Problem`] if the name is empty, too long, or has other letters than a name in an address
    /// may have; or if there is no randomness.
    pub fn new(name: &str, roles: Vec<Held>) -> Result<Self, Problem> {
        if !is_name(name) {
            let text = format!(
                "the name {name:?} is none; use 1 to {NAME_BYTES_MAX} of a-z, A-Z, 0-9, . - _ @; \
                 nothing was changed"
            );
            return Err(Problem::new(codes::BAD_VALUE, exits::USAGE, text));
        }
        Ok(Self {
            name: name.to_owned(),
            secret: String::new(),
            // An account that was removed and is made again is another one: tokens of before are void.
            version: u32::from_le_bytes(entropy::bytes()?) >> 1,
            roles,
            families: Vec::new(),
        })
    }

    /// Sets the password. Takes as long as a guess does.
    ///
    /// # Errors
    ///
    /// A [`Problem`] if there is no randomness.
    pub fn set_password(&mut self, password: &str) -> Result<(), Problem> {
        let salt = entropy::bytes::<16>()?;
        let hash = hash(password, &salt)?;
        self.secret = format!("{}:{}", hex(&salt), hex(&hash));
        self.version = self.version.saturating_add(1);
        self.families.clear();
        Ok(())
    }

    /// Returns whether a password opens it.
    pub fn has_password(&self) -> bool {
        !self.secret.is_empty()
    }

    /// Returns whether this is the password. Takes the same time whatever it is, and whether or not
    /// the account has one.
    pub fn opens(&self, password: &str) -> bool {
        let parts = self.secret.split_once(':');
        let parts = parts.and_then(|(salt, made)| Some((unhex(salt)?, unhex(made)?)));
        let (salt, made) = parts.unwrap_or_else(|| (vec![0; 16], Vec::new()));
        let Ok(given) = hash(password, &salt) else {
            return false;
        };
        // Compared by hash, so that how far two agree is told by nobody's clock.
        blake3::hash(&given) == blake3::hash(&made)
    }
}

/// Returns whether an account may have a name; no other one is asked for.
pub(super) fn is_name(text: &str) -> bool {
    let plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '-' | '_' | '@');
    !text.is_empty() && text.len() <= NAME_BYTES_MAX && text.chars().all(plain)
}

fn hash(password: &str, salt: &[u8]) -> Result<[u8; 32], Problem> {
    let (memory, passes, lanes) = HASH_COST;
    let failed = |error: argon2::Error| {
        let text = format!("the password cannot be hashed: {error}; nothing was changed");
        Problem::new(codes::BAD_VALUE, exits::FAILURE, text)
    };
    let params = Params::new(memory, passes, lanes, None).map_err(failed)?;
    let mut made = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.as_bytes(), salt, &mut made)
        .map_err(failed)?;
    Ok(made)
}

impl FileAccounts {
    /// Keeps accounts in a folder, which is made if it is missing.
    ///
    /// # Errors
    ///
    /// What the disk said.
    pub fn open(dir: &Path) -> io::Result<Self> {
        // Not an error if it is there: a node that starts and the command line may make it at once.
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(dir)?;
        Ok(Self(Arc::new(Files {
            dir: dir.to_owned(),
            read: Mutex::new(None),
        })))
    }

    /// Keeps an account instead of the one of that name: what the command line does.
    ///
    /// # Errors
    ///
    /// A [`Problem`] if the disk fails, or there is no room for one more.
    pub fn keep(&self, account: Account) -> Result<(), Problem> {
        self.0.change(|all| {
            all.retain(|it| it.name != account.name);
            if ACCOUNTS_MAX <= all.len() {
                let text =
                    format!("there are {ACCOUNTS_MAX} accounts, and no more fit; remove one");
                return Err(Problem::new(codes::BAD_VALUE, exits::REFUSED, text));
            }
            all.push(account);
            all.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(())
        })
    }

    /// Returns all accounts, by name.
    ///
    /// # Errors
    ///
    /// A [`Problem`] if the file cannot be read.
    pub fn all(&self) -> Result<Arc<Vec<Account>>, Problem> {
        self.0.all()
    }

    /// Removes an account; returns whether there was one.
    ///
    /// # Errors
    ///
    /// A [`Problem`] if the disk fails.
    pub fn drop_account(&self, name: &str) -> Result<bool, Problem> {
        self.0.change(|all| {
            let before = all.len();
            all.retain(|it| it.name != name);
            Ok(all.len() < before)
        })
    }

    /// Does something with the files where waiting for the disk holds nobody up.
    fn later<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Files) -> Result<T, Problem> + Send + 'static,
    ) -> Asked<'static, Result<T, Problem>> {
        let files = Arc::clone(&self.0);
        Box::pin(async move {
            spawn_blocking(move || work(&files))
                .await
                .map_err(|error| {
                    let text = format!("the accounts were not read ({error}); nothing was changed");
                    Problem::new(codes::STOPPED, exits::FAILURE, text)
                })?
        })
    }
}

impl Files {
    fn path(&self) -> PathBuf {
        self.dir.join("accounts.json")
    }

    /// Reads the file again if it changed.
    fn all(&self) -> Result<Arc<Vec<Account>>, Problem> {
        let path = self.path();
        let changed = match fs::metadata(&path) {
            Ok(it) => (it.modified().map_err(|error| disk(&error))?, it.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Arc::default()),
            Err(error) => return Err(disk(&error)),
        };
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(read) = read.as_ref().filter(|it| it.changed == changed) {
            return Ok(Arc::clone(&read.accounts));
        }
        let bytes = fs::read(&path).map_err(|error| disk(&error))?;
        let accounts: Vec<Account> = serde_json::from_slice(&bytes).map_err(|error| {
            let text = format!(
                "{} is no file of accounts ({error}); nothing was changed; move it aside and make \
                 the accounts again",
                path.display()
            );
            Problem::new(codes::BAD_FILE, exits::STORAGE, text)
        })?;
        let accounts = Arc::new(accounts);
        *read = Some(Read {
            changed,
            accounts: Arc::clone(&accounts),
        });
        Ok(accounts)
    }

    /// Changes the file; one process and one thread at a time.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut Vec<Account>) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let _lock = locked(&self.dir, "accounts.lock").map_err(|error| disk(&error))?;
        let mut all = self.all()?.as_ref().clone();
        let done = change(&mut all)?;
        let text = serde_json::to_vec_pretty(&all).map_err(|error| disk(&error.into()))?;
        write_private(&self.path(), &text).map_err(|error| disk(&error))?;
        // Read anew: two changes may fall into one tick of the file's time.
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(done)
    }

    fn plan_path(&self, name: &str, event: &str) -> PathBuf {
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(event.as_bytes())
            .update(b"\0")
            .update(name.as_bytes());
        self.dir
            .join(format!("plan-{}.json", hasher.finalize().to_hex()))
    }
}

impl Accounts for FileAccounts {
    fn token_keys(&self) -> Asked<'_, Result<TokenKeys, Problem>> {
        self.later(|files| TokenKeys::open(&files.dir).map_err(|error| disk(&error)))
    }

    fn find<'a>(&'a self, name: &'a str) -> Asked<'a, Result<Option<Account>, Problem>> {
        let name = name.to_owned();
        self.later(move |files| {
            let all = files.all()?;
            Ok(all.iter().find(|it| it.name == name).cloned())
        })
    }

    fn list(&self) -> Asked<'_, Result<Vec<Account>, Problem>> {
        self.later(|files| Ok(files.all()?.as_ref().clone()))
    }

    fn put(&self, account: Account) -> Asked<'_, Result<(), Problem>> {
        let all = self.clone();
        self.later(move |_| all.keep(account))
    }

    fn remove<'a>(&'a self, name: &'a str) -> Asked<'a, Result<bool, Problem>> {
        let (all, name) = (self.clone(), name.to_owned());
        self.later(move |_| all.drop_account(&name))
    }

    fn open<'a>(
        &'a self,
        (name, version): (&'a str, u32),
        family: Family,
    ) -> Asked<'a, Result<bool, Problem>> {
        let name = name.to_owned();
        self.later(move |files| {
            files.change(|all| {
                let mut same = all
                    .iter_mut()
                    .filter(|it| it.name == name && it.version == version);
                let Some(account) = same.next() else {
                    return Ok(false);
                };
                let spare = account.families.len().saturating_sub(FAMILIES_MAX - 1);
                account.families.drain(..spare);
                account.families.push(family);
                Ok(true)
            })
        })
    }

    fn rotate<'a>(
        &'a self,
        name: &'a str,
        hash: &'a str,
        next: Family,
        now_ms: u64,
    ) -> Asked<'a, Result<Rotation, Problem>> {
        let (name, hash) = (name.to_owned(), hash.to_owned());
        self.later(move |files| {
            files.change(|all| {
                let account = all.iter_mut().find(|it| it.name == name);
                Ok(account.map_or(Rotation::Unknown, |it| renew(it, &hash, next, now_ms)))
            })
        })
    }

    fn close<'a>(&'a self, name: &'a str, family: &'a str) -> Asked<'a, Result<(), Problem>> {
        let (name, family) = (name.to_owned(), family.to_owned());
        self.later(move |files| {
            files.change(|all| {
                for account in all.iter_mut().filter(|it| it.name == name) {
                    account.families.retain(|it| it.id != family);
                }
                Ok(())
            })
        })
    }

    fn plan<'a>(
        &'a self,
        name: &'a str,
        event: &'a str,
    ) -> Asked<'a, Result<Option<Value>, Problem>> {
        let (name, event) = (name.to_owned(), event.to_owned());
        self.later(
            move |files| match fs::read(files.plan_path(&name, &event)) {
                Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(disk(&error)),
            },
        )
    }

    fn put_plan<'a>(
        &'a self,
        name: &'a str,
        event: &'a str,
        plan: Option<Value>,
    ) -> Asked<'a, Result<(), Problem>> {
        let (name, event) = (name.to_owned(), event.to_owned());
        self.later(move |files| {
            let path = files.plan_path(&name, &event);
            let _lock = locked(&files.dir, "plans.lock").map_err(|error| disk(&error))?;
            let done = match plan {
                Some(plan) => write_private(&path, plan.to_string().as_bytes()),
                None => match fs::remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                    Ok(()) | Err(_) => Ok(()),
                },
            };
            done.map_err(|error| disk(&error))
        })
    }
}

/// Exchanges the token of one login; a token that comes again closes it.
fn renew(account: &mut Account, hash: &str, next: Family, now_ms: u64) -> Rotation {
    account.families.retain(|it| now_ms < it.until_ms);
    let Some(family) = account.families.iter_mut().find(|it| it.id == next.id) else {
        return Rotation::Unknown;
    };
    if family.hash == hash {
        *family = next;
        Rotation::Done
    } else if family.hash == next.hash && next.until_ms.saturating_sub(family.until_ms) < AGAIN_MS {
        Rotation::Again
    } else {
        account.families.retain(|it| it.id != next.id);
        Rotation::Reused
    }
}

fn disk(error: &io::Error) -> Problem {
    let text = format!("the accounts cannot be kept ({error}); check the disk and try again");
    Problem::new(codes::NOT_SAVED, exits::STORAGE, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str) -> Account {
        let role = Role::Ro;
        Account::new(name, vec![Held { event: None, role }]).unwrap()
    }

    #[test]
    fn a_password_opens_its_account_and_no_other() {
        let mut anna = account("anna");
        assert!(
            !anna.opens(""),
            "no password opens an account that has none"
        );
        let before = anna.version;
        anna.set_password("in the butts").unwrap();
        assert!(anna.opens("in the butts"));
        assert!(!anna.opens("in the buts"));
        let kept = serde_json::to_string(&anna).unwrap();
        assert!(!kept.contains("butts"));
        assert_eq!(anna.version, before + 1, "tokens of before are void");
        let again = Account::new("anna", Vec::new()).unwrap();
        assert_ne!(
            again.version, anna.version,
            "also of an account of that name"
        );
    }

    #[test]
    fn a_name_can_stand_in_an_address() {
        for bad in ["", "a b", "ä", "a/b", &"x".repeat(65)] {
            assert!(Account::new(bad, Vec::new()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_another_process_wrote_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let (node, typed) = (
            FileAccounts::open(dir.path()).unwrap(),
            FileAccounts::open(dir.path()).unwrap(),
        );
        assert!(node.all().unwrap().is_empty());
        typed.keep(account("anna")).unwrap();
        typed.keep(account("bert")).unwrap();
        assert_eq!(node.all().unwrap().len(), 2);
        assert!(typed.drop_account("anna").unwrap());
        assert_eq!(node.all().unwrap().len(), 1);
    }

    /// A copied token closes the login for both: nobody knows who is the thief.
    #[test]
    fn a_refresh_token_renews_once() {
        let mut anna = account("anna");
        let family = |hash: &str| Family {
            id: "f".to_owned(),
            hash: hash.to_owned(),
            until_ms: 100,
        };
        anna.families.push(family("one"));
        assert_eq!(renew(&mut anna, "one", family("two"), 1), Rotation::Done);
        let later = |by_ms| Family {
            until_ms: 100 + by_ms,
            ..family("two")
        };
        assert_eq!(renew(&mut anna, "one", later(1), 2), Rotation::Again);
        let before = anna.clone();
        let again = renew(&mut anna, "one", later(AGAIN_MS - 1), 2);
        assert_eq!((again, &anna), (Rotation::Again, &before));
        let late = renew(&mut anna, "one", later(AGAIN_MS), 2);
        assert_eq!(late, Rotation::Reused, "too late");
        anna = before;
        assert_eq!(
            renew(&mut anna, "one", family("three"), 2),
            Rotation::Reused
        );
        assert_eq!(
            renew(&mut anna, "two", family("three"), 3),
            Rotation::Unknown
        );
        anna.families.push(family("one"));
        assert_eq!(
            renew(&mut anna, "one", family("two"), 100),
            Rotation::Unknown,
            "over"
        );
    }
}
