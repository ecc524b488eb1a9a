//! A member that lies about media, and a stranger that asks for them.

use std::fs;
use std::net::SocketAddr;

use quinn::{Connection, RecvStream, SendStream};
use serde_json::Value;
use tallyline_keys::DeviceKey;
use tallyline_tests::hostile::papers::Papers;
use tallyline_tests::hostile::peer::{End, Link, Peer};
use tallyline_tests::hostile::wait::DEADLINE;
use tallyline_tests::process::Process;

use super::{JPEG, bytes, file, hash, structure};
use crate::range::{AGREE_MAX, Range, address, agree, status, until};

/// The code of a connection that is ended because it cannot be read on.
const BROKEN: End = End::Code(7);

/// An owner's node whose event names pictures, and a member's key in the liar's hands.
struct Scene {
    range: Range,
    owner: Process,
    peer: Peer,
    key: DeviceKey,
    pictures: Vec<Vec<u8>>,
}

/// What the liar says to whoever asks for groups.
#[derive(Clone, Copy)]
enum Lie {
    /// A list of groups that is not the blob's.
    List,
    /// The right list, and other bytes.
    Bytes,
    /// The right list, half a group, and nothing more.
    Half,
}

impl Scene {
    fn new(pictures: Vec<Vec<u8>>) -> Self {
        let range = Range::founded_from(&structure(&pictures));
        let owner = range.start("owner", &[]);
        let key = DeviceKey::from_seed([0x66; 32]);
        let fingerprint = key.public().fingerprint();
        range.done("owner", &["admit", &fingerprint, "--label", "liar"]);
        Self {
            range,
            owner,
            peer: Peer::new().unwrap(),
            key,
            pictures,
        }
    }

    fn at(&self) -> SocketAddr {
        address(&self.owner).parse().unwrap()
    }

    fn meet(&self) -> Link {
        self.peer.meet(self.at(), &self.key).unwrap()
    }

    /// Answers what the owner asks until the connection ends.
    fn lie(&self, link: &Link, lie: Lie) {
        let lying = async {
            while let Ok(streams) = link.connection().accept_bi().await {
                // Whoever asked may have gone away.
                let _gone = answer(streams, lie).await;
            }
        };
        self.peer.block_on(lying);
    }

    /// Says something on a stream beside the frames; returns all that comes back, or nothing.
    fn say(&self, connection: &Connection, question: &[u8]) -> Option<Vec<u8>> {
        let said = async {
            let (mut send, mut receive) = connection.open_bi().await.ok()?;
            send.write_all(question).await.ok()?;
            send.finish().ok()?;
            receive.read_to_end(1 << 20).await.ok()
        };
        self.peer.block_on(said)
    }

    fn media_files(&self) -> Vec<String> {
        let Ok(files) = fs::read_dir(self.range.root("owner").join("media")) else {
            return Vec::new();
        };
        let names = files.map(|it| it.unwrap().file_name().into_string().unwrap());
        names.filter(|it| !it.contains('.')).collect()
    }
}

async fn answer((mut send, mut receive): (SendStream, RecvStream), lie: Lie) -> Option<()> {
    let question = receive.read_to_end(8 * 1024).await.ok()?;
    match question.first() {
        // Everything is here.
        Some(1) => send
            .write_all(&vec![1; usize::from(question[1])])
            .await
            .ok()?,
        Some(2) => {
            let length = u64::from_le_bytes(*question[33..].first_chunk().unwrap());
            let groups = usize::try_from(length.div_ceil(16 * 1024)).unwrap();
            send.write_all(&[1]).await.ok()?;
            let list = match lie {
                Lie::List => vec![7; 32 * groups],
                // The list of one group is the hash itself.
                Lie::Bytes | Lie::Half => question[1..33].to_vec(),
            };
            if question[49] == 1 {
                send.write_all(&list).await.ok()?;
            }
            let rest = match lie {
                Lie::List if question[49] == 1 => 0,
                Lie::List | Lie::Bytes => length,
                Lie::Half => length / 2,
            };
            let rest = vec![9; usize::try_from(rest).unwrap()];
            send.write_all(&rest).await.ok()?;
        }
        Some(_) | None => {}
    }
    send.finish().ok()
}

fn ask(hash: &str, length: u64) -> Vec<u8> {
    let hash = blake3::Hash::from_hex(hash).unwrap();
    [&[1, 1][..], hash.as_bytes(), &length.to_le_bytes()].concat()
}

fn give(hash: &str, length: u64, (from, count): (u32, u32)) -> Vec<u8> {
    let hash = blake3::Hash::from_hex(hash).unwrap();
    [
        &[2][..],
        hash.as_bytes(),
        &length.to_le_bytes(),
        &from.to_le_bytes(),
        &count.to_le_bytes(),
        &[0],
    ]
    .concat()
}

