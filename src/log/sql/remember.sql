-- Stores the answer to a request that changed nothing. Touches a row unless the key was used before.
-- $1 account, $2 key, $3 request, $4 fingerprint, $5 answer, or null if it is the object itself, $6 the key
-- id that the answer is sealed with, $7 now, $8 and $9 the object and its version: the event that brought
-- this version has the answer.
-- Index: event_versions_are_unique_in_a_stream.
insert into calmony.idempotency
       (account, slot, key, event, request_id, fingerprint, answer, sealed_with, created_at)
select $1, s.slot, $2::text, e.id, $3, $4, $5, $6, $7
  from calmony.idempotency_slots(statement_timestamp()) as s (slot)
  left join calmony.event e on $5::text is null and e.account = $1 and e.stream = $8::text and e.version = $9
 where not exists (select from calmony.idempotency i where i.account = $1 and i.key = $2::text)
    on conflict do nothing
