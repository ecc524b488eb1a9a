//! The manifest and its structure in bytes.

mod kind;
mod ruleset;
mod terms;

use alloc::{string::String, vec::Vec};

use prost::Message as _;
use tallyline_keys::PublicKey;

use super::{MANIFEST_BYTES_MAX, WireError, entry::TARGETS_MAX, fixed, generated as pb};
use crate::model::{
    Division, Drill, DrillNo, Entrant, Manifest, Method, NoShoots, PowerFactor, Rule, RuleKind,
    RuleNo, Shooter, ShooterNo, SquadNo, Structure,
};

pub(super) use kind::{kind_in, kind_out, place_in, place_out};

/// Longest name or label of a thing, in bytes.
pub(super) const NAME_BYTES_MAX: usize = 64;
/// Longest rule text, in bytes.
const RULE_BYTES_MAX: usize = 160;
/// Rule numbers share 32 bits with a count of 8.
const RULE_NO_MAX: u32 = 0x00ff_ffff;

/// Encodes a manifest; the event id is the hash of exactly these bytes.
pub fn encode_manifest(manifest: &Manifest) -> Vec<u8> {
    pb::Manifest {
        rules_version: manifest.rules_version,
        name: manifest.name.clone(),
        nonce: manifest.nonce.to_vec(),
        owner_key: manifest.owner.as_bytes().to_vec(),
        recovery_keys: manifest
            .recovery
            .iter()
            .map(|key| key.as_bytes().to_vec())
            .collect(),
        cloud_keys: manifest
            .cloud
            .iter()
            .map(|key| key.as_bytes().to_vec())
            .collect(),
        discovery_key: manifest.discovery_key.to_vec(),
        structure: Some(structure_out(&manifest.structure)),
    }
    .encode_to_vec()
}

/// Encodes a structure alone, for its hash and size.
pub fn encode_structure(structure: &Structure) -> Vec<u8> {
    structure_out(structure).encode_to_vec()
}

/// Reads a manifest.
///
/// # Errors
/// If the bytes are no manifest, one of its values is outside its range, or it is above
/// [`MANIFEST_BYTES_MAX`].
///
/// Source: PROTOCOL R-EVENT-2.
pub fn decode_manifest(bytes: &[u8]) -> Result<Manifest, WireError> {
    if MANIFEST_BYTES_MAX < bytes.len() {
        return Err(WireError::TooLarge("manifest"));
    }
    let it = pb::Manifest::decode(bytes).map_err(|_| WireError::Malformed)?;
    Ok(Manifest {
        rules_version: it.rules_version,
        name: text(it.name, NAME_BYTES_MAX, "event name")?,
        nonce: fixed(&it.nonce, "nonce")?,
        owner: key(&it.owner_key, "owner key")?,
        recovery: keys(&it.recovery_keys, "recovery key")?,
        cloud: keys(&it.cloud_keys, "cloud key")?,
        discovery_key: fixed(&it.discovery_key, "discovery key")?,
        structure: structure_in(it.structure.ok_or(WireError::Invalid("structure"))?)?,
    })
}

/// Reads a key and refuses weak ones.
pub(super) fn key(bytes: &[u8], field: &'static str) -> Result<PublicKey, WireError> {
    PublicKey::from_bytes(fixed(bytes, field)?).map_err(|_| WireError::Invalid(field))
}

/// Refuses an empty text and one above `max` bytes.
pub(super) fn text(text: String, max: usize, field: &'static str) -> Result<String, WireError> {
    if text.is_empty() {
        return Err(WireError::Invalid(field));
    }
    if max < text.len() {
        return Err(WireError::TooLarge(field));
    }
    Ok(text)
}

/// Encodes a shooter.
pub(super) fn shooter_out(shooter: &Shooter) -> pb::Shooter {
    pb::Shooter {
        no: shooter.no.0,
        label: shooter.label.clone(),
        division: u32::try_from(shooter.division).unwrap_or(u32::MAX),
        power_factor: power_factor_out(shooter.power_factor).into(),
        squad: shooter.squad.0,
        categories: shooter.categories.clone(),
        entrant: (shooter.entrant != Entrant::default()).then(|| entrant_out(&shooter.entrant)),
    }
}

