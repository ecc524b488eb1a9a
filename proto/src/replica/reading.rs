//! What a replica shows, computed from what is on its disk; nothing here changes anything.

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};

use tallyline_keys::PublicKey;

use super::{
    Chase, DeviceView, EntryFilter, EntryView, EventEnd, GrantView, LentView, LogView, Now, PeerId,
    Replica, StatementView, VerifyReport, command::bundle, core::State, member::Member,
};
use crate::{
    log::{Chain, Grant, Log, Said, verify_head},
    model::{Body, EventId, GrantId, Hash, LogName, Manifest, RosterChange, Statement, Ticket},
    rules::{Line, RULES_VERSION, Roster, Scorebook, Standings, erase_names, erased_label},
    wire::{decode_signed, log_short_id},
};

impl Replica {
    /// Returns the event and its manifest.
    pub fn event(&self) -> Option<(EventId, &Manifest)> {
        self.member()
            .map(|member| (member.ledger.event(), member.ledger.manifest()))
    }

    /// Returns how many entries a cloud signed for and has lost since: it was put back to an older state,
    /// perhaps. Whoever holds them sends them again.
    ///
    /// Source: PROTOCOL R-CLOUD-4.
    pub fn lost_by_the_cloud(&self) -> u64 {
        self.member().map_or(0, Member::lost_by_the_cloud)
    }

    /// Returns the ticket of a join under way.
    pub fn ticket(&self) -> Option<&Ticket> {
        match &self.state {
            State::Joining(ticket) => Some(ticket),
            State::Member(member) => member.ticket.as_ref(),
            State::Blank => None,
        }
    }

    /// Returns the structure with all roster changes.
    pub fn roster(&self) -> Option<&Roster> {
        self.member()
            .map(|member| member.ledger.authority().roster())
    }

    /// Returns whether this version knows the event's reading rules; if not, the node stores and
    /// relays, and shows "update needed" instead of standings.
    ///
    /// Source: PROTOCOL R-EVENT-3.
    pub fn knows_rules(&self) -> bool {
        self.member().is_none_or(|member| {
            (1..=RULES_VERSION).contains(&member.ledger.manifest().rules_version)
        })
    }

    /// Returns what counts; computed anew only after something changed.
    pub fn book(&mut self) -> Option<Arc<Scorebook>> {
        match &mut self.state {
            State::Member(member) => Some(member.book()),
            State::Blank | State::Joining(_) => None,
        }
    }

    /// Returns what counts, read from nothing: what [`Self::book`] keeps must equal it.
    pub fn book_from_nothing(&self) -> Option<Scorebook> {
        self.member().map(Member::book_from_nothing)
    }

    /// Returns who stands where; only what changed is ranked again.
    pub fn standings(&mut self) -> Option<Arc<Standings>> {
        match &mut self.state {
            State::Member(member) => Some(member.standings()),
            State::Blank | State::Joining(_) => None,
        }
    }

