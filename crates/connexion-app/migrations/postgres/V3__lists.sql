-- What lists of many people need.

-- A text as it is compared where letter case does not matter: the same on both sides of a search, whatever locale the
-- database was made with. Of the ways to fold letters of every script the server's best is taken; a capital sigma must
-- not become another small one just because a word ends after it.
do $$
declare
    collation_ text;
begin
    select format('collate %I.%I', nspname, collname)
    into collation_
    from pg_collation
    join pg_namespace on pg_namespace.oid = collnamespace
    where collname in ('und-x-icu', 'pg_unicode_fast', 'pg_c_utf8', 'C.utf8')
        and nspname = 'pg_catalog'
        and collencoding in (-1, (select encoding from pg_database where datname = current_database()))
        and pg_char_to_encoding('UTF8') = (select encoding from pg_database where datname = current_database())
    order by array_position(array['und-x-icu', 'pg_unicode_fast', 'pg_c_utf8', 'C.utf8'], collname::text)
    limit 1;

    execute format(
        $f$
            create or replace function person_fold(value text) returns text
            language sql immutable strict parallel safe
            as 'select translate(lower(upper(value %1$s) %1$s), ''ς'', ''σ'')'
        $f$,
        coalesce(collation_, '')
    );
end
$$;

-- For the members that lists of many are sorted by. The others have few values, and an index with the key in it costs more
-- at every insert than sorting by them costs now and then. Names are sorted by code point, as on SQLite.
create index if not exists person_name on person (name collate "C", uuid);
create index if not exists person_age on person (age, uuid);
create index if not exists person_fare on person (fare, uuid);

-- Requests that were done and may be sent again: `id` is a hash of who sent it, to which operation and with which
-- Idempotency-Key, `request` one of its body. Times are seconds since 1970.
create table if not exists idempotency (
    id bytea primary key check (length(id) = 32),
    request bytea not null check (length(request) = 32),
    answer text not null,
    created bigint not null
);

create index if not exists idempotency_created on idempotency (created);