/// Encodes what a shooter registered with.
pub(super) fn entrant_out(entrant: &Entrant) -> pb::Entrant {
    pb::Entrant {
        id: entrant
            .id
            .map(|id| id.as_bytes().to_vec())
            .unwrap_or_default(),
        member: entrant.member.clone(),
        class: entrant.class.clone(),
        team: entrant.team.clone(),
    }
}

/// Reads what a shooter registered with.
pub(super) fn entrant_in(it: pb::Entrant) -> Result<Entrant, WireError> {
    if 32 < it.member.len() || 16 < it.class.len() || NAME_BYTES_MAX < it.team.len() {
        return Err(WireError::TooLarge("member number, class or team"));
    }
    Ok(Entrant {
        id: terms::uuid_in(&it.id, "id of a shooter")?,
        member: it.member,
        class: it.class,
        team: it.team,
    })
}

/// Reads a shooter; the division is checked by whoever knows the list.
pub(super) fn shooter_in(it: pb::Shooter) -> Result<Shooter, WireError> {
    Ok(Shooter {
        no: ShooterNo(number(it.no, "shooter number")?),
        label: text(it.label, NAME_BYTES_MAX, "shooter label")?,
        division: usize::try_from(it.division).map_err(|_| WireError::Invalid("division"))?,
        power_factor: power_factor_in(it.power_factor)?
            .ok_or(WireError::Invalid("power factor"))?,
        squad: SquadNo(number(it.squad, "squad number")?),
        categories: it.categories,
        entrant: it.entrant.map(entrant_in).transpose()?.unwrap_or_default(),
    })
}

/// Encodes a power factor.
pub(super) fn power_factor_out(power_factor: PowerFactor) -> pb::PowerFactor {
    match power_factor {
        PowerFactor::Minor => pb::PowerFactor::Minor,
        PowerFactor::Major => pb::PowerFactor::Major,
        PowerFactor::Subminor => pb::PowerFactor::Subminor,
    }
}

/// Reads a power factor; unset is `None`.
pub(super) fn power_factor_in(it: i32) -> Result<Option<PowerFactor>, WireError> {
    Ok(match pb::PowerFactor::try_from(it) {
        Ok(pb::PowerFactor::Unspecified) => None,
        Ok(pb::PowerFactor::Minor) => Some(PowerFactor::Minor),
        Ok(pb::PowerFactor::Major) => Some(PowerFactor::Major),
        Ok(pb::PowerFactor::Subminor) => Some(PowerFactor::Subminor),
        Err(_) => return Err(WireError::Invalid("power factor")),
    })
}

/// Refuses number 0, which stands for "not said".
pub(super) fn number(number: u32, field: &'static str) -> Result<u32, WireError> {
    if number == 0 {
        Err(WireError::Invalid(field))
    } else {
        Ok(number)
    }
}

fn keys(list: &[Vec<u8>], field: &'static str) -> Result<Vec<PublicKey>, WireError> {
    if 8 < list.len() {
        return Err(WireError::TooLarge(field));
    }
    list.iter().map(|bytes| key(bytes, field)).collect()
}

fn structure_out(structure: &Structure) -> pb::Structure {
    pb::Structure {
        epoch_ms: structure.epoch_ms,
        zone_min: structure.zone_min,
        level: structure.level.clone(),
        ruleset: Some(ruleset::ruleset_out(&structure.ruleset)),
        divisions: structure
            .divisions
            .iter()
            .map(|division| pb::Division {
                name: division.name.clone(),
                minor_floor: division.minor_floor.unwrap_or(0),
                major_floor: division.major_floor.unwrap_or(0),
            })
            .collect(),
        drills: structure.drills.iter().map(drill_out).collect(),
        shooters: structure.shooters.iter().map(shooter_out).collect(),
        rules: structure.rules.iter().map(rule_out).collect(),
        places: structure.places.iter().map(place_out).collect(),
        kinds: structure.kinds.iter().map(kind_out).collect(),
    }
}

