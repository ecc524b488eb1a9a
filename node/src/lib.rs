//! The process: disk, sockets, clock and people around the pure core of `tallyline-proto`.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`root`] | the folder that holds everything a node owns |
//! | [`store`] | the writes of a replica on disk or in a database, and back |
//! | [`driver`] | the one loop: gather, step, persist, release |
//! | [`net`] | QUIC, discovery, the uplink to the cloud |
//! | [`beside`] | files beside the store: the plain-text score log, the record of exchanges |
//! | [`security`] | who was turned away, when and why |
//! | [`figures`] | what a node counts while it runs, for monitors |
//! | [`growth`] | that an event grew, told to who shows it |
//! | [`local`] | the command socket in the root |
//! | [`api`] | the same answers over HTTP, and the spectators' board |
//! | [`cloud`] | a process for many events, alone or one of several on one database |
//! | [`node`] | all of it together: what `tallyline run` runs |
//! | [`doctor`] | what is wrong with a device, and what to do |
//! | [`alerts`] | what a node tells people by itself, once, and once more when it is over |
//! | [`metrics`] | the names of all metrics and what they mean |
//! | [`cli`], [`config`] | the command line and its configuration |
//! | [`media`] | pictures and clips, fetched in a second phase |
//! | [`files`] | the sport's own files, read and written |
//! | [`exchange`] | what a match file means as an event, and an event as a match file |
//! | [`demo`] | a real match over real processes |
//! | [`failpoint`] | moments at which the laboratory's binary dies |
//! | [`calendar`] | days and times as people write them |
//! | [`clock`], [`entropy`] | the only places that read the clock and draw randomness |

pub mod alerts;
pub mod api;
pub mod beside;
pub mod board;
pub mod calendar;
pub mod card_page;
pub mod cli;
pub mod clock;
pub mod cloud;
pub mod config;
pub mod demo;
pub mod doctor;
pub mod driver;
pub mod entropy;
pub mod exchange;
pub mod failpoint;
pub mod figures;
pub mod files;
pub mod growth;
pub mod local;
pub mod media;
pub mod metrics;
pub mod net;
pub mod node;
pub mod qr;
pub mod root;
pub mod security;
pub mod store;
pub mod structure_file;
pub mod upkeep;
