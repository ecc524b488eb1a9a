//! What people do and what goes wrong, and when: everything about a run that is not chance.
//!
//! A plan is drawn before the run begins, so that it can be kept in a file, read by a person, and
//! made smaller while the failure stays. What small chance decides on the way (which frame is
//! lost) comes from the seed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::venue::DeviceNo;

/// A whole run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Fixes all small chance: lost frames, torn sectors, drawn keys.
    pub seed: u64,
    /// What the day is like, in a word (`storm`, `cards`, `liar`).
    pub profile: String,
    /// Devices at the venue, the owner (number 0) included, the cloud not: 2 to 64.
    pub devices: usize,
    /// Drills of the event.
    pub drills: u32,
    /// Shooters of the event.
    pub shooters: u32,
    /// How long faults and people go on, in ms of virtual time; after that everything heals.
    pub length_ms: u64,
    /// The network as it is when nothing special happens.
    pub weather: Weather,
    /// What happens, in the order of time.
    pub happenings: Vec<Happening>,
}

/// One thing that happens at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happening {
    /// Milliseconds of virtual time since the event was locked.
    pub at_ms: u64,
    /// What.
    #[serde(flatten)]
    pub act: Act,
}

/// How bad the network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weather {
    /// Frames lost, of 1,000.
    pub loss_permille: u64,
    /// Mean number of frames lost one after another.
    pub burst: u64,
    /// Frames that arrive twice, of 1,000.
    pub duplicate_permille: u64,
    /// Shortest way of a frame, in ms.
    pub delay_ms_min: u64,
    /// Longest way of a frame, in ms.
    pub delay_ms_max: u64,
    /// Whether frames keep their order and a lost one is sent again later, as QUIC does; if not,
    /// they overtake each other and are lost for good.
    pub ordered: bool,
}

/// Something that people do or that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "kebab-case")]
pub enum Act {
    /// An RO enters a score.
    Score {
        /// The device.
        device: DeviceNo,
        /// The drill.
        drill: u32,
        /// The shooter.
        shooter: u32,
        /// Time in hundredths of a second.
        centis: u32,
        /// Hits in the A zone, 0 to 4.
        a: u8,
    },
    /// An RO corrects the newest score of a slot that the device shows: a void and a new score.
    Correct {
        /// The device.
        device: DeviceNo,
        /// The drill.
        drill: u32,
        /// The shooter.
        shooter: u32,
        /// The new time in hundredths of a second.
        centis: u32,
    },
    /// An RO voids the newest score of a slot that the device shows.
    Void {
        /// The device.
        device: DeviceNo,
        /// The drill.
        drill: u32,
        /// The shooter.
        shooter: u32,
    },
    /// The score went to the wrong shooter: voided there and entered for the right one.
    WrongShooter {
        /// The device.
        device: DeviceNo,
        /// The drill.
        drill: u32,
        /// Whose slot it is in.
        from: u32,
        /// Whose it is.
        to: u32,
    },
    /// An RO disqualifies a shooter from the match.
    Disqualify {
        /// The device.
        device: DeviceNo,
        /// The shooter.
        shooter: u32,
    },
    /// The owner adds a shooter who came late.
    LateShooter {
        /// The shooter's squad.
        squad: u32,
    },
    /// The owner moves a shooter to another squad.
    Move {
        /// The shooter.
        shooter: u32,
        /// The new squad.
        squad: u32,
    },
    /// The owner closes all grants of one device and opens the same cells for another.
    Handover {
        /// Whose grants end.
        from: DeviceNo,
        /// Who writes from then on.
        to: DeviceNo,
        /// Why.
        why: Why,
    },
    /// RO and shooter approve the newest score of a slot that the device shows.
    Approve {
        /// The device.
        device: DeviceNo,
        /// The drill.
        drill: u32,
        /// The shooter.
        shooter: u32,
    },
    /// Results become provisional or final, or scoring goes on.
    Phase {
        /// What holds from then on.
        stage: EventStage,
    },
    /// The owner makes a tablet's device one of the jury, too.
    Jury {
        /// The device.
        device: DeviceNo,
    },
    /// An official saw something: an incident with a sealed text.
    Incident {
        /// The device.
        device: DeviceNo,
        /// Its number: the same number is the same incident, whoever says it.
        no: u32,
        /// The drill.
        drill: u32,
        /// The shooter.
        shooter: u32,
    },
    /// An official tells more of an incident, which may not be on the device yet.
    Report {
        /// The device.
        device: DeviceNo,
        /// The incident's number.
        no: u32,
    },
    /// The jury decides about an incident.
    Decide {
        /// The device.
        device: DeviceNo,
        /// The incident's number.
        no: u32,
        /// Added time in hundredths of a second; 0: a warning.
        centis: u32,
    },
    /// Somebody writes a version of a record of the camp.
    Record {
        /// The device.
        device: DeviceNo,
        /// What it says.
        says: Says,
        /// Which participant it is about.
        no: u32,
        /// What is said of it.
        value: u32,
    },
    /// The owner erases what is sealed of a shooter.
    EraseShooter {
        /// The shooter.
        shooter: u32,
    },
    /// The owner erases what is sealed of a participant of the camp.
    EraseParticipant {
        /// The participant.
        no: u32,
    },

