//! Places, and kinds of records beyond scores: shipped sets by name, or kinds of an event's own.
//!
//! Layer: below `structure_file`.

use tallyline_proto::model::{
    Derive, Field, FieldNo, Kind, KindNo, Place, PlaceNo, Policy, Roles, Writers,
};
use tallyline_proto::rules::kinds;

use super::cursor::At;

/// Longest name of a kind, a field or a status, in bytes; what an entry on the wire may carry.
const WORD_BYTES_MAX: usize = 32;
/// Longest name of a place, in bytes; what an entry on the wire may carry.
const PLACE_BYTES_MAX: usize = 64;
/// Most items of one list of a kind; what an entry on the wire may carry.
const LIST_MAX: usize = 32;
/// Most kinds and most places; far above any event.
const ITEMS_MAX: usize = 1_000;

/// Roles that may read sealed fields, by name.
const READERS: [(&str, Roles); 4] = [
    ("leader", Roles::LEADER),
    ("medic", Roles::MEDIC),
    ("jury", Roles::JURY),
    ("deputy", Roles::DEPUTY),
];

/// Reads places: names, numbered from 1, or objects with `place` and `name`.
pub(super) fn places(it: &At<'_>) -> Result<Vec<Place>, String> {
    let mut places: Vec<Place> = Vec::new();
    for (item, next) in it.items(ITEMS_MAX)?.iter().zip(1..) {
        let place = if item.is_text() {
            Place {
                no: PlaceNo(next),
                name: item.name(PLACE_BYTES_MAX)?,
            }
        } else {
            Place {
                no: PlaceNo(item.field("place")?.no()?),
                name: item.field("name")?.name(PLACE_BYTES_MAX)?,
            }
        };
        if places.iter().any(|held| held.no == place.no) {
            return Err(item.problem(&format!("place {} is there twice", place.no)));
        }
        places.push(place);
    }
    places.sort_by_key(|place| place.no);
    Ok(places)
}

/// Reads kinds: the name of a shipped set, or a list of such names and of declarations.
pub(super) fn kinds(it: &At<'_>) -> Result<Vec<Kind>, String> {
    if it.is_text() {
        return set(it);
    }
    let mut kinds: Vec<Kind> = Vec::new();
    for item in it.items(ITEMS_MAX)? {
        let read = if item.is_text() {
            set(&item)?
        } else {
            Vec::from([kind(&item, &kinds)?])
        };
        for kind in read {
            let held = kinds
                .iter()
                .any(|held| held.no == kind.no || held.name == kind.name);
            if held {
                let (no, name) = (kind.no, &kind.name);
                return Err(item.problem(&format!("kind {no}, {name}, is there twice")));
            }
            kinds.push(kind);
        }
    }
    kinds.sort_by_key(|kind| kind.no);
    Ok(kinds)
}

fn set(it: &At<'_>) -> Result<Vec<Kind>, String> {
    kinds::set(it.text()?).ok_or_else(|| {
        let known = kinds::SETS.join(", ");
        it.problem(&format!("use one of the sets {known}, or declare the kind"))
    })
}

/// Reads a declared kind; what it hangs on and is computed from stands before it.
fn kind(it: &At<'_>, before: &[Kind]) -> Result<Kind, String> {
    let no = KindNo(it.field("kind")?.no()?);
    let fields = fields(it)?;
    let named = |item: &At<'_>| known(item, before).map(|kind| kind.no);
    let unique = |item: &At<'_>| field_of(item, &fields).map(|field| field.no);
    let parents = each(it, "on", named)?;
    if let Some(parent) = parents.iter().find(|parent| no <= **parent) {
        let place = it.field("on")?;
        return Err(place.problem(&format!(
            "it hangs on kind {parent}, whose number must be below {no}"
        )));
    }
    let policy = policy(it, before)?;
    let derived = matches!(policy, Policy::Derived(_));
    let unique = each(it, "unique", unique)?;
    Ok(Kind {
        no,
        name: it.field("name")?.name(WORD_BYTES_MAX)?,
        parents,
        policy,
        writers: writers(it, derived)?,
        readers: each(it, "readers", role)?
            .into_iter()
            .fold(Roles::default(), Roles::with),
        fields,
        unique,
    })
}

