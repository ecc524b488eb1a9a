//! What a person configured: flags, environment and files become one [`Config`].
//!
//! The only module that reads the environment. A value comes from the first of: flag,
//! `TALLYLINE_*`, the file of `--config`, the user's file, the system's file, the default.
//! Nothing is read again after the start. Layer: node, above `root`; knows
//! no store and no network.

mod alerting;
mod keeping;
mod uplink;

use std::collections::BTreeMap;
use std::io::{ErrorKind, IsTerminal as _};
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rustix::termios::tcgetwinsize;

use crate::alerts::Settings;
use crate::media::{Metered, QUOTA_DEFAULT};
use crate::root::{Mode, PassphraseSource};

pub use self::alerting::RawAlerts;
pub use self::keeping::{EventsConfig, Fallback};
pub use self::uplink::Cloud;

/// What was typed in one place; `None` leaves the choice to the next place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawConfig {
    /// Folder that holds everything the node owns.
    pub root: Option<String>,
    /// `device`, `gateway` or `cloud`.
    pub mode: Option<String>,
    /// Addresses (`ip:port`) to listen on.
    pub listen: Option<Vec<String>>,
    /// Addresses (`ip:port`) to serve HTTP on.
    pub http: Option<Vec<String>>,
    /// Static peers (`host:port`).
    pub peers: Option<Vec<String>>,
    /// Whether to look for peers by mDNS: `true` or `false`.
    pub mdns: Option<String>,
    /// Addresses (`host:port`) of the cloud's nodes, with commas between.
    pub cloud: Option<String>,
    /// Fingerprint of the cloud node's key.
    pub cloud_key: Option<String>,
    /// Whether HTTPS stands in for UDP: `on`, `off`, or where a cloud takes it.
    pub fallback: Option<String>,
    /// `auto`, `always` or `never`.
    pub color: Option<String>,
    /// What to log, such as `info` or `tallyline::net=debug`.
    pub log: Option<String>,
    /// File with the passphrase of a sealed key.
    pub passphrase_file: Option<String>,
    /// Whether to write the plain-text score log: `true` or `false`.
    pub score_log: Option<String>,
    /// Whether the link to the cloud costs money by what goes over it: `true`, `false` or `auto`.
    pub metered: Option<String>,
    /// Bytes of all pictures and clips, such as `2GiB`.
    pub media_quota: Option<String>,
    /// Where a cloud keeps its events: `postgres://..`.
    pub store: Option<String>,
    /// Where the nodes of a cloud keep pictures and clips together: a folder, or `s3://BUCKET/PREFIX`.
    pub blobs: Option<String>,
    /// How cloud nodes of one database hear of each other: `notify`, `poll` or `nats://..`.
    pub hints: Option<String>,
    /// How often they look by themselves, such as `2s`.
    pub look_every: Option<String>,
    /// Whether changes of the database's tables take an advisory lock: `true` or `false`.
    pub advisory_locks: Option<String>,
    /// Events that a cloud node holds in memory at once, at most.
    pub active_events: Option<String>,
    /// Spectators that are streamed to at once, at most.
    pub spectators: Option<String>,
    /// Where alerts go, and from when on something is wrong.
    pub alerts: RawAlerts,
}

/// What is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Folder that holds everything the node owns.
    pub root: PathBuf,
    /// What the node is for; `None` is what the root was made for.
    pub mode: Option<Mode>,
    /// Addresses to listen on; empty: any address, any port.
    pub listen: Vec<SocketAddr>,
    /// Addresses to serve HTTP on; empty: none.
    pub http: Vec<SocketAddr>,
    /// Static peers (`host:port`).
    pub peers: Vec<String>,
    /// Whether to look for peers by mDNS.
    pub mdns: bool,
    /// The cloud, when one is known.
    pub cloud: Option<Cloud>,
    /// Whether HTTPS stands in where no UDP gets through.
    pub fallback: Fallback,
    /// What to log, as `tracing` reads it.
    pub log: String,
    /// Where the passphrase of a sealed key comes from.
    pub passphrase: PassphraseSource,
    /// Whether to write the plain-text score log.
    pub score_log: bool,
    /// Whether the link to the cloud costs money by what goes over it.
    pub metered: Metered,
    /// Bytes of all pictures and clips.
    pub media_quota: u64,
    /// How a cloud keeps its events.
    pub events: EventsConfig,
    /// Spectators that are streamed to at once, at most; `None`: as many as suit the mode.
    pub spectators: Option<NonZeroU16>,
    /// Where alerts go, and from when on something is wrong.
    pub alerts: Settings,
    /// How to write on the terminal.
    pub screen: Screen,
}

