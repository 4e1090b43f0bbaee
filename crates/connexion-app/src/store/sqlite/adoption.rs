//! Whether a file of another program can be used: what stands where the migrations create something, and which rows break
//! the document. Only reads.
//!
//! SQLite stores any value in any column unless a table is strict, so a table of another program is adopted if its columns
//! have the names, the key, and an affinity that stores our values as they are; its rows are looked at one by one.

use std::fmt::Write as _;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use crate::person::{MAX_NAME, Sex};
use crate::store::adoption::{self, Rule};
use crate::store::{StoreError, sql_list};

/// The columns of the table `person`.
const COLUMNS: [&str; 9] = [
    "uuid",
    "survived",
    "passenger_class",
    "name",
    "sex",
    "age",
    "siblings_or_spouses_aboard",
    "parents_or_children_aboard",
    "fare",
];

/// What the migrations after the first one create, with the version that does. `if not exists` is not written there, since
/// unlike on PostgreSQL there is nothing to adopt.
const CREATED: [(i32, &str); 7] = [
    (2, "api_key"),
    (2, "api_key_name"),
    (3, "person_name"),
    (3, "person_age"),
    (3, "person_fare"),
    (3, "idempotency"),
    (3, "idempotency_created"),
];

/// # Errors
/// [`StoreError::Unfit`] if something is in the way of the migrations of these versions.
pub(super) fn check_schema(connection: &Connection, versions: &[i32]) -> Result<(), StoreError> {
    let mut obstacles = Vec::new();
    let kind = "select type from sqlite_master where name = ?1 collate nocase";
    let mut kind = connection.prepare(kind)?;
    for (_, name) in CREATED.iter().filter(|(of, _)| versions.contains(of)) {
        let mut rows = kind.query([name])?;
        if let Some(row) = rows.next()? {
            let kind: String = row.get(0)?;
            obstacles.push(format!("there is a {kind} {name} of another program"));
        }
    }
    if versions.contains(&1)
        && let Some(row) = kind.query(["person"])?.next()?
    {
        match row.get::<_, String>(0)?.as_str() {
            "table" => obstacles.extend(person_obstacles(connection)?),
            kind => obstacles.push(format!("person is a {kind}, not a table")),
        }
    }
    if obstacles.is_empty() {
        return Ok(());
    }
    let text = obstacles.join("; ");
    Err(StoreError::Unfit(format!(
        "this database cannot be adopted: {text}. Nothing was changed."
    )))
}

/// A column as SQLite describes it.
struct Column {
    name: String,
    declared: String,
    not_null: bool,
    has_default: bool,
    in_key: i64,
    hidden: i64,
}

fn person_obstacles(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let columns = "select lower(name), upper(type), \"notnull\", dflt_value is not null, pk, hidden \
        from pragma_table_xinfo('person')";
    let mut columns = connection.prepare(columns)?;
    let columns = columns.query_map([], |row| {
        Ok(Column {
            name: row.get(0)?,
            declared: row.get(1)?,
            not_null: row.get(2)?,
            has_default: row.get(3)?,
            in_key: row.get(4)?,
            hidden: row.get(5)?,
        })
    })?;
    let columns: Vec<_> = columns.collect::<rusqlite::Result<_>>()?;
    let missing = COLUMNS
        .iter()
        .filter(|name| !columns.iter().any(|column| column.name == **name));
    let missing = missing.map(|name| format!("table person: column {name} is missing"));
    let mut obstacles: Vec<_> = missing.collect();
    obstacles.extend(columns.iter().filter_map(Column::obstacle));
    let mut key = columns.iter().filter(|column| column.in_key > 0);
    if key.next().is_none_or(|column| column.name != "uuid") || key.next().is_some() {
        obstacles.push("table person: column uuid is not the primary key".to_owned());
    }
    Ok(obstacles)
}

impl Column {
    fn obstacle(&self) -> Option<String> {
        let Self { name, declared, .. } = self;
        let is_ours = COLUMNS.contains(&name.as_str());
        if !is_ours {
            let is_obstacle = self.not_null && !self.has_default && self.hidden == 0;
            return is_obstacle.then(|| {
                format!(
                    "table person: the additional column {name} is not null and has no default, so no row could be added"
                )
            });
        }
        if self.hidden > 0 {
            let text =
                format!("table person: column {name} is generated, so it cannot be written to");
            return Some(text);
        }
        let fits = match (name.as_str(), affinity(declared)) {
            ("uuid", _) => true,
            ("name" | "sex", affinity) => affinity != Affinity::Numeric,
            (_, affinity) => affinity != Affinity::Text,
        };
        (!fits).then(|| {
            format!("table person: column {name} is {declared}, which stores other values than those that are written")
        })
    }
}

/// What a column makes of values: of texts that are numbers, of numbers, or nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Affinity {
    Numeric,
    Text,
    None,
}

/// See <https://www.sqlite.org/datatype3.html>, section 3.1. The order of the questions matters.
fn affinity(declared: &str) -> Affinity {
    let has = |parts: &[&str]| parts.iter().any(|part| declared.contains(part));
    if has(&["INT"]) {
        Affinity::Numeric
    } else if has(&["CHAR", "CLOB", "TEXT"]) {
        Affinity::Text
    } else if declared.is_empty() || has(&["BLOB"]) {
        Affinity::None
    } else {
        Affinity::Numeric
    }
}