/// Encodes a drill.
pub(super) fn drill_out(drill: &Drill) -> pb::Drill {
    pb::Drill {
        no: drill.no.0,
        name: drill.name.clone(),
        method: match drill.method {
            Method::Comstock => pb::Method::Comstock,
            Method::Chrono => pb::Method::Chrono,
            Method::FixedTime => pb::Method::FixedTime,
            Method::VirginiaCount => pb::Method::VirginiaCount,
            Method::TimePlus => pb::Method::TimePlus,
            Method::BestStrings => pb::Method::BestStrings,
            Method::Precision => pb::Method::Precision,
            Method::HitValues => pb::Method::HitValues,
            Method::ParTime => pb::Method::ParTime,
            Method::Run => pb::Method::Run,
            Method::Court => pb::Method::Court,
        }
        .into(),
        strings: drill.strings,
        required_hits: drill
            .required_hits
            .iter()
            .map(|&hits| hits.into())
            .collect(),
        steel: drill.steel.into(),
        no_shoots: match drill.no_shoots {
            NoShoots::NotSaid => pb::NoShoots::Unspecified,
            NoShoots::Absent => pb::NoShoots::None,
            NoShoots::Present => pb::NoShoots::Present,
        }
        .into(),
        terms: terms::terms_out(&drill.terms),
    }
}

/// Encodes a rule.
pub(super) fn rule_out(rule: &Rule) -> pb::Rule {
    pb::Rule {
        no: rule.no.0,
        kind: match rule.kind {
            RuleKind::Procedural => pb::RuleKind::Procedural,
            RuleKind::Dq => pb::RuleKind::Dq,
            RuleKind::Dnf => pb::RuleKind::Dnf,
            RuleKind::Warning => pb::RuleKind::Warning,
        }
        .into(),
        text: rule.text.clone(),
        code: rule.code.clone(),
        value: rule.value.unwrap_or(0),
        has_value: rule.value.is_some(),
    }
}

fn structure_in(it: pb::Structure) -> Result<Structure, WireError> {
    let ruleset = it.ruleset.ok_or(WireError::Invalid("ruleset"))?;
    if !(-720..=840).contains(&it.zone_min) {
        return Err(WireError::Invalid("time zone"));
    }
    let structure = Structure {
        epoch_ms: it.epoch_ms,
        zone_min: it.zone_min,
        level: it.level,
        ruleset: ruleset::ruleset_in(ruleset)?,
        divisions: it
            .divisions
            .into_iter()
            .map(|division| {
                Ok(Division {
                    name: text(division.name, NAME_BYTES_MAX, "division name")?,
                    minor_floor: some(division.minor_floor),
                    major_floor: some(division.major_floor),
                })
            })
            .collect::<Result<_, WireError>>()?,
        drills: it
            .drills
            .into_iter()
            .map(drill_in)
            .collect::<Result<_, _>>()?,
        shooters: it
            .shooters
            .into_iter()
            .map(shooter_in)
            .collect::<Result<_, _>>()?,
        rules: it
            .rules
            .into_iter()
            .map(rule_in)
            .collect::<Result<_, _>>()?,
        places: it
            .places
            .into_iter()
            .map(place_in)
            .collect::<Result<_, _>>()?,
        kinds: it
            .kinds
            .into_iter()
            .map(kind_in)
            .collect::<Result<_, _>>()?,
    };
    check(&structure)?;
    Ok(structure)
}

/// Numbers rise, so that each names one thing; divisions exist.
fn check(structure: &Structure) -> Result<(), WireError> {
    if !structure.drills.is_sorted_by(|one, next| one.no < next.no) {
        return Err(WireError::Invalid("order of drill numbers"));
    }
    if !structure
        .shooters
        .is_sorted_by(|one, next| one.no < next.no)
    {
        return Err(WireError::Invalid("order of shooter numbers"));
    }
    if !structure.rules.is_sorted_by(|one, next| one.no < next.no) {
        return Err(WireError::Invalid("order of rule numbers"));
    }
    if !structure.places.is_sorted_by(|one, next| one.no < next.no) {
        return Err(WireError::Invalid("order of place numbers"));
    }
    if !structure.kinds.is_sorted_by(|one, next| one.no < next.no) {
        return Err(WireError::Invalid("order of kind numbers"));
    }
    let divisions = structure.divisions.len();
    if structure
        .shooters
        .iter()
        .any(|shooter| divisions <= shooter.division)
    {
        return Err(WireError::Invalid("division of a shooter"));
    }
    Ok(())
}

