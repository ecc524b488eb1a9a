//! Tests of the configuration's places and messages.

use super::*;

fn env(pairs: &[(&str, &str)]) -> Environment {
    let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    Environment(
        [("HOME", "/home/ro")]
            .iter()
            .chain(pairs)
            .map(owned)
            .collect(),
    )
}

fn file(folder: &tempfile::TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("config.toml");
    std::fs::write(&path, text).unwrap();
    path
}

fn load(flags: RawConfig, text: &str, env: &Environment) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, text);
    Config::load(flags, Some(&path), env, false)
}

#[test]
fn a_flag_beats_the_environment_and_that_beats_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("tallyline");
    std::fs::create_dir(&home).unwrap();
    std::fs::write(home.join("config.toml"), "root = \"/user\"\nlog = \"warn\"").unwrap();
    let named = file(&folder, "root = \"/named\"");
    let xdg = ("XDG_CONFIG_HOME", folder.path().to_str().unwrap());
    let flag = RawConfig {
        root: Some("/flag".to_owned()),
        ..RawConfig::default()
    };
    let both = env(&[xdg, ("TALLYLINE_ROOT", "/env")]);

    let root = |flags: &RawConfig, file: Option<&Path>, env: &Environment| {
        Config::load(flags.clone(), file, env, false).unwrap().root
    };
    let none = RawConfig::default();
    assert_eq!(root(&flag, Some(&named), &both), Path::new("/flag"));
    assert_eq!(root(&none, Some(&named), &both), Path::new("/env"));
    assert_eq!(root(&none, Some(&named), &env(&[xdg])), Path::new("/named"));
    assert_eq!(root(&none, None, &env(&[xdg])), Path::new("/user"));
    assert_eq!(
        root(&none, None, &env(&[])),
        Path::new("/home/ro/.local/state/tallyline")
    );
    let state = env(&[("XDG_STATE_HOME", "/state")]);
    assert_eq!(root(&none, None, &state), Path::new("/state/tallyline"));

    let merged = Config::load(none, Some(&named), &env(&[xdg]), false).unwrap();
    assert_eq!(
        merged.log, "warn",
        "a place below fills what the places above leave open"
    );
}

#[test]
fn a_file_fills_every_field() {
    let key = tallyline_keys::DeviceKey::from_seed([1; 32]).public();
    let text = format!(
        "root = \"/r\"\nmode = \"gateway\"\nlisten = [\"0.0.0.0:4433\", \"[::]:0\"]\n\
         peers = [\"pi.local:4433\"]\nmdns = false\ncloud = \"cloud.example:443\"\n\
         cloud_key = \"{key}\"\ncolor = \"never\"\nlog = \"debug\"\nhttp = [\"[::1]:8080\"]"
    );
    let config = load(RawConfig::default(), &text, &env(&[])).unwrap();
    assert_eq!(config.mode, Some(Mode::Gateway));
    assert_eq!(config.listen.len(), 2);
    assert_eq!(config.peers, ["pi.local:4433"]);
    assert!(!config.mdns);
    assert_eq!(
        config.cloud,
        Some(Cloud {
            addresses: vec!["cloud.example:443".to_owned()],
            key
        })
    );
    assert_eq!(config.log, "debug");
    assert_eq!(config.http, ["[::1]:8080".parse().unwrap()]);
}

#[test]
fn a_cloud_of_several_nodes_has_several_addresses() {
    let key = tallyline_keys::DeviceKey::from_seed([1; 32]).public();
    let read = |places: &str| {
        let text = format!("cloud = \"{places}\"\ncloud_key = \"{key}\"");
        load(RawConfig::default(), &text, &env(&[]))
    };
    let addresses = read("a.example:443, [::1]:4433")
        .unwrap()
        .cloud
        .unwrap()
        .addresses;
    assert_eq!(addresses, ["a.example:443", "[::1]:4433"]);
    let many = ["a.example:443"; 9].join(",");
    for bad in [
        "",
        "a.example",
        "a.example:443,",
        "a.example:443;b.example:443",
        &many,
    ] {
        let refused = read(bad);
        assert!(
            matches!(refused, Err(ConfigError::BadValue { .. })),
            "{bad}: {refused:?}"
        );
    }
}

