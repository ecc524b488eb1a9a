//! What a request does: reading verbs look, writing verbs become commands of the core.
//!
//! Knows neither sockets nor QUIC: the network is a trait. Layer: node, local.

mod files;
mod media;
mod operations;

use std::path::PathBuf;
use std::sync::Arc;

use tallyline_keys::PublicKey;
use tallyline_proto::model::{EntryId, Structure};
use tallyline_proto::replica::{Command, Founding, Replica, Reply};
use tallyline_proto::rules::{Code, Mistake};
use tokio::sync::watch;

use super::answers::{self, Around};
use super::plan::{Plan, plan};
use super::protocol::{
    Answer, Assigned, Call, CardsSpare, CloudData, Done, EventCreate, Founded, Invite,
    InviteDevice, LinkStatus, MdnsData, NodeInfo, Problem, Request, Revised, Saved, Scope,
    SpareCards, WireBytes, codes, exits,
};
use super::{convert, enrol, health, names, statement};
use crate::beside::Beside;
use crate::driver::{CommandFailed, Driver, Stopped, Unanswered};
use crate::entropy::{self, EntropyError};
use crate::figures::Figures;
use crate::media::{Media, QUOTA_DEFAULT};
use crate::root::{Mode, Root, damaged_stores, hex};
use crate::security::Seen;
use crate::structure_file::StructureFile;

/// What the command socket needs of the network.
pub trait Network: Send + Sync {
    /// Returns addresses (`ip:port`) at which other devices reach this node, best first.
    fn addresses(&self) -> Vec<String>;
    /// Returns the connections that are up; labels are left empty.
    fn links(&self) -> Vec<LinkStatus>;
    /// Returns the bytes sent and received since the start.
    fn wire(&self) -> WireBytes;
    /// Drops and refuses connections.
    fn pause(&self, scope: Scope);
    /// Connects again.
    fn resume(&self, scope: Scope);
    /// Dials everybody who is not connected at once.
    fn hurry(&self) {}
    /// Lets whoever has an event hand it over to this node, and dials these addresses.
    fn seek_event(&self, _from: &[String]) {}
    /// Returns what is paused: `none`, `cloud` or `all`.
    fn paused(&self) -> &'static str;
    /// Returns how the network does.
    fn condition(&self) -> Condition {
        Condition::default()
    }
    /// Returns whom the node turned away, and the milliseconds since the start, which end now.
    fn security(&self) -> (Seen, u64) {
        (Seen::default(), 0)
    }
}

/// How the network does.
#[derive(Clone, Debug, Default)]
pub struct Condition {
    /// Addresses at which other devices reach this node, best first.
    pub addresses: Vec<String>,
    /// How mDNS does; `None` if it is not used.
    pub mdns: Option<MdnsData>,
    /// The cloud that entries are carried to.
    pub cloud: Option<CloudData>,
    /// Where a cloud takes devices that no UDP gets through to; `None` if it does not.
    pub https: Option<Vec<String>>,
    /// Keys that two devices use at the same time.
    pub clones: Vec<Alarm>,
}

/// A key that two devices use at the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// The key.
    pub key: PublicKey,
    /// Where the two are.
    pub addresses: Vec<String>,
    /// Milliseconds since both were heard.
    pub ago_ms: u64,
}

/// The network of a process without one.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoNetwork;

/// Answers requests; cheap to clone.
#[derive(Clone)]
pub struct Clerk {
    driver: Driver,
    network: Arc<dyn Network>,
    here: Arc<Here>,
    stop: Arc<watch::Sender<bool>>,
}

/// Who answers, and from which folder.
#[derive(Clone, Debug)]
pub struct Here {
    /// What the device is called.
    pub label: String,
    /// What the node is for.
    pub mode: Mode,
    /// The root.
    pub dir: PathBuf,
    /// The files beside its store.
    pub beside: Beside,
    /// Its pictures and clips.
    pub media: Media,
    /// What it counts.
    pub figures: Figures,
}

impl Clerk {
    /// Makes the clerk of a node. `stop` is set when somebody asks the node to end.
    pub fn new(
        driver: Driver,
        network: Arc<dyn Network>,
        here: Here,
        stop: Arc<watch::Sender<bool>>,
    ) -> Self {
        Self {
            driver,
            network,
            here: Arc::new(here),
            stop,
        }
    }

    /// Answers one request.
    pub async fn answer(&self, call: Call) -> Answer {
        match self.try_answer(call).await {
            Ok(answer) => answer,
            Err(problem) => Answer::Error(problem),
        }
    }

