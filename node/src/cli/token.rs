//! Who may ask a node over HTTP: accounts and tokens, made on the node's own machine.
//!
//! The node need not run, and if it does it reads the file again; nodes that share a database are asked
//! about by `--store`, as they run. Layer: node, cli.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use zeroize::Zeroizing;

use super::args::Token;
use super::failure::Failure;
use super::session::{DONE, Session, say};
use crate::api::{
    Account, Accounts, FileAccounts, Held, Role, TokenClaims, TokenKeys, TokenUse, check_password,
};
use crate::clock::Clock;
use crate::cloud::People;
use crate::local::protocol::{EventInfo, NodeInfo, Nothing, Request, exits};
use crate::node::HTTP_DIR;
use crate::store::postgres::Database;

/// Longest first line of a password's file that is read.
const LINE_BYTES_MAX: u64 = 1024;

/// Hours that a token holds that says none.
const HOURS: u64 = 24;

/// What keeps the accounts: the root's files, or the database that the nodes of a cloud share.
struct Keeper<'s> {
    dir: &'s Path,
    kept: Kept,
    runtime: Runtime,
}

enum Kept {
    Files(FileAccounts),
    Database(People),
}

impl<'s> Keeper<'s> {
    fn open(dir: &'s Path, session: &Session) -> Result<Self, Failure> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| disk(dir, &error))?;
        let events = &session.config.events;
        let kept = match &events.database {
            None => Kept::Files(FileAccounts::open(dir).map_err(|error| disk(dir, &error))?),
            Some(url) => {
                let database = runtime.block_on(Database::connect(url, events.engine));
                let database = database.map_err(|error| {
                    Failure::file(format!(
                        "the database of --store cannot be used: {error}; nothing was changed; check \
                         its address, and that it runs"
                    ))
                })?;
                Kept::Database(People::new(database))
            }
        };
        Ok(Self { dir, kept, runtime })
    }

    fn accounts(&self) -> &dyn Accounts {
        match &self.kept {
            Kept::Files(files) => files,
            Kept::Database(people) => people,
        }
    }

    fn keys(&self) -> Result<TokenKeys, Failure> {
        match &self.kept {
            Kept::Files(_) => TokenKeys::open(self.dir).map_err(|error| disk(self.dir, &error)),
            Kept::Database(people) => Ok(self.runtime.block_on(people.token_keys())?),
        }
    }

    fn renew_key(&self) -> Result<(), Failure> {
        match &self.kept {
            Kept::Files(_) => TokenKeys::renew(self.dir).map_err(|error| disk(self.dir, &error)),
            Kept::Database(people) => Ok(self.runtime.block_on(people.renew_token_key())?),
        }
    }
}

/// Does what is wanted with accounts and tokens.
pub(super) fn token(args: Token, session: &Session) -> Result<u8, Failure> {
    // Says what is wrong with the root, if something is, before anything is written into it.
    session.data::<NodeInfo>(Request::Node(Nothing {}))?;
    let dir = session.config.root.join(HTTP_DIR);
    let keeper = Keeper::open(&dir, session)?;
    if args.new_key {
        keeper.renew_key()?;
        say(
            "A fresh key signs tokens within a minute, at every node; those of the key before hold.",
        );
        return Ok(DONE);
    }
    let Some(name) = args.name else {
        return list(&keeper, session);
    };
    if args.remove {
        if !keeper.runtime.block_on(keeper.accounts().remove(&name))? {
            let text = format!("there is no account {name}; nothing was changed");
            return Err(Failure::new("unknown_person", exits::FAILURE, text));
        }
        say(&format!(
            "{name} may not log in any more; tokens of before are void."
        ));
        return Ok(DONE);
    }
    let event = match &session.event {
        Some(_) => Some(
            session
                .data::<EventInfo>(Request::EventShow(Nothing {}))?
                .event,
        ),
        None => None,
    };
    let roles = args.role.iter().map(|&role| Held {
        event: event.clone(),
        role,
    });
    let password = args.password_file.as_deref().map(first_line).transpose()?;
    let account = account(
        &keeper,
        &name,
        roles.collect(),
        password.as_ref().map(|it| it.as_str()),
    )?;
    keeper
        .runtime
        .block_on(keeper.accounts().put(account.clone()))?;
    let hours = args.hours.unwrap_or(HOURS);
    let token = mint(&keeper, &account, hours)?;
    tell(&account, (&token, hours), session)
}

