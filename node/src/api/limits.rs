//! How often somebody may ask: for each person and route, and for addresses without a login.
//!
//! Layer: node, api.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use super::codes;
use super::failure::Failure;

/// How often; the numbers are those of the surface's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    /// Whatever an address without a login asks, all routes together: a page and its parts.
    Address,
    /// Logging in: a guess each six seconds.
    Login,
    /// The board, streams and probes.
    Board,
    /// Recording: as fast as two stages write into one device.
    Write,
    /// One result.
    One,
    /// Lists.
    List,
    /// Claiming.
    Claim,
    /// Whole events as files.
    Whole,
    /// Parts of pictures and clips: with 1 MiB each, 600 MiB a minute.
    Part,
}

/// Every limit: name, requests, in how many seconds.
const TABLE: [(Limit, &str, u32, u32); 9] = [
    (Limit::Address, "address", 10, 1),
    (Limit::Login, "login", 10, 60),
    (Limit::Board, "board", 10, 1),
    (Limit::Write, "write", 10, 1),
    (Limit::One, "one", 100, 60),
    (Limit::List, "list", 50, 60),
    (Limit::Claim, "claim", 20, 60),
    (Limit::Whole, "whole", 10, 60),
    (Limit::Part, "part", 600, 60),
];

/// Most who are remembered by one limit; beyond, those who have their full number again are
/// forgotten. 100 bytes each.
const REMEMBERED_MAX: usize = 10_000;

/// Who asks what: a person or an address, and the route.
type Who = (String, &'static str);

/// The limits of a node.
pub(super) struct Limits(Vec<One>);

struct One {
    limit: Limit,
    name: &'static str,
    count: u32,
    window_s: u32,
    state: RateLimiter<Who, DashMapStateStore<Who>, DefaultClock, StateInformationMiddleware>,
}

/// What is left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    name: &'static str,
    count: u32,
    window_s: u32,
    remaining: u32,
    /// Seconds until all are there again.
    full_s: u64,
}

impl Limit {
    /// Returns name, requests and seconds.
    pub(super) fn row(self) -> (&'static str, u32, u32) {
        let row = TABLE.iter().find(|row| row.0 == self);
        row.map_or(("none", 1, 1), |row| (row.1, row.2, row.3))
    }
}

impl Limits {
    pub(super) fn new() -> Self {
        let one = |(limit, name, count, window_s)| {
            let each = NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
            let replenish = Duration::from_secs(u64::from(window_s)) / each.get();
            let quota = Quota::with_period(replenish).unwrap_or(Quota::per_second(each));
            One {
                limit,
                name,
                count,
                window_s,
                state: RateLimiter::dashmap(quota.allow_burst(each)).with_middleware(),
            }
        };
        Self(TABLE.into_iter().map(one).collect())
    }

    /// Counts one request; fails if it is one too many.
    pub(super) fn check(&self, limit: Limit, who: &Who, now_ms: u64) -> Result<Left, Failure> {
        let found = self.0.iter().find(|it| it.limit == limit);
        let one = found.ok_or_else(|| Failure::fault("the limit has no row"))?;
        if REMEMBERED_MAX < one.state.len() {
            one.state.retain_recent();
        }
        let left = |remaining: u32, full_s| Left {
            name: one.name,
            count: one.count,
            window_s: one.window_s,
            remaining,
            full_s,
        };
        match one.state.check_key(who) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity().min(one.count);
                let used = u64::from(one.count.saturating_sub(remaining));
                let full = used.saturating_mul(u64::from(one.window_s));
                Ok(left(remaining, full.div_ceil(u64::from(one.count).max(1))))
            }
            Err(until) => {
                let wait = until.wait_time_from(DefaultClock::default().now());
                let wait_s = wait.as_secs().saturating_add(1);
                Err(too_many(
                    left(0, u64::from(one.window_s).max(wait_s)),
                    wait_s,
                    now_ms,
                ))
            }
        }
    }
}

fn too_many(left: Left, wait_s: u64, now_ms: u64) -> Failure {
    let text = format!(
        "asked more than {} times in {} s; nothing was changed; ask again in {wait_s} s",
        left.count, left.window_s
    );
    let failure = Failure::new(StatusCode::TOO_MANY_REQUESTS, codes::TOO_MANY, text);
    let mut failure = failure.header(header::RETRY_AFTER, wait_s.into());
    let mut headers = HeaderMap::new();
    left.write(&mut headers, now_ms);
    for (name, value) in &headers {
        failure = failure.header(name.clone(), value.clone());
    }
    failure
}