    /// Returns the entries that a filter leaves, in the order of logs and sequences.
    pub fn entries(&mut self, filter: &EntryFilter) -> Vec<EntryView> {
        let own = self.key();
        let State::Member(member) = &mut self.state else {
            return Vec::new();
        };
        let book = member.book();
        let member = &*member;
        let wanted = |line: &Line<'_>| {
            let subject = member.subject(line.body);
            filter.entry.is_none_or(|entry| line.id == entry)
                && filter.author.is_none_or(|author| line.author == author)
                && filter
                    .shooter
                    .is_none_or(|no| subject.is_some_and(|it| it.shooter == no))
                && filter
                    .drill
                    .is_none_or(|no| subject.is_some_and(|it| it.drill == Some(no)))
        };
        let lines = member.ledger.lines().filter(wanted);
        lines
            .map(|line| member.entry_view(&own, &book, &line))
            .collect()
    }

    /// Returns the members, then those who were members and are revoked.
    pub fn devices(&self, now: Now) -> Vec<DeviceView> {
        let own = self.key();
        let Some(member) = self.member() else {
            return Vec::new();
        };
        let connected =
            |key: &PublicKey| self.peers.values().any(|it| it.is_member && it.key == *key);
        let authority = member.ledger.authority();
        let all = authority.members().iter().chain(authority.former());
        all.map(|(key, it)| DeviceView {
            key: *key,
            label: it.label.clone(),
            roles: it.roles,
            this: *key == own,
            connected: connected(key),
            last_heard_ms: self
                .last_heard_ms
                .get(key)
                .map(|&at| now.mono_ms.saturating_sub(at)),
            clock_ahead_ms: self.clocks_ahead_ms.get(key).copied(),
            met: *key == own || connected(key) || member.met(key),
            revoked: authority.revoked(key).map(|it| it.reason),
        })
        .collect()
    }

    /// Returns the key of the owner now.
    pub fn owner(&self) -> Option<PublicKey> {
        self.member()
            .map(|member| member.ledger.authority().owner())
    }

    /// Returns all statements held, in the order in which their authors made them by their clocks.
    pub fn statements(&self) -> Vec<StatementView> {
        let Some(member) = self.member() else {
            return Vec::new();
        };
        let said = member.ledger.said();
        let mut views: Vec<StatementView> = said
            .filter_map(|said| member.statement_view(said))
            .collect();
        views.sort_by_key(|it| (it.at_unix_ms, it.log, it.seq));
        views
    }

    /// Returns how far the end of the event is.
    pub fn event_end(&self) -> EventEnd {
        let Some(member) = self.member() else {
            return EventEnd::default();
        };
        let authority = member.ledger.authority();
        let said_at = |id: Hash| {
            let (said, _) = member.ledger.statement(id)?;
            let line = member.ledger.line(&said.log, said.seq)?;
            Some(member.unix_ms(line.at_ms))
        };
        EventEnd {
            called_unix_ms: authority.last_call().and_then(said_at),
            closed_unix_ms: authority.closing().and_then(|it| said_at(it.statement)),
        }
    }

    /// Returns whom and what `event close` waits for, apart from devices declared lost.
    ///
    /// Source: PROTOCOL R-CONTROL-17.
    pub fn chased(&self, lost: &[PublicKey]) -> Vec<Chase> {
        self.member()
            .map(|member| member.chased(lost))
            .unwrap_or_default()
    }

    /// Returns all grants by depth.
    pub fn grants(&self) -> Vec<GrantView> {
        let Some(member) = self.member() else {
            return Vec::new();
        };
        let grants = member.ledger.authority().grants().iter();
        let mut grants: Vec<GrantView> = grants
            .map(|(id, grant)| member.grant_view(*id, grant))
            .collect();
        grants.sort_by_key(|grant| (grant.depth, grant.id));
        grants
    }

    /// Returns the cells that desks have lent and not taken back, by drill and squad.
    pub fn claims(&self) -> Vec<GrantView> {
        let Some(member) = self.member() else {
            return Vec::new();
        };
        let open = member.ledger.authority().open();
        let lent = open.filter(|(_, grant)| grant.under.is_some());
        let mut claims: Vec<GrantView> = lent
            .map(|(id, grant)| member.grant_view(id, grant))
            .collect();
        claims.sort_by_key(|it| (it.cells.drills.clone(), it.cells.squads.clone(), it.id));
        claims
    }

    /// Returns all logs: the control logs first.
    pub fn logs(&self) -> Vec<LogView> {
        let own = self.key();
        let Some(member) = self.member() else {
            return Vec::new();
        };
        let mut logs: Vec<LogView> = member
            .ledger
            .logs()
            .values()
            .map(|log| member.log_view(&own, log))
            .collect();
        logs.sort_by(|one, next| {
            let order = |it: &LogView| (!it.control, it.label.clone(), it.name);
            order(one).cmp(&order(next))
        });
        logs
    }

    /// Returns the keys of all members.
    pub fn members(&self) -> Vec<PublicKey> {
        let Some(member) = self.member() else {
            return Vec::new();
        };
        member
            .ledger
            .authority()
            .members()
            .keys()
            .copied()
            .collect()
    }

    /// Returns the connections whose peers have shown that they are members, and of each whether it is
    /// a cloud of the event.
    pub fn member_peers(&self) -> Vec<(PeerId, bool)> {
        let Some(member) = self.member() else {
            return Vec::new();
        };
        let members = self.peers.iter().filter(|(_, it)| it.is_member);
        members
            .map(|(peer, it)| (*peer, member.is_cloud(&it.speaks_for())))
            .collect()
    }

    /// Returns the logs of which a proof of a fork is held, whether or not the log itself is.
    pub fn forked(&self) -> Vec<LogName> {
        let forks = self.member().map(|member| member.ledger.forks().keys());
        forks.into_iter().flatten().copied().collect()
    }

    /// Returns the key of the discovery tag, of the event or of the ticket.
    pub fn discovery_key(&self) -> Option<[u8; 16]> {
        match &self.state {
            State::Blank => None,
            State::Joining(ticket) => Some(ticket.discovery_key),
            State::Member(member) => Some(member.ledger.manifest().discovery_key),
        }
    }

    /// Returns a digest that is equal on two nodes if and only if they hold the same logs.
    pub fn state_digest(&self) -> [u8; 32] {
        self.member()
            .map_or([0; 32], |member| member.ledger.state_digest().0)
    }

    /// Returns how many statements this device has made, of those that others take of it.
    pub fn statements_made(&self) -> u64 {
        let key = self.key();
        self.member().map_or(0, |member| member.said_under(&key))
    }

    /// Returns everything about the event as a bundle file.
    pub fn bundle(&self) -> Vec<u8> {
        self.member().map(bundle).unwrap_or_default()
    }

    /// Checks every hash and every kept signature again.
    pub fn verify(&self) -> VerifyReport {
        let mut report = VerifyReport::default();
        let Some(member) = self.member() else {
            return report;
        };
        for log in member.ledger.logs().values() {
            verify_log(member, log, &mut report);
        }
        for cell in member.cells.values() {
            report.signatures = report.signatures.saturating_add(1);
            if !cell.holds(member.ledger.event()) {
                report.problems.push(format!(
                    "a cell of {} is not signed by it",
                    cell.signer.short()
                ));
            }
        }
        for log in member.ledger.forks().keys() {
            report.problems.push(format!("log {} forked", name(log)));
        }
        report
    }
}

