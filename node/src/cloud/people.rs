//! What HTTP keeps of people and requests, in the database that a cloud's nodes share: who logged in at
//! one is known at all.
//!
//! Layer: node, cloud; above `api`'s contract.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use uuid::Uuid;

use crate::api::{
    self, AGAIN_MS, Account, Accounts, Asked, CLAIMS_MAX, ClaimedMatch, FAMILIES_MAX, Family, Gave,
    KEYS_MAX, Kept, Rotation, TokenKeys, Took, Turn, What,
};
use crate::entropy;
use crate::local::protocol::{Problem, codes, exits};
use crate::store::StoreError;
use crate::store::postgres::{
    AccountRow, AnswerRow, AnswerTurn, ClaimGiven, ClaimRow, ClaimTaken, Database, LoginRow,
    Rotated,
};

/// Seconds that a node has for answering a request with a key before another one may: several times
/// what the longest may take.
const ANSWER_TURN_S: u32 = 60;

/// Seconds that answers are kept: a device without a network sends again what it sent the day before.
const ANSWER_KEPT_S: u32 = 48 * 60 * 60;

/// Requests with a key between two looks for answers that may go.
const TIDY_EVERY: u32 = 256;

/// What the nodes of one database know of people and their requests; copies are the same.
#[derive(Clone, Debug)]
pub struct People {
    database: Database,
    begun: Arc<AtomicU32>,
}

impl People {
    /// Keeps them in a database.
    pub fn new(database: Database) -> Self {
        let begun = Arc::default();
        Self { database, begun }
    }

    /// Draws a key that signs at each node from when that sees it.
    ///
    /// # Errors
    ///
    /// A [`Problem`] if the database does not answer, or there is no randomness.
    pub async fn renew_token_key(&self) -> Result<(), Problem> {
        let fresh = TokenKeys::fresh().map_err(|error| no_key(&error))?;
        let added = self.database.add_token_key(&fresh, count(KEYS_MAX)).await;
        added.map_err(|error| away(&error))
    }
}

impl Accounts for People {
    fn token_keys(&self) -> Asked<'_, Result<TokenKeys, Problem>> {
        Box::pin(async move {
            let fresh = TokenKeys::fresh().map_err(|error| no_key(&error))?;
            let keys = self.database.token_keys(&fresh, count(KEYS_MAX)).await;
            Ok(TokenKeys::shared(keys.map_err(|error| away(&error))?))
        })
    }

    fn find<'a>(&'a self, name: &'a str) -> Asked<'a, Result<Option<Account>, Problem>> {
        Box::pin(async move {
            let found = self.database.account(name).await;
            found
                .map_err(|error| away(&error))?
                .map(account)
                .transpose()
        })
    }

    fn list(&self) -> Asked<'_, Result<Vec<Account>, Problem>> {
        Box::pin(async move {
            let all = self
                .database
                .accounts()
                .await
                .map_err(|error| away(&error))?;
            all.into_iter().map(account).collect()
        })
    }

    fn put(&self, account: Account) -> Asked<'_, Result<(), Problem>> {
        Box::pin(async move {
            let row = AccountRow {
                roles: serde_json::to_string(&account.roles).map_err(|error| damaged(&error))?,
                name: account.name,
                secret: account.secret,
                version: account.version,
                logins: String::new(),
            };
            let logins: Vec<LoginRow> = account.families.into_iter().map(login).collect();
            let put = self.database.put_account(&row, &logins).await;
            put.map_err(|error| away(&error))
        })
    }

    fn remove<'a>(&'a self, name: &'a str) -> Asked<'a, Result<bool, Problem>> {
        Box::pin(async move {
            let removed = self.database.remove_account(name).await;
            removed.map_err(|error| away(&error))
        })
    }

    fn open<'a>(
        &'a self,
        account: (&'a str, u32),
        family: Family,
    ) -> Asked<'a, Result<bool, Problem>> {
        Box::pin(async move {
            let (login, most) = (login(family), count(FAMILIES_MAX));
            let opened = self.database.open_login(account, &login, most).await;
            opened.map_err(|error| away(&error))
        })
    }

    fn rotate<'a>(
        &'a self,
        name: &'a str,
        hash: &'a str,
        next: Family,
        now_ms: u64,
    ) -> Asked<'a, Result<Rotation, Problem>> {
        Box::pin(async move {
            let next = login(next);
            let times = (now_ms, AGAIN_MS);
            let rotated = self.database.rotate_login(name, hash, &next, times).await;
            Ok(match rotated.map_err(|error| away(&error))? {
                Rotated::Done => Rotation::Done,
                Rotated::Again => Rotation::Again,
                Rotated::Reused => Rotation::Reused,
                Rotated::Unknown => Rotation::Unknown,
            })
        })
    }

    fn close<'a>(&'a self, name: &'a str, family: &'a str) -> Asked<'a, Result<(), Problem>> {
        Box::pin(async move {
            let closed = self.database.close_login(name, family).await;
            closed.map_err(|error| away(&error))
        })
    }

    fn plan<'a>(
        &'a self,
        name: &'a str,
        event: &'a str,
    ) -> Asked<'a, Result<Option<Value>, Problem>> {
        Box::pin(async move {
            let plan = self.database.plan(name, event).await;
            let plan = plan.map_err(|error| away(&error))?;
            Ok(plan.and_then(|it| serde_json::from_str(&it).ok()))
        })
    }

    fn put_plan<'a>(
        &'a self,
        name: &'a str,
        event: &'a str,
        plan: Option<Value>,
    ) -> Asked<'a, Result<(), Problem>> {
        Box::pin(async move {
            let plan = plan.map(|it| it.to_string());
            let put = self.database.put_plan(name, event, plan.as_deref()).await;
            put.map_err(|error| away(&error))
        })
    }
}

