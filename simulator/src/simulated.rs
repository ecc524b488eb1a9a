//! A world as a venue: the named scenarios under virtual time.

use tallyline_keys::{DeviceKey, PublicKey};
use tallyline_proto::{
    model::{
        Agreed, Amend, Body, CloseReason, Decision, DrillNo, EntryId, Incident, LogName, Open,
        Person, RevokeReason, Roles, RosterChange, ShooterNo, StatusKind, Text, VoidReason,
    },
    replica::{Command, EntryFilter, EntryView, Founding, Opened, Phase, Reply, Selection},
    rules::{Standings, Verdict},
    wire::{Frame, LogRef, decode_bundle},
};

use uuid::Uuid;

use crate::{
    Device, PLACE, World,
    act::status,
    cells,
    disk::Ending,
    run::AGREE_MS,
    score, small_event,
    venue::{DeviceNo, Event, Kind, Opening, Reach, Reading, Refused, Secrets, Seen, Shot, Venue},
};

/// Milliseconds of a minute.
const MINUTE_MS: u64 = 60_000;

impl Venue for World {
    fn add(&mut self, label: &str, kind: Kind) -> DeviceNo {
        let no = Self::add(self, label, kind == Kind::Cloud);
        if kind == Kind::Tablet {
            self.topology.offline.insert(no);
            self.topology_changed();
        }
        no
    }

    fn found(&mut self, owner: DeviceNo, event: Event) {
        let clouds = self.clouds();
        self.recovery_card = self.random().bytes();
        let founding = Founding {
            name: "Scenario".to_owned(),
            nonce: self.random().bytes(),
            discovery_key: self.random().bytes(),
            cloud: clouds
                .iter()
                .filter_map(|no| self.devices.get(*no))
                .map(Device::key)
                .collect(),
            recovery: vec![DeviceKey::from_seed(self.recovery_card).public()],
            structure: small_event(event.drills, event.shooters, event.squad_size),
            label: "owner".to_owned(),
        };
        let founded = self.command(owner, Command::Found(founding));
        assert!(
            matches!(founded, Some(Reply::Founded(_))),
            "the event is founded: {founded:?}"
        );
        let locked = self.command(owner, Command::Lock);
        assert_eq!(locked, Some(Reply::Locked), "the event is locked");
    }

    fn join(&mut self, inviter: DeviceNo, device: DeviceNo, roles: Roles) {
        let ticket = if roles.contains(Roles::SPARE) {
            self.draw_card(inviter, device, roles)
        } else {
            self.invite_as(inviter, roles)
        };
        let reply = self.command(device, Command::Join(ticket));
        assert_eq!(reply, Some(Reply::Joining), "the ticket is taken");
        let joined = self.run_until(AGREE_MS, |world| {
            let it = world.devices.get(device);
            it.is_some_and(|it| it.replica.phase() == Phase::Member)
        });
        assert!(joined.is_ok(), "device {device} is admitted");
    }

    fn assign(
        &mut self,
        owner: DeviceNo,
        closing_of: &[DeviceNo],
        reason: CloseReason,
        opens: &[Opening],
    ) -> Result<(), Refused> {
        let closing = closing_of
            .iter()
            .flat_map(|no| self.open_grants(owner, *no))
            .map(|(id, _)| id)
            .collect();
        let opens = opens
            .iter()
            .filter_map(|it| {
                Some(Open {
                    key: self.devices.get(it.device)?.key(),
                    cells: cells(&it.drills, &it.squads),
                    until_ms: None,
                })
            })
            .collect();
        let command = Command::Assign {
            closing,
            reason,
            opens,
        };
        done(self.tell(owner, command)).map(drop)
    }

    fn roster(&mut self, owner: DeviceNo, change: &RosterChange) -> Result<(), Refused> {
        done(self.tell(owner, Command::Roster(change.clone()))).map(drop)
    }

    fn amend(&mut self, owner: DeviceNo, amend: &Amend) -> Result<(), Refused> {
        done(self.tell(owner, Command::Amend(amend.clone()))).map(drop)
    }

    fn revoke(
        &mut self,
        owner: DeviceNo,
        device: DeviceNo,
        reason: RevokeReason,
        before: Option<EntryId>,
    ) -> Result<(), Refused> {
        let key = key_of(self, device)?;
        let command = Command::Revoke {
            key,
            reason,
            before,
        };
        done(self.tell(owner, command)).map(drop)
    }