/// How to write on the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Whether colours are wanted.
    pub color: bool,
    /// Whether the terminal shows UTF-8.
    pub utf8: bool,
    /// Characters of a line of the terminal; `None` if the output is none, and lines are as long as
    /// they are.
    pub columns: Option<u16>,
}

/// The process's environment, taken once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, String>);

/// What is wrong with the configuration; the command does nothing then.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// A file that was named cannot be read.
    #[error("the configuration file {} cannot be read: {cause}; correct --config", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: String,
    },
    /// A file is not TOML.
    #[error("the configuration file {} is not TOML: {cause}", .path.display())]
    NotToml {
        /// The file.
        path: PathBuf,
        /// Place and problem.
        cause: String,
    },
    /// A file has a key that nobody knows.
    #[error("the configuration file {} has the unknown key \"{key}\"; {advice}", .path.display())]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The likeliest meant key, or all of them.
        advice: String,
    },
    /// A value is not what its key takes.
    #[error("{origin}: {key} is \"{value}\"; {advice}")]
    BadValue {
        /// Where the value stands.
        origin: String,
        /// Its key.
        key: &'static str,
        /// The value.
        value: String,
        /// What to write.
        advice: &'static str,
    },
    /// Half of the cloud was given.
    #[error("{given} is set and {missing} is not; a cloud node needs both its address and its key")]
    HalfCloud {
        /// The key that is set.
        given: &'static str,
        /// The key that is not.
        missing: &'static str,
    },
    /// A mail server without a sender, or without anybody to write to.
    #[error("alert_smtp is set and {missing} is not; a mail needs both alert_from and alert_to")]
    HalfMail {
        /// The key that is not set.
        missing: &'static str,
    },
    /// There is no place for the root.
    #[error("there is no home directory, so there is no default for --root; give --root DIR")]
    NoHome,
}

/// Keys of a configuration file, and what follows `TALLYLINE_` in the environment.
const KEYS: [&str; 22] = [
    "root",
    "mode",
    "listen",
    "http",
    "peers",
    "mdns",
    "cloud",
    "cloud_key",
    "fallback",
    "color",
    "log",
    "passphrase_file",
    "score_log",
    "metered",
    "media_quota",
    "store",
    "blobs",
    "hints",
    "look_every",
    "advisory_locks",
    "active_events",
    "spectators",
];

/// Keys whose value may be written as true or false without quotes, and as a number.
const FLAGS: [&str; 5] = ["mdns", "score_log", "advisory_locks", "metered", "fallback"];
const NUMBERS: [&str; 3] = ["active_events", "spectators", "media_quota"];

/// Longest configuration file in bytes that is read; a real one has a few hundred.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// What is logged unless something else is asked for.
const LOG_DEFAULT: &str = "info";

/// One place where values may stand.
struct Layer {
    origin: String,
    raw: RawConfig,
}

/// All places in the order in which they are asked.
struct Layers(Vec<Layer>);

