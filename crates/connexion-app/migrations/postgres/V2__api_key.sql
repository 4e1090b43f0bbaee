-- Keys of clients. Of a key only its hash is kept: whoever reads this table can't use any of them.
--
-- Times are seconds since 1970. A name can be given again once its key was revoked.
create table if not exists api_key (
    id text primary key,
    name text not null,
    scope text not null check (scope in ('read', 'write')),
    hash bytea not null check (length(hash) = 32),
    created bigint not null,
    expires bigint,
    revoked bigint
);

create unique index if not exists api_key_name on api_key (name) where revoked is null;