    fn consent(&mut self, device: DeviceNo) -> Result<(), Refused> {
        done(self.tell(device, Command::Consent)).map(drop)
    }

    fn transfer(&mut self, owner: DeviceNo, to: DeviceNo) -> Result<(), Refused> {
        let to = key_of(self, to)?;
        done(self.tell(owner, Command::Transfer(to))).map(drop)
    }

    fn recover(
        &mut self,
        device: DeviceNo,
        reason: Option<RevokeReason>,
        before: Option<EntryId>,
    ) -> Result<(), Refused> {
        let seed = self.recovery_card;
        let command = Command::Recover {
            seed,
            reason,
            before,
        };
        done(self.tell(device, command)).map(drop)
    }

    fn adopt(
        &mut self,
        owner: DeviceNo,
        entries: &[EntryId],
        decision: Decision,
    ) -> Result<(), Refused> {
        let command = Command::Adopt {
            selection: Selection::Entries(entries.to_vec()),
            decision,
        };
        done(self.tell(owner, command)).map(drop)
    }

    fn adopt_branch(&mut self, owner: DeviceNo, log: LogName, here: bool) -> Result<(), Refused> {
        let command = Command::Adopt {
            selection: Selection::Branch { log, here },
            decision: Decision::Count,
        };
        done(self.tell(owner, command)).map(drop)
    }

    fn last_call(&mut self, owner: DeviceNo) -> Result<(), Refused> {
        done(self.tell(owner, Command::LastCall)).map(drop)
    }

    fn close_event(&mut self, owner: DeviceNo, lost: &[DeviceNo]) -> Result<(), Refused> {
        let lost = lost.iter().map(|&it| key_of(self, it));
        let lost = lost.collect::<Result<_, _>>()?;
        done(self.tell(owner, Command::CloseEvent { lost })).map(drop)
    }

    fn score(
        &mut self,
        device: DeviceNo,
        shot: Shot,
        replaces: Option<(EntryId, VoidReason)>,
    ) -> Result<EntryId, Refused> {
        let command = Command::Record {
            body: score(shot.drill, shot.shooter, shot.centis, shot.a),
            replaces,
            confirmed: true,
            revision: None,
            wall_ms: None,
            agreed: Agreed::BOTH,
        };
        saved(self.tell(device, command))
    }

    fn void(
        &mut self,
        device: DeviceNo,
        entry: EntryId,
        reason: VoidReason,
    ) -> Result<(), Refused> {
        let command = Command::Void {
            entry,
            reason,
            note: String::new(),
            wall_ms: None,
            agreed: Agreed::BOTH,
        };
        saved(self.tell(device, command)).map(drop)
    }

    fn withdraw(&mut self, device: DeviceNo, shooter: u32) -> Result<(), Refused> {
        let command = Command::Record {
            body: status(shooter, StatusKind::Withdrawn),
            replaces: None,
            confirmed: true,
            revision: None,
            wall_ms: None,
            agreed: Agreed::BOTH,
        };
        saved(self.tell(device, command)).map(drop)
    }

    fn incident(&mut self, device: DeviceNo, shooter: u32, text: &str) -> Result<(), Refused> {
        let body = Body::Incident(Incident {
            id: Uuid::from_bytes(self.random().bytes()),
            race: DrillNo(1),
            bib: ShooterNo(shooter),
            place: PLACE,
            before_ms: 0,
            rule: None,
            text: Some(Text::Plain(text.to_owned())),
        });
        let reply = self.write_sealed(device, body);
        done(reply).map(drop)
    }

    fn erase(&mut self, owner: DeviceNo, shooter: u32) -> Result<(), Refused> {
        let person = Person::Shooter(ShooterNo(shooter));
        done(self.tell(owner, Command::Erase(person))).map(drop)
    }

    fn secrets(&mut self, device: DeviceNo, shooter: u32) -> Secrets {
        let Some(it) = self.devices.get(device) else {
            return Secrets::default();
        };
        let person = Person::Shooter(ShooterNo(shooter));
        let texts = it.replica.sealed_texts(person);
        let keys = it.replica.keys();
        let read = texts.iter().filter_map(|text| match &text.opened {
            Opened::Text(text) => Some(text.clone()),
            Opened::KeyMissing | Opened::NotForThisDevice | Opened::Erased | Opened::Broken => None,
        });
        Secrets {
            texts: texts.len(),
            read: read.collect(),
            keys: keys.iter().filter(|key| key.person == person).count(),
        }
    }

