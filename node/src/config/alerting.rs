//! The keys about alerts: where they go, and from when on something is wrong.
//!
//! Layer: node, config.

use std::path::PathBuf;
use std::time::Duration;

use super::{ConfigError, Environment, Layers, RawConfig};
use crate::alerts::Settings;
use crate::alerts::rules::{FreeMin, Limits};

/// Keys of a configuration file, and what follows `TALLYLINE_` in the environment.
pub(super) const KEYS: [&str; 11] = [
    "alert_webhook",
    "alert_ntfy",
    "alert_smtp",
    "alert_from",
    "alert_to",
    "alert_password_file",
    "alert_min_free",
    "alert_lag_minutes",
    "alert_silent_minutes",
    "alert_sync_minutes",
    "alert_look_seconds",
];

/// What was typed in one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawAlerts {
    /// Address to which JSON is posted.
    pub webhook: Option<String>,
    /// Address of a topic of ntfy.
    pub ntfy: Option<String>,
    /// Mail server.
    pub smtp: Option<String>,
    /// Who writes.
    pub from: Option<String>,
    /// Who is written to.
    pub to: Option<Vec<String>>,
    /// File with the password for the mail server.
    pub password_file: Option<String>,
    /// How much of the disk must be free.
    pub min_free: Option<String>,
    /// Minutes that an entry may wait for the cloud.
    pub lag_minutes: Option<String>,
    /// Minutes that a device may be silent.
    pub silent_minutes: Option<String>,
    /// Minutes for which exchanges may fail.
    pub sync_minutes: Option<String>,
    /// Seconds between two looks at the events of a cloud.
    pub look_seconds: Option<String>,
}

/// Seconds between two looks.
struct Rest(u64);

impl std::str::FromStr for Rest {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.parse() {
            Ok(seconds @ 1..=3_600) => Ok(Self(seconds)),
            Ok(_) | Err(_) => Err(()),
        }
    }
}

/// An address of a web server.
struct Url(String);

impl std::str::FromStr for Url {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"));
        let host = rest.and_then(|rest| rest.split('/').next());
        match host {
            Some(host) if !host.is_empty() && !text.contains(char::is_whitespace) => {
                Ok(Self(text.to_owned()))
            }
            Some(_) | None => Err(()),
        }
    }
}

/// An address of a mail server.
struct MailServer(String);

impl std::str::FromStr for MailServer {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let rest = text
            .strip_prefix("smtps://")
            .or_else(|| text.strip_prefix("smtp://"));
        match rest {
            // A password in a configuration file is read by everybody who reads the file.
            Some(rest) if !rest.is_empty() && !has_password(rest) => Ok(Self(text.to_owned())),
            Some(_) | None => Err(()),
        }
    }
}

fn has_password(rest: &str) -> bool {
    let user = rest.split_once('@').map(|(user, _)| user);
    user.is_some_and(|user| user.contains(':'))
}

