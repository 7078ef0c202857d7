-- Appends one event of an endpoint and the signing secret it brings. $1 to $11 as in append.sql, not as arrays;
-- $12 the key it is sealed with, $13 the sealed secret, $14 seconds for which the earlier secrets go on signing, null where
-- there are none. Touches a row unless another event had that version.
with appended as (
    insert into calmony.event
           (account, id, stream, version, type, deleted, data, previous, request_id, idempotency_key, created_at)
    values ($1, $2::text, $3::text, $4, $5, $6, $7::text::json, $8::text::json, $9, $10, $11)
        on conflict (account, stream, version) do nothing
    returning account, stream, version, created_at
)
insert into calmony.endpoint_secret (account, endpoint, version, created_at, key_id, sealed, previous_until)
select account, stream, version, created_at, $12, $13, statement_timestamp() + $14::integer * interval '1 second'
  from appended
