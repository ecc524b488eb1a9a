//! Sheets, progress, penalties, chronograph, audit, courts and races as tables.
//!
//! Layer: node, cli, show.

use crate::local::protocol::{
    AgreedData, AuditReport, ChronoReport, ChronoRow, CourtReport, GearResult, OutRow,
    PenaltiesReport, Power, ProgressCell, ProgressReport, RaceReport, ReferenceInfo, ReportHead,
    SheetReport, SheetVersion, VoidRow,
};
use crate::local::record_text::{self, ENTRY_CHARS, decigrains_text};

use super::super::{add, count, when};
use super::{Block, Left, Report, Right, approvals, clean, list, optional, place};

impl Report for SheetReport {
    fn head(&self) -> &ReportHead {
        &self.head
    }

    fn title(&self) -> String {
        let mut parts = vec![
            self.division.clone(),
            power(self.power_factor).to_owned(),
            format!("squad {}", self.squad),
        ];
        let more = [("class", &self.class), ("team", &self.team)];
        let more = more.iter().filter(|(_, text)| !text.is_empty());
        parts.extend(more.map(|(what, text)| format!("{what} {text}")));
        parts.extend(self.categories.iter().cloned());
        let mut title = format!(
            "{}: shooter {} {}\n{}\n",
            clean(&self.head.name),
            self.shooter,
            clean(&self.label),
            clean(&parts.join(", "))
        );
        if self.overall.iter().any(|it| it.dq) {
            title.push_str("match     DQ\n");
        }
        for it in self.overall.iter().filter(|it| !it.dq) {
            let result = it.time.as_ref().map(|time| format!("{time} s"));
            let result = result.or_else(|| it.points.clone()).unwrap_or_default();
            let percent = it.percent.clone().unwrap_or_default();
            let place = clean(&place(it));
            add(
                &mut title,
                format_args!("match     {place}  {result}  {percent} %\n"),
            );
        }
        title
    }

    fn tables(&self) -> Vec<Block> {
        let mut blocks = vec![results(self)];
        let mut versions = Block::new("Versions", &VERSIONS);
        for stage in &self.stages {
            for it in &stage.versions {
                version(&mut versions, Some(stage.drill), it);
            }
        }
        for it in &self.versions {
            version(&mut versions, None, it);
        }
        blocks.push(versions);
        if let Some(chrono) = &self.chrono {
            blocks.push(chrono_block("Chronograph", std::slice::from_ref(chrono)));
        }
        blocks
    }

    fn notes(&self) -> Vec<String> {
        let rules = self.rules.iter();
        rules
            .map(|it| format!("rule {}: {}", it.rule, it.text))
            .collect()
    }
}

const VERSIONS: [(&str, super::Side); 9] = [
    ("STAGE", Right),
    ("RECORDED", Left),
    ("BY", Left),
    ("WHAT", Left),
    ("READING", Left),
    ("APPROVED", Left),
    ("VOIDED", Left),
    ("MOVED", Left),
    ("ENTRY", Left),
];

fn results(sheet: &SheetReport) -> Block {
    let mut block = Block::new(
        "",
        &[
            ("STAGE", Right),
            ("NAME", Left),
            ("RESULT", Left),
            ("POINTS", Right),
            ("PENALTIES", Right),
            ("TIME", Right),
            ("HIT FACTOR", Right),
            ("STAGE POINTS", Right),
            ("PLACE", Left),
        ],
    );
    for stage in &sheet.stages {
        let result = match (&stage.missed, stage.filled) {
            (_, true) if stage.needs_decision => "needs decision".to_owned(),
            (Some(missed), _) => word(missed).to_owned(),
            (None, true) if stage.attempt == 0 => "run".to_owned(),
            (None, true) => format!("reshoot {}", stage.attempt),
            (None, false) => "-".to_owned(),
        };
        let points = stage.places.first().and_then(|it| it.points.clone());
        let mut places: Vec<String> = stage.places.iter().map(place).collect();
        // Who is disqualified is so everywhere.
        places.dedup();
        block.row([
            stage.drill.to_string(),
            stage.name.clone(),
            result,
            optional(stage.points),
            optional(stage.penalties),
            stage.time.clone().unwrap_or_default(),
            stage.hit_factor.clone().unwrap_or_default(),
            points.unwrap_or_default(),
            places.join(", "),
        ]);
    }
    block
}

