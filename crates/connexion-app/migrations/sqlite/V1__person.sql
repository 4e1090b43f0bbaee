-- The table of people. The checks refuse what PostgreSQL's column types refuse.
--
-- uuid: the 16 bytes themselves; without a rowid the key is the table's only tree, so one descent finds
--       a person.
-- name: length() stops at a NUL and PostgreSQL refuses one, so it is looked for separately.
-- fare: a column declared real drops the sign of -0.0, which PostgreSQL keeps; "any" keeps the value.
create table person (
    uuid blob not null primary key check (length(uuid) = 16),
    survived integer not null check (survived in (0, 1)),
    passenger_class integer not null,
    name text not null check (length(name) <= 100 and instr(name, char(0)) = 0),
    sex text not null check (sex in ('male', 'female', 'other')),
    age integer not null,
    siblings_or_spouses_aboard integer not null,
    parents_or_children_aboard integer not null,
    fare any not null check (typeof(fare) = 'real')
) strict, without rowid;