impl Config {
    /// Puts flags, environment and files together.
    ///
    /// `file` is the file of `--config`, which must exist; the user's and the system's files may
    /// be missing. `terminal` tells whether the standard output is one.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with the place of the first value that does not hold.
    pub fn load(
        flags: RawConfig,
        file: Option<&Path>,
        env: &Environment,
        terminal: bool,
    ) -> Result<Self, ConfigError> {
        let mut layers = vec![
            Layer {
                origin: "the command line".to_owned(),
                raw: flags,
            },
            Layer {
                origin: "the environment".to_owned(),
                raw: env.raw(),
            },
        ];
        let named = file
            .map(Path::to_path_buf)
            .or_else(|| env.path("TALLYLINE_CONFIG"));
        if let Some(path) = named {
            layers.push(Layer::read(&path)?);
        }
        let user = env.xdg("XDG_CONFIG_HOME", ".config");
        let user = user.map(|folder| folder.join("tallyline/config.toml"));
        for path in user
            .into_iter()
            .chain([PathBuf::from("/etc/tallyline/config.toml")])
        {
            layers.extend(Layer::read_if_there(&path)?);
        }
        Self::resolve(&Layers(layers), env, terminal)
    }

    fn resolve(layers: &Layers, env: &Environment, terminal: bool) -> Result<Self, ConfigError> {
        let root = match layers.value(|raw| raw.root.clone()) {
            Some((root, _)) => PathBuf::from(root),
            None => env
                .xdg("XDG_STATE_HOME", ".local/state")
                .ok_or(ConfigError::NoHome)?
                .join("tallyline"),
        };
        let mode_advice = "use device, gateway or cloud";
        let listen_advice = "write ip:port, for example 0.0.0.0:4433 or [::]:0";
        let http_advice = "write ip:port, for example 0.0.0.0:8080 or 127.0.0.1:0";
        let size_advice = "write bytes, or a size such as 500MiB or 2GiB";
        let peer_advice = "write host:port, for example 192.168.8.20:4433";
        Ok(Self {
            root,
            mode: layers.read("mode", mode_advice, |raw| raw.mode.clone())?,
            listen: layers.read_list("listen", listen_advice, |raw| raw.listen.clone())?,
            http: layers.read_list("http", http_advice, |raw| raw.http.clone())?,
            peers: layers
                .read_list::<HostPort>("peers", peer_advice, |raw| raw.peers.clone())?
                .into_iter()
                .map(|peer| peer.0)
                .collect(),
            mdns: layers
                .read("mdns", "use true or false", |raw| raw.mdns.clone())?
                .unwrap_or(true),
            cloud: uplink::cloud(layers)?,
            fallback: keeping::fallback(layers)?,
            log: layers
                .value(|raw| raw.log.clone())
                .map_or(LOG_DEFAULT.to_owned(), |it| it.0),
            passphrase: match layers.value(|raw| raw.passphrase_file.clone()) {
                Some((path, _)) => PassphraseSource::File(PathBuf::from(path)),
                None if std::io::stdin().is_terminal() => PassphraseSource::Terminal,
                None => PassphraseSource::Nowhere,
            },
            score_log: layers
                .read::<Switch>("score_log", "use on or off", |raw| raw.score_log.clone())?
                .is_none_or(|it| it.0),
            metered: layers
                .read::<Costs>("metered", "use true, false or auto", |raw| {
                    raw.metered.clone()
                })?
                .map_or_else(Metered::default, |it| it.0),
            media_quota: layers
                .read::<Bytes>("media_quota", size_advice, |raw| raw.media_quota.clone())?
                .map_or(QUOTA_DEFAULT, |it| it.0),
            events: keeping::events(layers, env)?,
            spectators: layers.read("spectators", "write how many, 1 to 65535", |raw| {
                raw.spectators.clone()
            })?,
            alerts: alerting::settings(layers)?,
            screen: Screen {
                color: color(layers, env, terminal)?,
                utf8: env.utf8(),
                columns: if terminal { terminal_columns() } else { None },
            },
        })
    }
}

/// Returns where the laboratory's binary is to fail; see `failpoint`.
#[cfg(feature = "failpoints")]
pub(crate) fn failpoints() -> String {
    let env = Environment::of_process();
    env.get("TALLYLINE_FAILPOINT")
        .unwrap_or_default()
        .to_owned()
}