fn version(block: &mut Block, drill: Option<u32>, it: &SheetVersion) {
    let voids = it
        .voids
        .iter()
        .filter(|void| void.verdict == "counts" || void.verdict == "late");
    let voids: Vec<String> = voids
        .map(|void| {
            let note = if void.note.is_empty() {
                String::new()
            } else {
                format!(" \"{}\"", void.note)
            };
            let reason = record_text::word(&void.reason);
            format!("{} by {}{note}", reason, void.by)
        })
        .collect();
    let moved = [
        it.instead_of.as_ref().map(|from| moved("from", from)),
        it.replaced_by.as_ref().map(|to| moved("to", to)),
    ];
    let moved: Vec<String> = moved.into_iter().flatten().collect();
    let record = it.record.as_ref();
    block.row([
        optional(drill),
        when::utc(it.at_unix_ms),
        it.label.clone(),
        record.map_or_else(|| "-".to_owned(), record_text::record),
        it.verdict.clone(),
        approvals(it),
        voids.join("; "),
        moved.join(", "),
        short(&it.entry),
    ]);
}

fn moved(way: &str, it: &ReferenceInfo) -> String {
    format!(
        "{way} {} (shooter {}, stage {})",
        short(&it.entry),
        optional(it.shooter),
        optional(it.drill)
    )
}

fn short(entry: &str) -> String {
    entry.chars().take(ENTRY_CHARS).collect()
}

impl Report for ProgressReport {
    fn head(&self) -> &ReportHead {
        &self.head
    }

    fn title(&self) -> String {
        let sum = |number: fn(&ProgressCell) -> u32| -> u64 {
            self.cells.iter().map(|it| u64::from(number(it))).sum()
        };
        format!(
            "{}: {} of {} results\n",
            clean(&self.head.name),
            sum(|it| it.done),
            sum(|it| it.total)
        )
    }

    fn tables(&self) -> Vec<Block> {
        let mut drills: Vec<u32> = self.cells.iter().map(|it| it.drill).collect();
        drills.dedup();
        let mut block = Block::new("", &[("SQUAD", Right)]);
        let columns = drills.iter().map(|no| (format!("STAGE {no}"), Left));
        block.columns.extend(columns);
        for &squad in &self.squads {
            let own = self.cells.iter().filter(|it| it.squad == squad);
            let row = std::iter::once(squad.to_string()).chain(own.map(cell));
            block.rows.push(row.collect());
        }
        vec![block]
    }

    fn values(&self) -> Vec<Block> {
        let mut block = Block::new(
            "",
            &[
                ("STAGE", Right),
                ("SQUAD", Right),
                ("DONE", Right),
                ("TOTAL", Right),
                ("MISSING", Left),
                ("DNF", Left),
                ("DNS", Left),
                ("STAGE DQ", Left),
                ("UNDECIDED", Left),
            ],
        );
        for it in &self.cells {
            block.row([
                it.drill.to_string(),
                it.squad.to_string(),
                it.done.to_string(),
                it.total.to_string(),
                list(&it.missing),
                list(&it.dnf),
                list(&it.dns),
                list(&it.stage_dq),
                list(&it.undecided),
            ]);
        }
        vec![block]
    }

    fn notes(&self) -> Vec<String> {
        vec!["f DNF, s DNS, q stage DQ, ! needs a decision; all but the last are done".to_owned()]
    }
}

/// Writes a cell of the grid: `12/14 f1 !1`.
fn cell(it: &ProgressCell) -> String {
    if it.total == 0 {
        return "-".to_owned();
    }
    let mut text = format!("{}/{}", it.done, it.total);
    for (mark, who) in [
        ('f', &it.dnf),
        ('s', &it.dns),
        ('q', &it.stage_dq),
        ('!', &it.undecided),
    ] {
        if !who.is_empty() {
            add(&mut text, format_args!(" {mark}{}", who.len()));
        }
    }
    text
}

impl Report for PenaltiesReport {
    fn head(&self) -> &ReportHead {
        &self.head
    }

    fn title(&self) -> String {
        format!("{}: penalties\n", clean(&self.head.name))
    }

    fn tables(&self) -> Vec<Block> {
        let mut block = Block::new(
            "",
            &[
                ("STAGE", Right),
                ("SHOOTER", Right),
                ("LABEL", Left),
                ("RULE", Left),
                ("COUNT", Right),
                ("COST", Right),
                ("BY", Left),
                ("RECORDED", Left),
            ],
        );
        for it in &self.penalties {
            block.row([
                it.drill.to_string(),
                it.shooter.to_string(),
                it.label.clone(),
                it.rule_text.clone(),
                it.count.to_string(),
                it.cost.clone(),
                it.by.clone(),
                when::utc(it.at_unix_ms),
            ]);
        }
        vec![block, out_block(&self.out)]
    }
}