fn policy(it: &At<'_>, before: &[Kind]) -> Result<Policy, String> {
    let named = it.field("policy")?;
    Ok(match named.text()? {
        "append" => Policy::Append,
        "field-level" => Policy::FieldLevel,
        "last-write" => Policy::LastWrite,
        "create-wins" => Policy::CreateWins,
        "ask" => Policy::Ask,
        "escalation" => {
            let statuses = each(it, "statuses", |item| item.name(WORD_BYTES_MAX))?;
            if statuses.is_empty() {
                return Err(named.problem("list its \"statuses\", rising"));
            }
            Policy::Escalation(statuses)
        }
        "sum" => {
            let (kind, field) = source(it, before)?;
            let field = field.ok_or_else(|| named.problem("name the \"field\" that is summed"))?;
            Policy::Derived(Derive::Sum { kind, field })
        }
        "count" => Policy::Derived(Derive::Count {
            kind: source(it, before)?.0,
        }),
        _ => {
            return Err(named.problem(
                "use append, field-level, last-write, create-wins, ask, escalation, sum or count",
            ));
        }
    })
}

/// Reads what a derived kind is computed from.
fn source(it: &At<'_>, before: &[Kind]) -> Result<(KindNo, Option<FieldNo>), String> {
    let kind = known(&it.field("of")?, before)?;
    let field = it.optional("field", |item| field_of(item, &kind.fields))?;
    Ok((kind.no, field.map(|field| field.no)))
}

fn writers(it: &At<'_>, derived: bool) -> Result<Writers, String> {
    let read = |it: &At<'_>| match it.text()? {
        "members" => Ok(Writers::Members),
        "owner" => Ok(Writers::Owner),
        _ => Err(it.problem("use members or owner")),
    };
    let named = it.optional("writers", read)?;
    Ok(match (derived, named) {
        (true, _) => Writers::Nobody,
        (false, named) => named.unwrap_or(Writers::Members),
    })
}

/// Reads fields, numbered from 1: names, or objects with `name` and `sealed`.
fn fields(it: &At<'_>) -> Result<Vec<Field>, String> {
    let mut fields: Vec<Field> = Vec::new();
    for (item, no) in it.field("fields")?.items(LIST_MAX)?.iter().zip(1..) {
        let (name, sealed) = if item.is_text() {
            (item.name(WORD_BYTES_MAX)?, false)
        } else {
            let sealed = item.optional("sealed", At::flag)?;
            (
                item.field("name")?.name(WORD_BYTES_MAX)?,
                sealed == Some(true),
            )
        };
        if fields.iter().any(|held| held.name == name) {
            return Err(item.problem("every field has a name of its own"));
        }
        let no = FieldNo(no);
        fields.push(Field { no, name, sealed });
    }
    Ok(fields)
}

fn known<'a>(it: &At<'_>, kinds: &'a [Kind]) -> Result<&'a Kind, String> {
    let name = it.text()?;
    let found = kinds.iter().find(|kind| kind.name == name);
    found.ok_or_else(|| it.problem("name a kind that stands before this one"))
}

fn field_of<'a>(it: &At<'_>, fields: &'a [Field]) -> Result<&'a Field, String> {
    let name = it.text()?;
    let found = fields
        .iter()
        .find(|field| field.name == name && !field.sealed);
    found.ok_or_else(|| it.problem("name one of the kind's fields that is not sealed"))
}

