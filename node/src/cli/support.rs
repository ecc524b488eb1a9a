//! `support`: what helps to find a fault, in one file without names and secrets.
//!
//! Layer: node, cli.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::args::Support;
use super::failure::Failure;
use super::session::{DONE, Session, say};
use crate::calendar;
use crate::clock::Clock;
use crate::doctor::examine;
use crate::local::protocol::{Nothing, Request};
use crate::upkeep::support::{self, Piece, Redaction};

pub(super) fn support(args: &Support, session: &Session) -> Result<u8, Failure> {
    let pieces = pieces(session)?;
    if args.dry_run {
        session.write(&preview(&pieces, session.json))?;
        return Ok(DONE);
    }
    let path = args.file.clone().unwrap_or_else(|| {
        let unix_ms = i64::try_from(Clock::start().now().wall_ms).unwrap_or(i64::MAX);
        let day = calendar::day(unix_ms, 0);
        PathBuf::from(format!("tallyline-support-{day}.tar.gz"))
    });
    let bytes = support::write(&path, &pieces)?;
    let file = path.display();
    if session.json {
        let told = json!({
            "schema": "tallyline.support/1", "file": file.to_string(), "bytes": bytes,
            "pieces": pieces.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(),
        });
        session.write(&format!("{told}\n"))?;
    } else {
        session.write(&format!("{file}\n"))?;
        say(&format!(
            "{bytes} bytes, without names, keys, addresses and tickets; `tallyline support \
             --dry-run` shows all that is in it."
        ));
    }
    Ok(DONE)
}

fn preview(pieces: &[Piece], as_json: bool) -> String {
    if as_json {
        let told = pieces
            .iter()
            .map(|it| json!({"name": it.name, "text": it.text}));
        let told: Vec<Value> = told.collect();
        return format!(
            "{}\n",
            json!({"schema": "tallyline.support/1", "pieces": told})
        );
    }
    let shown = |it: &Piece| format!("== {} ({} bytes)\n{}", it.name, it.text.len(), it.text);
    pieces.iter().map(shown).collect()
}

/// Asks for everything; what does not answer says why.
fn pieces(session: &Session) -> Result<Vec<Piece>, Failure> {
    let redaction = Redaction::draw()?;
    let root = &session.config.root;
    let asked = [
        ("status.json", Request::Status(Nothing {})),
        ("vitals.json", Request::Vitals(Nothing {})),
        ("health.json", Request::Health(Nothing {})),
        ("security.json", Request::Security(Nothing {})),
        ("ready.json", Request::EventReady(Nothing {})),
    ];
    let mut pieces = vec![support::piece("about.json", &about(session), &redaction)];
    for (name, request) in asked {
        let answer = session.ask(request);
        let value =
            answer.unwrap_or_else(|failure| json!({"code": failure.code, "exit": failure.exit}));
        pieces.push(support::piece(name, &value, &redaction));
    }
    let report = serde_json::to_value(examine(root)).unwrap_or(Value::Null);
    pieces.push(support::piece("doctor.json", &report, &redaction));
    pieces.push(support::piece(
        "files.json",
        &support::files(root),
        &redaction,
    ));
    Ok(pieces)
}

fn about(session: &Session) -> Value {
    let config = &session.config;
    json!({
        "schema": "tallyline.support/1",
        "version": env!("CARGO_PKG_VERSION"),
        "os": std::env::consts::OS,
        "arch": std::env::consts::ARCH,
        "mode": config.mode.map(crate::root::Mode::name),
        "listen": config.listen.len(),
        "peers": config.peers.len(),
        "mdns": config.mdns,
        "has_cloud": config.cloud.is_some(),
        "score_log": config.score_log,
        "alerts_webhook": config.alerts.webhook.is_some(),
        "alerts_ntfy": config.alerts.ntfy.is_some(),
        "alerts_mail": config.alerts.smtp.is_some(),
    })
}
