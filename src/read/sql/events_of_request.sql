-- The events that an API call caused, in the order of the log. They were made after the call came in: ids
-- rise with time. $1 account, $2 and $3 the ids they lie between, $4 the call's id, $5 the most.
-- Index: event_ids_are_unique.
with caused as materialized (
    select *
      from calmony.event
     where account = $1 and id >= $2 and id < $3 and request_id = $4
     order by id
     limit $5
)
select id::text, type, created_at, version, data::text, previous::text, request_id, idempotency_key,
       calmony.pending_webhooks(account, position, type) as pending_webhooks
  from caused
 order by position
