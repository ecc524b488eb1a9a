//! What two devices compare to see that their tables are equal.

use alloc::vec::Vec;

use super::{Group, MatchRow, StageRow, Standings};
use crate::rules::scorebook::Missed;

/// First bytes under a digest, so that it equals no other hash of the house.
const DIGEST_TAG: &[u8] = b"tallyline standings v1\n";

impl Standings {
    /// Returns the BLAKE3 hash over all tables in a fixed layout: equal on two devices if and only
    /// if their standings are equal.
    ///
    /// Source: PROTOCOL R-SCORE-7.
    pub fn digest(&self) -> [u8; 32] {
        let mut bytes = DIGEST_TAG.to_vec();
        put_len(&mut bytes, self.stages.len());
        for table in &self.stages {
            bytes.extend(table.drill.0.to_le_bytes());
            put_group(&mut bytes, table.group);
            put_len(&mut bytes, table.rows.len());
            for row in &table.rows {
                row.put(&mut bytes);
            }
        }
        put_len(&mut bytes, self.overall.len());
        for table in &self.overall {
            put_group(&mut bytes, table.group);
            put_len(&mut bytes, table.rows.len());
            for row in &table.rows {
                row.put(&mut bytes);
            }
        }
        for list in [&self.missing, &self.undecided] {
            put_len(&mut bytes, list.len());
            for (drill, shooter) in list {
                bytes.extend(drill.0.to_le_bytes());
                bytes.extend(shooter.0.to_le_bytes());
            }
        }
        *blake3::hash(&bytes).as_bytes()
    }
}

impl StageRow {
    fn put(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.place.to_le_bytes());
        bytes.extend(self.shooter.0.to_le_bytes());
        let Some(result) = &self.result else {
            return bytes.push(0);
        };
        let tally = &result.tally;
        let practical = tally.added_centis == 0 && tally.xs == 0 && !is_listed(result.missed);
        bytes.push(if practical { 1 } else { 2 });
        bytes.push(u8::from(result.needs_decision));
        bytes.extend(result.tally.points.to_le_bytes());
        bytes.extend(result.tally.penalties.to_le_bytes());
        bytes.extend(result.tally.time_centis.to_le_bytes());
        bytes.extend(result.hit_factor.0.to_le_bytes());
        bytes.extend(result.stage_points.0.to_le_bytes());
        bytes.extend(result.percent.0.to_le_bytes());
        if !practical {
            bytes.extend(tally.added_centis.to_le_bytes());
            bytes.extend(tally.xs.to_le_bytes());
            put_missed(bytes, result.missed);
        }
    }
}

/// Returns whether a missed run is told apart from one of zero points; DNF never was.
fn is_listed(missed: Option<Missed>) -> bool {
    matches!(missed, Some(Missed::Dns | Missed::StageDq))
}

impl MatchRow {
    fn put(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.place.to_le_bytes());
        bytes.extend(self.shooter.0.to_le_bytes());
        let Some(result) = self.result else {
            return bytes.push(0);
        };
        let practical = result.time_centis == 0 && result.xs == 0 && result.unranked.is_none();
        bytes.push(if practical { 1 } else { 2 });
        bytes.extend(result.points.0.to_le_bytes());
        bytes.extend(result.percent.value.to_le_bytes());
        if !practical {
            bytes.extend(result.time_centis.to_le_bytes());
            bytes.extend(result.xs.to_le_bytes());
            bytes.extend(result.drills.to_le_bytes());
            put_missed(bytes, result.unranked);
        }
    }
}

fn put_missed(bytes: &mut Vec<u8>, missed: Option<Missed>) {
    bytes.push(match missed {
        None => 0,
        Some(Missed::Dnf) => 1,
        Some(Missed::Dns) => 2,
        Some(Missed::StageDq) => 3,
    });
}

fn put_len(bytes: &mut Vec<u8>, len: usize) {
    bytes.extend(u64::try_from(len).unwrap_or(u64::MAX).to_le_bytes());
}

/// Divisions by their place from 0, Combined as the highest number.
fn put_group(bytes: &mut Vec<u8>, group: Group) {
    match group {
        Group::Division(place) => put_len(bytes, place),
        Group::Combined => bytes.extend(u64::MAX.to_le_bytes()),
    }
}
