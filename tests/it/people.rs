//! What every keeper of people and of their requests has to do, tried on each: the files and the memory
//! of a node, and the database that a cloud's nodes share.
//!
//! Source: docs/API.md, docs/decisions/0033.

use std::sync::Arc;

use serde_json::json;
use tallyline::api::{
    AGAIN_MS, Account, Accounts, CLAIMS_MAX, ClaimedMatch, FAMILIES_MAX, Family, FileAccounts,
    Gave, Held, InMemory, Kept, Role, Rotation, Shared, TokenClaims, TokenUse, Took, Turn,
};
use tallyline::cloud::People;
use tallyline::store::postgres::{Database, Engine};
use tokio::runtime::{Builder, Runtime};

use crate::postgres::Postgres;

/// Where people are kept: each opening is another process's.
enum Place {
    Files(tempfile::TempDir),
    Database(Postgres),
}

impl Place {
    fn files() -> Self {
        Self::Files(tempfile::tempdir().unwrap())
    }

    async fn accounts(&self) -> Box<dyn Accounts> {
        match self {
            Self::Files(dir) => Box::new(FileAccounts::open(dir.path()).unwrap()),
            Self::Database(server) => Box::new(people(server).await),
        }
    }
}

fn runtime() -> Runtime {
    let threads = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    threads.unwrap()
}

/// Opens a database as another node does.
async fn people(server: &Postgres) -> People {
    let database = Database::connect(&server.url(), Engine::default()).await;
    People::new(database.unwrap())
}

fn account(name: &str, role: Role) -> Account {
    Account::new(name, vec![Held { event: None, role }]).unwrap()
}

fn family(id: &str, hash: &str, until_ms: u64) -> Family {
    Family {
        id: id.to_owned(),
        hash: hash.to_owned(),
        until_ms,
    }
}

async fn families(accounts: &dyn Accounts, name: &str) -> Vec<String> {
    let found = accounts.find(name).await.unwrap().unwrap();
    found.families.into_iter().map(|it| it.hash).collect()
}

/// Everything that is asked of any keeper of accounts.
async fn keeps_accounts(place: &Place) {
    let (left, right) = (place.accounts().await, place.accounts().await);
    assert_eq!(left.find("anna").await.unwrap(), None);
    assert_eq!(left.list().await.unwrap(), []);

    let mut anna = account("anna", Role::Ro);
    anna.set_password("nine wet pasters").unwrap();
    left.put(anna.clone()).await.unwrap();
    left.put(account("bert", Role::Coach)).await.unwrap();
    assert_eq!(right.find("anna").await.unwrap(), Some(anna.clone()));
    let names = |all: Vec<Account>| all.into_iter().map(|it| it.name).collect::<Vec<_>>();
    assert_eq!(names(right.list().await.unwrap()), ["anna", "bert"]);

    anna.version += 1;
    anna.roles = vec![Held {
        event: Some("e".to_owned()),
        role: Role::Var,
    }];
    right.put(anna.clone()).await.unwrap();
    assert_eq!(left.find("anna").await.unwrap(), Some(anna));
    assert!(left.remove("bert").await.unwrap());
    assert!(!right.remove("bert").await.unwrap(), "once");
    assert_eq!(right.find("bert").await.unwrap(), None);

    renews_logins(&*left, &*right).await;
    keeps_plans(&*left, &*right).await;
}

async fn opens(at: &dyn Accounts, name: &str, version: u32, family: Family) -> bool {
    at.open((name, version), family).await.unwrap()
}

async fn renews_logins(left: &dyn Accounts, right: &dyn Accounts) {
    let version = left.find("anna").await.unwrap().unwrap().version;
    assert!(!opens(left, "nobody", version, family("f", "one", 100)).await);
    // The password was changed while the one before was looked at.
    assert!(!opens(right, "anna", version - 1, family("f", "one", 100)).await);
    assert_eq!(families(right, "anna").await, [""; 0]);
    assert_eq!(
        left.find("nobody").await.unwrap(),
        None,
        "no account comes of it"
    );
    assert!(opens(left, "anna", version, family("f", "one", 100)).await);
    assert!(opens(left, "anna", version, family("g", "else", 1_000)).await);
    let next = |hash: &str| family("f", hash, 200);
    let rotate = |at: &'static str, next: Family, now_ms| async move {
        let done = if at == "left" { left } else { right };
        let (hash, next) = (
            next.hash.clone(),
            Family {
                hash: format!("{}+", next.hash),
                ..next
            },
        );
        done.rotate("anna", &hash, next, now_ms).await.unwrap()
    };
    assert_eq!(rotate("right", next("one"), 1).await, Rotation::Done);
    assert_eq!(
        rotate("left", next("one+"), 150).await,
        Rotation::Done,
        "prolonged"
    );
    assert_eq!(
        rotate("right", next("one+"), 151).await,
        Rotation::Again,
        "to the same next one"
    );
    let late = Family {
        until_ms: 200 + AGAIN_MS,
        ..next("one+")
    };
    assert_eq!(
        rotate("left", late, 151).await,
        Rotation::Reused,
        "too late"
    );
    assert_eq!(rotate("left", next("one++"), 152).await, Rotation::Unknown);
    assert_eq!(
        families(right, "anna").await,
        ["else"],
        "the other login stays"
    );
    let over = family("g", "else", 2_000);
    assert_eq!(
        rotate("right", over, 1_000).await,
        Rotation::Unknown,
        "over"
    );
    assert_eq!(
        rotate("right", family("h", "x", 300), 1).await,
        Rotation::Unknown
    );

    keeps_the_newest_logins(left, right).await;
}

