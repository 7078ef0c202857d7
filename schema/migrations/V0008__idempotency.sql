-- What was answered to requests with an Idempotency-Key. A row comes in the statement that appends the request's event, so
-- there is never one without the other. Four slots, one a day in turn: keys are forgotten by emptying a slot, never by DELETE.
create table calmony.idempotency (
    account     bigint not null,
    created_at  timestamptz not null,
    slot        smallint not null,
    key         text not null collate "C",
    event       calmony.event_id,        -- the event that the request appended; none where nothing changed
    request_id  text,
    sealed_with text,                    -- the key that the answer is sealed with, because it shows a secret
    fingerprint bytea not null,          -- of the path (16 bytes) and of the parameters (16 bytes)
    answer      text,                    -- none: the object as it is in the event
    constraint idempotency_key_is_used_once primary key (account, key, slot),
    constraint idempotency_slot_is_0_to_3 check (slot between 0 and 3),
    constraint idempotency_key_is_1_to_255_characters check (char_length(key) between 1 and 255),
    constraint idempotency_fingerprint_is_32_bytes check (octet_length(fingerprint) = 32),
    constraint idempotency_has_an_answer check (event is not null or answer is not null)
) partition by list (slot);
create table calmony.idempotency_0 partition of calmony.idempotency for values in (0);
create table calmony.idempotency_1 partition of calmony.idempotency for values in (1);
create table calmony.idempotency_2 partition of calmony.idempotency for values in (2);
create table calmony.idempotency_3 partition of calmony.idempotency for values in (3);

-- The slot of a day. Within half a minute of midnight (UTC) a key takes both days' slots: two requests that meet there,
-- each with its own date, still meet at one key. In one order, so that they don't wait for each other.
create function calmony.idempotency_slots(at timestamptz) returns setof smallint
language sql immutable parallel safe
as $$ select distinct (div(extract(epoch from t), 86400) % 4)::smallint
        from (values (at - interval '30 seconds'), (at + interval '30 seconds')) as near (t)
       order by 1 $$;

-- Empties the slot of the day before yesterday: its keys are a day old at least, and nobody writes to it before the day
-- after tomorrow. Returns whether there was anything in it.
create function calmony.forget_idempotency_keys() returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
set lock_timeout = '200ms'
as $$
declare
    old  smallint := ((div(extract(epoch from statement_timestamp()), 86400) + 2) % 4)::smallint;
    is_full boolean;
begin
    execute format('select exists (select from calmony.idempotency_%s)', old) into is_full;
    if is_full then
        execute format('truncate calmony.idempotency_%s', old);
    end if;
    return is_full;
end $$;
revoke all on function calmony.forget_idempotency_keys() from public;
grant execute on function calmony.forget_idempotency_keys() to calmony_worker;

grant select, insert on calmony.idempotency to calmony_api;
