-- Stores the answer to a request that changed nothing. $1 account, $2 key, $3 request, $4 fingerprint, $5 answer, $6 what it is
-- sealed with, $7 now. Touches a row unless the key was used before.
insert into calmony.idempotency (account, slot, key, request_id, fingerprint, answer, sealed_with, created_at)
select $1, s.slot, $2::text, $3, $4, $5, $6, $7
  from calmony.idempotency_slots(statement_timestamp()) as s (slot)
 where not exists (select from calmony.idempotency i where i.account = $1 and i.key = $2::text)
    on conflict do nothing
