//! Where campaigns begin: the protocol's golden vectors and what people write, as inputs of each
//! target.

use std::{fs, io::Read as _, path::Path};

use flate2::read::GzDecoder;
use serde_json::Value;
use tallyline::files::{miff, psc, samples};

/// Returns the first inputs of a target, each with a name.
///
/// # Panics
/// If a file of golden vectors is missing or cannot be read.
pub fn of(target: &str) -> Vec<(String, Vec<u8>)> {
    match target {
        "frame" => vectors(&["frames", "refused_frames"], frame),
        "entry" => vectors(&["entries", "refused_entries"], entry),
        "ticket" => vectors(&["ticket", "refused_files"], <[u8]>::to_vec),
        "bundle" => vectors(&["bundle", "event", "refused_files"], bundle),
        "structure" => vec![("event".to_owned(), STRUCTURE.to_vec())],
        "psc" | "miff" => files(target),
        "text_report" => pieces(REPORT, "\nI "),
        "registration" => [
            vec![("profile".to_owned(), PROFILE.to_vec())],
            pieces(REGISTRATION, "\n\n"),
        ]
        .concat(),
        "control" => [programs(40, 8), lotteries(64, 256)].concat(),
        _ => programs(12, 16),
    }
}

/// A small file with every field that has a meaning.
const STRUCTURE: &[u8] = br#"{"event":"Trial","level":"L1","date":"2018-07-25","zone_min":120,
"ruleset":"ipsc","divisions":["Open","Production"],
"division_power_factors":{"Open":{"minor":125,"major":160},"Production":{"minor":125}},
"rules":{"procedurals":[{"uuid":"a","name":"Line"}],"dqs":[{"uuid":"b","name":"Muzzle"}],
"dnfs":[{"uuid":"c","name":"DNF"}]},
"stages":[{"stage":1,"name":"Bridge","scoring":"Comstock","strings":1,"target_shots":[2,2],
"steel":2,"no_shoots":true},{"stage":2,"name":"Chrono","scoring":"Chrono"}],
"shooters":[{"shooter":1,"label":"A","division":"Open","power_factor":"MAJOR","squad":1,
"categories":["Lady"]},{"shooter":2,"label":"B","division":"Production",
"power_factor":"MINOR","squad":1}]}"#;

/// Made-up matches of each sport as files, packed and as the text inside.
fn files(target: &str) -> Vec<(String, Vec<u8>)> {
    let mut seeds = Vec::new();
    for it in samples::all() {
        let (packed, text) = if target == "psc" {
            let text = psc::texts(&it)
                .map(|texts| [texts.definition, texts.scores].join("\0").into_bytes());
            (psc::write_psc(&it), text)
        } else {
            let packed = miff::write_miff(&it);
            let text = packed.clone().map(|packed| unpacked(&packed));
            (packed, text)
        };
        for (what, bytes) in [("packed", packed), ("text", text)] {
            seeds.push((format!("{what}: {}", it.name), bytes.unwrap_or_default()));
        }
    }
    seeds
}

fn unpacked(packed: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    // Packed a moment ago: it unpacks.
    let _read = GzDecoder::new(packed).read_to_end(&mut text);
    text
}

/// A text as a whole and cut off before each mark, so that a campaign begins with short ones.
fn pieces(text: &str, mark: &str) -> Vec<(String, Vec<u8>)> {
    let cuts = text.match_indices(mark).map(|(at, _)| at);
    cuts.chain([text.len()])
        .filter_map(|at| text.get(..at))
        .map(|piece| (format!("{} bytes", piece.len()), piece.as_bytes().to_vec()))
        .collect()
}

/// A report with each kind of line and a row for each kind of score.
const REPORT: &str = "$PRACTISCORE 1.682 RESULTS\n$INFO Region:USPSA\nZ 3.0\n\
A Club,CC,06/01/2026\n\
D Comp,USPSA,FirstName,LastName,DQPistol,Class,Division,Match Points,Place Overall,Power Factor,Age\n\
E 1,T1,Test,One,No,A,Open,100.0000,1,Major,\nE 2,T2,Test,\"Two, junior\",Yes,,CO,,,Minor,Junior\n\
F Number,Guntype,Minimum Rounds,Maximum Points,Classifier,Classifier_No,Stage_name,ScoringType,TimesRun\n\
G 1,Pistol,8,40,Yes,22-06,First,Comstock,1\nG 2,Pistol,10,50,No,,Second,Fixed,2\n\
H Gun,Stage,Comp,DQ,DNF,A,C,D,Miss,No Shoot,Procedural,Late Shot,T1,T2,Time,Hit Factor,Stage Place\n\
I Pistol,1,1,No,No,8,0,0,0,0,0,0,4.5,0,4.50,8.8889,1\nI Pistol,1,2,Yes,No,0,0,0,0,0,0,0,0,0,0.00,0.0000,2\n\
I Pistol,2,1,No,No,9,1,0,0,0,0,1,0,0,0.00,44.0000,1\nI Pistol,2,2,No,Yes,0,0,0,0,0,0,0,0,0,0.00,0.0000,2\n\
I Pistol,2,2,No,No,1,1,1,1,1,1,1,1.01,2.02,3.03,0.0001,\nI ,1,1,,,,,,,,,,,,,,\nI a,1,1\nI b,2,1\n\
I c,1,1,No,No,15,2,1,0,2,0,0,12.00,0,12.00,5.25,1\nI d,1,2\n$END";

