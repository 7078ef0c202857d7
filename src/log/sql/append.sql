-- Appends events that waited together, at most one a stream; the triggers derive the rest. Returns the ids
-- that were appended. An id is missing if another event took its version, or if its idempotency key was
-- used before.
-- Arrays, one element an event: $1 account, $2 id, $3 stream, $4 version, $5 type, $6 deleted, $7 data,
-- $8 previous, $9 request, $10 idempotency key, $11 created, $12 trace, $14 fingerprint (null: no answer is
-- stored), $15 answer, $16 the key id that the answer is sealed with.
-- $13 the channel on which the commit wakes the workers, or null. A commit with a channel may have to wait
-- for another's, which no statement's timeout bounds.
-- $17 true if any event has a fingerprint. It is replaced by false to prepare the statement for events
-- without one.
with given as materialized (
    select *
      from unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::boolean[], $7::text[],
                  $8::text[], $9::text[], $10::text[], $11::timestamptz[], $12::text[], $14::bytea[],
                  $15::text[], $16::text[])
           as e (account, id, stream, version, type, deleted, data, previous, request_id, idempotency_key,
                 created_at, trace, fingerprint, answer, sealed_with)
), appended as (
    insert into calmony.event
           (account, id, stream, version, type, deleted, data, previous, request_id, idempotency_key,
            created_at, trace)
    select account, id, stream, version, type, deleted, data::json, previous::json, request_id,
           idempotency_key, created_at, trace
      from given g
     where not ($17 and g.fingerprint is not null and exists (
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
      join given g on $17 and g.id = a.id and g.fingerprint is not null
     cross join lateral calmony.idempotency_slots(statement_timestamp()) as s (slot)
     -- One order, so that two statements with the same keys don't wait for each other.
     order by g.account, g.idempotency_key collate "C", s.slot
)
select id, case when $13::text is not null then pg_notify($13::text, '') end,
       case when $13::text is not null then set_config('lock_timeout', '1s', true) end
  from appended
