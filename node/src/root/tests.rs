use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[test]
fn a_created_root_opens_again_with_the_same_key() {
    let dir = folder();
    let made = Root::create(dir.path(), "Tablet 3", Mode::Gateway).expect("creates");
    let opened = Root::open(dir.path()).expect("opens");
    assert_eq!(made.key(), opened.key());
    assert_eq!(opened.device_key().public(), opened.key());
    assert_eq!(opened.label(), "Tablet 3");
    assert_eq!(opened.mode(), Mode::Gateway);
    assert!(
        !format!("{opened:?}").contains(&hex(opened.device_key().seed())),
        "seed is shown"
    );
}

#[test]
fn a_second_create_changes_nothing() {
    let dir = folder();
    let made = Root::create(dir.path(), "A", Mode::Device).expect("creates");
    let again = Root::create(dir.path(), "B", Mode::Cloud).expect_err("refuses");
    assert!(
        matches!(again, RootError::Exists { ref label, .. } if label == "A"),
        "{again}"
    );
    assert_eq!(Root::open(dir.path()).expect("opens").key(), made.key());
}

#[test]
fn an_empty_folder_is_missing_and_the_message_says_what_to_do() {
    let dir = folder();
    let error = Root::open(dir.path()).expect_err("refuses");
    assert!(matches!(error, RootError::Missing { .. }), "{error}");
    assert!(error.to_string().contains("tallyline init"), "{error}");
}

#[test]
fn a_key_that_others_can_read_is_refused_with_chmod() {
    let dir = folder();
    Root::create(dir.path(), "A", Mode::Device).expect("creates");
    let path = dir.path().join("device.key");
    for mode in [0o644, 0o640, 0o604, 0o620] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("chmod");
        let error = Root::open(dir.path()).expect_err("refuses");
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("chmod");
    Root::open(dir.path()).expect("opens");
}

#[test]
fn broken_files_are_named() {
    let cases: [(&str, &str, &str); 4] = [
        ("device.key", "xyz", "64 hex digits"),
        ("device.key", "", "64 hex digits"),
        ("device.toml", "label = 3", "device.toml"),
        (
            "device.toml",
            "label = \"A\"\nmode = \"device\"\ncolour = 1",
            "colour",
        ),
    ];
    for (file, content, word) in cases {
        let dir = folder();
        Root::create(dir.path(), "A", Mode::Device).expect("creates");
        fs::write(dir.path().join(file), content).expect("writes");
        let error = Root::open(dir.path()).expect_err("refuses");
        assert!(error.to_string().contains(word), "{file}: {error}");
    }
}

#[test]
fn labels_have_1_to_32_bytes_and_no_control_characters() {
    for label in ["", "  ", "123456789012345678901234567890123", "a\nb", "a\0"] {
        let dir = folder();
        let error = Root::create(dir.path(), label, Mode::Device).expect_err("refuses");
        assert!(matches!(error, RootError::Label { .. }), "{error}");
        assert!(
            !dir.path().join("device.key").exists(),
            "a key was made for {label:?}"
        );
    }
}

#[test]
fn a_root_is_used_by_one_at_a_time() {
    let dir = folder();
    let root = Root::create(dir.path(), "A", Mode::Device).expect("creates");
    let lock = root.lock().expect("locks");
    let error = Root::open(dir.path())
        .expect("opens")
        .lock()
        .expect_err("refuses");
    let pid = std::process::id();
    assert!(
        error
            .to_string()
            .contains(&format!("in use by another tallyline (pid {pid})")),
        "{error}"
    );
    drop(lock);
    root.lock().expect("locks again");
}

#[test]
fn hex_reads_what_it_writes_and_nothing_else() {
    let all: Vec<u8> = (0..=255).collect();
    assert_eq!(unhex(&hex(&all)), Some(all));
    for text in ["0", "0g", "é"] {
        assert_eq!(unhex(text), None, "{text}");
    }
}

#[test]
fn modes_read_by_name() {
    for mode in [Mode::Device, Mode::Gateway, Mode::Cloud] {
        assert_eq!(mode.name().parse(), Ok(mode));
    }
    assert!("phone".parse::<Mode>().is_err(), "phone is no mode");
}

/// Bad input 52.
#[test]
fn a_missing_key_beside_a_store_says_re_enrol_and_init_draws_no_other() {
    let dir = folder();
    Root::create(dir.path(), "A", Mode::Device).expect("creates");
    fs::write(dir.path().join("node.redb"), "scores").expect("writes");
    fs::remove_file(dir.path().join("device.key")).expect("removes");
    for error in [
        Root::open(dir.path()).expect_err("refuses"),
        Root::create(dir.path(), "A", Mode::Device).expect_err("refuses"),
    ] {
        assert!(matches!(error, RootError::KeyMissing { .. }), "{error}");
        assert!(
            error.to_string().contains("have the owner invite it"),
            "{error}"
        );
    }
    assert!(!dir.path().join("device.key").exists(), "no other key");
}

/// A board with a serial number.
fn board(serial: &str) -> (tempfile::TempDir, Board) {
    let dir = folder();
    fs::create_dir_all(dir.path().join("proc/device-tree")).expect("folders");
    fs::write(dir.path().join("proc/device-tree/serial-number"), serial).expect("writes");
    let board = Board::below(dir.path());
    (dir, board)
}

