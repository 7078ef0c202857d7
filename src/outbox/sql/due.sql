-- Deliveries that are due in a worker's buckets, with what is needed to send them. By PostgreSQL's clock, so that all
-- workers agree. $1 own buckets, $2 rows, $3 endpoints that have their share in memory already. Indexes: delivery_due, event_positions_are_unique, endpoint_ids_are_unique.
with due as materialized (
    select account, position, endpoint, attempts, bucket, due_at
      from calmony.delivery
     where state = 'owed' and due_at <= statement_timestamp() and bucket = any ($1::smallint[])
       and endpoint <> all ($3::text[])
     order by due_at
     limit $2
)
select d.account, d.position, d.bucket, d.attempts,
       e.id::text, e.type, e.created_at, e.version, e.data::text, e.previous::text, e.request_id, e.idempotency_key,
       coalesce(a.livemode, false), d.endpoint::text, p.url, p.status, s.secrets,
       calmony.pending_webhooks(d.account, d.position, e.type)
  from due d
  join calmony.event e on e.account = d.account and e.position = d.position
  left join calmony.account a on a.id = d.account
  join calmony.endpoint p on p.account = d.account and p.id = d.endpoint
 cross join lateral (
       select string_agg(secret, ' ' order by version desc) as secrets
         from calmony.endpoint_secret
        where account = p.account and endpoint = p.id) s
 order by d.due_at
