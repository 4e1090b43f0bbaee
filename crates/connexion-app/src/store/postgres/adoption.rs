//! Whether a database of another program can be used: what stands where the migrations create something, and which rows
//! break the document. Only reads.

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{GenericClient, Row};

use crate::person::{MAX_NAME, Sex};
use crate::store::adoption::{self, Rule};
use crate::store::{StoreError, sql_list};

/// One sentence for each thing that is in the way of the migrations `$1`.
const OBSTACLES: &str = include_str!("adoption.sql");

/// What the rules for rows depend on.
const TRAITS: &str = "select getdatabaseencoding() = 'SQL_ASCII', \
    exists (select from pg_attribute join pg_type on pg_type.oid = atttypid \
        where attrelid = to_regclass('person') and attname = 'sex' and typtype = 'e')";

/// UTF-8 (RFC 3629, section 4), byte by byte, as a database without an encoding compares texts.
const UTF8: &str = r"^([\x01-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2})*$";

/// # Errors
/// [`StoreError::Unfit`] if something is in the way of the migrations of these versions.
pub(super) async fn check_schema(
    client: &impl GenericClient,
    versions: &[i32],
) -> Result<(), StoreError> {
    let versions: (&(dyn ToSql + Sync), _) = (&versions, Type::INT4_ARRAY);
    let rows = client.query_typed(OBSTACLES, &[versions]).await?;
    let obstacles = rows.iter().map(|row| row.try_get(0));
    let obstacles: Vec<String> = obstacles.collect::<Result<_, _>>()?;
    if obstacles.is_empty() {
        return Ok(());
    }
    let text = obstacles.join("; ");
    Err(StoreError::Unfit(format!(
        "this database cannot be adopted: {text}. Nothing was changed."
    )))
}

/// # Errors
/// [`StoreError::Unfit`] if rows of the table `person` break the document, with SQL that repairs them.
pub(super) async fn check_rows(client: &impl GenericClient) -> Result<(), StoreError> {
    let traits = Traits::of(client).await?;
    let rules = traits.rules();
    let row = client
        .query_typed_one(&adoption::count(&rules), &[])
        .await?;
    let counts = (0..row.len()).map(|index| row.try_get(index));
    let counts: Vec<i64> = counts.collect::<Result<_, _>>()?;
    if counts.iter().all(|count| *count == 0) {
        return Ok(());
    }
    let list = adoption::list(&rules, "uuid::text", |column| traits.shown(column));
    let rows = client.query_typed(&list, &[]).await?;
    let rows = rows.iter().map(texts).collect::<Result<Vec<_>, _>>()?;
    adoption::refuse(&rules, &counts, &rows)
}

fn texts(row: &Row) -> Result<Vec<Option<String>>, tokio_postgres::Error> {
    (0..row.len()).map(|index| row.try_get(index)).collect()
}

/// What the rules for rows depend on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traits {
    /// Whether texts are bytes of no encoding.
    is_bytes: bool,
    /// Whether `sex` is an enum, which has no other values than the document's.
    sex_is_enum: bool,
}

impl Traits {
    pub(super) async fn of(client: &impl GenericClient) -> Result<Self, StoreError> {
        let row = client.query_typed_one(TRAITS, &[]).await?;
        Ok(Self {
            is_bytes: row.try_get(0)?,
            sex_is_enum: row.try_get(1)?,
        })
    }

    /// What the document says of each column.
    pub(super) fn rules(self) -> [Rule; 9] {
        let number = |column| Rule::new(column, format!("{column} is not null"), "0");
        // `gen_random_uuid()` is not there before PostgreSQL 13.
        let key = "md5(random()::text || clock_timestamp()::text)::uuid";
        [
            Rule::new("uuid", "uuid is not null", key),
            Rule::new("survived", "survived is not null", "false"),
            number("passenger_class"),
            self.name(),
            self.sex(),
            number("age"),
            number("siblings_or_spouses_aboard"),
            number("parents_or_children_aboard"),
            // PostgreSQL sorts NaN behind infinity.
            Rule::new("fare", "fare > '-Infinity' and fare < 'Infinity'", "0"),
        ]
    }

    fn name(self) -> Rule {
        if self.is_bytes {
            let length = r"char_length(regexp_replace(name, '[\x80-\xbf]', '', 'g'))";
            let valid = format!("name ~ '{UTF8}' and {length} <= {MAX_NAME}");
            let ascii = r"regexp_replace(coalesce(name, ''), '[^\x01-\x7f]', '?', 'g')";
            Rule::new("name", valid, format!("left({ascii}, {MAX_NAME})"))
        } else {
            let valid = format!("char_length(name) <= {MAX_NAME}");
            let repaired = format!("left(coalesce(name, ''), {MAX_NAME})");
            Rule::new("name", valid, repaired)
        }
    }

    fn sex(self) -> Rule {
        if self.sex_is_enum {
            return Rule::new("sex", "sex is not null", "'other'");
        }
        let sexes = sql_list(Sex::ALL.map(Sex::as_str));
        let word = "lower(btrim(sex))";
        let repaired = format!(
            "case when {word} in ({sexes}) then {word} when {word} = 'm' then 'male' \
             when {word} = 'f' then 'female' else 'other' end"
        );
        Rule::new("sex", format!("sex in ({sexes})"), repaired)
    }

    /// A column as a text between quotes, of which the beginning is enough. Bytes above 127 are shown in octal if they
    /// may not be UTF-8.
    fn shown(self, column: &str) -> String {
        if self.is_bytes {
            let bytes = format!("convert_to(left({column}::text, 100), 'SQL_ASCII')");
            return format!("coalesce('''' || encode({bytes}, 'escape') || '''', 'null')");
        }
        match column {
            "name" | "sex" => format!("quote_nullable(left({column}::text, 100))"),
            _ => format!("coalesce({column}::text, 'null')"),
        }
    }
}