/// Writes a token, and says whose it is.
fn tell(account: &Account, (token, hours): (&str, u64), session: &Session) -> Result<u8, Failure> {
    if session.json {
        let told = json!({
            "schema": "tallyline.token/1",
            "user": account.name,
            "token": token,
            "expires_in": hours.saturating_mul(3600),
            "roles": account.roles,
        });
        session.write(&format!("{told}\n"))?;
    } else {
        session.write(&format!("{token}\n"))?;
        say(&format!(
            "{} is {} and may ask with this token for {hours} h; give it to nobody else.",
            account.name,
            role_words(account),
        ));
    }
    Ok(DONE)
}

/// Makes the token of an account.
fn mint(keeper: &Keeper<'_>, account: &Account, hours: u64) -> Result<String, Failure> {
    let now = Clock::start().now().wall_ms / 1000;
    let claims = TokenClaims {
        sub: account.name.clone(),
        aud: TokenUse::Access,
        iat: now,
        exp: now.saturating_add(hours.saturating_mul(3600)),
        ver: account.version,
        roles: account.roles.clone(),
    };
    let tokens = keeper.keys()?.ready();
    let tokens = tokens.map_err(|error| disk(keeper.dir, &error))?;
    let token = tokens.mint(&claims);
    token.map_err(|_| Failure::new("fault", exits::FAILURE, "no token was made"))
}

/// Returns the account of a name with what was typed for it.
fn account(
    keeper: &Keeper<'_>,
    name: &str,
    roles: Vec<Held>,
    password: Option<&str>,
) -> Result<Account, Failure> {
    let before = keeper.runtime.block_on(keeper.accounts().find(name))?;
    let mut account = match before {
        Some(before) => before,
        None if roles.is_empty() => {
            return Err(Failure::usage(format!(
                "{name} has no account yet; say what the person may with --role; nothing was changed"
            )));
        }
        None => Account::new(name, Vec::new())?,
    };
    if !roles.is_empty() && account.roles != roles {
        account.roles = roles;
        account.version = account.version.saturating_add(1);
    }
    if let Some(password) = password {
        check_password(password)?;
        account.set_password(password)?;
    }
    Ok(account)
}

fn list(keeper: &Keeper<'_>, session: &Session) -> Result<u8, Failure> {
    let all = keeper.runtime.block_on(keeper.accounts().list())?;
    if session.json {
        let lines: Vec<_> = all
            .iter()
            .map(|it| json!({ "user": it.name, "roles": it.roles, "password": it.has_password() }))
            .collect();
        let told = json!({ "schema": "tallyline.accounts/1", "accounts": lines });
        session.write(&format!("{told}\n"))?;
    } else {
        let lines: Vec<String> = all
            .iter()
            .map(|it| format!("{}\t{}\n", it.name, role_words(it)))
            .collect();
        session.write(&lines.concat())?;
    }
    Ok(DONE)
}

fn role_words(account: &Account) -> String {
    let names: Vec<&str> = account
        .roles
        .iter()
        .map(|held| Role::name(held.role))
        .collect();
    names.join(", ")
}

fn first_line(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let mut line = Zeroizing::new(String::new());
    File::open(path)
        .and_then(|file| BufReader::new(file.take(LINE_BYTES_MAX)).read_line(&mut line))
        .map_err(|error| {
            Failure::file(format!(
                "{} cannot be read ({error}); nothing was changed; correct --password-file",
                path.display()
            ))
        })?;
    Ok(Zeroizing::new(
        line.trim_end_matches(['\r', '\n']).to_owned(),
    ))
}

fn disk(dir: &Path, error: &std::io::Error) -> Failure {
    Failure::file(format!(
        "{}: {error}; nothing was changed; check that the folder is yours",
        dir.display()
    ))
}
