-- One event. $1 account, $2 id. Index: event_ids_are_unique.
select id::text, type, created_at, version, data::text, previous::text, request_id, idempotency_key,
       calmony.pending_webhooks(account, position, type) as pending_webhooks
  from calmony.event
 where account = $1 and id = $2