#[test]
fn https_stands_in_for_udp_unless_it_is_told_otherwise() {
    let read = |text| {
        load(RawConfig::default(), text, &env(&[]))
            .unwrap()
            .fallback
    };
    assert_eq!(read(""), Fallback::On);
    assert_eq!(read("fallback = \"on\""), Fallback::On);
    assert_eq!(read("fallback = false"), Fallback::Off);
    let at = "0.0.0.0:443".parse().unwrap();
    assert_eq!(read("fallback = \"0.0.0.0:443\""), Fallback::At(at));
    check("fallback = \"443\"", "use on, off, or ip:port");
}

/// Compares the message of one bad file.
fn check(text: &str, expected: &str) {
    let message = load(RawConfig::default(), text, &env(&[]))
        .unwrap_err()
        .to_string();
    assert!(message.contains(expected), "{message:?} lacks {expected:?}");
}

#[test]
fn bad_files_are_told_with_what_to_do() {
    check("rot = \"x\"", "unknown key \"rot\"; did you mean \"root\"?");
    check("cloudkey = \"x\"", "did you mean \"cloud_key\"?");
    check("temperature = 3", "the keys are root, mode, listen, http,");
    check(
        "mode = \"kiosk\"",
        "mode is \"kiosk\"; use device, gateway or cloud",
    );
    check("mode = 3", "mode is \"3\"; write a text in quotes");
    check("listen = \"x\"", "write a list of texts");
    check("http = [\"8080\"]", "http is \"8080\"; write ip:port");
    check("listen = [\"4433\"]", "listen is \"4433\"; write ip:port");
    check("peers = [\"fe80::1:4433\"]", "write host:port");
    check("peers = [\"pi.local\"]", "write host:port");
    check("peers = [\"pi.local:0\"]", "write host:port");
    check(
        "cloud = \"cloud.example:1\"",
        "cloud is set and cloud_key is not",
    );
    check("cloud_key = \"abc\"", "write the whole fingerprint");
    check("color = \"blue\"", "use auto, always or never");
    check("mdns = \"maybe\"", "use true or false");
    check("root = ", "is not TOML");
}

#[test]
fn a_named_file_must_exist_and_the_others_need_not() {
    let missing = Path::new("/nowhere/config.toml");
    let error = Config::load(RawConfig::default(), Some(missing), &env(&[]), false).unwrap_err();
    assert!(error.to_string().contains("cannot be read"), "{error}");
    assert!(
        Config::load(RawConfig::default(), None, &env(&[]), false).is_ok(),
        "no files"
    );
}

#[test]
fn the_environment_reaches_every_field() {
    let config = Config::load(
        RawConfig::default(),
        None,
        &env(&[
            ("TALLYLINE_MODE", "cloud"),
            ("TALLYLINE_LISTEN", "127.0.0.1:1, 127.0.0.1:2"),
            ("TALLYLINE_PEERS", "a:1,b:2"),
            ("TALLYLINE_MDNS", "false"),
            ("TALLYLINE_HTTP", "127.0.0.1:0"),
        ]),
        false,
    )
    .unwrap();
    assert_eq!(config.mode, Some(Mode::Cloud));
    assert_eq!(config.listen.len(), 2);
    assert_eq!(config.peers, ["a:1", "b:2"]);
    assert_eq!(config.http.len(), 1);
    assert!(!config.mdns);
    let alias = env(&[("SYSTEM_MODE", "offline_device")]);
    let config = Config::load(RawConfig::default(), None, &alias, false).unwrap();
    assert_eq!(config.mode, Some(Mode::Gateway));
    let nobody = Environment::default();
    let error = Config::load(RawConfig::default(), None, &nobody, false).unwrap_err();
    assert_eq!(error, ConfigError::NoHome);
}

