//! Who may log in at the nodes of a database: accounts, their logins and plans, and what signs tokens.
//!
//! Knows no roles and no passwords: it keeps what it is given. Each change is one statement, or one
//! transaction that holds the account's row. Layer: node, store.

use sqlx::{Postgres, Transaction};

use super::{Database, retried};
use crate::store::StoreError;

/// An account, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    /// The name.
    pub name: String,
    /// What was made of the password.
    pub secret: String,
    /// Grows with each change.
    pub version: u32,
    /// The roles, as JSON.
    pub roles: String,
    /// The logins as JSON: an array of objects with `id`, `hash` and `until_ms`, the oldest first.
    pub logins: String,
}

/// One login that can be renewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginRow {
    /// Its id.
    pub id: String,
    /// Hash of the token that renews it.
    pub hash: String,
    /// Until when, in Unix milliseconds.
    pub until_ms: u64,
}

/// What became of the exchange of a login's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotated {
    /// The next one renews it.
    Done,
    /// It was done already, a moment ago.
    Again,
    /// It was another one than the newest; the login is gone.
    Reused,
    /// There is no such login, or it is over.
    Unknown,
}

/// A key that signs tokens: its id and its seed in hex.
pub type TokenKeyRow = (String, String);

/// Reads accounts with their logins in one statement.
const ACCOUNTS: &str = "select account.name, account.secret, account.version, account.roles, \
     (select coalesce(json_agg(json_build_object( \
             'id', login.id, 'hash', login.hash, 'until_ms', login.until_ms) \
         order by login.opened_at), '[]')::text \
      from login where login.name = account.name) \
     from account where $1::text is null or account.name = $1 order by account.name";

type Columns = (String, String, i64, String, String);