/// R-MEDIA-7: nothing of it appears, and after the third time the key is refused.
#[test]
fn other_bytes_never_appear_and_are_held_against_their_sender() {
    let scene = Scene::new(vec![bytes(JPEG, 1, 40_000), bytes(JPEG, 2, 9_000)]);
    for lie in [Lie::Bytes, Lie::List, Lie::Bytes] {
        let link = scene.meet();
        scene.lie(&link, lie);
        assert_eq!(link.end_within(DEADLINE).unwrap(), BROKEN);
    }
    for picture in &scene.pictures {
        let told = file(&scene.owner, &hash(picture));
        assert_eq!(told["state"], "pending", "{told}");
        assert_eq!(told["percent"], 0, "{told}");
    }
    assert!(scene.media_files().is_empty(), "nothing appeared");
    let barred = scene.peer.dial(scene.at(), &scene.key, &Papers::Right);
    let ended = match barred {
        Ok(link) => link.end_within(DEADLINE).unwrap(),
        Err(end) => end,
    };
    assert_eq!(ended, End::Code(11), "refused for ten minutes");
    let log = scene.range.read("owner", &["doctor", "--security"]);
    assert!(log.to_string().contains("media"), "{log}");

    // Honest devices are not concerned.
    let tablet = scene.range.join("tablet", "scorer", &[&scene.owner]);
    for (no, picture) in scene.pictures.iter().enumerate() {
        let path = scene.range.path(&format!("{no}.jpg"));
        fs::write(&path, picture).unwrap();
        scene.range.done("tablet", &["media", "add", &path]);
    }
    until("the owner has them from the tablet", AGREE_MAX, || {
        let here = |it: &Vec<u8>| file(&scene.owner, &hash(it))["state"] == "here";
        scene.pictures.iter().all(here)
    });
    agree(&scene.owner, &tablet);
}

/// A peer that promises and does not deliver is left for one that does.
#[test]
fn a_peer_that_stops_in_the_middle_costs_a_moment_and_is_not_held_against_it() {
    let scene = Scene::new(vec![bytes(JPEG, 3, 9_000)]);
    let link = scene.meet();
    let connection = link.connection().clone();
    let tablet = scene.range.join("tablet", "scorer", &[&scene.owner]);
    let path = scene.range.path("it.jpg");
    fs::write(&path, &scene.pictures[0]).unwrap();
    let name = hash(&scene.pictures[0]);
    std::thread::scope(|scope| {
        scope.spawn(|| scene.lie(&link, Lie::Half));
        scene.range.done("tablet", &["media", "add", &path]);
        until("it is here", AGREE_MAX, || {
            file(&scene.owner, &name)["state"] == "here"
        });
        assert!(link.ended().is_none(), "still connected");
        connection.close(0_u32.into(), b"");
    });
    agree(&scene.owner, &tablet);
}

/// R-MEDIA-3, R-MEDIA-4: malformed questions end the connection; what nobody names is not given.
#[test]
fn only_members_are_answered_only_about_what_is_named_and_only_in_order() {
    let scene = Scene::new(vec![bytes(JPEG, 4, 40_000)]);
    let private = bytes(JPEG, 5, 40_000);
    for (name, content) in [("named.jpg", &scene.pictures[0]), ("private.jpg", &private)] {
        let path = scene.range.path(name);
        fs::write(&path, content).unwrap();
        scene.range.done("owner", &["media", "add", &path]);
    }
    let link = scene.meet();
    let connection = link.connection();
    let (named, private) = (hash(&scene.pictures[0]), hash(&private));
    until("the node looked at what is named", AGREE_MAX, || {
        scene.say(connection, &ask(&named, 40_000)) == Some(vec![1])
    });
    assert_eq!(scene.say(connection, &ask(&named, 40_001)), Some(vec![0]));
    assert_eq!(scene.say(connection, &ask(&private, 40_000)), Some(vec![0]));
    let answer = scene.say(connection, &give(&private, 40_000, (0, 3)));
    assert_eq!(answer, Some(vec![0]), "not here");
    let answer = scene
        .say(connection, &give(&named, 40_000, (1, 2)))
        .unwrap();
    assert_eq!(answer[0], 1);
    assert_eq!(answer[1..], scene.pictures[0][16_384..], "from a group on");
    assert_eq!(
        scene.say(connection, &[250, 1, 2]),
        Some(Vec::new()),
        "later"
    );
    assert!(link.ended().is_none(), "still connected");
    let beyond = scene.say(connection, &give(&named, 40_000, (0, 4)));
    assert!(
        beyond.is_none_or(|it| it.is_empty()),
        "groups it does not have"
    );
    assert_eq!(link.end_within(DEADLINE).unwrap(), BROKEN);

    // A stranger is told nothing.
    let stranger = DeviceKey::from_seed([0x67; 32]);
    let link = scene
        .peer
        .dial(scene.at(), &stranger, &Papers::Right)
        .unwrap();
    assert_eq!(scene.say(link.connection(), &ask(&named, 40_000)), None);

    // Scores are saved all the while.
    scene.range.score("owner", "1", "1");
    assert_eq!(status(&scene.owner)["light"], Value::from("only-here"));
}