impl Member {
    /// Counts the other devices that hold an entry, by what they said of the store they last named.
    ///
    /// Source: PROTOCOL R-CELL-3.
    pub(super) fn copies(&self, own: &PublicKey, log: &[u8; 16], seq: u64) -> u32 {
        let holders = self.holdings.iter().filter(|(key, holding)| {
            *key != own
                && holding
                    .heights
                    .get(log)
                    .is_some_and(|&height| seq <= height)
        });
        u32::try_from(holders.count()).unwrap_or(u32::MAX)
    }

    /// Returns whether a device wrote anything that is here, or said what it holds.
    fn met(&self, key: &PublicKey) -> bool {
        self.holdings.contains_key(key)
            || self.ledger.logs().values().any(|log| log.writer() == *key)
    }

    /// Returns the Unix time in milliseconds of a time since the event's epoch.
    pub(super) fn unix_ms(&self, at_ms: i64) -> i64 {
        let epoch_ms = i64::try_from(self.ledger.manifest().structure.epoch_ms).unwrap_or(0);
        epoch_ms.saturating_add(at_ms)
    }

    fn statement_view(&self, said: &Said) -> Option<StatementView> {
        let line = self.ledger.line(&said.log, said.seq)?;
        // What stands behind a fork differs from node to node, and is not judged.
        let fork = self.ledger.forks().get(&said.log);
        let judged = fork.is_none_or(|fork| said.seq < fork.from);
        Some(StatementView {
            entry: line.id,
            log: said.log,
            seq: said.seq,
            signer: said.signer,
            label: self.label(&said.signer),
            at_unix_ms: self.unix_ms(line.at_ms),
            in_force: judged && !self.ledger.authority().invalid().contains(&said.id),
            statement: said.statement.clone().map(|it| self.without_erased(it)),
        })
    }

