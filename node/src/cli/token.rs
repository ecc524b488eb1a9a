//! Who may ask a node over HTTP: accounts and tokens, made on the node's own machine.
//!
//! The node need not run, and if it does it reads the file again. Layer: node, cli.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use serde_json::json;
use zeroize::Zeroizing;

use super::args::Token;
use super::failure::Failure;
use super::session::{DONE, Session, say};
use crate::api::{
    Account, FileAccounts, Held, Role, TokenClaims, TokenKeys, TokenUse, check_password,
};
use crate::clock::Clock;
use crate::local::protocol::{EventInfo, NodeInfo, Nothing, Request, exits};
use crate::node::HTTP_DIR;

/// Longest first line of a password's file that is read.
const LINE_BYTES_MAX: u64 = 1024;

/// Hours that a token holds that says none.
const HOURS: u64 = 24;

/// Does what is wanted with accounts and tokens.
pub(super) fn token(args: Token, session: &Session) -> Result<u8, Failure> {
    // Says what is wrong with the root, if something is, before anything is written into it.
    session.data::<NodeInfo>(Request::Node(Nothing {}))?;
    let dir = session.config.root.join(HTTP_DIR);
    let accounts = FileAccounts::open(&dir).map_err(|error| disk(&dir, &error))?;
    if args.new_key {
        TokenKeys::renew(&dir).map_err(|error| disk(&dir, &error))?;
        say(
            "A fresh key signs tokens from the node's next start on; those of the key before hold.",
        );
        return Ok(DONE);
    }
    let Some(name) = args.name else {
        return list(&accounts, session);
    };
    if args.remove {
        if !accounts.drop_account(&name)? {
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
        &accounts,
        &name,
        roles.collect(),
        password.as_ref().map(|it| it.as_str()),
    )?;
    accounts.keep(account.clone())?;
    let hours = args.hours.unwrap_or(HOURS);
    let keys = TokenKeys::open(&dir).map_err(|error| disk(&dir, &error))?;
    let token = mint(&keys, &dir, &account, hours)?;
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
            role_words(&account),
        ));
    }
    Ok(DONE)
}

/// Makes the token of an account.
fn mint(keys: &TokenKeys, dir: &Path, account: &Account, hours: u64) -> Result<String, Failure> {
    let now = Clock::start().now().wall_ms / 1000;
    let claims = TokenClaims {
        sub: account.name.clone(),
        aud: TokenUse::Access,
        iat: now,
        exp: now.saturating_add(hours.saturating_mul(3600)),
        ver: account.version,
        roles: account.roles.clone(),
    };
    let tokens = keys.ready().map_err(|error| disk(dir, &error))?;
    let token = tokens.mint(&claims);
    token.map_err(|_| Failure::new("fault", exits::FAILURE, "no token was made"))
}

/// Returns the account of a name with what was typed for it.
fn account(
    accounts: &FileAccounts,
    name: &str,
    roles: Vec<Held>,
    password: Option<&str>,
) -> Result<Account, Failure> {
    let all = accounts.all()?;
    let before = all.iter().find(|it| it.name == name);
    let mut account = match before {
        Some(before) => before.clone(),
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

fn list(accounts: &FileAccounts, session: &Session) -> Result<u8, Failure> {
    let all = accounts.all()?;
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