/// Reads a drill.
pub(super) fn drill_in(it: pb::Drill) -> Result<Drill, WireError> {
    let required_hits = it
        .required_hits
        .iter()
        .map(|&hits| match u8::try_from(hits) {
            Ok(hits @ 1..=15) => Ok(hits),
            Ok(_) | Err(_) => Err(WireError::Invalid("required hits")),
        })
        .collect::<Result<_, _>>()?;
    let untimed = matches!(
        pb::Method::try_from(it.method),
        Ok(pb::Method::Chrono | pb::Method::Precision | pb::Method::HitValues | pb::Method::Court)
    );
    if 16 < it.strings || (it.strings == 0 && !untimed) {
        return Err(WireError::Invalid("strings"));
    }
    if TARGETS_MAX < it.required_hits.len() {
        return Err(WireError::TooLarge("targets of a drill"));
    }
    Ok(Drill {
        no: DrillNo(number(it.no, "drill number")?),
        name: text(it.name, NAME_BYTES_MAX, "drill name")?,
        method: match pb::Method::try_from(it.method) {
            Ok(pb::Method::Comstock) => Method::Comstock,
            Ok(pb::Method::Chrono) => Method::Chrono,
            Ok(pb::Method::FixedTime) => Method::FixedTime,
            Ok(pb::Method::VirginiaCount) => Method::VirginiaCount,
            Ok(pb::Method::TimePlus) => Method::TimePlus,
            Ok(pb::Method::BestStrings) => Method::BestStrings,
            Ok(pb::Method::Precision) => Method::Precision,
            Ok(pb::Method::HitValues) => Method::HitValues,
            Ok(pb::Method::ParTime) => Method::ParTime,
            Ok(pb::Method::Run) => Method::Run,
            Ok(pb::Method::Court) if it.terms.as_ref().is_some_and(|it| it.court.is_some()) => {
                Method::Court
            }
            Ok(pb::Method::Unspecified | pb::Method::Court) | Err(_) => {
                return Err(WireError::Invalid("method"));
            }
        },
        strings: it.strings,
        required_hits,
        steel: u8::try_from(it.steel).map_err(|_| WireError::Invalid("steel"))?,
        no_shoots: match pb::NoShoots::try_from(it.no_shoots) {
            Ok(pb::NoShoots::Unspecified) => NoShoots::NotSaid,
            Ok(pb::NoShoots::None) => NoShoots::Absent,
            Ok(pb::NoShoots::Present) => NoShoots::Present,
            Err(_) => return Err(WireError::Invalid("no-shoots")),
        },
        terms: terms::terms_in(it.terms)?,
    })
}

/// Reads a rule.
pub(super) fn rule_in(it: pb::Rule) -> Result<Rule, WireError> {
    if RULE_NO_MAX < it.no {
        return Err(WireError::Invalid("rule number"));
    }
    Ok(Rule {
        no: RuleNo(number(it.no, "rule number")?),
        kind: match pb::RuleKind::try_from(it.kind) {
            Ok(pb::RuleKind::Procedural) => RuleKind::Procedural,
            Ok(pb::RuleKind::Dq) => RuleKind::Dq,
            Ok(pb::RuleKind::Dnf) => RuleKind::Dnf,
            Ok(pb::RuleKind::Warning) => RuleKind::Warning,
            Ok(pb::RuleKind::Unspecified) | Err(_) => return Err(WireError::Invalid("rule kind")),
        },
        text: text(it.text, RULE_BYTES_MAX, "rule text")?,
        code: it.code,
        value: it.has_value.then_some(it.value),
    })
}

fn some(value: u32) -> Option<u32> {
    (value != 0).then_some(value)
}
