//! Between the sport's own files and an event: what a match file means as structure and records,
//! and what an event looks like as a match file.
//!
//! Pure: values in, values out. Knows [`crate::files`] and the model, opens no file and gives no
//! command; `local` reads, compares, asks the core and writes. Layer: node, above `files`, below
//! `local`.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`names`] | ids, labels and lengths: how one side calls what the other side has |
//! | [`numbers`] | which shooter, stage and rule of a file is which number of the event |
//! | [`structure`] | a match file as a structure |
//! | [`changes`] | what a match file would change in an event |
//! | [`scores`] | one version of a score as the body of an entry, and back |
//! | [`records`] | all versions of all scores as entries, in order, with voids between them |
//! | [`export`] | an event as a match file |
//! | [`report`] | an event as a text report, with results |
//! | [`people`] | a registration list and a roster |
//! | [`check`] | a bundle, checked by itself |
//!
//! # What is lost
//!
//! File to event and back, beside what a person changes:
//!
//! * ids of other programs: they become UUIDs of version 5 (one of version 5 stays); the match has
//!   the event's id;
//! * regions, walk-in marks, dated notes, the lists of classes and categories that nobody is in;
//! * whose device saved a score (the owner's device says what a file says), in whose place it came
//!   by hand ("From Shooter ..."), the note of a penalty, the app's own mark of approval (both
//!   signatures stand for it), signatures on a DNF, a reading and a stage DQ;
//! * all but the last rule of a DNF, all but the first of a DQ, the text of a stage DQ;
//! * hundredths of a grain and of a foot a second, any gear check but `Pass` and `Fail`;
//! * the hits of a DNF or of a score without a time, drafts that are not complete;
//! * stages that were taken out of the match, and penalties that count at most once;
//! * a briefing beyond 1,000 bytes, a name beyond 64;
//! * in a file with sums of hits: which target they are on. In an event that it founds they stand on
//!   targets of up to 15 hits; one that is there keeps its targets, and is compared by the sums.
//!
//! Event to file and back: grants, signatures, statements, who voided what and why, entries outside
//! a grant, rings, X's and values of targets, incidents and records. The bundle has all of it.

pub mod changes;
pub mod check;
pub mod export;
pub mod names;
pub mod numbers;
pub mod people;
pub mod records;
pub mod report;
pub mod scores;
pub mod structure;

#[cfg(test)]
mod tests;