    /// Takes the names of erased shooters out of what a statement says. Its bytes stay as they are:
    /// the chain rests on them.
    ///
    /// Source: PROTOCOL R-SEAL-7.
    fn without_erased(&self, mut statement: Statement) -> Statement {
        let roster = self.ledger.authority().roster();
        match &mut statement {
            Statement::Roster(RosterChange::Add(shooter)) if roster.is_erased(shooter.no) => {
                erase_names(shooter);
            }
            Statement::Roster(RosterChange::Edit(edit)) if roster.is_erased(edit.shooter) => {
                let label = erased_label(edit.shooter);
                edit.label = edit.label.as_ref().map(|_| label);
                edit.entrant = None;
            }
            Statement::Admit(_)
            | Statement::Assign(_)
            | Statement::Roster(_)
            | Statement::Lock(_)
            | Statement::Revoke(_)
            | Statement::Consent(_)
            | Statement::Transfer(_)
            | Statement::Recover(_)
            | Statement::Adopt(_)
            | Statement::Amend(_)
            | Statement::LastCall
            | Statement::EventClose(_)
            | Statement::Phase(_)
            | Statement::Erase(_) => {}
        }
        statement
    }

    fn grant_view(&self, id: GrantId, grant: &Grant) -> GrantView {
        GrantView {
            id,
            key: grant.key,
            label: self.label(&grant.key),
            cells: grant.cells.clone(),
            depth: grant.depth,
            closed: grant.end.as_ref().map(|end| end.reason),
            lent: grant.under.map(|_| LentView {
                desk: grant.by,
                label: self.label(&grant.by),
                until_ms: grant.until_ms,
            }),
        }
    }

    fn log_view(&self, own: &PublicKey, log: &Log) -> LogView {
        let name = *log.name();
        let id = log_short_id(&name);
        let height = log.height();
        let authority = self.ledger.authority();
        let grant = authority.grants().get(&name.grant);
        let others = self.holdings.iter().filter(|(key, _)| *key != own);
        let highest = others
            .filter_map(|(_, it)| it.heights.get(&id))
            .copied()
            .max()
            .unwrap_or(0);
        LogView {
            name,
            author: log.writer(),
            label: self.label(&log.writer()),
            cells: grant.map(|grant| grant.cells.clone()),
            control: self.ledger.is_control(name.grant),
            open: grant.is_none_or(|grant| grant.end.is_none()),
            height,
            head_known: height.max(highest),
            copies: self.copies(own, &id, height),
            least_copies: self.copies(own, &id, height),
            cloud: self.in_cloud(&id),
            forked: self.ledger.forks().contains_key(&name),
            common: self.ledger.is_common(&name),
        }
    }
}

fn verify_log(member: &Member, log: &Log, report: &mut VerifyReport) {
    let event = member.ledger.event();
    let mut chain = Chain::start(event, log.name(), &log.writer());
    let mut chains = BTreeMap::from([(0, chain)]);
    report.logs = report.logs.saturating_add(1);
    for (seq, record) in log.records() {
        chain = chain.link(&record.bytes);
        chains.insert(seq, chain);
        report.entries = report.entries.saturating_add(1);
        if chain != record.chain {
            report
                .problems
                .push(format!("entry {}/{seq} has another hash", name(log.name())));
        }
        if let Body::Statement(bytes) = &record.entry.body {
            report.signatures = report.signatures.saturating_add(1);
            if !decode_signed(bytes).is_ok_and(|signed| signed.holds(event)) {
                report.problems.push(format!(
                    "statement {}/{seq} is not signed",
                    name(log.name())
                ));
            }
        }
    }
    for (&height, signature) in log.heads() {
        report.signatures = report.signatures.saturating_add(1);
        let holds = chains.get(&height).is_some_and(|&chain| {
            verify_head(&log.writer(), event, log.name(), (height, chain), signature)
        });
        if !holds {
            report
                .problems
                .push(format!("head {}/{height} is not signed", name(log.name())));
        }
    }
}

/// Returns a log's name as messages show it: the grant's first group and the incarnation.
pub(super) fn name(log: &LogName) -> String {
    let grant = log.grant.uuid().to_string();
    format!(
        "{}-{:016x}",
        grant.split('-').next().unwrap_or_default(),
        log.incarnation.0
    )
}
