-- The deliveries owed to one endpoint in a worker's buckets, in the order of the log, due or not. Its
-- receiver is back, or may be. The state is compared in this form because `state = 'owed'` would match the
-- partial index of due deliveries, of which the planner would sort a million rows.
-- $1 own buckets, $2 rows, $3 account, $4 endpoint, $5 after this position.
-- Indexes: delivery_of_endpoint, delivery_is_owed_once, event_positions_are_unique,
-- endpoint_ids_are_unique.
with owed as materialized (
    select account, position, endpoint
      from calmony.delivery
     where account = $3 and endpoint = $4::text and position > $5 and state not in ('parked', 'exhausted')
       and bucket = any ($1::smallint[])
     order by position
     limit $2
)
select d.account, d.position, d.bucket, d.attempts,
       d.event::text, d.type, d.created_at, d.version, d.data::text, d.previous::text, d.request_id,
       d.idempotency_key, d.livemode, d.endpoint::text, d.url, d.status, d.pending_webhooks, d.rate_limit,
       d.behind_ms, d.order_gap,
       d.due_at > statement_timestamp() as early, d.stream, d.group_id, d.group_wait_ms,
       d.endpoint_version, d.trace
  from owed
  join calmony.owed_delivery d on d.account = owed.account and d.position = owed.position
                              and d.endpoint = owed.endpoint
 order by d.position
