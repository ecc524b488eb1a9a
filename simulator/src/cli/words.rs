//! What a plan can hold, in words for `list`.

/// What people do, and what goes wrong: the names of [`crate::plan::Act`], in its order.
pub(super) const ACTS: [(&str, &str); 49] = [
    ("score", "an RO enters a score"),
    ("correct", "an RO corrects a score: a void and a new one"),
    ("void", "an RO voids a score"),
    (
        "wrong-shooter",
        "a score is voided for one shooter and entered for another",
    ),
    ("disqualify", "an RO disqualifies a shooter from the match"),
    ("late-shooter", "the owner adds a shooter who came late"),
    ("move", "the owner moves a shooter to another squad"),
    (
        "handover",
        "the owner closes a device's grants and opens the same cells for another",
    ),
    (
        "approve",
        "RO and shooter approve the newest score of a slot",
    ),
    (
        "phase",
        "results become provisional or final, or scoring goes on",
    ),
    ("jury", "the owner makes a scorer one of the jury, too"),
    ("incident", "an official reports what was seen, under seal"),
    (
        "report",
        "an official tells more of an incident, which may not be there yet",
    ),
    ("decide", "the jury decides about an incident"),
    ("record", "somebody writes a version of a record of a camp"),
    (
        "erase-shooter",
        "the owner erases what is sealed of a shooter",
    ),
    (
        "erase-participant",
        "the owner erases what is sealed of a participant",
    ),
    (
        "restore-owner",
        "the owner's key comes back on a new device with an empty store",
    ),
    (
        "kill",
        "a process dies at once and stays off; the power may go with it",
    ),
    (
        "kill-at",
        "a process dies at a step of a commit, and starts again after a while",
    ),
    ("start", "a device is switched on"),
    ("pause", "a device sleeps"),
    ("lose", "a device is lost for good"),
    ("lying-sync", "a card only pretends to sync, at times"),
    ("flip-bit", "a bit of a card flips"),
    ("backup", "a device's store is copied"),
    ("roll-back", "a device's store is put back to its last copy"),
    ("full-disk", "a disk is full, or has room again"),
    ("dead-disk", "a disk answers nothing any more"),
    ("slow-disk", "every sync takes long"),
    (
        "misreport",
        "a commit reports an error although it is on disk",
    ),
    ("clone", "a copy of a device's key and store runs beside it"),
    (
        "partition",
        "the venue falls into groups that do not reach each other",
    ),
    ("chain", "only neighbours in a row reach each other"),
    (
        "one-way",
        "what one device sends to another is lost; the other way works",
    ),
    ("isolation", "the access point lets no device reach another"),
    ("rejoin", "everybody reaches everybody again"),
    ("flap", "a device's network goes up and down"),
    ("address", "a device gets another address"),
    ("no-multicast", "discovery does not work, or works again"),
    ("weather", "the network gets worse or better"),
    ("internet", "a device has internet, or not"),
    ("clock", "a device's clock is set"),
    ("cloud", "the cloud is reachable, or not"),
    ("slow-cloud", "what the cloud says takes long"),
    (
        "cloud-replies",
        "what the cloud says is lost or comes twice",
    ),
    ("cloud-backup", "the cloud's database is saved"),
    (
        "cloud-roll-back",
        "the cloud's database is put back to what was saved",
    ),
    (
        "lie",
        "an admitted device forks, withholds, floods, invents or damages",
    ),
];

/// What small chance does on the way, by the names that outcomes count it under.
pub(super) const CHANCE: [(&str, &str); 8] = [
    ("frame-lost", "a frame is lost for good"),
    (
        "frame-resent",
        "a frame is lost and comes later, in its place",
    ),
    ("frame-repeated", "a frame arrives twice"),
    (
        "frame-overtaken",
        "a frame arrives before one that was sent earlier",
    ),
    (
        "sync-lied",
        "a card said that a sync was done and it was not",
    ),
    ("power-cut", "a card lost what was not synced"),
    (
        "commit-failed",
        "a commit failed, and the device read its store again",
    ),
    (
        "store-set-aside",
        "a store did not open and was set aside for a fresh one",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Act;

    #[test]
    fn every_act_has_its_words() {
        // The parser names all kinds that it knows.
        let error = serde_json::from_str::<Act>(r#"{"act":"?"}"#).expect_err("there is no such");
        let text = error.to_string();
        let (_, names) = text.split_once("expected one of").expect("it names them");
        let names: Vec<&str> = names.split('`').skip(1).step_by(2).collect();
        let ours: Vec<&str> = ACTS.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ours);
    }
}