pub(super) fn out_block(rows: &[OutRow]) -> Block {
    let mut block = Block::new(
        "Disqualified, withdrawn, warned",
        &[
            ("WHAT", Left),
            ("SHOOTER", Right),
            ("LABEL", Left),
            ("STAGE", Right),
            ("RULE", Left),
            ("NOTE", Left),
            ("BY", Left),
            ("RECORDED", Left),
        ],
    );
    for it in rows {
        block.row([
            word(&it.kind).to_owned(),
            it.shooter.to_string(),
            it.label.clone(),
            optional(it.drill),
            it.rule_text.clone(),
            it.note.clone(),
            it.by.clone(),
            when::utc(it.at_unix_ms),
        ]);
    }
    block
}

/// Returns what people call a status.
fn word(kind: &str) -> &str {
    match kind {
        "match-dq" => "DQ",
        "stage-dq" => "stage DQ",
        "dnf" => "DNF",
        "dns" => "DNS",
        "dsq" => "DSQ",
        other => other,
    }
}

impl Report for ChronoReport {
    fn head(&self) -> &ReportHead {
        &self.head
    }

    fn title(&self) -> String {
        format!(
            "{}: chronograph, {} measured\n",
            clean(&self.head.name),
            self.measured
        )
    }

    fn tables(&self) -> Vec<Block> {
        vec![chrono_block("", &self.rows)]
    }
}

fn chrono_block(title: &str, rows: &[ChronoRow]) -> Block {
    let mut block = Block::new(
        title,
        &[
            ("SHOOTER", Right),
            ("LABEL", Left),
            ("DIVISION", Left),
            ("DECLARED", Left),
            ("POWER", Right),
            ("COUNTS", Left),
            ("GRAINS", Left),
            ("FPS", Left),
            ("GEAR", Left),
            ("BY", Left),
            ("RECORDED", Left),
        ],
    );
    for it in rows {
        let weights = it.weights_decigrains.iter();
        let weights: Vec<String> = weights.map(|&it| decigrains_text(it)).collect();
        // Nobody overlooks a match without points.
        let counts = if it.power_factor == Power::Subminor {
            "SUBMINOR"
        } else {
            power(it.power_factor)
        };
        block.row([
            it.shooter.to_string(),
            it.label.clone(),
            it.division.clone(),
            power(it.declared).to_owned(),
            it.measured
                .map_or_else(|| "-".to_owned(), |it| it.to_string()),
            if it.needs_decision {
                format!("{counts}, needs a decision")
            } else {
                counts.to_owned()
            },
            weights.join(" "),
            list(&it.speeds_fps),
            match it.gear {
                Some(GearResult::Pass) => "pass",
                Some(GearResult::Fail) => "fail",
                None => "",
            }
            .to_owned(),
            it.by.clone(),
            when::utc(it.at_unix_ms),
        ]);
    }
    block
}

fn power(power: Power) -> &'static str {
    match power {
        Power::Subminor => "subminor",
        Power::Minor => "minor",
        Power::Major => "major",
    }
}

impl Report for AuditReport {
    fn head(&self) -> &ReportHead {
        &self.head
    }

    fn title(&self) -> String {
        let voids = u64::try_from(self.voids.len()).unwrap_or(u64::MAX);
        let voids = count(voids, "void", "voids");
        format!("{}: {voids}\n", clean(&self.head.name))
    }

    fn tables(&self) -> Vec<Block> {
        let mut block = Block::new(
            "",
            &[
                ("VOIDED", Left),
                ("BY", Left),
                ("REASON", Left),
                ("AGREED", Left),
                ("STAGE", Right),
                ("SHOOTER", Right),
                ("WAS", Left),
                ("WRITTEN BY", Left),
                ("INSTEAD", Left),
                ("NOTE", Left),
                ("READING", Left),
                ("ENTRY", Left),
            ],
        );
        for it in &self.voids {
            let was = it.was.as_ref();
            block.row([
                when::utc(it.at_unix_ms),
                it.by.clone(),
                record_text::word(&it.reason),
                agreed(it.agreed).to_owned(),
                optional(was.and_then(|was| was.drill)),
                optional(was.and_then(|was| was.shooter)),
                was.map_or_else(|| "not here yet".to_owned(), |was| was.what.clone()),
                was.map_or_else(String::new, |was| was.label.clone()),
                instead(it),
                it.note.clone(),
                it.verdict.clone(),
                short(&it.target),
            ]);
        }
        vec![block]
    }
}

