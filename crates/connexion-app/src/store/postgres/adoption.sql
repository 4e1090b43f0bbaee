-- What is in the way of the migrations $1, which are not applied yet: one sentence a row. Only reads.
--
-- A migration would fail at these things, or take them for its own: `if not exists` looks at names only.
with
pending as (
    select unnest($1::int4[]) as version
),
wanted (version, relation, name, types) as (
    values
        (1, 'person', 'uuid', array['uuid']),
        (1, 'person', 'survived', array['boolean']),
        (1, 'person', 'passenger_class', array['integer']),
        (1, 'person', 'name', array['character varying', 'text']),
        (1, 'person', 'sex', array['enum (female, male, other)', 'character varying', 'text']),
        (1, 'person', 'age', array['integer']),
        (1, 'person', 'siblings_or_spouses_aboard', array['integer']),
        (1, 'person', 'parents_or_children_aboard', array['integer']),
        (1, 'person', 'fare', array['double precision']),
        (2, 'api_key', 'id', array['text']),
        (2, 'api_key', 'name', array['text']),
        (2, 'api_key', 'scope', array['text']),
        (2, 'api_key', 'hash', array['bytea']),
        (2, 'api_key', 'created', array['bigint']),
        (2, 'api_key', 'expires', array['bigint']),
        (2, 'api_key', 'revoked', array['bigint']),
        (3, 'idempotency', 'id', array['bytea']),
        (3, 'idempotency', 'request', array['bytea']),
        (3, 'idempotency', 'answer', array['text']),
        (3, 'idempotency', 'created', array['bigint'])
),
relations as (
    select version, relation, relation_key, to_regclass(relation) as oid
    from (
        values (1, 'person', 'uuid'), (2, 'api_key', 'id'), (3, 'idempotency', 'id')
    ) as listed (version, relation, relation_key)
    join pending using (version)
),
existing as (
    select relations.*, relkind in ('r', 'p') as is_table, relkind
    from relations
    join pg_class on pg_class.oid = relations.oid
),
columns as (
    select
        existing.relation,
        attname as name,
        attnotnull,
        atthasdef,
        -- Not every version of PostgreSQL has these columns.
        coalesce(to_jsonb(pg_attribute) ->> 'attidentity', '') as identity,
        coalesce(to_jsonb(pg_attribute) ->> 'attgenerated', '') as generated,
        coalesce(
            (select 'enum (' || string_agg(enumlabel, ', ' order by enumlabel) || ')' from pg_enum where enumtypid = atttypid),
            format_type(atttypid, null)
        ) as type,
        (select typdefault is not null from pg_type where pg_type.oid = atttypid) as type_has_default
    from existing
    join pg_attribute on attrelid = existing.oid and attnum > 0 and not attisdropped
    where is_table
)
select format('%s is a %s, not a table', relation, case relkind
    when 'v' then 'view'
    when 'm' then 'materialized view'
    when 'f' then 'foreign table'
    when 'S' then 'sequence'
    when 'c' then 'composite type'
    else 'index'
end)
from existing
where not is_table
union all
select format('table %s: column %s is %s', relation, wanted.name, coalesce(columns.type || ', not ' || types[1], 'missing'))
from existing
join wanted using (relation)
left join columns using (relation, name)
where is_table and (columns.type = any (types)) is not true
union all
select format('table %s: column %s is generated, so it cannot be written to', relation, name)
from wanted
join columns using (relation, name)
where generated <> '' or identity = 'a'
union all
select format('table %s: the additional column %s is not null and has no default, so no row could be added', relation, name)
from columns
where attnotnull and not atthasdef and identity = '' and generated = '' and not type_has_default
    and not exists (select from wanted where wanted.relation = columns.relation and wanted.name = columns.name)
union all
-- Without it a second row with the same key would be stored instead of refused.
select format('table %s: column %s is not the primary key', relation, relation_key)
from existing
where is_table
    and exists (select from columns where columns.relation = existing.relation and columns.name = relation_key)
    and not exists (
        select
        from pg_index
        join pg_attribute on attrelid = indrelid and attnum = indkey[0]
        where indrelid = existing.oid and attname = relation_key
            and indisunique and indimmediate and indisvalid and indnkeyatts = 1 and indpred is null
    )
union all
select format('there is a type %s, so no table can have that name', relation)
from relations
where relations.oid is null
    and exists (select from pg_type where typname = relation and typnamespace = to_regnamespace(current_schema()))
union all
select format('the type sexenum is not enum (female, male, other)')
from relations
where relation = 'person' and relations.oid is null and to_regtype('sexenum') is not null
    and (
        select string_agg(enumlabel, ', ' order by enumlabel) from pg_enum where enumtypid = to_regtype('sexenum')
    ) is distinct from 'female, male, other'
union all
select format('%s is not an index of the table %s', name, relation)
from (
    values
        (2, 'api_key_name', 'api_key'),
        (3, 'person_name', 'person'),
        (3, 'person_age', 'person'),
        (3, 'person_fare', 'person'),
        (3, 'idempotency_created', 'idempotency')
) as indexes (version, name, relation)
join pending using (version)
where to_regclass(name) is not null
    and not exists (select from pg_index where indexrelid = to_regclass(name) and indrelid = to_regclass(relation))
union all
select 'the function person_fold(text) is another program''s'
from pending
join pg_proc on pg_proc.oid = to_regprocedure('person_fold(text)')
where version = 3 and prosrc not like 'select translate(lower(upper(value %'