    /// Returns the loop that is asked.
    pub(super) fn driver(&self) -> &Driver {
        &self.driver
    }

    fn pause(&self, scope: Scope) -> Answer {
        self.network.pause(scope);
        done(if scope.cloud {
            "The link to the cloud is paused until `sync resume --cloud`; the devices here go on."
        } else {
            "Connections are paused; scores are saved here until `sync resume`."
        })
    }

    fn resume(&self, scope: Scope) -> Answer {
        self.network.resume(scope);
        done(if scope.cloud {
            "The link to the cloud is made again."
        } else {
            "Connections are made again; a link to the cloud that was paused by itself stays so."
        })
    }

    #[expect(clippy::too_many_lines, reason = "one line for each verb")]
    async fn try_answer(&self, call: Call) -> Result<Answer, Problem> {
        if let Some(event) = call.event {
            self.driver
                .query(move |replica, _| names::event(replica, &event))
                .await??;
        }
        match call.request {
            Request::Stop(_) => {
                self.stop.send_replace(true);
                Ok(done("The node ends. What is saved stays saved."))
            }
            Request::SyncPause(scope) => Ok(self.pause(scope)),
            Request::SyncResume(scope) => Ok(self.resume(scope)),
            Request::SyncNow(_) => self.hurry(),
            Request::CloudRebuild(rebuild) => self.rebuild(rebuild).await,
            Request::EventCreate(create) => self.create(create).await,
            Request::Invite(invite) => self.invite(invite).await,
            Request::InviteDevice(invite) => self.invite_device(invite).await,
            Request::JoinOffer(_) => self.offer().await,
            Request::Import(import) => self.import(import).await,
            Request::FilePreview(file) => self.file_preview(file).await,
            Request::FileImport(file) => self.file_import(file).await,
            Request::MediaAdd(add) => self.media_add(add).await,
            Request::MediaGet(get) => self.media_get(get).await,
            Request::Health(_) => self.health().await,
            Request::Security(_) => self.security().await,
            Request::CardsSpare(spare) => self.draw_cards(spare).await,
            request @ (Request::Node(_)
            | Request::EventShow(_)
            | Request::EventList(_)
            | Request::Devices(_)
            | Request::Grants(_)
            | Request::Claims(_)
            | Request::ParticipantList(_)
            | Request::ParticipantShow(_)
            | Request::ScoreList(_)
            | Request::ScoreHistory(_)
            | Request::Incidents(_)
            | Request::MediaList(_)
            | Request::Records(_)
            | Request::RecordKinds(_)
            | Request::Conflicts(_)
            | Request::Standings(_)
            | Request::Report(_)
            | Request::Status(_)
            | Request::Vitals(_)
            | Request::EventReady(_)
            | Request::Verify(_)
            | Request::Export(_)
            | Request::FileExport(_)
            | Request::Adoptable(_)
            | Request::EventChase(_)
            | Request::EventStatements(_)
            | Request::Why(_)
            | Request::CardsList(_)
            | Request::Enrolment(_)) => self.look(request).await,
            request @ (Request::EventLock(_)
            | Request::Join(_)
            | Request::InviteCancel(_)
            | Request::PairDevice(_)
            | Request::PairOwner(_)
            | Request::PairConfirm(_)
            | Request::Admit(_)
            | Request::Grant(_)
            | Request::Handover(_)
            | Request::Claim(_)
            | Request::ClaimRelease(_)
            | Request::Revoke(_)
            | Request::Consent(_)
            | Request::Transfer(_)
            | Request::Recover(_)
            | Request::Adopt(_)
            | Request::EventAmend(_)
            | Request::EventLastCall(_)
            | Request::EventClose(_)
            | Request::CardsRevoke(_)
            | Request::RosterAdd(_)
            | Request::RosterEdit(_)
            | Request::ParticipantErase(_)
            | Request::ScoreAdd(_)
            | Request::ScoreMove(_)
            | Request::IncidentAdd(_)
            | Request::IncidentReport(_)
            | Request::Decide(_)
            | Request::RecordAdd(_)
            | Request::RecordSet(_)
            | Request::Approve(_)
            | Request::EventPhase(_)
            | Request::ScoreVoid(_)) => self.write(request).await,
        }
    }

    async fn health(&self) -> Result<Answer, Problem> {
        let (condition, trouble) = (self.network.condition(), self.driver.trouble());
        let look =
            move |replica: &mut Replica, now| health::health(replica, now, condition, trouble);
        Ok(Answer::ok(&self.driver.query(look).await?))
    }

