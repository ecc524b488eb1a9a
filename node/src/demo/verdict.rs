//! What came out: each live node is asked over its own socket, and nothing is taken on trust.
//!
//! Layer: node, demo.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::DemoError;
use super::expected::{Count, Equal, Expected};
use super::replay::{Demo, Mishaps, statuses};
use super::setup::Found;
use super::table::{self, SAVED};
use super::venue::{LOOK, PATIENCE, add};
use crate::local::protocol::{
    Readings, Request, StandingsData, StandingsQuery, StatusData, WireBytes, exits,
};

/// What came out.
#[derive(Debug)]
pub(super) struct Verdict {
    name: String,
    nodes: u64,
    /// Nodes whose every row is equal.
    equal_nodes: u64,
    /// Whether the results were known, and not only those of the owner's node.
    known: bool,
    /// The worst node's.
    worst: Equal,
    /// The first row of some node that is not as expected.
    other: Option<String>,
    /// Entries that are no statements, on the node with fewest.
    entries: u64,
    /// Of these, the ones that every node says are in the cloud.
    in_cloud: u64,
    /// Whether every node says that everything is in the cloud, statements included.
    all_in_cloud: bool,
    readings: Readings,
    answers: BTreeMap<String, u64>,
    /// Totals that are not as they must be.
    differing: Vec<String>,
    links: BTreeMap<String, u64>,
    found: Found,
    wire: WireBytes,
    mishaps: Mishaps,
    seconds: u64,
    seed: u64,
    /// The winners, where nothing is known to compare with.
    shown: Vec<String>,
}

/// Asks every node, and puts together what it says.
///
/// # Errors
///
/// [`DemoError::Node`] if one does not answer.
pub(super) async fn ask(demo: &Demo, found: Found) -> Result<Verdict, DemoError> {
    until_in_cloud(demo).await?;
    let nodes = statuses(demo).await?;
    let mut results = Vec::new();
    let mut shown = Vec::new();
    for node in &nodes {
        let query = StandingsQuery {
            all: true,
            ..StandingsQuery::default()
        };
        let standings: StandingsData = demo
            .venue
            .get(&node.node.label, Request::Standings(query))
            .await?;
        if shown.is_empty() {
            shown = tables(&standings);
        }
        results.push(Expected::of(&standings));
    }
    let known = demo.data.expected.is_some();
    let expected = demo
        .data
        .expected
        .clone()
        .or_else(|| results.first().cloned())
        .unwrap_or_default();
    let equal: Vec<Equal> = results.iter().map(|it| expected.compare(it)).collect();
    let other = results.iter().find_map(|it| expected.first_other(it));
    let (answers, differing, mishaps) = answers(demo);
    let mut wire = demo.venue.bytes_of_ended();
    for node in &nodes {
        add(&mut wire, node.wire);
    }
    Ok(Verdict {
        name: demo.data.name.clone(),
        nodes: count(nodes.len()),
        equal_nodes: count(equal.iter().filter(|it| it.is_whole()).count()),
        known,
        worst: equal.iter().copied().min_by_key(worth).unwrap_or_default(),
        other,
        entries: least(&nodes, |it| {
            it.totals.entries.saturating_sub(it.totals.control)
        }),
        in_cloud: least(&nodes, |it| {
            it.totals
                .in_cloud
                .saturating_sub(it.totals.control_in_cloud)
        }),
        all_in_cloud: nodes.iter().all(is_in_cloud),
        readings: worst_readings(&nodes),
        answers,
        differing,
        links: links(&nodes),
        found,
        wire,
        mishaps,
        seconds: demo.elapsed_ms() / 1_000,
        seed: demo.seed,
        shown: if known { Vec::new() } else { shown },
    })
}

/// Sums up the answers, says which are not as they must be, and what went wrong meanwhile.
fn answers(demo: &Demo) -> (BTreeMap<String, u64>, Vec<String>, Mishaps) {
    let board = demo.board();
    let mut answers: BTreeMap<String, u64> = BTreeMap::new();
    for ((_, answer), count) in &board.answers {
        *answers.entry(answer.clone()).or_default() += count;
    }
    let differing = if demo.data.built_in {
        table::differing(&board.answers)
    } else {
        Vec::new()
    };
    (answers, differing, board.mishaps)
}

