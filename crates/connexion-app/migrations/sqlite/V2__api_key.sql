-- Keys of clients. Of a key only its hash is kept: whoever reads this table can't use any of them.
--
-- Times are seconds since 1970. A name can be given again once its key was revoked.
create table api_key (
    id text not null primary key,
    name text not null,
    scope text not null check (scope in ('read', 'write')),
    hash blob not null check (length(hash) = 32),
    created integer not null,
    expires integer,
    revoked integer
) strict, without rowid;

create unique index api_key_name on api_key (name) where revoked is null;
