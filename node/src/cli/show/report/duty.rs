//! Missing results, the day, and compliance as tables.
//!
//! Layer: node, cli, show.

use crate::calendar;
use crate::local::protocol::{
    ComplianceReport, ComplianceRow, DayReport, MissingReport, ReportHead,
};

use super::super::{numbers, when};
use super::tables::out_block;
use super::{Block, Left, Report, Right, clean, list};

impl Report for MissingReport {
    fn head(&self) -> &ReportHead {
        &self.head
    }

    fn title(&self) -> String {
        format!("{}: what is missing\n", clean(&self.head.name))
    }

    fn tables(&self) -> Vec<Block> {
        let heard = |ms: Option<u64>| ms.map_or_else(|| "-".to_owned(), when::ago);
        let mut cells = Block::new(
            "",
            &[
                ("STAGE", Right),
                ("SQUAD", Right),
                ("MISSING", Left),
                ("UNDECIDED", Left),
                ("COMES FROM", Left),
                ("LAST SEEN", Left),
            ],
        );
        for it in &self.cells {
            cells.row([
                it.drill.to_string(),
                it.squad.to_string(),
                list(&it.missing),
                list(&it.undecided),
                it.device.clone().unwrap_or_else(|| "the owner".to_owned()),
                heard(it.last_heard_ms),
            ]);
        }
        let mut logs = Block::new(
            "Entries that exist and are not here",
            &[
                ("WRITER", Left),
                ("PARTITION", Left),
                ("HERE", Right),
                ("THEIR HEAD", Right),
                ("LAST SEEN", Left),
            ],
        );
        for it in &self.logs {
            logs.row([
                it.label.clone(),
                it.partition.clone(),
                it.height.to_string(),
                it.head_known.to_string(),
                heard(it.last_heard_ms),
            ]);
        }
        vec![cells, logs]
    }
}

impl Report for DayReport {
    fn head(&self) -> &ReportHead {
        &self.head
    }

    fn title(&self) -> String {
        let days = self.days.join(", ");
        format!(
            "{}: {} (entries were written on {days})\n",
            clean(&self.head.name),
            self.date
        )
    }

    fn tables(&self) -> Vec<Block> {
        let mut devices = Block::new(
            "",
            &[
                ("DEVICE", Left),
                ("ENTRIES", Right),
                ("SCORES", Right),
                ("VOIDS", Right),
                ("FIRST", Left),
                ("LAST", Left),
                ("STAGES", Left),
                ("SQUADS", Left),
            ],
        );
        for it in &self.devices {
            let some = |list: &[u32]| {
                if list.is_empty() {
                    "-".to_owned()
                } else {
                    numbers(Some(list))
                }
            };
            devices.row([
                it.label.clone(),
                it.entries.to_string(),
                it.scores.to_string(),
                it.voids.to_string(),
                when::utc(it.first_unix_ms),
                when::utc(it.last_unix_ms),
                some(&it.drills),
                some(&it.squads),
            ]);
        }
        let mut stages = Block::new(
            "Stages",
            &[
                ("STAGE", Right),
                ("NAME", Left),
                ("RESULTS", Right),
                ("MISSED RUNS", Right),
                ("VOIDS", Right),
            ],
        );
        for it in &self.stages {
            stages.row([
                it.drill.to_string(),
                it.name.clone(),
                it.done.to_string(),
                it.missed.to_string(),
                it.voids.to_string(),
            ]);
        }
        vec![devices, stages, out_block(&self.out)]
    }
}

impl Report for ComplianceReport {
    fn head(&self) -> &ReportHead {
        &self.head
    }

    fn title(&self) -> String {
        format!(
            "{}: matches without paper, {}\n",
            clean(&self.head.name),
            self.rule
        )
    }

    fn tables(&self) -> Vec<Block> {
        let mut block = Block::new(
            "",
            &[
                ("DAY", Left),
                ("DEVICE", Left),
                ("ENTRIES", Right),
                ("EXCHANGES", Right),
                ("AT", Left),
                ("COPIES", Right),
                ("IN CLOUD", Right),
                ("UPLOADS", Right),
                ("AT", Left),
                ("SCORE LOG", Left),
            ],
        );
        // What a row lacks stands below the table, in whole sentences.
        for it in &self.rows {
            block.row([
                it.date.clone(),
                it.label.clone(),
                it.entries.to_string(),
                it.syncs.to_string(),
                self.span(&it.sync_times),
                it.copies.to_string(),
                it.in_cloud.to_string(),
                it.uploads.to_string(),
                self.span(&it.upload_times),
                on(it).to_owned(),
            ]);
        }
        vec![block]
    }

    fn values(&self) -> Vec<Block> {
        let mut block = Block::new(
            "",
            &[
                ("DAY", Left),
                ("DEVICE", Left),
                ("KEY", Left),
                ("ENTRIES", Right),
                ("EXCHANGES", Right),
                ("EXCHANGE TIMES", Left),
                ("COPIES", Right),
                ("IN CLOUD", Right),
                ("UPLOADS", Right),
                ("UPLOAD TIMES", Left),
                ("SCORE LOG", Left),
                ("LACKS", Left),
            ],
        );
        let all = |times: &[i64]| {
            let times = times.iter();
            let times: Vec<String> = times.map(|&it| self.minute(it)).collect();
            times.join(" ")
        };
        for it in &self.rows {
            block.row([
                it.date.clone(),
                it.label.clone(),
                it.key.clone(),
                it.entries.to_string(),
                it.syncs.to_string(),
                all(&it.sync_times),
                it.copies.to_string(),
                it.in_cloud.to_string(),
                it.uploads.to_string(),
                all(&it.upload_times),
                on(it).to_owned(),
                it.lacks.join(" "),
            ]);
        }
        vec![block]
    }

    fn notes(&self) -> Vec<String> {
        self.counted.clone()
    }
}

impl ComplianceReport {
    fn minute(&self, unix_ms: i64) -> String {
        calendar::minute(unix_ms, self.head.zone_min)
    }

    /// Writes first and last of times.
    fn span(&self, times: &[i64]) -> String {
        match times {
            [] => "-".to_owned(),
            [one] => self.minute(*one),
            [first, .., last] => format!("{} to {}", self.minute(*first), self.minute(*last)),
        }
    }
}

fn on(row: &ComplianceRow) -> &'static str {
    match row.score_log {
        Some(true) => "on",
        Some(false) => "off",
        None => "not known",
    }
}