async fn keeps_the_newest_logins(left: &dyn Accounts, right: &dyn Accounts) {
    let version = left.find("anna").await.unwrap().unwrap().version;
    for number in 0..=FAMILIES_MAX {
        let fresh = family(&format!("n{number}"), &number.to_string(), 100);
        assert!(opens(left, "anna", version, fresh).await);
    }
    let kept = families(right, "anna").await;
    let newest: Vec<String> = (1..=FAMILIES_MAX).map(|it| it.to_string()).collect();
    assert_eq!(kept, newest, "the oldest ones go");
    right.close("anna", "n1").await.unwrap();
    assert_eq!(families(left, "anna").await, newest[1..]);

    let mut changed = left.find("anna").await.unwrap().unwrap();
    changed.set_password("another nine pasters").unwrap();
    left.put(changed).await.unwrap();
    assert_eq!(
        families(right, "anna").await,
        [""; 0],
        "logged out everywhere"
    );
}

async fn keeps_plans(left: &dyn Accounts, right: &dyn Accounts) {
    assert_eq!(left.plan("anna", "e").await.unwrap(), None);
    for plan in [json!({ "ä": [1, 2] }), json!("later")] {
        left.put_plan("anna", "e", Some(plan.clone()))
            .await
            .unwrap();
        assert_eq!(right.plan("anna", "e").await.unwrap(), Some(plan));
    }
    assert_eq!(right.plan("anna", "f").await.unwrap(), None);
    right.put_plan("anna", "e", None).await.unwrap();
    assert_eq!(left.plan("anna", "e").await.unwrap(), None);
}

/// Of many who come with the same token at once one renews the login, and a copy closes it.
async fn one_of_many_renews(place: &Place) {
    let accounts: Arc<dyn Accounts> = place.accounts().await.into();
    let other: Arc<dyn Accounts> = place.accounts().await.into();
    let carl = account("carl", Role::Ro);
    accounts.put(carl.clone()).await.unwrap();
    let opened = accounts.open(("carl", carl.version), family("f", "one", 100));
    assert!(opened.await.unwrap());
    let mut tries = tokio::task::JoinSet::new();
    for number in 0..8 {
        let at = Arc::clone(if number % 2 == 0 { &accounts } else { &other });
        tries.spawn(async move {
            let next = family("f", &format!("next {number}"), 100);
            at.rotate("carl", "one", next, 1).await.unwrap()
        });
    }
    let done = tries.join_all().await;
    let count = |wanted| done.iter().filter(|it| **it == wanted).count();
    assert_eq!(count(Rotation::Done), 1, "{done:?}");
    assert_eq!(count(Rotation::Reused), 1, "{done:?}");
    assert_eq!(families(&*accounts, "carl").await, [""; 0]);
}

/// Everything that is asked of any keeper of claims.
async fn keeps_claims(left: &dyn Shared, right: &dyn Shared) {
    let event = "00000000-0000-4000-8000-000000000001";
    let of = |number, holder: &str, expires_at| ClaimedMatch {
        number,
        holder: holder.to_owned(),
        expires_at,
    };
    let what = (event.to_owned(), 3);
    let (anna, longer) = (of(3, "anna", 100), of(3, "anna", 200));
    assert_eq!(left.claim(event, &anna, 0).await.unwrap(), Took::Done);
    assert_eq!(right.claimed(&what, 1).await.unwrap(), Some(anna));
    assert_eq!(
        right.claim(event, &longer, 10).await.unwrap(),
        Took::Done,
        "prolonged"
    );
    let bert = of(3, "bert", 300);
    let held = Took::Held(longer.clone());
    assert_eq!(left.claim(event, &bert, 20).await.unwrap(), held);
    let held = Gave::Held(longer.clone());
    assert_eq!(right.give(&what, Some("bert"), 20).await.unwrap(), held);
    assert_eq!(left.claims(event, 199).await.unwrap(), [longer]);
    assert_eq!(left.claims(event, 200).await.unwrap(), [], "over");
    assert_eq!(left.claimed(&what, 200).await.unwrap(), None, "over");
    assert_eq!(right.claim(event, &bert, 200).await.unwrap(), Took::Done);
    let other = ("00000000-0000-4000-8000-000000000002".to_owned(), 3);
    assert_eq!(
        left.claimed(&other, 201).await.unwrap(),
        None,
        "another event"
    );
    assert_eq!(left.give(&other, None, 201).await.unwrap(), Gave::Free);
    assert_eq!(
        left.give(&what, Some("bert"), 201).await.unwrap(),
        Gave::Done
    );
    assert_eq!(
        right.give(&what, Some("bert"), 201).await.unwrap(),
        Gave::Free
    );
    assert_eq!(left.claim(event, &bert, 201).await.unwrap(), Took::Done);
    assert_eq!(
        right.give(&what, None, 202).await.unwrap(),
        Gave::Done,
        "taken away"
    );

    let most = u32::try_from(CLAIMS_MAX).unwrap();
    for number in 0..most {
        let taken = left.claim(event, &of(number, "anna", 400), 300).await;
        assert_eq!(taken.unwrap(), Took::Done, "{number}");
    }
    let (again, more) = (of(0, "anna", 500), of(most, "anna", 400));
    assert_eq!(right.claim(event, &more, 300).await.unwrap(), Took::Full);
    assert_eq!(right.claim(event, &again, 300).await.unwrap(), Took::Done);
    assert_eq!(
        right.claim(event, &more, 400).await.unwrap(),
        Took::Done,
        "others are over"
    );
    let left_over = left.claims(event, 400).await.unwrap();
    assert_eq!(left_over, [again], "and the one that was prolonged");
    right.give(&(event.to_owned(), 0), None, 400).await.unwrap();
}