    /// The owner's key comes back on a new device with an empty store; the old one is gone.
    RestoreOwner,

    /// A process dies at once and stays off.
    Kill {
        /// The device.
        device: DeviceNo,
        /// Whether the power goes with it: what was not synced is torn.
        power: bool,
    },
    /// A process dies at a step of one of its next commits, and is started again by itself after a
    /// while.
    KillAt {
        /// The device.
        device: DeviceNo,
        /// Which step.
        step: Step,
        /// How many commits pass unharmed before.
        after: u32,
        /// Whether the power goes with it.
        power: bool,
    },
    /// A device is switched on.
    Start {
        /// The device.
        device: DeviceNo,
    },
    /// A device sleeps: its process stands still.
    Pause {
        /// The device.
        device: DeviceNo,
        /// For how long.
        ms: u64,
    },
    /// A device is lost for good.
    Lose {
        /// The device.
        device: DeviceNo,
    },

    /// The share of syncs that a device's card only pretends.
    LyingSync {
        /// The device.
        device: DeviceNo,
        /// Of 1,000 syncs.
        permille: u64,
    },
    /// A bit of a card flips; noticed at the next start.
    FlipBit {
        /// The device.
        device: DeviceNo,
    },
    /// A device's store is copied, for a later rollback.
    Backup {
        /// The device.
        device: DeviceNo,
    },
    /// A device's store is put back to its last backup while it is off for a moment.
    RollBack {
        /// The device.
        device: DeviceNo,
    },
    /// A disk is full, or has room again.
    FullDisk {
        /// The device.
        device: DeviceNo,
        /// Whether it is full.
        full: bool,
    },
    /// A disk answers nothing any more.
    DeadDisk {
        /// The device.
        device: DeviceNo,
    },
    /// Every sync takes so long from here on; 0 ends it.
    SlowDisk {
        /// The device.
        device: DeviceNo,
        /// Longest sync in ms.
        ms: u64,
    },
    /// The next commit reports an error although it is on disk.
    Misreport {
        /// The device.
        device: DeviceNo,
    },
    /// A copy of a device's key and store runs beside it.
    Clone {
        /// The device.
        device: DeviceNo,
    },

    /// The venue falls into groups that do not reach each other; who is in none is alone.
    Partition {
        /// The groups.
        groups: Vec<Vec<DeviceNo>>,
    },
    /// Only neighbours in the list reach each other.
    Chain {
        /// The devices in their order.
        devices: Vec<DeviceNo>,
    },
    /// What one device sends to another is lost; the other way works.
    OneWay {
        /// Who is not heard.
        from: DeviceNo,
        /// By whom.
        to: DeviceNo,
    },
    /// Devices do not reach each other at all, only the cloud: the access point isolates them.
    Isolation,
    /// Everybody at the venue reaches everybody again.
    Rejoin,
    /// A device's network goes up and down.
    Flap {
        /// The device.
        device: DeviceNo,
        /// How long it is up, in ms.
        up_ms: u64,
        /// How long it is down, in ms.
        down_ms: u64,
        /// How often.
        cycles: u32,
    },
    /// A device gets another address: its connections go silent, and it is found again.
    Address {
        /// The device.
        device: DeviceNo,
    },
    /// Discovery does not work, or works again; who has met before still finds each other.
    NoMulticast {
        /// Whether it is blocked.
        blocked: bool,
    },
    /// The weather changes.
    Weather {
        /// To what.
        weather: Weather,
    },
    /// A device has internet, or not.
    Internet {
        /// The device.
        device: DeviceNo,
        /// Whether it has.
        on: bool,
    },

    /// A device's clock is set.
    Clock {
        /// The device.
        device: DeviceNo,
        /// How far it is off from then on, in ms.
        off_ms: i64,
    },

    /// The cloud is reachable, or not.
    Cloud {
        /// Whether it is up.
        up: bool,
    },
    /// What the cloud says takes so long, in ms; 0 ends it.
    SlowCloud {
        /// Longest way of a frame from the cloud.
        ms: u64,
    },
    /// Of 1,000 frames from the cloud, how many are lost and how many repeated.
    CloudReplies {
        /// Lost.
        lost_permille: u64,
        /// Repeated.
        repeated_permille: u64,
    },
    /// The cloud's database is saved.
    CloudBackup,
    /// The cloud's database is put back to what was saved.
    CloudRollBack,

    /// An admitted device lies.
    Lie {
        /// The device.
        device: DeviceNo,
        /// How.
        lie: Lie,
    },
}

/// Where an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventStage {
    /// Scores are taken.
    Scoring,
    /// Results can be contested.
    Provisional,
    /// Nothing is taken.
    Final,
}