    async fn security(&self) -> Result<Answer, Problem> {
        let (seen, alarms) = (self.network.security(), self.network.condition().clones);
        let look = move |replica: &mut Replica, now| health::security(replica, now, seen, &alarms);
        Ok(Answer::ok(&self.driver.query(look).await?))
    }

    async fn look(&self, request: Request) -> Result<Answer, Problem> {
        let around = self.around();
        let seen = self
            .driver
            .query(move |replica, now| answers::look(replica, now, &request, around))
            .await?;
        let Some(seen) = seen else {
            return Err(no_such_verb());
        };
        let seen = seen?;
        // Standings of a whole match take some ten milliseconds, which no connection should wait.
        tokio::task::spawn_blocking(move || seen.answer())
            .await
            .map_err(|error| {
                Problem::new(
                    codes::STOPPED,
                    exits::FAILURE,
                    format!(
                        "the answer was not finished ({error}); nothing was changed; ask again"
                    ),
                )
            })
    }

    async fn write(&self, request: Request) -> Result<Answer, Problem> {
        let plan = self
            .driver
            .query(move |replica, now| plan(replica, now, request))
            .await??;
        let (command, shooter, warnings) = match plan {
            Plan::Command(command) => (command, 0, Vec::new()),
            Plan::Shooter(command, shooter) => (command, shooter, Vec::new()),
            Plan::Warned(command, warnings) => (command, 0, warnings),
            Plan::Told(command, tell) => {
                let reply = self.driver.command(*command).await?;
                return Ok(if let Reply::Refused(mistake) = &reply {
                    Answer::Error(refused(mistake))
                } else {
                    tell(&reply)
                });
            }
        };
        let reply = self.driver.command(*command).await?;
        Ok(match reply {
            Reply::Locked => done("The structure is locked. Scores are taken from here on."),
            Reply::Joining => done(
                "The ticket is kept. This device asks to be admitted whenever it meets the \
                 inviter; `tallyline status` tells when it is.",
            ),
            Reply::Admitted => done("The device is admitted."),
            Reply::Assigned(grants) => Answer::ok(&Assigned {
                schema: "tallyline.assigned/1".to_owned(),
                grants: grants
                    .iter()
                    .map(|grant| grant.uuid().to_string())
                    .collect(),
            }),
            Reply::Revised(revision) => Answer::ok(&Revised {
                schema: "tallyline.revised/1".to_owned(),
                revision,
                shooter,
            }),
            Reply::Saved(entries) => saved(&entries, warnings),
            Reply::Consented => done(
                "This device is ready. Run `tallyline transfer` with this device's name on the \
                 owner's device, once the two are connected.",
            ),
            Reply::Transferred(key) => done(&self.owned_by(key).await?),
            Reply::Asking => done("The desk is asked."),
            Reply::ScoringOver => {
                done("Scoring is over: devices seal their logs as they hear of it.")
            }
            Reply::Closed => done("The event is closed. What arrives from here on is late."),
            Reply::Refused(mistake) => Answer::Error(refused(&mistake)),
            Reply::Cancelled(0) => done("No invite was open."),
            Reply::Cancelled(_) => done("Cancelled: who holds the ticket is not let in any more."),
            Reply::Waiting => done("Both devices look for each other now."),
            Reply::Confirmed => done("Confirmed here. The device is admitted once both sides are."),
            Reply::Founded(_)
            | Reply::Invited(_)
            | Reply::Called(_)
            | Reply::Imported { .. }
            | Reply::Recorded { .. }
            | Reply::Revoked
            | Reply::Erased { .. }
            | Reply::Decided(_) => {
                return Err(no_such_verb());
            }
        })
    }

    /// Says who owns the event from here on, and what that means.
    async fn owned_by(&self, key: PublicKey) -> Result<String, Problem> {
        if key == self.driver.key() {
            return Ok(
                "This device owns the event now. Everybody learns it as they meet; what the \
                       old owner's device says from here on changes nothing."
                    .to_owned(),
            );
        }
        let label = self
            .driver
            .query(move |replica, now| {
                let devices = replica.devices(now);
                let found = devices.into_iter().find(|it| it.key == key);
                found.map_or_else(|| key.short(), |it| it.label)
            })
            .await?;
        Ok(format!(
            "The event belongs to {label} from here on. This device goes on as a member; only \
             {label} admits, grants and decides."
        ))
    }

