//! Logging in: a password or a device's key gives a token for a day, a cookie renews it.
//!
//! The cookie that renews is worth one renewal: the token in it is exchanged each time, and one that
//! comes twice closes the login, because somebody has a copy. An answer may be lost, though: who sends an
//! `Idempotency-Key` along gets the same next cookie once more. It follows from cookie, key and what signs
//! tokens, so nobody has to keep it. Layer: node, api.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tallyline_keys::{PublicKey, Purpose, Signature};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::access::{Role, Scope};
use super::accounts::{Account, Family, Held, Rotation, is_name};
use super::ask::{Ask, DEVICE, json as answer};
use super::codes;
use super::failure::Failure;
use super::gate::{self, COOKIE, cookie};
use super::tokens::{ACCESS_S, Claims, TICKET_S, Use};
use crate::entropy;
use crate::local::protocol::{Done, Problem, codes as local, exits};
use crate::root::{hex, unhex};

/// The cookie that renews a login; only these routes see it.
const REFRESH_COOKIE: &str = "tallyline_refresh";

/// Milliseconds that a login can be renewed: a long weekend's match with its build-up.
const REFRESH_MS: u64 = 14 * 24 * 60 * 60 * 1000;

/// Longest password in bytes.
const PASSWORD_BYTES_MAX: usize = 256;

/// Shortest password of a fresh account in bytes; guessing is slowed down by the route's limit.
const PASSWORD_BYTES_MIN: usize = 10;

/// Most roles of an account: one for each event of a season.
const ROLES_MAX: usize = 64;

/// Passwords that are hashed at a time: each takes 19 MiB and a core.
static HASHING: Semaphore = Semaphore::const_new(2);

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    user: String,
    password: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeviceLogin {
    /// Full fingerprint of the device's key.
    key: String,
    /// What `/api/auth/challenge` gave.
    challenge: String,
    /// The device's signature of it, hex.
    signature: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAccount {
    user: String,
    #[serde(default)]
    password: Option<String>,
    roles: Vec<Held>,
}

/// Challenges that devices have signed, until they are over: each is worth one login. Kept in memory,
/// because a signature names the node that it is for.
#[derive(Debug, Default)]
pub(super) struct Signed(Mutex<BTreeMap<String, u64>>);

impl Signed {
    /// Returns whether a challenge is signed for the first time, and notes it.
    fn is_first(&self, challenge: &Claims, now_ms: u64) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, over_s| now_ms < over_s.saturating_mul(1000));
        all.insert(challenge.sub.clone(), challenge.exp).is_none()
    }
}

/// A token, as it is told.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenTold {
    /// `tallyline.token/1`.
    schema: &'static str,
    /// What goes behind `Bearer`, or is signed.
    token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// Seconds until it is over.
    expires_in: u64,
    /// What its person is where.
    roles: Vec<Held>,
}

/// Who asks.
#[derive(Serialize, ToSchema)]
pub(super) struct Me {
    /// `tallyline.me/1`.
    schema: &'static str,
    /// The account's name, or `device:` and a fingerprint.
    user: String,
    /// What the person is where; of a device nothing, its roles are the event's.
    roles: Vec<MyRole>,
}

/// One role of who asks.
#[derive(Serialize, ToSchema)]
struct MyRole {
    /// The event's UUID; `None`: all events.
    event: Option<String>,
    role: Role,
    scopes: Vec<Scope>,
}

/// All accounts, without what opens them.
#[derive(Serialize, ToSchema)]
pub(super) struct AccountList {
    /// `tallyline.accounts/1`.
    schema: &'static str,
    accounts: Vec<AccountLine>,
}

/// One account.
#[derive(Serialize, ToSchema)]
struct AccountLine {
    user: String,
    roles: Vec<Held>,
    /// Whether there is a password to log in with.
    password: bool,
    /// Logins that are not over.
    logins: usize,
}

