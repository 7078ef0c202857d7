-- Appends one event of an endpoint and the signing secret it brings. $1 to $11 as in append.sql, not as arrays;
-- $12 secret. Touches a row unless another event had that version.
with appended as (
    insert into calmony.event
           (account, id, stream, version, type, deleted, data, previous, request_id, idempotency_key, created_at)
    values ($1, $2::text, $3::text, $4, $5, $6, $7::text::json, $8::text::json, $9, $10, $11)
        on conflict (account, stream, version) do nothing
    returning account, stream, version, created_at
)
insert into calmony.endpoint_secret (account, endpoint, version, created_at, secret)
select account, stream, version, created_at, $12
  from appended