/// # Errors
/// [`StoreError::Unfit`] if rows of the table `person` break the document, with SQL that repairs them.
pub(super) fn check_rows(connection: &Connection) -> Result<(), StoreError> {
    let rules = rules();
    let all = |row: &Row<'_>| (0..rules.len()).map(|index| row.get(index)).collect();
    let counts: Vec<i64> = connection.query_row(&adoption::count(&rules), [], all)?;
    if counts.iter().all(|count| *count == 0) {
        return Ok(());
    }
    let key = format!(
        "case when typeof(uuid) = 'blob' and length(uuid) = 16 then {HYPHENATED} else {} end",
        shown("uuid")
    );
    let mut list = connection.prepare(&adoption::list(&rules, &key, shown))?;
    let texts = |row: &Row<'_>| (0..=rules.len()).map(|index| text(row, index)).collect();
    let rows = list.query_map([], texts)?;
    let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    adoption::refuse(&rules, &counts, &rows)
}

/// A key as clients write it.
const HYPHENATED: &str = "lower(substr(hex(uuid), 1, 8) || '-' || substr(hex(uuid), 9, 4) || '-' || \
    substr(hex(uuid), 13, 4) || '-' || substr(hex(uuid), 17, 4) || '-' || substr(hex(uuid), 21))";

/// A value as a text, though it may not be UTF-8.
fn text(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<String>> {
    Ok(match row.get_ref(index)? {
        ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
        _ => None,
    })
}

/// A column as a text, of which the beginning is enough.
fn shown(column: &str) -> String {
    format!(
        "case typeof({column}) when 'null' then 'null' when 'text' then '''' || substr({column}, 1, 100) || '''' \
         when 'blob' then 'x''' || hex(substr({column}, 1, 50)) || '''' else cast({column} as text) end"
    )
}

/// What the document says of each column.
pub(super) fn rules() -> [Rule; 9] {
    let survived = "typeof(survived) = 'integer' and survived in (0, 1)";
    let yes = "lower(trim(cast(survived as text))) in ('1', '1.0', 'true', 't', 'yes', 'y')";
    [
        key(),
        Rule::new("survived", survived, format!("coalesce({yes}, 0)")),
        number("passenger_class"),
        name(),
        sex(),
        number("age"),
        number("siblings_or_spouses_aboard"),
        number("parents_or_children_aboard"),
        fare(),
    ]
}

/// The 16 bytes of a key that is written in hexadecimal digits; of others, which no client can know, a random one. SQLite
/// before 3.41 can't read such digits, so each two of them are looked up.
fn key() -> Rule {
    let bytes = (0..=255_u8).fold(String::new(), |mut all, byte| {
        // Writing to a string does not fail.
        let _ = write!(all, "{byte:02x}");
        all
    });
    let text = "lower(replace(replace(replace(cast(uuid as text), '-', ''), '{', ''), '}', ''))";
    let digit = |place: &str| format!("instr('123456789abcdef', substr(digits, {place}, 1))");
    let (high, low) = (digit("place"), digit("place + 1"));
    let repaired = format!(
        "(with recursive written (digits) as (select {text}), read (place, bytes) as (select 1, x'' union all \
         select place + 2, cast(bytes || substr(x'{bytes}', 1 + 16 * {high} + {low}, 1) as blob) \
         from read, written where place < 32) \
         select case when length(digits) = 32 and digits not glob '*[^0-9a-f]*' then bytes else randomblob(16) end \
         from read, written where place = 33)"
    );
    Rule::new(
        "uuid",
        "typeof(uuid) = 'blob' and length(uuid) = 16",
        repaired,
    )
}

fn number(column: &'static str) -> Rule {
    let (min, max) = (i32::MIN, i32::MAX);
    let valid = format!("typeof({column}) = 'integer' and {column} between {min} and {max}");
    let number =
        format!("case typeof({column}) when 'blob' then cast({column} as text) else {column} end");
    let number = format!("coalesce(cast({number} as integer), 0)");
    Rule::new(column, valid, format!("min(max({number}, {min}), {max})"))
}

/// `length` and `substr` of a text end at a NUL, which no name has. Texts are read as lists do, so that one that is not
/// UTF-8 becomes one that is.
fn name() -> Rule {
    let begin = format!("substr(coalesce(cast(name as text), ''), 1, {MAX_NAME})");
    let clean = format!(
        "(with recursive read (place, text) as (select 1, '' union all select place + 1, \
         text || char(unicode(substr({begin}, place, 1))) from read where place <= length({begin})) \
         select text from read order by place desc limit 1)"
    );
    let valid = format!(
        "typeof(name) = 'text' and length(name) <= {MAX_NAME} and instr(name, char(0)) = 0"
    );
    Rule {
        also: Some("is_utf8(name)"),
        or_repair: Some(format!("name <> {clean}")),
        ..Rule::new("name", valid, clean)
    }
}

fn sex() -> Rule {
    let sexes = sql_list(Sex::ALL.map(Sex::as_str));
    let word = "lower(trim(cast(sex as text)))";
    let valid = format!("typeof(sex) = 'text' and sex collate binary in ({sexes})");
    let repaired = format!(
        "case when {word} collate binary in ({sexes}) then {word} when {word} = 'm' then 'male' \
         when {word} = 'f' then 'female' else 'other' end"
    );
    Rule::new("sex", valid, repaired)
}

fn fare() -> Rule {
    let number =
        "cast(case typeof(fare) when 'blob' then cast(fare as text) else fare end as real)";
    let repaired =
        format!("case when {number} > -9e999 and {number} < 9e999 then {number} else 0.0 end");
    let valid = "typeof(fare) in ('real', 'integer') and fare > -9e999 and fare < 9e999";
    Rule::new("fare", valid, repaired)
}