/// Logs in with a password.
pub(super) async fn login(ask: Ask) -> Result<Response, Failure> {
    let Login { user, password } = ask.json()?;
    let found = match password.len() {
        0..=PASSWORD_BYTES_MAX if is_name(&user) => ask.api.0.parts.accounts.find(&user).await?,
        _ => None,
    };
    // Somebody without an account is hashed for all the same: who exists is not told by a clock.
    let nobody = Account {
        name: user,
        secret: String::new(),
        version: 0,
        roles: Vec::new(),
        families: Vec::new(),
    };
    let account = found.unwrap_or(nobody);
    let (account, opens) = hashing(move || {
        let opens = account.opens(&password);
        Ok((account, opens))
    })
    .await?;
    if !opens {
        let text = "name or password is wrong; ask the owner for a fresh one";
        return Err(Failure::new(
            StatusCode::UNAUTHORIZED,
            codes::BAD_LOGIN,
            text,
        ));
    }
    let id = hex(&entropy::bytes::<8>().map_err(Problem::from)?);
    let secret = Zeroizing::new(entropy::bytes::<32>().map_err(Problem::from)?);
    let (family, refresh) = family((&id, &account.name), &secret, ask.api.now_ms());
    let checked = (account.name.as_str(), account.version);
    if !ask.api.0.parts.accounts.open(checked, family).await? {
        let text = "the account was changed in this moment; log in again";
        return Err(Failure::new(
            StatusCode::UNAUTHORIZED,
            codes::BAD_LOGIN,
            text,
        ));
    }
    logged_in(&ask, &account, Some(&refresh)).await
}

/// Renews a login by its cookie.
pub(super) async fn refresh(ask: Ask) -> Result<Response, Failure> {
    let over = |code, text: &str| Failure::new(StatusCode::UNAUTHORIZED, code, text);
    let unknown = "the login is over; log in again; what waits to be sent is kept where it is";
    let given = cookie(ask.header("cookie"), REFRESH_COOKIE)
        .unwrap_or_default()
        .to_owned();
    let mut parts = given.splitn(3, '.');
    let (Some(name), Some(id), Some(_)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(over(codes::LOGIN_NEEDED, unknown));
    };
    let name = unhex(name)
        .and_then(|it| String::from_utf8(it).ok())
        .filter(|it| is_name(it))
        .ok_or_else(|| over(codes::LOGIN_NEEDED, unknown))?;
    let now = ask.api.now_ms();
    let accounts = &ask.api.0.parts.accounts;
    let (next, refresh) = next(&ask, (id, &name), &given).await?;
    match accounts.rotate(&name, &hash(&given), next, now).await? {
        Rotation::Done | Rotation::Again => {}
        Rotation::Unknown => return Err(over(codes::LOGIN_NEEDED, unknown)),
        Rotation::Reused => {
            tracing::warn!(
                user = name,
                "a refresh token came twice; its login is closed"
            );
            let text = "this login was renewed with the same cookie before, so somebody may have a \
                        copy; it is closed; log in again, and change the password if you did not";
            return Err(over(codes::TOKEN_REUSED, text));
        }
    }
    let account = accounts.find(&name).await?;
    let account = account.ok_or_else(|| over(codes::LOGIN_NEEDED, unknown))?;
    logged_in(&ask, &account, Some(&refresh)).await
}

/// Makes the token that follows the given one: by chance, or with an `Idempotency-Key` the same one each
/// time.
async fn next(
    ask: &Ask,
    (id, name): (&str, &str),
    given: &str,
) -> Result<(Family, String), Failure> {
    let now = ask.api.now_ms();
    let key = ask.header("idempotency-key");
    if key.is_empty() {
        let secret = Zeroizing::new(entropy::bytes::<32>().map_err(Problem::from)?);
        return Ok(family((id, name), &secret, now));
    }
    gate::checked(key)?;
    ask.api.look_for_keys(false).await;
    let parts = &ask.api.0.parts;
    // The key that signs may have been renewed since the first time.
    let all = parts.tokens.repeatable(given, key);
    let mut all: Vec<_> = all
        .iter()
        .map(|secret| family((id, name), secret, now))
        .collect();
    let account = parts.accounts.find(name).await?;
    let newest = account.and_then(|it| it.families.into_iter().find(|it| it.id == id));
    let done = newest.and_then(|newest| all.iter().position(|(it, _)| it.hash == newest.hash));
    Ok(all.swap_remove(done.unwrap_or_default()))
}

/// Ends the login of the cookie.
pub(super) async fn logout(ask: Ask) -> Result<Response, Failure> {
    let given = cookie(ask.header("cookie"), REFRESH_COOKIE)
        .unwrap_or_default()
        .to_owned();
    let mut parts = given.splitn(3, '.');
    if let (Some(name), Some(id)) = (parts.next(), parts.next()) {
        let name = unhex(name)
            .and_then(|it| String::from_utf8(it).ok())
            .unwrap_or_default();
        ask.api.0.parts.accounts.close(&name, id).await?;
    }
    let mut response = answer(&Done::said("Logged out."));
    for (name, path) in [(COOKIE, "/api"), (REFRESH_COOKIE, "/api/auth")] {
        add_cookie(&mut response, &ask, (name, "", path, 0));
    }
    Ok(response)
}

