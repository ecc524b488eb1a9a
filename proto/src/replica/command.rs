//! What people ask for: founding, joining, statements, bundles.

use alloc::{boxed::Box, format, string::ToString as _, vec::Vec};

use tallyline_keys::PublicKey;

use super::{
    Command, Founding, Replica, Reply, RequestId, Write, core::State, member::Member,
    ownership::reason_words, peer::growth_writes,
};
use crate::{
    log::{CONTROL_ENTRIES_MAX, DEPUTY_ADMITS, Ledger, Refusal, Taken},
    model::{
        Admit, Assign, Body, Close, CloseReason, Cut, Entry, GrantId, Hash, Lock, LogName,
        Manifest, Open, PowerFactor, Roles, RosterChange, Statement,
    },
    rules::{
        Code, Mistake, RULES_VERSION, Roster, scoring::is_minor_only, validate::check_not_final,
    },
    wire::{
        self, Frame, LogRef, Push, WireError, decode_bundle, decode_manifest, encode_manifest,
        encode_signed, encode_structure, event_id, grant_id, sign_statement, statement_id,
        structure_hash,
    },
};

/// Most times that what was refused of a bundle is tried again: owner, deputy or desk, and whoever got a
/// grant of theirs are the longest row of logs of which each rests on the one before.
const IMPORT_PASSES_MAX: usize = 4;

