-- Appends events that waited together, at most one a stream; the triggers derive the rest. Returns the ids
-- that were appended. An id is missing if another event took its version, or if its idempotency key was
-- used before.
-- Arrays, one element an event: $1 account, $2 id, $3 stream, $4 version, $5 type, $6 deleted, $7 data,
-- $8 previous, $9 what the object keeps to itself, $10 request, $11 idempotency key, $12 created, $13 trace,
-- $15 fingerprint (null: no answer is stored), $16 answer, $17 the key id that the answer is sealed with.
-- $14 the channel on which the commit wakes the workers, or null. A commit with a channel may have to wait
-- for another's, which no statement's timeout bounds.
-- $18 true if any event has a fingerprint. It is replaced by false to prepare the statement for events
-- without one.
with given as materialized (
    select *
      from unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::boolean[], $7::text[],
                  $8::text[], $9::text[], $10::text[], $11::text[], $12::timestamptz[], $13::text[],
                  $15::bytea[], $16::text[], $17::text[])
           as e (account, id, stream, version, type, deleted, data, previous, internal, request_id,
                 idempotency_key, created_at, trace, fingerprint, answer, sealed_with)
), appended as (
    insert into calmony.event
           (account, id, stream, version, type, deleted, data, previous, internal, request_id,
            idempotency_key, created_at, trace)
    select account, id, stream, version, type, deleted, data::json, previous::json, internal::json,
           request_id, idempotency_key, created_at, trace
      from given g
     where not ($18 and g.fingerprint is not null and exists (
               select from calmony.idempotency i where i.account = g.account and i.key = g.idempotency_key))
        on conflict (account, stream, version) do nothing
    returning id
), remembered as (
    -- A key that another statement uses at this moment violates idempotency_key_is_used_once: nothing is
    -- appended.
    insert into calmony.idempotency
           (account, slot, key, event, request_id, fingerprint, answer, sealed_with, created_at)
    select g.account, s.slot, g.idempotency_key, g.id, g.request_id, g.fingerprint, g.answer, g.sealed_with,
           g.created_at
      from appended a
      join given g on $18 and g.id = a.id and g.fingerprint is not null
     cross join lateral calmony.idempotency_slots(statement_timestamp()) as s (slot)
     -- One order, so that two statements with the same keys don't wait for each other.
     order by g.account, g.idempotency_key collate "C", s.slot
)
select id, case when $14::text is not null then pg_notify($14::text, '') end,
       case when $14::text is not null then set_config('lock_timeout', '1s', true) end
  from appended
