//! The structure of an event with all roster changes applied, looked up by number.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    vec::Vec,
};

use crate::model::{
    Amendment, Drill, DrillNo, Entrant, Kind, KindNo, Manifest, Phase, Place, PlaceNo,
    RosterChange, Rule, RuleNo, Shooter, ShooterNo, SquadNo, Structure,
};

/// The newest reading rules this code knows; it counts events of all versions up to this one.
///
/// Source: PROTOCOL R-EVENT-3.
pub const RULES_VERSION: u32 = 2;

/// The structure as it reads after the manifest and every valid roster change.
#[derive(Clone, Debug)]
pub struct Roster {
    structure: Structure,
    rules_version: u32,
    revision: u32,
    locked: bool,
    /// Each phase with the revision since which it holds, in order.
    phases: Vec<(u32, Phase)>,
    squads_ever: BTreeMap<ShooterNo, BTreeSet<SquadNo>>,
    /// Shooters of whom nothing but the number is shown.
    erased: BTreeSet<ShooterNo>,
}

impl Roster {
    /// Reads a structure at revision 1, not locked.
    pub fn new(structure: Structure) -> Self {
        let mut squads_ever: BTreeMap<ShooterNo, BTreeSet<SquadNo>> = BTreeMap::new();
        for shooter in &structure.shooters {
            squads_ever
                .entry(shooter.no)
                .or_default()
                .insert(shooter.squad);
        }
        Self {
            structure,
            rules_version: RULES_VERSION,
            revision: 1,
            locked: false,
            phases: Vec::new(),
            squads_ever,
            erased: BTreeSet::new(),
        }
    }

    /// Reads the structure of an event, by the reading rules it names.
    pub fn of(manifest: &Manifest) -> Self {
        Self {
            rules_version: manifest.rules_version,
            ..Self::new(manifest.structure.clone())
        }
    }

    /// Returns whether an approved score is changed only if RO and shooter agree; the first rules
    /// version did not ask.
    ///
    /// Source: PROTOCOL R-EVENT-3, R-READ-7.
    pub fn asks_for_consent(&self) -> bool {
        2 <= self.rules_version
    }

    /// Applies one change: the revision grows by one. A change of an unknown shooter, an addition
    /// of a known one and an unknown division change nothing but the revision.
    ///
    /// Source: PROTOCOL R-CONTROL-8.
    pub fn apply(&mut self, change: &RosterChange) {
        self.revision = self.revision.saturating_add(1);
        match change {
            RosterChange::Add(shooter) => {
                let place = self
                    .structure
                    .shooters
                    .binary_search_by_key(&shooter.no, |it| it.no);
                if let Err(place) = place
                    && shooter.division < self.structure.divisions.len()
                {
                    self.squads_ever
                        .entry(shooter.no)
                        .or_default()
                        .insert(shooter.squad);
                    let mut shooter = shooter.clone();
                    if self.erased.contains(&shooter.no) {
                        erase_names(&mut shooter);
                    }
                    self.structure.shooters.insert(place, shooter);
                }
            }
            RosterChange::Edit(edit) => {
                let divisions = self.structure.divisions.len();
                let erased = self.erased.contains(&edit.shooter);
                let Some(shooter) = self.shooter_mut(edit.shooter) else {
                    return;
                };
                if let Some(squad) = edit.squad {
                    shooter.squad = squad;
                }
                if let Some(division) = edit.division.filter(|&it| it < divisions) {
                    shooter.division = division;
                }
                if let Some(power_factor) = edit.power_factor {
                    shooter.power_factor = power_factor;
                }
                if let Some(label) = &edit.label {
                    shooter.label.clone_from(label);
                }
                if let Some(categories) = &edit.categories {
                    shooter.categories.clone_from(categories);
                }
                if let Some(entrant) = &edit.entrant {
                    shooter.entrant.clone_from(entrant);
                }
                if erased {
                    erase_names(shooter);
                }
                if let Some(squad) = edit.squad {
                    self.squads_ever
                        .entry(edit.shooter)
                        .or_default()
                        .insert(squad);
                }
            }
        }
    }

    /// Applies a change of the structure: the revision grows by one. A drill of a known number is
    /// replaced, so that scores which do not fit it any more are shown and do not count; a rule of
    /// a known number stays as it is, since penalties rest on it.
    ///
    /// Source: PROTOCOL R-CONTROL-15.
    pub fn amend(&mut self, change: &Amendment) {
        self.revision = self.revision.saturating_add(1);
        match change {
            Amendment::Drill(drill) => {
                let drills = &mut self.structure.drills;
                match drills.binary_search_by_key(&drill.no, |it| it.no) {
                    Ok(place) => {
                        if let Some(held) = drills.get_mut(place) {
                            held.clone_from(drill);
                        }
                    }
                    Err(place) => drills.insert(place, drill.clone()),
                }
            }
            Amendment::Rule(rule) => {
                let rules = &mut self.structure.rules;
                if let Err(place) = rules.binary_search_by_key(&rule.no, |it| it.no) {
                    rules.insert(place, rule.clone());
                }
            }
            Amendment::Place(place) => {
                let places = &mut self.structure.places;
                if let Err(at) = places.binary_search_by_key(&place.no, |it| it.no) {
                    places.insert(at, place.clone());
                }
            }
            Amendment::Kind(kind) => {
                let kinds = &mut self.structure.kinds;
                if let Err(at) = kinds.binary_search_by_key(&kind.no, |it| it.no) {
                    kinds.insert(at, kind.clone());
                }
            }
        }
    }