/// Says what stands instead, and for whom if that is somebody else.
fn instead(it: &VoidRow) -> String {
    let Some(instead) = &it.instead else {
        return "nothing".to_owned();
    };
    let was = it.was.as_ref();
    let same = was.is_none_or(|was| (was.drill, was.shooter) == (instead.drill, instead.shooter));
    if same {
        return instead.what.clone();
    }
    format!(
        "shooter {}, stage {}: {}",
        optional(instead.shooter),
        optional(instead.drill),
        instead.what
    )
}

fn agreed(agreed: AgreedData) -> &'static str {
    match (agreed.ro, agreed.shooter) {
        (true, true) => "RO and shooter",
        (true, false) => "RO",
        (false, true) => "shooter",
        (false, false) => "",
    }
}

impl Report for CourtReport {
    fn head(&self) -> &ReportHead {
        &self.head
    }

    fn title(&self) -> String {
        format!("{}: matches\n", clean(&self.head.name))
    }

    fn tables(&self) -> Vec<Block> {
        let mut matches = Block::new(
            "",
            &[
                ("MATCH", Right),
                ("NAME", Left),
                ("A", Left),
                ("B", Left),
                ("SETS", Left),
                ("POINTS", Left),
                ("WINNER", Left),
            ],
        );
        for it in &self.matches {
            let sets: Vec<String> = it.sets.iter().map(|(a, b)| format!("{a}:{b}")).collect();
            let winner = match it.winner {
                Some(no) if no == it.a => it.a_label.clone(),
                Some(_) => it.b_label.clone(),
                None => "-".to_owned(),
            };
            matches.row([
                it.drill.to_string(),
                it.name.clone(),
                format!("{} {}", it.a, it.a_label),
                format!("{} {}", it.b, it.b_label),
                format!("{}:{}", it.won.0, it.won.1),
                sets.join(" "),
                winner,
            ]);
        }
        let mut rows = Block::new(
            "Places",
            &[
                ("PLACE", Right),
                ("SIDE", Right),
                ("LABEL", Left),
                ("PLAYED", Right),
                ("WON", Right),
                ("SETS", Right),
                ("POINTS", Right),
            ],
        );
        for it in &self.rows {
            rows.row([
                it.place.to_string(),
                it.shooter.to_string(),
                it.label.clone(),
                it.played.to_string(),
                it.won.to_string(),
                format!("{:+}", it.sets),
                format!("{:+}", it.points),
            ]);
        }
        vec![matches, rows]
    }
}

impl Report for RaceReport {
    fn head(&self) -> &ReportHead {
        &self.head
    }

    fn title(&self) -> String {
        format!("{}: {} results\n", clean(&self.head.name), self.state)
    }

    fn tables(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        for run in &self.runs {
            let mut starts = Block::new(
                format!("Run {} {}, start list", run.drill, run.name),
                &[
                    ("RUN", Right),
                    ("BIB", Right),
                    ("LABEL", Left),
                    ("CATEGORY", Left),
                    ("GROUP", Right),
                ],
            );
            for it in &run.starts {
                starts.row([
                    run.drill.to_string(),
                    it.bib.to_string(),
                    it.label.clone(),
                    it.division.clone(),
                    it.squad.to_string(),
                ]);
            }
            let mut no_time = Block::new(
                format!("Run {} {}, referee's list", run.drill, run.name),
                &[
                    ("RUN", Right),
                    ("WHAT", Left),
                    ("BIB", Right),
                    ("LABEL", Left),
                    ("RULE", Left),
                    ("NOTE", Left),
                    ("BY", Left),
                    ("RECORDED", Left),
                ],
            );
            for it in &run.no_time {
                no_time.row([
                    run.drill.to_string(),
                    word(&it.kind).to_owned(),
                    it.bib.to_string(),
                    it.label.clone(),
                    it.rule_text.clone(),
                    it.note.clone(),
                    it.by.clone().unwrap_or_else(|| "the jury".to_owned()),
                    it.at_unix_ms.map_or_else(String::new, when::utc),
                ]);
            }
            blocks.extend([starts, no_time]);
        }
        blocks
    }
}