fn role(it: &At<'_>) -> Result<Roles, String> {
    let name = it.text()?;
    let found = READERS.iter().find(|(known, _)| *known == name);
    found.map(|(_, role)| *role).ok_or_else(|| {
        let known: Vec<&str> = READERS.iter().map(|(name, _)| *name).collect();
        it.problem(&format!("use {}", known.join(", ")))
    })
}

/// Reads each item of a list that may be missing.
fn each<T>(
    it: &At<'_>,
    key: &str,
    read: impl Fn(&At<'_>) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let items = it.optional(key, |list| list.items(LIST_MAX))?;
    items.unwrap_or_default().iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(value: &Value) -> Result<Vec<Kind>, String> {
        kinds(&At::root(value))
    }

    #[test]
    fn sets_are_named_alone_or_together() {
        assert_eq!(read(&json!("camp")), Ok(kinds::camp()));
        let both = read(&json!(["coverage", "camp"])).expect("reads");
        assert_eq!(both.len(), kinds::camp().len() + kinds::coverage().len());
        assert!(both.is_sorted_by(|one, next| one.no < next.no));
        let problem = read(&json!("regatta")).expect_err("unknown");
        assert!(problem.contains("camp, coverage"), "{problem}");
        let problem = read(&json!(["camp", "camp"])).expect_err("twice");
        assert!(problem.contains("is there twice"), "{problem}");
    }

    #[test]
    fn a_declared_kind_hangs_on_what_stands_before_it() {
        let read = read(&json!([
            {"kind": 1, "name": "team", "policy": "last-write", "fields": ["name"]},
            {"kind": 2, "name": "flag", "on": ["team"], "policy": "append", "writers": "owner",
             "fields": ["points", {"name": "by", "sealed": true}], "readers": ["jury"]},
            {"kind": 3, "name": "flags", "on": ["team"], "policy": "sum", "of": "flag",
             "field": "points", "fields": ["points"]},
            {"kind": 4, "name": "state", "on": ["team"], "policy": "escalation",
             "statuses": ["in", "out"], "fields": ["state", "day"], "unique": ["day"]},
        ]))
        .expect("reads");
        assert_eq!(read[1].parents, [KindNo(1)]);
        assert_eq!(read[1].writers, Writers::Owner);
        assert_eq!(read[1].readers, Roles::JURY);
        assert!(read[1].fields[1].sealed);
        assert_eq!(read[2].writers, Writers::Nobody);
        assert_eq!(read[3].unique, [FieldNo(2)]);
    }

    #[test]
    fn a_bad_declaration_is_named_with_its_place() {
        for (kind, expected) in [
            (json!({"on": ["team"]}), "[0].on[0]: found \"team\""),
            (json!({"policy": "merge"}), "use append"),
            (json!({"policy": "escalation"}), "list its \"statuses\""),
            (json!({"unique": ["shoe"]}), "one of the kind's fields"),
            (json!({"fields": ["a", "a"]}), "a name of its own"),
            (json!({"readers": ["all"]}), "use leader"),
            (json!({"writers": "all"}), "use members or owner"),
        ] {
            let mut whole = json!({"kind": 9, "name": "x", "policy": "append", "fields": ["a"]});
            for (key, value) in kind.as_object().expect("an object") {
                whole[key] = value.clone();
            }
            let problem = read(&json!([whole])).expect_err("refused");
            assert!(problem.contains(expected), "{problem:?} lacks {expected:?}");
        }
    }

    #[test]
    fn places_are_names_in_order_or_have_numbers() {
        let read = |value: &Value| places(&At::root(value));
        let found = read(&json!(["Gate 12", "Finish"])).expect("reads");
        assert_eq!(found[1].no, PlaceNo(2));
        let found = read(&json!([{"place": 9, "name": "A"}, {"place": 3, "name": "B"}]));
        assert_eq!(found.expect("reads")[0].name, "B");
        let problem = read(&json!(["A", {"place": 1, "name": "B"}])).expect_err("twice");
        assert!(problem.contains("place 1 is there twice"), "{problem}");
    }
}
