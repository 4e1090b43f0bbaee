-- The table of people, as the original service (SQLAlchemy) made it. A table that service left behind
-- is adopted as it is, whatever its enum type is called; one that can't be used is refused by column.
-- Nothing else is touched, `alembic_version` least of all.
do $$
declare
    faults text;
begin
    if to_regclass('person') is null then
        if to_regtype('sexenum') is null then
            create type sexenum as enum ('male', 'female', 'other');
        end if;
        create table person (
            uuid uuid primary key,
            survived boolean not null,
            passenger_class integer not null,
            name varchar(100) not null,
            sex sexenum not null,
            age integer not null,
            siblings_or_spouses_aboard integer not null,
            parents_or_children_aboard integer not null,
            fare double precision not null
        );
    end if;

    select string_agg(
        format('column %s is %s', wanted.name, coalesce(found.type || ', not ' || wanted.types[1], 'missing')),
        '; '
    )
    into faults
    from (values
        ('uuid', array['uuid']),
        ('survived', array['boolean']),
        ('passenger_class', array['integer']),
        ('name', array['character varying', 'text']),
        ('sex', array['enum (female, male, other)', 'character varying', 'text']),
        ('age', array['integer']),
        ('siblings_or_spouses_aboard', array['integer']),
        ('parents_or_children_aboard', array['integer']),
        ('fare', array['double precision'])
    ) as wanted (name, types)
    left join lateral (
        select coalesce(
            (select 'enum (' || string_agg(enumlabel, ', ' order by enumlabel) || ')'
             from pg_enum where enumtypid = atttypid),
            format_type(atttypid, null)
        ) as type
        from pg_attribute
        where attrelid = to_regclass('person') and attname = wanted.name and not attisdropped
    ) as found on true
    where (found.type = any (wanted.types)) is not true;

    -- Without it a second person with the same key would be stored instead of refused.
    if faults is null and not exists (
        select from pg_index join pg_attribute on attrelid = indrelid and attnum = indkey[0]
        where indrelid = to_regclass('person') and attname = 'uuid'
            and indisunique and indimmediate and indnkeyatts = 1 and indpred is null
    ) then
        faults := 'column uuid is not the primary key';
    end if;

    if faults is not null then
        raise exception 'the existing table person cannot be adopted: %', faults;
    end if;
end
$$;
