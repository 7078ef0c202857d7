-- Appends events that waited together, at most one a stream; the triggers derive the rest. Returns the ids that got in:
-- whoever is missing met another event at its version. Arrays, one element an event: $1 account, $2 id, $3 stream,
-- $4 version, $5 type, $6 deleted, $7 data, $8 previous, $9 request, $10 idempotency key, $11 created.
insert into calmony.event
       (account, id, stream, version, type, deleted, data, previous, request_id, idempotency_key, created_at)
select account, id, stream, version, type, deleted, data::json, previous::json, request_id, idempotency_key, created_at
  from unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::boolean[], $7::text[], $8::text[],
              $9::text[], $10::text[], $11::timestamptz[])
       as e (account, id, stream, version, type, deleted, data, previous, request_id, idempotency_key, created_at)
    on conflict (account, stream, version) do nothing
returning id