impl Verdict {
    /// Returns whether everything is as it must be.
    fn holds(&self) -> bool {
        self.equal_nodes == self.nodes
            && self.all_in_cloud
            && self.differing.is_empty()
            && self.mishaps.lost == 0
            && self.readings.quarantined == 0
            && self.readings.disputed == 0
            && self.readings.undecided == 0
    }

    /// Returns the exit code: 0 only if everything is as it must be.
    pub(super) fn exit(&self) -> u8 {
        if self.holds() { 0 } else { exits::FAILURE }
    }

    /// Returns one line of JSON.
    pub(super) fn json(&self) -> String {
        let refused: BTreeMap<&str, u64> = self
            .answers
            .iter()
            .filter(|(answer, _)| *answer != SAVED)
            .map(|(answer, count)| (answer.as_str(), *count))
            .collect();
        let verdict: Value = json!({
            "schema": "tallyline.demo/1",
            "event": self.name,
            "ok": self.holds(),
            "nodes": self.nodes,
            "nodes_equal": self.equal_nodes,
            "stage_rows": self.worst.stages.rows,
            "stage_rows_equal": self.worst.stages.equal,
            "match_rows": self.worst.matches.rows,
            "match_rows_equal": self.worst.matches.equal,
            "dq_rows": self.worst.dq.rows,
            "dq_rows_equal": self.worst.dq.equal,
            "entries": self.entries,
            "counted": self.readings.counted,
            "late": self.readings.late,
            "quarantined": self.readings.quarantined,
            "voided": self.readings.voided,
            "undecided": self.readings.undecided,
            "saved": self.answers.get(SAVED).copied().unwrap_or_default(),
            "refused_by_code": refused,
            "totals_differing": self.differing,
            "in_cloud": self.in_cloud,
            "all_in_cloud": self.all_in_cloud,
            "links_by_source": self.links,
            "multicast": self.found == Found::Multicast,
            "wire_bytes_per_entry": self.per_entry(self.wire.frames_sent_bytes),
            "udp_bytes_per_entry": self.per_entry(self.wire.udp_sent_bytes),
            "wire_bytes": self.wire.frames_sent_bytes,
            "udp_bytes": self.wire.udp_sent_bytes,
            "cut_off": self.mishaps.cut_off,
            "killed": self.mishaps.killed,
            "repeated_after_kill": self.mishaps.repeated,
            "lost_by_kill": self.mishaps.lost,
            "swapped": self.mishaps.swapped,
            "seconds": self.seconds,
            "seed": self.seed,
        });
        format!("{verdict}\n")
    }

    /// Returns the verdict for a person.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for line in self.shown.iter().cloned().chain(self.sentences()) {
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    fn sentences(&self) -> Vec<String> {
        let mut lines = self.rows();
        lines.extend(self.bytes());
        lines.extend(
            self.differing
                .iter()
                .map(|it| format!("NOT as it must be  {it}")),
        );
        lines.extend(
            self.other
                .iter()
                .map(|it| format!("NOT equal          {it}")),
        );
        let end = if self.holds() {
            "everything is as it must be"
        } else {
            "NOT as it must be"
        };
        lines.push(format!(
            "{end}, after {} s with seed {}",
            self.seconds, self.seed
        ));
        lines
    }

    /// Says what came out.
    fn rows(&self) -> Vec<String> {
        let rows = |it: Count| format!("{}/{}", thousands(it.equal), thousands(it.rows));
        let with = if self.known {
            "the official results"
        } else {
            "the owner's node"
        };
        vec![
            format!(
                "stage rows equal   {:>13}   match rows equal {}   disqualified {}",
                rows(self.worst.stages),
                rows(self.worst.matches),
                rows(self.worst.dq)
            ),
            format!(
                "nodes equal        {:>13}   compared with {with}",
                format!("{}/{}", self.equal_nodes, self.nodes)
            ),
            format!(
                "entries            {:>13}   counted {}, late {}, quarantined {}, voided {}",
                thousands(self.entries),
                thousands(self.readings.counted),
                self.readings.late,
                self.readings.quarantined,
                self.readings.voided
            ),
            format!(
                "in the cloud       {:>13}   {}",
                format!("{}/{}", thousands(self.in_cloud), thousands(self.entries)),
                if self.all_in_cloud {
                    "every node says so"
                } else {
                    "NOT every node says so"
                }
            ),
        ]
    }