#[test]
fn colours_follow_flag_then_common_variables_then_file_then_terminal() {
    let check = |flag: Option<&str>, pairs: &[(&str, &str)], file: &str, terminal, expected| {
        let folder = tempfile::tempdir().unwrap();
        let path = self::file(&folder, file);
        let flags = RawConfig {
            color: flag.map(str::to_owned),
            ..RawConfig::default()
        };
        let config = Config::load(flags, Some(&path), &env(pairs), terminal).unwrap();
        assert_eq!(
            config.screen.color, expected,
            "{flag:?} {pairs:?} {file:?} {terminal}"
        );
    };
    check(None, &[], "", true, true);
    check(None, &[], "", false, false);
    check(None, &[("TERM", "dumb")], "", true, false);
    check(
        None,
        &[("NO_COLOR", "1")],
        "color = \"always\"",
        true,
        false,
    );
    check(None, &[("NO_COLOR", "")], "", true, true);
    check(
        None,
        &[("CLICOLOR_FORCE", "1")],
        "color = \"never\"",
        false,
        true,
    );
    check(None, &[("CLICOLOR_FORCE", "0")], "", false, false);
    check(None, &[], "color = \"always\"", false, true);
    check(Some("always"), &[("NO_COLOR", "1")], "", false, true);
    check(Some("auto"), &[("CLICOLOR_FORCE", "1")], "", false, false);
}

#[test]
fn utf8_is_taken_from_the_locale() {
    let check = |pairs: &[(&str, &str)], expected| {
        assert_eq!(env(pairs).utf8(), expected, "{pairs:?}");
    };
    check(&[("LANG", "fi_FI.UTF-8")], true);
    check(&[("LANG", "C.utf8")], true);
    check(&[("LANG", "C")], false);
    check(&[], false);
    check(&[("LC_ALL", "C"), ("LANG", "fi_FI.UTF-8")], false);
}

#[test]
fn a_metered_link_and_a_quota_are_said_in_words_and_sizes() {
    let config = |text: &str| load(RawConfig::default(), text, &env(&[]));
    let told = |text: &str| {
        let config = config(text).unwrap();
        (config.metered, config.media_quota)
    };
    assert_eq!(told(""), (Metered::Auto, 2 << 30));
    assert_eq!(
        told("metered = true\nmedia_quota = 5000"),
        (Metered::Yes, 5000)
    );
    assert_eq!(
        told("metered = \"false\"\nmedia_quota = \"500 MiB\""),
        (Metered::No, 500 << 20)
    );
    for bad in [
        "metered = \"maybe\"",
        "media_quota = \"2 GB\"",
        "media_quota = \"MiB\"",
        "media_quota = -1",
        "media_quota = \"99999999999GiB\"",
    ] {
        let problem = config(bad).unwrap_err().to_string();
        assert!(
            problem.contains("; use ") || problem.contains("; write "),
            "{problem}"
        );
    }
}

#[test]
fn looks_and_spectators_are_said_in_times_and_numbers() {
    let config = |text: &str| load(RawConfig::default(), text, &env(&[]));
    let told = |text: &str| {
        let config = config(text).unwrap();
        let look = config.events.look_every.map(|it| it.as_millis());
        (look, config.spectators.map(NonZeroU16::get))
    };
    assert_eq!(told(""), (None, None));
    assert_eq!(
        told("look_every = \"500ms\"\nspectators = 10000"),
        (Some(500), Some(10_000))
    );
    assert_eq!(told("look_every = \"24h\""), (Some(86_400_000), None));
    for bad in [
        "look_every = \"99ms\"",
        "look_every = \"25h\"",
        "look_every = \"2\"",
        "look_every = \"s\"",
        "spectators = 0",
        "spectators = 65536",
        "hints = \"carrier pigeon\"",
    ] {
        let problem = config(bad).unwrap_err().to_string();
        assert!(
            problem.contains("; use ") || problem.contains("; write "),
            "{problem}"
        );
    }
}