    fn until_secrets(
        &mut self,
        (device, shooter): (DeviceNo, u32),
        what: &str,
        holds: &mut dyn FnMut(&Secrets) -> bool,
    ) -> Result<(), String> {
        let came = self.run_until(AGREE_MS, |world| {
            holds(&Venue::secrets(world, device, shooter))
        });
        came.map(drop).map_err(|_| {
            let has = Venue::secrets(self, device, shooter);
            format!("device {device}: not {what}; it has {has:?}")
        })
    }

    fn reach(&mut self, reach: Reach) {
        match reach {
            Reach::All => self.rejoin(),
            Reach::Groups(groups) => self.partition(&groups),
            Reach::OneWay(from, to) => {
                self.topology.one_way.insert((from, to));
            }
        }
        self.topology_changed();
    }

    fn internet(&mut self, device: DeviceNo, on: bool) {
        if on {
            self.topology.offline.remove(&device);
        } else {
            self.topology.offline.insert(device);
        }
        self.topology_changed();
    }

    fn signal(&mut self, device: DeviceNo, cloud: DeviceNo, seconds: u64) -> bool {
        self.internet(device, true);
        self.run_for(seconds.saturating_mul(1_000));
        self.internet(device, false);
        self.converged(&[device, cloud])
    }

    fn kill(&mut self, device: DeviceNo) {
        self.end(device, Ending::PowerCut);
    }

    fn start(&mut self, device: DeviceNo) {
        Self::start(self, device);
    }

    fn copy(&mut self, device: DeviceNo) -> DeviceNo {
        self.clone_of(device)
    }

    fn restore_key(&mut self, device: DeviceNo) -> DeviceNo {
        let no = self.restore_key_of(device);
        self.topology.offline.insert(no);
        self.topology_changed();
        no
    }

    fn backup(&mut self, device: DeviceNo) {
        self.keep_image(device);
    }

    fn roll_back(&mut self, device: DeviceNo) {
        Self::roll_back(self, device);
    }

    fn key_seed(&mut self, device: DeviceNo) -> [u8; 32] {
        // From here on somebody else signs with this key, too.
        if let Some(card) = self.oracle.card_mut(device) {
            card.liar = true;
        }
        let it = self.devices.get(device);
        it.map_or([0; 32], Device::key_seed)
    }

    fn bundle(&mut self, device: DeviceNo) -> Vec<u8> {
        let it = self.devices.get(device);
        it.map(|it| it.replica.bundle()).unwrap_or_default()
    }

    fn import(&mut self, device: DeviceNo, bundle: &[u8]) -> Result<(), Refused> {
        for frame in decode_bundle(bundle).unwrap_or_default() {
            if let Frame::Push(push) = frame
                && let LogRef::Name(log) = push.log
                && self.may_be_forged(device, log)
            {
                self.oracle.forged(log);
            }
        }
        done(self.tell(device, Command::Import(bundle.to_vec()))).map(drop)
    }

    fn pass(&mut self, minutes: u32) {
        self.run_for(u64::from(minutes).saturating_mul(MINUTE_MS));
    }

    fn agree(&mut self, devices: &[DeviceNo]) -> Result<(), String> {
        let agreed = self.run_until(AGREE_MS, |world| world.converged(devices));
        let heights = |world: &Self, no: &DeviceNo| {
            let logs = world.devices.get(*no).map(|it| it.replica.logs());
            let logs = logs.unwrap_or_default();
            let words: Vec<String> = logs
                .iter()
                .map(|log| format!("{}:{}", log.label, log.height))
                .collect();
            format!("device {no} holds {}", words.join(" "))
        };
        if agreed.is_err() {
            let all: Vec<String> = devices.iter().map(|no| heights(self, no)).collect();
            return Err(all.join("; "));
        }
        let mut shown = devices.iter().map(|no| Venue::standings(self, *no));
        let first = shown.next();
        if shown.all(|it| Some(&it) == first.as_ref()) {
            Ok(())
        } else {
            Err("equal logs show different standings".to_owned())
        }
    }

    fn until(
        &mut self,
        device: DeviceNo,
        what: &str,
        holds: &mut dyn FnMut(&[Seen]) -> bool,
    ) -> Result<(), String> {
        let came = self.run_until(AGREE_MS, |world| holds(&Venue::seen(world, device)));
        came.map(drop).map_err(|_| {
            let seen = Venue::seen(self, device);
            format!("device {device} does not show that {what}; it shows {seen:?}")
        })
    }