/// A kept profile.
const PROFILE: &[u8] = b"profile = \"club\"\n[columns]\nA = \"last\"\n\"Member #\" = \"member\"\n";

/// A list with a row of each kind; a blank line ends a piece.
const REGISTRATION: &str = "First Name,Last Name,Member #,Div,Squad,Class,Power Factor,Category,Email\n\
John,Doe,A12346,CO,3,B,Minor,Senior,a@example.invalid\nJane,Roe,a777,Carry Optics,4,A,Minor,Lady,\n\n\
Max,New,A900,L10,,U,Major,,\n\nAnn,Old,A500,LTD10X,2,U,Minor,,\n\nJohn,Doe,A12345,Opne,x,,Huge,,\n\n\
\"Quoted \"\"Nick\"\"\",Name,#b1,open,Squad 5,,MAJOR,\"Lady, Senior\",\n\n,,,,,,,,\n\n\
Jane,Roe,,CO,0,,,,\n\nJANE,ROE,A777,co,4,A,min,,\n\nlast,,pending,PCC,1,,,,extra,extra\n\n\
Doe,John,A12346,CO,3,,,,\n";

/// Reads golden vectors: hexadecimal ones as their bytes, others as their text.
fn vectors(files: &[&str], wrap: fn(&[u8]) -> Vec<u8>) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto/tests/vectors/v1");
    let mut seeds = Vec::new();
    for file in files {
        let text = fs::read_to_string(folder.join(format!("{file}.json"))).unwrap_or_default();
        let values: Value = serde_json::from_str(&text).unwrap_or_default();
        assert!(values.is_object(), "{file}.json holds golden vectors");
        for (name, value) in values.as_object().into_iter().flatten() {
            let text = value.as_str().unwrap_or_default();
            let bytes = unhex(text).unwrap_or_else(|| text.as_bytes().to_vec());
            seeds.push((format!("{file}: {name}"), wrap(&bytes)));
        }
    }
    seeds
}

/// A raw frame that a tablet says to the owner's device.
fn frame(bytes: &[u8]) -> Vec<u8> {
    [&[0, 1, 0, 0][..], &length(bytes), bytes].concat()
}

/// A raw entry of a tablet.
fn entry(bytes: &[u8]) -> Vec<u8> {
    [&[2, 0, 0][..], &length(bytes), bytes].concat()
}

/// A raw file, taken in on a device without an event.
fn bundle(bytes: &[u8]) -> Vec<u8> {
    [&[0, 0][..], bytes].concat()
}

/// Programs of mixed bytes, of growing length: where a target draws everything, any will do.
fn programs(count: u8, step: usize) -> Vec<(String, Vec<u8>)> {
    let program = |nth: u8| {
        let mixed = (0..step * usize::from(nth)).map(|place| {
            let [low, ..] = place.wrapping_mul(167).to_le_bytes();
            low.wrapping_mul(nth) >> 1
        });
        (format!("program {nth}"), mixed.collect())
    };
    (1..=count).map(program).collect()
}

/// Programs of bytes as chance draws them, the same each time: between them they say everything.
fn lotteries(count: u64, length: usize) -> Vec<(String, Vec<u8>)> {
    let program = |nth: u64| {
        let mut state = nth;
        let bytes = (0..length).map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let [.., high] = state.to_le_bytes();
            high
        });
        (format!("lottery {nth}"), bytes.collect())
    };
    (1..=count).map(program).collect()
}

fn length(bytes: &[u8]) -> [u8; 2] {
    u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_le_bytes()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| match str::from_utf8(pair) {
            Ok(pair) if pair.len() == 2 => u8::from_str_radix(pair, 16).ok(),
            _ => None,
        })
        .collect()
}
