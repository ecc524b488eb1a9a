//! An event as plain facts: what was agreed before, and what was written down.

/// A whole number: counts, points, hundredths of a second.
pub(crate) type Num = i128;

/// Whose rules hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sport {
    Ipsc,
    Uspsa,
    Idpa,
    SteelChallenge,
    MultiGun,
    Icore,
    Sass,
    Prs,
    Precision,
    Drills,
    Ski,
    Court,
}

/// What a match adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Adds {
    StagePoints,
    Times,
    Points,
    Wins,
}

/// How equal results of a match are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TieBreak {
    Xs,
    FarScore,
    FarXs,
    FewestMisses,
    FewestLow,
    LastShotFirst,
    StageWins,
    TieStages,
}

/// The numbers of a rule book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Numbers {
    pub(crate) factor_decimals: Option<u32>,
    pub(crate) adds: Adds,
    pub(crate) percent_decimals: u32,
    pub(crate) ties: Vec<TieBreak>,
    /// A hit in the A zone, and fallen steel.
    pub(crate) full: Num,
    /// B and C, then D, for Major.
    pub(crate) major: [Num; 2],
    /// B and C, then D, for Minor.
    pub(crate) minor: [Num; 2],
    pub(crate) penalty: Num,
    pub(crate) late_shot: Num,
    pub(crate) down_centis: Num,
    /// Points down of A, B, C and D.
    pub(crate) down: [Num; 4],
    pub(crate) down_miss: Num,
    pub(crate) down_steel: Num,
    pub(crate) no_shoot_centis: Num,
    pub(crate) x_centis: Num,
    pub(crate) procedural_centis: Num,
    pub(crate) plate_centis: Num,
    pub(crate) string_procedural_centis: Num,
    pub(crate) movement_centis: Num,
    /// Of best strings whose stage names none.
    pub(crate) string_limit: Num,
    pub(crate) grace_centis: Num,
}

/// How a stage is scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Comstock,
    Virginia,
    FixedTime,
    TimePlus,
    BestStrings,
    Rings,
    HitValues,
    /// Par time: late shots do not count.
    ParDropped,
    /// Par time: late shots cost.
    ParCosts,
    /// Par time: passed or failed.
    ParPass,
    /// Par time: the time counts up to the par.
    ParCapped,
    SkiRun,
    Chrono,
    Court,
}

#[derive(Clone, Debug)]
pub(crate) struct Stage {
    pub(crate) no: u32,
    pub(crate) way: Way,
    pub(crate) strings: Num,
    /// Hits that count on each paper target.
    pub(crate) papers: Vec<Num>,
    pub(crate) steel: Num,
    pub(crate) par: Num,
    pub(crate) string_limit: Num,
    pub(crate) drop_worst: Num,
    pub(crate) values: Vec<Num>,
    pub(crate) shots: Num,
    pub(crate) range: Num,
    pub(crate) breaks_ties: bool,
    /// What the winner of a timed stage gets; 0: 100.
    pub(crate) prize: Num,
    pub(crate) court: Option<CourtTerms>,
}

impl Stage {
    /// A stage of one string without targets.
    pub(crate) fn plain(no: u32, way: Way) -> Self {
        Self {
            no,
            way,
            strings: Num::from(!matches!(way, Way::Chrono | Way::Court)),
            papers: vec![],
            steel: 0,
            par: 0,
            string_limit: 0,
            drop_worst: 0,
            values: vec![],
            shots: 0,
            range: 0,
            breaks_ties: false,
            prize: 0,
            court: None,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct CourtTerms {
    pub(crate) sides: [u32; 2],
    pub(crate) sets_to_win: Num,
    pub(crate) points: Num,
    pub(crate) points_last: Num,
    pub(crate) lead: Num,
    /// 0: no cap.
    pub(crate) cap: Num,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Power {
    Subminor,
    Minor,
    Major,
}

#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) no: u32,
    pub(crate) division: usize,
    pub(crate) declared: Power,
}

/// Least power factors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Floors {
    pub(crate) minor: Option<Num>,
    pub(crate) major: Option<Num>,
}

/// A penalty rule: its number, and what it costs if it says so itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) no: u32,
    pub(crate) value: Option<Num>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Paper {
    pub(crate) a: Num,
    pub(crate) b: Num,
    pub(crate) c: Num,
    pub(crate) d: Num,
    pub(crate) miss: Num,
    pub(crate) free_miss: Num,
    pub(crate) no_shoot: Num,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SteelCount {
    pub(crate) down: Num,
    pub(crate) standing: Num,
    pub(crate) free_standing: Num,
    pub(crate) no_shoot: Num,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    pub(crate) missed: Num,
    pub(crate) procedurals: Num,
    pub(crate) movement: Num,
    pub(crate) unfinished: bool,
}

/// One run, as it was written down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shot {
    pub(crate) stage: u32,
    pub(crate) who: u32,
    pub(crate) attempt: Num,
    pub(crate) times: Vec<Num>,
    pub(crate) papers: Vec<Paper>,
    pub(crate) steel: SteelCount,
    /// Rule and count, each rule once.
    pub(crate) penalties: Vec<(u32, Num)>,
    pub(crate) late: Num,
    pub(crate) extra_shots: Num,
    pub(crate) extra_hits: Num,
    /// 0 to 10; 11 is an X.
    pub(crate) rings: Vec<Num>,
    pub(crate) points_down: Vec<Num>,
    pub(crate) xs: Num,
    pub(crate) faults: Vec<Faults>,
}

/// Why there is no run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Why {
    Dnf,
    Dns,
    StageDq,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Shot(Box<Shot>),
    NoRun {
        stage: u32,
        who: u32,
        why: Why,
    },
    /// Disqualified from the match, or withdrawn.
    Out {
        who: u32,
        stage: Option<u32>,
        withdrawn: bool,
    },
    Reading {
        stage: u32,
        who: u32,
        /// Tenths of a grain.
        weights: Vec<Num>,
        /// Feet a second.
        speeds: Vec<Num>,
    },
    Point {
        stage: u32,
        side: u32,
        set: Num,
        number: Num,
    },
    SetScore {
        stage: u32,
        side: u32,
        set: Num,
        own: Num,
        other: Num,
    },
    /// The fact of this place in the list does not count.
    Undo(usize),
}

/// Something that was written down, by a device.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    /// Of two facts of two devices the one of the lower number ranks first.
    pub(crate) device: usize,
    pub(crate) said: Said,
}

#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) sport: Sport,
    /// Whether `numbers` are the event's own, and not those of the sport.
    pub(crate) own_numbers: bool,
    pub(crate) numbers: Numbers,
    pub(crate) divisions: Vec<Floors>,
    pub(crate) stages: Vec<Stage>,
    pub(crate) people: Vec<Person>,
    pub(crate) rules: Vec<Cost>,
    pub(crate) facts: Vec<Fact>,
}

impl Event {
    pub(crate) fn stage(&self, no: u32) -> &Stage {
        let mut stages = self.stages.iter();
        stages.find(|it| it.no == no).expect("a known stage")
    }

    /// The stages on which runs are ranked.
    pub(crate) fn ranked_stages(&self) -> impl Iterator<Item = &Stage> {
        let stages = self.stages.iter();
        stages.filter(|it| it.way != Way::Chrono && it.way != Way::Court)
    }
}