impl Replica {
    pub(super) fn on_command(&mut self, request: RequestId, command: Command) {
        let reply = self.obey(command).unwrap_or_else(Reply::Refused);
        self.out.released.replies.push((request, reply));
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each command")]
    fn obey(&mut self, command: Command) -> Result<Reply, Mistake> {
        match command {
            Command::Found(founding) => self.found(founding),
            Command::Join(ticket) => self.join(ticket),
            Command::Lock => self.lock(),
            Command::Invite {
                secret,
                roles,
                label,
                window_ms,
            } => self.invite(secret, roles, label, window_ms),
            Command::Enrol(enrolling) => self.enrol(enrolling),
            Command::Admit { key, roles, label } => self.admit(Admit { key, roles, label }),
            Command::Assign {
                closing,
                reason,
                opens,
            } => self.assign(&closing, reason, opens),
            Command::Claim(claiming) => self.claim(claiming),
            Command::Roster(change) => self.change_roster(change),
            Command::Amend(amend) => self.amend(amend),
            Command::Revoke {
                key,
                reason,
                before,
            } => self.revoke(key, reason, before),
            Command::Consent => self.consent(),
            Command::Transfer(to) => self.transfer(to),
            Command::Recover {
                seed,
                reason,
                before,
            } => self.recover(&seed, reason, before),
            Command::Adopt {
                selection,
                decision,
            } => self.adopt(&selection, decision),
            Command::LastCall => self.last_call(),
            Command::CloseEvent { lost } => self.close_event(lost),
            Command::Record {
                body,
                replaces,
                agreed,
                confirmed,
                revision,
                wall_ms,
            } => {
                let record = super::record::Record {
                    body,
                    replaces,
                    agreed,
                    confirmed,
                    revision,
                    wall_ms,
                    seed: None,
                };
                self.record(record)
            }
            Command::RecordSealed { seed, record } => self.record_sealed(&seed, *record),
            Command::Void {
                entry,
                reason,
                agreed,
                note,
                wall_ms,
            } => self.void(
                crate::model::Void {
                    entry,
                    reason,
                    agreed,
                    note,
                },
                wall_ms,
            ),
            Command::Erase(person) => self.erase(person),
            Command::Approve {
                entry,
                ro,
                shooter,
                wall_ms,
            } => self.approve(entry, (ro, shooter), wall_ms),
            Command::Phase(change) => self.change_phase(change),
            Command::Import(bytes) => self.import(&bytes),
        }
    }

    /// Admits a key: the owner with any roles, a deputy as a plain device.
    fn admit(&mut self, admit: Admit) -> Result<Reply, Mistake> {
        let own = self.key();
        let member = self.speaking_for(Roles::DEPUTY)?;
        let authority = member.ledger.authority();
        if let Some(revocation) = authority.revoked(&admit.key) {
            let text = format!(
                "the key of {} was revoked ({}) and is never admitted again. Draw a new one on the \
                 device: `tallyline init` in a fresh root.",
                member.label(&admit.key),
                reason_words(revocation.reason)
            );
            return Err(Mistake::new(Code::E02, text));
        }
        member.may_admit(&own, admit.roles)?;
        self.state_that(&Statement::Admit(admit))?;
        Ok(Reply::Admitted)
    }

    /// Returns the event, or says that there is none.
    pub(super) fn event_or_mistake(&self) -> Result<&Member, Mistake> {
        self.member().ok_or_else(no_event)
    }

    pub(super) fn own_event(&mut self) -> Result<&mut Member, Mistake> {
        let own = self.identity.key.public();
        let State::Member(member) = &mut self.state else {
            return Err(no_event());
        };
        if member.ledger.authority().owner() != own {
            let owner = member.label(&member.ledger.authority().owner());
            return Err(Mistake::new(
                Code::E02,
                format!("only the event's owner may do this; the owner's device is {owner}."),
            ));
        }
        Ok(member)
    }

    fn found(&mut self, founding: Founding) -> Result<Reply, Mistake> {
        self.no_event_yet()?;
        let key = self.key();
        let roles = Roles::OWNER.with(Roles::SCORER).with(Roles::RELAY);
        let label = founding.label;
        let admit = Statement::Admit(Admit { key, roles, label });
        sayable(&admit)?;
        let structure_bytes = encode_structure(&founding.structure).len();
        let manifest = Manifest {
            rules_version: RULES_VERSION,
            name: founding.name,
            nonce: founding.nonce,
            owner: self.key(),
            recovery: founding.recovery,
            cloud: founding.cloud,
            discovery_key: founding.discovery_key,
            structure: founding.structure,
        };
        let bytes = encode_manifest(&manifest);
        // Reading it back holds the founder to the same limits as everybody who joins.
        let manifest = decode_manifest(&bytes).map_err(|error| {
            let text = match error {
                WireError::TooLarge("manifest") => format!(
                    "the event's structure has {structure_bytes} bytes, limit {}. Shorten names or split the event.",
                    wire::MANIFEST_BYTES_MAX
                ),
                WireError::Malformed | WireError::Invalid(_) | WireError::TooLarge(_) => {
                    format!("the event cannot be created: {error}. Mend the structure file.")
                }
            };
            Mistake::new(Code::E21, text)
        })?;
        let event = event_id(&bytes);
        self.out.writes.push(Write::Ticket(None));
        self.out.writes.push(Write::Manifest(bytes.clone()));
        let ledger = Ledger::new(event, manifest);
        self.state = State::Member(Box::new(Member::new(bytes, ledger)));
        self.say(&admit);
        Ok(Reply::Founded(event))
    }

    pub(super) fn no_event_yet(&self) -> Result<(), Mistake> {
        let Some(member) = self.member() else {
            return Ok(());
        };
        Err(Mistake::new(
            Code::E12,
            format!(
                "this device already serves the event \"{}\". Use another --root for another event.",
                member.ledger.manifest().name
            ),
        ))
    }

    fn lock(&mut self) -> Result<Reply, Mistake> {
        let member = self.own_event()?;
        if !member.ledger.authority().roster().locked() {
            let structure = encode_structure(&member.ledger.manifest().structure);
            self.state_that(&Statement::Lock(Lock {
                structure: structure_hash(&structure),
            }))?;
        }
        Ok(Reply::Locked)
    }

    fn assign(
        &mut self,
        closing: &[GrantId],
        reason: CloseReason,
        opens: Vec<Open>,
    ) -> Result<Reply, Mistake> {
        let own = self.key();
        let member = self.speaking_for(Roles::DEPUTY)?;
        let authority = member.ledger.authority();
        if authority.owner() != own {
            may_take_over(member, closing, &opens)?;
        }
        for grant in closing {
            if authority
                .grants()
                .get(grant)
                .is_none_or(|grant| grant.end.is_some())
            {
                let text = format!(
                    "there is no open grant {}. See `tallyline grants`.",
                    grant.uuid()
                );
                return Err(Mistake::new(Code::E15, text));
            }
        }
        if closing.is_empty() && opens.is_empty() {
            let text = "nothing to grant and nothing to close. Name drills, squads and a device.";
            return Err(Mistake::new(Code::E21, text.into()));
        }
        for (place, open) in opens.iter().enumerate() {
            let mut drills = open.cells.drills.iter().flatten();
            if let Some(drill) = drills.find(|no| authority.roster().drill(**no).is_none()) {
                let text = format!("the event has no stage {drill}. See `tallyline event show`.");
                return Err(Mistake::new(Code::E01, text));
            }
            let scorer = authority.members().get(&open.key);
            if !scorer.is_some_and(|it| it.roles.contains(Roles::SCORER)) {
                let text = format!(
                    "device {} is not admitted as a scorer. Invite it first.",
                    open.key.short()
                );
                return Err(Mistake::new(Code::E02, text));
            }
            let held = authority.overlapping(&open.cells).find(|(id, grant)| {
                // What a desk lent ends with its own grant.
                let ends = grant.under.is_some_and(|desk| closing.contains(&desk));
                !ends && !closing.contains(id)
            });
            let twice = opens
                .iter()
                .take(place)
                .any(|other| other.cells.overlaps(&open.cells));
            if let Some((id, grant)) = held {
                let cell = open.cells.shared(&grant.cells).unwrap_or_default();
                let holder = member.label(&grant.key);
                return Err(Mistake::overlapping(cell, &holder, &id.uuid()));
            }
            if twice {
                let text = "two of the grants share a cell. Give each cell to one device.".into();
                return Err(Mistake::new(Code::E15, text));
            }
        }
        let closes = closing
            .iter()
            .map(|&grant| close(&member.ledger, grant, reason))
            .collect();
        let count = opens.len();
        let id = self.state_that(&Statement::Assign(Assign {
            closes,
            opens,
            under: None,
        }))?;
        let opened = (0..).take(count).map(|place| grant_id(id, place)).collect();
        Ok(Reply::Assigned(opened))
    }

    fn change_roster(&mut self, change: RosterChange) -> Result<Reply, Mistake> {
        let member = self.own_event()?;
        let roster = member.ledger.authority().roster();
        check_not_final(roster, roster.revision())?;
        let divisions = roster.structure().divisions.len();
        let unknown_division = || {
            let text = "the event has no such division. See `tallyline event show`.";
            Mistake::new(Code::E01, text.into())
        };
        let unknown = |no: crate::model::ShooterNo| {
            Mistake::new(Code::E01, format!("shooter {no} is not on the roster."))
        };
        match &change {
            RosterChange::Add(shooter) if roster.shooter(shooter.no).is_some() => {
                return Err(Mistake::new(
                    Code::E01,
                    format!(
                        "shooter {} is on the roster already. Choose another number.",
                        shooter.no
                    ),
                ));
            }
            RosterChange::Edit(edit) if roster.shooter(edit.shooter).is_none() => {
                return Err(unknown(edit.shooter));
            }
            RosterChange::Add(shooter) if divisions <= shooter.division => {
                return Err(unknown_division());
            }
            RosterChange::Edit(edit) if edit.division.is_some_and(|it| divisions <= it) => {
                return Err(unknown_division());
            }
            RosterChange::Add(_) | RosterChange::Edit(_) => {}
        }
        if let Some(division) = minor_only(roster, &change) {
            let text = format!(
                "division {division} is scored Minor: it has a floor for Minor and none for Major. \
                 Declare Minor, or choose another division."
            );
            return Err(Mistake::new(Code::E01, text));
        }
        self.state_that(&Statement::Roster(change))?;
        let member = self.event_or_mistake()?;
        Ok(Reply::Revised(
            member.ledger.authority().roster().revision(),
        ))
    }

    /// Signs a statement into the log in which this device speaks and returns its id: the owner's
    /// control log, or what a member writes under its Admit.
    ///
    /// Source: PROTOCOL R-CONTROL-1, R-CONTROL-10.
    pub(super) fn state_that(&mut self, statement: &Statement) -> Result<Hash, Mistake> {
        sayable(statement)?;
        let member = self.event_or_mistake()?;
        let said = member.said_under(&self.identity.key.public());
        if CONTROL_ENTRIES_MAX <= said {
            let text = format!(
                "this device has made {said} statements; others take no more of one device. Give \
                 whole stages or squads in one grant."
            );
            return Err(Mistake::new(Code::E21, text));
        }
        Ok(self.say(statement))
    }

    fn say(&mut self, statement: &Statement) -> Hash {
        let own = self.key();
        let State::Member(member) = &self.state else {
            return Hash::default();
        };
        let event = member.ledger.event();
        let signed = sign_statement(&self.identity.key, event, statement);
        let id = statement_id(event, &own, &signed.body);
        let body = Body::Statement(encode_signed(&signed));
        let grant = member.speaks_under(&own);
        self.append(grant, body, None, None);
        id
    }

    /// Appends an entry of this device to its log under a grant and returns its id.
    pub(super) fn append(
        &mut self,
        grant: GrantId,
        body: Body,
        same_log: Option<u64>,
        wall_ms: Option<u64>,
    ) -> Option<crate::model::EntryId> {
        let own = self.key();
        let incarnation = self.incarnation;
        let now = self.now;
        let State::Member(member) = &mut self.state else {
            return None;
        };
        let log = LogName { grant, incarnation };
        let held = member.ledger.logs().get(&log);
        let at_ms = member.since_epoch(wall_ms.unwrap_or(now.wall_ms));
        let succession = match held {
            Some(_) => Vec::new(),
            None => member.ledger.predecessors(grant, incarnation),
        };
        let entry = Entry {
            at_delta_ms: at_ms.saturating_sub(held.map_or(0, crate::log::Log::last_at_ms)),
            revision: member.ledger.authority().roster().revision(),
            succession,
            body,
        };
        let bytes = wire::encode_entry(&entry, same_log);
        if !member.ledger.chunk_holds(&log, bytes.len()) {
            self.sign(&log);
        }
        let State::Member(member) = &mut self.state else {
            return None;
        };
        let (id, seq) = member.ledger.append(log, own, bytes.clone());
        self.out.writes.push(Write::Entries {
            log,
            first: seq,
            entries: Vec::from([bytes]),
        });
        member.unsigned.insert(log);
        self.grown(log, 1);
        Some(id)
    }

    /// Signs the ends of the logs this device wrote in this step: one signature for each, however
    /// many entries it covers, as long as one chunk can hold them.
    ///
    /// Source: PROTOCOL R-CHAIN-6.
    pub(super) fn sign_own(&mut self) {
        let State::Member(member) = &mut self.state else {
            return;
        };
        for log in core::mem::take(&mut member.unsigned) {
            self.sign(&log);
        }
    }

    fn sign(&mut self, log: &LogName) {
        let State::Member(member) = &mut self.state else {
            return;
        };
        let Some((height, signature, dropped)) = member.ledger.sign(log, &self.identity.key) else {
            return;
        };
        let log = *log;
        let signature = *signature.as_bytes();
        self.out.writes.push(Write::Head {
            log,
            height,
            signature,
        });
        let drops = dropped.into_iter();
        let drops = drops.map(|height| Write::DropHead { log, height });
        self.out.writes.extend(drops);
    }

    /// Takes in a bundle: the same checks as for a peer, and everything that holds is kept.
    ///
    /// Source: PROTOCOL R-BUNDLE-2.
    fn import(&mut self, bytes: &[u8]) -> Result<Reply, Mistake> {
        let damaged = |error: WireError| {
            Mistake::new(
                Code::E16,
                format!("this is no bundle, or it is damaged ({error}). Export it again."),
            )
        };
        let frames = decode_bundle(bytes).map_err(damaged)?;
        let Some(Frame::Welcome(manifest_bytes)) = frames.first() else {
            return Err(damaged(WireError::Malformed));
        };
        let event = event_id(manifest_bytes);
        let manifest = decode_manifest(manifest_bytes).map_err(damaged)?;
        let mismatch = match &self.state {
            State::Blank => false,
            State::Joining(ticket) => ticket.event != event,
            State::Member(member) => member.ledger.event() != event,
        };
        if mismatch {
            return Err(Mistake::new(
                Code::E16,
                format!(
                    "the bundle is of another event (\"{}\"). Nothing was taken in.",
                    manifest.name
                ),
            ));
        }
        if !matches!(self.state, State::Member(_)) {
            self.out
                .writes
                .push(Write::Manifest(manifest_bytes.clone()));
            let ledger = Ledger::new(event, manifest);
            let mut member = Box::new(Member::new(manifest_bytes.clone(), ledger));
            // A join under way goes on: a bundle admits nobody.
            if let State::Joining(ticket) = &self.state {
                member.ticket = Some(ticket.clone());
            }
            self.state = State::Member(member);
        }
        let (mut fresh, mut known) = (0_u64, 0_u64);
        let mut rest: Vec<&Frame> = frames.iter().collect();
        // A log may stand before the one whose statements let its key write.
        for _ in 0..IMPORT_PASSES_MAX {
            let before = fresh;
            rest.retain(|frame| match self.import_frame(frame) {
                Ok((one_fresh, one_known)) => {
                    fresh = fresh.saturating_add(one_fresh);
                    known = known.saturating_add(one_known);
                    false
                }
                Err(_) => true,
            });
            if rest.is_empty() || fresh == before {
                break;
            }
        }
        self.members_changed();
        Ok(Reply::Imported {
            fresh,
            known,
            refused: u64::try_from(rest.len()).unwrap_or(u64::MAX),
        })
    }

    fn import_frame(&mut self, frame: &Frame) -> Result<(u64, u64), Refusal> {
        let State::Member(member) = &mut self.state else {
            return Ok((0, 0));
        };
        match frame {
            Frame::Push(push) => {
                let LogRef::Name(name) = push.log else {
                    return Err(Refusal::UnknownGrant);
                };
                let taken = member
                    .ledger
                    .take(name, push.from, &push.entries, &push.signature)?;
                let count = u64::try_from(push.entries.len()).unwrap_or(u64::MAX);
                let growth = match taken {
                    Taken::Grown(growth) => growth,
                    Taken::BranchWhole => {
                        let fresh = self.settle_forks();
                        self.grown(name, fresh);
                        return Ok((fresh, count.saturating_sub(fresh)));
                    }
                    Taken::Known | Taken::Forked(_) | Taken::ForkKnown => return Ok((0, count)),
                };
                member.unannounced.insert(name);
                self.out.writes.extend(growth_writes(name, &growth, push));
                self.grown(name, growth.count);
                Ok((growth.count, count.saturating_sub(growth.count)))
            }
            Frame::Cells(cells) => {
                for bytes in cells {
                    let Ok(Some(cell)) = wire::decode_cell(bytes) else {
                        continue;
                    };
                    let (key, kind) = (cell.signer, cell.cell.kind.number());
                    if member.is_newer(&cell) && member.may_sign(&cell) {
                        member.keep_cell(cell);
                        let bytes = bytes.clone();
                        self.out.writes.push(Write::Cell { key, kind, bytes });
                    }
                }
                Ok((0, 0))
            }
            Frame::Fork(fork) => {
                if let Taken::Forked(fork) = member.ledger.take_fork(fork)? {
                    let bytes = wire::encode_fork(&fork);
                    self.out.writes.push(Write::Fork {
                        log: fork.log,
                        bytes,
                    });
                    self.grown(fork.log, 0);
                }
                Ok((0, 0))
            }
            Frame::Hello(_)
            | Frame::Vector(_)
            | Frame::Have(_)
            | Frame::Want(_)
            | Frame::Present(_)
            | Frame::Join(_)
            | Frame::Welcome(_)
            | Frame::Refused(_)
            | Frame::Claim(_)
            | Frame::Commit(_)
            | Frame::Reveal(_)
            | Frame::Ask(_)
            | Frame::Denied(_)
            | Frame::KeyAsk(_)
            | Frame::Keys(_)
            | Frame::Warrant(_) => Ok((0, 0)),
        }
    }
}

impl Member {
    /// Refuses what a device may not admit others as: the owner admits anybody, a deputy plain
    /// devices.
    ///
    /// Source: PROTOCOL R-CONTROL-10.
    pub(super) fn may_admit(&self, own: &PublicKey, roles: Roles) -> Result<(), Mistake> {
        let authority = self.ledger.authority();
        if authority.owner() == *own {
            return Ok(());
        }
        let deputy = authority.members().get(own);
        if deputy.is_some_and(|it| it.roles.contains(Roles::DEPUTY))
            && DEPUTY_ADMITS.contains(roles)
        {
            return Ok(());
        }
        let text = "a deputy admits scorers, relays, gateways and viewers. Ask the owner for more.";
        Err(Mistake::new(Code::E02, text.into()))
    }
}

/// Lays out everything about an event as a bundle.
pub(super) fn bundle(member: &Member) -> Vec<u8> {
    let mut frames = Vec::from([Frame::Welcome(member.manifest.clone())]);
    let mut logs: Vec<_> = member.ledger.logs().iter().collect();
    logs.sort_by_key(|(name, _)| (!member.ledger.is_control(name.grant), **name));
    for (name, log) in logs {
        let mut from = 1;
        while let Some(chunk) = log.chunk(from) {
            let count = u64::try_from(chunk.entries.len()).unwrap_or(u64::MAX);
            frames.push(Frame::Push(Push {
                log: LogRef::Name(*name),
                from,
                entries: chunk.entries,
                signature: chunk.signature,
            }));
            from = from.saturating_add(count);
        }
    }
    let forks = member.ledger.forks().values();
    let forks = forks.filter(|fork| fork.fits_a_frame()).cloned();
    frames.extend(forks.map(Frame::Fork));
    let cells: Vec<_> = member.cells.values().collect();
    frames.extend(wire::cell_frames(&cells));
    wire::encode_bundle(&frames)
}

/// Refuses what is more than a deputy may: it takes over what it closes, nothing else.
///
/// Source: PROTOCOL R-CONTROL-10.
fn may_take_over(member: &Member, closing: &[GrantId], opens: &[Open]) -> Result<(), Mistake> {
    let grants = member.ledger.authority().grants();
    let closed = || closing.iter().filter_map(|id| grants.get(id));
    let within = |open: &Open| closed().any(|grant| grant.cells.holds(&open.cells));
    if closing.is_empty() || !opens.iter().all(within) {
        let owner = member.label(&member.ledger.authority().owner());
        let text = format!(
            "a deputy hands over what it closes, and no other cells: name the grant that ends. Only \
             the owner ({owner}) grants anything else."
        );
        return Err(Mistake::new(Code::E02, text));
    }
    Ok(())
}

/// Refuses a statement that nobody could read back: what was asked for does not fit its limits.
pub(super) fn sayable(statement: &Statement) -> Result<(), Mistake> {
    let why = match wire::read_back(statement) {
        Ok(()) => return Ok(()),
        Err(why) => why,
    };
    Err(Mistake::new(
        Code::E21,
        format!("this cannot be recorded: {why}. Nothing was changed; correct it and try again."),
    ))
}

/// Closes a grant at the heads known here.
pub(super) fn close(ledger: &Ledger, grant: GrantId, reason: CloseReason) -> Close {
    let cuts = ledger
        .logs_of(grant)
        .filter_map(|log| {
            let (&height, &signature) = log.heads().last_key_value()?;
            let hash = log.chain_at(height)?.0;
            Some(Cut {
                incarnation: log.name().incarnation,
                height,
                hash,
                signature,
            })
        })
        .collect();
    Close {
        grant,
        cuts,
        reason,
    }
}

/// Returns the name of the division in which a change declares Major although it is scored Minor.
fn minor_only<'a>(roster: &'a Roster, change: &RosterChange) -> Option<&'a str> {
    let (division, power_factor) = match change {
        RosterChange::Add(shooter) => (shooter.division, shooter.power_factor),
        RosterChange::Edit(edit) if edit.division.is_none() && edit.power_factor.is_none() => {
            return None;
        }
        RosterChange::Edit(edit) => {
            let held = roster.shooter(edit.shooter)?;
            let power_factor = edit.power_factor.unwrap_or(held.power_factor);
            (edit.division.unwrap_or(held.division), power_factor)
        }
    };
    let division = roster.structure().divisions.get(division)?;
    let major = power_factor == PowerFactor::Major && is_minor_only(division);
    major.then_some(division.name.as_str())
}

/// Says that this device has no event.
pub(super) fn no_event() -> Mistake {
    Mistake::new(
        Code::E12,
        "this device has no event yet. Create one (`tallyline event create`) or join one (`tallyline join`)."
            .to_string(),
    )
}