/// Bad input 52.
#[test]
fn a_key_on_another_board_may_be_read_and_not_sign_until_it_is_adopted() {
    let dir = folder();
    let made = Root::create(dir.path(), "A", Mode::Device).expect("creates");
    let (_one, here) = board("pi-1");
    let (_two, there) = board("pi-2");
    Root::adopt_board(dir.path(), &here).expect("taken to this board");
    let on = |board| Root::open_on(dir.path(), &PassphraseSource::Nowhere, board).expect("opens");
    on(&here).may_sign().expect("at home");
    let error = on(&there).may_sign().expect_err("refuses");
    assert!(error.to_string().contains("init --adopt-board"), "{error}");
    assert!(
        error.to_string().contains("have the owner invite it"),
        "{error}"
    );
    Root::adopt_board(dir.path(), &there).expect("moved for good");
    on(&there).may_sign().expect("at home");
    on(&here).may_sign().expect_err("and nowhere else");
    assert_eq!(on(&there).key(), made.key(), "the same key");
    let mode = fs::metadata(dir.path().join("device.key"))
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_key_of_an_older_version_names_no_board_and_signs() {
    let dir = folder();
    Root::create(dir.path(), "A", Mode::Device).expect("creates");
    fs::write(dir.path().join("device.key"), "07".repeat(32)).expect("writes");
    Root::open(dir.path())
        .expect("opens")
        .may_sign()
        .expect("signs");
}

#[test]
fn a_sealed_key_opens_with_its_passphrase_only() {
    let dir = folder();
    let file = dir.path().join("passphrase");
    let source = PassphraseSource::File(file.clone());
    let say = |text: &str| {
        fs::write(&file, text).expect("writes");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("chmod");
    };
    say("correct horse\nsecond line\n");
    let passphrase = source.get("").expect("readable").expect("there");
    let root = dir.path().join("root");
    let made = Root::create_sealed(&root, ("A", Mode::Device), Some(&passphrase)).expect("creates");
    let text = fs::read_to_string(root.join("device.key")).expect("a file");
    assert!(text.starts_with("sealed1 argon2id "), "{text}");
    assert!(
        !text.contains(&hex(made.device_key().seed())),
        "the seed is not in it"
    );
    assert_eq!(
        Root::open_with(&root, &source).expect("opens").key(),
        made.key()
    );
    let error = Root::open(&root).expect_err("no passphrase");
    assert!(matches!(error, RootError::Sealed { .. }), "{error}");
    say("wrong horse");
    let error = Root::open_with(&root, &source).expect_err("another passphrase");
    assert!(
        matches!(error, RootError::WrongPassphrase { .. }),
        "{error}"
    );
    say("correct horse");
    let bent = text.replacen(" 65536 ", " 65535 ", 1);
    fs::write(root.join("device.key"), bent).expect("writes");
    let error = Root::open_with(&root, &source).expect_err("other parameters");
    assert!(
        matches!(error, RootError::WrongPassphrase { .. }),
        "{error}"
    );
    let greedy = text.replacen(" 65536 ", " 4000000000 ", 1);
    fs::write(root.join("device.key"), greedy).expect("writes");
    let error = Root::open_with(&root, &source).expect_err("too much memory");
    assert!(matches!(error, RootError::Malformed { .. }), "{error}");
}

#[test]
fn a_passphrase_is_long_enough_and_comes_from_a_file_of_ones_own() {
    let dir = folder();
    let file = dir.path().join("passphrase");
    let source = PassphraseSource::File(file.clone());
    for (text, mode, word) in [
        ("short\n", 0o600, "8 to 1024"),
        (&*"x".repeat(1025), 0o600, "8 to 1024"),
        ("long enough", 0o644, "chmod 600"),
    ] {
        fs::write(&file, text).expect("writes");
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("chmod");
        let error = source.get("").expect_err("refuses");
        assert!(error.to_string().contains(word), "{error}");
    }
    let none = PassphraseSource::File(dir.path().join("none"))
        .get("")
        .expect_err("refuses");
    assert!(matches!(none, RootError::Passphrase { .. }), "{none}");
}

#[test]
fn a_card_s_key_is_taken_and_the_one_before_is_kept() {
    let dir = folder();
    let root = Root::create(dir.path(), "Tablet", Mode::Device).expect("creates");
    let before = root.key();
    let root = root
        .take_key(&[3; 32], &PassphraseSource::Nowhere)
        .expect("takes the key");
    assert_eq!(root.key(), DeviceKey::from_seed([3; 32]).public());
    assert_eq!(root.label(), "Tablet", "the device keeps its name");
    let kept = fs::read_to_string(dir.path().join("device.key.before-1")).expect("is kept");
    let seed = unhex(kept.lines().next().unwrap_or_default());
    let seed = seed.and_then(|it| <[u8; 32]>::try_from(it).ok());
    assert_eq!(
        seed.map(|seed| DeviceKey::from_seed(seed).public()),
        Some(before)
    );
    let again = Root::open(dir.path()).expect("opens");
    assert_eq!(again.key(), root.key());
    let lock = again.lock().expect("locks");
    let refused = root.take_key(&[4; 32], &PassphraseSource::Nowhere);
    assert!(
        matches!(refused, Err(RootError::InUse { .. })),
        "a node that runs keeps its key"
    );
    drop(lock);
}
