-- Appends one event of an endpoint and the signing secret that it brings. Touches a row unless another
-- event had that version, or the idempotency key was used before.
-- $1 to $11 as in append.sql, not as arrays; $12 fingerprint, $13 answer, $14 the key id that the answer is
-- sealed with, $15 the key id that the secret is sealed with, $16 the sealed secret, $17 the seconds for
-- which the earlier secrets still sign, null if there are none, $18 trace.
with appended as (
    insert into calmony.event
           (account, id, stream, version, type, deleted, data, previous, request_id, idempotency_key,
            created_at, trace)
    select $1, $2::text, $3::text, $4, $5, $6, $7::text::json, $8::text::json, $9, $10::text, $11, $18
     where $12::bytea is null
        or not exists (select from calmony.idempotency i where i.account = $1 and i.key = $10::text)
        on conflict (account, stream, version) do nothing
    returning account, stream, version, created_at
), remembered as (
    insert into calmony.idempotency
           (account, slot, key, event, request_id, fingerprint, answer, sealed_with, created_at)
    select a.account, s.slot, $10::text, $2::text, $9, $12::bytea, $13::text, $14::text, a.created_at
      from appended a
     cross join lateral calmony.idempotency_slots(statement_timestamp()) as s (slot)
     where $12::bytea is not null
)
insert into calmony.endpoint_secret (account, endpoint, version, created_at, key_id, sealed, previous_until)
select account, stream, version, created_at, $15, $16,
       statement_timestamp() + $17::integer * interval '1 second'
  from appended
