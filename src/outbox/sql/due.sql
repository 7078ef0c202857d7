-- Deliveries that are due in a worker's buckets, with everything that is needed to send them. It goes
-- endpoint by endpoint along the index and takes a few of each, so that a million of one delay no other. An
-- endpoint of each account comes before the second of any, in random order, so that none is always the
-- last. The time is PostgreSQL's, so that all workers agree.
-- $1 own buckets, $2 rows, $3 endpoints and $5 accounts to pass over, $4 rows of one endpoint.
-- Indexes: delivery_due, delivery_is_owed_once, event_positions_are_unique, endpoint_ids_are_unique.
with due as materialized (
    select d.account, d.position, d.endpoint, d.due_at
      from (select account, endpoint
              from calmony.endpoints_with('owed')
             where endpoint <> all ($3::text[]) and account <> all ($5::bigint[])
             order by row_number() over (partition by account order by random()), random()) o
     cross join lateral (
           select account, position, endpoint, due_at
             from calmony.delivery
            where state = 'owed' and account = o.account and endpoint = o.endpoint
              and due_at <= statement_timestamp() and bucket = any ($1::smallint[])
            order by due_at, position
            limit $4) d
     limit $2
)
select d.account, d.position, d.bucket, d.attempts,
       d.event::text, d.type, d.created_at, d.version, d.data::text, d.previous::text, d.request_id,
       d.idempotency_key, d.livemode, d.endpoint::text, d.url, d.status, d.pending_webhooks, d.rate_limit,
       d.behind_ms, d.order_gap,
       false as early, d.stream, d.group_id, d.group_wait_ms,
       d.endpoint_version, d.trace
  from due
  join calmony.owed_delivery d on d.account = due.account and d.position = due.position
                              and d.endpoint = due.endpoint
 order by due.due_at, d.position