    fn seen(&mut self, device: DeviceNo) -> Vec<Seen> {
        let views = self
            .devices
            .get_mut(device)
            .map(|it| it.replica.entries(&EntryFilter::default()));
        views
            .unwrap_or_default()
            .into_iter()
            .filter_map(seen)
            .collect()
    }

    fn statements(&mut self, device: DeviceNo) -> Vec<EntryId> {
        let views = self
            .devices
            .get_mut(device)
            .map(|it| it.replica.entries(&EntryFilter::default()));
        let views = views.unwrap_or_default().into_iter();
        views
            .filter(|view| matches!(view.body, Body::Statement(_)))
            .map(|view| view.id)
            .collect()
    }

    fn standings(&mut self, device: DeviceNo) -> String {
        let Some(it) = self.devices.get_mut(device) else {
            return String::new();
        };
        let book = it.replica.book();
        match (it.replica.roster(), book) {
            (Some(roster), Some(book)) => format!("{:?}", Standings::compute(roster, &book)),
            _ => String::new(),
        }
    }

    fn refusals(&mut self, device: DeviceNo, reason: &str) -> u64 {
        let Some(it) = self.devices.get(device) else {
            return 0;
        };
        let start = format!("{reason}:");
        let count = it
            .refusals
            .iter()
            .filter(|it| it.starts_with(&start))
            .count();
        u64::try_from(count).unwrap_or(u64::MAX)
    }
}

impl World {
    /// Returns whether somebody else has the key that writes a log, as a device knows it.
    fn may_be_forged(&self, device: DeviceNo, log: LogName) -> bool {
        let grants = self.devices.get(device).map(|it| it.replica.grants());
        let grant = grants.into_iter().flatten().find(|it| it.id == log.grant);
        let liars = self.devices.iter().enumerate();
        let mut liars = liars.filter(|(no, _)| self.oracle.card(*no).is_some_and(|it| it.liar));
        grant.is_some_and(|grant| liars.any(|(_, it)| it.key() == grant.key))
    }
}

fn key_of(world: &World, device: DeviceNo) -> Result<PublicKey, Refused> {
    let it = world.devices.get(device).map(Device::key);
    it.ok_or_else(|| Refused::NoAnswer("there is no such device".to_owned()))
}

fn done(reply: Option<Reply>) -> Result<Reply, Refused> {
    match reply {
        None => Err(Refused::NoAnswer(
            "not saved, or it does not run".to_owned(),
        )),
        Some(Reply::Refused(mistake)) => Err(Refused::Code(format!("{:?}", mistake.code))),
        Some(reply) => Ok(reply),
    }
}

/// Returns the entry that was written last: a void comes before what replaces it.
fn saved(reply: Option<Reply>) -> Result<EntryId, Refused> {
    let reply = done(reply)?;
    if let Reply::Saved(ids) = &reply
        && let Some(id) = ids.last()
    {
        return Ok(*id);
    }
    Err(Refused::NoAnswer(format!(
        "an answer to something else: {reply:?}"
    )))
}

fn seen(view: EntryView) -> Option<Seen> {
    let about = view.body.about()?;
    let centis = if let Body::Score(score) = &view.body {
        Some(score.time_centis.iter().sum())
    } else {
        None
    };
    Some(Seen {
        id: view.id,
        author: view.label,
        drill: about.drill.map(|it| it.0),
        shooter: about.shooter.0,
        centis,
        reading: match view.verdict {
            Verdict::Counted => Reading::Counted,
            Verdict::CountedLate => Reading::CountedLate,
            Verdict::Duplicate(_) => Reading::Duplicate,
            Verdict::NeedsDecision(_) => Reading::NeedsDecision,
            Verdict::LateBeaten(_) => Reading::LateBeaten,
            Verdict::Quarantined => Reading::Quarantined,
            Verdict::Unassigned => Reading::Unassigned,
            Verdict::Rejected => Reading::Rejected,
            Verdict::Disputed => Reading::Disputed,
            Verdict::Voided(_) => Reading::Voided,
            Verdict::LowerAttempt(_)
            | Verdict::Unfit(_)
            | Verdict::Waiting
            | Verdict::Statement
            | Verdict::Unknown => Reading::Other,
        },
        copies: view.copies,
        in_cloud: view.in_cloud,
    })
}