/// Gives a ticket that opens a stream.
pub(super) async fn ticket(ask: Ask) -> Result<Response, Failure> {
    let somebody = ask.somebody()?;
    let claims = claims(&somebody.name, Use::Ticket, (ask.api.now_ms(), TICKET_S));
    let claims = Claims {
        ver: somebody.version,
        ..claims
    };
    tell(&ask, &claims).await
}

/// Gives what a device signs.
pub(super) async fn challenge(ask: Ask) -> Result<Response, Failure> {
    let id = hex(&entropy::bytes::<16>().map_err(Problem::from)?);
    let claims = claims(&id, Use::Challenge, (ask.api.now_ms(), TICKET_S));
    tell(&ask, &claims).await
}

/// Logs a device in by its key; what it may is what the event's log says at each request.
pub(super) async fn device(ask: Ask) -> Result<Response, Failure> {
    let login: DeviceLogin = ask.json()?;
    let now = ask.api.now_ms();
    let tokens = &ask.api.0.parts.tokens;
    let challenge = tokens.read(&login.challenge, Use::Challenge, now)?;
    let key = PublicKey::parse(&login.key)
        .map_err(|error| Failure::bad_request("key", error.to_string()))?;
    let signature = unhex(&login.signature).and_then(|it| <[u8; 64]>::try_from(it).ok());
    let signature = signature.map(Signature::from_bytes).ok_or_else(|| {
        Failure::bad_request("signature", "write the signature's 64 bytes as hex")
    })?;
    let parts = &ask.api.0.parts;
    let cloud = parts.warrant.as_ref().map(|it| it.cloud);
    // Bound to this node, or to the cloud that it is a node of: somebody else's node that passes the challenge
    // on gets nothing it can use here. Behind a balancer nobody knows which node will read the signature.
    let mut meant = [parts.key.public()].into_iter().chain(cloud);
    let holds = meant.any(|it| {
        let challenge = login.challenge.as_bytes();
        let held = key.verify(Purpose::Login, it.as_bytes(), challenge, &signature);
        held.is_ok()
    });
    if !holds {
        let text = "the key did not sign this challenge for this node or its cloud; ask for a fresh \
                    one";
        return Err(Failure::new(
            StatusCode::UNAUTHORIZED,
            codes::BAD_LOGIN,
            text,
        ));
    }
    if !ask.api.0.signed.is_first(&challenge, now) {
        let text = "somebody has logged in with this challenge; ask for a fresh one";
        return Err(Failure::new(
            StatusCode::UNAUTHORIZED,
            codes::BAD_LOGIN,
            text,
        ));
    }
    let name = format!("{DEVICE}{}", key.fingerprint());
    tell(&ask, &claims(&name, Use::Access, (now, ACCESS_S))).await
}

/// Says who asks, and what they may.
#[expect(clippy::unused_async, reason = "every handler is asked later")]
pub(super) async fn me(ask: Ask) -> Result<Response, Failure> {
    let somebody = ask.somebody()?;
    let roles: Vec<_> = somebody
        .roles
        .iter()
        .map(|held| MyRole {
            event: held.event.clone(),
            role: held.role,
            scopes: held.role.scopes(),
        })
        .collect();
    Ok(answer(&Me {
        schema: "tallyline.me/1",
        user: somebody.name.clone(),
        roles,
    }))
}

/// Lists the accounts, without what opens them.
pub(super) async fn accounts(ask: Ask) -> Result<Response, Failure> {
    let all = ask.api.0.parts.accounts.list().await?;
    let lines = all.into_iter().map(|it| AccountLine {
        password: it.has_password(),
        logins: it.families.len(),
        user: it.name,
        roles: it.roles,
    });
    Ok(answer(&AccountList {
        schema: "tallyline.accounts/1",
        accounts: lines.collect(),
    }))
}

/// Makes an account, or changes one.
pub(super) async fn put_account(ask: Ask) -> Result<Response, Failure> {
    let NewAccount {
        user,
        password,
        roles,
    } = ask.json()?;
    if ROLES_MAX < roles.len() {
        let text = format!("an account has at most {ROLES_MAX} roles; nothing was changed");
        return Err(Failure::bad_request("roles", text));
    }
    let accounts = &ask.api.0.parts.accounts;
    let mut account = Account::new(&user, roles)?;
    if let Some(before) = accounts.find(&user).await? {
        account.version = before.version.saturating_add(1);
        account.secret = before.secret;
    }
    if let Some(password) = password {
        check_password(&password)?;
        account = hashing(move || {
            account.set_password(&password)?;
            Ok(account)
        })
        .await?;
    }
    accounts.put(account).await?;
    self::accounts(ask).await
}