    /// Says how it came about.
    fn bytes(&self) -> Vec<String> {
        let warning = match self.found {
            Found::Multicast => "",
            Found::Listed => "; WARNING: multicast does not work here",
        };
        vec![
            format!("answers            {}", pairs(&self.answers)),
            format!("links found by     {}{warning}", pairs(&self.links)),
            format!(
                "on the wire        {} B of protocol frames for each entry and node, {} B of UDP",
                self.per_entry(self.wire.frames_sent_bytes),
                self.per_entry(self.wire.udp_sent_bytes)
            ),
            format!(
                "meanwhile          {} cut off and back, {} killed (-9) and restarted, {} replaced \
                 by another device, {} saved entries lost",
                self.mishaps.cut_off, self.mishaps.killed, self.mishaps.swapped, self.mishaps.lost
            ),
        ]
    }

    /// Returns bytes for each entry that reached one node, with one decimal.
    fn per_entry(&self, bytes: u64) -> Value {
        let deliveries = (self.entries * self.nodes.saturating_sub(1)).max(1);
        let tenths = (bytes * 10 + deliveries / 2) / deliveries;
        let text = format!("{}.{}", tenths / 10, tenths % 10);
        text.parse().map_or(Value::Null, Value::Number)
    }
}

/// Waits until every node says that everything is in the cloud; what is missing after the
/// patience is the verdict's to tell.
async fn until_in_cloud(demo: &Demo) -> Result<(), DemoError> {
    let deadline = Instant::now() + PATIENCE;
    while !statuses(demo).await?.iter().all(is_in_cloud) && Instant::now() < deadline {
        sleep(LOOK).await;
    }
    Ok(())
}

fn is_in_cloud(node: &StatusData) -> bool {
    0 < node.totals.entries
        && node.totals.in_cloud == node.totals.entries
        && node.totals.missing_here == 0
}

/// Orders nodes by how much of them is equal.
fn worth(equal: &Equal) -> (u64, u64) {
    let sum = equal.stages.equal + equal.matches.equal + equal.dq.equal;
    (sum, u64::MAX - equal.beyond)
}

fn least(nodes: &[StatusData], of: impl Fn(&StatusData) -> u64) -> u64 {
    nodes.iter().map(of).min().unwrap_or_default()
}

/// Takes the fewest that count and the most of everything else over all nodes.
fn worst_readings(nodes: &[StatusData]) -> Readings {
    let most = |of: fn(&Readings) -> u64| {
        nodes
            .iter()
            .map(|it| of(&it.readings))
            .max()
            .unwrap_or_default()
    };
    Readings {
        counted: least(nodes, |it| it.readings.counted),
        late: most(|it| it.late),
        quarantined: most(|it| it.quarantined),
        unassigned: most(|it| it.unassigned),
        rejected: most(|it| it.rejected),
        disputed: most(|it| it.disputed),
        voided: most(|it| it.voided),
        undecided: most(|it| it.undecided),
        unknown: most(|it| it.unknown),
    }
}

/// Counts links by how the dialler found the other.
fn links(nodes: &[StatusData]) -> BTreeMap<String, u64> {
    let mut links: BTreeMap<String, u64> = BTreeMap::new();
    for link in nodes
        .iter()
        .flat_map(|it| &it.links)
        .filter(|it| it.dialled)
    {
        *links.entry(link.source.clone()).or_default() += 1;
    }
    links
}

/// Shows the first places of each division.
fn tables(standings: &StandingsData) -> Vec<String> {
    let mut lines = Vec::new();
    for table in standings.matches.iter().filter(|it| !it.rows.is_empty()) {
        lines.push(table.division.clone());
        for row in table.rows.iter().take(10) {
            let mut line = String::new();
            let place = row.place.map_or_else(String::new, |it| it.to_string());
            let points = row.match_points.as_deref().unwrap_or("DQ");
            if write!(
                line,
                "{place:>4}  {:>5}  {:<24} {points:>12}",
                row.shooter, row.label
            )
            .is_ok()
            {
                lines.push(line);
            }
        }
    }
    lines
}

fn pairs(counts: &BTreeMap<String, u64>) -> String {
    let parts: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{name} {}", thousands(*count)))
        .collect();
    parts.join(", ")
}

/// Writes a number with commas between thousands.
fn thousands(number: u64) -> String {
    if number < 1_000 {
        return number.to_string();
    }
    format!("{},{:03}", thousands(number / 1_000), number % 1_000)
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_006_160, "1,006,160"),
        ] {
            assert_eq!(thousands(number), text);
        }
    }
}
