//! What the owner decides: which entries count, how the structure changes, when the event is over.

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

use tallyline_keys::PublicKey;

use super::{Replica, Reply, core::State, member::Member, ownership::reason_words};
use crate::{
    log::{Chain, Grant, Log},
    model::{
        Adopt, Amend, Amendment, Body, Decision, EntryId, EventClose, GrantId, Hash, LogEnd,
        LogName, Method, PhaseChange, RuleKind, Statement,
    },
    rules::{Code, Mistake, validate::check_not_final},
    wire::{Fork, log_short_id},
};

/// Most logs of an event that can be closed: what one statement holds.
const CLOSE_LOGS_MAX: usize = 400;

/// Which entries the owner decides about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Single entries, as their logs are held here.
    Entries(Vec<EntryId>),
    /// The branch of a log that forked, past the fork, to which this entry belongs or belonged: the
    /// one held here or the one in the proof.
    Branch {
        /// The log.
        log: LogName,
        /// Whether the branch held here is chosen; else the other one.
        here: bool,
    },
}

/// Somebody or something that `event close` waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chase {
    /// The device.
    pub key: PublicKey,
    /// What it is called.
    pub label: String,
    /// What is missing, and what to do.
    pub what: String,
}

impl Replica {
    /// Counts or rejects entries, whatever they would be by themselves.
    ///
    /// Source: PROTOCOL R-CONTROL-14.
    pub(super) fn adopt(
        &mut self,
        selection: &Selection,
        decision: Decision,
    ) -> Result<Reply, Mistake> {
        let member = self.own_event()?;
        let adopts = match selection {
            Selection::Entries(entries) => adopt_entries(member, entries, decision)?,
            Selection::Branch { log, here } => adopt_branch(member, log, *here, decision)?,
        };
        let in_vain = |it: &&Adopt| !member.ledger.is_common(&it.log);
        if let Some(adopt) = adopts.iter().find(in_vain) {
            return Err(member.not_common(&adopt.log));
        }
        let counts = |it: &&Adopt| it.decision == Decision::Count;
        let undoes = |it: &Adopt| contradicts(member, selection, &it.log);
        if adopts.iter().filter(counts).any(undoes) {
            let text = "the owner chose the other version of this log already, and nodes hold it. Reject \
                        its entries one by one instead.";
            return Err(Mistake::new(Code::E17, text.into()));
        }
        let count = adopts.iter().fold(0_u64, |sum, it| {
            let entries = it.to.saturating_sub(it.from).saturating_add(1);
            sum.saturating_add(entries)
        });
        for adopt in adopts {
            self.state_that(&Statement::Adopt(adopt))?;
        }
        Ok(Reply::Decided(count))
    }

    /// Changes a drill, or adds a drill or a rule.
    ///
    /// Source: PROTOCOL R-CONTROL-15.
    pub(super) fn amend(&mut self, amend: Amend) -> Result<Reply, Mistake> {
        let member = self.own_event()?;
        let roster = member.ledger.authority().roster();
        check_not_final(roster, roster.revision())?;
        match &amend.change {
            Amendment::Rule(rule) if roster.rule(rule.no).is_some() => {
                let no = rule.no.0;
                let text =
                    format!("rule {no} is there already; penalties rest on it. Add another.");
                return Err(Mistake::new(Code::E01, text));
            }
            Amendment::Rule(rule) if rule.kind == RuleKind::Dq && rule.text.is_empty() => {
                let text = "a rule needs its number and words as in the rule book.";
                return Err(Mistake::new(Code::E21, text.into()));
            }
            Amendment::Drill(drill)
                if roster.drill(drill.no).is_some_and(|held| {
                    (held.method == Method::Chrono) != (drill.method == Method::Chrono)
                }) =>
            {
                let no = drill.no;
                let text = format!(
                    "stage {no} cannot become a chronograph or cease to be one. Add a stage instead."
                );
                return Err(Mistake::new(Code::E01, text));
            }
            Amendment::Place(place) if roster.place(place.no).is_some() => {
                let text = format!("place {} is there already. Add another.", place.no);
                return Err(Mistake::new(Code::E01, text));
            }
            Amendment::Kind(kind) if roster.kind(kind.no).is_some() => {
                let text = format!("kind {} of records is there already. Add another.", kind.no);
                return Err(Mistake::new(Code::E01, text));
            }
            Amendment::Rule(_) | Amendment::Drill(_) | Amendment::Place(_) | Amendment::Kind(_) => {
            }
        }
        self.state_that(&Statement::Amend(amend))?;
        let roster = self.event_or_mistake()?.ledger.authority().roster();
        Ok(Reply::Revised(roster.revision()))
    }