impl Environment {
    /// Takes the process's environment; names and values that are not UTF-8 are left out.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment"
    )]
    pub fn of_process() -> Self {
        let all = std::env::vars_os();
        let texts = all.filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self(texts.collect())
    }

    /// Returns a variable that is set and not empty.
    fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Returns the variables whose names begin so: what other programs' settings are called.
    fn beginning_with(&self, start: &str) -> Vec<(String, String)> {
        let named = self.0.iter().filter(|(name, _)| name.starts_with(start));
        named.map(|(name, it)| (name.clone(), it.clone())).collect()
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }

    /// Returns a folder of the XDG base directories; a relative one is to be ignored.
    fn xdg(&self, name: &str, below_home: &str) -> Option<PathBuf> {
        self.path(name)
            .filter(|folder| folder.is_absolute())
            .or_else(|| Some(self.path("HOME")?.join(below_home)))
    }

    fn raw(&self) -> RawConfig {
        let text = |name: &str| self.get(name).map(str::to_owned);
        let list = |name: &str| {
            let parts = self
                .get(name)?
                .split(',')
                .map(|part| part.trim().to_owned());
            Some(parts.filter(|part| !part.is_empty()).collect())
        };
        RawConfig {
            root: text("TALLYLINE_ROOT"),
            // The name that the Raspberry Pi images of earlier installations set.
            mode: text("TALLYLINE_MODE").or_else(|| self.system_mode()),
            listen: list("TALLYLINE_LISTEN"),
            http: list("TALLYLINE_HTTP"),
            peers: list("TALLYLINE_PEERS"),
            mdns: text("TALLYLINE_MDNS"),
            cloud: text("TALLYLINE_CLOUD"),
            cloud_key: text("TALLYLINE_CLOUD_KEY"),
            fallback: text("TALLYLINE_FALLBACK"),
            color: text("TALLYLINE_COLOR"),
            log: text("TALLYLINE_LOG"),
            passphrase_file: text("TALLYLINE_PASSPHRASE_FILE"),
            score_log: text("TALLYLINE_SCORE_LOG"),
            metered: text("TALLYLINE_METERED"),
            media_quota: text("TALLYLINE_MEDIA_QUOTA"),
            store: text("TALLYLINE_STORE"),
            blobs: text("TALLYLINE_BLOBS"),
            hints: text("TALLYLINE_HINTS"),
            look_every: text("TALLYLINE_LOOK_EVERY"),
            advisory_locks: text("TALLYLINE_ADVISORY_LOCKS"),
            active_events: text("TALLYLINE_ACTIVE_EVENTS"),
            spectators: text("TALLYLINE_SPECTATORS"),
            alerts: alerting::of_environment(self),
        }
    }

    fn system_mode(&self) -> Option<String> {
        let mode = self.get("SYSTEM_MODE")?;
        Some(
            if mode == "offline_device" {
                "gateway"
            } else {
                mode
            }
            .to_owned(),
        )
    }

    fn utf8(&self) -> bool {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(|name| self.get(name));
        let locale = locale.unwrap_or_default().to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    }
}

impl Layer {
    fn read_if_there(path: &Path) -> Result<Option<Self>, ConfigError> {
        match std::fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == ErrorKind::NotADirectory => Ok(None),
            // A user's file behind a folder without permission is another user's.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(None),
            Err(_) | Ok(_) => Self::read(path).map(Some),
        }
    }

    fn read(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |cause: String| ConfigError::Unreadable {
            path: path.to_path_buf(),
            cause,
        };
        let size = std::fs::metadata(path)
            .map_err(|error| unreadable(error.to_string()))?
            .len();
        if FILE_BYTES_MAX < size {
            return Err(unreadable(format!(
                "{size} bytes are more than {FILE_BYTES_MAX}"
            )));
        }
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        let raw = parse_file(path, &text)?;
        Ok(Self {
            origin: path.display().to_string(),
            raw,
        })
    }
}

impl Layers {
    /// Returns the first value that some place gives, with its place.
    fn value<T>(&self, pick: impl Fn(&RawConfig) -> Option<T>) -> Option<(T, &str)> {
        self.0
            .iter()
            .find_map(|layer| Some((pick(&layer.raw)?, layer.origin.as_str())))
    }