    /// Admits the keys of spare cards; the cards are told in the answer and kept nowhere.
    async fn draw_cards(&self, spare: CardsSpare) -> Result<Answer, Problem> {
        let drawn = self
            .driver
            .query(move |replica, now| statement::spare_cards(replica, now, &spare))
            .await??;
        let mut cards = Vec::new();
        for (admit, card) in drawn {
            let reply = self.driver.command(admit).await?;
            if reply == Reply::Admitted {
                cards.push(card);
            } else if cards.is_empty() {
                return Err(unexpected(&reply));
            } else {
                // Those before it are told all the same: nobody else knows their secrets.
                break;
            }
        }
        Ok(Answer::ok(&SpareCards {
            schema: "tallyline.spare-cards/1".to_owned(),
            cards,
        }))
    }

    async fn create(&self, create: EventCreate) -> Result<Answer, Problem> {
        let file = StructureFile::parse(&create.structure).map_err(|problems| {
            Problem::new(codes::BAD_STRUCTURE, exits::USAGE, problems.to_string())
        })?;
        let name = create.name.unwrap_or(file.name);
        let with = (create.cloud_keys, create.recovery_cards);
        let founded = self.found(name, file.structure, with).await?;
        Ok(Answer::ok(&founded))
    }

    /// Founds an event with keys of the cloud, and a number of recovery cards.
    async fn found(
        &self,
        name: String,
        structure: Structure,
        (cloud_keys, recovery_cards): (Vec<String>, u32),
    ) -> Result<Founded, Problem> {
        if name.chars().any(char::is_control) {
            let text = "the event's name has a line break or another control character; nothing was \
                        changed; name it in one line";
            return Err(Problem::new(codes::BAD_VALUE, exits::USAGE, text));
        }
        let cloud: Result<Vec<PublicKey>, Problem> =
            cloud_keys.iter().map(|text| key(text)).collect();
        let cards = enrol::RecoverySeeds::draw(recovery_cards)?;
        let discovery_key = entropy::bytes()?;
        let founding = Founding {
            name: name.clone(),
            nonce: entropy::bytes()?,
            discovery_key,
            cloud: cloud?,
            recovery: cards.keys(),
            structure,
            label: self.here.label.clone(),
        };
        let reply = self.driver.command(Command::Found(founding)).await?;
        let Reply::Founded(event) = reply else {
            return Err(unexpected(&reply));
        };
        Ok(Founded {
            schema: "tallyline.founded/1".to_owned(),
            event: event.uuid().to_string(),
            event_id: hex(&event.0.0),
            name,
            cards: cards.texts(event, discovery_key),
        })
    }

    async fn invite(&self, invite: Invite) -> Result<Answer, Problem> {
        let (command, minutes) = enrol::invite(&invite)?;
        let reply = self.driver.command(command).await?;
        let Reply::Invited(ticket) = reply else {
            return Err(unexpected(&reply));
        };
        let addresses = (invite.addresses, self.network.addresses());
        Ok(enrol::invited(ticket, addresses, minutes))
    }

    async fn invite_device(&self, invite: InviteDevice) -> Result<Answer, Problem> {
        let (command, key) = enrol::invite_device(invite)?;
        let reply = self.driver.command(command).await?;
        if let Reply::Called(id) = reply {
            Ok(enrol::called(id, key))
        } else {
            Err(unexpected(&reply))
        }
    }

    async fn offer(&self) -> Result<Answer, Problem> {
        let (command, answer) = enrol::offer(self.driver.key(), self.network.addresses())?;
        let reply = self.driver.command(command).await?;
        if reply == Reply::Waiting {
            Ok(answer)
        } else {
            Err(unexpected(&reply))
        }
    }

    fn around(&self) -> Around {
        Around {
            node: NodeInfo {
                pid: Some(std::process::id()),
                addresses: self.network.addresses(),
                ..node_info(&self.here.label, self.here.mode, self.driver.key())
            },
            links: self.network.links(),
            paused: self.network.paused(),
            wire: self.network.wire(),
            trouble: self.driver.trouble(),
            damaged: damaged_stores(&self.here.dir),
            cloud: self.network.condition().cloud,
            dir: self.here.dir.clone(),
            alarms: self.network.condition().clones,
            beside: self.here.beside.clone(),
            media: self.here.media.clone(),
            figures: self.here.figures.clone(),
        }
    }
}

impl std::fmt::Debug for Clerk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clerk")
            .field("here", &self.here)
            .finish_non_exhaustive()
    }
}

impl From<&Root> for Here {
    fn from(root: &Root) -> Self {
        Self {
            label: root.label().to_owned(),
            mode: root.mode(),
            dir: root.dir().to_owned(),
            beside: Beside::at_rest(root.dir()),
            media: Media::of_root(root.dir(), QUOTA_DEFAULT),
            figures: Figures::default(),
        }
    }
}