    /// Posts provisional results, declares them final, or opens the event again.
    ///
    /// Source: PROTOCOL R-CONTROL-18.
    pub(super) fn change_phase(&mut self, change: PhaseChange) -> Result<Reply, Mistake> {
        let member = self.own_event()?;
        if !member.ledger.authority().roster().locked() {
            let text = "the event is not locked yet. Lock it first: `tallyline event lock`.";
            return Err(Mistake::new(Code::E12, text.into()));
        }
        self.state_that(&Statement::Phase(change))?;
        let roster = self.event_or_mistake()?.ledger.authority().roster();
        Ok(Reply::Revised(roster.revision()))
    }

    /// Says that scoring is over: writers seal their logs.
    ///
    /// Source: PROTOCOL R-CONTROL-16.
    pub(super) fn last_call(&mut self) -> Result<Reply, Mistake> {
        let member = self.own_event()?;
        if member.ledger.authority().last_call().is_none() {
            self.state_that(&Statement::LastCall)?;
        }
        Ok(Reply::ScoringOver)
    }

    /// Closes the event if nobody has to be waited for, apart from those declared lost.
    ///
    /// Source: PROTOCOL R-CONTROL-17.
    pub(super) fn close_event(&mut self, lost: Vec<PublicKey>) -> Result<Reply, Mistake> {
        let member = self.own_event()?;
        if member.ledger.authority().last_call().is_none() {
            let text = "scoring is not over: nobody was told to seal. Call it first.";
            return Err(Mistake::new(Code::E12, text.into()));
        }
        let chased = member.chased(&lost);
        if !chased.is_empty() {
            let whom: Vec<String> = chased
                .iter()
                .map(|it| format!("{}: {}", it.label, it.what))
                .collect();
            let text = format!(
                "the event cannot be closed yet. {}. Nothing was closed.",
                whom.join("; ")
            );
            return Err(Mistake::new(Code::E12, text));
        }
        let ends: Vec<LogEnd> = member.ledger.logs().values().map(end_of).collect();
        if CLOSE_LOGS_MAX < ends.len() {
            let text = format!(
                "the event has {} logs; {CLOSE_LOGS_MAX} can be closed.",
                ends.len()
            );
            return Err(Mistake::new(Code::E21, text));
        }
        self.state_that(&Statement::EventClose(EventClose { ends, lost }))?;
        Ok(Reply::Closed)
    }

    /// Seals this device's open grants after the owner's last call: from then on it writes no more
    /// under them, and everybody can tell that nothing is missing.
    ///
    /// Source: PROTOCOL R-CONTROL-16.
    pub(super) fn seal_if_called(&mut self) {
        let own = self.key();
        let State::Member(member) = &self.state else {
            return;
        };
        let authority = member.ledger.authority();
        if authority.last_call().is_none() {
            return;
        }
        let mine = authority.open().filter(|(_, grant)| grant.key == own);
        let open: Vec<GrantId> = mine
            .map(|(id, _)| id)
            .filter(|id| !member.sealed(*id))
            .collect();
        for grant in open {
            self.append(grant, Body::Seal, None, None);
        }
    }
}