impl Database {
    /// Returns the account of a name.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn account(&self, name: &str) -> Result<Option<AccountRow>, StoreError> {
        Ok(self.read_accounts(Some(name)).await?.pop())
    }

    /// Returns all accounts, by name.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn accounts(&self) -> Result<Vec<AccountRow>, StoreError> {
        self.read_accounts(None).await
    }

    async fn read_accounts(&self, name: Option<&str>) -> Result<Vec<AccountRow>, StoreError> {
        let rows: Vec<Columns> =
            retried(|| sqlx::query_as(ACCOUNTS).bind(name).fetch_all(self.pool())).await?;
        let row = |(name, secret, version, roles, logins): Columns| AccountRow {
            name,
            secret,
            version: u32::try_from(version).unwrap_or(u32::MAX),
            roles,
            logins,
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// Keeps an account and exactly these logins instead of those of that name.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn put_account(
        &self,
        account: &AccountRow,
        logins: &[LoginRow],
    ) -> Result<(), StoreError> {
        retried(|| async {
            let mut work = self.pool().begin().await?;
            sqlx::query(
                "insert into account (name, secret, version, roles) values ($1, $2, $3, $4) \
                 on conflict (name) do update set secret = excluded.secret, \
                     version = excluded.version, roles = excluded.roles",
            )
            .bind(&account.name)
            .bind(&account.secret)
            .bind(i64::from(account.version))
            .bind(&account.roles)
            .execute(&mut *work)
            .await?;
            let gone = "delete from login where name = $1 and not id = any($2)";
            let ids: Vec<&str> = logins.iter().map(|it| it.id.as_str()).collect();
            sqlx::query(gone)
                .bind(&account.name)
                .bind(&ids)
                .execute(&mut *work)
                .await?;
            for login in logins {
                // What was renewed meanwhile stays as it is.
                add_login(&mut work, &account.name, login).await?;
            }
            work.commit().await
        })
        .await
    }

    /// Removes an account and its logins; returns whether there was one.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn remove_account(&self, name: &str) -> Result<bool, StoreError> {
        retried(|| async {
            let mut work = self.pool().begin().await?;
            let removed = sqlx::query("delete from account where name = $1")
                .bind(name)
                .execute(&mut *work)
                .await?;
            sqlx::query("delete from login where name = $1")
                .bind(name)
                .execute(&mut *work)
                .await?;
            work.commit().await?;
            Ok(0 < removed.rows_affected())
        })
        .await
    }

    /// Notes a fresh login of an account, if it has this version still; of more than `most` the oldest
    /// ones go. Returns whether it did.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn open_login(
        &self,
        (name, version): (&str, u32),
        login: &LoginRow,
        most: u32,
    ) -> Result<bool, StoreError> {
        retried(|| async {
            let mut work = self.pool().begin().await?;
            let held: Option<(i64,)> =
                sqlx::query_as("select version from account where name = $1 for update")
                    .bind(name)
                    .fetch_optional(&mut *work)
                    .await?;
            if held != Some((i64::from(version),)) {
                return Ok(false);
            }
            add_login(&mut work, name, login).await?;
            sqlx::query(
                "delete from login where name = $1 and id not in \
                 (select id from login where name = $1 order by opened_at desc limit $2)",
            )
            .bind(name)
            .bind(i64::from(most))
            .execute(&mut *work)
            .await?;
            work.commit().await?;
            Ok(true)
        })
        .await
    }

    /// Exchanges the token of a login, if `hash` is that of the newest one: of several who try with
    /// the same token, at any nodes, one does it. If the newest one is `next` already, and would end
    /// less than `again_ms` later, nothing is changed.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn rotate_login(
        &self,
        name: &str,
        hash: &str,
        next: &LoginRow,
        (now_ms, again_ms): (u64, u64),
    ) -> Result<Rotated, StoreError> {
        retried(|| async {
            let done = sqlx::query(
                "update login set hash = $4, until_ms = $5 \
                 where name = $1 and id = $2 and hash = $3 and $6 < until_ms",
            )
            .bind(name)
            .bind(&next.id)
            .bind(hash)
            .bind(&next.hash)
            .bind(next.until_ms.cast_signed())
            .bind(now_ms.cast_signed())
            .execute(self.pool())
            .await?;
            if 0 < done.rows_affected() {
                return Ok(Rotated::Done);
            }
            let again: Option<(i64,)> = sqlx::query_as(
                "select 1::bigint from login where name = $1 and id = $2 and hash = $3 \
                 and $4 - until_ms < $5 and $6 < until_ms",
            )
            .bind(name)
            .bind(&next.id)
            .bind(&next.hash)
            .bind(next.until_ms.cast_signed())
            .bind(again_ms.cast_signed())
            .bind(now_ms.cast_signed())
            .fetch_optional(self.pool())
            .await?;
            if again.is_some() {
                return Ok(Rotated::Again);
            }
            let closed: Option<(i64,)> =
                sqlx::query_as("delete from login where name = $1 and id = $2 returning until_ms")
                    .bind(name)
                    .bind(&next.id)
                    .fetch_optional(self.pool())
                    .await?;
            Ok(match closed {
                Some((until_ms,)) if now_ms < until_ms.cast_unsigned() => Rotated::Reused,
                Some(_) | None => Rotated::Unknown,
            })
        })
        .await
    }

    /// Closes a login.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn close_login(&self, name: &str, id: &str) -> Result<(), StoreError> {
        retried(|| async {
            sqlx::query("delete from login where name = $1 and id = $2")
                .bind(name)
                .bind(id)
                .execute(self.pool())
                .await
                .map(drop)
        })
        .await
    }

    /// Returns a person's plan for an event, as JSON.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn plan(&self, name: &str, event: &str) -> Result<Option<String>, StoreError> {
        let row: Option<(String,)> = retried(|| {
            sqlx::query_as("select plan from plan where name = $1 and event = $2")
                .bind(name)
                .bind(event)
                .fetch_optional(self.pool())
        })
        .await?;
        Ok(row.map(|(plan,)| plan))
    }

    /// Keeps a person's plan for an event; `None` removes it.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn put_plan(
        &self,
        name: &str,
        event: &str,
        plan: Option<&str>,
    ) -> Result<(), StoreError> {
        retried(|| async {
            let change = match plan {
                Some(_) => {
                    "insert into plan (name, event, plan) values ($1, $2, $3) \
                     on conflict (name, event) do update set plan = excluded.plan"
                }
                None => "delete from plan where name = $1 and event = $2 and $3::text is null",
            };
            sqlx::query(change)
                .bind(name)
                .bind(event)
                .bind(plan)
                .execute(self.pool())
                .await
                .map(drop)
        })
        .await
    }

    /// Returns the keys that sign tokens, the newest first, at most `most`; where there is none,
    /// `fresh` is the first one, unless another node's is.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn token_keys(
        &self,
        fresh: &TokenKeyRow,
        most: u32,
    ) -> Result<Vec<TokenKeyRow>, StoreError> {
        let read = || {
            sqlx::query_as("select kid, seed from token_key order by number desc limit $1")
                .bind(i64::from(most))
                .fetch_all(self.pool())
        };
        let found: Vec<TokenKeyRow> = retried(read).await?;
        if !found.is_empty() {
            return Ok(found);
        }
        retried(|| {
            let first = "insert into token_key (number, kid, seed) values (1, $1, $2) \
                         on conflict (number) do nothing";
            sqlx::query(first)
                .bind(&fresh.0)
                .bind(&fresh.1)
                .execute(self.pool())
        })
        .await?;
        retried(read).await
    }

    /// Keeps a key that signs from here on, and of those before the newest ones, `most` in all.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub async fn add_token_key(&self, fresh: &TokenKeyRow, most: u32) -> Result<(), StoreError> {
        retried(|| async {
            let mut work = self.pool().begin().await?;
            sqlx::query(
                "insert into token_key (number, kid, seed) \
                 select coalesce(max(number), 0) + 1, $1, $2 from token_key \
                 on conflict (number) do nothing",
            )
            .bind(&fresh.0)
            .bind(&fresh.1)
            .execute(&mut *work)
            .await?;
            sqlx::query(
                "delete from token_key where number not in \
                 (select number from token_key order by number desc limit $1)",
            )
            .bind(i64::from(most))
            .execute(&mut *work)
            .await?;
            work.commit().await
        })
        .await
    }
}

async fn add_login(
    work: &mut Transaction<'_, Postgres>,
    name: &str,
    login: &LoginRow,
) -> Result<(), sqlx::Error> {
    let add = "insert into login (name, id, hash, until_ms) values ($1, $2, $3, $4) \
               on conflict (name, id) do nothing";
    sqlx::query(add)
        .bind(name)
        .bind(&login.id)
        .bind(&login.hash)
        .bind(login.until_ms.cast_signed())
        .execute(&mut **work)
        .await
        .map(drop)
}
