-- The log. One INSERT into event is the whole write path; object and outbox follow from it, in the same statement.

-- The prefixes of the contract (src/contract.rs); a test holds the two lists equal. Then a ULID.
create domain calmony.object_id as text collate "C"
    constraint object_id_is_a_known_prefix_and_a_ulid
    check (value ~ '^(cus|pm|pi|sub|inv|cs|we)_[0-7][0-9A-HJKMNP-TV-Z]{25}$');
create domain calmony.event_id as text collate "C"
    constraint event_id_is_evt_and_a_ulid
    check (value ~ '^evt_[0-7][0-9A-HJKMNP-TV-Z]{25}$');

-- One fact. Snapshots are json, not jsonb: the bytes that are stored are the bytes that are signed and sent.
create table calmony.event (
    account         bigint not null,
    position        bigint generated always as identity,
    version         bigint not null,
    created_at      timestamptz not null,
    deleted         boolean not null default false, -- the object's last event
    id              calmony.event_id not null,
    stream          calmony.object_id not null,     -- the object's id
    type            text not null,
    request_id      text,                           -- the API call that caused it
    idempotency_key text,
    data            json not null,                  -- the whole object after the event
    previous        json,                           -- what `previous_attributes` shows
    constraint event_versions_are_unique_in_a_stream primary key (account, stream, version),
    constraint event_ids_are_unique unique (account, id),
    constraint event_positions_are_unique unique (account, position),
    constraint event_version_counts_from_1 check (version >= 1),
    constraint event_data_is_an_object check (json_typeof(data) = 'object'),
    constraint event_previous_is_an_object check (json_typeof(previous) = 'object')
);

-- The latest snapshot, one row an object, of every kind. A deleted object keeps its last state.
create table calmony.object (
    account    bigint not null,
    version    bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted    boolean not null,
    id         calmony.object_id not null,
    -- A column rather than an expression index on data: an update that keeps the address stays a HOT update.
    email      text collate "C" generated always as (case when id like 'cus\_%' then data ->> 'email' end) stored,
    data       json not null,
    constraint object_ids_are_unique primary key (account, id)
) with (fillfactor = 80);

-- A kind is a prefix, and a ULID sorts by time: one index serves the newest-first lists of every kind.
create index object_alive on calmony.object (account, id) where not deleted;
create index object_email on calmony.object (account, email, id) where email is not null and not deleted;

-- Events not yet fanned out. A row lives for milliseconds; the bucket says which worker drains it.
create table calmony.outbox (
    account  bigint not null,
    position bigint not null,
    bucket   smallint not null,
    constraint outbox_rows_are_unique primary key (account, position),
    constraint outbox_bucket_is_0_to_63 check (bucket between 0 and 63)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
create index outbox_position on calmony.outbox (position);

create function calmony.bucket_of(stream text) returns smallint
language sql immutable parallel safe
as $$ select (hashtext(stream) & 63)::smallint $$;

-- The whole derivation, for ever. On conflict an object moves from version n to n + 1 and no other way;
-- an object is born with version 1; nothing follows a deletion.
create function calmony.derive_from_event() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    appended_rows bigint;
    object_rows   bigint;
begin
    insert into calmony.outbox (account, position, bucket)
    select account, position, calmony.bucket_of(stream) from appended;
    get diagnostics appended_rows = row_count;

    insert into calmony.object as o (account, id, version, data, deleted, created_at, updated_at)
    select account, stream, version, data, deleted, created_at, created_at
      from appended a
     where version = 1 or exists (select from calmony.object x where x.account = a.account and x.id = a.stream)
        on conflict (account, id) do update
       set version = excluded.version, data = excluded.data, deleted = excluded.deleted, updated_at = excluded.updated_at
     where o.version = excluded.version - 1 and not o.deleted;
    get diagnostics object_rows = row_count;

    if object_rows <> appended_rows then
        raise exception 'the version of an event must follow the version of its living object'
            using errcode = 'integrity_constraint_violation', constraint = 'event_version_follows_its_object';
    end if;
    return null;
end $$;

create trigger derive_from_event after insert on calmony.event
    referencing new table as appended
    for each statement execute function calmony.derive_from_event();
alter table calmony.event enable always trigger derive_from_event;

create function calmony.refuse_to_change_history() returns trigger
language plpgsql as $$
begin
    raise exception 'an event is never changed and never deleted'
        using errcode = 'integrity_constraint_violation', constraint = 'event_is_append_only';
end $$;

create trigger event_is_append_only before update or delete or truncate on calmony.event
    for each statement execute function calmony.refuse_to_change_history();
alter table calmony.event enable always trigger event_is_append_only;

-- position and deleted defaults aside, every column is the API's to give; position is PostgreSQL's.
grant select on calmony.event, calmony.object to calmony_api, calmony_reader, calmony_worker;
grant insert (account, id, stream, version, type, deleted, data, previous, request_id, idempotency_key, created_at)
    on calmony.event to calmony_api;
grant select on calmony.outbox to calmony_reader, calmony_worker;
grant delete on calmony.outbox to calmony_worker;