impl Member {
    /// Returns whom and what the end of the event waits for, apart from devices declared lost.
    ///
    /// Source: PROTOCOL R-CONTROL-17.
    pub(super) fn chased(&self, lost: &[PublicKey]) -> Vec<Chase> {
        let authority = self.ledger.authority();
        let mut chased = Vec::new();
        for (id, grant) in authority.open() {
            if !lost.contains(&grant.key) && !self.sealed(id) {
                chased.push(self.chase(grant, &unsealed(self, id)));
            }
        }
        for (id, grant) in authority.grants() {
            let missing = self.missing_below_cuts(*id, grant);
            if 0 < missing && !lost.contains(&grant.key) {
                let what = format!("{missing} entries up to its handover have not arrived here");
                chased.push(self.chase(grant, &what));
            }
        }
        if !self.ledger.manifest().cloud.is_empty() {
            let waiting = self.not_in_the_cloud();
            if 0 < waiting {
                chased.push(Chase {
                    key: authority.owner(),
                    label: "cloud".into(),
                    what: format!("{waiting} entries have no receipt yet; bring a device online"),
                });
            }
        }
        chased
    }

    fn chase(&self, grant: &Grant, what: &str) -> Chase {
        let authority = self.ledger.authority();
        let what = match authority.revoked(&grant.key) {
            Some(revocation) => {
                format!("{what} (the device is {})", reason_words(revocation.reason))
            }
            None => what.into(),
        };
        Chase {
            key: grant.key,
            label: self.label(&grant.key),
            what,
        }
    }

    /// Returns whether every log under a grant is complete here: each ends in a seal, or is named,
    /// as far as it is here, by one that does.
    pub(super) fn sealed(&self, grant: GrantId) -> bool {
        let logs: Vec<&Log> = self.ledger.logs_of(grant).collect();
        let sealed = || logs.iter().copied().filter(|log| ends_in_a_seal(log));
        let named = |log: &Log| {
            sealed().any(|seal| {
                let before = seal.record(1).map(|first| &first.entry.succession);
                before.is_some_and(|before| {
                    before.iter().any(|it| {
                        it.incarnation == log.name().incarnation && log.height() <= it.height
                    })
                })
            })
        };
        let complete = sealed().all(|seal| self.holds_predecessors(seal));
        let all = logs.iter().all(|log| ends_in_a_seal(log) || named(log));
        sealed().next().is_some() && complete && all
    }

    /// Returns whether every log that a log names as its predecessor is here as far as it says.
    fn holds_predecessors(&self, log: &Log) -> bool {
        let Some(first) = log.record(1) else {
            return false;
        };
        first.entry.succession.iter().all(|before| {
            let name = LogName {
                grant: log.name().grant,
                incarnation: before.incarnation,
            };
            let held = self.ledger.logs().get(&name);
            held.is_some_and(|held| before.height <= held.height())
        })
    }

    fn missing_below_cuts(&self, id: GrantId, grant: &Grant) -> u64 {
        let Some(end) = &grant.end else { return 0 };
        end.cuts
            .iter()
            .fold(0, |sum, (&incarnation, &(height, _))| {
                let name = LogName {
                    grant: id,
                    incarnation,
                };
                let held = self.ledger.logs().get(&name).map_or(0, Log::height);
                sum.saturating_add(height.saturating_sub(held))
            })
    }

    fn not_common(&self, log: &LogName) -> Mistake {
        let author = self.ledger.logs().get(log).map(Log::writer);
        let author = author.map_or_else(String::new, |author| self.label(&author));
        let behind = self.ledger.named_behind_a_fork(log);
        Mistake::not_common(&author, behind.map(|log| super::reading::name(&log)))
    }

    /// Returns how many entries have no receipt; those that no cloud takes are not waited for.
    fn not_in_the_cloud(&self) -> u64 {
        self.ledger.common_logs().fold(0, |sum, (name, log)| {
            let there = self.in_cloud(&log_short_id(name));
            sum.saturating_add(log.height().saturating_sub(there))
        })
    }
}

fn unsealed(member: &Member, grant: GrantId) -> String {
    let heads: Vec<&Log> = member.ledger.logs_of(grant).collect();
    let entries = heads
        .iter()
        .fold(0_u64, |sum, log| sum.saturating_add(log.height()));
    if heads.iter().any(|log| ends_in_a_seal(log)) {
        return format!(
            "it sealed, but some of its entries have not arrived here ({entries} have)"
        );
    }
    format!("its last word is missing ({entries} entries are here); connect it, or declare it lost")
}

fn ends_in_a_seal(log: &Log) -> bool {
    let last = log.record(log.height());
    last.is_some_and(|record| record.entry.body == Body::Seal)
}