/// What a version of a record says: one of each policy that people write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Says {
    /// What a participant is called (field by field).
    Name,
    /// How a participant's people are reached (sealed).
    Contact,
    /// Points for a participant (all are kept).
    Points,
    /// How far a participant is with a badge (never backwards).
    Badge,
    /// An honor of a participant (the first one stands).
    Honor,
    /// Whether a participant was there (the last one stands).
    Attendance,
}

/// Why a grant ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// Change of writer.
    Handover,
    /// The device died.
    Dead,
    /// The device was stolen.
    Stolen,
}

/// A step of a device's loop at which its process can die.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Before the commit.
    BeforeCommit,
    /// In the middle of the commit: before its n-th sync.
    InCommit(u32),
    /// After the commit, before anything is released.
    AfterCommit,
    /// After the n-th frame was released.
    AfterSend(u32),
}

/// How an admitted device lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lie {
    /// Signs two different entries at one sequence, and tells each half of the venue another.
    Fork,
    /// Passes on nothing that others wrote.
    Withhold,
    /// Sends garbage, and valid entries as fast as it can.
    Flood,
    /// Says that it holds what it does not.
    FalseHave,
    /// Passes on a receipt that no cloud signed.
    FalseReceipt,
    /// Sends entries whose signature does not hold, or does so only for a lax check.
    BadSignature,
    /// Sends entries that do not follow what the receiver holds.
    Gap,
    /// Sends a well signed entry with a field that this version does not know: no lie, but a newer
    /// version.
    NewerVersion,
}

impl Weather {
    /// A cable: nothing is lost, 1 ms.
    pub const CALM: Self = Self {
        loss_permille: 0,
        burst: 1,
        duplicate_permille: 0,
        delay_ms_min: 1,
        delay_ms_max: 1,
        ordered: false,
    };

    /// A bad link: 30 % lost, up to half a second on the way.
    pub const STORM: Self = Self {
        loss_permille: 300,
        burst: 1,
        duplicate_permille: 50,
        delay_ms_min: 5,
        delay_ms_max: 500,
        ordered: false,
    };
}

impl Act {
    /// Returns the stable name of its kind, as files and tables have it.
    pub fn name(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        let name = value.get("act").and_then(serde_json::Value::as_str);
        name.unwrap_or("unknown").to_owned()
    }

    /// Returns whether it is a fault; if not, people do it.
    pub fn is_fault(&self) -> bool {
        match self {
            Self::Score { .. }
            | Self::Correct { .. }
            | Self::Void { .. }
            | Self::WrongShooter { .. }
            | Self::Disqualify { .. }
            | Self::LateShooter { .. }
            | Self::Move { .. }
            | Self::Handover { .. }
            | Self::Approve { .. }
            | Self::Phase { .. }
            | Self::Jury { .. }
            | Self::Incident { .. }
            | Self::Report { .. }
            | Self::Decide { .. }
            | Self::Record { .. }
            | Self::EraseShooter { .. }
            | Self::EraseParticipant { .. }
            | Self::Start { .. }
            | Self::Backup { .. }
            | Self::CloudBackup
            | Self::Rejoin => false,
            Self::RestoreOwner
            | Self::Kill { .. }
            | Self::KillAt { .. }
            | Self::Pause { .. }
            | Self::Lose { .. }
            | Self::LyingSync { .. }
            | Self::FlipBit { .. }
            | Self::RollBack { .. }
            | Self::FullDisk { .. }
            | Self::DeadDisk { .. }
            | Self::SlowDisk { .. }
            | Self::Misreport { .. }
            | Self::Clone { .. }
            | Self::Partition { .. }
            | Self::Chain { .. }
            | Self::OneWay { .. }
            | Self::Isolation
            | Self::Flap { .. }
            | Self::Address { .. }
            | Self::NoMulticast { .. }
            | Self::Weather { .. }
            | Self::Internet { .. }
            | Self::Clock { .. }
            | Self::Cloud { .. }
            | Self::SlowCloud { .. }
            | Self::CloudReplies { .. }
            | Self::CloudRollBack
            | Self::Lie { .. } => true,
        }
    }
}

/// `03:12:44.120  full-disk device=3 full=true`
impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}", clock(self.at_ms), self.act)
    }
}

/// The kind's name and its fields: `score device=3 drill=2 shooter=17 centis=1834 a=3`.
impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = serde_json::to_value(self).unwrap_or_default();
        f.write_str(&self.name())?;
        for (field, it) in value.as_object().into_iter().flatten() {
            if field != "act" {
                write!(f, " {field}={it}")?;
            }
        }
        Ok(())
    }
}

/// Writes virtual time as hours, minutes, seconds and milliseconds.
pub fn clock(ms: u64) -> String {
    let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
    let (seconds, rest) = (ms / 1_000 % 60, ms % 1_000);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{rest:03}")
}