    fn read<T: FromStr>(
        &self,
        key: &'static str,
        advice: &'static str,
        pick: impl Fn(&RawConfig) -> Option<String>,
    ) -> Result<Option<T>, ConfigError> {
        match self.value(pick) {
            None => Ok(None),
            Some((value, origin)) => parse(origin, key, value, advice).map(Some),
        }
    }

    fn read_list<T: FromStr>(
        &self,
        key: &'static str,
        advice: &'static str,
        pick: impl Fn(&RawConfig) -> Option<Vec<String>>,
    ) -> Result<Vec<T>, ConfigError> {
        let (values, origin) = self.value(pick).unwrap_or_default();
        values
            .into_iter()
            .map(|value| parse(origin, key, value, advice))
            .collect()
    }
}

/// When to use colours.
enum ColorWhen {
    Auto,
    Always,
    Never,
}

/// Something that is on or off.
struct Switch(bool);

impl FromStr for Switch {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "on" | "true" => Ok(Self(true)),
            "off" | "false" => Ok(Self(false)),
            _ => Err(()),
        }
    }
}

/// Whether a link costs money.
struct Costs(Metered);

impl FromStr for Costs {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "auto" => Ok(Self(Metered::Auto)),
            "true" | "on" => Ok(Self(Metered::Yes)),
            "false" | "off" => Ok(Self(Metered::No)),
            _ => Err(()),
        }
    }
}

/// A size in bytes.
struct Bytes(u64);

impl FromStr for Bytes {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let digits = text.trim_end_matches(|it: char| !it.is_ascii_digit());
        let unit: u64 = match text.strip_prefix(digits).map(str::trim) {
            Some("") => 1,
            Some("KiB") => 1 << 10,
            Some("MiB") => 1 << 20,
            Some("GiB") => 1 << 30,
            Some(_) | None => return Err(()),
        };
        let number: u64 = digits.parse().map_err(|_| ())?;
        number.checked_mul(unit).map(Self).ok_or(())
    }
}

/// A host name or address with a port; the name is looked up when it is dialled.
struct HostPort(String);

impl FromStr for ColorWhen {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "auto" => Ok(Self::Auto),
            "always" => Ok(Self::Always),
            "never" => Ok(Self::Never),
            _ => Err(()),
        }
    }
}

impl FromStr for HostPort {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (host, port) = text.rsplit_once(':').ok_or(())?;
        let bare_v6 = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
        match port.parse::<u16>() {
            Ok(1..) if !host.is_empty() && !bare_v6 => Ok(Self(text.to_owned())),
            Ok(_) | Err(_) => Err(()),
        }
    }
}

fn parse<T: FromStr>(
    origin: &str,
    key: &'static str,
    value: String,
    advice: &'static str,
) -> Result<T, ConfigError> {
    let parsed = value.trim().parse();
    parsed.map_err(|_| ConfigError::BadValue {
        origin: origin.to_owned(),
        key,
        value,
        advice,
    })
}

/// Returns how many characters a line of the terminal has.
fn terminal_columns() -> Option<u16> {
    let size = tcgetwinsize(std::io::stdout()).ok()?;
    (0 < size.ws_col).then_some(size.ws_col)
}

/// Flag and `TALLYLINE_COLOR` stand above the common variables, and those above files.
fn color(layers: &Layers, env: &Environment, terminal: bool) -> Result<bool, ConfigError> {
    let advice = "use auto, always or never";
    let pick = |raw: &RawConfig| raw.color.clone();
    let (typed, files) = layers.0.split_at(layers.0.len().min(2));
    for layer in typed {
        if let Some(value) = pick(&layer.raw) {
            let when = parse(&layer.origin, "color", value, advice)?;
            return Ok(wanted(&when, env, terminal));
        }
    }
    if env.get("NO_COLOR").is_some() {
        return Ok(false);
    }
    if env.get("CLICOLOR_FORCE").is_some_and(|value| value != "0") {
        return Ok(true);
    }
    for layer in files {
        if let Some(value) = pick(&layer.raw) {
            let when = parse(&layer.origin, "color", value, advice)?;
            return Ok(wanted(&when, env, terminal));
        }
    }
    Ok(wanted(&ColorWhen::Auto, env, terminal))
}