/// Removes an account; the last one that may make accounts stays.
pub(super) async fn remove_account(ask: Ask) -> Result<Response, Failure> {
    let name = ask.part("name")?;
    let accounts = &ask.api.0.parts.accounts;
    let all = accounts.list().await?;
    let owns = |it: &Account| it.roles.iter().any(|held| held.role == Role::Owner);
    let others = all.iter().any(|it| it.name != name && owns(it));
    if !others && all.iter().any(|it| it.name == name && owns(it)) {
        let text = format!("{name} is the last account that may make others; it stays");
        return Err(Failure::new(StatusCode::CONFLICT, local::BAD_VALUE, text));
    }
    if !is_name(name) || !accounts.remove(name).await? {
        let text = format!("there is no account {name}; nothing was changed");
        return Err(Failure::new(
            StatusCode::NOT_FOUND,
            local::UNKNOWN_PERSON,
            text,
        ));
    }
    self::accounts(ask).await
}

/// Checks a fresh password.
///
/// # Errors
///
/// A [`Problem`] if it is too short to keep anybody out, or too long.
pub fn check_password(password: &str) -> Result<(), Problem> {
    if (PASSWORD_BYTES_MIN..=PASSWORD_BYTES_MAX).contains(&password.len()) {
        return Ok(());
    }
    let text = format!(
        "a password has {PASSWORD_BYTES_MIN} to {PASSWORD_BYTES_MAX} bytes; nothing was changed; \
         some words that nobody says in a row are easy to keep"
    );
    Err(Problem::new(local::BAD_VALUE, exits::USAGE, text))
}

/// Does what takes a core and memory, where it holds nobody up, two at a time.
async fn hashing<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Failure> {
    let place = HASHING.acquire().await;
    let done = spawn_blocking(work).await;
    drop(place);
    let done = done.map_err(|error| Failure::fault(format!("not hashed: {error}")))?;
    Ok(done?)
}

fn claims(name: &str, aud: Use, (now_ms, seconds): (u64, u64)) -> Claims {
    let now = now_ms / 1000;
    Claims {
        sub: name.to_owned(),
        aud,
        iat: now,
        exp: now.saturating_add(seconds),
        ver: 0,
        roles: Vec::new(),
    }
}

/// Makes a token, with the key that signs now at all nodes.
async fn mint(ask: &Ask, claims: &Claims) -> Result<String, Failure> {
    ask.api.look_for_keys(false).await;
    ask.api.0.parts.tokens.mint(claims)
}

async fn tell(ask: &Ask, claims: &Claims) -> Result<Response, Failure> {
    Ok(told(mint(ask, claims).await?, claims))
}

fn told(token: String, claims: &Claims) -> Response {
    answer(&TokenTold {
        schema: "tallyline.token/1",
        token,
        token_type: "Bearer",
        expires_in: claims.exp.saturating_sub(claims.iat),
        roles: claims.roles.clone(),
    })
}

/// Answers a token, and puts it and what renews it into cookies.
async fn logged_in(
    ask: &Ask,
    account: &Account,
    refresh: Option<&str>,
) -> Result<Response, Failure> {
    let claims = Claims {
        ver: account.version,
        roles: account.roles.clone(),
        ..claims(&account.name, Use::Access, (ask.api.now_ms(), ACCESS_S))
    };
    let token = mint(ask, &claims).await?;
    let mut response = told(token.clone(), &claims);
    add_cookie(&mut response, ask, (COOKIE, &token, "/api", ACCESS_S));
    if let Some(refresh) = refresh {
        let life = REFRESH_MS / 1000;
        add_cookie(
            &mut response,
            ask,
            (REFRESH_COOKIE, refresh, "/api/auth", life),
        );
    }
    Ok(response)
}

/// Makes a token of a login: the name, the login, and a secret.
fn family((id, name): (&str, &str), secret: &[u8; 32], now_ms: u64) -> (Family, String) {
    let token = format!("{}.{id}.{}", hex(name.as_bytes()), hex(secret));
    let family = Family {
        id: id.to_owned(),
        hash: hash(&token),
        until_ms: now_ms.saturating_add(REFRESH_MS),
    };
    (family, token)
}

fn hash(token: &str) -> String {
    blake3::hash(token.as_bytes()).to_hex().to_string()
}

/// Adds a cookie that scripts do not see and other sites do not send.
fn add_cookie(
    response: &mut Response,
    ask: &Ask,
    (name, value, path, life): (&str, &str, &str, u64),
) {
    let secure = if gate::is_secure(&ask.parts) {
        "; Secure"
    } else {
        ""
    };
    let text =
        format!("{name}={value}; Path={path}; Max-Age={life}; HttpOnly; SameSite=Strict{secure}");
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}