fn end_of(log: &Log) -> LogEnd {
    LogEnd {
        log: log_short_id(log.name()),
        height: log.height(),
        hash: log.chain().0,
    }
}

/// Gathers entries into runs that follow each other in one log.
fn adopt_entries(
    member: &Member,
    entries: &[EntryId],
    decision: Decision,
) -> Result<Vec<Adopt>, Mistake> {
    let mut places = Vec::new();
    for entry in entries {
        let place = member.ledger.find(*entry);
        places.push(place.ok_or_else(|| Mistake::void_missing(entry))?);
    }
    places.sort_unstable();
    places.dedup();
    let mut adopts: Vec<Adopt> = Vec::new();
    for (log, seq) in places {
        let hash = hash_at(member, &log, seq);
        match adopts.last_mut() {
            Some(run) if run.log == log && run.to.saturating_add(1) == seq => {
                run.to = seq;
                run.hash = hash;
            }
            _ => adopts.push(Adopt {
                log,
                from: seq,
                to: seq,
                hash,
                decision,
            }),
        }
    }
    Ok(adopts)
}

fn hash_at(member: &Member, log: &LogName, seq: u64) -> Hash {
    let log = member.ledger.logs().get(log);
    log.and_then(|log| log.chain_at(seq))
        .map_or_else(Hash::default, |chain| chain.0)
}

/// Chooses a branch of a forked log: of the one here all, of the other one what its proof holds.
fn adopt_branch(
    member: &Member,
    name: &LogName,
    here: bool,
    decision: Decision,
) -> Result<Vec<Adopt>, Mistake> {
    let log = member.ledger.logs().get(name);
    let (Some(fork), Some(log)) = (member.ledger.forks().get(name), log) else {
        let text = "this log has not forked. Adopt its entries one by one.";
        return Err(Mistake::new(Code::E17, text.into()));
    };
    let mut adopts = Vec::new();
    let mut choose = |from: u64, to: u64, hash: Hash| {
        adopts.push(Adopt {
            log: *name,
            from,
            to,
            hash,
            decision,
        });
    };
    if here {
        let mut from = fork.from;
        while let Some(chunk) = log.chunk(from) {
            let count = u64::try_from(chunk.entries.len()).unwrap_or(u64::MAX);
            let to = from.saturating_add(count).saturating_sub(1);
            choose(from, to, hash_at(member, name, to));
            from = to.saturating_add(1);
        }
    } else if let Some((&to, &hash)) = chains_of(log, fork, here).last_key_value() {
        choose(fork.from, to, hash);
    }
    Ok(adopts)
}

/// Returns whether the owner chose another branch of a log than the one that is selected now.
///
/// Source: PROTOCOL R-CHAIN-8.
fn contradicts(member: &Member, selection: &Selection, name: &LogName) -> bool {
    let log = member.ledger.logs().get(name);
    let fork = member.ledger.forks().get(name);
    let (Some(log), Some(fork)) = (log, fork) else {
        return false;
    };
    let here = !matches!(selection, Selection::Branch { here: false, .. });
    let chains = chains_of(log, fork, here);
    let choices = member.ledger.choices(name);
    let mut choices = choices.iter();
    choices.any(|(to, hash)| chains.get(to).is_some_and(|it| it != hash))
}

/// Returns the chain hashes past a fork: of the branch here, or of the other one in the proof.
fn chains_of(log: &Log, fork: &Fork, here: bool) -> BTreeMap<u64, Hash> {
    if here {
        let records = log.records().filter(|(seq, _)| fork.from <= *seq);
        return records.map(|(seq, it)| (seq, it.chain.0)).collect();
    }
    let entries = other_branch(log, fork).iter();
    let chains = entries.scan(Chain(fork.prefix), |chain, it| {
        *chain = chain.link(it);
        Some(chain.0)
    });
    (fork.from..).zip(chains).collect()
}

/// Returns the branch of a proof that is not the one here.
fn other_branch<'a>(log: &Log, fork: &'a Fork) -> &'a [Vec<u8>] {
    let held = log.record(fork.from).map(|record| &record.bytes);
    if fork.left.first() == held {
        &fork.right
    } else {
        &fork.left
    }
}