impl api::Shared for People {
    fn now_ms(&self, _here_ms: u64) -> Asked<'_, Result<u64, Problem>> {
        Box::pin(async move { self.database.now_ms().await.map_err(|error| away(&error)) })
    }

    fn claims<'a>(
        &'a self,
        event: &'a str,
        now_ms: u64,
    ) -> Asked<'a, Result<Vec<ClaimedMatch>, Problem>> {
        Box::pin(async move {
            let claims = self.database.claims(uuid(event), now_ms).await;
            let claims = claims.map_err(|error| away(&error))?;
            Ok(claims.into_iter().map(claimed).collect())
        })
    }

    fn claimed<'a>(
        &'a self,
        (event, number): &'a What,
        now_ms: u64,
    ) -> Asked<'a, Result<Option<ClaimedMatch>, Problem>> {
        Box::pin(async move {
            let what = (uuid(event), *number);
            let claim = self.database.claim_of(what, now_ms).await;
            Ok(claim.map_err(|error| away(&error))?.map(claimed))
        })
    }

    fn claim<'a>(
        &'a self,
        event: &'a str,
        wanted: &'a ClaimedMatch,
        now_ms: u64,
    ) -> Asked<'a, Result<Took, Problem>> {
        Box::pin(async move {
            let row = (wanted.number, wanted.holder.clone(), wanted.expires_at);
            let most = count(CLAIMS_MAX);
            let taken = self.database.take_claim(uuid(event), &row, (now_ms, most));
            Ok(match taken.await.map_err(|error| away(&error))? {
                ClaimTaken::Done => Took::Done,
                ClaimTaken::Held(other) => Took::Held(claimed(other)),
                ClaimTaken::Full => Took::Full,
            })
        })
    }

    fn give<'a>(
        &'a self,
        (event, number): &'a What,
        holder: Option<&'a str>,
        now_ms: u64,
    ) -> Asked<'a, Result<Gave, Problem>> {
        Box::pin(async move {
            let what = (uuid(event), *number);
            let given = self.database.give_claim(what, holder, now_ms).await;
            Ok(match given.map_err(|error| away(&error))? {
                ClaimGiven::Done => Gave::Done,
                ClaimGiven::Held(other) => Gave::Held(claimed(other)),
                ClaimGiven::Free => Gave::Free,
            })
        })
    }

    fn begin<'a>(&'a self, key: &'a [u8; 32]) -> Asked<'a, Result<Turn, Problem>> {
        Box::pin(async move {
            if self
                .begun
                .fetch_add(1, Ordering::Relaxed)
                .is_multiple_of(TIDY_EVERY)
            {
                let tidied = self.database.forget_answers(ANSWER_KEPT_S).await;
                tidied.map_err(|error| away(&error))?;
            }
            let turn = entropy::number()?;
            let taken = self.database.take_turn(key, turn, ANSWER_TURN_S).await;
            Ok(match taken.map_err(|error| away(&error))? {
                AnswerTurn::Mine => Turn::Mine(turn),
                AnswerTurn::Busy => Turn::Busy,
                AnswerTurn::Found(row) => Turn::Found(Kept {
                    asked: row.asked.try_into().unwrap_or_default(),
                    status: row.status,
                    kind: row.kind,
                    body: row.body,
                }),
            })
        })
    }

    fn end<'a>(
        &'a self,
        key: &'a [u8; 32],
        turn: u64,
        answer: Option<Kept>,
    ) -> Asked<'a, Result<(), Problem>> {
        Box::pin(async move {
            let row = answer.map(|it| AnswerRow {
                asked: it.asked.to_vec(),
                status: it.status,
                kind: it.kind,
                body: it.body,
            });
            let ended = self.database.end_turn(key, turn, row.as_ref()).await;
            ended.map_err(|error| away(&error))
        })
    }
}

fn account(row: AccountRow) -> Result<Account, Problem> {
    Ok(Account {
        roles: serde_json::from_str(&row.roles).map_err(|error| damaged(&error))?,
        families: serde_json::from_str(&row.logins).map_err(|error| damaged(&error))?,
        name: row.name,
        secret: row.secret,
        version: row.version,
    })
}

fn login(family: Family) -> LoginRow {
    LoginRow {
        id: family.id,
        hash: family.hash,
        until_ms: family.until_ms,
    }
}

fn claimed((number, holder, expires_at): ClaimRow) -> ClaimedMatch {
    ClaimedMatch {
        number,
        holder,
        expires_at,
    }
}

/// Returns an event's UUID; a cloud without an event has none, and nobody claims anything there.
fn uuid(event: &str) -> Uuid {
    Uuid::parse_str(event).unwrap_or_default()
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn away(error: &StoreError) -> Problem {
    let text = format!(
        "the database of --store does not answer ({error}); nothing was changed; try again"
    );
    let code = match error {
        StoreError::Full => codes::NOT_SAVED,
        StoreError::InUse
        | StoreError::Disk(_)
        | StoreError::Dead
        | StoreError::Damaged(_)
        | StoreError::Behind
        | StoreError::Newer { .. }
        | StoreError::Entropy(_) => codes::BAD_STORE,
    };
    Problem::new(code, exits::STORAGE, text)
}

fn damaged(error: &serde_json::Error) -> Problem {
    let text = format!(
        "the database holds something that is no account ({error}); nothing was changed; make the \
         account again"
    );
    Problem::new(codes::BAD_FILE, exits::STORAGE, text)
}

fn no_key(error: &io::Error) -> Problem {
    let text = format!("no key of tokens was drawn ({error}); nothing was changed; try again");
    Problem::new(codes::STOPPED, exits::FAILURE, text)
}