/// Whoever asks while another node answers waits; what was answered is answered again.
async fn answers_once(left: &dyn Shared, right: &dyn Shared) {
    let key = [7; 32];
    let Turn::Mine(turn) = left.begin(&key).await.unwrap() else {
        panic!("nobody was before");
    };
    assert_eq!(right.begin(&key).await.unwrap(), Turn::Busy);
    left.end(&key, turn, None).await.unwrap();
    let Turn::Mine(second) = right.begin(&key).await.unwrap() else {
        panic!("nothing was kept");
    };
    let kept = Kept {
        asked: [1; 32],
        status: 409,
        kind: Some("application/problem+json".to_owned()),
        body: b"{}".to_vec(),
    };
    // Who lost its turn ends nothing.
    left.end(&key, turn, None).await.unwrap();
    right.end(&key, second, Some(kept.clone())).await.unwrap();
    for node in [left, right] {
        assert_eq!(node.begin(&key).await.unwrap(), Turn::Found(kept.clone()));
    }
    assert!(matches!(left.begin(&[8; 32]).await.unwrap(), Turn::Mine(_)));
}

/// All nodes sign with the key that the first one drew, and read what it signed after a fresh one.
async fn shares_the_keys_of_tokens(server: &Postgres) {
    let (left, right) = (people(server).await, people(server).await);
    let (one, other) = tokio::join!(left.token_keys(), right.token_keys());
    let (one, other) = (
        one.unwrap().ready().unwrap(),
        other.unwrap().ready().unwrap(),
    );
    let claims = TokenClaims {
        sub: "anna".to_owned(),
        aud: TokenUse::Access,
        iat: 1,
        exp: 2,
        ver: 1,
        roles: Vec::new(),
    };
    let text = one.mint(&claims).unwrap();
    assert_eq!(other.read(&text, TokenUse::Access, 0).unwrap(), claims);
    let fresh = async || {
        left.renew_token_key().await.unwrap();
        right.token_keys().await.unwrap().ready().unwrap()
    };
    let renewed = fresh().await;
    assert_eq!(renewed.read(&text, TokenUse::Access, 0).unwrap(), claims);
    assert_ne!(renewed.mint(&claims).unwrap(), text, "the fresh key signs");
    let last = fresh().await;
    assert!(
        last.read(&text, TokenUse::Access, 0).is_err(),
        "two keys at most"
    );
}

#[test]
fn a_folder_keeps_accounts_and_memory_keeps_claims() {
    runtime().block_on(async {
        let place = Place::files();
        keeps_accounts(&place).await;
        one_of_many_renews(&place).await;
        let shared = InMemory::default();
        assert_eq!(
            shared.now_ms(7).await,
            Ok(7),
            "a node alone goes by its clock"
        );
        keeps_claims(&shared, &shared).await;
    });
}

#[test]
fn a_database_keeps_people_and_their_requests_for_all_nodes() {
    let Some(server) = Postgres::start() else {
        return;
    };
    runtime().block_on(async {
        let (left, right) = (people(&server).await, people(&server).await);
        // Whatever the nodes' clocks say.
        let (one, next) = (
            left.now_ms(0).await.unwrap(),
            right.now_ms(9).await.unwrap(),
        );
        assert!(one <= next && next - one < 60_000, "{one} {next}");
        keeps_claims(&left, &right).await;
        answers_once(&left, &right).await;
        shares_the_keys_of_tokens(&server).await;
        let place = Place::Database(server);
        keeps_accounts(&place).await;
        one_of_many_renews(&place).await;
    });
}
