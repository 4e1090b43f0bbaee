-- What lists of many people need.

-- For the members that lists of many are sorted by; each ends with the key by itself. The others have few values, and
-- an index costs more at every insert than sorting by them costs now and then.
create index person_name on person (name);
create index person_age on person (age);
create index person_fare on person (fare);

-- Requests that were done and may be sent again: `id` is a hash of who sent it, to which operation and with which
-- Idempotency-Key, `request` one of its body. Times are seconds since 1970.
create table idempotency (
    id blob not null primary key check (length(id) = 32),
    request blob not null check (length(request) = 32),
    answer text not null,
    created integer not null
) strict, without rowid;

create index idempotency_created on idempotency (created);
