-- Appends one event of an endpoint and the signing secret that it brings. Touches a row unless another
-- event had that version, or the idempotency key was used before.
-- $1 to $13 as in append.sql, arrays of one element, and so are $14 fingerprint, $15 answer and $16 the key
-- id that the answer is sealed with. $17 the key id that the secret is sealed with, $18 the sealed secret,
-- $19 the seconds for which the earlier secrets still sign, null if there are none.
with given as materialized (
    select *
      from unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::boolean[], $7::text[],
                  $8::text[], $9::text[], $10::text[], $11::text[], $12::timestamptz[], $13::text[],
                  $14::bytea[], $15::text[], $16::text[])
           as e (account, id, stream, version, type, deleted, data, previous, internal, request_id,
                 idempotency_key, created_at, trace, fingerprint, answer, sealed_with)
), appended as (
    insert into calmony.event
           (account, id, stream, version, type, deleted, data, previous, internal, request_id,
            idempotency_key, created_at, trace)
    select account, id, stream, version, type, deleted, data::json, previous::json, internal::json,
           request_id, idempotency_key, created_at, trace
      from given g
     where g.fingerprint is null
        or not exists (select from calmony.idempotency i
                        where i.account = g.account and i.key = g.idempotency_key)
        on conflict (account, stream, version) do nothing
    returning account, stream, version, created_at
), remembered as (
    insert into calmony.idempotency
           (account, slot, key, event, request_id, fingerprint, answer, sealed_with, created_at)
    select a.account, s.slot, g.idempotency_key, g.id, g.request_id, g.fingerprint, g.answer, g.sealed_with,
           a.created_at
      from appended a
     cross join given g
     cross join lateral calmony.idempotency_slots(statement_timestamp()) as s (slot)
     where g.fingerprint is not null
)
insert into calmony.endpoint_secret (account, endpoint, version, created_at, key_id, sealed, previous_until)
select account, stream, version, created_at, $17, $18,
       statement_timestamp() + $19::integer * interval '1 second'
  from appended