impl Left {
    /// Writes the headers: `X-RateLimit-Reset` is a moment in Unix seconds, the `t` of `RateLimit` is
    /// a number of seconds from now.
    pub(super) fn write(self, headers: &mut HeaderMap, now_ms: u64) {
        let moment = now_ms.div_ceil(1000).saturating_add(self.full_s);
        headers.insert("x-ratelimit-limit", self.count.into());
        headers.insert("x-ratelimit-remaining", self.remaining.into());
        headers.insert("x-ratelimit-reset", moment.into());
        let texts = [
            (
                "ratelimit",
                format!("\"{}\";r={};t={}", self.name, self.remaining, self.full_s),
            ),
            (
                "ratelimit-policy",
                format!("\"{}\";q={};w={}", self.name, self.count, self.window_s),
            ),
        ];
        for (name, text) in texts {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(name, value);
            }
        }
    }
}

/// Names an address as limits count it: one house has a whole /64 of the new ones.
pub(super) fn address(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(it) => it.to_string(),
        IpAddr::V6(it) => {
            let [a, b, c, d, ..] = it.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_too_many_waits_and_others_do_not() {
        let limits = Limits::new();
        let who = |name: &str| (name.to_owned(), "claim");
        for at in 0..20 {
            let left = limits.check(Limit::Claim, &who("anna"), 0).unwrap();
            assert_eq!(left.remaining, 19 - at);
        }
        let failure = limits.check(Limit::Claim, &who("anna"), 5_000).unwrap_err();
        let response = axum::response::IntoResponse::into_response(failure);
        assert_eq!(response.status(), 429);
        let number = |name: &str| {
            let value = response.headers().get(name).unwrap().to_str().unwrap();
            value.parse::<u64>().unwrap()
        };
        assert!((1..=4).contains(&number("retry-after")));
        assert_eq!(number("x-ratelimit-limit"), 20);
        assert_eq!(number("x-ratelimit-remaining"), 0);
        assert!(
            (6..=65).contains(&number("x-ratelimit-reset")),
            "Unix seconds"
        );
        assert!(limits.check(Limit::Claim, &who("bert"), 0).is_ok());
        assert!(
            limits
                .check(Limit::Claim, &("anna".to_owned(), "other"), 0)
                .is_ok(),
            "another route"
        );
    }

    /// Each row of the founding documents' table, written a second time: so many pass, and one more does
    /// not. Acceptance row S4-10.
    #[test]
    fn each_limit_lets_its_number_pass() {
        let rows = [
            (Limit::Address, "address", 10, 1),
            (Limit::Login, "login", 10, 60),
            (Limit::Board, "board", 10, 1),
            (Limit::Write, "write", 10, 1),
            (Limit::One, "one", 100, 60),
            (Limit::List, "list", 50, 60),
            (Limit::Claim, "claim", 20, 60),
            (Limit::Whole, "whole", 10, 60),
            (Limit::Part, "part", 600, 60),
        ];
        assert_eq!(rows.len(), TABLE.len(), "no limit without its row");
        for (limit, name, count, window_s) in rows {
            assert_eq!(limit.row(), (name, count, window_s));
            let limits = Limits::new();
            let who = ("anna".to_owned(), "route");
            // A place comes back while the test asks; what is there at once is exact.
            let mut passed = 0;
            let failure = loop {
                match limits.check(limit, &who, 5_000) {
                    Ok(left) if passed == 0 => {
                        assert_eq!(left.remaining, count - 1, "{name}");
                        passed = 1;
                    }
                    Ok(_) => passed += 1,
                    Err(failure) => break failure,
                }
            };
            assert!(
                (count..=count + count / 10 + 1).contains(&passed),
                "{name}: {passed}"
            );
            let response = axum::response::IntoResponse::into_response(failure);
            assert_eq!(response.status(), 429, "{name}");
            let text = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
            let number = |name: &str| text(name).parse::<u32>().unwrap();
            assert_eq!(number("x-ratelimit-limit"), count, "{name}");
            assert_eq!(number("x-ratelimit-remaining"), 0, "{name}");
            assert!(
                (6..=6 + window_s).contains(&number("x-ratelimit-reset")),
                "{name}"
            );
            // The next place comes back after a part of the window; told is the second after.
            let wait_s = window_s / count + 1;
            assert!((1..=wait_s).contains(&number("retry-after")), "{name}");
            let policy = format!("\"{name}\";q={count};w={window_s}");
            assert_eq!(text("ratelimit-policy"), policy);
        }
    }

    #[test]
    fn a_house_is_one_address() {
        let name = |text: &str| address(text.parse().unwrap());
        assert_eq!(name("2001:db8:1:2:3::4"), name("2001:db8:1:2:9::9"));
        assert_ne!(name("2001:db8:1:2::4"), name("2001:db8:1:3::4"));
        assert_eq!(name("::ffff:10.0.0.1"), "10.0.0.1");
    }
}