fn wanted(when: &ColorWhen, env: &Environment, terminal: bool) -> bool {
    match when {
        ColorWhen::Always => true,
        ColorWhen::Never => false,
        ColorWhen::Auto => terminal && env.get("TERM").is_none_or(|term| term != "dumb"),
    }
}

/// Reads the text of a configuration file.
fn parse_file(path: &Path, text: &str) -> Result<RawConfig, ConfigError> {
    let table: toml::Table =
        text.parse()
            .map_err(|error: toml::de::Error| ConfigError::NotToml {
                path: path.to_path_buf(),
                cause: error.to_string(),
            })?;
    if let Some(key) = table.keys().find(|key| !is_key(key)) {
        return Err(ConfigError::UnknownKey {
            path: path.to_path_buf(),
            key: key.clone(),
            advice: suggestion(key),
        });
    }
    let origin = path.display().to_string();
    let bad = |key: &'static str, value: &toml::Value, advice| ConfigError::BadValue {
        origin: origin.clone(),
        key,
        value: value.to_string(),
        advice,
    };
    let string = |key: &'static str| match table.get(key) {
        None => Ok(None),
        Some(toml::Value::String(text)) => Ok(Some(text.clone())),
        Some(toml::Value::Boolean(flag)) if FLAGS.contains(&key) => Ok(Some(flag.to_string())),
        Some(toml::Value::Integer(number)) if NUMBERS.contains(&key) => {
            Ok(Some(number.to_string()))
        }
        Some(value) => Err(bad(key, value, "write a text in quotes")),
    };
    let list = |key: &'static str| {
        let advice = "write a list of texts, for example [\"192.168.8.20:4433\"]";
        let Some(value) = table.get(key) else {
            return Ok(None);
        };
        let items = value.as_array().ok_or_else(|| bad(key, value, advice))?;
        let text = |item: &toml::Value| item.as_str().map(str::to_owned);
        let texts: Option<Vec<String>> = items.iter().map(text).collect();
        texts.map(Some).ok_or_else(|| bad(key, value, advice))
    };
    Ok(RawConfig {
        root: string("root")?,
        mode: string("mode")?,
        listen: list("listen")?,
        http: list("http")?,
        peers: list("peers")?,
        mdns: string("mdns")?,
        cloud: string("cloud")?,
        cloud_key: string("cloud_key")?,
        fallback: string("fallback")?,
        color: string("color")?,
        log: string("log")?,
        passphrase_file: string("passphrase_file")?,
        score_log: string("score_log")?,
        metered: string("metered")?,
        media_quota: string("media_quota")?,
        store: string("store")?,
        blobs: string("blobs")?,
        hints: string("hints")?,
        look_every: string("look_every")?,
        advisory_locks: string("advisory_locks")?,
        active_events: string("active_events")?,
        spectators: string("spectators")?,
        alerts: alerting::raw(string, list)?,
    })
}

fn is_key(key: &str) -> bool {
    KEYS.contains(&key) || alerting::KEYS.contains(&key)
}

/// Names the likeliest key, or all of them when none is near.
fn suggestion(key: &str) -> String {
    let all = || KEYS.into_iter().chain(alerting::KEYS);
    let nearest = all().min_by_key(|known| distance(key, known));
    match nearest {
        Some(known) if distance(key, known) <= 2 => format!("did you mean \"{known}\"?"),
        Some(_) | None => {
            format!("the keys are {}", all().collect::<Vec<_>>().join(", "))
        }
    }
}

/// Counts the letters to add, remove or exchange until one word is the other.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (line, letter) in from.chars().enumerate() {
        let mut before = line;
        let mut left = line.saturating_add(1);
        for (place, other) in to.chars().enumerate() {
            let Some(above) = row.get_mut(place.saturating_add(1)) else {
                continue;
            };
            let exchanged = before.saturating_add(usize::from(letter != other));
            let cheapest = exchanged
                .min(above.saturating_add(1))
                .min(left.saturating_add(1));
            before = *above;
            *above = cheapest;
            left = cheapest;
        }
        if let Some(first) = row.first_mut() {
            *first = line.saturating_add(1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
