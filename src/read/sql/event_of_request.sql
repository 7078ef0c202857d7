-- The event that an API call caused. It was made after the call came in: ids rise with time. $1 account, $2
-- and $3 the ids it lies between, $4 the call's id. Index: event_ids_are_unique.
select id::text, type, created_at, version, data::text, previous::text, request_id, idempotency_key,
       calmony.pending_webhooks(account, position, type) as pending_webhooks
  from calmony.event
 where account = $1 and id >= $2 and id < $3 and request_id = $4
 order by id
 limit 1