impl Network for NoNetwork {
    fn addresses(&self) -> Vec<String> {
        Vec::new()
    }
    fn links(&self) -> Vec<LinkStatus> {
        Vec::new()
    }
    fn wire(&self) -> WireBytes {
        WireBytes::default()
    }
    fn pause(&self, _scope: Scope) {}
    fn resume(&self, _scope: Scope) {}
    fn paused(&self) -> &'static str {
        "none"
    }
}

/// Returns who answers, without what only a running node knows.
pub(super) fn node_info(label: &str, mode: Mode, key: PublicKey) -> NodeInfo {
    NodeInfo {
        schema: "tallyline.node/1".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: None,
        mode: mode.name().to_owned(),
        label: label.to_owned(),
        key: key.fingerprint(),
        phase: "blank".to_owned(),
        event: None,
        addresses: Vec::new(),
    }
}

pub(super) fn key(text: &str) -> Result<PublicKey, Problem> {
    PublicKey::parse(text).map_err(|error| {
        Problem::new(
            codes::BAD_VALUE,
            exits::USAGE,
            format!("{text:?}: {error}; nothing was changed"),
        )
    })
}

fn saved(entries: &[EntryId], warnings: Vec<String>) -> Answer {
    Answer::ok(&Saved {
        schema: "tallyline.saved/1".to_owned(),
        entries: convert::entry_names(entries),
        warnings,
    })
}

fn done(text: &str) -> Answer {
    Answer::ok(&Done {
        schema: "tallyline.done/1".to_owned(),
        text: text.to_owned(),
    })
}

fn unexpected(reply: &Reply) -> Problem {
    match reply {
        Reply::Refused(mistake) => refused(mistake),
        Reply::Founded(_)
        | Reply::Joining
        | Reply::Locked
        | Reply::Invited(_)
        | Reply::Called(_)
        | Reply::Cancelled(_)
        | Reply::Waiting
        | Reply::Confirmed
        | Reply::Admitted
        | Reply::Assigned(_)
        | Reply::Revised(_)
        | Reply::Saved(_)
        | Reply::Recorded { .. }
        | Reply::Revoked
        | Reply::Consented
        | Reply::Asking
        | Reply::Transferred(_)
        | Reply::Decided(_)
        | Reply::ScoringOver
        | Reply::Closed
        | Reply::Erased { .. }
        | Reply::Imported { .. } => no_such_verb(),
    }
}

/// Says that verb and reply do not belong together, which only a fault of the program can cause.
pub(super) fn no_such_verb() -> Problem {
    Problem::new(
        codes::BAD_REQUEST,
        exits::FAILURE,
        "the node cannot answer this request; this is a fault of the program; please report it",
    )
}

/// Turns a mistake into a problem with the exit code of its kind.
pub(super) fn refused(mistake: &Mistake) -> Problem {
    let exit = match mistake.code {
        Code::E02 | Code::E11 | Code::E12 | Code::E13 | Code::E14 => exits::REFUSED,
        Code::E09 | Code::E15 | Code::E17 | Code::E19 => exits::CONFLICT,
        Code::E16 => exits::STORAGE,
        Code::E20 => exits::PENDING,
        Code::E01
        | Code::E03
        | Code::E04
        | Code::E05
        | Code::E06
        | Code::E07
        | Code::E08
        | Code::E10
        | Code::E22
        | Code::E18
        | Code::E21 => exits::FAILURE,
    };
    Problem::new(mistake.code.as_str(), exit, mistake.to_string())
}

impl From<Stopped> for Problem {
    fn from(stopped: Stopped) -> Self {
        Self::new(codes::STOPPED, exits::UNREACHABLE, stopped.to_string())
    }
}

impl From<Unanswered> for Problem {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Shut(_) => {
                Self::new(codes::BAD_STORE, exits::STORAGE, unanswered.to_string())
            }
            Unanswered::Stopped(stopped) => stopped.into(),
        }
    }
}

impl From<CommandFailed> for Problem {
    fn from(failed: CommandFailed) -> Self {
        match failed {
            CommandFailed::NotSaved(_) => {
                Self::new(codes::NOT_SAVED, exits::STORAGE, failed.to_string())
            }
            CommandFailed::Stopped(stopped) => stopped.into(),
        }
    }
}

impl From<EntropyError> for Problem {
    fn from(error: EntropyError) -> Self {
        Self::new(codes::BAD_VALUE, exits::FAILURE, error.to_string())
    }
}