    /// Shows nothing of a shooter but the number from here on, whatever the roster says before or
    /// after; the revision stays, and so does what counts.
    ///
    /// Source: PROTOCOL R-SEAL-7.
    pub fn erase(&mut self, no: ShooterNo) {
        self.erased.insert(no);
        if let Some(shooter) = self.shooter_mut(no) {
            erase_names(shooter);
        }
    }

    /// Returns whether nothing of a shooter is shown but the number.
    pub fn is_erased(&self, no: ShooterNo) -> bool {
        self.erased.contains(&no)
    }

    /// Marks the structure as locked.
    pub fn lock(&mut self) {
        self.locked = true;
    }

    /// Returns whether the owner has locked the structure; scores are taken from then on.
    pub fn locked(&self) -> bool {
        self.locked
    }

    /// Returns 1 plus the number of roster changes applied.
    pub fn revision(&self) -> u32 {
        self.revision
    }

    /// Returns the structure as it reads at this revision.
    pub fn structure(&self) -> &Structure {
        &self.structure
    }

    /// Returns the drill with this number.
    pub fn drill(&self, no: DrillNo) -> Option<&Drill> {
        self.structure.drills.iter().find(|drill| drill.no == no)
    }

    /// Returns the shooter with this number.
    pub fn shooter(&self, no: ShooterNo) -> Option<&Shooter> {
        let place = self
            .structure
            .shooters
            .binary_search_by_key(&no, |it| it.no)
            .ok()?;
        self.structure.shooters.get(place)
    }

    /// Returns the rule with this number.
    pub fn rule(&self, no: RuleNo) -> Option<&Rule> {
        self.structure.rules.iter().find(|rule| rule.no == no)
    }

    /// Returns the place with this number.
    pub fn place(&self, no: PlaceNo) -> Option<&Place> {
        self.structure.places.iter().find(|place| place.no == no)
    }

    /// Returns the kind of record with this number.
    pub fn kind(&self, no: KindNo) -> Option<&Kind> {
        self.structure.kinds.iter().find(|kind| kind.no == no)
    }

    /// Returns the phase that holds: scoring until the owner said something else.
    ///
    /// Source: PROTOCOL R-CONTROL-18.
    pub fn phase(&self) -> Phase {
        self.phases
            .last()
            .map_or(Phase::Scoring, |(_, phase)| *phase)
    }

    /// Returns the phase that a writer knew who had this revision of the structure.
    pub fn phase_at(&self, revision: u32) -> Phase {
        let known = self
            .phases
            .iter()
            .rev()
            .find(|(since, _)| *since <= revision);
        known.map_or(Phase::Scoring, |(_, phase)| *phase)
    }

    /// Begins another phase: the revision grows by one, so that an entry tells by its revision
    /// which phase its writer knew.
    ///
    /// Source: PROTOCOL R-CONTROL-18.
    pub fn begin(&mut self, phase: Phase) {
        self.revision = self.revision.saturating_add(1);
        self.phases.push((self.revision, phase));
    }

    /// Returns every squad the shooter was ever in: an entry stays inside the grant it was written
    /// under when the shooter changes squads afterwards.
    ///
    /// Source: PROTOCOL R-CONTROL-8.
    pub fn squads_ever(&self, no: ShooterNo) -> impl Iterator<Item = SquadNo> + '_ {
        self.squads_ever.get(&no).into_iter().flatten().copied()
    }

    /// Returns all squads of the roster, in order.
    pub fn squads(&self) -> Vec<SquadNo> {
        let squads: BTreeSet<SquadNo> = self.structure.shooters.iter().map(|it| it.squad).collect();
        squads.into_iter().collect()
    }

    fn shooter_mut(&mut self, no: ShooterNo) -> Option<&mut Shooter> {
        let place = self
            .structure
            .shooters
            .binary_search_by_key(&no, |it| it.no)
            .ok()?;
        self.structure.shooters.get_mut(place)
    }
}

/// Returns what is shown in the place of an erased shooter's name.
///
/// Source: PROTOCOL R-SEAL-7.
pub fn erased_label(no: ShooterNo) -> String {
    format!("Shooter {no}")
}

/// Takes everything out of a shooter that says who it is. Division, power factor, categories and
/// squad stay: the standings rest on them.
pub fn erase_names(shooter: &mut Shooter) {
    shooter.label = erased_label(shooter.no);
    shooter.entrant = Entrant::default();
}
