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
