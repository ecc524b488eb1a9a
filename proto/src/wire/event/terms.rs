//! What only some methods need to know of a drill, in bytes.

use uuid::Uuid;

use super::number;
use crate::{
    model::{Court, Media, Overtime, ShooterNo, Terms},
    wire::{
        WireError,
        entry::{MEDIA_MAX, MIME_BYTES_MAX, TARGETS_MAX},
        fixed, generated as pb,
    },
};

/// Longest briefing of a drill, in bytes: a written stage briefing.
const BRIEFING_BYTES_MAX: usize = 1_000;
/// Most shots, points, meters, hundredths or thousandths of a second of a drill's terms: beyond every sport.
const NUMBER_MAX: u32 = 1_000_000;
/// Most sets that win a match.
const SETS_TO_WIN_MAX: u32 = 5;

pub(super) fn terms_out(terms: &Terms) -> Option<pb::Terms> {
    (*terms != Terms::default()).then(|| pb::Terms {
        id: terms
            .id
            .map(|id| id.as_bytes().to_vec())
            .unwrap_or_default(),
        briefing: terms.briefing.clone(),
        par_cs: terms.par_centis,
        overtime: match terms.overtime {
            Overtime::NotCounted => pb::Overtime::NotCounted,
            Overtime::Costs => pb::Overtime::Costs,
            Overtime::PassFail => pb::Overtime::PassFail,
            Overtime::Capped => pb::Overtime::Capped,
        }
        .into(),
        string_max_cs: terms.string_max_centis,
        drop_worst: terms.drop_worst,
        values: terms.values.clone(),
        shots: terms.shots,
        range: terms.range,
        tie_breaker: terms.tie_breaker,
        stage_points: terms.stage_points,
        court: terms.court.map(|court| pb::Court {
            a: court.a.0,
            b: court.b.0,
            sets_to_win: court.sets_to_win,
            points: court.points,
            points_last: court.points_last,
            lead: court.lead,
            cap: court.cap,
        }),
        incident_window_ms: terms.incident_window_ms,
        pictures: terms.pictures.iter().map(picture_out).collect(),
    })
}

fn picture_out(picture: &Media) -> pb::Picture {
    pb::Picture {
        hash: picture.hash.to_vec(),
        size: picture.bytes,
        mime: picture.mime.clone(),
    }
}

fn picture_in(it: pb::Picture) -> Result<Media, WireError> {
    if MIME_BYTES_MAX < it.mime.len() {
        return Err(WireError::TooLarge("media type"));
    }
    Ok(Media {
        hash: fixed(&it.hash, "hash of a picture")?,
        bytes: it.size,
        mime: it.mime,
    })
}

pub(super) fn terms_in(it: Option<pb::Terms>) -> Result<Terms, WireError> {
    let Some(it) = it else {
        return Ok(Terms::default());
    };
    if BRIEFING_BYTES_MAX < it.briefing.len() {
        return Err(WireError::TooLarge("briefing"));
    }
    if TARGETS_MAX < it.values.len() {
        return Err(WireError::TooLarge("target values"));
    }
    if MEDIA_MAX < it.pictures.len() {
        return Err(WireError::TooLarge("pictures of a drill"));
    }
    let numbers = [
        it.par_cs,
        it.string_max_cs,
        it.drop_worst,
        it.shots,
        it.range,
        it.stage_points,
        it.incident_window_ms,
    ];
    if numbers.iter().chain(&it.values).any(|&it| NUMBER_MAX < it) {
        return Err(WireError::TooLarge("terms of a drill"));
    }
    Ok(Terms {
        id: uuid_in(&it.id, "id of a drill")?,
        briefing: it.briefing,
        par_centis: it.par_cs,
        overtime: match pb::Overtime::try_from(it.overtime) {
            Ok(pb::Overtime::NotCounted) => Overtime::NotCounted,
            Ok(pb::Overtime::Costs) => Overtime::Costs,
            Ok(pb::Overtime::PassFail) => Overtime::PassFail,
            Ok(pb::Overtime::Capped) => Overtime::Capped,
            Err(_) => return Err(WireError::Invalid("overtime")),
        },
        string_max_centis: it.string_max_cs,
        drop_worst: it.drop_worst,
        values: it.values,
        shots: it.shots,
        range: it.range,
        tie_breaker: it.tie_breaker,
        stage_points: it.stage_points,
        court: it.court.map(court_in).transpose()?,
        incident_window_ms: it.incident_window_ms,
        pictures: it
            .pictures
            .into_iter()
            .map(picture_in)
            .collect::<Result<_, _>>()?,
    })
}

fn court_in(it: pb::Court) -> Result<Court, WireError> {
    let sizes = [it.points, it.points_last, it.lead, it.cap];
    if !(1..=SETS_TO_WIN_MAX).contains(&it.sets_to_win)
        || it.a == it.b
        || it.points == 0
        || it.points_last == 0
        || it.lead == 0
        || sizes.iter().any(|&it| NUMBER_MAX < it)
    {
        return Err(WireError::Invalid("court"));
    }
    Ok(Court {
        a: ShooterNo(number(it.a, "side of a court")?),
        b: ShooterNo(number(it.b, "side of a court")?),
        sets_to_win: it.sets_to_win,
        points: it.points,
        points_last: it.points_last,
        lead: it.lead,
        cap: it.cap,
    })
}

/// Reads a name of 16 bytes; empty is none.
pub(super) fn uuid_in(bytes: &[u8], field: &'static str) -> Result<Option<Uuid>, WireError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    Ok(Some(Uuid::from_bytes(fixed(bytes, field)?)))
}

#[cfg(test)]
mod tests {
    use alloc::{string::String, vec};

    use super::*;

    fn picture() -> Media {
        Media {
            hash: [7; 32],
            bytes: 142_000,
            mime: String::from("image/jpeg"),
        }
    }

    #[test]
    fn pictures_of_a_drill_come_back_and_too_many_or_bad_ones_are_refused() {
        let terms = Terms {
            pictures: vec![picture(); MEDIA_MAX],
            ..Terms::default()
        };
        let sent = terms_out(&terms);
        assert_eq!(terms_in(sent.clone()), Ok(terms), "as they were");
        let mut many = sent.unwrap();
        many.pictures.push(picture_out(&picture()));
        assert_eq!(
            terms_in(Some(many.clone())),
            Err(WireError::TooLarge("pictures of a drill"))
        );
        many.pictures.truncate(1);
        let mut long = many.clone();
        long.pictures[0].mime = "x".repeat(MIME_BYTES_MAX + 1);
        assert_eq!(terms_in(Some(long)), Err(WireError::TooLarge("media type")));
        many.pictures[0].hash.pop();
        assert!(terms_in(Some(many)).is_err(), "half a hash");
    }
}