/// Reads one place's keys; `text` reads a text, `list` a list.
pub(super) fn raw<E>(
    text: impl Fn(&'static str) -> Result<Option<String>, E>,
    list: impl Fn(&'static str) -> Result<Option<Vec<String>>, E>,
) -> Result<RawAlerts, E> {
    Ok(RawAlerts {
        webhook: text("alert_webhook")?,
        ntfy: text("alert_ntfy")?,
        smtp: text("alert_smtp")?,
        from: text("alert_from")?,
        to: list("alert_to")?,
        password_file: text("alert_password_file")?,
        min_free: text("alert_min_free")?,
        lag_minutes: text("alert_lag_minutes")?,
        silent_minutes: text("alert_silent_minutes")?,
        sync_minutes: text("alert_sync_minutes")?,
        look_seconds: text("alert_look_seconds")?,
    })
}

/// Reads the keys of the environment.
pub(super) fn of_environment(env: &Environment) -> RawAlerts {
    let name = |key: &str| format!("TALLYLINE_{}", key.to_ascii_uppercase());
    let value = |key: &str| env.get(&name(key)).map(str::to_owned);
    let parts = |key: &str| {
        let parts = value(key)?;
        let parts = parts.split(',').map(|it| it.trim().to_owned());
        Some(parts.filter(|it| !it.is_empty()).collect())
    };
    let read = raw(|key| Ok::<_, ()>(value(key)), |key| Ok(parts(key)));
    read.unwrap_or_default()
}

/// Puts the places together.
///
/// # Errors
/// A value that does not hold, or a mail server without a sender or anybody to write to.
pub(super) fn settings(layers: &Layers) -> Result<Settings, ConfigError> {
    let url = "write http://host/path or https://host/path";
    let server = "write smtp://host:25 or smtps://user@host, with the password in \
                  alert_password_file";
    let pick =
        |pick: fn(&RawAlerts) -> &Option<String>| move |raw: &RawConfig| pick(&raw.alerts).clone();
    let text = |field: fn(&RawAlerts) -> &Option<String>| layers.value(pick(field)).map(|it| it.0);
    let settings = Settings {
        webhook: layers
            .read::<Url>("alert_webhook", url, pick(|it| &it.webhook))?
            .map(|it| it.0),
        ntfy: layers
            .read::<Url>("alert_ntfy", url, pick(|it| &it.ntfy))?
            .map(|it| it.0),
        smtp: layers
            .read::<MailServer>("alert_smtp", server, pick(|it| &it.smtp))?
            .map(|it| it.0),
        from: text(|it| &it.from),
        to: layers
            .value(|raw| raw.alerts.to.clone())
            .map(|it| it.0)
            .unwrap_or_default(),
        password_file: text(|it| &it.password_file).map(PathBuf::from),
        limits: limits(layers)?,
        look_every: layers
            .read::<Rest>(
                "alert_look_seconds",
                "write a whole number from 1 to 3600",
                pick(|it| &it.look_seconds),
            )?
            .map_or(Settings::default().look_every, |it| {
                Duration::from_secs(it.0)
            }),
    };
    whole(settings)
}

/// Reads from when on something is wrong.
fn limits(layers: &Layers) -> Result<Limits, ConfigError> {
    let usual = Limits::default();
    let size = "write 10%, 500MB or a number of bytes";
    let free = layers.read::<FreeMin>("alert_min_free", size, |raw| raw.alerts.min_free.clone())?;
    let minutes = |key, pick: fn(&RawAlerts) -> &Option<String>, usual: u64| {
        let advice = "write a whole number of minutes";
        let read = layers.read::<u32>(key, advice, |raw| pick(&raw.alerts).clone())?;
        let ms = read.map(|it| u64::from(it).saturating_mul(60_000));
        Ok::<u64, ConfigError>(ms.unwrap_or(usual))
    };
    Ok(Limits {
        free: free.unwrap_or(usual.free),
        lag_ms: minutes("alert_lag_minutes", |it| &it.lag_minutes, usual.lag_ms)?,
        silent_ms: minutes(
            "alert_silent_minutes",
            |it| &it.silent_minutes,
            usual.silent_ms,
        )?,
        sync_ms: minutes("alert_sync_minutes", |it| &it.sync_minutes, usual.sync_ms)?,
    })
}

/// Makes sure that a mail has a sender and a reader.
fn whole(settings: Settings) -> Result<Settings, ConfigError> {
    let missing = match (&settings.smtp, &settings.from, settings.to.is_empty()) {
        (Some(_), None, _) => "alert_from",
        (Some(_), Some(_), true) => "alert_to",
        (None, _, _) | (Some(_), Some(_), false) => return Ok(settings),
    };
    Err(ConfigError::HalfMail { missing })
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Environment};
    use super::*;

    fn load(text: &str) -> Result<Settings, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, format!("root = \"/r\"\n{text}")).unwrap();
        let env = Environment::default();
        Config::load(RawConfig::default(), Some(&path), &env, false).map(|it| it.alerts)
    }

    #[test]
    fn alerts_are_read_and_half_of_a_mail_is_refused() {
        let read = load(
            "alert_webhook = \"https://hooks.example/a\"\nalert_min_free = \"2GB\"\n\
             alert_lag_minutes = \"5\"\nalert_smtp = \"smtps://me@mail.example\"\n\
             alert_from = \"a@b.example\"\nalert_to = [\"c@d.example\"]",
        )
        .unwrap();
        assert_eq!(read.webhook.as_deref(), Some("https://hooks.example/a"));
        assert_eq!(read.limits.free, FreeMin::Bytes(2_000_000_000));
        assert_eq!(read.limits.lag_ms, 300_000);
        assert_eq!(read.limits.silent_ms, Limits::default().silent_ms);
        assert_eq!(read.look_every, Duration::from_secs(30));
        for text in [
            "alert_webhook = \"hooks.example\"",
            "alert_smtp = \"smtp://mail.example\"",
            "alert_smtp = \"smtp://me:secret@mail.example\"",
            "alert_min_free = \"much\"",
            "alert_lag_minutes = \"-1\"",
            "alert_look_seconds = \"0\"",
            "alert_look_seconds = \"3601\"",
            "alert_webhok = \"https://x\"",
        ] {
            assert!(load(text).is_err(), "{text}");
        }
    }
}
